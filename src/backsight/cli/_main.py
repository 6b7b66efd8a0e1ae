"""Finds the command, runs it, and turns errors into one sentence and an exit status."""

import difflib
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from backsight.errors import BacksightError, SettingError

__all__ = ["main"]

COMMANDS = {
    "run": "run any PyTorch training script unchanged, observed",
    "train": "train a model of the built-in lab, instrumented",
    "study": "experiments of many runs: as sequences grow, over two settings, with remedies",
    "diagnose": "say what goes wrong in a run; the exit status says whether it has a lasting error",
    "explain": "what a finding means, how it is decided, what to do",
    "report": "write one self-contained HTML page about a run",
    "runs": "list runs: status, iterations, last loss, age",
    "version": "print versions of Backsight and what it stands on",
}
"""Each is a module of this package with ``main(arguments) -> exit status``."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status.

    ``--debug`` shows the traceback of an error as well. What ``run`` hands to a script is the
    script's.

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
        print(f"backsight: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # Whoever read our output has closed it (head, less): nothing is wrong.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
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
    print("How far back in time a recurrent network can learn, and what goes wrong.\n")
    for name, what in COMMANDS.items():
        print(f"  {name:9} {what}")
    print("\n  --debug   show the traceback of an error\n")
    print("backsight COMMAND --help tells the options of each; backsight train chars is a start.")
