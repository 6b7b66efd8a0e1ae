"""Where another part of a training begins: another optimizer, or another loss."""

import weakref

from torch.optim import Optimizer

from backsight.monitor._iteration import BackwardPass, Iteration, OptimizerStep
from backsight.monitor.measurements._measurement import Measurement

__all__ = ["Phase"]

LASTED = 20
"""Iterations that a phase has to last before another one may begin: where optimizers or losses
alternate, each iteration belongs to the same training."""

DEEP = 3
"""Operations from the loss on, by which losses are told apart."""

OTHER_PARAMETERS, SAME_PARAMETERS, OTHER_LOSS = 1.0, 2.0, 3.0


class Phase(Measurement):
    """Recorded only in the first iteration of a phase, before its first step.

    1 where an optimizer of other parameters takes over, 2 where a new optimizer of the same ones
    does, 3 where the loss is another: its last operations have other names.

    Example:
        >>> import torch
        >>> import backsight
        >>> rnn = torch.nn.RNN(3, 4)
        >>> first = torch.optim.SGD(rnn.parameters(), lr=0.1)
        >>> second = torch.optim.SGD([rnn.weight_ih_l0], lr=0.1)
        >>> with backsight.watch(rnn, [first, second], "runs/mine", every=1):
        ...     for optimizer in [first] * 20 + [second] * 20:
        ...         optimizer.zero_grad()
        ...         rnn(torch.randn(20, 2, 3))[0].square().mean().backward()
        ...         optimizer.step()
        >>> phase = backsight.Run("runs/mine").series("phase")
        >>> phase.iterations.tolist(), phase.values.tolist()
        ([20], [1.0])
    """

    name = "phase"
    signals = ("phase",)
    may_wait = True

    def __init__(self) -> None:
        self._loss: tuple[str, ...] = ()
        self._losses = 0
        """Iterations in a row with that loss."""
        self._optimizer: weakref.ref[Optimizer] | None = None
        self._moves: frozenset[str] = frozenset()
        """The names of what it moves."""
        self._steps = 0
        """Iterations in a row that begin with a step of that optimizer."""
        self._newest = -1
        """The newest iteration with a step."""
        self._seen = -1
        """The newest iteration with a loss."""
        self._another = False
        """Whether the loss of the newest iteration is another one."""

    def on_backward_end(self, passed: BackwardPass, now: Iteration) -> None:
        """What the first loss of an iteration is made of."""
        if self._seen == now.number:
            return
        self._seen = now.number
        names: list[str] = []
        node = passed.roots[0].grad_fn
        while node is not None and len(names) < DEEP:  # in every iteration: no call of its own
            names.append(node.name())
            below = node.next_functions
            node = below[0][0] if below else None
        loss = tuple(names)
        self._another = loss != self._loss and self._losses >= LASTED
        self._losses = self._losses + 1 if loss == self._loss else 1
        self._loss = loss

    def on_step_begin(self, step: OptimizerStep, now: Iteration) -> None:
        """Whether the first step of an iteration is that of another optimizer."""
        if self._newest == now.number:
            return
        self._newest = now.number
        known = self._optimizer() if self._optimizer is not None else None
        if known is step.optimizer:
            self._steps += 1
            if self._another:
                now.record("phase", OTHER_LOSS)
            return
        moves = frozenset(step.parameters)
        if self._steps >= LASTED:
            now.record("phase", SAME_PARAMETERS if moves == self._moves else OTHER_PARAMETERS)
        elif self._another:
            now.record("phase", OTHER_LOSS)
        self._optimizer, self._moves, self._steps = weakref.ref(step.optimizer), moves, 1
