"""The remedies that a study tries, one an entry; each is a change of the lab's settings.

A change gives settings, or a sentence that says why there is nothing to change. What it does in a
script's training is what a guard can do there, in the words of ``--guard``.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from backsight.diagnosis import RULES
from backsight.errors import SettingError
from backsight.lab import Chars, Memory, Training
from backsight.nn import CELLS, Cell, Init
from backsight.studies.remedies._symptoms import Symptoms

__all__ = ["CALLED_FOR", "DEFAULT", "REMEDIES", "UNCHANGED", "Remedy", "changed", "lr_over"]

PLAIN: tuple[Cell, ...] = tuple(name for name, cell in CELLS.items() if cell.plain)
SCALED: tuple[Cell, ...] = tuple(
    name for name, cell in CELLS.items() if cell.has_matrix and not cell.normalised
)
"""Those whose recurrent matrix's scale decides how a gradient grows."""

SHORT = {Chars: 64, Memory: 20}
"""Sequences up to here are where a curriculum begins."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """One thing to try.

    Example:
        >>> from backsight.lab import MemoryEcho
        >>> from backsight.studies import REMEDIES, Symptoms
        >>> third = next(remedy for remedy in REMEDIES if remedy.name == "lr-third")
        >>> third.change(MemoryEcho(lr=0.3), Symptoms()).lr
        0.1
    """

    name: str
    about: str
    change: Callable[[Training, Symptoms], Training | str]
    beginning: bool = False
    """Whether it is about how training begins, so that a fork cannot have it."""
    guard: Callable[[Symptoms], str] | None = None
    """Policies that do it from outside a script; None where none can, empty where it is moot."""
    searched: bool = False
    """Whether trials of its own decide its strength, so that it is no fix at random."""


def changed(remedy: Remedy, settings: Training, symptoms: Symptoms) -> Training | str:
    """A remedy's settings for a training, or in words why it cannot be tried on it.

    Args:
        remedy: what to change.
        settings: of the unchanged run.
        symptoms: what that has shown.
    """
    if settings.fork is not None and remedy.beginning:
        return "it changes how training starts: use --from start to try it"
    if settings.plain:  # the same in other words, to which something can be added
        settings = replace(settings, plain=False, clip=None)
    try:
        after = remedy.change(settings, symptoms)
    except SettingError as error:
        return str(error)
    return "the run already has it" if after == settings and remedy is not UNCHANGED else after


def _clip(settings: Training, symptoms: Symptoms) -> Training | str:
    if symptoms.norm is None:
        return "no finite gradient norm was recorded"
    if settings.guard_in_force is not None:
        from backsight.guard import Stage, policies_from

        if any(policy.stage is Stage.CLIP for policy in policies_from(settings.guard_in_force)):
            return "the run's guard already clips"
    return replace(settings, clip=symptoms.norm)


def _lr(times: float) -> Callable[[Training, Symptoms], Training | str]:
    def change(settings: Training, symptoms: Symptoms) -> Training:
        return replace(settings, lr=float(f"{times * settings.lr_in_force:.3g}"))

    return change


def lr_over(times: float) -> Remedy:
    """A trial of the search for a learning rate."""
    about = f"the learning rate divided by {times:g}"
    return Remedy(f"lr-over-{times:g}", about, _lr(1 / times), searched=True)


def _lr_fit(settings: Training, symptoms: Symptoms) -> Training | str:
    if symptoms.lr_times is None:
        return "no trial at a lower learning rate has been made, or none learned more"
    return _lr(1 / symptoms.lr_times)(settings, symptoms)


def _momentum_off(settings: Training, symptoms: Symptoms) -> Training | str:
    return (
        replace(settings, momentum=0.0) if settings.momentum_in_force else "the run has no momentum"
    )


def _curriculum(settings: Training, symptoms: Symptoms) -> Training | str:
    if settings.curriculum_kind != "none":
        return "the run already has a curriculum"
    steps = settings.seq_len if isinstance(settings, Chars) else getattr(settings, "length", 0)
    short = next(steps for kind, steps in SHORT.items() if isinstance(settings, kind))
    if steps <= short:
        return f"sequences of up to {short} steps are already short"
    return replace(settings, curriculum="adaptive")


def _guarded(
    words: str, cells: tuple[Cell, ...] = ()
) -> Callable[[Training, Symptoms], Training | str]:
    """A policy besides those that there are."""

    def change(settings: Training, symptoms: Symptoms) -> Training | str:
        if cells and settings.cell not in cells:
            return f"it applies only to the cells {' and '.join(cells)}, not to {settings.cell}"
        if settings.safe or (settings.guard and words == "safe"):
            return "the run already has a guard"
        if settings.guard is None:
            return replace(settings, guard=words)
        from backsight.guard import check_together, policies_from

        both = f"{settings.guard},{words}"
        check_together(policies_from(both))
        return replace(settings, guard=both)

    return change


def _init(name: Init) -> Callable[[Training, Symptoms], Training | str]:
    return lambda settings, symptoms: replace(settings, init=name, gain=1.0)


def _chrono(settings: Training, symptoms: Symptoms) -> Training:
    cell: Cell = settings.cell if CELLS[settings.cell].has_time_scales else "lstm"
    return replace(settings, cell=cell, init="chrono", gain=1.0)


def _cell(
    name: Cell, cells: tuple[Cell, ...] = ()
) -> Callable[[Training, Symptoms], Training | str]:
    """Another cell, perhaps only instead of some."""

    def change(settings: Training, symptoms: Symptoms) -> Training | str:
        if cells and settings.cell not in (*cells, name):
            return f"it applies only to the cells {' and '.join(cells)}, not to {settings.cell}"
        return replace(settings, cell=name)

    return change


def _default(settings: Training, symptoms: Symptoms) -> Training:
    after = replace(settings, optimizer="adam", lr=1e-3, momentum=0.9, clip=1.0)
    return after if settings.fork else replace(after, init="default", gain=1.0)


UNCHANGED = Remedy("unchanged", "the unchanged run", lambda s, _: s, guard=lambda s: "")

DEFAULT = Remedy(
    "default",
    "common settings: Adam with learning rate 1e-3, clip 1, PyTorch's initialisation",
    _default,
    guard=lambda s: "clip=1",
)
"""As in ``benchmarks/guard/_rescues.py``. A script's optimizer is its own, so that only the clip is
left; a fork's weights have begun."""

REMEDIES: tuple[Remedy, ...] = (
    Remedy(
        "clip", "clip the gradient norm at its median while the run was healthy", _clip,
        guard=lambda s: "" if s.norm is None else f"clip={s.norm:g}",
    ),
    Remedy("lr-third", "a third of the learning rate", _lr(1 / 3)),
    Remedy("lr-tenth", "a tenth of the learning rate", _lr(1 / 10)),
    Remedy("lr-fit", "the learning rate at which trials end lowest", _lr_fit, searched=True),
    Remedy("lr-tenfold", "ten times the learning rate", _lr(10)),
    Remedy(
        "backoff", "lower the learning rate while training is unstable",
        _guarded("backoff"), guard=lambda s: "backoff",
    ),
    Remedy(
        "momentum-off", "no momentum (Adam: β₁)", _momentum_off,
        # Off for the first steps, which are then all there are.
        guard=lambda s: f"momentum={100 * s.iterations}" if s.momentum else "",
    ),
    Remedy("curriculum", "short sequences first, longer as they are learned", _curriculum, True),
    Remedy(
        "omega", "Pascanu's penalty Ω against exploding and vanishing gradients",
        _guarded("omega", PLAIN), guard=lambda s: "omega",
    ),
    Remedy(
        "spectral", "a cap on the spectral radius of the recurrent matrix",
        _guarded("spectral", SCALED), guard=lambda s: "spectral",
    ),
    Remedy("guard", "the guard's safe preset", _guarded("safe"), guard=lambda s: "safe"),
    Remedy("orthogonal", "orthogonal initial recurrent matrix", _init("orthogonal"), True),
    Remedy("identity", "identity as initial recurrent matrix", _init("identity"), True),
    Remedy(
        "chrono", "gates or decays that remember at first; an LSTM if there are none", _chrono, True
    ),
    Remedy("gru", "a GRU", _cell("gru"), True),
    Remedy("lstm", "an LSTM", _cell("lstm"), True),
    Remedy("layer-norm", "layer normalisation of the state", _cell("rnn-norm", PLAIN), True),
)  # fmt: skip
"""In the order in which they are tried where no finding names them."""

CALLED_FOR: dict[str, tuple[str, ...]] = {rule.code: rule.studied_remedies for rule in RULES}
"""By code of a finding, names of the remedies that it calls for."""
