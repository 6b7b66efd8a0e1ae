"""Optimizers that are made anew while they train, and lose what they have gathered."""

import weakref
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from backsight.monitor._iteration import Iteration, OptimizerStep
from backsight.monitor.measurements._measurement import Measurement

__all__ = ["OptimizerAnew"]


WINDOW = 10
"""Steps that make a share."""


class OptimizerAnew(Measurement):
    """The share of ten or more steps, since the last number, that began with an empty state where
    the optimizer before had one: momentum, or the averages of Adam.

    Example:
        >>> import torch
        >>> import backsight
        >>> rnn = torch.nn.RNN(3, 4)
        >>> optimizer = torch.optim.Adam(rnn.parameters())
        >>> with backsight.watch(rnn, optimizer, "runs/mine", every=1) as monitor:
        ...     for _ in range(21):
        ...         rnn(torch.randn(20, 2, 3))[0].square().mean().backward()
        ...         optimizer.step()
        ...         optimizer.state.clear()
        >>> backsight.Run("runs/mine")["state_lost"].tolist()
        [0.0, 1.0, 1.0]
    """

    name = "optimizer made anew"
    signals = ("state_lost",)

    def __init__(self) -> None:
        self._had: dict[int, bool] = {}
        """By the optimizer's number, whether it had a state after its last step."""
        self._known: dict[int, weakref.ref[Optimizer]] = {}
        self._steps = self._lost = 0
        """Since the last number."""
        self._first = True
        self._sampled = -1
        """The iteration of the last number."""

    def on_step_begin(self, step: OptimizerStep, now: Iteration) -> None:
        """Whether the state is gone."""
        if step.closure:  # LBFGS begins anew by itself
            return
        if self._sampled not in (-1, now.number):
            self._steps = self._lost = 0
            self._sampled = -1
        self._steps += 1
        if self._had.get(step.number):
            known = self._known.get(step.number)
            if known is not None and known() is step.optimizer:
                self._lost += not step.optimizer.state  # in every step: no call of its own
            else:
                self._lost += not (_has_state(step.optimizer) and _gathered(step.optimizer))

    def on_step_end(self, step: OptimizerStep, now: Iteration) -> None:
        """Whether there is one."""
        known = self._known.get(step.number)
        if known is None or known() is not step.optimizer or now.looked:
            self._known[step.number] = weakref.ref(step.optimizer)
            self._had[step.number] = _has_state(step.optimizer)
        enough = self._steps >= (1 if self._first else WINDOW)
        if enough and (now.sampled or now.looked):
            self._first = False
            now.record("state_lost", self._lost / self._steps)
            self._sampled = now.number


def _gathered(optimizer: Optimizer) -> bool:
    """Whether it has made a step with that state, or has had it from one that has.

    Adagrad's state is there from the beginning, as are some of users' own: its count of steps is 0
    then; or, without a count, all numbers of a tensor are alike.
    """
    counts, varied = [], False
    for one in dict(optimizer.state).values():
        if not isinstance(one, dict):
            return True
        if isinstance(count := one.get("step"), (int, float, Tensor)):
            counts.append(float(count))
        for value in one.values():
            if isinstance(value, Tensor) and value.dim() > 0 and value.numel() > 1:
                varied = varied or bool((value != value.flatten()[0]).any())
    return any(counts) if counts else varied


def _has_state(optimizer: Optimizer) -> bool:
    """Whether it has gathered any tensor of more than one number, by which averages are known."""
    states: Any = optimizer.state
    for one in states.values():  # in every step: a generator takes twice as long
        for value in one.values():
            if isinstance(value, Tensor) and value.dim() > 0:
                return True
    return False
