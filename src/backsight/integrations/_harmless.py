"""What a trainer calls: an error of ours in it is told, and ends no training."""

import functools
import logging
from collections.abc import Callable
from typing import ParamSpec

from backsight.errors import BacksightError

__all__ = ["harmless"]

_log = logging.getLogger("backsight")

P = ParamSpec("P")


def harmless(hook: Callable[P, None]) -> Callable[P, None]:
    """What fails in a hook is said; a setting that makes no sense does end the training.

    Example:
        >>> from backsight.integrations._harmless import harmless
        >>> @harmless
        ... def on_train_begin() -> None:
        ...     raise RuntimeError("ours")
        >>> on_train_begin()
    """

    @functools.wraps(hook)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            hook(*args, **kwargs)
        except BacksightError:
            raise
        except Exception as error:  # noqa: BLE001 - must not end the training
            _log.warning("backsight: %s failed: %r", hook.__name__, error)

    return guarded
