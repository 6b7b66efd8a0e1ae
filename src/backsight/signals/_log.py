"""Makes the log that warnings go to harmless: what its handlers raise never reaches the training.

A script may close or replace standard error, or have handlers that raise. ``logging`` catches
much of that, then writes about it to the same standard error, and raises.
"""

import logging
from contextlib import suppress

__all__: list[str] = []


class HarmlessLogger(logging.Logger):
    """A logger that gives up a message rather than raise."""

    def handle(self, record: logging.LogRecord) -> None:
        """As ``logging.Logger`` does."""
        with suppress(Exception):
            super().handle(record)


logging.getLogger("backsight").__class__ = HarmlessLogger
