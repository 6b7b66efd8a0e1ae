"""What PyTorch calls must not reach the training, whatever fails in it; and is timed."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, TypeVar

import torch

from backsight.probes import inspection, undisturbed

__all__ = ["harmless", "harmless_end"]


class _Measures(Protocol):
    @property
    def measuring(self) -> bool: ...


class _Told(Protocol):
    """Whoever is told of events."""

    clock: Callable[[], float]
    spent: float
    """Seconds in events."""
    failed: bool
    """Whether one has failed."""
    looks: str | None
    """What of PyTorch's looks on, from the beginning of a pass or step to its end; None outside."""

    @property
    def observer(self) -> _Measures: ...

    def fail(self, error: Exception) -> None: ...


Who = TypeVar("Who", bound=_Told)
Returned = TypeVar("Returned")
Arguments = ParamSpec("Arguments")


def harmless(
    event: Callable[Concatenate[Who, Arguments], Returned], *, ends: bool = False
) -> Callable[Concatenate[Who, Arguments], Returned | None]:
    """An event of whoever is told: nothing that it raises, and none once one has failed, nor while
    a measurement is at work.

    Args:
        event: takes whoever is told.
        ends: whether it ends a call of PyTorch's that another event has begun: what looks on was
            found then.

    Example:
        >>> from time import perf_counter
        >>> from types import SimpleNamespace
        >>> from backsight.monitor.events._harmless import harmless
        >>> told = SimpleNamespace(clock=perf_counter, spent=0.0, failed=False, looks=None)
        >>> told.fail, told.observer = print, SimpleNamespace(measuring=False)
        >>> harmless(lambda told, number: 1 / number)(told, 0)
        division by zero
        >>> told.spent > 0
        True
    """

    @wraps(event)
    def safe(self: Who, *args: Arguments.args, **named: Arguments.kwargs) -> Returned | None:
        if self.failed or self.observer.measuring:
            return None
        began = self.clock()
        try:
            if self.looks is None or not ends:
                self.looks = inspection()
            if self.looks:
                with undisturbed():
                    return event(self, *args, **named)
            with torch._C.DisableTorchFunctionSubclass():  # a tensor of the user's own class
                return event(self, *args, **named)
        except Exception as error:  # noqa: BLE001 - see above
            self.fail(error)
            return None
        finally:
            if ends:
                self.looks = None
            self.spent += self.clock() - began

    return safe  # type: ignore[return-value]


def harmless_end(
    event: Callable[Concatenate[Who, Arguments], Returned],
) -> Callable[Concatenate[Who, Arguments], Returned | None]:
    """The same of the end of a call that another event has begun.

    Example:
        >>> from backsight.monitor.events._harmless import harmless_end
        >>> harmless_end(print).__name__
        'print'
    """
    return harmless(event, ends=True)
