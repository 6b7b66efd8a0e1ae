"""A recorder that makes its folder with the first signal: no training, no run."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike

from backsight.errors import BacksightError, RunError
from backsight.monitor.sinks._forwarding import Forwarding
from backsight.monitor.sinks._null_recorder import NullRecorder
from backsight.monitor.sinks._sink import Sink
from backsight.signals import Recorder, shown

__all__ = ["LateRecorder"]

_log = logging.getLogger("backsight")


class LateRecorder:
    """A recorder that makes its folder with the first signal: no training, no run.

    Where the folder cannot be made then, one warning says so, and nothing is recorded.

    Args:
        path: the folder to create.
        kind: what kind of run this is.
        config: settings for ``run.json``.
        command: the command line; a script finds its own in ``sys.argv``.
        another: gives another path where that one is taken by then, by another process that
            began at the same time; None where it has to be that one.
        sinks: makes the sinks of the run, when it begins. If it fails, one warning says so, and
            the run has none.

    Example:
        >>> from pathlib import Path
        >>> from backsight.monitor import LateRecorder
        >>> recorder = LateRecorder(Path("runs/mine"), kind="run", config={})
        >>> recorder.began, Path("runs/mine").exists()
        (False, False)
        >>> recorder.scalars(0, {"loss": 2.0})
        >>> recorder.close()
        >>> recorder.began, Path("runs/mine").exists()
        (True, True)
    """

    def __init__(
        self,
        path: Path,
        *,
        kind: str,
        config: dict[str, Any],
        command: str | None = None,
        another: Callable[[], Path] | None = None,
        sinks: Callable[[], Sequence[Sink]] = tuple,
    ) -> None:
        self.path = path.absolute()  # the program may go elsewhere before its first signal
        self._another = another
        self._kind, self._config, self._command = kind, config, command
        self._events: list[tuple[str, int, Any]] = []
        self._make_sinks = sinks
        self._recorder: Recorder | None = None
        self._forwarding: Forwarding | None = None
        self.failed = False
        """Whether the folder could not be made."""

    @property
    def began(self) -> bool:
        """Whether there is a run."""
        return self._recorder is not None

    @property
    def ended(self) -> bool:
        """Whether the end of the run is on the disk."""
        return self._recorder is not None and self._recorder.ended

    def scalars(self, iteration: int, values: Any) -> None:
        """As the recorder's."""
        if values:
            self._real().scalars(iteration, values)

    def series(self, name: str, iterations: ArrayLike, values: ArrayLike) -> None:
        """As the recorder's."""
        self._real().series(name, iterations, values)

    def profile(self, name: str, iteration: int, row: ArrayLike) -> None:
        """As the recorder's."""
        self._real().profile(name, iteration, row)

    def event(self, kind: str, iteration: int, body: Any, *, urgent: bool = False) -> None:
        """As the recorder's; kept until there is a run."""
        if self._recorder is None:
            self._events.append((kind, iteration, body))
        else:
            self._recorder.event(kind, iteration, body, urgent=urgent)

    def close(self, error: BaseException | None = None) -> None:
        """End the run, if there is one."""
        if self._recorder is not None:
            self._recorder.close_after(error)
        if self._forwarding is not None:
            self._forwarding.close()

    def _made(self) -> Recorder:
        sinks = self._sinks()
        while True:
            # Before the recorder, so that it ends after it where nobody closes the run.
            forwarding = Forwarding(sinks, self.path) if sinks else None
            try:
                recorder = Recorder(
                    self.path, kind=self._kind, config=self._config, command=self._command
                )
                if forwarding is not None:
                    self._forwarding, recorder.committed = forwarding, forwarding.take
                return recorder
            except RunError:
                if forwarding is not None:
                    forwarding.close()
                if self._another is None or not self.path.exists():
                    raise
                self.path = self._another().absolute()
                self._config = {**self._config, "run": str(self.path)}

    def _sinks(self) -> Sequence[Sink]:
        try:
            return self._make_sinks()
        except BacksightError as error:
            _log.warning("backsight: %s has no sink: %s", shown(self.path), error)
            return ()

    def _real(self) -> Recorder | NullRecorder:
        if self.failed:
            return NullRecorder()
        if self._recorder is None:
            try:
                self._recorder = self._made()
            except RunError as error:
                self.failed = True
                _log.warning("backsight: nothing is recorded: %s", error)
                return NullRecorder()
            for kind, iteration, body in self._events:
                self._recorder.event(kind, iteration, body)
        return self._recorder
