"""``export_run``: a run in another format, whatever stands at its place kept."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from backsight.errors import RunError, SettingError
from backsight.integrations._event_file import check_installed
from backsight.integrations.export._csv import write_csv
from backsight.integrations.export._netcdf import check_netcdf, write_netcdf
from backsight.integrations.export._parquet import check_pyarrow, write_parquet
from backsight.integrations.export._replay import write_json_lines, write_tensorboard
from backsight.signals import Run

__all__ = ["FORMATS", "Format", "export_run"]


@dataclass(frozen=True, slots=True)
class Format:
    """A format to export a run to."""

    ending: str
    """What the output's name has after that of the run."""
    is_folder: bool
    """Whether the output is a folder of several files."""
    check: Callable[[], None]
    """Raises a SettingError where a package is missing."""
    write: Callable[[Run, Path], list[Path]]


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "csv": Format("-csv", True, lambda: None, write_csv),
        "parquet": Format("-parquet", True, check_pyarrow, write_parquet),
        "netcdf": Format(".nc", False, check_netcdf, write_netcdf),
        "jsonl": Format(".jsonl", False, lambda: None, write_json_lines),
        "tensorboard": Format("-tensorboard", True, check_installed, write_tensorboard),
    }
)
"""By the name that ``--to`` takes."""


def export_run(
    run: Run | Path | str, to: str = "csv", out: Path | str | None = None, *, force: bool = False
) -> list[Path]:
    """Write every recorded number and event of a run in another format; NaN and ±Inf are kept.

    The run may still be training: what is written is one moment of it.

    Args:
        run: the run, or its folder.
        to: ``csv``, ``parquet``, ``netcdf``, ``jsonl`` or ``tensorboard``.
        out: the file to write, or the folder for csv, parquet and tensorboard; by default the
            run's name with an ending, in the working directory.
        force: replace what an earlier export wrote there; other files in a folder stay.

    Returns:
        what was written.

    Raises:
        SettingError: no such format, a package is missing, or ``out`` exists.
        RunError: the run cannot be read, nothing is recorded in it, or ``out`` cannot be written.

    Example:
        >>> from backsight.integrations.export import export_run
        >>> from backsight.signals import Recorder
        >>> with Recorder("runs/mine") as recorder:
        ...     recorder.scalars(0, {"loss": 2.5, "lr": 0.1})
        ...     recorder.scalars(1, {"loss": float("nan")})
        >>> files = export_run("runs/mine")
        >>> print(files[0].as_posix(), files[0].read_text())
        mine-csv/scalars.csv iteration,loss,lr
        0,2.5,0.1
        1,NaN,
        <BLANKLINE>
    """
    if to not in FORMATS:
        raise SettingError(f"there is no format {to!r}: choose from {', '.join(FORMATS)}")
    format_ = FORMATS[to]
    format_.check()
    run = run if isinstance(run, Run) else Run(run)
    target = Path(run.name + format_.ending) if out is None else Path(out)
    _check_target(target, to, format_, force)
    with run.moment():
        if not run.names and not run.events():
            raise RunError(f"{run.path} has nothing to export: nothing is recorded in it yet")
        try:
            return format_.write(run, target)
        except OSError as error:
            raise RunError(f"{target} cannot be written: {error.strerror or error}") from error


def _check_target(target: Path, to: str, format_: Format, force: bool) -> None:
    if not os.path.lexists(target):
        return
    if format_.is_folder and not target.is_dir():
        raise SettingError(f"{target} is not a folder, but {to} needs one: choose another place")
    if not format_.is_folder and target.is_dir():
        raise SettingError(f"{target} is a folder, but {to} is one file: add its name")
    taken = not format_.is_folder or any(target.iterdir())
    if taken and not force:
        raise SettingError(
            f"{target} already exists: choose another place with --out, or replace it with --force"
        )
