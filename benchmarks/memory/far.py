"""The far end of memory: hundreds of steps back, by a recipe that is told no number.

    python -m benchmarks.memory.far                                  # temporal order, T = 500
    python -m benchmarks.memory.far temporal-order-1000 --seeds 1

The recipe is ``--cell mingru --init chrono`` and the lab's defaults (Adam at 0.002, the norm
clipped at 1): ``chrono`` takes how long each unit is to remember from the length of a sequence.
As in ``temporal_order.py`` there are 50 units and batches of 20. Two rows need more:

* At the default learning rate, adding is at chance after 1,000 iterations though reach and memory
  are long enough. Its sharpness is a fraction of what the loss bears, and BKS302, which it then
  gets, names ``lr-tenfold``. It has ten times the rate, and ``--lr-schedule linear``.
* Copying asks for ten symbols by their place. It has the LRU, the lab's default of 128 units (50
  cannot hold 80 numbers), and ``--lr-schedule linear``.

A training ends once the task is solved, which is asked every 100 iterations. ``make far-ROW``
trains a row with five seeds.
"""

import logging
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import process_time
from typing import Any

from backsight.lab import Memory, MemoryAdding, MemoryCopying, MemoryOrder, Training, train
from benchmarks._shared.harness import option_parser, publish, show, worker_pool
from benchmarks.memory.poster import memory_of, reach_of

GATED: dict[str, Any] = {"cell": "mingru", "init": "chrono", "hidden": 50, "iterations": 3000}
TENFOLD = 10 * Training().lr_in_force
ROWS: dict[str, tuple[type[Memory], int, dict[str, Any]]] = {
    "temporal-order-500": (MemoryOrder, 500, GATED),
    "temporal-order-1000": (MemoryOrder, 1000, GATED),
    "adding-1000": (
        MemoryAdding,
        1000,
        GATED | {"lr": TENFOLD, "lr_schedule": "linear", "iterations": 2000},
    ),
    "copying-500": (
        MemoryCopying,
        500,
        {"cell": "lru", "init": "chrono", "lr_schedule": "linear", "iterations": 3000},
    ),
}
METHOD = (
    "solved: whether the task's criterion is met on 2,000 held-out sequences; 'iterations' until "
    "then, or in all. wrong: the share of these sequences that is answered wrongly at the end. "
    "reach: the horizon, in steps back from the loss; memory: the memory length; each the median "
    "of the last five samples. seconds: of processor time, with validations and measurements."
)
EVERY = 100
"""Iterations between validations."""


class Watching:
    """Sees when the task is solved; the other news of a training is not for it."""

    def __init__(self, settings: Memory) -> None:
        self.criterion = settings.task.criterion
        self.solved_at: int | None = None

    def validated(self, iteration: int, scores: Mapping[str, float], sample: str) -> None:
        """Ask the criterion."""
        if self.solved_at is None and self.criterion.met(scores["val_sequence_error"]):
            self.solved_at = iteration

    def begin(self, *news: Any) -> None:
        """Nothing to do."""

    update = found = acted = begin


def trained(key: tuple[str, int, int | None]) -> dict[str, Any]:
    """Train one: the name of its row, its seed, and at most so many iterations."""
    logging.disable(logging.WARNING)
    name, seed, iterations = key
    kind, length, chosen = ROWS[name]
    if iterations is not None:
        chosen = chosen | {"iterations": iterations}
    begun = process_time()
    with tempfile.TemporaryDirectory() as folder:
        settings = kind(
            length=length, batch=20, seed=seed, validate_every=EVERY, device="cpu",
            checkpoint_every=0, report=False, run=Path(folder) / "run", **chosen,
        )  # fmt: skip
        watching = Watching(settings)
        run = train(settings, view=watching, stop=lambda: watching.solved_at is not None)
        return {
            "what": name,
            "seed": seed,
            "solved": watching.solved_at is not None,
            "iterations": watching.solved_at or run.iterations,
            "loss": float(run["val_loss"][-1]),
            "guess": settings.task.baseline,
            "wrong": float(run["val_sequence_error"][-1]),
            "reach": str(reach_of(run) or "–"),
            "memory": str(memory_of(run) or "–"),
            "seconds": process_time() - begun,
        }


def main(arguments: Sequence[str] | None = None) -> None:
    """Train a row, publish."""
    parser = option_parser(__doc__)
    parser.add_argument("row", nargs="?", default=next(iter(ROWS)), choices=list(ROWS))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--iterations", type=int, help="at most, instead of the row's own")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args(arguments)
    rows = []
    with worker_pool(options.workers) as pool:
        keys = [(options.row, seed, options.iterations) for seed in range(options.seeds)]
        for row in pool.map(trained, keys):
            rows.append(row)
            show(row)
    publish(f"far-{options.row}", METHOD, rows)


if __name__ == "__main__":
    main()
