"""BKS434: the model is given the same batch again and again."""

import math
from dataclasses import dataclass, field
from typing import ClassVar

from backsight.diagnosis._requirement import Requirement
from backsight.diagnosis._rule import Rule, Sample, named, short

__all__ = ["SameBatch"]


@dataclass
class SameBatch(Rule):
    """An iterator that is made anew in each step; one batch on purpose; all data in one batch."""

    code: ClassVar[str] = "BKS434"
    title: ClassVar[str] = "always the same batch"
    severity: ClassVar = "warning"
    cause: ClassVar[bool] = True
    reads: ClassVar = ("same_input", "val_loss")
    optional_signals: ClassVar = ("rows_alike",)
    explanation: ClassVar[str] = (
        "Every iteration is given the same data. To learn one batch by heart is a good test of a "
        "script, and a small set of data may be one batch; otherwise the model learns these "
        "sequences alone."
    )
    criterion: ClassVar[str] = (
        "The inputs of recurrent layers and the indices of embeddings (or where these are given "
        "none, what linear layers and convolutions are given, and the targets) are the same in "
        "{samples:.0f} looks in a row, or one of at most 5 batches that take turns. It stays so "
        "while at least half of the last {window:.0f} looks were at one that was there before. "
        "This is a note; where a validation loss is recorded and has risen by a fraction of "
        "{rise:g} above its lowest value, one batch is a warning. Another note "
        "says that, in as many looks in a row, all rows of a batch are the same sequence; a layer "
        "that is given an initial state, which may tell rows apart, does not count, nor does an "
        "input that is one number or symbol throughout."
    )
    causes: ClassVar = (
        "next(iter(loader)) inside the loop, with shuffle=False",
        "a loop that leaves each epoch after a few batches, with shuffle=False",
        "a batch that is drawn before the loop, and not in it",
        "an index that does not advance",
        "workers with a counter each, of which all give the same batch before the next one",
        "one sequence that was expanded to a batch, or an item of the data set that ignores its "
        "index",
    )
    remedies: ClassVar = (
        "draw a batch in each iteration: for x, y in loader",
        "if it is the test of one batch: once its loss is near 0, go on with all data",
    )
    source: ClassVar[str] = "Karpathy 2019 for the test of one batch"

    samples: float = 6
    """In a row: as many as are looked at first."""
    rise: float = 0.1
    """Of a validation loss."""
    window: float = 12
    """Looks."""
    _looks: dict[str, list[bool]] = field(default_factory=dict, init=False, repr=False)
    """The last ones, and whether each was at the batch of before."""
    _changed: set[str] = field(default_factory=set, init=False, repr=False)
    """Where another batch has come since one was told."""
    _row: dict[str, int] = field(default_factory=dict, init=False, repr=False)
    _alike: dict[str, int] = field(default_factory=dict, init=False, repr=False)
    _lowest: float = field(default=math.inf, init=False, repr=False)
    _newest: float = field(default=math.nan, init=False, repr=False)

    @property
    def requirement(self) -> Requirement:
        """In a row, where it is so; a single one where not."""
        return self.require(
            self.samples, "sample", "of same_input",
            sooner=(1, "the input is another one") if self.samples > 1 else None,
        )  # fmt: skip

    def _update(self, now: Sample) -> None:
        for loss in now.numbers("val_loss").values():
            self._lowest, self._newest = min(self._lowest, loss), loss
        alike = now.numbers("rows_alike")
        for where, same in now.numbers("same_input").items():
            rows = alike.get(where, 0.0)
            if not self.finite(where, same, rows):
                continue
            again = self._row[where] = self._row.get(where, 0) + 1 if same else 0
            looks = self._alike[where] = self._alike.get(where, 0) + 1 if rows else 0
            self.usable(where, max(again, looks))
            last = self._looks.setdefault(where, [])
            last[:] = [*last, bool(same)][-int(self.window) :]
            if max(again, looks) >= self.samples:
                self.ready = True
            if again >= self.samples:
                self._tell(where, now.iteration, same)
            elif looks >= self.samples:
                self._tell_rows(where, now.iteration, rows)
            elif not same and not rows:
                self.ready = True
                if where in self.findings and 2 * sum(last) >= self.window:
                    self._changed.add(where)
                    self._tell_in_turn(where, now.iteration)
                else:
                    self.resolve(where, now.iteration)

    def _tell_rows(self, where: str, iteration: int, rows: float) -> None:
        self.found(
            where,
            iteration,
            f"all {rows:.0f} rows of a batch are the same sequence, in each iteration: the batch "
            "teaches what one row does",
            {"rows": rows},
            signals=(named("rows_alike", where),),
            severity="info",
        )

    def _tell_in_turn(self, where: str, iteration: int) -> None:
        again = sum(self._looks[where])
        self.found(
            where,
            iteration,
            "the same batch is given many times in a row before another comes: so it was in "
            f"{again} of the last {len(self._looks[where])} looks",
            {"looks at the batch of before": float(again)},
            signals=(named("same_input", where),),
            severity="info",
        )

    def _tell(self, where: str, iteration: int, batches: float) -> None:
        rises = batches == 1 and self._newest - self._lowest > self.rise * abs(self._lowest)
        told = (
            f", while the validation loss has risen from {short(self._lowest)} to "
            f"{short(self._newest)}"
            if rises
            else "; to learn it by heart is a test, and no training"
        )
        if where in self._changed:
            self._tell_in_turn(where, iteration)
            return
        given = "the same batch" if batches == 1 else f"one of the same {batches:.0f} batches"
        finding = self.found(
            where,
            iteration,
            f"each iteration is given {given}{told}",
            {"looks in a row": float(self._row[where])},
            signals=(named("same_input", where),),
            severity=self.severity if rises else "info",
        )
        if rises:
            finding.severity = self.severity
