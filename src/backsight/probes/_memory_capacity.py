"""How much of its past inputs a linear readout can recover from a state: the memory capacity.

``Σ_k r²(u_{t-k}, a_k·h_t)``, for white noise ``u`` and the best linear readout ``a_k`` of each lag
``k`` = 0, 1, 2, …: with one number given per step, at most the number of units.

Source: Jaeger 2002, *Short term memory in echo state networks*.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from backsight.errors import SettingError
from backsight.probes._memory_lanes import Advance, Fed
from backsight.signals import ReachOutcome, capacity_words

__all__ = ["MemoryCapacity", "driven", "memory_capacity"]

RIDGE = 1e-9
"""Of the mean variance of a unit: what moves a state by less than the root of it, 3e-5, is drowned
by any noise that a readout meets."""
COUNTED = 16
"""A sixteenth as many steps count as there are lags: a state that forgets nothing spreads its
capacity over all its inputs, and misses what lies before the lags."""
SAMPLES, MOST = 160, 16_000
"""States per unit, half of them to fit a readout and half to test it. A readout of ``n`` units
that is fitted to ``m`` states misses ``(1 - r²) n / m`` of what it might recover: of a layer that
forgets nothing, 1.3 % of the capacity. Of large layers, so many in all, but at least"""
FEWEST, LEAST = 20, 4000
"""so many per unit, and so many in all: by chance, a readout that recalls nothing has ``r²`` of
about two in so many."""
LAGS = (64, 400)
"""Twice the units, but no fewer and no more than these."""


@dataclass(frozen=True)
class MemoryCapacity:
    """What a linear readout recovers of each past input.

    Example:
        >>> import numpy as np
        >>> from backsight.probes import MemoryCapacity
        >>> found = MemoryCapacity(np.array([1.0, 1.0, 0.5, 0.0]), units=4)
        >>> found.total, found.words()
        (2.5, 'a linear readout of the 4 units recovers 2.5 past inputs (memory capacity)')
    """

    recovered: NDArray[np.float64]
    """``(K,)``: ``r²`` at lag 0, 1, …, on states that no readout was fitted to."""
    units: int
    """Of the hidden state: no capacity is larger."""

    @property
    def outcome(self) -> ReachOutcome:
        """``ok``, ``not enough data`` or ``not finite`` (NaN or infinite states)."""
        if not len(self.recovered):
            return "not enough data"
        return "ok" if np.isfinite(self.recovered).all() else "not finite"

    @property
    def total(self) -> float:
        """The memory capacity: the sum; NaN where the outcome is not ``ok``."""
        return float(self.recovered.sum()) if self.outcome == "ok" else math.nan

    def words(self) -> str:
        """What it comes to."""
        return capacity_words(self.total, self.units, self.outcome)


def memory_capacity(
    states: Tensor, signal: Tensor, *, lags: int | None = None, ridge: float = RIDGE
) -> MemoryCapacity:
    """The memory capacity of states that white noise has driven.

    The first half of the sequences fits the readouts, and the second half tests them; of a single
    sequence, the halves of its steps. The first ``lags`` steps count for neither. A readout that
    recovers a value with the wrong sign counts as 0.

    Args:
        states: ``(T, B, H)``.
        signal: the noise ``u``, ``(T, B)``, independent from step to step: of an input that repeats
            itself, a state recalls more than it holds.
        lags: how many, from 0 on; by default twice as many as units. A state that forgets slowly
            needs more: inputs that lie further back than all of them are missed.
        ridge: of the readouts, relative to the mean variance of a unit.

    Raises:
        SettingError: there are too few steps, or the shapes do not go together.

    Example:
        >>> import torch
        >>> from backsight.probes import memory_capacity
        >>> u = torch.randn(400, 8, generator=torch.Generator().manual_seed(0))
        >>> delay_line = torch.stack([u.roll(k, 0) for k in range(3)], 2)
        >>> memory_capacity(delay_line, u).recovered.round(1).tolist()
        [1.0, 1.0, 1.0, 0.0, 0.0, 0.0]
    """
    if states.dim() != 3 or states.shape[:2] != signal.shape:
        raise SettingError(
            f"memory_capacity needs states (T, B, H) and a signal (T, B), not "
            f"{tuple(states.shape)} and {tuple(signal.shape)}"
        )
    steps, sequences, units = states.shape
    count = lags or 2 * units
    half = (steps - count) * sequences // 2
    if steps <= count or half < 1:
        raise SettingError(
            f"{count} lags need more than {count} steps of two sequences, not {steps} steps of "
            f"{sequences}: drive the states for longer, or ask for fewer lags"
        )
    h, u = states.detach().double(), signal.detach().double()
    if not bool(h[count:].isfinite().all()):
        return MemoryCapacity(np.full(count, np.nan), units)
    # A row per sequence and step, and a column per lag: the input now, and those before.
    past = u.unfold(0, count, 1)[1:].flip(-1).transpose(0, 1).reshape(-1, count)
    now = h[count:].transpose(0, 1).reshape(-1, units)
    x, y = now[:half], past[:half]
    centre, mean = x.mean(0), y.mean(0)
    x = x - centre
    covariance = x.T @ x
    size = covariance.diagonal().mean()
    if not float(size):
        return MemoryCapacity(np.zeros(count), units)
    eye = torch.eye(units, dtype=x.dtype, device=x.device)
    readout = torch.linalg.solve(covariance + ridge * size * eye, x.T @ (y - mean))
    told, asked = (now[half:] - centre) @ readout, past[half:]
    told, asked = told - told.mean(0), asked - asked.mean(0)
    together = (told * asked).sum(0).clamp(min=0)
    sizes = told.square().sum(0) * asked.square().sum(0)
    squared = torch.where(sizes > 0, together.square() / sizes, 0.0)
    return MemoryCapacity(squared.cpu().numpy(), units)


def driven(
    advance: Advance, inputs: Fed, state: Sequence[Tensor], *, seed: int = 0
) -> MemoryCapacity:
    """The memory capacity of a module that noise of the size of its inputs drives.

    In each step, all features of the input are their mean, plus or minus their standard deviation
    times one number: white noise, uniform and of variance 1. Plus or minus is drawn once per
    feature. Everything is drawn from a generator of its own.

    Args:
        advance: as of :func:`backsight.probes.memory`.
        inputs: what the module was given, ``(T, B, …)``, or a tuple of such tensors, to take the
            mean and the standard deviation of.
        state: what the sequences began with, ``(B, …)`` each; the hidden state first.
        seed: of the noise.

    Raises:
        SettingError: inputs are no floating-point numbers, or do not vary.

    Example:
        >>> import torch
        >>> from backsight.probes import driven
        >>> def advance(x, state):  # a delay line of three units
        ...     return (torch.cat([x[0], state[0][:, :-1]], 1),)
        >>> driven(advance, torch.randn(9, 2, 1), [torch.zeros(2, 3)]).total.__round__(1)
        3.0
    """
    each = inputs if isinstance(inputs, tuple) else (inputs,)
    if not all(one.is_floating_point() for one in each):
        raise SettingError("the memory capacity needs inputs that are floating-point numbers")
    units = state[0][0].numel()
    count = min(max(2 * units, LAGS[0]), LAGS[1])
    counted = count // COUNTED
    states = max(min(SAMPLES * units, MOST), FEWEST * units, LEAST)
    sequences = math.ceil(states / counted)
    steps = count + counted
    generator = torch.Generator().manual_seed(seed)
    noise = (torch.rand(steps, sequences, generator=generator, dtype=torch.float64) - 0.5) * 12**0.5
    parts = []
    for one in each:
        centre, spread = one.mean((0, 1)), one.std((0, 1), correction=0)
        signs = torch.randint(2, spread.shape, generator=generator) * 2 - 1
        parts.append((centre, spread * signs.to(spread)))
    if not any(bool(along.any()) for _, along in parts):
        raise SettingError("the memory capacity needs inputs that vary: these are all the same")
    at = torch.arange(sequences) % state[0].shape[0]
    carried = tuple(one.detach()[at.to(one.device)] for one in state)
    passed = []
    with torch.no_grad():
        for number in noise:
            x = tuple(
                (centre + along * number.to(along).view(-1, *[1] * along.dim()))[None]
                for centre, along in parts
            )
            carried = tuple(advance(x if isinstance(inputs, tuple) else x[0], carried))
            passed.append(carried[0].flatten(1))
    h = torch.stack(passed)
    return memory_capacity(h, noise.to(h.device), lags=count)
