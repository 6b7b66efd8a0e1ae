"""A recorder for a process that records nothing."""

from collections.abc import Mapping
from typing import Any

from numpy.typing import ArrayLike

__all__ = ["NullRecorder"]


class NullRecorder:
    """A recorder that keeps nothing."""

    def scalars(self, iteration: int, values: Mapping[str, float]) -> None:
        """Nothing."""

    def series(self, name: str, iterations: ArrayLike, values: ArrayLike) -> None:
        """Nothing."""

    def profile(self, name: str, iteration: int, row: ArrayLike) -> None:
        """Nothing."""

    def event(self, kind: str, iteration: int, body: Any, *, urgent: bool = False) -> None:
        """Nothing."""
