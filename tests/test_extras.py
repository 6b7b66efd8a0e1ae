"""What an extra offers is used: each of its packages is imported, or is a tool of make."""

import ast
import re
import tomllib
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path

import pytest

from tests.test_surface import CALLBACKS

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
TOOLS = {
    "pytest-xdist": "pytest -n ",
    "ruff": "ruff",
    "mypy": "mypy",
    "import-linter": "lint-imports",
}
"""Packages that are not imported but run, and what the Makefile calls for it."""


def imported(code: str) -> set[str]:
    """The outermost packages that it imports, by statement or by name; and those that a callback
    says it needs."""
    found = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(node.module or "")
        elif isinstance(node, ast.Call) and _last(node.func) in ("import_module", "require"):
            found |= {str(arg.value) for arg in node.args if isinstance(arg, ast.Constant)}
    return {name.partition(".")[0] for name in found}


def unused(names: Iterable[str], *folders: str) -> set[str]:
    """Those of these packages that no code in the folders imports."""
    left = set(names)
    for folder in folders:
        for path in (ROOT / folder).rglob("*.py"):
            code = path.read_text(encoding="utf-8")
            if any(name in code for name in left):  # to parse them all takes seconds
                left -= imported(code)
    return left


def _last(called: ast.expr) -> str:
    """``c`` of ``a.b.c``."""
    return called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")


def packages(extra: str) -> list[str]:
    others = [one for one in EXTRAS[extra] if not one.startswith("backsight[")]
    return [re.split(r"[\[<>=!~;\s]", requirement)[0] for requirement in others]


def test_the_extras_are_those_that_the_documentation_knows() -> None:
    others = {
        "data", "mlflow", "netcdf", "notebook", "parquet", "ray", "tensorboard", "trackio", "wandb",
    }  # fmt: skip
    assert set(EXTRAS) == {*others, *CALLBACKS, "dev"}
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *(ROOT / "src").rglob("*.py")]
    named = {
        extra
        for page in pages
        for extra in re.findall(r"backsight\[(\w+)\]", page.read_text(encoding="utf-8"))
    }
    assert named == set(EXTRAS) - {"dev"}


@pytest.mark.some(8)
@pytest.mark.parametrize("extra", [name for name in EXTRAS if name != "dev"])
def test_what_a_user_may_install_besides_is_imported_by_the_package(extra: str) -> None:
    assert unused(packages(extra), "src") == set()


@pytest.mark.parametrize("extra", ["mlflow", "notebook", "trackio", "wandb"])
def test_a_package_that_is_too_old_is_refused_from_the_version_that_an_extra_asks_for(
    extra: str,
) -> None:
    module = import_module(f"backsight.integrations._{'live' if extra == 'notebook' else extra}")
    (requirement,) = EXTRAS[extra]
    assert requirement.endswith(f">={module.LEAST}")


def test_every_sink_that_has_a_name_is_there() -> None:
    for place in PROJECT["entry-points"]["backsight.sinks"].values():
        module, _, name = place.partition(":")
        assert isinstance(getattr(import_module(module), name), type)


def test_what_a_developer_installs_is_imported_or_run() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for name in unused(packages("dev"), "tests", "benchmarks", "docs"):
        assert TOOLS.get(name, "no tool") in makefile, name
