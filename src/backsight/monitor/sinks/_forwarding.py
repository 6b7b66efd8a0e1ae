"""Hands what a recorder has written to sinks, without letting the recorder wait for them."""

import atexit
import os
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Self

from backsight.monitor.sinks._outlet import Outlet
from backsight.monitor.sinks._sink import Sink

__all__ = ["Forwarding"]


class Forwarding:
    """The sinks of one run, each with a thread of its own.

    Values come from the recorder's thread after they were written, with their iterations: a sink
    has what the run has, and the training loop does nothing for it.

    Args:
        sinks: where values go beside the run folder.
        run: the run folder.
        settings: of each :class:`Outlet`.

    Example:
        >>> from pathlib import Path
        >>> from backsight.integrations import JsonLines
        >>> from backsight.monitor.sinks import Forwarding
        >>> from backsight.signals import Recorder
        >>> sinks = [JsonLines("values.jsonl")]
        >>> with Forwarding(sinks, Path("runs/mine")) as forwarding, Recorder("runs/mine") as run:
        ...     run.committed = forwarding.take
        ...     run.scalars(0, {"loss": 2.5})
        >>> Path("values.jsonl").read_text()
        '{"iteration": 0, "scalars": {"loss": 2.5}}\\n'
    """

    def __init__(self, sinks: Sequence[Sink], run: Path, **settings: Any) -> None:
        self._outlets = [Outlet(sink, run.absolute(), **settings) for sink in sinks]
        self._pid = os.getpid()
        self._closed = False
        # Before the recorder's own, so that it runs after it, where nobody closes the run.
        atexit.register(self._abandon)

    @property
    def missed(self) -> int:
        """Values and events that sinks did not take."""
        return sum(outlet.missed for outlet in self._outlets)

    def take(self, blocks: Any, events: Any) -> None:
        """What a recorder has committed: its ``committed``."""
        for outlet in self._outlets:
            outlet.put((blocks, events))

    def close(self) -> None:
        """Deliver what waits, and say what was missed. A second call does nothing."""
        if self._closed or os.getpid() != self._pid:
            return  # a forked child has none of the threads
        self._closed = True
        atexit.unregister(self._abandon)
        with ExitStack() as stack:  # one whose wait Ctrl-C ends does not keep the others from it
            for outlet in reversed(self._outlets):
                stack.callback(outlet.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _abandon(self) -> None:
        with suppress(Exception):  # it would be shown as the script's
            self.close()
