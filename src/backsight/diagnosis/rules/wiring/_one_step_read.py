"""BKS414: a loss reads a layer where it has seen a single step."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from backsight.diagnosis._finding import Evidence
from backsight.diagnosis._requirement import Requirement
from backsight.diagnosis._rule import Sample, named, of_module
from backsight.diagnosis.rules._in_a_row import InARow

__all__ = ["OneStepRead"]

LOOP = "loop"
"""Where it is none of a module's."""

REVERSE, FORWARD, ONLY = 1, 2, 4
"""Bits of ``one_step_read``."""


@dataclass
class OneStepRead(InARow):
    """``output[:, -1]`` of both directions, or ``output[:, 0]``; the first state of a loop."""

    code: ClassVar[str] = "BKS414"
    title: ClassVar[str] = "read at its first step"
    severity: ClassVar = "error"
    cause: ClassVar[bool] = True
    reads: ClassVar = ("one_step_read", "first_step_read")
    explanation: ClassVar[str] = (
        "The reverse half of a bidirectional layer begins at the last step and ends at the first "
        "one. At the last step it has seen that step and nothing else, and so has the forward half "
        "at the first step. The loss reads that half of the output there alone: half of the layer "
        "contributes one step of the sequence. Of a layer in one direction, or a loop over a cell, "
        "whose first state alone is read, nothing is learned from any later step."
    )
    criterion: ClassVar[str] = (
        "In {samples:.0f} samples in a row, the gradient on the output of a bidirectional layer "
        "is not zero for the reverse half at the last step of each sequence, and is zero at all "
        "others; or so for the forward half, or a layer in one direction, at the first step. A "
        "loss that reads a final state, several steps, or no such half does not count, nor do "
        "sequences of two steps. Or a cell, or another module, is called at least three times, "
        "each time with the state of the call before, and of these calls the first one alone is in "
        "the graph of the loss. Or states that follow from each other are put side by side (cat, "
        "stack), an index takes the one that was made first, and no other way leads from the loss "
        "to the others."
    )
    causes: ClassVar = (
        "output[:, -1], or output[-1], of a bidirectional layer",
        "output[:, 0], or output[0]",
        "the last valid step of each sequence, gathered from both halves",
        "states that were collected in reverse order: outputs.insert(0, h), cat([h, outputs])",
    )
    remedies: ClassVar = (
        "read the final states: torch.cat([h_n[-2], h_n[-1]], dim=1)",
        "read each half where it ends: torch.cat([output[:, -1, :H], output[:, 0, H:]], dim=1)",
        "of a layer in one direction or of a loop, read the state that was made last",
        "read all steps, by a mean or a maximum over time",
    )
    source: ClassVar[str] = "Backsight; a frequent question about bidirectional layers"

    @property
    def requirement(self) -> Requirement:
        """In a row, where it is so; a single one where not."""
        return self.require(
            self.samples, "sample", "of one_step_read",
            sooner=(1, "one_step_read is 0") if self.samples > 1 else None,
        )  # fmt: skip

    def look_at(self, now: Sample) -> Mapping[str, float]:
        """Directions of layers; of loops, minus their steps."""
        loops = {where: -steps for where, steps in now.numbers("first_step_read").items()}
        named_ones = {where: steps for where, steps in loops.items() if not _is_loop(where)}
        layers = now.numbers("one_step_read")
        known = any(layers.values()) or any(named_ones.values())  # which may run such a loop
        return {**(named_ones if known else loops), **layers}

    def signal(self, where: str, value: float) -> str:
        """By which of the two it is told."""
        return named(self.reads[value < 0], where)

    def tell(self, where: str, value: float, now: Sample) -> tuple[str, Evidence]:
        """Which half, and where."""
        if value < 0:
            return (
                f"the loss reads the state{'' if _is_loop(where) else of_module(where)} after the "
                f"first of {-value:,.0f} "
                "steps, and no later one: nothing is learned from the rest of the sequence",
                {"steps": -value},
            )
        if int(value) & ONLY:
            return (
                f"the loss reads the output{of_module(where)} at the first step alone: nothing is "
                "learned from the rest of the sequence",
                {"directions": 1.0},
            )
        reverse = "the reverse half of the output", "last"
        forward = "the forward half", "first"
        halves = [h for bit, h in ((REVERSE, reverse), (FORWARD, forward)) if int(value) & bit]
        told = " and ".join(f"{half}{of_module(where)} at the {step} step" for half, step in halves)
        return (
            f"the loss reads {told} alone: it has seen one step of the sequence there",
            {"halves": float(len(halves))},
        )


def _is_loop(where: str) -> bool:
    """Whether it is a loop of no module's, perhaps of one of several models."""
    return where.rpartition(".")[2] == LOOP
