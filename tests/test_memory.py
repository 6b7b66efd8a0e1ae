"""Memory tasks: their definitions, how far back they ask, and what a guess achieves."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from backsight.errors import SettingError
from backsight.tasks import (
    NO_LOSS,
    Adding,
    Batches,
    Copying,
    Echo,
    MemoryTask,
    Mixture,
    TemporalOrder,
)

TASKS: list[MemoryTask] = [
    TemporalOrder(10), TemporalOrder(37), TemporalOrder(100),
    Adding(2), Adding(9), Adding(40),
    Copying(21), Copying(22), Copying(60),
    Echo(2, 1, 2), Echo(30, 1), Echo(30, 7, 5), Echo(30, 29),
    Mixture(3, 2, 2), Mixture(40, 2), Mixture(40, 15, 4),
]  # fmt: skip


def draw(task: MemoryTask, size: int = 200, seed: int = 0) -> tuple[Any, Any]:
    """One batch."""
    return task.batch(size, np.random.default_rng(seed))


def answers(task: MemoryTask, inputs: NDArray[np.float32]) -> list[list[float]]:
    """The targets of each sequence, read off its inputs step by step, as the definition says."""
    return [_answers(task, [list(map(float, step)) for step in row]) for row in inputs]


def _answers(task: MemoryTask, row: list[list[float]]) -> list[float]:
    symbols = [step.index(1.0) for step in row] if not isinstance(task, Adding) else []
    match task:
        case TemporalOrder():
            first, second = (symbol - 4 for symbol in symbols if symbol >= 4)
            return [{(0, 0): 0, (0, 1): 1, (1, 0): 2, (1, 1): 3}[first, second]]
        case Adding():
            return [sum(value for value, mark in row if mark)]
        case Copying():
            return [8] * (task.steps - 10) + [float(s) for s in symbols[:10]]
        case Echo():
            return [float(symbols[t - task.lag]) if t >= task.lag else -1 for t in range(len(row))]
        case Mixture():
            symbols = [step[:-1].index(1.0) for step in row]
            back = [task.lag if step[-1] else 1 for step in row]
            return [float(symbols[t - back[t]]) if t >= task.lag else -1 for t in range(len(row))]
    raise AssertionError(task)


# -- what is drawn ---------------------------------------------------------------------------


@pytest.mark.parametrize("task", TASKS, ids=str)
def test_shapes_and_types(task: MemoryTask) -> None:
    inputs, targets = draw(task, 7)
    assert inputs.shape == (7, task.steps, task.inputs)
    assert inputs.dtype == np.float32
    if task.kind == "value":
        assert (targets.shape, targets.dtype) == ((7, task.outputs), np.float32)
    else:
        assert targets.shape == ((7, task.steps) if task.every_step else (7,))
        assert targets.dtype == np.int64
        assert targets.min() >= NO_LOSS
        assert targets.max() < task.outputs


@pytest.mark.parametrize("task", TASKS, ids=str)
def test_targets_are_what_the_inputs_say(task: MemoryTask) -> None:
    inputs, targets = draw(task)
    slow = np.array(answers(task, inputs))
    np.testing.assert_allclose(targets.reshape(len(targets), -1), slow, rtol=1e-6)


@pytest.mark.parametrize("task", [t for t in TASKS if t.kind == "classes"], ids=str)
def test_one_symbol_a_step_and_every_class_occurs(task: MemoryTask) -> None:
    inputs, targets = draw(task, 2000)
    symbols = inputs[:, :, :-1] if isinstance(task, Mixture) else inputs
    assert ((symbols == 0) | (symbols == 1)).all()
    assert (symbols.sum(axis=2) == 1).all()
    counted = targets[targets != NO_LOSS]
    if not isinstance(task, Copying):  # whose blanks are most
        share = np.bincount(counted, minlength=task.outputs) / counted.size
        np.testing.assert_allclose(share, 1 / task.outputs, atol=0.05)


@settings(deadline=None, max_examples=40)
@given(st.integers(10, 200), st.integers(0, 2**31))
def test_relevant_symbols_of_temporal_order_lie_in_their_tenths(steps: int, seed: int) -> None:
    inputs, _ = draw(TemporalOrder(steps), 20, seed)
    rows, places = np.nonzero(inputs[:, :, 4:].any(axis=2))
    assert rows.tolist() == [row for row in range(20) for _ in range(2)]
    first, second = places.reshape(20, 2).T
    assert (steps // 10 <= first).all()
    assert (first <= steps / 5).all()
    assert ((4 * steps) // 10 <= second).all()
    assert (second <= steps / 2).all()


def test_both_ends_of_the_tenths_are_drawn() -> None:
    inputs, _ = draw(TemporalOrder(50), 2000)
    places = np.nonzero(inputs[:, :, 4:].any(axis=2))[1].reshape(-1, 2)
    assert sorted(set(places[:, 0])) == list(range(5, 11))
    assert sorted(set(places[:, 1])) == list(range(20, 26))
    distractors = inputs[:, :5, :4].mean(axis=(0, 1))
    np.testing.assert_allclose(distractors, 0.25, atol=0.02)


@settings(deadline=None, max_examples=40)
@given(st.integers(2, 100), st.integers(0, 2**31))
def test_adding_marks_one_number_in_each_half(steps: int, seed: int) -> None:
    inputs, _ = draw(Adding(steps), 20, seed)
    values, marks = inputs[..., 0], inputs[..., 1]
    assert ((marks == 0) | (marks == 1)).all()
    assert (marks[:, : steps // 2].sum(axis=1) == 1).all()
    assert (marks[:, steps // 2 :].sum(axis=1) == 1).all()
    assert ((values >= 0) & (values < 1)).all()


def test_every_place_of_adding_may_carry_a_mark() -> None:
    inputs, _ = draw(Adding(9), 2000)
    assert inputs[..., 1].any(axis=0).all()


@pytest.mark.parametrize("steps", [21, 22, 50])
def test_copying_shows_waits_and_signals(steps: int) -> None:
    inputs, targets = draw(Copying(steps), 500)
    symbols = inputs.argmax(axis=2)
    assert (symbols[:, :10] < 8).all()
    assert (symbols[:, steps - 11] == 9).all()
    rest = np.delete(symbols[:, 10:], steps - 21, axis=1)
    assert (rest == 8).all()
    assert rest.shape[1] == steps - 11
    assert (targets[:, :-10] == 8).all()
    assert (targets[:, -10:] == symbols[:, :10]).all()
    assert set(symbols[:, 0]) == set(range(8))


def test_half_of_a_mixture_is_far_and_the_flag_says_which() -> None:
    inputs, _ = draw(Mixture(40, 15), 500)
    flag = inputs[..., -1]
    assert ((flag == 0) | (flag == 1)).all()
    assert flag.mean() == pytest.approx(0.5, abs=0.02)


# -- how far back ----------------------------------------------------------------------------


def oldest_needed(task: MemoryTask, row: NDArray[np.float32]) -> list[int]:
    """Steps from each answer back to the oldest input it needs; of far ones in a mixture."""
    last = task.steps - 1
    match task:
        case TemporalOrder():
            return [last - int(np.flatnonzero(row[:, 4:].any(axis=1))[0])]
        case Adding():
            return [last - int(np.flatnonzero(row[:, 1])[0])]
        case Copying():
            return [t - i for i, t in enumerate(range(task.steps - 10, task.steps))]
        case Mixture():
            return [task.lag for flag in row[task.lag :, -1] if flag]
        case Echo():
            return [task.lag] * (task.steps - task.lag)
    raise AssertionError(task)


@pytest.mark.parametrize("task", TASKS, ids=str)
def test_the_lag_is_the_smallest_distance_to_the_oldest_needed_input(task: MemoryTask) -> None:
    inputs, _ = draw(task, 3000)
    assert min(d for row in inputs for d in oldest_needed(task, row)) == task.lag


@pytest.mark.parametrize("task", TASKS, ids=str)
def test_what_is_older_than_needed_does_not_matter_and_the_needed_does(task: MemoryTask) -> None:
    """Inputs of other sequences are put in the place of those before, and of the needed one."""
    inputs, _ = draw(task, 300)
    others, _ = draw(task, 300, seed=1)
    changed_by_lag = False
    for row, other in zip(inputs, others, strict=True):
        for answer, distance in _asked(task, row):
            needed = answer - distance
            older, at = row.copy(), row.copy()
            older[:needed] = _harmless(task, other)[:needed]
            assert _answer(task, older, answer) == _answer(task, row, answer)
            at[needed] = _swapped(task, row[needed])
            assert _answer(task, at, answer) != _answer(task, row, answer)
            changed_by_lag |= distance == task.lag
    assert changed_by_lag


def _asked(task: MemoryTask, row: NDArray[np.float32]) -> list[tuple[int, int]]:
    """One answer a sequence is enough: its step, and how far back its oldest needed input lies."""
    last = task.steps - 1
    if isinstance(task, Mixture):
        far = [t for t in range(task.lag, task.steps) if row[t, -1]]
        return [(far[-1], task.lag)] if far else []
    return [(last, oldest_needed(task, row)[-1])]


def _harmless(task: MemoryTask, other: NDArray[np.float32]) -> NDArray[np.float32]:
    """Another sequence without what would make two of what there is one of."""
    other = other.copy()
    if isinstance(task, Adding):
        other[:, 1] = 0
    if isinstance(task, TemporalOrder):
        other[other[:, 4:].any(axis=1)] = np.eye(6)[0]
    return other


def _swapped(task: MemoryTask, step: NDArray[np.float32]) -> NDArray[np.float32]:
    """The same input with another value: A for B, another number, the next symbol."""
    step = step.copy()
    match task:
        case TemporalOrder():
            step[4:] = step[[5, 4]]
        case Adding():
            step[0] += 1
        case Copying():
            step[:8] = np.roll(step[:8], 1)
        case Mixture():
            step[:-1] = np.roll(step[:-1], 1)
        case _:
            step = np.roll(step, 1)
    return step


def _answer(task: MemoryTask, row: NDArray[np.float32], at: int) -> float:
    """The target at a step, from the definition alone."""
    found = answers(task, row[None])[0]
    return found[at] if task.every_step else found[0]


# -- what a guess achieves -------------------------------------------------------------------


def cross_entropy(shares: NDArray[np.floating[Any]]) -> float:
    """Of guessing with the true shares."""
    return float(-np.sum(shares * np.log(shares)))


@pytest.mark.parametrize(
    "task", [TemporalOrder(20), Copying(40), Echo(20, 4, 5), Mixture(20, 6, 5)], ids=str
)
def test_the_baseline_is_the_entropy_of_the_classes_at_each_step(task: MemoryTask) -> None:
    """Shares are measured on one half of the sequences, the loss on the other."""
    _, targets = draw(task, 40_000)
    targets = targets.reshape(len(targets), -1)
    total, count = 0.0, 0
    for step in targets.T:
        fit, held_out = np.split(step, 2)
        if held_out[0] == NO_LOSS:
            assert (step == NO_LOSS).all()
            continue
        shares = np.bincount(fit, minlength=task.outputs) / len(fit)
        total -= np.log(shares[held_out]).sum()
        count += len(held_out)
    assert total / count == pytest.approx(task.baseline, rel=2e-3)


def test_the_baseline_of_adding_is_what_the_best_constant_leaves() -> None:
    _, sums = draw(Adding(30), 200_000)
    errors = {c: float(np.mean((sums - c) ** 2)) for c in (0.8, 0.9, 1.0, 1.1, 1.2)}
    assert min(errors, key=errors.__getitem__) == 1.0
    assert errors[1.0] == pytest.approx(Adding().baseline, rel=0.01)


def test_a_memory_shorter_than_the_lag_achieves_what_it_says() -> None:
    """The best answers that a shorter memory allows, by hand."""
    inputs, sums = draw(Adding(30), 100_000)
    near = inputs[:, -Adding(30).lag :]
    second = (near[..., 0] * near[..., 1]).sum(axis=1)
    known = near[..., 1].sum(axis=1)
    assert (known == 1).all()  # of the two marks it sees one, always
    error = np.mean((sums[:, 0] - second - 0.5) ** 2)
    assert error == pytest.approx(Adding(30).near_baseline, rel=0.02)

    order = TemporalOrder(30)
    inputs, classes = draw(order, 40_000)
    near = inputs[:, -order.lag :, 4:].sum(axis=1)
    assert (near.sum(axis=1) == 1).all()
    shares = np.bincount(classes[near[:, 0] == 1], minlength=4) / (near[:, 0] == 1).sum()
    assert shares[[1, 3]].tolist() == [0, 0]
    assert cross_entropy(shares[[0, 2]]) == pytest.approx(order.near_baseline, rel=2e-3)

    assert Mixture(40, 15, 5).near_baseline == pytest.approx(math.log(5) / 2)
    for task in (Copying(60), Echo(30, 7)):
        assert task.near_baseline == task.baseline


# -- streams and settings --------------------------------------------------------------------


@pytest.mark.parametrize("task", TASKS, ids=str)
def test_batches_are_reproducible_by_seed_and_go_on_where_they_stood(task: MemoryTask) -> None:
    def some(batches: Batches, count: int = 3) -> list[bytes]:
        return [b"".join(a.tobytes() for a in batches.draw()) for _ in range(count)]

    first, again, other = (Batches(task, 16, seed=seed) for seed in (1, 1, 2))
    drawn = some(first)
    assert some(again) == drawn
    assert some(other) != drawn
    assert len(set(drawn)) == 3
    state = first.state_dict()
    ahead = some(first)
    for batches in (first, other):
        batches.load_state_dict(state)
        assert some(batches) == ahead


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda: TemporalOrder(9),
            "steps of temporal order must be a whole number of at least 10, not 9",
        ),
        (lambda: TemporalOrder(20.0), "must be a whole number of"),  # type: ignore[arg-type]
        (lambda: Adding(1), "steps of adding must be a whole number of at least 2, not 1"),
        (lambda: Adding(True), "not True"),
        (lambda: Copying(20), "steps of copying must be a whole number of at least 21, not 20"),
        (lambda: Echo(10, 10), "lag of echo must be below its 10 steps, not 10"),
        (lambda: Echo(10, 0), "lag of echo must be a whole number of at least 1, not 0"),
        (lambda: Echo(10, 2, 1), "symbols of echo must be a whole number of at least 2, not 1"),
        (lambda: Mixture(10, 1), "lag of mixture must be a whole number of at least 2, not 1"),
        (lambda: Mixture(2, 2), "steps of mixture must be a whole number of at least 3, not 2"),
        (lambda: Mixture(10, 12), "lag of mixture must be below its 10 steps, not 12"),
        (lambda: Batches(Echo(), 0, seed=0), "size of a batch of sequences must be"),
    ],
)
def test_bad_settings_are_named(make: Any, words: str) -> None:
    with pytest.raises(SettingError, match=words):
        make()


def test_a_task_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Echo().lag = 3  # type: ignore[misc]
