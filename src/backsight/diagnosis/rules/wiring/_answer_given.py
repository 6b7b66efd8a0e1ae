"""BKS431: the loss asks for what the model has just read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from backsight.diagnosis._finding import Evidence, Severity
from backsight.diagnosis._rule import Sample, in_all, parts_of
from backsight.diagnosis.rules._in_a_row import InARow

__all__ = ["TargetIsInput"]


MAY_BE_MEANT = {"reproduced", "earlier step", "two ahead"}
"""Kinds that a correct training may have."""


@dataclass
class TargetIsInput(InARow):
    """A target that was not shifted; a decoder that is fed its answer."""

    code: ClassVar[str] = "BKS431"
    title: ClassVar[str] = "target is the input"
    severity: ClassVar = "error"
    cause: ClassVar[bool] = True
    reads: ClassVar = ("answer_in_input",)
    optional_signals: ClassVar = ("answer_lag",)
    explanation: ClassVar[str] = (
        "At each step, the loss asks for what the model reads at that very step, or what a "
        "bidirectional layer reads one step later. The loss falls to zero fast and no memory is "
        "needed: what was to be predicted is copied, and of the real task nothing is learned."
    )
    criterion: ClassVar[str] = (
        "In {samples:.0f} samples in a row, the targets of a whole window equal the indices or "
        "numbers that went into the model, the first answer depends on the input that is its "
        "target, and it depends on no later one. A target one step ahead counts where a "
        "bidirectional layer reads that step. An encoder whose input is to be reproduced does not "
        "count, nor do masked inputs or a delay; where numbers are to be reproduced by a model "
        "that may be an autoencoder, or whose outputs another term of the loss is made of, this is "
        "told as a note. Or the numbers asked for at each "
        "step are some of the features that the last recurrent layer, no narrower than its input, "
        "reads there. Or the one number that each row is "
        "asked for is a feature of the last step of what the model was given. Or each target was "
        "read some steps before, and the first ones, which were not, are neither one value nor the "
        "end of the window, or, one step before, a mark that is never read and does not count, or "
        "that a decoder beside an encoder is to say: that is told as a note. A target one step "
        "ahead also counts where no "
        "layer is recurrent, one tensor of symbols alone is read, and the first answer depends on "
        "the second symbol; where all targets are two steps ahead, a note says so."
    )
    causes: ClassVar = (
        "the target of a language model is not shifted: it is to be the next symbol",
        "a decoder is fed the answer itself, not the answer one step earlier",
        "a bidirectional layer, or an attention without a causal mask, is to predict the next step",
        "a window that ends in the value that is to be forecast",
        "inputs and targets exchanged: the series without its beginning is read, and the one "
        "without its end asked for",
    )
    remedies: ClassVar = (
        "shift by one: read text[:, :-1] and ask for text[:, 1:]",
        "feed the decoder a start symbol and y[:, :-1], and ask for y",
        "make the layer unidirectional (bidirectional=False); give an attention a causal mask",
        "end the window a step earlier: read series[i:i + n] and ask for series[i + n]",
    )
    source: ClassVar[str] = "Backsight; a frequent question about language models and decoders"

    def look_at(self, now: Sample) -> Mapping[str, float]:
        """The number in all; negative where that may be meant."""
        return {
            where: -targets if set(self._kinds(where, now)) <= MAY_BE_MEANT else targets
            for where, targets in in_all(now, "answer_in_input").items()
        }

    def severity_of(self, value: float) -> Severity:
        """An autoencoder is to do so, and so is what learns a delay."""
        return "info" if value < 0 else self.severity

    def tell(self, where: str, value: float, now: Sample) -> tuple[str, Evidence]:
        """Which step's input it is."""
        kinds = self._kinds(where, now)
        if "this step" in kinds:
            message = "the target of each step is the input of that very step: it is not shifted"
        elif "among" in kinds:
            message = (
                "the target of each step is among the numbers that are read at that very step: "
                "what is to be said has to be given one step later"
            )
        elif "last step" in kinds:
            message = (
                "the target is the last value of the very window that the model reads: a forecast "
                "has to ask for a later one"
            )
        elif "next step" in kinds:
            message = (
                "the target of each step is the input of the next one, which a bidirectional layer "
                "reads: it sees what it is to predict"
            )
        elif "seen" in kinds:
            message = (
                "the target of each step is the input of the next one, which the answer depends "
                "on: the model sees what it is to predict (is a causal mask missing?)"
            )
        elif "two ahead" in kinds:
            message = (
                "the target of each step is the symbol after the next one: is it shifted twice, by "
                "the script and by the model?"
            )
        elif "earlier step" in kinds:
            lag = max(in_all(now, "answer_lag").values(), default=0.0)
            message = (
                f"the target of each step was read {lag:,.0f} {'step' if lag == 1 else 'steps'} "
                "before: that learns a delay; a forecast has to ask for a later value"
            )
        else:
            message = (
                "the target is the input: for an autoencoder that is right; a forecast has to ask "
                "for a later value"
            )
        return message, {"targets": abs(value)}

    @staticmethod
    def _kinds(where: str, now: Sample) -> list[str]:
        return [*parts_of(now, "answer_in_input", where)]
