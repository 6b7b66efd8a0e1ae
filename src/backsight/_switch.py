"""``BACKSIGHT=off`` in the environment: nothing is observed, recorded or guarded."""

import os

__all__ = ["is_off"]

OFF = ("off", "0", "false", "no")


def is_off() -> bool:
    """Whether Backsight is switched off for this process.

    Example:
        >>> from unittest.mock import patch
        >>> from backsight._switch import is_off
        >>> is_off()
        False
        >>> with patch.dict("os.environ", BACKSIGHT="off"):
        ...     print(is_off())
        True
    """
    return os.environ.get("BACKSIGHT", "").strip().lower() in OFF
