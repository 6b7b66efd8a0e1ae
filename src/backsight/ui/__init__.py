"""The live page over all runs: a server that reads run folders. Never imports torch."""

from typing import TYPE_CHECKING

from backsight._lazy import lazy

if TYPE_CHECKING:
    from backsight.ui._app import create_app
    from backsight.ui._server import serve
    from backsight.ui._settings import UiSettings, read_token

__all__ = ["UiSettings", "create_app", "read_token", "serve"]

__getattr__ = lazy(
    __name__,
    {
        "UiSettings": "backsight.ui._settings",
        "create_app": "backsight.ui._app",
        "read_token": "backsight.ui._settings",
        "serve": "backsight.ui._server",
    },
)
