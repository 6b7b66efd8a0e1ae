"""``backsight export RUN``: a run in the format of another tool."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Optional

import tyro

from backsight._printable import printable
from backsight.cli._options import parse

__all__ = ["main"]


@dataclass(frozen=True)
class Export:
    """Write every recorded number and event of a run in the format of another tool."""

    run: tyro.conf.Positional[Path]
    """The run folder; the run may still be training."""
    to: Literal["csv", "parquet", "netcdf", "jsonl", "tensorboard"] = "csv"
    """The format. csv, parquet and tensorboard are folders, netcdf and jsonl are one file."""
    out: Annotated[Optional[Path], tyro.conf.arg(aliases=["-o"])] = None
    """What to write; by default the run's name with an ending, in the working directory."""
    force: bool = False
    """Replace what an earlier export wrote there."""


def main(arguments: Sequence[str]) -> int:
    """Write the files and print their paths."""
    options = parse(Export, "backsight export", arguments)
    from backsight.integrations.export import export_run

    for path in export_run(options.run, options.to, options.out, force=options.force):
        print(printable(path))
    return 0
