"""Backpropagation through time by hand, for one layer in one direction.

With every state known, all gates come out of one batched product, and the total gradient on
each state by stepping backwards with one small product a step. Several *seeds* (direct
gradients) travel back at once.

Shapes: ``T`` steps in processing order, ``B`` sequences (padded at their ends), ``I`` inputs,
``H`` units, ``P`` the size of the hidden state (``H``, or ``proj_size``), ``S`` seeds, ``G``
pre-activations (``H``, ``3H`` or ``4H``).
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import linear

__all__ = ["Backward", "Layer", "States", "anew", "by_recurrence", "fused", "states"]


@dataclass(frozen=True, slots=True)
class Layer:
    """The weights of one layer in one direction, as PyTorch stores them."""

    mode: str
    """``RNN_TANH``, ``RNN_RELU``, ``GRU`` or ``LSTM``."""
    w_ih: Tensor
    """``(G, I)``, its rows by gate: r, z, n of a GRU; i, f, g, o of an LSTM."""
    w_hh: Tensor
    """``(G, P)``."""
    b_ih: Tensor | None
    b_hh: Tensor | None
    w_hr: Tensor | None
    """``(P, H)``: an LSTM's projection."""

    def slope(self, h: Tensor) -> Tensor:
        """Of a plain RNN's activation, at every pre-activation: the states ``h`` tell it."""
        return (h > 0).to(h.dtype) if self.mode == "RNN_RELU" else 1 - h * h


@dataclass(frozen=True, slots=True)
class States:
    """Everything inside a layer that its gradient depends on."""

    layer: Layer
    x: Tensor
    """``(T, B, I)``."""
    h0: Tensor
    """``(B, P)``."""
    c0: Tensor | None
    """``(B, H)`` of an LSTM."""
    before: Tensor
    """``(T, B, P)``: ``h_{t-1}``."""
    h: Tensor
    """``(T, B, P)``."""
    c: Tensor | None
    """``(T, B, H)``: an LSTM's cell state."""
    gates: tuple[Tensor, ...]
    """Activations ``(T, B, H)``: r, z, n of a GRU, and the recurrent part of n before r; i, f, g,
    o of an LSTM; none of an RNN."""


@dataclass(frozen=True, slots=True)
class Backward:
    """Total gradients of one layer in one direction, for each seed."""

    h: Tensor
    """``(T, S, B, P)``: on ``h_t``, from its own output and from every later step."""
    c: Tensor | None
    """``(T, S, B, H)``: on an LSTM's ``c_t``, the path through ``h_t`` included."""
    x: Callable[[], Tensor]
    """``(T, S, B, I)``: on the input; a large product, made where a layer lies below."""
    h0: Tensor
    """``(S, B, P)``: on the initial state."""
    c0: Tensor | None
    """``(S, B, H)``."""


def fused(layer: Layer, x: Tensor, h0: Tensor, c0: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Run PyTorch's own kernel: ``h`` ``(T, B, P)`` and, of an LSTM, the last ``c`` ``(B, H)``.

    On a CPU, a projected LSTM warns of itself, once a process, unless its batch is packed. The
    script's own batch may be; and its warning is not for us to use up.
    """
    weights = [w for w in (layer.w_ih, layer.w_hh, layer.b_ih, layer.b_hh, layer.w_hr)
               if w is not None]  # fmt: skip
    kernel = getattr(torch, layer.mode.lower())
    state = h0[None] if c0 is None else (h0[None], c0[None])
    options = layer.b_ih is not None, 1, 0.0, False, False
    if layer.w_hr is not None and x.device.type == "cpu" and x.numel():
        sizes = torch.full((len(x),), x.shape[1], device="cpu")
        output, *final = kernel(x.flatten(0, 1), sizes, state, weights, *options)
        output = output.view(*x.shape[:2], -1)
    else:
        output, *final = kernel(x, state, weights, *options, False)
    return output, final[1][0] if c0 is not None else None


def states(layer: Layer, x: Tensor, h: Tensor, h0: Tensor, c0: Tensor | None) -> States:
    """All gates in one product, from a layer's input and its known states.

    Args:
        layer: the weights.
        x: ``(T, B, I)``.
        h: ``(T, B, P)``.
        h0: ``(B, P)``.
        c0: ``(B, H)`` of an LSTM.
    """
    before = torch.cat([h0[None], h[:-1]])
    if layer.mode.startswith("RNN"):
        return States(layer, x, h0, c0, before, h, None, ())
    own = linear(x, layer.w_ih, layer.b_ih)
    recurrent = linear(before, layer.w_hh, layer.b_hh)
    if layer.mode == "GRU":
        own_r, own_z, own_n = own.chunk(3, dim=-1)
        rec_r, rec_z, rec_n = recurrent.chunk(3, dim=-1)
        r, z = (own_r + rec_r).sigmoid_(), (own_z + rec_z).sigmoid_()
        n = torch.addcmul(own_n, r, rec_n).tanh_()
        return States(layer, x, h0, c0, before, h, None, (r, z, n, rec_n))
    i, f, g, o = own.add_(recurrent).chunk(4, dim=-1)
    i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
    c = i * g
    assert c0 is not None
    last = c0
    for c_t, f_t in zip(c.unbind(), f.unbind(), strict=True):
        last = c_t.addcmul_(f_t, last)
    return States(layer, x, h0, c0, before, h, c, (i, f, g, o))


def anew(s: States, steps: slice) -> Tensor:
    """``h`` of some steps, computed from the states before: it tells whether all is as it was."""
    layer = s.layer
    if layer.mode == "LSTM":
        assert s.c is not None
        again = s.gates[3][steps] * s.c[steps].tanh()
        return again if layer.w_hr is None else linear(again, layer.w_hr)
    if layer.mode == "GRU":
        _, z, n, _ = (gate[steps] for gate in s.gates)
        return n + z * (s.before[steps] - n)
    own = linear(s.x[steps], layer.w_ih, layer.b_ih)
    a = own.add_(linear(s.before[steps], layer.w_hh, layer.b_hh))
    return a.relu_() if layer.mode == "RNN_RELU" else a.tanh_()


def by_recurrence(s: States, g: Tensor, gc: Tensor | None) -> Backward:
    """Carry seeds back through every step.

    Args:
        s: the layer's states.
        g: direct gradients on ``h_t``, ``(T, S, B, P)``; contiguous, and turned into total ones.
        gc: direct gradients on ``c_t`` of an LSTM, ``(T, S, B, H)``; the same.
    """
    if s.layer.mode == "LSTM":
        return _lstm(s, g, gc)
    if s.layer.mode == "GRU":
        return _gru(s, g)
    return _rnn(s, g)


def _rnn(s: States, g: Tensor) -> Backward:
    """h' = tanh(a) or relu(a), whose slopes the state itself tells."""
    slope = s.layer.slope(s.h).to(g.dtype)[:, None]
    w = s.layer.w_hh
    total = g  # rows below are views
    rows = total.flatten(1, 2).unbind()
    slopes = slope.expand_as(g).flatten(1, 2).unbind()
    delta = rows[-1] * slopes[-1]
    for t in range(len(rows) - 2, -1, -1):
        delta = rows[t].addmm_(delta, w) * slopes[t]
    on_h0 = (delta @ w).view_as(g[0])
    return Backward(total, None, lambda: (total * slope) @ s.layer.w_ih, on_h0, None)


def _gru(s: States, g: Tensor) -> Backward:
    """h' = (1-z) n + z h with n = tanh(own_n + r ⊙ recurrent_n)."""
    r, z, n, rec_n = s.gates
    into_n = (1 - z) * (1 - n * n)
    # Factors on the gradient of h' that give those of the gates, as W_hh sees them: r's through
    # n's, and n's behind r. Written where they belong, for a stack would copy them all.
    through = g.new_empty(*n.shape[:2], 3, n.shape[-1])
    behind = torch.mul(into_n, r, out=through[:, :, 2])
    torch.mul(rec_n * (1 - r), behind, out=through[:, :, 0])
    torch.mul((s.before - n) * z, 1 - z, out=through[:, :, 1])
    total = g  # rows below are views
    totals, throughs, zs = total.unbind(), through.unbind(), z.unbind()
    rows = total.flatten(1, 2).unbind()
    gates = g.new_empty(*g.shape[1:3], 3, g.shape[-1])  # of one step: (S, B, 3, H)
    flat, w = gates.flatten(0, 1).flatten(1), s.layer.w_hh
    last = len(g) - 1
    for t in range(last, -1, -1):
        if t < last:
            totals[t].addcmul_(totals[t + 1], zs[t + 1])
            rows[t].addmm_(flat, w)
        torch.mul(totals[t][:, :, None], throughs[t], out=gates)
    carried = torch.addcmul(gates.flatten(2) @ w, totals[0], zs[0])

    def on_x() -> Tensor:
        delta = total[:, :, :, None] * through[:, None]
        torch.mul(total, into_n[:, None], out=delta[..., 2, :])  # W_ih's n is not behind r
        return delta.flatten(3) @ s.layer.w_ih

    return Backward(total, None, on_x, carried, None)


def _lstm(s: States, g: Tensor, gc: Tensor | None) -> Backward:
    """c' = f c + i ⊙ g̃, h = o ⊙ tanh(c'), projected where there is a projection."""
    i, f, candidate, o = s.gates
    assert s.c is not None
    assert s.c0 is not None
    assert gc is not None
    c_before = torch.cat([s.c0[None], s.c[:-1]])
    squashed = s.c.tanh()
    into_c = (o * (1 - squashed * squashed)).unbind()
    into_o = (squashed * o * (1 - o)).unbind()
    into_ifg = torch.stack(
        [candidate * i * (1 - i), c_before * f * (1 - f), i * (1 - candidate * candidate)], dim=2
    ).unbind()
    total_h, total_c = g, gc  # rows below are views
    w, w_hr, units = s.layer.w_hh, s.layer.w_hr, s.c.shape[-1]
    delta = g.new_empty(*g.shape[:-1], 4, units)
    ifg, out = delta[..., :3, :].unbind(), delta[..., 3, :].unbind()
    delta_rows = delta.flatten(1, 2).flatten(2).unbind()
    hs, cs, fs = total_h.unbind(), total_c.unbind(), f.unbind()
    rows = total_h.flatten(1, 2).unbind()
    last = len(g) - 1
    for t in range(last, -1, -1):
        if t < last:
            rows[t].addmm_(delta_rows[t + 1], w)
            cs[t].addcmul_(cs[t + 1], fs[t + 1])
        dh = hs[t] if w_hr is None else hs[t] @ w_hr
        cs[t].addcmul_(dh, into_c[t])
        torch.mul(cs[t][:, :, None], into_ifg[t], out=ifg[t])
        torch.mul(dh, into_o[t], out=out[t])
    flat = delta.flatten(3)
    return Backward(total_h, total_c, lambda: flat @ s.layer.w_ih, flat[0] @ w, cs[0] * fs[0])
