"""Losses that are maximised."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from backsight.monitor._iteration import BackwardPass, Iteration, OptimizerStep
from backsight.monitor.measurements._measurement import FIRST_AND_RARELY, Measurement
from backsight.probes import (
    densities_lowered,
    divergences_raised,
    entropies_lowered,
    likelihoods_lowered,
    some_elements,
    terms_without_bound,
    weighs_likelihoods,
)
from backsight.probes.loss import likenesses_lowered

__all__ = ["LossSign"]

MOST = 16
"""Parameters that tell whether steps go up or down."""


class LossSign(Measurement):
    """Terms of the loss that fall without bound as the step minimises them, where all do.

    And log-probabilities, times numbers such as rewards, that the step makes smaller; and distances
    between distributions that it makes larger. ``likelihood_weighted``: the numbers have both
    signs, recorded only then, and so is ``entropy_lowered``, of the entropies that are made smaller
    beside them. ``likeness_lowered``: cosines to what is given, recorded only where they are all of
    the loss and are made smaller.

    Where a step moves a part of what the loss depends on, or of what is trained, the other part may
    be an adversary: then nothing is counted.

    Example:
        >>> import torch
        >>> import backsight
        >>> rnn = torch.nn.RNN(3, 4)
        >>> optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
        >>> with backsight.watch(rnn, optimizer, "runs/mine", every=1):
        ...     for sign in (1, -1):
        ...         (sign * (rnn(torch.randn(20, 2, 3))[0] - 1).square().mean()).backward()
        ...         optimizer.step()
        >>> backsight.Run("runs/mine")["loss_unbounded"].tolist()
        [0.0, 1.0]
    """

    name = "sign of the loss"
    signals = (
        *("divergence_raised", "entropy_lowered", "likelihood_lowered", "likelihood_weighted"),
        *("likeness_lowered", "loss_unbounded"),
    )
    schedule = FIRST_AND_RARELY

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._lowered: list[tuple[int, int]] = []
        """Likewise, log-probabilities that are made smaller."""
        self._raised: list[tuple[int, int]] = []
        """Likewise, divergences that are made larger."""
        self._entropies = [0, 0]
        """Of a policy, whose loss this is: likewise."""
        self._likenesses: list[tuple[int, int]] = []
        """Likewise, cosines to what is given."""
        self._counts: list[tuple[int, int]] = []
        """Of each pass since the last step: if it is minimised, and if it is maximised."""
        self._leaves: set[int] = set()
        """Identities of what these passes depend on."""
        self._moved: set[int] = set()
        """Identities of what was moved since."""
        self._climbs = False
        self._before: list[tuple[nn.Parameter, Tensor, Tensor]] = []
        """Of what the user's own code moves: some elements, and their gradient."""

    def on_iteration_begin(self, now: Iteration) -> None:
        """No pass has been seen."""
        self._begin()

    def on_graph_whole(self, passed: BackwardPass, now: Iteration) -> None:
        """Look at the terms."""
        if self._moved:
            self._record(now)
            self._begin()
        down, up = (
            terms_without_bound(passed.roots, passed.gradients, maximised=maximised)
            or densities_lowered(passed.roots, passed.gradients, maximised=maximised)
            for maximised in (False, True)
        )
        self._counts.append((down, up))
        self._lowered.append(
            (
                likelihoods_lowered(passed.roots, passed.gradients),
                likelihoods_lowered(passed.roots, passed.gradients, maximised=True),
            )
        )
        alike = [
            likenesses_lowered(passed.roots, passed.gradients, maximised=maximised)
            for maximised in (False, True)
        ]
        self._likenesses.append((alike[0], alike[1]))
        if weighs_likelihoods(passed.roots, passed.gradients):
            now.record("likelihood_weighted", 1.0)
            self._entropies = [
                entropies_lowered(passed.roots, passed.gradients, maximised=maximised)
                for maximised in (False, True)
            ]
        raised, lowered = (
            divergences_raised(passed.roots, passed.gradients, maximised=maximised)
            for maximised in (False, True)
        )
        self._raised.append((raised, lowered))
        if down or up or raised or lowered or any(alike):
            parameters = (p for p in passed.operations.leaves() if isinstance(p, nn.Parameter))
            self._leaves |= _identities(parameters)

    def on_backward_end(self, passed: BackwardPass, now: Iteration) -> None:
        """Where no optimizer of PyTorch's steps, remember which way is up."""
        self._before = []
        if now.by_hand and passed.scale is None:
            self._remember(now.parameters.values(), passed)

    def on_step_begin(self, step: OptimizerStep, now: Iteration) -> None:
        """Likewise, of an optimizer of the user's own."""
        self._before = []
        if not step.closure and not type(step.optimizer).__module__.startswith("torch."):
            self._remember(step.parameters.values(), None)

    def on_step_end(self, step: OptimizerStep, now: Iteration) -> None:
        """It has followed these gradients, down or up."""
        self._moved |= _identities(step.parameters.values())
        self._climbs = any(group.get("maximize") for group in step.optimizer.param_groups)
        self._climbs |= self._has_climbed() is True
        self._before = []

    def on_iteration_end(self, now: Iteration) -> None:
        """Record it."""
        climbed = self._has_climbed()
        if climbed is not None:  # by hand
            self._moved |= _identities(now.parameters.values())
            self._climbs = climbed
        self._before = []
        if self._counts and self._moved:
            self._record(now)

    def _remember(self, parameters: Iterable[nn.Parameter], passed: BackwardPass | None) -> None:
        returned = (passed.returned if passed is not None else None) or {}
        for p in list(parameters)[:MOST]:
            gradient = returned.get(id(p), p.grad)
            if gradient is not None and not gradient.is_sparse and gradient.shape == p.shape:
                some = some_elements(p, torch.float64)
                self._before.append((p, some, some_elements(gradient, torch.float64)))

    def _has_climbed(self) -> bool | None:
        """Whether what moved has gone up the gradient; None where nothing has moved."""
        dots = [
            ((some_elements(p, torch.float64) - some) * gradient).sum().cpu()
            for p, some, gradient in self._before
        ]
        total = float(torch.stack(dots).sum()) if dots else 0.0
        return total > 0 if total else None

    def _record(self, now: Iteration) -> None:
        counts = [up if self._climbs else down for down, up in self._counts]
        whole = self._leaves | _identities(now.parameters.values()) <= self._moved
        count = sum(counts) if all(counts) and whole else 0
        now.record("loss_unbounded", max(float(count), now.numbers.get("loss_unbounded", 0.0)))
        raised = sum(up if self._climbs else down for down, up in self._raised)
        now.record("divergence_raised", float(raised if whole and not now.opposed else 0))
        lowered = (
            0 if now.opposed else sum(up if self._climbs else down for down, up in self._lowered)
        )
        now.record("likelihood_lowered", float(lowered))
        likenesses = [up if self._climbs else down for down, up in self._likenesses]
        if all(likenesses) and whole and not now.opposed and likenesses:
            now.record("likeness_lowered", float(sum(likenesses)))
        if entropies := self._entropies[self._climbs]:
            now.record("entropy_lowered", float(entropies))


def _identities(parameters: Iterable[nn.Parameter]) -> set[int]:
    return set(map(id, parameters))
