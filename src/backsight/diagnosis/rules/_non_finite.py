"""BKS201: a number that is not finite, and which came first."""

import math
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from backsight.diagnosis._remedy import remedy
from backsight.diagnosis._rule import ProfileRow, Rule, Sample, of_module
from backsight.diagnosis._stretch import Stretch
from backsight.diagnosis.rules._data import overflowed
from backsight.diagnosis.stability import first_non_finite
from backsight.signals import spell

__all__ = ["NonFinite"]

ORDER = (
    ("input_spread", "the input"),
    ("hidden_norm_max", "the hidden states"),
    ("hidden_norm", "the hidden states"),
    ("loss", "the loss"),
    ("grad_norm", "the gradient"),
    ("grad_time", "the gradient through time"),
    ("grad_norm_applied", "the gradient as applied"),
    ("weight_norm", "the weights"),
)
"""Within one iteration each is made of those before it."""


@dataclass
class NonFinite(Rule):
    """What was not finite first, in the order in which one is computed from the other."""

    code: ClassVar[str] = "BKS201"
    title: ClassVar[str] = "not finite"
    severity: ClassVar = "error"
    reads: ClassVar = tuple(name for name, _ in ORDER)
    explodes: ClassVar[bool] = True
    lasting: ClassVar[bool] = False
    judges_rate: ClassVar[bool] = True
    leads_to: ClassVar = (
        "BKS104",
        "BKS202",
        "BKS203",
        "BKS204",
        "BKS302",
        "BKS303",
        "BKS402",
    )
    explanation: ClassVar[str] = (
        "A NaN or an infinity appeared in the input, a hidden state, the loss, a gradient or a "
        "weight. Every value computed from it is not finite either, so within a step or two no "
        "value is."
    )
    criterion: ClassVar[str] = (
        "The rule reports the first iteration in which a recorded value is not finite, and names "
        "the first such value in the order input, state, loss, gradient, weight. Where only the "
        "gradient is not finite and the optimizer skipped the step, the rule reports it only after "
        "{skipped:.0f} such iterations in a row, because loss scaling in half precision skips "
        "steps while it searches for its scale."
    )
    causes: ClassVar = (
        "a gradient that exploded through time, and a step along it",
        "a learning rate that is too high for the recurrent matrix",
        "NaN or infinity in the data, or a division by a standard deviation of zero",
        "a log or sqrt of zero, or an exp of a large number, in the loss",
        "half precision without loss scaling",
    )
    remedies: ClassVar = (
        remedy(
            "if the input came first, clean the data: no setting helps",
            when=lambda evidence: evidence.get("came first") == "the input",
        ),
        remedy(
            "if the loss came first, check the targets and the loss function",
            when=lambda evidence: evidence.get("came first") == "the loss",
        ),
        "clip the gradient norm at about its median, and skip steps that are not finite",
        remedy("lower the learning rate by a factor of 3 to 10", lr=-1),
        "initialise the recurrent matrix orthogonally or with smaller values; use a GRU or an LSTM",
    )
    studied_remedies: ClassVar = (
        "clip",
        "guard",
        "lr-third",
        "lr-tenth",
        "lr-fit",
        "orthogonal",
        "gru",
        "lstm",
    )
    source: ClassVar[str] = "arithmetic; pytorch#46849, pytorch-kaldi#154, trl#6702"

    skipped: float = 20
    """Gradients in a row that are not finite and that no step was made of, before it is told."""
    _row: int = field(default=0, init=False, repr=False)

    def _update(self, now: Sample) -> None:
        self.ready = True
        read = self._read(now)
        found = first_non_finite((what, worst) for what, _, worst in read)
        if found is None:
            self._row = 0
            return
        if self.findings:
            self.findings[""].again(now.iteration)
            return
        first = found[0]
        off = [(n, w) for what, n, w in read if what == first and not math.isfinite(w)]
        names, example = [name for name, _ in off], off[-1][1]
        skipped = first == "the gradient" and not now.numbers("grad_norm_applied")
        self._row += 1
        if skipped and self._row < self.skipped:
            return
        members = [name.partition("/")[2] for name in names if "/" in name]
        members = members or [now.label]
        place = of_module(", ".join(filter(None, members[:3])))
        self.found(
            "",
            now.iteration,
            f"the first value that is not finite is {spell(example)} in {first}{place}, at "
            f"iteration {now.iteration:,}",
            {"came first": first, "value": spell(example), "iteration": now.iteration},
            signals=names,
        )

    def update_many(self, stretch: Stretch) -> None:
        """As of any rule; only iterations with a value that is not finite are looked at."""
        places = stretch.places(self.reads)
        off = np.zeros(len(stretch.iterations), bool)
        for name in self.reads:
            for column in stretch.columns(name):
                off[column.at[~column.finite]] = True
        if not self.ready:
            self.update(stretch.sample(int(places[0])))
            places = places[1:]
        found = np.flatnonzero(off[places])
        previous = -1
        for number, index in enumerate(found.tolist()):
            if self.findings:
                last = int(stretch.iterations[places[found[-1]]])
                self.findings[""].again(last)
                self.findings[""].count += len(found) - number - 1
                break
            if index != previous + 1:
                self._row = 0
            self.update(stretch.sample(int(places[index])))
            previous = index
        if len(places) and not off[places[-1]]:
            self._row = 0

    def _read(self, now: Sample) -> list[tuple[str, str, float]]:
        """What it is, its name, and a value that is not finite where there is one; in order."""
        read = []
        overflow = overflowed(now)
        for name, what in ORDER:
            if name == "input_spread" and overflow:
                continue  # the output of a layer below
            values: dict[str, float | ProfileRow] = {**now.numbers(name), **now.rows(name)}
            for member, value in values.items():
                read.append((what, f"{name}/{member}" if member else name, _worst(value)))
        return read


def _worst(value: float | ProfileRow) -> float:
    if isinstance(value, float):
        return value
    row = np.asarray(value, np.float64).ravel()
    off = row[~np.isfinite(row)]
    return float(off[0]) if off.size else 0.0
