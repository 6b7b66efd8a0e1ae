"""What a trainer calls: an error of ours in it is told, and ends no training."""

import functools
import logging
from collections.abc import Callable
from typing import Any, ParamSpec
from weakref import WeakKeyDictionary

from backsight.errors import BacksightError

__all__ = ["harmless", "harmless_begin"]

_log = logging.getLogger("backsight")

P = ParamSpec("P")

_told: "WeakKeyDictionary[Any, set[str]]" = WeakKeyDictionary()
"""Of each callback the hooks that have failed."""


def harmless(hook: Callable[P, None]) -> Callable[P, None]:
    """What fails in a hook of a callback is said once.

    Example:
        >>> from backsight.integrations._harmless import harmless
        >>> class Callback:
        ...     @harmless
        ...     def on_epoch_end(self) -> None:
        ...         raise RuntimeError("ours")
        >>> Callback().on_epoch_end()
    """
    return _guarded(hook, ())


def harmless_begin(hook: Callable[P, None]) -> Callable[P, None]:
    """As :func:`harmless`, where a training begins: a setting that makes no sense does end it."""
    return _guarded(hook, BacksightError)


def _guarded(hook: Callable[P, None], raised: Any) -> Callable[P, None]:
    @functools.wraps(hook)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            hook(*args, **kwargs)
        except raised:
            raise
        except Exception as error:  # noqa: BLE001 - must not end the training
            told = _told.setdefault(args[0], set())
            if hook.__name__ not in told:
                told.add(hook.__name__)
                _log.warning("backsight: %s failed: %r", hook.__name__, error)

    return guarded
