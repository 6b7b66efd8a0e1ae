"""What the terminal shows while a run trains."""

import io
import math
import re
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from backsight.report import TrainingView, _terminal

LATEST = {
    "loss": 2 * math.log(2),
    "grad_norm": 0.25,
    "hidden_norm_mean/rnn.l0": 3.5,
    "hidden_norm_max/rnn.l0": 99.0,
    "tokens_per_second": 12345.6,
    "lr": 0.001,
}
CONFIG = SimpleNamespace(cell="gru", layers=2, hidden=64)
FACTS: dict[str, Any] = {
    "origin": "a text",
    "train_characters": 90_000,
    "vocabulary": 77,
    "parameters": 12_345,
    "device": "cpu",
    "processes": 1,
    "baselines": {"unigram": 3 * math.log(2), "bigram": 2.5 * math.log(2)},
}


def shown(console: Console) -> str:
    """What was written, without escape sequences; never with a traceback."""
    assert isinstance(console.file, StringIO)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", console.file.getvalue())
    assert "Traceback" not in text
    return text


def plain(width: int = 200) -> Console:
    """A console that is no terminal, as in a batch job."""
    return Console(file=StringIO(), force_terminal=False, width=width)


def lively(term: str = "xterm-256color") -> Console:
    """A console that is a terminal."""
    return Console(
        file=StringIO(), force_terminal=True, color_system="truecolor", width=160,
        _environ={"TERM": term},
    )  # fmt: skip


@pytest.mark.parametrize("make", [plain, lively])
def test_the_beginning_says_what_is_trained_on_what_and_what_to_beat(
    make: Callable[[], Console],
) -> None:
    console = make()
    TrainingView(10, console).begin(Path("runs/one"), CONFIG, {**FACTS, "processes": 4})
    text = shown(console)
    assert "runs/one  2-layer gru with 64 units, 12,345 parameters, on cpu × 4\n" in text
    assert "a text: 90,000 training characters, 77 of them distinct\n" in text
    assert "3.000 by counting characters, 2.500 by counting pairs" in text


@pytest.mark.parametrize("name", ["[old] books", "a[/b]"], ids=["tag", "end tag"])
def test_brackets_in_names_are_shown_and_not_taken_for_markup(name: str) -> None:
    console = plain()
    TrainingView(10, console).begin(Path(f"runs/{name}"), CONFIG, {**FACTS, "origin": name})
    text = shown(console)
    assert f"runs/{name}  2-layer" in text
    assert f"{name}: 90,000 training characters" in text


def test_without_a_terminal_values_come_as_plain_lines_with_nan_as_nan(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_terminal, "LINE_EVERY", 0.0)
    console = plain()
    with TrainingView(3, console) as view:
        view.update(1, LATEST)
        view.update(2, {**LATEST, "loss": math.nan, "grad_norm": math.inf})
        view.update(3, {})
    first, second, third = shown(console).splitlines()
    assert first.startswith("1/3  loss 1.386  bits/char 2  ‖grad‖ 0.25  ‖h‖ 3.5  chars/s 12,346  ")
    assert second.startswith("2/3  loss NaN  bits/char NaN  ‖grad‖ Infinity  ‖h‖ 3.5  ")
    assert third.startswith("3/3  ")
    assert all(re.search(r"  left \d+:\d\d$", line) for line in (first, second, third))
    assert isinstance(console.file, StringIO)
    assert "\x1b" not in console.file.getvalue()


def test_without_a_terminal_lines_are_few_but_the_last_iteration_has_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_terminal, "LINE_EVERY", 1e9)
    console = plain(width=20)  # a line is never wrapped
    with TrainingView(1000, console) as view:
        for iteration in range(1, 1001):
            view.update(iteration, LATEST)
    (line,) = shown(console).splitlines()
    assert line.startswith("1000/1000  ")


def test_each_layer_is_named_where_there_are_several() -> None:
    console = plain()
    latest = {"hidden_norm_mean/b": 2.0, "hidden_norm_mean/a": math.nan}
    TrainingView(1, console).update(1, latest)
    assert "‖h‖ a NaN  ‖h‖ b 2  " in shown(console)


def test_in_a_terminal_progress_and_all_values_are_shown() -> None:
    console = lively()
    with TrainingView(20, console) as view:
        view.begin(Path("runs/one"), CONFIG, FACTS)
        view.update(7, LATEST)
    last = [line for line in shown(console).splitlines() if line.strip()][-3:]
    assert re.search(r"training .* 7/20 +left", last[0])
    assert re.split(r"\s{2,}", last[1].strip()) == [
        "loss", "bits/char", "‖grad‖", "‖h‖", "chars/s",
    ]  # fmt: skip
    assert last[2].split() == ["1.386", "2", "0.25", "3.5", "12,346"]


@pytest.mark.parametrize(
    ("bad", "word"), [(math.nan, "NaN"), (math.inf, "Infinity"), (-math.inf, "-Infinity")]
)
def test_in_a_terminal_what_is_not_finite_is_spelled_out_in_red(bad: float, word: str) -> None:
    console = lively()
    with TrainingView(20, console) as view:
        view.update(7, dict.fromkeys(LATEST, bad))
        view.validated(7, {"val_loss": bad}, "")
    assert shown(console).count(word) >= 6
    assert isinstance(console.file, StringIO)
    assert re.search(rf"\x1b\[1;31m *{word}", console.file.getvalue())


@pytest.mark.parametrize("make", [plain, lively])
def test_a_validation_is_told_in_nats_and_bits(make: Callable[[], Console]) -> None:
    console = make()
    with TrainingView(2000, console) as view:
        view.validated(1000, {"val_loss": 2 * math.log(2)}, "[bold]he said\n\n  no[/x]")
        view.validated(2000, {"val_loss": math.nan}, "")
    text = shown(console)
    assert "after 1,000 iterations: validation 1.386 nats (2 bits) per character" in text
    assert "after 2,000 iterations: validation NaN nats (NaN bits) per character" in text
    assert ("“[bold]he said no[/x]”" in text) == console.is_terminal


@pytest.mark.parametrize("make", [plain, lively])
def test_an_error_while_training_passes_through_and_is_not_printed(
    make: Callable[[], Console],
) -> None:
    console = make()

    def fail() -> None:
        with TrainingView(20, console) as view:
            view.update(1, LATEST)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    shown(console)
    assert (
        not isinstance(console.file, StringIO)
        or "\x1b[?25l" not in (console.file.getvalue().rpartition("\x1b[?25h")[2])
    )  # the cursor is back


def test_a_terminal_that_cannot_move_its_cursor_gets_plain_lines() -> None:
    """As in Emacs' shell: TERM=dumb."""
    console = lively("dumb")
    view = TrainingView(2, console)
    with view:
        view._line = -math.inf  # a line is due
        view.update(1, LATEST)
        assert "1/2  loss 1.386" in shown(console)


def test_a_terminal_without_unicode_gets_plain_signs() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    view = TrainingView(1, Console(file=stream))
    view.update(1, LATEST)
    stream.flush()
    assert b"|grad|" in raw.getvalue()
