"""``rollback``: back to the last good weights, with a lower rate, past the batch that did it."""

from dataclasses import dataclass, field
from typing import ClassVar

from backsight.diagnosis import Anomaly
from backsight.errors import GuardError
from backsight.guard._policy import GuardContext, Policy, Stage
from backsight.guard._rate_watch import FAR
from backsight.guard._step import Step

__all__ = ["Rollback"]

MARGIN = 5
"""Iterations before the first sign that a snapshot is old enough."""

NOT_SCHEDULED = (
    f"no scheduler set it, and it was more than {FAR:g} times its highest value since the snapshot"
)

SOON = 150
"""Iterations within which the same comes again: then more is done about it."""

SELDOM = 1000
"""Iterations since the last rollback, after which one that nothing announced is put down to a fault
from outside."""


@dataclass
class Rollback(Policy):
    """When what was learned is lost, make everything as it was, and go on more carefully.

    *Lost*: the loss has gone back half of the way to where it began, or stands half above that,
    for ten steps; three steps in a row are not finite or out of line; nothing is learned, while
    steps are large beside the weights or hardly any gradient is left; or weights or the
    optimizer's state are not finite where a snapshot is due, and the loss does not tell. The rate
    is multiplied by ``factor``, and by ``factor`` once more for each time this comes again soon;
    from the second time on an older snapshot is taken, too. After ``attempts`` without a new good
    snapshot in between the training stops with an error, on the last good weights.
    Where the rate itself had been set to more than 100 times its highest value since the snapshot,
    and not by a scheduler, it becomes what it was, and is not lowered. Nor is it lowered, once in
    1,000 iterations, where a settled training with even gradients is not finite or out of line from
    one step to the next: a rate that is too high shows before.

    Source: PaLM (Chowdhery et al. 2022, §5.1: restart before a spike and pass over batches);
    levanter#391; the rest Backsight.

    Example:
        >>> import torch
        >>> from backsight.guard import Guard, Rollback
        >>> model = torch.nn.Linear(1, 1)
        >>> guard = Guard(model, torch.optim.SGD(model.parameters(), lr=0.001), Rollback())
        >>> for step in range(110):
        ...     loss = float("nan") if step > 106 else 2.0 - step / 100
        ...     model(torch.ones(1, 1)).sum().backward()
        ...     acts = guard.step(loss)
        >>> [(act.policy, act.after) for act in guard.interventions]
        [('rollback', 100.0)]
    """

    name: ClassVar[str] = "rollback"
    stage: ClassVar[Stage] = Stage.ROLLBACK
    quantity: ClassVar[str] = "iteration of the weights"
    main: ClassVar[str] = "attempts"

    attempts: int = 10
    factor: float = 0.5
    _tried: int = field(default=0, init=False, repr=False)
    _last: int = field(default=-(10**9), init=False, repr=False)

    def __post_init__(self) -> None:
        self._count(1, "attempts")
        self._share("factor")

    def on_gradients_ready(self, step: Step, guard: GuardContext) -> None:
        """Go back, if it is time."""
        anomaly = step.has("collapsed", "diverged", "steps too large", "dead", "state lost")
        if anomaly is None and guard.stability.broken:
            anomaly = step.has("not finite", "out of line")
        if anomaly is None:
            return
        newest = guard.newest_snapshot
        tried = 0 if newest > self._last else self._tried
        soon = step.iteration - self._last <= SOON
        since = self._since(anomaly, step, guard)
        if tried >= self.attempts:
            guard.roll_back(since)
            raise GuardError(
                f"the guard rolled back {tried} times, and training failed again "
                f"({anomaly.message}): the model has the weights of the last good iteration; lower "
                "the learning rate, or run backsight diagnose on the run"
            )
        further = tried // 2 if soon else 0
        lost = anomaly.kind == "state lost"  # neither the batches nor the rate have done that
        seldom = step.iteration - self._last > SELDOM
        broken = anomaly.kind in ("not finite", "out of line")
        outside = lost or (broken and guard.stability.sudden and seldom)
        to = guard.roll_back(since, further, blame=not lost)
        # What the snapshot remembers of earlier attempts is not what has been tried since.
        self._tried, self._last = tried + 1, step.iteration
        wrong = guard.put_rates_right()
        for found, usual in wrong:
            guard.record(self, NOT_SCHEDULED, found, usual, quantity="learning rate")
        if not (wrong or outside):
            guard.learning_rate.lower(max(self.factor ** (self._tried if soon else 1), 0.1))
        guard.record(self, anomaly.message, float(step.iteration), float(to))

    def _since(self, anomaly: Anomaly, step: Step, guard: GuardContext) -> int:
        if anomaly.kind in ("not finite", "out of line"):
            return step.iteration - guard.stability.row - MARGIN
        return anomaly.since - (0 if anomaly.kind == "state lost" else MARGIN)
