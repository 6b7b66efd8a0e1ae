"""What the events hold that a page tells of, checked: a run may come from anybody."""

from typing import Annotated, Any

import msgspec

from backsight.signals import Count, Event, Run, check

__all__ = [
    "ActBody", "InputsBody", "LabSettings", "SampleBody", "TextSettings", "body_of", "setup_of",
]  # fmt: skip


def body_of(run: Run, event: Event, schema: type[msgspec.Struct]) -> dict[str, Any]:
    """The body of an event, as its schema says.

    Raises:
        RunError: it is damaged, or a script's own under a name of ours.
    """
    check(event.body, schema, f"event {event.kind} at iteration {event.iteration} of {run.path}")
    return dict(event.body)


def setup_of(run: Run, event: Event) -> dict[str, Any]:
    """The body of the lab's event ``setup``, of either kind of task.

    Raises:
        RunError: as of :func:`body_of`.
    """
    memory = isinstance(event.body, dict) and "lag" in event.body
    body = body_of(run, event, MemorySetup if memory else TextSetup)
    if "baselines" in body:
        schema = MemoryBaselines if memory else TextBaselines
        check(body["baselines"], schema, f"baselines in event setup of {run.path}")
    return body


class InputsBody(msgspec.Struct):
    """Event ``inputs``: what was said of embedded inputs."""

    notes: dict[str, str]
    untold: list[str]


class CriterionBody(msgspec.Struct):
    """When a task is solved."""

    wrong: Count
    sequences: Annotated[int, msgspec.Meta(ge=1, le=(1 << 63) - 1)]
    statement: str
    source: str
    tolerance: float | None = None
    note: str = ""


class MemoryBaselines(msgspec.Struct):
    """What a guess costs on a memory task."""

    memoryless: float


class TextBaselines(msgspec.Struct):
    """What counting characters gives."""

    unigram: float
    bigram: float


class MemorySetup(msgspec.Struct):
    """Event ``setup`` of a memory task."""

    kind: str
    origin: str
    length: Count
    lag: Count
    parameters: Count
    baselines: dict[str, float]
    validation_sequences: Count = 0
    criterion: CriterionBody | None = None


class TextSetup(msgspec.Struct):
    """Event ``setup`` of a training on a text."""

    origin: str
    train_characters: Count
    parameters: Count
    baselines: dict[str, float] = {}


class SampleBody(msgspec.Struct):
    """Event ``sample``: a text that the model wrote."""

    text: str
    temperature: float | None = None


class ActBody(msgspec.Struct):
    """Event ``act``: an intervention of the guard."""

    message: str
    model: str | None = None


class LabSettings(msgspec.Struct):
    """Of the settings of a run of the lab, those that its summary names."""

    layers: Count
    hidden: Count
    batch: Count
    cell: str


class TextSettings(LabSettings):
    """Of a training on a text."""

    seq_len: Count
