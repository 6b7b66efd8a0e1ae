"""Makes the log that warnings go to harmless: what its handlers raise never reaches the training.

A script may close or replace standard error, or have handlers that raise. ``logging`` catches
much of that, then writes about it to the same standard error, and raises.
"""

import logging
from contextlib import suppress
from typing import Any

__all__: list[str] = []


class HarmlessLogger(logging.Logger):
    """A logger that gives up a message rather than raise."""

    def _log(self, *args: Any, **named: Any) -> None:
        """As ``logging.Logger`` does."""
        named["stacklevel"] = named.get("stacklevel", 1) + 1  # a record names who called
        with suppress(Exception):
            super()._log(*args, **named)


logging.getLogger("backsight").__class__ = HarmlessLogger
