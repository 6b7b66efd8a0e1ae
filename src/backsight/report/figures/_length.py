"""The sequence length during training, beside the reach of the gradient."""

from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from backsight.report._kept import kept_now
from backsight.report.figures._crowd import MOST, add_crowd
from backsight.report.figures._entry import Entry
from backsight.report.figures._style import COLOURS, add_series, empty, figure, member_label
from backsight.signals import Run, SampleBlock, SignalStream

__all__ = ["FIGURE", "length"]


def length(run: Run) -> go.Figure:
    """``seq_len`` and every layer's horizon, in steps."""
    names = run.members("seq_len", profile=False)
    if not names:
        return empty("no sequence length was recorded in this run")
    fig = figure("steps")
    for name in names:
        add_series(fig, run, name, f"sequence length {member_label(name)}".rstrip(), COLOURS[0])
    horizons = run.members("horizon", profile=False)
    if len(horizons) > MOST:
        add_crowd(fig, run, horizons, "layers", quantity="horizon")
        horizons = ()
    for number, name in enumerate(horizons):
        colour = COLOURS[1 + number % (len(COLOURS) - 1)]
        add_series(fig, run, name, f"horizon of {member_label(name)}", colour, dash="dot")
    return fig


def _varies(run: Run) -> bool:
    """Whether sequences have become longer or shorter."""
    names = run.members("seq_len", profile=False)
    return any(_changes(run.stream(name)) for name in names)


def _changes(stream: SignalStream) -> bool:
    kept = kept_now()
    parts = map(_ends, stream) if kept is None else stream.each(_ends, "ends", kept)
    ends = np.array(list(parts))
    # A NaN hides what else there is, as it does from NumPy's min and max.
    return bool(np.min(ends[:, 0]) < np.max(ends[:, 1]))


def _ends(block: SampleBlock) -> NDArray[np.floating[Any]]:
    return np.array([block.values.min(), block.values.max()])


def _reading(run: Run) -> str:
    config = run.info.get("config")
    lab = config if isinstance(config, dict) else {}
    adaptive = lab.get("curriculum") == "adaptive" or lab.get("safe") is True
    waits = " A curriculum that waits for the reach keeps the two together."
    reached = ", and how far back the gradient reached in them" * bool(run.members("horizon"))
    return f"The length of the sequences{reached}.{waits * adaptive}"


FIGURE = Entry(
    "length",
    "Sequence length",
    _reading,
    length,
    signals=("seq_len", "horizon"),
    only_if=_varies,
)
