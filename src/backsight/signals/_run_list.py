"""The runs in a folder, and what only looks like one."""

from pathlib import Path

from backsight.errors import RunError
from backsight.signals._folder import RUN_JSON, STORE
from backsight.signals._regular_file import exists
from backsight.signals._run import Run

__all__ = ["list_runs"]


def list_runs(root: Path | str) -> tuple[list[Run], list[RunError]]:
    """The runs in ``root``, oldest first, and the complaint about each folder that only looks
    like one.

    Raises:
        RunError: ``root`` is not a folder.

    Example:
        >>> from backsight.signals import Recorder, list_runs
        >>> Recorder("runs/first").close()
        >>> Recorder("runs/second").close()
        >>> runs, complaints = list_runs("runs")
        >>> [(run.name, run.status) for run in runs], complaints
        ([('first', 'finished'), ('second', 'finished')], [])
    """
    root = Path(root)
    if not root.is_dir():
        raise RunError(f"{root} is not a folder: expected a folder of runs, such as runs")
    runs: list[Run] = []
    broken: list[RunError] = []
    try:
        paths = sorted(root.iterdir())
    except OSError as error:
        raise RunError(f"{root} cannot be read: {error.strerror or error}") from error
    for path in paths:
        try:
            if exists(path / RUN_JSON) or exists(path / STORE):
                runs.append(Run(path))
        except OSError as error:
            broken.append(RunError(f"{path} cannot be read: {error.strerror or error}"))
        except RunError as error:
            broken.append(error)
    return sorted(runs, key=lambda run: float(run.info["created"])), broken
