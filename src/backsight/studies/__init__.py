"""Experiments made of many runs."""

from typing import TYPE_CHECKING

from backsight._lazy import lazy
from backsight.studies._axis import Axis, parse_at, parse_axis, parse_zoom

if TYPE_CHECKING:
    from backsight.studies._map import StabilityMap, map_folder, place_of, read_map, run_map
    from backsight.studies._map_fragility import Fragility
    from backsight.studies._map_outcome import Outcome
    from backsight.studies._map_plan import MapPlan

__all__ = [
    "Axis",
    "Fragility",
    "MapPlan",
    "Outcome",
    "StabilityMap",
    "map_folder",
    "parse_at",
    "parse_axis",
    "parse_zoom",
    "place_of",
    "read_map",
    "run_map",
]

__getattr__ = lazy(
    __name__,
    {
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
