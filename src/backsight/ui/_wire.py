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
    """Traces and layout of a figure, for ``json_bytes``.

    Plotly itself turns NumPy arrays into bytes; a list with a NaN is left to us.
    """
    told = figure.to_dict()
    return {"data": _typed(told.get("data", [])), "layout": _typed(told.get("layout", {}))}


def _typed(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _typed(one) for name, one in value.items()}
    if isinstance(value, np.ndarray):  # of a type that plotly.js does not know
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        numbers = bool(value) and all(type(one) in (int, float) for one in value)
        if numbers and not np.isfinite(np.asarray(value, np.float64)).all():
            data = base64.b64encode(np.asarray(value, "<f8").tobytes())
            return {"dtype": "f8", "bdata": data.decode("ascii")}
        return [_typed(one) for one in value]
    return value
