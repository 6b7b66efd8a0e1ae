"""Where the gradient of a sequence model is read: its embedded inputs, and what its blocks take."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge, get_gradient_edge

__all__ = ["Layout", "Point", "by_position", "leads", "point_of"]

Layout = Literal["batch", "time"]
"""What the first of the two axes of positions is: ``(B, T, …)`` or ``(T, B, …)``."""


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

    @property
    def lead(self) -> tuple[int, int]:
        """``(n0, n1)``: how many positions there are on each axis."""
        return leads(self.value.shape, self.axes)


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
