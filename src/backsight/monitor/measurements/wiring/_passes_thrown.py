"""Whether of the passes that a step is to add up, all but the last are thrown away."""

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.autograd.graph import Node

from backsight.monitor._iteration import BackwardPass, Iteration, OptimizerStep
from backsight.monitor.measurements._measurement import SAMPLED_AND_LOOKED_AT, Measurement
from backsight.probes import on_host, tensor_norms
from backsight.probes.loss import LossOperations

__all__ = ["PassesThrown"]

FACTORS = 3
"""Operations to look at, from the loss on: a gradient scaler's factor, a weight, the number."""

FEWEST = 3
"""Passes: a half is a common factor, and a pass before the step's may be there to measure."""

MOST_TERMS = 64
"""Of a loss that are counted."""

FORM = 16
"""Operations of a loss, from its end on, that tell it from another one."""

SAME = 1e-3
"""Relative difference of norms that one limit has cut."""


class PassesThrown(Measurement):
    """``passes_thrown``: passes before the one that a step reads, whose gradients are gone, where
    each loss is divided by the number of all of them.

    So they were to add up. Not so where a pass measures, attacks the input or belongs to another
    model: nobody divides it. Nor where the step's loss is made by other operations than those of
    the passes before it, as the mean of several tasks of which each was measured alone: what adds
    up is the same line of a loop. Nor where the step reads anything else than what the last pass
    has brought, up to a factor: then the user's own code has kept the gradients of the others. How
    many there are is known from the step before.

    Example:
        >>> import torch
        >>> import backsight
        >>> rnn = torch.nn.RNN(3, 4)
        >>> optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
        >>> with backsight.watch(rnn, optimizer, "runs/mine", every=1):
        ...     for _ in range(3):
        ...         for _ in range(4):
        ...             optimizer.zero_grad()  # it belongs before this loop
        ...             (rnn(torch.randn(20, 2, 3))[0].square().mean() / 4).backward()
        ...         optimizer.step()
        >>> backsight.Run("runs/mine")["passes_thrown"].tolist()
        [3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0]
    """

    name = "passes thrown away"
    signals = ("passes_thrown",)
    schedule = SAMPLED_AND_LOOKED_AT

    def __init__(self) -> None:
        self._passes = 0
        self._divided = False
        self._forms: dict[int, list[str]] = {}
        """By a pass's place before the step, how its loss is made: of six passes or fewer, that of
        the step is among the first iterations."""
        self._norms: list[float] = []
        self._others_read = False
        """Whether a step has read something else than what the last pass has brought."""

    def on_iteration_begin(self, now: Iteration) -> None:
        """No pass has been seen."""
        self._passes, self._norms = 0, []

    def on_graph_whole(self, passed: BackwardPass, now: Iteration) -> None:
        """Is the loss divided by the number of passes that the newest step came after?"""
        group = now.thrown.group
        near = (abs(one - group) <= 1e-6 * group for one in divisors(passed.roots))
        self._divided = group >= FEWEST and any(near)
        if self._divided or now.thrown.since > 0:  # the first iterations are looked at in a row
            self._forms[now.thrown.since] = [name for name, _ in passed.operations.named(FORM)]

    def on_backward_end(self, passed: BackwardPass, now: Iteration) -> None:
        """What a step would read, if this pass is the last."""
        self._passes += 1
        if now.thrown.since + 1 >= FEWEST:
            self._norms = _norms(now.parameters.values())
        if now.thrown.group < FEWEST:
            return
        forms = list(self._forms.values())
        alike = all(one == forms[0] for one in forms)
        alone = self._divided and self._passes == 1 and not self._others_read and alike
        if len(forms) > 1 or not self._divided:
            now.record("passes_thrown", now.thrown.group - 1.0 if alone else 0.0)

    def on_step_begin(self, step: OptimizerStep, now: Iteration) -> None:
        """It reads this pass alone, or something else."""
        if self._norms and not _in_proportion(self._norms, _norms(now.parameters.values())):
            self._others_read = True
        self._norms = []


def divisors(roots: tuple[Tensor, ...]) -> list[float]:
    """Numbers that the last operations of a loss divide by, without that of a mean of its own: of
    as many terms, which were added one by one.

    Example:
        >>> import torch
        >>> from backsight.monitor.measurements.wiring._passes_thrown import divisors
        >>> x = torch.ones(3, requires_grad=True)
        >>> divisors((x.mean() / 4,)), divisors((0.25 * x.mean(),)), divisors((x.mean(),))
        ([4.0], [4.0], [])
        >>> divisors((sum(x.mean() * one for one in range(3)) / 3,))
        []
    """
    found: list[float] = []
    node: Node | None = roots[0].grad_fn if roots else None
    for _ in range(FACTORS):
        name = LossOperations.name(node) if node is not None else ""
        if node is None or name not in ("Div", "Mul"):
            break
        other = getattr(node, "_saved_other", None)
        if isinstance(other, Tensor) and other.numel() == 1 and on_host(other):
            number = float(other)
            if number:
                found.append(number if name == "Div" else 1 / number)
        node = next((below for below, _ in LossOperations.inputs(node)), None)
    terms = 1 if node is None else _terms(node)
    return [one for one in found if terms == 1 or abs(one - terms) > 1e-6 * terms]


def _terms(node: Node) -> int:
    """How many numbers are added, by a loop or in a stack."""
    if LossOperations.name(node) == "Sum":
        (node, _), *_ = LossOperations.inputs(node)
        return len(LossOperations.inputs(node)) if LossOperations.name(node) == "Stack" else 1
    waiting, terms = [node], 0
    for _ in range(MOST_TERMS):
        if not waiting:
            break
        one = waiting.pop()
        below = [each for each, _ in LossOperations.inputs(one)]
        if LossOperations.name(one) == "Add" and below:
            waiting += below
        else:
            terms += 1
    return terms + len(waiting)


def _norms(parameters: Iterable[Tensor]) -> list[float]:
    """0 of those without a gradient."""
    listed = list(parameters)
    there = [g for p in listed if (g := p.grad) is not None]
    if not there:
        return [0.0] * len(listed)
    with torch.no_grad():
        norms = iter(tensor_norms(there).tolist())
    return [0.0 if p.grad is None else next(norms) for p in listed]


def _in_proportion(before: list[float], now: list[float]) -> bool:
    """Whether one factor makes these of those."""
    whole, reached = sum(before), sum(now)
    if len(before) != len(now) or not whole or not reached:
        return False
    factor = reached / whole
    return all(
        abs(new - factor * old) <= SAME * (factor * old + SAME * reached)
        for old, new in zip(before, now, strict=True)
    )
