"""What a memory task is, and batches of one: sequences whose loss needs an input long past."""

from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from backsight.errors import SettingError
from backsight.tasks._criterion import Criterion

__all__ = ["NO_LOSS", "Batches", "Inputs", "Kind", "MemoryTask", "Targets", "at_least", "one_hot"]

Kind = Literal["classes", "value"]
"""``classes`` for cross entropy in nats, ``value`` for the mean squared error."""

Inputs = NDArray[np.float32]
"""``(B, T, I)``."""

Targets = NDArray[np.int64] | NDArray[np.float32]
"""Classes ``(B, T)`` where every step has one, else ``(B,)``; a value ``(B, 1)``."""

NO_LOSS = -1
"""The target of a step that has none: no loss is taken there."""


class MemoryTask(Protocol):
    """Random sequences, and what is to be said of them.

    A step counts from 0. What is asked at the last step alone is asked after the whole sequence
    has been read; what is asked at step ``t`` of every step, after the input of step ``t``.
    """

    @property
    def name(self) -> str:
        """As on the command line."""

    @property
    def length(self) -> int:
        """Length ``T`` of a sequence, all of it: as fed to the network."""

    @property
    def inputs(self) -> int:
        """Input features ``I`` of a step."""

    @property
    def outputs(self) -> int:
        """Output units ``O``."""

    @property
    def kind(self) -> Kind:
        """Which loss is taken."""

    @property
    def every_step(self) -> bool:
        """Whether there are targets at every step, or at the last alone."""

    @property
    def lag(self) -> int:
        """How many steps back the loss needs to see, at the least.

        Let the oldest input that an answer needs lie ``d`` steps before the step at which the
        answer is given (0: the same step). The lag is the smallest ``d`` over all sequences, and
        where answers ask for different distances (a mixture), over those that ask for the far
        one. So nothing older than the oldest needed input matters, and whatever is drawn, a model
        that sees no input from ``lag`` or more steps back lacks something.
        """

    @property
    def baseline(self) -> float:
        """The best loss without memory, as the mean over the targets, in nats or squared units.

        Of a guess that knows the task and which step it is, and nothing of the input.
        """

    @property
    def near_baseline(self) -> float:
        """The best loss with a memory shorter than the lag.

        Of a model that knows the task and which step it is, and every input less than ``lag``
        steps back. The same as ``baseline`` where nothing that near helps; only below it is the
        oldest needed input in use.
        """

    @property
    def criterion(self) -> Criterion:
        """When it is solved, and who says so."""

    def batch(self, size: int, rng: np.random.Generator) -> tuple[Inputs, Targets]:
        """Draw ``size`` sequences.

        Returns:
            inputs ``(B, T, I)`` in float32, and targets: classes in int64, ``(B, T)`` with -1
            where no loss is taken, or ``(B,)`` at the last step; values in float32, ``(B, 1)``.
        """


class Batches:
    """Fresh sequences of a task, batch after batch, reproducible by seed.

    Args:
        task: what to draw from.
        size: sequences a batch.
        seed: two streams with the same one yield the same batches.

    Raises:
        SettingError: ``size`` is not a whole number of at least 1.

    Example:
        >>> from backsight.tasks import Batches, Echo
        >>> batches = Batches(Echo(length=10, lag=3), 2, seed=0)
        >>> inputs, targets = batches.draw()
        >>> inputs.shape, targets.shape
        ((2, 10, 8), (2, 10))
    """

    def __init__(self, task: MemoryTask, size: int, *, seed: int) -> None:
        at_least("size", size, 1, "a batch of sequences")
        self.task = task
        self.size = size
        self._random = np.random.default_rng(seed)

    def draw(self) -> tuple[Inputs, Targets]:
        """The next batch: inputs and targets, as the task describes them."""
        return self.task.batch(self.size, self._random)

    def state_dict(self) -> dict[str, Any]:
        """Where the stream stands."""
        return {"random": self._random.bit_generator.state}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to where :meth:`state_dict` was taken."""
        self._random.bit_generator.state = state["random"]


def one_hot(symbols: NDArray[np.int64], size: int) -> Inputs:
    """Symbols ``(…)`` as vectors ``(…, size)`` with a single 1."""
    vectors: Inputs = np.eye(size, dtype=np.float32)[symbols]
    return vectors


def at_least(name: str, value: Any, least: int, of: str) -> None:
    """Raise a SettingError unless ``value`` is a whole number of at least ``least``."""
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or value < least:
        raise SettingError(
            f"{name} of {of} must be a whole number of at least {least}, not {value!r}"
        )
