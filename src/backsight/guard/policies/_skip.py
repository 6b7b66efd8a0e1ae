"""``skip``: no update from what is not finite, or from anywhere."""

from dataclasses import dataclass, field
from typing import ClassVar

from backsight.errors import GuardError
from backsight.guard._policy import GuardContext, Policy, Stage
from backsight.guard._step import Step

__all__ = ["Skip"]


@dataclass
class Skip(Policy):
    """Leave an update out whose loss or gradient is not finite, or whose loss is far out of line.

    *Out of line* is a loss ten times above where it began and usually is. Weights, optimizer and
    its step count stay as they are; running statistics that the batch has made NaN become those
    of the last snapshot. After ``row`` in a row the training stops with an error: then
    it is not the batches. (With :class:`Rollback`, that acts first.)

    Source: OLMo-core's skip-step; torchtitan#916 for why it is capped and told.

    Example:
        >>> import torch
        >>> from backsight.guard import Guard, Skip
        >>> model = torch.nn.Linear(1, 1)
        >>> guard = Guard(model, torch.optim.SGD(model.parameters(), lr=0.1), Skip())
        >>> kept = model.weight.clone()
        >>> loss = model(torch.tensor([[float("inf")]])).sum()
        >>> loss.backward()
        >>> [(act.policy, act.after) for act in guard.step(loss)], torch.equal(model.weight, kept)
        ([('skip', 0.0)], True)
    """

    name: ClassVar[str] = "skip"
    stage: ClassVar[Stage] = Stage.SKIP
    quantity: ClassVar[str] = "share of the update applied"
    main: ClassVar[str] = "row"

    row: int = 20
    _row: int = field(default=0, init=False, repr=False)

    def __post_init__(self) -> None:
        self._count(1, "row")

    def on_gradients_ready(self, step: Step, guard: GuardContext) -> None:
        """Veto it."""
        anomaly = step.has("not finite", "out of line")
        if anomaly is None:
            self._row = 0
            return
        if step.inside:
            return
        step.vetoed = anomaly.message
        self._row += 1
        guard.mend_buffers()
        guard.record(self, anomaly.message, 1.0, 0.0)
        if self._row >= self.row:
            raise GuardError(
                f"the guard skipped {self._row} updates in a row, the last one because "
                f"{anomaly.message}: these updates did not change the weights; check the data, or "
                "lower the learning rate"
            )
