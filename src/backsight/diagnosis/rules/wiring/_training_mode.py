"""BKS422: the model trains in eval mode or without its dropout, or nearly all is dropped."""

from dataclasses import dataclass, field
from typing import ClassVar

from backsight.diagnosis._requirement import Requirement
from backsight.diagnosis._rule import Rule, Sample, named, percent

__all__ = ["WrongMode"]


@dataclass
class WrongMode(Rule):
    """``model.eval()`` without ``model.train()``; a dropout that leaves nothing."""

    code: ClassVar[str] = "BKS422"
    title: ClassVar[str] = "wrong training mode"
    severity: ClassVar = "warning"
    cause: ClassVar[bool] = True
    reads: ClassVar = ("eval_mode", "dropout_rate")
    optional_signals: ClassVar = (
        "dropout_silenced", "dropout_stopped", "eval_dropout", "eval_part",
    )  # fmt: skip
    explanation: ClassVar[str] = (
        "In eval mode dropout does nothing, and batch normalisation uses the statistics that it "
        "has, however wrong they are, and learns no new ones. The loss is then not the one that "
        "was meant, and the model overfits or normalises with numbers of the beginning. The "
        "contrary, a dropout of nearly 1, leaves next to nothing of what goes in."
    )
    criterion: ClassVar[str] = (
        "In {samples:.0f} samples in a row, at the last backward pass before a step, all modules "
        "with dropout or batch normalisation are in eval mode, and so is the model itself; or "
        "there are none, and a model in eval mode has functional.dropout drop nothing. Where "
        "others train, or the model does, a note tells of it: parts are put into eval mode on "
        "purpose. Or, in as many, the rate of a dropout is {nothing:g} or more, be it of the raw "
        "input; of functional.dropout, where what it is given has a graph; or it leaves nothing "
        "at all of {silenced:.0%} of the sequences or more (pⁿ, of n units; p is at least a "
        "half). Or there was dropout in each of three samples or more before the model first ran "
        "without gradients, and none in any of {samples:.0f} or more since, of the same "
        "optimizer. A note tells of a dropout that a model in eval mode applies, without "
        "gradients, in the newest of the first three evaluations, and of which it has no module "
        "in training mode."
    )
    causes: ClassVar = (
        "model.eval() for a validation, and no model.train() afterwards",
        "a test that sets the rate of dropout to 0 and does not set it back",
        "model.train() is called once, before a loop in which a validation calls model.eval()",
        "a dropout that was given the share to keep instead of the share to drop",
        "functional.dropout(x), which drops in eval mode, too, or a layer that is made in forward",
    )
    remedies: ClassVar = (
        "call model.train() at the beginning of each epoch, and after each validation",
        "set dropout to 0.1 to 0.5: p is the share that is dropped",
        "make dropout a module of the model, or call functional.dropout(x, p, self.training)",
    )
    source: ClassVar[str] = "PyTorch's documentation of Module.eval; a frequent question"

    samples: float = 3
    silenced: float = 0.1
    """Of the sequences."""
    nothing: float = 0.9
    """So much dropped: a tenth of the numbers is left, ten times as large."""
    _row: dict[str, int] = field(default_factory=dict, init=False, repr=False)
    _high: dict[str, int] = field(default_factory=dict, init=False, repr=False)
    _part: dict[str, int] = field(default_factory=dict, init=False, repr=False)
    _stopped: dict[str, int] = field(default_factory=dict, init=False, repr=False)
    _stays: dict[str, int] = field(default_factory=dict, init=False, repr=False)

    @property
    def requirement(self) -> Requirement:
        """In a row, where it is so; a single one where not."""
        return self.require(
            self.samples, "sample", "of eval_mode",
            sooner=(1, "no module is in eval mode") if self.samples > 1 else None,
        )  # fmt: skip

    def _update(self, now: Sample) -> None:
        rates, parts = now.numbers("dropout_rate"), now.numbers("eval_part")
        stays, stopped = now.numbers("eval_dropout"), now.numbers("dropout_stopped")
        silenced = now.numbers("dropout_silenced")
        for where, count in now.numbers("eval_mode").items():
            rate, part = rates.get(where, 0.0), parts.get(where, 0.0)
            if not self.finite(where, count, rate):
                continue
            rows = (
                _in_a_row(self._row, where, count > 0),
                _in_a_row(
                    self._high,
                    where,
                    rate >= self.nothing or silenced.get(where, 0.0) >= self.silenced,
                ),
                _in_a_row(self._stopped, where, stopped.get(where, 0.0) > 0),
                _in_a_row(self._part, where, part > 0),
                _in_a_row(self._stays, where, stays.get(where, 0.0) > 0),
            )
            self.usable(where, max(rows))
            if max(rows) >= self.samples:
                self.ready = True
            if rows[0] >= self.samples:
                self._tell_eval(where, now.iteration, count)
            elif rows[1] >= self.samples:
                self._tell_dropout(where, now.iteration, rate, silenced.get(where, 0.0))
            elif rows[2] >= self.samples:
                self._tell_stopped(where, now.iteration, stopped[where])
            elif rows[3] >= self.samples:
                self._tell_part(where, now.iteration, part)
            elif rows[4] >= self.samples:
                self._tell_stays(where, now.iteration)
            elif not max(rows):
                self.ready = True
                self.resolve(where, now.iteration)

    def _tell_eval(self, where: str, iteration: int, count: float) -> None:
        many = "one module" if count == 1 else f"all {count:.0f} modules"
        are = "is" if count == 1 else "are"
        self.found(
            where,
            iteration,
            f"the model trains in eval mode: {many} with dropout or batch normalisation {are} "
            "switched to eval",
            {"modules in eval mode": count},
            signals=(named("eval_mode", where),),
        )

    def _tell_dropout(self, where: str, iteration: int, rate: float, silenced: float) -> None:
        left = "of what goes in, next to nothing is left"
        if rate < self.nothing:
            left = f"of {percent(silenced)} of the sequences, nothing is left at all"
        self.found(
            where,
            iteration,
            f"dropout drops {percent(rate)}: {left}",
            {"dropout": rate}
            | ({"sequences of which nothing is left": silenced} if silenced else {}),
            signals=(named("dropout_rate", where),),
        )

    def _tell_stopped(self, where: str, iteration: int, rate: float) -> None:
        self.found(
            where,
            iteration,
            f"dropout of {percent(rate)} has ended with the first evaluation: since then, the "
            "model trains without any",
            {"dropout before": rate},
            signals=(named("dropout_stopped", where),),
        )

    def _tell_stays(self, where: str, iteration: int) -> None:
        self.found(
            where,
            iteration,
            "dropout goes on in evaluation: it is a function without a mode, or a layer that is "
            "made in forward, so that model.eval() does not reach it",
            {},
            signals=(named("eval_dropout", where),),
            severity="info",
        )

    def _tell_part(self, where: str, iteration: int, count: float) -> None:
        are = "module with dropout or batch normalisation trains"
        self.found(
            where,
            iteration,
            f"{count:.0f} {are if count == 1 else are[:6] + 's' + are[6:-1]} in eval mode, and the "
            "rest of the model does not",
            {"modules in eval mode": count},
            signals=(named("eval_part", where),),
            severity="info",
        )


def _in_a_row(rows: dict[str, int], where: str, so: bool) -> int:
    rows[where] = rows.get(where, 0) + 1 if so else 0
    return rows[where]
