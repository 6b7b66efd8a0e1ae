"""Where recorded values go beside the run folder: the protocol, and sinks by name."""

import difflib
from collections.abc import Iterable, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from backsight.errors import BacksightError, SettingError

__all__ = ["Sink", "sinks_of"]

GROUP = "backsight.sinks"
"""The group of entry points that name sinks: a package may add its own."""


@runtime_checkable
class Sink(Protocol):
    """Receives what a run records, beside the run folder.

    Every method is called in one thread of the sink's own, never in the training loop, in the
    order below. Each value comes with its iteration. Per signal, iterations increase; a value that
    was measured on the device may arrive after values of later iterations of another signal. A
    method may raise: training goes on, and what was not delivered is counted.

    A sink that buffers may have a sixth method, ``flush()``: it is called after about a thousand
    values, and when none are left for the moment. If it raises, all values since the last call
    count as missed, and the sink forgets them. A sink with ``only_events = True`` is given no
    numbers, and opened before the first event. One that may be busy for longer than ten seconds,
    as with tables that it makes, says so with ``patience``, in seconds: the end of a training
    waits for so long while it takes nothing, but for a minute at most.
    """

    def open(self, run: Path) -> None:
        """Begin, before the first value; called again later if it raises.

        Args:
            run: the run folder.
        """

    def scalars(self, iteration: int, values: Mapping[str, float]) -> None:
        """Numbers of one iteration, by signal; NaN and ±Inf as they were measured."""

    def profile(self, name: str, iteration: int, row: NDArray[np.floating[Any]]) -> None:
        """A row, shape ``(width,)``, such as the reach by lag."""

    def event(self, kind: str, iteration: int, body: Any) -> None:
        """Something that happened, such as a ``finding``: plain values, as JSON has them."""

    def close(self) -> None:
        """Deliver what is still buffered; nothing comes after."""


def sinks_of(to: "str | Sink | Iterable[str | Sink]") -> tuple[Sink, ...]:
    """Objects, or names such as ``"tensorboard"`` or ``"jsonl:values.jsonl"``, as objects.

    Args:
        to: one or several. After a colon comes where the sink writes; a name alone writes into the
            run folder.

    Raises:
        SettingError: there is no such sink, its package is missing, or an object is no sink.

    Example:
        >>> from backsight.errors import SettingError
        >>> from backsight.monitor.sinks import sinks_of
        >>> try:
        ...     sinks_of(["tensorbord"])
        ... except SettingError as error:
        ...     print("did you mean" in str(error))
        True
    """
    given = [to] if isinstance(to, (str, Sink)) or not isinstance(to, Iterable) else list(to)
    found = tuple(_named(one) if isinstance(one, str) else _checked(one) for one in given)
    if len({id(one) for one in found}) < len(found):
        raise SettingError("to names the same sink object twice: pass each sink once")
    return found


def _checked(one: object) -> Sink:
    if isinstance(one, Sink) and not isinstance(one, type):
        return one
    methods = ("open", "scalars", "profile", "event", "close")
    missing = [name for name in methods if not callable(getattr(one, name, None))]
    what = f"it lacks {', '.join(missing)}" if missing else "pass an object, not its class"
    raise SettingError(f"to expects sinks or their names, not {one!r:.80}: {what}")


def _named(text: str) -> Sink:
    name, colon, place = text.partition(":")
    known = {point.name: point for point in entry_points(group=GROUP)}
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        hint = f"did you mean {near[0]}?" if near else f"choose from {', '.join(sorted(known))}"
        raise SettingError(f"there is no sink {name!r}: {hint}")
    try:
        kind = known[name].load()
        return _checked(kind(place) if colon else kind())
    except BacksightError:
        raise
    except Exception as error:
        raise SettingError(f"the sink {name!r} cannot be used: {error!r:.200}") from error
