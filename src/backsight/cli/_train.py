"""``backsight train TASK``: the built-in lab, with a live view of its signals."""

import os
import signal
from collections.abc import Sequence
from types import FrameType

from backsight.cli._options import parse
from backsight.errors import SettingError
from backsight.lab import (
    Chars,
    MemoryAdding,
    MemoryCopying,
    MemoryEcho,
    MemoryMixture,
    MemoryOrder,
    Training,
)

__all__ = ["main"]

TASKS: dict[str, tuple[type[Training], str]] = {
    "chars": (Chars, "a character model on real text"),
    "order": (MemoryOrder, "memory: which two symbols came, and in which order"),
    "adding": (MemoryAdding, "memory: the sum of two marked numbers"),
    "copying": (MemoryCopying, "memory: ten symbols, to be repeated after a long wait"),
    "echo": (MemoryEcho, "memory, as short as you like: the symbol of --lag steps before"),
    "mixture": (MemoryMixture, "memory: half of the answers one step back, half --lag steps"),
}
"""Settings by task, and what it is."""


def main(arguments: Sequence[str]) -> int:
    """Train, and say where the run is."""
    task, *rest = arguments or ["--help"]
    if task in ("-h", "--help"):
        print("usage: backsight train TASK [options]\n")
        for name, (_, what) in TASKS.items():
            print(f"  {name:9} {what}")
        print("\nbacksight train TASK --help tells the options of each.")
        return 0
    if task not in TASKS:
        raise SettingError(f"there is no task {task!r}: choose one of {', '.join(TASKS)}")
    config = parse(TASKS[task][0], f"backsight train {task}", rest)

    first = os.environ.get("RANK", "0") == "0"  # torchrun starts several of us: one speaks
    from rich.console import Console

    from backsight.report import TrainingView, summary

    with Console(stderr=True, quiet=not first).status("loading torch"):
        from backsight.lab import train
    interrupt = _Interrupt()
    if not first:
        with interrupt:
            train(config, stop=interrupt.asked)
        return 130 if interrupt.asked() else 0
    with TrainingView(config.iterations) as view, interrupt:
        run = train(config, view=view, stop=interrupt.asked)
    print()
    for sentence in summary(run)[1:]:
        print(sentence)
    page = run.path.resolve() / "report.html"
    print(f"\nthe page: {page}" if page.exists() else f"\na page: backsight report {run.path}")
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
