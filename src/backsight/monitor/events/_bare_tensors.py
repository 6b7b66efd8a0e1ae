"""Trainings of bare tensors: no module holds them, and no optimizer moves them.

``W -= lr * W.grad``, with weights that are variables of the script. What tells is that backward, or
``torch.autograd.grad``, brings gradients to the same tensors again and again, and that they have
moved in between. One that the script makes anew in each step (``W = (W - lr * g).detach()``) is
another tensor each time, and is not found; nor is what ``torch.func`` differentiates.
"""

import gc
from collections.abc import Callable, Mapping, Sequence

from torch import Tensor, nn

from backsight.monitor.events._backward import tell_unclaimed
from backsight.monitor.events._moved_by_hand import MovedByHand
from backsight.probes import LossOperations, places_of

__all__ = ["BareTensors"]

LOOKS = 64
"""Passes that are looked at: whoever trains by hand does so from the beginning."""

MOST = 256
"""Tensors that are followed; a script that has more holds them in modules."""


class BareTensors:
    """Hears of the passes that bring nothing to any observed parameter, until it is closed.

    Args:
        found: told of the tensors of a training, by name.
        failed: told of what went wrong; then nothing is looked at any more.
        modelled: whether models are called: such a pass is about something else than their weights.

    Example:
        >>> import torch
        >>> from backsight.monitor.events import BareTensors
        >>> bare = BareTensors(lambda tensors: print(list(tensors)), print, lambda: False)
        >>> slope = torch.zeros(1, requires_grad=True)
        >>> for _ in range(2):
        ...     (slope - 1).square().sum().backward()
        ...     slope.data -= 0.1 * slope.grad
        ['slope']
        >>> bare.close()
    """

    def __init__(
        self,
        found: Callable[[Mapping[str, Tensor]], None],
        failed: Callable[[Exception], None],
        modelled: Callable[[], bool],
    ) -> None:
        self._found, self._failed, self._modelled = found, failed, modelled
        self._moved = MovedByHand()
        self._known: set[int] = set()
        """Identities of those of the pass before, which are told by their content, too."""
        self.passes = 0
        """Passes that brought gradients to tensors of no module."""
        self.transforms = 0
        """Passes inside ``torch.func``."""
        self.close = tell_unclaimed(self)
        """Hear of nothing any longer."""

    def passed(self, roots: Sequence[Tensor], inputs: Sequence[Tensor]) -> None:
        """A pass has ended: of ``backward``, or of ``autograd.grad``, asked of ``inputs``."""
        self.passes += 1
        if self.passes <= LOOKS and not self._modelled():
            try:
                self._look(roots, inputs)
            except Exception as error:  # noqa: BLE001 - must not reach the script
                self.passes = LOOKS
                self._failed(error)

    def transformed(self) -> None:
        """A pass inside ``torch.func``, whose tensors are none of the script's."""
        self.transforms += 1

    def _look(self, roots: Sequence[Tensor], inputs: Sequence[Tensor]) -> None:
        leaves = list(inputs) or list(LossOperations(tuple(roots)).leaves())
        if not leaves or len(leaves) > MOST:
            return
        again = [x for x in leaves if id(x) in self._known]
        if again and self._moved.since(again):
            self._known = set()
            self._found(_named(leaves))
            return
        self._known = set(map(id, leaves))
        self._moved.remember(leaves, all_of=bool(inputs))


def _named(tensors: Sequence[Tensor]) -> dict[str, Tensor]:
    """By the variable, the key or the attribute under which each is kept, where there is one."""
    names = _kept_as(tensors) | places_of([x for x in tensors if isinstance(x, nn.Parameter)])
    named: dict[str, Tensor] = {}
    for number, tensor in enumerate(tensors):
        name = names.get(id(tensor), f"tensor{number}")
        named[name if name not in named else f"{name}-{number}"] = tensor
    return named


def _kept_as(tensors: Sequence[Tensor]) -> dict[int, str]:
    """Names in modules of Python's, attributes and dictionaries, by identity."""
    wanted, found = set(map(id, tensors)), dict[int, str]()
    for holder in gc.get_referrers(*tensors):
        for key, value in list(holder.items()) if type(holder) is dict else ():
            if id(value) in wanted and type(key) is str and not key.startswith("_"):
                others = found.get(id(value), key)
                found[id(value)] = min(others, key, key=lambda name: (len(name), name))
    return found
