"""What is said of embedded inputs, in the run: how each was measured, and why one was not."""

from collections.abc import Callable
from typing import Any

from backsight.probes import Readers

__all__ = ["InputNotes"]


class InputNotes:
    """Records an event ``inputs`` whenever what is to be said has changed.

    Args:
        readers: which of them reads inputs.
        record: records an event: its kind, its iteration, its body.
    """

    def __init__(self, readers: Readers, record: Callable[[str, int, Any], None]) -> None:
        self._reader, self._record = readers.inputs, record
        self._said: dict[str, Any] = {"notes": {}, "untold": []}

    def tell(self, iteration: int) -> None:
        """That iteration is complete."""
        now = {"notes": self._reader.notes, "untold": self._reader.reasons}
        if now != self._said:
            self._said = now
            self._record("inputs", iteration, now)
