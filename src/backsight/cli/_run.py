"""``backsight run SCRIPT``: runs any training script unchanged and records it.

The script finds what it would find under ``python SCRIPT``: its arguments, ``__main__``, its own
folder first on the path, its exit status and its own traceback.
"""

import builtins
import io
import os
import resource
import runpy
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from types import CodeType, ModuleType, TracebackType
from typing import Literal
from uuid import uuid4

import backsight
from backsight.cli._options import parse
from backsight.distributed import is_first_process
from backsight.errors import GuardError, SettingError

__all__ = ["main", "split"]

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
    """The path of the module that embeds the input, for a model without recurrent layers."""
    guard: str | None = None
    """Let a guard act at each optimizer step: safe, or policies separated by commas, such as
    clip=1,skip,rollback,backoff. A rollback rewinds neither the data nor the random numbers."""


def main(arguments: Sequence[str]) -> int:
    """Run the script and print where the run is; return the script's exit status."""
    own, words = split(arguments)
    if not words or own[:1] in (["-h"], ["--help"]):
        print(USAGE)
        return 0 if _help(own) else 2
    options = parse(RunOptions, "backsight run", own)
    if options.run is not None and options.run.exists():
        raise SettingError(f"{options.run} already exists: choose another name for the run")
    name, execute = _prepare(words)

    from backsight.monitor import LateRecorder, NullRecorder, ProcessMonitor
    from backsight.signals import free_name, natural_order

    if not is_first_process():  # of several that train together, the first records
        if options.guard is None:
            return _finish(execute, lambda error: None)
        other = ProcessMonitor(NullRecorder(), guard=options.guard)
        return _finish(execute, lambda error: other.close())
    config = {"script": name, "arguments": words[1 + (words[0] == "-m") :], **vars(options)}
    config["run"] = str(options.run or free_name(Path("runs"), name))
    config["group"] = uuid4().hex[:12]  # shared by all that this script trains
    command = shlex.join(["backsight", "run", *arguments])
    first = Path(config["run"])

    def another() -> Path:
        """A name that is free now, for one more training of the script."""
        if options.run is None:
            return free_name(Path("runs"), name)
        numbers = (first.with_name(f"{first.name}-{number}") for number in count(2))
        return next(path for path in numbers if not path.exists())

    recorders = [
        LateRecorder(
            first,
            kind="run",
            config=config,
            command=command,
            another=another if options.run is None else None,
        )
    ]

    def further() -> LateRecorder:
        """The recorder of the script's second training, its third and so on."""
        path = another()
        recorders.append(
            LateRecorder(
                path,
                kind="run",
                config={**config, "run": str(path)},
                command=command,
                another=another,
            )
        )
        return recorders[-1]

    def close(error: BaseException | None) -> None:
        monitor.close()
        for recorder in recorders:  # what failed is the training that stepped last
            recorder.close(error if recorder is monitor.newest else None)

    monitor = ProcessMonitor(
        recorders[0],
        every=options.every,
        budget=options.budget,
        sequences=options.sequences,
        inputs=options.inputs,
        guard=options.guard,
        further=further,
        child_ends=lambda: close(sys.exc_info()[1]),
    )
    process = os.getpid()

    def end(error: BaseException | None) -> None:
        close(error)
        if os.getpid() != process:
            return  # a child that was forked: its parent says it
        paths = [recorder.path for recorder in recorders if recorder.began]
        paths = sorted(
            [*paths, *_of_children(first.parent, config["group"], paths)], key=natural_order
        )
        if len(paths) > 1:
            _say_several(paths)
        else:
            _say(paths[0] if paths else None, monitor.found_time, monitor.kinds)
        if options.guard is not None:
            _say_acts(monitor.tally)

    return _finish(execute, end)


def split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Our own words, and the script's: from the first that is neither an option nor its value.

    ``run`` itself may be the first word.
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
    return list(arguments[:at]), list(arguments[at:])


def _help(own: Sequence[str]) -> bool:
    """Show the options; False where it was not help that was asked for."""
    asked = any(word in ("-h", "--help") for word in own)
    with suppress(SystemExit):
        parse(RunOptions, "backsight run", ["--help"])
    return asked


def _prepare(words: Sequence[str]) -> tuple[str, Callable[[], None]]:
    """A name for the run, and what executes the script.

    Raises:
        SettingError: there is no such script or module.
    """
    if words[0] == "-m":
        if len(words) == 1:
            raise SettingError("-m expects the name of a module")
        return words[1].rpartition(".")[2], _module(words[1], list(words[2:]))
    path = Path(words[0])
    if path.is_dir():
        raise SettingError(f"{path} is a folder: expected a Python script")
    try:
        with io.open_code(str(path)) as file:
            source = file.read()
    except OSError as error:
        raise SettingError(f"cannot read the script {path}: {error.strerror}") from error
    if b"\0" in source:
        raise SettingError(f"{path} is not a Python script: it holds binary data")
    return path.stem, _script(path, source, list(words))


def _script(path: Path, source: bytes, argv: list[str]) -> Callable[[], None]:
    whole = os.path.abspath(path)  # noqa: PTH100 - as Python does: links are kept in __file__

    def execute() -> None:
        main_module = ModuleType("__main__")
        main_module.__file__ = whole
        main_module.__loader__ = SourceFileLoader("__main__", whole)
        main_module.__dict__["__builtins__"] = builtins
        main_module.__dict__.update(__cached__=None, __annotations__={})
        sys.modules["__main__"] = main_module
        sys.argv[:] = argv
        _path_first(str(path.resolve().parent))
        code: CodeType = compile(source, whole, "exec", dont_inherit=True)
        exec(code, main_module.__dict__)

    return execute


def _module(name: str, arguments: list[str]) -> Callable[[], None]:
    sys.path.insert(0, "")
    try:
        found = find_spec(name)
    except (ImportError, ValueError):
        found = None
    finally:
        sys.path.pop(0)
    if found is None:
        raise SettingError(f"cannot find the module {name!r} in this folder or on the Python path")

    def execute() -> None:
        sys.argv[:] = [name, *arguments]
        _path_first(str(Path.cwd()))
        runpy.run_module(name, run_name="__main__", alter_sys=True)

    return execute


def _path_first(folder: str) -> None:
    """In the place of the command's own folder."""
    if not sys.flags.safe_path:
        sys.path[0] = folder


def _finish(execute: Callable[[], None], end: Callable[[BaseException | None], None]) -> int:
    """Execute, always end, and give the status that Python would give."""
    try:
        execute()
    except SystemExit as leaving:
        end(leaving if leaving.code not in (None, 0) else None)
        raise
    except GuardError as error:  # our own doing: a sentence, not a traceback
        print(f"backsight: {error}", file=sys.stderr, flush=True)
        end(error)
        return 1
    except BaseException as error:  # noqa: BLE001 - shown as Python would, and its status given
        sys.stdout.flush()
        error = error.with_traceback(_own_frames(error.__traceback__))
        sys.excepthook(type(error), error, error.__traceback__)
        end(error)
        return 130 if isinstance(error, KeyboardInterrupt) else 1
    end(None)
    return 0


def _own_frames(trace: TracebackType | None) -> TracebackType | None:
    """A traceback without the frames of Backsight, and of runpy before the script's."""
    ours = str(Path(backsight.__file__).parent)
    frames: list[TracebackType] = []
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if not file.startswith(ours) and (frames or "runpy" not in file):
            frames.append(trace)
        trace = trace.tb_next
    kept: TracebackType | None = None
    for one in reversed(frames):
        kept = TracebackType(kept, one.tb_frame, one.tb_lasti, one.tb_lineno)
    return kept


def _say_acts(tally: Mapping[str, int]) -> None:
    """How often the guard intervened, by policy."""
    acts = ", ".join(f"{name} {n:,} time{'s' * (n != 1)}" for name, n in tally.items())
    print(f"backsight: guard interventions: {acts or 'none'}", file=sys.stderr, flush=True)


def _of_children(folder: Path, group: str, known: Sequence[Path]) -> list[Path]:
    """Runs in ``folder`` of child processes that were forked from the script."""
    if not resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime or not folder.is_dir():
        return []
    from backsight.signals import list_runs

    runs, _ = list_runs(folder)
    theirs = [run.path for run in runs if run.info.get("config", {}).get("group") == group]
    return [path for path in theirs if path not in known]


def _say_several(paths: Sequence[Path]) -> None:
    """Where the runs of a script are that trained several times."""
    from backsight.diagnosis import diagnose
    from backsight.signals import Run

    sys.stdout.flush()
    worst = sum(any(f.severity == "error" for f in diagnose(Run(p)).lasting) for p in paths)
    found = f"{worst} of them with a lasting error, " if worst else ""
    print(
        f"backsight: {len(paths)} trainings, {found}in {paths[0]} to {paths[-1]} "
        f"(backsight runs {paths[0].parent})",
        file=sys.stderr, flush=True,
    )  # fmt: skip


def _say(path: Path | None, found_time: bool, kinds: set[str]) -> None:
    """Where the run is, and how far back each layer's gradient reached; never on stdout."""
    sys.stdout.flush()

    def line(text: str) -> None:
        print(f"backsight: {text}", file=sys.stderr, flush=True)

    if path is None:
        line("recorded nothing: the script took no optimizer step and ran no backward pass")
        return
    from backsight.diagnosis import diagnose
    from backsight.report import reach_sentences, tally_words
    from backsight.signals import Run

    run = Run(path)
    line(f"{path}: {run.iterations:,} iterations (backsight report {path})")
    for sentence in reach_sentences(run):
        line(sentence)
    for finding in diagnose(run).lasting:
        if finding.severity != "info":
            line(f"{finding.code} {finding.title}, {tally_words(finding)}: {finding.message}")
    if not found_time:
        held = ", ".join(sorted(kinds)) or "no module"
        line(
            f"no recurrent layer ran (the script's model contains {held}): for another kind of "
            "sequence model, name the module that embeds its input, as in "
            "backsight run --inputs PATH SCRIPT"
        )
