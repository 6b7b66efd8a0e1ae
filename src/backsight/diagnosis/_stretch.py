"""Many iterations of a run as arrays, and any of them as a :class:`Sample`."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from backsight.diagnosis._sample import Facts, ProfileRow, Sample
from backsight.diagnosis._windows import Floats
from backsight.diagnosis.stability import HistoryStretch, LossHistory
from backsight.signals import Profile, Series, family, member

__all__ = ["Column", "Stretch"]


@dataclass(frozen=True)
class Column:
    """One signal within the stretch."""

    name: str
    at: NDArray[np.intp]
    """Shape ``(m,)``, the places of its samples in the stretch."""
    numbers: Floats
    """Shape ``(m,)``; empty for a profile."""
    rows: Sequence[ProfileRow] | None = None
    """``m`` of them; None for a scalar."""

    @cached_property
    def member(self) -> str:
        """Whose it is."""
        return member(self.name)

    @cached_property
    def values(self) -> list[float]:
        """The numbers of a scalar, as a sample has them."""
        values: list[float] = self.numbers.tolist()
        return values

    @cached_property
    def finite(self) -> NDArray[np.bool_]:
        """Shape ``(m,)``: whether all of a sample is."""
        if self.rows is None:
            return np.isfinite(self.numbers)
        return np.array([bool(np.isfinite(row).all()) for row in self.rows], bool)

    @cached_property
    def index(self) -> Mapping[int, int] | None:
        """The sample at each place; None where there is one at every place."""
        if len(self.at) and int(self.at[-1]) == len(self.at) - 1:
            return None
        return {place: i for i, place in enumerate(self.at.tolist())}


@dataclass
class Stretch:
    """Signals of one run, or of one of its models, over some iterations.

    Args:
        signals: by name; each may have iterations of its own.
        courses: how each loss has gone until then, by member; carried on to the end.
        facts: what is known of the run.
    """

    signals: Mapping[str, Series | Profile]
    courses: dict[str, LossHistory]
    facts: Facts
    iterations: NDArray[np.int64] = field(init=False)
    """Shape ``(n,)``: all in which anything was recorded."""
    histories: dict[str, HistoryStretch] = field(default_factory=dict, init=False)
    """Each loss that was recorded, by member."""

    def __post_init__(self) -> None:
        each = [signal.iterations for signal in self.signals.values()]
        longest = max(each, key=len)
        same = all(one is longest or np.array_equal(one, longest) for one in each)
        self.iterations = longest if same else np.unique(np.concatenate(each))
        self._by_family: dict[str, list[Column]] = {}
        for name, signal in sorted(self.signals.items()):
            at = np.searchsorted(self.iterations, signal.iterations)
            if isinstance(signal, Profile):
                column = Column(name, at, np.empty(0), signal.rows)
            else:
                column = Column(name, at, signal.values.astype(np.float64))
            self._by_family.setdefault(family(name), []).append(column)
        self._known = list(self.courses)
        """Losses that were there before."""
        self._losses: dict[str, Column] = {}
        for one in sorted(self.scalars("loss"), key=lambda column: int(column.at[0])):
            history = self.courses.setdefault(one.member, LossHistory())
            at = self.iterations[one.at]
            self.histories[one.member] = HistoryStretch(history, at, one.numbers)
            self._losses[one.member] = one
        self._samples: dict[int, Sample] = {}
        self._places: dict[tuple[str, ...], NDArray[np.intp]] = {}

    def columns(self, name: str) -> list[Column]:
        """The signals of a family, in the order of their names."""
        return self._by_family.get(name, [])

    def scalars(self, name: str) -> list[Column]:
        """Those of a family with one number a sample."""
        return [column for column in self.columns(name) if column.rows is None]

    def places(self, families: Collection[str]) -> NDArray[np.intp]:
        """Where anything of these families was recorded, in order."""
        key = tuple(families)
        if key not in self._places:
            each = [column.at for name in key for column in self.columns(name)]
            longest = max(each, key=len, default=np.empty(0, np.intp))
            whole = len(longest) == len(self.iterations)
            self._places[key] = longest if whole else np.unique(np.concatenate([longest, *each]))
        return self._places[key]

    def sample(self, place: int) -> Sample:
        """Everything recorded in one iteration."""
        if place not in self._samples:
            numbers: dict[str, dict[str, float]] = {}
            rows: dict[str, dict[str, ProfileRow]] = {}
            for name, columns in self._by_family.items():
                for column in columns:
                    index = place if column.index is None else column.index.get(place, -1)
                    if not 0 <= index < len(column.at):
                        continue
                    if column.rows is None:
                        numbers.setdefault(name, {})[column.member] = column.values[index]
                    else:
                        rows.setdefault(name, {})[column.member] = column.rows[index]
            self._samples[place] = Sample.of(
                int(self.iterations[place]), numbers, rows, _CoursesAt(self, place), self.facts
            )
        return self._samples[place]

    def loss_places(self, member_: str) -> NDArray[np.intp]:
        """Where a loss was recorded, in order."""
        return self._losses[member_].at

    def course(self, member_: str, place: int) -> LossHistory | None:
        """How a loss had gone by then, that iteration included; None where there was none."""
        if not self.has_course(member_, place):
            return None
        column = self._losses.get(member_)
        if column is None:
            return self.courses[member_]
        if column.index is None:  # a loss at every place, up to its last one
            return self.histories[member_].at(min(place, len(column.at) - 1))
        return self.histories[member_].at(int(np.searchsorted(column.at, place, "right")) - 1)

    def has_course(self, member_: str, place: int) -> bool:
        """Whether there has been such a loss by then."""
        column = self._losses.get(member_)
        return member_ in self._known or (column is not None and place >= column.at[0])


class _CoursesAt(Mapping[str, LossHistory]):
    """How every loss had gone by a place of a stretch."""

    __slots__ = ("_place", "_stretch")

    def __init__(self, stretch: Stretch, place: int) -> None:
        self._stretch, self._place = stretch, place

    def __getitem__(self, member_: str) -> LossHistory:
        found = self._stretch.course(member_, self._place)
        if found is None:
            raise KeyError(member_)
        return found

    def __iter__(self) -> Iterator[str]:
        for member_ in self._stretch.courses:
            if self._stretch.has_course(member_, self._place):
                yield member_

    def __len__(self) -> int:
        return sum(1 for _ in self)
