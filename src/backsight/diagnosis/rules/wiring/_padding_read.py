"""BKS415: the loss reads the last step of sequences that end in padding."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from backsight.diagnosis._finding import Evidence, Severity
from backsight.diagnosis._rule import Sample, named, of_module, percent, short
from backsight.diagnosis.rules._in_a_row import InARow

__all__ = ["PaddingRead"]

ATTENTION, EMBEDDING = "attention", "embedding"
"""In place of a layer."""


@dataclass
class PaddingRead(InARow):
    """``output[:, -1]``, or ``h_n``, of a padded batch that is not packed."""

    code: ClassVar[str] = "BKS415"
    title: ClassVar[str] = "last step is padding"
    severity: ClassVar = "warning"
    cause: ClassVar[bool] = True
    reads: ClassVar = ("padding_read", "loop_padding_read")
    explanation: ClassVar[str] = (
        "Sequences of different lengths are padded at their end, and the loss reads the last step "
        "of the padded batch. By then, the layer has run over the padding of most sequences: what "
        "it knew of them has to outlast as many steps as their padding has, and the shorter the "
        "sequence, the more of them. If they were packed, that step of the output is zero for all "
        "but the longest."
    )
    criterion: ClassVar[str] = (
        "In {samples:.0f} samples in a row, no gradient arrives at any step but the last, at "
        "least half of the sequences end in one and the same value, over at least three different "
        "numbers of steps, that value makes up at most 10 % of the steps before, and at least "
        "{share:.0%} of all steps are such an end; where the sequences begin in padding, of more "
        "steps than that, it is none. What the embedding calls padding (padding_idx) "
        "may be of two different numbers of steps. Of packed sequences, at least half are shorter "
        "than the longest, and a gradient arrives at the longest alone. The same counts of a loop "
        "over a cell, of which the last state alone is read. A note where there is one target a "
        "sequence and a gradient arrives at 95 % of all steps, padding as well: a mean, or an "
        "attention, without a mask; or where a mean is taken over the steps of what "
        "pad_packed_sequence returns, or of an embedding, with nothing between that could hold a "
        "mask; or where the last states of both directions are read, and nothing is packed. A "
        "warning where a gradient arrives at 95 % of the padding "
        "and, of these sequences, at no other step; or an attention has weights there alone. A "
        "loss that gathers the last valid step of each sequence does not count, nor do states "
        "that a mask keeps."
    )
    causes: ClassVar = (
        "output[:, -1] of a batch that pad_sequence, or a tokenizer, has padded",
        "h_n of a padded batch that was not packed",
        "output[:, -1] of what pad_packed_sequence returns",
        "an attention whose mask is the wrong way round: scores.masked_fill(mask, -inf) hides what "
        "is True in the mask",
    )
    remedies: ClassVar = (
        "pack the batch: pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False), "
        "and read h_n",
        "gather the last valid step: output[torch.arange(len(lengths)), lengths - 1]",
        "mask what is averaged or attended to: scores.masked_fill(padding, -inf), "
        "(x * mask).sum(1) / mask.sum(1)",
        "pad at the beginning of the sequences",
    )
    source: ClassVar[str] = "PyTorch's documentation of pack_padded_sequence; a frequent question"

    share: float = 0.1
    """Of all steps; a step or two hardly matter."""

    def look_at(self, now: Sample) -> Mapping[str, float]:
        """Of layers, and of loops over a cell: negative."""
        loops = {where: -share for where, share in now.numbers("loop_padding_read").items()}
        return {**now.numbers("padding_read"), **loops}

    def signal(self, where: str, value: float) -> str:
        """The one that it is read from."""
        return named(self.reads[value < 0], where)

    def counts(self, value: float) -> bool:
        """Whether there is enough of it."""
        return abs(value) - sum(value > kind for kind in (1, 2, 3)) >= self.share

    def severity_of(self, value: float) -> Severity:
        """Padding that is read together with all else weakens what is read, and no more."""
        return "info" if 1 < value <= 2 or value > 3 else self.severity

    def tell(self, where: str, value: float, now: Sample) -> tuple[str, Evidence]:
        """How much of the batch is padding."""
        if value > 3:
            return (
                f"the last states of two directions are read{of_module(where)}, and "
                f"{percent(value - 3)} of all steps are padding: one direction ends behind it, the "
                "other one begins in it, as nothing was packed",
                {"padding": float(short(value - 3))},
            )
        if value > 2:
            seen = (
                "an attention looks at the padding"
                if where == ATTENTION
                else f"of the output{of_module(where)}, the loss reads the padding"
            )
            return (
                f"{seen}, which is {percent(value - 2)} of all steps, and at no step before it: a "
                "mask is the wrong way round",
                {"padding": float(short(value - 2))},
            )
        if value > 1 and where == EMBEDDING:
            return (
                f"a mean is taken over all steps of what was embedded, and {percent(value - 1)} of "
                "them are padding, which counts like the rest: (x * mask).sum(1) / mask.sum(1) is "
                "a mean over the words",
                {"padding": float(short(value - 1))},
            )
        if value > 1:
            return (
                f"one answer a sequence is made from all steps of the output{of_module(where)}, "
                f"and {percent(value - 1)} of them are padding, which counts like the rest: a mask "
                "is missing from the mean, or from the attention",
                {"padding": float(short(value - 1))},
            )
        return (
            f"the loss reads only the last step of the padded output{of_module(where)}, and "
            f"{percent(abs(value))} of all steps are padding: of most sequences, that step is",
            {"padding": float(short(abs(value)))},
        )
