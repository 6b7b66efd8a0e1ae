"""One model, trained on temporal order of 50 to 200 steps, asked for up to 5,000.

    python benchmarks/one_model.py                    # seed 0
    python benchmarks/one_model.py --seeds 5

As in Pascanu et al. 2013, section 4.1.1: each batch has a length of its own from 50 to 200, and a
model that has learned them answers sequences 25 times as long. The recipe is that of
``temporal_order.py``: an orthogonal tanh RNN of 50 units, Adam at 1e-3, batches of 20,
``--guard safe,omega``, and an adaptive curriculum up to 200.
"""

import argparse
from collections.abc import Sequence
from typing import Any

from torch import nn

from _harness import publish
from _order import Recipe, errors, learn

RECIPE = Recipe(
    "orthogonal", "adam", 1e-3, guard="safe,omega", curriculum="adaptive", mixed=50
)  # fmt: skip
LENGTHS = (50, 100, 150, 200, 250, 500, 1000, 2000, 3000, 5000)
METHOD = (
    "updates: until none of 10,000 fresh sequences of 200 steps was wrong, asked every 100 while "
    "the training answers were right. The other columns: wrong answers to 10,000 fresh sequences "
    "of so many steps. Pascanu et al.: 0 in each, 5 of 5 seeds (basic tanh, clip and Ω)."
)


def row(seed: int, updates: int) -> dict[str, Any]:
    """Train one, ask it."""
    nets: list[nn.Module] = []
    ended = learn(RECIPE, seed, 200, updates, enough=1e-4, keep=nets.append)
    made = str(ended.solved) if ended.solved is not None else f">{ended.made}"
    asked = {str(steps): round(errors(nets[0], steps) * 10_000) for steps in LENGTHS}
    return {"what": f"seed {seed}", "updates": made, **asked}


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, ask, publish."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--updates", type=int, default=30_000, help="at most")
    options = parser.parse_args(arguments)
    done = []
    for seed in range(options.seeds):
        done.append(row(seed, options.updates))
        print(done[-1], flush=True)
    publish("one_model", METHOD, done)


if __name__ == "__main__":
    main()
