"""Runs a script as ``python SCRIPT`` does, and ends as Python ends.

The script finds its arguments, ``__main__`` and its own folder first on the path. What ends it is
shown as Python shows it. Whatever happens in our own closing, the exit status is the script's.
"""

import atexit
import builtins
import io
import os
import runpy
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import find_spec
from pathlib import Path
from pkgutil import get_importer
from types import CodeType, ModuleType, TracebackType
from typing import Any

import backsight
from backsight.cli._messages import say
from backsight.errors import SettingError

__all__ = ["execute_and_close", "prepare"]


def prepare(words: list[str]) -> tuple[str, Callable[[], None]]:
    """A name for the run, and what executes the script.

    Raises:
        SettingError: there is no such script or module.
    """
    if words[0] == "-m":
        if len(words) == 1:
            raise SettingError("-m expects the name of a module")
        return words[1].rpartition(".")[2], _module(words[1], words[2:])
    path = Path(words[0])
    spec = _main_in(words[0])
    if spec is not None:
        return path.resolve().stem, _main_of(spec, words)
    if path.is_dir():
        raise SettingError(f"{path} is a folder without __main__.py: expected a Python script")
    try:
        with io.open_code(str(path)) as file:
            source = file.read()
    except OSError as error:
        raise SettingError(f"cannot read the script {path}: {error.strerror}") from error
    if b"\0" in source:
        raise SettingError(f"{path} is not a Python script: it holds binary data")
    return path.stem, _script(path, source, words)


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


def _main_in(path: str) -> ModuleSpec | None:
    """The ``__main__`` of a folder or an archive, which Python runs as well."""
    finder = get_importer(os.path.abspath(path))  # noqa: PTH100 - as Python does
    return None if finder is None else finder.find_spec("__main__")


def _main_of(spec: ModuleSpec, argv: list[str]) -> Callable[[], None]:
    def execute() -> None:
        loader: Any = spec.loader
        main_module = ModuleType("__main__")
        main_module.__dict__.update(
            __builtins__=builtins, __cached__=spec.cached, __file__=spec.origin,
            __loader__=loader, __package__="", __spec__=spec,
        )  # fmt: skip
        sys.modules["__main__"] = main_module
        sys.argv[:] = argv
        _path_first(os.path.abspath(argv[0]))  # noqa: PTH100 - links are kept
        exec(loader.get_code("__main__"), main_module.__dict__)

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


def execute_and_close(
    execute: Callable[[], None],
    close: Callable[[BaseException | None], None],
    ours: tuple[type[BaseException], ...] = (),
) -> int:
    """Execute, always close, and give the status that Python would give.

    Args:
        execute: the script, from :func:`prepare`.
        close: is told what ended the script, also in a child that was forked from it. Its own
            failure is one sentence.
        ours: errors that we raise in the script, which are a sentence and no traceback.

    Raises:
        SystemExit: the script's own.
        KeyboardInterrupt: nothing has caught it; it has been shown.
    """
    stderr = sys.stderr

    def end(error: BaseException | None) -> None:
        try:
            close(error)
        except BaseException as failure:  # noqa: BLE001 - the script's own end is what counts
            say(f"the end of the run failed: {failure!r}", stderr)

    # Last in, first out: what the script traces is traced up to its own last exit function.
    atexit.register(sys.settrace, None)
    atexit.register(sys.setprofile, None)
    sys.setrecursionlimit(sys.getrecursionlimit() + _depth())
    try:
        try:
            execute()
        finally:
            tracer, profiler = sys.gettrace(), sys.getprofile()
            sys.settrace(None)  # here: a call of ours would be traced
            sys.setprofile(None)
            _trace_at_exit(tracer, profiler)
            _flush(sys.stdout)
    except SystemExit as leaving:
        end(leaving)
        raise
    except BaseException as error:
        try:
            if isinstance(error, ours):
                say(str(error), stderr)
            else:
                _show(error.with_traceback(_own_frames(error.__traceback__)))
        finally:
            end(error)
        if isinstance(error, KeyboardInterrupt):
            raise
        return 1
    end(None)
    return 0


def _depth() -> int:
    """How many calls deep the script runs in us, as the recursion limit counts them."""
    # Whoever asks, the script's execution in it, and two calls of ``exec``: its own and runpy's.
    frame, depth = sys._getframe(1), 4
    while frame.f_back is not None:
        frame, depth = frame.f_back, depth + 1
    return depth


def _trace_at_exit(tracer: Any, profiler: Any) -> None:
    """Nothing of ours is traced any more; the script's exit functions are."""
    if tracer is not None:
        atexit.register(sys.settrace, tracer)
    if profiler is not None:
        atexit.register(sys.setprofile, profiler)


def _flush(stream: Any) -> None:
    """As Python does, at the end of a script: whatever the stream is."""
    with suppress(Exception):
        stream.flush()


def _show(error: BaseException) -> None:
    """Show what nothing has caught, as the interpreter does, by the script's own hook.

    Raises:
        SystemExit: from the hook.
    """
    sys.last_type, sys.last_value, sys.last_traceback = type(error), error, error.__traceback__
    if sys.version_info >= (3, 12):
        sys.last_exc = error
    if not hasattr(sys, "excepthook"):
        _write("sys.excepthook is missing\n")
        sys.__excepthook__(type(error), error, error.__traceback__)
        return
    try:
        sys.excepthook(type(error), error, error.__traceback__)
    except SystemExit:
        raise
    except BaseException as second:  # noqa: BLE001 - shown as well
        _write("Error in sys.excepthook:\n")
        second = second.with_traceback(_own_frames(second.__traceback__))
        second.__context__ = None  # the first one is no part of it
        sys.__excepthook__(type(second), second, second.__traceback__)
        _write("\nOriginal exception was:\n")
        sys.__excepthook__(type(error), error, error.__traceback__)


def _write(text: str) -> None:
    with suppress(Exception):
        sys.stderr.write(text)


LEAVES = str(Path("torch", "_dynamo", "eval_frame.py"))


def _file(trace: TracebackType) -> str:
    return trace.tb_frame.f_code.co_filename


def _own_frames(trace: TracebackType | None) -> TracebackType | None:
    """A traceback without the frames of Backsight, and of runpy before the script's."""
    ours = str(Path(backsight.__file__).parent)
    frames: list[TracebackType] = []
    while trace is not None:
        file = _file(trace)
        following = trace.tb_next
        # A compiler's, around one of ours that it leaves alone.
        around = (
            file.endswith(LEAVES) and following is not None and _file(following).startswith(ours)
        )
        if not file.startswith(ours) and not around and (frames or "runpy" not in file):
            frames.append(trace)
        trace = following
    kept: TracebackType | None = None
    for one in reversed(frames):
        kept = TracebackType(kept, one.tb_frame, one.tb_lasti, one.tb_lineno)
    return kept
