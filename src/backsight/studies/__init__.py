"""Experiments made of many runs: length studies, stability maps, remedies, and what runs them."""

from typing import TYPE_CHECKING

from backsight._lazy import lazy
from backsight.studies._axis import Axis, parse_at, parse_axis, parse_zoom

if TYPE_CHECKING:
    from backsight.studies._engine import Ended, Engine, Trial, make_engine
    from backsight.studies._folder import StudyFolder, find_folder
    from backsight.studies._length import LengthStudy, length_study, read_length_study
    from backsight.studies._length_page import write_length_page
    from backsight.studies._length_plan import LengthPlan, check_alone, read_lengths, read_vary
    from backsight.studies._length_row import LengthTrial
    from backsight.studies._length_table import print_length_study
    from backsight.studies._length_text import check_text
    from backsight.studies._length_verdict import LengthVerdict, judge_lengths
    from backsight.studies._map import StabilityMap, map_folder, place_of, read_map, run_map
    from backsight.studies._map_fragility import Fragility
    from backsight.studies._map_outcome import Outcome
    from backsight.studies._map_plan import MapPlan
    from backsight.studies._remedy import RemedyStudy, read_remedy_study, remedy_study
    from backsight.studies._remedy_arm import Arm
    from backsight.studies._remedy_effect import Effect
    from backsight.studies._remedy_page import write_remedy_page
    from backsight.studies._remedy_plan import RemedyPlan
    from backsight.studies._remedy_row import RemedyTrial
    from backsight.studies._remedy_symptoms import Symptoms, symptoms_of
    from backsight.studies._remedy_table import REMEDIES, Remedy
    from backsight.studies._remedy_target import remedies_for_run, remedies_for_task
    from backsight.studies._remedy_text import print_remedy_study
    from backsight.studies._remedy_verdict import RemedyVerdict

__all__ = [
    "REMEDIES",
    "Arm",
    "Axis",
    "Effect",
    "Ended",
    "Engine",
    "Fragility",
    "LengthPlan",
    "LengthStudy",
    "LengthTrial",
    "LengthVerdict",
    "MapPlan",
    "Outcome",
    "Remedy",
    "RemedyPlan",
    "RemedyStudy",
    "RemedyTrial",
    "RemedyVerdict",
    "StabilityMap",
    "StudyFolder",
    "Symptoms",
    "Trial",
    "check_alone",
    "check_text",
    "find_folder",
    "judge_lengths",
    "length_study",
    "make_engine",
    "map_folder",
    "parse_at",
    "parse_axis",
    "parse_zoom",
    "place_of",
    "print_length_study",
    "print_remedy_study",
    "read_length_study",
    "read_lengths",
    "read_map",
    "read_remedy_study",
    "read_vary",
    "remedies_for_run",
    "remedies_for_task",
    "remedy_study",
    "run_map",
    "symptoms_of",
    "write_length_page",
    "write_remedy_page",
]

__getattr__ = lazy(
    __name__,
    {
        "Ended": "backsight.studies._engine",
        "Engine": "backsight.studies._engine",
        "LengthPlan": "backsight.studies._length_plan",
        "LengthStudy": "backsight.studies._length",
        "LengthTrial": "backsight.studies._length_row",
        "LengthVerdict": "backsight.studies._length_verdict",
        "StudyFolder": "backsight.studies._folder",
        "Trial": "backsight.studies._engine",
        "check_alone": "backsight.studies._length_plan",
        "check_text": "backsight.studies._length_text",
        "find_folder": "backsight.studies._folder",
        "judge_lengths": "backsight.studies._length_verdict",
        "length_study": "backsight.studies._length",
        "make_engine": "backsight.studies._engine",
        "print_length_study": "backsight.studies._length_table",
        "read_length_study": "backsight.studies._length",
        "read_lengths": "backsight.studies._length_plan",
        "read_vary": "backsight.studies._length_plan",
        "write_length_page": "backsight.studies._length_page",
        "Fragility": "backsight.studies._map_fragility",
        "MapPlan": "backsight.studies._map_plan",
        "Outcome": "backsight.studies._map_outcome",
        "StabilityMap": "backsight.studies._map",
        "map_folder": "backsight.studies._map",
        "place_of": "backsight.studies._map",
        "read_map": "backsight.studies._map",
        "run_map": "backsight.studies._map",
        "RemedyStudy": "backsight.studies._remedy",
        "read_remedy_study": "backsight.studies._remedy",
        "remedy_study": "backsight.studies._remedy",
        "Arm": "backsight.studies._remedy_arm",
        "Effect": "backsight.studies._remedy_effect",
        "write_remedy_page": "backsight.studies._remedy_page",
        "RemedyPlan": "backsight.studies._remedy_plan",
        "RemedyTrial": "backsight.studies._remedy_row",
        "Symptoms": "backsight.studies._remedy_symptoms",
        "symptoms_of": "backsight.studies._remedy_symptoms",
        "REMEDIES": "backsight.studies._remedy_table",
        "Remedy": "backsight.studies._remedy_table",
        "remedies_for_run": "backsight.studies._remedy_target",
        "remedies_for_task": "backsight.studies._remedy_target",
        "print_remedy_study": "backsight.studies._remedy_text",
        "RemedyVerdict": "backsight.studies._remedy_verdict",
    },
)
