"""The numbers that a trainer's own log shows of a run, each with its iteration."""

import threading
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backsight.signals import family, member

__all__ = ["Headlines"]

OF_THE_RUN = ("grad_norm", "grad_norm_applied")
OF_LAYERS = ("horizon", "half_life", "hidden_norm_mean", "memory_length")

KEPT = 10_000
"""Iterations and findings that wait to be taken; the oldest are dropped, and counted."""


class Headlines:
    """A sink that keeps what a trainer logs: gradient norms, and per layer how far the gradient
    reaches and how large the state is.

    Example:
        >>> from backsight.integrations._headlines import Headlines
        >>> headlines = Headlines()
        >>> headlines.scalars(3, {"grad_norm": 0.5, "grad_norm/rnn.bias_hh_l0": 0.1})
        >>> headlines.take()
        [(3, {'backsight/grad_norm': 0.5})]
        >>> headlines.take()
        []
    """

    def __init__(self) -> None:
        self._values: dict[int, dict[str, float]] = {}
        self._findings: deque[tuple[int, Mapping[str, Any]]] = deque(maxlen=KEPT)
        self._lock = threading.Lock()
        self.dropped = 0
        """Iterations whose numbers nobody took in time."""

    def open(self, run: Path) -> None:
        """Nothing is to be done."""

    def scalars(self, iteration: int, values: Mapping[str, float]) -> None:
        """Keep those that are logged."""
        told = {f"backsight/{name}": value for name, value in values.items() if _is_told(name)}
        if not told:
            return
        with self._lock:
            self._values.setdefault(iteration, {}).update(told)
            while len(self._values) > KEPT:
                del self._values[next(iter(self._values))]
                self.dropped += 1

    def profile(self, name: str, iteration: int, row: NDArray[np.floating[Any]]) -> None:
        """Profiles are for the run folder."""

    def event(self, kind: str, iteration: int, body: Any) -> None:
        """Keep a finding."""
        if kind == "finding":
            self._findings.append((iteration, body))

    def close(self) -> None:
        """Nothing is to be done."""

    def take(self) -> list[tuple[int, dict[str, float]]]:
        """Iterations and their numbers since the last call, in order."""
        with self._lock:
            taken, self._values = self._values, {}
        return sorted(taken.items())

    def take_findings(self) -> list[tuple[int, Mapping[str, Any]]]:
        """Findings since the last call, as the run folder has them, each with its iteration."""
        taken = []
        while self._findings:
            taken.append(self._findings.popleft())
        return taken


def _is_told(name: str) -> bool:
    return family(name) in OF_LAYERS or (family(name) in OF_THE_RUN and not member(name))
