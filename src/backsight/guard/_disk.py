"""The good states of a loop of the user's own, on disk as well, on a slower schedule.

The lab has checkpoints of its own, with everything that makes a run bit-identical. Here a loop gets
back what the guard knows: weights, optimizer, whatever goes along, and the guard itself.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from backsight.distributed import is_first_process
from backsight.errors import RunError
from backsight.guard._policy import Policy
from backsight.guard._presets import check_saved
from backsight.state import Checkpoint, Checkpoints, Snapshots, fitting

__all__ = ["Disk"]

EVERY = 10
"""Snapshots in memory for one on disk."""


class _Guard(Protocol):
    @property
    def policies(self) -> tuple[Policy, ...]: ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None: ...


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

    def load_into(self, guard: _Guard, snapshots: Snapshots) -> bool:
        """Make the guard and the training what they were at the newest good state.

        Returns:
            whether there is one.

        Raises:
            RunError: it is damaged, from a newer version, no guard's, of another model, would
                execute code, or has a state that does not fit.
            SettingError: the policies are not the same.
        """
        found = self._newest()
        if found is None:
            return False
        state = found.state["guard"]
        with fitting(found.path, "guard"):
            snapshots.check(state["snapshots"][-1], found.path)
        check_saved(guard.policies, state)
        with fitting(found.path, "guard"):
            guard.load_state_dict(state)
            snapshots.go_back(len(snapshots.taken) - 1)
        return True

    def _newest(self) -> Checkpoint | None:
        """The newest good state on disk; None where there is none."""
        if not self._checkpoints.paths:
            return None
        found = self._checkpoints.load()
        if not isinstance(found.state.get("guard"), dict):
            raise RunError(
                f"{found.path} is not a guard's checkpoint: resume it with backsight train --resume"
            )
        return found
