"""Inputs and weights that leave nothing to learn with, and those that only look like it."""

import itertools
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from backsight import Run, diagnose, watch
from backsight.diagnosis import Judge
from backsight.diagnosis.rules.wiring._input_scale import NotNormalised
from tests.causes import BATCH, INPUTS, STEPS, UNITS, drawn, findings, rnn

Parts = nn.ModuleDict
LossOf = Callable[[Parts], Tensor]


def alone(layer: nn.Module) -> dict[str, nn.Module]:
    return {"rnn": layer}


# -- BKS432: a window of one step -----------------------------------------------------------------


def one_step(m: Parts) -> Tensor:
    total: Tensor = m["rnn"](drawn(BATCH, 1))[0].square().mean()
    return total


def one_step_of_zeros(m: Parts) -> Tensor:
    total: Tensor = m["rnn"](drawn(BATCH, 1), torch.zeros(1, BATCH, UNITS))[0].square().mean()
    return total


def never_handed_on(m: Parts) -> Tensor:
    total = torch.zeros(())
    for _ in range(STEPS):
        total = total + m["rnn"](drawn(BATCH, 1))[0].square().mean()
    return total


@pytest.mark.some(2)
@pytest.mark.parametrize("loss", [one_step, one_step_of_zeros, never_handed_on])
def test_sequences_of_one_step_are_found(loss: LossOf, tmp_path: Path) -> None:
    (finding,) = findings("BKS432", loss, tmp_path, alone(rnn(batch_first=True)))
    assert "has one step" in finding.message
    calls = STEPS if loss is never_handed_on else 1
    assert finding.evidence == {"sequences": calls * BATCH}


def handed_on(m: Parts) -> Tensor:
    state, total = None, torch.zeros(())
    for _ in range(STEPS):
        out, state = m["rnn"](drawn(BATCH, 1), state)
        total = total + out.square().mean()
    return total


def a_state_of_its_own(m: Parts) -> Tensor:
    """Of an encoder."""
    total: Tensor = m["rnn"](drawn(BATCH, 1), drawn(1, BATCH)[..., :1].repeat(1, 1, UNITS))[0].sum()
    return total


def several_steps(m: Parts) -> Tensor:
    total: Tensor = m["rnn"](drawn(BATCH, 2))[0].square().mean()
    return total


@pytest.mark.some(2)
@pytest.mark.parametrize("loss", [handed_on, a_state_of_its_own, several_steps])
def test_steps_with_a_past_are_not(loss: LossOf, tmp_path: Path) -> None:
    assert not findings("BKS432", loss, tmp_path, alone(rnn(batch_first=True)))


def test_cells_in_a_loop(tmp_path: Path) -> None:
    def loop(m: Parts) -> Tensor:
        h = torch.zeros(BATCH, UNITS)
        for _ in range(STEPS):
            h = m["rnn"](drawn(BATCH), h)
        return h.square().mean()

    def forgotten(m: Parts) -> Tensor:
        total = torch.zeros(())
        for _ in range(STEPS):
            total = total + m["rnn"](drawn(BATCH)).square().mean()
        return total

    assert not findings("BKS432", loop, tmp_path / "loop", alone(nn.GRUCell(INPUTS, UNITS)))
    assert findings("BKS432", forgotten, tmp_path / "lost", alone(nn.GRUCell(INPUTS, UNITS)))


def test_one_long_call_beside_single_steps(tmp_path: Path) -> None:
    def loss(m: Parts) -> Tensor:
        return one_step(m) + several_steps(m)

    assert not findings("BKS432", loss, tmp_path, alone(rnn(batch_first=True)))


# -- BKS433: inputs that are not normalised -------------------------------------------------------


def scaled(by: float, around: float = 0.0) -> LossOf:
    def loss(m: Parts) -> Tensor:
        x = around + by * drawn(BATCH, STEPS)
        if "norm" in m:
            x = m["norm"](x)
        if "project" in m:
            x = m["project"](x)
        total: Tensor = m["rnn"](x)[0][:, -1].square().mean()
        return total

    return loss


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
def test_raw_counts_are_found(kind: str, tmp_path: Path) -> None:
    layer = rnn(kind, batch_first=True)
    (finding,) = findings("BKS433", scaled(3000, 5000), tmp_path, alone(layer))
    assert finding.module == "rnn"
    assert finding.severity == "warning"


def small_weights(layer: nn.Module) -> nn.Module:
    for weights in layer.parameters():
        nn.init.uniform_(weights, -1e-5, 1e-5)
    return layer


def wide(layer: nn.Module) -> nn.Module:
    """Its recurrent weights saturate it, not its input."""
    for name, weights in layer.named_parameters():
        if "hh" in name:
            nn.init.normal_(weights, 0.0, 1e3)
    return layer


@pytest.mark.some(2)
@pytest.mark.parametrize(
    ("loss", "parts"),
    [
        (scaled(1), {}),
        (scaled(5, 3), {}),
        (scaled(3000, 5000), {"norm": nn.LayerNorm(INPUTS)}),
        (scaled(300), {"project": small_weights(nn.Linear(INPUTS, INPUTS))}),
        (scaled(300), {"rnn": small_weights(rnn("LSTM", batch_first=True))}),
        (scaled(1), {"rnn": wide(rnn("RNN", batch_first=True))}),
    ],
)
def test_what_saturates_nothing_or_is_normalised_is_not(
    loss: LossOf, parts: dict[str, nn.Module], tmp_path: Path
) -> None:
    layer = rnn("LSTM", batch_first=True)
    assert not findings("BKS433", loss, tmp_path, {"rnn": layer, **parts})


@pytest.mark.some(2)
@pytest.mark.parametrize(("by", "told"), [(1e-5, ["info"]), (0.02, []), (0.0, [])])
@pytest.mark.parametrize("recurrent", [True, False])
def test_features_of_very_different_scale_are_a_note(
    by: float, told: list[str], recurrent: bool, tmp_path: Path
) -> None:
    """A constant one does not count."""

    def loss(m: Parts) -> Tensor:
        x = drawn(BATCH, STEPS)
        x[..., 0] = 0.3 + by * x[..., 0]
        out = m["rnn"](x)[0] if recurrent else m["rnn"](x)
        total: Tensor = (out[:, -1] - 1).square().mean()
        return total

    layer = rnn("GRU", batch_first=True) if recurrent else nn.Linear(INPUTS, UNITS)
    found = findings("BKS433", loss, tmp_path, alone(layer), iterations=8)
    assert [one.severity for one in found] == told
    assert not told or found[0].module == "columns/rnn"


# -- BKS434: the same batch again and again -------------------------------------------------------

FIXED = torch.arange(STEPS * BATCH * INPUTS, dtype=torch.float32).reshape(STEPS, BATCH, INPUTS) / 99
SYMBOLS = torch.arange(STEPS * BATCH).reshape(STEPS, BATCH) % 5


def same(m: Parts) -> Tensor:
    total: Tensor = m["rnn"](FIXED)[0].square().mean()
    return total


def embedded(m: Parts) -> Tensor:
    total: Tensor = m["rnn"](m["embed"](SYMBOLS))[0].square().mean()
    return total


def projected(m: Parts) -> Tensor:
    """A linear layer comes before the recurrent one."""
    return functional.mse_loss(m["rnn"](m["project"](FIXED))[0], torch.zeros(STEPS, BATCH, UNITS))


def in_turn(count: int) -> LossOf:
    """So many batches, over and over."""
    each, looks = [torch.randn(STEPS, BATCH, INPUTS) for _ in range(count)], itertools.count()

    def loss(m: Parts) -> Tensor:
        total: Tensor = m["rnn"](each[next(looks) % count])[0].square().mean()
        return total

    return loss


@pytest.mark.long
def test_a_few_batches_in_turn_are_a_note(tmp_path: Path) -> None:
    (finding,) = findings("BKS434", in_turn(2), tmp_path / "two", {"rnn": rnn()}, 33)
    assert finding.severity == "info"
    assert finding.message.startswith("each iteration is given one of the same 2 batches")
    assert not findings("BKS434", in_turn(9), tmp_path / "nine", {"rnn": rnn()}, 33)


@pytest.mark.some(2)
@pytest.mark.parametrize("loss", [same, embedded, projected])
def test_the_same_batch_is_a_note(loss: LossOf, tmp_path: Path) -> None:
    layers = {
        "rnn": rnn(), "embed": nn.Embedding(5, INPUTS), "project": nn.Linear(INPUTS, INPUTS),
    }  # fmt: skip
    (finding,) = findings("BKS434", loss, tmp_path, layers, 9)
    assert finding.severity == "info"


def reordered(m: Parts) -> Tensor:
    """The same sequences, shuffled."""
    total: Tensor = m["rnn"](FIXED[:, torch.randperm(BATCH)])[0].square().mean()
    return total


def other_symbols(m: Parts) -> Tensor:
    total: Tensor = m["rnn"](m["embed"](torch.randint(5, (STEPS, BATCH))))[0].square().mean()
    return total


def beside_one_that_varies(m: Parts) -> Tensor:
    return same(m) + other_symbols(m)


def positions_beside_data(m: Parts) -> Tensor:
    """The grid is the same for each batch."""
    x = m["project"](FIXED) + m["embed"](SYMBOLS) + m["data"](torch.randn(STEPS, BATCH, INPUTS))
    total: Tensor = m["rnn"](x)[0].square().mean()
    return total


def other_targets(m: Parts) -> Tensor:
    return functional.mse_loss(m["rnn"](m["project"](FIXED))[0], torch.randn(STEPS, BATCH, UNITS))


@pytest.mark.some(2)
@pytest.mark.parametrize(
    "loss",
    [reordered, other_symbols, beside_one_that_varies, positions_beside_data, other_targets],
)
def test_other_batches_are_none(loss: LossOf, tmp_path: Path) -> None:
    layers = {
        "rnn": rnn(), "embed": nn.Embedding(5, INPUTS), "project": nn.Linear(INPUTS, INPUTS),
        "data": nn.Linear(INPUTS, INPUTS),
    }  # fmt: skip
    assert not findings("BKS434", loss, tmp_path, layers, 9)


@pytest.mark.parametrize("again", [True, False])
def test_what_a_decoder_begins_with_is_no_batch(again: bool, tmp_path: Path) -> None:
    """The data are what a linear layer is given."""

    def loss(m: Parts) -> Tensor:
        x = FIXED if again else torch.randn(FIXED.shape)
        states = m["rnn"](m["project"](x))[0]
        begun, _ = m["decode"](torch.zeros(1, BATCH, INPUTS), states[-1:])
        return functional.mse_loss(begun, torch.zeros(1, BATCH, UNITS))

    layers = {"rnn": rnn(), "decode": rnn(), "project": nn.Linear(INPUTS, INPUTS)}
    assert bool(findings("BKS434", loss, tmp_path, layers, 9)) == again


WAVES = torch.randn(STEPS, BATCH, INPUTS, generator=torch.Generator().manual_seed(1))
LABELS = torch.arange(BATCH) % UNITS


@pytest.mark.some(2)
@pytest.mark.parametrize(
    ("noise", "other_labels", "told"),
    [(0.05, False, True), (0.05, True, False), (1.0, False, False)],
)
def test_a_batch_that_noise_is_added_to_is_the_same(
    noise: float, other_labels: bool, told: bool, tmp_path: Path
) -> None:
    def loss(m: Parts) -> Tensor:
        scores = m["rnn"](WAVES + noise * torch.randn(WAVES.shape))[0][-1]
        labels = torch.randint(UNITS, LABELS.shape) if other_labels else LABELS
        return nn.functional.cross_entropy(scores, labels)

    found = findings("BKS434", loss, tmp_path, {"rnn": rnn()}, 9)
    assert [one.severity for one in found] == (["info"] if told else [])


def one_sequence() -> Tensor:
    """A new one, ``(T, 1, …)``, in each row of a batch."""
    return torch.randn(STEPS, 1, INPUTS).expand(STEPS, BATCH, INPUTS)


def rows_alike(m: Parts) -> Tensor:
    total: Tensor = m["rnn"](one_sequence())[0].square().mean()
    return total


def symbols_alike(m: Parts) -> Tensor:
    symbols = torch.randint(5, (STEPS, 1)).expand(STEPS, BATCH)
    total: Tensor = m["rnn"](m["embed"](symbols))[0].square().mean()
    return total


@pytest.mark.parametrize("loss", [rows_alike, symbols_alike])
def test_rows_that_are_the_same_sequence_are_a_note(loss: LossOf, tmp_path: Path) -> None:
    layers = {"rnn": rnn(), "embed": nn.Embedding(5, INPUTS)}
    (finding,) = findings("BKS434", loss, tmp_path, layers, 9)
    assert finding.severity == "info"
    assert finding.evidence == {"rows": BATCH}
    assert "all 10 rows of a batch are the same sequence" in finding.message


def alike_but_for_one(m: Parts) -> Tensor:
    x = one_sequence().clone()
    x[-1, -1, -1] += 1
    total: Tensor = m["rnn"](x)[0].square().mean()
    return total


def alike_with_a_state(m: Parts) -> Tensor:
    """A decoder: its state tells the rows apart."""
    total: Tensor = m["rnn"](one_sequence(), torch.randn(1, BATCH, UNITS))[0].square().mean()
    return total


def start_alone(m: Parts) -> Tensor:
    """A generator that is given one symbol."""
    symbols = torch.zeros(STEPS, BATCH, dtype=torch.long) + torch.randint(5, ())
    total: Tensor = m["rnn"](m["embed"](symbols))[0].square().mean()
    return total


def beside_rows_that_differ(m: Parts) -> Tensor:
    return rows_alike(m) + other_symbols(m)


def two_rows(m: Parts) -> Tensor:
    """Views of one sequence."""
    total: Tensor = m["rnn"](one_sequence()[:, :2])[0].square().mean()
    return total


@pytest.mark.some(2)
@pytest.mark.parametrize(
    "loss",
    [alike_but_for_one, alike_with_a_state, start_alone, beside_rows_that_differ, two_rows],
)
def test_rows_that_differ_are_none(loss: LossOf, tmp_path: Path) -> None:
    layers = {"rnn": rnn(), "embed": nn.Embedding(5, INPUTS)}
    assert not findings("BKS434", loss, tmp_path, layers, 9)


def test_a_validation_that_rises_makes_it_a_warning() -> None:
    judge = Judge()
    for iteration in range(20):
        validation = {"val_loss": 1.0 + iteration / 10} if iteration in (4, 12) else {}
        judge.update(iteration, {"same_input": 1.0, "loss": 1.0} | validation)
    (finding,) = (f for f in judge.diagnosis().findings if f.code == "BKS434")
    assert finding.severity == "warning"
    assert "the validation loss has risen from 1.4 to 2.2" in finding.message


# -- BKS402: a decoder that is given zeros --------------------------------------------------------


@pytest.mark.parametrize(
    ("silent", "told"),
    [("decode", {("decode.weight_ih_l0", "info")}), ("rnn", {("rnn.weight_ih_l0", "error")})],
)
def test_a_decoder_may_be_given_zeros_and_an_encoder_may_not(
    silent: str, told: set[tuple[str, str]], tmp_path: Path
) -> None:
    def loss(m: Parts) -> Tensor:
        x, zeros = drawn(STEPS, BATCH), torch.zeros(STEPS, BATCH, INPUTS)
        state = m["rnn"](zeros if silent == "rnn" else x)[1]
        given = zeros if silent == "decode" else x
        return functional.mse_loss(m["read"](m["decode"](given, state)[0]), x)

    layers = {"rnn": rnn(), "decode": rnn(), "read": nn.Linear(UNITS, INPUTS)}
    found = findings("BKS402", loss, tmp_path, layers, 5)
    assert {(one.module, one.severity) for one in found} == told


# -- BKS436: units with the same weights ----------------------------------------------------------


def read(m: Parts) -> Tensor:
    total: Tensor = m["rnn"](drawn(STEPS, BATCH))[0].square().mean()
    return total


def filled(value: float, which: str = "", kind: str = "GRU", **settings: bool | int) -> nn.Module:
    layer = rnn(kind, **settings)
    for name, weights in layer.named_parameters():
        if which in name:
            nn.init.constant_(weights, value)
    return layer


@pytest.mark.some(2)
@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
@pytest.mark.parametrize("value", [0.0, 1.0, -0.3])
def test_one_number_everywhere_is_found(kind: str, value: float, tmp_path: Path) -> None:
    (finding,) = findings("BKS436", read, tmp_path, alone(filled(value, kind=kind)))
    assert finding.module == "rnn.l0"
    assert finding.evidence == {"units": UNITS}


def test_each_layer_and_direction_for_itself(tmp_path: Path) -> None:
    layer = rnn("RNN", num_layers=2, bidirectional=True)
    for name, weights in layer.named_parameters():
        if name.endswith("l1_reverse"):
            nn.init.constant_(weights, 0.1)
    (finding,) = findings("BKS436", read, tmp_path, alone(layer))
    assert finding.module == "rnn.l1_reverse"


def identity() -> nn.Module:
    """IRNN."""
    layer = filled(0.0, "bias", "RNN")
    nn.init.eye_(layer.weight_hh_l0)  # type: ignore[arg-type]
    return layer


@pytest.mark.some(3)
@pytest.mark.parametrize(
    "layer",
    [
        rnn("LSTM"),
        filled(0.0, "bias"),
        filled(1.0, "bias"),
        filled(0.0, "weight_hh"),
        filled(0.0, "weight_ih"),
        identity(),
        nn.RNN(INPUTS, 1),
    ],
)
def test_what_else_begins_with_a_constant_is_not(layer: nn.Module, tmp_path: Path) -> None:
    from backsight import diagnose, watch

    optimizer = torch.optim.SGD(layer.parameters(), lr=1e-3)
    with watch(nn.ModuleDict(alone(layer)), optimizer, tmp_path / "run", every=1):
        for _ in range(3):
            layer(drawn(STEPS, BATCH))[0].square().mean().backward()
            optimizer.step()
    assert "BKS436" not in {finding.code for finding in diagnose(tmp_path / "run").findings}


# -- BKS406: data not finite, between two samples -------------------------------------------------


@pytest.mark.some(2)
@pytest.mark.parametrize(
    ("where", "first"), [("data", "BKS406"), ("target", "BKS201"), ("weight", "BKS201")]
)
def test_what_is_not_finite_between_samples(where: str, first: str, tmp_path: Path) -> None:
    """A cell is looked at in samples alone, and the first one after it has states of NaN, too."""
    cell = nn.LSTMCell(INPUTS, UNITS)
    optimizer = torch.optim.SGD(cell.parameters(), lr=0.01)
    with watch(cell, optimizer, tmp_path / "run", every=20):
        for iteration in range(30):
            x, y, state = torch.randn(3, BATCH, INPUTS), torch.randn(BATCH, UNITS), None
            if iteration == 7:
                broken = {"data": x[1], "target": y, "weight": cell.weight_ih.data}[where]
                broken[0, 0] = math.nan
            for step in x:
                state = cell(step, state)
            assert state is not None
            optimizer.zero_grad()
            loss = functional.mse_loss(state[0], y)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    found = diagnose(tmp_path / "run").findings
    assert (found[0].code, found[0].iteration) == (first, 7)
    assert ("BKS406" in {one.code for one in found}) is (where == "data")


# -- BKS433: targets out of reach -----------------------------------------------------------------


def targets(
    *, size: float = 3000.0, answer: float = 0.5, loss: float = 9e6, guess: float = 1e4
) -> bool:
    """Whether targets that large are accused after 160 losses."""
    judge = Judge(rules=[NotNormalised()])
    for i in range(170):
        sizes = {"target_size": size, "answer_size": answer + i, "guess_loss": guess}
        judge.update(i, {"loss": loss, **(sizes if not i % 10 else {})})
    return bool(judge.diagnosis().lasting)


@pytest.mark.parametrize(
    ("case", "accused"),
    [
        ({}, True),
        ({"loss": 9.5e3}, True),
        ({"loss": 5e3}, False),  # learned in spite of that
        ({"size": 10.0}, False),
        ({"answer": 2900.0}, False),  # a head that begins at the mean
    ],
)
def test_targets_that_nothing_brings_near_are_not_normalised(
    case: dict[str, float], accused: bool
) -> None:
    assert targets(**case) is accused


def test_the_sizes_of_targets_and_predictions_are_measured(tmp_path: Path) -> None:
    net = nn.Linear(3, 2)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.0)
    x, y = torch.randn(8, 3), torch.randn(8, 2) * 300
    with watch(net, optimizer, tmp_path / "run", every=1):
        for _ in range(3):
            optimizer.zero_grad()
            functional.mse_loss(net(x), y).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    run = Run(tmp_path / "run")
    sizes = [part.detach().double().square().mean().sqrt().item() for part in (y, net(x))]
    assert [run["target_size"][-1], run["answer_size"][-1]] == pytest.approx(sizes)
