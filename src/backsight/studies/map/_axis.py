"""An axis of settings, as written on the command line: a range, or a list of values.

``lr=log:1e-4:10:64`` is 64 values from 1e-4 to 10 with equal ratios, ``gain=0.5:3:64`` 64 with
equal differences, ``length=10,25,50`` these three.
"""

import math
from dataclasses import dataclass, replace
from typing import Literal

from backsight.errors import SettingError

__all__ = ["PARAMETERS", "Axis", "Spacing", "parse_at", "parse_axis", "parse_zoom"]

Spacing = Literal["linear", "log", "list"]

PARAMETERS: dict[str, Literal["number", "whole"]] = {
    "batch": "whole",
    "clip": "number",
    "gain": "number",
    "hidden": "whole",
    "init_scale": "number",
    "iterations": "whole",
    "lag": "whole",
    "layers": "whole",
    "length": "whole",
    "lr": "number",
    "momentum": "number",
    "pattern": "whole",
    "symbols": "whole",
    "weight_decay": "number",
}
"""What an axis may vary: settings of the lab by its own names, and ``init_scale``, a factor on
every initial weight, where ``gain`` is one on the recurrent matrices alone."""

MOST = 1024
"""Values of an axis: more than a screen has to show them."""

FORM = (
    "expected NAME=FROM:TO:COUNT, NAME=log:FROM:TO:COUNT or NAME=A,B,C, such as lr=log:1e-4:10:64"
)


@dataclass(frozen=True)
class Axis:
    """Values of one setting, increasing.

    Example:
        >>> from backsight.studies import parse_axis
        >>> axis = parse_axis("lr=log:0.01:1:3")
        >>> axis.spacing, [round(value, 3) for value in axis.values]
        ('log', [0.01, 0.1, 1.0])
        >>> axis.nearest(0.2)
        1
    """

    name: str
    """One of :data:`PARAMETERS`."""
    values: tuple[float, ...]
    """At least one; whole numbers are ints."""
    spacing: Spacing = "list"
    """How they are spread; ``list`` where they were named one by one."""

    def __post_init__(self) -> None:
        if self.name not in PARAMETERS:
            raise SettingError(_unknown(self.name))
        rising = all(a < b for a, b in zip(self.values, self.values[1:], strict=False))
        if not self.values or not rising or not all(map(math.isfinite, self.values)):
            raise SettingError(
                f"an axis of {self.name} needs increasing finite values, not {list(self.values)}"
            )

    def __len__(self) -> int:
        return len(self.values)

    def __str__(self) -> str:
        if self.spacing == "list" or len(self) == 1:
            return f"{self.name}={','.join(f'{v:g}' for v in self.values)}"
        log = "log:" if self.spacing == "log" else ""
        return f"{self.name}={log}{self.values[0]:g}:{self.values[-1]:g}:{len(self)}"

    def within(self, low: float, high: float) -> "Axis":
        """As many values between these bounds, spread alike; of a list, those it has there.

        Raises:
            SettingError: the bounds lie outside this axis, or no value of a list between them.
        """
        if low < self.values[0] or high > self.values[-1]:
            raise SettingError(
                f"the region {self.name}={low:g}:{high:g} lies outside the map, whose "
                f"{self.name} goes from {self.values[0]:g} to {self.values[-1]:g}"
            )
        if self.spacing != "list":
            return _spread(self.name, self.spacing, low, high, len(self))
        kept = tuple(v for v in self.values if low <= v <= high)
        if not kept:
            raise SettingError(
                f"the region {self.name}={low:g}:{high:g} holds none of the values of {self}"
            )
        return replace(self, values=kept)

    def nearest(self, value: float) -> int:
        """Index of the value that is closest, by ratio where the axis is logarithmic."""
        if self.spacing == "log" and value > 0:
            distances = [abs(math.log(v / value)) for v in self.values]
        else:
            distances = [abs(v - value) for v in self.values]
        return distances.index(min(distances))


def parse_axis(text: str) -> Axis:
    """Read an axis.

    Raises:
        SettingError: it is no axis, the setting is unknown, or the range is empty or reversed.

    Example:
        >>> from backsight.studies import parse_axis
        >>> parse_axis("gain=0.5:1.5:3").values, parse_axis("hidden=8,16").values
        ((0.5, 1.0, 1.5), (8, 16))
        >>> parse_axis("lr=log:0.01:1:3").spacing
        'log'
    """
    name, equals, told = text.partition("=")
    name = name.strip().replace("-", "_")
    if not equals or not name or not told.strip():
        raise SettingError(f"{text!r} is no axis: {FORM}")
    if name not in PARAMETERS:
        raise SettingError(_unknown(name))
    if ":" not in told:
        return _listed(name, told)
    parts = told.split(":")
    spacing: Spacing = "linear"
    if parts[0].strip() in ("log", "linear", "lin"):
        spacing = "log" if parts[0].strip() == "log" else "linear"
        parts = parts[1:]
    if len(parts) != 3:
        raise SettingError(f"{text!r} is no axis: {FORM}")
    low, high = (_number(part, text) for part in parts[:2])
    count = _number(parts[2], text)
    if count != int(count) or not 1 <= count <= MOST:
        raise SettingError(
            f"{text!r} asks for {parts[2].strip()} values: a whole number from 1 to {MOST} is "
            "needed"
        )
    return _spread(name, spacing, low, high, int(count))


def parse_zoom(text: str) -> dict[str, tuple[float, float]]:
    """Read a region: ``lr=0.01:0.1,gain=1:1.5`` to bounds by name.

    Raises:
        SettingError: it is no region, or one that is empty or reversed.

    Example:
        >>> from backsight.studies import parse_zoom
        >>> parse_zoom("lr=0.01:0.1,gain=1:1.5")
        {'lr': (0.01, 0.1), 'gain': (1.0, 1.5)}
    """
    found = {}
    for part in text.split(","):
        name, _, told = part.partition("=")
        bounds = told.split(":")
        if len(bounds) != 2:
            raise SettingError(
                f"{part.strip()!r} is no region: expected NAME=FROM:TO, with commas between two, "
                "such as lr=0.01:0.1,gain=1:1.5"
            )
        low, high = (_number(bound, part) for bound in bounds)
        if low >= high:
            raise SettingError(f"{part.strip()!r} {_wrong_way(low, high)}")
        found[name.strip().replace("-", "_")] = (low, high)
    return found


def parse_at(text: str) -> dict[str, float]:
    """Read a setting: ``lr=0.01,gain=1`` to values by name.

    Raises:
        SettingError: it is no setting.

    Example:
        >>> from backsight.studies import parse_at
        >>> parse_at("lr=0.01,gain=1")
        {'lr': 0.01, 'gain': 1.0}
    """
    found = {}
    for part in text.split(","):
        name, equals, told = part.partition("=")
        if not equals:
            raise SettingError(
                f"{part.strip()!r} is no setting: expected NAME=VALUE, with commas between two, "
                "such as lr=0.01,gain=1"
            )
        found[name.strip().replace("-", "_")] = _number(told, part)
    return found


def _listed(name: str, told: str) -> Axis:
    values = [_number(part, f"{name}={told}") for part in told.split(",")]
    if PARAMETERS[name] == "whole":
        values = [_whole(name, value) for value in values]
    if len(set(values)) < len(values):
        raise SettingError(f"'{name}={told}' has a value twice")
    return Axis(name, tuple(sorted(values)))


def _spread(name: str, spacing: Spacing, low: float, high: float, count: int) -> Axis:
    """``count`` values from ``low`` to ``high``, both included."""
    told = f"{name}={'log:' if spacing == 'log' else ''}{low:g}:{high:g}:{count}"
    if low >= high:
        raise SettingError(f"'{told}' {_wrong_way(low, high)}")
    if count == 1:
        raise SettingError(f"'{told}' is a range of one value: write {name}={low:g}, or ask for 2")
    if spacing == "log" and low <= 0:
        raise SettingError(
            f"'{told}' has no logarithm at {low:g}: a logarithmic range begins above 0"
        )
    steps = [i / (count - 1) for i in range(count)]
    if spacing == "log":
        values = [low * (high / low) ** step for step in steps]
    else:
        values = [low + (high - low) * step for step in steps]
    values[-1] = high  # not a rounding error beside it
    if PARAMETERS[name] == "whole":
        # Close to each other, several round to the same number: it is wanted once.
        values = sorted({_whole(name, end) for end in (low, high)} | {round(v) for v in values})
    return Axis(name, tuple(values), spacing)


def _wrong_way(low: float, high: float) -> str:
    if low == high:
        return f"is an empty range: it begins and ends at {low:g}"
    return f"is a reversed range: it must go up, from {high:g} to {low:g}"


def _number(text: str, where: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise SettingError(f"{text.strip()!r} in {where.strip()!r} is not a number") from None
    if not math.isfinite(value):
        raise SettingError(f"{text.strip()!r} in {where.strip()!r} must be finite")
    return value


def _whole(name: str, value: float) -> int:
    if value != int(value):
        raise SettingError(f"{name} is a whole number of something, not {value:g}")
    return int(value)


def _unknown(name: str) -> str:
    return f"there is no setting {name!r} to vary: choose one of {', '.join(PARAMETERS)}"
