"""Explosions whose origin is known: one gate of one layer is made to grow, and the rest follows."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["EVERYWHERE", "FAMILIES", "LOOKED_AT", "SET_ASIDE", "Explosion", "stack_of"]

WIDTH, STATES, HEADS = 16, 4, 2


class MinGRU(nn.Module):
    """As ``minGRU-pytorch`` has it, in plain numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.to_hidden_and_gate = nn.Linear(WIDTH, 2 * WIDTH, bias=False)
        self.to_out = nn.Linear(WIDTH, WIDTH, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, T, WIDTH)`` to the same."""
        hidden, gate = self.to_hidden_and_gate(x).chunk(2, -1)
        z = gate.sigmoid()
        state, states = torch.zeros_like(hidden[:, 0]), []
        for t in range(x.shape[1]):
            state = (1 - z[:, t]) * state + z[:, t] * hidden[:, t]
            states.append(state)
        out: Tensor = x + self.to_out(torch.stack(states, 1))
        return out


class Mamba2(nn.Module):
    """As ``transformers`` has it: two heads, with four states for each channel."""

    def __init__(self) -> None:
        super().__init__()
        mixed = WIDTH + 2 * STATES
        self.in_proj = nn.Linear(WIDTH, WIDTH + mixed + HEADS)
        self.conv1d = nn.Conv1d(mixed, mixed, 2, groups=mixed, padding=1)
        self.A_log = nn.Parameter(torch.log(torch.arange(1.0, HEADS + 1)))
        self.dt_bias = nn.Parameter(torch.full((HEADS,), -2.0))
        self.out_proj = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, T, WIDTH)`` to the same."""
        given: Tensor = self.in_proj(x)
        z, mixed, step = torch.split(given, [WIDTH, WIDTH + 2 * STATES, HEADS], -1)
        mixed = functional.silu(self.conv1d(mixed.mT)[..., : x.shape[1]]).mT
        v, b, c = torch.split(mixed, [WIDTH, STATES, STATES], -1)
        step = functional.softplus(step + self.dt_bias)
        decay = (-step * self.A_log.exp()).exp()
        v = v.reshape(*v.shape[:2], HEADS, -1)
        state, outs = torch.zeros(*v[:, 0].shape, STATES), []
        for t in range(x.shape[1]):
            new = (step[:, t, :, None] * v[:, t])[..., None] * b[:, t, None, None]
            state = decay[:, t, :, None, None] * state + new
            outs.append((state * c[:, t, None, None]).sum(-1).flatten(-2))
        out: Tensor = x + self.out_proj(torch.stack(outs, 1) * functional.silu(z))
        return out


@torch.no_grad()
def make_fragile(lstm: nn.LSTM) -> None:
    """As PyTorch draws it, a stack this small does not explode by any one of its gates."""
    for name, parameter in lstm.named_parameters():
        if "weight" in name:
            parameter.mul_(3.0 if "_hh_" in name else 1.5)
        elif "bias_ih" in name:
            parameter[WIDTH : 2 * WIDTH] += 1.5


class Stack(nn.Module):
    """An embedding of the input, three layers, a head at the last step."""

    def __init__(self, family: str) -> None:
        super().__init__()
        self.embed = nn.Linear(2, WIDTH)
        self.layers: nn.Module
        if family == "LSTM":
            self.layers = nn.LSTM(WIDTH, WIDTH, num_layers=3, batch_first=True)
            make_fragile(self.layers)
        else:
            kind = MinGRU if family == "minGRU" else Mamba2
            self.layers = nn.Sequential(kind(), kind(), kind())
        self.head = nn.Linear(WIDTH, 1)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, T, 2)`` to ``(B, 1)``."""
        out = self.layers(self.embed(x))
        out = out[0] if isinstance(out, tuple) else out
        answer: Tensor = self.head(out[:, -1])
        return answer


def stack_of(family: str, seed: int) -> Stack:
    """The same for the same seed."""
    torch.manual_seed(seed)
    return Stack(family)


Rows = list[tuple[nn.Parameter, slice]]


def rows_of(net: Stack, family: str, layer: int, gate: str) -> Rows:
    """The gate's, found by hand: not as the product finds them."""
    if family == "LSTM":
        place = ("input", "forget", "cell", "output").index(gate)
        rows = slice(place * WIDTH, (place + 1) * WIDTH)
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        return [(getattr(net.layers, f"{name}_l{layer}"), rows) for name in names]
    module = net.layers[layer]  # type: ignore[index]
    if family == "minGRU":
        half = slice(0, WIDTH) if gate == "candidate" else slice(WIDTH, 2 * WIDTH)
        return [(module.to_hidden_and_gate.weight, half)]
    if gate == "A":
        return [(module.A_log, slice(None))]
    sizes = {"z": WIDTH, "x": WIDTH, "B": STATES, "C": STATES, "dt": HEADS}
    begin = sum(list(sizes.values())[: list(sizes).index(gate)])
    rows = slice(begin, begin + sizes[gate])
    found = [(module.in_proj.weight, rows), (module.in_proj.bias, rows)]
    return [*found, (module.dt_bias, slice(None))] if gate == "dt" else found


@dataclass(frozen=True)
class Explosion:
    """What grows, where, and how."""

    layer: int
    gate: str
    how: str
    """``at once``: the rows are multiplied by :attr:`size`; ``step by step``: in each iteration
    from then on; ``rate``: their update is, as by a rate of their own; ``noise``: as much noise is
    added to them in each iteration."""
    size: float
    optimizer: str = "adam"
    begins: int = 150
    seed: int = 0

    @property
    def name(self) -> str:
        """In words."""
        where = f"layer {self.layer}, {self.gate}" if self.gate else "everywhere"
        return f"{where}, {self.how}, {self.size:g}, {self.optimizer}"

    def truth(self, family: str) -> str:
        """As the product names it; empty where nothing grows first."""
        if not self.gate:
            return ""
        return f"layers.{'l' if family == 'LSTM' else ''}{self.layer}.{self.gate}"

    def plant(self, net: Stack, family: str) -> tuple[Rows, Callable[[int, list[Tensor]], None]]:
        """The rows, and what to call after each step: its number, and the rows before it."""
        rows: Rows = [(parameter, slice(None)) for parameter in net.parameters()]
        if self.gate:
            rows = rows_of(net, family, self.layer, self.gate)

        @torch.no_grad()
        def act(iteration: int, then: list[Tensor]) -> None:
            """After a step: where the rows were before it is known."""
            if iteration < self.begins:
                return
            if self.how == "rate":
                for (parameter, part), old in zip(rows, then, strict=True):
                    parameter[part] += (self.size - 1) * (parameter[part] - old)
            elif self.how == "noise":
                generator = torch.Generator().manual_seed(iteration)
                for parameter, part in rows:
                    noise = torch.randn(parameter[part].shape, generator=generator)
                    parameter[part] += self.size * noise / math.sqrt(WIDTH)
            elif self.how == "step by step" or iteration == self.begins:
                for parameter, part in rows:
                    parameter[part] *= self.size

        return rows, act


FAMILIES = ("LSTM", "minGRU", "Mamba-2")

E = Explosion

LOOKED_AT: dict[str, tuple[Explosion, ...]] = {
    "LSTM": (
        E(0, "forget", "at once", 50), E(1, "cell", "step by step", 1.3),
        E(2, "output", "step by step", 1.3), E(1, "input", "at once", 30),
        E(2, "cell", "rate", 3000, "sgd"), E(0, "cell", "noise", 0.5), E(1, "cell", "rate", 100),
        E(0, "forget", "rate", 300), E(2, "input", "rate", 300), E(0, "cell", "rate", 1000, "sgd"),
    ),
    "minGRU": (
        E(0, "candidate", "at once", 30), E(1, "candidate", "step by step", 1.3),
        E(2, "candidate", "rate", 300, "sgd"), E(1, "gate", "at once", 50),
        E(0, "candidate", "noise", 1), E(2, "gate", "step by step", 1.3),
        E(1, "candidate", "rate", 100), E(0, "gate", "rate", 300),
    ),
    "Mamba-2": (
        E(0, "x", "at once", 30), E(1, "B", "step by step", 1.3), E(2, "C", "at once", 50),
        E(1, "dt", "step by step", 1.3), E(2, "x", "rate", 1000, "sgd"), E(0, "z", "noise", 1),
        E(1, "dt", "rate", 300), E(0, "C", "rate", 100),
    ),
}  # fmt: skip
"""Those with which the rule was made."""

SET_ASIDE: dict[str, tuple[Explosion, ...]] = {
    "LSTM": (
        E(0, "input", "step by step", 1.2, seed=1), E(1, "forget", "step by step", 1.25, seed=2),
        E(2, "forget", "at once", 100, begins=120, seed=3), E(0, "output", "at once", 40, seed=4),
        E(1, "cell", "rate", 10000, "sgd", seed=5), E(2, "input", "noise", 1, seed=6),
        E(1, "output", "noise", 0.7, begins=180, seed=7), E(0, "cell", "at once", 60, seed=8),
        E(0, "forget", "step by step", 1.15, seed=21), E(1, "input", "step by step", 1.2, seed=22),
        E(2, "output", "step by step", 1.15, seed=23), E(1, "forget", "at once", 10, seed=24),
        E(0, "cell", "rate", 500, seed=25), E(2, "cell", "step by step", 1.2, seed=26),
        E(2, "input", "step by step", 1.15, seed=27), E(0, "output", "at once", 10, seed=28),
        E(1, "cell", "step by step", 1.2, seed=29), E(1, "output", "step by step", 1.2, seed=30),
    ),
    "minGRU": (
        E(1, "candidate", "at once", 60, seed=1), E(2, "candidate", "step by step", 1.15, seed=2),
        E(0, "candidate", "rate", 1000, "sgd", seed=3), E(2, "candidate", "noise", 2, seed=4),
        E(0, "gate", "step by step", 1.5, seed=5), E(1, "gate", "noise", 3, begins=180, seed=6),
        E(0, "candidate", "step by step", 1.1, begins=120, seed=7),
        E(2, "candidate", "at once", 20, seed=8),
    ),
    "Mamba-2": (
        E(1, "x", "step by step", 1.15, seed=1), E(0, "B", "at once", 100, seed=2),
        E(2, "dt", "at once", 20, seed=3), E(1, "C", "rate", 3000, "sgd", seed=4),
        E(0, "x", "noise", 1, begins=180, seed=5), E(2, "z", "step by step", 1.2, seed=6),
        E(1, "z", "at once", 40, begins=120, seed=7), E(0, "C", "step by step", 1.25, seed=8),
    ),
}  # fmt: skip
"""Those that were written down and committed before any of them was run; the last ten of the LSTM
when the first looked-at ones had shown that few of its cases explode."""

EVERYWHERE = (
    E(-1, "", "rate", 1000, "sgd", seed=11), E(-1, "", "rate", 300, "adam", seed=12),
    E(-1, "", "step by step", 1.3, seed=13),
)  # fmt: skip
"""Of every family: nothing grows first."""
