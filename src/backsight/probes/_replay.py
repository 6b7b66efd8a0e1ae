"""The gradient on every state inside a fused recurrent module, replayed from one call of it.

The caller's own forward and backward only supply the call's input, initial state and output,
and the direct gradients on its outputs. The replay walks the stack: states up, gradients down,
each direction in its own processing order.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from backsight.probes._profile import GradientProfile
from backsight.probes._recurrence import Layer, backward, forward

__all__ = ["Call", "replay"]


@dataclass
class Call:
    """One call of a recurrent module, as seen by its forward hook."""

    path: str
    module: nn.RNNBase
    input: Tensor | PackedSequence
    state: Any
    """``h_0``, ``(h_0, c_0)`` or None."""
    outputs: tuple[Tensor, ...]
    """``output`` (a packed one's data), ``h_n`` and, for an LSTM, ``c_n``."""
    lengths: Tensor
    """``(B,)``: steps of each sequence, in the order they are processed in."""
    order: Tensor | None
    """A packed batch's sorting, which its states follow."""
    random: Tensor | None
    """The CPU generator's state before the call, where dropout was about to be drawn."""
    gradients: list[Tensor | None] = field(default_factory=list)
    """Direct gradients on ``outputs``."""


@dataclass
class _Pass:
    """What the way up leaves for the way down, of one layer in one direction."""

    layer: Layer
    x: Tensor
    h: Tensor
    c: Tensor | None
    h0: Tensor
    c0: Tensor | None
    g: Tensor
    """Direct gradient ``(T, B, P)`` in processing order."""
    gc: Tensor | None


@torch.no_grad()
def replay(call: Call) -> dict[str, GradientProfile]:
    """The gradient profile of each layer and direction of ``call``, by PyTorch's own suffix."""
    module, lengths = call.module, call.lengths
    directions = 2 if module.bidirectional else 1
    top = module.num_layers - 1
    masks, exact = _dropout_masks(call)
    y = _steps(call, call.input.data if isinstance(call.input, PackedSequence) else call.input)
    passes: list[list[_Pass]] = []
    for number in range(module.num_layers):
        row = [_forward(call, number, d, y) for d in range(directions)]
        passes.append(row)
        y = torch.cat([_flip(p.h, lengths) if d else p.h for d, p in enumerate(row)], dim=-1)
        if number < top and masks:
            y = y * masks[number]
    output = _steps(call, call.outputs[0].detach())
    # The check of a mask drawn anew: another mask would leave a wholly different output.
    tolerance = 1e-2 if output.dtype in (torch.bfloat16, torch.float16) else 1e-4
    exact = exact and torch.allclose(y, output.to(y.dtype), tolerance, tolerance, equal_nan=True)

    last = [_last_direct([row[d] for row in passes]) for d in range(directions)]
    profiles: dict[str, GradientProfile] = {}
    above: Tensor | None = None
    for number in reversed(range(module.num_layers)):
        inputs = []
        for d, one in enumerate(passes[number]):
            g, gc = (_seeds(direct, d, last) for direct in (one.g, one.gc))
            assert g is not None
            if above is not None:
                from_above = above.chunk(directions, dim=-1)[d]
                g = g + (_flip(from_above, lengths) if d else from_above)
            total = backward(one.layer, one.x, one.h, one.c, one.h0, one.c0, g, gc)
            inputs.append(_flip(total.x, lengths) if d else total.x)
            name = f"l{number}{'_reverse' if d else ''}"
            profiles[name] = GradientProfile(
                grad_time=_over_time(total.h[:, 0], lengths, reverse=bool(d)),
                reach=_reach(total.h[:, 1 + d], last[d]),
                hidden_norm=_over_time(one.h, lengths, reverse=bool(d)),
                grad_time_cell=None
                if total.c is None
                else _over_time(total.c[:, 0], lengths, reverse=bool(d)),
                exact=exact,
            )
        above = torch.stack(inputs).sum(0)
        if masks and number:
            above = above * masks[number - 1][:, None]
    return dict(sorted(profiles.items()))


def _forward(call: Call, number: int, d: int, y: Tensor) -> _Pass:
    """Run one layer in one direction, in its processing order, and gather its direct gradient."""
    module, lengths = call.module, call.lengths
    directions = 2 if module.bidirectional else 1
    suffix = f"_l{number}{'_reverse' if d else ''}"

    def weight(name: str) -> Tensor | None:
        found = getattr(module, name + suffix, None)
        return found.detach() if isinstance(found, Tensor) else None

    w_ih, w_hh = weight("weight_ih"), weight("weight_hh")
    assert w_ih is not None
    assert w_hh is not None
    layer = Layer(
        module.mode, w_ih, w_hh, weight("bias_ih"), weight("bias_hh"), weight("weight_hr")
    )
    x = (_flip(y, lengths) if d else y).to(w_ih.dtype)
    index = number * directions + d
    lstm = module.mode == "LSTM"
    given = call.state if isinstance(call.state, tuple) else (call.state, None)
    h0 = _initial(call, given[0], index, w_hh.shape[1], x)
    c0 = _initial(call, given[1], index, module.hidden_size, x) if lstm else None
    h, c = forward(layer, x, h0, c0)
    inside = _inside(lengths, len(x))[..., None]
    h = h * inside  # padding holds no state

    g = torch.zeros_like(h)
    if number == module.num_layers - 1 and call.gradients[0] is not None:
        half = _steps(call, call.gradients[0]).chunk(directions, dim=-1)[d]
        g = (_flip(half, lengths) if d else half).to(g.dtype).clone()
    g = _at_the_end(call, g, call.gradients[1], index)
    gc = None if c is None else _at_the_end(call, torch.zeros_like(c), call.gradients[2], index)
    return _Pass(layer, x, h, c, h0, c0, g, gc)


def _initial(call: Call, given: Any, index: int, size: int, x: Tensor) -> Tensor:
    """``(B, size)``: a layer's initial state, in processing order; zeros where none was given."""
    if given is None:
        return x.new_zeros(x.shape[1], size)
    return _batched(call, given)[index].to(x.dtype)


def _at_the_end(call: Call, g: Tensor, gradient: Tensor | None, index: int) -> Tensor:
    """Add the gradient on ``h_n`` or ``c_n`` at each sequence's last step."""
    if gradient is not None:
        rows = torch.arange(g.shape[1], device=g.device)
        g[call.lengths - 1, rows] += _batched(call, gradient)[index].to(g.dtype)
    return g


def _batched(call: Call, state: Tensor) -> Tensor:
    """``(L·D, B, ·)`` in processing order, whatever the caller's form is."""
    state = state.detach()
    if state.dim() == 2:
        state = state[:, None]
    return state if call.order is None else state[:, call.order]


def _steps(call: Call, data: Tensor) -> Tensor:
    """``(T, B, ·)``, zero-padded, whatever the caller's form is."""
    data = data.detach()
    if isinstance(call.input, PackedSequence):
        return pad_packed_sequence(PackedSequence(data, call.input.batch_sizes))[0]
    if data.dim() == 2:
        return data[:, None]
    return data.transpose(0, 1) if call.module.batch_first else data


def _inside(lengths: Tensor, steps: int) -> Tensor:
    """``(T, B)``: True at steps that a sequence has."""
    return torch.arange(steps, device=lengths.device)[:, None] < lengths


def _flip(states: Tensor, lengths: Tensor) -> Tensor:
    """Reverse each sequence within its own length; ``(T, B, ·)`` or ``(T, S, B, ·)``."""
    t = torch.arange(len(states), device=lengths.device)[:, None]
    source = torch.where(t < lengths, lengths - 1 - t, t)
    source = source.view(len(states), *[1] * (states.dim() - 3), -1, 1)
    return states.gather(0, source.expand_as(states))


def _dropout_masks(call: Call) -> tuple[list[Tensor], bool]:
    """Masks between layers ``(T, B, D·P)``, drawn again as the CPU kernel drew them.

    Returns:
        the masks, empty without dropout; and False where they could not be drawn.
    """
    module = call.module
    if not (module.training and module.dropout and module.num_layers > 1):
        return [], True
    if call.random is None:
        return [], False
    before = torch.get_rng_state()
    torch.set_rng_state(call.random)
    # The kernel drops a layer's output in the layout it works in: time first, or packed data.
    shape = call.outputs[0]
    if not isinstance(call.input, PackedSequence):
        shape = _steps(call, shape).contiguous()
    ones = torch.ones_like(shape)
    masks = []
    for _ in range(module.num_layers - 1):
        mask = torch.dropout(ones, module.dropout, train=True)
        masks.append(_steps(call, mask) if isinstance(call.input, PackedSequence) else mask)
    torch.set_rng_state(before)
    return masks, True


def _last_direct(passes: list[_Pass]) -> Tensor:
    """``(B,)``: the last step at which a sequence has a direct gradient; -1 where it has none."""
    steps = len(passes[0].h)
    there = torch.zeros(passes[0].h.shape[:2], dtype=torch.bool, device=passes[0].h.device)
    for one in passes:
        for direct in (one.g, one.gc):
            if direct is not None:
                there |= (direct != 0).any(-1)  # a NaN is a gradient, too
    t = torch.arange(steps, device=there.device)[:, None]
    return torch.where(there, t, -1).amax(0)


def _seeds(direct: Tensor | None, d: int, last: list[Tensor]) -> Tensor | None:
    """``(T, S, B, ·)``: all of it; then, a direction each, that direction's last position alone."""
    if direct is None:
        return None
    t = torch.arange(len(direct), device=direct.device)[:, None]
    alone = torch.where((t == last[d])[..., None], direct, 0)
    nothing = torch.zeros_like(direct)
    return torch.stack([direct, *(alone if d == s else nothing for s in range(len(last)))], dim=1)


def _over_time(states: Tensor, lengths: Tensor, *, reverse: bool) -> NDArray[np.float64]:
    """``(T,)`` in forward time: mean norm over the sequences that have the step."""
    norms = torch.linalg.vector_norm(states, dim=-1, dtype=torch.float64)
    if reverse:
        norms = _flip(norms[..., None], lengths)[..., 0]
    inside = _inside(lengths, len(norms))
    mean: NDArray[np.float64] = (torch.where(inside, norms, 0).sum(1) / inside.sum(1)).cpu().numpy()
    return mean


def _reach(total: Tensor, last: Tensor) -> NDArray[np.float64]:
    """``R(k)`` over the sequences that have lag ``k``; empty where no gradient arrived."""
    longest = int(last.max())
    if longest < 0:
        return np.empty(0)
    norms = torch.linalg.vector_norm(total, dim=-1, dtype=torch.float64)
    at = last - torch.arange(longest + 1, device=last.device)[:, None]
    there = (at >= 0) & (last >= 0)
    each = torch.where(there, norms.gather(0, at.clamp(min=0)), 0)
    mean = each.sum(1) / there.sum(1)
    # Lag 0, except where the loss reads c_n alone: then h's gradient begins one step before.
    first = mean[(mean != 0).int().argmax()]
    ratio: NDArray[np.float64] = (mean / first).cpu().numpy()
    return ratio
