"""BKS406 and BKS407: what goes in is not finite, or is always the same."""

import math
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from backsight.diagnosis._requirement import Requirement
from backsight.diagnosis._rule import Rule, Sample, named, of_module
from backsight.diagnosis._stretch import Stretch
from backsight.signals import spell

__all__ = ["BadInput", "ConstantInput", "overflowed"]


STEPS = "steps"
"""Where the steps of each sequence are the same."""

MADE_OF_IT = ("loss", "grad_norm_applied", "grad_norm", "weight_norm")
"""What is not finite either where the input is not; and what makes an embedded input so."""


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
    cause: ClassVar[bool] = True
    reads: ClassVar = ("input_spread", "loss", "grad_norm")
    optional_signals: ClassVar = ("grad_norm_applied", "hidden_norm_max", "weight_norm")
    lasting: ClassVar[bool] = False
    leads_to: ClassVar = (
        "BKS104",
        "BKS201",
        "BKS202",
        "BKS203",
        "BKS204",
        "BKS302",
        "BKS407",
    )
    explanation: ClassVar[str] = (
        "The input of a layer contained NaN or infinity while the weights were still finite, so no "
        "setting of the training helps. Several reported cases of exploding gradients were this."
    )
    criterion: ClassVar[str] = (
        "The spread of the input is not finite, and in all earlier iterations the loss, the "
        "gradients and the weights were finite."
    )
    causes: ClassVar = (
        "missing values in the data",
        "a division by a standard deviation of zero in the normalisation",
        "a log of zero in a feature, or an overflow in half precision",
    )
    remedies: ClassVar = (
        "inspect the batch of that iteration with torch.isfinite(x).all()",
        "fill or drop missing values; add a small number to the standard deviation",
    )
    source: ClassVar[str] = "arithmetic"

    _late: bool = field(default=False, init=False, repr=False)

    @property
    def requirement(self) -> Requirement:
        """Later, nobody knows what came first."""
        of = "of input_spread before any loss, gradient or weight that is not finite"
        return self.require(1, "sample", of)

    def _update(self, now: Sample) -> None:
        if not self._late:
            for layer, spread in now.numbers("input_spread").items():
                self.ready = True
                if not math.isfinite(spread) and not overflowed(now):
                    self.found(
                        layer,
                        now.iteration,
                        f"the input{of_module(layer)} contains {spell(spread)} from iteration "
                        f"{now.iteration:,} on; the loss and the gradients were finite before",
                        {"value": spell(spread)},
                        signals=(f"input_spread/{layer}",),
                    )
        else:
            for layer, spread in now.numbers("input_spread").items():
                self.finite(layer, spread)
        for name in MADE_OF_IT:
            self._late |= any(not math.isfinite(x) for x in now.numbers(name).values())

    def update_many(self, stretch: Stretch) -> None:
        """As of any rule; only iterations with an input are looked at, and only they count."""
        places = stretch.places(self.reads)
        inputs = stretch.places(self.reads[:1])
        off = np.zeros(len(stretch.iterations), bool)
        for name in MADE_OF_IT:
            for column in stretch.scalars(name):
                off[column.at[~column.finite]] = True
        broken = places[off[places]]
        first = int(broken[0]) if broken.size and not self._late else len(stretch.iterations)
        for place in inputs.tolist():
            self._late |= place > first
            self.update(stretch.sample(place))
        self._late |= bool(broken.size)


@dataclass
class ConstantInput(Rule):
    """The same numbers at every step, of every sequence or of each."""

    code: ClassVar[str] = "BKS407"
    title: ClassVar[str] = "data constant"
    severity: ClassVar = "error"
    cause: ClassVar[bool] = True
    reads: ClassVar = ("input_spread", "steps_alike", "silent_input")
    leads_to: ClassVar = (
        "BKS101",
        "BKS104",
        "BKS105",
        "BKS301",
        "BKS302",
        "BKS303",
        "BKS402",
        "BKS405",
    )
    explanation: ClassVar[str] = (
        "Every step of every sequence is the same, so there is nothing to learn from. The input is "
        "silent, a normalisation has removed it, or an index does not advance. Where sequences "
        "differ and only their steps are the same, each is one step, given again and again: a "
        "window that repeats a row instead of reading the next ones."
    )
    criterion: ClassVar[str] = (
        "The largest difference between any two steps is exactly zero for the input of every "
        "layer, in {samples:.0f} samples in a row. A note says that all steps of each sequence are "
        "the same in as many looks in a row, while sequences differ (steps_alike), where no layer "
        "is given an initial state: features that do not change may be given at each step on "
        "purpose. Or all that a layer is given are zeros, or one symbol, in as many looks in a "
        "row, whatever others are given (silent_input), and no initial state, which a decoder "
        "lives on."
    )
    causes: ClassVar = (
        "a data loader that returns zeros, or the same item again and again",
        "features that were scaled to zero",
        "numbers between 0 and 1 that were cast to integers: features.to(torch.uint8)",
        "an embedding that is all zeros (padding index everywhere)",
        "the inner loop over the steps of a window does not use its index",
    )
    remedies: ClassVar = ("inspect a batch", "check the normalisation and the index into the data")
    source: ClassVar[str] = "arithmetic"

    samples: float = 3
    """In a row: a batch may be silent."""
    _row: dict[str, int] = field(default_factory=dict, init=False, repr=False)
    _zeros: dict[str, int] = field(default_factory=dict, init=False, repr=False)
    """Looks in a row at a layer that is given nothing else."""

    @property
    def requirement(self) -> Requirement:
        """In a row."""
        sooner = (1, "any two steps differ") if self.samples > 1 else None
        return self.require(self.samples, "sample", "of input_spread", sooner=sooner)

    def _update(self, now: Sample) -> None:
        self._look_at_steps(now)
        self._look_at_zeros(now)
        spreads = now.numbers("input_spread")
        for layer, spread in spreads.items():
            if not self.finite(layer, spread):
                continue
            if any(spreads.values()):  # a decoder that is fed zeros lives on its initial state
                self._row[layer] = 0
                self.ready = True
                if self._zeros.get(layer, 0) < self.samples:
                    self.resolve(layer, now.iteration)
                continue
            self._row[layer] = self._row.get(layer, 0) + 1
            self.usable(layer)
            if self._row[layer] >= self.samples:
                self.ready = True
                self.found(
                    layer,
                    now.iteration,
                    f"the input{of_module(layer)} is the same at every step of every sequence",
                    {"spread": 0.0, "samples in a row": self._row[layer]},
                    signals=(f"input_spread/{layer}",),
                )

    def _look_at_steps(self, now: Sample) -> None:
        for member, steps in now.numbers("steps_alike").items():
            where = member or STEPS
            if not self.finite(where, steps):
                continue
            looks = self._row[where] = self._row.get(where, 0) + 1 if steps else 0
            if looks >= self.samples:
                self.found(
                    where,
                    now.iteration,
                    f"all {steps:.0f} steps of a sequence are the same, in each row: a layer is "
                    "given one step again and again",
                    {"steps": steps, "looks in a row": float(looks)},
                    signals=(named("steps_alike", member),),
                    severity="info",
                )
            elif not steps:
                self.resolve(where, now.iteration)

    def _look_at_zeros(self, now: Sample) -> None:
        for layer, rows in now.numbers("silent_input").items():
            if not self.finite(layer, rows):
                continue
            before = self._zeros.get(layer, 0)
            looks = self._zeros[layer] = before + 1 if rows else 0
            if looks >= self.samples:
                self.ready = True
                self.found(
                    layer,
                    now.iteration,
                    f"the input{of_module(layer)} is nothing but zeros, or one symbol, in all "
                    f"{rows:.0f} rows",
                    {"rows": rows, "looks in a row": float(looks)},
                    signals=(f"silent_input/{layer}",),
                )
            elif before >= self.samples:
                self.resolve(layer, now.iteration)
