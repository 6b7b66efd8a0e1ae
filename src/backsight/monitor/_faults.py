"""What has failed in observing: told once, and never to the training."""

import logging
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["Faults"]

_log = logging.getLogger("backsight")


class Faults:
    """Remembers what is switched off beside the measurements."""

    def __init__(self) -> None:
        self._off: set[str] = set()

    def isolate(self, what: str, action: Callable[..., None], *arguments: Any) -> None:
        """Do it so that its failure costs it alone."""
        with np.errstate(all="ignore"):  # NumPy warns, or raises, as the user has set it
            self.isolate_plain(what, action, *arguments)

    def isolate_plain(self, what: str, action: Callable[..., None], *arguments: Any) -> None:
        """The same of what computes nothing with NumPy: once an iteration, it costs less."""
        if what in self._off:
            return
        try:
            action(*arguments)
        except Exception as error:  # noqa: BLE001 - see above
            self.tell(what, error)

    def tell(self, what: str, error: Exception) -> None:
        """``what`` has failed, and is not tried again."""
        if what not in self._off:
            self._off.add(what)
            _log.warning("backsight: measuring %s failed and is switched off: %r", what, error)
