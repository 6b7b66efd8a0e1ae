"""BKS433: inputs so large that they saturate the layer at once."""

from dataclasses import dataclass, field
from typing import ClassVar

from backsight.diagnosis._requirement import Requirement
from backsight.diagnosis._rule import Rule, Sample, named, percent, short

__all__ = ["NotNormalised"]

FIRST = ("l0", "l0_reverse")
"""The layers of a module that read its input."""


@dataclass
class NotNormalised(Rule):
    """Sensor counts, prices, pixel values: data that are not normalised."""

    code: ClassVar[str] = "BKS433"
    title: ClassVar[str] = "input not normalised"
    severity: ClassVar = "warning"
    cause: ClassVar[bool] = True
    reads: ClassVar = ("input_scale",)
    optional_signals: ClassVar = ("saturation",)
    explanation: ClassVar[str] = (
        "The numbers that go into a layer are so large that its gates or units stand at the ends "
        "of their range from the first iteration on. Their slope is almost zero there: the layer "
        "can neither tell inputs apart nor learn."
    )
    criterion: ClassVar[str] = (
        "The mean size of the input of a recurrent layer is at least {scale:g}, and the share of "
        "its gates' values, or of its units where it has no gates, that are saturated is at least "
        "{share:g}, in each of the first {samples:.0f} samples. Large inputs that are normalised "
        "before the layer do not count, nor do large inputs that saturate nothing."
    )
    causes: ClassVar = (
        "data that are used as they were measured: counts, prices, pixel values, times",
        "indices that are given as numbers instead of to an embedding",
    )
    remedies: ClassVar = (
        "normalise each feature with mean and standard deviation of the training data: "
        "x = (x - mean) / std",
        "put nn.LayerNorm before the recurrent layer",
        "give indices to nn.Embedding",
    )
    source: ClassVar[str] = "LeCun, Bottou, Orr and Müller 1998; a frequent question"

    scale: float = 20
    """Normalised data have about 0.8; with fewer than hundreds of features, 20 is needed for the
    product with PyTorch's initial weights to saturate a sigmoid."""
    share: float = 0.6
    samples: float = 3
    """The first ones: what saturates later has another cause."""
    _seen: dict[str, int] = field(default_factory=dict, init=False, repr=False)
    _hit: dict[str, int] = field(default_factory=dict, init=False, repr=False)

    @property
    def requirement(self) -> Requirement:
        """The first samples, unless one of them is well."""
        return self.require(
            self.samples, "sample", "of input_scale",
            sooner=(1, "the input is small or saturates nothing") if self.samples > 1 else None,
        )  # fmt: skip

    def _update(self, now: Sample) -> None:
        for where, scale in now.numbers("input_scale").items():
            saturated = self._saturated(where, now)
            if not self.finite(where, scale, *(() if saturated is None else (saturated,))):
                continue
            if saturated is None and scale >= self.scale:
                continue
            bad = scale >= self.scale and saturated is not None and saturated >= self.share
            seen = self._seen[where] = self._seen.get(where, 0) + 1
            self._hit[where] = self._hit.get(where, 0) + bad
            if not bad:
                self.ready = True
                self.resolve(where, now.iteration)
            elif self._hit[where] == seen or where in self.findings:
                self.usable(where, self._hit[where])
                if self._hit[where] >= self.samples:
                    self.ready = True
                    self._tell(where, now.iteration, scale, saturated or 0.0)

    def _tell(self, where: str, iteration: int, scale: float, saturated: float) -> None:
        self.found(
            where,
            iteration,
            f"the input of {where} has a mean size of {short(scale)}, and {percent(saturated)} of "
            "what it goes into are saturated from the start: it is not normalised",
            {"mean size": scale, "share saturated": saturated},
            signals=(named("input_scale", where),),
        )

    @staticmethod
    def _saturated(where: str, now: Sample) -> float | None:
        """The share in the layers that read the input: of their gates, or of their units."""
        layers: list[float] = []
        gates: list[float] = []
        shares = now.numbers("saturation")
        for name, share in shares.items():
            if name == where:
                layers.append(share)
                continue
            inside = name.removeprefix(f"{where}.")
            if inside == name and where.rpartition(".")[2] != "model":
                continue
            layer, _, gate = inside.partition(".")
            if layer in FIRST:
                (gates if gate else layers).append(share)
            elif where in shares and inside != name and not gate:  # of a cell
                gates.append(share)
        found = gates or layers
        return sum(found) / len(found) if found else None
