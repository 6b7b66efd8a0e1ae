"""What runs the trials of a study: processes of this machine, or a Ray cluster."""

from typing import TYPE_CHECKING

from backsight._lazy import lazy

if TYPE_CHECKING:
    from backsight.studies.engines._local import LocalEngine
    from backsight.studies.engines._make import make_engine
    from backsight.studies.engines._ray import RayEngine

__all__ = ["LocalEngine", "RayEngine", "make_engine"]

__getattr__ = lazy(
    __name__,
    {
        "LocalEngine": "backsight.studies.engines._local",
        "RayEngine": "backsight.studies.engines._ray",
        "make_engine": "backsight.studies.engines._make",
    },
)
