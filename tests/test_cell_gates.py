"""The saturation of a cell's gates, against each gate computed step by step in float64."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from backsight import LayerAdapter, probe, register_layer
from backsight.layers import CellStep, _registry
from backsight.probes import Readers, ReaderSettings, _tensors

STEPS, BATCH = 6, 3


def plain(cell: Any, x: Tensor, h: Tensor, c: Tensor) -> dict[str, Tensor]:
    """Gates of one step: the formulas of PyTorch's documentation."""
    own = x @ cell.weight_ih.T
    back = h @ cell.weight_hh.T
    if cell.bias:
        own, back = own + cell.bias_ih, back + cell.bias_hh
    a, b = own.split(4, 1), back.split(4, 1)
    if isinstance(cell, nn.GRUCell):
        reset, update = torch.sigmoid(a[0] + b[0]), torch.sigmoid(a[1] + b[1])
        return {"reset": reset, "update": update, "new": torch.tanh(a[2] + reset * b[2])}
    i, f, g, o = (p + q for p, q in zip(a, b, strict=True))
    return {
        "input": torch.sigmoid(i), "forget": torch.sigmoid(f), "cell": torch.tanh(g),
        "output": torch.sigmoid(o),
    }  # fmt: skip


def share(name: str, values: Tensor) -> float:
    """At an end of its range."""
    if name in ("", "new", "cell"):
        return float((values.abs() > 0.99).double().mean())
    return float(((values < 0.01) | (values > 0.99)).double().mean())


def made(kind: Callable[..., nn.Module], **settings: Any) -> nn.Module:
    torch.manual_seed(0)
    cell = kind(3, 4, **settings).double()
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.mul_(8)  # some are saturated, and some are not
    return cell


def inputs() -> Tensor:
    torch.manual_seed(1)
    return torch.randn(STEPS, BATCH, 3, dtype=torch.float64)


@pytest.mark.parametrize("kind", [nn.GRUCell, nn.LSTMCell])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("named", [True, False])
def test_gates_of_a_cell_are_counted_exactly(
    kind: type[nn.Module], bias: bool, named: bool
) -> None:
    cell, xs = made(kind, bias=bias), inputs()
    found: dict[str, list[Tensor]] = {}

    def loss() -> Tensor:
        found.clear()
        h = c = torch.zeros(BATCH, 4, dtype=torch.float64)
        state = None
        for x in xs:
            for gate, values in plain(cell, x, h, c).items():
                found.setdefault(gate, []).append(values.detach())
            # The first step is called without a state.
            state = cell(hx=state, input=x) if named else cell(x, state)
            h, c = state if isinstance(state, tuple) else (state, c)
            found.setdefault("", []).append(h.detach())
        return h.sum()

    profile = probe(cell, loss)[""]
    expected = {gate: share(gate, torch.stack(values)) for gate, values in found.items()}
    assert all(0 < part < 1 for gate, part in expected.items() if gate)
    assert profile.saturation == pytest.approx(expected, abs=1e-12)


def looped(cell: nn.Module, xs: Tensor) -> Tensor:
    state = None
    for x in xs:
        state = cell(x, state)
    last = state[0] if isinstance(state, tuple) else state
    assert isinstance(last, Tensor)
    return last.sum()


def test_an_unbatched_cell_counts_as_one_sequence() -> None:
    cell, xs = made(nn.GRUCell), inputs()[:, :1]
    one = probe(cell, lambda: looped(cell, xs[:, 0]))[""].saturation
    assert one == probe(cell, lambda: looped(cell, xs))[""].saturation
    assert set(one) == {"", "reset", "update", "new"}


def test_many_states_are_taken_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    cell, xs = made(nn.LSTMCell), inputs()
    whole = probe(cell, lambda: looped(cell, xs))[""].saturation
    monkeypatch.setattr(_tensors, "TOGETHER", 30)
    assert probe(cell, lambda: looped(cell, xs))[""].saturation == pytest.approx(whole)


class Coupled(nn.GRUCell):
    """Its gates are not those of its base."""

    def forward(self, x: Tensor, h: Tensor | None = None) -> Tensor:
        before = x.new_zeros(len(x), 4) if h is None else h
        r, _, n = (x @ self.weight_ih.T + before @ self.weight_hh.T).chunk(3, 1)
        r = torch.sigmoid(r)
        return r * before + (1 - r) * torch.tanh(n)


class Wide(nn.LSTMCell):
    """It adds a feature of its own to the input of a step that is PyTorch's."""

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__(inputs + 1, hidden)

    def forward(self, x: Tensor, state: Any = None) -> Any:
        return super().forward(torch.cat([x, torch.ones_like(x[:, :1])], 1), state)


class Odd(nn.GRUCell):
    """Its weights have other shapes."""

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__(inputs + 1, hidden)

    def forward(self, x: Tensor, h: Tensor | None = None) -> Tensor:
        before = x.new_zeros(len(x), 4) if h is None else h
        return torch.tanh((x @ self.weight_ih[:, 1:].T + before @ self.weight_hh.T)[:, :4])


class Named(nn.GRUCell):
    """Another name, the same arithmetic."""


@pytest.mark.parametrize(
    ("kind", "gates"),
    [
        (Coupled, set()),
        (Odd, set()),
        (Named, {"reset", "update", "new"}),
        (Wide, {"input", "forget", "cell", "output"}),
    ],
)
def test_a_subclass_has_gates_where_its_states_follow_from_them(
    kind: type[nn.Module], gates: set[str]
) -> None:
    cell, xs = made(kind), inputs()
    profile = probe(cell, lambda: looped(cell, xs))[""]
    assert set(profile.saturation) == {"", *gates}
    assert profile.outcome == "ok"


def test_an_input_that_was_overwritten_tells_no_gates() -> None:
    cell, xs = made(nn.GRUCell), inputs()
    cell.weight_ih.requires_grad_(False)  # else autograd needs the input as well

    def loss() -> Tensor:
        buffer, state = torch.empty(BATCH, 3, dtype=torch.float64), None
        for x in xs:
            state = cell(buffer.copy_(x), state)
        assert state is not None
        return state.sum()  # type: ignore[no-any-return]

    profile = probe(cell, loss)[""]
    assert set(profile.saturation) == {""}


def test_sampled_sequences_are_those_of_the_settings() -> None:
    """Of 8 sequences every other one is followed; the others are saturated."""
    cell = made(nn.GRUCell)
    xs = 1e-3 * torch.ones(2, 8, 3, dtype=torch.float64)
    xs[:, 1::2] *= 1e6
    readers = Readers(ReaderSettings(sequences=4))
    readers.adopt("cell", cell)
    readers.begin(armed=True)
    state = None
    for x in xs:
        given = (x,) if state is None else (x, state)
        state = cell(*given)
        readers.called("cell", cell, given, {}, state)
    assert state is not None
    found = readers.graph_whole([state.sum()], [None]).profiles["cell"].saturation
    others = made(nn.GRUCell)
    few = probe(others, lambda: looped(others, xs[:, ::2]))[""].saturation
    assert {gate: found[gate] for gate in few if gate} == {gate: few[gate] for gate in few if gate}


class Leaky(nn.Module):
    """A user's own cell, with one gate."""

    def __init__(self) -> None:
        super().__init__()
        self.leak = nn.Parameter(torch.tensor([9.0, 0.0, 0.0, 0.0], dtype=torch.float64))

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        a = torch.sigmoid(self.leak)
        return a * h + (1 - a) * x.mean(1, keepdim=True)


class LeakyCells(LayerAdapter):
    kind, reading, module_type = "leaky with a gate", "stepped", Leaky
    gates = ("leak",)

    def cell_step(self, module: nn.Module, x: Tensor, state: tuple[Tensor, ...]) -> CellStep:
        assert isinstance(module, Leaky)
        a = torch.sigmoid(module.leak).expand(len(x), -1)
        return CellStep({"leak": a}, a * state[0] + (1 - a) * x.mean(1, keepdim=True))


def test_a_registered_kind_tells_its_own_gates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_registry, "_registered", dict(_registry._registered))
    register_layer(LeakyCells())
    cell, xs = Leaky(), inputs()

    def loss() -> Tensor:
        h = xs.new_zeros(BATCH, 4)
        for x in xs:
            h = cell(x, h)
        return h.sum()

    assert probe(cell, loss)[""].saturation == {"leak": 0.25}  # sigmoid(9) is 0.9999
