"""BKS406 and BKS407: what goes in is not finite, or is always the same."""

import math
from dataclasses import dataclass, field
from typing import ClassVar

from backsight.diagnosis._rule import Rule, Sample, of_module
from backsight.signals import spell

__all__ = ["BadInput", "ConstantInput", "overflowed"]


def overflowed(now: Sample) -> bool:
    """Whether the states of a layer are not finite whose own input is: what it feeds is no data."""
    inputs = now.numbers("input_spread")
    return any(
        not math.isfinite(norm) and math.isfinite(inputs.get(layer, math.nan))
        for name, norm in now.numbers("hidden_norm_max").items()
        for layer in (name, name.rpartition(".")[0])
    )


@dataclass
class BadInput(Rule):
    """NaN or infinity in the data."""

    code: ClassVar[str] = "BKS406"
    title: ClassVar[str] = "data not finite"
    severity: ClassVar = "error"
    reads: ClassVar = ("input_spread", "loss", "grad_norm")
    optional_signals: ClassVar = ("grad_norm_applied", "hidden_norm_max")
    lasting: ClassVar[bool] = False
    explanation: ClassVar[str] = (
        "The input of a layer held NaN or infinity while its weights were still finite: no setting "
        "of the training helps. Several exploding gradients in the wild were this."
    )
    criterion: ClassVar[str] = (
        "The input's spread is not finite, and neither loss nor gradient was so in an earlier "
        "iteration."
    )
    causes: ClassVar = (
        "missing values in the data",
        "a division by a standard deviation of zero when normalising",
        "log of zero in a feature; an overflow in half precision",
    )
    remedies: ClassVar = (
        "look at the batch of that iteration: torch.isfinite(x).all()",
        "fill or drop missing values; add a small number to the standard deviation",
    )
    source: ClassVar[str] = "arithmetic"

    _late: bool = field(default=False, init=False, repr=False)

    def _update(self, now: Sample) -> None:
        if not self._late:
            for layer, spread in now.numbers("input_spread").items():
                self.ready = True
                if not math.isfinite(spread) and not overflowed(now):
                    self.found(
                        layer,
                        now.iteration,
                        f"the input{of_module(layer)} holds {spell(spread)} from iteration "
                        f"{now.iteration:,} on, before anything else was not finite",
                        {"value": spell(spread)},
                        signals=(f"input_spread/{layer}",),
                    )
        else:
            for layer, spread in now.numbers("input_spread").items():
                self.finite(layer, spread)
        for name in ("loss", "grad_norm_applied", "grad_norm"):
            self._late |= any(not math.isfinite(x) for x in now.numbers(name).values())


@dataclass
class ConstantInput(Rule):
    """The same numbers at every step of every sequence."""

    code: ClassVar[str] = "BKS407"
    title: ClassVar[str] = "data constant"
    severity: ClassVar = "error"
    reads: ClassVar = ("input_spread",)
    explanation: ClassVar[str] = (
        "Every step of every sequence is the same: there is nothing to learn from. A silent input, "
        "a normalisation that has wiped it out, or an index that stands still."
    )
    criterion: ClassVar[str] = (
        "The largest difference between any two steps, of every layer's input, is exactly zero in "
        "{samples:.0f} samples in a row."
    )
    causes: ClassVar = (
        "a data loader that returns zeros, or the same item again and again",
        "features that were scaled to zero",
        "an embedding that is all zeros (padding index everywhere)",
    )
    remedies: ClassVar = ("look at a batch", "check the normalisation and the index into the data")
    source: ClassVar[str] = "arithmetic"

    samples: float = 3
    """In a row: a batch may be silent."""
    _row: dict[str, int] = field(default_factory=dict, init=False, repr=False)

    def _update(self, now: Sample) -> None:
        spreads = now.numbers("input_spread")
        for layer, spread in spreads.items():
            if not self.finite(layer, spread):
                continue
            if any(spreads.values()):  # a decoder that is fed zeros lives on its initial state
                self._row[layer] = 0
                self.ready = True
                self.resolve(layer, now.iteration)
                continue
            self._row[layer] = self._row.get(layer, 0) + 1
            if self._row[layer] >= self.samples:
                self.ready = True
                self.found(
                    layer,
                    now.iteration,
                    f"the input{of_module(layer)} is the same at every step of every sequence",
                    {"spread": 0.0, "samples in a row": self._row[layer]},
                    signals=(f"input_spread/{layer}",),
                )
