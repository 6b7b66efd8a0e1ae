"""Where the gradient of a sequence model is read: its embedded inputs, and what its blocks take."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge, get_gradient_edge
from torch.nn.utils.rnn import PackedSequence

__all__ = ["Layout", "Packed", "Point", "by_position", "leads", "packed_as", "point_of"]

Layout = Literal["batch", "time"]
"""What the first of the two axes of positions is: ``(B, T, …)`` or ``(T, B, …)``."""


@dataclass(frozen=True, slots=True, eq=False)
class Packed:
    """Where the rows ``(N, …)`` of a packed batch belong in ``(T, B, …)``, as the caller has it."""

    lead: tuple[int, int]
    """``(T, B)``."""
    places: Tensor
    """``(N,)``: number ``t·B + b`` of each row."""

    @property
    def there(self) -> Tensor:
        """``(T, B)``: whether a sequence has that step."""
        return self.opened(torch.ones_like(self.places)[:, None])[..., 0] > 0

    def opened(self, rows: Tensor) -> Tensor:
        """``(T, B, features)``, 0 where a sequence has no such step."""
        flat = rows.detach().reshape(len(rows), -1)
        opened = flat.new_zeros(self.lead[0] * self.lead[1], flat.shape[1])
        opened[self.places.to(flat.device)] = flat
        return opened.view(*self.lead, -1)


def packed_as(batch: PackedSequence) -> Packed:
    """How ``batch`` is packed."""
    sizes, order = batch.batch_sizes, batch.sorted_indices
    steps = torch.arange(len(sizes)).repeat_interleave(sizes)
    rows = torch.arange(int(sizes.sum())) - (sizes.cumsum(0) - sizes)[steps]
    rows = rows if order is None else order.cpu()[rows]
    count = int(sizes[0])
    return Packed((len(sizes), count), steps * count + rows)


@dataclass(slots=True, eq=False)
class Point:
    """One activation of a forward pass, as it was when it was made or handed over."""

    path: str
    """That of its signal, ``input:embed`` or ``block:layers.0``."""
    value: Tensor
    """Detached."""
    edges: list[GradientEdge] = field(default_factory=list)
    """Where its gradient is asked for. Several projections of one input are one point."""
    axes: tuple[int, int] = (0, 1)
    """Which of its axes are those of positions: ``(0, 2)`` of what a Conv1d makes."""
    training: bool = True
    fixed: Layout | None = None
    """The layout where the module itself defines it."""
    of: int = 0
    """Of one sequence of a batch that is embedded one after the other: how many there are."""
    packed: Packed | None = None
    """Of rows of a packed batch, ``(N, features)``: their layout is time first."""

    @property
    def lead(self) -> tuple[int, int]:
        """``(n0, n1)``: how many positions there are on each axis."""
        return leads(self.value.shape, self.axes) if self.packed is None else self.packed.lead

    @property
    def elements(self) -> int:
        """Positions that sequences have."""
        return self.lead[0] * self.lead[1] if self.packed is None else len(self.value)

    @property
    def has_steps(self) -> bool:
        """Whether there is an axis of steps."""
        return self.packed is not None or self.value.dim() > 2

    def by_position(self, x: Tensor) -> Tensor:
        """``(n0, n1, features)`` of a tensor that is laid out as its value."""
        return by_position(x, self.axes) if self.packed is None else self.packed.opened(x)


def leads(shape: Sequence[int], axes: tuple[int, int]) -> tuple[int, int]:
    """The sizes of the two axes of positions."""
    return shape[axes[0]], shape[axes[1]]


def point_of(path: str, tensor: Tensor, axes: tuple[int, int], training: bool) -> Point:
    """Of a tensor that requires a gradient.

    The edge is taken at once: writing into the tensor later on gives it another one.
    """
    return Point(path, tensor.detach(), [get_gradient_edge(tensor)], axes, training)


def by_position(x: Tensor, axes: tuple[int, int]) -> Tensor:
    """``(n0, n1, features)``."""
    x = x.detach()
    first, second = (axis % x.dim() for axis in axes)
    return torch.movedim(x, (first, second), (0, 1)).reshape(x.shape[first], x.shape[second], -1)
