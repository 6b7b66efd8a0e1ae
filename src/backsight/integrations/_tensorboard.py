"""TensorBoard: scalars as curves, profiles as histograms, the reach as pictures, events as text."""

import logging
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from backsight.errors import SettingError
from backsight.integrations._event_file import EventFile, check_installed
from backsight.integrations._reach_picture import reach_picture
from backsight.signals import dumps

__all__ = ["TensorBoard"]

_log = logging.getLogger("backsight")

DEFAULT = "tensorboard"
"""The folder in the run folder."""

LAYERS = 8
"""Whose reach is drawn, at most."""

LATER = 1.6
"""Times the iteration of a picture is that of the next one, at least: a picture takes milliseconds
and ten kilobytes, and a layer has some thirty in a million iterations."""


class _Summaries(Protocol):
    """What is used of a ``SummaryWriter``, by whichever package made it."""

    def add_scalar(self, tag: str, scalar_value: float, *, global_step: int) -> None: ...

    def add_histogram_raw(
        self, tag: str, *, min: float, max: float, num: float, sum: float, sum_squares: float,  # noqa: A002
        bucket_limits: list[float], bucket_counts: list[float], global_step: int,
    ) -> None: ...  # fmt: skip

    def add_text(self, tag: str, text_string: str, *, global_step: int) -> None: ...

    def flush(self) -> None: ...


class TensorBoard:
    """A sink that writes what TensorBoard shows.

    Scalars are curves; TensorBoard keeps them in single precision, NaN and ±Inf included. A profile
    is a histogram: bucket ``k`` is lag or step ``k``, and its height the value, in double
    precision. The reach of at most eight layers is drawn as well, under ``reach_picture/LAYER``:
    in its first sample, ever more rarely after it, and in the last one. A finding is text under
    ``finding/CODE``, and every other event text under its kind.

    Args:
        to: the folder to write to, or a ``SummaryWriter`` of your own, which stays open;
            ``tensorboard`` in the run folder by default, so that ``tensorboard --logdir runs``
            shows every run.
        clock: seconds since the epoch, for TensorBoard's axis of wall time.

    Raises:
        SettingError: the package ``tensorboard`` is missing, or ``to`` is neither.

    Example:
        >>> from pathlib import Path
        >>> from backsight.integrations import TensorBoard
        >>> sink = TensorBoard("logs")
        >>> sink.open(Path("runs/mine"))
        >>> sink.scalars(7, {"loss": 2.5})
        >>> sink.close()
        >>> from tensorboard.backend.event_processing import event_accumulator
        >>> events = event_accumulator.EventAccumulator("logs").Reload()
        >>> [(event.step, event.value) for event in events.Scalars("loss")]
        [(7, 2.5)]
    """

    def __init__(
        self, to: "Path | str | _Summaries | None" = None, *, clock: Callable[[], float] = time.time
    ) -> None:
        if to == "":
            raise SettingError(
                "tensorboard: needs a folder after the colon, such as tensorboard:logs/mine"
            )
        self._folder: Path | None = None
        self._mine = to is None or isinstance(to, (str, Path))
        self._writer: Any = None
        self._draws = True
        """Whether there are pictures: not every writer takes them."""
        self._clock = clock
        self._due: dict[str, int] = {}
        """From which iteration on the reach of each layer is drawn again."""
        self._undrawn: dict[str, tuple[int, NDArray[np.floating[Any]]]] = {}
        if self._mine:
            check_installed()
            self._folder = None if to is None else Path(str(to)).absolute()
            return
        methods = ("add_scalar", "add_histogram_raw", "add_text", "flush")
        if isinstance(to, type) or not all(callable(getattr(to, name, None)) for name in methods):
            raise SettingError(f"TensorBoard expects a folder or a SummaryWriter, not {to!r:.80}")
        self._writer, self._draws = to, callable(getattr(to, "add_image", None))

    def open(self, run: Path) -> None:
        """Create the event file.

        Raises:
            OSError: it cannot be created.
        """
        if self._mine:
            self._writer = EventFile(self._folder or run / DEFAULT, self._clock)

    def scalars(self, iteration: int, values: Mapping[str, float]) -> None:
        """A point of each curve."""
        if isinstance(self._writer, EventFile):
            self._writer.add_scalars(values, iteration)
            return
        for name, value in values.items():
            self._writer.add_scalar(name, value, global_step=iteration)

    def profile(self, name: str, iteration: int, row: NDArray[np.floating[Any]]) -> None:
        """A histogram with a bucket for each element of the row; of a reach, a picture if due."""
        heights = np.asarray(row, np.float64)
        at = np.arange(len(heights), dtype=np.float64)
        with np.errstate(all="ignore"):  # sums may overflow, and a NaN stays one
            self._writer.add_histogram_raw(
                name,
                min=-0.5,
                max=len(heights) - 0.5,
                num=float(heights.sum()),
                sum=float((heights * at).sum()),
                sum_squares=float((heights * at**2).sum()),
                bucket_limits=(at + 0.5).tolist(),
                bucket_counts=heights.tolist(),
                global_step=iteration,
            )

        if name.partition("/")[0] == "reach" and (name in self._due or len(self._due) < LAYERS):
            if iteration < self._due.setdefault(name, iteration):
                self._undrawn[name] = iteration, row
            else:
                self._draw(name, iteration, row)

    def event(self, kind: str, iteration: int, body: Any) -> None:
        """A text."""
        tag, text = kind, f"```\n{dumps(body, indent=2)}\n```"
        if kind == "finding" and isinstance(body, Mapping):
            tag = f"finding/{body.get('code')}"
            text = f"**{body.get('code')} {body.get('title')}** {body.get('message')}\n\n{text}"
        self._writer.add_text(tag, text, global_step=iteration)

    def close(self) -> None:
        """Draw the last reach; close our own file, or flush a ``SummaryWriter`` of the caller's."""
        try:
            for name, (iteration, row) in list(self._undrawn.items()):
                self._draw(name, iteration, row)
        finally:
            if isinstance(self._writer, EventFile):
                self._writer.close()
            elif self._writer is not None:
                self._writer.flush()

    def _draw(self, name: str, iteration: int, row: NDArray[np.floating[Any]]) -> None:
        self._due[name] = max(iteration + 1, math.ceil(LATER * iteration))
        self._undrawn.pop(name, None)
        if self._draws:
            pixels = reach_picture(row, f"{name} at iteration {iteration}")
            tag = name.replace("reach", "reach_picture", 1)
            try:
                self._writer.add_image(tag, pixels, global_step=iteration, dataformats="HWC")
            except ImportError as error:  # PyTorch's writer needs Pillow
                self._draws = False
                _log.warning(
                    "backsight: TensorBoard gets no pictures of the reach (%s): a SummaryWriter "
                    "needs a package for them, type pip install pillow", error,
                )  # fmt: skip
