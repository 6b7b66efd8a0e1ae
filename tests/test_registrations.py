"""What comes in families is complete: a file that is registered nowhere is told by name."""

import importlib
import inspect
import pkgutil
from types import ModuleType
from typing import Any

import pytest

from backsight.diagnosis import RULES, Rule, rules
from backsight.guard import POLICIES, Policy, policies
from backsight.layers import DECAYS, DecayAdapter, decays
from backsight.monitor import MEASUREMENTS, Measurement, measurements

Family = tuple[ModuleType, type, tuple[Any, ...], str, str]

FAMILIES: list[Family] = [
    (rules, Rule, RULES, "code", "RULES"),
    (policies, Policy, POLICIES, "name", "POLICIES"),
    (measurements, Measurement, MEASUREMENTS, "name", "MEASUREMENTS"),
    (decays, DecayAdapter, DECAYS, "kind", "DECAYS"),
]


@pytest.mark.parametrize("family", FAMILIES, ids=[family[4] for family in FAMILIES])
def test_every_file_of_a_family_is_registered(family: Family) -> None:
    """A class that has its name or code is complete, and belongs into the list."""
    room, base, known, mark, listed = family
    for found in pkgutil.iter_modules(room.__path__, f"{room.__name__}."):
        module = importlib.import_module(found.name)
        for kind in vars(module).values():
            if not (inspect.isclass(kind) and issubclass(kind, base) and kind is not base):
                continue
            if kind.__module__ == module.__name__ and vars(kind).get(mark):
                place = f"{room.__name__.replace('.', '/')}/__init__.py"
                assert kind in known, f"{place}: {listed} lacks {kind.__name__}"
    assert len({getattr(kind, mark) for kind in known}) == len(known)
