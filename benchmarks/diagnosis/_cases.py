"""Runs that are made to fail in a known way, and runs that only look like it.

They come in draws. Each has kinds of failure in common with the others, and neither seeds nor
settings: it has other tasks, sizes, cells or rates for each. What has been looked at is ``fit``:
thresholds may be set on it. The last draw is ``held-out``: it was written, with its seeds, when
the thresholds had been frozen, and gives the figures that are published.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from benchmarks._shared.plan import Plan
from benchmarks.diagnosis._draws import DRAWS

__all__ = ["CASES", "SEEDS", "Case", "Half"]

Half = Literal["fit", "held-out"]
SEEDS: dict[int, tuple[int, ...]] = {
    1: (0, 1, 2),
    2: (200, 201, 202),
    3: (530, 531, 532),
    4: (717, 718, 719),
    5: (904, 905, 906),
    6: (1211, 1212, 1213),
    7: (1508, 1509, 1510),
    8: (1811, 1812, 1813),
    9: (2109, 2110, 2111),
    10: (2201, 2202, 2203),
}
"""Of each draw."""


@dataclass(frozen=True)
class Case:
    """A run for each seed."""

    draw: int
    made_for: str
    """The kind of failure, or ``healthy``; see ``_outcomes.KINDS``."""
    name: str
    plan: Plan | Callable[[int], Plan]
    """One, or one by seed."""
    builds_up: bool = False
    """Whether it goes wrong little by little, so that a warning is possible at all."""
    also: tuple[str, ...] = ()
    """Codes that are true of this one beside those of its kind: what was learned goes when the
    input falls silent."""

    @property
    def half(self) -> Half:
        """``held-out`` in the last draw."""
        return "held-out" if self.draw == max(SEEDS) else "fit"

    @property
    def key(self) -> str:
        """A folder's name."""
        return f"{self.draw} {self.made_for} {self.name}".replace(" ", "-").replace("/", "-")

    def of(self, seed: int) -> Plan:
        """What is trained with that seed."""
        return self.plan(seed) if callable(self.plan) else self.plan


CASES: tuple[Case, ...] = tuple(
    Case(draw, *row)  # type: ignore[arg-type]
    for draw, rows in DRAWS.items()
    for row in rows
)
