"""Which faults from outside does a training survive: with the guard, with ARC, with nothing?

    python -m benchmarks.guard.faults                  # ten minutes on one core
    python -m benchmarks.guard.faults --seeds 1 --only rate

Every kind of fault comes once into each training: an MLP, an LSTM, a GRU in bfloat16 with a loss
scaler, and an MLP that steps inside a closure. Then the same training goes on to its end. Trainings
without a fault show who acts where nothing is wrong. ARC is ``arc-training`` of PyPI: where it is
not installed, it is left out.
"""

import logging
import statistics
import sys
import warnings
from collections.abc import Sequence
from importlib import metadata
from typing import Any

import torch

from benchmarks._shared.harness import option_parser, publish, worker_pool
from benchmarks.guard._fault_kinds import FAULTS
from benchmarks.guard._fault_runs import NETS, STEPS, WORSE, Ended, keepers, train_with

METHOD = (
    f"Adam, {STEPS} steps, the fault in the middle; each kind in {len(NETS)} trainings "
    f"({', '.join(NETS)}) with each seed. Recovered: trained on to the end, weights and optimizer "
    f"state finite, and the loss on fresh batches at most {WORSE:g} times that just before the "
    "fault. Loss: the median at the end, over that of the same training without a fault and "
    "without a keeper; inf: not finite in most. ARC has no form for closures: there it is asked at "
    "their end, and gradients are removed where it says to skip."
)

Key = tuple[str, str, str, int]
"""Keeper, network, fault (empty for none), seed."""


def job(key: Key) -> Ended:
    """One training."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    keeper, net, name, seed = key
    fault = next((fault for fault in FAULTS if fault.name == name), None)
    return train_with(keeper, net, fault, seed)


def main() -> None:
    """Train, compare, publish."""
    parser = option_parser(__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", default="", help="faults whose name contains this")
    parser.add_argument("--nets", default=",".join(NETS), help="a comma list")
    parser.add_argument("--keepers", default=",".join(keepers()), help="a comma list")
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    names = [fault.name for fault in FAULTS if options.only in fault.name]
    nets, who = options.nets.split(","), options.keepers.split(",")
    who = [k for k in who if k in keepers()]
    seeds = range(options.seeds)
    keys: list[Key] = [(k, n, f, s) for f in ["", *names] for n in nets for k in who for s in seeds]
    keys += [("nothing", n, "", s) for n in nets for s in seeds if "nothing" not in who]
    done: dict[Key, Ended] = {}
    with worker_pool(options.workers) as pool:
        for key, ended in zip(keys, pool.map(job, keys, chunksize=4), strict=True):
            done[key] = ended
            keeper, net, name, seed = key
            told = f"{keeper:8} {net}, {name or 'no fault'}, seed {seed}: "
            told += f"{ended.before:.3g} to {ended.after:.3g}, {ended.acts} acts"
            print(told, ended.raised or "", file=sys.stderr, flush=True)
    method = METHOD
    if "ARC" in who:
        method += f" ARC is arc-training {metadata.version('arc-training')}."
    rows = [row(name, nets, who, seeds, done) for name in names]
    publish("faults", method, [*rows, total(rows, who)])
    publish("faults-clean", "Trainings without a fault: steps in which a keeper acted, and "
            "trainings whose weights are bit for bit those without it.",
            [clean(net, who, seeds, done) for net in nets])  # fmt: skip


def row(
    name: str, nets: Sequence[str], who: Sequence[str], seeds: Sequence[int], done: dict[Key, Ended]
) -> dict[str, Any]:
    """One kind of fault."""
    found: dict[str, Any] = {"what": name}
    for keeper in who:
        ended = {(n, s): done[keeper, n, name, s] for n in nets for s in seeds}
        good = sum(e.recovered for e in ended.values())
        ratios = [e.after / done["nothing", n, "", s].after for (n, s), e in ended.items()]
        failing = sorted({n for (n, _), e in ended.items() if not e.recovered})
        found[keeper] = f"{good}/{len(ended)}"
        found[f"{keeper}: loss"] = statistics.median(ratios)
        if keeper == "guard":
            found["fails in"] = ", ".join(failing) or "none"
    return found


def total(rows: Sequence[dict[str, Any]], who: Sequence[str]) -> dict[str, Any]:
    """All kinds together."""
    found: dict[str, Any] = {"what": "all"}
    for keeper in who:
        good, of = (sum(int(r[keeper].split("/")[part]) for r in rows) for part in (0, 1))
        found[keeper] = f"{good}/{of}"
        found[f"{keeper}: loss"] = statistics.median(r[f"{keeper}: loss"] for r in rows)
        if keeper == "guard":
            found["fails in"] = ""
    return found


def clean(
    net: str, who: Sequence[str], seeds: Sequence[int], done: dict[Key, Ended]
) -> dict[str, Any]:
    """One network without a fault."""
    found: dict[str, Any] = {"what": net}
    for keeper in who:
        runs = [(done[keeper, net, "", s], done["nothing", net, "", s]) for s in seeds]
        found[f"{keeper}: acts"] = sum(run.acts for run, _ in runs)
        same = sum(run.weights == plain.weights for run, plain in runs)
        found[f"{keeper}: bit-identical"] = f"{same}/{len(runs)}"
    return found


if __name__ == "__main__":
    main()
