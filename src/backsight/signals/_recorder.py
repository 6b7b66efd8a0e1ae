"""Takes signals from a running training loop and gets them to disk, out of its way.

The training thread only appends to a queue. A thread of the recorder's own turns the queue
into blocks and commits them twice a second, together with a heartbeat, so that a killed run
loses at most its last second, however slow its iterations are.
"""

import atexit
import logging
import os
import sqlite3
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from backsight.errors import BacksightError, RunError
from backsight.signals._ending import EndReason, end_reason_of, words_of
from backsight.signals._folder import (
    STORE,
    create_folder,
    remove_folder,
    resume_folder,
    shown,
    update,
)
from backsight.signals._json import dumps
from backsight.signals._run import Run
from backsight.signals._samples import SampleBlock
from backsight.signals._store import Store

__all__ = ["Committed", "Recorder"]

_log = logging.getLogger("backsight")

COMMIT_EVERY = 0.5
"""Seconds between commits. A kill may cost a second; the other half is for whoever measures."""

RETRY_EVERY = 5.0
"""Seconds between tries while the disk takes nothing: each one handles all that waits."""

KEEP_BYTES = 256 << 20
"""How much may wait in memory while the disk takes nothing; past that the oldest goes."""

Committed = Callable[
    [Mapping[str, Sequence[SampleBlock]], Sequence[tuple[int, float, str, str]]], None
]
"""Takes blocks by signal, and events: iteration, time, kind and a body of JSON."""


class Recorder:
    """The one writer of a run folder.

    Usable as a context manager: leaving it closes the run as ``finished``, an exception as
    ``failed`` with its text. Scalars of one call share an iteration; every signal's
    iterations must increase. A disk that takes nothing never stops training: values wait in
    memory, one warning says so, and every commit is another try.

    Args:
        path: the run folder to create.
        kind: what kind of run this is (``train chars``).
        config: the settings, kept in ``run.json``.
        seed: the seed, or None.
        command: the command line, where ``sys.argv`` no longer holds it.

    Raises:
        RunError: the folder exists already or cannot be made.

    Example:
        >>> from backsight import Recorder, Run
        >>> with Recorder("runs/mine", kind="demo", config={"lr": 0.1}) as recorder:
        ...     for iteration, loss in enumerate([2.5, 2.0, 1.75]):
        ...         recorder.scalars(iteration, {"loss": loss})
        >>> run = Run("runs/mine")
        >>> run.status, run["loss"].tolist(), run.info["config"]
        ('finished', [2.5, 2.0, 1.75], {'lr': 0.1})
    """

    def __init__(
        self,
        path: Path | str,
        *,
        kind: str = "run",
        config: Mapping[str, Any] | None = None,
        seed: int | None = None,
        command: str | None = None,
    ) -> None:
        create_folder(Path(path), kind=kind, config=config or {}, seed=seed, command=command)
        self.path = Path(path).absolute()
        """Where the run is, wherever the program goes."""
        try:
            store = Store(self.path / STORE)
        except RunError:
            remove_folder(self.path)
            raise
        self._begin(store)

    @classmethod
    def resume(
        cls,
        path: Path | str,
        *,
        before: int,
        events: int,
        sooner: Collection[str] = (),
        config: Mapping[str, Any],
    ) -> Self:
        """Go on with a run that has ended, or whose writer is gone.

        What it recorded from ``before`` on is forgotten, so that recording it again neither
        doubles nor loses an iteration.

        Args:
            path: the run folder.
            before: the iteration to go on from.
            events: how many events stay, as :attr:`events` told.
            sooner: signals of which the iteration before is forgotten too.
            config: the settings from now on.

        Raises:
            RunError: the run is being written, is damaged, or holds fewer iterations than those
                to go on from.
        """
        run = Run(path)
        if run.status == "running":
            raise RunError(f"another process is still writing {path}: stop that process first")
        if run.iterations < before:
            raise RunError(
                f"{path} is incomplete: it should resume at iteration {before}, but {STORE} holds "
                f"only {run.iterations} iterations; copy the folder again"
            )
        store = Store(run.path / STORE, new=False)
        try:
            # First the status, then the cut: a kill between them leaves a run that reads correctly.
            resume_folder(run.path, iteration=before, config=config)
            store.cut(before, events=events, sooner=sooner)
        except (RunError, sqlite3.Error) as error:
            store.close()
            raise RunError(f"cannot resume {run.path}: {error}") from error
        recorder = cls.__new__(cls)
        recorder.path = run.path.absolute()
        recorder._begin(store)
        return recorder

    def _begin(self, store: Store) -> None:
        self._store = store
        # deque.append and popleft are atomic: the hot path takes no lock.
        self._queue: deque[tuple[Any, ...]] = deque()
        self._pending: dict[str, list[SampleBlock]] = {}
        self._pending_events: list[tuple[int, float, str, str]] = []
        self._last = store.newest  # iteration and dimensions
        self._warned: set[str] = set()
        self._lost = 0
        # Iterations that reached the disk.
        self._written = max((last + 1 for last, _ in self._last.values()), default=0)
        self._commit_lock = threading.Lock()
        self._wake = threading.Event()
        self._closed = False
        self.ended = False
        """Whether the run's end is on the disk."""
        self.committed: Committed | None = None
        """Called in the recorder's thread with the blocks and events of each commit."""
        self._pause = COMMIT_EVERY
        self._pid = os.getpid()
        self._thread = threading.Thread(target=self._work, name="backsight-recorder", daemon=True)
        self._commit()  # a reader finds a whole store and a heartbeat from the first moment
        self._thread.start()
        atexit.register(self._abandon)

    # -- from the training thread: an append each ------------------------------------------

    def scalars(self, iteration: int, values: Mapping[str, float]) -> None:
        """Record one number a signal at ``iteration``, as float64."""
        self._queue.append(("scalars", iteration, dict(values)))

    def series(self, name: str, iterations: ArrayLike, values: ArrayLike) -> None:
        """Record many samples of a scalar at once, in the values' own float dtype.

        Args:
            name: the signal.
            iterations: shape ``(n,)``.
            values: shape ``(n,)``; taken over, not copied.
        """
        self._queue.append(("block", name, iterations, values))

    def profile(self, name: str, iteration: int, row: ArrayLike) -> None:
        """Record one row, shape ``(width,)``; the width may differ from the last row's."""
        self._queue.append(("block", name, [iteration], np.asarray(row)[np.newaxis]))

    def event(self, kind: str, iteration: int, body: Any, *, urgent: bool = False) -> None:
        """Record something that happened; ``urgent`` commits at once."""
        self._queue.append(("event", iteration, time.time(), kind, dumps(body)))
        if urgent:
            self._wake.set()

    # -- lifetime --------------------------------------------------------------------------

    @property
    def events(self) -> int:
        """How many events have reached the disk: what :meth:`resume` needs to know."""
        return self._store.events

    def flush(self) -> bool:
        """Commit everything recorded so far, now, and see that a power cut leaves it there.

        Returns:
            whether all of it is on disk.
        """
        self._commit()
        with self._commit_lock:
            try:
                self._store.sync()
            except sqlite3.Error:
                return False
            return not self._pending and not self._pending_events

    def close(
        self,
        status: str = "finished",
        reason: str | None = None,
        end_reason: EndReason | None = None,
    ) -> None:
        """Commit, fold the journal back and write the final status. A second call does nothing.

        Args:
            status: ``finished`` or ``failed``.
            reason: why it ended, in words, where that is worth telling.
            end_reason: why it ended; ``completed`` or ``error``, by the status, if not given.
        """
        if end_reason is None:
            end_reason = "completed" if status == "finished" else "error"
        if self._closed or os.getpid() != self._pid:
            return
        self._closed = True
        atexit.unregister(self._abandon)
        self._wake.set()
        self._thread.join()
        self._commit()
        self._report_losses()
        ending = {
            "status": status,
            "end_reason": end_reason,
            "reason": reason,
            "ended": time.time(),
        }
        self.ended = True
        for finish in (
            self._store.close,
            lambda: update(self.path, **ending, iterations=self._written),
        ):
            try:
                finish()
            except (OSError, sqlite3.Error, BacksightError) as error:
                self.ended = False
                self._warn("close", f"cannot write the end of the run {shown(self.path)}: {error}")

    def close_after(self, error: BaseException | None) -> None:
        """Close the run as ``finished``, or as ``failed`` by what ended the training.

        An exit with status 0 has finished it.
        """
        reason = end_reason_of(error)
        if error is None or reason == "completed":
            self.close()
        else:
            self.close("failed", words_of(error), reason)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: Any
    ) -> None:
        self.close_after(error)

    def _abandon(self) -> None:
        with suppress(Exception):  # it would be shown as the script's
            self.close("failed", "the process ended without closing the run", "abandoned")

    # -- from the recorder's own thread ----------------------------------------------------

    def _work(self) -> None:
        # ``threading.settrace`` of the script's is for its own threads.
        sys.settrace(None)
        sys.setprofile(None)
        while not self._closed:
            self._wake.wait(self._pause)
            self._wake.clear()
            self._commit()

    def _commit(self) -> None:
        if os.getpid() != self._pid:
            return  # a forked child (a data loader's worker) is not the writer
        with self._commit_lock:
            self._drain()
            try:
                self._store.write(self._pending, self._pending_events, time.time())
            except sqlite3.OperationalError as error:  # full, or not writable: may pass
                self._pause = RETRY_EVERY
                self._warn(
                    "write",
                    f"cannot write to {shown(self.path / STORE)} ({error}): new values stay in "
                    "memory for now, and training continues",
                )
                self._bound_memory()
                return
            except Exception as error:  # noqa: BLE001 - an observer's error must not end the run
                # Nothing that could be written later: let it not stand in the way of the rest.
                self._lost += self._waiting()
                self._warn(
                    "poison", f"some values for {shown(self.path / STORE)} are lost: {error!r}"
                )
            else:
                for blocks in self._pending.values():
                    self._written = max(self._written, int(blocks[-1].iterations[-1]) + 1)
                if self.committed is not None and (self._pending or self._pending_events):
                    self.committed(self._pending, self._pending_events)
            self._pending, self._pending_events, self._pause = {}, [], COMMIT_EVERY

    def _drain(self) -> None:
        """Turn the queue into blocks."""
        rows: dict[str, tuple[list[int], list[float]]] = {}
        while self._queue:
            what, *item = self._queue.popleft()
            if what == "scalars":
                iteration, values = item
                for name, value in values.items():
                    if name not in rows:
                        rows[name] = [], []
                    rows[name][0].append(iteration)
                    rows[name][1].append(value)
            elif what == "block":
                if item[0] in rows:  # recorded before it, so written before it
                    self._add(item[0], *rows.pop(item[0]))
                self._add(*item)
            else:
                self._pending_events.append(tuple(item))
        for name, (iterations, numbers) in rows.items():
            self._add(name, iterations, numbers)

    def _add(self, name: str, iterations: ArrayLike, values: ArrayLike) -> None:
        """Queue samples for the store, or say once why they cannot be kept."""
        try:
            at = np.asarray(iterations, np.int64)
            numbers = np.asarray(values)
            if numbers.dtype != np.float32:
                numbers = numbers.astype(np.float64)
        except (TypeError, ValueError) as error:
            self._warn(name, f"signal {name!r} was dropped: its values are not numbers ({error})")
            return
        if at.size == 0:
            return
        last, ndim = self._last.get(name, (-1, numbers.ndim))
        fits = numbers.ndim == ndim and ndim in (1, 2) and at.shape == numbers.shape[:1]
        if not fits or numbers.size == 0:
            expected = "one number" if ndim == 1 else "one row of numbers"
            self._warn(
                name, f"signal {name!r} was dropped at iteration {at[0]}: expected {expected}"
            )
        elif np.any(np.diff(at, prepend=last) <= 0):
            self._warn(
                name,
                f"signal {name!r} was dropped at iteration {at[0]}: iterations must increase, "
                f"but the last one was {last}",
            )
        else:
            self._last[name] = int(at[-1]), ndim
            self._pending.setdefault(name, []).append(SampleBlock(at, numbers))

    def _bound_memory(self) -> None:
        """Give up the oldest blocks of the largest signals while too much waits."""
        held = {name: sum(b.nbytes for b in blocks) for name, blocks in self._pending.items()}
        while sum(held.values()) > KEEP_BYTES:
            name = max(held, key=held.__getitem__)
            block = self._pending[name].pop(0)
            held[name] -= block.nbytes
            self._lost += len(block.iterations)
            if not self._pending[name]:
                del self._pending[name], held[name]

    def _waiting(self) -> int:
        return sum(len(b.iterations) for blocks in self._pending.values() for b in blocks)

    def _report_losses(self) -> None:
        lost = self._lost + self._waiting()
        if lost:
            self._warn(
                "lost",
                f"{lost:,} values of {shown(self.path)} were not written to disk and are lost",
            )

    def _warn(self, key: str, message: str) -> None:
        """Say it once a key."""
        if key not in self._warned:
            self._warned.add(key)
            _log.warning("backsight: %s", message)
