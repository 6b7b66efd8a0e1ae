"""The package that an integration needs: it is there, and new enough."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from backsight.errors import SettingError

__all__ = ["needing"]


@contextmanager
def needing(what: str, package: str, least: str, extra: str = "") -> Iterator[None]:
    """Around the import of a package.

    Args:
        what: what needs it, at the beginning of a sentence.
        package: its name, as it is imported and installed.
        least: the oldest version that will do.
        extra: of Backsight, which installs it; of the same name by default.

    Raises:
        SettingError: it is missing, cannot be imported or is too old.

    Example:
        >>> from backsight.errors import SettingError
        >>> from backsight.integrations._package import needing
        >>> try:
        ...     with needing("the sink WandB", "wandb", "0.19.10"):
        ...         raise ModuleNotFoundError("No module named 'wandb'")
        ... except SettingError as error:
        ...     print(str(error)[:65])
        the sink WandB needs the package wandb (No module named 'wandb'):
    """
    ours = f"'backsight[{extra or package}]'"
    try:
        yield
    except ImportError as error:
        raise SettingError(
            f"{what} needs the package {package} ({error}): type pip install {ours}"
        ) from None
    found = getattr(sys.modules.get(package), "__version__", None)
    if isinstance(found, str) and _numbers(found) < _numbers(least):
        raise SettingError(
            f"{what} needs {package} {least} or newer, not {found}: type "
            f"pip install --upgrade {ours}"
        )


def _numbers(version: str) -> tuple[int, ...]:
    """``(0, 19, 10)`` of ``0.19.10rc1``; enough to tell what is too old."""
    parts = re.match(r"\d+(\.\d+)*", version)
    return tuple(map(int, parts.group().split("."))) if parts else ()
