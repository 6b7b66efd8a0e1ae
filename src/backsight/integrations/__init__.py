"""Other people's tools: one file each, each behind an extra. None is imported before it is used."""

from typing import TYPE_CHECKING

from backsight._lazy import lazy

if TYPE_CHECKING:
    from backsight.integrations._alerts import CommandAlert, WebhookAlert
    from backsight.integrations._json_lines import JsonLines
    from backsight.integrations._tensorboard import TensorBoard

__all__ = ["CommandAlert", "JsonLines", "TensorBoard", "WebhookAlert"]

__getattr__ = lazy(
    __name__,
    {
        "CommandAlert": "backsight.integrations._alerts",
        "JsonLines": "backsight.integrations._json_lines",
        "TensorBoard": "backsight.integrations._tensorboard",
        "WebhookAlert": "backsight.integrations._alerts",
    },
)
