"""Which failures of training are told, beside the rules of other tools on the same runs.

python -m benchmarks.diagnosis.detection                     # every case and seed
python -m benchmarks.diagnosis.detection --quick --half held-out
"""

import math
import statistics
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from backsight.diagnosis import diagnose
from benchmarks._shared.harness import option_parser, publish
from benchmarks.diagnosis._collection import Labelled, collect
from benchmarks.diagnosis._outcomes import HEALTHY, KINDS
from benchmarks.diagnosis._peers import CLAIMS, PEERS
from benchmarks.diagnosis._scores import (
    Said,
    by_kind,
    by_question,
    false_alarms,
    leads,
    macro,
    wrong_alarms,
)

METHOD = (
    "Real training runs of small nets, made to fail in a known way or only to look like it, "
    "recorded with every=10. A run's label comes from its construction and its outcome (loss "
    "against the untrained net's, states, weights), never from a rule; a run that became "
    "something else is labelled by that, or left out and counted. Found: any code that tells the "
    "failure, of severity error or warning, at any time; a spike and a drift may be told by an "
    "info, because one that heals at once, or that a network which sums needs, is no fault. "
    "Wrongly: one of the kind's own codes of "
    "a run of which it is not true, neither as its failure nor as a consequence nor as a plain "
    "fact. False alarms: every finding in a healthy run, also one that was over later, in 10,000 "
    "healthy iterations; of other tools the first alarm of each rule. Lead: iterations from our "
    "first true finding to the first loss that is not finite, or from which the median of 20 "
    "stays above the limit, of runs made to go wrong little by little. Thresholds were set on the "
    "fit half; the held-out half, with other seeds, tasks, sizes and settings, was written before "
    "any of it was run, and first run when the thresholds were frozen. Other tools are held "
    "against the coarse question that each rule answers, and so are our codes together."
)


def judge(run: Labelled) -> Said:
    """What our rules and those of others say of a run."""
    found = diagnose(run.folder / "run").findings
    alarms = tuple((one.code, one.iteration) for one in found if one.severity != "info")
    numbers = run.numbers
    notes = frozenset(one.code for one in found if one.severity == "info")
    return Said(run, alarms, tuple(peer.alarm(numbers) for peer in PEERS), notes)


def rows_of(half: str, said: Sequence[Said]) -> list[dict[str, Any]]:
    """The table of one half."""
    nothing: dict[str, Any] = dict.fromkeys(
        ("runs", "found", "wrongly", "recall", "precision", "F1", "false alarms per 10,000"), "–"
    )
    rows = []
    scores = by_kind(said)
    for kind, score in scores.items():
        rows.append({"what": f"{half}: {kind}"} | nothing | score.row())
    alarms, iterations, rate = false_alarms(said, wrong_alarms)
    rows.append(
        {"what": f"{half}: all kinds, mean ({alarms} in {iterations:,} healthy)"}
        | nothing
        | macro(scores.values())
        | {"runs": len(said), "false alarms per 10,000": rate}
    )
    for claim, about in CLAIMS.items():
        score = by_question(said, claim, lambda one, codes=about.codes: bool(one.codes & codes))  # type: ignore[misc]
        _, _, rate = false_alarms(
            said,
            lambda one, codes=about.codes: sum(c in codes - one.run.true for c, _ in one.alarms),  # type: ignore[misc]
        )
        rows.append(
            {"what": f"{half}: {claim}? Backsight"}
            | score.row()
            | {"false alarms per 10,000": rate}
        )
        for number, peer in enumerate(PEERS):
            if peer.claim == claim:

                def spoke(one: Said, number: int = number) -> bool:
                    return one.peers[number] is not None

                score = by_question(said, claim, spoke)
                _, _, rate = false_alarms(said, spoke)
                rows.append(
                    {"what": f"{half}: {claim}? {peer.tool}"}
                    | score.row()
                    | {"false alarms per 10,000": rate}
                )
    return rows


def lead_row(half: str, said: Sequence[Said]) -> dict[str, Any]:
    """How long before."""
    found = leads(said)
    given = [lead for lead in found if lead]
    return {
        "what": f"{half}: lead before the collapse, median of all (none: 0)",
        "runs": len(found),
        "found": len(given),
        "median lead": statistics.median(found) if found else math.nan,
        "of those with any": statistics.median(given) if given else math.nan,
        "without any": 1 - len(given) / len(found) if found else math.nan,
        "leads": sorted(found),
    }


def disagreements(said: Sequence[Said]) -> list[str]:
    """Every run where label and findings differ, in words."""
    told = []
    for one in said:
        run = one.run
        missed = bool(run.told_by) and not one.tells(KINDS[run.kind or HEALTHY])
        wrong = sorted({(code, at) for code, at in one.alarms if code not in run.true})
        if missed or wrong:
            told.append(
                f"{run.half}: {run.name}, seed {run.seed}, is {run.kind}"
                + (f"; missed (found: {', '.join(sorted(one.codes)) or 'nothing'})" * missed)
                + "".join(f"; {code} at {at} is not true of it" for code, at in wrong)
                + f" [loss {run.start:.3g} to {run.end:.3g} in {run.iterations}]"
            )
    return told


def main() -> None:
    """Collect, judge and publish."""
    parser = option_parser(__doc__)
    parser.add_argument("--cache", type=Path, help="a folder that keeps the runs")
    parser.add_argument("--quick", action="store_true", help="one seed of each case")
    parser.add_argument("--half", choices=["fit", "held-out"], help="only that half")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        cache = options.cache or Path(folder)
        runs = []
        for run in collect(cache, quick=options.quick, half=options.half, workers=options.workers):
            runs.append(run)
            if run.kind != run.made_for:
                became = "left out" if run.kind is None else f"labelled {run.kind}"
                print(f"{run.half}: made for {run.made_for}, {run.name}, seed {run.seed}: {became},"
                      f" {run.why}")  # fmt: skip
        said = [judge(run) for run in runs if run.kind is not None]
    print(f"{len(runs)} runs, {len(runs) - len(said)} of them left out")
    print("labels:", dict(Counter(one.run.kind for one in said)))
    for words in disagreements(said):
        print(words)
    halves = [half for half in ("fit", "held-out") if any(s.run.half == half for s in said)]
    rows, ahead = [], []
    for half in halves:
        mine = [one for one in said if one.run.half == half]
        rows += rows_of(half, mine)
        ahead.append(lead_row(half, mine))
    name = "detection-quick" if options.quick else "detection"
    publish(name, METHOD, rows)
    publish(f"{name}-lead", METHOD, ahead)


if __name__ == "__main__":
    main()
