"""Finds the command, runs it, and turns errors into one sentence and an exit status."""

import difflib
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from backsight.cli._messages import say
from backsight.errors import BacksightError, SettingError

__all__ = ["main"]

COMMANDS = {
    "run": "run any PyTorch training script unchanged, and record it",
    "train": "train a built-in model on a built-in task, and record it",
    "study": "compare many runs: over lengths, over two settings, with remedies",
    "diagnose": "show what goes wrong in a run; exit with 1 if an error lasts",
    "follow": "show the state of a run live while it trains",
    "explain": "explain a finding: its meaning, its criterion and what to do",
    "report": "write a self-contained HTML page about a run",
    "compare": "compare runs: settings, outcomes, findings, the first difference",
    "export": "write a run as CSV, Parquet, NetCDF, JSON lines or TensorBoard events",
    "runs": "list runs with their status, iterations, last loss and age",
    "ui": "show all runs live in the browser",
    "version": "show the versions of Backsight and its dependencies",
}
"""Each is a module of this package with ``main(arguments) -> exit status``."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status.

    ``--debug`` shows the traceback of an error as well. What ``run`` passes to a script
    belongs to the script.

    Example:
        >>> import io
        >>> from contextlib import redirect_stdout
        >>> from backsight.cli import main
        >>> with redirect_stdout(io.StringIO()) as said:
        ...     status = main(["explain", "BKS101"])
        >>> status, "BKS101" in said.getvalue()
        (0, True)
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    own: list[str] = words
    handed_on: list[str] = []
    if words[:1] == ["run"]:
        from backsight.cli._run import split

        own, handed_on = split(words)
    debug = "--debug" in own
    words = [word for word in own if word != "--debug"] + handed_on
    try:
        return _dispatch(words)
    except BacksightError as error:
        if debug:
            raise
        say(str(error), sys.stderr)
        return 2
    except BrokenPipeError:
        # Whoever read our output has closed it (head, less): nothing is wrong.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        if words[:1] == ["run"]:  # ends as the script would, by the signal, and has been shown
            sys.excepthook = lambda *_: None
            raise
        return 130


def _dispatch(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        _help()
        return 0
    if words[0] == "--version":
        words[0] = "version"
    name, *rest = words
    if name not in COMMANDS:
        near = difflib.get_close_matches(name, COMMANDS, 1)
        hint = f"did you mean {near[0]}?" if near else "type backsight --help for the commands"
        raise SettingError(f"there is no command {name!r}: {hint}")
    status: int = import_module(f"backsight.cli._{name}").main(rest)
    return status


def _help() -> None:
    print("usage: backsight COMMAND [options]\n")
    print("Show how far back in time a recurrent network learns, and what goes wrong.\n")
    for name, what in COMMANDS.items():
        print(f"  {name:9} {what}")
    print("\n  --debug   show the traceback of an error\n")
    print("backsight COMMAND --help lists its options. Start with backsight train chars.")
