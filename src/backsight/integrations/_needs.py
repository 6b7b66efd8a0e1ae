"""What an integration needs beside Backsight: a package, in a version that is new enough."""

import re
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from importlib import metadata

from backsight.errors import SettingError

__all__ = ["PackageError", "needing", "require"]


class PackageError(SettingError, ImportError):
    """A package is missing, or too old."""


def require(
    *packages: str, extra: str, at_least: str, never: Collection[str] = ()
) -> tuple[str, ...]:
    """Those of ``packages`` that are installed and new enough, of which any one will do.

    Nothing is imported.

    Args:
        packages: by the names that pip installs them by.
        extra: the extra that installs the first, and the module that needs it.
        at_least: the oldest version that will do.
        never: versions that must not even be imported.

    Raises:
        PackageError: there is none; it is an ``ImportError``, too.

    Example:
        >>> from backsight.integrations._needs import require
        >>> require("torch", extra="lightning", at_least="2.4")
        ('torch',)
        >>> try:
        ...     require("torch", extra="lightning", at_least="99")
        ... except ImportError as error:
        ...     print(str(error)[:60])
        backsight.integrations.lightning needs torch 99 or newer, no
    """
    who, install = f"backsight.integrations.{extra}", f"'backsight[{extra}]'"
    found = {}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    if not found:
        named = " or ".join(packages)
        raise PackageError(f"{who} needs the package {named}: type pip install {install}")
    for package, version in found.items():
        if version in never:
            raise PackageError(
                f"{package} {version} is a compromised release: type pip uninstall {package}, then "
                f"pip install {install}, and change the secrets that this machine holds"
            )
    fitting = tuple(name for name in found if _numbers(found[name]) >= _numbers(at_least))
    if not fitting:
        package, version = next(iter(found.items()))
        raise PackageError(
            f"{who} needs {package} {at_least} or newer, not {version}: "
            f"type pip install --upgrade {install}"
        )
    return fitting


@contextmanager
def needing(what: str, package: str, least: str, extra: str = "") -> Iterator[None]:
    """Around the import of a package, which says itself how old it is.

    Args:
        what: what needs it, at the beginning of a sentence.
        package: its name, as it is imported and installed.
        least: the oldest version that will do.
        extra: of Backsight, which installs it; of the same name by default.

    Raises:
        PackageError: it is missing, cannot be imported or is too old.

    Example:
        >>> from backsight.integrations._needs import needing
        >>> try:
        ...     with needing("the sink WandB", "wandb", "0.19.10"):
        ...         raise ModuleNotFoundError("No module named 'wandb'", name="wandb")
        ... except ImportError as error:
        ...     print(str(error)[:65])
        the sink WandB needs the package wandb (No module named 'wandb'):
    """
    ours = f"'backsight[{extra or package}]'"
    try:
        yield
    except ImportError as error:
        if isinstance(error, ModuleNotFoundError) and error.name == package:
            raise PackageError(
                f"{what} needs the package {package} ({error}): type pip install {ours}"
            ) from None
        # It is there, and something that it needs is too new for it, or missing.
        raise PackageError(
            f"{what} cannot import the package {package} that is installed ({error}): type "
            f"pip install --upgrade {package}"
        ) from None
    found = getattr(sys.modules.get(package), "__version__", None)
    if isinstance(found, str) and _numbers(found) < _numbers(least):
        raise PackageError(
            f"{what} needs {package} {least} or newer, not {found}: type "
            f"pip install --upgrade {ours}"
        )


def _numbers(version: str) -> tuple[int, ...]:
    """``(2, 4)`` of ``2.4.0``, ``2.4.dev1`` and ``2.4+cpu``: trailing zeros mean nothing."""
    release = re.match(r"\d+(\.\d+)*", version)
    numbers = [int(number) for number in release[0].split(".")] if release else []
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)
