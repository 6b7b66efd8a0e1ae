"""What callbacks share and what needs no library."""

import importlib
import sys
from importlib import metadata
from types import ModuleType
from typing import Any

import pytest

from backsight.errors import SettingError
from backsight.integrations._cadence import KEPT, Cadence
from backsight.integrations._headlines import Headlines
from backsight.integrations._lightning_base import MODULES, callback_base
from backsight.integrations._needs import PackageError, needing, require
from tests.test_surface import CALLBACKS

NAN = float("nan")


# -- the package that a callback needs ---------------------------------------------------------


def test_a_missing_package_is_one_sentence() -> None:
    with pytest.raises(ImportError) as caught:
        require("no-such-package", "nor-this", extra="lightning", at_least="2.4")
    assert str(caught.value) == (
        "backsight.integrations.lightning needs the package no-such-package or nor-this: "
        "type pip install 'backsight[lightning]'"
    )
    assert isinstance(caught.value, SettingError)


def test_a_package_that_is_there_and_cannot_be_imported_is_told_apart() -> None:
    """An old MLflow under a new setuptools: installing the extra again would change nothing."""
    with pytest.raises(PackageError) as caught, needing("the sink MLflow", "mlflow", "2.14"):
        import no_such_package_that_mlflow_needs  # type: ignore[import-not-found]  # noqa: F401
    assert str(caught.value) == (
        "the sink MLflow cannot import the package mlflow that is installed (No module named "
        "'no_such_package_that_mlflow_needs'): type pip install --upgrade mlflow"
    )


@pytest.mark.parametrize("version", ["2.3.9", "1.10", "2.3.dev5", "unknown"])
def test_an_old_package_is_named_with_its_version(
    version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metadata, "version", lambda name: version)
    with pytest.raises(PackageError) as caught:
        require("lightning", extra="lightning", at_least="2.4")
    assert str(caught.value) == (
        f"backsight.integrations.lightning needs lightning 2.4 or newer, not {version}: "
        "type pip install --upgrade 'backsight[lightning]'"
    )


@pytest.mark.parametrize("version", ["2.4", "2.4.0", "2.10", "3", "2.4.0+cpu", "2.4.0.dev1"])
def test_a_package_that_is_new_enough_will_do(
    version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metadata, "version", lambda name: version)
    assert require("lightning", extra="lightning", at_least="2.4.0") == ("lightning",)


def test_of_two_packages_the_one_that_is_new_enough_will_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    versions = {"old": "1.0", "new": "2.5"}
    monkeypatch.setattr(metadata, "version", versions.__getitem__)
    assert require("old", "new", extra="lightning", at_least="2.4") == ("new",)


def test_a_compromised_release_is_never_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "version", lambda name: "2.6.3")
    with pytest.raises(PackageError, match=r"lightning 2\.6\.3 is a compromised release"):
        require("lightning", extra="lightning", at_least="2.4", never=("2.6.2", "2.6.3"))


# -- the trainer's steps -----------------------------------------------------------------------


def cadence_of(norms: list[float], marks: list[tuple[int, int]]) -> Cadence:
    """After iterations with these gradient norms, and steps of the trainer from iterations on."""
    headlines = Headlines()
    cadence = Cadence(headlines)
    for iteration, step in marks:
        cadence.note(iteration, step)
    for iteration, norm in enumerate(norms):
        headlines.scalars(iteration, {"grad_norm": norm})
    return cadence


def taken(cadence: Cadence, every: int) -> list[tuple[int, list[float]]]:
    rows = cadence.take(every=every, rest=True)
    return [(step, list(values.values())) for step, values in rows]


def test_the_last_value_of_so_many_steps_is_logged() -> None:
    cadence = cadence_of([1, 2, 3, 4, 5, 6, 7], [(n, n) for n in range(7)])
    assert taken(cadence, 3) == [(2, [3]), (5, [6]), (6, [7])]


def test_two_iterations_of_one_step_are_logged_at_it() -> None:
    cadence = cadence_of([1, 2, 3, 4, 5, 6], [(0, 0), (2, 1), (4, 2)])
    assert taken(cadence, 1) == [(0, [2]), (1, [4]), (2, [6])]


def test_a_step_without_an_iteration_moves_what_follows() -> None:
    """The batch of step 1 was left out."""
    cadence = cadence_of([1, 2], [(0, 0), (1, 1), (1, 2)])
    assert taken(cadence, 1) == [(0, [1]), (2, [2])]


def test_steps_of_a_resumed_training_go_on() -> None:
    headlines = Headlines()
    cadence = Cadence(headlines)
    for iteration in (8, 9):
        cadence.note(iteration, iteration - 3)
        headlines.scalars(iteration, {"grad_norm": float(iteration)})
    assert taken(cadence, 2) == [(5, [8.0]), (6, [9.0])]


def test_the_first_value_that_is_not_finite_is_logged_beside_the_last() -> None:
    cadence = cadence_of([1, NAN, float("inf"), 4, 5], [(n, n) for n in range(5)])
    rows = taken(cadence, 4)
    assert [step for step, _ in rows] == [1, 3, 4]
    assert rows[0][1][0] != rows[0][1][0]
    assert rows[1:] == [(3, [4]), (4, [5])]


def test_rare_numbers_keep_their_own_step() -> None:
    headlines = Headlines()
    cadence = Cadence(headlines)
    for n in range(6):
        cadence.note(n, n)
        headlines.scalars(n, {"grad_norm": float(n)} | ({"horizon/rnn": 9.0} if n == 1 else {}))
    assert cadence.take(every=4) == [
        (1, {"backsight/horizon/rnn": 9.0}),
        (3, {"backsight/grad_norm": 3.0}),
    ]


def test_steps_are_forgotten_after_long() -> None:
    cadence = Cadence(Headlines())
    for n in range(2 * KEPT):
        cadence.note(n, n)
    assert len(cadence._steps) <= KEPT


# -- the two packages of Lightning -------------------------------------------------------------


@pytest.fixture
def callbacks(monkeypatch: pytest.MonkeyPatch) -> dict[str, type]:
    """``Callback`` of each package, as if both were installed."""
    found = {}
    for package, name in MODULES.items():
        module = ModuleType(name)
        found[package] = type("Callback", (), {"on_fit_start": lambda self: "theirs"})
        vars(module)["Callback"] = found[package]
        monkeypatch.setitem(sys.modules, name, module)
    return found


def test_a_callback_is_one_of_both_packages(callbacks: dict[str, type]) -> None:
    made: Any = callback_base(MODULES)()
    assert all(isinstance(made, kind) for kind in callbacks.values())
    assert made.on_fit_start() == "theirs"


@pytest.mark.parametrize("package", MODULES)
def test_one_package_alone_will_do(package: str, callbacks: dict[str, type]) -> None:
    assert callback_base([package]) is callbacks[package]


# -- every callback's module -------------------------------------------------------------------


@pytest.mark.parametrize("extra", CALLBACKS)
def test_the_module_of_a_missing_library_says_what_to_type(
    extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    monkeypatch.delitem(sys.modules, f"backsight.integrations.{extra}", raising=False)
    with pytest.raises(ImportError, match=rf"type pip install 'backsight\[{extra}\]'$"):
        importlib.import_module(f"backsight.integrations.{extra}")
