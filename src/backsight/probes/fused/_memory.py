"""How much of the states of fused layers depends on what lies further back.

From the calls that a replay is made of: a layer is run again by its own kernel, from the inputs,
states and weights that it was called with. The module itself is not touched, and nothing is drawn:
dropout between layers is left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor

from backsight.layers import adapter_of
from backsight.probes._memory import Losses, MemoryProfile, Worth, compared_of, memory
from backsight.probes._memory_lanes import Advance, Carried, Fed
from backsight.probes._readout import Readout
from backsight.probes._whole_memory import Lanes, affordable, memory_of_whole
from backsight.probes.fused._calls import Call
from backsight.probes.fused._chained import chained
from backsight.probes.fused._recurrence import Layer, fused
from backsight.probes.fused._replay import flipped

__all__ = ["Sequences", "layer_name", "layer_of", "memory_of_calls", "sequences_of", "together"]


@dataclass(frozen=True, slots=True, eq=False)
class Sequences:
    """What a module ran over in calls that hand their state on. Shapes: ``B`` sequences.

    In the order of the caller's batch.
    """

    call: Call
    """The last of them."""
    x: Tensor
    """``(T, B, I)``, each sequence from its first step on."""
    lengths: Tensor
    """``(B,)``"""
    state: tuple[Tensor, ...]
    """``h_0`` and, of an LSTM, ``c_0``, ``(B, L·D, ·)``."""
    batch: int
    """Sequences of the whole batch."""
    which: Tensor
    """``(B,)``: which of the whole batch each is."""
    before: int = 0
    """Steps in calls before the last of them, of which all sequences have as many; -1 where they
    have not."""

    def rows(self, rows: Tensor) -> "Sequences":
        """Some of the sequences."""
        state = tuple(one[rows] for one in self.state)
        return replace(
            self,
            x=self.x[:, rows],
            lengths=self.lengths[rows],
            state=state,
            which=self.which[rows],
        )


def memory_of_calls(
    calls: Sequence[Call],
    errors: dict[str, Exception] | None = None,
    readout: Readout | None = None,
) -> dict[str, MemoryProfile]:
    """By layer and direction, as the gradient profiles are; nothing of a single sequence.

    A sequence's position is the last step, in the layer's own processing order, at which a gradient
    arrives, as it is for the reach. Calls that hand their states on unchanged are one sequence.
    Where a layer runs over several sequences of calls, the one that spans most steps is told.

    Args:
        calls: of any modules, in the order they ran in.
        errors: where what goes wrong in a module's calls is put, by its path. It is raised where
            this is None.
        readout: what may lie between a state and the loss.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from backsight.probes import Catcher
        >>> from backsight.probes.fused import memory_of_calls
        >>> rnn, x, catcher = nn.RNN(3, 4), torch.randn(6, 2, 3), Catcher()
        >>> catcher.armed = True
        >>> catcher.before("rnn", rnn)
        >>> result = rnn(x)
        >>> catcher.after("rnn", rnn, (x,), {}, result)
        >>> result[0][-1].sum().backward()
        >>> memory_of_calls(catcher.take())["rnn.l0"].lags.tolist()
        [1, 2, 4, 6]
    """
    found: dict[str, MemoryProfile] = {}
    for chain in chained(calls):
        path = chain[0].path
        try:
            device = chain[0].x.device
            with torch.no_grad(), torch.autocast(device.type, enabled=False):
                for name, profile in _of_chain(chain, readout).items():
                    known = found.get(name)
                    if known is None or _window(known) < _window(profile):
                        found[name] = profile
        except Exception as error:
            if errors is None:
                raise
            errors[path] = error
    return {name: one for name, one in found.items() if one.tells}


def _window(profile: MemoryProfile) -> int:
    return int(profile.lags[-1]) if len(profile.lags) else 0


def _of_chain(chain: Sequence[Call], readout: Readout | None) -> dict[str, MemoryProfile]:
    module = chain[0].module
    if not module.bidirectional:
        return _in_order(*together(chain), 0, readout)
    found: dict[str, MemoryProfile] = {}
    for d in range(2):  # what a call begins with, it was given from outside
        which = chain[-1].sequences.sort().values
        ran = Sequences(chain[-1], *sequences_of(chain[-1]), _batch(chain[-1]), which)
        order = chain[-1].sequences.argsort()
        at = _positions(chain[-1], d)[order]
        several = module.num_layers > 1
        found |= _in_stack(ran, at, d) if several else _in_order(ran, at, d, None)
    return found


def _in_order(
    ran: Sequences, at: Tensor, d: int, readout: Readout | None
) -> dict[str, MemoryProfile]:
    """Of layers that only look back, in their processing order."""
    places = at.tolist()
    known = [b for b, place in enumerate(places) if place >= 0]
    compared = compared_of(ran.batch, len(known))
    if compared < 1:
        return {}
    # The longest tells of the furthest lags; one more has a past to give.
    order = sorted(known, key=lambda b: -places[b])[: compared + 1]
    if order != [*range(len(places))]:
        ran = ran.rows(torch.tensor(order, device=at.device))
    places, call = [places[b] for b in order], ran.call
    layers = [layer_of(call, number, d) for number in range(call.module.num_layers)]
    x = flipped(ran.x, ran.lengths) if d else ran.x
    directions = 2 if call.module.bidirectional else 1
    state = tuple(one[:, d::directions] for one in ran.state)
    profiles = memory(
        _advance(layers),
        x.to(layers[0].w_ih.dtype),
        state,
        lengths=[place + 1 for place in places],
        compared=compared,
        worth=None if readout is None else _worth(readout, ran, places),
    )
    return {layer_name(call, n, d): one for n, one in enumerate(profiles)}


def _worth(readout: Readout, ran: Sequences, at: Sequence[int]) -> Worth:
    """With a prediction a sequence, or one a step in either order."""
    sequences, places = ran.which.tolist(), [place - ran.before for place in at]

    def worth(own: Tensor) -> Losses | None:
        pairs = [*zip(sequences[: len(own)], places[: len(own)], strict=True)]
        candidates = [[b for b, _ in pairs]]
        if ran.call.batch_sizes is None and ran.before >= 0:
            steps, batch = ran.call.kernel_shape[:2]
            candidates += [[t * batch + b for b, t in pairs], [b * steps + t for b, t in pairs]]
        rows = readout.rows(own, candidates)
        if rows is None:
            return None
        return lambda h, members: readout.losses(h, [rows[member] for member in members])

    return worth


def _advance(layers: Sequence[Layer]) -> Advance:
    """A stack without dropout."""

    def advance(x: Fed, state: Carried) -> Carried:
        y = cast(Tensor, x).contiguous()
        h, c = [], []
        for number, layer in enumerate(layers):
            cell = state[1][:, number].contiguous() if len(state) > 1 else None
            y, last = fused(layer, y, state[0][:, number].contiguous(), cell)
            h.append(y[-1])
            if last is not None:
                c.append(last)
        return tuple(torch.stack(one, 1) for one in (h, c) if one)

    return advance


def _in_stack(ran: Sequences, at: Tensor, d: int) -> dict[str, MemoryProfile]:
    """Of a stack of bidirectional layers, one of the two directions."""
    known = at >= 0
    ran, at = ran.rows(known), at[known]
    compared, most = affordable(ran.batch, int(at.max()) + 1 if len(at) else 1, share=0.5)
    compared = min(compared, len(at))
    if compared < 1 or len(at) < 2:
        return {}
    order = at.argsort(descending=True, stable=True)
    ran, at, call = ran.rows(order), at[order], ran.call
    stack = [
        [layer_of(call, number, e) for e in range(2)] for number in range(call.module.num_layers)
    ]

    def run(lanes: Lanes) -> Tensor:
        y = lanes.inputs.to(stack[0][0].w_ih.dtype)
        y = flipped(y, lanes.lengths) if d else y
        rows = torch.arange(len(lanes.own), device=y.device)
        found = []
        for number, pair in enumerate(stack):
            halves = []
            for e, layer in enumerate(pair):
                begin = lanes.other if e == d else lanes.own
                index = 2 * number + e
                state = [one[begin, index].contiguous() for one in ran.state]
                x = (flipped(y, lanes.lengths) if e else y).contiguous()
                h, _ = fused(layer, x, state[0], state[1] if len(state) > 1 else None)
                if e == d:
                    found.append(h[lanes.positions, rows])
                halves.append(flipped(h, lanes.lengths) if e else h)
            y = torch.cat(halves, dim=-1)
        return torch.stack(found, 1)

    profiles = memory_of_whole(
        run,
        flipped(ran.x, ran.lengths) if d else ran.x,
        [one[:, d::2] for one in ran.state],
        lengths=ran.lengths.tolist(),
        positions=at.tolist(),
        compared=compared,
        most=most,
    )
    return {layer_name(call, n, d): one for n, one in enumerate(profiles)}


def together(chain: Sequence[Call]) -> tuple[Sequences, Tensor]:
    """The calls up to the last one that a gradient arrives at, as one, and the positions ``(B,)``;
    without those before one that changed its state on the way."""
    here = [_positions(call, 0)[call.sequences.argsort()] for call in chain]
    last = max(n for n, at in enumerate(here) if n == 0 or bool((at >= 0).any()))
    first = last
    while first and _goes_on(chain[first]):
        first -= 1
    parts = [sequences_of(call) for call in chain[first : last + 1]]
    which = chain[last].sequences.sort().values
    if first == last:
        return Sequences(chain[last], *parts[0], _batch(chain[last]), which), here[last]
    at = torch.full_like(here[0], -1)
    before = torch.zeros_like(at)
    for (_, lengths, _), place in zip(parts, here[first : last + 1], strict=True):
        at = torch.where(place >= 0, before + place, at)
        before = before + lengths
    earlier = {int(one) for one in (before - parts[-1][1])}
    steps = earlier.pop() if len(earlier) == 1 else -1
    x, state, batch = _joined(parts, before), parts[0][2], _batch(chain[last])
    return Sequences(chain[last], x, before, state, batch, which, steps), at


def _goes_on(call: Call) -> bool:
    """Whether it begins with exactly what the call before has left."""
    return (
        call.previous is not None
        and call.anew is None
        and all(slope is None for slope in call.slopes)
    )


def _joined(parts: Sequence[tuple[Tensor, Tensor, tuple[Tensor, ...]]], whole: Tensor) -> Tensor:
    """The inputs of calls behind each other, sequence by sequence, padded at the ends."""
    first = parts[0][0]
    joined = first.new_zeros(int(whole.max()), *first.shape[1:])
    for b in range(first.shape[1]):
        own = torch.cat([x[: int(lengths[b]), b] for x, lengths, _ in parts])
        joined[: len(own), b] = own
    return joined


def sequences_of(call: Call) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
    """Fed, lengths and initial state of a call, in the order of the caller's batch."""
    order = call.sequences.argsort()
    module = call.module
    count = module.num_layers * (2 if module.bidirectional else 1)
    # Of any layer. The whole name as a constant would be the same string as that of a parameter,
    # and a layer would be pickled to other bytes.
    recurrent = next(w for name, w in call.weights.items() if name.startswith("weight_hh"))
    dtype = recurrent.dtype
    sizes = [recurrent.shape[1]]
    sizes += [module.hidden_size] if module.mode == "LSTM" else []
    state = [
        call.x.new_zeros(len(order), count, size, dtype=dtype)
        if given is None
        else given[:, order].transpose(0, 1).to(dtype)
        for given, size in zip(call.state, sizes, strict=False)
    ]
    return call.x[:, order], call.lengths[order], tuple(state)


def _batch(call: Call) -> int:
    return call.kernel_shape[1] if call.batch_sizes is None else int(call.batch_sizes[0])


def _positions(call: Call, d: int) -> Tensor:
    """``(B,)``, in processing order: the last step with a direct gradient; -1 where none is."""
    directions = 2 if call.module.bidirectional else 1
    at = torch.full_like(call.lengths, -1)
    output, *finals = call.gradients
    if output is not None:
        half = output.chunk(directions, dim=-1)[d] if directions > 1 else output
        # As with a loss on the last state, or one at every step.
        if not d and call.batch_sizes is None and bool((half[-1] != 0).any(-1).all()):
            return call.lengths - 1
        there = ((flipped(half, call.lengths) if d else half) != 0).any(-1)  # a NaN is one, too
        t = torch.arange(len(there), device=there.device)[:, None]
        at = torch.where(there, t, -1).amax(0)
    for final in finals:
        if final is not None:
            read = (final[d::directions] != 0).any(-1).any(0)
            at = torch.where(read, call.lengths - 1, at)
    return at


def layer_of(call: Call, number: int, d: int) -> Layer:
    """One layer of the module in direction ``d``: 0, or 1 for the reverse one."""
    end, w = f"_l{number}{'_reverse' if d else ''}", call.weights
    return Layer(
        call.module.mode,
        w[f"weight_ih{end}"],
        w[f"weight_hh{end}"],
        w.get(f"bias_ih{end}"),
        w.get(f"bias_hh{end}"),
        w.get(f"weight_hr{end}"),
    )


def layer_name(call: Call, number: int, d: int) -> str:
    """What the profile of that layer and direction is called."""
    adapter = adapter_of(call.module)
    assert adapter is not None
    directions = 2 if call.module.bidirectional else 1
    return adapter.layer_names(call.path, call.module)[number * directions + d]
