"""``backsight ui [DIR…]``: a live page over all runs."""

import os
import stat
import sys
import webbrowser
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

import tyro

from backsight._printable import printable
from backsight.cli._messages import say
from backsight.cli._options import parse
from backsight.errors import RunError

__all__ = ["main"]


@dataclass(frozen=True)
class Ui:
    """Show all runs live in the browser, while they train. Ctrl-C ends it."""

    folders: tyro.conf.Positional[tuple[Path, ...]] = ()
    """Folders that contain runs or studies, or single run folders; runs by default."""
    port: int = 8787
    """The port; 0 takes any that is free."""
    open: bool = False
    """Open the page in the browser."""
    host: str = "127.0.0.1"
    """The address to listen at. Any but this machine's own needs a token."""
    token_file: Optional[Path] = None
    """A file, readable by you alone, with a secret that a browser has to enter once."""
    root_path: str = ""
    """The path under which a proxy shows the page, such as /backsight."""


def main(arguments: Sequence[str]) -> int:
    """Serve until Ctrl-C."""
    options = parse(Ui, "backsight ui", arguments)
    from backsight.ui import UiSettings, read_token, serve

    token = None if options.token_file is None else read_token(options.token_file)
    settings = UiSettings(
        options.folders or (Path("runs"),), options.host, options.port, token, options.root_path
    )
    for folder in settings.folders:
        _check(folder)

    def ready(address: str) -> None:
        print(f"Open {address} (Ctrl-C ends it)", flush=True)
        if options.open:
            webbrowser.open(address)

    serve(settings, ready)
    return 0


def _check(folder: Path) -> None:
    """Say what is wrong with a folder before anybody looks at an empty page.

    Raises:
        RunError: it is no folder, or cannot be read.
    """
    shown = printable(folder)
    try:
        if not stat.S_ISDIR(folder.stat().st_mode):
            raise RunError(f"{shown} is a file: expected a folder of runs, such as runs")
        if not any(os.scandir(folder)):
            say(f"{shown} is empty: make a run with backsight train chars", sys.stderr)
    except FileNotFoundError:
        say(
            f"{shown} does not exist yet: make a run with backsight train chars, and it appears",
            sys.stderr,
        )
    except OSError as error:
        raise RunError(f"{shown} cannot be read: {error.strerror or error}") from error
