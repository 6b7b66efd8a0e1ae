"""Whether every run of the collection, judged again from its signals, gets its recorded verdict.

python -m benchmarks.diagnosis.recorded                      # every case and seed
python -m benchmarks.diagnosis.recorded --quick --cache runs/collection
"""

import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from backsight.diagnosis import Diagnosis, Judge, diagnose, facts_of, recorded
from backsight.signals import Run, dumps
from benchmarks._shared.harness import option_parser, publish
from benchmarks.diagnosis._collection import collect

METHOD = (
    "The labelled runs of the benchmark detection, each judged three times: by the monitor while "
    "it trained, iteration by iteration; afterwards from the store in stretches, as "
    "diagnose --rejudge does; and afterwards one iteration at a time. Equal: every finding with "
    "its numbers and words, and every outcome with its reason. Used: diagnose took the recorded "
    "verdict, because rules, facts and samples agree. 'differ' has the runs for which any of it "
    "is not so."
)

COUNTED = ("runs", "used", "equal", "findings", "outcomes")


def main() -> None:
    """Collect, compare and publish."""
    parser = option_parser(__doc__)
    parser.add_argument("--cache", type=Path, help="a folder that keeps the runs")
    parser.add_argument("--quick", action="store_true", help="one seed of each case")
    parser.add_argument("--half", choices=["fit", "held-out"], help="only that half")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    rows: dict[str, Counter[str]] = {}
    differ: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        cache = options.cache or Path(folder)
        runs = collect(cache, quick=options.quick, half=options.half, workers=options.workers)
        for one in runs:
            run = Run(one.folder / "run")
            live, again, singly = diagnose(run), diagnose(run, rejudge=True), _singly(run)
            row = rows.setdefault(one.half, Counter())
            row["runs"] += 1
            row["findings"] += len(again.findings)
            row["used"] += live.judged == "while training"
            row["equal"] += _words(live) == _words(again) == _words(singly)
            row["outcomes"] += len(again.verdicts)
            if live.judged == "now" or not _words(live) == _words(again) == _words(singly):
                differ.append(f"{one.half}: {one.name}, seed {one.seed}: {live.judged}")
                print(differ[-1], flush=True)
    table: list[dict[str, Any]] = [
        {
            "what": half,
            **{name: row[name] for name in ("runs", "used", "equal", "findings", "outcomes")},
        }
        for half, row in rows.items()
    ]
    for line in table:
        line["differ"] = sum(words.startswith(line["what"]) for words in differ)
    publish("recorded-quick" if options.quick else "recorded", METHOD, table)


def _singly(run: Run) -> Diagnosis:
    """Judged one iteration at a time; these runs have one model each."""
    judge = Judge(facts_of(run))
    for iteration, values in recorded(run, run.names, judge.families):
        judge.update(iteration, values)
    return judge.diagnosis()


def _words(found: Diagnosis) -> str:
    """All that it says, without when it was judged."""
    return dumps(found.as_dict() | {"judged": ""})


if __name__ == "__main__":
    main()
