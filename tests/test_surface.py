"""The public surface is exactly what is written down."""

import ast
import importlib
import pkgutil
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

import backsight
from backsight.integrations._needs import PackageError

ROOMS = [
    "distributed",
    "errors",
    "signals",
    "layers",
    "tasks",
    "nn",
    "diagnosis",
    "probes",
    "state",
    "curriculum",
    "guard",
    "monitor",
    "report",
    "integrations",
    "lab",
    "studies",
    "ui",
    "cli",
]
PACKAGES = [
    *ROOMS,
    "integrations.export",
    *(f"studies.{kind}" for kind in ("engines", "length", "map", "remedies")),
]
CALLBACKS = ["ignite", "keras", "lightning", "optuna", "sb3", "skorch", "transformers"]
"""The public modules of integrations: each is for a library, by the name of its extra."""


def lacks_library(module: str) -> bool:
    """Whether it is a callback's, and cannot be imported here: ``make integrations`` has all."""
    if module not in {f"backsight.integrations.{name}" for name in CALLBACKS}:
        return False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a library's own, when it is imported
        try:
            importlib.import_module(module)
        except PackageError:
            return True
    return False


MODULES = [
    m.name
    for m in pkgutil.walk_packages(backsight.__path__, "backsight.")
    if not lacks_library(m.name)
]
"""Those that can be imported here."""


def ruff_order(name: str) -> tuple[int, str]:
    """Constants, then classes, then the rest: as ruff sorts ``__all__``."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)


def test_the_public_list_is_exact() -> None:
    assert backsight.__all__ == [
        "AdaptiveLength", "BacksightError", "Chars", "GradientProfile", "Guard", "LayerAdapter",
        "LinearLength", "Measurement", "Monitor", "Recorder", "Run", "StepwiseLength",
        "__version__", "context_probe", "diagnose", "probe", "register_layer", "resume",
        "sharpness", "train", "watch", "write_report",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["backsight", *(f"backsight.{name}" for name in PACKAGES)])
def test_every_listed_name_exists_and_the_list_is_sorted(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__all__ == sorted(module.__all__, key=ruff_order)
    for public in module.__all__:
        assert getattr(module, public) is not None
    with pytest.raises(AttributeError):
        module.there_is_no_such_name  # noqa: B018


def test_every_room_is_here() -> None:
    public = {m.split(".")[1] for m in MODULES if not m.split(".")[1].startswith("_")}
    assert public == set(ROOMS)


def test_every_module_lists_its_names() -> None:
    """And every name in __all__ is defined, or imported, in that very module."""
    for name in MODULES:
        if name.endswith("__main__"):
            continue
        module = importlib.import_module(name)
        assert isinstance(module.__all__, list), name
        assert all(hasattr(module, public) for public in module.__all__), name


def test_implementation_modules_are_private() -> None:
    """Scripts that are shown, and never imported, stand in a folder that is no package."""
    source = Path(backsight.__file__).parent
    public = {
        path.relative_to(source).as_posix()
        for path in source.rglob("*.py")
        if not path.name.startswith("_") and (path.parent / "__init__.py").exists()
    }
    callbacks = {f"integrations/{name}.py" for name in CALLBACKS}
    assert public == {"distributed.py", "errors.py"} | callbacks


def test_no_room_reaches_into_another() -> None:
    """What stands behind an underscore is imported in the package that it belongs to alone."""
    source = Path(backsight.__file__).parent
    reached = []
    for path in source.rglob("*.py"):
        place = ".".join(path.relative_to(source.parent).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.ImportFrom) and (node.module or "").startswith("backs")):
                continue
            for name in (f"{node.module}.{alias.name}" for alias in node.names):
                parts = name.split(".")
                private = next((n for n, part in enumerate(parts) if part.startswith("_")), None)
                owner = ".".join(parts[:private])
                dunder = private is not None and parts[private].startswith("__")
                if private is not None and not dunder and not f"{place}.".startswith(f"{owner}."):
                    reached.append(f"{place}: {name}")
    assert reached == []


def test_modules_stay_readable() -> None:
    """One idea a file: nothing past 400 lines, the examples in docstrings left out."""
    source = Path(backsight.__file__).parent
    long = {p.name: n for p in source.rglob("*.py") if (n := lines_of(p.read_text())) > 400}
    assert long == {}


def lines_of(source: str) -> int:
    """How many there are without the section ``Example:`` that ends a docstring."""
    example = re.compile(r"\n\n *Example:\n *>>> .*?(?=\n *\"{3}\n)", re.DOTALL)
    return len(example.sub("", source).splitlines())


def test_every_public_function_and_class_has_a_docstring() -> None:
    source = Path(backsight.__file__).parent
    missing = [
        f"{path.name}:{node.lineno} {node.name}"
        for path in source.rglob("*.py")
        for node in outer_definitions(ast.parse(path.read_text()))
        if not node.name.startswith("_")
        and not ast.get_docstring(node)
        and not any(isinstance(d, ast.Name) and d.id == "overload" for d in node.decorator_list)
    ]
    assert missing == []


def outer_definitions(tree: ast.Module | ast.ClassDef) -> Iterator[ast.FunctionDef | ast.ClassDef]:
    """Of a module and its public classes, without what is inside functions."""
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from outer_definitions(node)


def test_a_name_means_one_thing() -> None:
    """No two public classes or types of the whole code base have the same name; but a callback
    is imported from its library's module, and has the same name in each."""
    places: dict[str, list[str]] = {}
    for path in Path(backsight.__file__).parent.rglob("*.py"):
        for node in ast.parse(path.read_text()).body:
            names = [node.name] if isinstance(node, ast.ClassDef) else []
            if isinstance(node, ast.Assign) and not isinstance(node.value, ast.Call):
                # Of types: ``Outcome = Literal[…]``; a TypeVar is called.
                names = [t.id for t in node.targets if isinstance(t, ast.Name) and t.id.istitle()]
            for name in names:
                if not name.startswith("_") and name != "BacksightCallback":
                    places.setdefault(name, []).append(path.name)
    assert {name: where for name, where in places.items() if len(where) > 1} == {}
