"""Is what memory and reach are read as true of networks that are made to forget, hold or amplify?

    python -m benchmarks.memory.readings                       # those that chose the thresholds
    python -m benchmarks.memory.readings --half set-aside      # those that did not

Each network is made by hand, or taught, so that its reading is known, and watched for one
iteration, as a script is that nobody has changed. A minute on two cores.
"""

import tempfile
from pathlib import Path
from typing import Any

import torch

from backsight import watch
from backsight.signals import Run, measure_memory, measure_reach, memory_reading
from benchmarks._shared.harness import option_parser, publish
from benchmarks.memory import _made, _set_aside
from benchmarks.memory._made import Made

HALVES = {"tuning": (_made.networks, (1, 2, 3)), "set-aside": (_set_aside.networks, (11, 12))}
"""Networks, and seeds."""
METHOD = (
    "One watched iteration of each network, with a loss on the last state, or what was taught. "
    "'made to': the reading that follows from how it is made. The set-aside half was written down "
    "before any of it was read, and has other cells, windows and ways to be made."
)


def main() -> None:
    """Print and publish the table."""
    parser = option_parser(__doc__)
    parser.add_argument("--half", choices=HALVES, default="tuning")
    options = parser.parse_args()
    draw, seeds = HALVES[options.half]
    rows = [_row(one, seed) for seed in seeds for one in draw()]
    for seed in seeds:
        own = [row for row in rows if row["seed"] == seed]
        right = sum(row["read as"] == row["made to"] for row in own)
        print(f"seed {seed}: {right} of {len(own)} readings are right")
    publish(f"memory readings, {options.half}", METHOD, rows)


def _row(one: Made, seed: int) -> dict[str, Any]:
    torch.manual_seed(seed)
    net, loss_of = one.make()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run"
        with watch(net, optimizer, path, every=1):
            optimizer.zero_grad()
            loss_of().backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        run, row = Run(path), {"network": one.how, "seed": seed, "made to": one.reading}
        names = [f"{name}/{one.layer}" for name in ("memory_lag", "memory", "reach")]
        if any(name not in run.names for name in names):
            return {**row, "read as": "nothing", "memory length": "", "horizon": ""}
        lags, held, back = (run.profile(name).rows[0] for name in names)
        memory, reach = measure_memory(lags, held), measure_reach(back)
    return {
        **row,
        "read as": memory_reading(memory, reach) or "nothing",
        "memory length": str(memory.length),
        "horizon": str(reach.horizon),
    }


if __name__ == "__main__":
    main()
