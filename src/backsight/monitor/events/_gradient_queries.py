"""``torch.autograd.grad`` asked of observed parameters: when is that a backward pass?

Nothing arrives on a parameter then, and what becomes of the gradients is the script's own business.
Some scripts train by them; others weigh their losses by them, or log them, and call ``backward``
all the same. So:

* with ``create_graph``, it is an inner one: a penalty, a step inside the loss (MAML);
* with an optimizer, it counts where the optimizer steps on gradients and no ``backward`` was seen:
  known with the first step, and from then on in time for the reach;
* without an optimizer it counts, unless ``backward`` is called as well.
"""

import weakref
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from torch import Tensor

from backsight.monitor._iteration import BackwardPass, Gradients

__all__ = ["GradientQueries", "GradientQuery"]


@dataclass(frozen=True, slots=True, eq=False)
class GradientQuery:
    """One call of ``torch.autograd.grad``."""

    roots: tuple[Tensor, ...]
    gradients: Gradients
    inputs: tuple[Tensor, ...]
    """What gradients are asked of; nothing where that is no leaf, such as a hidden state."""
    places: tuple[int, ...]
    """Of each, its place among the results."""
    inner: bool
    """Whether the graph of the gradients is kept."""
    scale: Tensor | None = None
    """What a GradScaler multiplied the loss by."""


class GradientQueries:
    """Those of one training."""

    def __init__(self) -> None:
        self.used: bool | None = None
        """Whether the training goes by them; None as long as that is not known."""
        self.uncounted = 0
        """Those that were taken for no backward pass."""
        self.begin()

    def begin(self) -> None:
        """A new iteration."""
        self.told: set[int] = set()
        """Identities of the parameters of those that counted."""
        self._asked: set[int] = set()
        """Identities of the parameters of those that may turn out to count."""
        self._roots: list[weakref.ref[Tensor]] = []
        self._held: BackwardPass | None = None
        self.holding = 0
        """How many are held, which may turn out to count."""
        self.heard = False
        """Whether there has been any in this iteration."""

    def passed(self, query: GradientQuery, found: Sequence[Tensor | None]) -> BackwardPass:
        """As a backward pass. One loss counts once, also where each half of a model is asked."""
        self.heard = True
        known = [reference() for reference in self._roots]
        fresh = [
            (root, gradient)
            for root, gradient in zip(query.roots, query.gradients, strict=True)
            if all(root is not other for other in known)
        ]
        self._roots += [weakref.ref(root) for root, _ in fresh]
        returned = {
            id(parameter): gradient.detach()
            for parameter, place in zip(query.inputs, query.places, strict=True)
            if (gradient := found[place]) is not None
        }
        roots, gradients = tuple(r for r, _ in fresh), tuple(g for _, g in fresh)
        return BackwardPass(roots, gradients, query.scale, returned)

    def count(self, passed: BackwardPass) -> None:
        """It is one."""
        self.told |= (passed.returned or {}).keys()

    def hold(self, passed: BackwardPass) -> None:
        """It may turn out to be one: keep the losses, and the newest gradient of each parameter.

        Copies, as clipping would change it. Once it is known that it is of no use, nothing is kept.
        """
        returned = passed.returned or {}
        self._asked |= returned.keys()
        self.uncounted += 1
        if self.used is not None:
            return
        self.holding += 1
        roots = tuple(root.detach().clone() for root in passed.roots)
        gradients = tuple(None if g is None else g.detach().clone() for g in passed.gradients)
        returned = {number: gradient.clone() for number, gradient in returned.items()}
        if self._held is not None:
            earlier = self._held.returned
            several = earlier is None or not earlier.keys().isdisjoint(returned)
            roots, gradients = self._held.roots + roots, self._held.gradients + gradients
            # Of several that add up, only the optimizer's own gradient is the sum.
            passed = BackwardPass(
                roots, gradients, passed.scale, None if several else {**(earlier or {}), **returned}
            )
        else:
            passed = BackwardPass(roots, gradients, passed.scale, returned)
        self._held = passed

    def stepped(self, moved: Iterable[Tensor]) -> BackwardPass | None:
        """An optimizer steps, and no ``backward`` was seen: what was held, if it goes by that."""
        if self._asked.isdisjoint(id(p) for p in moved if p.grad is not None):
            return None
        self.used = True
        self.uncounted -= self.holding
        held, self._held, self.holding = self._held, None, 0
        return held
