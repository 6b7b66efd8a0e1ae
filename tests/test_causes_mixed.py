"""Views that mix the sequences of a batch, and those that keep them apart."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from backsight.probes import batch_axes, data_mixed, mixes, moved
from tests.causes import BATCH, INPUTS, STEPS, UNITS, Loss, drawn, findings, rnn


def joined_states(m: nn.ModuleDict) -> Tensor:
    states: Tensor = m["rnn"](drawn(STEPS, BATCH))[1]
    return states.view(BATCH, -1).square().mean()


def joined_directions(m: nn.ModuleDict) -> Tensor:
    """Layers are kept apart, and directions joined."""
    states: Tensor = m["rnn"](drawn(STEPS, BATCH))[1]
    return states.view(2, BATCH, -1)[-1].square().mean()


def parted_rows(m: nn.ModuleDict) -> Tensor:
    """Joined for a linear layer, and parted the other way round."""
    output: Tensor = m["head"](m["rnn"](drawn(STEPS, BATCH))[0].reshape(STEPS * BATCH, UNITS))
    return output.tanh().view(BATCH, STEPS, 1)[:, -1].square().mean()


def looped(m: nn.ModuleDict) -> Tensor:
    state, outputs = None, []
    for x in drawn(STEPS, BATCH):
        state = m["cell"](x, state)
        outputs.append(state)
    return torch.stack(outputs).view(BATCH, STEPS, UNITS)[:, -1].square().mean()


def in_a_row(m: nn.ModuleDict, *, cell: bool, sound: bool = False) -> Tensor:
    """All rows of a step, then all of the next one."""
    state, outputs = torch.zeros(BATCH, UNITS), []
    for x in drawn(STEPS, BATCH):
        state = m["cell"](x, state) if cell else torch.tanh(m["reads"](x) + m["keeps"](state))
        outputs.append(state)
    rows = m["head"](torch.cat(outputs))
    parted = rows.view(STEPS, BATCH, 1).transpose(0, 1) if sound else rows.view(BATCH, STEPS, 1)
    loss: Tensor = (parted - torch.randn(BATCH, STEPS, 1)).square().mean()
    return loss


def embedded(m: nn.ModuleDict, swap: Callable[[Tensor], Tensor]) -> Tensor:
    loss: Tensor = m["rnn"](swap(m["embed"](torch.randint(9, (BATCH, STEPS)))))[0][-1].mean()
    return loss


def frames(m: nn.ModuleDict, sound: bool) -> Tensor:
    """A convolution of each frame of the data, and a loop over a cell."""
    features = m["filter"](drawn(BATCH, STEPS).reshape(BATCH * STEPS, 1, INPUTS)).relu()
    rows = m["in"](features.flatten(1))
    x = rows.view(BATCH, STEPS, INPUTS).transpose(0, 1) if sound else rows.view(STEPS, BATCH, -1)
    state = torch.zeros(BATCH, UNITS)
    for one in x:
        state = m["cell"](one, state)
    return state.square().mean()


def framed() -> dict[str, nn.Module]:
    return {
        "filter": nn.Conv1d(1, 2, 3, padding=1), "in": nn.Linear(2 * INPUTS, INPUTS),
        "cell": nn.GRUCell(INPUTS, UNITS),
    }  # fmt: skip


def attended(m: nn.ModuleDict) -> Tensor:
    """Whose ``einsum`` moves an axis of one element."""
    output = m["rnn"](drawn(BATCH, STEPS))[0]
    weights = m["head"](output)[..., 0].softmax(1)
    return torch.einsum("bt,bth->bh", weights, output).square().mean()


def in_turn() -> dict[str, nn.Module]:
    return {
        "cell": nn.GRUCell(INPUTS, UNITS), "head": nn.Linear(UNITS, 1),
        "reads": nn.Linear(INPUTS, UNITS), "keeps": nn.Linear(UNITS, UNITS),
    }  # fmt: skip


def normed(m: nn.ModuleDict, *, sound: bool = False) -> Tensor:
    """Each step would be the half of one of before, if these were samples."""
    x = m["norm"](m["filter"](torch.randn(BATCH, 1, STEPS)).relu())
    x = x.transpose(1, 2) if sound else x.reshape(BATCH, STEPS, INPUTS)
    loss: Tensor = m["rnn"](x)[0].square().mean()
    return loss


def patches(m: nn.ModuleDict, *, sound: bool = False, pooled: bool = False) -> Tensor:
    """Of an image, and a token before them."""
    maps = m["filter"](torch.randn(BATCH, 1, 6, 10)).relu()
    maps = nn.functional.max_pool2d(maps, (3, 1)) if pooled else maps
    x = maps.flatten(2).transpose(1, 2) if sound else maps.view(BATCH, -1, 4)
    x = torch.cat([torch.zeros(BATCH, 1, 4), x], 1)
    loss: Tensor = m["attention"](x, x, x)[0][:, 0].square().mean()
    return loss


def patched() -> dict[str, nn.Module]:
    attention = nn.MultiheadAttention(4, 2, batch_first=True)
    return {"filter": nn.Conv2d(1, 4, 2, stride=2), "attention": attention}


def masked(m: nn.ModuleDict, *, sound: bool = False) -> Tensor:
    """A mask for each frame, as the bins of the data lie."""
    x = torch.randn(BATCH, INPUTS, STEPS)
    frames = x.transpose(1, 2) if sound else x.reshape(BATCH, STEPS, INPUTS)
    mask = m["head"](m["rnn"](frames)[0]).sigmoid().transpose(1, 2)
    loss: Tensor = (mask * x).square().mean()
    return loss


def masking() -> dict[str, nn.Module]:
    return {"rnn": rnn(batch_first=True), "head": nn.Linear(UNITS, INPUTS)}


def by_norm(norm: type[nn.Module]) -> dict[str, nn.Module]:
    modules = {"filter": nn.Conv1d(1, INPUTS, 3, padding=1), "rnn": rnn(batch_first=True)}
    return modules | {"norm": norm(INPUTS)}


def pooled(m: nn.ModuleDict) -> Tensor:
    """For a linear layer, which order channels and steps have does not matter."""
    x = m["filter"](torch.randn(BATCH, 1, STEPS)).reshape(BATCH, STEPS, INPUTS)
    ends = m["rnn"](drawn(BATCH, STEPS + 1))[0][:, -1]
    loss: Tensor = (m["head"](x.flatten(1)) + ends).square().mean()
    return loss


MIXED: dict[str, tuple[Loss, dict[str, nn.Module]]] = {
    "normed channels": (normed, by_norm(nn.BatchNorm1d)),
    "channels, each normed": (normed, by_norm(nn.InstanceNorm1d)),
    "patches of an image": (patches, patched()),
    "patches that are pooled": (partial(patches, pooled=True), patched()),
    "bins that are masked": (masked, masking()),
    "data": (
        lambda m: m["rnn"](drawn(BATCH, STEPS).view(STEPS, BATCH, INPUTS))[0][-1].mean(),
        {"rnn": rnn()},
    ),
    "frames of a convolution, in a loop": (lambda m: frames(m, False), framed()),
    "data of which a part is taken": (
        lambda m: m["rnn"](drawn(30, STEPS)[10:20].view(STEPS, BATCH, INPUTS))[0][-1].mean(),
        {"rnn": rnn("LSTM")},
    ),
    "all data, of which a batch is taken": (
        lambda m: m["rnn"](drawn(30, STEPS).view(STEPS, 30, INPUTS)[:, 7:17])[0][-1].mean(),
        {"rnn": rnn()},
    ),
    "all data, time first": (
        lambda m: m["rnn"](drawn(STEPS, 30).view(30, STEPS, INPUTS)[7:17])[0][:, -1].mean(),
        {"rnn": rnn(batch_first=True)},
    ),
    "data before a linear layer": (
        lambda m: m["rnn"](m["in"](drawn(BATCH, STEPS).view(STEPS, BATCH, INPUTS)))[0][-1].mean(),
        {"rnn": rnn(), "in": nn.Linear(INPUTS, INPUTS)},
    ),
    "a series": (
        lambda m: m["rnn"](torch.randn(BATCH, STEPS).view(STEPS, BATCH, 1))[0][-1].mean(),
        {"rnn": rnn("RNN", 1)},
    ),
    "data transposed afterwards": (
        lambda m: m["rnn"](drawn(BATCH, STEPS).view(STEPS, BATCH, INPUTS).transpose(0, 1))[0]
        .mean(),
        {"rnn": rnn(batch_first=True)},
    ),
    "symbols": (
        lambda m: m["rnn"](m["embed"](torch.randint(9, (BATCH, STEPS)).view(STEPS, BATCH)))[0][-1]
        .mean(),
        {"rnn": rnn(), "embed": nn.Embedding(9, INPUTS)},
    ),
    "embedded symbols": (
        lambda m: embedded(m, lambda x: x.view(STEPS, BATCH, INPUTS)),
        {"rnn": rnn(), "embed": nn.Embedding(9, INPUTS)},
    ),
    "embedded symbols, without a layer": (
        lambda m: m["head"](m["embed"](torch.randint(9, (BATCH, STEPS))).view(STEPS, BATCH, UNITS))
        .mean(),
        {"head": nn.Linear(UNITS, 1), "embed": nn.Embedding(9, UNITS)},
    ),
    "the output": (
        lambda m: m["rnn"](drawn(STEPS, BATCH))[0].view(BATCH, STEPS, UNITS)[:, -1].mean(),
        {"rnn": rnn("LSTM")},
    ),
    "the output, batch first": (
        lambda m: m["rnn"](drawn(BATCH, STEPS))[0].reshape(STEPS, BATCH, UNITS)[-1].mean(),
        {"rnn": rnn(batch_first=True)},
    ),
    "channels first": (
        lambda m: m["rnn"](
            m["filter"](torch.randn(BATCH, 1, 4 * STEPS)).view(STEPS, BATCH, INPUTS)
        )[0][-1].mean(),
        {"rnn": rnn(), "filter": nn.Conv1d(1, INPUTS, 4, stride=4)},
    ),
    "steps joined": (
        lambda m: m["rnn"](drawn(STEPS, BATCH))[0].view(BATCH, -1).square().mean(),
        {"rnn": rnn("RNN")},
    ),
    "rows parted": (parted_rows, {"rnn": rnn(), "head": nn.Linear(UNITS, 1)}),
    "states of layers": (joined_states, {"rnn": rnn("RNN", num_layers=2)}),
    "states of directions": (joined_states, {"rnn": rnn(bidirectional=True)}),
    "states of directions, by layer": (
        joined_directions, {"rnn": rnn(num_layers=2, bidirectional=True)},
    ),
    "a loop": (looped, {"cell": nn.GRUCell(INPUTS, UNITS)}),
    "a loop of a cell, in a row": (lambda m: in_a_row(m, cell=True), in_turn()),
    "a loop by hand, in a row": (lambda m: in_a_row(m, cell=False), in_turn()),
    "channels and frames": (
        lambda m: m["rnn"](
            m["filter"](torch.randn(BATCH, 1, STEPS, 3)).relu().view(BATCH, STEPS, -1)
        )[0].mean(),
        {"rnn": rnn(inputs=4 * 3, batch_first=True), "filter": nn.Conv2d(1, 4, 3, padding=1)},
    ),
    "channels and frames, bins between them": (
        lambda m: m["rnn"](
            m["filter"](torch.randn(BATCH, 1, 3, STEPS)).tanh().reshape(BATCH, STEPS, -1)
            .transpose(0, 1)
        )[0].mean(),
        {"rnn": rnn(inputs=4 * 3), "filter": nn.Conv2d(1, 4, 3, padding=1)},
    ),
    "filters and frames": (
        lambda m: m["rnn"](m["filter"](torch.randn(BATCH, 1, STEPS)).view(BATCH, STEPS, 4))[0]
        .mean(),
        {"rnn": rnn(inputs=4, batch_first=True), "filter": nn.Conv1d(1, 4, 3, padding=1)},
    ),
    "bins and frames of the data": (
        lambda m: m["rnn"](torch.randn(BATCH, 4, STEPS).view(BATCH, STEPS, 4))[0].mean(),
        {"rnn": rnn(inputs=4, batch_first=True)},
    ),
    "classes for steps": (
        lambda m: nn.functional.cross_entropy(
            m["rnn"](drawn(BATCH, STEPS))[0].contiguous().view(BATCH, UNITS, STEPS),
            torch.randint(UNITS, (BATCH, STEPS)),
        ),
        {"rnn": rnn(batch_first=True)},
    ),
}  # fmt: skip


@pytest.mark.some(3)
@pytest.mark.parametrize("which", MIXED)
def test_a_view_that_mixes_is_found(which: str, tmp_path: Path) -> None:
    loss, modules = MIXED[which]
    (finding,) = findings("BKS413", loss, tmp_path, modules)
    assert finding.severity == "error"
    assert finding.evidence["views"] in (1, 2)
    assert "a view takes a tensor of shape (" in finding.message


def there_and_back(m: nn.ModuleDict) -> Tensor:
    rows = m["rnn"](drawn(BATCH, STEPS))[0].reshape(BATCH * STEPS, UNITS)
    output: Tensor = m["head"](m["norm"](rows)).view(BATCH, STEPS, 1)
    loss: Tensor = output.square().mean()
    return loss


def heads(m: nn.ModuleDict) -> Tensor:
    output = m["rnn"](drawn(BATCH, STEPS))[0].view(BATCH, STEPS, 2, 2).transpose(1, 2)
    together: Tensor = (output @ output.transpose(-1, -2)) @ output
    return together.transpose(1, 2).reshape(BATCH, STEPS, UNITS).square().mean()


def batchified(m: nn.ModuleDict) -> Tensor:
    """A long text in ``BATCH`` parts, of which windows are taken."""
    text = torch.randint(9, (BATCH * 4 * STEPS,)).view(BATCH, -1).t().contiguous()
    loss: Tensor = m["rnn"](m["embed"](text[STEPS : 2 * STEPS]))[0].square().mean()
    return loss


def both_directions(m: nn.ModuleDict) -> Tensor:
    output, states = m["rnn"](drawn(STEPS, BATCH))
    halves = output.view(STEPS, BATCH, 2, UNITS)
    states = states.view(2, 2, BATCH, UNITS)[-1].transpose(0, 1).reshape(BATCH, -1)
    total: Tensor = halves[-1, :, 0].mean() + halves[0, :, 1].mean() + states.square().mean()
    return total


def contrast(m: nn.ModuleDict) -> Tensor:
    """Two views of each sequence, one after the other in the batch."""
    pairs = drawn(BATCH, 2, STEPS).flatten(0, 1)
    ends = m["rnn"](pairs)[0][:, -1].view(BATCH, 2, UNITS)
    loss: Tensor = (ends[:, 0] @ ends[:, 1].t()).logsumexp(1).mean()
    return loss


def relative(m: nn.ModuleDict) -> Tensor:
    """Each row of scores is shifted by one more than the last, as in Transformer-XL."""
    x = m["embed"](torch.randint(9, (STEPS, STEPS + 1)))
    scores = torch.cat([x.new_zeros(STEPS, 1, UNITS), x[:, :-1]], dim=1)
    return scores.view(STEPS + 1, STEPS, UNITS)[1:].square().mean()


def forecast(m: nn.ModuleDict, *, read: bool, alike: bool = True) -> Tensor:
    """Predictions and targets of ``(T, B)`` are taken for rows of sequences, both, or one."""
    series = drawn(STEPS + 1, BATCH)
    y = m["head"](m["rnn"](m["in"](series[:-1]) if read else series[:-1])[0])
    target = series[1:] if alike else series[1:].transpose(0, 1)
    return nn.functional.mse_loss(y.view(BATCH, -1), target.reshape(BATCH, -1))


def forecasting() -> dict[str, nn.Module]:
    return {"rnn": rnn(), "in": nn.Linear(INPUTS, INPUTS), "head": nn.Linear(UNITS, INPUTS)}


SOUND: dict[str, tuple[Loss, dict[str, nn.Module]]] = {
    "normed channels, transposed": (partial(normed, sound=True), by_norm(nn.InstanceNorm1d)),
    "patches of an image, transposed": (partial(patches, sound=True), patched()),
    "bins that are masked, transposed": (partial(masked, sound=True), masking()),
    "samples that are grouped": (
        lambda m: m["rnn"](torch.randn(BATCH, INPUTS, STEPS).view(BATCH, STEPS, INPUTS))[0].mean(),
        {"rnn": rnn(batch_first=True)},
    ),
    "channels for a linear layer": (
        pooled, by_norm(nn.BatchNorm1d) | {"head": nn.Linear(STEPS * INPUTS, UNITS)},
    ),
    "before a loss, both": (lambda m: forecast(m, read=False), forecasting()),
    "before a loss, both, of a linear layer": (lambda m: forecast(m, read=True), forecasting()),
    "frames of a convolution, in a loop": (lambda m: frames(m, True), framed()),
    "a loop by hand, in a row": (lambda m: in_a_row(m, cell=False, sound=True), in_turn()),
    "an attention by einsum": (
        attended, {"rnn": rnn(batch_first=True), "head": nn.Linear(UNITS, 1)}
    ),
    "a batch of the data": (
        lambda m: m["rnn"](drawn(30, STEPS)[5:15])[0][:, -1].mean(),
        {"rnn": rnn(batch_first=True)},
    ),
    "windows of long series": (
        lambda m: m["rnn"](m["in"](drawn(BATCH, 30)[:, 4 : 4 + STEPS]))[0][:, -1].mean(),
        {"rnn": rnn(batch_first=True), "in": nn.Linear(INPUTS, INPUTS)},
    ),
    "a linear layer": (
        lambda m: m["rnn"](m["in"](drawn(30, STEPS)[5:15]))[0][:, -1].mean(),
        {"rnn": rnn(batch_first=True), "in": nn.Linear(INPUTS, INPUTS)},
    ),
    "a linear layer, time first": (
        lambda m: m["rnn"](m["in"](drawn(30, BATCH)[STEPS : 2 * STEPS]))[0][-1].mean(),
        {"rnn": rnn(), "in": nn.Linear(INPUTS, INPUTS)},
    ),
    "transposed data": (
        lambda m: m["rnn"](drawn(BATCH, STEPS).transpose(0, 1))[0][-1].mean(), {"rnn": rnn()},
    ),
    "permuted and copied": (
        lambda m: m["rnn"](drawn(BATCH, STEPS).permute(1, 0, 2).contiguous())[0]
        .permute(1, 0, 2).reshape(BATCH, -1).mean(),
        {"rnn": rnn()},
    ),
    "channels and frames permuted": (
        lambda m: m["rnn"](
            m["filter"](torch.randn(BATCH, 1, STEPS, 3)).permute(0, 2, 1, 3)
            .reshape(BATCH, STEPS, -1)
        )[0].mean(),
        {"rnn": rnn(inputs=4 * 3, batch_first=True), "filter": nn.Conv2d(1, 4, 3, padding=1)},
    ),
    "one channel": (
        lambda m: m["rnn"](
            m["filter"](torch.randn(BATCH, 1, STEPS, 3)).view(BATCH, STEPS, 3)
        )[0].mean(),
        {"rnn": rnn(inputs=3, batch_first=True), "filter": nn.Conv2d(1, 1, 3, padding=1)},
    ),
    "rows of an image": (
        lambda m: m["rnn"](torch.randn(BATCH, 1, STEPS, 4).view(BATCH, STEPS, 4))[0].mean(),
        {"rnn": rnn(inputs=4, batch_first=True)},
    ),
    "rows of a coloured image": (
        lambda m: m["rnn"](torch.randn(BATCH, 2, STEPS, STEPS).view(BATCH, STEPS, -1))[0].mean(),
        {"rnn": rnn(inputs=2 * STEPS, batch_first=True)},
    ),
    "as many steps as sequences": (
        lambda m: m["rnn"](drawn(STEPS, STEPS).view(STEPS, STEPS, INPUTS))[0][-1].mean(),
        {"rnn": rnn()},
    ),
    "a series gets an axis": (
        lambda m: m["rnn"](torch.randn(BATCH, STEPS).view(BATCH, STEPS, 1))[0][:, -1].mean(),
        {"rnn": rnn("RNN", 1, batch_first=True)},
    ),
    "one layer's state": (joined_states, {"rnn": rnn()}),
    "rows joined and parted": (
        there_and_back,
        {"rnn": rnn(batch_first=True), "norm": nn.BatchNorm1d(UNITS), "head": nn.Linear(UNITS, 1)},
    ),
    "images of each step": (
        lambda m: m["rnn"](
            m["filter"](torch.randn(BATCH * STEPS, 1, 4)).view(BATCH, STEPS, INPUTS)
        )[0][:, -1].mean(),
        {"rnn": rnn(batch_first=True), "filter": nn.Conv1d(1, INPUTS, 4)},
    ),
    "attention heads": (heads, {"rnn": rnn(batch_first=True)}),
    "a text in parts": (batchified, {"rnn": rnn(), "embed": nn.Embedding(9, INPUTS)}),
    "both directions": (both_directions, {"rnn": rnn(num_layers=2, bidirectional=True)}),
    "contrast": (contrast, {"rnn": rnn(batch_first=True)}),
    "relative positions": (relative, {"embed": nn.Embedding(9, UNITS)}),
}  # fmt: skip


def test_of_predictions_alone_it_is_found(tmp_path: Path) -> None:
    """The targets lie by sequence."""
    loss = partial(forecast, read=True, alike=False)
    assert findings("BKS413", loss, tmp_path, forecasting())


@pytest.mark.some(3)
@pytest.mark.parametrize("which", SOUND)
def test_a_view_that_keeps_sequences_apart_is_not(which: str, tmp_path: Path) -> None:
    loss, modules = SOUND[which]
    assert not findings("BKS413", loss, tmp_path, modules)


def test_mixing_is_what_the_elements_do() -> None:
    """Against the elements themselves: which sequence is each one of?"""
    for old, new, axis in (
        ((6, 10, 4), (10, 6, 4), 1), ((6, 10, 4), (6, 10, 2, 2), 1), ((2, 10, 4), (10, 8), 1),
        ((4, 10, 4), (2, 10, 8), 1), ((4, 10, 4), (2, 2, 10, 4), 1), ((1, 10, 4), (10, 4), 1),
        ((10, 6, 4), (10, 24), 0), ((10, 6, 4), (6, 10, 4), 0), ((10, 6, 1), (10, 6), 0),
    ):  # fmt: skip
        shape = [1] * len(old)
        shape[axis] = old[axis]
        owner = torch.arange(old[axis]).view(shape).expand(old).reshape(new)
        apart = any(
            bool((owner.movedim(a, -1) == torch.arange(old[axis])).all())
            for a, size in enumerate(new)
            if size == old[axis]
        )
        assert mixes(old, new, axis) is not apart, (old, new, axis)
    assert not mixes((6, 10, 10), (60, 10), 1)  # joined; the last axis has that size by chance
    assert not mixes((6, 10), (7, 10), 1)


def test_of_data_alone_what_cannot_be_told_is_none() -> None:
    assert batch_axes([(6, 1), (1, 10)]) == {}
    flat = torch.randn(60)
    assert data_mixed(flat.view(6, 10)) is None
    assert data_mixed(torch.randn(10, 6)) is None
    assert data_mixed(torch.randn(10, 6).view(3, 20)) is None
    assert data_mixed(torch.randn(10, 6, 2).view(6, 20)) is None
    assert data_mixed(torch.randn(10, 6)[:, :3]) is None
    assert data_mixed(torch.zeros(10, 6).expand(3, 10, 6)[0]) is None
    assert data_mixed(torch.randn(10, 6)[1:].view(6, 9)) == ((9, 6), (6, 9))
    row = torch.from_numpy(np.ones(10, np.float32)[np.newaxis, :, np.newaxis])
    assert row.stride(0) == 0  # NumPy's new axes have strides of 0
    assert data_mixed(row[:, 2:8]) is None
    assert data_mixed(torch.randn(3, 0, 2).view(0, 3, 2)) is None


def test_steps_are_taken_from_behind_channels() -> None:
    assert moved((2, 8, 16, 20), (2, 16, 160))
    assert moved((2, 6, 10), (2, 10, 6))
    for old, new in (
        ((2, 16, 8, 20), (2, 16, 160)),
        ((2, 8, 4, 20), (2, 32, 20)),  # channels and frames joined
        ((2, 8, 16, 20), (2, 20, 128))[::-1],
        ((2, 5, 10), (2, 10, 5)),  # each step parted in two
        ((2, 3, 32, 32), (2, 32, 96)),
        ((2, 1, 16, 20), (2, 16, 20)),
        ((2, 8, 16, 20), (4, 16, 80)),
    ):
        assert not moved(old, new), (old, new)


# -- initial states -------------------------------------------------------------------------------

LAYERS = 2
STORED: dict[str, tuple[Callable[[Tensor], Tensor], int]] = {
    "reshaped": (lambda s: s.reshape(LAYERS, BATCH, UNITS), 1),
    "reshaped, detached": (lambda s: s.detach().reshape(LAYERS, BATCH, UNITS), 1),
    "exchanged": (lambda s: s.transpose(0, 1).contiguous(), 0),
    "exchanged, detached": (lambda s: s.detach().transpose(0, 1).contiguous(), 0),
    "joined and parted again": (
        lambda s: s.flatten(1).view(BATCH, LAYERS, UNITS).transpose(0, 1).contiguous(),
        0,
    ),
    "zeros": (lambda s: torch.zeros_like(s).reshape(LAYERS, BATCH, UNITS), 0),
}


@pytest.mark.some(2)
@pytest.mark.parametrize("kind", ["GRU", "LSTM"])
@pytest.mark.parametrize("which", STORED)
def test_states_that_were_stored_by_sequence(which: str, kind: str, tmp_path: Path) -> None:
    back, told = STORED[which]

    def loss(m: nn.ModuleDict) -> Tensor:
        final = m["rnn"](drawn(STEPS, BATCH))[1]
        states = [back(one.permute(1, 0, 2).contiguous()) for one in _several(final)]
        given = tuple(states) if kind == "LSTM" else states[0]
        square: Tensor = m["rnn"](drawn(STEPS, BATCH), given)[0].square().mean()
        return square

    found = findings("BKS413", loss, tmp_path, {"rnn": rnn(kind, num_layers=LAYERS)})
    assert len(found) == told


@pytest.mark.parametrize("sound", [True, False])
def test_states_that_a_linear_layer_makes(sound: bool, tmp_path: Path) -> None:
    def loss(m: nn.ModuleDict) -> Tensor:
        made = m["make"](drawn(BATCH))
        by_row = made.view(BATCH, LAYERS, UNITS).transpose(0, 1).contiguous()
        state = by_row if sound else made.view(LAYERS, BATCH, UNITS)
        square: Tensor = m["rnn"](drawn(STEPS, BATCH), state)[0].square().mean()
        return square

    modules = {"rnn": rnn(num_layers=LAYERS), "make": nn.Linear(INPUTS, LAYERS * UNITS)}
    assert len(findings("BKS413", loss, tmp_path, modules)) == (not sound)


def _several(states: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return states if isinstance(states, tuple) else (states,)


def by_heads(m: nn.ModuleDict, parted: str, joined: str) -> Tensor:
    """An attention by hand."""
    x = m["reads"](drawn(BATCH, STEPS))
    if parted == "view":
        q = x.view(BATCH, 2, STEPS, 2)
    elif parted == "rows":
        q = x.view(BATCH * 2, STEPS, 2)
    else:
        q = x.view(BATCH, STEPS, 2, 2).transpose(1, 2)
    read = (q @ q.transpose(-1, -2)).softmax(-1) @ q
    kept = read.view(BATCH, 2, STEPS, 2)
    kept = kept.transpose(1, 2) if joined == "transposed" else kept
    return kept.reshape(BATCH, STEPS, UNITS)[:, -1].square().mean()  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("parted", "joined", "found"),
    [
        ("transposed", "transposed", 0), ("view", "transposed", 1), ("rows", "viewed", 2),
        ("transposed", "viewed", 1), ("view", "viewed", 2),
    ],
)  # fmt: skip
def test_heads_that_are_made_of_steps_are_found(
    parted: str, joined: str, found: int, tmp_path: Path
) -> None:
    each = findings(
        "BKS413",
        partial(by_heads, parted=parted, joined=joined),
        tmp_path,
        {"reads": nn.Linear(INPUTS, UNITS)},
    )
    assert [one.evidence["views"] for one in each] == [found] * bool(found)
    assert all("steps mix" in one.message for one in each[:1]) or parted == "rows"


@pytest.mark.some(2)
@pytest.mark.parametrize("taken", ["selected", "unbound", "sliced"])
@pytest.mark.parametrize(
    ("along", "view", "found"),
    [
        (0, (1, BATCH, 2 * UNITS), True),
        (0, (2, BATCH, UNITS), False),
        (-1, (1, BATCH, 2 * UNITS), False),
    ],
)
def test_states_that_are_put_behind_each_other_along_the_batch(
    taken: str, along: int, view: tuple[int, ...], found: bool, tmp_path: Path
) -> None:
    """Those of two directions: a decoder begins with rows of two sequences each."""

    def loss(m: nn.ModuleDict) -> Tensor:
        states: Tensor = m["rnn"](drawn(STEPS, BATCH))[1]
        if taken == "sliced":
            joined = torch.cat((states[2:3], states[3:4]), along or 1)
        else:
            both = states.unbind() if taken == "unbound" else [states[n] for n in range(4)]
            joined = torch.stack([torch.cat((both[2], both[3]), along)])
        if len(view) == 3 and view[0] == 1:
            output: Tensor = m["decoder"](drawn(STEPS, BATCH), joined.view(view))[0]
            return output.square().mean()
        return joined.view(view).square().mean()

    modules: dict[str, nn.Module] = {
        "rnn": rnn(num_layers=2, bidirectional=True), "decoder": nn.GRU(INPUTS, 2 * UNITS),
    }  # fmt: skip
    each = findings("BKS413", loss, tmp_path, modules)
    assert [one.severity for one in each] == ["error"] * found
    assert all(one.message.endswith("and sequences mix") for one in each)


def test_of_an_ensemble_rows_may_be_grouped(tmp_path: Path) -> None:
    """As many parts as rows: what each of the new rows should hold is not known."""

    def loss(m: nn.ModuleDict) -> Tensor:
        states: Tensor = m["rnn"](drawn(STEPS, 2))[1]
        return torch.cat((states[0], states[1])).view(2, -1).square().mean()

    assert not findings("BKS413", loss, tmp_path, {"rnn": rnn(bidirectional=True)})
