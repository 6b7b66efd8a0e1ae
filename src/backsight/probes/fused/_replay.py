"""The gradient on every state inside fused recurrent modules, replayed from their calls.

The caller's own forward and backward only supply each call's input, initial state and output,
and the direct gradients on its outputs. The replay walks the stack: states up, gradients down,
each direction in its own processing order. Calls that hand their state on are one sequence: the
last is replayed first, and the gradient on its initial state goes on into the one before.

The arithmetic on each layer has two forms, equal in what they give: ``_recurrence`` steps back
by hand, ``_probe_input`` has the fused kernel do it.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from backsight.layers import adapter_of
from backsight.probes._profile import GradientProfile
from backsight.probes.fused._calls import Call
from backsight.probes.fused._chained import chained
from backsight.probes.fused._layer_tally import Layered, LayerTally, inside_of
from backsight.probes.fused._probe_input import by_probe_input
from backsight.probes.fused._recurrence import (
    Backward,
    Layer,
    States,
    anew,
    by_recurrence,
    fused,
    states,
)

__all__ = ["Arithmetic", "by_recurrence_seeds", "flipped", "replay", "walk", "with_reaches"]

CHECKED = 16
"""Steps of a call, about, whose states are computed again to see whether they are the run's:
weights that were changed in between, or another dropout mask, change every one."""

Arithmetic = Callable[[States, Tensor, Tensor | None, Tensor], Backward]
"""From states, seeds on ``h`` and ``c``, and lengths to total gradients."""


@dataclass
class _Pass:
    """What the way up leaves for the way down, of one layer in one direction."""

    states: States
    h: Tensor
    """``(T, B, P)``, zero in the padding."""
    g: Tensor
    """Direct gradient ``(T, B, P)`` in processing order."""
    gc: Tensor | None


@dataclass
class _Later:
    """What the calls after this one hand back to it, by the caller's sequence."""

    place: Tensor
    """``(B,)`` by direction: the steps from a sequence's beginning to its position ``t_b``; -1
    while it has no direct gradient."""
    begun: Tensor
    """``(B,)`` by direction: the steps from there to where the one that has that position began
    anew; 0 while it has not."""
    carried: dict[int, tuple[Tensor | None, ...]]
    """By index of the state: the single position's gradient on the final ``h`` and ``c``."""
    linked: Tensor
    """``(B,)`` by direction: whether the graph leads from that position into this call."""


def arithmetic_for(device: torch.device) -> Arithmetic:
    """The faster of the two on that device.

    On a CPU a step's product is small and starting it costs little:
    ``benchmarks/speed/overhead.py`` measures both. A GPU pays for every launch, hence the one
    kernel.
    """
    return by_probe_input if device.type == "cuda" else by_recurrence_seeds


def by_recurrence_seeds(s: States, g: Tensor, gc: Tensor | None, _lengths: Tensor) -> Backward:
    """``by_recurrence``, which has no need of the lengths.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from backsight.probes import Catcher, by_recurrence_seeds, replay
        >>> rnn, x, catcher = nn.RNN(3, 4), torch.randn(6, 2, 3), Catcher()
        >>> catcher.armed = True
        >>> catcher.before("rnn", rnn)
        >>> result = rnn(x)
        >>> catcher.after("rnn", rnn, (x,), {}, result)
        >>> result[0][-1].sum().backward()
        >>> replay(catcher.take(), arithmetic=by_recurrence_seeds)["rnn.l0"].grad_time.shape
        (6,)
    """
    return by_recurrence(s, g, gc)


def replay(
    calls: Sequence[Call],
    *,
    scale: Tensor | None = None,
    arithmetic: Arithmetic | None = None,
    errors: dict[str, Exception] | None = None,
) -> dict[str, GradientProfile]:
    """The gradient profile of each layer and direction, by path and PyTorch's own suffix.

    Args:
        calls: of any modules, in the order they ran in.
        scale: what the loss was multiplied by (AMP): divided out.
        arithmetic: the faster one for the device by default.
        errors: where what goes wrong in a module's calls is put, by its path; they have no profile
            then. It is raised where this is None.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from backsight.probes import Catcher, replay
        >>> rnn, x, catcher = nn.RNN(3, 4), torch.randn(6, 2, 3), Catcher()
        >>> catcher.armed = True
        >>> catcher.before("rnn", rnn)
        >>> result = rnn(x)
        >>> catcher.after("rnn", rnn, (x,), {}, result)
        >>> result[0][-1].sum().backward()
        >>> replay(catcher.take())["rnn.l0"].reach.shape
        (6,)
    """
    tallies: dict[str, LayerTally] = {}
    paths: dict[str, str] = {}
    factor = 1.0 if scale is None else 1.0 / float(scale)

    def visit(one: Layered) -> None:
        name = f"{one.call.path}.{one.suffix}".lstrip(".")
        tally = tallies.get(name)
        if tally is None:
            adapter = adapter_of(one.call.module)
            assert adapter is not None
            tally = tallies[name] = LayerTally(adapter)
            paths[name] = one.call.path
        tally.exact = tally.exact and one.exact
        tally.add(one, factor)

    walk(calls, visit, arithmetic, errors)
    return {
        name: one.profile()
        for name, one in sorted(tallies.items())
        if paths[name] not in (errors or ())
    }


def walk(
    calls: Sequence[Call],
    visit: Callable[[Layered], None],
    arithmetic: Arithmetic | None = None,
    errors: dict[str, Exception] | None = None,
) -> None:
    """Show every layer and direction of every call, on the way down; arguments as of replay.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from backsight.probes import Catcher, walk
        >>> rnn, x, catcher = nn.RNN(3, 4, num_layers=2), torch.randn(6, 2, 3), Catcher()
        >>> catcher.armed = True
        >>> catcher.before("rnn", rnn)
        >>> result = rnn(x)
        >>> catcher.after("rnn", rnn, (x,), {}, result)
        >>> result[0][-1].sum().backward()
        >>> walk(catcher.take(), lambda layer: print(layer.suffix, tuple(layer.h.shape)))
        l1 (6, 2, 4)
        l0 (6, 2, 4)
    """
    if not calls:
        return
    device = calls[0].x.device
    with torch.no_grad(), torch.autocast(device.type, enabled=False):
        for number, chain in enumerate(chained(calls)):
            try:
                _walk_chain(number, chain, arithmetic or arithmetic_for(device), visit)
            except Exception as error:
                if errors is None:
                    raise
                errors[chain[0].path] = error


def with_reaches(
    profiles: dict[str, GradientProfile],
    reaches: Mapping[str, tuple[NDArray[np.float64], int | None]],
) -> dict[str, GradientProfile]:
    """``profiles``, with those reaches that a replay cannot give, and where their graphs end.

    Example:
        >>> import numpy as np
        >>> from backsight.probes import GradientProfile
        >>> from backsight.probes.fused import with_reaches
        >>> norms = np.ones(3)
        >>> profiles = {"rnn.l0": GradientProfile(norms, norms, norms)}
        >>> reaches = {"rnn.l0": (np.array([1.0, 0.5, 0.25]), 2)}
        >>> with_reaches(profiles, reaches)["rnn.l0"].reach.tolist()
        [1.0, 0.5, 0.25]
    """
    replaced = dict(profiles)
    for name in profiles.keys() & reaches.keys():
        reach, end = reaches[name]
        replaced[name] = dataclasses.replace(profiles[name], reach=reach, graph_end=end)
    return replaced


def _walk_chain(
    number: int, chain: list[Call], arithmetic: Arithmetic, visit: Callable[[Layered], None]
) -> None:
    directions = 2 if chain[0].module.bidirectional else 1
    count = len(chain[0].rows)
    device = chain[0].x.device
    before = torch.zeros(len(chain), count, dtype=torch.long, device=device)
    for index, call in enumerate(chain):  # steps of each sequence in earlier calls
        order = call.sequences.argsort()
        if index + 1 < len(chain):
            before[index + 1] = before[index] + call.lengths[order]
    none = torch.full((directions, count), -1, device=device)
    later = _Later(none, torch.zeros_like(none), {}, torch.zeros_like(none, dtype=torch.bool))
    for index in reversed(range(len(chain))):
        later = _walk_call(chain[index], number, before[index], later, arithmetic, visit)


def _walk_call(
    call: Call,
    chain: int,
    before: Tensor,
    later: _Later,
    arithmetic: Arithmetic,
    visit: Callable[[Layered], None],
) -> _Later:
    module, lengths = call.module, call.lengths
    directions = 2 if module.bidirectional else 1
    order = call.sequences.argsort()  # the caller's order; its inverse is the processing order
    mine = order.argsort()
    before = before[mine]
    passes, masks, exact = _up(call)
    place = later.place[:, mine]
    here = torch.stack(
        [_last_direct([row[d] for row in passes]) for d in range(directions)]
    )  # (D, B)
    here = torch.where(place >= 0, -1, here)  # a later call has the position
    place = torch.where(here >= 0, before + here, place)
    begun = later.begun[:, mine]
    linked = later.linked[:, mine] | (here >= 0)

    carried: dict[int, tuple[Tensor | None, ...]] = {}
    above: Tensor | None = None
    for number in reversed(range(module.num_layers)):
        inputs = []
        for d, one in enumerate(passes[number]):
            index = number * directions + d
            g = _seeds(one.g, here[d], d, directions)
            gc = None if one.gc is None else _seeds(one.gc, here[d], d, directions)
            if index in later.carried:
                rows = torch.arange(len(lengths), device=g.device)
                for direct, final in zip((g, gc), later.carried[index], strict=True):
                    if direct is not None and final is not None:
                        direct[lengths - 1, 1:, rows] += final[:, mine].transpose(0, 1)
            if above is not None:
                from_above = above.chunk(directions, dim=-1)[d]
                g = g + (flipped(from_above, lengths) if d else from_above)
            total = arithmetic(one.states, g, gc, lengths)
            carried[index] = tuple(
                _back(gradient[1:], slope, index)[:, order]
                if gradient is not None and attached
                else None
                for gradient, slope, attached in zip(
                    (total.h0, total.c0), call.slopes, call.attached, strict=True
                )
            )
            if number:
                inputs.append(flipped(total.x(), lengths) if d else total.x())
            suffix = f"l{number}{'_reverse' if d else ''}"
            at = place[d], begun[d], linked[d]
            visit(Layered(call, suffix, one.states, one.h, total, chain, before, *at, d, exact))
        if number:
            above = inputs[0] if directions == 1 else inputs[0] + inputs[1]
            if masks:
                above = above * masks[number - 1][:, None]
    if call.anew is not None:
        begun = torch.where(call.anew & (place >= 0) & (begun == 0), before, begun)
    linked = linked & any(call.attached)
    return _Later(place[:, order], begun[:, order], carried, linked[:, order])


def _back(gradient: Tensor, slope: Tensor | None, index: int) -> Tensor:
    """``(S, B, ·)`` on an initial state, on the final state that it was made from."""
    return gradient if slope is None else gradient * slope[index]


def _up(call: Call) -> tuple[list[list[_Pass]], list[Tensor], bool]:
    """States of every layer and direction, dropout masks, and whether all are the run's own."""
    module, lengths = call.module, call.lengths
    directions = 2 if module.bidirectional else 1
    top = module.num_layers - 1
    masks, exact = _dropout_masks(call)
    y = call.x
    passes: list[list[_Pass]] = []
    for number in range(module.num_layers):
        known = call.output if number == top else None
        row = [_up_one(call, number, d, y, known) for d in range(directions)]
        passes.append(row)
        if number < top:
            y = torch.cat([flipped(p.h, lengths) if d else p.h for d, p in enumerate(row)], dim=-1)
            y = y * masks[number] if masks else y
    if call.output is not None:
        exact = exact and _same(passes[top], call)
    return passes, masks, exact


def _up_one(call: Call, number: int, d: int, y: Tensor, known: Tensor | None) -> _Pass:
    """One layer in one direction, in its processing order, with its direct gradient."""
    module, lengths = call.module, call.lengths
    directions = 2 if module.bidirectional else 1
    suffix = f"_l{number}{'_reverse' if d else ''}"
    w = call.weights
    layer = Layer(
        module.mode,
        w[f"weight_ih{suffix}"],
        w[f"weight_hh{suffix}"],
        w.get(f"bias_ih{suffix}"),
        w.get(f"bias_hh{suffix}"),
        w.get(f"weight_hr{suffix}"),
    )
    x = (flipped(y, lengths) if d else y).to(layer.w_ih.dtype)
    index = number * directions + d
    h0 = _initial(call.state[0], index, layer.w_hh.shape[1], x)
    c0 = _initial(call.state[1], index, module.hidden_size, x) if module.mode == "LSTM" else None
    inside = inside_of(lengths, len(x))[..., None]
    if known is None:
        h, _ = fused(layer, x.contiguous(), h0, c0)
    else:
        half = known.chunk(directions, dim=-1)[d]
        h = (flipped(half, lengths) if d else half).to(x.dtype)
    if call.batch_sizes is not None:
        h = torch.where(inside, h, 0)  # padding holds no state
    inner = states(layer, x, h, h0, c0)

    g = torch.zeros_like(h)
    if number == module.num_layers - 1 and call.gradients[0] is not None:
        half = call.gradients[0].chunk(directions, dim=-1)[d]
        g = (flipped(half, lengths) if d else half).to(g.dtype, copy=True)
    g = _at_the_end(g, call.gradients[1], index, lengths)
    gc = None
    if inner.c is not None:
        gc = _at_the_end(torch.zeros_like(inner.c), call.gradients[2], index, lengths)
    return _Pass(inner, h, g, gc)


def _same(row: list[_Pass], call: Call) -> bool:
    """Whether the states that the top layer's gates give are the ones the run had."""
    steps = len(row[0].h)
    some = slice(None, None, max(1, steps // CHECKED))
    inside = inside_of(call.lengths, steps)[some, :, None]
    for p in row:
        h = p.h[some]
        off = (anew(p.states, some) - h).abs() > call.tolerance * (1 + h.abs())
        if bool((off & inside).any()):  # not where either is NaN: the outcome tells
            return False
    return True


def _initial(given: Tensor | None, index: int, size: int, x: Tensor) -> Tensor:
    """``(B, size)``: a layer's initial state, in processing order; zeros where none was given."""
    return x.new_zeros(x.shape[1], size) if given is None else given[index].to(x.dtype)


def _at_the_end(g: Tensor, gradient: Tensor | None, index: int, lengths: Tensor) -> Tensor:
    """Add the gradient on ``h_n`` or ``c_n`` at each sequence's last step."""
    if gradient is not None:
        rows = torch.arange(g.shape[1], device=g.device)
        g[lengths - 1, rows] += gradient[index].to(g.dtype)
    return g


def flipped(states: Tensor, lengths: Tensor) -> Tensor:
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
    if not call.dropout:
        return [], True
    if call.random is None:
        return [], False
    before = torch.get_rng_state()
    torch.set_rng_state(call.random)
    try:
        # The kernel drops a layer's output in the layout it works in: time first, or packed data.
        ones = torch.ones(call.kernel_shape, dtype=call.dtype)
        masks = []
        for _ in range(module.num_layers - 1):
            masks.append(call.chosen(torch.dropout(ones, module.dropout, train=True)))
    finally:
        torch.set_rng_state(before)
    return masks, True


def _last_direct(passes: list[_Pass]) -> Tensor:
    """``(B,)``: the last step at which a sequence has a direct gradient; -1 where it has none."""
    first = passes[0].h
    there = torch.zeros(first.shape[:2], dtype=torch.bool, device=first.device)
    for one in passes:
        for direct in (one.g, one.gc):
            if direct is not None:
                there |= direct.abs().amax(-1) != 0  # a NaN is a gradient, too
    t = torch.arange(len(there), device=there.device)[:, None]
    return torch.where(there, t, -1).amax(0)


def _seeds(direct: Tensor, position: Tensor, d: int, directions: int) -> Tensor:
    """``(T, S, B, ·)``: all of it; then, a direction each, that direction's position alone."""
    seeds = direct.new_zeros(len(direct), 1 + directions, *direct.shape[1:])
    seeds[:, 0] = direct
    at = position.clamp(min=0), torch.arange(len(position), device=direct.device)
    seeds[at[0], 1 + d, at[1]] = torch.where((position >= 0)[:, None], direct[at], 0)
    return seeds
