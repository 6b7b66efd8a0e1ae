"""BKS421: gradients are clipped when no step reads them, or while they are scaled."""

from dataclasses import dataclass, field
from typing import ClassVar

from backsight.diagnosis._requirement import Requirement
from backsight.diagnosis._rule import Rule, Sample, named, percent, short

__all__ = ["ClipMisplaced"]


@dataclass
class ClipMisplaced(Rule):
    """Before backward, after the step, or before ``unscale_``."""

    code: ClassVar[str] = "BKS421"
    title: ClassVar[str] = "clipping at the wrong moment"
    severity: ClassVar = "warning"
    cause: ClassVar[bool] = True
    spares: ClassVar = ("BKS402",)
    reads: ClassVar = ("clip_misplaced", "clip_scaled")
    optional_signals: ClassVar = ("clips_unread", "gradient_left", "weights_clamped")
    explanation: ClassVar[str] = (
        "Clipping works on the gradients that are there when it is called. Before backward these "
        "are zero or those of the last step, and after the step nobody reads them any more: the "
        "step takes the gradient unclipped. While the loss is scaled (AMP), the limit is applied "
        "to gradients that are tens of thousands of times too large, and what is left of them "
        "after the division is next to nothing."
    )
    criterion: ClassVar[str] = (
        "In {samples:.0f} samples in a row, clip_grad_norm_ or clip_grad_value_ is called before "
        "the backward pass or after the step and not in between, or gradients that are zeroed "
        "next are shortened after the step, or clip_grad_norm_ is given no parameters at all, or "
        "those of a copy; and the step reads a gradient above the limit. So many are not waited "
        "for where gradients are not finite by then. Or, in as many, one of them shortens the "
        "gradient, and the step reads a gradient at least 64 times below the limit; or gradients "
        "arrive at scaler.step at least 64 times shorter than they were computed and still "
        "scaled, with 8 or more elements alike to the bit, or with one norm whatever it was "
        "before. Or {held:.0%} of the weights of the largest matrix or more are at its largest "
        "value, to the bit, and were moved there between backward and the step. Or no step has "
        "ever read what such a call has shortened, while {samples:.0f} of them came after a step, "
        "as at the end of an epoch, and were given gradients above the limit. Where no gradient "
        "is above the limit in {harmless:.0f} samples, a misplaced call is told as a note. A clip "
        "by hand of gradients that are None or zero leaves no trace."
    )
    causes: ClassVar = (
        "the clip stands before loss.backward(), or after optimizer.step()",
        "the clip stands after the loop over batches, and is called once an epoch",
        "parameters = model.parameters() is a generator: the second clip finds it empty",
        "the parameters of an average or a target network are clipped, which have no gradient",
        "the weights are clamped, p.data.clamp_(…), and not p.grad",
        "with a GradScaler, a clip without scaler.unscale_(optimizer) before it",
        "a loss that is multiplied by hand, and gradients that are divided after the clip",
    )
    remedies: ClassVar = (
        "clip after loss.backward() and before optimizer.step()",
        "give the clip model.parameters() itself, or list(model.parameters())",
        "with a GradScaler, call scaler.unscale_(optimizer) before the clip",
    )
    source: ClassVar[str] = "PyTorch's documentation of AMP, 'Gradient clipping'; public reports"

    samples: float = 3
    held: float = 0.05
    """Of the weights: no two of a matrix are alike by chance."""
    harmless: float = 20
    """Samples without a gradient above the limit."""
    _misplaced: dict[str, list[float]] = field(default_factory=dict, init=False, repr=False)
    _scaled: dict[str, int] = field(default_factory=dict, init=False, repr=False)
    _held: dict[str, int] = field(default_factory=dict, init=False, repr=False)
    """Samples in a row in which the weights were clamped instead."""
    _unread: dict[str, float] = field(default_factory=dict, init=False, repr=False)
    _left: dict[str, float] = field(default_factory=dict, init=False, repr=False)

    @property
    def requirement(self) -> Requirement:
        """In a row, where it is so; a single one where not."""
        return self.require(
            self.samples, "sample", "of clip_misplaced",
            sooner=(1, "clip_misplaced is 0") if self.samples > 1 else None,
        )  # fmt: skip

    def _update(self, now: Sample) -> None:
        self._left |= now.numbers("gradient_left")
        scaled, clamped = now.numbers("clip_scaled"), now.numbers("weights_clamped")
        unread = now.numbers("clips_unread")
        self._unread |= unread
        for where, ratio in now.numbers("clip_misplaced").items():
            factor = scaled.get(where, 0.0)
            row = self._misplaced.setdefault(where, [])
            if not self.finite(where, ratio, factor):
                self._burst(where, now.iteration, row)
                continue
            # Gradients that are scaled down instead of zeroed are shorter after the step, too.
            row[:] = [*row, ratio][-int(self.harmless) :] if ratio and not self._kept(where) else []
            self._scaled[where] = self._scaled.get(where, 0) + 1 if factor else 0
            share = clamped.get(where, 0.0)
            self._held[where] = self._held.get(where, 0) + 1 if share >= self.held else 0
            self.usable(where, max(len(row), self._scaled[where], self._held[where]))
            above = [one for one in row if abs(one) > 1]
            if self._scaled[where] >= self.samples:
                self._tell_scaled(where, now.iteration, factor)
            elif self._held[where] >= self.samples:
                self._tell_held(where, now.iteration, share)
            elif len(above) >= self.samples:
                self._tell_misplaced(where, now.iteration, max(above, key=abs), "warning")
            elif len(row) >= self.harmless:
                self._tell_misplaced(where, now.iteration, max(row, key=abs), "info")
            elif self._unread.get(where, 0.0) >= self.samples and not self._kept(where):
                continue  # told below
            elif not row and not factor and not self._held[where]:
                self.ready = True
                self.resolve(where, now.iteration)

        for where, calls in unread.items():
            above = [one for one in self._misplaced.get(where, []) if abs(one) > 1]
            few = len(above) < self.samples  # else it is told already
            if calls >= self.samples and few and not self._kept(where):
                self._tell_unread(where, now.iteration, calls)

    def _burst(self, where: str, iteration: int, row: list[float]) -> None:
        """What is not finite any more before there were enough samples, each of them misplaced."""
        if 0 < len(row) < self.samples and all(abs(one) > 1 for one in row):
            self._tell_misplaced(where, iteration, max(row, key=abs), "warning")

    def _kept(self, where: str) -> bool:
        return self._left.get(where, 0.0) > 0

    def _tell_scaled(self, where: str, iteration: int, factor: float) -> None:
        self.ready = True
        self.found(
            where,
            iteration,
            f"gradients are clipped, and then divided by {short(factor)} or more before the step "
            "reads them: the limit is applied to gradients that are still scaled",
            {"divided by": factor},
            signals=(named("clip_scaled", where),),
        )

    def _tell_held(self, where: str, iteration: int, share: float) -> None:
        self.ready = True
        self.found(
            where,
            iteration,
            f"the weights are clamped between backward and the step, and not their gradients: "
            f"{percent(share)} of the largest matrix is at the limit",
            {"share at the limit": share},
            signals=(named("weights_clamped", where),),
        )

    def _tell_unread(self, where: str, iteration: int, calls: float) -> None:
        self.ready = True
        self.found(
            where,
            iteration,
            f"gradients above the limit were clipped {calls:.0f} times, each time after the step, "
            "as at the end of an epoch: no step has ever read a gradient that was clipped",
            {"clips that no step reads": calls},
            signals=(named("clips_unread", where),),
        )

    def _tell_misplaced(self, where: str, iteration: int, ratio: float, severity: str) -> None:
        self.ready = True
        effect = (
            f"the step reads gradients of up to {short(abs(ratio))} times the limit"
            if abs(ratio) > 1
            else "so far the gradients have been below the limit anyway"
        )
        what = (
            "gradients are clipped before backward or after the step, not in between"
            if ratio > 0
            else "clip_grad_norm_ is given no parameters, as by a generator that was used up, or "
            "those of a copy, which have no gradient"
        )
        self.found(
            where,
            iteration,
            f"{what}: {effect}",
            {"gradient relative to the limit": abs(ratio)},
            signals=(named("clip_misplaced", where),),
            severity="warning" if severity == "warning" else "info",
        )
