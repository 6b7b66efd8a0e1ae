"""Which gate of which layer grew first in an explosion? Planted ones, in stacks of three layers.

    python -m benchmarks.diagnosis.grew_first                # ten minutes on one core
    python -m benchmarks.diagnosis.grew_first --half set-aside --families LSTM

One gate's rows are multiplied at once or step by step, get a rate of their own, or noise. A run
counts where it exploded: its loss is not finite, or its gradient norm exceeds 10 times the median
of the 50 before. In others, everything grows at once: there nothing is to be named.
"""

import logging
import math
import tempfile
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn import functional

import backsight
from backsight.diagnosis import diagnose
from benchmarks._shared.harness import option_parser, publish
from benchmarks.diagnosis._explosions import (
    EVERYWHERE,
    FAMILIES,
    LOOKED_AT,
    SET_ASIDE,
    Explosion,
    stack_of,
)

AFTER = 70
"""Iterations from where it begins to grow to the end."""

EVERY = 20
"""Iterations from sample to sample."""

BROKEN_OUT = 10.0
"""Times the usual gradient norm."""

STEPS = {"LSTM": 40, "minGRU": 20, "Mamba-2": 20}

RATES = {"adam": 3e-3, "sgd": 0.02}

METHOD = (
    "Three layers of 16 units between two linear layers, sequences of 40 (LSTM) or 20 steps, "
    f"batches of 8; samples every {EVERY} iterations. Right: layer and gate are named. Layer: "
    "only the layer is, rightly."
)


class Told(NamedTuple):
    """What came of a case."""

    exploded: bool
    named: str
    words: str


def train(family: str, case: Explosion) -> Told:
    """Train and judge once."""
    net = stack_of(family, case.seed)
    kind = torch.optim.Adam if case.optimizer == "adam" else torch.optim.SGD
    optimizer = kind(net.parameters(), RATES[case.optimizer])
    rows, act = case.plant(net, family)
    rng = np.random.default_rng(case.seed)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run"
        with backsight.watch(net, optimizer, path, every=EVERY):
            for iteration in range(case.begins + AFTER):
                x = torch.from_numpy(rng.normal(size=(8, STEPS[family], 2)).astype(np.float32))
                y = x[:, -1:, 0] - 0.5 * x[:, -2:-1, 1]
                optimizer.zero_grad()
                loss = functional.mse_loss(net(x), y)
                loss.backward()  # type: ignore[no-untyped-call]
                then = [parameter.detach()[part].clone() for parameter, part in rows]
                optimizer.step()
                act(iteration, then)
        run = backsight.Run(path)
        exploded = has_exploded(run["loss"], run["grad_norm"], case.begins)
        found = next((f for f in diagnose(run).findings if f.code == "BKS208"), None)
        return Told(exploded, found.module if found else "", found.message if found else "")


def has_exploded(loss: Any, norms: Any, begins: int) -> bool:
    """By numbers alone."""
    if not (np.isfinite(loss).all() and np.isfinite(norms).all()):
        return True
    usual = float(np.median(norms[begins - 50 : begins]))
    return bool(norms[begins:].max() > BROKEN_OUT * usual)


def outcome(family: str, case: Explosion, told: Told) -> str:
    """In a word."""
    truth = case.truth(family)
    if not told.exploded:
        return "did not explode" + (f", named {told.named}" if told.named else "")
    if not told.named:
        return "silent"
    if told.named == truth:
        return "right"
    return "layer" if truth and truth.rpartition(".")[0] == told.named else "wrong"


def main() -> None:
    """Train, judge, publish."""
    parser = option_parser(__doc__)
    parser.add_argument("--half", choices=("looked-at", "set-aside", "both"), default="both")
    parser.add_argument("--families", default=",".join(FAMILIES), help="a comma list")
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    halves = {"looked-at": LOOKED_AT, "set-aside": SET_ASIDE}
    rows = []
    for family in options.families.split(","):
        for name, half in halves.items():
            if options.half not in (name, "both"):
                continue
            rows.append(row(f"{family}, {name}", family, half[family]))
        rows.append(row(f"{family}, everywhere", family, EVERYWHERE))
    publish("grew-first", METHOD, rows)


def row(what: str, family: str, cases: tuple[Explosion, ...]) -> dict[str, Any]:
    """Some cases of one family."""
    ends = []
    for case in cases:
        told = train(family, case)
        ends.append(outcome(family, case, told))
        print(f"{family}, {case.name}: {ends[-1]}; {told.words}", flush=True)
    exploded = [end for end in ends if not end.startswith("did not")]
    return {
        "what": what,
        "exploded": f"{len(exploded)}/{len(cases)}",
        **{word: exploded.count(word) for word in ("right", "layer", "silent", "wrong")},
        "named without an explosion": len([e for e in ends if "named" in e]),
        "share right": exploded.count("right") / len(exploded) if exploded else math.nan,
    }


if __name__ == "__main__":
    main()
