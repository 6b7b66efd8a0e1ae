"""Backpropagation through time by hand, for one layer in one direction.

With every state known, all gates come out of one batched product, and the total gradient on
each state by stepping backwards with one small product a step. Several *seeds* (direct
gradients) travel back at once.

Shapes: ``T`` steps in processing order, ``B`` sequences (padded at their ends), ``I`` inputs,
``H`` units, ``P`` the size of the hidden state (``H``, or ``proj_size``), ``S`` seeds.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Backward", "Layer", "backward", "forward"]


@dataclass(frozen=True, slots=True)
class Layer:
    """The weights of one layer in one direction, as PyTorch stores them."""

    mode: str
    """``RNN_TANH``, ``RNN_RELU``, ``GRU`` or ``LSTM``."""
    w_ih: Tensor
    """``(G, I)``, where ``G`` is ``H``, ``3H`` (r, z, n) or ``4H`` (i, f, g, o)."""
    w_hh: Tensor
    """``(G, P)``."""
    b_ih: Tensor | None
    b_hh: Tensor | None
    w_hr: Tensor | None
    """``(P, H)``: an LSTM's projection."""

    def gates(self, x: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
        """Input part and recurrent part of every pre-activation, each ``(T, B, G)``."""
        linear = torch.nn.functional.linear
        return linear(x, self.w_ih, self.b_ih), linear(before, self.w_hh, self.b_hh)


@dataclass(frozen=True, slots=True)
class Backward:
    """Total gradients of one layer in one direction."""

    h: Tensor
    """``(T, S, B, P)``: on ``h_t``, from its own output and from every later step."""
    c: Tensor | None
    """``(T, S, B, H)``: on an LSTM's ``c_t``, the path through ``h_t`` included."""
    x: Tensor
    """``(T, S, B, I)``: on the input."""


def forward(layer: Layer, x: Tensor, h0: Tensor, c0: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """All states: ``h`` ``(T, B, P)`` and, for an LSTM, ``c`` ``(T, B, H)``.

    Args:
        layer: the weights.
        x: ``(T, B, I)``.
        h0: ``(B, P)``.
        c0: ``(B, H)`` for an LSTM.
    """
    linear = torch.nn.functional.linear
    own = linear(x, layer.w_ih, layer.b_ih)
    h, c = h0, c0
    states, cells = [], []
    for t in range(len(x)):
        recurrent = linear(h, layer.w_hh, layer.b_hh)
        if layer.mode == "LSTM":
            assert c is not None
            i, f, candidate, o = (own[t] + recurrent).chunk(4, dim=-1)
            c = f.sigmoid() * c + i.sigmoid() * candidate.tanh()
            h = o.sigmoid() * c.tanh()
            h = h if layer.w_hr is None else linear(h, layer.w_hr)
            cells.append(c)
        elif layer.mode == "GRU":
            own_r, own_z, own_n = own[t].chunk(3, dim=-1)
            rec_r, rec_z, rec_n = recurrent.chunk(3, dim=-1)
            z = (own_z + rec_z).sigmoid()
            n = (own_n + (own_r + rec_r).sigmoid() * rec_n).tanh()
            h = (1 - z) * n + z * h
        else:
            a = own[t] + recurrent
            h = a.relu() if layer.mode == "RNN_RELU" else a.tanh()
        states.append(h)
    return torch.stack(states), torch.stack(cells) if cells else None


def backward(
    layer: Layer,
    x: Tensor,
    h: Tensor,
    c: Tensor | None,
    h0: Tensor,
    c0: Tensor | None,
    g: Tensor,
    gc: Tensor | None,
) -> Backward:
    """Carry seeds back through every step.

    Args:
        layer: the weights.
        x: inputs ``(T, B, I)``.
        h: states ``(T, B, P)``.
        c: cell states ``(T, B, H)`` for an LSTM.
        h0: ``(B, P)``.
        c0: ``(B, H)`` for an LSTM.
        g: direct gradients on ``h_t``, ``(T, S, B, P)``.
        gc: direct gradients on ``c_t`` for an LSTM, ``(T, S, B, H)``.
    """
    before = torch.cat([h0[None], h[:-1]])
    own, recurrent = layer.gates(x, before)
    if layer.mode == "LSTM":
        assert c is not None
        assert c0 is not None
        assert gc is not None
        return _lstm(layer, own + recurrent, c, c0, g, gc)
    if layer.mode == "GRU":
        return _gru(layer, own, recurrent, before, g)
    slope = (h > 0).to(h.dtype) if layer.mode == "RNN_RELU" else 1 - h * h
    total, delta = torch.empty_like(g), torch.empty_like(g)
    carried = torch.zeros_like(g[0])
    for t in reversed(range(len(g))):
        total[t] = g[t] + carried
        delta[t] = total[t] * slope[t]
        carried = delta[t] @ layer.w_hh
    return Backward(total, None, delta @ layer.w_ih)


def _gru(layer: Layer, own: Tensor, recurrent: Tensor, before: Tensor, g: Tensor) -> Backward:
    """h' = (1-z) n + z h with n = tanh(own_n + r ⊙ recurrent_n)."""
    own_r, own_z, own_n = own.chunk(3, dim=-1)
    rec_r, rec_z, rec_n = recurrent.chunk(3, dim=-1)
    r, z = (own_r + rec_r).sigmoid(), (own_z + rec_z).sigmoid()
    n = (own_n + r * rec_n).tanh()
    into_n = (1 - z) * (1 - n * n)
    into_z = (before - n) * z * (1 - z)
    into_r = rec_n * r * (1 - r)
    total = torch.empty_like(g)
    delta = g.new_empty(*g.shape[:-1], 3 * g.shape[-1])
    carried = torch.zeros_like(g[0])
    for t in reversed(range(len(g))):
        total[t] = g[t] + carried
        dn = total[t] * into_n[t]
        dr, dz = dn * into_r[t], total[t] * into_z[t]
        delta[t] = torch.cat([dr, dz, dn], dim=-1)
        # The candidate's recurrent path goes through the reset gate.
        through = torch.cat([dr, dz, dn * r[t]], dim=-1)
        carried = total[t] * z[t] + through @ layer.w_hh
    return Backward(total, None, delta @ layer.w_ih)


def _lstm(layer: Layer, gates: Tensor, c: Tensor, c0: Tensor, g: Tensor, gc: Tensor) -> Backward:
    """c' = f c + i ⊙ g̃, h = o ⊙ tanh(c'), projected where there is a projection."""
    i, f, candidate, o = gates.chunk(4, dim=-1)
    i, f, candidate, o = i.sigmoid(), f.sigmoid(), candidate.tanh(), o.sigmoid()
    c_before = torch.cat([c0[None], c[:-1]])
    squashed = c.tanh()
    into_c = o * (1 - squashed * squashed)
    into_o = squashed * o * (1 - o)
    into_i = candidate * i * (1 - i)
    into_f = c_before * f * (1 - f)
    into_g = i * (1 - candidate * candidate)
    total_h, total_c = torch.empty_like(g), torch.empty_like(gc)
    delta = g.new_empty(*g.shape[:-1], gates.shape[-1])
    carried_h, carried_c = torch.zeros_like(g[0]), torch.zeros_like(gc[0])
    for t in reversed(range(len(g))):
        total_h[t] = g[t] + carried_h
        dh = total_h[t] if layer.w_hr is None else total_h[t] @ layer.w_hr
        dc = gc[t] + carried_c + dh * into_c[t]
        total_c[t] = dc
        delta[t] = torch.cat(
            [dc * into_i[t], dc * into_f[t], dc * into_g[t], dh * into_o[t]], dim=-1
        )
        carried_h = delta[t] @ layer.w_hh
        carried_c = dc * f[t]
    return Backward(total_h, total_c, delta @ layer.w_ih)
