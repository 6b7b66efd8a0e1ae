"""``python -m tests.mutations``: plays thousands of cases and prints a table.

    python -m tests.mutations --cases 6000 --seed 0

The exit status is 1 if any of them ended in a traceback, a hang or a value that is not the
original; these are shown with what repeats them.
"""

import argparse
import logging
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path
from random import Random

from tests.mutations import DAMAGES, judge, make_subjects
from tests.mutations._case import fits
from tests.mutations._readers import contents

OUTCOMES = ("refused", "unharmed", "earlier", "traceback", "hang", "other")


def main() -> int:
    """Play, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=6000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="a kind of damage")
    parser.add_argument("--subject", default="")
    parser.add_argument("--case", type=int, help="this one alone")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    counts: Counter[tuple[str, str]] = Counter()
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        subjects = make_subjects(Path(folder) / "subjects")
        truths = {name: contents(subject) for name, subject in subjects.items()}
        pairs = [
            (subject, kind)
            for kind in DAMAGES
            for subject in subjects.values()
            if fits(subject, kind)
            and options.only in ("", kind)
            and options.subject in ("", subject.name)
        ]
        place = Path(folder) / "place"
        place.mkdir()
        cases = range(options.cases) if options.case is None else [options.case]
        began = time.monotonic()
        for case in cases:
            subject, kind = pairs[case % len(pairs)]
            found = judge(
                subject, truths[subject.name], kind, Random(f"{options.seed} {case}"), place
            )
            counts[kind, found.outcome] += 1
            if case % 100 == 99:
                print(f"{case + 1} cases", file=sys.stderr, flush=True)
            if found.bad:
                bad += 1
                print(f"--- case {case}: {subject.name}, {kind}: {found.outcome}")
                print(f"{found.damage}\n{found.details}", flush=True)
        seconds = time.monotonic() - began
    print(f"{'damage':16}{'mutations':>10}" + "".join(f"{o:>11}" for o in OUTCOMES))
    for kind in DAMAGES:
        row = [counts[kind, outcome] for outcome in OUTCOMES]
        print(f"{kind:16}{sum(row):>10}" + "".join(f"{n:>11}" for n in row))
    print(f"{sum(counts.values())} mutations in {seconds:.0f} s; {bad} must not happen")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
