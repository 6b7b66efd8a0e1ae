"""Why the positions of a loss cannot be told."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Untold", "UntoldCause", "UntoldError"]

UntoldCause = Literal[
    "no gradient", "one loss a sequence", "mixed", "unknown operation", "ambiguous", "too large"
]


@dataclass(frozen=True, slots=True)
class Untold:
    """Why the positions of a loss cannot be told apart.

    Example:
        >>> Untold("ambiguous").words
        'the positions of the loss cannot be told apart: its terms may be laid out in several ways'
    """

    cause: UntoldCause
    detail: str = ""
    """The operation, by autograd's name."""
    rows: int = 0
    """With one loss a sequence: how many there are."""

    @property
    def words(self) -> str:
        """What it means, in a sentence without its full stop."""
        if self.cause == "no gradient":
            return "no gradient of this loss reaches this layer"
        compiled = self.cause == "unknown operation" and self.detail.startswith("Compiled")
        why = {
            "one loss a sequence": "each sequence has a single loss",
            "mixed": f"{self.detail} mixes several positions in one term of the loss",
            "unknown operation": f"the loss is computed by an unknown operation ({self.detail})",
            "ambiguous": "its terms may be laid out in several ways",
            "too large": "the graph of the loss is too large or too deep",
        }[self.cause]
        if compiled:
            why = "the loss is computed inside a compiled function; compute it outside"
        return f"the positions of the loss cannot be told apart: {why}"


class UntoldError(Exception):
    """Carries the cause to where it is told."""

    def __init__(self, untold: Untold) -> None:
        super().__init__(untold.words)
        self.untold = untold
