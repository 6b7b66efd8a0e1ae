"""What was made of the chunks of a run, kept while the run is shown.

Whoever shows a run that trains draws it again and again, and of a long run nearly all is as it was.
Within :func:`keeping`, each chunk is read once; what is drawn of it stays in memory, and with it
that it was verified.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

__all__ = ["Kept", "keeping", "kept_now"]

OVERHEAD = 400
"""Bytes that an entry takes beside its array."""


class Kept:
    """A mapping of bounded size; what was not asked for longest goes first. Threads may share it.

    Args:
        size: in bytes.

    Example:
        >>> import numpy as np
        >>> from backsight.report import Kept
        >>> kept = Kept(1000)
        >>> kept.get("one", lambda: np.zeros(50)).nbytes, kept.held
        (400, 800)
        >>> kept.get("two", lambda: np.zeros(60)).nbytes, kept.held
        (480, 880)
    """

    def __init__(self, size: int = 32 << 20) -> None:
        self._size = size
        self.held = 0
        """Bytes by now."""
        self._made: OrderedDict[object, Any] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: object, make: Callable[[], Any]) -> Any:
        """What has this key, made where it is not there. It must have a size, ``nbytes``."""
        with self._lock:
            if key in self._made:
                self._made.move_to_end(key)
                return self._made[key]
        made = make()
        with self._lock:
            if key not in self._made:
                self._made[key] = made
                self.held += made.nbytes + OVERHEAD
            while self.held > self._size:
                self.held -= self._made.popitem(last=False)[1].nbytes + OVERHEAD
        return made


_kept: ContextVar[Kept | None] = ContextVar("kept", default=None)


@contextmanager
def keeping(kept: Kept) -> Iterator[None]:
    """Within it, figures and strips of long runs are drawn of what is kept, and keep more.

    Example:
        >>> from backsight import Recorder, Run
        >>> from backsight.report import Kept, keeping, strip
        >>> with Recorder("runs/mine") as recorder:
        ...     recorder.series("loss", range(50_000), [2.0] * 50_000)
        >>> kept = Kept()
        >>> with keeping(kept):
        ...     told = strip(Run("runs/mine"))
        >>> told.losses[0].value, 0 < kept.held < 500_000
        (2.0, True)
    """
    token = _kept.set(kept)
    try:
        yield
    finally:
        _kept.reset(token)


def kept_now() -> Kept | None:
    """That of the innermost :func:`keeping`, if any."""
    return _kept.get()
