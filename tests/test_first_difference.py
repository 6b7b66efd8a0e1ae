"""Where two runs part: against hand-made runs whose answer is known, and a slow loop."""

import json
import math
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import ArrayLike

from backsight.diagnosis import (
    FirstDifference,
    Parting,
    first_difference,
    parting_of_profiles,
    parting_of_series,
)
from backsight.diagnosis import _parting as module
from backsight.signals import CommonSamples, Recorder, Run, common_samples, dumps

NAN, INF = math.nan, math.inf
Signals = Mapping[str, tuple[ArrayLike, ArrayLike]]


def common(first: ArrayLike, other: ArrayLike) -> list[CommonSamples]:
    a, b = np.asarray(first, np.float64), np.asarray(other, np.float64)
    return [CommonSamples(np.arange(len(a)), a, b)]


def noise(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=count)


def iteration(parting: Parting | None) -> int | None:
    return None if parting is None else parting.iteration


# -- exact -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "other", "at"),
    [
        ([1, 2, 3], [1, 2, 3], None),
        ([1, 2, 3], [1, 2, 3.0000000000000004], 2),
        ([NAN, 1], [NAN, 1], None),  # a NaN is like a NaN
        ([1, NAN], [1, 1], 1),
        ([1, NAN], [1, INF], 1),
        ([INF, 1], [INF, 2], 1),
        ([INF, 1], [-INF, 1], 0),
        ([0.0, 1], [-0.0, 1], None),
    ],
)
def test_the_first_difference_of_two_series(
    first: list[float], other: list[float], at: int | None
) -> None:
    assert iteration(parting_of_series(common(first, other)).exact) == at
    assert iteration(parting_of_series(common(other, first)).exact) == at


def test_profiles_are_compared_at_the_places_that_both_have() -> None:
    first = np.array([[1.0, 0.5, NAN, 9.0], [1.0, 0.5, NAN, 9.0]])
    other = np.array([[1.0, 0.5, NAN], [1.0, 0.5, 0.25]])
    found = parting_of_profiles([CommonSamples(np.array([3, 8]), first, other)])
    assert found.exact is not None
    assert (found.exact.iteration, found.exact.place, found.exact.other) == (8, 2, 0.25)
    assert math.isnan(found.exact.difference)
    assert (found.common, found.beyond_noise) == (2, None)


# -- beyond noise: the answer is known ---------------------------------------------------------


def test_a_step_out_of_the_noise_is_found_where_it_is() -> None:
    a, b = noise(400, 0), noise(400, 1)
    b[250:] += 12
    found = parting_of_series(common(a, b))
    assert (iteration(found.exact), iteration(found.beyond_noise)) == (0, 250)
    assert found.beyond_noise is not None
    assert found.beyond_noise.noise == pytest.approx(math.sqrt(2), rel=0.3)
    assert found.beyond_noise.difference == b[250] - a[250]


@pytest.mark.some(2)
@pytest.mark.parametrize("kind", ["white", "heavy tails", "ten steps long", "noisier"])
def test_noise_alone_never_parts(kind: str) -> None:
    """Two runs with other seeds: 20,000 samples each, ten times."""
    for seed in range(10):
        rng = np.random.default_rng(seed)
        pair = rng.normal(size=(2, 20_000))
        if kind == "heavy tails":
            pair = rng.standard_t(2, size=(2, 20_000))
        elif kind == "ten steps long":
            for i in range(1, pair.shape[1]):
                pair[:, i] += 0.9 * pair[:, i - 1]
        elif kind == "noisier":  # both, as after a step of the learning rate
            pair[:, 9_990:] *= 30
        found = parting_of_series(common(pair[0], pair[1]))
        assert (iteration(found.exact), iteration(found.beyond_noise)) == (0, None), seed


@pytest.mark.parametrize("start", [10, 30, 90, 150, 400])
def test_a_loss_that_falls_fast_is_no_noise(start: int) -> None:
    """From 2.3 to 0.3, with a noise of 0.02; another run is 0.3 above it from one point on."""
    falling = 2 * np.exp(-np.arange(600) / 30) + 0.3
    a, b = falling + 0.02 * noise(600, 0), falling + 0.02 * noise(600, 1)
    b[start:] += 0.3
    assert iteration(parting_of_series(common(a, b)).beyond_noise) == start


def test_a_difference_that_grows_is_found_when_it_leaves_the_noise() -> None:
    """From 1e-7, by 10 % per iteration: beyond 5·√2·0.01 from iteration 141 on."""
    at = np.arange(400)
    shared = 0.01 * noise(400, 3)  # the same batches
    found = parting_of_series(common(shared, shared + 1e-7 * 1.1**at))
    assert iteration(found.exact) == 0
    assert iteration(found.beyond_noise) == pytest.approx(141, abs=3)


def test_rounding_is_no_difference_beyond_noise() -> None:
    """A loss that falls smoothly has no noise, and other threads sum in another order."""
    smooth = 1 / (1 + np.arange(500) / 50)
    other = np.float32(smooth) * (1 + 1e-7 * noise(500, 0))
    found = parting_of_series(common(smooth, other))
    assert found.exact is not None
    assert found.beyond_noise is None


def test_a_constant_parts_at_once_and_a_single_sample_never() -> None:
    assert iteration(parting_of_series(common([0.1] * 2, [0.2] * 2)).beyond_noise) == 0
    assert parting_of_series(common([0.1], [0.2])).beyond_noise is None
    assert iteration(parting_of_series(common([0.1], [NAN])).beyond_noise) == 0


def test_a_spike_of_a_few_iterations_is_no_parting() -> None:
    a, b = noise(300, 0), noise(300, 1)
    b[100:111] += 1000
    assert parting_of_series(common(a, b)).beyond_noise is None
    b[111] += 1000
    assert iteration(parting_of_series(common(a, b)).beyond_noise) == 100


def test_a_nan_in_one_run_alone_parts_at_once() -> None:
    a, b = noise(300, 0), noise(300, 1)
    a[50] = b[50] = NAN
    b[299] = INF
    found = parting_of_series(common(a, b)).beyond_noise
    assert found is not None
    assert (found.iteration, found.other, found.noise) == (299, INF, None)


def test_an_explosion_is_not_hidden_by_its_own_noise() -> None:
    a, b = 0.01 * noise(128, 0), 0.01 * noise(128, 1)
    b[80:] += 1e3 * np.abs(noise(48, 2)) + 1
    assert iteration(parting_of_series(common(a, b)).beyond_noise) == 80
    b[:80] += 1e3 * np.abs(noise(80, 3)) + 1  # from the beginning on
    assert iteration(parting_of_series(common(a, b)).beyond_noise) == 0


def test_few_samples_are_held_against_their_largest_step() -> None:
    """The largest step is 1: beyond 5·√2 in at least 3/4 of the samples."""
    assert parting_of_series(common([0, 1, 0, 1], [7, 8, 7, 8])).beyond_noise is None
    assert iteration(parting_of_series(common([0, 1, 0, 1], [8, 9, 8, 9])).beyond_noise) == 0


# -- beyond noise: a slow loop comes to the same -----------------------------------------------


def slow(a: Sequence[float], b: Sequence[float]) -> int | None:
    """The definition in the docstring of the module, word by word, for 16 samples and more."""

    def sigma(values: Sequence[float]) -> float:
        def middle(some: Sequence[float]) -> float:
            known = [v for v in some if math.isfinite(v)]
            return statistics.median(known) if known else NAN

        n = len(values)
        third = n // 3
        x = [-1.0, 0.0, 1.0]  # where the medians stand: at the middles of the thirds
        y = [middle(values[:third]), middle(values[third : n - third]), middle(values[n - third :])]
        away = []
        for i, value in enumerate(values):
            at = (i - (n - 1) / 2) / ((n - third) / 2)
            parabola = sum(  # Lagrange's form
                y[k] * math.prod((at - x[j]) / (x[k] - x[j]) for j in range(3) if j != k)
                for k in range(3)
            )
            away.append(abs(value - parabola))
        found = 1.4826 * middle(away)
        return 0.0 if math.isnan(found) else found

    n = len(a)
    beyond, broken = [], []
    before = [0.0]
    start = 0
    while start < n:
        here = slice(start, min(start + min(max(start, 64), 256), n))
        ours, theirs = sigma(a[here]), sigma(b[here])
        own = math.sqrt(2) * min(ours, theirs) if len(a[here]) >= 16 else 0.0
        for x, y in zip(a[here], b[here], strict=True):
            whole = math.isfinite(x) and math.isfinite(y)
            alike = x == y or (math.isnan(x) and math.isnan(y))
            broken.append(not whole and not alike)
            level = max(5 * max(*before[-4:], own), 1e-6 * max(abs(x), abs(y))) if whole else 0.0
            beyond.append(abs(y - x) > level if whole else broken[-1])
        before.append(math.hypot(ours, theirs))
        start = here.stop
    for i in range(n):
        if broken[i] or (beyond[i] and sum(beyond[i : i + 16]) >= 12):
            return i
    return None


@pytest.mark.some(13)
@pytest.mark.parametrize("seed", range(40))
def test_a_slow_loop_comes_to_the_same(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """In chunks of two blocks, so that windows cross from one to the next."""
    monkeypatch.setattr(module, "CHUNK", 512)
    rng = np.random.default_rng(seed)
    n = int(rng.integers(16, 2500))
    a, b = rng.normal(size=(2, n)) * rng.choice([1e-9, 1, 1e300])
    start = int(rng.integers(0, n))
    b[start:] += rng.choice([0, 5, 20]) * np.abs(b).max() * rng.choice([1, 1, 0.2])
    for values in (a, b):
        if seed % 3 == 0:
            values[rng.integers(0, n, 5)] = NAN
    if seed % 3 == 0 and seed % 2:
        a[np.isnan(b)], b[np.isnan(a)] = NAN, NAN
    pieces = np.sort(rng.integers(0, n, 7))
    both = [
        CommonSamples(at, x, y)
        for at, x, y in zip(*(np.split(v, pieces) for v in (np.arange(n), a, b)), strict=True)
        if len(at)
    ]
    found = parting_of_series(both)
    assert iteration(found.beyond_noise) == slow(a.tolist(), b.tolist())
    assert found.common == n


# -- runs --------------------------------------------------------------------------------------


def runs(tmp_path: Path, *several: Signals) -> list[Run]:
    made = []
    for number, signals in enumerate(several):
        with Recorder(tmp_path / str(number)) as recorder:
            for name, (at, values) in signals.items():
                recorder.series(name, at, values)
        made.append(Run(tmp_path / str(number)))
    return made


def compared(tmp_path: Path, *several: Signals) -> FirstDifference:
    first, other = runs(tmp_path, *several)
    return first_difference(first, other)


def test_the_signal_that_parts_first_is_the_cause_and_not_the_first_by_name(
    tmp_path: Path,
) -> None:
    """In one iteration all differ: the learning rate was given, the rest is computed from it."""
    at = range(100)
    signals = ["grad_norm", "loss", "lr", "weight_norm/w"]
    found = compared(
        tmp_path,
        {name: (at, [1.0] * 100) for name in signals},
        {name: (at, [1.0] * 40 + [2.0] * 60) for name in signals},
    )
    assert [one.name for one in found.signals] == ["lr", "loss", "grad_norm", "weight_norm/w"]
    assert found.exact is found.beyond_noise is found.signals[0]
    assert found.message == (
        "lr is the first to differ: 1 and 2 at iteration 40, at once beyond the noise of the runs"
    )


def test_only_iterations_that_both_have_are_compared(tmp_path: Path) -> None:
    """Other lengths, other schedules, other signals."""
    found = compared(
        tmp_path,
        {"loss": (range(100), [1.0] * 100), "horizon/a": (range(0, 100, 4), range(25)),
         "only/here": ([0], [1.0])},
        {"loss": (range(50), [1.0] * 50), "horizon/a": (range(0, 48, 6), [0, 9, 4, 9, 6, 9, 9, 9]),
         "val_loss": ([0], [1.0])},
    )  # fmt: skip
    assert (found.only_first, found.only_other) == (("only/here",), ("val_loss",))
    assert found.iterations == (100, 50)
    horizon, loss = found.signals
    assert (horizon.samples, horizon.common) == ((25, 8), 4)  # iterations 0, 12, 24 and 36
    assert horizon.exact is not None
    assert (horizon.exact.iteration, horizon.exact.first, horizon.exact.other) == (12, 3.0, 4.0)
    assert (loss.common, loss.exact) == (50, None)


def test_runs_that_are_alike(tmp_path: Path) -> None:
    found = compared(tmp_path, {"loss": (range(9), range(9))}, {"loss": (range(5), range(5))})
    assert (found.exact, found.beyond_noise) == (None, None)
    assert found.message == (
        "every signal that both runs have is the same, bit for bit, up to iteration 4, where the "
        "shorter one ends"
    )


def test_runs_with_nothing_in_common(tmp_path: Path) -> None:
    found = compared(tmp_path, {"loss": ([0], [1])}, {"lr": ([0], [1])})
    assert found.message == "the runs have no signal in common"


def test_the_speed_of_the_machine_is_no_difference(tmp_path: Path) -> None:
    found = compared(
        tmp_path,
        {"loss": ([0], [1]), "tokens_per_second": ([0], [9.0])},
        {"loss": ([0], [1])},
    )
    assert [one.name for one in found.signals] == ["loss"]
    assert found.only_first == ()


def test_a_scalar_and_a_profile_of_one_name_have_nothing_in_common(tmp_path: Path) -> None:
    with Recorder(tmp_path / "0") as recorder:
        recorder.profile("mine", 0, [1.0, 2.0])
    with Recorder(tmp_path / "1") as recorder:
        recorder.series("mine", [0], [1.0])
    (found,) = first_difference(Run(tmp_path / "0"), Run(tmp_path / "1")).signals
    assert (found.common, found.exact) == (0, None)


def test_it_says_as_many_digits_as_it_takes(tmp_path: Path) -> None:
    found = compared(tmp_path, {"loss": ([7], [2.0])}, {"loss": ([7], [2.0000000000000004])})
    assert "2 and 2.0000000000000004 at iteration 7" in found.message
    assert "nothing differs beyond the noise" in found.message


def test_as_json_a_nan_stays_one(tmp_path: Path) -> None:
    found = compared(tmp_path, {"loss": ([7], [2.0])}, {"loss": ([7], [NAN])})
    told = json.loads(dumps(found.as_dict()))
    assert told["exact"] == {
        "signal": "loss", "iteration": 7, "first": 2.0, "other": "NaN", "place": None,
        "noise": None, "difference": "NaN",
    }  # fmt: skip


def test_pieces_of_two_streams_meet(tmp_path: Path) -> None:
    """Chunks of the two stores end at other iterations."""
    rng = np.random.default_rng(0)
    ours = np.unique(rng.integers(0, 300_000, 200_000))
    theirs = np.unique(rng.integers(100_000, 400_000, 150_000))
    first, other = runs(tmp_path, {"x": (ours, -ours)}, {"x": (theirs, theirs)})
    pieces = list(common_samples(first.stream("x"), other.stream("x")))
    assert len(pieces) > 2
    at = np.concatenate([one.iterations for one in pieces])
    assert np.array_equal(at, np.intersect1d(ours, theirs))
    assert np.array_equal(np.concatenate([one.first for one in pieces]), -at)
    assert np.array_equal(np.concatenate([one.other for one in pieces]), at)
