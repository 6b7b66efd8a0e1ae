"""BKS402: a parameter that the optimizer has and never moves."""

from dataclasses import dataclass, field
from typing import ClassVar

from backsight.diagnosis._requirement import Requirement
from backsight.diagnosis._rule import Rule, Sample

__all__ = ["Frozen"]


@dataclass
class Frozen(Rule):
    """Its update is exactly zero, sample after sample."""

    code: ClassVar[str] = "BKS402"
    title: ClassVar[str] = "parameter never moves"
    severity: ClassVar = "error"
    reads: ClassVar = ("update_ratio",)
    optional_signals: ClassVar = ("lr",)
    explanation: ClassVar[str] = (
        "No step changes a parameter that the optimizer holds. Its gradient is usually missing or "
        "exactly zero."
    )
    criterion: ClassVar[str] = (
        "The update is exactly zero in each of the first {samples:.0f} samples with a learning "
        "rate above zero, while another parameter of the model moves. A parameter whose "
        "requires_grad is False is frozen on purpose, and not judged."
    )
    causes: ClassVar = (
        "the output of the layer is detached",
        "a layer that the loss does not use",
        "units that are all dead (ReLU) or saturated",
        "an update below the precision of the parameter (bf16 weights)",
    )
    remedies: ClassVar = (
        "set requires_grad to False if the parameter is meant to be frozen",
        "trace where the output of its layer goes",
        "keep the weights in float32",
    )
    source: ClassVar[str] = "Backsight; SageMaker Debugger's WeightUpdateRatio: 1e-8"

    samples: float = 3
    """From the first on."""
    _still: dict[str, int] = field(default_factory=dict, init=False, repr=False)
    _moved: set[str] = field(default_factory=set, init=False, repr=False)

    @property
    def requirement(self) -> Requirement:
        """Where nothing moves at all, that is about the loss or the learning rate."""
        of = "of update_ratio in which a parameter moves, at a learning rate above zero"
        return self.require(1, "sample", of)

    def _update(self, now: Sample) -> None:
        ratios = now.numbers("update_ratio")
        rates = now.numbers("lr").values()
        if not ratios or (rates and not any(rates)):
            return
        for name, ratio in ratios.items():
            if not self.finite(name, ratio):
                continue
            if ratio != 0:
                self._moved.add(name)
                self.resolve(name, now.iteration)
            else:
                self._still[name] = self._still.get(name, 0) + 1
        if not self._moved:
            return  # nothing moves at all: that is about the loss or the rate
        self.ready = True
        for name, count in self._still.items():
            if count >= self.samples and name not in self._moved and name in ratios:
                self.found(
                    name,
                    now.iteration,
                    f"the parameter {name} has not moved in any of {count} sampled steps",
                    {"samples": count, "update ratio": 0.0},
                    signals=(f"update_ratio/{name}",),
                )
