"""Stability maps: what becomes of a network over two of its settings."""

from typing import TYPE_CHECKING

from backsight._lazy import lazy

if TYPE_CHECKING:
    from backsight.studies.map._axis import Axis, parse_at, parse_axis, parse_zoom
    from backsight.studies.map._fragility import Fragility
    from backsight.studies.map._outcome import MapOutcome
    from backsight.studies.map._page import write_stability_map_page
    from backsight.studies.map._plan import MapPlan
    from backsight.studies.map._study import (
        StabilityMap,
        map_folder,
        place_of,
        read_map,
        run_map,
    )
    from backsight.studies.map._text import print_stability_map

__all__ = [
    "Axis",
    "Fragility",
    "MapOutcome",
    "MapPlan",
    "StabilityMap",
    "map_folder",
    "parse_at",
    "parse_axis",
    "parse_zoom",
    "place_of",
    "print_stability_map",
    "read_map",
    "run_map",
    "write_stability_map_page",
]

__getattr__ = lazy(
    __name__,
    {
        "Axis": "backsight.studies.map._axis",
        "Fragility": "backsight.studies.map._fragility",
        "MapPlan": "backsight.studies.map._plan",
        "MapOutcome": "backsight.studies.map._outcome",
        "StabilityMap": "backsight.studies.map._study",
        "map_folder": "backsight.studies.map._study",
        "parse_at": "backsight.studies.map._axis",
        "parse_axis": "backsight.studies.map._axis",
        "parse_zoom": "backsight.studies.map._axis",
        "place_of": "backsight.studies.map._study",
        "print_stability_map": "backsight.studies.map._text",
        "read_map": "backsight.studies.map._study",
        "run_map": "backsight.studies.map._study",
        "write_stability_map_page": "backsight.studies.map._page",
    },
)
