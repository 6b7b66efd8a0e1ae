"""Which axis of a layer's input is time, as far as the data tell."""

import torch
from torch import Tensor

from backsight.probes._padding import is_padding, may_be_padded, padding_of

__all__ = ["moves_across", "padded_across", "smooth_across", "symbols_of"]

FEWEST = 8
"""Steps, and sequences, of which anything is said."""

VARIED = 3
"""Different symbols: fewer are equal by chance."""

FARTHEST = 8
"""Places between the first input and the first target."""

LARGEST = 1 << 18
"""Numbers of an input that is looked at."""

SMOOTH, ROUGH = 0.8, 0.4
"""Correlation of neighbours, along the axis of a curve and across curves in any order."""

ROUNDED = 1e-5
"""Of the largest number, what two that were computed may differ by."""

LEAST = 0.01
"""Of the variance, what is left when the mean of each step and of each sequence is taken out."""


def symbols_of(given: Tensor) -> Tensor | None:
    """``(a, b)`` indices, of what may be one-hot; None of numbers.

    Example:
        >>> import torch
        >>> from backsight.probes import symbols_of
        >>> symbols_of(torch.tensor([[[0.0, 1.0], [1.0, 0.0]]]))
        tensor([[1, 0]])
    """
    if given.dim() == 2:
        return given
    hot = given == 1
    if bool((hot.sum(-1) == 1).all()) and bool(((given == 0) | hot).all()):
        return hot.to(torch.int8).argmax(-1)
    return None


@torch.no_grad()
def padded_across(given: Tensor, *, exact: bool = True) -> bool:
    """Whether sequences end in padding along the axis that a layer takes for the batch.

    Args:
        given: ``(T, B)`` or ``(T, B, F)``, as the layer takes it: symbols or features.
        exact: whether equal steps have equal values to the last digit.

    Returns:
        False where they end, or begin, in padding along the other axis as well, as in a batch that
        is sorted by length.

    Example:
        >>> import torch
        >>> from backsight.probes import padded_across
        >>> lengths = torch.tensor([9, 4, 7, 12, 5, 8, 3, 10])
        >>> text = torch.randint(1, 9, (8, 12)) * (torch.arange(12) < lengths[:, None])
        >>> padded_across(text), padded_across(text.t())
        (True, False)
    """
    if not _is_large_enough(given) or (exact and not may_be_padded(given)):
        return False
    if not is_padding(*padding_of(given, exact=exact)):
        return False
    along = given.transpose(0, 1)
    return not any(is_padding(*padding_of(x, exact=exact)) for x in (along, along.flip(1)))


@torch.no_grad()
def moves_across(given: Tensor, target: Tensor, counted: Tensor, *, exact: bool = True) -> bool:
    """Whether the target of each step is the next one along the axis that is taken for the batch.

    Args:
        given: ``(T, B)`` symbols, or ``(T, B, F)`` numbers, as the layer takes it.
        target: as many as there are inputs, in either order of the axes; or without the first
            ones, or the last ones, of each sequence.
        counted: ``(n,)`` bool, of the targets in a row: which are not to be ignored.
        exact: whether targets are known to the last digit.

    Returns:
        False where it is the next one along the other axis, too.

    Example:
        >>> import torch
        >>> from backsight.probes import moves_across
        >>> text = torch.randint(9, (8, 13))
        >>> x, y = text[:, :-1], text[:, 1:]
        >>> every = torch.ones(8 * 12, dtype=torch.bool)
        >>> moves_across(x, y, every), moves_across(x.t(), y, every)
        (True, False)
    """
    if not _is_large_enough(given) or given.dtype.is_complex:
        return False
    across = _is_next(given, target, counted, exact)
    return across and not _is_next(given.transpose(0, 1), target, counted, exact)


@torch.no_grad()
def smooth_across(given: Tensor) -> bool:
    """Whether curves run along the axis that a layer takes for the batch, in any order.

    Args:
        given: ``(T, B, F)`` numbers, as the layer takes it.

    Example:
        >>> import torch
        >>> from backsight.probes import smooth_across
        >>> _ = torch.manual_seed(0)
        >>> curves = torch.sin(0.3 * torch.arange(40) + 6 * torch.rand(16, 1))[..., None]
        >>> smooth_across(curves), smooth_across(curves.transpose(0, 1))
        (True, False)
    """
    if given.dim() != 3 or not _is_large_enough(given) or not given.is_floating_point():
        return False
    x = given.double()
    whole = float(x.var((0, 1)).sum())
    x = x - x.mean(0) - (x - x.mean(0)).mean(1, keepdim=True)
    rest = float(x.square().mean((0, 1)).sum())
    if not rest > LEAST * whole:
        return False
    along, across = (
        1 - float(x.diff(dim=axis).square().mean((0, 1)).sum()) / (2 * rest) for axis in (0, 1)
    )
    return across >= SMOOTH and along <= ROUGH


def _is_large_enough(given: Tensor) -> bool:
    return min(given.shape[:2]) >= FEWEST and given.numel() <= LARGEST


def _is_next(given: Tensor, target: Tensor, counted: Tensor, exact: bool) -> bool:
    """Whether targets are the inputs some places further along axis 1.

    A loss may leave out the first steps, or the last ones: fewer than half of all.
    """
    steps, width = given.shape[1], given.shape[2:]
    size, rest = divmod(target.numel(), max(1, len(given) * width.numel()))
    if rest or counted.numel() != target.numel() or not steps <= 2 * size <= 2 * steps:
        return False
    whole, turned = (len(given), size, *width), (size, len(given), *width)
    for order in (False, True):
        asked, counts = (
            x.reshape(turned).transpose(0, 1) if order else x.reshape(whole)
            for x in (target, counted)
        )
        for ahead in range(1, min(steps - size + 1, FARTHEST) + 1):
            shared = min(size, steps - ahead)
            which = counts[:, :shared]
            here, there = given[:, ahead : ahead + shared][which], asked[:, :shared][which]
            if here.numel() >= FEWEST and _are_equal(here.to(there.dtype), there, exact):
                return len(torch.unique(here)) >= VARIED
    return False


def _are_equal(here: Tensor, there: Tensor, exact: bool) -> bool:
    if exact:
        return torch.equal(here, there)
    return torch.allclose(here, there, rtol=0.0, atol=ROUNDED * float(here.abs().max()))
