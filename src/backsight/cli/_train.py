"""``backsight train TASK``: the built-in lab, with a live view of its signals.

``backsight train --resume RUN`` continues a run of it.
"""

import shlex
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Optional

from backsight._printable import printable
from backsight.cli._options import parse
from backsight.distributed import is_first_process
from backsight.errors import SettingError
from backsight.lab import TASKS

if TYPE_CHECKING:
    from backsight.signals import Run

__all__ = ["main"]

ALIASES = {
    "addition": "adding",
    "copy": "copying",
    "copy-memory": "copying",
    "memorisation": "noiseless-memorisation",
    "memorization": "noiseless-memorisation",
    "noiseless-memorization": "noiseless-memorisation",
    "order": "temporal-order",
    "permutation": "random-permutation",
    "recall": "first-symbol",
    "xor": "delayed-xor",
}
"""What else a task may be called, and its name."""


@dataclass(frozen=True)
class Resume:
    """Continue a run of the lab that was stopped, or train a finished run longer.

    It continues from its newest checkpoint, as if it had never stopped.
    """

    resume: Path
    """The run folder."""
    iterations: Optional[int] = None
    """The new total number of iterations, to train longer than the run planned."""


def main(arguments: Sequence[str]) -> int:
    """Train, and print where the run is."""
    task, *rest = arguments or ["--help"]
    if task in ("-h", "--help"):
        print("usage: backsight train TASK [options]")
        print("       backsight train --resume RUN [--iterations N]\n")
        for name, kind in TASKS.items():
            print(f"  {name:22} {kind.about}")
        print("\nAll tasks but chars need an input from a known number of steps back. Short names")
        print("work as well: order, copy, memorisation, permutation, recall, xor.\n")
        print("backsight train TASK --help lists the options of a task. --resume continues a")
        print("run that was stopped or killed, or trains a finished run longer. It starts from")
        print("the newest checkpoint, as if the run had never stopped.\n")
        print("--to SINK sends all values to a sink as well, such as tensorboard, wandb or mlflow;")
        print("several with --to each.")
        return 0
    to, arguments = _sinks(arguments)
    if any(word.partition("=")[0] == "--resume" for word in arguments):
        return _resume(arguments, to)
    task, *rest = arguments or [""]
    task = ALIASES.get(task, task)
    if task not in TASKS:
        raise SettingError(f"there is no task {task!r}: choose one of {', '.join(TASKS)}")
    config = parse(TASKS[task], f"backsight train {task}", rest)

    def begin(**watching: Any) -> "Run":
        from backsight.lab import train

        return train(config, to=to, **watching)

    return _watch(begin, config.iterations)


def _sinks(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """The names of sinks, and the other words.

    Raises:
        SettingError: a name is missing.
    """
    to, rest = [], []
    words = iter(arguments)
    for word in words:
        option, equals, name = word.partition("=")
        if option != "--to":
            rest.append(word)
            continue
        name = name if equals else next(words, "")
        if not name or name.startswith("-"):
            raise SettingError("--to expects the name of a sink, such as --to tensorboard")
        to.append(name)
    return to, rest


def _resume(arguments: Sequence[str], to: Sequence[str]) -> int:
    _check_alone(arguments)
    if any(word in ("-h", "--help") for word in arguments):  # --resume needs no value for it
        arguments = ["--help"]
    options = parse(Resume, "backsight train --resume", arguments)
    from backsight.lab import saved_settings
    from backsight.signals import Run

    iterations = saved_settings(Run(options.resume), options.iterations).iterations

    def begin(**watching: Any) -> "Run":
        from backsight.lab import resume

        return resume(options.resume, options.iterations, to=to, **watching)

    return _watch(begin, iterations)


def _check_alone(arguments: Sequence[str]) -> None:
    """Refuse what is fixed when a run continues."""
    if arguments[0] in TASKS or arguments[0] in ALIASES:
        raise SettingError(
            f"--resume continues a run, which has its own task: leave out {arguments[0]}, as in "
            "backsight train --resume RUN"
        )
    for word in arguments:
        name = word.partition("=")[0]
        if name.startswith("--") and name not in ("--resume", "--iterations", "--help"):
            raise SettingError(
                f"{name} cannot be combined with --resume: a run continues with its own settings, "
                "and only --iterations can be raised"
            )


def _watch(begin: Callable[..., "Run"], iterations: int) -> int:
    """Train before the user's eyes; ``begin`` takes ``view`` and ``stop``."""
    first = is_first_process()  # torchrun starts several of us: one speaks
    from rich.console import Console

    from backsight.report import TrainingView, summary

    with Console(stderr=True, quiet=not first).status("loading torch"):
        import backsight.lab._train  # noqa: F401
    interrupt = _Interrupt()
    if not first:
        with interrupt:
            begin(stop=interrupt.asked)
        return 130 if interrupt.asked() else 0
    with TrainingView(iterations) as view, interrupt:
        run = begin(view=view, stop=interrupt.asked)
    print()
    for sentence in summary(run)[1:]:
        print(printable(sentence))
    page = run.path.resolve() / "report.html"
    to_write = f"to write a page: backsight report {printable(run.path)}"
    print(f"\npage: {printable(page)}" if page.exists() else f"\n{to_write}")
    if run.iterations < iterations and (run.path / "checkpoints").exists():
        words = shlex.join(["backsight", "train", "--resume", str(run.path)])
        print(f"to continue: {printable(words)}")
    if run.status == "failed":  # the guard gave up, and the summary says why
        return 1
    return 130 if interrupt.asked() else 0


class _Interrupt:
    """Turns the first Ctrl-C (or SIGTERM) into a request; a second one interrupts at once."""

    def __init__(self) -> None:
        self._asked = False

    def asked(self) -> bool:
        """True once somebody wants the run to end."""
        return self._asked

    def __enter__(self) -> "_Interrupt":
        self._before = {s: signal.signal(s, self._handle) for s in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True
