"""Experiments made of many runs: length studies, stability maps, and what runs them."""

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

__all__ = [
    "Axis",
    "Ended",
    "Engine",
    "Fragility",
    "LengthPlan",
    "LengthStudy",
    "LengthTrial",
    "LengthVerdict",
    "MapPlan",
    "Outcome",
    "StabilityMap",
    "StudyFolder",
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
    "read_length_study",
    "read_lengths",
    "read_map",
    "read_vary",
    "run_map",
    "write_length_page",
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
    },
)
