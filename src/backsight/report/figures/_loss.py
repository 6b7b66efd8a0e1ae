"""Training and validation loss, against what counting alone achieves."""

import math
from html import escape

import plotly.graph_objects as go

from backsight.diagnosis import constant_answer_words
from backsight.report._numbers import number
from backsight.report._summary import setup
from backsight.report._task_summary import is_memory, loss_unit
from backsight.report._thin import Thinned
from backsight.report.figures._crowd import MOST, add_crowd
from backsight.report.figures._entry import Entry
from backsight.report.figures._style import (
    BEHIND,
    COLOURS,
    add_series,
    empty,
    figure,
    log_axis,
    member_label,
    wide_range,
)
from backsight.signals import Run

__all__ = ["FIGURE", "loss"]


def loss(run: Run) -> go.Figure:
    """Loss an iteration, in the task's unit, with baselines where the run has them."""
    training = run.members("loss", profile=False)
    validation = run.members("val_loss", profile=False)
    if not training and not validation:
        return empty("no loss was recorded in this run")
    facts = setup(run)
    fig = figure(", ".join(filter(None, ("loss", loss_unit(facts)))))
    drawn: list[Thinned] = []
    for names, what, mode in (
        (training, "training", "lines"),
        (validation, "validation", "lines+markers"),
    ):
        if len(names) > MOST:
            drawn += add_crowd(fig, run, names, "losses", quantity=what, colour=len(drawn))
            continue
        for name in names:
            label = f"{what} {member_label(name)}".rstrip()
            colour = COLOURS[len(drawn) % len(COLOURS)]
            drawn.append(add_series(fig, run, name, label, colour, mode=mode))
    guessed = [] if facts.get("baselines") else run.members("guess_loss", profile=False)
    for name in guessed if len(guessed) <= MOST else []:
        label = f"best constant answer {member_label(name)}".rstrip()
        drawn.append(add_series(fig, run, name, label, COLOURS[5], mode="lines"))
        fig.data[-1].line.update(width=1, dash="dot")
    logarithmic = wide_range(drawn)
    if logarithmic:
        log_axis(fig, drawn, also=facts.get("baselines", {}).values())
    for name, value in facts.get("baselines", {}).items():
        line = {"color": COLOURS[5], "width": 1, "dash": "dot"}
        bits = f"{value:.2f} ({value / math.log(2):.2f} bits)"
        label = f"{escape(name)} {number(value) if is_memory(facts) else bits}"
        if logarithmic:  # over decades they lie too close together to be labelled in place
            fig.add_hline(y=value, line=line, name=label, showlegend=True)
        else:
            font = {"size": 11, "color": COLOURS[5]}
            note = {"text": label, "font": font, "bgcolor": BEHIND}
            fig.add_hline(y=value, line=line, annotation=note)
    return fig


def _reading(run: Run) -> str:
    """About the lines that this run has."""
    facts = setup(run)
    told = "The loss that the training minimises."
    if is_memory(facts):
        return (
            f"{told} A network at the memoryless line guesses; only below the lowest line does it "
            "use the oldest input that it needs."
        )
    if facts.get("baselines"):
        return (
            f"{told} A network below the bigram line uses more than the previous character; one "
            "at the unigram line has only learned which characters are frequent."
        )
    if run.members("guess_loss", profile=False):
        names = run.members("guess_answer", profile=False)
        answers = {name.rpartition("/")[2].rpartition(".")[2]: run.last(name)[1] for name in names}
        words = constant_answer_words(answers if len(answers) == len(names) else {})
        return (
            f"{told} The dotted line is what the best constant answer gives, {words}; a network "
            "at that line does not use its input."
        )
    return told


FIGURE = Entry(
    "loss",
    "Loss",
    _reading,
    loss,
    signals=("loss", "val_loss", "guess_loss"),
    how="Call backward on the loss, and let an optimizer step, under backsight run or in "
    "backsight.watch.",
)
