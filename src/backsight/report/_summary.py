"""A run in words: what it was, whether it learned, what its gradients and states did."""

import math
from typing import Any

import numpy as np

from backsight.nn import CELLS
from backsight.report._bodies import (
    InputsBody,
    LabSettings,
    SampleBody,
    TextSettings,
    body_of,
    setup_of,
)
from backsight.report._deep_sentences import deep_sentences
from backsight.report._half_life_sentences import half_life_sentences
from backsight.report._interventions import interventions_sentence
from backsight.report._memory_sentences import memory_sentences
from backsight.report._numbers import duration, finite_values, median, number
from backsight.report._reach_cause import sequences_begun, unread_sequences, zero_cause
from backsight.report._rows import ends
from backsight.report._sharpness_sentences import sharpness_sentences
from backsight.report._task_summary import (
    is_memory,
    memory_learning,
    memory_task,
    memory_verdict,
    text_learning,
)
from backsight.signals import Run, check, measure_reach, member, reach_extent, reach_words, spell

__all__ = [
    "duration", "last_score", "median", "number", "reach_sentences", "samples", "setup", "summary",
]  # fmt: skip


def setup(run: Run) -> dict[str, Any]:
    """What the trainer noted of model and data before it began; empty for other runs."""
    events = run.events("setup")
    return setup_of(run, events[0]) if events else {}


def samples(run: Run) -> list[tuple[int, str, float | None]]:
    """Texts the model wrote: iterations done by then, the text, the temperature."""
    bodies = [(event.iteration, body_of(run, event, SampleBody)) for event in run.events("sample")]
    return [(at + 1, body["text"], body.get("temperature")) for at, body in bodies]


def summary(run: Run) -> list[str]:
    """The run in a few sentences, each from the recorded numbers.

    Example:
        >>> from backsight.report import summary
        >>> from backsight.signals import Recorder, Run
        >>> with Recorder("runs/mine", kind="train echo") as recorder:
        ...     recorder.series("loss", range(100), [2.0 - i / 100 for i in range(100)])
        >>> len(summary(Run("runs/mine"))) >= 2
        True
    """
    before = [_what(run), _ending(run), _learning(run), _solved(run), _gradient(run)]
    after = [
        _hidden(run), *sharpness_sentences(run), interventions_sentence(run), _non_finite(run)
    ]  # fmt: skip
    through_time = [
        *reach_sentences(run), *memory_sentences(run), *half_life_sentences(run),
        *deep_sentences(run),
    ]  # fmt: skip
    return [sentence for sentence in (*before, *through_time, *after) if sentence]


def reach_sentences(run: Run) -> list[str]:
    """How far back the gradient of each layer reached in its last sample, and in its first.

    Example:
        >>> from backsight.report import reach_sentences
        >>> from backsight.signals import Recorder, Run
        >>> with Recorder("runs/mine") as recorder:
        ...     recorder.profile("reach/rnn.l0", 0, [0.5**lag for lag in range(20)])
        >>> (sentence,) = reach_sentences(Run("runs/mine"))
        >>> "rnn.l0" in sentence, "below 1 % from lag 8 on" in sentence
        (True, True)
    """
    sentences = []
    notes, untold = _inputs(run)
    for name in run.members("reach", profile=True):
        stream = run.stream(name)
        rows = ends(stream)
        began, now = measure_reach(rows.first), measure_reach(rows.last)
        cause = zero_cause(run, member(name), stream.last, now)
        cause += sequences_begun(run, member(name), stream.last, now)
        cause += unread_sequences(run, member(name), stream.last)
        sentence = f"{member(name)}: {reach_words(rows.last)}{cause} (iteration {stream.last:,})"
        if began.goes_back and now.outcome == "ok" and began.horizon != now.horizon:
            sentence += f"; at the start of training it was {reach_extent(began)}"
        note = next((n for path, n in notes.items() if _is_of(member(name), path)), "")
        sentences.append(f"{sentence}{'; ' * bool(note)}{note}.")
    return sentences + [f"{words}." for words in untold]


def _inputs(run: Run) -> tuple[dict[str, str], list[str]]:
    """How embedded inputs were measured, by path, and why others were not, as last told."""
    notes: dict[str, str] = {}
    untold: list[str] = []
    for event in run.events("inputs"):
        body = body_of(run, event, InputsBody)
        notes |= body["notes"]
        untold = body["untold"]
    return notes, untold


def _is_of(member: str, path: str) -> bool:
    """Whether a signal is that of an input; it may have the name of its model before it."""
    return member == path or member.endswith(f".{path}")


def _what(run: Run) -> str:
    facts, config = setup(run), run.info.get("config", {})
    done = f"{run.iterations:,} iterations in {duration(run.duration)}"
    if not facts:
        return f"The run recorded {done}."
    schema = LabSettings if is_memory(facts) else TextSettings
    check(config, schema, f"config in {run.path / 'run.json'}")
    layers = config["layers"]
    size = f"{layers} layer{'s' * (layers > 1)} of {config['hidden']} units"
    if is_memory(facts):
        data, batch, unit = memory_task(facts), "sequences", "steps"
    else:
        data = f"{facts['origin']} ({facts['train_characters']:,} training characters)"
        batch, unit = f"sequences of {config['seq_len']} characters", "characters"
    speed = ""
    if run.members("tokens_per_second", profile=False):
        pace = np.median(run["tokens_per_second"], overwrite_input=True)
        speed = f", at {pace:,.0f} {unit} per second"
    cell = CELLS[config["cell"]].title if config["cell"] in CELLS else config["cell"]
    return (
        f"The {cell} with {size} ({facts['parameters']:,} parameters) trained on {data}: "
        f"{done} with {config['batch']} {batch} per iteration{speed}."
    )


def _ending(run: Run) -> str:
    reason = run.info.get("reason")
    match run.status:
        case "killed":
            return "The process died before the run ended: these are its records up to then."
        case "running":
            return "The run is still in progress: these are its records so far."
        case "failed":
            return f"The run failed: {str(reason).rstrip('.')}."
    return f"The run was {reason}; its records up to then are kept." if reason else ""


def _learning(run: Run) -> str:
    if run.members("val_loss", profile=False) != ("val_loss",):
        return ""
    iteration, loss = run.last("val_loss")
    if not math.isfinite(loss):
        return f"The validation loss is {spell(loss)}: the model's predictions are not finite."
    facts = setup(run)
    if is_memory(facts):
        learned = memory_learning(facts, loss, last_score(run, "val_error"))
    elif facts:
        learned = text_learning(loss, facts.get("baselines"))
    else:
        learned = number(loss)
    return f"After {iteration + 1:,} iterations the validation loss is {learned}.{_length(run)}"


def last_score(run: Run, name: str) -> float | None:
    """The last value of a signal without members; None where it was not recorded."""
    return run.last(name)[1] if run.members(name, profile=False) == (name,) else None


def _solved(run: Run) -> str:
    """Whether a memory task is, by its criterion."""
    facts = setup(run)
    return memory_verdict(facts, last_score(run, "val_sequence_error")) if is_memory(facts) else ""


def _length(run: Run) -> str:
    """Where a curriculum stands, if it is not at its end."""
    config = run.info.get("config", {})
    end = config.get("length", config.get("seq_len"))
    if not isinstance(end, int) or run.members("seq_len", profile=False) != ("seq_len",):
        return ""
    last = run.last("seq_len")[1]
    if not last < end:
        return ""
    return (
        f" The curriculum had reached {last:.0f} of {end} steps by then, and validation sequences "
        f"have {end}: the model has not been trained on that length yet."
    )


def _gradient(run: Run) -> str:
    if run.members("grad_norm", profile=False) != ("grad_norm",):
        return ""
    stream = run.stream("grad_norm")
    finite = finite_values(stream)
    if not finite.size:
        return "The gradient was never finite."
    largest = finite.max()
    top = next(
        int(block.iterations[hits[0]])
        for block in stream
        if len(hits := np.flatnonzero(block.values == largest))
    )
    text = (
        f"The gradient norm has a median of {number(median(finite))} and its largest "
        f"finite value, {number(float(largest))}, at iteration {top:,}"
    )
    clip = run.info.get("config", {}).get("clip")
    if run.members("act_before"):
        return f"{text}."
    if not isinstance(clip, (int, float)):
        return f"{text}{_clipped_share(run)}."
    share = sum(np.count_nonzero(block.values > clip) for block in stream) / stream.samples
    return f"{text}; clipping at {clip:g} acted in {100 * share:.1f} % of the iterations."


def _clipped_share(run: Run) -> str:
    """How often a script's own clip acted, of the iterations in which that was measured."""
    text = ""
    if run.members("clip_factor", profile=False) == ("clip_factor",):
        stream = run.stream("clip_factor")
        shortened = sum(np.count_nonzero(block.values < 1) for block in stream)
        text = (
            f"; clip_grad_norm_ shortened the gradient in {shortened:,} of the {stream.samples:,} "
            "iterations in which it was measured"
        )
    if run.members("clipped_share", profile=False) == ("clipped_share",):
        at, share = run.last("clipped_share")
        many = min(100, at + 1)
        text += (
            f"; at iteration {at:,}, {100 * share:.0f} % of the last {many} gradients were clipped"
        )
    return text


def _hidden(run: Run) -> str:
    sentences = []
    for name in run.members("hidden_norm", profile=True):
        row = run.stream(name).newest().values[-1]
        if not np.isfinite(row).all():
            continue  # told by _non_finite
        steps = len(row)
        sentences.append(
            f"In the last sample the hidden-state norm of {member(name) or 'the layer'} is "
            f"{number(row[0])} at the first of {steps} steps, {number(row[steps // 2])} halfway "
            f"and {number(row[-1])} at the last."
        )
    return " ".join(sentences)


def _non_finite(run: Run) -> str:
    found: list[tuple[int, str]] = []
    for name in run.names:
        stream = run.stream(name)
        first, kind, count = 0, 0.0, 0
        for block in stream:
            # A sample of a profile is broken where any step of it is.
            finite = np.isfinite(block.values)
            whole = finite.all(axis=1) if stream.is_profile else finite
            if whole.all():
                continue
            if not count:
                at = int(whole.argmin())
                row = np.atleast_1d(block.values[at])
                first, kind = int(block.iterations[at]), float(row[~np.isfinite(row)][0])
            count += int(np.count_nonzero(~whole))
        if count:
            text = (
                f"{name} from iteration {first:,} ({spell(kind)}, {count:,} of {stream.samples:,})"
            )
            found.append((first, text))
    if not found:
        return "Every recorded value is finite."
    listed = "; ".join(text for _, text in sorted(found)[:6])
    return f"These signals are not finite: {listed}{'; and others' if len(found) > 6 else ''}."
