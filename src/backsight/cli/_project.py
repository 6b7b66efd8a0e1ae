"""``[tool.backsight]`` in the project's ``pyproject.toml``: what holds for every run there."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backsight.errors import SettingError

__all__ = ["Project", "project_settings"]

NAME = "pyproject.toml"
KEYS = ("fail-on", "ignore")


@dataclass(frozen=True)
class Project:
    """Codes, as they are written there; none by default."""

    ignore: tuple[str, ...] = ()
    fail_on: tuple[str, ...] = ()
    path: Path | None = None
    """The file, where one has the table."""


def project_settings(folder: Path | None = None) -> Project:
    """Those of the nearest ``pyproject.toml`` at or above a folder.

    Args:
        folder: the working directory by default.

    Raises:
        SettingError: the file cannot be read, or the table has something else in it.
    """
    start = (folder or Path.cwd()).resolve()
    for place in (start, *start.parents):
        path = place / NAME
        if path.is_file():
            return _read(path)
    return Project()


def _read(path: Path) -> Project:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # TOML and UTF-8 alike
        raise SettingError(f"cannot read {path}: {error}") from error
    tool = content.get("tool")
    table = tool.get("backsight") if isinstance(tool, dict) else None
    if table is None:
        return Project()
    if not isinstance(table, dict):
        raise SettingError(f"{path}: tool.backsight must be a table, not {table!r:.80}")
    unknown = sorted(set(table) - set(KEYS))
    if unknown:
        raise SettingError(
            f"{path}: [tool.backsight] has no setting {unknown[0]!r}: choose from {', '.join(KEYS)}"
        )
    fail_on, ignore = (_codes(path, key, table.get(key, [])) for key in KEYS)
    return Project(ignore, fail_on, path)


def _codes(path: Path, key: str, given: Any) -> tuple[str, ...]:
    if isinstance(given, list) and all(isinstance(code, str) for code in given):
        return tuple(given)
    raise SettingError(
        f'{path}: {key} in [tool.backsight] must be a list of codes such as ["BKS202"], '
        f"not {given!r:.80}"
    )
