"""The verdict on a finished run, or on what there is of one."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import numpy as np

from backsight.diagnosis._finding import Outcome, Verdict
from backsight.diagnosis._judge import Diagnosis, Judge, Judged
from backsight.diagnosis._recorded import Verdicts, recorded_verdicts
from backsight.diagnosis._rule import Facts, Rule
from backsight.diagnosis._sample import Value
from backsight.diagnosis.rules import RULES
from backsight.signals import Profile, Run, Series, family, member

__all__ = ["diagnose", "facts_from", "facts_of", "merged", "models_of", "recorded"]

Rules = Callable[[], Sequence[Rule]]

VALUES = 200_000
"""That are judged at a time, at about a hundred bytes each."""

MOST_ITERATIONS = 4096
FIRST_ITERATIONS = 1024
"""Of the first part: until the rules are ready, they are fed singly."""

LEAST_ITERATIONS = 64
"""Of a part; fewer would take their time for the arrays alone."""

GRAVEST: tuple[Outcome, ...] = ("finding", "not finite", "healthy", "not enough data")


def all_rules() -> list[Rule]:
    """Every rule, fresh, with its default thresholds."""
    return [rule() for rule in RULES]


def diagnose(
    run: Run | Path | str, rules: Rules = all_rules, *, rejudge: bool = False
) -> Diagnosis:
    """What the rules say of a run: as it was judged while it trained, where that still counts.

    The monitor judges while it records, and its verdict is part of the run. It is used if the
    same rules, with the same thresholds, have read exactly what the run holds; otherwise the
    recorded signals are judged from the beginning.

    Args:
        run: a run, or its folder; it may be running, killed, or hold nothing but a loss.
        rules: makes those to apply, with thresholds of your own; all by default. Called once
            for each model, where a run has several.
        rejudge: judge the signals in any case.

    Raises:
        RunError: not a run folder, damaged, or from a newer version.

    Example:
        >>> from backsight import Recorder, diagnose
        >>> with Recorder("runs/mine") as recorder:
        ...     for iteration in range(100):
        ...         loss = 2.0 - iteration / 100 if iteration < 90 else float("nan")
        ...         recorder.scalars(iteration, {"loss": loss})
        >>> diagnosis = diagnose("runs/mine")
        >>> diagnosis.has_errors, [finding.code for finding in diagnosis.lasting]
        (True, ['BKS201'])
    """
    run = run if isinstance(run, Run) else Run(run)
    facts = facts_of(run)
    kept = Verdicts({}) if rejudge else recorded_verdicts(run, Judge(facts, rules()).version, facts)
    extents = run.extents
    found = []
    for names in models_of(run):
        judge = Judge(facts, rules())
        read = {n: extents[n] for n in names if n in extents and family(n) in judge.families}
        known = kept.on(read)
        if known is None:
            for signals in parts(run, names, judge.families):
                judge.update_many(signals)
            known = judge.diagnosis()
        found.append(known)
    return found[0] if len(found) == 1 else merged(found)


def facts_of(run: Run) -> Facts:
    """What the run's setup, or its settings under ``facts``, say of the task.

    Example:
        >>> from backsight.diagnosis import facts_of
        >>> from backsight.signals import Recorder, Run
        >>> Recorder("runs/mine", config={"facts": {"lag": 40}}).close()
        >>> facts_of(Run("runs/mine"))
        Facts(lag=40, baseline=None, near=None, objective=True)
    """
    known: dict[str, Any] = {}
    for event in run.events("setup"):
        known |= event.body if isinstance(event.body, dict) else {}
    given = run.info.get("config", {}).get("facts")
    return facts_from(known | given if isinstance(given, dict) else known)


def facts_from(known: Any) -> Facts:
    """Facts by name; what makes no sense is left out.

    Args:
        known: ``lag``, ``baseline``, ``near`` and ``objective``, or, as the lab's setup has them,
            ``baselines`` by name.

    Example:
        >>> from backsight.diagnosis import facts_from
        >>> facts_from({"lag": 40, "baseline": 1.386, "colour": "red"})
        Facts(lag=40, baseline=1.386, near=None, objective=True)
    """
    known = known if isinstance(known, dict) else {}
    given = known.get("baselines")
    by_name = given if isinstance(given, dict) else {}
    guess = known.get("baseline", by_name.get("memoryless", by_name.get("unigram")))
    lag = _number(known.get("lag"))
    return Facts(
        lag=None if lag is None or lag < 1 else int(lag),
        baseline=_number(guess),
        near=_number(known.get("near", by_name.get("short memory"))),
        objective=known.get("objective") is not False,
    )


def _number(value: Any) -> float | None:
    plain = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    try:
        return float(value) if plain and math.isfinite(value) else None
    except OverflowError:  # JSON has whole numbers of any size
        return None


def models_of(run: Run) -> list[list[str]]:
    """The signals of each model; a run of ``backsight run`` may have several, told by label."""
    names = list(run.names)
    labels = {member(name) for name in names if family(name) in ("loss", "grad_norm_applied")}
    groups = [
        [n for n in names if member(n) == label or member(n).startswith(f"{label}.")]
        for label in sorted(labels - {""})
    ]
    taken = {name for group in groups for name in group}
    return [[name for name in names if name not in taken], *groups] if groups else [names]


def recorded(
    run: Run, names: Sequence[str], families: frozenset[str]
) -> Iterator[tuple[int, dict[str, Value]]]:
    """What was recorded in each iteration, in order.

    Args:
        run: the run.
        names: its signals that are wanted,
        families: and of those only these.

    Example:
        >>> from backsight.diagnosis import recorded
        >>> from backsight.signals import Recorder, Run
        >>> with Recorder("runs/mine") as recorder:
        ...     recorder.scalars(0, {"loss": 2.0, "lr": 0.1})
        ...     recorder.scalars(1, {"loss": 1.5, "lr": 0.1})
        >>> list(recorded(Run("runs/mine"), ["loss", "lr"], frozenset({"loss"})))
        [(0, {'loss': 2.0}), (1, {'loss': 1.5})]
    """
    for signals in parts(run, names, families):
        yield from by_iteration(signals)


def by_iteration(
    signals: Mapping[str, Series | Profile],
) -> list[tuple[int, dict[str, Value]]]:
    """Samples of several signals, iteration by iteration, in order.

    Example:
        >>> import numpy as np
        >>> from backsight.diagnosis import by_iteration
        >>> from backsight.signals import Series
        >>> by_iteration({"loss": Series(np.array([3, 4]), np.array([2.0, 1.5]))})
        [(3, {'loss': 2.0}), (4, {'loss': 1.5})]
    """
    found: dict[int, dict[str, Value]] = {}
    for name, signal in sorted(signals.items(), key=lambda item: item[0]):
        content: Any = (
            signal.rows
            if isinstance(signal, Profile)
            else signal.values.astype(np.float64).tolist()
        )
        for iteration, value in zip(signal.iterations.tolist(), content, strict=True):
            found.setdefault(iteration, {})[name] = value
    return sorted(found.items(), key=lambda item: item[0])


def parts(
    run: Run, names: Sequence[str], families: frozenset[str]
) -> Iterator[dict[str, Series | Profile]]:
    """The signals of these families, in parts that fit in memory.

    Args:
        run: the run.
        names: its signals that are wanted,
        families: and of those only these.

    Example:
        >>> from backsight.diagnosis import parts
        >>> from backsight.signals import Recorder, Run
        >>> with Recorder("runs/mine") as recorder:
        ...     recorder.scalars(0, {"loss": 2.0, "lr": 0.1})
        >>> [sorted(part) for part in parts(Run("runs/mine"), ["loss", "lr"], frozenset({"loss"}))]
        [['loss']]
    """
    wanted = [name for name in names if family(name) in families]
    span = min(MOST_ITERATIONS, max(LEAST_ITERATIONS, VALUES // max(1, len(wanted))))
    return run.stretches(wanted, chain([min(span, FIRST_ITERATIONS)], repeat(span)))


def merged(several: Sequence[Diagnosis]) -> Diagnosis:
    """One verdict a rule on several models: the gravest outcome, and everything found."""
    merged = []
    for verdicts in zip(*(one.verdicts for one in several), strict=True):
        gravest = min(verdicts, key=lambda v: GRAVEST.index(v.outcome))
        findings = tuple(finding for verdict in verdicts for finding in verdict.findings)
        merged.append(Verdict(gravest.code, gravest.outcome, gravest.reason, findings))
    judged_now = any(one.judged == "now" and _has_seen(one) for one in several)
    judged: Judged = "now" if judged_now else "while training"
    return Diagnosis(tuple(merged), judged, tuple(several))


def _has_seen(one: Diagnosis) -> bool:
    """Whether there was anything to judge."""
    return any(verdict.outcome != "not enough data" for verdict in one.verdicts)
