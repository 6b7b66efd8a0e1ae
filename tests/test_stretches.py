"""Rules fed a stretch at a time: they come to what they come to iteration by iteration."""

import math
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from backsight.diagnosis import RULES, Diagnosis, Facts, Judge, LossHistory, Recent, recorded
from backsight.diagnosis._windows import medians, middles, sorted_windows, spreads
from backsight.diagnosis.rules._loss_rule import in_a_row
from backsight.diagnosis.stability import HistoryStretch
from backsight.errors import RunError
from backsight.monitor.sinks import JudgingSink, NullRecorder
from backsight.signals import Profile, Recorder, Run, Series, dumps
from backsight.signals._reader import Reader

NAN = math.nan
Columns = Mapping[str, tuple[NDArray[np.int64], Sequence[Any]]]
"""By name, the iterations and the values or rows."""


# -- the statistics ------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 5, 20])
def test_the_medians_of_all_windows_are_those_of_recent(size: int) -> None:
    values = np.random.default_rng(0).normal(size=60)
    recent = Recent(size)
    expected = []
    for value in values.tolist():
        recent.add(value)
        if recent.full:
            expected.append((recent.median, recent.spread, recent.quantile(0.9)))
    ends = np.arange(size, 61)
    ordered = sorted_windows(values, size, ends)
    found = zip(
        medians(values, size).tolist(),
        spreads(values, size, ends, middles(ordered)).tolist(),
        ordered[:, min(int(0.9 * size), size - 1)].tolist(),
        strict=True,
    )
    assert list(found) == expected


def test_how_often_in_a_row() -> None:
    states = np.array([True, True, False, True, False, True, True])
    counts, since = in_a_row(states, 3)
    assert counts.tolist() == [4, 5, 0, 1, 0, 1, 2]
    assert since[[0, 1, 3, 5, 6]].tolist() == [-1, -1, 3, 5, 5]
    assert in_a_row(states, 0)[1][:2].tolist() == [0, 0]


@pytest.mark.some(2)
@pytest.mark.parametrize("broken", ["none", "some", "all after 150", "all"])
@pytest.mark.parametrize("sizes", [(400,), (150, 1, 249), (7,) * 57])
def test_a_history_is_carried_over_a_stretch(broken: str, sizes: tuple[int, ...]) -> None:
    random = np.random.default_rng(1)
    values = 2 * 0.99 ** np.arange(400) + 0.05 * random.normal(size=400)
    if broken == "some":
        values[random.random(400) < 0.1] = NAN
    elif broken != "none":
        values[0 if broken == "all" else 150 :] = NAN
    slow, fast = LossHistory(), LossHistory()
    start = 0
    for size in sizes:
        at = np.arange(start, start + size)
        stretch = HistoryStretch(fast, 3 * at, values[at])
        assert said(stretch.at(-1)) == said(slow)
        for sample, place in enumerate(at.tolist()):
            slow.add(3 * place, float(values[place]))
            assert said(stretch.at(sample)) == said(slow)
        assert dumps(fast.state_dict()) == dumps(slow.state_dict())
        start += size


def said(history: LossHistory) -> str:
    """What a rule may ask of it."""
    state = history.state_dict()
    del state["now"], state["long"]
    return dumps(state)


# -- all rules, against the slow twin -------------------------------------------------------------


def loss_of(random: np.random.Generator, size: int) -> NDArray[np.float64]:
    """One of the ways in which a loss goes, with what may happen to it."""
    t, noise = np.arange(size), random.normal(0, 1, size)
    losses = [
        2 * np.exp(-t / size * 5) + 0.05 * noise,
        1 + 0.01 * noise,
        1 + 0.3 * np.sin(t * 2 * math.pi / random.uniform(3, 20)) + 0.02 * noise,
        2 * np.exp(-t / 200) + np.where(t > size * 0.6, 2.5, 0) + 0.05 * noise,
        np.cumsum(noise) * 0.1 + 3,
        1 + t / size * 4 + 0.05 * noise,
        np.exp(noise),
        np.full(size, 1.5),
        np.round(2 * np.exp(-t / 300) + 0.1 * noise, 1),
        2 * np.exp(-t / 100) + 0.001 * noise,
        2 * np.exp(-t / 150) + (random.random(size) < 0.01) * random.exponential(2, size),
        1 + 0.3 * np.abs(noise),
        1 + np.exp(-t / 60) + 2e-5 * t + 1e-5 * noise,
    ]
    loss = np.array(losses[random.integers(len(losses))])
    loss[random.integers(0, size, 3)] += random.choice([0, 5, 50, -1], 3)
    if random.random() < 0.3:
        loss[random.random(size) < 0.01] = random.choice([NAN, math.inf, -math.inf])
    if random.random() < 0.1:
        loss[random.integers(size) :] = NAN
    return loss * 1e160 if random.random() < 0.03 else loss


def norms_of(random: np.random.Generator, size: int, grown: int = 1 << 30) -> NDArray[np.float64]:
    """Positive numbers that grow at times, for certain from ``grown`` on, and may break."""
    norms = np.exp(random.normal(0, random.choice([0.05, 0.3, 1.5]), size))
    if grown < size and random.random() < 0.7:
        norms = np.exp(random.normal(0, 0.05, size))
        norms[grown : grown + 60] *= 8
    norms *= np.exp(random.choice([0, 0, 0, 3]) * np.arange(size) / size)
    for start in random.integers(0, size, 3).tolist():
        norms[start : start + random.integers(1, 80)] *= random.choice([1, 1.5, 5, 40])
    if random.random() < 0.2:
        norms[random.random(size) < 0.02] = random.choice([NAN, math.inf, 0.0])
    if random.random() < 0.1:
        norms[random.integers(size) :] = NAN
    return norms


def made_up(random: np.random.Generator, size: int) -> Columns:
    """Signals of a run, some in every iteration and some in samples."""
    every = np.arange(size)

    def some(*shares: float) -> NDArray[np.int64]:
        return np.flatnonzero(random.random(size) < random.choice(shares))

    columns: dict[str, tuple[NDArray[np.int64], Sequence[Any]]] = {}

    def add(name: str, at: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        if len(at):
            columns[name] = at, values[at].tolist()

    label = random.choice(["", "", "/M"])
    add(f"loss{label}", some(1, 1, 0.9, 0.3), loss_of(random, size))
    if random.random() < 0.1:
        add("loss/other", some(1, 0.9), loss_of(random, size))
    grown = int(random.integers(110, 2 * size))
    norms = norms_of(random, size, grown)
    add(f"grad_norm{label}", some(1, 1, 0.9), norms)
    applied = norms_of(random, size) if random.random() < 0.3 else np.minimum(
        norms, random.choice([0.01, 1, 100])
    )  # fmt: skip
    add(f"grad_norm_applied{label}", some(1, 1, 0.9), applied)
    if random.random() < 0.7:
        add("hidden_norm_mean/rnn.l0", some(1, 1, 0.9), norms_of(random, size, grown))
        add("hidden_norm_max/rnn.l0", some(1, 0.9), norms_of(random, size))
    samples = every[:: random.integers(5, 60)]
    for name, scale in (("update_ratio/w", 1e-3), ("update_ratio/v", 1e-2), ("input_spread/l", 1)):
        if random.random() < 0.5:
            add(name, samples, scale * norms_of(random, size))
    if random.random() < 0.6:
        decay = random.uniform(0.5, 30, len(samples))
        columns["reach/rnn.l0"] = samples, [np.exp(-np.arange(30) / one) for one in decay]
    if random.random() < 0.4:
        rows = 1 + random.random((len(samples), 24))
        rows[random.random(len(samples)) < 0.02] = NAN
        columns["hidden_norm/rnn.l0"] = samples, list(rows)
    if f"loss{label}" in columns and random.random() < 0.5:
        losses = columns[f"loss{label}"][1]
        guesses = np.nanmedian(losses) * random.uniform(0.9, 1.3, size)
        guesses[random.random(size) < 0.02] = NAN
        add(f"guess_loss{label}", some(1, 0.1, 0.02), guesses)
        stem = f"guess_answer{label}." if label else "guess_answer/"
        add(f"{stem}frequency", some(0.1, 0.02), random.random(size))
        add(f"{stem}mean", some(0.1, 0.02), guesses)
    if random.random() < 0.5:
        rises = 1e-4 * (every % int(random.integers(5, 40)) + random.integers(1, 5))
        rates = random.choice([rises, rises, norms_of(random, size), 0.9**every])
        rates[random.random(size) < random.choice([0, 0.01])] = NAN
        add(f"lr{label}", some(1, 1, 0.9), rates)
        add("group_lr/0", samples, rates)
    if random.random() < 0.3:
        add(f"phase{label}", some(0.01, 0.002), random.integers(1, 4, size).astype(float))
    return columns


def parts(columns: Columns, cuts: Sequence[int]) -> Iterator[dict[str, Series | Profile]]:
    """Cut before these iterations."""
    for start, stop in zip([0, *cuts], [*cuts, 1 << 60], strict=True):
        part: dict[str, Series | Profile] = {}
        for name, (at, values) in columns.items():
            inside = np.flatnonzero((at >= start) & (at < stop))
            if not len(inside):
                continue
            if isinstance(values[0], float):
                part[name] = Series(at[inside], np.array(values)[inside])
            else:
                part[name] = Profile(at[inside], tuple(values[i] for i in inside.tolist()))
        if part:
            yield part


def rows(columns: Columns) -> list[tuple[int, dict[str, Any]]]:
    """Iteration by iteration."""
    found: dict[int, dict[str, Any]] = {}
    for name, (at, values) in columns.items():
        for iteration, value in zip(at.tolist(), values, strict=True):
            found.setdefault(iteration, {})[name] = value
    return sorted(found.items(), key=lambda item: item[0])


def words(found: Diagnosis) -> str:
    return dumps(found.as_dict() | {"judged": ""})


def compare(seed: int, size: int) -> set[str]:
    """Judge a run in both ways, and as the monitor does.

    Returns:
        the codes that were found.
    """
    random = np.random.default_rng(seed)
    columns = made_up(random, size)
    facts = Facts(lag=(None, 20)[random.integers(2)], baseline=(None, 1.4)[random.integers(2)])
    cuts = sorted(set(random.integers(0, size, random.integers(0, 9)).tolist()))
    if random.random() < 0.3:
        cuts = list(range(7, size, random.integers(3, 200)))
    return agree(columns, cuts, facts)


def agree(columns: Columns, cuts: Sequence[int], facts: Facts) -> set[str]:
    """Judge signals in both ways; the codes that were found."""
    slow, fast = Judge(facts), Judge(facts)
    new = [finding for at, values in rows(columns) for finding in slow.update(at, values)]
    told = [finding for part in parts(columns, cuts) for finding in fast.update_many(part)]
    assert not slow.failed
    assert not fast.failed
    assert words(fast.diagnosis()) == words(slow.diagnosis())
    assert [f.code + f.module for f in told] == [f.code + f.module for f in new]
    assert fast.iterations == slow.iterations
    return {finding.code for finding in new}


KNOWN = (0, 3, 4, 34, 35, 69, 130)
"""Seeds that between them give every code of the test below."""


@pytest.mark.long
def test_a_stretch_at_a_time_comes_to_the_same() -> None:
    codes = set().union(*(compare(seed, 1300) for seed in KNOWN))
    judged_in_arrays = {"BKS201", "BKS202", "BKS203", "BKS204", "BKS205", "BKS206", "BKS302"}
    assert judged_in_arrays | {"BKS303", "BKS403", "BKS406"} <= codes


def test_states_that_grow_in_the_stretch_before_the_gradient() -> None:
    at = np.arange(400)
    random = np.random.default_rng(0)
    noise = np.exp(random.normal(0, 0.02, (3, 400)))
    states = noise[0] * np.where((at > 285) & (at < 296), 2, 1)  # and back before the cut
    gradients = noise[1] * np.where(at < 302, 1, 9)
    signals = {"hidden_norm_mean/l": states, "grad_norm": gradients, "loss": noise[2]}
    columns = {name: (at, values.tolist()) for name, values in signals.items()}
    assert agree(columns, [200, 300], Facts()) == {"BKS206"}


@pytest.mark.parametrize("fall", [0.02, 0.04])
def test_a_loss_that_falls_by_less_than_its_share(fall: float) -> None:
    at = np.arange(1100)
    loss = 2 - 2 * fall * np.minimum(at / 500, 1)
    columns = {"loss": (at, loss.tolist())}
    assert ("BKS302" in agree(columns, [300, 700, 900], Facts())) == (fall == 0.02)


@pytest.mark.long
@pytest.mark.parametrize("start", range(1000, 1200, 10))
def test_a_stretch_at_a_time_comes_to_the_same_on_many_runs(start: int) -> None:
    for seed in range(start, start + 10):
        compare(seed, (300, 1500, 2600)[seed % 3])


@pytest.mark.parametrize("seed", [0, 1])
def test_it_does_not_matter_how_the_values_come_to_the_monitor(seed: int) -> None:
    """In which portions, in which order of the signals, and when what is complete is judged."""
    random = np.random.default_rng(seed)
    columns = made_up(random, 400)
    judge = Judge()
    for at, values in rows(columns):
        judge.update(at, values)
    sink = JudgingSink(NullRecorder(), lambda finding: None)
    for part in parts(columns, sorted(set(random.integers(0, 400, 20).tolist()))):
        names = list(part)
        random.shuffle(names)
        for name in names:
            signal = part[name]
            if isinstance(signal, Profile):
                for at, row in zip(signal.iterations.tolist(), signal.rows, strict=True):
                    sink.profile(name, at, row)
            elif random.random() < 0.5:
                sink.series(name, signal.iterations, signal.values)
            else:
                for at, value in zip(signal.iterations.tolist(), signal.values, strict=True):
                    sink.scalars(at, {name: value})
        if random.random() < 0.6:
            sink.settle(max(int(signal.iterations[-1]) for signal in part.values()) + 1)
    sink.end(399)  # what waits is judged, too
    assert words(sink._judge.diagnosis()) == words(judge.diagnosis())


def test_no_rule_but_those_of_every_iteration_has_two_ways() -> None:
    """A new rule is fed singly, which is right, and slow only if it reads every iteration."""
    own = {rule.code for rule in RULES if "update_many" in vars(rule.__mro__[0])}
    assert own <= {"BKS201", "BKS202", "BKS205", "BKS206", "BKS302", "BKS403", "BKS406", "BKS423"}


# -- reading -------------------------------------------------------------------------------------


def test_signals_are_read_in_parts(run_path: Path) -> None:
    with Recorder(run_path) as recorder:
        recorder.series("loss", [0, 1, 2, 10, 11], [1.0, 2.0, NAN, 4.0, 5.0])
        recorder.profile("reach/l", 1, [1.0, 0.5])
        recorder.profile("reach/l", 11, [1.0, 0.5, 0.25])
    run = Run(run_path)
    found = list(run.stretches(["loss", "reach/l"], iter([2, 3, 5])))
    at = [{name: signal.iterations.tolist() for name, signal in part.items()} for part in found]
    assert at == [
        {"loss": [0, 1], "reach/l": [1]},
        {"loss": [2]},
        {"loss": [10, 11], "reach/l": [11]},
    ]
    last = found[-1]["reach/l"]
    assert isinstance(last, Profile)
    assert last.rows[0].tolist() == [1.0, 0.5, 0.25]


def record_in_chunks(path: Path, size: int, *signals: tuple[str, Any]) -> None:
    """Of 4,000 samples each: none absorbs another one."""
    with Recorder(path) as recorder:
        recorder.scalars(0, {"early": 1.0})
        for start in range(0, size, 4000):
            for name, dtype in signals:
                at = np.arange(start, start + 4000)
                recorder.series(name, at, (at / 7).astype(dtype))
            recorder.flush()


def test_long_signals_are_read_chunk_by_chunk(run_path: Path) -> None:
    size = 20_000
    record_in_chunks(run_path, size, ("loss", np.float64), ("grad_norm", np.float32))
    run = Run(run_path)
    for name in ("loss", "grad_norm"):
        series = [part[name] for part in run.stretches(["loss", "grad_norm"], [3000] * 9)]
        assert all(isinstance(one, Series) for one in series)
        whole = run.series(name)
        assert np.array_equal(np.concatenate([one.iterations for one in series]), whole.iterations)
        assert np.array_equal(
            np.concatenate([one.values for one in series if isinstance(one, Series)]), whole.values
        )
    assert sum(1 for _ in recorded(run, run.names, frozenset({"loss"}))) == size


def test_reading_begins_where_it_is_asked_to(
    run_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = 20_000
    record_in_chunks(run_path, size, ("loss", np.float64))
    read = []
    block_at = Reader.block_at

    def counted(self: Reader, *where: Any) -> Any:
        read.append(where)
        return block_at(self, *where)

    monkeypatch.setattr(Reader, "block_at", counted)
    (part,) = Run(run_path).stretches(["loss", "early"], [401], first=19_500)
    assert list(part) == ["loss"]  # the other one has ended before
    assert part["loss"].iterations.tolist() == list(range(19_500, 19_901))
    assert len(read) == 1


def test_a_damaged_chunk_is_an_error(run_path: Path) -> None:
    record_in_chunks(run_path, 20_000, ("loss", np.float64))
    with closing(sqlite3.connect(run_path / "signals.db")) as store:
        store.execute("UPDATE chunk SET numbers = zeroblob(LENGTH(numbers)) WHERE start > 0")
        store.commit()
    run = Run(run_path)
    parts_ = run.stretches(["loss"], [100] * 1000)
    next(parts_)
    with pytest.raises(RunError, match="differs from its checksum"):
        list(parts_)
    with closing(sqlite3.connect(run_path / "signals.db")) as store:
        store.execute("DELETE FROM chunk WHERE start = 0")
        store.commit()
    with pytest.raises(RunError, match="lacks samples"):
        next(Run(run_path).stretches(["loss"], [100]))


def test_a_name_that_was_not_recorded(small_run: Run) -> None:
    with pytest.raises(RunError, match="was not recorded"):
        next(small_run.stretches(["lost"], [10]))
