"""The gates of a cell, computed again from what each call was given, all steps at once."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from backsight.layers import LayerAdapter
from backsight.probes._precision import rounding
from backsight.probes._profile import NEAR_END, SATURATED
from backsight.probes._sequences import spacing
from backsight.probes._steps import CellInput, StateStep
from backsight.probes._tensors import portions

__all__ = ["gate_saturation"]


def gate_saturation(
    adapter: LayerAdapter, calls: Sequence[StateStep], sequences: int | None
) -> dict[str, float]:
    """Share of saturated values, by gate.

    Empty where the adapter does not know the gates, or where the state that follows from them is
    not what the cell returned: a class of its own may compute them otherwise.

    Args:
        adapter: the cell's.
        calls: of one cell.
        sequences: how many of each call's to follow, as of :class:`ReaderSettings`.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from backsight.layers import adapter_of
        >>> from backsight.probes._steps import CellInput, StateStep
        >>> from backsight.probes._tensors import Unchanged
        >>> from backsight.probes.stepped import gate_saturation
        >>> cell, x, h = nn.GRUCell(3, 4), torch.zeros(2, 3), torch.zeros(2, 4)
        >>> fed = CellInput(cell, Unchanged(x), (Unchanged(h),))
        >>> call = StateStep([cell(x, h)], None, [], fed=fed)
        >>> gate_saturation(adapter_of(cell), [call], None)
        {'reset': 0.0, 'update': 0.0, 'new': 0.0}
    """
    counts: dict[str, tuple[float, float]] = {}
    for module, x, state, returned in _alike(calls, sequences):
        step = adapter.cell_step(module, x, state)
        if step is None or not _same(step.state, returned):
            return {}
        ends = [
            values.abs() > SATURATED
            if gate == adapter.candidate
            else (values - 0.5).abs() > 0.5 - NEAR_END
            for gate, values in step.gates.items()
        ]
        found = torch.stack([end.sum() for end in ends]).tolist()
        for gate, end, count in zip(step.gates, ends, found, strict=True):
            before = counts.get(gate, (0.0, 0.0))
            counts[gate] = before[0] + count, before[1] + end.numel()
    return {gate: part / whole for gate, (part, whole) in counts.items() if whole}


def _alike(
    calls: Sequence[StateStep], sequences: int | None
) -> Iterator[tuple[nn.Module, Tensor, tuple[Tensor, ...], Tensor]]:
    """Input, states and returned state of all calls, a portion of them stacked at a time.

    Those with a state and those without come apart. Nothing where any tensor has been overwritten
    since.
    """
    groups: dict[tuple[int, ...], list[tuple[CellInput, list[Tensor]]]] = {}
    for call in calls:
        fed = call.fed
        if fed is None:
            return
        tensors = [one.tensor for one in (fed.x, *fed.state)]
        if any(tensor is None for tensor in tensors):
            return
        known = [tensor for tensor in tensors if tensor is not None]
        rows = [_rows(tensor, sequences) for tensor in (*known, call.outputs[0].detach())]
        if len({len(tensor) for tensor in rows}) > 1:
            return  # a state that is the same for all sequences
        groups.setdefault((id(fed.module), len(rows)), []).append((fed, rows))
    for group in groups.values():
        for part in portions([rows[-1] for _, rows in group]):
            x, *state, returned = (
                torch.cat(each) for each in zip(*(rows for _, rows in group[part]), strict=True)
            )
            yield group[0][0].module, x, tuple(state), returned


def _rows(tensor: Tensor, sequences: int | None) -> Tensor:
    """``(B, ·)`` of the sequences that are followed."""
    tensor = tensor[None] if tensor.dim() == 1 else tensor
    count, step = spacing(sequences, len(tensor))
    return tensor[::step][:count]


def _same(computed: Tensor, returned: Tensor) -> bool:
    """Whether both are one state; not where either is NaN: the outcome tells."""
    if computed.shape != returned.shape:
        return False
    off = (computed.to(returned.dtype) - returned).abs()
    return not bool((off > rounding(returned.dtype) * (1 + returned.abs())).any())
