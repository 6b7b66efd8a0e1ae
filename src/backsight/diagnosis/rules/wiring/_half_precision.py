"""BKS438: half precision rounds away what a step adds, to the weights or to a state."""

from dataclasses import dataclass, field
from typing import ClassVar

from backsight.diagnosis._finding import Evidence, Finding, Severity
from backsight.diagnosis._requirement import Requirement
from backsight.diagnosis._rule import Rule, Sample, in_all, named, percent

__all__ = ["LostInHalf"]

TOLD = 3
"""Parameters that are told by name."""


@dataclass
class LostInHalf(Rule):
    """``model.to(torch.bfloat16)``, and an optimizer that steps on these weights."""

    code: ClassVar[str] = "BKS438"
    title: ClassVar[str] = "lost in half precision"
    severity: ClassVar = "warning"
    cause: ClassVar[bool] = True
    reads: ClassVar = ("half_lost", "half_steps", "half_overflow")
    optional_signals: ClassVar = ("fragile_decay", "half_eps", "loss")
    explanation: ClassVar[str] = (
        "A number in bfloat16 has eight bits, one in float16 eleven. What is added to it is lost "
        "if it is smaller than a five-hundredth of it (bfloat16) or a four-thousandth (float16): "
        "a step of a usual size leaves most weights as they were, and a state to which many small "
        "steps add stops where it is. In float16, Adam's eps of 1e-8 is 0, and Adam divides by it."
    )
    criterion: ClassVar[str] = (
        "In {samples:.0f} samples in a row, a step leaves at least {share:g} of the weights in "
        "half precision exactly as they were, although they have a gradient; or no step has moved "
        "any weight of a parameter. Or {sums:.0f} steps or "
        "more add to a state, one after the other, in half precision. It is a warning if a "
        "parameter stands still that says how fast a state fades (A_log and the like), or if, "
        "after {patience:.0f} losses, the loss has not fallen and more than single parameters "
        "stand still; else an info. Or a loss is not finite, and eps is 0 in the precision of the "
        "weights: an error. So is a loss that is not finite where, of all that autograd keeps, "
        "the first number that is not was made in float16, from finite ones."
    )
    causes: ClassVar = (
        "a model that was converted to half precision as a whole: model.half(), model.bfloat16()",
        "a mask of -1e9 or -1e10 in float16, which ends at 65,504; a product without its scale",
        "a state that is kept, or rounded, in half precision between its steps",
    )
    remedies: ClassVar = (
        "keep the weights in float32, and compute in half precision with torch.autocast",
        "keep states that add up in float32, and round what is read from them",
        "in float16, mask by torch.finfo(x.dtype).min, and take a softmax and norms in float32",
        "where weights have to be in half precision, use an optimizer that keeps a copy in float32",
    )
    source: ClassVar[str] = "Micikevicius et al. 2018 (mixed precision: master weights)"

    samples: float = 5
    """In a row: of a warm-up, the first steps are small."""
    share: float = 0.9
    sums: float = 12
    """More than a network has layers that add to each other, mostly."""
    patience: float = 100
    """Losses."""
    _row: dict[str, int] = field(default_factory=dict, init=False, repr=False)
    """By name, samples in a row in which it was lost."""
    _fragile: set[str] = field(default_factory=set, init=False, repr=False)
    """Names of parameters that say how fast a state fades."""
    _moved: set[str] = field(default_factory=set, init=False, repr=False)
    """Names of those that any step has moved: at the end of a schedule, steps are small."""
    _sums: dict[str, float] = field(default_factory=dict, init=False, repr=False)

    @property
    def requirement(self) -> Requirement:
        """In a row, where it is so; a single one where not."""
        return self.require(
            self.samples, "sample", "of half_lost",
            sooner=(1, "nothing is lost") if self.samples > 1 else None,
        )  # fmt: skip

    @classmethod
    def outweighs(cls, note: Finding) -> tuple[str, ...]:
        """What a state loses has no effect, though its gradient says so: steps go ever on, until
        they have too much."""
        return ("BKS204",) if "sums in half precision" in note.evidence else ()

    def _update(self, now: Sample) -> None:
        for where, over in now.numbers("half_overflow").items():
            if not self.finite(where, over):
                continue
            self.ready = True
            self.found(
                where,
                now.iteration,
                "the loss is not finite, and of all that was computed for it, the first number "
                f"that is not was made in float16 (where {where} was computed, or just before): "
                "it ends at 65,504",
                {"operation": where},
                signals=(named("half_overflow", where),),
                severity="error",
            )
        self._fragile.update(set(now.numbers("fragile_decay")) - set(in_all(now, "fragile_decay")))
        self._sums |= now.numbers("half_steps")
        self._count(now)
        for where in {*in_all(now, "half_lost"), *in_all(now, "half_steps")}:
            self._judge(where, now)

    def _count(self, now: Sample) -> None:
        whole = in_all(now, "half_lost")
        for name, lost in now.numbers("half_lost").items():
            if self.finite(name, lost):
                is_lost = lost >= self.share if name in whole else lost == 1
                self._row[name] = self._row.get(name, 0) + 1 if is_lost else 0
                if lost < 1:
                    self._moved.add(name)

    def _judge(self, where: str, now: Sample) -> None:
        course = now.courses.get(now.label)
        stuck = course is not None and course.count >= self.patience and not course.learned
        lost = in_all(now, "half_lost").get(where)
        rows = self._row.get(where, 0)
        unmoved = [
            name
            for name, row in sorted(self._row.items())
            if row >= self.samples and name not in {where, *self._moved}
        ]
        still = [name for name in unmoved if name in self._fragile]
        sums = self._sums.get(where, 0.0)
        parts: list[str] = []
        evidence: dict[str, float | str] = {}
        severity: Severity = "info"
        if now.numbers("half_eps").get(where) and course is not None and course.broken:
            severity = "error"
            parts.append(
                "the weights are in float16, where the eps of the optimizer is 0: it divides by 0 "
                "where a gradient is small, and the loss is not finite"
            )
            evidence["losses not finite"] = float(course.broken)
        if still:
            severity = min(severity, "warning", key=_ORDER.index)
            parts.append(_too_small(still))
            evidence["time constants that stand still"] = float(len(still))
        elif unmoved and rows < self.samples:
            parts.append(_too_small(unmoved))
            evidence["parameters that stand still"] = float(len(unmoved))
        if rows >= self.samples and lost is not None:
            severity = min(severity, "warning" if stuck else "info", key=_ORDER.index)
            parts.append(
                f"a step leaves {percent(lost)} of the weights in half precision exactly as they "
                "were: it is less than half the distance to the next number"
            )
            evidence["share lost"] = lost
        if sums >= self.sums:
            severity = min(severity, "warning" if stuck else "info", key=_ORDER.index)
            parts.append(
                f"{sums:.0f} steps in a row add to a state in half precision: what is small beside "
                "the state is lost"
            )
            evidence["sums in half precision"] = sums
        if parts:
            self.ready = True
            self._tell(where, now.iteration, "; ".join(parts), evidence, severity)
        elif rows:
            self.usable(where, rows)
        else:
            self.ready = True
            self.resolve(where, now.iteration)

    def _tell(
        self, where: str, iteration: int, message: str, evidence: Evidence, severity: Severity
    ) -> None:
        sums = "sums in half precision" in evidence
        signals = tuple(
            named(family, where)
            for family, told in zip(
                self.reads[:2], (not sums or len(evidence) > 1, sums), strict=True
            )
            if told
        )
        found = self.found(where, iteration, message, evidence, signals=signals, severity=severity)
        if _ORDER.index(severity) < _ORDER.index(found.severity):
            found.severity = severity
            self.raised.append((iteration, found))


def _too_small(names: list[str]) -> str:
    told = ", ".join(names[:TOLD]) + (" and others" if len(names) > TOLD else "")
    return f"each step is too small to move {told} in half precision"


_ORDER: tuple[Severity, ...] = ("error", "warning", "info")
"""The gravest first."""
