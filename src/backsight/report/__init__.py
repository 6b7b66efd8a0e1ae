"""Shows a run: figures, the HTML page, the terminal. Never imports torch."""

from typing import TYPE_CHECKING

from backsight._lazy import lazy

if TYPE_CHECKING:
    from backsight.report._comparison import (
        ComparedRun,
        FindingRow,
        RunComparison,
        check_runs,
        compare,
    )
    from backsight.report._comparison_page import comparison_values, write_comparison
    from backsight.report._deep_sentences import deep_sentences
    from backsight.report._findings import (
        cards,
        lacking,
        print_diagnosis,
        print_explanation,
        tally_words,
    )
    from backsight.report._half_life_sentences import half_life_sentences
    from backsight.report._interventions import intervention_marks, intervention_rows
    from backsight.report._kept import Kept, keeping
    from backsight.report._map_page import write_map_page
    from backsight.report._memory_sentences import memory_sentences
    from backsight.report._page import write_report
    from backsight.report._run_facts import provenance_rows, setting_rows, text_samples
    from backsight.report._run_figures import RunFigures
    from backsight.report._run_html import run_html
    from backsight.report._settings_table import (
        DifferingSetting,
        differing_settings,
        labels_of,
        setting_words,
        telling_settings,
    )
    from backsight.report._sharpness_sentences import sharpness_sentences
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
    from backsight.report._thin import thin

__all__ = [
    "ComparedRun",
    "DifferingSetting",
    "FindingRow",
    "Kept",
    "MapProgress",
    "RunComparison",
    "RunFigures",
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
    "TrainingView",
    "cards",
    "check_runs",
    "compare",
    "comparison_values",
    "deep_sentences",
    "differing_settings",
    "duration",
    "half_life_sentences",
    "intervention_marks",
    "intervention_rows",
    "keeping",
    "labels_of",
    "lacking",
    "memory_sentences",
    "number",
    "print_diagnosis",
    "print_explanation",
    "provenance_rows",
    "reach_sentences",
    "run_html",
    "setting_rows",
    "setting_words",
    "sharpness_sentences",
    "strip",
    "strip_line",
    "strip_rows",
    "summary",
    "tally_words",
    "telling_settings",
    "terminal_text",
    "text_samples",
    "thin",
    "write_comparison",
    "write_map_page",
    "write_report",
    "write_study_page",
]

__getattr__ = lazy(
    __name__,
    {
        "ComparedRun": "backsight.report._comparison",
        "DifferingSetting": "backsight.report._settings_table",
        "FindingRow": "backsight.report._comparison",
        "Kept": "backsight.report._kept",
        "MapProgress": "backsight.report._study_terminal",
        "RunComparison": "backsight.report._comparison",
        "RunFigures": "backsight.report._run_figures",
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
        "TrainingView": "backsight.report._terminal",
        "cards": "backsight.report._findings",
        "check_runs": "backsight.report._comparison",
        "compare": "backsight.report._comparison",
        "comparison_values": "backsight.report._comparison_page",
        "differing_settings": "backsight.report._settings_table",
        "duration": "backsight.report._summary",
        "half_life_sentences": "backsight.report._half_life_sentences",
        "intervention_marks": "backsight.report._interventions",
        "intervention_rows": "backsight.report._interventions",
        "keeping": "backsight.report._kept",
        "labels_of": "backsight.report._settings_table",
        "lacking": "backsight.report._findings",
        "deep_sentences": "backsight.report._deep_sentences",
        "memory_sentences": "backsight.report._memory_sentences",
        "number": "backsight.report._summary",
        "print_diagnosis": "backsight.report._findings",
        "print_explanation": "backsight.report._findings",
        "provenance_rows": "backsight.report._run_facts",
        "reach_sentences": "backsight.report._summary",
        "run_html": "backsight.report._run_html",
        "setting_rows": "backsight.report._run_facts",
        "setting_words": "backsight.report._settings_table",
        "sharpness_sentences": "backsight.report._sharpness_sentences",
        "strip": "backsight.report._strip",
        "strip_line": "backsight.report._strip_words",
        "strip_rows": "backsight.report._strip_words",
        "summary": "backsight.report._summary",
        "tally_words": "backsight.report._findings",
        "telling_settings": "backsight.report._settings_table",
        "terminal_text": "backsight.report._terminal_text",
        "text_samples": "backsight.report._run_facts",
        "thin": "backsight.report._thin",
        "write_comparison": "backsight.report._comparison_page",
        "write_map_page": "backsight.report._map_page",
        "write_report": "backsight.report._page",
        "write_study_page": "backsight.report._study_page",
    },
)
