"""Layers that run along another axis than their data, where the loss reads all steps."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from backsight import Run
from backsight.monitor.measurements.wiring import _axis_of_time
from tests.causes import findings, rnn

BATCH, STEPS, UNITS, CLASSES = 12, 16, 4, 7
LENGTHS = torch.randint(4, STEPS, (BATCH,), generator=torch.manual_seed(0))

Loss = Callable[[nn.ModuleDict], Tensor]
ce = functional.cross_entropy


def layers(batch_first: bool) -> dict[str, nn.Module]:
    return {
        "embed": nn.Embedding(CLASSES + 1, UNITS),
        "rnn": rnn(inputs=UNITS, batch_first=batch_first),
        "wide": rnn(inputs=CLASSES, batch_first=batch_first),
        "head": nn.Linear(UNITS, CLASSES),
        "curve": rnn(inputs=1, batch_first=batch_first),
    }


def squared(m: nn.ModuleDict, x: Tensor) -> Tensor:
    out: Tensor = m["curve"](x)[0]
    return out.square().mean()


def next_symbol(m: nn.ModuleDict, *, whole: bool = False) -> Tensor:
    text = torch.randint(CLASSES, (BATCH, STEPS + 1))
    x, y = (text, text[:, 1:]) if whole else (text[:, :-1], text[:, 1:])
    z = m["head"](m["rnn"](m["embed"](x))[0])
    return ce((z[:, :-1] if whole else z).flatten(0, 1), y.flatten())


def next_but_the_first(m: nn.ModuleDict) -> Tensor:
    """The first steps, or the last ones, tell too little to be asked."""
    text = torch.randint(CLASSES, (BATCH, STEPS + 1))
    z = m["head"](m["rnn"](m["embed"](text[:, :-1]))[0])
    return ce(z[:, 2:].flatten(0, 1), text[:, 3:].flatten())


def next_one_hot(m: nn.ModuleDict) -> Tensor:
    text = torch.randint(CLASSES, (BATCH, STEPS + 1))
    z = m["head"](m["wide"](functional.one_hot(text[:, :-1], CLASSES).float())[0])
    return ce(z.transpose(1, 2), text[:, 1:])


def next_number(m: nn.ModuleDict) -> Tensor:
    x = torch.randn(BATCH, STEPS + 1, 1)
    return functional.mse_loss(m["head"](m["curve"](x[:, :-1])[0])[..., :1], x[:, 1:])


def tagged(m: nn.ModuleDict, *, ordered: bool = False) -> Tensor:
    lengths = LENGTHS.sort(descending=True).values if ordered else LENGTHS
    there = torch.arange(STEPS) < lengths[:, None]
    text = torch.randint(1, CLASSES + 1, (BATCH, STEPS)) * there
    y = torch.where(there, torch.randint(CLASSES, (BATCH, STEPS)), -100)
    return ce(m["head"](m["rnn"](m["embed"](text))[0]).transpose(1, 2), y)


def curves(m: nn.ModuleDict) -> Tensor:
    x = torch.sin(0.3 * torch.arange(STEPS) + 6.3 * torch.rand(BATCH, 1))[..., None]
    return squared(m, x)


def asked_for_curves(m: nn.ModuleDict) -> Tensor:
    y = torch.sin(0.3 * torch.arange(STEPS) + 6.3 * torch.rand(BATCH, 1))[..., None]
    output: Tensor = m["head"](m["curve"](torch.randn(BATCH, STEPS, 1))[0])
    return functional.mse_loss(output[..., :1], y)


def slid(m: nn.ModuleDict) -> Tensor:
    """Windows of one series, each a step after the one before: next to each other both ways."""
    windows = torch.randn(BATCH + STEPS).unfold(0, STEPS, 1)[..., None]
    x, y = windows[:-1], windows[1:]
    return functional.mse_loss(m["head"](m["curve"](x)[0])[..., :1], y)


def noise(m: nn.ModuleDict) -> Tensor:
    return squared(m, torch.randn(BATCH, STEPS, 1))


def noise_from_noise(m: nn.ModuleDict) -> Tensor:
    x, y = torch.randn(2, BATCH, STEPS, 1)
    return functional.mse_loss(m["head"](m["curve"](x)[0])[..., :1], y)


TOLD: dict[str, tuple[Loss, str, str]] = {
    "symbols": (next_symbol, "error", "target of each step is the next input along the axis"),
    "symbols, whole": (partial(next_symbol, whole=True), "error", "is the next input"),
    "symbols, but the first": (next_but_the_first, "error", "is the next input"),
    "one-hot": (next_one_hot, "error", "is the next input"),
    "numbers": (next_number, "error", "is the next input"),
    "padding": (tagged, "error", "sequences end in padding along the axis that rnn takes"),
    "curves": (curves, "info", "curves run along the axis that curve takes for the batch"),
    "targets": (asked_for_curves, "info", "curves run along the axis that curve takes"),
}


@pytest.mark.some(2)
@pytest.mark.parametrize("which", TOLD)
def test_a_layer_without_batch_first_is_found(which: str, tmp_path: Path) -> None:
    loss, severity, words = TOLD[which]
    (found,) = findings("BKS408", loss, tmp_path, layers(batch_first=False))
    assert found.severity == severity
    assert words in found.message


@pytest.mark.some(2)
@pytest.mark.parametrize("loss", [one[0] for one in TOLD.values()] + [slid, noise])
def test_with_it_nothing_is(loss: Loss, tmp_path: Path) -> None:
    assert not findings("BKS408", loss, tmp_path, layers(batch_first=True))


@pytest.mark.some(2)
@pytest.mark.parametrize("loss", [slid, noise, partial(tagged, ordered=True)])
def test_nor_is_anything_where_both_axes_look_alike(loss: Loss, tmp_path: Path) -> None:
    """Sorted by length, a batch ends in padding both ways."""
    assert not findings("BKS408", loss, tmp_path, layers(batch_first=False))


@pytest.mark.parametrize("answers", [[True] * 4, [True, False, True, True]])
def test_what_the_first_looks_have_told_stands(
    answers: list[bool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chance may tell once that targets depend on their neighbours; it takes long to ask."""
    asked = iter(answers)
    monkeypatch.setattr(_axis_of_time, "depends_across", lambda *_: next(asked))
    found = findings("BKS408", noise_from_noise, tmp_path, layers(batch_first=False), 9)
    assert not list(asked)
    across = Run(tmp_path / "run").series("time_across/curve")
    assert across.values.tolist() == [4.0 * one for one in (*answers, *[all(answers)] * 3)]
    assert bool(found) == all(answers)


def stepped(m: nn.ModuleDict, *, how: str, along: int) -> Tensor:
    """A loop of one's own, along the one axis or the other."""
    text = torch.randint(CLASSES, (BATCH, STEPS + 1))
    series = torch.randn(BATCH, STEPS + 1, CLASSES)
    symbols = how == "embedded"
    whole = m["embed"](text[:, :-1]) if symbols else series[:, :-1]
    count = whole.shape[1 - along]
    state, states = torch.zeros(count, UNITS), []
    for x in whole.unbind(along):
        if how == "beside":
            state = m["both"](torch.cat([x, state], 1)).tanh()
        else:
            state = m["small" if symbols else "cell"](x, state)
        states.append(state)
    if how == "by hand":  # the answers of the loop are collected, and so is the error by hand
        errors = torch.stack([m["head"](one) for one in states], along) - series[:, 1:]
        return (errors**2).mean()
    z = m["head"](torch.stack(states, along))
    if symbols:
        return ce(z.flatten(0, 1), text[:, 1:].flatten())
    return functional.mse_loss(z, series[:, 1:])


@pytest.mark.some(2)
@pytest.mark.parametrize("how", ["beside", "by hand", "cell", "embedded"])
@pytest.mark.parametrize("along", [0, 1])
def test_a_loop_along_the_batch_is_found(how: str, along: int, tmp_path: Path) -> None:
    modules: dict[str, nn.Module] = {
        "embed": nn.Embedding(CLASSES, UNITS), "both": nn.Linear(CLASSES + UNITS, UNITS),
        "cell": nn.GRUCell(CLASSES, UNITS), "small": nn.RNNCell(UNITS, UNITS),
        "head": nn.Linear(UNITS, CLASSES),
    }  # fmt: skip
    found = findings("BKS408", partial(stepped, how=how, along=along), tmp_path, modules)
    assert len(found) == 1 - along
    assert all("along the axis that a loop takes" in one.message for one in found)


def test_a_loop_from_a_learned_state(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Its first product reads a parameter, which nothing has made."""
    modules: dict[str, nn.Module] = {
        "wide": nn.Linear(CLASSES, UNITS), "turn": nn.Linear(UNITS, UNITS),
        "head": nn.Linear(UNITS, CLASSES), "first": nn.ParameterList([torch.zeros(BATCH, UNITS)])
    }  # fmt: skip

    def loss(m: nn.ModuleDict) -> Tensor:
        state: Tensor = next(m["first"].parameters())
        series, states = torch.randn(BATCH, STEPS + 1, CLASSES), list[Tensor]()
        for x in m["wide"](series[:, :-1]).unbind(1):
            state = torch.tanh(x + m["turn"](state))
            states.append(state)
        return functional.mse_loss(m["head"](torch.stack(states, 1)), series[:, 1:])

    assert not findings("BKS408", loss, tmp_path, modules)
    assert "failed" not in caplog.text


POOLED: dict[str, Callable[[Tensor, int], Tensor]] = {
    "max": lambda z, dim: z.max(dim).values,
    "mean": lambda z, dim: z.mean(dim),
    "mean and max": lambda z, dim: torch.cat([z.mean(dim), z.amax(dim)], 1),
}
WHOLE = torch.randint(CLASSES, (4 * BATCH, STEPS), generator=torch.manual_seed(1))
LABELS = torch.randint(2, (4 * BATCH,), generator=torch.manual_seed(2)).float()


def pooling() -> dict[str, nn.Module]:
    return {
        "embed": nn.Embedding(CLASSES, UNITS), "rnn": rnn(inputs=UNITS),
        "sound": rnn(inputs=UNITS, batch_first=True), "one": nn.Linear(UNITS, 1),
        "two": nn.Linear(2 * UNITS, 1),
    }  # fmt: skip


def in_any_order(m: nn.ModuleDict, how: str, layer: str = "rnn") -> Tensor:
    """Rows of a data set, each with its label: pooled along the axis that should be time."""
    rows = torch.randperm(len(WHOLE))[:BATCH]
    z = POOLED[how](m[layer](m["embed"](WHOLE[rows]))[0], 1)
    answer = m["two" if how == "mean and max" else "one"](z).squeeze(1)
    return functional.binary_cross_entropy_with_logits(answer, LABELS[rows])


@pytest.mark.some(2)
@pytest.mark.parametrize("how", POOLED)
def test_sequences_that_are_pooled_while_rows_are_kept_apart(how: str, tmp_path: Path) -> None:
    loss = partial(in_any_order, how=how)
    (found,) = findings("BKS408", loss, tmp_path / "sick", pooling(), 16)
    assert found.severity == "error"
    assert "sequences are pooled at each step of rnn" in found.message
    assert not findings("BKS408", partial(loss, layer="sound"), tmp_path / "well", pooling(), 16)


def seen_together(m: nn.ModuleDict, *, fresh: bool) -> Tensor:
    """Objects of a film, which are pooled at each of its steps: its parts are read in order."""
    start = int(torch.randint(3 * BATCH, ()))
    x = torch.randint(CLASSES, (BATCH, STEPS)) if fresh else WHOLE[start : start + BATCH]
    y = LABELS[start : start + BATCH]
    answer = m["one"](m["rnn"](m["embed"](x))[0].mean(1)).squeeze(1)
    return functional.binary_cross_entropy_with_logits(answer, y)


CUTS: dict[str, Callable[[], Tensor]] = {
    "left out": lambda: torch.randperm(len(WHOLE))[:BATCH].sort().values,
    "at a stride": lambda: (
        int(torch.randint(BATCH, ())) + torch.arange(BATCH) * int(torch.randint(1, 4, ()))
    ),
    "either way": lambda: (
        torch.arange(BATCH).flip(0) if torch.rand(()) < 0.5 else torch.arange(BATCH)
    ),
    "from anywhere": lambda: torch.arange(BATCH).roll(int(torch.randint(BATCH, ()))),
}
"""Frames of a film."""


def cut(m: nn.ModuleDict, how: str) -> Tensor:
    """The frames that two batches share follow each other as before, or all the other way."""
    frames = CUTS[how]()
    answer = m["one"](m["rnn"](m["embed"](WHOLE[frames]))[0].mean(1)).squeeze(1)
    return functional.binary_cross_entropy_with_logits(answer, LABELS[frames])


def contrasted(m: nn.ModuleDict) -> Tensor:
    """The middle of all sequences, of which no answer is asked."""
    z: Tensor = m["rnn"](m["embed"](WHOLE[torch.randperm(len(WHOLE))[:BATCH]]))[0]
    return (z - z.mean(1, keepdim=True)).square().mean()


def square(m: nn.ModuleDict) -> Tensor:
    """As many steps as sequences."""
    rows = torch.randperm(len(WHOLE))[:STEPS]
    answer = m["one"](m["rnn"](m["embed"](WHOLE[rows]))[0].mean(1)).squeeze(1)
    return functional.binary_cross_entropy_with_logits(answer, LABELS[rows])


def attended(m: nn.ModuleDict) -> Tensor:
    """A sequence gets one answer, made of all of its steps by weights."""
    rows = torch.randperm(len(WHOLE))[:BATCH]
    z = m["rnn"](m["embed"](WHOLE[rows].t()))[0]
    answer = m["one"]((m["one"](z).softmax(0) * z).sum(0)).squeeze(1)
    return functional.binary_cross_entropy_with_logits(answer, LABELS[rows])


@pytest.mark.some(2)
@pytest.mark.parametrize(
    "loss",
    [
        *(partial(seen_together, fresh=fresh) for fresh in (True, False)),
        *(partial(cut, how=how) for how in CUTS),
        *(contrasted, square, attended),
    ],
)
def test_what_is_pooled_may_be_seen_together(loss: Loss, tmp_path: Path) -> None:
    assert not findings("BKS408", loss, tmp_path, pooling(), 16)
