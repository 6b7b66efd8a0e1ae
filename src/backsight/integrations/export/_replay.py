"""A run through a sink, as if it had been there from the beginning."""

import time
from pathlib import Path

import numpy as np

from backsight.diagnosis import by_iteration
from backsight.integrations._event_file import ENDING
from backsight.integrations._json_lines import JsonLines
from backsight.integrations._tensorboard import TensorBoard
from backsight.integrations.export._parts import parts
from backsight.signals import Run, replacing

__all__ = ["replay", "write_json_lines", "write_tensorboard"]


def replay(run: Run, sink: JsonLines | TensorBoard) -> None:
    """Hand everything recorded to a sink, iteration by iteration.

    Raises:
        OSError: the sink cannot write.
        RunError: the run is damaged.
    """
    events = iter(run.events())  # sorted by iteration
    event = next(events, None)
    sink.open(run.path.absolute())
    try:
        for part in parts(run, run.names):
            for iteration, values in by_iteration(part):
                scalars = {n: v for n, v in values.items() if isinstance(v, float)}
                if scalars:
                    sink.scalars(iteration, scalars)
                for name, row in values.items():
                    if isinstance(row, np.ndarray):
                        sink.profile(name, iteration, row)
                while event is not None and event.iteration <= iteration:
                    sink.event(event.kind, event.iteration, event.body)
                    event = next(events, None)
        while event is not None:
            sink.event(event.kind, event.iteration, event.body)
            event = next(events, None)
    finally:
        sink.close()


def write_json_lines(run: Run, file: Path) -> list[Path]:
    """Write the lines that the sink of this name writes, in order of iteration.

    Args:
        run: the run.
        file: what to write.

    Returns:
        the file.

    Raises:
        OSError: the file cannot be written.
        RunError: the run is damaged.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with replacing(file) as half:
        replay(run, JsonLines(half))
    return [file]


def write_tensorboard(run: Run, folder: Path) -> list[Path]:
    """Write an event file, in place of those that Backsight wrote into this folder before.

    A run does not know when each iteration was: the wall time is that of its beginning.

    Args:
        run: the run.
        folder: where the file goes.

    Returns:
        the folder.

    Raises:
        OSError: the file cannot be written.
        RunError: the run is damaged.
    """
    earlier = list(folder.glob(f"events.out.tfevents.*{ENDING}"))
    began = float(run.info.get("created", time.time()))
    before = set(earlier)
    try:
        replay(run, TensorBoard(folder, clock=lambda: began))
    except BaseException:
        for half in set(folder.glob(f"events.out.tfevents.*{ENDING}")) - before:
            half.unlink(missing_ok=True)
        raise
    for file in earlier:
        file.unlink()
    return [folder]
