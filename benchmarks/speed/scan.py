"""A linear recurrence by a parallel scan, beside the loop over its steps.

python -m benchmarks.speed.scan --threads 1
"""

import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from backsight.nn import build_cell, seeded
from benchmarks._shared.harness import option_parser, publish, show

METHOD = (
    "Forward and backward of one layer of each cell on B random sequences of T steps of 8 "
    "features; loss: the mean square of all states; float32. 'scan': the layer as the trainer "
    "calls it, 'loop': the same layer's gates for all steps at once, then h = a h + b step by "
    "step, by autograd. Both take turns; milliseconds are medians over rounds, '×' is the median "
    "of the ratio of loop to scan within a round, 'low' and 'high' its quartiles; 'fastest ×' is "
    "the fastest loop by the fastest scan, which a busy machine disturbs least. 'apart': the "
    "largest difference of any state or any gradient of a weight between both, in float64. load: "
    "of the machine, over the last minute, at the end."
)
FEATURES = 8


def looped(layer: Any, x: Tensor) -> Tensor:
    """The states ``(B, T, H)`` of a layer that has ``recurrence``."""
    a, b = layer.recurrence(x)
    a, h, states = a.expand_as(b), torch.zeros_like(b[:, 0]), []
    for keep, add in zip(a.unbind(1), b.unbind(1), strict=True):
        h = keep * h + add
        states.append(h)
    found = torch.stack(states, 1)
    return torch.view_as_real(found).flatten(-2) if found.is_complex() else found


def gradients(layer: nn.Module, run: Callable[[Tensor], Tensor], x: Tensor) -> list[Tensor]:
    """States, and the gradient of each parameter."""
    states = run(x)
    return [states.detach(), *torch.autograd.grad(states.square().mean(), list(layer.parameters()))]


def measure(cell: str, steps: int, hidden: int, batch: int, rounds: int) -> dict[str, Any]:
    """One row."""
    (layer,) = seeded(0, lambda: build_cell(cell, FEATURES, hidden)).children()
    x = torch.randn(batch, steps, FEATURES, generator=torch.Generator().manual_seed(0))
    ways: dict[str, Callable[[Tensor], Tensor]] = {
        "scan": layer,
        "loop": lambda given: looped(layer, given),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds + 1):
        for name, run in ways.items():
            began = time.perf_counter()
            gradients(layer, run, x)
            times[name].append(time.perf_counter() - began)
    times = {name: taken[1:] for name, taken in times.items()}  # memory is there by then
    ratios = sorted(a / b for a, b in zip(times["loop"], times["scan"], strict=True))
    layer.double()
    both = [gradients(layer, run, x.double()) for run in ways.values()]
    apart = max(float((one - other).abs().max()) for one, other in zip(*both, strict=True))
    low, _, high = statistics.quantiles(ratios, n=4)
    return {
        "what": f"{cell}, T {steps}, H {hidden}, B {batch}",
        "loop ms": statistics.median(times["loop"]) * 1e3,
        "scan ms": statistics.median(times["scan"]) * 1e3,
        "×": statistics.median(ratios),
        "low": low,
        "high": high,
        "fastest ×": min(times["loop"]) / min(times["scan"]),
        "apart": apart,
        "load": os.getloadavg()[0],
    }


def main() -> None:
    """Measure and publish."""
    parser = option_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--cells", nargs="+", default=["mingru", "minlstm", "lru"])
    parser.add_argument("--steps", type=int, nargs="+", default=[64, 256, 1024])
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--batch", type=int, nargs="+", default=[4, 32])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rows = []
    for cell in options.cells:
        for batch in options.batch:
            for steps in options.steps:
                rows.append(measure(cell, steps, options.hidden, batch, options.rounds))
                show(rows[-1])
    publish("scan", METHOD, rows)


if __name__ == "__main__":
    main()
