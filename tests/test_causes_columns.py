"""One unit of a layer, or one sequence of a batch, that is all a loss reads."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from backsight import diagnose, watch
from tests.causes import BATCH, INPUTS, STEPS, UNITS, Loss, drawn, findings, rnn

Read = Callable[[nn.ModuleDict, Tensor, Tensor], Tensor]


def reading(read: Read, *, time_first: bool = False) -> Loss:
    """A loss of a layer's output and its final state ``(L, B, H)``."""

    def loss(m: nn.ModuleDict) -> Tensor:
        output, state = m["rnn"](drawn(STEPS, BATCH) if time_first else drawn(BATCH, STEPS))
        return (read(m, output, state) - 1).square().mean()

    return loss


def modules(**settings: bool | int) -> dict[str, nn.Module]:
    """A layer, and heads over its units and over its steps."""
    layer = rnn("GRU", **{"batch_first": True, **settings})
    width = UNITS * (2 if settings.get("bidirectional") else 1)
    heads = {"head": nn.Linear(width, 2), "wrong": nn.Linear(STEPS, 2), "one": nn.Linear(1, 2)}
    return {"rnn": layer, **heads}


ONE_UNIT: dict[str, tuple[Read, str]] = {
    "last unit": (lambda m, o, h: m["wrong"](o[:, :, -1]), "warning"),
    "first unit": (lambda m, o, h: m["wrong"](o[..., 0]), "warning"),
    "dropped out": (lambda m, o, h: m["wrong"](functional.dropout(o, 0.1)[..., 1]), "warning"),
    "activated": (lambda m, o, h: m["wrong"](o[..., 1].tanh()), "warning"),
    "a slice, squeezed": (lambda m, o, h: m["wrong"](o[:, :, -1:].squeeze(-1)), "warning"),
    "the prediction": (lambda m, o, h: o[..., 0], "info"),
    "of the last step": (lambda m, o, h: o[:, -1, 0], "info"),
    "a head over one": (lambda m, o, h: m["one"](o[..., :1]), "info"),
}


@pytest.mark.some(2)
@pytest.mark.parametrize("which", ONE_UNIT)
def test_one_unit_that_is_read_alone_is_found(which: str, tmp_path: Path) -> None:
    read, severity = ONE_UNIT[which]
    (finding,) = findings("BKS437", reading(read), tmp_path, modules())
    assert finding.severity == severity
    assert finding.evidence == {"units": UNITS}
    assert f"one of the {UNITS} units of rnn alone" in finding.message


ONE_ROW: dict[str, tuple[Read, dict[str, bool | int]]] = {
    "first row": (lambda m, o, h: m["head"](o[0]), {}),
    "first row, time first": (lambda m, o, h: m["head"](o[:, 0]), {"batch_first": False}),
    "last row of the state": (lambda m, o, h: m["head"](h[:, -1]), {}),
    "of two layers": (lambda m, o, h: m["head"](h[:, -1]), {"num_layers": 2}),
    "one step of one row": (lambda m, o, h: m["head"](o[-1, -1]), {}),
}


@pytest.mark.some(2)
@pytest.mark.parametrize("which", ONE_ROW)
def test_one_sequence_that_is_read_alone_is_found(which: str, tmp_path: Path) -> None:
    read, settings = ONE_ROW[which]
    time_first = settings.get("batch_first") is False
    loss = reading(read, time_first=time_first)
    (finding,) = findings("BKS437", loss, tmp_path, modules(**settings))
    assert finding.severity == "warning"
    assert finding.evidence == {"sequences": BATCH}


def attention(m: nn.ModuleDict, o: Tensor, h: Tensor) -> Tensor:
    """Its scores are of one unit, and its values of all."""
    weights = o[..., 0].softmax(1)
    read: Tensor = m["head"]((weights[..., None] * o).sum(1))
    return read


def dead(m: nn.ModuleDict, o: Tensor, h: Tensor) -> Tensor:
    """A ReLU passes one unit alone; the index takes a step."""
    shift = torch.tensor([9.0] + [-9.0] * (UNITS - 1))
    read: Tensor = m["head"](functional.relu(o + shift)[:, -1])
    return read


def masked(m: nn.ModuleDict, o: Tensor, h: Tensor) -> Tensor:
    """One row that counts, as a mask has it."""
    mask = torch.zeros(BATCH, 1, 1)
    mask[0] = 1
    read: Tensor = m["head"](o) * mask
    return read


HEALTHY: dict[str, tuple[Read, dict[str, bool | int]]] = {
    "last step": (lambda m, o, h: m["head"](o[:, -1]), {}),
    "every step": (lambda m, o, h: m["head"](o), {}),
    "final state": (lambda m, o, h: m["head"](h[-1]), {}),
    "one unit and the state": (lambda m, o, h: o[:, -1, 0] + h[-1].sum(1), {}),
    "two units": (lambda m, o, h: o[..., :2], {}),
    "each unit": (lambda m, o, h: sum(o[..., i] for i in range(UNITS)) + o[..., 0], {}),
    "each row": (lambda m, o, h: torch.stack([m["head"](row[-1]) for row in o]), {}),
    "rows in turn": (lambda m, o, h: m["head"](h[:, int(torch.randint(BATCH, ()))]), {}),
    "a row against all": (lambda m, o, h: o[:, -1] @ o[0, -1], {}),
    "halves": (lambda m, o, h: torch.cat([o[:, -1, :UNITS], o[:, 0, UNITS:]], 1),
               {"bidirectional": True}),
    "attention": (attention, {}),
    "dead units": (dead, {}),
    "a mask": (masked, {}),
    "the largest": (lambda m, o, h: o.amax(1), {}),
    "last row at each step (BKS408)": (lambda m, o, h: m["head"](o[-1]), {}),
}  # fmt: skip


@pytest.mark.some(3)
@pytest.mark.parametrize("which", HEALTHY)
def test_what_is_read_of_all_is_not(which: str, tmp_path: Path) -> None:
    read, settings = HEALTHY[which]
    assert not findings("BKS437", reading(read), tmp_path, modules(**settings))


def test_a_layer_of_one_unit_and_a_batch_of_one_sequence(tmp_path: Path) -> None:
    def loss(m: nn.ModuleDict) -> Tensor:
        output = m["rnn"](drawn(1, STEPS))[0]
        return (output[0, :, 0] - 1).square().mean()  # type: ignore[no-any-return]

    layer = nn.GRU(3, 1, batch_first=True)
    assert not findings("BKS437", loss, tmp_path, {"rnn": layer})


class Cut(nn.Module):
    """Reads some features of what it is given."""

    def __init__(self, features: int, beside: bool = False) -> None:
        super().__init__()
        self.rnn = rnn(inputs=features, batch_first=True)
        self.side = nn.Linear(INPUTS, UNITS) if beside else None

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.rnn(x[..., : self.rnn.input_size])[0][:, -1]
        return out if self.side is None else out + self.side(x[:, -1])


@pytest.mark.parametrize(
    ("model", "told"), [(Cut(1), True), (Cut(2), False), (Cut(1, beside=True), False)]
)
def test_a_feature_that_the_model_cuts_out(model: Cut, told: bool, tmp_path: Path) -> None:
    notes = notes_of(model, lambda: model(drawn(BATCH, STEPS)).square().mean(), tmp_path)
    assert len(notes) == told


def notes_of(model: nn.Module, loss: Callable[[], Tensor], folder: Path) -> list[str]:
    """What is said of columns in a training of a few steps."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with watch(model, optimizer, folder / "run", every=1):
        for _ in range(3):
            optimizer.zero_grad()
            loss().backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    found = [f for v in diagnose(folder / "run").verdicts if v.code == "BKS437" for f in v.findings]
    assert all(f.severity == "info" for f in found)
    assert all(f.message.startswith(f"of the {INPUTS} features") for f in found)
    return [f.message for f in found]


OUT_OF_A_BATCH: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor], bool]] = {
    "one column": (lambda t: t[..., :1], lambda t: torch.ones(BATCH, UNITS), True),
    "an index": (lambda t: t[..., 1].unsqueeze(-1), lambda t: torch.ones(BATCH, UNITS), True),
    "two columns": (lambda t: t[..., :2], lambda t: torch.ones(BATCH, UNITS), False),
    "a part of it is asked": (
        lambda t: t[..., :1], lambda t: t[:, -1, 1:2].expand(BATCH, UNITS), False
    ),
    "a copy is asked": (
        lambda t: t[..., :1], lambda t: t[:, -1, 1:2].clone().expand(BATCH, UNITS), False
    ),
}  # fmt: skip


@pytest.mark.some(2)
@pytest.mark.parametrize("which", OUT_OF_A_BATCH)
def test_a_feature_that_is_cut_out_of_a_batch(which: str, tmp_path: Path) -> None:
    cut, asked, told = OUT_OF_A_BATCH[which]

    model = Cut(2 if which == "two columns" else 1)

    def loss() -> Tensor:
        batch = drawn(BATCH, STEPS)
        return functional.mse_loss(model(cut(batch)), asked(batch))

    assert len(notes_of(model, loss, tmp_path)) == told


TABLE = 3
"""Columns of targets."""
Asked = Callable[[Tensor, Tensor], Tensor]
error = functional.mse_loss
ONE_OUTPUT: dict[str, Asked] = {
    "of each step": lambda y, t: error(y[:, :, 0], t[:, :, 0]),
    "the last column": lambda y, t: error(y[..., -1], t[..., -1]),
    "of the last step": lambda y, t: error(y[:, -1, 1], t[:, -1, 1]),
    "a slice": lambda y, t: error(y[..., 1:2], t[..., 1:2]),
}
WHOLE: dict[str, Asked] = {
    "all": error,
    "of the last step": lambda y, t: error(y[:, -1], t[:, -1]),
    "each by itself": lambda y, t: error(y[..., 0], t[..., 0]) + error(y[..., 1], t[..., 1]),
    "the others are something else": lambda y, t: error(y[..., 0], t[..., 0]) + y[..., 1:].var(),
    "targets of their own": lambda y, t: error(y[..., 0], t[..., 0].clone()),
    "another column": lambda y, t: error(y[..., 0], t[..., 1]),
    "a step of one output": lambda y, t: error(y.sum(2)[:, -1], t.sum(2)[:, -1]),
}


def table(m: nn.ModuleDict, asked: Asked) -> Tensor:
    targets = drawn(BATCH, STEPS)[..., :TABLE].contiguous()
    return asked(m["head"](m["rnn"](drawn(BATCH, STEPS))[0]), targets)


@pytest.mark.some(2)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("which", ONE_OUTPUT)
def test_one_output_that_is_asked_for_alone_is_a_note(
    which: str, bias: bool, tmp_path: Path
) -> None:
    parts: dict[str, nn.Module] = {**modules(), "head": nn.Linear(UNITS, TABLE, bias=bias)}
    (found,) = findings("BKS437", lambda m: table(m, ONE_OUTPUT[which]), tmp_path, parts)
    assert (found.severity, found.evidence["outputs"]) == ("info", TABLE)


@pytest.mark.some(2)
@pytest.mark.parametrize("which", WHOLE)
def test_outputs_that_are_all_asked_for_are_not_told(which: str, tmp_path: Path) -> None:
    parts: dict[str, nn.Module] = {**modules(), "head": nn.Linear(UNITS, TABLE)}
    assert not findings("BKS437", lambda m: table(m, WHOLE[which]), tmp_path, parts)


def test_the_last_step_of_one_output_is_no_column(tmp_path: Path) -> None:
    """Both are ``(B, T)``, and the last element along an axis that is time."""
    parts: dict[str, nn.Module] = {**modules(), "head": nn.Linear(UNITS, 1)}

    def loss(m: nn.ModuleDict) -> Tensor:
        answers = m["head"](m["rnn"](drawn(BATCH, STEPS))[0]).squeeze(-1)
        return error(answers[:, -1], drawn(BATCH, STEPS)[:, :, 0].contiguous()[:, -1])

    assert not findings("BKS437", loss, tmp_path, parts)
