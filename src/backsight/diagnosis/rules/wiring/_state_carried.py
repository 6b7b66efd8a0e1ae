"""BKS418: the state of one iteration goes into the next one."""

from dataclasses import dataclass, field
from typing import ClassVar

from backsight.diagnosis._remedy import remedy
from backsight.diagnosis._requirement import Requirement
from backsight.diagnosis._rule import Rule, Sample, named, of_module

__all__ = ["StateCarried"]

SPENT = 2


@dataclass
class StateCarried(Rule):
    """With its graph, which is an error; or without, which is right for sequences that go on."""

    code: ClassVar[str] = "BKS418"
    title: ClassVar[str] = "state carried over"
    severity: ClassVar = "error"
    cause: ClassVar[bool] = True
    reads: ClassVar = ("state_attached", "state_carried")
    explanation: ClassVar[str] = (
        "An iteration begins in the state that the one before has ended in. With the graph of that "
        "state, backward goes on into the earlier iteration: there it fails, since it has freed "
        "the graph or the optimizer has moved the weights; with retain_graph=True, each step takes "
        "longer than the last. Without the graph, it is right where the sequences of a batch go on "
        "from those of the last one (truncated backpropagation through time), and wrong where "
        "batches are drawn anew: then the state tells of other sequences."
    )
    criterion: ClassVar[str] = (
        "The initial state of a layer hangs on a graph that its own weights were in before this "
        "iteration, and backward can no longer go through it or the graph of the loss has grown by "
        "a fifth; or that has grown so and holds operations that backward cannot go through; or "
        "backward has run since that state was made, within the iteration. "
        "A note: in {samples:.0f} samples in a row, the initial state is the final one "
        "of the iteration before, or a multiple of it, without its graph, and the input neither "
        "begins in memory where the former one ends nor is what the loss has asked for at the last "
        "step."
    )
    causes: ClassVar = (
        "a state that is kept in the module, or in the loop, and not detached",
        "a state that is not reset at the beginning of sequences that are drawn anew",
    )
    remedies: ClassVar = (
        remedy(
            "detach it: state = state.detach(), or tuple(s.detach() for s in state) of an LSTM",
            when=lambda found: not found,  # else it is detached
        ),
        "begin anew: call rnn(x) without a state, where sequences do not go on",
    )
    source: ClassVar[str] = "PyTorch's message of a second backward pass; a frequent question"

    samples: float = 3
    """In a row, of a state without its graph."""
    _row: dict[str, int] = field(default_factory=dict, init=False, repr=False)

    @property
    def requirement(self) -> Requirement:
        """One, as nothing is said of a state that is not carried."""
        return self.require(1, "sample", "of state_attached")

    def _update(self, now: Sample) -> None:
        for where, value in now.numbers("state_attached").items():
            if not self.finite(where, value):
                continue
            self.ready = True
            if not value:
                continue
            fails = (
                "backward can no longer go through it: detach the state"
                if value == SPENT
                else "each backward pass goes through all of them: detach the state"
            )
            self.found(
                where,
                now.iteration,
                f"the graph of the loss goes on into earlier iterations or passes; {fails}",
                {},
                signals=(named("state_attached", where),),
            )
        for where, value in now.numbers("state_carried").items():
            if not self.finite(where, value):
                continue
            self._row[where] = self._row.get(where, 0) + 1 if value else 0
            if not value:
                self.resolve(where, now.iteration)
            elif self._row[where] >= self.samples and now.label not in self.findings:
                self.found(
                    where,
                    now.iteration,
                    f"the initial state{of_module(where)} is the final one of the iteration "
                    "before: right only where the sequences of a batch go on from the last one",
                    {"samples in a row": float(self._row[where])},
                    signals=(named("state_carried", where),),
                    severity="info",
                )
