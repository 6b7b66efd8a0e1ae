"""Shows a run: figures, the HTML page, the terminal. Never imports torch."""

from typing import TYPE_CHECKING

from backsight._lazy import lazy

if TYPE_CHECKING:
    from backsight.report._findings import (
        Card,
        Symptom,
        cards,
        lacking,
        print_diagnosis,
        print_explanation,
        tally_words,
    )
    from backsight.report._interventions import intervention_marks, intervention_rows
    from backsight.report._map_page import write_map_page
    from backsight.report._page import write_report
    from backsight.report._run_facts import provenance_rows, setting_rows, text_samples
    from backsight.report._strip import strip
    from backsight.report._strip_data import (
        RunStrip,
        StripCurve,
        StripFinding,
        StripGradient,
        StripLoss,
        StripRate,
        StripReach,
    )
    from backsight.report._strip_terminal import StripView
    from backsight.report._strip_words import StripRow, strip_line, strip_rows
    from backsight.report._study_page import StudyFigure, StudyPage, write_study_page
    from backsight.report._study_terminal import MapProgress, StudyProgress
    from backsight.report._summary import duration, number, reach_sentences, summary
    from backsight.report._terminal import TrainingView
    from backsight.report._terminal_text import terminal_text
    from backsight.report._thin import Marks, Thinned, thin

__all__ = [
    "Card",
    "MapProgress",
    "Marks",
    "RunStrip",
    "StripCurve",
    "StripFinding",
    "StripGradient",
    "StripLoss",
    "StripRate",
    "StripReach",
    "StripRow",
    "StripView",
    "StudyFigure",
    "StudyPage",
    "StudyProgress",
    "Symptom",
    "Thinned",
    "TrainingView",
    "cards",
    "duration",
    "intervention_marks",
    "intervention_rows",
    "lacking",
    "number",
    "print_diagnosis",
    "print_explanation",
    "provenance_rows",
    "reach_sentences",
    "setting_rows",
    "strip",
    "strip_line",
    "strip_rows",
    "summary",
    "tally_words",
    "terminal_text",
    "text_samples",
    "thin",
    "write_map_page",
    "write_report",
    "write_study_page",
]

__getattr__ = lazy(
    __name__,
    {
        "Card": "backsight.report._findings",
        "MapProgress": "backsight.report._study_terminal",
        "Marks": "backsight.report._thin",
        "RunStrip": "backsight.report._strip_data",
        "StripCurve": "backsight.report._strip_data",
        "StripFinding": "backsight.report._strip_data",
        "StripGradient": "backsight.report._strip_data",
        "StripLoss": "backsight.report._strip_data",
        "StripRate": "backsight.report._strip_data",
        "StripReach": "backsight.report._strip_data",
        "StripRow": "backsight.report._strip_words",
        "StripView": "backsight.report._strip_terminal",
        "StudyFigure": "backsight.report._study_page",
        "StudyPage": "backsight.report._study_page",
        "StudyProgress": "backsight.report._study_terminal",
        "Symptom": "backsight.report._findings",
        "Thinned": "backsight.report._thin",
        "TrainingView": "backsight.report._terminal",
        "cards": "backsight.report._findings",
        "duration": "backsight.report._summary",
        "intervention_marks": "backsight.report._interventions",
        "intervention_rows": "backsight.report._interventions",
        "lacking": "backsight.report._findings",
        "number": "backsight.report._summary",
        "print_diagnosis": "backsight.report._findings",
        "print_explanation": "backsight.report._findings",
        "provenance_rows": "backsight.report._run_facts",
        "reach_sentences": "backsight.report._summary",
        "setting_rows": "backsight.report._run_facts",
        "strip": "backsight.report._strip",
        "strip_line": "backsight.report._strip_words",
        "strip_rows": "backsight.report._strip_words",
        "summary": "backsight.report._summary",
        "tally_words": "backsight.report._findings",
        "terminal_text": "backsight.report._terminal_text",
        "text_samples": "backsight.report._run_facts",
        "thin": "backsight.report._thin",
        "write_map_page": "backsight.report._map_page",
        "write_report": "backsight.report._page",
        "write_study_page": "backsight.report._study_page",
    },
)
