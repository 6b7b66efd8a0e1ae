"""BKS433: inputs so large that they saturate the layer at once, or targets out of reach."""

from dataclasses import dataclass, field
from typing import ClassVar

from backsight.diagnosis._requirement import Requirement
from backsight.diagnosis._rule import Rule, Sample, named, percent, short

__all__ = ["NotNormalised"]

FIRST = ("l0", "l0_reverse")
"""The layers of a module that read its input."""

COLUMNS = "columns"
"""Where features are found that are far apart."""


@dataclass
class NotNormalised(Rule):
    """Sensor counts, prices, pixel values: data that are not normalised."""

    code: ClassVar[str] = "BKS433"
    title: ClassVar[str] = "data not normalised"
    severity: ClassVar = "warning"
    cause: ClassVar[bool] = True
    reads: ClassVar = ("input_scale", "target_size", "column_scale", "targets_beyond")
    optional_signals: ClassVar = ("answer_size", "guess_loss", "loss", "saturation")
    explanation: ClassVar[str] = (
        "The numbers that go into a layer are so large that its gates or units stand at the ends "
        "of their range from the first iteration on. Their slope is almost zero there: the layer "
        "can neither tell inputs apart nor learn. Or the targets are so large that the "
        "model, whose answers begin near 0, spends its steps on getting there, or is thrown out by "
        "the first gradients, which are as large."
    )
    criterion: ClassVar[str] = (
        "The mean size of the input of a recurrent layer is at least {scale:g}, and the share of "
        "its gates' values, or of its units where it has no gates, that are saturated is at least "
        "{share:g}, in each of the first {samples:.0f} samples. Large inputs that are normalised "
        "before the layer do not count, nor do large inputs that saturate nothing. Or the targets "
        "of a loss of numbers have a size of {target:g} or more, the first predictions are at most "
        "{near:g} of that, and after {patience:.0f} losses their level is at {poor:g} or more of "
        "what the best constant answer would have. Or the answers are a likeness, which is e to "
        "the power of minus a distance, or a cosine, and in {samples:.0f} samples in a row "
        "{beyond:.0%} or more of their targets are outside of its range. Or, as a note, in as many "
        "samples the features of an input that is data differ so far that one varies by {apart:g} "
        "of what another does, or less."
    )
    causes: ClassVar = (
        "data that are used as they were measured: counts, prices, pixel values, times",
        "indices that are given as numbers instead of to an embedding",
        "targets in their own unit: prices, counts, seconds since 1970",
        "one minimum and maximum for all columns of a table: prices and volumes together",
        "grades from 1 to 5 for a likeness, which is between 0 and 1",
    )
    remedies: ClassVar = (
        "normalise each feature with mean and standard deviation of the training data: "
        "x = (x - mean) / std",
        "put nn.LayerNorm before the recurrent layer",
        "give indices to nn.Embedding",
        "normalise the targets as well, and turn predictions back: y = prediction * std + mean",
    )
    source: ClassVar[str] = "LeCun, Bottou, Orr and Müller 1998; a frequent question"

    scale: float = 20
    """Normalised data have about 0.8; with fewer than hundreds of features, 20 is needed for the
    product with PyTorch's initial weights to saturate a sigmoid."""
    share: float = 0.6
    samples: float = 3
    """The first ones: what saturates later has another cause."""
    target: float = 50
    near: float = 0.1
    patience: float = 150
    """Losses."""
    poor: float = 0.8
    apart: float = 1e-3
    """Of what the widest varies by: a loss, or a layer, that sees one hardly sees the other."""
    beyond: float = 0.3
    """As of BKS411."""
    _apart: dict[str, int] = field(default_factory=dict, init=False, repr=False)
    """Samples in a row, by layer, in which features were that far apart."""
    _unreached: dict[str, int] = field(default_factory=dict, init=False, repr=False)
    """Samples in a row, by loss, in which that many targets were out of reach."""
    _seen: dict[str, int] = field(default_factory=dict, init=False, repr=False)
    _hit: dict[str, int] = field(default_factory=dict, init=False, repr=False)
    _far: dict[str, bool] = field(default_factory=dict, init=False, repr=False)
    """Whether the first predictions were far from the targets."""

    @property
    def requirement(self) -> Requirement:
        """The first samples, unless one of them is well."""
        return self.require(
            self.samples, "sample", "of input_scale",
            sooner=(1, "the input is small or saturates nothing") if self.samples > 1 else None,
        )  # fmt: skip

    def _targets(self, where: str, size: float, now: Sample) -> None:
        answer = now.numbers("answer_size").get(where)
        guess = now.numbers("guess_loss").get(where)
        course = now.courses.get(now.label)
        if answer is None or guess is None or not self.finite(where, size, guess):
            return
        far = self._far.setdefault(where, size >= self.target and answer <= self.near * size)
        if not far or course is None or course.count < self.patience:
            self.ready = self.ready or not far
            return
        self.ready = True
        if course.level < self.poor * guess or not course.level > 0:
            self.resolve(where, now.iteration)
            return
        self.found(
            where,
            now.iteration,
            f"the targets have a size of {short(size)}, and the predictions {short(answer)}: after "
            f"{course.count:,} losses the loss is at {short(course.level)}, and the best constant "
            f"answer has {short(guess)}; the targets are not normalised",
            {"size of the targets": size, "size of the predictions": answer},
            signals=(named("target_size", where),),
        )

    def _likeness(self, where: str, share: float, now: Sample) -> None:
        far = share >= self.beyond
        self._unreached[where] = self._unreached.get(where, 0) + 1 if far else 0
        if not far:
            self.resolve(where, now.iteration)
        elif self._unreached[where] >= self.samples:
            self.ready = True
            self.found(
                where,
                now.iteration,
                f"the answers are a likeness, and {percent(share)} of the targets are outside of "
                "its range (from 0, or from -1 of a cosine, to 1): the targets are to be scaled",
                {"share of targets": share},
                signals=(named("targets_beyond", where),),
            )

    def _columns(self, where: str, share: float, now: Sample) -> None:
        far = share <= self.apart
        self._apart[where] = self._apart.get(where, 0) + 1 if far else 0
        place = named(COLUMNS, where)
        if not far:
            self.resolve(place, now.iteration)
        elif self._apart[where] >= self.samples:
            self.ready = True
            self.found(
                place,
                now.iteration,
                f"of the features that go into {where or 'the model'}, one varies "
                f"{short(1 / share)} times less than another: next to that, it is hardly there; "
                "each feature is to be scaled by itself",
                {"share of the widest": share},
                signals=(named("column_scale", where),),
                severity="info",
            )

    def _update(self, now: Sample) -> None:
        for where, share in now.numbers("column_scale").items():
            self._columns(where, share, now)
        for where, share in now.numbers("targets_beyond").items():
            if where.rpartition(".")[2] == "likeness":
                self._likeness(where, share, now)
        for where, size in now.numbers("target_size").items():
            self._targets(where, size, now)
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
