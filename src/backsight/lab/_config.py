"""The settings of a training run, checked; needs no torch, so that ``--help`` is instant."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Optional

from typing_extensions import Doc

from backsight.errors import SettingError
from backsight.nn import CELL_HELP, CELLS, INIT_NEEDS, Cell, Init

__all__ = ["Chars", "Curriculum", "Optimizer", "Precision", "Training"]

LrSchedule = Literal["linear"]
Optimizer = Literal["sgd", "momentum", "adam", "adamw"]
Curriculum = Literal["none", "linear", "stepwise", "adaptive"]
Precision = Literal["32-true", "64-true", "bf16-mixed", "bf16-true", "16-mixed"]

DEFAULT_RATE = {"sgd": 0.5, "momentum": 0.1, "adam": 0.002, "adamw": 0.002}
"""Validation loss of the default model after 1,000 iterations, one seed: sgd 2.20 nats,
momentum 2.04, adam 1.92. Twice each rate does better still (2.08, 1.96, 1.84) and half of it
worse (2.42, 2.20, 2.06): a factor of two is kept from wherever the edge is.
"""


@dataclass(frozen=True)
class Training:
    """The settings that every run of the lab has.

    Example:
        >>> from backsight.lab import Chars, MemoryAdding, Training
        >>> [issubclass(settings, Training) for settings in (Chars, MemoryAdding)]
        [True, True]
        >>> Chars(safe=True).guard_in_force, MemoryAdding(optimizer="momentum").momentum_in_force
        ('safe', 0.9)
    """

    task_name: ClassVar[str]
    about: ClassVar[str]
    """The task in one line."""

    cell: Annotated[Cell, Doc(CELL_HELP)] = "rnn"
    layers: int = 1
    """The number of recurrent layers."""
    hidden: int = 128
    """The number of hidden units per layer."""
    dropout: float = 0.0
    """The dropout probability between recurrent layers."""
    init: Init = "default"
    """The initialisation of the recurrent layers; chrono sets gates or decays to remember for
    up to the length of a sequence."""
    gain: float = 1.0
    """A factor on the initial recurrent matrices."""
    batch: int = 32
    """The number of sequences per iteration, over all processes."""
    iterations: int = 2000
    """The number of optimizer steps."""
    optimizer: Optimizer = "adam"
    """The optimizer; momentum means SGD with momentum."""
    lr: Optional[float] = None
    """The learning rate; by default 0.002 for adam and adamw, 0.5 for sgd, 0.1 for momentum."""
    lr_schedule: Optional[LrSchedule] = None
    """How the learning rate changes: linear lets it fall to 0 over the second half of the
    iterations; by default it stays."""
    momentum: Optional[float] = None
    """The momentum, or Adam's beta1; by default 0.9."""
    weight_decay: float = 0.0
    """The weight decay."""
    clip: Optional[float] = 1.0
    """Clip the global gradient norm to this value; None does not clip. A guard that clips replaces
    this."""
    guard: Optional[str] = None
    """The guard of the training: safe, or policies separated by commas, such as
    auto,skip,rollback:attempts=5,backoff."""
    curriculum: Curriculum = "none"
    """How sequences lengthen: not at all (none), by a schedule (linear over half of the
    iterations; stepwise by 2 every tenth of them), or as the model learns (adaptive)."""
    curriculum_start: int = 20
    """The first length of a curriculum; the task may need a larger one."""
    safe: bool = False
    """Protect the run: clip automatically, skip bad updates, lower the learning rate when training
    is unstable, roll back, start momentum late, and use an adaptive curriculum for long
    sequences."""
    plain: bool = False
    """Use no clip, no guard and no curriculum."""
    fork: Optional[Path] = None
    """Start a new run from this checkpoint of another run (RUN/checkpoints/iteration-….ckpt). With
    the same seed, it continues as that run would; with another seed, it trains on other sequences.
    --iterations includes those of the checkpoint."""
    seed: int = 0
    """The seed of everything random: weights, dropout, sequences, samples."""
    device: str = "auto"
    """The device: auto, cpu, cuda, cuda:1 or mps."""
    precision: Precision = "32-true"
    """The precision of the arithmetic."""
    run: Optional[Path] = None
    """The run folder to create; by default the next free runs/TASK-CELL-N."""
    every: int = 25
    """The number of iterations between hidden-state profiles."""
    deep: Optional[int] = None
    """The number of iterations from one measurement of Lyapunov exponents and memory capacity to
    the next, a multiple of --every such as 1000; by default there is none, because one takes up
    to a minute per layer."""
    sharpness_every: Optional[int] = None
    """The number of iterations between measurements of the sharpness along the step, from the
    first iteration on, each of which takes about as long as one more iteration; by default it is
    not measured."""
    validate_every: Optional[int] = None
    """The number of iterations between validations; by default a tenth of all, at least 100."""
    checkpoint_every: Optional[int] = None
    """The number of iterations between checkpoints, from which --resume continues; by default a
    tenth of all. The start and the end get one as well. 0 writes no checkpoint."""
    report: bool = True
    """At the end, write a page about the run: report.html in its folder."""

    def __post_init__(self) -> None:
        self._whole("layers", "hidden", "batch", "iterations", "every", "curriculum_start")
        chosen = [
            flag for flag, given in (
                ("--safe", self.safe), ("--plain", self.plain), ("--guard", self.guard),
            ) if given
        ]  # fmt: skip
        if len(chosen) > 1:
            raise SettingError(f"{chosen[0]} and {chosen[1]} contradict each other: choose one")
        if self.plain and self.curriculum != "none":
            raise SettingError("--plain and --curriculum contradict each other: choose one")
        self._whole("seed", least=0)
        self._positive("gain", "lr", "clip")
        for name in ("dropout", "momentum"):
            value = getattr(self, name)
            self._require(
                name, value is None or 0 <= value < 1, "a number of at least 0 and below 1"
            )
        good = math.isfinite(self.weight_decay) and self.weight_decay >= 0
        self._require("weight_decay", good, "a number of at least 0")
        for name in ("validate_every", "sharpness_every", "deep"):
            if getattr(self, name) is not None:
                self._whole(name)
        # Between samples, a run that is resumed would not know when the last one was.
        if self.deep is not None and self.deep % self.every:
            raise SettingError(
                f"--deep must be a multiple of --every, which is {self.every}, not {self.deep}"
            )
        if self.sharpness_every and self.precision not in ("32-true", "64-true"):
            raise SettingError(
                f"--sharpness-every compares gradients that --precision {self.precision} cannot "
                "tell apart: choose 32-true or 64-true, or leave it out"
            )
        if self.checkpoint_every is not None:
            self._whole("checkpoint_every", least=0)
        self._require("seed", self.seed < 2**32, "a whole number below 2³²")
        self._check_cell()
        if self.dropout and self.layers == 1:
            raise SettingError(
                "--dropout acts between layers: set --layers to 2 or more, or leave it out"
            )
        if self.momentum and self.optimizer == "sgd":
            raise SettingError(
                "--momentum has no effect with --optimizer sgd: choose --optimizer momentum"
            )
        if self.lr_schedule not in (None, "linear"):
            raise SettingError(f"--lr-schedule must be linear, not {self.lr_schedule}")
        if self.lr_schedule is not None and self.guard_in_force is not None:
            raise SettingError(
                "--lr-schedule writes the learning rate in each iteration, and would undo what a "
                "guard does to it: leave out one of the two"
            )

    def _check_cell(self) -> None:
        """Some settings apply only to some cells."""
        if self.cell not in CELLS:
            raise SettingError(f"--cell must be one of {', '.join(CELLS)}, not {self.cell}")
        if self.init not in INIT_NEEDS:
            raise SettingError(f"--init must be one of {', '.join(INIT_NEEDS)}, not {self.init}")
        cell, needs = CELLS[self.cell], INIT_NEEDS[self.init]
        if needs == "time scales" and not cell.has_time_scales:
            others = " or ".join(name for name, other in CELLS.items() if other.has_time_scales)
            raise SettingError(
                f"--init {self.init} sets gates or decays, but {self.cell} has none: choose "
                f"--cell {others}"
            )
        if needs == "matrix" and not cell.has_matrix:
            raise SettingError(
                f"--init {self.init} draws the recurrent matrix, but {self.cell} has none: leave "
                "it out"
            )
        if self.gain != 1 and not cell.has_matrix:
            raise SettingError(
                f"--gain scales the recurrent matrix, but {self.cell} has none: leave it out"
            )
        if self.hidden < cell.least_hidden:
            raise SettingError(
                f"--cell {self.cell} is {cell.about}: it needs --hidden {cell.least_hidden} or "
                f"more, not {self.hidden}"
            )
        if self.hidden % cell.hidden_multiple:
            raise SettingError(
                f"--cell {self.cell} is {cell.about}: it needs a --hidden that is a multiple of "
                f"{cell.hidden_multiple}, not {self.hidden}"
            )

    @property
    def lr_in_force(self) -> float:
        """The learning rate in force."""
        return DEFAULT_RATE[self.optimizer] if self.lr is None else self.lr

    @property
    def momentum_in_force(self) -> float:
        """The momentum (Adam: β₁) in force."""
        if self.optimizer == "sgd":
            return 0.0
        return 0.9 if self.momentum is None else self.momentum

    @property
    def guard_in_force(self) -> Optional[str]:
        """The policies in force; None where there are none."""
        return "safe" if self.safe else self.guard

    @property
    def curriculum_kind(self) -> Curriculum:
        """The curriculum in force."""
        return "adaptive" if self.safe and self.curriculum == "none" else self.curriculum

    @property
    def validation_interval(self) -> int:
        """Iterations between validations, in force."""
        return self.validate_every or max(self.iterations // 10, min(self.iterations, 100))

    @property
    def checkpoint_interval(self) -> int:
        """Iterations between checkpoints, in force; 0 for none."""
        if self.checkpoint_every is None:
            return max(1, self.iterations // 10)
        return self.checkpoint_every

    def _require(self, name: str, good: bool, expected: str) -> None:
        if not good:
            flag = "--" + name.replace("_", "-")
            raise SettingError(f"{flag} must be {expected}, not {getattr(self, name)}")

    def _whole(self, *names: str, least: int = 1) -> None:
        for name in names:
            good = getattr(self, name) >= least
            self._require(name, good, f"a whole number of at least {least}")

    def _positive(self, *names: str) -> None:
        for name in names:
            value = getattr(self, name)
            good = value is None or (math.isfinite(value) and value > 0)
            self._require(name, good, "a number above 0")


@dataclass(frozen=True)
class Chars(Training):
    """Train a character model on text, and record its signals.

    Without --text, the corpus is the source code of the Python standard library.

    Example:
        >>> from backsight import Chars
        >>> config = Chars(cell="gru", hidden=64, iterations=500, optimizer="sgd")
        >>> config.lr_in_force, config.validation_interval, config.text
        (0.5, 100, None)
    """

    task_name: ClassVar[str] = "chars"
    about: ClassVar[str] = "a character model on real text"

    text: Optional[Path] = None
    """A UTF-8 text file, or a folder of such files."""
    embedding: int = 0
    """The size of the character embedding; 0 means one-hot input."""
    seq_len: int = 64
    """The number of time steps unrolled per iteration."""
    stateful: bool = True
    """Carry the detached hidden state from window to window, or draw windows at random."""
    validate_chars: int = 50_000
    """The number of validation characters, spread over the last tenth of the corpus."""
    sample_chars: int = 300
    """The number of characters to generate at each validation."""
    temperature: float = 0.7
    """The temperature of the generated text."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._whole("seq_len", "validate_chars")
        self._whole("embedding", "sample_chars", least=0)
        self._positive("temperature")
