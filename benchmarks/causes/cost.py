"""What the checks of how a training is put together take of 1,000 iterations.

python -m benchmarks.causes.cost
python -m benchmarks.causes.cost --models lstm --iterations 200
"""

import logging
import tempfile
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import torch

from backsight import watch
from backsight.monitor.measurements import EVERY_ITERATION, Measurement
from backsight.monitor.measurements.wiring import WIRING
from benchmarks._shared.harness import option_parser, publish
from benchmarks.speed._training import MODELS

METHOD = (
    "One process trains each model on one thread within watch(), at the default settings. Every "
    "event of every check is timed from within. 'share': their seconds by those of the whole "
    "training. 'first ms': the dearest of the first samples; 'each us': what is left for an "
    "iteration that is not sampled."
)


class Timed:
    """Seconds in the events of the checks, by iteration."""

    def __init__(self) -> None:
        self.iteration = 0
        self.spent: dict[int, float] = {}
        self._put_back: list[tuple[type[Measurement], str, Any]] = []

    def __enter__(self) -> "Timed":
        for kind in WIRING:
            for name in [name for name in vars(kind) if name.startswith("on_")]:
                self._put_back.append((kind, name, vars(kind)[name]))
                setattr(kind, name, self._timed(vars(kind)[name]))
        return self

    def __exit__(self, *_: object) -> None:
        for kind, name, original in self._put_back:
            setattr(kind, name, original)

    def _timed(self, event: Callable[..., None]) -> Callable[..., None]:
        @wraps(event)
        def timed(*arguments: Any) -> None:
            began = time.perf_counter()
            try:
                event(*arguments)
            finally:
                taken = time.perf_counter() - began
                self.spent[self.iteration] = self.spent.get(self.iteration, 0.0) + taken

        return timed


def measure(model: str, iterations: int) -> dict[str, Any]:
    """One row."""
    torch.manual_seed(0)
    net, loss_of = MODELS[model]()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-4)
    with tempfile.TemporaryDirectory() as folder, Timed() as timed:
        began = time.perf_counter()
        with watch(net, optimizer, Path(folder) / "run"):
            for timed.iteration in range(iterations):
                optimizer.zero_grad()
                loss_of().backward()  # type: ignore[no-untyped-call]
                optimizer.step()
        whole = time.perf_counter() - began
    spent = sorted(timed.spent.values())
    return {
        "what": model,
        "iterations": iterations,
        "step ms": 1e3 * whole / iterations,
        "share": sum(spent) / whole,
        "first ms": 1e3 * max(timed.spent.get(i, 0.0) for i in range(20)),
        "each us": 1e6 * spent[len(spent) // 2],
    }


def main() -> None:
    """Measure and publish the table."""
    parser = option_parser(__doc__)
    parser.add_argument("--models", nargs="+", choices=sorted(MODELS), default=["lstm", "cells"])
    parser.add_argument("--iterations", type=int, default=1000)
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    always = [kind.name for kind in WIRING if kind().schedule == EVERY_ITERATION]
    print(f"{len(WIRING)} checks, of which fed in every iteration: {', '.join(always)}")
    publish("causes-cost", METHOD, [measure(name, options.iterations) for name in options.models])


if __name__ == "__main__":
    main()
