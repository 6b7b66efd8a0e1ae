"""What the user's own code has done since a backward pass: moved parameters, zeroed gradients."""

from collections.abc import Collection

import torch
from torch import Tensor

from backsight.probes import on_host

__all__ = ["MovedByHand", "nothing_left"]


def nothing_left(parameters: Collection[Tensor]) -> bool:
    """Whether no gradient is there; one that is zero is none, where to look does not wait."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    return not gradients or (on_host(gradients[0]) and not any(bool(g.any()) for g in gradients))


class MovedByHand:
    """What shows that parameters were moved: their versions, and the values of the smallest one.

    ``p -= lr * p.grad`` counts up a version. ``p.data -= …`` does not, so that one parameter is
    kept as it was, if to look at it does not wait for a device.

    Example:
        >>> import torch
        >>> from backsight.monitor.events import MovedByHand
        >>> layer, moved = torch.nn.Linear(3, 2), MovedByHand()
        >>> layer(torch.ones(1, 3)).sum().backward()
        >>> moved.remember(list(layer.parameters()))
        >>> moved.since(list(layer.parameters()))
        False
        >>> layer.bias.data -= layer.bias.grad
        >>> moved.since(list(layer.parameters()))
        True
    """

    def __init__(self) -> None:
        self._versions: dict[int, int] = {}
        """By the parameter's identity."""
        self._kept: tuple[int, Tensor] | None = None

    def remember(self, parameters: Collection[Tensor], *, all_of: bool = False) -> None:
        """Those that have a gradient, or ``all_of`` them, before anything moves them."""
        there = [p for p in parameters if all_of or p.grad is not None]
        self._versions = {id(p): p._version for p in there}
        smallest = min((p for p in there if p.numel()), key=torch.numel, default=None)
        self._kept = None
        if smallest is not None and on_host(smallest):
            self._kept = id(smallest), smallest.detach().clone()

    def since(self, parameters: Collection[Tensor]) -> bool:
        """Whether half of them have: a layer that renormalises what it reads moves but its own."""
        known = {id(p): p for p in parameters if id(p) in self._versions}
        counted = sum(p._version != self._versions[key] for key, p in known.items())
        if 0 < len(known) <= 2 * counted:
            return True
        key, before = self._kept or (0, None)
        now = known[key].detach() if before is not None and key in known else None
        return now is not None and before is not None and _differ(now, before)


def _differ(now: Tensor, before: Tensor) -> bool:
    if now.shape != before.shape or now.device != before.device:
        return True
    neither = (now != now) & (before != before)  # not a number, in both
    return bool(((now != before) & ~neither).any())
