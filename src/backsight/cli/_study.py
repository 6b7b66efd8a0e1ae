"""``backsight study KIND``: experiments made of many runs."""

import difflib
from collections.abc import Sequence
from importlib import import_module

from backsight.errors import SettingError

__all__ = ["main"]

STUDIES = {
    "map": "what becomes of a network over two settings: learned, stuck, vanished, exploded",
}
"""Each is a module ``_study_KIND`` of this package with ``main(arguments) -> exit status``."""


def main(arguments: Sequence[str]) -> int:
    """Hand on to the study."""
    name, *rest = arguments or ["--help"]
    if name in ("-h", "--help"):
        print("usage: backsight study KIND TASK [options]\n")
        for kind, what in STUDIES.items():
            print(f"  {kind:9} {what}")
        print("\nbacksight study KIND --help tells the options of each.")
        return 0
    if name not in STUDIES:
        near = difflib.get_close_matches(name, STUDIES, 1)
        hint = f"did you mean {near[0]}?" if near else f"there is {', '.join(STUDIES)}"
        raise SettingError(f"there is no study {name!r}: {hint}")
    status: int = import_module(f"backsight.cli._study_{name}").main(rest)
    return status
