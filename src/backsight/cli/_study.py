"""``backsight study KIND``: experiments made of many runs."""

import difflib
from collections.abc import Sequence
from importlib import import_module

from backsight.errors import SettingError

__all__ = ["main"]

KINDS = {
    "length": "how loss, gradient norm and reach change with sequence length",
    "map": "the outcome of training at each point of a grid of two settings",
    "remedies": "which remedy helps a training, against a default and a random fix",
}
"""Each is a module ``_study_KIND`` of this package with ``main(arguments) -> exit status``."""


def main(arguments: Sequence[str]) -> int:
    """Find the kind of study, and run it."""
    kind, *rest = arguments or ["--help"]
    if kind in ("-h", "--help"):
        print("usage: backsight study KIND [options]\n")
        for name, what in KINDS.items():
            print(f"  {name:9} {what}")
        print("\nCtrl-C keeps all finished trials; the same command continues the study.")
        print("backsight study KIND --help lists its options.")
        return 0
    if kind not in KINDS:
        near = difflib.get_close_matches(kind, KINDS, 1)
        hint = f"did you mean {near[0]}?" if near else f"choose one of {', '.join(KINDS)}"
        raise SettingError(f"there is no study {kind!r}: {hint}")
    status: int = import_module(f"backsight.cli._study_{kind}").main(rest)
    return status
