"""Backpropagation through time by the fused kernel itself, which is made to tell its δ.

``G`` extra input columns ``ε`` (zeros) with an identity block beside ``W_ih`` change nothing
forward, and the kernel's own gradient for ``ε_t`` is the gradient on the pre-activation. One
batched product then gives the gradient on every state. The twin of ``_recurrence``: two kernel
launches instead of one a step, for ``G`` more columns to multiply.
"""

import torch
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence

from backsight.probes.fused._recurrence import Backward, States

__all__ = ["by_probe_input"]


def by_probe_input(s: States, g: Tensor, gc: Tensor | None, lengths: Tensor) -> Backward:
    """The same as ``by_recurrence``, but with the seeds on ``c`` at final steps alone.

    Args:
        s: the layer's states.
        g: direct gradients on ``h_t``, ``(T, S, B, P)``.
        gc: direct gradients on ``c_t`` of an LSTM, ``(T, S, B, H)``: zero but at ``lengths - 1``.
        lengths: ``(B,)``, descending.

    Example:
        >>> import numpy as np
        >>> import torch
        >>> from torch import nn
        >>> from backsight.probes import Catcher, by_probe_input, by_recurrence_seeds, replay
        >>> rnn, x, catcher = nn.RNN(3, 4), torch.randn(6, 2, 3), Catcher()
        >>> catcher.armed = True
        >>> catcher.before("rnn", rnn)
        >>> result = rnn(x)
        >>> catcher.after("rnn", rnn, (x,), {}, result)
        >>> result[0][-1].sum().backward()
        >>> calls = catcher.take()
        >>> one = replay(calls, arithmetic=by_probe_input)["rnn.l0"]
        >>> other = replay(calls, arithmetic=by_recurrence_seeds)["rnn.l0"]
        >>> np.allclose(one.reach, other.reach)
        True
    """
    steps, seeds, batch, _ = g.shape
    layer = s.layer
    rows = layer.w_hh.shape[0]

    def spread(x: Tensor) -> Tensor:
        """``(…, B, ·)`` to ``(…, B·S, ·)``: a sequence's seeds side by side stay sorted."""
        return x.repeat_interleave(seeds, dim=-2)

    def gather(x: Tensor) -> Tensor:
        """``(…, B·S, ·)`` to ``(…, S, B, ·)``."""
        return x.view(*x.shape[:-2], batch, seeds, x.shape[-1]).transpose(-3, -2)

    def flat(x: Tensor) -> Tensor:
        """``(…, S, B, ·)`` to ``(…, B·S, ·)``."""
        return x.transpose(-3, -2).flatten(-3, -2)

    with torch.enable_grad():
        probe = g.new_zeros(steps, batch * seeds, rows, requires_grad=True)
        x = torch.cat([spread(s.x), probe], dim=-1)
        packed = pack_padded_sequence(x, lengths.repeat_interleave(seeds).cpu())
        eye = torch.eye(rows, dtype=g.dtype, device=g.device)
        weights = [torch.cat([layer.w_ih, eye], dim=1), layer.w_hh, layer.b_ih, layer.b_hh,
                   layer.w_hr]  # fmt: skip
        state = [spread(h)[None] for h in (s.h0, s.c0) if h is not None]
        data, *final = getattr(torch, layer.mode.lower())(
            packed.data,
            packed.batch_sizes,
            state if s.c0 is not None else state[0],
            [w for w in weights if w is not None],
            layer.b_ih is not None, 1, 0.0, False, False,
        )  # fmt: skip
        outputs, directs = [data], [_pack(flat(g), packed.batch_sizes)]
        if gc is not None:
            last = lengths - 1
            outputs.append(final[1])
            directs.append(flat(gc[last, :, torch.arange(batch)].transpose(0, 1))[None])
    (delta,) = torch.autograd.grad(outputs, probe, directs)
    return _from_delta(s, gather(delta), g, gc)


def _pack(padded: Tensor, sizes: Tensor) -> Tensor:
    return torch.cat([row[:size] for row, size in zip(padded, sizes.tolist(), strict=True)])


def _from_delta(s: States, delta: Tensor, g: Tensor, gc: Tensor | None) -> Backward:
    """Totals from the gradient ``(T, S, B, G)`` on every pre-activation."""
    layer = s.layer
    through = delta
    if layer.mode == "GRU":  # n's recurrent path is behind r
        r = s.gates[0][:, None]
        dr, dz, dn = delta.chunk(3, dim=-1)
        through = torch.cat([dr, dz, dn * r], dim=-1)
    back = through @ layer.w_hh
    if layer.mode == "GRU":
        z = s.gates[1][:, None]
        total = g.clone()
        carried = None
        for t in reversed(range(len(g))):
            if carried is not None:
                total[t] += carried
            carried = torch.addcmul(back[t], total[t], z[t])
        assert carried is not None
        return Backward(total, None, lambda: delta @ layer.w_ih, carried, None)
    total = g.clone()
    total[:-1] += back[1:]
    if gc is None or s.c is None:
        return Backward(total, None, lambda: delta @ layer.w_ih, back[0], None)
    f, o = s.gates[1], s.gates[3]
    squashed = s.c.tanh()
    dh = total if layer.w_hr is None else total @ layer.w_hr
    total_c = torch.addcmul(gc, dh, (o * (1 - squashed * squashed))[:, None])
    carried = None
    for t in reversed(range(len(g))):
        if carried is not None:
            total_c[t] += carried
        carried = total_c[t] * f[t]
    return Backward(total, total_c, lambda: delta @ layer.w_ih, back[0], carried)
