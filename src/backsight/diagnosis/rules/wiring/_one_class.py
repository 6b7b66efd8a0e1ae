"""BKS435: all targets are of one class, or the same input has other targets each time."""

import math
from dataclasses import dataclass, field
from typing import ClassVar

from backsight.diagnosis._requirement import Requirement
from backsight.diagnosis._rule import Rule, Sample, named

__all__ = ["OneClass"]

NUMBER = "number"
"""Where targets are found that are the same number."""

ROWS = "rows"
"""Where targets are found that nothing ties to their rows."""


@dataclass
class OneClass(Rule):
    """Labels that were lost on the way or mixed up, or data sorted by class."""

    code: ClassVar[str] = "BKS435"
    title: ClassVar[str] = "uninformative targets"
    severity: ClassVar = "warning"
    cause: ClassVar[bool] = True
    reads: ClassVar = ("one_class", "answers_unrelated", "answers_untied", "one_number")
    explanation: ClassVar[str] = (
        "The loss asks for the same class every time, although the model tells several apart. Its "
        "loss falls to zero, and all that it learns is to name that class. Or the same sequence "
        "has another target each time: then there is nothing to learn but how frequent each is."
    )
    criterion: ClassVar[str] = (
        "All targets of at least {samples:.0f} samples, at least {targets:.0f} of them, are of one "
        "class, in a cross-entropy whose logits come from a layer with weights for each class, or "
        "of one answer, yes or no, that one unit of a layer of the training's own gives. "
        "Candidates of which the first is always the right one (a contrast) do not count, nor do "
        "differences of scores (a ranking), or an adversary's answers: of a layer that the step of "
        "that iteration does not move. One "
        "target of another class ends it for good. An info: in {samples:.0f} samples or more in a "
        "row, the targets so far are of several classes, and those of nine samples in ten are each "
        "of one class alone, 8 or more. The other sign: sequences that come again have "
        "targets that agree no better than those of other sequences, in {looks:.0f} samples in a "
        "row (answers_unrelated). Only targets of whole sequences count, and only where a model "
        "is given nothing beside the sequence. An info, in as many samples: the loss is that of a "
        "constant answer, and nothing that single steps of the sequences show, nor their sums, "
        "goes with the targets (answers_untied); a task that needs several steps together looks "
        "the same. Another one: all targets of as many samples as of one class, and as many "
        "targets, are the same number, that one unit of a layer is asked for (one_number)."
    )
    causes: ClassVar = (
        "the labels are read from the wrong column, or are set to one value for all rows",
        "targets between 0 and 1 that were cast to integers",
        "a threshold that all of the data are above, or below: in another unit, or of a logarithm",
        "the data are sorted by class and not shuffled",
        "the other classes are very rare",
        "the labels were shuffled, or belong to other rows, and their sequences were not",
    )
    remedies: ClassVar = (
        "count the labels: torch.bincount(labels)",
        "shuffle sequences and labels together: DataLoader(TensorDataset(x, y), shuffle=True)",
    )
    source: ClassVar[str] = "Backsight; a frequent question about models that name one class"

    samples: float = 10
    targets: float = 500
    """Of a class that has 1 % of the targets, none is among 500 once in 150 times."""
    looks: float = 3
    """In a row, in which the same sequences have other targets."""
    _row: dict[str, int] = field(default_factory=dict, init=False, repr=False)
    _numbers: dict[str, int] = field(default_factory=dict, init=False, repr=False)
    _others: dict[str, int] = field(default_factory=dict, init=False, repr=False)
    _turns: set[str] = field(default_factory=set, init=False, repr=False)
    """Where the last targets were of several classes, each in batches of its own."""
    _loose: int = field(default=0, init=False, repr=False)

    @property
    def requirement(self) -> Requirement:
        """As many samples as it takes, unless there are two classes."""
        return self.require(
            self.samples, "sample", "of one_class",
            sooner=(1, "there are targets of two classes") if self.samples > 1 else None,
        )  # fmt: skip

    def _update(self, now: Sample) -> None:
        self._unrelated(now)
        self._untied(now)
        self._same_number(now)
        for where, targets in now.numbers("one_class").items():
            if not self.finite(where, targets):
                continue
            if not targets:
                self.ready = True
                self._row[where] = 0
                self.resolve(where, now.iteration)
                continue
            if (targets < 0) != (where in self._turns):
                self.resolve(where, now.iteration)
                self._turns ^= {where}
            self._row[where] = self._row.get(where, 0) + 1
            self.usable(where, self._row[where])
            if self._row[where] >= self.samples:
                self.ready = True
                if targets < 0:
                    self._tell_turns(where, now.iteration, -targets)
                elif targets >= self.targets:
                    self.found(
                        where,
                        now.iteration,
                        f"all {targets:,.0f} targets that were looked at are of the same class",
                        {"targets": targets},
                        signals=(named("one_class", where),),
                    )

    def _tell_turns(self, where: str, iteration: int, targets: float) -> None:
        self.found(
            where,
            iteration,
            f"{targets:,.0f} targets were looked at, and each batch has those of one class alone, "
            "not always the same: the data are sorted by class, and not shuffled; or batches of "
            "the classes take turns",
            {"targets": targets},
            signals=(named("one_class", where),),
            severity="info",
        )

    def _same_number(self, now: Sample) -> None:
        for where, targets in now.numbers("one_number").items():
            if not math.isfinite(targets):
                continue
            place = named(NUMBER, where)
            self._numbers[where] = self._numbers.get(where, 0) + 1 if targets else 0
            if not targets:
                self.resolve(place, now.iteration)
            elif self._numbers[where] >= self.samples and targets >= self.targets:
                self.ready = True
                self.found(
                    place,
                    now.iteration,
                    f"all {targets:,.0f} targets that were looked at are the same number: they may "
                    "have been rounded, or cast to integers",
                    {"targets": targets},
                    signals=(named("one_number", where),),
                    severity="info",
                )

    def _untied(self, now: Sample) -> None:
        for rows in now.numbers("answers_untied").values():
            if not math.isfinite(rows):
                continue
            self._loose = self._loose + 1 if rows else 0
            if not rows:
                self.resolve(ROWS, now.iteration)
            elif self._loose >= self.looks and now.label not in self.findings:
                self.ready = True
                self.found(
                    ROWS,
                    now.iteration,
                    "the loss is that of a constant answer, and nothing that the steps of "
                    f"{rows:,.0f} sequences show one by one goes with their targets: these may "
                    "belong to other rows, or need several steps together",
                    {"sequences": rows},
                    signals=("answers_untied",),
                    severity="info",
                )

    def _unrelated(self, now: Sample) -> None:
        for where, targets in now.numbers("answers_unrelated").items():
            if not math.isfinite(targets):
                continue
            self._others[where] = self._others.get(where, 0) + 1 if targets else 0
            if self._others[where] < self.looks:
                continue
            self.ready = True
            self.found(
                where,
                now.iteration,
                f"{targets:,.0f} targets were looked at whose sequence was there before: they "
                "agree with the earlier ones no better than with those of other sequences",
                {"targets of the same sequence": targets},
                signals=(named("answers_unrelated", where),),
            )
