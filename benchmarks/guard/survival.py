"""Does the guard keep runs alive, and does that cost anything? Fragile settings, several ways out.

    python -m benchmarks.guard.survival                 # everything: half an hour on two cores
    python -m benchmarks.guard.survival --seeds 1 --only waves
    python -m benchmarks.guard.survival --unseen        # settings that the guard was not made on

For each setting and seed the same training is made with nothing, with what others do (as
published), with two common fixes and with the guard, and its validation loss at the end is
compared. A second part trains healthy settings: there the guard must leave every bit alone.
SPAM needs second moments: with SGD it does nothing.
"""

import math
import statistics
import sys
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from benchmarks._shared.harness import option_parser, publish, worker_pool
from benchmarks.guard._fragile import FRAGILE, HEALTHY, Setting, grid_of
from benchmarks.guard._rescues import METHODS, Outcome, train_by
from benchmarks.guard._unseen import UNSEEN, UNSEEN_HEALTHY

OTHERS = ("nothing", "clip 1.0", "AutoClip", "ZClip", "stop at a spike")
FIXES = ("default fix", "random fix")
OURS = ("guard", "--safe")

SHARE = 0.02
"""Of what there was to learn, that a final loss may be worse and still be no worse."""

METHOD = (
    "Median validation loss over seeds at the end of the same number of iterations (inf: not "
    "finite in most). 'tuned' is the best of six settings of rate and optimizer with clip 1. No "
    f"worse: within {SHARE:.0%} of the way from the loss before training to the best alternative, "
    "or within one standard error of that alternative's seeds. Alternatives are nothing, clip "
    "1.0, AutoClip, ZClip and stopping: the best of five, chosen for each setting afterwards."
)

Key = tuple[str, str, int]

EVERY = (*FRAGILE, *HEALTHY, *UNSEEN, *UNSEEN_HEALTHY)


def setting_of(name: str) -> Setting:
    """By its name."""
    return next(setting for setting in EVERY if setting.name == name)


def plain(key: Key) -> Key:
    """The same training under its simplest name, so that none is made twice."""
    method, name, seed = key
    setting = setting_of(name)
    if method == "SPAM" and setting.plan.optimizer != "adam":
        return "nothing", name, seed
    if method == "--safe" and setting.sequences is None and not setting.plan.momentum:
        return "guard", name, seed  # there is no momentum to be late, and nothing to lengthen
    if method.startswith("grid "):  # what the settings change is not in the grid
        wanted = grid_of(setting)[0]
        name = next(s.name for s in EVERY if grid_of(s)[0] == wanted)
    return method, name, seed


def job(key: Key) -> Outcome:
    """One training."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    method, name, seed = key
    setting = setting_of(name)
    if method.startswith("grid "):
        plan = grid_of(setting)[int(method.removeprefix("grid "))]
        return train_by("as planned", replace(setting, plan=plan), seed)
    return train_by(method, setting, seed)


def middle(outcomes: Sequence[Outcome]) -> float:
    """The median loss; half of them infinite is infinite."""
    return statistics.median(o.loss for o in outcomes)


def no_worse(mine: Sequence[Outcome], other: Sequence[Outcome]) -> bool:
    """See :data:`METHOD`."""
    ours, best = middle(mine), middle(other)
    if math.isinf(best) or ours <= best:
        return True
    start = statistics.median(o.start for o in other)
    finite = [o.loss for o in other if math.isfinite(o.loss)]
    error = statistics.stdev(finite) / math.sqrt(len(finite)) if len(finite) > 1 else 0.0
    return ours - best <= max(SHARE * (start - best), error)


def main() -> None:
    """Train, compare, publish."""
    parser = option_parser(__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", default="", help="settings whose name contains this")
    parser.add_argument("--methods", default="", help="a comma list; all by default")
    parser.add_argument("--unseen", action="store_true", help="settings that were fixed unseen")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    fragile, well = (UNSEEN, UNSEEN_HEALTHY) if options.unseen else (FRAGILE, HEALTHY)
    wanted = [s for s in fragile if options.only in s.name]
    methods = options.methods.split(",") if options.methods else [*METHODS, *FIXES]
    seeds = range(options.seeds)
    keys: list[Key] = [(m, s.name, seed) for s in wanted for m in methods for seed in seeds]
    if not options.methods:
        keys += [(f"grid {n}", s.name, 0) for s in wanted for n in range(6)]
    calm = [s for s in well if options.only in s.name]
    keys += [(m, s.name, seed) for s in calm for m in ("nothing", "guard", "--safe")
             for seed in seeds]  # fmt: skip
    with worker_pool(options.workers) as pool:
        done = {}
        todo = list(dict.fromkeys(map(plain, keys)))
        for key, outcome in zip(todo, pool.map(job, todo, chunksize=2), strict=True):
            done[key] = outcome
            told = f"{key[0]:16} {key[1]}, seed {key[2]}: {outcome.start:.3g} to {outcome.loss:.3g}"
            print(told, outcome.acts or "", file=sys.stderr, flush=True)

    def of(method: str, setting: Setting) -> list[Outcome]:
        mine = [key for key in keys if key[:2] == (method, setting.name)]
        return [done[plain(key)] for key in mine]

    which = "survival-unseen" if options.unseen else "survival"
    if wanted:
        rows = [row(s, methods, of) for s in wanted]
        publish(which, METHOD, rows)
        publish(f"{which}-summary", METHOD, summary(wanted, methods, of))
    if calm:
        publish(f"{which}-healthy", "Healthy settings: acts of the guard, and whether all weights "
                "are bit for bit those without it.", healthy(calm, of))  # fmt: skip


def row(setting: Setting, methods: Sequence[str], of: Any) -> dict[str, Any]:
    """One setting."""
    found: dict[str, Any] = {"what": setting.name}
    for method in methods:
        found[method] = middle(of(method, setting))
    grids = [g for g in (of(f"grid {n}", setting) for n in range(6)) if g]
    if grids:
        found["tuned"] = min(map(middle, grids))
    acts: Counter[str] = Counter()
    for outcome in of("--safe", setting) or of("guard", setting):
        acts.update(outcome.acts)
    found["acts a run"] = ", ".join(f"{n} {c / len(of(methods[0], setting)):.0f}"
                                    for n, c in acts.items())  # fmt: skip
    return found


def summary(wanted: Sequence[Setting], methods: Sequence[str], of: Any) -> list[dict[str, Any]]:
    """One method a row."""
    rows = []
    others = [m for m in OTHERS if m in methods]
    for method in methods:
        runs = [o for s in wanted for o in of(method, s)]
        found: dict[str, Any] = {
            "what": method,
            "runs": len(runs),
            "end finite": sum(math.isfinite(o.loss) for o in runs) / len(runs),
            "better than untrained": sum(o.loss < o.start for o in runs) / len(runs),
        }
        rivals = [m for m in others if m != method]
        if rivals:
            fine = sum(
                no_worse(of(method, s), min((of(m, s) for m in rivals), key=middle)) for s in wanted
            )
            found["no worse than the best alternative"] = fine / len(wanted)
        beaten = {
            fix: sum(no_worse(of(method, s), of(fix, s)) for s in wanted) / len(wanted)
            for fix in FIXES if fix in methods
        }  # fmt: skip
        found |= {f"no worse than {fix}": share for fix, share in beaten.items()}
        rows.append(found)
    return rows


def healthy(calm: Sequence[Setting], of: Any) -> list[dict[str, Any]]:
    """One healthy setting a row."""
    rows = []
    for setting in calm:
        plain, guarded, safe = (of(m, setting) for m in ("nothing", "guard", "--safe"))
        same = sum(a.weights == b.weights for a, b in zip(plain, guarded, strict=True))
        rows.append(
            {
                "what": setting.name,
                "nothing": middle(plain),
                "guard": middle(guarded),
                "acts": sum(sum(o.acts.values()) for o in guarded),
                "bit-identical": f"{same}/{len(plain)}",
                "--safe": middle(safe),
                "acts on trouble of --safe": sum(
                    count for o in safe for name, count in o.acts.items() if name != "momentum"
                ),
            }
        )
    return rows


if __name__ == "__main__":
    main()
