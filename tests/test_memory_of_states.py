"""What a state holds, against plain loops in float64: state by state, sequence by sequence."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from backsight import context_probe, watch
from backsight.errors import SettingError
from backsight.nn import build_cell
from backsight.probes import (
    Catcher,
    MemoryProfile,
    ModuleCalls,
    Readers,
    affordable,
    as_it_was,
    compared_of,
    ladder,
    may_run_again,
    memory,
    named_modules,
    replay,
    thinned,
)
from backsight.probes._memory_lanes import SPARE, begins_of
from backsight.probes._sequences import spacing
from backsight.probes.fused import memory_of_calls
from backsight.report import memory_sentences
from backsight.signals import measure_memory, measure_reach, memory_reading
from tests.reference import unroll
from tests.test_probe import feed

EXACT = 1e-10
HIDDEN = 5


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def twin(
    xs: Sequence[Tensor],
    at: Sequence[int],
    state_of: Callable[[Tensor, int, int, int], Tensor],
    compared: int,
    lags: Sequence[int],
) -> NDArray[np.float64]:
    """``M`` at ``lags``, for sequences that differ everywhere.

    Args:
        xs: ``(T, I)`` each, in the order in which the states are made.
        at: where each one's state is wanted.
        state_of: runs a sequence: its inputs, its place to be told, whose own it is, and whose
            initial state it has.
        compared: how many of them are compared with the next one.
        lags: ascending.
    """
    count, window = len(xs), lags[-1]
    found = []
    for k in lags:
        moved = whole = 0.0
        for b in range(compared):
            p = (b + 1) % count
            if k > at[b] + 1 or (k == at[b] + 1 < window):
                continue

            def mixed(k: int, b: int = b, p: int = p) -> Tensor:
                older = xs[p][: max(0, at[p] + 1 - k)]
                x = torch.cat([older, xs[b][at[b] + 1 - k :]])
                return state_of(x, len(older) + k - 1, b, p)

            own = state_of(xs[b], at[b], b, b)
            moved += float((own - mixed(k)).norm())
            whole += float((own - mixed(0)).norm())
        found.append(moved / whole)
    return np.array(found)


# -- fused layers ----------------------------------------------------------------------------


FUSED: list[tuple[Any, dict[str, Any], str]] = [
    (nn.RNN, {}, "time first"),
    (nn.RNN, {"nonlinearity": "relu", "bias": False}, "time first"),
    (nn.GRU, {"num_layers": 2, "batch_first": True}, "state"),
    (nn.LSTM, {"num_layers": 3, "dropout": 0.5}, "time first"),
    (nn.LSTM, {"proj_size": 2, "num_layers": 2}, "state"),
    (nn.LSTM, {}, "packed unsorted"),
    (nn.GRU, {"num_layers": 2}, "packed"),
    (nn.RNN, {"bidirectional": True}, "state"),
    (nn.GRU, {"bidirectional": True}, "packed unsorted"),
    (nn.LSTM, {"bidirectional": True, "num_layers": 2}, "state"),
    (nn.GRU, {"bidirectional": True, "num_layers": 2, "dropout": 0.3}, "packed"),
    (nn.LSTM, {"bidirectional": True, "num_layers": 2, "proj_size": 3}, "time first"),
    (nn.RNN, {"num_layers": 2}, "gathered"),
]  # fmt: skip


def ran(
    module: nn.RNNBase, form: str, xs: list[Tensor], state: Any, read: Sequence[int]
) -> dict[str, MemoryProfile]:
    """The memories of one call, of which the loss reads each sequence at its first step, and at
    another."""
    catcher = Catcher()
    catcher.armed = True
    given: list[Any] = []
    forward = module.forward

    def told(x: Any, hx: Any = None) -> Any:
        catcher.before("rnn", module)
        result = forward(x, hx)
        catcher.after("rnn", module, (x,) if hx is None else (x, hx), {}, result)
        given.append(result)
        return result

    module.forward = told
    rows, _, _ = feed(module, form, xs, state)
    del module.forward
    losses = [row[0].square().sum() + row[t].sum() for row, t in zip(rows, read, strict=True)]
    torch.stack(losses).sum().backward()  # type: ignore[no-untyped-call]
    return memory_of_calls(catcher.take())


@pytest.mark.some(4)
@pytest.mark.parametrize(("kind", "options", "form"), FUSED, ids=str)
def test_fused_layers_hold_what_a_plain_loop_holds(
    kind: Any, options: dict[str, Any], form: str
) -> None:
    module = kind(3, HIDDEN, **options).double()
    directions = 2 if module.bidirectional else 1
    lengths = [7, 5, 5, 4, 3, 2, 2, 1] if form.startswith("packed") else [7] * 8
    if form == "packed unsorted":
        lengths = lengths[::-1]
    read = [n - 1 - (form == "gathered") * (b % 3) for b, n in enumerate(lengths)]
    xs = [torch.randn(n, 3).double() for n in lengths]
    h = torch.randn(module.num_layers * directions, 8, module.proj_size or HIDDEN).double()
    c = torch.randn(module.num_layers * directions, 8, HIDDEN).double()
    given = form == "state"
    state: Any = ((h, c) if module.mode == "LSTM" else h) if given else None
    found = ran(module, "time first" if given or form == "gathered" else form, xs, state, read)
    names = [name for name, _ in module.named_parameters() if name.startswith("weight_hh")]
    assert sorted(found) == sorted(f"rnn.{name.removeprefix('weight_hh_')}" for name in names)
    for name, profile in found.items():
        suffix = name.removeprefix("rnn.")
        d = int(suffix.endswith("_reverse"))
        at = [n - 1 if d else t for n, t in zip(lengths, read, strict=True)]
        order = torch.tensor(at).argsort(descending=True, stable=True).tolist()

        def state_of(
            x: Tensor, place: int, own: int, begun: int, d: int = d, suffix: str = suffix,
            order: list[int] = order,
        ) -> Tensor:  # fmt: skip
            rows = [order[begun if e % directions == d else own] for e in range(len(h))]
            each = range(len(h))
            h0 = h[each, rows] if given else None
            c0 = c[each, rows] if given else None
            return unroll(module, x.flip(0) if d else x, h0, c0).h[suffix][place].detach()

        whole = directions == 2 and module.num_layers == 2
        steps = max(at) + 1
        compared = affordable(8, steps, 0.5)[0] if whole else compared_of(8, 8)
        lags = thinned(ladder(steps), affordable(8, steps, 0.5)[1]) if whole else ladder(steps)
        assert profile.lags.tolist() == lags
        ordered = [xs[b].flip(0) if d else xs[b] for b in order]
        expected = twin(ordered, [at[b] for b in order], state_of, compared, lags)
        np.testing.assert_allclose(profile.memory, expected, rtol=EXACT, atol=1e-14)


def test_calls_that_hand_their_state_on_are_one_sequence() -> None:
    """Three windows of 2, 3 and 2 steps, the state detached in between, hold what one of 7 does."""
    lstm, xs = nn.LSTM(3, HIDDEN, 2).double(), torch.randn(7, 4, 3).double()
    found = []
    for sizes in ([7], [2, 3, 2]):
        catcher, state = Catcher(), None
        catcher.armed = True
        for x in torch.split(xs, sizes):
            catcher.before("rnn", lstm)
            given = (x,) if state is None else (x, state)
            result = lstm(*given)
            catcher.after("rnn", lstm, given, {}, result)
            result[0][-1].sum().backward()
            state = tuple(one.detach() for one in result[1])
        found.append(memory_of_calls(catcher.take()))
    whole, windows = found
    assert whole["rnn.l1"].lags.tolist() == windows["rnn.l1"].lags.tolist() == [1, 2, 4, 7]
    np.testing.assert_allclose(windows["rnn.l1"].memory, whole["rnn.l1"].memory, rtol=EXACT)


def test_one_sequence_has_nothing_to_be_compared_with() -> None:
    rnn = nn.RNN(3, HIDDEN).double()
    assert ran(rnn, "time first", [torch.randn(7, 3).double()], None, [6]) == {}


def worth_of(
    net: nn.RNNBase, head: nn.Module, x: Tensor, loss_of: Callable[[Tensor], Tensor]
) -> MemoryProfile:
    """The memory of the top layer, with what the loss of the run is told by."""
    failed: list[Exception] = []
    calls, readers = ModuleCalls(failed.append), Readers()
    readers.adopt("rnn", net)
    calls.watch(
        net,
        before=lambda module, args, kwargs: readers.before("rnn", module, args, kwargs),
        after=lambda module, args, kwargs, result: readers.called(
            "rnn", module, args, kwargs, result
        ),
    )
    readers.begin(armed=True)
    readers.remember()
    try:
        loss = loss_of(head(net(x)[0]))
        readers.graph_whole([loss], [None])
        loss.backward()  # type: ignore[no-untyped-call]
        readers.backward_ended()
        found = readers.memories()
    finally:
        calls.close()
    assert not failed
    assert not found.errors
    return found.profiles[f"rnn.l{net.num_layers - 1}"]


@pytest.mark.parametrize("form", ["last", "every step", "batch first", "numbers"])
def test_the_loss_with_another_past_is_that_of_a_plain_loop(form: str) -> None:
    """Of the last step of each of 6 sequences; the reading is worked out by hand."""
    batch_first = form == "batch first"
    net = nn.GRU(3, HIDDEN, 2, batch_first=batch_first).double()
    head, x = nn.Linear(HIDDEN, 4).double(), torch.randn(7, 6, 3).double()
    classes, numbers = torch.randint(0, 4, (7, 6)), torch.randn(6, 4).double()

    def loss_of(out: Tensor) -> Tensor:
        if form == "last":
            return functional.cross_entropy(out[-1], classes[-1])
        if form == "numbers":
            return functional.mse_loss(out[-1], numbers)
        target = classes.T if batch_first else classes
        return functional.cross_entropy(out.reshape(-1, 4), target.reshape(-1))

    profile = worth_of(net, head, x.transpose(0, 1) if batch_first else x, loss_of)
    expected = []
    for k in (1, 2, 4, 7):
        each = []
        for b in range(compared_of(6, 6)):
            mixed = torch.cat([x[: 7 - k, (b + 1) % 6], x[7 - k :, b]])[:, None]
            state = net(mixed.transpose(0, 1) if batch_first else mixed)[0].reshape(7, HIDDEN)[-1]
            if form == "numbers":
                each.append(functional.mse_loss(head(state), numbers[b]).item())
            else:
                each.append(functional.cross_entropy(head(state), classes[-1, b]).item())
        expected.append(np.mean(each))
    assert profile.losses is not None
    np.testing.assert_allclose(profile.losses, expected, rtol=EXACT)


def test_what_is_forgotten_is_worth_what_a_shorter_context_is() -> None:
    """A state that forgets in 8 steps does not tell another past from none: the loss by context."""
    head = nn.Linear(HIDDEN, 4).double()
    net: Any = nn.RNN(3, HIDDEN).double()
    with torch.no_grad():
        net.weight_hh_l0.mul_(0.5)
    x, target = torch.randn(40, 6, 3).double(), torch.randint(0, 4, (6,))
    profile = worth_of(net, head, x, lambda out: functional.cross_entropy(out[-1], target))
    some = compared_of(6, 6)

    def evaluate(steps: int) -> float:
        out = head(net(x[-steps:, :some])[0][-1])
        return functional.cross_entropy(out, target[:some]).item()

    context = context_probe(evaluate, profile.lags.tolist())
    assert profile.losses is not None
    assert str(profile.length) in ("2", "4")
    np.testing.assert_allclose(profile.losses[3:], context.losses[3:], rtol=1e-3)
    assert abs(profile.losses[0] - context.losses[0]) > 1e-3


def _part_of(out: Tensor, part: slice | int, target: Tensor) -> Tensor:
    return functional.mse_loss(out[..., part], target)


def test_a_loss_that_reads_a_part_of_what_a_layer_gives_is_not_told() -> None:
    net, head, x = nn.GRU(3, HIDDEN), nn.Linear(HIDDEN, 7), torch.randn(7, 5, 3)
    for part in (slice(0, 3), 2):
        target = torch.randn(7, 5, 7)[..., part]
        profile = worth_of(net, head, x, partial(_part_of, part=part, target=target))
        assert profile.losses is None
        assert len(profile.lags)


def test_the_loss_with_another_past_is_not_told_where_more_lies_between() -> None:
    net, x = nn.GRU(3, HIDDEN, 2, dropout=0.5), torch.randn(7, 6, 3)
    deep = nn.Sequential(nn.Linear(HIDDEN, 4), nn.Tanh(), nn.Linear(4, 2))
    wide, target = nn.Linear(HIDDEN, 2), torch.randint(0, 2, (6,))

    def loss_of(out: Tensor) -> Tensor:
        return functional.cross_entropy(out[-1], target)

    dropped = worth_of(net, wide, x, loss_of)
    net.eval()
    known = worth_of(net, wide, x, loss_of)
    ignored = torch.where(torch.arange(6) == 2, -100, target)
    others = [
        worth_of(net, deep, x, loss_of),
        worth_of(net, wide, x, lambda out: functional.cross_entropy(out[0] + out[-1], target)),
        worth_of(net, wide, x, lambda out: functional.cross_entropy(out[-1], ignored)),
        worth_of(net, wide, x, lambda out: loss_of(out) + loss_of(2 * out)),
        worth_of(net, wide, x, lambda out: out[-1].square().mean()),
    ]
    assert known.losses is not None
    assert [one.losses for one in (dropped, *others)] == [None] * 6


# -- any module that advances a state --------------------------------------------------------


def linear(keep: float) -> Callable[[Any, Any], tuple[Tensor, ...]]:
    """``h' = keep h + x``."""

    def advance(x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        h = state[0]
        for row in x:
            h = keep * h + row
        return (h,)

    return advance


def test_a_leaky_state_holds_what_its_leak_leaves() -> None:
    """All differences alike: ``M(k) = (keep^k - keep^T) / (1 - keep^T)``."""
    x = torch.zeros(10, 2, 1).double()
    x[:, 1] = 1.0
    (profile,) = memory(linear(0.5), x, [torch.zeros(2, 1).double()])
    expected = [(0.5**k - 0.5**10) / (1 - 0.5**10) for k in (1, 2, 4, 8, 10)]
    np.testing.assert_allclose(profile.memory, expected, rtol=1e-12)
    assert str(profile.length) == "4"


def test_what_sequences_have_in_common_says_nothing_of_the_memory() -> None:
    """Four steps of padding before both: the window has the six in which they differ."""
    x = torch.zeros(10, 2, 1).double()
    x[4:, 1] = 1.0
    (profile,) = memory(linear(1.0), x, [torch.zeros(2, 1).double()])
    assert profile.lags.tolist() == [1, 2, 4, 6]
    np.testing.assert_allclose(profile.memory, [5 / 6, 4 / 6, 2 / 6, 0], rtol=1e-12)
    assert str(profile.length) == "≥ 4"


def test_an_initial_state_lies_behind_all_inputs() -> None:
    x, state = torch.zeros(4, 2, 1).double(), torch.tensor([[0.0], [1.0]]).double()
    x[:, 1] = 1.0
    (profile,) = memory(linear(1.0), x, [state])
    assert profile.lags.tolist() == [1, 2, 4]
    np.testing.assert_allclose(profile.memory, [4 / 5, 3 / 5, 1 / 5], rtol=1e-12)
    assert str(profile.length) == "≥ 4"


def test_a_state_that_no_past_moves_has_no_memory_to_tell_of() -> None:
    x, state = torch.randn(5, 3, 1), [torch.zeros(3, 1)]
    (profile,) = memory(lambda x, state: (torch.ones(len(state[0]), 1),), x, state)
    assert (profile.lags.size, profile.memory.size, profile.length) == (0, 0, None)
    assert (profile.alike, profile.tells) == (0, True)
    assert "it holds nothing" in profile.words()
    (alike,) = memory(linear(1.0), torch.ones(5, 3, 1), state)
    assert (alike.lags.size, alike.alike) == (0, math.inf)
    assert "no other past" in alike.words()


@pytest.mark.parametrize("lengths", [None, [9, 9, 7]])
def test_a_pause_after_which_nothing_is_left_is_told(lengths: list[int] | None) -> None:
    """A copying task's, of a state that is anew at each step: what is asked of it lies before."""
    x = torch.ones(9, 3, 1)
    x[:3] = torch.randn(3, 3, 1)
    if lengths:
        x[:7, 2] = torch.cat([torch.randn(1, 1), torch.ones(6, 1)])
    (profile,) = memory(lambda x, _: (x[-1],), x, [torch.zeros(3, 1)], lengths=lengths)
    assert profile.alike == 6
    assert "alike in their last 6 steps" in profile.words()
    assert "of those 6 cannot be told" in profile.words()


def test_a_nan_is_told() -> None:
    x = torch.randn(5, 2, 1)
    x[3, 0] = math.nan
    (profile,) = memory(linear(1.0), x, [torch.zeros(2, 1)])
    assert np.isnan(profile.memory).all()
    assert profile.length is None
    assert profile.words() == "what the state holds is not finite"


def test_one_sequence_is_refused_in_a_sentence() -> None:
    with pytest.raises(SettingError, match=r"needs two of at least one step.*not \(5, 1, 3\)"):
        memory(linear(1.0), torch.randn(5, 1, 3), [torch.zeros(1, 3)])


@pytest.mark.parametrize("batch", [2, 3, 4, 5, 8, 9, 12, 32, 256])
@pytest.mark.parametrize("steps", [1, 2, 5, 64, 100])
def test_it_costs_two_and_a_half_forward_passes_at_most(batch: int, steps: int) -> None:
    """Counted in steps of sequences; those that are followed are as of a monitor."""
    followed, worked = spacing(0, batch)[0], 0

    def advance(x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        nonlocal worked
        worked += x.shape[0] * x.shape[1]
        return (state[0] + x.sum(0),)

    units = math.isqrt(SPARE) + 1  # so large that no step is wasted
    x, state = torch.randn(steps, followed, units), torch.randn(followed, units)
    memory(advance, x, [state], compared=compared_of(batch, followed))
    assert worked <= 2.5 * batch * steps
    compared, lags = affordable(batch, steps)
    assert (compared * (lags + 3)) <= 2.5 * batch


def test_small_lanes_begin_early_where_that_costs_little() -> None:
    lanes = dict.fromkeys([1, 2, 4, 8, 16, 32], 2)
    assert begins_of(lanes, 40, math.isqrt(SPARE) + 1) == {lag: lag for lag in lanes}
    assert set(begins_of(lanes, 40, 1).values()) == {40}
    assert begins_of(lanes, 40, 181) == {32: 40, 16: 16, 8: 16, 4: 4, 2: 4, 1: 4}
    assert begins_of({}, 40, 3) == {}


@pytest.mark.parametrize("units", [1, 99, 800])
def test_how_early_lanes_begin_changes_no_number(units: int) -> None:
    """Of an input that is added to a leaking state."""
    x, state = torch.randn(11, 5, units).double(), torch.randn(5, units).double()
    calls = 0

    def advance(x: Tensor, h: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        nonlocal calls
        calls += 1
        for step in x:
            h = (0.8 * h[0] + step,)
        return h

    (found,) = memory(advance, x, [state], compared=3)
    apart = [(state[:3] - state[1:4]).norm(dim=1).sum()]
    gap = state[:3] - state[1:4]
    for step in x:
        gap = 0.8 * gap + step[:3] - step[1:4]
        apart.append(gap.norm(dim=1).sum())
    wanted = [float(0.8**k * apart[11 - k] / apart[11]) for k in found.lags]
    np.testing.assert_allclose(found.memory, wanted, rtol=1e-12)
    assert calls == {1: 1, 99: 2, 800: 5}[units]


def anchored(init: Callable[[Tensor], Any] | None) -> NDArray[np.float64]:
    """``M`` of ``nn.RNN(4, 64)`` over 100 steps of noise, mean of three seeds."""
    found = []
    for seed in range(3):
        torch.manual_seed(seed)
        rnn = nn.RNN(4, 64)
        if init is not None:
            init(rnn.weight_hh_l0)  # type: ignore[arg-type]

        def advance(x: Any, state: Any, rnn: nn.RNN = rnn) -> tuple[Tensor, ...]:
            return (rnn(x, state[0][None])[1][0],)

        found.append(memory(advance, torch.randn(100, 8, 4), [torch.zeros(8, 64)])[0].memory)
    return np.mean(found, axis=0)  # type: ignore[no-any-return]


def test_a_default_and_an_orthogonal_matrix_hold_what_they_are_known_to() -> None:
    """Measured once elsewhere: 0.60, 0.40, 0.19, 0.01, 0.00; and 0.66, 0.44, 0.17, 0.02, 0.001."""
    default, orthogonal = anchored(None), anchored(nn.init.orthogonal_)
    assert default[:5] == pytest.approx([0.60, 0.40, 0.19, 0.01, 0.00], abs=0.1)
    assert orthogonal[2:7] == pytest.approx([0.66, 0.44, 0.17, 0.02, 0.001], abs=0.05)


# -- what both say of networks that are made to ----------------------------------------------


def leaky(rnn: Any) -> None:
    """Half of the state is gone at each step."""
    rnn.weight_hh_l0.copy_(0.5 * torch.eye(16))


def orthogonal(rnn: Any) -> None:
    """Nearly all of it stays."""
    nn.init.orthogonal_(rnn.weight_hh_l0)
    rnn.weight_ih_l0.mul_(0.05)


def chaotic(rnn: Any) -> None:
    """A gain of 3."""
    rnn.weight_hh_l0.copy_(3 * torch.randn(16, 16) / 4)
    rnn.weight_ih_l0.mul_(0.1)


def shut(rnn: Any) -> None:
    """Half of the units keep all that they are given, which is next to nothing."""
    rnn.weight_hh_l0.copy_(torch.diag((torch.arange(16) >= 8).float()))
    rnn.weight_ih_l0[8:] *= 1e-3


@pytest.mark.parametrize(
    ("make", "sizes", "reading"),
    [
        (leaky, [60], "forgets"),
        (orthogonal, [60], "holds"),
        (orthogonal, [50, 10], "untaught"),  # the state is detached ten steps before the loss
        (leaky, [50, 10], "forgets"),
        (shut, [60], "unkept"),
        (chaotic, [60], "sensitive"),
    ],
)
def test_what_memory_and_reach_say_is_true_of_networks_that_are_made_to(
    make: Callable[[nn.RNN], None], sizes: list[int], reading: str
) -> None:
    rnn, catcher, state = nn.RNN(2, 16, bias=False), Catcher(), None
    with torch.no_grad():
        make(rnn)
    catcher.armed = True
    for x in torch.split(torch.randn(60, 8, 2), sizes):
        given = (x,) if state is None else (x, state)
        catcher.before("rnn", rnn)
        output, last = rnn(*given)
        catcher.after("rnn", rnn, given, {}, (output, last))
        state = last.detach()
    output[-1].sum().backward()
    calls = catcher.take()
    profile, reach = memory_of_calls(calls)["rnn.l0"], replay(calls)["rnn.l0"].reach
    found = measure_memory(profile.lags, profile.memory)
    assert memory_reading(found, measure_reach(reach)) == reading


# -- modules that are called once a step -----------------------------------------------------


def of_steps(model: nn.Module, loss_of: Callable[[], Tensor]) -> dict[str, MemoryProfile]:
    """The memories of whatever is called once a step in one loss."""
    failed: list[Exception] = []
    calls, readers = ModuleCalls(failed.append), Readers()
    for path, part in named_modules(model):
        if readers.adopt(path, part) is not None:

            def told(module: nn.Module, args: Any, kwargs: Any, result: Any, p: str = path) -> None:
                readers.called(p, module, args, kwargs, result)

            calls.watch(part, after=told)
    readers.begin(armed=True)
    readers.remember()
    try:
        loss = loss_of()
        errors = readers.graph_whole([loss], [None]).errors
        loss.backward()  # type: ignore[no-untyped-call]
        readers.backward_ended()
        found = readers.memories()
    finally:
        calls.close()
        readers.forget()
    assert not failed
    assert not errors
    assert not found.errors
    return found.profiles


def hidden(state: Any) -> Tensor:
    return state[0] if isinstance(state, tuple) else state  # type: ignore[no-any-return]


class Leaky(nn.Module):
    """A user's own: given the state first, with a norm and dropout inside."""

    def __init__(self) -> None:
        super().__init__()
        self.weigh, self.carry = nn.Linear(3, HIDDEN), nn.Linear(HIDDEN, HIDDEN)
        self.norm, self.drop = nn.BatchNorm1d(HIDDEN), nn.Dropout(0.5)

    def forward(self, h: Tensor, x: Tensor, rate: float = 0.5) -> Tensor:
        """The next state."""
        inner = self.squashed(self.carry(h) + self.drop(self.norm(self.weigh(x))))
        return (1 - rate) * h + rate * inner

    def squashed(self, x: Tensor) -> Tensor:
        """Within bounds."""
        return torch.tanh(x)


@pytest.mark.parametrize("begin", [False, True])
@pytest.mark.parametrize("kind", [nn.RNNCell, nn.GRUCell, nn.LSTMCell])
def test_cells_hold_what_a_plain_loop_holds(kind: Any, begin: bool) -> None:
    cell, xs = kind(3, HIDDEN).double(), torch.randn(6, 4, 3).double()
    lstm, given = kind is nn.LSTMCell, torch.randn(2, 4, HIDDEN).double()
    first: Any = (tuple(given) if lstm else given[0]) if begin else None

    def run(x: Tensor, state: Any) -> Any:
        for step in x:
            state = cell(step, state)
        return state

    profile = of_steps(nn.ModuleDict({"cell": cell}), lambda: hidden(run(xs, first)).sum())["cell"]

    def state_of(x: Tensor, place: int, own: int, begun: int) -> Tensor:
        alone: Any = None
        if begin:
            alone = tuple(g[begun][None] for g in given) if lstm else given[0, begun][None]
        return hidden(run(x[: place + 1, None], alone))[0].detach()

    assert profile.lags.tolist() == [1, 2, 4, 6]
    expected = twin([*xs.transpose(0, 1)], [5] * 4, state_of, 2, [1, 2, 4, 6])
    np.testing.assert_allclose(profile.memory, expected, rtol=EXACT, atol=1e-14)


@pytest.mark.parametrize("cell", ["mingru", "rnn-norm"])
def test_cells_of_the_lab_hold_what_a_plain_loop_holds(cell: Any) -> None:
    stack, xs = build_cell(cell, 3, HIDDEN).double(), torch.randn(4, 6, 3).double()
    found = of_steps(nn.ModuleDict({"rnn": stack}), lambda: stack(xs)[0][:, -1].sum())

    def state_of(x: Tensor, place: int, own: int, begun: int) -> Tensor:
        return stack(x[None, : place + 1])[0][0, -1].detach()  # type: ignore[no-any-return]

    expected = twin([*xs], [5] * 4, state_of, 2, [1, 2, 4, 6])
    np.testing.assert_allclose(found["rnn.l0"].memory, expected, rtol=EXACT, atol=1e-14)


def test_a_module_of_the_users_own_is_run_again_and_left_as_it_was() -> None:
    """With dropout and batch norm as in evaluation; nothing of it, and no random number, moves."""
    torch.manual_seed(3)
    step, xs = Leaky().double(), torch.randn(6, 4, 3).double()

    def loss_of() -> Tensor:
        h = torch.zeros(4, HIDDEN).double()
        for x in xs:
            h = step(h, x)
        return h.sum()

    alike: list[Any] = []
    for watched in (False, True):
        torch.manual_seed(3)
        step.load_state_dict(Leaky().double().state_dict())
        profile = of_steps(nn.ModuleDict({"step": step}), loss_of)["step"] if watched else None
        if not watched:
            loss_of().backward()  # type: ignore[no-untyped-call]
        state = [one.clone() for one in step.state_dict().values()]
        grads = [p.grad for p in step.parameters() if p.grad is not None]
        alike.append([*state, torch.get_rng_state(), *grads])
        step.zero_grad()  # lets them go, unwritten
    assert all(torch.equal(one, other) for one, other in zip(*alike, strict=True))
    assert all(part.training for part in step.modules())

    def state_of(x: Tensor, place: int, own: int, begun: int) -> Tensor:
        step.eval()
        h = torch.zeros(1, HIDDEN).double()
        for row in x[: place + 1]:
            h = step(h, row[None])
        return h[0].detach()

    assert profile is not None
    expected = twin([*xs.transpose(0, 1)], [5] * 4, state_of, 2, [1, 2, 4, 6])
    np.testing.assert_allclose(profile.memory, expected, rtol=EXACT, atol=1e-14)


def test_a_module_that_begins_without_a_state_goes_on_from_its_first_one() -> None:
    class First(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weigh, self.carry = nn.Linear(3, HIDDEN), nn.Linear(HIDDEN, HIDDEN)

        def forward(self, x: Tensor, h: Tensor | None = None) -> Tensor:
            return torch.tanh(self.weigh(x) + (0 if h is None else self.carry(h)))

    step, xs = First().double(), torch.randn(6, 4, 3).double()

    def loss_of() -> Tensor:
        h = None
        for x in xs:
            h = step(x, h)
        assert h is not None
        return h.sum()  # type: ignore[no-any-return]

    profile = of_steps(nn.ModuleDict({"step": step}), loss_of)["step"]

    def state_of(x: Tensor, place: int, own: int, begun: int) -> Tensor:
        h = None
        for row in x[: place + 1]:
            h = step(row[None], h)
        assert h is not None
        return h[0].detach()  # type: ignore[no-any-return]

    assert profile.lags.tolist() == [1, 2, 4, 5]
    rows = [*xs.transpose(0, 1)]
    expected = twin(rows, [5] * 4, state_of, 2, [1, 2, 4, 5, 6])
    np.testing.assert_allclose(profile.memory, expected[:4], rtol=EXACT, atol=1e-14)


def test_the_slots_of_a_memory_are_one_state() -> None:
    """``(B, slots, H)``, of which the newest is written; they are no layers of a stack."""

    class Slots(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.write = nn.Linear(3 + HIDDEN, HIDDEN)

        def forward(self, x: Tensor, kept: Tensor) -> Tensor:
            new = torch.tanh(self.write(torch.cat([x, kept.mean(1)], 1)))
            return torch.cat([new[:, None], kept[:, :-1]], 1)

    step, xs = Slots().double(), torch.randn(6, 4, 3).double()

    def run(x: Tensor) -> Tensor:
        kept = x.new_zeros(x.shape[1], 3, HIDDEN)
        for row in x:
            kept = step(row, kept)
        return kept

    profile = of_steps(nn.ModuleDict({"step": step}), lambda: run(xs).sum())["step"]

    def state_of(x: Tensor, place: int, own: int, begun: int) -> Tensor:
        return run(x[: place + 1, None])[0].flatten().detach()

    expected = twin([*xs.transpose(0, 1)], [5] * 4, state_of, 2, [1, 2, 4, 6])
    np.testing.assert_allclose(profile.memory, expected, rtol=EXACT, atol=1e-14)


def test_a_module_is_run_again_under_the_autocast_that_it_was_called_under() -> None:
    step, xs = Leaky().eval(), torch.randn(6, 4, 3)

    def loss_of() -> Tensor:
        h = torch.zeros(4, HIDDEN)
        with torch.autocast("cpu", torch.bfloat16):
            for x in xs.to(torch.bfloat16):
                h = step(h, x)
        return h.float().sum()

    low = of_steps(nn.ModuleDict({"step": step}), loss_of)["step"]
    assert low.lags.tolist() == [1, 2, 4, 6]
    assert 0 < low.memory[2] < low.memory[0] < 1.5


def test_what_cannot_be_run_again_is_not_told() -> None:
    """A state that is changed between two calls, an input made of the state, one sequence."""
    cell, xs = nn.GRUCell(3, HIDDEN), torch.randn(6, 4, 3)
    step = Leaky()
    back = nn.Linear(HIDDEN, 3)

    def masked() -> Tensor:
        h = torch.zeros(4, HIDDEN)
        for x in xs:
            h = 0.9 * cell(x, h)
        return h.sum()

    def fed_back() -> Tensor:
        h = torch.zeros(4, HIDDEN)
        for x in xs:
            h = step(h, x + back(h))
        return h.sum()

    def alone() -> Tensor:
        h = None
        for x in xs[:, :1]:
            h = cell(x, h)
        assert h is not None
        return h.sum()  # type: ignore[no-any-return]

    model = nn.ModuleDict({"cell": cell, "step": step, "back": back})
    assert [of_steps(model, loss) for loss in (masked, fed_back, alone)] == [{}, {}, {}]


# -- what may be run again -------------------------------------------------------------------


class Counting(nn.Linear):
    """Counts its calls."""

    count = 0

    def forward(self, x: Tensor) -> Tensor:
        self.count += 1
        return super().forward(x)


class Printing(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        print(x.shape)
        return super().forward(x)


SEEN: list[Any] = []


def remembered(x: Tensor) -> Tensor:
    SEEN.append(x)
    return x


class Remembering(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        return remembered(super().forward(x))


class Clamping(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        self.weight.data.clamp_(0)
        return super().forward(x)


class Telling(nn.Linear):
    def count_up(self) -> None:
        self.count = 1


def counted(module: Telling, x: Tensor) -> Tensor:
    module.count_up()
    return x


class Helped(Telling):
    def forward(self, x: Tensor) -> Tensor:
        return counted(self, super().forward(x))


class Branching(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        if x.dim() != 2:
            raise ValueError(f"not {x.dim()} axes")
        with torch.no_grad():
            size = max(len(x), 1)
        return torch.stack([2 * row for row in super().forward(x)]) / size


def test_only_what_is_known_to_leave_no_trace_is_run_again() -> None:
    known = [nn.LSTMCell(3, 4), nn.Sequential(nn.Linear(3, 4), nn.Tanh()), Leaky(), Branching(3, 4)]
    assert [may_run_again(one) for one in known] == [True] * 4
    hooked = nn.Linear(3, 4)
    hooked.register_forward_pre_hook(lambda *_: None)
    patched = nn.Linear(3, 4)
    patched.forward = lambda x: x  # type: ignore[method-assign, assignment]
    traces = [Counting, Printing, Remembering, Clamping, Helped]
    alone = [kind(3, 4) for kind in traces]
    assert [may_run_again(one) for one in (*alone, hooked, patched)] == [False] * 7
    assert not may_run_again(nn.Sequential(nn.Linear(3, 3), Counting(3, 4)))


def test_a_module_is_put_back_whatever_it_does() -> None:
    class Careless(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.calls, self.log = 0, [1]
            self.mean = nn.Buffer(torch.full((2,), math.nan))

        def forward(self, x: Tensor) -> Tensor:
            self.calls, self.new = self.calls + 1, True
            self.log.append(2)
            self.mean.fill_(0.0)
            return x + torch.rand(2)

    module, random = Careless(), torch.get_rng_state()
    held, log = dict(vars(module)), module.log

    def run() -> None:
        with as_it_was(module):
            module(torch.zeros(2))
            assert not module.training
            _ = 1 / 0

    with pytest.raises(ZeroDivisionError):
        run()
    assert vars(module) == held
    assert module.log is log
    assert log == [1]
    assert bool(module.mean.isnan().all())
    assert torch.equal(torch.get_rng_state(), random)


# -- blocks of a stack -----------------------------------------------------------------------


class Averaging(nn.Module):
    """A block: each step and the mean of those before it."""

    def __init__(self) -> None:
        super().__init__()
        self.own, self.past, self.drop = nn.Linear(4, 4), nn.Linear(4, 4), nn.Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, T, 4)`` to the same."""
        count = torch.arange(1, x.shape[1] + 1, dtype=x.dtype)[:, None]
        return x + self.drop(torch.tanh(self.own(x) + self.past(x.cumsum(1) / count)))  # type: ignore[no-any-return]


class Stack(nn.Module):
    """Tokens in, logits out."""

    def __init__(self, *blocks: nn.Module) -> None:
        super().__init__()
        self.embed, self.head = nn.Embedding(7, 4), nn.Linear(4, 7)
        self.blocks = nn.ModuleList(blocks)
        self.taken: list[Tensor] = []

    def forward(self, tokens: Tensor) -> Tensor:
        """``(B, T)`` to ``(B, T, 7)``."""
        x, self.taken = self.embed(tokens), []
        for block in self.blocks:
            self.taken.append(x.detach())
            x = block(x)
        return self.head(x)  # type: ignore[no-any-return]


@pytest.mark.parametrize("read", [9, 6])
def test_a_block_depends_on_what_a_plain_loop_says(tmp_path: Path, read: int) -> None:
    model = Stack(Averaging(), nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)).double()
    optimizer, tokens = torch.optim.SGD(model.parameters(), lr=0.0), torch.randint(0, 7, (8, 10))
    tokens[:, 0] = torch.arange(8) % 7  # those next to each other differ from the first one on
    with watch(model, optimizer, tmp_path / "run", every=1, sequences=8) as monitor:
        model(tokens)[:, : read + 1].square().mean().backward()
        optimizer.step()
    run = monitor.run
    assert run is not None
    model.eval()
    compared, most = affordable(8, read + 1)
    lags = thinned(ladder(read + 1), most)
    for number, x in enumerate(model.taken):

        def state_of(
            x: Tensor, place: int, own: int, begun: int, block: Any = model.blocks[number]
        ) -> Tensor:
            return hidden(block(x[None])[0, place].detach())

        assert run.profile(f"memory_lag/blocks.{number}").rows[0].tolist() == lags
        expected = twin([*x], [read] * 8, state_of, compared, lags)
        rtol = EXACT if number == 0 else 1e-6  # PyTorch's own layer has another way in evaluation
        found = run.profile(f"memory/blocks.{number}").rows[0]
        np.testing.assert_allclose(found, expected, rtol=rtol, atol=1e-12)
    assert all("what the block returns depends on" in one for one in memory_sentences(run))


@pytest.mark.parametrize(("pause", "length"), [(2, 8), (20, 1)])
def test_a_faint_trace_of_the_past_is_no_memory_of_it(pause: int, length: int) -> None:
    """``h = x + h / 2``, where the last inputs of all sequences are alike: all that tells states
    apart is older, and after 20 steps a millionth of their size."""
    x = torch.ones(32, 2, 3, dtype=torch.float64)
    x[: 32 - pause, 1] = 3.0
    (profile,) = memory(
        lambda inputs, state: (_leaked(inputs, state[0]),), x, [torch.zeros(2, 3, dtype=x.dtype)]
    )
    # Half of a state's trace is lost in a step, and of those of the pause none is its own.
    apart, size = 2 * (2 - 2.0 ** (pause - 31)) / 2**pause, 2.0 + (2.0 + 4.0 / 2**pause)
    kept = [2.0 ** -max(0, k - pause) for k in (1, 2, 4, 8, 16)]
    faint = min(1.0, apart * 2 / (1e-3 * size))
    expected = [*(faint * one for one in kept), 0.0]
    np.testing.assert_allclose(profile.memory, expected, rtol=1e-2)
    assert profile.length is not None
    assert profile.length.steps == length


def _leaked(inputs: Tensor, h: Tensor) -> Tensor:
    for x in inputs:
        h = x + h / 2
    return h
