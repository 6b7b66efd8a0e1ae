"""Somebody watching a study."""

import logging
from typing import Protocol

__all__ = ["StudyView", "Unwatched"]

_log = logging.getLogger("backsight")


class StudyView(Protocol):
    """What a study tells while it trains."""

    def begin(self, total: int, done: int) -> None:
        """So much there is to train, and so much of it was done before.

        Counted in trials; a map counts the iterations of all its networks.
        """

    def advance(self, amount: int) -> None:
        """So much more is done."""

    def ended(self, words: str, left: float | None) -> None:
        """A trial has ended; ``left`` is how many seconds the rest may take."""

    def failed(self, words: str) -> None:
        """A part of a map has no result, since its process died."""

    def say(self, line: str) -> None:
        """Something worth a line."""


class Unwatched:
    """Nobody: what has failed goes to the log."""

    def begin(self, total: int, done: int) -> None:
        """Nothing."""

    def advance(self, amount: int) -> None:
        """Nothing."""

    def ended(self, words: str, left: float | None) -> None:
        """Nothing."""

    def failed(self, words: str) -> None:
        """A warning."""
        _log.warning("backsight: %s", words)

    def say(self, line: str) -> None:
        """Nothing."""
