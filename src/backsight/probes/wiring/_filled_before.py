"""Whether sequences are filled up at their beginning, so that their ends are none of padding."""

import torch
from torch import Tensor

from backsight.probes._padding import is_padding, may_be_padded, padding_of

__all__ = ["begins_in_padding"]


@torch.no_grad()
def begins_in_padding(x: Tensor, at_end: Tensor, *, exact: bool = True) -> bool:
    """Whether the sequences begin in padding, of more steps than look like it at their end.

    Then they are filled up at one side only, and what they end in alike belongs to them.

    Args:
        x: as of :func:`backsight.probes.padding_of`.
        at_end: what that has found.
        exact: as of :func:`backsight.probes.padding_of`.

    Example:
        >>> import torch
        >>> from backsight.probes import padding_of
        >>> from backsight.probes.wiring import begins_in_padding
        >>> x = torch.tensor([[0, 0, 0, 1], [0, 0, 1, 1], [0, 5, 1, 1], [5, 6, 6, 5]])
        >>> begins_in_padding(x, padding_of(x)[0])
        True
        >>> begins_in_padding(x.flip(1), padding_of(x.flip(1))[0])
        False
    """
    turned = x.detach().flip(1)
    if exact and not may_be_padded(turned):
        return False
    at_start, inside = padding_of(turned, exact=exact)
    return bool(at_start.sum() > at_end.sum()) and is_padding(at_start, inside)
