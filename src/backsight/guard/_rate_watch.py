"""Whether something other than a scheduler has set a learning rate far above where it was."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

__all__ = ["FAR", "RateWatch"]

FAR = 100.0
"""Times the highest rate since the snapshot: no script goes there in one step on purpose, and if
it does and training stays healthy, the next snapshot makes it the usual rate."""


class RateWatch:
    """Knows the range of each parameter group's learning rate since the newest snapshot.

    A group that has or had a scheduler of PyTorch's kind (``initial_lr`` tells) is left out: what
    is in it, the scheduler may have set. Rates of 0 say nothing about a range.

    Args:
        optimizers: whose groups are watched, those that are added later as well.
    """

    def __init__(self, optimizers: Sequence[Optimizer]) -> None:
        self._optimizers = optimizers
        self._highest: list[float] = []
        """Of each group since the snapshot; 0 until there is one."""
        self._usual: list[float] = []
        """The newest rate within the range."""
        self._newest: list[float] = []

    def look(self) -> None:
        """The optimizers are about to step."""
        for place, _, rate in self._groups():
            self._newest[place] = rate
            if not self._is_far(place, rate) and rate > 0:
                self._usual[place] = rate
                self._highest[place] = max(self._highest[place], rate)

    def begin_anew(self) -> None:
        """A snapshot is taken: training was healthy with the rates that it had so far."""
        self._usual, self._highest = list(self._newest), list(self._newest)

    def put_right(self) -> list[tuple[float, float]]:
        """Set each rate that is far out of its range to what it was; returns both, once each."""
        found: dict[tuple[float, float], None] = {}
        for place, group, rate in self._groups():
            if self._is_far(place, rate):
                usual = self._usual[place]
                if isinstance(group["lr"], Tensor):
                    group["lr"].fill_(usual)
                else:
                    group["lr"] = usual
                found[rate, usual] = None
        return list(found)

    def _is_far(self, place: int, rate: float) -> bool:
        highest = self._highest[place]
        return highest > 0 and not rate <= FAR * highest  # nor is NaN

    def _groups(self) -> Iterator[tuple[int, dict[str, Any], float]]:
        """Place, group and rate of those without a scheduler."""
        groups = [group for optimizer in self._optimizers for group in optimizer.param_groups]
        for known in (self._highest, self._usual, self._newest):
            known += [0.0] * (len(groups) - len(known))
        for place, group in enumerate(groups):
            if "lr" in group and "initial_lr" not in group:
                yield place, group, float(group["lr"])

    def state_dict(self) -> dict[str, Any]:
        """Under ``rates``, plain values; empty where there is nothing to remember."""
        if not self._newest:
            return {}
        lists = {"highest": self._highest, "usual": self._usual, "newest": self._newest}
        return {"rates": {name: list(values) for name, values in lists.items()}}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """As it was; a state from before rates were watched remembers nothing."""
        rates = state.get("rates", {})
        self._highest = list(rates.get("highest", ()))
        self._usual = list(rates.get("usual", ()))
        self._newest = list(rates.get("newest", ()))
