"""Each public name has an example in its docstring, which runs and gives what it shows."""

import doctest
import importlib
import inspect
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from backsight.layers import _registry
from backsight.nn import CELLS, build_cell
from backsight.probes import _reader
from tests.test_surface import MODULES, ROOMS

PACKAGES = [name for name in MODULES if not any(part.startswith("_") for part in name.split("."))]
FLAGS = doctest.REPORT_UDIFF | doctest.FAIL_FAST
FINDER = doctest.DocTestFinder(recurse=False)

for _cell in CELLS:
    build_cell(_cell, 3, 4)  # registers its kind, which is lost after an example


def public_objects() -> Iterator[Any]:
    """The classes and functions that any public package lists, each once.

    Of other kinds a docstring is not the object's own: constants and types such as ``Literal[…]``.
    A protocol has no behaviour of its own to show.
    """
    seen = set()
    for name in ["backsight", *PACKAGES]:
        module = importlib.import_module(name)
        for listed in module.__all__:
            one = getattr(module, listed)
            own = inspect.isclass(one) or inspect.isfunction(one)
            if own and one not in seen and not getattr(one, "_is_protocol", False):
                seen.add(one)
                yield one


OBJECTS = {f"{one.__module__}.{one.__qualname__}": one for one in public_objects()}


@pytest.fixture
def fresh_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As a reader's own: an empty folder, known random numbers, nothing of theirs registered."""
    monkeypatch.chdir(tmp_path)
    for name in ("RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(_registry, "_registered", dict(_registry._registered))
    monkeypatch.setattr(_reader, "_registered", dict(_reader._registered))
    dtype, state = torch.get_default_dtype(), torch.get_rng_state()
    torch.manual_seed(0)
    yield
    torch.set_default_dtype(dtype)
    torch.set_rng_state(state)


@pytest.mark.parametrize("name", OBJECTS)
def test_the_example_of_a_public_name_gives_what_it_shows(name: str, fresh_process: None) -> None:
    """In a namespace of its own: it imports whatever it uses."""
    tests = FINDER.find(OBJECTS[name], name, globs={})
    examples = [example for test in tests for example in test.examples]
    assert examples, f"{name} has no example: see the recipe in CONTRIBUTING.md"
    assert any(example.want for example in examples), f"the example of {name} shows no result"
    assert not any(example.options.get(doctest.SKIP) for example in examples)
    runner, report = doctest.DocTestRunner(optionflags=FLAGS), io.StringIO()
    for test in tests:
        runner.run(test, out=report.write)
    assert runner.summarize(verbose=False).failed == 0, report.getvalue()


def test_a_wrong_result_fails() -> None:
    def wrong() -> None:
        """Add up.

        Example:
            >>> 1 + 1
            3
        """

    runner = doctest.DocTestRunner(optionflags=FLAGS)
    (test,) = FINDER.find(wrong, "wrong", globs={})
    report = io.StringIO()
    assert runner.run(test, out=report.write).failed == 1
    assert "Expected:\n    3\nGot:\n    2" in report.getvalue()


def test_every_room_has_examples() -> None:
    rooms = {name.split(".")[1] for name in OBJECTS}
    assert rooms == set(ROOMS)
