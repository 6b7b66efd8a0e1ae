"""What is said where something could not be told, or has a unit of its own."""

from collections.abc import Sequence

__all__ = [
    "called_too_often",
    "counted_by_itself",
    "empty",
    "frozen",
    "goes_on",
    "goes_straight_in",
    "mixed_batch",
    "named_not_run",
    "no_gradient",
    "no_positions",
    "no_sequence",
    "no_steps",
    "not_embedded",
    "not_run",
    "one_sequence",
    "one_step",
    "only_ahead",
    "stepped",
]


def not_run(kind: str) -> str:
    """No module was called."""
    return (
        f"cannot tell how far back {kind} learns: its modules were not seen to run, as where they "
        "are compiled"
    )


def goes_on(kind: str, times: int) -> str:
    """A loop calls the whole model."""
    return (
        f"cannot tell how far back {kind} learns: it is called {times:,} times before a backward "
        "pass, on what comes of its own output, as in a loop over steps around it; make the step a "
        "module that is given the state and returns it"
    )


def no_sequence(kind: str, given: Sequence[tuple[int, ...]]) -> str:
    """No module makes ``(B, T, features)`` of an input."""
    shapes = " and ".join(sorted({_shape(one) for one in given})) or "no tensor"
    return (
        f"{kind} is given {shapes}, and no module makes a batch of sequences (B, T, features) of "
        "that: there is no way back in time to measure"
    )


def empty(kind: str, given: Sequence[tuple[int, ...]]) -> str:
    """No sequence, or no step."""
    shapes = " and ".join(sorted({_shape(one) for one in given if 0 in one}))
    return f"{kind} is given {shapes}, which has no element: there is no step to measure"


def named_not_run(kind: str, paths: Sequence[str]) -> str:
    """A module that the caller names as the input's was not called."""
    return (
        f"cannot tell how far back {kind} learns: {' and '.join(paths)}, named in inputs, did not "
        "run; name a module that makes (B, T, features) of the input"
    )


def no_steps(path: str, shape: tuple[int, ...]) -> str:
    """A module that the caller names returns one vector a sequence."""
    return (
        f"cannot tell how far back {path} reaches: its output is {_shape(shape)}, which has no "
        "axis of steps; name a module in inputs that returns (B, T, features)"
    )


def not_embedded(kind: str, given: Sequence[tuple[int, ...]]) -> str:
    """There may be a sequence, but no module that embeds it."""
    shapes = " and ".join(sorted({_shape(one) for one in given}))
    return (
        f"cannot tell how far back {kind} learns: it is given {shapes}, and no module was called "
        "that embeds all steps of that at once; embed them in one call, or make the step a module "
        "that is given the state and returns it"
    )


def stepped(kind: str, path: str, count: int) -> str:
    """A loop over steps in a method of the model's own."""
    return (
        f"cannot tell how far back {kind} learns: {path} is called {count} times in a forward, as "
        "in a loop over steps that is no module of its own; make the step a module that is given "
        "the state and returns it"
    )


def goes_straight_in(kind: str, path: str) -> str:
    """The first module mixes steps."""
    return (
        f"cannot tell how far back {kind} learns: its input, which carries no gradient, goes into "
        f"{path}, which mixes steps, without a projection before it"
    )


def frozen(kind: str, paths: Sequence[str], trained: str = "") -> str:
    """The embedding carries no gradient; the output of ``trained`` does, if there is one."""
    several = len(paths) > 1
    instead = (
        f"; to measure from the output of {trained} on, pass inputs='{trained}' "
        f"(--inputs {trained})"
    )
    return (
        f"cannot tell how far back {kind} learns: {' and '.join(paths)} embed{'s' * (not several)} "
        f"its input, but {'they are' if several else 'it is'} frozen, so that no gradient arrives "
        f"there{instead if trained else ''}"
    )


def no_gradient(kind: str, paths: Sequence[str]) -> str:
    """It carries one, and none arrives."""
    return (
        f"cannot tell how far back {kind} learns: the loss has no gradient at {' and '.join(paths)}"
    )


def nothing_arrives(path: str) -> str:
    """At one of several inputs."""
    return (
        f"cannot tell how far back {path} reaches: no gradient of the loss arrives there; check "
        "that the loss depends on it"
    )


def called_too_often(kind: str, path: str) -> str:
    """Once a step."""
    return (
        f"cannot tell how far back {kind} learns: {path} embeds one input in several calls, as in "
        "a loop over steps; embed all steps in one call"
    )


def no_positions(path: str) -> str:
    """Of a loss that the model returns."""
    return (
        f"cannot tell how far back {path} reaches: the loss depends on no output of the model by "
        "position or by sequence, so that the loss of one position cannot be told from the sum"
    )


def mixed_batch(path: str) -> str:
    """Sequences depend on each other."""
    return (
        f"cannot tell how far back {path} reaches: the output at one position depends on several "
        "sequences and several steps, so that the model mixes its batch; if you know the layout, "
        "pass layout='batch' or layout='time'"
    )


def counted_by_itself(path: str, steps: int) -> str:
    """The output has steps of its own."""
    return (
        f"lags count the {steps} steps of {path}, back from the last one that the loss depends on, "
        "because the output has steps of its own"
    )


def one_sequence() -> str:
    """BatchNorm and its kind."""
    return "measured on one sequence, because the model mixes the sequences of its batch"


def only_ahead(path: str) -> str:
    """A loss on the first step."""
    return (
        f"the loss reads the first step of {path}, which has none before it; the gradient at later "
        "steps is in reach_ahead"
    )


def added_to(paths: Sequence[str]) -> str:
    """Of several embeddings that are added up, one is measured."""
    have = "have" if len(paths) > 1 else "has"
    return f"{' and '.join(paths)} {have} the same gradient, as where embeddings are added up"


def last_pass(count: int) -> str:
    """Of several forward passes before one backward pass."""
    return f"measured on the last of {count} forward passes before the backward pass"


def one_step() -> str:
    """``T = 1``."""
    return "the sequences have one step"


def _shape(shape: tuple[int, ...]) -> str:
    return "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"
