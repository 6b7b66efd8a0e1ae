"""The length study: what loss, gradient and reach do as sequences grow."""

from typing import TYPE_CHECKING

from backsight._lazy import lazy

if TYPE_CHECKING:
    from backsight.studies.length._page import write_length_page
    from backsight.studies.length._plan import LengthPlan, read_lengths, read_vary
    from backsight.studies.length._row import LengthTrial
    from backsight.studies.length._study import LengthStudy, length_study, read_length_study
    from backsight.studies.length._table import print_length_study
    from backsight.studies.length._verdict import LengthVerdict, judge_lengths

__all__ = [
    "LengthPlan",
    "LengthStudy",
    "LengthTrial",
    "LengthVerdict",
    "judge_lengths",
    "length_study",
    "print_length_study",
    "read_length_study",
    "read_lengths",
    "read_vary",
    "write_length_page",
]

__getattr__ = lazy(
    __name__,
    {
        "LengthPlan": "backsight.studies.length._plan",
        "LengthStudy": "backsight.studies.length._study",
        "LengthTrial": "backsight.studies.length._row",
        "LengthVerdict": "backsight.studies.length._verdict",
        "judge_lengths": "backsight.studies.length._verdict",
        "length_study": "backsight.studies.length._study",
        "print_length_study": "backsight.studies.length._table",
        "read_length_study": "backsight.studies.length._study",
        "read_lengths": "backsight.studies.length._plan",
        "read_vary": "backsight.studies.length._plan",
        "write_length_page": "backsight.studies.length._page",
    },
)
