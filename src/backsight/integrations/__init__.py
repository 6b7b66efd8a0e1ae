"""Other people's tools: one file each, each behind an extra. None is imported before it is used."""

from typing import TYPE_CHECKING

from backsight._lazy import lazy

if TYPE_CHECKING:
    from backsight.integrations._json_lines import JsonLines
    from backsight.integrations._tensorboard import TensorBoard

__all__ = ["JsonLines", "TensorBoard"]

__getattr__ = lazy(
    __name__,
    {
        "JsonLines": "backsight.integrations._json_lines",
        "TensorBoard": "backsight.integrations._tensorboard",
    },
)
