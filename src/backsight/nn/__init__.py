"""Recurrent models of the lab, their initialisations, and many of them trained at once."""

from typing import TYPE_CHECKING

from backsight._lazy import lazy
from backsight.nn._choices import CELL_HELP, CELLS, INIT_NEEDS, Cell, CellChoice, Init

if TYPE_CHECKING:
    from backsight.nn._batched_optimizers import ManyAdam, ManySGD, clip_each
    from backsight.nn._init import initialise
    from backsight.nn._linear_scan import linear_scan, linear_scan_reversed
    from backsight.nn._many import ManyModels, seeded
    from backsight.nn._models import (
        CharModel,
        SequenceModel,
        State,
        count_parameters,
        detach,
        generate,
    )
    from backsight.nn._scan import GradientTrace, Workspace, scan
    from backsight.nn.cells import NormCell, NormRNN, build_cell

__all__ = [
    "CELLS",
    "CELL_HELP",
    "INIT_NEEDS",
    "Cell",
    "CellChoice",
    "CharModel",
    "GradientTrace",
    "Init",
    "ManyAdam",
    "ManyModels",
    "ManySGD",
    "NormCell",
    "NormRNN",
    "SequenceModel",
    "State",
    "Workspace",
    "build_cell",
    "clip_each",
    "count_parameters",
    "detach",
    "generate",
    "initialise",
    "linear_scan",
    "linear_scan_reversed",
    "scan",
    "seeded",
]

__getattr__ = lazy(
    __name__,
    {
        "CharModel": "backsight.nn._models",
        "ManyAdam": "backsight.nn._batched_optimizers",
        "ManyModels": "backsight.nn._many",
        "ManySGD": "backsight.nn._batched_optimizers",
        "NormCell": "backsight.nn.cells",
        "NormRNN": "backsight.nn.cells",
        "SequenceModel": "backsight.nn._models",
        "State": "backsight.nn._models",
        "GradientTrace": "backsight.nn._scan",
        "Workspace": "backsight.nn._scan",
        "build_cell": "backsight.nn.cells",
        "clip_each": "backsight.nn._batched_optimizers",
        "count_parameters": "backsight.nn._models",
        "detach": "backsight.nn._models",
        "generate": "backsight.nn._models",
        "initialise": "backsight.nn._init",
        "linear_scan": "backsight.nn._linear_scan",
        "linear_scan_reversed": "backsight.nn._linear_scan",
        "scan": "backsight.nn._scan",
        "seeded": "backsight.nn._many",
    },
)
