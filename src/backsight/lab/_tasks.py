"""The settings of a training run on each memory task; needs neither torch nor NumPy."""

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, ClassVar, Literal

from backsight.errors import SettingError
from backsight.lab._config import Chars, Training

if TYPE_CHECKING:
    from backsight.tasks import MemoryTask

__all__ = [
    "TASKS",
    "Memory",
    "MemoryAdding",
    "MemoryCopying",
    "MemoryEcho",
    "MemoryFirstSymbol",
    "MemoryMemorisation",
    "MemoryMixture",
    "MemoryMultiplication",
    "MemoryOrder",
    "MemoryPermutation",
    "MemoryThreeBitOrder",
    "MemoryXor",
]


@dataclass(frozen=True)
class Memory(Training):
    """Train on random sequences whose loss needs an input long past; a base of the tasks.

    Example:
        >>> from backsight.lab import TASKS, Memory
        >>> issubclass(TASKS["adding"], Memory), TASKS["adding"](length=20).task
        (True, Adding(length=20))
    """

    drawn_from: ClassVar[str] = ""
    """Class of ``backsight.tasks``, whose settings are among these by the same names."""

    length: int = 50
    """Length of a sequence in steps, all of which are unrolled."""
    validate_sequences: int = 2000
    """Held-out sequences to validate on, always the same."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._whole("validate_sequences")
        _ = self.task  # checks its own settings

    @property
    def task(self) -> "MemoryTask":
        """What to draw sequences from.

        Raises:
            SettingError: the task's own settings make no sense.
        """
        if not self.drawn_from:
            raise SettingError(
                "Memory is no task by itself: choose MemoryOrder or another of its kind"
            )
        from backsight import tasks

        kind = getattr(tasks, self.drawn_from)
        task: MemoryTask = kind(**{own.name: getattr(self, own.name) for own in fields(kind)})
        return task


@dataclass(frozen=True)
class MemoryOrder(Memory):
    """Train on temporal order, instrumented: which two symbols came, and in which order.

    The last step asks for a symbol of the first fifth of the sequence and one about its middle.

    Example:
        >>> from backsight.lab import MemoryOrder
        >>> config = MemoryOrder(length=110, form="hochreiter")
        >>> config.task, config.task.inputs
        (TemporalOrder(length=110, form='hochreiter'), 8)
    """

    task_name: ClassVar[str] = "temporal-order"
    about: ClassVar[str] = "which two symbols came, and in which order"
    drawn_from: ClassVar[str] = "TemporalOrder"

    form: Literal["pascanu", "hochreiter"] = "pascanu"
    """Whose: Pascanu's, or Hochreiter and Schmidhuber's with its start and trigger symbols and
    lengths from 10/11 of --length up to it (--length 110 is theirs)."""


@dataclass(frozen=True)
class MemoryThreeBitOrder(MemoryOrder):
    """Train on 3-bit temporal order, instrumented: three symbols, and their order.

    The last step asks for a symbol of the first fifth, one before and one after the middle.

    Example:
        >>> from backsight.lab import MemoryThreeBitOrder
        >>> config = MemoryThreeBitOrder(length=40)
        >>> config.task, config.task.outputs
        (ThreeBitOrder(length=40, form='pascanu'), 8)
    """

    task_name: ClassVar[str] = "3-bit-temporal-order"
    about: ClassVar[str] = "the same with three symbols"
    drawn_from: ClassVar[str] = "ThreeBitOrder"


@dataclass(frozen=True)
class MemoryAdding(Memory):
    """Train on adding, instrumented: the sum of two marked numbers, one in each half.

    Example:
        >>> from backsight.lab import MemoryAdding
        >>> config = MemoryAdding(length=20, cell="lstm")
        >>> config.task, config.task.lag
        (Adding(length=20), 10)
    """

    task_name: ClassVar[str] = "adding"
    about: ClassVar[str] = "the sum of two marked numbers"
    drawn_from: ClassVar[str] = "Adding"


@dataclass(frozen=True)
class MemoryMultiplication(Memory):
    """Train on multiplication, instrumented: the product of two marked numbers.

    One lies in the first tenth of the sequence, the other from there to the middle.

    Example:
        >>> from backsight.lab import MemoryMultiplication
        >>> config = MemoryMultiplication(length=40, cell="gru")
        >>> config.task, config.task.lag
        (Multiplication(length=40), 36)
    """

    task_name: ClassVar[str] = "multiplication"
    about: ClassVar[str] = "the product of two marked numbers"
    drawn_from: ClassVar[str] = "Multiplication"


@dataclass(frozen=True)
class MemoryXor(Memory):
    """Train on delayed XOR, instrumented: whether two marked bits differ.

    One lies in the first tenth of the sequence, the other from there to the middle; either alone
    says nothing.

    Example:
        >>> from backsight.lab import MemoryXor
        >>> config = MemoryXor(length=40, cell="gru")
        >>> config.task, config.task.lag
        (DelayedXor(length=40), 36)
    """

    task_name: ClassVar[str] = "delayed-xor"
    about: ClassVar[str] = "whether two marked bits differ"
    drawn_from: ClassVar[str] = "DelayedXor"


@dataclass(frozen=True)
class MemoryCopying(Memory):
    """Train on copying, instrumented: ten symbols to be repeated at the end of the sequence.

    Example:
        >>> from backsight.lab import MemoryCopying
        >>> config = MemoryCopying(length=40, cell="lstm")
        >>> config.task, config.task.lag
        (Copying(length=40), 30)
    """

    task_name: ClassVar[str] = "copying"
    about: ClassVar[str] = "ten symbols, to be repeated after a long wait"
    drawn_from: ClassVar[str] = "Copying"


@dataclass(frozen=True)
class MemoryMemorisation(Memory):
    """Train on noiseless memorisation, instrumented: a pattern to be repeated at the end.

    Example:
        >>> from backsight.lab import MemoryMemorisation
        >>> config = MemoryMemorisation(length=40, pattern=10, symbols=5)
        >>> config.task, config.task.lag
        (Memorisation(length=40, pattern=10, symbols=5), 30)
    """

    task_name: ClassVar[str] = "noiseless-memorisation"
    about: ClassVar[str] = "a pattern of --pattern symbols of --symbols kinds, likewise"
    drawn_from: ClassVar[str] = "Memorisation"

    pattern: int = 5
    """Symbols to remember."""
    symbols: int = 2
    """How many different ones; --pattern 10 --symbols 5 is the variant of over 20 bits."""


@dataclass(frozen=True)
class MemoryPermutation(Memory):
    """Train on random permutation, instrumented: the first symbol comes again after the last.

    Example:
        >>> from backsight.lab import MemoryPermutation
        >>> config = MemoryPermutation(length=40)
        >>> config.task, config.task.lag
        (RandomPermutation(length=40, symbols=100), 39)
    """

    task_name: ClassVar[str] = "random-permutation"
    about: ClassVar[str] = "the first of two symbols, after many others"
    drawn_from: ClassVar[str] = "RandomPermutation"

    symbols: int = 100
    """How many different ones, of which two are to be remembered."""


@dataclass(frozen=True)
class MemoryFirstSymbol(Memory):
    """Train on recalling the first symbol, instrumented, among more of the same kind.

    Example:
        >>> from backsight.lab import MemoryFirstSymbol
        >>> config = MemoryFirstSymbol(length=40, symbols=4)
        >>> config.task, config.task.lag
        (FirstSymbol(length=40, symbols=4), 39)
    """

    task_name: ClassVar[str] = "first-symbol"
    about: ClassVar[str] = "which symbol came first, among more of the same kind"
    drawn_from: ClassVar[str] = "FirstSymbol"

    symbols: int = 8
    """How many different ones."""


@dataclass(frozen=True)
class MemoryEcho(Memory):
    """Train on echo, instrumented: at every step, the symbol read some steps before.

    Example:
        >>> from backsight.lab import MemoryEcho
        >>> config = MemoryEcho(length=40, lag=10)
        >>> config.task, round(config.task.baseline, 3)
        (Echo(length=40, lag=10, symbols=8), 2.079)
    """

    task_name: ClassVar[str] = "echo"
    about: ClassVar[str] = "the symbol of --lag steps before: as short a memory as you like"
    drawn_from: ClassVar[str] = "Echo"

    lag: int = 5
    """How many steps before."""
    symbols: int = 8
    """How many different ones."""


@dataclass(frozen=True)
class MemoryMixture(Memory):
    """Train on a mixture, instrumented: the symbol one step before, or many steps before.

    A flag says which. A model that learns the near half alone ends at half the baseline.

    Example:
        >>> from backsight.lab import MemoryMixture
        >>> config = MemoryMixture(length=40, lag=10)
        >>> round(config.task.baseline, 3), round(config.task.near_baseline, 3)
        (2.079, 1.04)
    """

    task_name: ClassVar[str] = "mixture"
    about: ClassVar[str] = "half of the answers one step back, half --lag steps"
    drawn_from: ClassVar[str] = "Mixture"

    lag: int = 20
    """Steps back to the far symbol."""
    symbols: int = 8
    """How many different ones."""


TASKS: dict[str, type[Training]] = {
    kind.task_name: kind
    for kind in (
        Chars, MemoryOrder, MemoryThreeBitOrder, MemoryAdding, MemoryMultiplication, MemoryXor,
        MemoryCopying, MemoryMemorisation, MemoryPermutation, MemoryFirstSymbol, MemoryEcho,
        MemoryMixture,
    )
}  # fmt: skip
"""The settings of every task, by its name on the command line."""
