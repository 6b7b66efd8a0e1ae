"""What a run records because its loop asks for it: losses by context, deep measures, sharpness."""

import math
import weakref
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn
from torch.optim import Optimizer

from backsight.diagnosis import Context, context_probe
from backsight.errors import SettingError
from backsight.monitor.measurements import record_measures
from backsight.monitor.sinks import Outbox
from backsight.probes import GradientProfile, Sharpness, probe, sharpness

__all__ = ["record_context", "record_deep", "record_sharpness"]


def record_context(
    outbox: Outbox,
    iteration: int,
    evaluate: Callable[[int], ArrayLike],
    lengths: int | Sequence[int],
) -> Context:
    """Ask for losses with ever more context; record them, the lengths and the usable one.

    Raises:
        SettingError: see :func:`backsight.context_probe`.
    """
    found = context_probe(evaluate, lengths)
    outbox.profile("context_loss", iteration, found.losses)
    outbox.profile("context_length", iteration, found.lengths.astype(float))
    usable = float(found.usable.steps) if np.isfinite(found.losses).all() else math.nan
    outbox.here(iteration, {"usable_context": usable})
    return found


def record_deep(
    outbox: Outbox,
    iteration: int,
    model: weakref.ref[nn.Module] | None,
    compute_loss: Callable[[], Tensor],
) -> dict[str, GradientProfile]:
    """Measure the Lyapunov exponents and the memory capacity of each layer, and record them.

    Raises:
        SettingError: there is no one model, or as :func:`backsight.probe` does.
    """
    whole = _one(model, "backsight.probe(model, compute_loss, deep=True)")
    profiles = probe(whole, compute_loss, deep=True)

    def row(name: str, values: NDArray[np.float64]) -> None:
        outbox.profile(name, iteration, values)

    def number(name: str, value: float) -> None:
        outbox.here(iteration, {name: value})

    for path, profile in profiles.items():
        if profile.deep is not None:
            record_measures(path, profile.deep, row, number)
    return profiles


def record_sharpness(
    outbox: Outbox,
    iteration: int,
    model: weakref.ref[nn.Module] | None,
    optimizers: Sequence[Optimizer],
    compute_loss: Callable[[], Tensor],
    gradient_known: bool,
) -> Sharpness:
    """Measure the sharpness of a loss, and record it beside its limit.

    Raises:
        SettingError: there is no one model, or as :func:`backsight.sharpness` does.
    """
    whole = _one(model, "backsight.sharpness(model, compute_loss, optimizer)")
    found = sharpness(whole, compute_loss, optimizers, gradient_known=gradient_known)
    outbox.here(iteration, {"sharpness": found.value, "sharpness_limit": found.limit})
    return found


def _one(model: weakref.ref[nn.Module] | None, instead: str) -> nn.Module:
    """The model of a monitor that was given one.

    Raises:
        SettingError: it was given none.
    """
    whole = None if model is None else model()
    if whole is None:
        raise SettingError(f"this monitor was not given one model: call {instead}")
    return whole
