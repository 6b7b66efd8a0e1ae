"""``backsight version``."""

import json
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata

from backsight.cli._options import parse

__all__ = ["main"]

PACKAGES = ("backsight", "torch", "lightning-fabric", "numpy", "plotly", "rich", "tyro")


@dataclass(frozen=True)
class Version:
    """Show the versions that a bug report needs."""

    json: bool = False
    """Print the versions as JSON."""


def main(arguments: Sequence[str]) -> int:
    """Print versions, read from metadata: nothing heavy is imported."""
    options = parse(Version, "backsight version", arguments)
    versions = {name: metadata.version(name) for name in PACKAGES}
    versions |= {"python": platform.python_version(), "platform": platform.platform()}
    if options.json:
        print(json.dumps(versions, indent=2))
    else:
        for name, version in versions.items():
            print(f"{name:17} {version}")
    return 0
