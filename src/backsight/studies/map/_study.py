"""A stability map: trained, or read from its folder."""

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backsight.errors import RunError, SettingError
from backsight.studies._trial import Engine
from backsight.studies._view import StudyView
from backsight.studies.map._course import Trained
from backsight.studies.map._folder import MapFolder
from backsight.studies.map._fragility import Fragility, fragilities, fragility
from backsight.studies.map._outcome import MapOutcome, majority, middle
from backsight.studies.map._parts import MapParts
from backsight.studies.map._plan import MapPlan

__all__ = ["StabilityMap", "map_folder", "place_of", "read_map", "run_map"]

Place = tuple[int, int]
"""Row and column."""


@dataclass(frozen=True)
class StabilityMap:
    """What became of the settings of a plan; arrays are ``(len(y), len(x))``.

    Example:
        >>> from backsight.lab import MemoryEcho
        >>> from backsight.studies import MapPlan, parse_axis, run_map
        >>> settings = MemoryEcho(length=6, lag=2, hidden=4, iterations=2, validate_sequences=8)
        >>> found = run_map(MapPlan(settings, parse_axis("lr=0.01,0.1"), parse_axis("gain=0.5,1")))
        >>> sum(found.counts.values()), found.values((1, 0)), found.loss.shape
        (4, {'lr': 0.01, 'gain': 1.0}, (2, 2))
    """

    plan: MapPlan
    path: Path
    outcomes: NDArray[np.int8]
    """See :class:`MapOutcome`: of most seeds, the worst of several; -1 where not trained."""
    loss: NDArray[np.float64]
    """On held-out sequences after training, the median over seeds; NaN where not finite or not
    trained."""
    growth: NDArray[np.float64]
    """Growth rate of the gradient in nats a step back, the median over seeds; NaN likewise."""
    growth_start: NDArray[np.float64]
    """The same before training."""
    agreement: NDArray[np.float64]
    """Share of the seeds that have the outcome; NaN where not trained."""
    former: int = 0
    """Points of which an earlier version trained a seed: their growth rate was measured from lag 0
    on, and *vanished* meant below 1 % of the gradient at lag 0."""

    @property
    def trained(self) -> int:
        """Settings that are done, all their seeds."""
        return int((self.outcomes >= 0).sum())

    @property
    def complete(self) -> bool:
        """Whether all are."""
        return self.trained == self.outcomes.size

    @property
    def counts(self) -> dict[MapOutcome, int]:
        """Settings by outcome."""
        return {kind: int((self.outcomes == kind).sum()) for kind in MapOutcome}

    @property
    def best(self) -> Place | None:
        """The setting with the lowest loss that is finite, of those that learned if any did."""
        learned = self.outcomes == MapOutcome.LEARNED
        sound = (self.outcomes >= 0) & (self.outcomes < MapOutcome.EXPLODED)
        return _lowest(self.loss, learned if learned.any() else sound)

    @property
    def least_fragile(self) -> Place | None:
        """Of the settings that learned and whose neighbourhood is all on the map the least fragile;
        of several, the one with the lowest loss."""
        share = fragilities(self.outcomes, self.plan.x, self.plan.y)
        rows, columns = self.outcomes.shape
        whole = np.array(
            [[not self.fragility((r, c)).cut for c in range(columns)] for r in range(rows)]
        )
        fit = (self.outcomes == MapOutcome.LEARNED) & whole & np.isfinite(share)
        if not fit.any():
            return None
        return _lowest(self.loss, fit & (share == share[fit].min()))

    @property
    def best_by_column(self) -> list[int | None]:
        """For each column the row with the lowest loss of those that learned; None without one."""
        learned = self.outcomes == MapOutcome.LEARNED
        rows: list[int | None] = []
        for column in range(self.outcomes.shape[1]):
            place = _lowest(self.loss[:, [column]], learned[:, [column]])
            rows.append(None if place is None else place[0])
        return rows

    def fragility(self, place: Place) -> Fragility:
        """Of one setting."""
        row, column = place
        return fragility(self.outcomes, self.plan.x, self.plan.y, column, row)

    def values(self, place: Place) -> dict[str, float]:
        """What the axes say of a setting, x first."""
        row, column = place
        x, y = self.plan.x, self.plan.y
        return {x.name: x.values[column], y.name: y.values[row]}

    def as_dict(self, chosen: Place | None = None) -> dict[str, Any]:
        """Plain values, for ``backsight.signals.dumps``; with what there is of a chosen setting."""
        names = np.array([*(kind.label for kind in MapOutcome), None], object)
        return {
            "path": self.path,
            "plan": self.plan.as_dict(),
            "trained": self.trained,
            "counts": {kind.label: count for kind, count in self.counts.items()},
            "best": self._told(self.best),
            "least_fragile": self._told(self.least_fragile),
            "chosen": self._told(chosen),
            "best_by_column": [
                None if row is None else self.values((row, column))
                for column, row in enumerate(self.best_by_column)
            ],
            "outcomes": names[self.outcomes],
            "loss": self.loss,
            "growth": self.growth,
            "growth_start": self.growth_start,
            "agreement": self.agreement,
            "former": self.former,
        }

    def _told(self, place: Place | None) -> dict[str, Any] | None:
        """A setting, with what came of it."""
        if place is None:
            return None
        kind = self.outcomes[place]
        return {
            "setting": self.values(place),
            "outcome": MapOutcome(kind).label if kind >= 0 else None,
            "loss": self.loss[place],
            "growth": self.growth[place],
            "fragility": asdict(self.fragility(place)),
        }


def place_of(plan: MapPlan, at: dict[str, float]) -> Place:
    """The point of a map that is nearest to these values.

    Raises:
        SettingError: they name something else than the two axes, or lie outside the map.

    Example:
        >>> from backsight.lab import MemoryEcho
        >>> from backsight.studies import MapPlan, parse_axis, place_of
        >>> plan = MapPlan(MemoryEcho(), parse_axis("lr=0.01:1:5"), parse_axis("gain=0.5:1.5:3"))
        >>> place_of(plan, {"lr": 0.09, "gain": 1.4})  # row and column
        (2, 0)
    """
    axes = {axis.name: axis for axis in (plan.y, plan.x)}
    if set(at) != set(axes):
        raise SettingError(
            f"a point of this map needs {plan.x.name} and {plan.y.name}, not "
            f"{' and '.join(sorted(at))}"
        )
    for name, value in at.items():
        low, high = axes[name].values[0], axes[name].values[-1]
        if not low <= value <= high:
            raise SettingError(
                f"{name}={value:g} lies outside the map, whose {name} goes from {low:g} to {high:g}"
            )
    row, column = (axis.nearest(at[name]) for name, axis in axes.items())
    return row, column


def map_folder(plan: MapPlan) -> Path:
    """Where the map of a plan is by default: the same place each time.

    Example:
        >>> from backsight.lab import MemoryEcho
        >>> from backsight.studies import MapPlan, map_folder, parse_axis
        >>> plan = MapPlan(MemoryEcho(), parse_axis("lr=0.01:1:5"), parse_axis("gain=0.5:1.5:3"))
        >>> map_folder(plan).name == f"map-echo-{plan.fingerprint}"
        True
    """
    return Path("runs") / f"map-{plan.settings.task_name}-{plan.fingerprint}"


def run_map(
    plan: MapPlan,
    path: Path | None = None,
    *,
    engine: Engine | None = None,
    view: StudyView | None = None,
) -> StabilityMap:
    """Train what is not trained yet, part by part, and return the map.

    Each part is on disk as soon as it is done; after an interrupt the same call goes on with the
    missing ones, with the numbers that an uninterrupted one has.

    Args:
        plan: what to train.
        path: the folder; :func:`map_folder` by default.
        engine: what runs the parts, several at once; they train in this process by default.
        view: told of iterations, a network's each, and in words of a part whose process died; the
            others go on, and the same call tries it again.

    Raises:
        BacksightError: the folder holds another map or one that is under way, or cannot be read
            or written.

    Example:
        >>> from backsight.lab import MemoryEcho
        >>> from backsight.studies import MapPlan, parse_axis, run_map
        >>> settings = MemoryEcho(length=6, lag=2, hidden=4, iterations=2, validate_sequences=8)
        >>> plan = MapPlan(settings, parse_axis("lr=0.01,0.1"), parse_axis("gain=0.5,1,1.5"))
        >>> found = run_map(plan)
        >>> found.outcomes.shape, found.trained, found.complete
        ((3, 2), 6, True)
    """
    folder = MapFolder(map_folder(plan) if path is None else path)
    with folder.open(plan.as_dict()):
        MapParts(folder, plan, engine, view).train(plan.parts())
    return _read(folder, plan)


def read_map(path: Path) -> StabilityMap:
    """What there is of a map, finished or not.

    Raises:
        BacksightError: it cannot be read.

    Example:
        >>> from backsight.lab import MemoryEcho
        >>> from backsight.studies import MapPlan, map_folder, parse_axis, read_map, run_map
        >>> settings = MemoryEcho(length=6, lag=2, hidden=4, iterations=2, validate_sequences=8)
        >>> plan = MapPlan(settings, parse_axis("lr=0.01,0.1"), parse_axis("gain=0.5,1"))
        >>> trained = run_map(plan).outcomes
        >>> (read_map(map_folder(plan)).outcomes == trained).all().item()
        True
    """
    folder = MapFolder(path)
    return _read(folder, folder.plan())


def _read(folder: MapFolder, plan: MapPlan) -> StabilityMap:
    parts = folder.read_parts(folder.done())
    shape = (plan.seeds, *plan.shape)
    outcomes = np.full(shape, -1, np.int8)
    former = np.zeros(shape, bool)
    numbers = {name: np.full(shape, math.nan) for name in ("held_out", "growth", "growth_start")}
    if parts:
        trained = Trained.joined(parts)
        at = trained.seed, trained.row, trained.column
        for places, size in zip(at, shape, strict=True):
            if places.size and not 0 <= places.min() <= places.max() < size:
                raise RunError(f"{folder.path} is damaged: a part of it is of another map")
        if not np.isin(trained.outcome, [int(kind) for kind in MapOutcome]).all():
            raise RunError(f"{folder.path} is damaged: a part has an unknown outcome")
        outcomes[at] = trained.outcome
        former[at] = trained.former == 1
        for name, table in numbers.items():
            table[at] = getattr(trained, name)
    most = majority(outcomes)
    sound = (most >= 0) & (most != MapOutcome.NOT_FINITE)
    middles = {name: np.where(sound, middle(t, 0), np.nan) for name, t in numbers.items()}
    return StabilityMap(
        plan=plan,
        path=folder.path,
        outcomes=most,
        loss=middles["held_out"],
        growth=middles["growth"],
        growth_start=np.where(most >= 0, middle(numbers["growth_start"], 0), np.nan),
        agreement=np.where(most >= 0, (outcomes == most).mean(0), np.nan),
        former=int(former.any(0).sum()),
    )


def _lowest(loss: NDArray[np.float64], among: NDArray[np.bool_]) -> Place | None:
    """Where the lowest finite loss is; None where there is none."""
    candidates = np.where(among & np.isfinite(loss), loss, np.inf)
    if not np.isfinite(candidates).any():
        return None
    row, column = np.unravel_index(int(candidates.argmin()), loss.shape)
    return int(row), int(column)
