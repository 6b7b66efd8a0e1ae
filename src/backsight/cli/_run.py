"""``backsight run SCRIPT``: runs any training script unchanged and records it.

The script finds what it would find under ``python SCRIPT``: its arguments, ``__main__``, its own
folder first on the path, its exit status and its own traceback.
"""

import logging
import os
import re
import shlex
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal, TextIO

from backsight._switch import is_off
from backsight.cli._diagnose import codes, codes_of_project
from backsight.cli._messages import say
from backsight.cli._options import FindingCodes, SinkNames, parse
from backsight.cli._script import execute_and_close, prepare
from backsight.distributed import is_first_process
from backsight.errors import GuardError, SettingError

__all__ = ["main", "split"]

CODE = re.compile(r"BKS\d+", re.IGNORECASE)

USAGE = """usage: backsight run [options] SCRIPT [arguments of the script]
       backsight run [options] -m MODULE [arguments of the module]

Run a PyTorch training script unchanged. Record its loss, the norms of its
gradients and hidden states, and how far back in time the gradients reach.
"""


@dataclass(frozen=True)
class RunOptions:
    """Options go before the script; everything after it is passed to the script."""

    run: Path | None = None
    """The run folder to create; by default the next free runs/SCRIPT-N."""
    every: int | Literal["auto"] = "auto"
    """The number of iterations between samples of the gradient through time; auto samples as
    often as the budget allows."""
    budget: float = 0.01
    """The share of the training time that sampling may add."""
    sequences: int | None = None
    """The number of sequences per batch that a sample follows; by default 8, or a quarter of the
    batch if that is less."""
    inputs: str | None = None
    """The path of the module that embeds the input of a model without recurrent layers, or several
    separated by commas; by default they are found."""
    layout: Literal["auto", "batch", "time"] = "auto"
    """The layout of the embedded input: batch for (B, T, features), time for (T, B, features);
    by default the gradient tells."""
    deep: int | None = None
    """The number of iterations from one measurement of Lyapunov exponents and memory capacity to
    the next, such as 1000; by default there is none, because one takes up to a minute per layer."""
    guard: str | None = None
    """Let a guard act at each optimizer step: safe, or policies separated by commas, such as
    clip=1,skip,rollback,backoff. A rollback rewinds neither the data nor the random numbers."""
    ignore: FindingCodes = None
    """Do not tell of findings with these codes, nor of those that [tool.backsight] in
    pyproject.toml names under ignore. They are recorded all the same."""
    to: SinkNames = ()
    """A sink that gets all values as well, such as tensorboard, wandb or mlflow; several with
    --to each."""


def main(arguments: Sequence[str]) -> int:
    """Run the script and print where the run is; return the script's exit status."""
    own, words = split(arguments)
    if not words and "--ignore" in own:  # which may have taken the script for a code
        codes("--ignore", parse(RunOptions, "backsight run", own).ignore)
    if not words or own[:1] in (["-h"], ["--help"]):
        print(USAGE)
        return 0 if _help(own) else 2
    options = parse(RunOptions, "backsight run", own)
    asked = codes("--ignore", options.ignore) if options.ignore else set()
    name, execute = prepare(words)
    if is_off():
        return execute_and_close(execute, lambda error: None)
    ours = () if options.guard is None else (GuardError,)
    stderr = sys.stderr  # as it is now: the script may put another in its place
    ignored = asked | _ignored(stderr)
    with _log_to(stderr, ignored):
        wrong: list[str] = []
        close = _observe(options, name, words, arguments, stderr, wrong, ignored)
        return execute_and_close(execute, close, ours) or (2 if wrong else 0)


def _observe(
    options: RunOptions,
    name: str,
    words: Sequence[str],
    arguments: Sequence[str],
    stderr: TextIO | None,
    wrong: list[str],
    ignored: Collection[str],
) -> Callable[[BaseException | None], None]:
    """Begin to observe this process; what ends it, told what has ended the script.

    Args:
        options: ours.
        name: of the script.
        words: of the script's own command line.
        arguments: all of them.
        stderr: where it is told what was seen.
        wrong: gets a sentence for each option that fitted nothing in the script.
        ignored: codes of findings that are not told.

    Raises:
        RunError: no run can be written where it is to go.
        SettingError: an option makes no sense.
    """
    from backsight.signals import check_place, free_name, hide_words

    path = options.run or free_name(Path("runs"), name)
    if is_first_process():
        check_place(path)  # before seconds go by with imports

    from backsight.cli._closing import (
        by_the_script,
        nothing_recorded,
        one_training,
        several_trainings,
    )
    from backsight.cli._script_runs import ScriptRuns
    from backsight.cli._spawned import spawned_observed
    from backsight.monitor import NullRecorder, ProcessMonitor
    from backsight.monitor.sinks import sinks_of

    if not is_first_process():  # of several that train together, the first records
        if options.guard is None:
            return lambda error: None
        other = ProcessMonitor(NullRecorder(), guard=options.guard)
        return lambda error: other.close()
    sinks = sinks_of(options.to)  # a mistake in their names is told before the script begins
    config = {"script": name, "arguments": words[1 + (words[0] == "-m") :], **vars(options)}
    del config["ignore"]  # it says what is told, and not what is recorded
    config["to"] = [sink.partition(":")[0] for sink in options.to] or None
    own = _without_places(arguments[: len(arguments) - len(words)])
    command = shlex.join(["backsight", "run", *hide_words([*own, *words])])
    named = options.run is not None
    runs = ScriptRuns(path, config, command, named=named, to=options.to, sinks=sinks)
    settings = {
        name: getattr(options, name)
        for name in ("every", "budget", "sequences", "layout", "deep", "guard")
    }
    settings["inputs"] = None if options.inputs is None else _paths(options.inputs)
    monitor = ProcessMonitor(
        runs.first,
        **settings,
        further=runs.further,
        child_ends=lambda: runs.close(monitor, sys.exc_info()[1]),
        group=runs.config["group"],
        left=_left(options, stderr),
    )
    stop = spawned_observed(
        {
            "path": path.absolute(),
            "named": named,
            "config": runs.config,
            "to": runs.to,
            "command": command,
            "options": settings,
        }
    )
    process = os.getpid()

    def close(error: BaseException | None) -> None:
        stop()
        runs.close(monitor, error)
        if os.getpid() != process:
            return  # a child that was forked: its parent tells of it
        left = runs.by_the_script(monitor)
        paths = [path for path in runs.paths() if path not in left]
        for line in by_the_script(left, ignored):
            say(line, stderr)
        if not paths and not left and not runs.first.failed:
            say(nothing_recorded(monitor.seen), stderr)
        elif len(paths) > 1:
            say(several_trainings(paths, ignored), stderr)
        elif paths and runs.ended:  # or a sentence has told why not
            for line in one_training(paths[0], monitor.seen, ignored):
                say(line, stderr)
        wrong.extend(monitor.mistyped)
        for sentence in wrong:
            say(sentence, stderr)
        if options.guard is not None:
            say(_acts(monitor.tally, guarded=monitor.guarded, left=bool(left)), stderr)

    return close


def _ignored(stderr: TextIO | None) -> set[str]:
    """Codes of findings that the project does not want told. A mistake there is told, and nothing
    is left out: the script is to run."""
    try:
        return codes_of_project()[1]
    except SettingError as error:
        say(str(error), stderr)
        return set()


@contextmanager
def _log_to(stderr: TextIO | None, ignored: Collection[str]) -> Iterator[None]:
    """What we log goes there, and not where the script's own log goes; findings with the codes in
    ``ignored`` go nowhere."""

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if getattr(record, "code", None) not in ignored:
                say(record.getMessage().removeprefix("backsight: "), stderr)

    log, handler = logging.getLogger("backsight"), Handler()
    before = log.propagate, log.level
    log.addHandler(handler)
    log.propagate = False
    log.setLevel(logging.WARNING)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.propagate = before[0]
        log.setLevel(before[1])


def split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Our own words, and the script's: from the first that is neither an option nor its value.

    ``run`` itself may be the first word. ``--ignore`` takes every word that looks like a code.
    """
    at = 1 if arguments[:1] == ["run"] else 0
    while at < len(arguments):
        word = arguments[at]
        if word == "-m" or not word.startswith("-"):
            break
        takes_value = (
            word.startswith("--") and "=" not in word and word not in ("--debug", "--help")
        )
        at += 2 if takes_value else 1
        while word == "--ignore" and at < len(arguments) and CODE.fullmatch(arguments[at]):
            at += 1
    return list(arguments[:at]), list(arguments[at:])


def _help(own: Sequence[str]) -> bool:
    """Show the options; False where it was not help that was asked for."""
    asked = any(word in ("-h", "--help") for word in own)
    with suppress(SystemExit):
        parse(RunOptions, "backsight run", ["--help"])
    return asked


def _left(options: RunOptions, stderr: TextIO | None) -> Callable[[Path], None]:
    """What is told of a training that the script observes by itself: what of ours it is without."""
    from backsight.signals import shown

    names = (one.name for one in fields(options) if getattr(options, one.name) != one.default)
    given = [f"--{name}" for name in names if name != "ignore"]
    told: list[Path] = []

    def tell(path: Path) -> None:
        if given and not told:
            told.append(path)
            say(
                f"the script observes its training by itself, in {shown(path)}, so that there "
                f"{_listed(given)} of this command {'do' if len(given) > 1 else 'does'} nothing",
                stderr,
            )

    return tell


def _listed(words: Sequence[str]) -> str:
    """``a, b and c``."""
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _acts(tally: Mapping[str, int], *, guarded: bool, left: bool) -> str:
    """How often the guard intervened, by policy."""
    acts = ", ".join(f"{name} {n:,} time{'s' * (n != 1)}" for name, n in tally.items())
    if left and not guarded:
        return (
            "guard interventions: none of --guard, because the script observes its training by "
            "itself: pass guard= to its watch or its callback"
        )
    if not guarded:
        return "guard interventions: none, because no optimizer of PyTorch moves a model"
    return f"guard interventions: {acts or 'none'}"


def _without_places(own: Sequence[str]) -> list[str]:
    """Our own words without where sinks write: a URL may hold a secret."""
    shown: list[str] = []
    for word in own:
        option, equals, name = word.partition("=")
        if shown[-1:] == ["--to"]:
            option, equals, name = "", "", word
        elif option != "--to" or not equals:
            shown.append(word)
            continue
        kind, colon, _ = name.partition(":")
        shown.append(f"{option}{equals}{kind}{':(hidden)' if colon else ''}")
    return shown


def _paths(words: str) -> list[str]:
    """Those of ``--inputs``; an empty one, as of a shell variable that is not set, is a mistake."""
    paths = words.split(",")
    if not all(path.strip() for path in paths):
        raise SettingError(
            f"--inputs needs paths of modules with commas between them, not {words!r}: type "
            "--inputs embed, or leave it out to have the inputs found"
        )
    return paths
