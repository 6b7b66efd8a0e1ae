"""What targets tell of the rows of a batch."""

from torch import Tensor

from backsight.probes import LossTarget, asks_a_layer

__all__ = ["by_row", "is_part"]


def by_row(given: LossTarget, batch: int) -> bool:
    """Whether a loss asks each row for one class of a layer's, or for numbers of its own."""
    target = given.target
    if not target.dim() or len(target) != batch or given.weighted:
        return False
    if given.of_classes and (target.dim() > 1 or not asks_a_layer(given)):
        return False
    return bool(given.counted.all())


def is_part(given: LossTarget, batch: int) -> bool:
    """Whether the targets are some rows of a larger tensor: what was sorted is a copy."""
    target: Tensor | None = getattr(given.node, "_saved_target", None)
    base = None if target is None else target._base
    if (
        target is None
        or base is None
        or not base.is_contiguous()
        or base.dim() != target.dim()
        or not base.dim()
    ):
        return False
    return base.shape[1:] == target.shape[1:] and len(target) == batch < len(base)
