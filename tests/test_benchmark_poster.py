"""The poster draws what was measured, and a far training ends once its task is solved."""

import pytest

from backsight.lab import MemoryOrder
from backsight.signals import Lag
from benchmarks.memory.far import Watching
from benchmarks.memory.poster import CELLS, LENGTHS, _middle, figure


def test_a_panel_has_a_row_for_each_cell_and_a_tick_where_it_was_solved() -> None:
    rows = [
        {
            "what": f"{task}, {cell}", "length": length, "gained": length / 200 - 0.1,
            "solved": (cell, length) == ("gru", 40), "reach": "≥ 9", "memory": "4",
        }
        for task in ("copying", "chars") for cell in CELLS for length in LENGTHS[task]
    ]  # fmt: skip
    copying, chars = figure(rows).data
    assert copying.y == tuple(cell.replace(" ", "<br>") for cell in CELLS)
    assert chars.x == tuple(f"T = {length}" for length in LENGTHS["chars"])
    assert chars.z[0][0] == 0  # worse than a guess has gained nothing
    assert chars.z[3][4] == pytest.approx(0.4)
    ticked = [
        (row, column)
        for row, line in enumerate(copying.text)
        for column, words in enumerate(line)
        if "✓" in words
    ]
    assert ticked == [(CELLS.index("gru"), LENGTHS["copying"].index(40))]
    assert copying.text[0][0] == "1% · reach ≥ 9<br>memory 4"


def test_the_middle_of_lags_is_one_that_was_seen() -> None:
    assert _middle([Lag(9, True), None, Lag(4, False)]) == Lag(4, False)
    assert _middle([None]) is None


def test_a_far_training_stops_at_the_criterion_of_its_task() -> None:
    watching = Watching(MemoryOrder(length=500))
    watching.validated(100, {"val_sequence_error": 0.02}, "")
    assert watching.solved_at is None
    watching.validated(200, {"val_sequence_error": 0.009}, "")
    assert watching.solved_at == 200
