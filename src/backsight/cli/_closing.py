"""What ``backsight run`` says at the end: where the runs are, and what was seen."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from backsight.diagnosis import Lead, diagnose
from backsight.errors import RunError
from backsight.monitor import Seen
from backsight.report import reach_sentences, tally_words
from backsight.signals import Run, shown

__all__ = ["by_the_script", "nothing_recorded", "one_training", "several_trainings"]


def nothing_recorded(seen: Seen) -> str:
    """Why there is no run: what was seen, and what is missing."""
    if not seen.models and seen.looker:
        return (
            f"recorded nothing: modules were called under {seen.looker} alone, where observing "
            "pauses; a run begins with the first call outside of it that is trained"
        )
    if not seen.models and seen.bare:
        return (
            "recorded nothing: this process called no torch.nn.Module, and "
            f"{_counted(seen.bare, 'backward pass', 'backward passes')} brought gradients to "
            "tensors that were others each time, or that did not move; tensors that no module "
            "holds are observed once the script's own code moves the same ones, in place, between "
            "two passes"
        )
    if not seen.models and seen.transformed:
        return (
            "recorded nothing: this process called no torch.nn.Module, and its gradients are those "
            f"of torch.func ({_counted(seen.transformed, 'call')}), which are not observed"
        )
    if not seen.models:
        return (
            "recorded nothing: this process called no torch.nn.Module; a process that it starts as "
            "a program, as Ray starts its workers, is not observed"
        )
    kinds = ", ".join(f"{kind} ×{n}" if n > 1 else kind for kind, n in seen.models.items())
    asked = (
        f"; torch.autograd.grad, called {_counted(seen.queries, 'time')}, counts as one if it is "
        "asked for gradients of these parameters, without create_graph, and the optimizer, if "
        "there is one, steps on what it returns"
    )
    return (
        f"recorded nothing: saw {_counted(seen.forwards, 'forward')} of {kinds}, "
        f"{_counted(seen.passes, 'backward pass', 'backward passes')} and "
        f"{_counted(seen.steps, 'optimizer step')}; a run begins with the first "
        "backward pass that brings gradients to the parameters of a model"
        f"{asked if seen.queries else ''}"
    )


def by_the_script(paths: Sequence[Path], ignored: Collection[str] = ()) -> Iterator[str]:
    """Where the runs are of trainings that the script observes by itself, if there are any."""
    if len(paths) > 1:
        yield f"{several_trainings(paths, ignored)}, recorded by the script itself"
    elif paths:
        try:
            run = Run(paths[0])
        except RunError as error:  # gone or damaged since
            yield str(error)
            return
        yield f"{_place(run)}, recorded by the script itself"
        yield from reach_sentences(run)


def one_training(path: Path, seen: Seen, ignored: Collection[str] = ()) -> Iterator[str]:
    """Where the run is, how far back each layer's gradient reached, and what lasts; findings with
    the codes in ``ignored`` are left out."""
    try:
        run = Run(path)
    except RunError as error:  # gone or damaged since
        yield str(error)
        return
    yield _place(run)
    yield from reach_sentences(run)
    if seen.unmeasured:
        layers = (f"{layer} ({reason})" for layer, reason in seen.unmeasured.items())
        yield f"reach not measured: {', '.join(layers)}"
    for looker, count in seen.passed_over.items():
        yield f"{_counted(count, 'iteration')} not fully measured, under {looker}"
    for lead in diagnose(run).without(ignored).leads:
        if lead.severity != "info":
            yield _found(lead)
    # Without any pass, a child process has trained.
    if seen.passes and not seen.recurrent and not seen.untold:
        held = ", ".join(sorted(seen.inner)) or "no module"
        yield (
            f"no recurrent layer ran, and no module that embeds a sequence was found (the script's "
            f"model contains {held})"
        )


def _place(run: Run) -> str:
    """Where it is, and how to look at it."""
    place = shown(run.path)
    return f"{place}: {_counted(run.iterations, 'iteration')} (backsight report {place})"


def _found(lead: Lead) -> str:
    """A finding, how many more there are like it, and what follows from it."""
    first, more = lead.findings[0], len(lead.findings) - 1
    words = f"{first.code} {first.title}, {tally_words(first)}: {first.message}"
    words += f", and {more} more like it" if more else ""
    graver = (f"{f.code} {f.title}" for f in lead.symptoms if f.severity != "info")
    symptoms = ", ".join(dict.fromkeys(graver))
    return f"{words}; from it follows {symptoms}" if symptoms else words


def several_trainings(paths: Sequence[Path], ignored: Collection[str] = ()) -> str:
    """Where the runs of a script are that trains several times."""
    failing = 0
    for path in paths:
        with suppress(RunError):  # gone or damaged since
            failing += diagnose(Run(path)).without(ignored).has_errors
    found = f", {failing} with a lasting error" if failing else ""
    return (
        f"{len(paths)} trainings{found}: {shown(paths[0])} to {shown(paths[-1])} "
        f"(backsight runs {shown(paths[0].parent)})"
    )


def _counted(count: int, one: str, several: str | None = None) -> str:
    if count == 0:
        return f"no {one}"
    return f"1 {one}" if count == 1 else f"{count:,} {several or one + 's'}"
