"""What the page that compares runs shows."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from backsight.report import compare, comparison_values
from backsight.signals import Run
from backsight.ui._wire import figure_dict

__all__ = ["compare_view"]


def compare_view(paths: Sequence[Path], keys: Sequence[str]) -> dict[str, Any]:
    """Two to twenty runs side by side.

    Args:
        paths: the run folders.
        keys: what links name them by.

    Raises:
        SettingError: fewer than two runs, more than twenty, or one twice.
        RunError: one cannot be read.
    """
    values = comparison_values(compare([Run(path) for path in paths]))
    values["runs"] = [{**row, "key": key} for row, key in zip(values["runs"], keys, strict=True)]
    values["figures"] = [
        {
            "key": one["key"],
            "title": one["title"],
            "reading": one["reading"],
            **figure_dict(one["figure"]),
        }
        for one in values["figures"]
    ]
    return values
