"""Settings in which training goes wrong, settings in which it does not, and ways to save it."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from backsight.tasks import Adding, Echo, TemporalOrder
from benchmarks._shared.faults import rates
from benchmarks._shared.plan import Loop, Plan
from benchmarks._shared.tasks import Arrays, Sums, Text, Waves

__all__ = [
    "ADAM", "FRAGILE", "GAUSS", "HEALTHY", "RELU", "SGD", "TEXT", "WAVES", "Setting", "bad_batches",
    "grid_of", "rising",
]  # fmt: skip


@dataclass(frozen=True)
class Setting:
    """What is trained, and why that is fragile."""

    name: str
    plan: Plan
    precision: Literal["float32", "bfloat16"] = "float32"
    sequences: Callable[[int], Any] | None = None
    """The task by its length, where a curriculum may begin with shorter ones."""
    loss_enough: float | None = None
    """What the curriculum of the lab is told for that task."""


def bad_batches(
    every: int, factor: float, *, inputs: bool = False
) -> Callable[[NDArray[np.float32], NDArray[Any], int], Arrays]:
    """Now and then a batch that is multiplied by something (NaN, 1e6), all of it."""

    def spoil(x: NDArray[np.float32], y: NDArray[Any], iteration: int) -> Arrays:
        if iteration % every != every - 1:
            return x, y
        if inputs or y.dtype != np.float32:
            return (x * np.float32(factor)).astype(np.float32), y
        return x, (y * np.float32(factor)).astype(np.float32)

    return spoil


def wrong_labels(every: int) -> Callable[[NDArray[np.float32], NDArray[Any], int], Arrays]:
    """Now and then five batches in a row whose classes are all the same."""

    def spoil(x: NDArray[np.float32], y: NDArray[Any], iteration: int) -> Arrays:
        return x, np.full_like(y, y.max()) if iteration % every >= every - 5 else y

    return spoil


def rising(start: float, factor: float) -> Callable[[Loop, int], None]:
    """A rate that is multiplied in every iteration."""
    return rates(lambda iteration: start * factor**iteration)


def _memory(name: str, task: Callable[[int], Any], steps: int, **plan: Any) -> Setting:
    full = task(steps)
    near = getattr(full, "near_baseline", None)
    return Setting(
        name, Plan(full, **plan), sequences=task, loss_enough=None if near is None else near / 2
    )


TEXT, WAVES = Text(20), Waves(30)
SGD: dict[str, Any] = {"optimizer": "sgd", "iterations": 300}
ADAM: dict[str, Any] = {"optimizer": "adam", "iterations": 300}
GAUSS: dict[str, Any] = {"init": "gaussian"}
RELU: dict[str, Any] = {"cell": "rnn-relu", "init": "identity"}

FRAGILE = (
    # large gains
    Setting("text, gain 4, SGD 0.5", Plan(TEXT, **SGD, **GAUSS, gain=4, lr=0.5)),
    Setting("waves, gain 3, SGD 0.1", Plan(WAVES, **SGD, **GAUSS, gain=3, lr=0.1)),
    Setting("waves, gain 5, Adam 3e-3", Plan(WAVES, **ADAM, **GAUSS, gain=5, lr=3e-3)),
    # rates 3 to 30 times too high
    Setting("text, SGD 1.5", Plan(TEXT, **SGD, lr=1.5)),
    Setting("text, SGD 5", Plan(TEXT, **SGD, lr=5)),
    Setting("text, SGD 15", Plan(TEXT, **SGD, lr=15)),
    Setting("text, GRU, SGD 5", Plan(TEXT, **SGD, cell="gru", lr=5)),
    Setting("text, Adam 0.1", Plan(TEXT, **ADAM, lr=0.1)),
    Setting("text, LSTM, Adam 0.3", Plan(TEXT, **ADAM, cell="lstm", lr=0.3)),
    Setting("waves, SGD 1", Plan(WAVES, **SGD, lr=1)),
    Setting("waves, Adam 0.1", Plan(WAVES, **ADAM, lr=0.1)),
    Setting("waves, GRU, Adam 0.1", Plan(WAVES, **ADAM, cell="gru", lr=0.1)),
    _memory("order 30, orthogonal, Adam 0.02", TemporalOrder, 30, init="orthogonal", lr=0.02,
            optimizer="adam", iterations=1000),
    _memory("adding 30, GRU, Adam 0.1", Adding, 30, **ADAM, cell="gru", lr=0.1),
    # momentum 0.99
    Setting("text, momentum 0.99, SGD 0.1", Plan(TEXT, **SGD, momentum=0.99, lr=0.1)),
    Setting("text, momentum 0.99, SGD 0.5", Plan(TEXT, **SGD, momentum=0.99, lr=0.5)),
    Setting("waves, momentum 0.99, SGD 0.1", Plan(WAVES, **SGD, momentum=0.99, lr=0.1)),
    Setting("echo, GRU, momentum 0.99, SGD 0.3",
            Plan(Echo(30, 2), **SGD, cell="gru", momentum=0.99, lr=0.3)),
    # ReLU from the identity
    Setting("waves, identity ReLU, SGD 0.05", Plan(WAVES, **SGD, **RELU, lr=0.05)),
    Setting("waves, identity ReLU times 1.3, SGD 0.1",
            Plan(WAVES, **SGD, **RELU, gain=1.3, lr=0.1)),
    Setting("text, identity ReLU, Adam 0.01", Plan(TEXT, **ADAM, **RELU, lr=0.01)),
    Setting("sums, identity ReLU, SGD 0.05", Plan(Sums(50), **SGD, **RELU, lr=0.05)),
    _memory("adding 50, identity ReLU, Adam 0.01", Adding, 50, **ADAM, **RELU, lr=0.01),
    # long windows
    Setting("waves 150, gain 1.5, SGD 0.1", Plan(Waves(150), **SGD, **GAUSS, gain=1.5, lr=0.1)),
    Setting("text 100, gain 1.5, SGD 0.5", Plan(Text(100), **SGD, **GAUSS, gain=1.5, lr=0.5)),
    _memory("order 60, orthogonal, Adam 3e-3", TemporalOrder, 60, init="orthogonal", lr=3e-3,
            optimizer="adam", iterations=2000),
    # bad batches
    Setting("text, a NaN every 90", Plan(TEXT, **ADAM, lr=3e-3, spoil=bad_batches(90, math.nan))),
    Setting("waves, targets times 1e6 every 90",
            Plan(WAVES, **SGD, lr=0.05, spoil=bad_batches(90, 1e6))),
    Setting("waves, GRU, targets times 1e6 every 90, Adam",
            Plan(WAVES, **ADAM, cell="gru", lr=1e-2, spoil=bad_batches(90, 1e6))),
    Setting("waves, inputs times 1e6 every 90, Adam",
            Plan(WAVES, **ADAM, lr=3e-3, spoil=bad_batches(90, 1e6, inputs=True))),
    Setting("text, wrong labels now and then", Plan(TEXT, **SGD, lr=0.5, spoil=wrong_labels(90))),
    # bf16
    Setting("text, SGD 5, bf16", Plan(TEXT, **SGD, lr=5), "bfloat16"),
    Setting("waves, momentum 0.99, SGD 0.1, bf16", Plan(WAVES, **SGD, momentum=0.99, lr=0.1),
            "bfloat16"),
    # a schedule that rises
    Setting("waves, a rate that grows by 1 %", Plan(WAVES, **SGD, meddle=rising(0.05, 1.01))),
)  # fmt: skip

HEALTHY = (
    Setting("text, Adam 3e-3", Plan(TEXT, **ADAM, lr=3e-3)),
    Setting("text, GRU, Adam 1e-2", Plan(TEXT, **ADAM, cell="gru", lr=1e-2)),
    Setting("text, LSTM, Adam 1e-2", Plan(TEXT, **ADAM, cell="lstm", lr=1e-2)),
    Setting("text, SGD 0.5", Plan(TEXT, **SGD, lr=0.5)),
    Setting("waves, SGD 0.05", Plan(WAVES, **SGD, lr=0.05)),
    Setting("waves, momentum 0.9, SGD 0.02", Plan(WAVES, **SGD, momentum=0.9, lr=0.02)),
    Setting("waves, LSTM, Adam 5e-3", Plan(WAVES, **ADAM, cell="lstm", lr=5e-3)),
    Setting("echo, GRU, Adam 1e-2", Plan(Echo(30, 2), **ADAM, cell="gru", lr=1e-2)),
    Setting("sums, tanh, Adam 1e-3", Plan(Sums(50), **ADAM, lr=1e-3)),
    Setting("adding 20, GRU, Adam 1e-2", Plan(Adding(20), **ADAM, cell="gru", lr=1e-2)),
)


def grid_of(setting: Setting) -> list[Plan]:
    """The small grid that a careful user would try: three rates of each optimizer, clipped."""
    plain = replace(
        setting.plan, init="default", gain=1.0, momentum=0.0, clip=1.0, meddle=Plan(TEXT).meddle
    )
    return [
        *(replace(plain, optimizer="adam", lr=lr) for lr in (1e-3, 3e-3, 1e-2)),
        *(replace(plain, optimizer="sgd", lr=lr) for lr in (0.03, 0.1, 0.5)),
    ]
