"""What a model's loss reads, by position or by sequence, among all that the model returned."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from backsight.probes._tensors import uneven
from backsight.probes.inputs._points import Packed, Point, by_position, leads

__all__ = ["Output", "Returned", "Seedable", "outputs_of"]


class Output:
    """Something that the loss depends on at positions ``(n0, n1)``, or for each sequence."""

    lead: tuple[int, int]
    """``(n0, n1)``; of a single answer to each sequence, ``(B, 1)``."""
    single: bool = False
    """Whether there is a single answer to each sequence."""
    doubtful: bool = False
    """Whether ``(B, T)`` may be single answers with ``T`` classes as well."""


class Seedable(Output, ABC):
    """One at which a gradient can be put in for some positions, or some sequences, alone."""

    @property
    @abstractmethod
    def there(self) -> Tensor:
        """``(n0, n1)``: where the loss has a gradient."""

    @abstractmethod
    def seeded(self, mask: Tensor, *, alike: bool = False) -> tuple[list[Any], list[Tensor]]:
        """Where a gradient is put in, and the loss's own at the positions of a mask ``(n0, n1)``.

        Args:
            mask: the positions.
            alike: put in some other gradient than the loss's, none of which is 0.
        """


class Returned(Seedable):
    """A tensor that the model returned.

    Args:
        result: it.
        direct: the loss's gradient on it.
        axes: which of its axes are those of positions; None of a single answer to each sequence.
        flat: the sizes of both axes where they are one, ``(n0·n1, …)``.
        packed: of rows of a packed batch, where they belong.
        doubtful: see :class:`Output`.
    """

    def __init__(
        self,
        result: Tensor,
        direct: Tensor,
        axes: tuple[int, int] | None,
        flat: tuple[int, int] | None = None,
        *,
        doubtful: bool = False,
        packed: Packed | None = None,
    ) -> None:
        self.result, self._direct, self._axes, self._flat = result, direct, axes, flat
        self._packed = packed
        self.single, self.doubtful = axes is None and packed is None, doubtful
        shape = direct.shape
        self.lead = flat or ((shape[0], 1) if axes is None else leads(shape, axes))
        self.lead = self.lead if packed is None else packed.lead

    @property
    def there(self) -> Tensor:
        """``(n0, n1)``: where the loss has a gradient."""
        if self._packed is not None:
            x = self._packed.opened(self._direct)
        elif self._flat is not None or self._axes is None:
            x = self._direct.detach().reshape(*self.lead, -1)
        else:
            x = by_position(self._direct, self._axes)
        return (x != 0).any(-1)

    def seeded(self, mask: Tensor, *, alike: bool = False) -> tuple[list[Any], list[Tensor]]:
        """The result, and its gradient at some positions."""
        x = uneven(self._direct) if alike else self._direct
        if self._packed is not None:
            mask = mask.flatten()[self._packed.places.to(mask.device)]
        if self._packed is not None or self._flat is not None or self._axes is None:
            shape = [len(x), *[1] * (x.dim() - 1)]
        else:
            first, second = (axis % x.dim() for axis in self._axes)
            shape = [1] * x.dim()
            shape[first], shape[second] = mask.shape
            mask = mask if first < second else mask.T
        return [self.result], [torch.where(mask.reshape(shape), x, 0)]

    def by_sequence(self) -> "Returned":
        """The same as single answers."""
        return Returned(self.result, self._direct, None)


def outputs_of(
    results: Sequence[Tensor], directs: Sequence[Tensor | None], points: Sequence[Point]
) -> list[Returned]:
    """Results that the loss reads at positions, and then those that it reads for each sequence.

    A result is one by position where it has both axes of an embedded input, side by side, apart
    (``(B, C, T)``) or flattened; or where one of its axes is the batch and it has three axes, the
    other one being steps of its own.

    Args:
        results: what the model returned.
        directs: the loss's gradient on each.
        points: its embedded inputs, the last one being a decoder's, if there is one.
    """
    read = [
        (result, direct)
        for result, direct in zip(results, directs, strict=True)
        if direct is not None and direct.dim() and bool((direct != 0).any())
    ]
    batches = {size for point in points for size in (*point.lead, point.of)}
    found: list[Returned] = []
    for result, direct in read:
        like = (_like(result, direct, point) for point in reversed(points))
        found += [one for one in like if one is not None][:1]
    for result, direct in read:
        if any(one.result is result for one in found):
            continue
        if result.dim() == 3 and not batches.isdisjoint(result.shape[:2]):
            found.append(Returned(result, direct, (0, 1)))
        elif result.shape[0] in batches and (result.dim() > 1 or len(result) > 1):
            found.append(Returned(result, direct, None))
    return found


def _like(result: Tensor, direct: Tensor, point: Point) -> Returned | None:
    """As one by position: both axes side by side, the steps last, both in one, or nothing else."""
    n0, n1 = lead = point.lead
    shape = result.shape
    if point.of:  # else it is an answer to each sequence
        by_step = result.dim() > 2 and shape[:2] == lead
        return Returned(result, direct, (0, 1)) if by_step else None
    if point.packed is not None and len(result) == len(point.value) > n1:
        return Returned(result, direct, None, packed=point.packed)
    if result.dim() >= 3:
        last = (shape[0], shape[-1]) == lead
        if last and point.axes == (0, 2):
            return Returned(result, direct, (0, result.dim() - 1))
        if shape[:2] in (lead, (n1, n0)):
            return Returned(result, direct, (0, 1))
        if last:
            return Returned(result, direct, (0, result.dim() - 1))
    if result.dim() <= 2 and len(result) == n0 * n1 > n0:
        return Returned(result, direct, (0, 1), lead)
    if shape == lead and n1 > 1:
        return Returned(result, direct, (0, 1), doubtful=True)
    return None
