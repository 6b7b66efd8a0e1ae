"""Views that take channels, which lie before the steps, for features, which lie behind them."""

import math
from collections.abc import Mapping

from torch import Tensor

from backsight.probes._operations import POINTWISE, SAME_ORDER, Edge, operation, order_of, shape_of
from backsight.probes.loss import LossOperations
from backsight.probes.wiring._attention_axis import attentions

__all__ = ["channels_mixed", "data_regrouped", "turned_to"]

Shapes = tuple[tuple[int, ...], tuple[int, ...]]
"""Before and after a view."""

BY_CHANNEL = frozenset({
    *("Convolution", "CudnnBatchNorm", "MiopenBatchNorm", "NativeBatchNorm", "NativeGroupNorm"),
})  # fmt: skip
"""What these return has its channels behind the rows."""

POOLED = frozenset({
    *("AdaptiveAvgPool2D", "AvgPool2D", "AvgPool3D", "MaxPool2DWithIndices", "UpsampleNearest1D"),
    "UpsampleNearest2D",
})  # fmt: skip

FAR = 16
"""Operations between such a layer and the view."""

TOKENS = 2
"""That an attention is given beside the steps: of a class, and of a teacher."""


def channels_mixed(made: LossOperations, axes: Mapping[tuple[int, ...], int]) -> list[Shapes]:
    """The shapes before and after of each view that gives a recurrent layer or an attention as many
    steps as there are, of as many features as there are channels, and exchanges no axes for it.

    Args:
        made: the operations of the loss, while the graph is whole.
        axes: as of :func:`batch_axes`.

    Example:
        >>> import torch
        >>> from backsight.probes import LossOperations
        >>> from backsight.probes.wiring import channels_mixed
        >>> maps = torch.nn.Conv1d(3, 4, 1)(torch.randn(2, 3, 8))
        >>> for x in (maps.view(2, 8, 4), maps.transpose(1, 2)):
        ...     made = LossOperations([torch.nn.GRU(4, 5, batch_first=True)(x)[0].sum()])
        ...     channels_mixed(made, {(8, 2): 1, (2, 8): 0})
        [((2, 4, 8), (2, 8, 4))]
        []
    """
    found: list[Shapes] = []
    attended: set[tuple[int, int]] | None = None
    for _, node in made.those(SAME_ORDER):
        new = shape_of(node, 0)
        below, number = node.next_functions[0] if node.next_functions else (None, 0)
        if below is None or len(new) != 3 or new[1] == new[2] or min(new) < 2:
            continue
        rows, steps, features = new
        if axes.get(new[:2]) != 0:
            attended = attentions(made) if attended is None else attended
            if not any(0 <= t - steps <= TOKENS and n % rows == 0 for t, n in attended):
                continue
        old = _channels_first((below, number), rows)
        if len(old) > 2 and old[1] == features and math.prod(old[2:]) == steps:
            found.append((old, new))
    return found


def _channels_first(edge: Edge, rows: int) -> tuple[int, ...]:
    """Of what a convolution or a normalisation has returned, ``(rows, channels, …)``; else none."""
    node, number = edge
    known: tuple[int, ...] = ()
    pooled = False
    for _ in range(FAR):
        name, shape = operation(node), shape_of(node, number)
        if shape[:1] == (rows,) and not pooled:
            known = shape
        if name in BY_CHANNEL:  # that of an instance has all rows in one
            return known if shape[0] in (1, rows) else ()
        if name not in POINTWISE | POOLED | SAME_ORDER:
            return ()
        size = math.prod(shape)
        given = [(n, i) for n, i in node.next_functions if n and operation(n) != "AccumulateGrad"]
        if name not in POOLED:
            given = [one for one in given if math.prod(shape_of(*one)) == size]
        if not given:
            return ()
        pooled = pooled or name in POOLED  # before it, there are more steps
        node, number = given[0]
    return ()


def data_regrouped(x: Tensor) -> Shapes | None:
    """The same of data, where such a view may as well put samples in other groups.

    Args:
        x: ``(B, T, C)``, without a graph: what a layer is given.

    Example:
        >>> import torch
        >>> from backsight.probes.wiring import data_regrouped
        >>> bins = torch.randn(2, 4, 8)
        >>> data_regrouped(bins.view(2, 8, 4)), data_regrouped(bins.transpose(1, 2))
        (((2, 4, 8), (2, 8, 4)), None)
    """
    base = x._base
    if base is None or x.dim() != 3 or base.dim() != 3 or not x.is_contiguous():
        return None
    rows, steps, features = x.shape
    if base.shape[1:] != (features, steps) or steps == features or min(x.shape) < 2:
        return None
    whole = base.is_contiguous() and x.storage_offset() % (steps * features) == 0
    return ((rows, features, steps), (rows, steps, features)) if whole else None


def turned_to(made: LossOperations, shape: tuple[int, ...]) -> bool:
    """Whether the last two axes of something are exchanged, so that it has that shape: an answer
    that is turned round to lie as the data did.

    Args:
        made: the operations of the loss, while the graph is whole.
        shape: ``(B, C, T)``.

    Example:
        >>> import torch
        >>> from backsight.probes import LossOperations
        >>> from backsight.probes.wiring import turned_to
        >>> answers = torch.randn(2, 8, 4, requires_grad=True).tanh()
        >>> made = LossOperations([answers.transpose(1, 2).sum()])
        >>> turned_to(made, (2, 4, 8)), turned_to(made, (2, 8, 4))
        (True, False)
    """
    return any(
        shape_of(node, 0) == shape and order_of(node, 3) == [0, 2, 1]
        for _, node in made.those({"Permute", "Transpose"})
    )
