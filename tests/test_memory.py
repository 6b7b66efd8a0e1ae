"""Memory tasks: their definitions, how far back they ask, and what a guess achieves."""

import itertools
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import backsight.tasks
from backsight.errors import SettingError
from backsight.lab import TASKS as OF_THE_LAB
from backsight.lab import Memory
from backsight.tasks import (
    NO_LOSS,
    Adding,
    Batches,
    Copying,
    Criterion,
    DelayedXor,
    Echo,
    FirstSymbol,
    Form,
    Memorisation,
    MemoryTask,
    Mixture,
    Multiplication,
    RandomPermutation,
    TemporalOrder,
    ThreeBitOrder,
)
from backsight.tasks._criterion import PASCANU

TASKS: list[MemoryTask] = [
    TemporalOrder(10), TemporalOrder(37), TemporalOrder(100),
    TemporalOrder(10, "hochreiter"), TemporalOrder(45, "hochreiter"),
    TemporalOrder(110, "hochreiter"),
    ThreeBitOrder(10), ThreeBitOrder(37), ThreeBitOrder(34, "hochreiter"),
    ThreeBitOrder(110, "hochreiter"),
    Adding(2), Adding(9), Adding(40),
    Multiplication(10), Multiplication(37),
    DelayedXor(10), DelayedXor(37),
    Copying(21), Copying(22), Copying(60),
    Memorisation(3, 1), Memorisation(11), Memorisation(40, 10, 5),
    RandomPermutation(2, 3), RandomPermutation(30, 20),
    FirstSymbol(2, 2), FirstSymbol(30),
    Echo(2, 1, 2), Echo(30, 1), Echo(30, 7, 5), Echo(30, 29),
    Mixture(3, 2, 2), Mixture(40, 2), Mixture(40, 15, 4),
]  # fmt: skip
EACH = pytest.mark.parametrize("task", TASKS, ids=str)
CLASSES = [task for task in TASKS if task.kind == "classes"]
HOCHREITER = [t for t in TASKS if isinstance(t, TemporalOrder) and t.form == "hochreiter"]

Marked = (Adding, Multiplication, DelayedXor)
Repeated = (Copying, Memorisation)


def draw(task: MemoryTask, size: int = 200, seed: int = 0) -> tuple[Any, Any]:
    """One batch."""
    return task.batch(size, np.random.default_rng(seed))


def answers(task: MemoryTask, inputs: NDArray[np.float32]) -> list[list[float]]:
    """The targets of each sequence, read off its inputs step by step, as the definition says."""
    return [_answers(task, [list(map(float, step)) for step in row]) for row in inputs]


def _answers(task: MemoryTask, row: list[list[float]]) -> list[float]:
    if isinstance(task, Marked):
        first, second = (value for value, mark in row if mark)
        match task:
            case Adding():
                return [first + second]
            case Multiplication():
                return [first * second]
        return [float(first != second)]
    if isinstance(task, Mixture):
        symbols = [step[:-1].index(1.0) for step in row]
        back = [task.lag if step[-1] else 1 for step in row]
        return [float(symbols[t - back[t]]) if t >= task.lag else -1 for t in range(len(row))]
    symbols = [step.index(1.0) if any(step) else -1 for step in row]
    match task:
        case TemporalOrder():
            word = "".join("AB"[symbol - 4] for symbol in symbols if symbol in (4, 5))
            return [["".join(w) for w in itertools.product("AB", repeat=len(word))].index(word)]
        case Copying() | Memorisation():
            count, blank = shown(task), task.outputs - 1
            return [blank] * (task.length - count) + [float(s) for s in symbols[:count]]
        case RandomPermutation() | FirstSymbol():
            return [float(symbols[0])]
        case Echo():
            return [float(symbols[t - task.lag]) if t >= task.lag else -1 for t in range(len(row))]
    raise AssertionError(task)


def shown(task: MemoryTask) -> int:
    """How many symbols are to be repeated."""
    return task.pattern if isinstance(task, Memorisation) else 10


# -- all of them -----------------------------------------------------------------------------


def test_every_task_is_in_the_table_and_in_the_lab() -> None:
    """As many classes as can draw a batch, each with settings to train on."""
    room = (getattr(backsight.tasks, name) for name in backsight.tasks.__all__)
    drawing = {c for c in room if isinstance(c, type) and hasattr(c, "batch")} - {MemoryTask}
    assert {type(task) for task in TASKS} == drawing
    of_the_lab = [kind for kind in OF_THE_LAB.values() if issubclass(kind, Memory)]
    tasks = [kind().task for kind in of_the_lab]
    assert {type(task) for task in tasks} == drawing
    for kind, task in zip(of_the_lab, tasks, strict=True):
        assert kind.task_name == task.name
        assert task == type(task)(), "the lab's defaults are the task's own"


@EACH
def test_shapes_and_types(task: MemoryTask) -> None:
    inputs, targets = draw(task, 7)
    assert inputs.shape == (7, task.length, task.inputs)
    assert inputs.dtype == np.float32
    if task.kind == "value":
        assert (targets.shape, targets.dtype) == ((7, task.outputs), np.float32)
    else:
        assert targets.shape == ((7, task.length) if task.every_step else (7,))
        assert targets.dtype == np.int64
        assert targets.min() >= NO_LOSS
        assert targets.max() < task.outputs


@pytest.mark.some(9)
@EACH
def test_targets_are_what_the_inputs_say(task: MemoryTask) -> None:
    inputs, targets = draw(task)
    slow = np.array(answers(task, inputs))
    np.testing.assert_allclose(targets.reshape(len(targets), -1), slow, rtol=1e-6)


@pytest.mark.parametrize("task", CLASSES, ids=str)
def test_one_symbol_a_step_and_every_class_occurs(task: MemoryTask) -> None:
    inputs, targets = draw(task, 2000)
    assert ((inputs == 0) | (inputs == 1)).all()
    if not isinstance(task, DelayedXor):
        symbols = inputs[:, :, :-1] if isinstance(task, Mixture) else inputs
        read = symbols.sum(axis=2)
        started = np.maximum.accumulate(read, axis=1)  # nothing at all before the start
        assert (read == started).all()
        assert started.all() or task in HOCHREITER
    counted = targets[targets != NO_LOSS]
    if not isinstance(task, Repeated):  # whose blanks are most
        share = np.bincount(counted) / counted.size
        assert len(share) == (2 if isinstance(task, RandomPermutation) else task.outputs)
        np.testing.assert_allclose(share, 1 / len(share), atol=0.05)


# -- temporal order --------------------------------------------------------------------------


def places(task: TemporalOrder, size: int, seed: int = 0) -> NDArray[np.int64]:
    """``(B, n)``: steps of the relevant symbols, from the start of each sequence."""
    inputs, _ = draw(task, size, seed)
    rows, found = np.nonzero(inputs[:, :, 4:6].any(axis=2))
    count = len(task.places[task.form])
    assert rows.tolist() == [row for row in range(size) for _ in range(count)]
    start = np.argmax(inputs.any(axis=2), axis=1)
    relative: NDArray[np.int64] = found.reshape(size, count) - start[:, None]
    return relative


@settings(deadline=None, max_examples=40)
@given(st.integers(10, 200), st.integers(0, 2**31))
def test_relevant_symbols_of_temporal_order_lie_in_their_tenths(length: int, seed: int) -> None:
    first, second = places(TemporalOrder(length), 20, seed).T
    assert (length // 10 <= first).all()
    assert (first <= length / 5).all()
    assert ((4 * length) // 10 <= second).all()
    assert (second <= length / 2).all()
    first, second, third = places(ThreeBitOrder(length), 20, seed).T
    assert ((length // 10 <= first) & (first <= length / 5)).all()
    assert ((3 * length // 10 <= second) & (second <= 4 * length / 10)).all()
    assert ((6 * length // 10 <= third) & (third <= 7 * length / 10)).all()


@pytest.mark.parametrize(
    ("task", "ends"),
    [
        (TemporalOrder(50), [(5, 10), (20, 25)]),
        (ThreeBitOrder(50), [(5, 10), (15, 20), (30, 35)]),
        (TemporalOrder(110, "hochreiter"), [(10, 20), (50, 60)]),
        (ThreeBitOrder(110, "hochreiter"), [(10, 20), (33, 43), (66, 76)]),
        (TemporalOrder(220, "hochreiter"), [(20, 40), (100, 120)]),
    ],
    ids=str,
)
def test_both_ends_of_the_places_are_drawn(
    task: TemporalOrder, ends: list[tuple[int, int]]
) -> None:
    """The papers' own numbers, and twice as long."""
    found = places(task, 3000)
    for column, (first, last) in zip(found.T, ends, strict=True):
        assert sorted(set(column)) == list(range(first, last + 1))


def test_distractors_are_drawn_evenly() -> None:
    inputs, _ = draw(TemporalOrder(50), 2000)
    np.testing.assert_allclose(inputs[:, :5, :4].mean(axis=(0, 1)), 0.25, atol=0.02)


@pytest.mark.parametrize("task", HOCHREITER, ids=str)
def test_hochreiters_sequences_start_end_and_differ_in_length(task: TemporalOrder) -> None:
    inputs, _ = draw(task, 3000)
    read = inputs.any(axis=2)
    start = np.argmax(read, axis=1)
    rows = np.arange(len(inputs))
    assert (inputs[rows, start, 6] == 1).all()
    assert (inputs[:, -1, 7] == 1).all()
    assert (inputs[:, :, 6:].sum(axis=(1, 2)) == 2).all()
    lengths = task.length - start
    assert (read.sum(axis=1) == lengths).all()
    assert sorted(set(lengths)) == list(range(task.shortest, task.length + 1))


def test_hochreiters_own_lengths() -> None:
    assert TemporalOrder(110, "hochreiter").shortest == 100
    assert TemporalOrder(110).shortest == 110


# -- the others ------------------------------------------------------------------------------


@settings(deadline=None, max_examples=40)
@given(st.integers(2, 100), st.integers(0, 2**31))
def test_adding_marks_one_number_in_each_half(length: int, seed: int) -> None:
    inputs, _ = draw(Adding(length), 20, seed)
    values, marks = inputs[..., 0], inputs[..., 1]
    assert ((marks == 0) | (marks == 1)).all()
    assert (marks[:, : length // 2].sum(axis=1) == 1).all()
    assert (marks[:, length // 2 :].sum(axis=1) == 1).all()
    assert ((values >= 0) & (values < 1)).all()


def test_every_place_of_adding_may_carry_a_mark() -> None:
    inputs, _ = draw(Adding(9), 2000)
    assert inputs[..., 1].any(axis=0).all()


@pytest.mark.parametrize("kind", [Multiplication, DelayedXor])
@pytest.mark.parametrize("length", [10, 37, 60])
def test_marks_in_the_first_tenth_and_from_there_to_the_middle(kind: Any, length: int) -> None:
    inputs, _ = draw(kind(length), 3000)
    values, marks = inputs[..., 0], inputs[..., 1]
    tenth, half = length // 10, length // 2
    assert (marks[:, :tenth].sum(axis=1) == 1).all()
    assert (marks[:, tenth:half].sum(axis=1) == 1).all()
    assert not marks[:, half:].any()
    assert marks[:, :half].any(axis=0).all()
    assert values.mean() == pytest.approx(0.5, abs=0.01)
    assert values.var() == pytest.approx(1 / 4 if kind is DelayedXor else 1 / 12, rel=0.02)


@pytest.mark.parametrize(
    "task",
    [Copying(21), Copying(22), Copying(50), Memorisation(11), Memorisation(40, 10, 5)],
    ids=str,
)
def test_copying_shows_waits_and_signals(task: MemoryTask) -> None:
    inputs, targets = draw(task, 500)
    count, kinds, length = shown(task), task.outputs - 1, task.length
    symbols = inputs.argmax(axis=2)
    assert (symbols[:, :count] < kinds).all()
    assert (symbols[:, length - count - 1] == kinds + 1).all()
    rest = np.delete(symbols[:, count:], length - 2 * count - 1, axis=1)
    assert (rest == kinds).all()
    assert rest.shape[1] == length - count - 1
    assert (targets[:, :-count] == kinds).all()
    assert (targets[:, -count:] == symbols[:, :count]).all()
    assert all(set(column) == set(range(kinds)) for column in symbols[:, :count].T)


def test_a_permutation_begins_with_one_of_two_and_never_shows_them_again() -> None:
    inputs, _ = draw(RandomPermutation(30, 20), 2000)
    symbols = inputs.argmax(axis=2)
    assert set(symbols[:, 0]) == {0, 1}
    assert set(symbols[:, 1:].ravel()) == set(range(2, 20))
    share = np.bincount(symbols[:, 1:].ravel(), minlength=20)[2:] / symbols[:, 1:].size
    np.testing.assert_allclose(share, 1 / 18, rtol=0.05)


def test_the_first_symbol_is_like_all_others() -> None:
    inputs, _ = draw(FirstSymbol(10, 4), 20_000)
    np.testing.assert_allclose(inputs.mean(axis=0), 0.25, atol=0.02)


def test_half_of_a_mixture_is_far_and_the_flag_says_which() -> None:
    inputs, _ = draw(Mixture(40, 15), 500)
    flag = inputs[..., -1]
    assert ((flag == 0) | (flag == 1)).all()
    assert flag.mean() == pytest.approx(0.5, abs=0.02)


# -- how far back ----------------------------------------------------------------------------


def oldest_needed(task: MemoryTask, row: NDArray[np.float32]) -> list[int]:
    """Steps from each answer back to the oldest input it needs; of far ones in a mixture."""
    last = task.length - 1
    if isinstance(task, Marked):
        return [last - int(np.flatnonzero(row[:, 1])[0])]
    match task:
        case TemporalOrder():
            return [last - int(np.flatnonzero(row[:, 4:6].any(axis=1))[0])]
        case Copying() | Memorisation():
            return [t - i for i, t in enumerate(range(task.length - shown(task), task.length))]
        case RandomPermutation() | FirstSymbol():
            return [last]
        case Mixture():
            return [task.lag for flag in row[task.lag :, -1] if flag]
        case Echo():
            return [task.lag] * (task.length - task.lag)
    raise AssertionError(task)


@pytest.mark.some(11)
@EACH
def test_the_lag_is_the_smallest_distance_to_the_oldest_needed_input(task: MemoryTask) -> None:
    inputs, _ = draw(task, 3000)
    assert min(d for row in inputs for d in oldest_needed(task, row)) == task.lag


@pytest.mark.some(4)
@EACH
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
    last = task.length - 1
    if isinstance(task, Mixture):
        far = [t for t in range(task.lag, task.length) if row[t, -1]]
        return [(far[-1], task.lag)] if far else []
    return [(last, oldest_needed(task, row)[-1])]


def _harmless(task: MemoryTask, other: NDArray[np.float32]) -> NDArray[np.float32]:
    """Another sequence without what would make two of what there is one of."""
    other = other.copy()
    if isinstance(task, Marked):
        other[:, 1] = 0
    if isinstance(task, TemporalOrder):
        other[other[:, 4:6].any(axis=1)] = np.eye(task.inputs)[0]
    return other


def _swapped(task: MemoryTask, step: NDArray[np.float32]) -> NDArray[np.float32]:
    """The same input with another value: A for B, another number, the next symbol."""
    step = step.copy()
    match task:
        case TemporalOrder():
            step[4:6] = step[[5, 4]]
        case DelayedXor():
            step[0] = 1 - step[0]
        case Adding() | Multiplication():
            step[0] += 1
        case Copying() | Memorisation():
            step[: task.outputs - 1] = np.roll(step[: task.outputs - 1], 1)
        case RandomPermutation():
            step[:2] = step[[1, 0]]
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

SMALL: list[MemoryTask] = [
    TemporalOrder(10), TemporalOrder(23), TemporalOrder(12, "hochreiter"),
    TemporalOrder(23, "hochreiter"), ThreeBitOrder(12), ThreeBitOrder(34, "hochreiter"),
    DelayedXor(10), Memorisation(5, 2), Memorisation(7, 2, 3), RandomPermutation(4, 5),
    FirstSymbol(5, 3), Echo(6, 2, 3), Mixture(6, 3, 2),
]  # fmt: skip
"""Small enough for everything a short memory can see to be seen hundreds of times."""


def best_loss(task: MemoryTask, window: int, size: int) -> float:
    """Of any model of the last ``window`` inputs: the mean entropy of an answer, given those."""
    inputs, targets = draw(task, size)
    inputs = _essence(task, inputs)
    targets = targets.reshape(size, -1)
    steps = range(task.length) if task.every_step else [task.length - 1]
    code = np.random.default_rng(1).integers(1, 2**62, inputs.shape[1:])
    total = count = 0.0
    for target, step in zip(targets.T, steps, strict=True):
        if target[0] == NO_LOSS:
            continue
        near = slice(max(0, step + 1 - window), step + 1)
        seen = np.einsum("bti,ti->b", inputs[:, near].astype(np.int64), code[near])
        total += _entropy(np.stack([seen, target])) - _entropy(seen[None])
        count += 1
    return total / count


def _essence(task: MemoryTask, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Without what is drawn by itself and asked for nowhere: which distractor, a bit unmarked."""
    if isinstance(task, TemporalOrder):
        distracts = inputs[..., :4].sum(axis=2, keepdims=True)
        return np.concatenate([distracts, inputs[..., 4:]], axis=2)
    if isinstance(task, DelayedXor):
        return inputs * inputs[..., 1:]
    return inputs


def _entropy(rows: NDArray[np.int64]) -> float:
    """Of what was drawn, in nats."""
    counts = np.unique(rows, axis=1, return_counts=True)[1]
    shares = counts / counts.sum()
    return float(-np.sum(shares * np.log(shares)))


@pytest.mark.some(1)
@pytest.mark.parametrize(
    "task",
    [
        # The longer one of two of a kind.
        pytest.param(
            task, marks=pytest.mark.long if number in (1, 2, 3, 5, 6, 8) else (), id=str(task)
        )
        for number, task in enumerate(SMALL)
    ],
)
def test_no_model_of_a_short_memory_does_better_than_it_says(task: MemoryTask) -> None:
    """By brute force: without memory, with one shorter than the lag, with one that just reaches."""
    size = 50_000
    assert best_loss(task, 0, size) == pytest.approx(task.baseline, rel=3e-3)
    assert best_loss(task, task.lag, size) == pytest.approx(task.near_baseline, rel=0.01)
    assert best_loss(task, task.lag + 1, size) < 0.97 * task.near_baseline
    assert best_loss(task, task.length, size) < 0.02 * task.baseline


@pytest.mark.some(7)
@pytest.mark.parametrize("task", [t for t in CLASSES if t.length > 2 and t.inputs > 3], ids=str)
def test_the_baseline_is_the_entropy_of_the_classes_at_each_step(task: MemoryTask) -> None:
    """Shares are measured on one half of the sequences, the loss on the other."""
    _, targets = draw(task, 20_000)
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
    assert total / count == pytest.approx(task.baseline, rel=5e-3)


def test_a_short_memory_of_copying_knows_the_blanks_alone() -> None:
    """Each of the ten lies the whole lag back, and is drawn by itself."""
    task = Copying(60)
    _, targets = draw(task, 20_000)
    pairs = targets[:, -10:-1] * 8 + targets[:, -9:]
    share = np.bincount(pairs[:, 0], minlength=64) / len(pairs)
    np.testing.assert_allclose(share, 1 / 64, atol=0.005)
    assert task.near_baseline == task.baseline


VALUES: list[tuple[MemoryTask, Callable[[Any], Any]]] = [
    (Adding(30), lambda known: known + 0.5),
    (Multiplication(30), lambda known: known / 2),
]


@pytest.mark.parametrize(("task", "best"), VALUES, ids=["adding", "multiplication"])
def test_what_is_left_of_a_value(task: MemoryTask, best: Callable[[Any], Any]) -> None:
    """By the best constant, and by the best function of the marked number that is near."""
    inputs, values = draw(task, 200_000)
    values = values[:, 0]
    errors = {c: float(np.mean((values - c) ** 2)) for c in np.arange(0, 2, 0.05)}
    constant = min(errors, key=errors.__getitem__)
    assert constant == pytest.approx(1.0 if isinstance(task, Adding) else 0.25)
    assert errors[constant] == pytest.approx(task.baseline, rel=0.01)

    near = inputs[:, -task.lag :]
    assert (near[..., 1].sum(axis=1) == 1).all()  # of the two marks it sees one, always
    known = (near[..., 0] * near[..., 1]).sum(axis=1)
    assert np.mean((values - best(known)) ** 2) == pytest.approx(task.near_baseline, rel=0.02)
    bins = np.digitize(known, np.linspace(0, 1, 101))
    left = [values[bins == b].var() * np.mean(bins == b) for b in np.unique(bins)]
    assert sum(left) == pytest.approx(task.near_baseline, rel=0.02)


# -- when it is solved -----------------------------------------------------------------------


@EACH
def test_every_criterion_has_numbers_words_and_a_source(task: MemoryTask) -> None:
    criterion = task.criterion
    assert 0 <= criterion.wrong < criterion.sequences
    assert re.search(r"(19|20)\d\d", criterion.source)
    assert f"{criterion.sequences:,}" in criterion.statement
    assert (criterion.tolerance is not None) == (task.kind == "value")
    if criterion.tolerance is not None:
        assert f"{criterion.tolerance:g}" in criterion.statement
    assert criterion.met(0.0)
    guessing = 0.5 if task.kind == "classes" else 0.8
    assert not criterion.met(guessing)


def test_a_criterion_is_met_up_to_its_number_of_wrong_sequences() -> None:
    for count in (10_000, 2000, 100):
        allowed = count // 100 - 1  # under 1 %
        assert PASCANU.met(allowed / count)
        assert not PASCANU.met((allowed + 1) / count)
    assert not PASCANU.met(math.nan)
    strict = Criterion(0, 2000, "none", "nobody")
    assert strict.met(0.0)
    assert not strict.met(1e-9)


@pytest.mark.parametrize("task", [Adding(30), Multiplication(30)], ids=str)
def test_the_best_of_a_short_memory_is_not_solved(task: MemoryTask) -> None:
    """The tolerance is far below what is left of the value."""
    inputs, values = draw(task, 20_000)
    near = inputs[:, -task.lag :]
    known = (near[..., 0] * near[..., 1]).sum(axis=1)
    best = known + 0.5 if isinstance(task, Adding) else known / 2
    assert task.criterion.tolerance is not None
    assert np.mean(np.abs(values[:, 0] - best) >= task.criterion.tolerance) > 0.5


# -- streams and settings --------------------------------------------------------------------


@EACH
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
    ("make", "least"),
    [
        (TemporalOrder, 10), (lambda n: TemporalOrder(n, "hochreiter"), 10), (ThreeBitOrder, 10),
        (lambda n: ThreeBitOrder(n, "hochreiter"), 34), (Adding, 2), (Multiplication, 10),
        (DelayedXor, 10), (Copying, 21), (Memorisation, 11),
        (lambda n: Memorisation(n, 10, 5), 21), (RandomPermutation, 2), (FirstSymbol, 2),
        (lambda n: Echo(n, 1), 2), (lambda n: Mixture(n, 2), 3),
    ],
)  # fmt: skip
def test_the_shortest_length_works_and_what_is_below_is_refused(
    make: Callable[[int], MemoryTask], least: int
) -> None:
    task = make(least)
    inputs, _ = draw(task, 50)
    assert inputs.shape[1] == least
    assert 1 <= task.lag < least
    words = f"^length of {task.name} must be a whole number of at least {least}, not {least - 1}$"
    with pytest.raises(SettingError, match=words):
        make(least - 1)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: TemporalOrder(20.0), "must be a whole number of"),  # type: ignore[arg-type]
        (
            lambda: TemporalOrder(20, "elman"),  # type: ignore[arg-type]
            "form of temporal-order must be pascanu or hochreiter, not 'elman'",
        ),
        (lambda: Adding(True), "not True"),
        (lambda: Echo(10, 10), "lag of echo must be below its 10 steps, not 10"),
        (lambda: Echo(10, 0), "lag of echo must be a whole number of at least 1, not 0"),
        (lambda: Echo(10, 2, 1), "symbols of echo must be a whole number of at least 2, not 1"),
        (lambda: FirstSymbol(10, 1), "symbols of first-symbol must be a whole number of at"),
        (lambda: Memorisation(10, 0), "pattern of noiseless-memorisation must be a whole number"),
        (lambda: Memorisation(30, 5, 1), "symbols of noiseless-memorisation must be a whole"),
        (lambda: RandomPermutation(9, 2), "symbols of random-permutation must be a whole number"),
        (lambda: Mixture(10, 1), "lag of mixture must be a whole number of at least 2, not 1"),
        (lambda: Mixture(10, 12), "lag of mixture must be below its 10 steps, not 12"),
        (lambda: Batches(Echo(), 0, seed=0), "size of a batch of sequences must be"),
    ],
)
def test_bad_settings_are_named(make: Any, words: str) -> None:
    with pytest.raises(SettingError, match=words):
        make()


def test_both_forms_have_places() -> None:
    for kind in (TemporalOrder, ThreeBitOrder):
        assert tuple(kind.places) == tuple(kind.least) == get_args(Form)


def test_a_task_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Echo().lag = 3  # type: ignore[misc]


# -- the page about them ---------------------------------------------------------------------

PAGE = Path(__file__).parent.parent / "docs/tasks.md"


def test_the_page_has_every_task_and_its_numbers() -> None:
    page = PAGE.read_text(encoding="utf-8")
    rows = [re.split(r" *\| *", line)[1:-1] for line in page.splitlines() if line[:3] == "| `"]
    asked, numbers = ([row for row in rows if len(row) == columns] for columns in (2, 6))
    assert [name for name, _ in asked] == [name for name, *_ in numbers]
    seen = []
    for (_, what), (name, lag, chance, near, solved, source) in zip(asked, numbers, strict=True):
        kind, *form = name.strip("`").split(" --form ")
        config = OF_THE_LAB[kind]
        assert issubclass(config, Memory)
        own: dict[str, Any] = {"form": form[0]} if form else {}
        task = config(length=100, **own).task
        criterion = task.criterion
        assert int(lag) == task.lag
        assert float(chance) == pytest.approx(task.baseline, rel=2e-3)
        assert float(near) == pytest.approx(task.near_baseline, rel=2e-3)
        tolerance = re.search(r", within (\S+)$", what)
        assert criterion.tolerance == (None if tolerance is None else float(tolerance[1]))
        assert solved == f"{criterion.wrong} of {criterion.sequences:,}"
        who = {"Pascanu": "Pascanu", "H&S": "Hochreiter", "(Pascanu)": "none"}
        assert criterion.source.startswith(who[source])
        seen.append(kind)
    assert list(dict.fromkeys(seen)) == [name for name in OF_THE_LAB if name != "chars"]


def test_the_example_on_the_page_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(example, names)
    assert names["inputs"].shape == (32, 100, 6)
    assert names["classes"].shape == (32,)
    assert "79 1.386" in capsys.readouterr().out
