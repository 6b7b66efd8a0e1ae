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

OTHER_PARAMETERS, SAME_PARAMETERS, OTHER_LOSS, LOSSES_IN_TURN = 1.0, 2.0, 3.0, 4.0

TURNS = 5
"""Of the last ``LASTED`` iterations: so many with another loss than the one before."""


class Phase(Measurement):
    """Recorded only in the first iteration of a phase, before its first step, and once of turns.

    1 where an optimizer of other parameters takes over, 2 where a new optimizer of the same ones
    does, 3 where the loss is another: its last operations have other names or other parameters.
    4, once, where losses take turns, as those of several tasks do.

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
        self._loss: list[str | int] = []
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
        self._turns = 0
        """A bit for each of the last iterations, of which the newest is the lowest: whether its
        loss was another one than that before. -1 when it has been told that losses take turns."""

    def on_graph_whole(self, passed: BackwardPass, now: Iteration) -> None:
        """What the first loss of an iteration is made of."""
        if self._seen == now.number:
            return
        self._seen = now.number
        loss: list[str | int] = []
        node = passed.roots[0].grad_fn
        for _ in range(DEEP):  # in every iteration: no call of its own
            if node is None:
                break
            loss.append(type(node).__name__)  # its name() is slower
            below = node.next_functions
            node = below[0][0] if below else None
        if node is not None and hasattr(node, "variable"):
            loss.append(id(node.variable))  # tasks may differ in the bias of their head alone
        other = loss != self._loss
        self._another = other and self._losses >= LASTED
        self._losses = 1 if other else self._losses + 1
        if self._turns >= 0 and self._loss:
            self._turns = (self._turns << 1 | other) & (1 << LASTED) - 1
            if self._turns.bit_count() >= TURNS:
                self._turns = -1
                now.record("phase", LOSSES_IN_TURN)
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
