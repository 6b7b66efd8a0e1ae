"""The good states of a loop of the user's own, on disk as well, on a slower schedule.

The lab has checkpoints of its own, with everything that makes a run bit-identical. Here a loop gets
back what the guard knows: weights, optimizer, whatever goes along, and the guard itself.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from backsight.distributed import is_first_process
from backsight.errors import RunError
from backsight.state import Checkpoint, Checkpoints

__all__ = ["Disk"]

EVERY = 10
"""Snapshots in memory for one on disk."""


class Disk:
    """Writes every tenth snapshot, and the first.

    Args:
        folder: where to; made when the first one is written.
    """

    def __init__(self, folder: Path | str) -> None:
        self._checkpoints = Checkpoints(folder)
        self._count = 0

    def took(self, iteration: int, state: Callable[[], Mapping[str, Any]]) -> None:
        """A snapshot was taken; of several processes the first one writes.

        Args:
            iteration: steps that the guard has seen.
            state: the guard's, which is asked for where it is written.

        Raises:
            SettingError: what goes along has a state that could not be loaded safely.
        """
        due = self._count % EVERY == 0
        self._count += 1
        if due and is_first_process():
            self._checkpoints.save(iteration, {"guard": state()})

    def newest(self) -> Checkpoint | None:
        """The newest good state on disk; None where there is none.

        Raises:
            RunError: it is damaged, from a newer version, no guard's, or would execute code.
        """
        if not self._checkpoints.paths:
            return None
        found = self._checkpoints.load()
        if not isinstance(found.state.get("guard"), dict):
            raise RunError(
                f"{found.path} is not a guard's checkpoint: resume it with backsight train --resume"
            )
        return found
