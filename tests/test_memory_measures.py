"""What a memory comes to, and what it says beside the reach: from numbers written by hand."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

import backsight
from backsight.report import memory_sentences, summary
from backsight.report.figures import FIGURES
from backsight.signals import (
    Recorder,
    Run,
    measure_memory,
    measure_reach,
    memory_reading,
    memory_words,
)

LAGS = np.array([1, 2, 4, 8, 16, 32, 64, 100])
SHORT = np.array([0.6, 0.4, 0.2, 0.05, 0.01, 0.0, 0.0, 0.0])
LONG = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.0])
CHAOTIC = np.array([1.0, 1.1, 1.2, 1.3, 1.3, 1.3, 1.3, 0.0])
LATCH = np.array([1.0] * 7 + [0.0])
FADES, KEEPS = 0.5 ** np.arange(100), np.ones(100)
GROWS = 1.1 ** np.arange(100)


@pytest.mark.parametrize(
    ("memory", "reach", "reading"),
    [
        (SHORT, FADES, "forgets"),
        (LONG, FADES, "untaught"),
        (SHORT, KEEPS, "unkept"),
        (LONG, KEEPS, "holds"),
        (CHAOTIC, GROWS, "sensitive"),
        (LATCH, KEEPS, "holds"),
        (LATCH, GROWS, "sensitive"),
        (CHAOTIC, FADES, "untaught"),
        (LONG, GROWS, "holds"),
    ],
)
def test_memory_and_reach_have_five_readings(
    memory: np.ndarray, reach: np.ndarray, reading: str
) -> None:
    assert memory_reading(measure_memory(LAGS, memory), measure_reach(reach)) == reading


@pytest.mark.parametrize("window", [20, 60, 100, 400])
def test_a_state_that_fades_as_its_gradient_does_is_not_said_to_disagree(window: int) -> None:
    """A hundredth of the gradient is left after twice the steps that leave a tenth of the state."""
    lags = np.array([2**n for n in range(9) if 2**n < window] + [window])
    read = {
        memory_reading(
            measure_memory(lags, np.where(lags < window, keep**lags, 0.0)),
            measure_reach(keep ** np.arange(window)),
        )
        for keep in np.linspace(0.3, 0.999, 200)
    }
    assert read == {"forgets", "holds"}


@pytest.mark.parametrize(
    ("row", "length", "censored"),
    [
        (SHORT, 8, False),
        (LONG, 64, True),
        ([0.1] * 8, 1, False),  # at the limit is below it
        ([0.5] * 8, 100, True),  # an initial state behind all inputs
        ([1.0, 0.05, 0.5, 0.5, 0.5, 0.5, 0.5, 0.0], 2, False),  # the smallest one
    ],
)
def test_the_memory_length_is_the_smallest_lag_at_which_little_is_held(
    row: object, length: int, censored: bool
) -> None:
    found = measure_memory(LAGS, np.array(row)).length
    assert found is not None
    assert (found.steps, found.censored) == (length, censored)


def test_another_limit_is_an_argument() -> None:
    found = measure_memory(LAGS, LONG, forgotten=0.5).length
    assert found is not None
    assert (found.steps, found.censored) == (16, False)


def test_a_single_lag_is_the_end_of_the_window() -> None:
    found = measure_memory(np.array([1]), np.array([0.0]))
    assert str(found.length) == "≥ 0"
    assert (found.window, found.flat) == (1, False)


def test_what_cannot_be_told_has_an_outcome_and_no_reading() -> None:
    nothing, broken = np.empty(0), np.array([0.5, math.nan])
    assert measure_memory(nothing, nothing).outcome == "not enough data"
    assert measure_memory(LAGS[:2], broken).outcome == "not finite"
    reach = measure_reach(KEEPS)
    assert memory_reading(measure_memory(LAGS[:2], broken), reach) == ""
    assert memory_reading(measure_memory(LAGS, SHORT), None) == ""
    assert memory_reading(measure_memory(LAGS, SHORT), measure_reach(np.zeros(100))) == ""
    assert memory_reading(measure_memory(np.array([1, 2]), np.array([0.1, 0.0])), reach) == ""
    with pytest.raises(ValueError, match="one value per lag"):
        measure_memory(LAGS, SHORT[:3])


@pytest.mark.parametrize(
    ("memory", "reach", "words"),
    [
        (SHORT, FADES, ("the last 8 of 100 steps", "reaches 7 steps", "not taught to hold more")),
        (LONG, FADES, ("more than 64 of 100 steps", "reaches 7 steps", "never taught to use")),
        (SHORT, KEEPS, ("the last 8 of 100", "at least 99 steps", "input gate is shut")),
        (LONG, KEEPS, ("more than 64 of 100", "at least 99 steps", "loss by context")),
        (CHAOTIC, GROWS, ("sensitive", "64 steps back", "1.3 times", "factor of 1.1 per step")),
    ],
)
def test_a_reading_is_told_with_its_numbers(
    memory: np.ndarray, reach: np.ndarray, words: tuple[str, ...]
) -> None:
    told = memory_words(LAGS, memory, measure_reach(reach))
    assert all(one in told for one in words), told
    assert ("holds its past" in told) == (memory is LONG and reach is KEEPS)


def test_a_figure_and_a_sentence_show_the_memory_beside_the_reach(tmp_path: Path) -> None:
    with Recorder(tmp_path / "run") as recorder:
        for at, row in ((0, LONG), (8, SHORT), (12, np.where(LAGS == 4, math.nan, SHORT))):
            recorder.profile("memory/rnn.l0", at, [*row])
            recorder.profile("memory_lag/rnn.l0", at, [*LAGS.astype(float)])
        recorder.profile("reach/rnn.l0", 8, [*FADES])
    run = Run(tmp_path / "run")
    entry = next(one for one in FIGURES if one.key == "memory")
    figure = entry.draw(run)
    last = next(trace for trace in figure.data if "last" in trace.name)
    assert [*last.x] == [*LAGS]
    assert np.isnan(last.y[2])
    assert "1 not finite" in figure.layout.annotations[0].text
    assert memory_sentences(run) == ["rnn.l0: what the state holds is not finite (iteration 12)."]
    assert memory_sentences(run)[0] in summary(run)


def test_where_no_past_moves_a_state_figure_and_sentence_say_why(tmp_path: Path) -> None:
    """An RNN whose weights are 0, on sequences that end alike."""
    rnn = torch.nn.RNN(1, 2, nonlinearity="relu")
    with torch.no_grad():
        for weight in rnn.parameters():
            weight.zero_()
        rnn.all_weights[0][2].fill_(1.0)
    x = torch.randn(12, 4, 1)
    x[4:] = 0.0
    optimizer = torch.optim.SGD(rnn.parameters(), lr=0.0)
    with backsight.watch(rnn, optimizer, tmp_path / "run", every=1) as monitor:
        for _ in range(2):
            rnn(x)[0][-1].sum().backward()
            optimizer.step()
    run = monitor.run
    assert run is not None
    assert [*run["memory_alike/l0"]] == [8, 8]
    (told,) = memory_sentences(run)
    assert "alike in their last 8 steps" in told
    assert told in summary(run)
    entry = next(one for one in FIGURES if one.key == "memory")
    assert "alike in their last 8 steps" in entry.reading_of(run)
    assert "moves no state by more than rounding" in entry.draw(run).layout.annotations[0].text


def test_a_layer_that_is_moved_again_has_its_memory_told(tmp_path: Path) -> None:
    with Recorder(tmp_path / "run") as recorder:
        recorder.scalars(0, {"memory_alike/rnn.l0": 8})
        recorder.scalars(4, {"memory_alike/layers.0": 0})
        recorder.profile("block_reach/layers.0", 4, [1.0, 0.5])
        for at, layer in ((4, "rnn.l0"), (0, "layers.0")):
            recorder.profile(f"memory/{layer}", at, [*SHORT])
            recorder.profile(f"memory_lag/{layer}", at, [*LAGS.astype(float)])
    first, second = memory_sentences(Run(tmp_path / "run"))
    assert first.startswith("rnn.l0: the state holds the last 8")
    assert second.startswith("layers.0: nothing that came before moves what the block returns")
    entry = next(one for one in FIGURES if one.key == "memory")
    note = entry.draw(Run(tmp_path / "run")).layout.annotations[0].text
    assert "layers.0 moved by no more than rounding by now" in note


def test_a_watched_run_records_what_its_layers_hold(tmp_path: Path) -> None:
    """In the first eight samples and in every fourth, of the step before the optimizer moves it."""
    torch.manual_seed(0)
    rnn, cell = torch.nn.LSTM(2, 4, num_layers=2), torch.nn.GRUCell(4, 4)
    model = torch.nn.ModuleDict({"rnn": rnn, "cell": cell})
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with backsight.watch(model, optimizer, tmp_path / "run", every=2) as monitor:
        for _ in range(19):
            h = None
            for x in rnn(torch.randn(10, 8, 2))[0]:
                h = cell(x, h)
            assert h is not None
            optimizer.zero_grad()
            h.square().mean().backward()
            optimizer.step()
    run = monitor.run
    assert run is not None
    assert run.members("memory") == ("memory/cell", "memory/rnn.l0", "memory/rnn.l1")
    for name in ("cell", "rnn.l0", "rnn.l1"):
        rows, lags = run.profile(f"memory/{name}"), run.profile(f"memory_lag/{name}")
        assert rows.iterations.tolist() == [0, 2, 4, 6, 8, 10, 12, 14, 16]
        assert lags.rows[0].tolist() == [1, 2, 4, 8, 10]
        assert rows.rows[0][-1] == 0
        length = measure_memory(lags.rows[1], rows.rows[1]).length
        assert length is not None
        assert run[f"memory_length/{name}"][1] == length.steps
    assert len(memory_sentences(run)) == 3


def test_the_loss_with_another_past_is_told_and_many_blocks_by_their_ends(tmp_path: Path) -> None:
    with Recorder(tmp_path / "run") as recorder:
        recorder.profile("memory_loss/rnn.l0", 4, [*np.linspace(1.5, 0.8, 8)])
        layers = {"rnn.l0": SHORT, "layers.0": LONG, "layers.1": SHORT, "layers.2": LATCH}
        for layer, row in layers.items():
            recorder.profile(f"memory/{layer}", 4, [*row])
            recorder.profile(f"memory_lag/{layer}", 4, [*LAGS.astype(float)])
            if layer != "rnn.l0":
                recorder.profile(f"block_reach/{layer}", 4, [1.0, 0.5])
    first, least, most = memory_sentences(Run(tmp_path / "run"))
    assert "with only the last 8 steps their own, the loss of these states is 1.2" in first
    assert "and with 100 steps, 0.8 (iteration 4)." in first
    assert least.startswith("layers.1: what the block returns depends on the last 8 of 100 steps")
    assert most.startswith("layers.0: what the block returns depends on more than 64 of 100 steps")
