"""``python -m backsight.studies.map FOLDER NUMBER``: one part of a map, as a trial of an engine."""

import sys
from collections.abc import Sequence
from pathlib import Path

from backsight._printable import printable
from backsight.errors import BacksightError
from backsight.studies.map._folder import MapFolder
from backsight.studies.map._train import train_part

__all__ = ["main"]


def main(arguments: Sequence[str]) -> int:
    """Train a part of the plan in a folder and keep it there."""
    path, number = arguments
    folder = MapFolder(Path(path))
    try:
        part = folder.plan().parts()[int(number)]
        folder.keep(part.number, train_part(part))
    except BacksightError as error:
        print(f"backsight: {printable(error)}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
