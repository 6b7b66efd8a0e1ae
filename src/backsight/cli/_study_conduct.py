"""What the commands for studies share: running trials with progress, and printing the result."""

import shlex
import signal
import sys
import webbrowser
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, redirect_stdout
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from backsight._printable import printable
from backsight.cli._study_options import StudyOptions

if TYPE_CHECKING:
    from backsight.studies import Engine, LengthStudy, RemedyStudy, StudyView

__all__ = ["conduct", "finish", "show", "until_interrupted"]

Found = TypeVar("Found")
Study = TypeVar("Study", "LengthStudy", "RemedyStudy")


class Plan(Protocol):
    """The plan of a study of runs."""

    @property
    def stem(self) -> str:
        """The name of the study's folder."""

    def as_dict(self) -> dict[str, Any]:
        """What decides the trials."""


AnyPlan = TypeVar("AnyPlan", bound=Plan)


@contextmanager
def _trials_run() -> Iterator[None]:
    """A SIGTERM ends a study as Ctrl-C does, trials included; standard output stays ours.

    Ray prints there what has become of its workers, and it may be JSON that is waited for.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        signal.signal(signal.SIGTERM, before)


def until_interrupted(
    view: AbstractContextManager[Any], train: Callable[[], Found]
) -> Found | None:
    """What a training of trials gives, with its progress on the screen; None after a Ctrl-C."""
    try:
        with view, _trials_run():
            return train()
    except KeyboardInterrupt:
        return None


def conduct(
    plan: AnyPlan,
    study: "Callable[[AnyPlan, Path, Engine, StudyView], Study]",
    options: StudyOptions,
    *,
    begun: Callable[[int], str],
    command: str,
    arguments: Sequence[str],
) -> "Study | None":
    """Train a study of runs; None if it is interrupted.

    Args:
        plan: what to train.
        study: trains it.
        options: engine and folder.
        begun: said of it at the start, given how many trials run at once.
        command: what goes on with it.
        arguments: as typed.
    """
    from rich.console import Console

    from backsight.report import StudyProgress
    from backsight.studies import find_folder, make_engine

    folder = options.out or find_folder(Path("runs"), plan.stem, plan.as_dict())
    engine = make_engine(options.engine, options.gpus_per_trial, options.trial_timeout)
    console = Console(highlight=False, file=sys.stderr if options.json else sys.stdout)
    view = StudyProgress(console)

    def train() -> "Study":
        view.say(f"{folder}: {begun(engine.workers)}")
        return study(plan, folder, engine, view)

    found = until_interrupted(view, train)
    if found is None:
        view.say(f"stopped; finished trials are kept in {folder}. To continue, type:")
        view.say(f"  {command} {shlex.join(arguments)}")
    return found


def finish(
    study: Study,
    write_page: "Callable[[Study], Path]",
    print_study: "Callable[[Study], None]",
    options: StudyOptions,
) -> int:
    """Write the page and print the result of a study of runs; 1 if trials failed."""
    page = write_page(study)
    show(study.as_dict(), page, lambda: print_study(study), json=options.json, browse=options.open)
    return int(any(trial.outcome == "failed" for trial in study.trials))


def show(
    told: Mapping[str, Any],
    page: Path,
    print_it: Callable[[], None],
    *,
    json: bool,
    browse: bool = False,
) -> None:
    """Print the result of a study, and open its page if asked to."""
    if json:
        from backsight.signals import dumps

        print(dumps({**told, "page": page}, indent=2))
    else:
        print_it()
        print(f"\npage: {printable(page.resolve())}")
    if browse:
        webbrowser.open(page.resolve().as_uri())
