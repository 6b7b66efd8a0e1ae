"""What a length study trains: the same code and budget at each length, with several seeds."""

import hashlib
import re
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from backsight.errors import SettingError
from backsight.studies._folder import StudyFolder
from backsight.studies._runs import has_checkpoint
from backsight.studies._trial import Trial

__all__ = ["LengthPlan", "LengthSetting", "read_lengths", "read_vary"]


@dataclass(frozen=True, slots=True)
class LengthSetting:
    """One trial's place in the study."""

    cell: str
    """Empty where a script decides."""
    length: int
    seed: int

    @property
    def name(self) -> str:
        """Of its run folder: ``lstm-50-seed0``."""
        return f"{self.cell or 'script'}-{self.length}-seed{self.seed}"

    @property
    def label(self) -> str:
        """``lstm, length 50, seed 0``."""
        cell = f"{self.cell}, " if self.cell else ""
        return f"{cell}length {self.length}, seed {self.seed}"

    @property
    def group(self) -> str:
        """A step costs as much at every length, or nearly, and another in each cell."""
        return self.cell

    @property
    def work(self) -> int:
        """The time it takes is in proportion to its steps."""
        return self.length


@dataclass(frozen=True)
class LengthPlan:
    """A length study of a task of the lab, or of a script.

    Raises:
        SettingError: the script is not there.

    Example:
        >>> from pathlib import Path
        >>> from backsight.studies import LengthPlan, StudyFolder
        >>> plan = LengthPlan("echo", "--length=", (10, 20), seeds=1, cells=("rnn", "lstm"))
        >>> [setting.name for setting in plan.settings]
        ['rnn-10-seed0', 'lstm-10-seed0', 'rnn-20-seed0', 'lstm-20-seed0']
        >>> trial = plan.trial(plan.settings[0], StudyFolder(Path("runs/study")))
        >>> "--length=10" in trial.command
        True
    """

    task: str
    """A task of the lab, or the path of a script."""
    vary: str
    """The argument that is varied, up to its value: ``--length=``, ``model.seq_len=``."""
    lengths: tuple[int, ...]
    seeds: int = 3
    cells: tuple[str, ...] = ("",)
    arguments: tuple[str, ...] = ()
    """What every trial is given besides."""
    script: bool = False
    seed_argument: str = ""
    """A script's argument for the seed, up to its value; empty where it has none."""

    def __post_init__(self) -> None:
        if self.script and not Path(self.task).is_file():
            raise SettingError(f"there is no script {self.task}")

    @property
    def settings(self) -> list[LengthSetting]:
        """Every trial, seed by seed: a study that is cut short has something at each length."""
        return [
            LengthSetting(cell, length, seed)
            for seed in range(self.seeds)
            for length in self.lengths
            for cell in self.cells
        ]

    @property
    def stem(self) -> str:
        """Name of the study's folder."""
        return f"study-length-{Path(self.task).stem if self.script else self.task}"

    def as_dict(self) -> dict[str, Any]:
        """What decides the trials; an edited script is another one."""
        content = asdict(self)
        if self.script:
            content["digest"] = hashlib.sha256(Path(self.task).read_bytes()).hexdigest()
        return {"kind": "length", **content}

    def trial(self, setting: LengthSetting, folder: StudyFolder) -> Trial:
        """The command line of a trial, which goes on with a run of the lab that was cut short."""
        run = folder.run(setting.name)
        words = [sys.executable, "-m", "backsight"]
        varied = _argument(self.vary, setting.length)
        if self.script:
            seed = _argument(self.seed_argument, setting.seed) if self.seed_argument else []
            words += ["run", "--run", str(run), self.task, *self.arguments, *varied, *seed]
        elif has_checkpoint(run):
            words += ["train", "--resume", str(run)]
        else:
            words += ["train", self.task, *self.arguments, *varied]
            words += ["--cell", setting.cell, "--seed", str(setting.seed)]
            words += ["--run", str(run), "--no-report"]
        return Trial(setting.name, tuple(words), run, folder.log(setting.name))


def _argument(prefix: str, value: int) -> list[str]:
    """``--seq-len=10``, or two words where it was written as two."""
    return [prefix.rstrip(), str(value)] if prefix.endswith(" ") else [f"{prefix}{value}"]


def read_vary(words: str) -> tuple[str, tuple[int, ...]]:
    """``--seq-len=10,25,50`` (or with a space) as the argument up to its value, and the lengths.

    Raises:
        SettingError: it names no argument, or no lengths.

    Example:
        >>> from backsight.studies import read_vary
        >>> read_vary("--seq-len=10,25,50")
        ('--seq-len=', (10, 25, 50))
    """
    found = re.fullmatch(r"\s*(\S+?)(=|\s+)(\S*)\s*", words)
    if not found:
        raise SettingError(
            f"--vary expects an argument and its values, such as --seq-len=10,25,50, not {words!r}"
        )
    name, between, values = found.groups()
    return name + ("=" if between == "=" else " "), read_lengths(values)


def read_lengths(words: str) -> tuple[int, ...]:
    """``10,25,50``, or ``10:200:5`` for five lengths from 10 to 200, each as much longer.

    Raises:
        SettingError: none, fewer than two, one twice, not whole numbers above 0, or a range
            that runs backwards.

    Example:
        >>> from backsight.studies import read_lengths
        >>> read_lengths("10,25,50"), read_lengths("10:160:5")
        ((10, 25, 50), (10, 20, 40, 80, 160))
    """
    span = re.fullmatch(r"(\d+):(\d+):(\d+)", words)
    if span:
        low, high, count = map(int, span.groups())
        if low >= high:
            raise SettingError(
                f"the range {words} is empty: expected the shorter length first, as in 10:200:5"
            )
        if low < 1 or count < 2:
            raise SettingError(
                f"the range {words} makes no study: expected at least 2 lengths of at least 1 step"
            )
        ratio = (high / low) ** (1 / (count - 1))
        return tuple(dict.fromkeys(round(low * ratio**n) for n in range(count)))
    parts = [part.strip() for part in words.split(",") if part.strip()]
    if not all(re.fullmatch("[1-9][0-9]*", part) for part in parts):
        raise SettingError(
            f"lengths are whole numbers of at least 1, such as 10,25,50 or 10:200:5, not {words!r}"
        )
    lengths = tuple(map(int, parts))
    if len(lengths) < 2:
        raise SettingError(
            f"a length study needs at least 2 lengths, such as 10,25,50, not {words!r}"
        )
    if len(set(lengths)) < len(lengths):
        raise SettingError(f"a length stands twice in {words}")
    return tuple(sorted(lengths))
