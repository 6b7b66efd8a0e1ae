"""Recurrent models of the lab and their initialisations."""

from typing import TYPE_CHECKING

from backsight._lazy import lazy
from backsight.nn._choices import Cell, Init

if TYPE_CHECKING:
    from backsight.nn._init import initialise
    from backsight.nn._models import (
        CharModel,
        SequenceModel,
        State,
        count_parameters,
        detach,
        generate,
    )

__all__ = [
    "Cell",
    "CharModel",
    "Init",
    "SequenceModel",
    "State",
    "count_parameters",
    "detach",
    "generate",
    "initialise",
]

__getattr__ = lazy(
    __name__,
    {
        "CharModel": "backsight.nn._models",
        "SequenceModel": "backsight.nn._models",
        "State": "backsight.nn._models",
        "count_parameters": "backsight.nn._models",
        "detach": "backsight.nn._models",
        "generate": "backsight.nn._models",
        "initialise": "backsight.nn._init",
    },
)
