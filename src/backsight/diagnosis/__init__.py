"""Judges a run: plain numbers in, findings with their evidence out. Never imports torch."""

from backsight.diagnosis._constant_answer import constant_answer_words
from backsight.diagnosis._context import (
    Context,
    Usable,
    context_ladder,
    context_probe,
    usable_context,
)
from backsight.diagnosis._diagnose import (
    by_iteration,
    diagnose,
    facts_from,
    facts_of,
    parts,
    recorded,
)
from backsight.diagnosis._examples import Example, example_of
from backsight.diagnosis._explain import Explanation, explain, findings_page
from backsight.diagnosis._finding import Finding, Outcome, Severity, Verdict
from backsight.diagnosis._first_difference import (
    FirstDifference,
    SignalDifference,
    first_difference,
    parting_words,
)
from backsight.diagnosis._judge import Diagnosis, Judge
from backsight.diagnosis._parting import (
    Parting,
    SeriesParting,
    parting_of_profiles,
    parting_of_series,
)
from backsight.diagnosis._ranking import Lead
from backsight.diagnosis._recorded import verdict_body
from backsight.diagnosis._remedy import remedy
from backsight.diagnosis._requirement import Requirement
from backsight.diagnosis._robust import Recent
from backsight.diagnosis._rule import Facts, Rule, Sample
from backsight.diagnosis._so_far import findings_so_far
from backsight.diagnosis._timeline import Move, Timeline, timeline
from backsight.diagnosis._tried import Tried, read_tried, write_tried
from backsight.diagnosis.rules import RULES
from backsight.diagnosis.stability import Anomaly, AnomalyKind, LossHistory, StabilityTracker

__all__ = [
    "RULES",
    "Anomaly",
    "AnomalyKind",
    "Context",
    "Diagnosis",
    "Example",
    "Explanation",
    "Facts",
    "Finding",
    "FirstDifference",
    "Judge",
    "Lead",
    "LossHistory",
    "Move",
    "Outcome",
    "Parting",
    "Recent",
    "Requirement",
    "Rule",
    "Sample",
    "SeriesParting",
    "Severity",
    "SignalDifference",
    "StabilityTracker",
    "Timeline",
    "Tried",
    "Usable",
    "Verdict",
    "by_iteration",
    "constant_answer_words",
    "context_ladder",
    "context_probe",
    "diagnose",
    "example_of",
    "explain",
    "facts_from",
    "facts_of",
    "findings_page",
    "findings_so_far",
    "first_difference",
    "parting_of_profiles",
    "parting_of_series",
    "parting_words",
    "parts",
    "read_tried",
    "recorded",
    "remedy",
    "timeline",
    "usable_context",
    "verdict_body",
    "write_tried",
]
