"""A rule about what is so, or is not, in each sample: it has to be so several times in a row."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field

from backsight.diagnosis._finding import Evidence, Severity
from backsight.diagnosis._requirement import Requirement
from backsight.diagnosis._rule import Rule, Sample, named

__all__ = ["InARow"]


@dataclass
class InARow(Rule):
    """Reads one family, in which 0 says that all is well, and speaks of each of its members."""

    samples: float = 3
    """In a row."""
    _row: dict[str, int] = field(default_factory=dict, init=False, repr=False)

    @abstractmethod
    def tell(self, where: str, value: float, now: Sample) -> tuple[str, Evidence]:
        """The message, and the evidence, of a value that is not 0."""

    def counts(self, value: float) -> bool:
        """Whether it is so."""
        return value != 0

    def severity_of(self, value: float) -> Severity:
        """How grave it is."""
        return self.severity

    def look_at(self, now: Sample) -> Mapping[str, float]:
        """The numbers to look at, by where."""
        return now.numbers(self.reads[0])

    def signal(self, where: str, value: float) -> str:
        """The one that it is read from."""
        return named(self.reads[0], where)

    @property
    def requirement(self) -> Requirement:
        """In a row, where it is so; a single one where not."""
        return self.require(
            self.samples, "sample", f"of {self.reads[0]}",
            sooner=(1, f"{self.reads[0]} is 0") if self.samples > 1 else None,
        )  # fmt: skip

    def _update(self, now: Sample) -> None:
        for where, value in self.look_at(now).items():
            if not self.finite(where, value):
                continue
            if not self.counts(value):
                self._row[where] = 0
                self.ready = True
                self.resolve(where, now.iteration)
                continue
            self._row[where] = self._row.get(where, 0) + 1
            self.usable(where, self._row[where])
            if self._row[where] >= self.samples:
                self.ready = True
                message, evidence = self.tell(where, value, now)
                self.found(
                    where, now.iteration, message, evidence,
                    signals=(self.signal(where, value),), severity=self.severity_of(value),
                )  # fmt: skip
