"""Pascanu's protocol on temporal order: how many updates until it is learned, and by what.

    python -m benchmarks.memory.temporal_order                       # all of it: hours
    python -m benchmarks.memory.temporal_order --lengths 50 --seeds 2 --updates 5000
    python -m benchmarks.memory.temporal_order --ways ours --lengths 500,1000

A tanh RNN of 50 units, batches of 20, all sequences of one length T. SGD at 0.01 without momentum
as published: bare, with the norm clipped at 1, and with Ω of weight 4 besides (the ``code``
variant of ``backsight.guard.Omega``: the authors' program), from the paper's *basic* and *smart*
tanh initialisation. Beside it the ``--safe`` preset from the same beginnings, and the best recipe:
an orthogonal recurrent matrix, Adam at 1e-3, ``--guard safe,omega``, an adaptive curriculum. No
threshold, weight or schedule is told to either.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np
import torch

from backsight.nn import ManyModels, ManySGD, SequenceModel, clip_each, seeded
from backsight.tasks import TemporalOrder
from benchmarks._shared.harness import option_parser, publish, worker_pool
from benchmarks.memory._order import BATCH, LATELY, Beginning, Recipe, errors, learn, network

METHOD = (
    "solved: seeds with fewer than 1 % errors on 10,000 fresh sequences of T steps, asked every "
    "100 updates once the training answers are right (SGD and clip, which train as one batch: "
    "every 500, once the loss is below a quarter of ln 4). updates: of each seed until then; "
    "the last one made, with >, where that never happened. broken: seeds whose weights are not "
    "finite at the end. Pascanu et al. count as solved what makes fewer than 1 % errors within "
    "5,000,000 updates."
)

RATE = 0.01
INITS: tuple[Beginning, ...] = ("basic-tanh", "smart-tanh")
TOGETHER = {"sgd": math.inf, "clip 1": 1.0}
"""Trained as one batch, seeds and initialisations at once; the norm's limit."""
EVERY = 500

ALONE = {
    **{f"clip 1 + Ω, {i}": Recipe(i, "sgd", RATE, guard="clip=1,omega=4") for i in INITS},
    **{f"--safe, {i}": Recipe(i, "sgd", RATE, guard="safe", curriculum="adaptive") for i in INITS},
    "--safe, orthogonal, Adam": Recipe(
        "orthogonal", "adam", 1e-3, guard="safe", curriculum="adaptive"
    ),
    "ours": Recipe("orthogonal", "adam", 1e-3, guard="safe,omega", curriculum="adaptive"),
}


@dataclass(frozen=True)
class Solved:
    """What became of one seed."""

    updates: int
    """Until it was solved, or in all."""
    solved: bool
    finite: bool


def together(limit: float, steps: int, seeds: int, updates: int) -> dict[str, list[Solved]]:
    """Train all seeds of both initialisations as one batch; a seed's see the same sequences."""
    torch.set_num_threads(1)
    nets = [seeded(seed, partial(network, init)) for init in INITS for seed in range(seeds)]
    many = ManyModels(nets)
    optimizer = ManySGD(many.parameters, RATE)
    draws = [np.random.default_rng(seed) for seed in range(seeds)]
    task = TemporalOrder(steps)
    lately: list[torch.Tensor] = []
    ended: list[Solved | None] = [None] * len(nets)
    for made in range(1, updates + 1):
        batches = [task.batch(BATCH, rng) for rng in draws] * len(INITS)
        inputs = torch.from_numpy(np.stack([x for x, _ in batches]))
        targets = torch.from_numpy(np.stack([y for _, y in batches]))
        lately = [*lately, many.backward(inputs, targets, "classes")][-LATELY:]
        if math.isfinite(limit):
            clip_each(many.gradient, limit)
        optimizer.step(many.gradient)
        if made % EVERY:
            continue
        for k, loss in enumerate(torch.stack(lately).mean(0).tolist()):
            if ended[k] is not None:
                continue
            if loss < TemporalOrder.baseline / 4 and errors(_net(many, k), steps) < 0.01:
                ended[k] = Solved(made, solved=True, finite=True)
            elif not math.isfinite(loss):
                ended[k] = Solved(made, solved=False, finite=False)
        if None not in ended:
            break
    last = [found or Solved(updates, solved=False, finite=True) for found in ended]
    return {init: last[i * seeds : (i + 1) * seeds] for i, init in enumerate(INITS)}


def alone(way: str, steps: int, seed: int, updates: int) -> Solved:
    """Train one."""
    found = learn(ALONE[way], seed, steps, updates)
    if found.solved is not None:
        return Solved(found.solved, solved=True, finite=True)
    return Solved(found.made, solved=False, finite=found.finite)


def _net(many: ManyModels, network_number: int) -> SequenceModel:
    net = network(INITS[0])
    net.load_state_dict(many.state_dict(network_number))
    return net


def _row(way: str, steps: int, seeds: Sequence[Solved]) -> dict[str, Any]:
    ordered = sorted(seeds, key=lambda one: (not one.solved, one.updates))
    return {
        "what": way,
        "T": steps,
        "solved": f"{sum(one.solved for one in seeds)}/{len(seeds)}",
        "updates": ", ".join(f"{'' if one.solved else '>'}{one.updates}" for one in ordered),
        "broken": sum(not one.finite for one in seeds),
    }


def rows(
    ways: Sequence[str], lengths: Sequence[int], seeds: int, updates: int, workers: int
) -> Iterator[dict[str, Any]]:
    """A row for each way and length, as they are done."""
    with worker_pool(workers) as pool:
        waiting = [
            (way, steps, _trained(pool, way, steps, seeds, updates))
            for steps in lengths
            for way in ways
        ]
        for way, steps, trained in waiting:
            for name, ended in trained().items():
                yield _row(f"{way}, {name}" if name else way, steps, ended)


def _trained(
    pool: ProcessPoolExecutor, way: str, steps: int, seeds: int, updates: int
) -> Callable[[], dict[str, list[Solved]]]:
    """Begin it; the answer waits for it, by initialisation where there are several."""
    if way in TOGETHER:
        return pool.submit(together, TOGETHER[way], steps, seeds, updates).result
    each = [pool.submit(alone, way, steps, seed, updates) for seed in range(seeds)]
    return lambda: {"": [one.result() for one in each]}


def main(arguments: Sequence[str] | None = None) -> None:
    """Train all, publish."""
    parser = option_parser(__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--lengths", default="50,100,150,200")
    parser.add_argument("--updates", type=int, default=30_000, help="at most")
    parser.add_argument("--ways", nargs="+", default=[*TOGETHER, *ALONE])
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args(arguments)
    unknown = set(options.ways) - {*TOGETHER, *ALONE}
    if unknown:
        parser.error(f"no way {', '.join(unknown)}: choose from {', '.join([*TOGETHER, *ALONE])}")
    lengths = [int(word) for word in options.lengths.split(",")]
    begun, done = perf_counter(), []
    for row in rows(options.ways, lengths, options.seeds, options.updates, options.workers):
        done.append(row)
        print(f"{perf_counter() - begun:6.0f} s", row, flush=True)
    publish("temporal_order", METHOD, done)


if __name__ == "__main__":
    main()
