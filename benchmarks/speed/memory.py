"""What measuring the memory of states costs, in forward passes of the batch.

python -m benchmarks.speed.memory --threads 1
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from backsight.monitor import watch
from backsight.monitor.measurements import StateMemory
from backsight.nn import build_cell
from benchmarks._shared.harness import option_parser, publish, show

METHOD = (
    "One memory measurement of a watched layer, with a loss on its last output, beside a forward "
    "pass of the same batch without a graph; float32. 'work ×': floating-point operations of the "
    "measurement by those of the forward pass, of matrix products, as PyTorch counts them; 'time "
    "×': the median of the ratio within a round, 'low' and 'high' its quartiles. 'average ×': "
    "'time ×' by 4, as every fourth sample has it after the first eight. What reads a readout's "
    "loss is not there. load: of the machine, over the last minute, at the end."
)
SHAPES = ((20, 4, 16), (50, 16, 64), (100, 32, 128))
"""Steps, sequences, units."""
INPUTS = 8
Case = Callable[[int], nn.Module]


class Loop(nn.Module):
    """Cells of one kind, called once a step."""

    def __init__(self, cell: Any, hidden: int) -> None:
        super().__init__()
        self.cell = cell(INPUTS, hidden)

    def forward(self, x: Tensor) -> tuple[Tensor, None]:
        """``(T, B, I)`` to every state."""
        state, states = None, []
        for step in x:
            state = self.cell(step, state)
            states.append(state[0] if isinstance(state, tuple) else state)
        return torch.stack(states), None


class Scan(nn.Module):
    """A linear recurrence of the lab's."""

    def __init__(self, kind: str, hidden: int) -> None:
        super().__init__()
        self.rnn = build_cell(kind, INPUTS, hidden)

    def forward(self, x: Tensor) -> tuple[Tensor, None]:
        """``(T, B, I)`` to every state."""
        return self.rnn(x.transpose(0, 1))[0].transpose(0, 1), None


CASES: dict[str, Case] = {
    "RNN": lambda hidden: nn.RNN(INPUTS, hidden),
    "GRU": lambda hidden: nn.GRU(INPUTS, hidden),
    "LSTM": lambda hidden: nn.LSTM(INPUTS, hidden),
    "LSTM × 2": lambda hidden: nn.LSTM(INPUTS, hidden, 2),
    "LSTM, bidirectional": lambda hidden: nn.LSTM(INPUTS, hidden, bidirectional=True),
    "LSTM × 2, bidirectional": lambda hidden: nn.LSTM(INPUTS, hidden, 2, bidirectional=True),
    "GRUCell": lambda hidden: Loop(nn.GRUCell, hidden),
    "minGRU": lambda hidden: Scan("mingru", hidden),
}


def measure(case: str, shape: tuple[int, int, int], rounds: int) -> dict[str, Any]:
    """One row."""
    steps, batch, hidden = shape
    torch.manual_seed(0)
    model, x = CASES[case](hidden), torch.randn(steps, batch, INPUTS)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    told = StateMemory.on_backward_end
    taken: list[float] = []
    counted: list[int] = []

    def timed(self: StateMemory, *args: Any) -> None:
        began = time.perf_counter()
        told(self, *args)
        taken.append(time.perf_counter() - began)

    def counting(self: StateMemory, *args: Any) -> None:
        with FlopCounterMode(display=False) as flops, torch.backends.mkldnn.flags(enabled=False):
            told(self, *args)
        counted.append(flops.get_total_flops())

    def forward() -> float:
        began = time.perf_counter()
        with torch.no_grad():
            model(x)
        return time.perf_counter() - began

    plain: list[float] = []
    try:
        with tempfile.TemporaryDirectory() as folder:
            for way in (timed, counting):
                StateMemory.on_backward_end = way  # type: ignore[method-assign,assignment]
                with watch(model, optimizer, Path(folder) / way.__name__, every=1):
                    for _ in range(min(rounds + 2, 8) if way is timed else 1):
                        optimizer.zero_grad()
                        model(x)[0][-1].square().mean().backward()
                        optimizer.step()
                        if way is timed:
                            forward()
                            plain.append(statistics.median(forward() for _ in range(3)))
    finally:
        StateMemory.on_backward_end = told  # type: ignore[method-assign]
    with (
        FlopCounterMode(display=False) as flops,
        torch.no_grad(),
        torch.backends.mkldnn.flags(enabled=False),
    ):
        model(x)
    ratios = [one / other for one, other in zip(taken, plain, strict=True)][2:]
    low, _, high = statistics.quantiles(ratios, n=4)
    return {
        "what": f"{case}; T {steps}, B {batch}, H {hidden}",
        "forward ms": statistics.median(plain) * 1e3,
        "memory ms": statistics.median(taken[2:]) * 1e3,
        "work ×": counted[0] / flops.get_total_flops(),
        "time ×": statistics.median(ratios),
        "low": low,
        "high": high,
        "average ×": statistics.median(ratios) / 4,
        "load": os.getloadavg()[0],
    }


def main() -> None:
    """Measure and publish."""
    parser = option_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=6, help="at most 6: the first samples")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--cases", nargs="+", default=[*CASES])
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rows = []
    for case in options.cases:
        for shape in SHAPES:
            rows.append(measure(case, shape, options.rounds))
            show(rows[-1])
    publish("memory cost", METHOD, rows)


if __name__ == "__main__":
    main()
