"""Parameters that something puts back after each step, to what they were before it."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from backsight.monitor._iteration import BackwardPass, Iteration, OptimizerStep
from backsight.monitor.measurements._measurement import FIRST_AND_RARELY, Measurement
from backsight.probes import some_elements

__all__ = ["PutBack"]

MOST = 64
"""Parameters that are looked at."""

ENOUGH = 3
"""Looks in a row."""

FEWEST = 4
"""Elements: one that moves by the same amount each time, as gradients at a limit do, comes back."""


class PutBack(Measurement):
    """``put_back``: parameters that each step moves, and that the next one finds as they were.

    Those at the end of a range that something holds them in do not count: a step has to have moved
    them up and down. Nor do those that are held at 0, by a mask, nor a model of which all are put
    back, as between the tasks of one that learns to learn, nor those of fewer than four elements.

    Example:
        >>> import torch
        >>> import backsight
        >>> rnn = torch.nn.RNN(3, 4)
        >>> optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
        >>> with backsight.watch(rnn, optimizer, "runs/mine", every=1):
        ...     for _ in range(8):
        ...         weights = torch.nn.init.eye_(rnn.weight_hh_l0)
        ...         rnn(torch.randn(20, 2, 3))[0].square().mean().backward()
        ...         optimizer.step()
        >>> run = backsight.Run("runs/mine")
        >>> run["put_back"].tolist()[-1], run["put_back/weight_hh_l0"].tolist()[-1]
        (1.0, 1.0)
    """

    name = "parameters put back"
    signals = ("put_back",)
    schedule = FIRST_AND_RARELY

    def __init__(self) -> None:
        self._known: dict[int, _Seen] = {}
        """By the parameter's identity."""
        self._looking: dict[int, tuple[nn.Parameter, Tensor]] = {}
        self._names: dict[int, str] = {}

    def on_iteration_begin(self, now: Iteration) -> None:
        """No pass has been seen."""
        self._looking = {}

    def on_graph_whole(self, passed: BackwardPass, now: Iteration) -> None:
        """What they are before the first pass."""
        if self._looking or now.by_hand:
            return
        for name, parameter in list(now.parameters.items())[:MOST]:
            if parameter.numel() < FEWEST:
                continue
            self._looking[id(parameter)] = parameter, some_elements(parameter)
            self._names[id(parameter)] = name

    def on_step_end(self, step: OptimizerStep, now: Iteration) -> None:
        """Which of them it has moved, and whether they had been put back."""
        for parameter in step.parameters.values():
            _, before = self._looking.get(id(parameter), (None, None))
            if before is None:
                continue
            way = (some_elements(parameter) - before).sign()
            up, down = bool((way > 0).any()), bool((way < 0).any())
            known = self._known.get(id(parameter))
            if known is not None and torch.equal(known.content, before) and (up or down):
                known.looks += 1
                known.up, known.down = known.up or up, known.down or down
            elif up or down:
                self._known[id(parameter)] = _Seen(before, up, down)
            else:
                self._known.pop(id(parameter), None)

    def on_iteration_end(self, now: Iteration) -> None:
        """How many there are, if there are others."""
        if not self._known:
            return
        found = [number for number, seen in self._known.items() if seen.looks >= ENOUGH]
        others = any(not seen.looks for seen in self._known.values())
        put = [number for number in found if self._known[number].counts and others]
        now.record("put_back", float(len(put)))
        for number in put:
            now.record(f"put_back/{self._names[number]}", 1.0)
        self._looking = {}


@dataclass
class _Seen:
    content: Tensor
    """Before a step."""
    up: bool
    down: bool
    """Whether a step has moved any element so."""
    looks: int = 0
    """In a row, in which it was the same again."""

    @property
    def counts(self) -> bool:
        """Whether it is neither held within a range nor at 0."""
        return self.up and self.down and bool(self.content.any())
