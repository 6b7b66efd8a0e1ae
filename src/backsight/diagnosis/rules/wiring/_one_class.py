"""BKS435: all targets are of one class."""

from dataclasses import dataclass, field
from typing import ClassVar

from backsight.diagnosis._requirement import Requirement
from backsight.diagnosis._rule import Rule, Sample, named

__all__ = ["OneClass"]


@dataclass
class OneClass(Rule):
    """Labels that were lost on the way, or data sorted by class."""

    code: ClassVar[str] = "BKS435"
    title: ClassVar[str] = "targets of one class"
    severity: ClassVar = "warning"
    cause: ClassVar[bool] = True
    reads: ClassVar = ("one_class",)
    explanation: ClassVar[str] = (
        "The loss asks for the same class every time, although the model tells several apart. Its "
        "loss falls to zero, and all that it learns is to name that class."
    )
    criterion: ClassVar[str] = (
        "All targets of at least {samples:.0f} samples, at least {targets:.0f} of them, are of one "
        "class, in a cross-entropy whose logits come from a layer with weights for each class. "
        "Candidates of which the first is always the right one (a contrast) do not count. One "
        "target of another class ends it for good."
    )
    causes: ClassVar = (
        "the labels are read from the wrong column, or are set to one value for all rows",
        "the data are sorted by class and not shuffled",
        "the other classes are very rare",
    )
    remedies: ClassVar = (
        "count the labels: torch.bincount(labels)",
        "shuffle: DataLoader(data, shuffle=True)",
    )
    source: ClassVar[str] = "Backsight; a frequent question about models that name one class"

    samples: float = 10
    targets: float = 500
    """Of a class that has 1 % of the targets, none is among 500 once in 150 times."""
    _row: dict[str, int] = field(default_factory=dict, init=False, repr=False)

    @property
    def requirement(self) -> Requirement:
        """As many samples as it takes, unless there are two classes."""
        return self.require(
            self.samples, "sample", "of one_class",
            sooner=(1, "there are targets of two classes") if self.samples > 1 else None,
        )  # fmt: skip

    def _update(self, now: Sample) -> None:
        for where, targets in now.numbers("one_class").items():
            if not self.finite(where, targets):
                continue
            if not targets:
                self.ready = True
                self._row[where] = 0
                self.resolve(where, now.iteration)
                continue
            self._row[where] = self._row.get(where, 0) + 1
            self.usable(where, self._row[where])
            if self._row[where] >= self.samples:
                self.ready = True
                if targets >= self.targets:
                    self.found(
                        where,
                        now.iteration,
                        f"all {targets:,.0f} targets that were looked at are of the same class",
                        {"targets": targets},
                        signals=(named("one_class", where),),
                    )
