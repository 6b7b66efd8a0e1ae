"""Why something that was found has no profile."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Unmeasured", "UnmeasuredCause"]

UnmeasuredCause = Literal[
    "too many calls",
    "calls pile up",
    "made of parts",
    "changed on its way",
    "no gradient",
    "feedback left out",
    "feedback both ways",
    "feedback packed",
    "feedback in windows",
    "graph too large",
    "shapes differ",
    "rows move",
    "state of output",
    "gates unseen",
]


@dataclass(frozen=True, slots=True)
class Unmeasured:
    """Why a layer, or a loop, was found and not measured, or not wholly.

    Example:
        >>> Unmeasured("too many calls", "cell", 10_000, 8_192).words
        'cell: not measured, because it was called 10,000 times, and at most 8,192 calls are kept'
    """

    cause: UnmeasuredCause
    path: str
    """The module's; of a loop in the graph, that of its weight. Empty for the model itself."""
    count: int = 0
    """How many there were of what there are too many of."""
    limit: int = 0
    """How many are allowed."""
    other: str = ""
    """The path of the part that is looked at instead."""

    @property
    def final(self) -> bool:
        """Whether it is to be told at once: a later sample may still bring a gradient, a shorter
        sequence, or none of the predictions that are made now and then."""
        return self.cause not in ("no gradient", "calls pile up", "feedback left out")

    @property
    def partial(self) -> bool:
        """Whether there is a profile, which leaves something out."""
        return self.cause.startswith("feedback")

    @property
    def words(self) -> str:
        """What it means, in a sentence without its full stop."""
        name = self.path or "the model"
        if self.cause == "gates unseen":
            return (
                f"{name}: the half-lives of its state are not known, because it ran in a kernel "
                "that shows no gates"
            )
        if self.partial:
            why = {
                "feedback left out": self._many_calls,
                "feedback both ways": "it runs in both directions; it is measured of a layer that "
                "runs in one and is called for one step at a time",
                "feedback packed": "its input is packed; call it with each step as a tensor to "
                "have it measured",
                "feedback in windows": "it is called for several steps at once; call it for one "
                "step at a time to have it measured",
            }[self.cause]
            return (
                f"{name}: the reach leaves out the way through its own output as the next input, "
                f"because {why}"
            )
        why = {
            "too many calls": f"it was called {self.count:,} times, and at most {self.limit:,} "
            "calls are kept",
            "calls pile up": self._many_calls,
            "made of parts": f"{self.other}, a part of it, hands a state on from call to call, "
            "too, and is looked at instead",
            "changed on its way": "what it returns is changed before its next call, so that no "
            "state is seen to be handed on",
            "no gradient": "no gradient of the loss arrived at its states",
            "graph too large": f"the graph of the loss has more than {self.limit:,} operations, "
            f"or {self.count:,} one after another, in which no loop is looked for",
            "state of output": "its initial state is made of its own output, through which no "
            "gradient is followed; give it the final state that it has returned",
            "rows move": "its batch gets smaller or larger on the way, and its sequences change "
            "their rows; sort them by length, or pad the batch",
            "shapes differ": "its state does not have the same shape at each step; where sequences "
            "end on the way, pad the batch",
        }[self.cause]
        return f"{name}: not measured, because {why}"

    @property
    def _many_calls(self) -> str:
        return (
            f"it was called more than {self.limit:,} times before a backward pass; if these are "
            "predictions, make them under torch.no_grad()"
        )
