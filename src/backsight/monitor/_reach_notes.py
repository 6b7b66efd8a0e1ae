"""What is said of the reach, in the run: how inputs were measured, and why something was not."""

import logging
from collections.abc import Callable
from typing import Any

from torch import nn

from backsight.probes import Readers, what_was_found

__all__ = ["ReachNotes"]

_log = logging.getLogger("backsight")


class ReachNotes:
    """Records an event ``inputs`` whenever what is to be said has changed, and logs it once.

    Args:
        readers: what they have to say.
        record: records an event: its kind, its iteration, its body.
    """

    def __init__(self, readers: Readers, record: Callable[[str, int, Any], None]) -> None:
        self._readers, self._record = readers, record
        self._said: dict[str, Any] = {"notes": {}, "untold": []}
        self._logged: set[str] = set()

    def tell(self, iteration: int, ended: bool = False) -> None:
        """That iteration is complete.

        Args:
            iteration: its number.
            ended: whether it was the last one, so that nothing more will be measured.
        """
        inputs = self._readers.inputs
        unmeasured = [one for one in self._readers.unmeasured if ended or one.final]
        words = [one.words for one in unmeasured]
        now = {"notes": inputs.notes, "untold": [*inputs.reasons, *words]}
        if now == self._said:
            return
        self._said = now
        self._record("inputs", iteration, now)
        if ended:
            return
        told = {one: one for one in inputs.reasons_of_inputs}
        told |= {f"{one.cause} {one.path}": one.words for one in unmeasured}  # whatever the count
        for key, sentence in told.items():
            if key not in self._logged:
                self._logged.add(key)
                _log.warning("backsight: %s", sentence)

    def nothing_found(self, model: nn.Module | None) -> None:
        """Log what a model is made of, and what to pass, unless a reason is logged already."""
        untold = [words for words in self._readers.inputs.reasons if words not in self._logged]
        if model is not None and (untold or not self._logged):
            _log.warning("backsight: %s", what_was_found(model, untold))
