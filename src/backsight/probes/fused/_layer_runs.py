"""What it takes to run each fused layer again from state to state, in float64.

Each layer of a stack and each direction by itself, on what it was given: the Jacobian of a step of
a stack is block triangular, so that its exponents are those of its layers. Dropout between layers
is left out.
"""

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor
from torch.nn.functional import linear

from backsight.probes._deep import LayerRun
from backsight.probes._memory_lanes import Advance, Carried, Fed
from backsight.probes.fused._calls import Call
from backsight.probes.fused._chained import chained
from backsight.probes.fused._memory import Sequences, layer_name, layer_of, sequences_of, together
from backsight.probes.fused._recurrence import Layer
from backsight.probes.fused._replay import flipped

__all__ = ["layer_runs"]


def layer_runs(calls: Sequence[Call], errors: dict[str, Exception]) -> dict[str, LayerRun]:
    """By layer and direction.

    Calls that hand their states on unchanged are one sequence, but for bidirectional modules: of
    these, the last call is told. Of several sequences of calls, the longest is.

    Args:
        calls: of any modules, in the order they ran in.
        errors: where what goes wrong in a module's calls is put, by its path.
    """
    found: dict[str, LayerRun] = {}
    for chain in chained(calls):
        try:
            device = chain[0].x.device
            with torch.no_grad(), torch.autocast(device.type, enabled=False):
                for name, run in _of_chain(chain).items():
                    if name not in found or max(found[name].lengths) < max(run.lengths):
                        found[name] = run
        except Exception as error:  # noqa: BLE001 - costs that module alone
            errors[chain[0].path] = error
    return found


def _step(layer: Layer, x: Tensor, state: Carried) -> Carried:
    """One step of a layer, by its equations: cuDNN's kernels refuse a backward pass in evaluation.

    Args:
        layer: the weights.
        x: ``(B, I)``.
        state: ``h`` ``(B, P)`` and, of an LSTM, ``c`` ``(B, H)``.
    """
    h = state[0]
    own, recurrent = linear(x, layer.w_ih, layer.b_ih), linear(h, layer.w_hh, layer.b_hh)
    if layer.mode == "GRU":
        own_r, own_z, own_n = own.chunk(3, 1)
        rec_r, rec_z, rec_n = recurrent.chunk(3, 1)
        z = torch.sigmoid(own_z + rec_z)
        n = torch.tanh(own_n + torch.sigmoid(own_r + rec_r) * rec_n)
        return (n + z * (h - n),)
    a = own + recurrent
    if layer.mode == "LSTM":
        i, f, g, o = a.chunk(4, 1)
        c = torch.sigmoid(f) * state[1] + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        return h if layer.w_hr is None else linear(h, layer.w_hr), c
    return (torch.relu(a) if layer.mode == "RNN_RELU" else torch.tanh(a),)


def _of_chain(chain: Sequence[Call]) -> dict[str, LayerRun]:
    call = chain[-1]
    if call.module.bidirectional:
        x, sizes, state = sequences_of(call)
        directions = 2
    else:
        ran: Sequences = together(chain)[0]
        call, x, sizes, state, directions = ran.call, ran.x, ran.lengths, ran.state, 1
    lengths, y = sizes.tolist(), x.double()
    found = {}
    for number in range(call.module.num_layers):
        halves = []
        for d in range(directions):
            layer = _in_double(layer_of(call, number, d))
            begin = tuple(one[:, number * directions + d].double() for one in state)
            given = flipped(y, sizes) if d else y
            run = LayerRun(_advance(layer), given, begin, lengths)
            found[layer_name(call, number, d)] = run
            h, carried = [], begin
            for one in given:
                carried = _step(layer, one, carried)
                h.append(carried[0])
            made = torch.stack(h)
            halves.append(flipped(made, sizes) if d else made)
        y = torch.cat(halves, -1)
    return found


def _advance(layer: Layer) -> Advance:
    def advance(inputs: Fed, state: Carried) -> Carried:
        for x in cast(Tensor, inputs):
            state = _step(layer, x, state)
        return state

    return advance


def _in_double(layer: Layer) -> Layer:
    others = (layer.b_ih, layer.b_hh, layer.w_hr)
    return Layer(
        layer.mode,
        layer.w_ih.detach().double(),
        layer.w_hh.detach().double(),
        *(None if w is None else w.detach().double() for w in others),
    )
