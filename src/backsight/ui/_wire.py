"""How numbers travel: a NaN arrives as a NaN.

JSON has none, and most encoders write ``null``. Here a single number that is not finite is one of
the strings ``"NaN"``, ``"Infinity"`` and ``"-Infinity"``, as in every JSON file of ours, and arrays
of a figure are little-endian bytes in base64 beside their type, as plotly.js takes them, in which
every number is itself.
"""

import base64
from typing import Any

import numpy as np
import plotly.graph_objects as go

from backsight.signals import dumps

__all__ = ["figure_dict", "json_bytes"]


def json_bytes(value: object) -> bytes:
    """JSON with non-finite numbers spelled out, and everything outside ASCII escaped."""
    return dumps(value).encode("ascii")


def figure_dict(figure: go.Figure) -> dict[str, Any]:
    """Traces and layout of a figure, for ``json_bytes``: lists of numbers are typed arrays."""
    told = figure.to_dict()
    return {"data": _typed(told.get("data", [])), "layout": _typed(told.get("layout", {}))}


def _typed(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _typed(one) for name, one in value.items()}
    if isinstance(value, np.ndarray):
        return _array(value)
    if isinstance(value, (list, tuple)):
        if value and all(type(one) in (int, float) for one in value):
            return _array(np.asarray(value, np.float64)) if _lossy(value) else list(value)
        return [_typed(one) for one in value]
    return value


def _lossy(value: Any) -> bool:
    """Whether JSON has no words for one of these numbers."""
    return not bool(np.isfinite(np.asarray(value, np.float64)).all())


def _array(values: Any) -> Any:
    """As plotly.js decodes it; what it has no type for stays a list."""
    kind = {"f": "f8" if values.dtype.itemsize > 4 else "f4", "b": "u1"}.get(values.dtype.kind)
    if values.dtype.kind in "iu":
        # JavaScript has no 64-bit numbers but floats, which hold whole numbers up to 2**53.
        kind = "i4" if not values.size or np.abs(values).max() < 2**31 else "f8"
    if kind is None:
        return _typed(values.tolist())
    data = base64.b64encode(np.ascontiguousarray(values, f"<{kind}").tobytes()).decode("ascii")
    coded: dict[str, Any] = {"dtype": kind, "bdata": data}
    if values.ndim > 1:
        coded["shape"] = ", ".join(map(str, values.shape))
    return coded
