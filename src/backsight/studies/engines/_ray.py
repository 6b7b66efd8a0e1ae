"""Trials on a Ray cluster: each in a scratch folder where it runs, its run folder sent home."""

import importlib
import io
import os
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from backsight.errors import RunError, SettingError
from backsight.studies._trial import Ended, Trial
from backsight.studies.engines._base import GRACE, ONE_THREAD

__all__ = ["RayEngine"]

DIED = -int(signal.SIGKILL)
"""The status of a trial whose worker is gone: nobody can tell its own."""


PATIENCE = 5.0
"""Seconds for a cluster to answer."""

WITH_ITS_PARENT = """
import ctypes, os, signal, sys
parent = int(sys.argv[1])
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:
        sys.exit(1)
os.execv(sys.argv[2], sys.argv[2:])
"""
"""Becomes the trial. A worker that is killed, as Ray does at the end of a job, cannot end what it
has started: the kernel does."""


class RayEngine:
    """A Ray cluster, or Ray started on this machine.

    Its machines need Backsight, and what a script reads at the same paths as here.

    Args:
        address: of the cluster, such as ``ray-head:6379``; started here if empty.
        gpus: that a trial gets; a fraction shares one.

    Raises:
        SettingError: Ray is not installed, or the cluster cannot be reached.

    Example:
        >>> from unittest.mock import patch
        >>> from backsight.errors import SettingError
        >>> from backsight.studies.engines import RayEngine
        >>> with patch.dict("sys.modules", ray=None):  # as where Ray is not installed
        ...     try:
        ...         RayEngine("ray-head:6379")
        ...     except SettingError as error:
        ...         print("backsight[ray]" in str(error))
        True
    """

    def __init__(self, address: str = "", gpus: float = 0.0) -> None:
        try:
            self._ray: Any = importlib.import_module("ray")
        except ImportError:
            raise SettingError(
                "--engine ray needs Ray: pip install 'backsight[ray]', or choose --engine local"
            ) from None
        self._address, self._gpus = address, gpus
        there = self._connect()
        if gpus > there.get("GPU", 0):
            self._ray.shutdown()
            raise SettingError(
                f"--gpus-per-trial {gpus:g} is more than Ray has: {there.get('GPU', 0):g}"
            )
        self.workers = max(1, int(there.get("CPU", 1)))
        if gpus:
            self.workers = max(1, min(self.workers, int(there["GPU"] / gpus)))

    def run(self, trials: Sequence[Trial]) -> Generator[Ended, None, None]:
        """Run them; see :class:`~backsight.studies.Engine`.

        A trial that is interrupted begins anew the next time: what it has recorded by then does
        not come home.

        Raises:
            SettingError: the cluster cannot be reached any more.
            RunError: what a trial recorded cannot be kept.
        """
        ray = self._ray
        if not ray.is_initialized():  # the round before has left it; Ray itself would start another
            self._connect()
        remote = ray.remote(_execute).options(
            num_cpus=1, num_gpus=self._gpus, max_retries=0, name="backsight trial"
        )
        try:
            waiting = {
                remote.remote(t.command, sys.executable, str(t.run), _packed(t.run)): t
                for t in trials
            }
            began = time.monotonic()
            while waiting:
                (ready,), _ = ray.wait(list(waiting), num_returns=1)
                trial = waiting.pop(ready)
                try:
                    status, seconds, said, content = ray.get(ready)
                except ray.exceptions.RayError as error:
                    first = str(error).strip().splitlines()[0]
                    status, seconds = DIED, time.monotonic() - began
                    said, content = f"its worker died: {first}\n".encode(), b""
                _bring_home(trial, said, content)
                yield Ended(trial.name, status, seconds)
        finally:
            with suppress(ray.exceptions.RayError):
                for reference in waiting:
                    ray.cancel(reference)
            ray.shutdown()

    def _connect(self) -> Mapping[str, float]:
        """Join the cluster, or start one here; what it has of each resource."""
        _knock(self._address)
        quiet = {"log_to_driver": False, "logging_level": "ERROR"}
        try:
            if self._address:
                self._ray.init(address=self._address, **quiet)
            else:
                self._ray.init(address="local", include_dashboard=False, **quiet)
            there: Mapping[str, float] = self._ray.cluster_resources()
        except (ConnectionError, OSError, RuntimeError, TimeoutError, ValueError) as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
            raise SettingError(
                f"Ray cannot be reached at {self._address or 'this machine'} ({reason}): ray "
                "status there tells whether it is up"
            ) from error
        return there


def _knock(address: str) -> None:
    """See that somebody answers there: Ray itself would try for minutes.

    Raises:
        SettingError: nobody does.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        return  # "auto", which Ray looks up
    try:
        socket.create_connection((host.strip("[]"), int(port)), PATIENCE).close()
    except (OSError, OverflowError) as error:
        raise SettingError(
            f"Ray cannot be reached at {address} ({error}): ray status there tells whether it is up"
        ) from error


def _execute(
    command: Sequence[str], python: str, run: str, content: bytes
) -> tuple[int, float, bytes, bytes]:
    """On a worker: run the trial in a scratch folder.

    Args:
        command: the trial's, for the machine the study runs on.
        python: that machine's interpreter; this one's takes its place.
        run: the run folder there; one in the scratch folder takes its place.
        content: of that folder, packed; empty where the trial begins anew.

    Returns:
        exit status, seconds, what it printed, and its run folder, packed.
    """
    with tempfile.TemporaryDirectory(prefix="backsight-trial-") as scratch:
        here = Path(scratch) / Path(run).name
        _unpack(content, here)
        places = {python: sys.executable, run: str(here)}
        log = Path(scratch) / "log"
        began = time.monotonic()
        with log.open("wb") as file:
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-c",
                    WITH_ITS_PARENT,
                    str(os.getpid()),
                    *(places.get(word, word) for word in command),
                ],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                env={**os.environ, **ONE_THREAD},
            )
            try:
                status = process.wait()
            finally:
                process.terminate()
                with suppress(subprocess.TimeoutExpired):
                    process.wait(GRACE)
                process.kill()
        return status, time.monotonic() - began, log.read_bytes(), _packed(here)


def _packed(folder: Path) -> bytes:
    """A folder's content as a tar; empty where there is none."""
    if not folder.is_dir():
        return b""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        tar.add(folder, arcname=".")
    return packed.getvalue()


def _unpack(content: bytes, folder: Path) -> None:
    if content:
        with tarfile.open(fileobj=io.BytesIO(content)) as tar:
            tar.extractall(folder, filter="data")


def _bring_home(trial: Trial, said: bytes, content: bytes) -> None:
    try:
        trial.log.parent.mkdir(parents=True, exist_ok=True)
        with trial.log.open("ab") as file:
            file.write(said)
        _unpack(content, trial.run)
    except OSError as error:
        raise RunError(
            f"cannot keep what the trial {trial.name} recorded: {error.strerror or error}"
        ) from error
