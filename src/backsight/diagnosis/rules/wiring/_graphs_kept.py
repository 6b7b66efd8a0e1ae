"""BKS426: the graphs of old losses are kept, and memory grows."""

from dataclasses import dataclass, field
from typing import ClassVar

from backsight.diagnosis._requirement import Requirement
from backsight.diagnosis._rule import Rule, Sample, named

__all__ = ["GraphsKeptAlive"]


@dataclass
class GraphsKeptAlive(Rule):
    """``total += loss`` without ``item()``."""

    code: ClassVar[str] = "BKS426"
    title: ClassVar[str] = "graphs kept"
    severity: ClassVar = "warning"
    cause: ClassVar[bool] = True
    reads: ClassVar = ("graphs_kept",)
    explanation: ClassVar[str] = (
        "A loss, an output or a state of each iteration is kept with its graph: the operations "
        "that it was made of, and what they hold. Memory grows from iteration to iteration, until "
        "the process is stopped."
    )
    criterion: ClassVar[str] = (
        "At least {kept:.0f} graphs of earlier samples exist when a backward pass begins, and they "
        "have become more with each of {samples:.0f} samples in a row and over {span:.0f} "
        "iterations. Graphs that the newest loss is made of do not count, nor does a number that "
        "stays the same."
    )
    causes: ClassVar = (
        "total_loss += loss, to report a mean",
        "a validation loss that is computed without torch.no_grad() and added up or smoothed",
        "losses.append(loss) or outputs.append(output), for a later plot or accuracy",
        "a hidden state that is stored with its graph",
    )
    remedies: ClassVar = (
        "add up numbers: total_loss += loss.item()",
        "validate within torch.no_grad()",
        "store tensors without their graph: outputs.append(output.detach())",
    )
    source: ClassVar[str] = "PyTorch's FAQ: 'My model reports out of memory'"

    kept: float = 5
    samples: float = 4
    span: float = 20
    """Iterations: the last ten losses may be kept for a mean."""
    _before: dict[str, float] = field(default_factory=dict, init=False, repr=False)
    _row: dict[str, int] = field(default_factory=dict, init=False, repr=False)
    _since: dict[str, int] = field(default_factory=dict, init=False, repr=False)

    @property
    def requirement(self) -> Requirement:
        """In a row, where they become more; a single one where there are none."""
        return self.require(
            self.kept, "sample", "of graphs_kept",
            sooner=(1, "graphs_kept is 0") if self.kept else None,
        )  # fmt: skip

    def _update(self, now: Sample) -> None:
        for where, count in now.numbers("graphs_kept").items():
            if not self.finite(where, count):
                continue
            grows = count > self._before.get(where, 0.0)
            self._before[where] = count
            self._row[where] = self._row.get(where, 0) + 1 if grows else 0
            if not grows:
                self._since[where] = now.iteration
            self.usable(where)
            lasted = now.iteration - self._since.setdefault(where, now.iteration)
            if count >= self.kept and self._row[where] >= self.samples and lasted >= self.span:
                self.ready = True
                self.found(
                    where,
                    now.iteration,
                    f"the graphs of {count:.0f} earlier samples still exist, and they become more "
                    "with each: losses or outputs are kept without detach() or item()",
                    {"graphs": count},
                    signals=(named("graphs_kept", where),),
                )
            elif not count:
                self.ready = True
                self.resolve(where, now.iteration)
