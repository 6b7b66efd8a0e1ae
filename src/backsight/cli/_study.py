"""``backsight study KIND``: experiments made of many runs."""

import difflib
from collections.abc import Sequence
from importlib import import_module

from backsight.errors import SettingError

__all__ = ["main"]

KINDS = {
    "length": "what loss, gradient and reach do as sequences grow",
    "map": "what becomes of a network over two settings: learned, stuck, vanished, exploded",
    "remedies": "which remedy really helps a training, against a default fix and a random one",
}
"""Each is a module ``_study_KIND`` of this package with ``main(arguments) -> exit status``."""


def main(arguments: Sequence[str]) -> int:
    """Find the kind of study, and run it."""
    kind, *rest = arguments or ["--help"]
    if kind in ("-h", "--help"):
        print("usage: backsight study KIND [options]\n")
        for name, what in KINDS.items():
            print(f"  {name:9} {what}")
        print("\nCtrl-C keeps what is done, and the same command goes on.")
        print("backsight study KIND --help tells the options.")
        return 0
    if kind not in KINDS:
        near = difflib.get_close_matches(kind, KINDS, 1)
        hint = f"did you mean {near[0]}?" if near else f"choose one of {', '.join(KINDS)}"
        raise SettingError(f"there is no study {kind!r}: {hint}")
    status: int = import_module(f"backsight.cli._study_{kind}").main(rest)
    return status
