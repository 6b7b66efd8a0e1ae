"""What several tests need."""

import contextlib
import gc
import importlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backsight.signals import Recorder, Run, _folder
from tests import processes

# Tiny tensors gain nothing from threads, and spinning ones starve each other on a busy
# machine. Before torch is imported anywhere, so that subprocesses inherit it too.
os.environ["OMP_NUM_THREADS"] = "1"


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """All workers of pytest-xdist have one process that forks for them."""
    node.workerinput["forks"] = processes.begin()


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        processes.join(config.workerinput["forks"])


def pytest_unconfigure() -> None:
    """No process outlives the suite."""
    processes.close()


@pytest.fixture(scope="session", autouse=True)
def git_is_asked_once_a_folder() -> Iterator[None]:
    """Not for each of the thousands of runs; what it answers is tested in ``test_store.py``."""
    answers: dict[Path, Any] = {}
    asked = _folder.git_revision

    def answered() -> Any:
        folder = Path.cwd()
        if folder not in answers:
            answers[folder] = asked()
        return answers[folder]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_folder, "git_revision", answered)
        yield


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Of several workers, each compiles its share of all tests first, and reads the others' then.

    All of them import all tests at once, and each would rewrite the asserts of every one.
    """
    config = session.config
    if hasattr(config, "workerinput") and config.args_source is config.ArgsSource.TESTPATHS:
        importlib.import_module("torch._dynamo")  # the first optimizer does, after the freeze below
        number = int(config.workerinput["workerid"].removeprefix("gw"))
        files = sorted(Path(__file__).parent.glob("test_*.py"))
        for file in files[number :: config.workerinput["workercount"]]:
            # What it raises, it raises once more when it is collected.
            with contextlib.suppress(Exception, pytest.skip.Exception):
                importlib.import_module(f"tests.{file.stem}")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of a test marked ``some(n)``, all cases but ``n``, evenly spaced, are ``long``."""
    cases: dict[str, list[pytest.Item]] = {}
    for item in items:
        if item.get_closest_marker("some") and not item.get_closest_marker("long"):
            cases.setdefault(item.nodeid.partition("[")[0], []).append(item)
    for same in cases.values():
        marker = same[0].get_closest_marker("some")
        assert marker is not None
        kept = {place * len(same) // marker.args[0] for place in range(marker.args[0])}
        for place, item in enumerate(same):
            if place not in kept:
                item.add_marker("long")


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """The garbage collector need not look through torch and all tests again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def forked_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    """The trials of a study in this process begin without importing torch first."""
    monkeypatch.setattr("backsight.studies.engines._local.subprocess", processes.engine_processes)


@pytest.fixture
def run_path(tmp_path: Path) -> Path:
    """Where a run may be created."""
    return tmp_path / "run"


@pytest.fixture
def small_run(run_path: Path) -> Run:
    """A finished run written by hand: known numbers, one NaN, one spike, a growing window."""
    with Recorder(run_path, kind="train chars", config={"clip": 1.0}, seed=3) as recorder:
        for i in range(100):
            loss = float("nan") if i == 60 else 3.0 - i / 100
            norm = 1e6 if i == 40 else 0.5
            recorder.scalars(i, {"loss": loss, "grad_norm": norm, "grad_norm_applied": 0.5})
            recorder.scalars(
                i, {"hidden_norm_mean/rnn.l0": 1.0 + i, "hidden_norm_max/rnn.l0": 2.0 + i}
            )
            if i % 10 == 0:
                width = 4 if i < 50 else 8
                recorder.profile("hidden_norm/rnn.l0", i, np.arange(width, dtype=np.float32))
        recorder.event("sample", 99, {"text": "<b>hello & goodbye</b>", "temperature": 0.7})
    return Run(run_path)


@pytest.fixture(scope="session")
def text_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20,000 characters with something to learn: squares, in words and figures."""
    path = tmp_path_factory.mktemp("text") / "squares.txt"
    path.write_text("".join(f"the square of {i} is {i * i}.\n" for i in range(1000))[:20_000])
    return path
