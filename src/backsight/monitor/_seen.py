"""What was seen of a process, in numbers: why there is a record, or none."""

from collections import Counter
from dataclasses import dataclass, field

__all__ = ["Seen"]


@dataclass
class Seen:
    """Counts of a process that was observed.

    Example:
        >>> from backsight.monitor import Seen
        >>> seen = Seen(forwards=3)
        >>> seen.add(Seen(forwards=2, passes=1))
        >>> seen.forwards, seen.passes, seen.steps
        (5, 1, 0)
    """

    models: Counter[str] = field(default_factory=Counter)
    """How many models of each class were called."""
    forwards: int = 0
    """Calls of these models."""
    passes: int = 0
    """Backward passes that brought gradients to their parameters."""
    queries: int = 0
    """Calls of ``torch.autograd.grad`` that were taken for no backward pass."""
    bare: int = 0
    """Passes that brought gradients to tensors that no module holds and no optimizer moves."""
    transformed: int = 0
    """Calls of ``torch.autograd.grad`` by ``torch.func``."""
    steps: int = 0
    """Steps of optimizers, or, where there is none, backward passes."""
    recurrent: bool = False
    """Whether anything with a time axis has run."""
    inner: set[str] = field(default_factory=set)
    """Classes of the innermost modules that have run."""
    untold: list[str] = field(default_factory=list)
    """Why the reach of a model, or of an input, cannot be told: a sentence each."""
    unmeasured: dict[str, str] = field(default_factory=dict)
    """Recurrent layers whose reach was not measured, each with the reason."""
    passed_over: Counter[str] = field(default_factory=Counter)
    """Iterations of which something was not measured, by what of PyTorch's looked on."""

    looker: str = ""
    """What of PyTorch's looked on when modules were called that are of no model seen."""

    def add(self, other: "Seen") -> None:
        """Those of another group of models."""
        self.models += other.models
        self.forwards += other.forwards
        self.passes += other.passes
        self.queries = max(self.queries, other.queries)  # each group hears of all of them
        self.bare = max(self.bare, other.bare)
        self.steps += other.steps
        self.recurrent = self.recurrent or other.recurrent
        self.inner |= other.inner
        self.untold += [words for words in other.untold if words not in self.untold]
        self.unmeasured |= other.unmeasured
        self.passed_over += other.passed_over
