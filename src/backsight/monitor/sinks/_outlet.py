"""One sink and its thread: whatever the sink does, neither training nor recorder waits for it."""

import json
import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from backsight.monitor.sinks._sink import Sink
from backsight.signals import SampleBlock, hide_words

__all__ = ["Batch", "Outlet"]

_log = logging.getLogger("backsight")

RETRY_EVERY = 5.0
"""Seconds after a failure until the next try: one to a server that is down may take long."""

KEEP_VALUES = 1_000_000
"""How many values may wait for a slow sink; past that the oldest go."""

FLUSH_AFTER = 1_000
"""Values after which a sink that buffers is asked to deliver them."""

PATIENCE = 10.0
"""Seconds that the end of a training waits for a sink that takes nothing meanwhile."""

LONGEST = 60.0
"""Seconds that it waits for one that does, or that asks for more patience."""

Batch = tuple[Mapping[str, Sequence[SampleBlock]], Sequence[tuple[int, float, str, str]]]
"""What one commit of the recorder wrote."""


class Outlet:
    """Delivers batches to one sink, in a thread of its own.

    What a sink does not take is told once and counted. After a failure, the rest waits; at the
    end, each failure gives up what is left.

    Args:
        sink: where values go.
        run: the run folder.
        retry: seconds after a failure until the next try.
        patience: seconds in which the sink takes nothing, after which the end does not wait any
            longer; by default the sink's own, or ten.
        longest: seconds that the end waits at most.
    """

    def __init__(
        self,
        sink: Sink,
        run: Path,
        *,
        retry: float = RETRY_EVERY,
        patience: float | None = None,
        longest: float = LONGEST,
    ) -> None:
        self.missed = 0
        """Values and events that the sink did not take."""
        self._sink, self._run = sink, run
        self._retry, self._patience, self._longest = retry, patience, longest
        self._moved = time.monotonic()
        """When the sink took something last."""
        self._name = type(sink).__name__
        self._flush: Callable[[], None] | None = getattr(sink, "flush", None)
        self._only_events = getattr(sink, "only_events", False) is True
        self._batches: deque[tuple[int, Batch]] = deque()
        self._waiting = 0
        self._held = 0
        """Values of the batch that is being delivered."""
        self._opened = self._told = self._closing = self._abandoned = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(
            target=self._work, name=f"backsight-{self._name}", daemon=True
        )
        self._thread.start()

    # -- from the recorder's thread --------------------------------------------------------

    def put(self, batch: Batch) -> None:
        """Hand on what was written; returns at once."""
        if self._only_events:  # numbers that it does not want cannot be missed either
            batch = {}, batch[1]
        size = sum(len(b.iterations) for blocks in batch[0].values() for b in blocks)
        size += len(batch[1])
        with self._changed:
            self._batches.append((size, batch))
            self._waiting += size
            while self._waiting > KEEP_VALUES and len(self._batches) > 1:
                dropped, _ = self._batches.popleft()
                self._waiting -= dropped
                self.missed += dropped
            self._changed.notify()

    def close(self) -> None:
        """Deliver what waits, for a while, and say what the sink has missed."""
        began = time.monotonic()
        with self._changed:
            self._closing = True
            self._changed.notify()
        try:
            self._wait(began)
        finally:  # also where Ctrl-C ends the wait
            self._tell(time.monotonic() - began)

    def _wait(self, began: float) -> None:
        """As long as the sink gets on."""
        patience = self._patience
        if patience is None:
            patience = min(getattr(self._sink, "patience", PATIENCE), self._longest)
        told = False
        while self._thread.is_alive():
            now = time.monotonic()
            until = min(max(began, self._moved) + patience, began + self._longest)
            if now >= until:
                return
            if not told and now >= began + PATIENCE:
                told = True
                _log.warning(
                    "backsight: the training of %s has ended, and Backsight waits up to %.0f more "
                    "seconds for the sink %s",
                    self._run.name, began + self._longest - now, self._name,
                )  # fmt: skip
            self._thread.join(until - now if told else min(until, began + PATIENCE) - now)

    def _tell(self, waited: float) -> None:
        with self._changed:
            late, left = self._thread.is_alive(), self._waiting + self._held
            self._abandoned = True
            self.missed += left
        slow = f"it was not ready after {waited:.2g} seconds"
        if self.missed:
            why = f", because {slow}" if late and left else ""
            what = "event" if self._only_events else "value"
            what += "s" if self.missed > 1 else ""
            _log.warning(
                "backsight: the sink %s missed %s %s of %s%s; the run folder has all of them",
                self._name, f"{self.missed:,}", what, self._run.name, why,
            )  # fmt: skip
        elif late:
            _log.warning(
                "backsight: the sink %s has all values of %s, but %s with what it does at the end",
                self._name, self._run.name, slow,
            )  # fmt: skip

    # -- from the thread of the sink -------------------------------------------------------

    def _work(self) -> None:
        # ``threading.settrace`` of the script's is for its own threads.
        sys.settrace(None)
        sys.setprofile(None)
        while self._take():
            pass
        if self._opened and not self._abandoned:
            self._try(self._sink.close)

    def _take(self) -> bool:
        """Deliver one batch; False at the end."""
        with self._changed:
            while not self._batches and not self._closing:
                self._changed.wait()
            if not self._batches or self._abandoned:
                return False
            size, batch = self._batches.popleft()
            self._waiting -= size
            self._held = size
        buffered = 0
        for part, call in self._calls(batch):
            while not self._opened:
                self._opened = self._try(lambda: self._sink.open(self._run))
                if not self._opened and not self._pause():
                    return False
            taken = self._try(call)
            if taken and self._flush is not None:
                buffered += part
                if buffered < FLUSH_AFTER:
                    continue
                part, buffered, taken = buffered, 0, self._try(self._flush)
            if not self._settle(part, taken):
                return False
        if buffered and self._flush is not None:
            return self._settle(buffered, self._try(self._flush))
        return True

    def _settle(self, part: int, taken: bool) -> bool:
        """Count so many values as delivered or missed; False at the end."""
        with self._changed:
            if self._abandoned:
                return False
            self._held -= part
            self.missed += 0 if taken else part
        return taken or self._pause()

    def _calls(self, batch: Batch) -> Iterator[tuple[int, Callable[[], None]]]:
        """What the sink is called with: how many values each call has, and the call."""
        blocks, events = batch
        scalars: dict[int, dict[str, float]] = {}
        for name, several in blocks.items():
            for block in several:
                if block.values.ndim == 1:
                    numbers = block.values.tolist()
                    for iteration, value in zip(block.iterations.tolist(), numbers, strict=True):
                        scalars.setdefault(iteration, {})[name] = value
        sink = self._sink
        for iteration in sorted(scalars):
            values = scalars[iteration]
            yield len(values), lambda i=iteration, v=values: sink.scalars(i, v)  # type: ignore[misc]
        for name, several in blocks.items():
            for block in several:
                if block.values.ndim == 2:
                    for iteration, row in zip(block.iterations.tolist(), block.values, strict=True):
                        yield 1, lambda n=name, i=iteration, r=row: sink.profile(n, i, r)  # type: ignore[misc]
        for iteration, _, kind, body in events:
            yield 1, lambda k=kind, i=iteration, b=body: sink.event(k, i, json.loads(b))  # type: ignore[misc]

    def _try(self, call: Callable[[], None]) -> bool:
        try:
            call()
        except BaseException as error:  # noqa: BLE001 - also SystemExit: it must not end the thread
            if not self._told:
                self._told = True
                (words,) = hide_words([f"{type(error).__name__}: {error}"[:300]])
                _log.warning(
                    "backsight: the sink %s failed (%s); training and recording continue, and "
                    "Backsight tries again every %g seconds",
                    self._name, words, self._retry,
                )  # fmt: skip
            return False
        self._moved = time.monotonic()
        return True

    def _pause(self) -> bool:
        """Wait before the next try; False where the training has ended."""
        until = time.monotonic() + self._retry
        with self._changed:
            while not self._closing and (left := until - time.monotonic()) > 0:
                self._changed.wait(left)
            return not self._closing
