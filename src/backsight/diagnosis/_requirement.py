"""How much a rule needs before it can judge, and how much of that there was."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Requirement", "Unit"]

Unit = Literal["sample", "iteration", "loss"]


@dataclass(frozen=True, slots=True)
class Requirement:
    """A number of samples, and what was seen of them.

    Example:
        >>> from backsight.diagnosis import Requirement
        >>> print(Requirement(5, "sample", "of reach", seen=2, recorded=2))
        it needs 5 samples of reach; there were 2
        >>> print(Requirement(5, "sample", "of reach", seen=0, recorded=60))
        it needs 5 samples of reach; none of the 60 recorded ones is usable
    """

    count: int
    """So many are enough, whatever their values are."""
    unit: Unit
    of: str = ""
    """What they are samples of, in words."""
    sooner: tuple[int, str] | None = None
    """The number that is enough if something holds, and what that is."""
    losses: int = 0
    """How many losses have to precede the last of them."""
    also: str = ""
    """What it needs beside them, in words."""
    seen: int = 0
    """How many there were."""
    recorded: int = 0
    """The same with those that the rule cannot use."""
    losses_seen: int = 0
    """How many losses preceded the last one that was recorded."""

    def __str__(self) -> str:
        """A sentence, without its capital letter and its full stop."""
        words = f"it needs {_number(self.count, self.unit)}"
        words += f" {self.of}" if self.of else ""
        if self.losses:
            last = " the last" if self.count > 1 else ""
            words += f",{last} after {_number(self.losses, 'loss')}"
        if self.sooner is not None:
            count, condition = self.sooner
            words += f" ({count:,} {'is' if count == 1 else 'are'} enough if {condition})"
        words += f"; {self._there_was}"
        if self.recorded and self.losses_seen < self.losses:
            words += f", the last after {_number(self.losses_seen, 'loss')}"
        return words + (f"; it also needs {self.also}" if self.also else "")

    @property
    def _there_was(self) -> str:
        if not self.recorded:
            return "none was recorded"
        if self.seen >= self.recorded:
            return f"there {'was' if self.seen == 1 else 'were'} {self.seen:,}"
        if self.recorded == 1:
            return "the one that was recorded is not usable"
        usable = f"{self.seen:,}" if self.seen else "none"
        return f"{usable} of the {self.recorded:,} recorded ones {_is(self.seen)} usable"


def _number(count: int, unit: Unit) -> str:
    plural = "losses" if unit == "loss" else f"{unit}s"
    return f"{count:,} {unit if count == 1 else plural}"


def _is(count: int) -> str:
    return "is" if count <= 1 else "are"
