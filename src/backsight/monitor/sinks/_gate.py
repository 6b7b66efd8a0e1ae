"""A sink that puts a model's name into the names of its signals, and may be shut at first."""

from collections.abc import Callable, Mapping
from typing import Any

from numpy.typing import ArrayLike

from backsight.monitor.sinks._outbox import Recording
from backsight.signals import family
from backsight.signals import member as member_of

__all__ = ["Gate"]


class Gate:
    """Passes everything on, under the model's name: ``loss/label``, ``reach/label.rnn.l0``.

    While it is shut, what comes waits in memory in its order: where it goes, and under which name,
    may be decided later.

    Args:
        sink: where everything goes.
        label: the model's name; empty where a run has one model.
        shut: whether everything waits until :meth:`open`.

    Example:
        >>> from backsight.monitor.sinks import Gate
        >>> from backsight.signals import Recorder, Run
        >>> with Recorder("runs/mine") as recorder:
        ...     gate = Gate(recorder, shut=True)
        ...     gate.scalars(0, {"loss": 2.5})
        ...     gate.label = "Judge"
        ...     gate.open()
        >>> Run("runs/mine")["loss/Judge"].tolist()
        [2.5]
    """

    def __init__(self, sink: Recording, label: str = "", *, shut: bool = False) -> None:
        self.label = label
        self.shut = shut
        self._sink = sink
        self._waiting: list[Callable[[], None]] = []

    def open(self) -> None:
        """Let through what waits, and whatever comes."""
        self.shut = False
        waiting, self._waiting = self._waiting, []
        for action in waiting:
            action()

    def close(self) -> None:
        """Let nothing through until :meth:`open`, and forget what waits."""
        self.shut = True
        self._waiting.clear()

    def scalars(self, iteration: int, values: Mapping[str, float]) -> None:
        """As the recorder's."""
        held = dict(values)
        if not self.shut and not self.label:  # every iteration comes this way
            self._sink.scalars(iteration, held)
            return
        self._pass(
            lambda: self._sink.scalars(iteration, {self._full(n): v for n, v in held.items()})
        )

    def series(self, name: str, iterations: ArrayLike, values: ArrayLike) -> None:
        """As the recorder's."""
        self._pass(lambda: self._sink.series(self._full(name), iterations, values))

    def profile(self, name: str, iteration: int, row: ArrayLike) -> None:
        """As the recorder's."""
        self._pass(lambda: self._sink.profile(self._full(name), iteration, row))

    def event(self, kind: str, iteration: int, body: Any, *, urgent: bool = False) -> None:
        """As the recorder's; the body of an intervention names its model."""
        self._pass(
            lambda: self._sink.event(kind, iteration, self._named(kind, body), urgent=urgent)
        )

    def _pass(self, action: Callable[[], None]) -> None:
        if self.shut:
            self._waiting.append(action)
        else:
            action()

    def _named(self, kind: str, body: Any) -> Any:
        return body | {"model": self.label} if kind == "act" else body

    def _full(self, name: str) -> str:
        if not self.label:
            return name
        of, member = family(name), member_of(name)
        return f"{of}/{self.label}.{member}" if member else f"{of}/{self.label}"
