"""The good states of a loop of the user's own, on disk as well, on a slower schedule.

The lab has checkpoints of its own, with everything that makes a run bit-identical. Here a loop gets
back what the guard knows: weights, optimizer, whatever goes along, and the guard itself.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from backsight.distributed import is_first_process
from backsight.errors import RunError
from backsight.guard._checkpoint import Checkpoints

if TYPE_CHECKING:
    from backsight.guard._guard import Guard

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

    def took(self, guard: "Guard") -> None:
        """A snapshot was taken; of several processes the first one writes.

        Raises:
            SettingError: what goes along has a state that could not be loaded safely.
        """
        due = self._count % EVERY == 0
        self._count += 1
        if due and is_first_process():
            self._checkpoints.save(guard.iteration, {"guard": guard.state_dict()})

    def resume(self, guard: "Guard") -> int | None:
        """Make everything as in the newest good state on disk; None where there is none.

        Raises:
            RunError: it is damaged, from a newer version, of another model, or would execute code.
            SettingError: its policies are other ones.
        """
        if not self._checkpoints.paths:
            return None
        found = self._checkpoints.load()
        state = found.state.get("guard")
        if not isinstance(state, dict):
            raise RunError(f"{found.path} is no guard's: backsight train --resume goes on with it")
        wrong = guard.snapshots.differences(state["snapshots"][-1])
        if wrong:
            raise RunError(f"{found.path} is of another model: {'; '.join(wrong[:4])}")
        guard.load_state_dict(state)
        guard.snapshots.go_back(len(guard.snapshots.taken) - 1)
        return guard.iteration
