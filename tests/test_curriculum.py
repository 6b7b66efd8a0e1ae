"""How long sequences are: they grow when they may, and not a moment before."""

import io
import math
import random
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from backsight.curriculum import AdaptiveLength, Length, LinearLength, StepwiseLength
from backsight.errors import SettingError

KINDS: dict[str, Callable[[], Length]] = {
    "linear": lambda: LinearLength(90, 20, over=300),
    "stepwise": lambda: StepwiseLength(90, 20, every=50, growth=1.5),
    "adaptive": lambda: AdaptiveLength(90, 20),
    "adaptive, enough": lambda: AdaptiveLength(90, 20, enough=0.5, growth=2.0),
}


class Learner:
    """Its loss decays at each length towards ``floor``, from a little higher at each new one."""

    def __init__(self, floor: float = 0.2, *, noise: float = 0.01, reaches: bool = True) -> None:
        self.floor, self.noise, self.reaches = floor, noise, reaches
        self.loss = 1.4
        self.length = 0
        self.random = random.Random(0)

    def step(self, length: Length) -> float:
        """Learn at that length, and tell what came of it."""
        if length.length != self.length:
            self.loss *= 1.1 if self.length else 1.0
            self.length = length.length
        self.loss = self.floor + 0.9 * (self.loss - self.floor)
        told = self.loss + self.random.gauss(0, self.noise)
        length.step(told, float(length.length - 1) if self.reaches else 3.0)
        return told


def settled(length: AdaptiveLength, loss: float = 0.01) -> AdaptiveLength:
    """Let it see a loss that has come down, for as long as it takes to grow once."""
    before = length.length
    for _ in range(5):
        length.step(1.4)
    for _ in range(200):
        length.step(loss)
        if length.length != before:
            return length
    pytest.fail("it did not grow")


# -- schedules ---------------------------------------------------------------------------------


def test_linear_is_a_straight_line_to_the_end() -> None:
    length = LinearLength(120, 20, over=10)
    seen = [length.length]
    for _ in range(15):
        length.step(math.nan)
        seen.append(length.length)
    assert seen == [*range(20, 130, 10), *[120] * 5]


def test_stepwise_doubles_and_is_cut_off_at_the_end() -> None:
    length = StepwiseLength(90, 20, every=3)
    seen = [length.length]
    for _ in range(11):
        length.step(1.0)
        seen.append(length.length)
    assert seen == [*[20] * 3, *[40] * 3, *[80] * 3, *[90] * 3]


def test_stepwise_always_grows_by_a_step_at_least() -> None:
    length = StepwiseLength(5, 1, every=1, growth=1.01)
    seen = []
    for _ in range(5):
        length.step(1.0)
        seen.append(length.length)
    assert seen == [2, 3, 4, 5, 5]


@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
def test_one_length_alone_is_fine(make: Callable[[], Length]) -> None:
    length = type(make())(30, 30, **{LinearLength: {"over": 3}, StepwiseLength: {"every": 2}}.get(
        type(make()), {}))  # fmt: skip
    for _ in range(100):
        length.step(0.001, 29.0)
        assert length.length == 30


def test_a_huge_growth_goes_to_the_end() -> None:
    stepwise = StepwiseLength(90, 20, every=1, growth=1e308)
    stepwise.step(1.0)
    assert stepwise.length == 90
    assert settled(AdaptiveLength(90, 20, growth=1e308)).length == 90


# -- adaptive ----------------------------------------------------------------------------------


def test_it_goes_with_a_learner_from_start_to_end_and_stays() -> None:
    length, learner = AdaptiveLength(100, 20), Learner()
    lengths = []
    for _ in range(3000):
        learner.step(length)
        lengths.append(length.length)
    assert lengths == sorted(lengths)
    assert set(lengths) >= {20, 22, 24, 26, 100}  # a tenth at a time
    first = lengths.index(100)
    assert set(lengths[first:]) == {100}
    # Between two lengths it has seen what it needs to: two medians of 20.
    changes = [n for n in range(1, 3000) if lengths[n] != lengths[n - 1]]
    assert min(b - a for a, b in pairwise(changes)) >= 40


@pytest.mark.some(4)
@pytest.mark.parametrize("noise", [0.0, 0.01, 0.3])
@pytest.mark.parametrize("level", [0.7, 1.4, 100.0, -5.0])
def test_a_loss_that_never_falls_never_grows(level: float, noise: float) -> None:
    length, dice = AdaptiveLength(90, 20), random.Random(1)
    for _ in range(2000):
        length.step(level * (1 + dice.gauss(0, noise / 10)), 19.0)
        assert length.length == 20


def test_a_negative_loss_grows_when_it_has_come_down() -> None:
    length = AdaptiveLength(90, 20)
    for _ in range(5):
        length.step(-1.0, 19.0)
    for _ in range(60):
        length.step(-2.0, 19.0)
    assert length.length > 20


def test_what_still_falls_does_not_grow() -> None:
    """Below two thirds of the beginning, but on its way."""
    length = AdaptiveLength(90, 20)
    for n in range(100):
        length.step(1.4 - 0.008 * n, 19.0)
        assert length.length == 20
    for _ in range(60):
        length.step(0.6, 19.0)
    assert length.length > 20


def test_what_settles_without_being_learned_does_not_grow() -> None:
    """The gradient does not reach the window's end: longer ones would not be learned either."""
    length, learner = AdaptiveLength(90, 20), Learner(reaches=False)
    for _ in range(1000):
        learner.step(length)
    assert length.length == 20


def test_enough_is_asked_for() -> None:
    """0.5 has settled far below 1.4, and is not what a longer memory achieves."""
    patient, eager = AdaptiveLength(90, 20, enough=0.3), AdaptiveLength(90, 20)
    for length in (patient, eager):
        learner = Learner(floor=0.5)
        for _ in range(500):
            learner.step(length)
    assert patient.length == 20
    assert eager.length > 20
    learner.floor = 0.1
    for _ in range(200):
        learner.step(patient)
    assert patient.length > 20


@pytest.mark.parametrize(("horizon", "grows"), [(15.0, False), (16.0, True), (19.0, True)])
def test_how_far_the_gradient_must_reach(horizon: float, grows: bool) -> None:
    """0.8 of the 19 steps that there are between 20 states."""
    length = AdaptiveLength(90, 20)
    for n in range(100):
        length.step(1.4 if n < 5 else 0.01, horizon if n % 25 == 0 else None)
        if length.length > 20:
            break
    assert (length.length > 20) is grows


def test_a_horizon_is_of_the_length_at_which_it_was_measured() -> None:
    """At 40 steps nothing says yet that 19 is too short; measured again, it is."""
    length = AdaptiveLength(160, 20, growth=2.0)
    for n in range(300):
        length.step(1.4 if n < 5 else 0.01, 19.0)
    assert length.length == 40


def test_a_spike_shrinks_to_the_last_settled_length_and_holds() -> None:
    length, learner = AdaptiveLength(100, 20), Learner()
    while length.length < 26:
        learner.step(length)
    for _ in range(20):
        learner.step(length)
    assert length.length == 26
    length.step(50.0)
    assert length.length == 24
    for _ in range(AdaptiveLength.HOLD):
        learner.step(length)
        assert length.length == 24
    for _ in range(100):
        learner.step(length)
    assert length.length > 24


def test_a_collapse_shrinks() -> None:
    length, learner = AdaptiveLength(100, 20), Learner()
    while length.length < 40:
        learner.step(length)
    for _ in range(60):
        length.step(1.4, 2.0)
    assert length.length < 40
    assert length.length >= 20


def test_a_loss_that_is_nan_never_grows_and_never_leaves_the_bounds() -> None:
    length = AdaptiveLength(90, 20)
    for _ in range(300):
        length.step(math.nan, 19.0)
        assert length.length == 20
    settled(length)
    for _ in range(300):
        length.step(math.nan)
    assert length.length == 20


def test_hold_is_a_pause() -> None:
    length = AdaptiveLength(90, 20)
    for _ in range(5):
        length.step(1.4)
    length.hold()
    for _ in range(AdaptiveLength.HOLD):
        length.step(0.01)
        assert length.length == 20
    length.step(0.01)
    assert length.length == 22


@pytest.mark.parametrize("make", [KINDS["linear"], KINDS["stepwise"]])
def test_a_schedule_does_not_hold(make: Callable[[], Length]) -> None:
    held, free = make(), make()
    for n in range(400):
        if n % 7 == 0:
            held.hold()
        held.step(math.nan)
        free.step(0.0)
        assert held.length == free.length
    assert held.length == 90


def test_a_start_above_the_end_is_the_end() -> None:
    assert AdaptiveLength(10).length == 10


# -- whatever it sees --------------------------------------------------------------------------

LOSSES = st.one_of(
    st.floats(-10, 10), st.sampled_from([0.01, 0.5, 1.4, math.nan, math.inf, -math.inf, 1e30])
)
STRETCHES = st.lists(
    st.tuples(
        LOSSES, st.integers(1, 60), st.one_of(st.none(), st.floats(0, 100), st.just(math.nan))
    ),
    min_size=1,
    max_size=12,
)


def saw(length: Length, stretches: list[tuple[float, int, float | None]]) -> list[int]:
    """The lengths after each iteration."""
    lengths = []
    for loss, count, horizon in stretches:
        for n in range(count):
            length.step(loss + 0.001 * (n % 3), horizon if n % 5 == 0 else None)
            lengths.append(length.length)
    return lengths


@pytest.mark.long
@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
@settings(max_examples=40, deadline=None)
@given(before=STRETCHES, after=STRETCHES)
def test_it_goes_on_alike_from_a_state(
    make: Callable[[], Length],
    before: list[tuple[float, int, float | None]],
    after: list[tuple[float, int, float | None]],
) -> None:
    """Saved and read as a checkpoint is, without code; and it never leaves its bounds."""
    one, other = make(), make()
    lengths = saw(one, [(1.4, 5, None), *before])
    file = io.BytesIO()
    torch.save(one.state_dict(), file)
    file.seek(0)
    other.load_state_dict(torch.load(file, weights_only=True))
    assert other.length == one.length
    rest = saw(one, after)
    assert saw(other, after) == rest
    assert other.state_dict().keys() == one.state_dict().keys()
    assert (other.iteration, one.iteration) == (one.iteration, len(lengths) + len(rest))
    assert all(20 <= length <= 90 for length in lengths + rest)


# -- settings ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: LinearLength(0, over=3), "end of a curriculum must be .* at least 1, not 0"),
        (lambda: LinearLength(9, 0, over=3), "start of a curriculum must be .* at least 1"),
        (lambda: LinearLength(9, -2, over=3), "start of a curriculum must be .* at least 1"),
        (lambda: LinearLength(9, True, over=3), "at least 1, not True"),
        (lambda: LinearLength(9.5, 3, over=3), r"at least 1, not 9\.5"),  # type: ignore[arg-type]
        (lambda: LinearLength(9, 10, over=3), "must be at most its end, 9, not 10"),
        (lambda: LinearLength(9, 3, over=0), "over of a curriculum must be .* at least 1"),
        (lambda: LinearLength(9, 3, over=2.0), "at least 1, not 2.0"),  # type: ignore[arg-type]
        (lambda: StepwiseLength(9, 10, every=3), "must be at most its end, 9, not 10"),
        (lambda: StepwiseLength(9, 3, every=0), "every of a curriculum must be .* at least 1"),
        (lambda: StepwiseLength(9, 3, every=3, growth=1.0), "growth of a curriculum .* above"),
        (lambda: StepwiseLength(9, 3, every=3, growth=math.nan), "above 1, not nan"),
        (lambda: StepwiseLength(9, 3, every=3, growth=math.inf), "above 1, not inf"),
        (lambda: AdaptiveLength(0), "end of a curriculum must be .* at least 1, not 0"),
        (lambda: AdaptiveLength("9"), "end of a curriculum must be .* at least 1, not '9'"),  # type: ignore[arg-type]
        (lambda: AdaptiveLength(9, "3"), "start of a curriculum must be .* at least 1, not '3'"),  # type: ignore[arg-type]
        (lambda: AdaptiveLength(9, 2.5), "start of a curriculum must be .* at least 1, not 2.5"),  # type: ignore[arg-type]
        (lambda: AdaptiveLength(9, growth=0.5), "growth of a curriculum .* above 1, not 0.5"),
        (lambda: AdaptiveLength(9, growth="2"), "growth of a curriculum .* above 1, not '2'"),  # type: ignore[arg-type]
        (lambda: AdaptiveLength(9, reach=1.1), "reach of a curriculum must lie between 0 and 1"),
        (lambda: AdaptiveLength(9, reach=math.nan), "must lie between 0 and 1, not nan"),
        (lambda: AdaptiveLength(9, reach="all"), "must lie between 0 and 1, not 'all'"),  # type: ignore[arg-type]
        (lambda: AdaptiveLength(9, enough=math.inf), "enough of a .* must be a finite loss"),
        (lambda: AdaptiveLength(9, enough="0.5"), "must be a finite loss, not '0.5'"),  # type: ignore[arg-type]
    ],
)  # fmt: skip
def test_settings_that_make_no_sense_are_one_sentence(make: Callable[[], Any], words: str) -> None:
    with pytest.raises(SettingError, match=words) as told:
        make()
    assert "\n" not in str(told.value)
