"""What the profile of one fused layer in one direction is averaged from, over calls."""

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from backsight.layers import LayerAdapter
from backsight.probes._lag_tally import LagTally
from backsight.probes._precision import least_norm
from backsight.probes._profile import NEAR_END, SATURATED, GradientProfile, Tally, profile_of
from backsight.probes.fused._calls import Call
from backsight.probes.fused._recurrence import Backward, States

__all__ = ["LayerTally", "Layered", "inside_of"]


INACTIVE = "inactive"
"""Beside the gates: the states that are exactly 0."""


@dataclass(frozen=True, slots=True)
class Layered:
    """One layer in one direction of one call, with the total gradients on its states.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from backsight.probes import Catcher, walk
        >>> rnn, x, catcher, found = nn.RNN(3, 4), torch.randn(6, 2, 3), Catcher(), []
        >>> catcher.armed = True
        >>> catcher.before("rnn", rnn)
        >>> result = rnn(x)
        >>> catcher.after("rnn", rnn, (x,), {}, result)
        >>> result[0][-1].sum().backward()
        >>> walk(catcher.take(), found.append)
        >>> found[0].suffix, torch.allclose(found[0].h, result[0]), found[0].exact
        ('l0', True, True)
    """

    call: Call
    suffix: str
    """PyTorch's own: ``l0``, ``l1_reverse``."""
    states: States
    h: Tensor
    """``(T, B, P)`` in processing order, zero in the padding."""
    total: Backward
    chain: int
    """Calls that hand their state on have the same number."""
    before: Tensor
    """``(B,)``: steps of each sequence in earlier calls."""
    place: Tensor
    """``(B,)``: the position whose single gradient travels as the seed of this direction."""
    begun: Tensor
    """``(B,)``: steps from the first call to where the sequence with that position began."""
    linked: Tensor
    """``(B,)``: whether the graph leads from that position into this call."""
    d: int
    """1 where it runs backwards."""
    exact: bool
    """Whether the states are the run's own."""


@dataclass
class LayerTally:
    """Means by step and by lag, and counts of saturated units."""

    adapter: LayerAdapter
    time: Tally = field(default_factory=Tally)
    lags: LagTally = field(default_factory=LagTally)
    hidden: Tally = field(default_factory=Tally)
    cell: Tally = field(default_factory=Tally)
    saturated: dict[str, tuple[float, float]] = field(default_factory=dict)
    """By gate: saturated units, and units."""
    exact: bool = True
    least: float = 0.0
    """The norm of a gradient next to the smallest number of its dtype."""
    begun: dict[int, tuple[int, int]] = field(default_factory=dict)
    """By chain, sequences that begin anew on the way, and sequences."""
    end: int = -1
    """The last lag that the graph leads to; -1 where no sequence has a position."""

    def profile(self) -> GradientProfile:
        """The means."""
        begun, sequences = (
            sum(counts) for counts in zip((0, 0), *self.begun.values(), strict=True)
        )
        shares = {gate: a / b for gate, (a, b) in self.saturated.items() if b}
        inactive = shares.pop(INACTIVE, None)
        return profile_of(
            time=self.time,
            lags=self.lags,
            hidden=self.hidden,
            cell=self.cell if self.adapter.has_cell_state else None,
            saturation=shares,
            exact=self.exact,
            share=self.lags.shares(),
            graph_end=self.end if self.end >= 0 else None,
            least=self.least,
            begun=begun / sequences if sequences else 0.0,
            inactive=inactive,
        )

    def add(self, one: Layered, factor: float) -> None:
        """Bring the norms of one layer in one direction to the host, in one copy, and add up."""
        call, total, d = one.call, one.total, one.d
        steps, lengths = len(one.h), call.lengths
        on_h = _norm(total.h)  # (T, S, B)
        norms = [on_h[:, 0], on_h[:, 1 + d], _norm(one.h)]
        if total.c is not None:
            norms.append(_norm(total.c[:, 0]))
        about = torch.stack([lengths, one.before, one.place, one.begun, one.linked.long()])
        host = torch.cat([torch.stack(norms).flatten(), about.flatten().double()]).cpu().numpy()
        table = host[: len(norms) * steps * len(lengths)].reshape(len(norms), steps, -1)
        length, start, at, begun, linked = host[table.size :].reshape(5, -1).astype(np.int64)
        self.least = least_norm(total.h)
        self.begun[one.chain] = int((begun[at >= 0] > 0).sum()), int((at >= 0).sum())
        t = np.arange(steps)[:, None]
        inside = t < length
        forward = np.where(inside, start + (length - 1 - t if d else t), -1)
        self.time.add(forward, table[0] * factor)
        self.hidden.add(forward, table[2])
        if total.c is not None:
            self.cell.add(forward, table[3] * factor)
        own = (at >= 0) & (start + t >= begun)
        lag = np.where(inside & own, at - (start + t), -1)
        self.lags.add_sized(lag, table[1], at - begun + 1)
        self.end = max(self.end, int(np.where(linked, lag, -1).max(initial=-1)))
        if call.prior:  # steps that were cut off: no gradient arrives there, exactly
            cut = (at >= 0) & (begun == 0)
            lag = np.where(cut, at + 1 + np.arange(call.prior)[:, None], -1)
            self.lags.add(lag, np.zeros(lag.shape))
        self.count_saturated(one.states, inside_of(lengths, steps), call.module)

    def count_saturated(self, s: States, inside: Tensor, module: nn.Module) -> None:
        """Count the units of ``s`` at steps that are ``inside`` ``(T, B)`` a sequence."""
        units = {"": (_beyond(s.h.abs(), SATURATED), s.h)} if self.adapter.bounded(module) else {}
        for gate, value in zip(self.adapter.gates, s.gates, strict=False):
            tanh = gate == self.adapter.candidate
            distance, edge = (
                (value.abs(), SATURATED) if tanh else ((value - 0.5).abs_(), 0.5 - NEAR_END)
            )
            units[gate] = _beyond(distance, edge), value
        if module.mode == "RNN_RELU":
            units[INACTIVE] = s.h.clone().eq_(0).sum(-1, dtype=torch.float32), s.h
        counts = [
            torch.where(inside, count, 0).sum(dtype=torch.float64) for count, _ in units.values()
        ]
        *saturated, states = torch.stack([*counts, inside.sum(dtype=torch.float64)]).tolist()
        for (gate, (_, value)), count in zip(units.items(), saturated, strict=True):
            before = self.saturated.get(gate, (0.0, 0.0))
            self.saturated[gate] = before[0] + count, before[1] + states * value.shape[-1]


def _beyond(distance: Tensor, edge: float) -> Tensor:
    """``(T, B)``: units of ``distance`` ``(T, B, H)`` above ``edge``; overwrites ``distance``.

    Ones and zeros in place and one sum: a comparison into booleans takes several times as long.
    """
    return distance.gt_(edge).sum(-1, dtype=torch.float32)


def inside_of(lengths: Tensor, steps: int) -> Tensor:
    """``(T, B)``: True at steps that a sequence has."""
    return torch.arange(steps, device=lengths.device)[:, None] < lengths


def _norm(states: Tensor) -> Tensor:
    norms: Tensor = torch.linalg.vector_norm(states, dim=-1, dtype=torch.float64)
    return norms
