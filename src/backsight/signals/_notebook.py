"""What a notebook finds on a run: how it shows itself, its figures, and a live view."""

from collections.abc import Collection
from typing import Any

from backsight._views import view

__all__ = ["InNotebook"]


class _Figures:
    """``run.plot``; no property, because IPython completes nothing behind one."""

    def __get__(self, run: object | None, owner: type) -> Any:
        return self if run is None else view("RunFigures")(run)


class InNotebook:
    """A run as a notebook shows it; figures and page are loaded when they are asked for."""

    plot = _Figures()
    """The figures of this run: ``run.plot.reach()`` gives a Plotly figure, and ``dir(run.plot)``
    lists those that have something to show."""

    def live(self, every: float = 1.0) -> Any:
        """A widget that shows the run while it trains; needs ``backsight[notebook]``.

        Args:
            every: seconds between two looks at the run, at the least.

        Raises:
            SettingError: the extra is missing, or ``every`` is not positive.
        """
        return view("live")(self, every=every)

    def _repr_html_(self) -> str:
        """The run at a glance: the strip, the loss and the reach."""
        return str(view("run_html")(self))

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> dict[str, str]:
        """As HTML and as text; of these, those that are asked for."""
        makers = {"text/plain": self.__repr__, "text/html": self._repr_html_}
        return {
            kind: make()
            for kind, make in makers.items()
            if (not include or kind in include) and kind not in (exclude or ())
        }
