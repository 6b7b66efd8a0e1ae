"""A run's folder on disk and its ``run.json``.

::

    runs/<name>/
        run.json      what was run: settings, command line, versions, seed, writer; and how it
                      ended: status, end_reason (see ``_ending``), reason in words
        signals.db    what was measured (see ``_store``)
        checkpoints/  what can be resumed
        report.html   what was seen
"""

import functools
import os
import platform
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

from backsight.errors import RunError
from backsight.signals import _process
from backsight.signals._checked import check, check_format, read_object
from backsight.signals._ending import former_end_reason
from backsight.signals._json import write_json
from backsight.signals._migration import FORMAT
from backsight.signals._schemas import RunFile
from backsight.signals._secrets import hide_settings, hide_words

__all__ = [
    "RUN_JSON",
    "STORE",
    "check_place",
    "create_folder",
    "free_name",
    "git_revision",
    "read_run_json",
    "remove_folder",
    "resume_folder",
    "shown",
    "update",
]

RUN_JSON = "run.json"
STORE = "signals.db"


def free_name(root: Path, stem: str) -> Path:
    """The first of ``root/stem-1``, ``root/stem-2``, … that does not exist yet.

    Example:
        >>> from pathlib import Path
        >>> from backsight.signals import free_name
        >>> Path("runs/gru-1").mkdir(parents=True)
        >>> free_name(Path("runs"), "gru").as_posix()
        'runs/gru-2'
    """
    number = 1
    while (root / f"{stem}-{number}").exists():
        number += 1
    return root / f"{stem}-{number}"


def check_place(path: Path) -> None:
    """See that a run can be created at ``path``, by writing there; nothing of it is left.

    Raises:
        RunError: something is there already, or the folder cannot be made or written to.

    Example:
        >>> from pathlib import Path
        >>> from backsight.signals import check_place
        >>> check_place(Path("runs/mine"))
        >>> Path("runs").exists()
        False
    """
    made: list[Path] = []
    try:
        if os.path.lexists(path):
            raise RunError(f"{path} already exists: choose another name for the run")
        for folder in (*reversed(path.parents), path):
            if not folder.is_dir():
                folder.mkdir()
                made.append(folder)
        with tempfile.TemporaryFile(dir=path) as file:
            file.write(b"{}")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise RunError(
            f"cannot write a run to {path}: {reason}; choose another place for the run"
        ) from error
    finally:
        for folder in reversed(made):
            with suppress(OSError):  # a run that began beside this one needs it
                folder.rmdir()


def shown(path: Path) -> Path:
    """``path`` as a message names it: from the working directory, where it lies in that.

    Example:
        >>> from pathlib import Path
        >>> from backsight.signals import shown
        >>> shown(Path.cwd() / "runs/mine").as_posix()
        'runs/mine'
    """
    with suppress(OSError, ValueError):
        return path.relative_to(Path.cwd())
    return path


def create_folder(
    path: Path,
    *,
    kind: str,
    config: Mapping[str, Any],
    seed: int | None,
    command: str | None = None,
) -> None:
    """Make the folder of a new run and write its first ``run.json``, without secrets.

    ``command`` is the command line where ``sys.argv`` no longer holds it.

    Raises:
        RunError: the folder exists already and is not empty, or cannot be made.
    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise RunError(_taken(path))
    try:
        path.mkdir(parents=True, exist_ok=True)
        try:
            (path / RUN_JSON).open("x").close()  # of several that begin at once, one has it
        except FileExistsError:
            raise RunError(_taken(path)) from None
        write_json(
            path / RUN_JSON,
            {
                "format": FORMAT,
                "kind": kind,
                "status": "running",
                "end_reason": None,
                "reason": None,
                "created": time.time(),
                "ended": None,
                "iterations": None,
                "seed": seed,
                "command": command or _command(),
                "config": hide_settings(config),
                "versions": _versions(),
                "machine": {"platform": _platform(), "cpus": os.cpu_count()},
                "git": git_revision(),
                "writer": _process.process_identity(),
            },
        )
    except OSError as error:
        remove_folder(path)
        raise RunError(f"cannot create the run folder {path}: {error.strerror or error}") from error


def _taken(path: Path) -> str:
    return f"{path} already exists: choose another name for the run, or remove it"


def remove_folder(path: Path) -> None:
    """Take away the folder of a run that could not begin."""
    with suppress(OSError):  # it was not even made, or holds what is not ours
        (path / RUN_JSON).unlink(missing_ok=True)
        path.rmdir()


def resume_folder(path: Path, *, iteration: int, config: Mapping[str, Any]) -> None:
    """Say in ``run.json`` that this process goes on with the run, from which iteration on.

    Raises:
        RunError: it cannot be read or written.
    """
    content = read_run_json(path)
    resumed = {
        "time": time.time(),
        "iteration": iteration,
        "before": content.get("status"),
        "command": _command(),
        "versions": _versions(),
    }
    try:
        update(
            path,
            format=FORMAT,
            status="running",
            end_reason=None,
            reason=None,
            ended=None,
            iterations=None,
            config=hide_settings(config),
            resumed=[*content.get("resumed", []), resumed],
            writer=_process.process_identity(),
        )
    except OSError as error:
        raise RunError(f"cannot resume {path}: {error.strerror or error}") from error


def read_run_json(path: Path) -> dict[str, Any]:
    """Read and check ``run.json`` of the run folder ``path``, which anybody may have made.

    One from before there was an ``end_reason`` is given one.

    Raises:
        RunError: the folder is missing, is not a run, is damaged or is from a newer version.
    """
    try:
        if not path.is_dir():
            what = "is a file, not a run folder" if path.exists() else "does not exist"
            raise RunError(f"{path} {what}: expected a run folder such as runs/chars-rnn-1")
        content = read_object(path / RUN_JSON)
    except FileNotFoundError:
        raise RunError(
            f"{path} is not a run folder: it contains no {RUN_JSON} (backsight runs lists runs)"
        ) from None
    except OSError as error:
        raise RunError(f"{path / RUN_JSON} cannot be read: {error.strerror or error}") from error
    check_format(content, path / RUN_JSON)
    content.setdefault("end_reason", former_end_reason(content))
    check(content, RunFile, str(path / RUN_JSON))
    return content


def update(path: Path, **changes: Any) -> None:
    """Change entries of ``run.json``; a reader sees the old or the new one, never a half."""
    write_json(path / RUN_JSON, {**read_run_json(path), **changes})


def _command() -> str:
    name, *words = map(str, sys.argv or [""])  # a script may have put anything there
    path = Path(name)
    if path.name == "__main__.py":  # of python -m PACKAGE, which says nothing by itself
        path = path.parent
    return shlex.join([path.name, *hide_words(words)])


@functools.cache
def _versions() -> dict[str, str]:
    """Versions by package, read from metadata so that nothing heavy is imported."""
    versions = {"python": platform.python_version()}
    for package in ("backsight", "torch", "numpy", "lightning-fabric"):
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions


def _platform() -> str:
    """As ``platform.platform()``, which starts a process: that makes Python forget which warnings
    it has shown, and they are shown again."""
    machine = platform.uname()
    library = "".join(platform.libc_ver())
    parts = [
        machine.system,
        machine.release,
        machine.machine,
        *(["with", library] if library else []),
    ]
    return "-".join(filter(None, parts))


def git_revision() -> dict[str, Any] | None:
    """The revision of the working directory, or None outside a repository.

    None, too, where the program is told of its children: it has not started this one.
    """
    git = shutil.which("git")  # by its path: a search of subprocess forgets shown warnings, too
    told = hasattr(signal, "SIGCHLD") and callable(signal.getsignal(signal.SIGCHLD))
    if git is None or told:
        return None
    try:
        # With --branch, the first line is "# branch.oid <revision>"; "(initial)" before any.
        said = subprocess.run(
            [git, "status", "--porcelain=v2", "--branch", "--untracked-files=no"],
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        ).stdout.splitlines()
    except (OSError, subprocess.SubprocessError):
        return None
    revision = said[0].split()[-1] if said else "(initial)"
    if revision == "(initial)":
        return None
    return {"revision": revision, "dirty": not all(line.startswith("#") for line in said)}
