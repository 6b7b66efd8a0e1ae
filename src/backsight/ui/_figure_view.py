"""A figure of a run as the page asks for it: of a part of its iterations, or at one of them."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from backsight.report.figures import Entry
from backsight.signals import Run, RunWindow
from backsight.ui._wire import figure_dict, json_bytes

__all__ = ["AnswerCache", "figure_bytes"]

MARGIN = 1.0
"""Widths of the window that are drawn on either side of it, so that it can be moved a little."""


def figure_bytes(
    path: Path, entry: Entry, first: int | None, last: int | None, until: int | None
) -> bytes:
    """The figure as JSON.

    Args:
        path: the run folder.
        entry: the figure.
        first: the first iteration to show in full resolution; None for all.
        last: the last one.
        until: for a figure of profiles, the iteration that it shows.

    Raises:
        RunError: the run cannot be read.
    """
    run = Run(path)
    if entry.of_moment:
        run = run if until is None else RunWindow(path, last=until)
    elif first is not None and last is not None:
        wide = int((last - first + 1) * MARGIN)
        run = RunWindow(path, first=max(first - wide, 0), last=last + wide)
    with run.moment():
        figure = entry.draw(run)
    told = figure_dict(figure)
    titles = [
        one.get("title", {}).get("text")
        for name, one in told["layout"].items()
        if name.startswith("xaxis") and isinstance(one, dict)
    ]
    told["over_iterations"] = "iteration" in titles
    return json_bytes(told)


class AnswerCache:
    """Answers that are the same while the files of their run are, up to so many bytes in all.

    Args:
        size: in bytes.
    """

    def __init__(self, size: int = 64 << 20) -> None:
        self._size, self._held = size, 0
        self._answers: OrderedDict[object, tuple[object, bytes]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, question: object, stamp: object, make: Callable[[], bytes]) -> bytes:
        """The answer to a question, made where that of this stamp is not there.

        It takes the place of an older one, so that a run that is written holds no more of them.
        """
        with self._lock:
            known = self._answers.get(question)
            if known is not None and known[0] == stamp:
                self._answers.move_to_end(question)
                return known[1]
        made = make()
        with self._lock:
            self._held -= len(self._answers.pop(question, (None, b""))[1])
            if len(made) <= self._size // 4:
                self._answers[question] = (stamp, made)
                self._held += len(made)
            while self._held > self._size:
                self._held -= len(self._answers.popitem(last=False)[1][1])
        return made
