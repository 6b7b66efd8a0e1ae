"""What takes more than a look: Lyapunov exponents and memory capacity of a layer, once."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

from backsight.errors import SettingError
from backsight.probes._lyapunov import LyapunovSpectrum, lyapunov
from backsight.probes._memory_capacity import MemoryCapacity, driven
from backsight.probes._memory_lanes import Advance, Carried, Fed

__all__ = ["DeepMeasures", "LayerRun", "deep_measures"]

SEQUENCES = 8
"""Followed by the exponents, at most."""
WORK = 1e11
"""Steps times sequences times the cube of the units, at most: a minute or so of one core."""
STEPS = 5000
"""Followed by the exponents, at most: each takes a few calls of the layer, however small it is."""
SHORTEST = 16
"""Steps, at least, of a sequence that is followed for less than its length."""
SETTLE = 4
"""The first of so many parts of a sequence turns the directions, and does not count."""

_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True, eq=False)
class LayerRun:
    """What it takes to run one layer again, in float64, from state to state.

    Example:
        >>> import torch
        >>> from backsight.probes import LayerRun
        >>> def advance(inputs, state):  # a delay line of three units
        ...     for x in inputs:
        ...         state = (torch.cat([x, state[0][:, :-1]], 1),)
        ...     return state
        >>> x = torch.randn(20, 2, 1, dtype=torch.float64)
        >>> run = LayerRun(advance, x, (torch.zeros(2, 3, dtype=torch.float64),), [20, 20])
        >>> run.advance(run.inputs, run.state)[0].shape
        torch.Size([2, 3])
    """

    advance: Advance
    """Runs it over some steps; what it makes of one sequence does not depend on the others."""
    inputs: Fed
    """``(T, B, …)``, each sequence from its first step on, in the layer's own order."""
    state: Carried
    """What the sequences begin with, ``(B, n)`` each; the hidden state first."""
    lengths: list[int]
    """Steps of each sequence."""


@dataclass(frozen=True)
class DeepMeasures:
    """What ``probe(…, deep=True)`` adds to the profile of a layer.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from backsight import probe
        >>> rnn, x = nn.RNN(2, 3), torch.randn(20, 4, 2)
        >>> _ = nn.init.orthogonal_(rnn.weight_hh_l0, gain=0.5)
        >>> deep = probe(rnn, lambda: rnn(x)[0][-1].sum(), deep=True)["l0"].deep
        >>> deep.lyapunov.largest < -0.69, 0 < deep.capacity.total < 3.1
        (True, True)
    """

    lyapunov: LyapunovSpectrum | None = None
    """The Lyapunov exponents along the data, of the layer's whole state: ``h`` and, of an LSTM,
    ``c``. None where they were not measured."""
    capacity: MemoryCapacity | None = None
    """The memory capacity of the layer, driven by noise. None where it was not measured."""
    reasons: tuple[str, ...] = ()
    """Why something was not measured, a sentence each without its full stop."""

    def words(self) -> str:
        """What it means, without a full stop."""
        told = [one.words() for one in (self.lyapunov, self.capacity) if one is not None]
        return "; ".join([*told, *self.reasons])


def deep_measures(run: LayerRun) -> DeepMeasures:
    """Of one layer; what goes wrong in one measure leaves the other as it is.

    Random numbers that the layer draws are put back.

    Args:
        run: the layer, its inputs and its state.

    Example:
        >>> import torch
        >>> from backsight.probes import LayerRun, deep_measures
        >>> def advance(inputs, state):  # a delay line of three units
        ...     for x in inputs:
        ...         state = (torch.cat([x, state[0][:, :-1]], 1),)
        ...     return state
        >>> x = torch.randn(20, 2, 1, dtype=torch.float64)
        >>> run = LayerRun(advance, x, (torch.zeros(2, 3, dtype=torch.float64),), [20, 20])
        >>> found = deep_measures(run)
        >>> found.lyapunov.largest, round(found.capacity.total, 1)
        (-inf, 3.0)
    """
    reasons: list[str] = []

    def attempt(measure: Callable[[LayerRun], _Found], what: str) -> _Found | None:
        try:
            return measure(run)
        except SettingError as error:
            reasons.append(str(error))
        except Exception as error:  # noqa: BLE001 - the user's module, run in another dtype
            reasons.append(f"{what} could not be measured: {type(error).__name__}: {error}")
        return None

    device = run.state[0].device
    others = [] if device.type == "cpu" else [device]
    with (
        torch.random.fork_rng(others, device_type=device.type if others else "cuda"),
        torch.autocast(device.type, enabled=False),
    ):
        exponents = attempt(_exponents, "the Lyapunov exponents")
        capacity = attempt(_capacity, "the memory capacity")
    return DeepMeasures(exponents, capacity, tuple(reasons))


def _exponents(run: LayerRun) -> LyapunovSpectrum:
    units = sum(one[0].numel() for one in run.state)
    longest = max(run.lengths)
    steps = min(longest, STEPS, int(WORK / units**3))
    if steps < min(longest, SHORTEST):
        raise SettingError(
            f"the Lyapunov exponents of {units} units would take too long: call "
            "backsight.probes.lyapunov for a few steps"
        )
    most = max(1, min(SEQUENCES, int(WORK / units**3 / steps)))
    rows = sorted(range(len(run.lengths)), key=lambda row: -run.lengths[row])[:most]
    return lyapunov(
        run.advance,
        _of(run.inputs, lambda one: one[:steps, rows]),
        [one[rows] for one in run.state],
        lengths=[min(steps, run.lengths[row]) for row in rows],
        settle=steps // SETTLE,
    )


def _capacity(run: LayerRun) -> MemoryCapacity:
    seen = torch.arange(max(run.lengths))[:, None] < torch.tensor(run.lengths)
    return driven(
        run.advance,
        _of(run.inputs, lambda one: one[: len(seen)][seen.to(one.device)][:, None]),
        run.state,
    )


def _of(inputs: Fed, change: Callable[[Tensor], Tensor]) -> Fed:
    if isinstance(inputs, tuple):
        return tuple(change(one) for one in inputs)
    return change(inputs)
