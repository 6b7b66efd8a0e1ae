"""Small twins of the layers of other libraries: the same names and shapes, one plain loop each.

Each keeps its states, on their graph, so that autograd can be asked what is left of one in another.
"""

# Parameters are registered by name, so that their types are not known.
# mypy: disable-error-code="index, operator, assignment, no-untyped-call, no-any-return, misc"

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["BOUNDS", "FAMILIES", "Twin"]

WIDTH = 6


class Twin(nn.Module):
    """One layer.

    Its :meth:`gates` are computed from scratch, and its states by the recurrence.
    """

    channels = WIDTH

    def __init__(self) -> None:
        super().__init__()
        self.states: list[Tensor] = []

    def run(self, a: Tensor, b: Tensor) -> Tensor:
        """``h_t = a_t h_{t-1} + b_t``: all ``(B, T, …)``."""
        h = torch.zeros_like(b[:, 0])
        self.states = []
        for t in range(b.shape[1]):
            h = (a[:, t] if a.dim() == b.dim() else a) * h + b[:, t]
            self.states.append(h)
        return torch.stack(self.states, 1)

    def forget(self) -> None:
        """Let the graph of the last call go."""
        self.states = []


class MinGRU(Twin):
    """``minGRU-pytorch``."""

    def __init__(self) -> None:
        super().__init__()
        self.to_hidden_and_gate = nn.Linear(WIDTH, 2 * WIDTH, bias=False)
        self.to_out = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        hidden, gate = self.to_hidden_and_gate(x).chunk(2, -1)
        z = gate.sigmoid()
        return self.to_out(self.run(1 - z, z * hidden))


class MinLSTM(Twin):
    """``minGRU-pytorch``."""

    def __init__(self) -> None:
        super().__init__()
        self.to_hidden_and_f_i_gate = nn.Linear(WIDTH, 3 * WIDTH, bias=False)
        self.to_out = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        hidden, f, i = self.to_hidden_and_f_i_gate(x).chunk(3, -1)
        f, i = f.sigmoid(), i.sigmoid()
        return self.to_out(self.run(f / (f + i), i / (f + i) * hidden))


class RGLRU(Twin):
    """``transformers``: a reset at position 0 of each document."""

    def __init__(self) -> None:
        super().__init__()
        self.recurrent_param = nn.Parameter(torch.randn(WIDTH))
        for gate in ("input", "recurrent"):
            self.register_parameter(f"{gate}_gate_weight", nn.Parameter(torch.randn(2, 3, 3)))
            self.register_parameter(f"{gate}_gate_bias", nn.Parameter(torch.randn(2, 3)))

    def forward(self, x: Tensor) -> Tensor:
        parts = x.unflatten(-1, (2, 3))
        gates = [
            torch.stack([parts[..., n, :] @ w[n] + b[n] for n in range(2)], -2).flatten(-2)
            for w, b in (
                (self.input_gate_weight, self.input_gate_bias),
                (self.recurrent_gate_weight, self.recurrent_gate_bias),
            )
        ]
        i, r = (gate.sigmoid() for gate in gates)
        a = torch.exp(-8 * r * F.softplus(self.recurrent_param))
        return self.run(a, (1 - a**2).sqrt() * i * x)


class GateRGLRU(Twin):
    """Google's ``recurrentgemma``: the gates are modules."""

    def __init__(self) -> None:
        super().__init__()
        self.a_param = nn.Parameter(torch.randn(WIDTH))
        self.a_gate, self.input_gate = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        r, i = self.a_gate(x).sigmoid(), self.input_gate(x).sigmoid()
        a = torch.exp(-8 * r * F.softplus(self.a_param))
        return self.run(a, (1 - a**2).sqrt() * i * x)


class Mamba(Twin):
    """``transformers`` and ``mambapy``: the weight of ``dt_proj`` is taken, and not called."""

    channels = 2 * WIDTH * 3

    def __init__(self, norm: bool = False) -> None:
        super().__init__()
        inner, states, rank = 2 * WIDTH, 3, 2
        self.in_proj = nn.Linear(WIDTH, inner)
        self.x_proj = nn.Linear(inner, rank + 2 * states, bias=False)
        self.dt_proj = nn.Linear(rank, inner)
        self.dt_layernorm = nn.LayerNorm(rank) if norm else None
        self.A_log = nn.Parameter(torch.arange(1.0, states + 1).log().repeat(inner, 1))
        self.out_proj = nn.Linear(inner, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        x = F.silu(self.in_proj(x))
        step, b, c = self.x_proj(x).split([2, 3, 3], -1)
        if self.dt_layernorm is not None:
            step = self.dt_layernorm(step)
        step = F.softplus(step @ self.dt_proj.weight.T + self.dt_proj.bias)[..., None]
        h = self.run((-step * self.A_log.exp()).exp(), step * b[..., None, :] * x[..., None])
        return self.out_proj((h * c[..., None, :]).sum(-1))


class NormedMamba(Mamba):
    """FalconMamba, Jamba: what the step is made of is normalised first."""

    def __init__(self) -> None:
        super().__init__(norm=True)


class Mamba2(Twin):
    """``transformers``: two heads of three units, with four states each."""

    channels = 2

    def __init__(self, limit: tuple[float, float] = (0.0, float("inf"))) -> None:
        super().__init__()
        self.time_step_limit = limit
        self.in_proj = nn.Linear(WIDTH, WIDTH + (WIDTH + 2 * 4) + 2)
        self.conv1d = nn.Conv1d(WIDTH + 8, WIDTH + 8, 2, groups=WIDTH + 8, padding=1)
        self.A_log, self.dt_bias = nn.Parameter(torch.randn(2)), nn.Parameter(torch.randn(2))
        self.out_proj = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        gate, mixed, step = self.in_proj(x).split([WIDTH, WIDTH + 8, 2], -1)
        mixed = F.silu(self.conv1d(mixed.mT)[..., : x.shape[1]]).mT
        v, b, c = mixed.split([WIDTH, 4, 4], -1)
        step = F.softplus(step + self.dt_bias).clamp(*self.time_step_limit)
        v = v.unflatten(-1, (2, 3))
        a = (-step * self.A_log.exp()).exp()[..., None, None].expand(-1, -1, -1, 3, 4)
        h = self.run(a, step[..., None, None] * v[..., None] * b[..., None, None, :])
        y = (h * c[..., None, None, :]).sum(-1).flatten(-2)
        return self.out_proj(y * F.silu(gate))


class LimitedMamba2(Mamba2):
    """Whose steps are clipped."""

    def __init__(self) -> None:
        super().__init__((0.3, 0.6))


class RWKV4(Twin):
    """``transformers``: the numerator of its state."""

    def __init__(self, *shape: int, first: str = "time_first") -> None:
        super().__init__()
        self.time_decay = nn.Parameter(torch.randn(*(shape or (WIDTH,))))
        self.register_parameter(first, nn.Parameter(torch.randn(*(shape or (WIDTH,)))))
        self.key, self.value, self.receptance = (nn.Linear(WIDTH, WIDTH) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        a = (-self.time_decay.exp()).exp().flatten()
        h = self.run(a, self.key(x).exp() * self.value(x))
        return self.receptance(x).sigmoid() * h


class RWKV5(RWKV4):
    """The authors': a rate for each channel of each head."""

    def __init__(self) -> None:
        super().__init__(2, 3, first="time_faaaa")


class RWKV6(Twin):
    """The authors', with five mixtures of the input and the one before it."""

    def __init__(self) -> None:
        super().__init__()
        for name, shape in {
            "time_maa_x": (1, 1, WIDTH), "time_maa_w": (1, 1, WIDTH), "time_maa_w1": (WIDTH, 10),
            "time_maa_w2": (5, 2, WIDTH), "time_decay": (1, 1, WIDTH),
            "time_decay_w1": (WIDTH, 4), "time_decay_w2": (4, WIDTH),
        }.items():  # fmt: skip
            self.register_parameter(name, nn.Parameter(torch.randn(shape) / 2))
        self.key, self.value = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        before = torch.cat([torch.zeros_like(x[:, :1]), x[:, :-1]], 1) - x
        low = torch.tanh((x + before * self.time_maa_x) @ self.time_maa_w1)
        mix = low.view(*low.shape[:2], 5, 2)[:, :, 0] @ self.time_maa_w2[0]
        fed = x + before * (self.time_maa_w + mix)
        rate = self.time_decay + torch.tanh(fed @ self.time_decay_w1) @ self.time_decay_w2
        return self.run((-rate.exp()).exp(), self.key(x) * self.value(x))


class ProjectedRWKV6(Twin):
    """``fla``: a module gives the logarithm of the rate."""

    def __init__(self) -> None:
        super().__init__()
        self.bonus = nn.Parameter(torch.randn(2, 3))
        for name in "rwkvg":
            self.add_module(f"{name}_proj", nn.Linear(WIDTH, WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        a = (-self.w_proj(x).exp()).exp()
        return self.run(a, self.k_proj(x) * self.v_proj(x))


def discretize_zoh(power: Tensor) -> Tensor:
    """By the library's name."""
    return power.exp()


def discretize_bilinear(power: Tensor) -> Tensor:
    """Likewise."""
    return (1 + power / 2) / (1 - power / 2)


class S5(Twin):
    """``s5-pytorch``: the states are its part's, which runs inside ``torch.vmap``."""

    def __init__(self, discretize: Any = discretize_zoh) -> None:
        super().__init__()
        self.seq = nn.Module()
        states = torch.complex(-torch.rand(WIDTH) - 0.1, torch.randn(WIDTH))
        self.seq.Lambda = nn.Parameter(states)
        self.seq.log_step = nn.Parameter(torch.randn(WIDTH) - 1)
        self.seq.liquid, self.seq.discretize = False, discretize

    def forward(self, x: Tensor, step_scale: Any = 1.0) -> Tensor:
        scale = step_scale if isinstance(step_scale, float) else step_scale[..., None]
        steps = self.seq.log_step.exp()
        a = self.seq.discretize(self.seq.Lambda * (scale * steps))
        return self.run(a, torch.complex(x, x)).real


class BilinearS5(S5):
    """The other discretization."""

    def __init__(self) -> None:
        super().__init__(discretize_bilinear)


class LRU(Twin):
    """``LRU-pytorch``."""

    def __init__(self) -> None:
        super().__init__()
        self.nu_log, self.theta_log = (nn.Parameter(torch.randn(WIDTH)) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        a = torch.exp(torch.complex(-self.nu_log.exp(), self.theta_log.exp()))
        return self.run(a, torch.complex(x, x)).real


class Delta(Twin):
    """``transformers``: OLMo hybrid. Each head has two keys for two values."""

    heads = channels = 3
    writes = True
    """Whether anything is written over; without that, what is left is a plain decay."""

    def __init__(self) -> None:
        super().__init__()
        heads = self.heads
        self.A_log, self.dt_bias = (
            nn.Parameter(torch.randn(heads)),
            nn.Parameter(torch.randn(heads)),
        )
        self.project(heads)
        self.k_proj, self.v_proj = nn.Linear(WIDTH, 2 * heads), nn.Linear(WIDTH, 2 * heads)

    def project(self, heads: int) -> None:
        """Make what the rates come from."""
        self.a_proj, self.b_proj = nn.Linear(WIDTH, heads), nn.Linear(WIDTH, heads)

    def rates(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """What the decay is made of, and how much is written."""
        return self.a_proj(x), self.b_proj(x).sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        step, beta = self.rates(x)
        a = (-F.softplus(step + self.dt_bias) * self.A_log.exp()).exp()
        k = F.normalize(self.k_proj(x).unflatten(-1, (self.heads, 2)), dim=-1)
        v = self.v_proj(x).unflatten(-1, (self.heads, 2))
        h = x.new_zeros(len(x), self.heads, 2, 2)
        self.states = []
        for t in range(x.shape[1]):
            key, kept, new = k[:, t, :, :, None], a[:, t, :, None, None], beta[:, t, :, None, None]
            erased = new * (h @ key) @ key.mT if self.writes else 0.0
            h = kept * (h - erased) + new * v[:, t, :, :, None] @ key.mT
            self.states.append(h)
        return torch.stack(self.states, 1).flatten(2)[..., :WIDTH]


class GroupedDelta(Delta):
    """``transformers``: Qwen3-Next, which gives both rates of each group of heads side by side."""

    heads = channels = 4

    def project(self, heads: int) -> None:
        """For two groups."""
        self.num_k_heads = 2
        self.in_proj_ba = nn.Linear(WIDTH, 2 * heads)

    def rates(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """From one projection."""
        b, a = self.in_proj_ba(x).unflatten(-1, (2, 4)).split([2, 2], -1)
        return a.flatten(-2), b.flatten(-2).sigmoid()


class RWKV7(Twin):
    """``rwkv7-hf``: one head, whose state has a row for each channel of the keys."""

    writes = True

    def __init__(self) -> None:
        super().__init__()
        self.w_lora = nn.Module()
        self.w_lora.lora = nn.Sequential(
            nn.Linear(WIDTH, 2, bias=False), nn.Identity(), nn.Linear(2, WIDTH)
        )
        self.k_k, self.k_a = nn.Parameter(torch.randn(WIDTH)), nn.Parameter(torch.randn(WIDTH))
        self.r_k = nn.Parameter(torch.randn(1, WIDTH))
        self.x_w = nn.Parameter(torch.rand(1, 1, WIDTH))
        self.k_proj, self.v_proj = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, 2)
        self.a_proj = nn.Linear(WIDTH, WIDTH)

    def rate(self, fed: Tensor) -> Tensor:
        """By the two products."""
        first, _, second = self.w_lora.lora
        return second(torch.tanh(first(fed)))

    def forward(self, x: Tensor) -> Tensor:
        before = torch.cat([torch.zeros_like(x[:, :1]), x[:, :-1]], 1) - x
        a = (-math.exp(-0.5) * self.rate(x + before * self.x_w).sigmoid()).exp()
        k, v, eta = self.k_proj(x), self.v_proj(x), self.a_proj(x).sigmoid()
        unit = F.normalize(k * self.k_k, dim=-1)
        h = x.new_zeros(len(x), WIDTH, 2)
        self.states = []
        for t in range(x.shape[1]):
            removed = (eta * unit)[:, t, :, None] * (unit[:, t, None] @ h) if self.writes else 0.0
            h = a[:, t, :, None] * h - removed + k[:, t, :, None] * v[:, t, None]
            self.states.append(h)
        return torch.stack(self.states, 1).flatten(2)[..., :WIDTH]


class OwnRWKV7(RWKV7):
    """The authors', in products of its own parameters."""

    def __init__(self) -> None:
        super().__init__()
        del self.w_lora
        self.w0 = nn.Parameter(torch.randn(1, 1, WIDTH))
        self.w1, self.w2 = nn.Parameter(torch.randn(WIDTH, 2)), nn.Parameter(torch.randn(2, WIDTH))

    def rate(self, fed: Tensor) -> Tensor:
        """Likewise."""
        return self.w0 + torch.tanh(fed @ self.w1) @ self.w2


FAMILIES: dict[type[Twin], str] = {
    MinGRU: "minGRU",
    MinLSTM: "minLSTM",
    RGLRU: "RG-LRU",
    GateRGLRU: "RG-LRU",
    Mamba: "Mamba",
    NormedMamba: "Mamba",
    Mamba2: "Mamba-2",
    LimitedMamba2: "Mamba-2",
    RWKV4: "RWKV-4 or RWKV-5",
    RWKV5: "RWKV-4 or RWKV-5",
    RWKV6: "RWKV-6",
    ProjectedRWKV6: "RWKV-6",
    S5: "S5",
    BilinearS5: "S5",
    LRU: "LRU",
}
"""With the kind that each is recognised as."""

BOUNDS: dict[type[Twin], str] = {
    Delta: "gated delta rule",
    GroupedDelta: "gated delta rule",
    RWKV7: "RWKV-7",
    OwnRWKV7: "RWKV-7",
}
"""Those whose transition is a matrix."""
