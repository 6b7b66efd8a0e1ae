"""Other people's tools: one file each, each behind an extra. None is imported before it is used."""

from typing import TYPE_CHECKING

from backsight._lazy import lazy

if TYPE_CHECKING:
    from backsight.integrations._alerts import CommandAlert, WebhookAlert
    from backsight.integrations._json_lines import JsonLines
    from backsight.integrations._live import live
    from backsight.integrations._mlflow import MLflow
    from backsight.integrations._tensorboard import TensorBoard
    from backsight.integrations._trackio import Trackio
    from backsight.integrations._wandb import WandB

__all__ = [
    "CommandAlert",
    "JsonLines",
    "MLflow",
    "TensorBoard",
    "Trackio",
    "WandB",
    "WebhookAlert",
    "live",
]

__getattr__ = lazy(
    __name__,
    {
        "CommandAlert": "backsight.integrations._alerts",
        "JsonLines": "backsight.integrations._json_lines",
        "MLflow": "backsight.integrations._mlflow",
        "TensorBoard": "backsight.integrations._tensorboard",
        "Trackio": "backsight.integrations._trackio",
        "WandB": "backsight.integrations._wandb",
        "WebhookAlert": "backsight.integrations._alerts",
        "live": "backsight.integrations._live",
    },
)
