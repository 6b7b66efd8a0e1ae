"""The gradient through time, slowly and obviously: one sequence, one step, one unit loop at a time.

Everything here is autograd on an unrolled loop with retained gradients; nothing is shared with
the code it checks.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass
class Unrolled:
    """One sequence through a stack, every state kept, in *processing* order per direction."""

    h: dict[str, list[Tensor]]
    c: dict[str, list[Tensor]]
    output: list[Tensor]
    """By forward time: the top layer's states, both directions side by side."""


def unroll(
    module: nn.RNNBase,
    x: Tensor,
    h0: Tensor | None,
    c0: Tensor | None,
    masks: list[Tensor] | None = None,
) -> Unrolled:
    """Run ``x`` ``(T, I)`` step by step; states ``(L·D, ·)``; masks ``(T, D·P)`` a layer."""
    run = Unrolled({}, {}, [])
    below = list(x)
    directions = 2 if module.bidirectional else 1
    for number in range(module.num_layers):
        columns = []
        for d in range(directions):
            suffix = f"l{number}{'_reverse' if d else ''}"

            def weight(name: str, suffix: str = suffix) -> Tensor:
                return getattr(module, f"{name}_{suffix}")  # type: ignore[no-any-return]

            index = number * directions + d
            size = module.proj_size or module.hidden_size
            h = x.new_zeros(size) if h0 is None else h0[index]
            c = x.new_zeros(module.hidden_size) if c0 is None else c0[index]
            hs, cs = [], []
            for xt in reversed(below) if d else below:
                own, recurrent = weight("weight_ih") @ xt, weight("weight_hh") @ h
                if module.bias:
                    own, recurrent = own + weight("bias_ih"), recurrent + weight("bias_hh")
                if module.mode == "LSTM":
                    i, f, g, o = (own + recurrent).chunk(4)
                    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
                    c.retain_grad()
                    h = torch.sigmoid(o) * torch.tanh(c)
                    if module.proj_size:
                        h = weight("weight_hr") @ h
                    cs.append(c)
                elif module.mode == "GRU":
                    (xr, xz, xn), (hr, hz, hn) = own.chunk(3), recurrent.chunk(3)
                    r, z = torch.sigmoid(xr + hr), torch.sigmoid(xz + hz)
                    h = (1 - z) * torch.tanh(xn + r * hn) + z * h
                else:
                    squash = torch.relu if module.mode == "RNN_RELU" else torch.tanh
                    h = squash(own + recurrent)
                h.retain_grad()
                hs.append(h)
            run.h[suffix], run.c[suffix] = hs, cs
            columns.append(list(reversed(hs)) if d else hs)
        below = [torch.cat(parts) for parts in zip(*columns, strict=True)]
        if masks and number < module.num_layers - 1:
            below = [state * masks[number][t] for t, state in enumerate(below)]
    run.output = below
    return run
