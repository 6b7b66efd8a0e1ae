"""The gradient through time across calls: windows, loops over cells, other models, odd uses.

Against autograd on explicit loops over sequences, calls and steps, in float64.
"""

import functools
import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations
from torch.nn.utils.rnn import pack_sequence

from backsight.errors import SettingError
from backsight.probes import GradientProfile, probe
from backsight.probes._steps import StateStep
from backsight.probes.fused._calls import Call, Catcher
from backsight.probes.fused._probe_input import by_probe_input
from backsight.probes.fused._recurrence import by_recurrence
from backsight.probes.fused._replay import replay
from backsight.probes.stepped._profiles import stacks_of
from tests.capability import skip_where_there_is_no_bf16_lstm
from tests.crossed import crossed
from tests.reference import unroll
from tests.test_probe import KINDS, check, feed, head, states_of

CELLS = ("tanh", "relu", "gru", "lstm")
LOSSES = ("steps", "last", "middle", "ragged", "finals", "several")
WINDOWS = [[4] * 3, [3] * 3, [5] * 3]
"""Steps by call, then by sequence."""

Loss = Callable[[Sequence[Tensor], Sequence[Tensor]], Tensor]
"""Of one sequence: its outputs by time, and its final states."""
State = tuple[Tensor | None, Tensor | None]
Hand = Callable[[int, Tensor, Tensor | None], State]
"""What becomes of the state after the call of that number."""
Rows = dict[str, dict[str, list[float]]]
"""Norms of one sequence by layer and what was measured."""


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def rand(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64)


def data(lengths: Sequence[Sequence[int]]) -> list[list[Tensor]]:
    """By call, then by sequence: ``(T, 3)``."""
    return [[rand(n, 3) for n in row] for row in lengths]


def alive(module: nn.Module) -> nn.Module:
    """In float64; relu units kept from dying."""
    relu = "relu" in str(getattr(module, "nonlinearity", ""))
    with torch.no_grad():
        for name, weight in module.double().named_parameters():
            weight.add_(float(relu and "bias_ih" in name))
    return module


def made(kind: str, **options: Any) -> nn.RNNBase:
    module = alive(KINDS[kind](3, 4, **options))
    assert isinstance(module, nn.RNNBase)
    return module


def cell_of(kind: str, inputs: int = 3) -> nn.Module:
    kinds: dict[str, Callable[..., nn.Module]] = {"gru": nn.GRUCell, "lstm": nn.LSTMCell}
    return alive(kinds.get(kind, functools.partial(nn.RNNCell, nonlinearity=kind))(inputs, 4))


def keep(_call: int, h: Tensor, c: Tensor | None) -> State:
    return h, c


def detached_after(number: int) -> Hand:
    def hand(call: int, h: Tensor, c: Tensor | None) -> State:
        return (h, c) if call != number else (h.detach(), None if c is None else c.detach())

    return hand


def masked(_call: int, h: Tensor, c: Tensor | None) -> State:
    """Cloned, with every other unit dropped."""
    mask = torch.arange(4) % 2
    return h.clone() * mask[: h.shape[-1]], None if c is None else c.clone() * mask


def score(states: Iterable[Tensor]) -> Tensor:
    """A loss nonlinear in every state ``(…, units)``, added up over sequences."""
    return torch.stack([(s * head(s.shape[-1])).sum(-1).square().sum() for s in states]).sum()


def loss_of(name: str, b: int = 0) -> Loss:
    """Of sequence ``b``; ``middle`` is, and every second one of ``ragged`` ends, at step 6."""
    losses: dict[str, Loss] = {
        "steps": lambda ys, _: score(ys),
        "last": lambda ys, _: score(ys[-1:]),
        "middle": lambda ys, _: score(ys[5:6]),
        "ragged": lambda ys, _: score(ys[:6] if b % 2 else ys),
        "finals": lambda _, finals: score(finals),
        "several": lambda ys, finals: score([*ys, *finals]),
    }
    return losses[name]


def total(loss: str, rows: Iterable[tuple[Sequence[Tensor], Sequence[Tensor]]]) -> Tensor:
    return torch.stack([loss_of(loss, b)(*row) for b, row in enumerate(rows)]).sum()


# -- the slow reference --------------------------------------------------------------------


@dataclass
class Ran:
    """One sequence through calls that hand their state on."""

    h: dict[str, list[Tensor]] = field(default_factory=dict)
    """By layer and direction, in processing order; ``c`` too."""
    c: dict[str, list[Tensor]] = field(default_factory=dict)
    ys: list[Tensor] = field(default_factory=list)
    """Outputs by forward time, both directions side by side."""
    at: list[list[int]] = field(default_factory=list)
    """Of each output, its place in the processing order by direction."""
    finals: list[Tensor] = field(default_factory=list)
    """After the last call, directions in turn."""


def windows(
    module: nn.RNNBase,
    pieces: Sequence[Tensor],
    state: State = (None, None),
    hand: Hand = keep,
    masks: list[Tensor] | None = None,
    fed_back: nn.Linear | None = None,
) -> Ran:
    """One sequence, call by call ``(T, 3)`` and step by step; states ``(L·D, ·)``."""
    ran = Ran()
    h, c = state
    for call, piece in enumerate(pieces):
        x = piece if fed_back is None or not ran.ys else piece + fed_back(ran.ys[-1])
        one = unroll(module, x, h, c, masks)
        start, end = len(ran.ys), len(ran.ys) + len(x) - 1
        ran.ys += one.output
        ran.at += [[start + t, end - t][: 1 + module.bidirectional] for t in range(len(x))]
        for name in one.h:
            ran.h.setdefault(name, []).extend(one.h[name])
            ran.c.setdefault(name, []).extend(one.c[name])
        ran.finals = [s[-1] for states in (one.h, one.c) for s in states.values() if s]
        h = torch.stack([hs[-1] for hs in one.h.values()])
        c = torch.stack([cs[-1] for cs in one.c.values()]) if module.mode == "LSTM" else None
        h, c = hand(call, h, c)
    return ran


def norms(of: Tensor, states: list[Tensor]) -> list[float]:
    """Of the gradient on each state."""
    if not states:
        return []
    found = torch.autograd.grad(of, states, retain_graph=True, allow_unused=True)
    return [0.0 if g is None else float(g.norm()) for g in found]


def measure(ran: Ran, loss: Loss) -> Rows:
    """The gradient of the loss, and that of its last direct gradient alone."""
    value, steps, directions = loss(ran.ys, ran.finals), len(ran.ys), len(ran.at[0])
    leaves = [t.detach().requires_grad_() for t in (*ran.ys, *ran.finals)]
    direct = torch.autograd.grad(
        loss(leaves[:steps], leaves[steps:]), leaves, allow_unused=True, materialize_grads=True
    )
    # All states of all layers at once: autograd goes through the whole loop each time.
    states = (ran.h, ran.c)
    each = iter(norms(value, [h for one in states for hs in one.values() for h in hs]))
    on_h, on_c = ({name: [next(each) for _ in hs] for name, hs in one.items()} for one in states)
    rows: Rows = {}
    for d in range(directions):
        terms = [
            (place[d], y.chunk(directions)[d], g.chunk(directions)[d])
            for place, y, g in zip(ran.at, ran.ys, direct[:steps], strict=True)
        ]
        terms += [(steps - 1, *s) for s in zip(ran.finals, direct[steps:], strict=True)][
            d::directions
        ]
        last = max((place for place, _, g in terms if (g != 0).any()), default=-1)
        alone = torch.stack([(state * g).sum() for place, state, g in terms if place == last]).sum()
        names = [n for n in ran.h if n.endswith("_reverse") == bool(d)]
        reach = iter(norms(alone, [h for name in names for h in ran.h[name][: last + 1]]))
        for name in names:
            steps_of = [place[d] for place in ran.at]
            hs = [ran.h[name][step] for step in steps_of]
            rows[name] = {
                "grad_time": [on_h[name][step] for step in steps_of],
                "grad_time_cell": [on_c[name][step] for step in steps_of if on_c[name]],
                "hidden_norm": [float(h.detach().norm()) for h in hs],
                "reach": [next(reach) for _ in range(last + 1)][::-1],
            }
    return rows


def mean(sequences: Iterable[Rows], path: str = "") -> Rows:
    """Over the sequences that have the step or the lag; reach relative to its first lag."""
    every, result = list(sequences), Rows()
    for name in every[0]:
        one: dict[str, list[float]] = {}
        for key in every[0][name]:
            rows = [s[name][key] for s in every]
            columns = [[r[k] for r in rows if k < len(r)] for k in range(max(map(len, rows)))]
            one[key] = [sum(column) / len(column) for column in columns]
        first = next((v for v in one["reach"] if v), 1.0)
        one["reach"] = [v / first for v in one["reach"]]
        result[".".join(filter(None, (path, name)))] = one
    return result


def compare(profiles: dict[str, GradientProfile], rans: Iterable[Ran], loss: str = "steps") -> None:
    rows = [measure(ran, loss_of(loss, b)) for b, ran in enumerate(rans)]
    check(profiles, mean(rows), 1e-10)


# -- fused layers --------------------------------------------------------------------------


def run(
    module: nn.RNNBase,
    form: str,
    xs: list[list[Tensor]],
    state: State = (None, None),
    hand: Hand = keep,
) -> list[tuple[list[Tensor], list[Tensor]]]:
    """The module itself on whole batches: outputs and final states by sequence."""
    rows: list[tuple[list[Tensor], list[Tensor]]] = [([], []) for _ in xs[0]]
    h, c = state
    for call, batch in enumerate(xs):
        outputs, h_n, c_n = feed(module, form, batch, h if c is None else (h, c))
        for b, (ys, finals) in enumerate(rows):
            ys += outputs[b]
            finals[:] = [s for state in (h_n, c_n) if state is not None for s in state[:, b]]
        h, c = hand(call, h_n, c_n)
    return rows


def linked(
    module: nn.RNNBase,
    lengths: Sequence[Sequence[int]],
    loss: str,
    *,
    form: str = "time first",
    hand: Hand = keep,
    given: bool = False,
) -> dict[str, GradientProfile]:
    """Probe calls that hand their state on, and compare with the reference."""
    xs = data(lengths)
    h, c = states_of(module, len(xs[0])) if given else (None, None)
    profiles = probe(module, lambda: total(loss, run(module, form, xs, (h, c), hand)))
    if loss == "middle":  # calls after it get no gradient and do not count
        xs = [x for i, x in enumerate(xs) if sum(row[0] for row in lengths[:i]) < 6]
    rans = [
        windows(module, x, (h if h is None else h[:, b], c if c is None else c[:, b]), hand)
        for b, x in enumerate(zip(*xs, strict=True))
    ]
    compare(profiles, rans, loss)
    return profiles


@pytest.mark.some(11)
@crossed("kind,stack,loss", KINDS, [(1, False), (2, False), (2, True)], LOSSES)
def test_windows_that_hand_their_state_on_are_one_sequence(
    kind: str, stack: tuple[int, bool], loss: str
) -> None:
    layers, bidirectional = stack
    module = made(kind, num_layers=layers, bidirectional=bidirectional)
    linked(module, WINDOWS, loss, given=loss == "several")


@pytest.mark.some(10)
@crossed("kind,form,loss", KINDS, ["time first", "batch first", "unbatched"], LOSSES)
def test_a_loop_of_single_steps(kind: str, form: str, loss: str) -> None:
    module = made(kind, batch_first=form == "batch first")
    linked(module, [[1] * (1 if form == "unbatched" else 2)] * 8, loss, form=form)


def test_a_state_in_a_list() -> None:
    """As ``nn.LSTM`` takes it, too."""
    module, x = made("lstm"), rand(7, 2, 3)

    def loss(wrap: Callable[[Any], Any]) -> Tensor:
        state = module(x[:3])[1]
        return score(module(x[3:], wrap(state))[0])

    listed, usual = probe(module, lambda: loss(list)), probe(module, lambda: loss(tuple))
    np.testing.assert_array_equal(listed["l0"].reach, usual["l0"].reach)
    assert len(usual["l0"].reach) == 7


@crossed("kind,loss", KINDS, ["steps", "last", "finals"], together=1)
def test_packed_ragged_windows(kind: str, loss: str) -> None:
    """A sequence goes on where its own earlier windows ended."""
    lengths = [[2, 4, 1, 3], [5, 1, 2, 2], [1, 3, 3, 4]]
    module = made(kind, num_layers=2, bidirectional=True)
    linked(module, lengths, loss, form="packed unsorted", given=True)


@crossed("kind,loss", KINDS, ["steps", "ragged"], together=1)
def test_a_state_detached_between_windows_is_a_cut(kind: str, loss: str) -> None:
    """Lags go on, and are exactly zero past the cut: 12 steps, the first 4 of them cut off."""
    profile = linked(made(kind), WINDOWS, loss, hand=detached_after(0))["l0"]
    assert len(profile.reach) == 12
    assert profile.cut == 7


@pytest.mark.parametrize("kind", KINDS)
def test_a_cut_is_seen_where_the_loss_is_in_the_last_window_alone(kind: str) -> None:
    """Nothing at all arrives at the windows before the cut."""
    module, xs, hand = made(kind), data(WINDOWS), detached_after(1)
    profile = probe(module, lambda: total("last", run(module, "time first", xs, hand=hand)))["l0"]
    rans = [windows(module, x, hand=hand) for x in zip(*xs, strict=True)]
    expected = mean(measure(ran, loss_of("last")) for ran in rans)["l0"]
    np.testing.assert_allclose(profile.reach, expected["reach"], rtol=1e-10)
    assert profile.cut == 4


@pytest.mark.parametrize("part", ["h", "c"])
def test_half_of_a_state_detached(part: str) -> None:
    """The gradient goes on through the other half alone."""

    def hand(call: int, h: Tensor, c: Tensor | None) -> State:
        assert c is not None
        return (h, c) if call else {"h": (h.detach(), c), "c": (h, c.detach())}[part]

    linked(made("lstm"), WINDOWS, "steps", hand=hand)


def test_a_window_run_without_gradients_is_a_cut() -> None:
    """Burn-in under ``no_grad``: nothing goes back into it, as nothing does in training."""
    module, x = made("gru"), rand(9, 2, 3)

    def compute_loss() -> Tensor:
        with torch.no_grad():
            _, state = module(x[:4])
        return score(module(x[4:], state)[0][-1:])

    reach = probe(module, compute_loss)["l0"].reach
    assert reach[4] > 0
    assert not reach[5:].any()


@pytest.mark.some(10)
@crossed("kind,stack,loss", KINDS, [(1, False), (2, True)], LOSSES)
def test_a_state_changed_unit_by_unit_between_windows(
    kind: str, stack: tuple[int, bool], loss: str
) -> None:
    """A mask: the gradient goes on through it."""
    layers, bidirectional = stack
    module = made(kind, num_layers=layers, bidirectional=bidirectional)
    linked(module, WINDOWS, loss, hand=masked)


@pytest.mark.some(10)
@crossed(
    "kind,form,loss",
    KINDS,
    ["time first", "batch first", "unbatched", "packed unsorted"],
    ["steps", "middle"],
)
def test_a_state_changed_unit_by_unit_between_single_steps(kind: str, form: str, loss: str) -> None:
    module = made(kind, num_layers=2, batch_first=form == "batch first")
    batch = 1 if form == "unbatched" else 2
    linked(module, [[1] * batch] * 8, loss, form=form, hand=masked, given=True)


@pytest.mark.parametrize("kind", KINDS)
def test_a_frozen_layer_whose_state_is_changed(kind: str) -> None:
    module, xs = made(kind), data(WINDOWS)

    def profile() -> GradientProfile:
        return probe(module, lambda: total("steps", run(module, "time first", xs, hand=masked)))[
            "l0"
        ]

    trained = profile()
    module.requires_grad_(False)
    np.testing.assert_array_equal(profile().reach, trained.reach)
    assert len(trained.reach) == 12


def cell_masked(call: int, h: Tensor, c: Tensor | None) -> State:
    return (h, masked(call, c, None)[0]) if c is not None else (h, c)


def hidden_bent(_call: int, h: Tensor, c: Tensor | None) -> State:
    return torch.tanh(2 * h), c


def half_cut(_call: int, h: Tensor, c: Tensor | None) -> State:
    return h * 0.5, None if c is None else c.detach() * 0.5


@pytest.mark.parametrize("hand", [cell_masked, hidden_bent, half_cut])
def test_one_half_of_a_state_changed(hand: Hand) -> None:
    linked(made("lstm"), WINDOWS, "steps", hand=hand)


@crossed("kind,mixed", ["gru", "lstm"], ["units", "sequences", "halves"], together=1)
def test_a_state_mixed_between_windows_ends_a_sequence(kind: str, mixed: str) -> None:
    """It is not known again: each window counts as a sequence, of the loss as it is."""
    module, xs = made(kind, num_layers=2), data(WINDOWS)

    def hand(_call: int, h: Tensor, c: Tensor | None) -> State:
        if mixed == "sequences":
            return h.flip(-2), None if c is None else c.flip(-2)
        if mixed == "halves" and c is not None:
            return h * 0.5 + c, c * 0.5
        return nn.functional.layer_norm(h, (4,)), c

    profiles = probe(module, lambda: total("steps", run(module, "time first", xs, hand=hand)))
    assert all(len(profile.reach) == len(profile.grad_time) == 5 for profile in profiles.values())
    if mixed == "sequences":
        return  # what a sequence is, is another question
    rans = [windows(module, x, hand=hand) for x in zip(*xs, strict=True)]
    for name, profile in profiles.items():
        whole = [measure(ran, loss_of("steps"))[name]["grad_time"] for ran in rans]
        parts = [row[a:b] for row in whole for a, b in ((0, 4), (4, 7), (7, 12))]
        expected = [np.mean([p[t] for p in parts if t < len(p)]) for t in range(5)]
        np.testing.assert_allclose(profile.grad_time, expected, rtol=1e-10)


def multiplied(h: Tensor, ended: Tensor) -> Tensor:
    return h * (~ended).to(h).view(-1, 1)


def overwritten(h: Tensor, ended: Tensor) -> Tensor:
    h[..., ended, :] = 0
    return h


def chosen(h: Tensor, ended: Tensor) -> Tensor:
    return torch.where(ended.view(-1, 1), torch.ones_like(h, requires_grad=True), h)


ENDS = [[], [1], [], [0, 2], [1], [], []]
"""Of 4 sequences, those that end after each of 8 steps; the last goes through."""


@pytest.mark.some(10)
@pytest.mark.parametrize("loss", ["steps", "last"])
@pytest.mark.parametrize(
    ("make", "way"),
    [
        (made, multiplied),
        (made, overwritten),
        (made, chosen),
        (cell_of, multiplied),
        (cell_of, chosen),
    ],
)
@pytest.mark.parametrize("kind", CELLS)
def test_a_sequence_whose_state_is_taken_away_begins_anew(
    kind: str, make: Callable[[str], nn.Module], way: Callable[[Tensor, Tensor], Tensor], loss: str
) -> None:
    """An episode ends: what lies before is no past of it, and no gradient of zero."""
    module, xs = make(kind), rand(8, 4, 3)
    fused, lstm = isinstance(module, nn.RNNBase), kind == "lstm"

    def compute_loss() -> Tensor:
        states, ys = [torch.zeros(4, 4).double() for _ in range(1 + lstm)], []
        for t, x in enumerate(xs):
            if t and ENDS[t - 1]:
                ended = torch.zeros(4, dtype=torch.bool)
                ended[ENDS[t - 1]] = True
                states = [way(state, ended) for state in states]
            if fused:
                output, final = module(x[None], wrapped([state[None] for state in states]))
                states = [s[0] for s in (final if lstm else (final,))]
                y = output[0].clone()  # as it was, before a state is written into
            else:
                final = module(x, wrapped(states))
                states = list(final) if lstm else [final]
                y = states[0]
            ys.append(y)
        return score(ys if loss == "steps" else ys[-1:])

    def wrapped(states: list[Tensor]) -> Any:
        return tuple(states) if lstm else states[0]

    profile = probe(module, compute_loss)["l0" if fused else ""]
    layer = twin(module)
    started: State = (None, None)
    if way is chosen:
        started = torch.ones(1, 4).double(), torch.ones(1, 4).double() if lstm else None
    rows: list[Rows] = []
    for b in range(4):
        bounds = [0, *(t + 1 for t, ended in enumerate(ENDS) if b in ended), 8]
        for begin, end in itertools.pairwise(bounds):
            ran = windows(layer, list(xs[begin:end, b, None]), started if begin else (None, None))
            if loss == "steps" or end == 8:
                rows.append(measure(ran, loss_of(loss)) | {"": {"at": [begin, end]}})
    last = [row["l0"] for row in rows if row[""]["at"][1] == 8]
    expected = [
        np.mean([row["reach"][k] for row in last if k < len(row["reach"])]) for k in range(8)
    ]
    np.testing.assert_allclose(profile.reach, np.array(expected) / expected[0], rtol=1e-10)
    assert profile.cut is None
    by_time: list[list[float]] = [[] for _ in range(8)]
    for row in rows:
        for t, norm in zip(range(*map(int, row[""]["at"])), row["l0"]["grad_time"], strict=True):
            by_time[t].append(norm)
    seen = [np.sum(each) / 4 for each in by_time]
    np.testing.assert_allclose(profile.grad_time, seen, rtol=1e-10, atol=1e-15)


@crossed("kind,turns", KINDS, ["AB", "AAABB", "ABABA"], together=1)
def test_siamese_calls_are_further_sequences(kind: str, turns: str) -> None:
    """Two inputs in one loss, each in windows of its own; one after the other, or in turns."""
    module = made(kind, num_layers=2, bidirectional=True)
    inputs = {"A": data([[4, 4]] * turns.count("A")), "B": data([[2, 2]] * turns.count("B"))}

    def compute_loss() -> Tensor:
        states: dict[str, Any] = {}
        calls, ys = {name: iter(xs) for name, xs in inputs.items()}, []
        for name in turns:
            rows, h, c = feed(module, "time first", next(calls[name]), states.get(name))
            states[name] = h if c is None else (h, c)
            ys += [y for row in rows for y in row]
        return score(ys)

    rans = [windows(module, x) for xs in inputs.values() for x in zip(*xs, strict=True)]
    compare(probe(module, compute_loss), rans)


@pytest.mark.parametrize("decoder", ["tanh", "gru", "lstm", "a cell"])
def test_an_encoder_hands_its_state_to_a_decoder(decoder: str) -> None:
    """What the decoder sends back is the direct gradient of the encoder's last step. A cell
    starts from something made of both of an LSTM's states."""
    cell = decoder == "a cell"
    enc, dec = made("lstm" if cell else decoder), cell_of("gru") if cell else made(decoder)
    start, x, y = nn.Linear(8, 4).double(), data([[5] * 2]), rand(6, 2, 3)

    def begin(finals: Sequence[Tensor]) -> State:
        if cell:
            return torch.tanh(start(torch.cat(list(finals), dim=-1))), None
        return finals[0], finals[1] if len(finals) > 1 else None

    def compute_loss() -> Tensor:
        _, h, c = feed(enc, "time first", x[0], None)
        h, c = begin([s for s in (h, c) if s is not None])  # type: ignore[assignment]
        return score(
            loop(dec, y, (h[0], None))[0] if cell else dec(y, h if c is None else (h, c))[0]
        )

    def decoded(b: int, finals: Sequence[Tensor]) -> Ran:
        return windows(twin(dec), [y[:, b]], begin([f[None] for f in finals]))

    def sent_back(b: int) -> Loss:
        return lambda _, finals: score(decoded(b, finals).ys)

    rans = [windows(enc, [one]) for one in x[0]]
    encoded = [measure(ran, sent_back(b)) for b, ran in enumerate(rans)]
    after = [measure(decoded(b, r.finals), loss_of("steps")) for b, r in enumerate(rans)]
    expected = mean(encoded, "enc") | mean([{"" if cell else "l0": r["l0"]} for r in after], "dec")
    check(probe(nn.ModuleDict({"enc": enc, "dec": dec}), compute_loss), expected, 1e-10)


@pytest.mark.parametrize("kind", KINDS)
def test_a_decoder_that_is_fed_its_own_output(kind: str) -> None:
    """The gradient goes back through the next call's input as well as through its state."""
    module = made(kind)
    back, x = nn.Linear(module.proj_size or 4, 3).double(), rand(6, 2, 3)

    def compute_loss() -> Tensor:
        ys: list[Tensor] = []
        state = None
        for t in range(6):
            output, state = module(x[t : t + 1] + back(ys[-1]) if ys else x[:1], state)
            ys.append(output)
        return score(ys)

    rans = [windows(module, list(x[:, b, None]), fed_back=back) for b in range(2)]
    compare(probe(module, compute_loss), rans)


# -- loops over cells, and modules of a user's own -----------------------------------------


def twin(cell: nn.Module) -> nn.RNNBase:
    """The fused layer of the same weights, for the reference."""
    if isinstance(cell, nn.RNNBase):
        return cell
    kind = getattr(cell, "nonlinearity", type(cell).__name__.removesuffix("Cell").lower())
    module = made(kind)
    module.load_state_dict({f"{name}_l0": w for name, w in cell.state_dict().items()})
    return module


def steps_of(cell: nn.Module, xs: Tensor, state: State = (None, None), hand: Hand = keep) -> Ran:
    """The reference for one sequence ``(T, 3)``, a call a step; states ``(1, 4)``."""
    ran = windows(twin(cell), list(xs[:, None]), state, hand)
    return Ran({"": ran.h["l0"]}, {"": ran.c["l0"]}, ran.ys, ran.at, ran.finals)


def loop(
    cell: nn.Module, xs: Iterable[Tensor], state: State = (None, None), hand: Hand = keep
) -> tuple[list[Tensor], list[Tensor]]:
    """The cell itself: every ``h``, and the final states."""
    h, c = state
    hs: list[Tensor] = []
    finals: list[Tensor] = []
    for t, x in enumerate(xs):
        result = cell(x, h if c is None else (h, c))
        finals = list(result) if isinstance(result, tuple) else [result]
        hs.append(finals[0])
        h, c = hand(t, finals[0], finals[1] if len(finals) > 1 else None)
    return hs, finals


HANDS: dict[str, Hand] = {"kept": keep, "masked": masked, "detached": detached_after(2)}


@pytest.mark.some(8)
@crossed("kind,loss,hand", CELLS, LOSSES, HANDS)
def test_a_loop_over_a_cell(kind: str, loss: str, hand: str) -> None:
    """A mask on the state is part of the graph; detached after 3 of 8 steps, it is a cut."""
    cell, xs = cell_of(kind), rand(8, 3, 3)

    def compute_loss() -> Tensor:
        hs, finals = loop(cell, xs, hand=HANDS[hand])
        return total(loss, [([h[b] for h in hs], [f[b] for f in finals]) for b in range(3)])

    profiles = probe(cell, compute_loss)
    compare(profiles, [steps_of(cell, xs[:, b], hand=HANDS[hand]) for b in range(3)], loss)
    if hand == "detached":
        assert profiles[""].cut == (2 if loss == "middle" else 4)


@pytest.mark.some(5)
@crossed(
    "kind,loss,order",
    CELLS,
    ["steps", "last", "middle", "ragged"],
    ["step by step", "layer by layer", "layer by layer, dropped"],
)
def test_a_stack_of_cells_is_measured_as_a_fused_stack_is(kind: str, loss: str, order: str) -> None:
    """The way back from the loss leads through the memory of the layers above as well."""
    stack, xs = made(kind, num_layers=2), rand(8, 3, 3)
    sizes = (3, 4)
    lower, upper = (cell_of(kind, size) for size in sizes)
    for number, cell in enumerate((lower, upper)):
        weights = {name: getattr(stack, f"{name}_l{number}") for name in cell.state_dict()}
        cell.load_state_dict(weights)
    mask = torch.bernoulli(torch.full((8, 3, 4), 0.5)).double() * 2
    if "dropped" not in order:
        mask = torch.ones_like(mask)

    def compute_loss() -> Tensor:
        if order == "step by step":
            ys: list[Tensor] = []
            states: list[Any] = [None, None]
            for x in xs:
                states = [lower(x, states[0]), states[1]]
                states[1] = upper(shown(states[0]), states[1])
                ys.append(shown(states[1]))
        else:
            ys = loop(upper, torch.stack(loop(lower, xs)[0]) * mask)[0]
        return total(loss, [([y[b] for y in ys], ()) for b in range(3)])

    profiles = probe(nn.ModuleDict({"l0": lower, "l1": upper}), compute_loss)
    masks = [mask[:, b] for b in range(3)]
    compare(profiles, [windows(stack, [xs[:, b]], masks=[masks[b]]) for b in range(3)], loss)


FED: dict[str, tuple[Callable[[list[Tensor]], Any], bool]] = {
    "each": (lambda hs: hs, True),
    "stacked": (lambda hs: torch.stack(hs), True),
    "normed": (lambda hs: nn.functional.layer_norm(torch.stack(hs), (4,)), True),
    "backwards": (lambda hs: hs[::-1], False),
    "stacked backwards": (lambda hs: torch.stack(hs).flip(0), False),
    "added up over time": (lambda hs: torch.stack(hs) + torch.stack(hs).sum(0), False),
    "cut": (lambda hs: torch.stack(hs).detach(), False),
    "shorter": (lambda hs: hs[2:], False),
}


@pytest.mark.parametrize("way", FED)
def test_cells_are_a_stack_where_each_step_is_fed_the_same_step(way: str) -> None:
    """Two directions, an encoder and its decoder, or whatever mixes the steps, are none."""
    feed_on, stacked = FED[way]
    lower, upper = (nn.RNNCell(size, 4).double() for size in (3, 4))

    def chain(
        cell: nn.Module, xs: Iterable[Tensor], first: Tensor | None = None
    ) -> list[StateStep]:
        calls: list[StateStep] = []
        h = first
        for x in xs:
            given = [t for t in (x, h) if t is not None and t.requires_grad]
            h = cell(x, h)
            calls.append(StateStep([h], calls[-1] if calls else None, [], given=given))
        return calls

    below = chain(lower, rand(6, 2, 3))
    states = [call.outputs[0] for call in below]
    chains = {"lower": [below], "upper": [chain(upper, feed_on(states))]}
    assert stacks_of(chains) == ([["lower", "upper"]] if stacked else [["lower"], ["upper"]])
    decoder = {"encoder": [below], "decoder": [chain(upper, rand(6, 2, 4), states[-1])]}
    assert stacks_of(decoder) == [["encoder"], ["decoder"]]


def shown(state: Any) -> Tensor:
    h: Tensor = state[0] if isinstance(state, tuple) else state
    return h


@pytest.mark.parametrize("kind", CELLS)
def test_a_cell_on_a_single_unbatched_sequence(kind: str) -> None:
    """An unbatched LSTM cell's ``c`` leaves the kernel apart from ``h``: nothing is said of it."""
    cell, xs = cell_of(kind), rand(6, 3)
    reference = mean([measure(steps_of(cell, xs), loss_of("steps"))])
    reference[""]["grad_time_cell"] = []
    check(probe(cell, lambda: score(loop(cell, xs)[0])), reference, 1e-10)


@crossed("kind,start", CELLS, ["none", "zeros", "learned"], together=1)
def test_two_sequences_through_one_cell(kind: str, start: str) -> None:
    """That the second begins anew does not depend on where its initial state comes from."""
    cell, first = cell_of(kind), nn.Parameter(torch.full((1, 4), 0.1).double())

    def begin(count: int) -> State:
        state = first.expand(count, 4) if start == "learned" else torch.zeros(count, 4).double()
        return (None, None) if start == "none" else (state, state if kind == "lstm" else None)

    xs = rand(6, 2, 3), rand(4, 2, 3)
    profiles = probe(cell, lambda: score([h for x in xs for h in loop(cell, x, begin(2))[0]]))
    compare(profiles, [steps_of(cell, x[:, b], begin(1)) for x in xs for b in range(2)])


@pytest.mark.parametrize("kind", CELLS)
def test_a_batch_that_shrinks_as_sequences_end(kind: str) -> None:
    """``cell(x[:n], h[:n])``: sequences sorted by length, without padding."""
    cell, xs = cell_of(kind), data([[6, 5, 3, 1]])[0]
    packed = pack_sequence(xs)
    batches, sizes = torch.split(packed.data, packed.batch_sizes.tolist()), packed.batch_sizes

    def hand(t: int, h: Tensor, c: Tensor | None) -> State:
        n = int(sizes[min(t + 1, len(sizes) - 1)])
        return h[:n], None if c is None else c[:n]

    profiles = probe(cell, lambda: score(loop(cell, batches, hand=hand)[0]))
    compare(profiles, [steps_of(cell, x) for x in xs])


class Own(nn.Module):
    """A recurrent module of somebody's own: what it returns differs."""

    def __init__(self, returns: str) -> None:
        super().__init__()
        self.returns = returns
        self.into = nn.ModuleList(nn.Linear(7, 4) for _ in range(3))
        self.head = nn.Linear(4, 2)

    def forward(self, x: Tensor, *states: Tensor) -> Any:
        new: list[Tensor] = []
        for layer, state in zip(self.into, states, strict=False):
            below = new[-1][..., :3] if new else x
            new.append(torch.tanh(layer(torch.cat([below, state], dim=-1))))
        if self.returns == "h, c":
            c = 0.9 * states[1] + new[0]
            return torch.tanh(c) * 0.5, c
        if self.returns == "three layers":
            return tuple(new)
        return (self.head(new[0]), new[0]) if self.returns == "out, h" else new[0]


@crossed(
    "returns,loss", ["h", "out, h", "h, c", "three layers"], ["steps", "last", "ragged"], together=1
)
def test_a_module_of_ones_own(returns: str, loss: str) -> None:
    """Every state that is handed on, whichever of them the loss reads."""
    own, x = Own(returns).double(), rand(8, 3, 3)
    names = ["step", "step.state1", "step.state2"]
    names = names[: {"h, c": 2, "three layers": 3}.get(returns, 1)]
    read = -1 if returns == "three layers" else 0
    shown = own.head if returns == "out, h" else nn.Identity()

    def every_state(x: Tensor) -> list[list[Tensor]]:
        kept = [[x.new_zeros(*x.shape[1:-1], 4)] * len(names)]
        for xt in x:
            result = own(xt, *kept[-1])
            kept.append(list(result[-len(names) :]) if isinstance(result, tuple) else [result])
        return kept[1:]

    def compute_loss() -> Tensor:
        ys = [shown(states[read]) for states in every_state(x)]
        return total(loss, [([y[b] for y in ys], ()) for b in range(3)])

    rans = []
    for b in range(3):
        kept = every_state(x[:, b])
        hs = {name: [states[i] for states in kept] for i, name in enumerate(names)}
        ys = [shown(states[read]) for states in kept]
        rans.append(Ran(hs, {name: [] for name in names}, ys, [[t] for t in range(8)]))
    compare(probe(nn.ModuleDict({"step": own}), compute_loss), rans, loss)


# -- any other sequence model, by its embedded input ---------------------------------------


class Attends(nn.Module):
    """Causal attention over embedded tokens."""

    def __init__(self, *, batch_first: bool = True, pooled: bool = False) -> None:
        super().__init__()
        self.embed = nn.Embedding(11, 8)
        self.block = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=batch_first)
        self.head = nn.Linear(8, 5)
        self.time, self.pooled = int(batch_first), pooled

    def after(self, embedded: Tensor) -> Tensor:
        size = embedded.shape[self.time]
        mask = torch.full((size, size), -math.inf, dtype=embedded.dtype).triu(1)
        y: Tensor = self.block(embedded, src_mask=mask)
        result: Tensor = self.head(y.mean(self.time) if self.pooled else y)
        return result

    def forward(self, tokens: Tensor) -> Tensor:
        return self.after(self.embed(tokens))


@crossed("found,batch_first,loss", [True, False], [True, False], ["steps", "last", "ragged"])
def test_attention_by_its_embedded_input(found: bool, batch_first: bool, loss: str) -> None:
    """The reach is that of the last position's loss; the total that of every position's."""
    model, tokens = Attends(batch_first=batch_first).double(), torch.randint(11, (3, 8))

    def compute_loss() -> Tensor:
        logits = model(tokens) if batch_first else model(tokens.T).transpose(0, 1)
        return total(loss, [(list(row), ()) for row in logits])

    named = None if found else "embed"
    layout: Any = "auto" if found else "batch" if batch_first else "time"
    rans = []
    for row in tokens:
        es = list(model.embed(row).detach().requires_grad_().unbind())
        logits = model.after(torch.stack(es).unsqueeze(1 - model.time)).squeeze(1 - model.time)
        at = [[t] for t in range(8)]
        rans.append(Ran({"input:embed": es}, {"input:embed": []}, list(logits), at))
    compare(probe(model, compute_loss, inputs=named, layout=layout), rans, loss)


def test_a_pooled_classifier_by_its_embedded_input() -> None:
    """One answer to a whole sequence: lags count from its end."""
    model, tokens = Attends(pooled=True).double(), torch.randint(11, (3, 6))
    profile = probe(model, lambda: score(model(tokens)), inputs="embed")["input:embed"]
    embedded = model.embed(tokens).detach().requires_grad_()
    (found,) = torch.autograd.grad(score(model.after(embedded)), embedded)
    by_step = found.norm(dim=-1).mean(0).numpy()
    np.testing.assert_allclose(profile.grad_time, by_step, rtol=1e-10)
    np.testing.assert_allclose(profile.reach, by_step[::-1] / by_step[-1], rtol=1e-10)


def test_what_to_name_is_said() -> None:
    model = Attends()
    with pytest.raises(
        SettingError,
        match=r"Attends has no module 'embedding': its modules are embed, ",
    ):
        probe(model, lambda: model(torch.zeros(1, 2).long()).sum(), inputs="embedding")
    with pytest.raises(SettingError, match=r"inputs must be the path of a module"):
        probe(model, lambda: model(torch.zeros(1, 2).long()).sum(), inputs=3)  # type: ignore[arg-type]
    with pytest.raises(SettingError, match=r"layout must be 'auto', 'batch' .* not 'first'"):
        probe(model, lambda: model(torch.zeros(1, 2).long()).sum(), layout="first")  # type: ignore[arg-type]


# -- the two readings, and subsets ---------------------------------------------------------

RAGGED = {
    "packed": [[5, 4, 4, 3, 2, 1], [4, 3, 3, 2, 1, 1]],
    "packed unsorted": [[2, 5, 1, 4, 3, 6], [3, 1, 4, 2, 2, 1]],
}
EVEN = [[5] * 6, [4] * 6]


def caught(
    module: nn.RNNBase, compute_loss: Callable[[], Tensor], sequences: int | None = None
) -> list[Call]:
    catcher = Catcher(sequences)

    def after(_: Any, args: Any, named: Any, result: Any) -> None:
        catcher.after("", module, args, named, result)

    before = module.register_forward_pre_hook(lambda *_: catcher.before("", module))
    with before, module.register_forward_hook(after, with_kwargs=True):
        torch.autograd.backward(compute_loss())
    return catcher.take()


@pytest.mark.some(4)
@crossed(
    "kind,bidirectional,layers,form",
    KINDS, [False, True], [1, 2, 3], ["time first", "packed", "packed unsorted"],
)  # fmt: skip
def test_both_readings_agree(kind: str, bidirectional: bool, layers: int, form: str) -> None:
    module = made(kind, num_layers=layers, bidirectional=bidirectional)
    xs, state = data(RAGGED.get(form, EVEN)), states_of(module, 6)

    def compute_loss(loss: str) -> Tensor:
        return total(loss, run(module, form, xs, state))

    for loss in ("steps", "finals", "several"):
        calls = caught(module, functools.partial(compute_loss, loss))
        other = replay(calls, arithmetic=by_probe_input)
        by_hand = replay(calls, arithmetic=lambda s, g, gc, _: by_recurrence(s, g, gc))
        for name, one in by_hand.items():
            for key in ("grad_time", "reach", "hidden_norm", "grad_time_cell"):
                a, b = getattr(one, key), getattr(other[name], key)
                assert (a is None) == (b is None)
                if a is not None:
                    assert a.any()
                    np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-16, err_msg=key)


@pytest.mark.some(2)
@crossed("kind,form", KINDS, ["time first", "batch first", "packed", "packed unsorted"], together=1)
def test_a_subset_of_the_sequences(kind: str, form: str) -> None:
    """Evenly spaced ones of the caller's batch, through two windows and two directions.

    Of a packed batch, the one that is the longest in the first window is among them.
    """
    module = made(kind, num_layers=2, bidirectional=True, batch_first=form == "batch first")
    xs, (h, c) = data(RAGGED.get(form, EVEN)), states_of(module, 6)
    rows = [
        measure(windows(module, x, (h[:, b], None if c is None else c[:, b])), loss_of("several"))
        for b, x in enumerate(zip(*xs, strict=True))
    ]
    for count, chosen in ((1, [0]), (3, [0, 2, 4]), (4, range(4)), (6, range(6)), (9, range(6))):
        calls = caught(module, lambda: total("several", run(module, form, xs, (h, c))), count)
        followed = {*chosen, 5 if form == "packed unsorted" else 0}
        check(replay(calls), mean(rows[b] for b in sorted(followed)), 1e-10)


@crossed("kind,form", KINDS, ["time first", "batch first", "packed unsorted"], together=1)
def test_a_subset_with_dropout_between_layers(kind: str, form: str) -> None:
    """The whole batch's mask is drawn again, and the chosen sequences' rows of it taken."""
    module = made(kind, num_layers=2, dropout=0.5, batch_first=form == "batch first")
    xs = data(RAGGED.get(form, EVEN)[:1])
    generator = torch.get_rng_state()
    profiles = replay(caught(module, lambda: total("steps", run(module, form, xs)), 3))
    torch.set_rng_state(generator)
    # The kernel's own order: by time, and the longest sequence first.
    order = sorted(range(6), key=lambda b: -len(xs[0][b]))
    places = [(t, b) for t in range(6) for b in order if len(xs[0][b]) > t]
    drawn = torch.dropout(torch.ones(len(places), module.proj_size or 4).double(), 0.5, train=True)
    mask = {b: drawn[[i for i, (_, owner) in enumerate(places) if owner == b]] for b in range(6)}
    followed = [0, 2, 4, 5] if form == "packed unsorted" else [0, 2, 4]  # 5 is the longest
    compare(profiles, [windows(module, [xs[0][b]], masks=[mask[b]]) for b in followed])


# -- numbers inside, and odd uses ----------------------------------------------------------


def saturated(module: nn.RNNBase, sequences: list[Tensor]) -> dict[str, dict[str, float]]:
    """By layer and gate, one step at a time."""
    gates = {"LSTM": ("input", "forget", "cell", "output"), "GRU": ("reset", "update", "new")}
    found: dict[str, dict[str, list[bool]]] = {}
    for x in sequences:
        below = list(x)
        for name, hs in windows(module, [x]).h.items():
            one = found.setdefault(name, {})
            w_ih, w_hh, b_ih, b_hh = module.all_weights[int(name[1:])][:4]
            for xt, before, h in zip(below, [torch.zeros_like(hs[0]), *hs], hs, strict=False):
                own = torch.split(w_ih @ xt + b_ih, 4)
                recurrent = torch.split(w_hh @ before + b_hh, 4)
                reset = torch.sigmoid(own[0] + recurrent[0])
                for gate, a, b in zip(gates.get(module.mode, ()), own, recurrent, strict=False):
                    value = torch.sigmoid(a + b)
                    edge = (value < 0.01) | (value > 0.99)
                    if gate in ("cell", "new"):
                        edge = torch.tanh(a + (reset * b if gate == "new" else b)).abs() > 0.99
                    one.setdefault(gate, []).extend(edge.tolist())
                if not module.proj_size:
                    one.setdefault("", []).extend((h.abs() > 0.99).tolist())
            below = hs
    return {name: {g: sum(v) / len(v) for g, v in one.items()} for name, one in found.items()}


@crossed("kind,form", KINDS, ["time first", "packed unsorted"], together=1)
def test_saturation_by_gate(kind: str, form: str) -> None:
    module, xs = made(kind, num_layers=2), data(RAGGED.get(form, EVEN)[:1])
    with torch.no_grad():
        for weight in module.parameters():
            weight.mul_(8)
    profiles = probe(module, lambda: total("steps", run(module, form, xs)))
    expected = {"l0": {}, "l1": {}} if kind == "relu" else saturated(module, xs[0])
    assert set(profiles) == set(expected)
    for name, one in expected.items():
        assert profiles[name].saturation == pytest.approx(one, rel=1e-12)
        assert kind == "relu" or any(0.05 < share < 0.95 for share in one.values())


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@pytest.mark.parametrize("kind", KINDS)
def test_bf16_autocast_is_close_to_float32(kind: str) -> None:
    """bf16 rounds to 2⁻⁹ ≈ 0.2 %: 2 % is ten roundings that all go the same way."""
    skip_where_there_is_no_bf16_lstm(kind)
    module, x = KINDS[kind](3, 16, num_layers=2), torch.randn(10, 16, 3)

    def compute_loss(*, low: bool) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=low):
            output = module(x)[0]
        return score(output.float())

    full = probe(module, functools.partial(compute_loss, low=False))
    for name, profile in probe(module, functools.partial(compute_loss, low=True)).items():
        for key in ("reach", "grad_time", "hidden_norm"):
            a, b = getattr(profile, key), getattr(full[name], key)
            np.testing.assert_allclose(a, b, rtol=0.02, err_msg=key)
        assert profile.exact


@crossed(
    "kind,batch_first,change,by", KINDS, [False, True], ["mul_", "relu_"], ["backward", "probe"]
)
def test_an_output_overwritten_in_place(kind: str, batch_first: bool, change: str, by: str) -> None:
    """Autograd allows it; the gradient is still that on the states as they were."""
    module, xs = made(kind, num_layers=2, batch_first=batch_first), data([[6] * 2])[0]

    def compute_loss() -> Tensor:
        output = module(torch.stack(xs, dim=1 - batch_first))[0]
        return score(output.relu_() if change == "relu_" else output.mul_(0.5))

    def loss(ys: Sequence[Tensor], _: Sequence[Tensor]) -> Tensor:
        return score(y.relu() if change == "relu_" else y * 0.5 for y in ys)

    rows = [measure(windows(module, [x]), loss) for x in xs]
    found = probe(module, compute_loss) if by == "probe" else replay(caught(module, compute_loss))
    check(found, mean(rows), 1e-10)


@crossed("kind,change", KINDS, ["spectral_norm", "weight_norm", "orthogonal"], together=1)
def test_a_weight_made_by_a_parametrization(kind: str, change: str) -> None:
    module, xs = made(kind).eval(), data([[6] * 2])
    getattr(parametrizations, change)(module, "weight_hh_l0")
    profiles = probe(module, lambda: total("steps", run(module, "time first", xs)))
    compare(profiles, [windows(module, [x]) for x in xs[0]])


def test_a_users_own_hooks_stay() -> None:
    module, x = made("gru"), rand(6, 2, 3)
    seen: list[Tensor] = []
    outputs: list[Any] = []

    def compute_loss() -> Tensor:
        outputs.append(module(x)[0])
        outputs[-1].register_hook(seen.append)
        return score(outputs[-1])

    probe(module, compute_loss)
    output = outputs[0].detach().requires_grad_()
    (direct,) = torch.autograd.grad(score(output), output)
    assert len(seen) == 1
    torch.testing.assert_close(seen[0], direct)
    torch.autograd.backward(compute_loss())
    assert len(seen) == 2


@crossed("kind,form", KINDS, ["time first", "packed unsorted", "unbatched"], together=1)
def test_one_step(kind: str, form: str) -> None:
    profiles = linked(made(kind, num_layers=2), [[1]], "several", form=form)
    assert profiles["l1"].reach.tolist() == [1.0]


@pytest.mark.parametrize("module", [nn.RNN(3, 4), nn.LSTM(3, 4), nn.GRU(3, 4), nn.GRUCell(3, 4)])
def test_an_empty_batch_is_not_enough_data(module: nn.Module) -> None:
    def compute_loss() -> Tensor:
        x = torch.randn(5, 0, 3)
        return score(loop(module, x)[0] if isinstance(module, nn.GRUCell) else module(x)[0])

    (profile,) = probe(module, compute_loss).values()
    assert profile.outcome == "not enough data"


@pytest.mark.parametrize("kind", CELLS)
def test_nan_in_a_cell_is_not_finite(kind: str) -> None:
    cell, xs = cell_of(kind), rand(5, 2, 3)
    xs[2, 0, 0] = math.nan
    profile = probe(cell, lambda: score(loop(cell, xs)[0]))[""]
    assert profile.outcome == "not finite"
    assert np.isnan(profile.hidden_norm).tolist() == [False, False, True, True, True]


@crossed(
    "module,apart", [nn.GRU(3, 4), nn.GRUCell(3, 4)], ["another graph", "no graph"], together=1
)
def test_a_loss_apart_from_the_layer_is_not_enough_data(module: nn.Module, apart: str) -> None:
    other = nn.Linear(2, 1).double()

    def compute_loss() -> Tensor:
        x = torch.randn(5, 2, 3)
        _ = loop(module, x) if isinstance(module, nn.GRUCell) else module(x)
        return score(other(rand(1, 2))) if apart == "another graph" else torch.zeros(())

    (profile,) = probe(module, compute_loss).values()
    assert profile.outcome == "not enough data"


@crossed("kind,inner", KINDS, ["steps", "finals"], together=1)
def test_a_second_backward_over_the_graph_replaces_the_first(kind: str, inner: str) -> None:
    """Such as a penalty on a gradient, inside the loss: nothing that arrived of it stays."""
    module, xs = made(kind), data([[6] * 2])

    def compute_loss() -> Tensor:
        rows = run(module, "time first", xs)
        torch.autograd.grad(total(inner, rows), module.all_weights[0], retain_graph=True)
        return total("steps", rows)

    compare(probe(module, compute_loss), [windows(module, [x]) for x in xs[0]])
