"""Tells open pages that something has changed: server-sent events.

An event says only that there is news; the page asks for it. So nothing queues: what a slow page
has not taken is overwritten by what is newer. As long as no page is open, nothing is looked at.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from starlette.concurrency import run_in_threadpool

__all__ = ["EventStreams", "TooManyStreamsError"]

_log = logging.getLogger("backsight.ui")

PING = 15.0
"""Seconds without news after which a comment is sent: a client that is gone is found out by it."""

MOST = 512
"""EventStreams at a time."""


class TooManyStreamsError(Exception):
    """As many pages are open as there may be."""


@dataclass(eq=False, slots=True)
class _Topic:
    """What pages wait for, and who does."""

    look: Callable[[], str]
    """What there is now, in a word that changes with it; called in a thread."""
    every: float
    streams: list["_Stream"] = field(default_factory=list)
    task: "asyncio.Task[None] | None" = None
    newest: str = ""


@dataclass(eq=False, slots=True)
class _Stream:
    """One open page: a place for one piece of news."""

    news: str = ""
    woken: asyncio.Event = field(default_factory=asyncio.Event)


class EventStreams:
    """All open streams, by what they wait for."""

    def __init__(self, most: int = MOST, ping: float = PING) -> None:
        self._topics: dict[str, _Topic] = {}
        self._most, self._ping = most, ping
        self._closing = False

    @property
    def open(self) -> int:
        """How many there are."""
        return sum(len(topic.streams) for topic in self._topics.values())

    def close(self) -> None:
        """End all of them."""
        self._closing = True
        for topic in self._topics.values():
            for stream in topic.streams:
                stream.woken.set()

    def listen(self, name: str, look: Callable[[], str], every: float) -> AsyncIterator[bytes]:
        """The text of an event stream, with an event whenever ``look()`` gives another word.

        Args:
            name: of the topic; those who wait for the same share one look.
            look: what there is now.
            every: seconds between looks.

        Raises:
            TooManyStreamsError: there are as many as there may be.
        """
        if self.open >= self._most:
            raise TooManyStreamsError
        return self._events(name, look, every)

    async def _events(
        self, name: str, look: Callable[[], str], every: float
    ) -> AsyncIterator[bytes]:
        # Only now: of a stream that is never begun, nothing would be taken away again.
        topic = self._topics.setdefault(name, _Topic(look, every))
        stream = _Stream()
        topic.streams.append(stream)
        try:
            if topic.task is None:
                topic.task = asyncio.create_task(self._watch(topic))
            yield b"retry: 2000\n\n"
            if topic.newest:
                yield f"data: {topic.newest}\n\n".encode()
            while not self._closing:
                try:
                    async with asyncio.timeout(self._ping):
                        await stream.woken.wait()
                except TimeoutError:
                    yield b": still here\n\n"
                    continue
                stream.woken.clear()
                if not self._closing:
                    yield f"data: {stream.news}\n\n".encode()
        finally:
            topic.streams.remove(stream)
            if not topic.streams:
                if topic.task is not None:
                    topic.task.cancel()
                if self._topics.get(name) is topic:
                    del self._topics[name]

    async def _watch(self, topic: _Topic) -> None:
        """Look again and again; tell of each change."""
        while True:
            try:
                newest = await run_in_threadpool(topic.look)
            except Exception:  # noqa: BLE001 - the next look may succeed
                _log.warning("backsight: a look at the runs failed", exc_info=True)
                newest = topic.newest
            if newest != topic.newest:
                topic.newest = newest
                for stream in topic.streams:
                    stream.news = newest
                    stream.woken.set()
            await asyncio.sleep(topic.every)
