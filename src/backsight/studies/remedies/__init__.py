"""The study of remedies: which of them really helps a training."""

from typing import TYPE_CHECKING

from backsight._lazy import lazy

if TYPE_CHECKING:
    from backsight.studies.remedies._arm import Arm
    from backsight.studies.remedies._effect import Effect
    from backsight.studies.remedies._page import write_remedy_page
    from backsight.studies.remedies._plan import RemedyPlan
    from backsight.studies.remedies._row import RemedyTrial
    from backsight.studies.remedies._study import RemedyStudy, read_remedy_study, remedy_study
    from backsight.studies.remedies._symptoms import Symptoms, symptoms_of
    from backsight.studies.remedies._table import REMEDIES, Remedy
    from backsight.studies.remedies._target import remedies_for_run, remedies_for_task
    from backsight.studies.remedies._text import print_remedy_study
    from backsight.studies.remedies._verdict import RemedyVerdict

__all__ = [
    "REMEDIES",
    "Arm",
    "Effect",
    "Remedy",
    "RemedyPlan",
    "RemedyStudy",
    "RemedyTrial",
    "RemedyVerdict",
    "Symptoms",
    "print_remedy_study",
    "read_remedy_study",
    "remedies_for_run",
    "remedies_for_task",
    "remedy_study",
    "symptoms_of",
    "write_remedy_page",
]

__getattr__ = lazy(
    __name__,
    {
        "REMEDIES": "backsight.studies.remedies._table",
        "Arm": "backsight.studies.remedies._arm",
        "Effect": "backsight.studies.remedies._effect",
        "Remedy": "backsight.studies.remedies._table",
        "RemedyPlan": "backsight.studies.remedies._plan",
        "RemedyStudy": "backsight.studies.remedies._study",
        "RemedyTrial": "backsight.studies.remedies._row",
        "RemedyVerdict": "backsight.studies.remedies._verdict",
        "Symptoms": "backsight.studies.remedies._symptoms",
        "print_remedy_study": "backsight.studies.remedies._text",
        "read_remedy_study": "backsight.studies.remedies._study",
        "remedies_for_run": "backsight.studies.remedies._target",
        "remedies_for_task": "backsight.studies.remedies._target",
        "remedy_study": "backsight.studies.remedies._study",
        "symptoms_of": "backsight.studies.remedies._symptoms",
        "write_remedy_page": "backsight.studies.remedies._page",
    },
)
