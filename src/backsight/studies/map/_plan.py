"""What a stability map trains: two axes around one setting, as batches of networks."""

import hashlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from backsight.errors import SettingError
from backsight.lab import TASKS, Memory, typed_settings
from backsight.nn import CELLS
from backsight.signals import dumps
from backsight.studies.map._axis import PARAMETERS, Axis

__all__ = ["Cell", "MapPlan", "Part", "part_name"]

ALONE = {"lr", "momentum", "clip", "gain", "weight_decay", "init_scale"}
"""Settings that networks of one batch may each have their own of: neither shapes nor sequences
depend on them."""

TOGETHER = 128
"""Networks of a batch at most: the batch is what a Ctrl-C loses, and 128 small networks fill a
core as well as thousands do."""

IN_TURN = 16
WORK = 200_000
"""Networks of a part that train one after the other, and steps unrolled in all of them, at most:
half a minute, beside which the start of a process is little, and so is what a Ctrl-C loses."""

ALONE_FOR: dict[str, Any] = {"dropout": 0.0, "guard": None, "lr_schedule": None}
"""Settings that a batch has nothing for: where they are others, networks train one by one."""

REFUSED = {"curriculum": "none", "safe": False, "plain": False, "fork": None}
"""Settings that a map does not have."""

BOOKKEEPING = {
    "run", "every", "deep", "sharpness_every", "validate_every", "checkpoint_every", "report",
    "device", "curriculum_start",
    *REFUSED,
}  # fmt: skip
"""Settings about a run folder, which a map has none of, and those that are always the same."""


@dataclass(frozen=True)
class Cell:
    """One training of the map."""

    row: int
    column: int
    seed: int
    """Which of the plan's seeds, from 0."""
    settings: Memory
    """As the lab would train it."""
    init_scale: float
    """A factor on every initial weight."""


@dataclass(frozen=True)
class Part:
    """Cells that are trained, and kept, at once."""

    number: int
    cells: tuple[Cell, ...]
    together: bool
    """Whether they have the same shapes and sequences and train as one batch, or one by one."""

    @property
    def name(self) -> str:
        """Of its file, and of its trial: ``part-0007``."""
        return part_name(self.number)

    @property
    def iterations(self) -> int:
        """Of all its networks together."""
        return sum(cell.settings.iterations for cell in self.cells)


@dataclass(frozen=True)
class MapPlan:
    """Which settings are trained, on what, and in which parts.

    Raises:
        SettingError: an axis is no setting of this task, a value on it makes no sense, or these
            settings are none of a map's.

    Example:
        >>> from backsight.lab import MemoryEcho
        >>> from backsight.studies import MapPlan, parse_axis
        >>> settings = MemoryEcho(length=10, lag=2, hidden=4, batch=4, iterations=20)
        >>> x, y = parse_axis("lr=log:0.01:1:5"), parse_axis("gain=0.5:1.5:3")
        >>> plan = MapPlan(settings, x, y, seeds=2)
        >>> plan.shape, plan.trainings, plan.together
        ((3, 5), 30, True)
    """

    settings: Memory
    """All that is the same everywhere. Of the lab's settings those about shapes, initialisation,
    dropout, optimizer, clip, guard, iterations, seed and precision count; nothing is recorded."""
    x: Axis
    y: Axis
    seeds: int = 1
    """Trainings of each setting: with the seed of the settings, the next one, and so on."""
    init_scale: float = 1.0
    """A factor on every initial weight."""
    threads: int = field(default=1, compare=False)
    """Of the processor."""

    def __post_init__(self) -> None:
        if self.x.name == self.y.name:
            raise SettingError(f"both axes vary {self.x.name}: a map needs two different settings")
        for name, count in (("seeds", self.seeds), ("threads", self.threads)):
            if count < 1:
                raise SettingError(f"--{name} must be a whole number of at least 1, not {count}")
        if not self.init_scale > 0:
            raise SettingError(f"--init-scale must be a number above 0, not {self.init_scale:g}")
        self._check_settings()
        known = {f.name for f in fields(self.settings)} | {"init_scale"}
        for axis in (self.x, self.y):
            if axis.name not in known:
                own = ", ".join(sorted(known & set(PARAMETERS)))
                raise SettingError(
                    f"{self.settings.task_name} has no setting {axis.name} to vary: choose one of "
                    f"{own}"
                )
            for value in axis.values:
                self._with({axis.name: value})

    def _check_settings(self) -> None:
        settings = self.settings
        if not isinstance(settings, Memory):
            raise SettingError(
                f"a map trains memory tasks ({', '.join(_memory_tasks())}), not "
                f"{settings.task_name}"
            )
        if settings.precision not in ("32-true", "64-true"):
            raise SettingError(
                f"a map cannot use --precision {settings.precision}: choose 32-true or 64-true"
            )
        if settings.guard is not None:
            from backsight.guard import policies_from  # which takes torch

            policies_from(settings.guard)
        for name, wanted in REFUSED.items():
            if getattr(settings, name) != wanted:
                raise SettingError(
                    f"a map does not support --{name}, because every network trains at full length "
                    "with exactly the given clip and guard: leave it out"
                )

    def _with(self, values: dict[str, float], seed: int = 0) -> tuple[Memory, float]:
        """Settings and initial scale of a cell; the lab checks them."""
        own: dict[str, Any] = dict(values)
        scale = own.pop("init_scale", self.init_scale)
        if not scale > 0:
            raise SettingError(f"init_scale must be a number above 0, not {scale:g}")
        return replace(self.settings, seed=self.settings.seed + seed, **own), scale

    @property
    def together(self) -> bool:
        """Whether its networks train as batches."""
        settings = self.settings
        return CELLS[settings.cell].batched and all(
            getattr(settings, name) == wanted for name, wanted in ALONE_FOR.items()
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return len(self.y), len(self.x)

    @property
    def trainings(self) -> int:
        """Networks to train in all."""
        return len(self.x) * len(self.y) * self.seeds

    def cells(self) -> Iterator[Cell]:
        """All trainings, seed by seed and row by row."""
        for seed in range(self.seeds):
            for row, y in enumerate(self.y.values):
                for column, x in enumerate(self.x.values):
                    settings, scale = self._with({self.x.name: x, self.y.name: y}, seed)
                    yield Cell(row, column, seed, settings, scale)

    def parts(self) -> list[Part]:
        """What is trained at once: the same each time, so that a part done is done."""
        groups = self._batches() if self.together else self._turns()
        return [Part(n, tuple(group), self.together) for n, group in enumerate(groups)]

    def _batches(self) -> list[list[Cell]]:
        alike: dict[tuple[Any, ...], list[Cell]] = {}
        for cell in self.cells():
            alike.setdefault(_alike(cell.settings), []).append(cell)
        return [
            group[first : first + TOGETHER]
            for group in alike.values()
            for first in range(0, len(group), TOGETHER)
        ]

    def _turns(self) -> list[list[Cell]]:
        groups: list[list[Cell]] = []
        left = 0
        for cell in self.cells():
            steps = cell.settings.iterations * cell.settings.length
            if not groups or steps > left or len(groups[-1]) == IN_TURN:
                groups.append([])
                left = WORK
            groups[-1].append(cell)
            left -= steps
        return groups

    def zoomed(self, region: dict[str, tuple[float, float]]) -> "MapPlan":
        """A finer map of a region, with as many values on each axis of a range.

        Raises:
            SettingError: a name is no axis of this map, or the region lies outside it.
        """
        axes = {axis.name: axis for axis in (self.x, self.y)}
        for name, (low, high) in region.items():
            if name not in axes:
                raise SettingError(
                    f"the region names {name!r}, which is not an axis of this map: choose from "
                    f"{self.x.name} and {self.y.name}"
                )
            axes[name] = axes[name].within(low, high)
        return replace(self, x=axes[self.x.name], y=axes[self.y.name])

    def as_dict(self) -> dict[str, Any]:
        """Everything that decides what is trained, as plain data."""
        settings = {
            k: v for k, v in asdict(self.settings).items()
            if k not in BOOKKEEPING and not (k in ALONE_FOR and v == ALONE_FOR[k])
        }  # fmt: skip
        axes = {
            which: {"name": axis.name, "spacing": axis.spacing, "values": list(axis.values)}
            for which, axis in (("x", self.x), ("y", self.y))
        }
        return {
            "task": self.settings.task_name,
            **axes,
            "seeds": self.seeds,
            "init_scale": self.init_scale,
            "settings": settings,
        }

    @classmethod
    def from_dict(cls, told: dict[str, Any], threads: int = 1) -> "MapPlan":
        """The plan that :meth:`as_dict` has told.

        Raises:
            SettingError: it is none.
        """
        try:
            kind = TASKS[told["task"]]
            axes = {
                which: Axis(a["name"], tuple(a["values"]), a["spacing"])
                for which, a in ((w, told[w]) for w in ("x", "y"))
            }
            settings: Any = kind(**typed_settings(kind, told["settings"]))
            return cls(
                settings=settings,
                seeds=told["seeds"],
                init_scale=told["init_scale"],
                threads=threads,
                **axes,
            )
        except (KeyError, TypeError) as error:
            raise SettingError(
                f"this is not the plan of a map: {error} is missing or wrong"
            ) from error

    @property
    def fingerprint(self) -> str:
        """Eight digits that differ where what is trained does."""
        return hashlib.sha256(dumps(self.as_dict()).encode()).hexdigest()[:8]


def part_name(number: int) -> str:
    """Of the file of a part."""
    return f"part-{number:04d}"


def _alike(settings: Memory) -> tuple[Any, ...]:
    """What the cells of a batch must have in common."""
    return tuple((k, v) for k, v in asdict(settings).items() if k not in ALONE)


def _memory_tasks() -> list[str]:
    return [name for name, kind in TASKS.items() if issubclass(kind, Memory)]
