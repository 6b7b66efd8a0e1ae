"""The naive length curriculum that collapses, and the same one under the guard.

    python -m benchmarks.memory.curriculum               # five seeds of each
    python -m benchmarks.memory.curriculum --seeds 1 --updates 4000

Temporal order (Pascanu et al. 2013), a tanh RNN of 50 units with an orthogonal recurrent matrix,
Adam at 1e-3, batches of 20. *Naive*: clip 1, begin at 20 steps, and grow by 6 % whenever fewer
than 5 % of the last 400 answers were wrong. *Guarded*: the guard's safe policies instead of the
clip; *with Ω*: ``safe,omega``; no threshold or weight is told to it. The adaptive curriculum is in
``temporal_order.py``.
"""

from collections.abc import Sequence
from dataclasses import asdict, replace

from benchmarks._shared.harness import option_parser, publish, worker_pool
from benchmarks.memory._order import Ended, Recipe, learn

METHOD = (
    "reached: the longest sequences at which fewer than 5 % of the last 400 training answers were "
    "wrong; updates: those until then. solved: updates until fewer than 1 % of 10,000 fresh "
    "sequences of END steps are answered wrongly, asked every 100. collapsed: 1,000 updates in "
    "a row with more than half of "
    "the answers wrong after the start length had been learned; a naive run ends there. errors: "
    "of 10,000 fresh sequences of the last length, at the end."
)

NAIVE = Recipe("orthogonal", "adam", 1e-3, clip=1.0, curriculum="naive")
WAYS = {
    "naive": NAIVE,
    "naive, guarded": replace(NAIVE, guard="safe"),
    "naive, guarded with Ω": replace(NAIVE, guard="safe,omega"),
}


def _job(key: tuple[str, int, int, int]) -> Ended:
    way, seed, end, updates = key
    return learn(WAYS[way], seed, end, updates, give_up=way == "naive")


def main(arguments: Sequence[str] | None = None) -> None:
    """Train all, publish."""
    parser = option_parser(__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--end", type=int, default=200, help="the longest sequences")
    parser.add_argument("--updates", type=int, default=30_000)
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=WAYS)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args(arguments)
    keys = [
        (w, s, options.end, options.updates) for w in options.ways for s in range(options.seeds)
    ]
    with worker_pool(options.workers) as pool:
        rows = []
        for (way, seed, _, _), ended in zip(keys, pool.map(_job, keys), strict=True):
            found = asdict(ended)
            acts = found.pop("acts")
            told = ", ".join(f"{name} {count}" for name, count in acts.items())
            rows.append({"what": f"{way}, seed {seed}", **found, "acts": told})
            print(rows[-1], flush=True)
    publish("curriculum", METHOD, rows)


if __name__ == "__main__":
    main()
