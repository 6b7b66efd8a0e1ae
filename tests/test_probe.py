"""The gradient through time is exact: against an unrolled float64 loop, on every layer type."""

import copy
import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence

from backsight.errors import SettingError
from backsight.probes import GradientProfile, Lag, probe
from tests.crossed import crossed
from tests.reference import unroll

KINDS: dict[str, Callable[..., nn.RNNBase]] = {
    "tanh": nn.RNN,
    "relu": lambda *a, **k: nn.RNN(*a, nonlinearity="relu", **k),
    "gru": nn.GRU,
    "lstm": nn.LSTM,
    "projected": lambda *a, **k: nn.LSTM(*a, proj_size=2, **k),
}
FORMS = ("time first", "batch first", "unbatched", "packed", "packed unsorted")
LOSSES = ("last", "all", "h_n", "c_n", "several")


def states_of(module: nn.RNNBase, count: int) -> tuple[Tensor, Tensor | None]:
    """Initial states ``(L·D, B, ·)`` of ``count`` sequences."""
    rows = module.num_layers * (2 if module.bidirectional else 1)
    h0 = torch.randn(rows, count, module.proj_size or module.hidden_size, dtype=torch.float64)
    lstm = module.mode == "LSTM"
    return h0, torch.randn(rows, count, module.hidden_size, dtype=torch.float64) if lstm else None


def head(size: int) -> Tensor:
    """Fixed weights of the loss."""
    return torch.linspace(-1, 2, size, dtype=torch.float64)


def loss_of(kind: str, outputs: list[Tensor], h_n: Tensor, c_n: Tensor | None) -> Tensor:
    """A loss of one sequence, nonlinear in what it reads: outputs by time, ``(L·D, ·)`` states."""
    terms: dict[str, Callable[[], Tensor]] = {
        "last": lambda: (outputs[-1] * head(len(outputs[-1]))).sum().square(),
        "all": lambda: torch.stack([(o * head(len(o))).sum().square() for o in outputs]).sum(),
        "h_n": lambda: (h_n * head(h_n.numel()).view_as(h_n)).sum().square(),
        "c_n": lambda: (
            h_n.sum() * 0.5
            if c_n is None
            else (c_n * head(c_n.numel()).view_as(c_n)).sum().square()
        ),
    }
    if kind == "several":
        return torch.stack([term() for term in terms.values()]).sum()
    return terms[kind]()


def expected(
    module: nn.RNNBase,
    sequences: list[Tensor],
    h0: Tensor | None,
    c0: Tensor | None,
    loss: str,
    masks: list[list[Tensor]] | None = None,
) -> dict[str, dict[str, list[float]]]:
    """Every profile, by loops over sequences and steps."""
    norms: dict[str, dict[str, list[list[float]]]] = {}
    directions = 2 if module.bidirectional else 1

    def run(b: int) -> tuple[Any, list[Tensor], list[Tensor]]:
        unrolled = unroll(
            module,
            sequences[b],
            None if h0 is None else h0[:, b],
            None if c0 is None else c0[:, b],
            masks[b] if masks else None,
        )
        finals = [h[-1] for h in unrolled.h.values()]
        cells = [c[-1] for c in unrolled.c.values() if c]
        return unrolled, finals, cells

    def norm(t: Tensor | None) -> float:
        return 0.0 if t is None else float(t.norm())

    for b in range(len(sequences)):
        unrolled, finals, cells = run(b)
        value = loss_of(
            loss, unrolled.output, torch.stack(finals), torch.stack(cells) if cells else None
        )
        value.backward()  # type: ignore[no-untyped-call]
        for name, hs in unrolled.h.items():
            one = norms.setdefault(name, {"h": [], "grad": [], "cell": [], "reach": []})
            turn = -1 if name.endswith("_reverse") else 1
            one["h"].append([norm(h.detach()) for h in hs][::turn])
            one["grad"].append([norm(h.grad) for h in hs][::turn])
            one["cell"].append([norm(c.grad) for c in unrolled.c[name]][::turn])

        # Direct gradients: the loss as a function of detached outputs and final states.
        outputs = [o.detach().requires_grad_() for o in unrolled.output]
        h_n = torch.stack(finals).detach().requires_grad_()
        c_n = torch.stack(cells).detach().requires_grad_() if cells else None
        loss_of(loss, outputs, h_n, c_n).backward()  # type: ignore[no-untyped-call]
        for d in range(directions):
            again, finals, cells = run(b)
            steps = len(outputs)
            size = len(outputs[0]) // directions
            half = slice(d * size, (d + 1) * size)
            order = list(range(steps))[:: -1 if d else 1]
            direct = {t: o.grad[half] for t, o in enumerate(outputs) if o.grad is not None}
            rows = range(d, h_n.shape[0], directions)
            final = [
                (state, gradient[row])
                for states, gradient in (
                    (finals, h_n.grad),
                    (cells, None if c_n is None else c_n.grad),
                )
                if gradient is not None
                for row in rows
                for state in [states[row]]
            ]
            position = max(
                [p for p, t in enumerate(order) if t in direct and direct[t].abs().sum() > 0]
                + ([steps - 1] if any(g.abs().sum() > 0 for _, g in final) else []),
                default=-1,
            )
            names = [n for n in again.h if n.endswith("_reverse") == bool(d)]
            if position >= 0:
                parts = []
                if order[position] in direct:
                    top = again.output[order[position]][half]
                    parts.append((top * direct[order[position]]).sum())
                if position == steps - 1:
                    parts += [(state * gradient).sum() for state, gradient in final]
                torch.stack(parts).sum().backward()  # type: ignore[no-untyped-call]
            for name in names:
                hs = again.h[name]
                back = [norm(hs[position - k].grad) for k in range(position + 1)]
                norms[name]["reach"].append(back)

    def mean(rows: list[list[float]]) -> list[float]:
        longest = max(map(len, rows), default=0)
        columns = [[r[k] for r in rows if k < len(r)] for k in range(longest)]
        return [sum(c) / len(c) for c in columns]

    result = {}
    for name, one in norms.items():
        reach = mean([r for r in one["reach"] if r])
        # A ratio of means, over the sequences that have the lag; a reversed time axis has its
        # ragged ends at the front, so forward time is averaged step by step as it stands.
        result[name] = {
            "grad_time": mean(one["grad"]),
            "hidden_norm": mean(one["h"]),
            "grad_time_cell": mean(one["cell"]),
            "reach": [v / next(r for r in reach if r) for v in reach] if reach else [],
        }
    return result


def feed(
    module: nn.RNNBase, form: str, sequences: list[Tensor], state: Any
) -> tuple[list[list[Tensor]], Tensor, Tensor | None]:
    """Call ``module`` in some form: outputs by sequence and step, then ``h_n`` and ``c_n``."""
    lengths = [len(s) for s in sequences]
    if form == "unbatched":
        one = tuple(s[:, 0] for s in state) if isinstance(state, tuple) else state
        one = one[:, 0] if isinstance(one, Tensor) else one
        output, final = module(sequences[0], one)
        finals = final if isinstance(final, tuple) else (final,)
        rows = [list(output)]
        return rows, finals[0][:, None], finals[1][:, None] if len(finals) > 1 else None
    padded = pad_sequence(sequences, batch_first=module.batch_first)
    if form.startswith("packed"):
        packed = pack_padded_sequence(
            padded, torch.tensor(lengths), module.batch_first, enforce_sorted=form == "packed"
        )
        output, final = module(packed, state)
        output, _ = nn.utils.rnn.pad_packed_sequence(output, batch_first=module.batch_first)
    else:
        output, final = module(padded, state)
    finals = final if isinstance(final, tuple) else (final,)
    by_sequence = output if module.batch_first else output.transpose(0, 1)
    rows = [list(by_sequence[b, : lengths[b]]) for b in range(len(sequences))]
    return rows, finals[0], finals[1] if len(finals) > 1 else None


def check(profiles: dict[str, GradientProfile], reference: dict[str, Any], rtol: float) -> None:
    assert set(profiles) == set(reference)
    for name, profile in profiles.items():
        one = reference[name]
        for field in ("grad_time", "hidden_norm", "reach"):
            np.testing.assert_allclose(
                getattr(profile, field),
                one[field],
                rtol=rtol,
                atol=rtol * 1e-6,
                err_msg=f"{name} {field}",
            )
        if profile.grad_time_cell is None:
            assert one["grad_time_cell"] == []
        else:
            np.testing.assert_allclose(profile.grad_time_cell, one["grad_time_cell"], rtol=rtol)
        assert profile.exact


def compare(module: nn.RNNBase, form: str, loss: str, *, given: bool, rtol: float = 1e-10) -> None:
    """Probe ``module`` in that form and compare with the unrolled reference in float64."""
    ragged = {"unbatched": [6], "packed": [6, 4, 1], "packed unsorted": [3, 6, 1, 4]}
    lengths = ragged.get(form, [6, 6, 6])
    sequences = [torch.randn(n, 3, dtype=torch.float64) for n in lengths]
    h0, c0 = states_of(module, len(lengths)) if given else (None, None)
    dtype = module.weight_ih_l0.dtype
    assert isinstance(dtype, torch.dtype)
    as_given: Any = None
    if h0 is not None:
        as_given = (h0.to(dtype), c0.to(dtype)) if c0 is not None else h0.to(dtype)
    xs = [s.to(dtype) for s in sequences]

    def compute_loss() -> Tensor:
        rows, h_n, c_n = feed(module, form, xs, as_given)
        each = [
            loss_of(loss, [o.double() for o in row], h_n[:, b].double(),
                    None if c_n is None else c_n[:, b].double())
            for b, row in enumerate(rows)
        ]  # fmt: skip
        return torch.stack(each).sum()

    profiles = probe(module, compute_loss)
    check(profiles, expected(copy.deepcopy(module).double(), sequences, h0, c0, loss), rtol)


@pytest.mark.some(11)
@crossed("kind,form,loss", KINDS, FORMS, LOSSES)
def test_exact_in_every_form_and_for_every_loss(kind: str, form: str, loss: str) -> None:
    """Two layers, both directions, given initial states: the hardest case of each."""
    torch.manual_seed(0)
    module = KINDS[kind](
        3, 4, num_layers=2, bidirectional=True, batch_first=form in ("batch first", "packed")
    ).double()
    compare(module, form, loss, given=True)


@pytest.mark.some(7)
@pytest.mark.parametrize(
    ("layers", "bidirectional", "bias", "given"),
    [
        *itertools.product((1, 3), (False, True), (False, True), (False,)),
        (4, False, True, True),
        (1, False, True, True),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_exact_for_every_stack(
    kind: str, layers: int, bidirectional: bool, bias: bool, given: bool
) -> None:
    torch.manual_seed(1)
    module = KINDS[kind](3, 4, num_layers=layers, bidirectional=bidirectional, bias=bias).double()
    for form, loss in (("time first", "last"), ("packed unsorted", "all")):
        compare(module, form, loss, given=given)


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@pytest.mark.parametrize("kind", KINDS)
def test_float32_within_1e_4(kind: str) -> None:
    torch.manual_seed(2)
    module = KINDS[kind](3, 4, num_layers=2)
    compare(module, "time first", "all", given=True, rtol=1e-4)
    assert module.weight_ih_l0.dtype == torch.float32


@pytest.mark.parametrize("kind", KINDS)
def test_dropout_between_layers_is_the_runs_own(kind: str) -> None:
    """Against the unrolled loop with the mask that reproduces the fused layer's output."""
    torch.manual_seed(3)
    module = KINDS[kind](3, 4, num_layers=3, dropout=0.5, bidirectional=True).double()
    sequences = [torch.randn(6, 3, dtype=torch.float64) for _ in range(3)]
    fused: list[list[Tensor]] = []

    def compute_loss() -> Tensor:
        torch.manual_seed(7)
        rows, _, _ = feed(module, "time first", sequences, None)
        fused[:] = rows
        return torch.stack([loss_of("all", row, row[-1], None) for row in rows]).sum()

    profiles = probe(module, compute_loss)
    torch.manual_seed(7)
    size = 2 * (module.proj_size or 4)
    drawn = [torch.dropout(torch.ones(6, 3, size).double(), 0.5, train=True) for _ in range(2)]
    masks = [[mask[:, b] for mask in drawn] for b in range(3)]
    for b in range(3):
        unrolled = torch.stack(unroll(module, sequences[b], None, None, masks[b]).output)
        torch.testing.assert_close(unrolled, torch.stack(fused[b]))
    check(profiles, expected(module, sequences, None, None, "all", masks), 1e-10)


@pytest.mark.parametrize("form", ["batch first", "packed", "packed unsorted"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_mask_is_found_in_every_form(kind: str, form: str) -> None:
    """``exact`` compares the replayed output with the run's: another mask could not pass."""
    torch.manual_seed(4)
    batch_first = form == "batch first"
    module = KINDS[kind](3, 4, num_layers=3, dropout=0.5, batch_first=batch_first).double()
    sequences = [
        torch.randn(n, 3, dtype=torch.float64) for n in ((6, 6) if batch_first else (6, 4))
    ]

    def compute_loss() -> Tensor:
        rows, _, _ = feed(module, form, sequences, None)
        return torch.stack([loss_of("all", row, row[-1], None) for row in rows]).sum()

    assert all(profile.exact for profile in probe(module, compute_loss).values())


def test_a_mask_that_cannot_be_drawn_again_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    module = nn.LSTM(3, 4, num_layers=2, dropout=0.5)
    dropout = torch.dropout
    monkeypatch.setattr(torch, "dropout", lambda x, p, train: dropout(x.flip(0), 0.4, train))
    profiles = probe(module, lambda: module(torch.randn(6, 2, 3))[0].sum())
    assert not any(profile.exact for profile in profiles.values())


def set_weights(module: nn.RNN, recurrent: float) -> None:
    """h_t = recurrent · h_{t-1} + x_t."""
    with torch.no_grad():
        for name, weight in module.named_parameters():
            weight.fill_(recurrent if "hh" in name else 1.0)


def test_a_known_answer() -> None:
    """h_t = w h_{t-1} + x_t with w = ½ and a loss on the last state: R(k) = 2^-k."""
    module = nn.RNN(1, 1, nonlinearity="relu", bias=False).double()
    set_weights(module, 0.5)
    x = torch.ones(20, 5, 1, dtype=torch.float64)
    profile = probe(module, lambda: module(x)[0][-1].sum())["l0"]
    np.testing.assert_allclose(profile.reach, 0.5 ** np.arange(20), rtol=1e-14)
    assert profile.strength == pytest.approx(0.5)  # at lag 1
    assert profile.half_life == Lag(2, False)
    assert profile.horizon == Lag(7, False)  # 2^-6 of it is 1.6 %, 2^-7 is 0.8 %
    assert profile.growth_rate == pytest.approx(-math.log(2))
    assert profile.cut is None
    assert profile.outcome == "ok"


def test_reach_sees_the_vanishing_that_grad_time_of_a_per_step_loss_hides() -> None:
    module = nn.RNN(1, 1, nonlinearity="relu", bias=False).double()
    set_weights(module, 0.5)
    x = torch.ones(20, 2, 1, dtype=torch.float64)
    profile = probe(module, lambda: module(x)[0].sum())["l0"]
    assert profile.grad_time[0] == pytest.approx(2.0, rel=1e-3)  # looks healthy at every step
    np.testing.assert_allclose(profile.reach, 0.5 ** np.arange(20), rtol=1e-14)


def test_a_window_that_ends_first_is_censored() -> None:
    module = nn.RNN(1, 1, nonlinearity="relu", bias=False).double()
    set_weights(module, 1.0)
    x = torch.ones(9, 2, 1, dtype=torch.float64)
    profile = probe(module, lambda: module(x)[0][-1].sum())["l0"]
    assert profile.half_life == profile.horizon == Lag(8, True)
    assert str(profile.horizon) == "≥ 8"
    assert profile.growth_rate == pytest.approx(0.0, abs=1e-12)


class Everything(nn.Module):
    """Dropout, batch norm, a stack: all that a probe could disturb."""

    def __init__(self) -> None:
        super().__init__()
        self.enc = nn.LSTM(3, 4, 2, dropout=0.5)
        self.norm = nn.BatchNorm1d(4)
        self.head = nn.Linear(4, 1)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.head(self.norm(torch.dropout(self.enc(x)[0][-1], 0.3, self.training)))
        return result


def test_it_leaves_no_trace() -> None:
    torch.manual_seed(0)
    model = Everything()
    model(torch.randn(5, 4, 3)).sum().backward()

    def everything() -> list[bytes]:
        tensors = [*model.parameters(), *model.buffers(), *(p.grad for p in model.parameters())]
        kept = [t.detach().numpy().tobytes() for t in tensors if t is not None]
        hooks = sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules())
        return [*kept, torch.get_rng_state().numpy().tobytes(), bytes([hooks, model.training])]

    before = everything()
    x = torch.randn(5, 4, 3, generator=torch.Generator().manual_seed(1))
    profiles = probe(model, lambda: model(x).square().mean())
    assert set(profiles) == {"enc.l0", "enc.l1"}
    assert everything() == before

    def fail() -> Tensor:
        model(x)
        raise KeyError("the user's own")

    with pytest.raises(KeyError):
        probe(model, fail)
    assert everything() == before


class KeepsItsState(nn.Module):
    """The membrane of a spiking neuron: a buffer that is empty at first, and then another one."""

    membrane: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.RNN(3, 4)
        self.register_buffer("membrane", torch.zeros(0), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layer(x)[0]
        self.membrane = out[-1]
        return out


def test_a_buffer_that_the_forward_pass_replaces_is_put_back() -> None:
    model, x = KeepsItsState(), torch.randn(5, 2, 3)
    for shape in ((0,), (2, 4)):
        before = model.membrane
        values = before.detach().clone()
        assert probe(model, lambda: model(x).sum())["layer.l0"].reach.size == 5
        assert model.membrane is before
        assert before.shape == shape
        assert torch.equal(before, values)
        model(x)


def test_a_frozen_layer_is_measured_all_the_same() -> None:
    module = nn.GRU(3, 4)
    x = torch.randn(6, 2, 3)
    free = probe(module, lambda: module(x)[0][-1].sum())["l0"]
    module.requires_grad_(False)
    frozen = probe(module, lambda: module(x)[0][-1].sum())["l0"]
    np.testing.assert_array_equal(free.reach, frozen.reach)


def test_an_encoder_sees_the_gradient_that_comes_through_the_decoder() -> None:
    """Two modules chained by the state: against autograd's gradient on that state."""
    torch.manual_seed(0)
    encoder, decoder = nn.GRU(3, 4).double(), nn.GRU(3, 4).double()
    model = nn.ModuleDict({"enc": encoder, "dec": decoder})
    x, y = torch.randn(5, 2, 3, dtype=torch.float64), torch.randn(4, 2, 3, dtype=torch.float64)

    def run(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        _, state = encoder(x)
        return decoder(y, state)[0][-1].square().sum(), state

    profiles = probe(model, lambda: run(x, y)[0])
    loss, state = run(x, y)
    (direct,) = torch.autograd.grad(loss, state)
    assert profiles["enc.l0"].grad_time[-1] == pytest.approx(direct[0].norm(dim=-1).mean().item())


def test_nan_is_not_finite_and_no_gradient_is_not_enough_data() -> None:
    module = nn.RNN(3, 4)
    x = torch.randn(6, 2, 3)
    x[2, 0, 0] = math.nan
    profile = probe(module, lambda: module(x)[0][-1].sum())["l0"]
    assert profile.outcome == "not finite"
    assert (profile.half_life, profile.horizon, profile.cut) == (None, None, None)
    assert math.isnan(profile.growth_rate)
    unrelated = nn.Linear(2, 1)

    def loss() -> Tensor:
        module(torch.randn(6, 2, 3))
        result: Tensor = unrelated(torch.ones(2)).sum()
        return result

    assert probe(module, loss)["l0"].outcome == "not enough data"


def test_a_gradient_that_overflows_is_not_finite_and_no_warning() -> None:
    module = nn.RNN(3, 4)
    x = torch.randn(6, 2, 3)
    profile = probe(module, lambda: module(x)[0][-1].sum() * math.inf)["l0"]
    assert profile.outcome == "not finite"


def test_a_detached_state_is_a_cut_and_fading_to_zero_is_not() -> None:
    reach = np.array([1.0, 0.9, 0.8, 0.0, 0.0])
    profile = GradientProfile(np.ones(5), reach, np.ones(5))
    assert profile.cut == 2
    assert profile.horizon == Lag(2, False)
    faded = np.concatenate([10.0 ** -np.arange(0, 45, 5), [0.0, 0.0]])
    assert GradientProfile(np.ones(11), faded, np.ones(11)).cut is None


def test_one_step_and_one_sequence() -> None:
    module = nn.LSTM(3, 4)
    profile = probe(module, lambda: module(torch.randn(1, 1, 3))[0].sum())["l0"]
    assert profile.reach.tolist() == [1.0]
    assert profile.horizon == Lag(0, True)
    assert math.isnan(profile.growth_rate)


@pytest.mark.parametrize(
    ("model", "loss", "words"),
    [
        (nn.Linear(2, 2), lambda: torch.zeros(()), "no recurrent layer found in Linear"),
        (nn.RNN(2, 2), lambda: torch.zeros(()), "compute_loss ran no recurrent layer"),
        (
            nn.RNN(2, 2),
            lambda: torch.zeros(3),
            r"scalar loss as a tensor, not a tensor of shape \(3,\)",
        ),
        (nn.RNN(2, 2), lambda: 1.0, "not 1.0"),
    ],
)
def test_what_cannot_be_probed_is_said(model: nn.Module, loss: Any, words: str) -> None:
    with pytest.raises(SettingError, match=words):
        probe(model, loss)


@pytest.mark.parametrize(
    ("time", "reach", "words"),
    [
        (np.ones(3), np.array([1, 0.5, 0.1]), "still at least 1 % at the oldest of the 2 earlier"),
        (np.ones(2), np.array([1, math.nan]), "the gradient through time is not finite"),
        (np.array([1, math.inf]), np.ones(2), "the gradient through time is not finite"),
        (np.ones(3), np.empty(0), "no gradient of this loss reaches this layer"),
    ],
    ids=["reach", "NaN", "grad_time", "nothing"],
)
def test_in_words(time: Any, reach: Any, words: str) -> None:
    assert words in GradientProfile(time, reach, np.ones(3)).summary
