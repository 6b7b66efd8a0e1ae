"""What shows a run stands in rooms above the one that reads it; a run finds it here, by name."""

from backsight._lazy import lazy

__all__ = ["view"]

view = lazy(
    __name__,
    {
        "RunFigures": "backsight.report",
        "live": "backsight.integrations",
        "run_html": "backsight.report",
    },
)
"""What has that name, loaded when it is asked for."""
