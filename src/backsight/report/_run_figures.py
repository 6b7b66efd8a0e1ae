"""The figures of a run by their names, as attributes that a notebook completes."""

import difflib
from collections.abc import Callable

import plotly.graph_objects as go

from backsight.report.figures import FIGURES, Entry
from backsight.signals import Run

__all__ = ["RunFigures"]


class RunFigures:
    """``run.plot``: each figure of the run's page is a method that draws it as it is now.

    Args:
        run: the run.

    Raises:
        AttributeError: there is no figure of that name.

    Example:
        >>> from backsight import Recorder, Run
        >>> with Recorder("runs/mine") as recorder:
        ...     recorder.series("loss", range(100), [2.0 - i / 100 for i in range(100)])
        >>> run = Run("runs/mine")
        >>> run.plot
        <figures of runs/mine: loss>
        >>> run.plot.loss().data[0].y[-1]
        np.float64(1.01)
        >>> try:
        ...     run.plot.losses()
        ... except AttributeError as error:
        ...     print(error)
        there is no figure 'losses': did you mean loss?
    """

    def __init__(self, run: Run) -> None:
        self._run = run

    def __getattr__(self, name: str) -> Callable[[], go.Figure]:
        entry = _entries().get(name)
        if entry is None:
            near = difflib.get_close_matches(name, _entries(), 1)
            hint = f"did you mean {near[0]}?" if near else f"choose from {', '.join(_entries())}"
            raise AttributeError(f"there is no figure {name!r}: {hint}")
        run = self._run

        def draw() -> go.Figure:
            with run.moment():
                figure = entry.draw(run)
            # Its words are dark, and it stands on whatever page the notebook has.
            return figure.update_layout(paper_bgcolor="#ffffff")

        draw.__name__, draw.__doc__ = name, f"{entry.title}, as a Plotly figure."
        return draw

    def __dir__(self) -> list[str]:
        return [name for name, entry in _entries().items() if entry.is_drawn(self._run)]

    def __repr__(self) -> str:
        return f"<figures of {self._run.path}: {', '.join(dir(self)) or 'none yet'}>"


def _entries() -> dict[str, Entry]:
    """By the names that Python can have."""
    return {entry.key.replace("-", "_"): entry for entry in FIGURES}
