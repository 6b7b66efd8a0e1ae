"""Child processes that the script spawns: each is observed, as one that it forks is.

A spawned child is a fresh Python that knows nothing of us. Its command line executes one line more,
which loads nothing: the child is observed from where multiprocessing hands it its work, if it has
imported torch by then, as the script's own imports do.
"""

import json
import multiprocessing.spawn
import sys
from collections.abc import Callable
from functools import wraps
from multiprocessing import current_process
from multiprocessing.context import SpawnProcess
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any

from backsight._switch import is_off
from backsight.cli._messages import say

__all__ = ["observe_here", "spawned_observed"]


def spawned_observed(settings: dict[str, Any]) -> Callable[[], None]:
    """Observe children that are spawned from now on; what ends that.

    Args:
        settings: ``path``, ``named``, ``config``, ``command`` and ``to``, as of ``ScriptRuns``,
            and ``options`` of ``ProcessMonitor``.
    """
    original = multiprocessing.spawn.get_command_line
    line = f"observe_here({json.dumps(settings, default=str)!r})"

    @wraps(original)
    def told(**handles: Any) -> list[str]:
        words = original(**handles)
        if "-c" in words:  # else it is a program that was frozen
            at = words.index("-c") + 1
            words[at] = (
                # An environment without Backsight, too, has to run the child's own program.
                f"exec('try: from backsight.cli._spawned import observe_here\\n'"
                f"'except Exception: observe_here = len'); {line}; {words[at]}"
            )
        return words

    multiprocessing.spawn.get_command_line = told

    def end() -> None:
        if multiprocessing.spawn.get_command_line is told:
            multiprocessing.spawn.get_command_line = original

    return end


def observe_here(text: str) -> None:
    """The first thing that a spawned child does.

    Args:
        text: the settings, as JSON.
    """
    if is_off():
        return
    original: Any = SpawnProcess._after_fork  # type: ignore[attr-defined]

    def begin() -> None:
        """Multiprocessing is about to begin the work, which it has unpickled."""
        SpawnProcess._after_fork = staticmethod(original)  # type: ignore[attr-defined]
        original()
        if "torch" in sys.modules and not _loads_data():
            try:
                _observe(json.loads(text))
            except Exception as error:  # noqa: BLE001 - must not reach the child's own work
                say(f"a child process is not observed: {error}", sys.stderr)

    SpawnProcess._after_fork = staticmethod(begin)  # type: ignore[attr-defined]


def _loads_data() -> bool:
    """Whether this process only loads batches for another one."""
    target = getattr(current_process(), "_target", None)
    return getattr(target, "__module__", "").startswith("torch.utils.data.")


def _observe(settings: dict[str, Any]) -> None:
    from backsight.cli._script_runs import ScriptRuns
    from backsight.monitor import ProcessMonitor

    runs = ScriptRuns(
        Path(settings["path"]), settings["config"], settings["command"], named=settings["named"],
        child=True, to=settings["to"],
    )  # fmt: skip

    def close() -> None:
        runs.close(monitor, sys.exc_info()[1])

    monitor = ProcessMonitor(
        runs.first, **settings["options"], further=runs.further, child_ends=close,
        group=runs.config["group"],
    )  # fmt: skip
    Finalize(None, close, exitpriority=0)
