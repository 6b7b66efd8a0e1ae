"""JSON in which a NaN stays a NaN.

Standard JSON has no NaN, and most encoders write ``null`` instead, which reads as "nothing
happened". Here a non-finite number becomes one of the strings ``"NaN"``, ``"Infinity"`` and
``"-Infinity"``: valid JSON everywhere, and ``float(...)`` turns each back.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path, PurePath

from backsight.signals._atomic import write_atomically

__all__ = ["dumps", "spell", "write_json"]


def spell(value: float) -> str:
    """The JSON word for a non-finite number.

    Example:
        >>> from backsight.signals import spell
        >>> spell(float("nan")), spell(float("-inf"))
        ('NaN', '-Infinity')
    """
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


_AS_THEY_ARE = frozenset({str, int, bool, type(None)})


def _plain(value: object) -> object:
    if type(value) in _AS_THEY_ARE:  # nearly all, and to ask for a Mapping takes long
        return value
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if hasattr(value, "tolist"):  # NumPy scalars and arrays
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return spell(value)
    if isinstance(value, PurePath):
        return str(value)
    return value


def dumps(value: object, *, indent: int | None = None) -> str:
    """Encode ``value`` (mappings, sequences, NumPy, paths) with non-finite numbers spelled out.

    Example:
        >>> from backsight.signals import dumps
        >>> dumps({"loss": float("nan"), "steps": [1, 2]})
        '{"loss": "NaN", "steps": [1, 2]}'
    """
    # ASCII: a path may hold bytes that are no UTF-8, and a terminal may know no more.
    return json.dumps(_plain(value), indent=indent, ensure_ascii=True, allow_nan=False)


def write_json(file: Path, content: object) -> None:
    """Write a file of JSON; a reader sees the old or the new one, never a half.

    Raises:
        OSError: it cannot be written; what stood there stays.

    Example:
        >>> from pathlib import Path
        >>> from backsight.signals import write_json
        >>> write_json(Path("plan.json"), {"lr": 0.1})
        >>> Path("plan.json").read_text().split()
        ['{', '"lr":', '0.1', '}']
    """
    write_atomically(file, (dumps(content, indent=2) + "\n").encode())
