"""One model, trained on temporal order of 50 to 200 steps, asked for up to 5,000.

    python -m benchmarks.memory.one_model                    # seed 0
    python -m benchmarks.memory.one_model --seeds 0 1 2 3 4

As in Pascanu et al. 2013, section 4.1.1: each batch has a length of its own from 50 to 200, and a
model that has learned them answers sequences 25 times as long. The recipe is that of
``temporal_order.py``: an orthogonal tanh RNN of 50 units, Adam at 1e-3, batches of 20,
``--guard safe,omega``, and an adaptive curriculum up to 200; and noise on the state at every step
of training, so that it learns to rest in what it remembers. Once it answers 200 steps the rate
falls to nothing, in 6,000 updates, and again from its beginning until it has learned all of them.
``--noise 0`` and ``--settle 0`` are without.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from torch import nn

from benchmarks._shared.harness import option_parser, publish, worker_pool
from benchmarks.memory._order import Recipe, errors, learn

RECIPE = Recipe(
    "orthogonal", "adam", 1e-3, guard="safe,omega", curriculum="adaptive", mixed=50, noise=0.1
)  # fmt: skip
OTHER = 654_321
"""Seed of the sequences that are asked at the end: none that decided when it was learned."""
LEARNED = (50, 100, 150, 200)
LENGTHS = (*LEARNED, 250, 500, 1000, 2000, 3000, 5000)
METHOD = (
    "updates: until none of 10,000 fresh sequences of 50, 100, 150 and 200 steps each was wrong, "
    "asked at the end of each fall of the rate (with --settle 0: every 100, while the training "
    "answers were right). The other columns: wrong answers to 10,000 other sequences of so many "
    "steps. Pascanu et al.: 0 in each, 5 of 5 seeds (basic tanh, clip and Ω)."
)


def row(recipe: Recipe, seed: int, updates: int, settle: int) -> dict[str, Any]:
    """Train one, ask it."""
    nets: list[nn.Module] = []
    ended = learn(
        recipe,
        seed,
        LEARNED[-1],
        updates,
        enough=1e-4,
        asked=LEARNED[:-1],
        settle=settle,
        keep=nets.append,
    )
    made = str(ended.solved) if ended.solved is not None else f">{ended.made}"
    asked = {str(steps): round(errors(nets[0], steps, seed=OTHER) * 10_000) for steps in LENGTHS}
    return {"what": f"seed {seed}", "updates": made, **asked}


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, ask, publish."""
    parser = option_parser(__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--updates", type=int, default=40_000, help="at most")
    parser.add_argument("--settle", type=int, default=6000, help="updates in which the rate falls")
    parser.add_argument("--noise", type=float, default=RECIPE.noise)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args(arguments)
    recipe, done = replace(RECIPE, noise=options.noise), []
    with worker_pool(options.workers) as pool:
        trained = [
            pool.submit(row, recipe, seed, options.updates, options.settle)
            for seed in options.seeds
        ]
        for one in trained:
            done.append(one.result())
            print(done[-1], flush=True)
    publish("one_model", METHOD, done)


if __name__ == "__main__":
    main()
