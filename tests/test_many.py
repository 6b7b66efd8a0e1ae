"""Many networks trained together, against each trained alone by PyTorch."""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from backsight.errors import SettingError
from backsight.nn import CELLS as CHOICES
from backsight.nn import (
    Cell,
    CharModel,
    ManyAdam,
    ManyModels,
    ManySGD,
    SequenceModel,
    clip_each,
    seeded,
)
from backsight.probes import probe
from tests.crossed import crossed

Kind = Literal["classes", "value"]
EXACT: dict[str, Any] = {"atol": 1e-10, "rtol": 0.0}
CELLS: tuple[Cell, ...] = ("rnn", "rnn-relu", "mingru", "minlstm", "lru")
HAS_MATRIX = {name: cell.has_matrix for name, cell in CHOICES.items()}
STEPS = 40
"""Of training, in a comparison of trajectories."""


def models(count: int = 4, outputs: int = 3, **options: Any) -> list[SequenceModel]:
    """In float64, each from a seed, an initialisation and a gain of its own."""
    inits = ("default", "orthogonal", "gaussian", "smart-tanh")
    matrix = HAS_MATRIX[options.get("cell", "rnn")]

    def make(k: int) -> SequenceModel:
        init: Any = inits[k % len(inits)] if matrix else "default"
        gain = 0.8 + 0.1 * k if matrix else 1.0
        return SequenceModel(2, outputs, **{"hidden": 6, "init": init, "gain": gain} | options)

    return [seeded(k, lambda k=k: make(k)).double() for k in range(count)]  # type: ignore[misc]


def batch(
    kind: Kind, every_step: bool, own: int = 0, seed: int = 0, outputs: int = 3
) -> tuple[Tensor, Tensor]:
    """Inputs and targets, the same for all networks or ``own`` of them."""
    draw = torch.Generator().manual_seed(seed)
    front = (own,) * bool(own)
    inputs = torch.randn(*front, 5, 9, 2, generator=draw, dtype=torch.float64)
    shape = (*front, 5, 9) if every_step else (*front, 5)
    if kind == "value":
        return inputs, torch.randn(*shape, outputs, generator=draw, dtype=torch.float64)
    targets = torch.randint(outputs, shape, generator=draw)
    if every_step:
        targets[..., :4] = -1  # no loss is taken there
    return inputs, targets


def loss_alone(model: SequenceModel, inputs: Tensor, targets: Tensor, kind: Kind) -> Tensor:
    """As the lab takes it."""
    outputs, _ = model(inputs)
    if kind == "value":
        return functional.mse_loss(outputs, targets)
    return functional.cross_entropy(outputs.flatten(0, -2), targets.flatten(), ignore_index=-1)


def row(model: nn.Module, *, gradient: bool = False) -> Tensor:
    """A model's parameters, or their gradients, side by side."""
    parts = [p.grad if gradient else p.detach() for p in model.parameters()]
    return torch.cat([p.flatten() for p in parts if p is not None])


# -- one network is as it would be alone -----------------------------------------------------


@crossed(
    "cell,kind,every_step,own,layers", CELLS, ["classes", "value"], [True, False], [0, 4], [1, 2]
)
def test_outputs_losses_and_gradients_are_those_of_each_model_alone(
    cell: Cell, kind: Kind, every_step: bool, own: int, layers: int
) -> None:
    alone = models(cell=cell, every_step=every_step, layers=layers)
    many = ManyModels(alone)
    inputs, targets = batch(kind, every_step, own)
    outputs = many.outputs(inputs)
    losses = many.backward(inputs, targets, kind)
    assert losses.shape == (len(many),) == (4,)
    torch.testing.assert_close(many.losses(inputs, targets, kind), losses, **EXACT)
    for k, model in enumerate(alone):
        x, y = (inputs[k], targets[k]) if own else (inputs, targets)
        loss = loss_alone(model, x, y, kind)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.testing.assert_close(outputs[k], model(x)[0].detach(), **EXACT)
        torch.testing.assert_close(losses[k], loss.detach(), **EXACT)
        torch.testing.assert_close(many.gradient[k], row(model, gradient=True), **EXACT)


def test_a_single_value_and_a_single_network_keep_their_axes() -> None:
    alone = models(1, outputs=1, every_step=False)
    many = ManyModels(alone)
    inputs, targets = batch("value", False, outputs=1)
    loss = loss_alone(alone[0], inputs, targets, "value")
    torch.testing.assert_close(many.losses(inputs, targets, "value"), loss.detach()[None], **EXACT)


def test_a_step_without_any_target_has_the_loss_that_pytorch_says() -> None:
    alone = models(every_step=True)
    inputs, targets = batch("classes", True)
    targets.fill_(-1)
    assert loss_alone(alone[0], inputs, targets, "classes").isnan()
    assert ManyModels(alone).losses(inputs, targets, "classes").isnan().all()


@pytest.mark.parametrize("cell", ["rnn", "mingru"])
def test_blocks_change_no_number(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    many = ManyModels(models(7, cell=cell, every_step=False))
    inputs, targets = batch("classes", False)
    losses = many.backward(inputs, targets, "classes", through=True)
    whole, norms = many.gradient.clone(), many.through[0].norms
    monkeypatch.setattr(type(many._recurrent), "block", 3 * 9 * 5 * 6 * 8)
    assert [b.stop - b.start for b in many._blocks(inputs)] == [3, 3, 1]
    many.gradient.zero_()
    again = many.backward(inputs, targets, "classes", through=True)
    torch.testing.assert_close(again, losses, **EXACT)
    torch.testing.assert_close(many.gradient, whole, **EXACT)
    torch.testing.assert_close(many.through[0].norms, norms, **EXACT)
    assert many.through[0].delta.shape == (7, 9, 5, 6)
    own_inputs, own_targets = batch("classes", False, own=7)
    found = many.backward(own_inputs, own_targets, "classes")
    for k, loss in enumerate(found):
        same = many.losses(own_inputs[k], own_targets[k], "classes")[k]
        torch.testing.assert_close(same, loss, **EXACT)


@pytest.mark.parametrize("layers", [1, 2])
def test_the_gradient_through_time_is_kept_of_each_layer(layers: int) -> None:
    """The reach of the lowest layer is asked of autograd itself: by its states, as leaves."""
    alone = models(layers=layers, every_step=False)
    many = ManyModels(alone)
    inputs, targets = batch("classes", False)
    many.backward(inputs, targets, "classes", through=True)
    assert len(many.through) == layers
    for k, model in enumerate(alone):
        h = torch.zeros(5, layers * 6, dtype=torch.float64)
        states = []
        for step in inputs.unbind(1):
            below, now = step, []
            for layer, before in enumerate(torch.split(h, 6, 1)):
                cell = [getattr(model.rnn, f"{name}_l{layer}")
                        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]  # fmt: skip
                below = torch.rnn_tanh_cell(below, before, *cell)
                below.retain_grad()
                now.append(below)
            states.append(now)
            h = torch.cat(now, 1)
        functional.cross_entropy(model.head(below), targets).backward()  # type: ignore[no-untyped-call]
        for layer in range(layers):
            norms = torch.stack([now[layer].grad.norm(dim=1) for now in states])  # type: ignore[union-attr]
            torch.testing.assert_close(many.through[layer].norms[k], norms, **EXACT)
    many.backward(inputs, targets, "classes")
    assert many.through == ()


@pytest.mark.some(2)
@pytest.mark.parametrize("cell", CELLS)
def test_reach_and_gradient_by_step_are_what_the_probe_measures(cell: Cell) -> None:
    alone = models(cell=cell, layers=2, every_step=False)
    many = ManyModels(alone)
    inputs, targets = batch("classes", False)
    many.backward(inputs, targets, "classes", through=True)
    for k, model in enumerate(alone):
        profiles = probe(model, lambda m=model: loss_alone(m, inputs, targets, "classes"))  # type: ignore[misc]
        for layer, through in enumerate(many.through):
            profile = profiles[f"rnn.l{layer}"]
            for mine, theirs in (
                (through.reach[k], profile.reach),
                (through.grad_time[k], profile.grad_time),
            ):
                torch.testing.assert_close(mine, torch.from_numpy(theirs), **EXACT)


def test_a_networks_state_is_its_own_and_what_its_model_loads() -> None:
    alone = models()
    many = ManyModels(alone)
    state = many.state_dict(2)
    other = models()[0]
    other.load_state_dict(state)
    assert torch.equal(row(other), row(alone[2]))
    state["head.bias"].fill_(7)
    assert torch.equal(many.parameters[2], row(alone[2]))


def test_a_seeded_model_is_the_labs_and_moves_no_random_numbers() -> None:
    torch.manual_seed(5)
    expected = SequenceModel(2, 3, hidden=6, init="orthogonal")
    torch.manual_seed(1)
    before = torch.get_rng_state()
    model = seeded(5, lambda: SequenceModel(2, 3, hidden=6, init="orthogonal"))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(row(model), row(expected))


def test_float32_agrees_within_its_rounding() -> None:
    alone = [m.float() for m in models(every_step=False, hidden=16)]
    many = ManyModels(alone)
    inputs, targets = batch("classes", False)
    many.backward(inputs.float(), targets, "classes")
    assert many.gradient.dtype == torch.float32
    for k, model in enumerate(alone):
        loss_alone(model, inputs.float(), targets, "classes").backward()  # type: ignore[no-untyped-call]
        expected = row(model, gradient=True)
        torch.testing.assert_close(many.gradient[k], expected, rtol=1e-5, atol=1e-6)


# -- trained together and alone --------------------------------------------------------------

Optimizers = tuple[Callable[[Tensor], Any], Callable[[nn.Module, int], torch.optim.Optimizer]]
RATES = (0.1, 0.05, 0.02, 0.05)
"""Calm: where training is chaotic, two roundings part whatever computes them."""
MOMENTA = (0.9, 0.0, 0.5, 0.99)
DECAYS = (0.0, 0.1, 0.01, 0.0)
FIRST, SECOND, EPS = (0.9, 0.5, 0.0, 0.99), (0.999, 0.9, 0.99, 0.9999), (1e-8, 1e-3, 1e-6, 1e-8)
SMALL = tuple(rate / 5 for rate in RATES)


def adam(kind: type[torch.optim.Adam], decays: tuple[float, ...]) -> Optimizers:
    """Both sides of Adam or AdamW, with all settings of a network's own."""
    return (
        lambda p: ManyAdam(p, SMALL, betas=(FIRST, SECOND), eps=EPS, weight_decay=decays,
                           decoupled=kind is torch.optim.AdamW),
        lambda m, k: kind(m.parameters(), lr=SMALL[k], betas=(FIRST[k], SECOND[k]), eps=EPS[k],
                          weight_decay=decays[k]),
    )  # fmt: skip


OPTIMIZERS: dict[str, Optimizers] = {
    "sgd": (
        lambda p: ManySGD(p, RATES),
        lambda m, k: torch.optim.SGD(m.parameters(), lr=RATES[k]),
    ),
    "momentum": (
        lambda p: ManySGD(p, RATES, momentum=torch.tensor(MOMENTA)),
        lambda m, k: torch.optim.SGD(
            m.parameters(), lr=RATES[k], momentum=float(torch.tensor(MOMENTA)[k])
        ),
    ),
    "sgd with decay": (
        lambda p: ManySGD(p, 0.1, momentum=0.9, weight_decay=DECAYS),
        lambda m, k: torch.optim.SGD(m.parameters(), lr=0.1, momentum=0.9, weight_decay=DECAYS[k]),
    ),
    "adam": adam(torch.optim.Adam, (0.0,) * 4),
    "adam with decay": adam(torch.optim.Adam, DECAYS),
    "adamw": adam(torch.optim.AdamW, DECAYS),
}
LIMITS = (0.05, 1.0, float("inf"), 0.2)


@pytest.mark.some(2)
@crossed("name,cell,clipped", OPTIMIZERS, ["rnn", "rnn-relu", "mingru"], [True, False])
def test_trajectories_are_those_of_each_model_under_its_own_optimizer(
    name: str, cell: Cell, clipped: bool
) -> None:
    together, apart = OPTIMIZERS[name]
    alone = models(cell=cell, every_step=False)
    begun = [row(model) for model in alone]
    many = ManyModels(alone)
    optimizer = together(many.parameters)
    optimizers = [apart(model, k) for k, model in enumerate(alone)]
    scaled = 0
    for step in range(STEPS):
        inputs, targets = batch("classes", False, seed=step)
        many.backward(inputs, targets, "classes")
        if clipped:
            norms = clip_each(many.gradient, LIMITS)
            scaled += int((norms > torch.tensor(LIMITS)).sum())
        optimizer.step(many.gradient)
        for k, model in enumerate(alone):
            optimizers[k].zero_grad()
            loss_alone(model, inputs, targets, "classes").backward()  # type: ignore[no-untyped-call]
            if clipped:
                norm = nn.utils.clip_grad_norm_(model.parameters(), LIMITS[k])
                torch.testing.assert_close(norms[k], norm, **EXACT)
            optimizers[k].step()
        for k, model in enumerate(alone):
            torch.testing.assert_close(many.parameters[k], row(model), **EXACT)
    assert not clipped or scaled > STEPS
    assert all((row(m) - b).norm() > 1e-3 for m, b in zip(alone, begun, strict=True))


def test_a_step_leaves_the_gradient_as_it_is() -> None:
    many = ManyModels(models(every_step=False))
    many.backward(*batch("classes", False), "classes")
    before = many.gradient.clone()
    for optimizer in (
        ManySGD(many.parameters, 0.1, momentum=0.9, weight_decay=0.1),
        ManyAdam(many.parameters, 0.1, weight_decay=0.1),
    ):
        for _ in range(2):
            optimizer.step(many.gradient)
            assert torch.equal(many.gradient, before)


@pytest.mark.some(4)
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_network_that_breaks_stays_broken_and_the_others_do_not_notice(
    name: str, bad: float
) -> None:
    together, _ = OPTIMIZERS[name]

    def train(broken: bool) -> tuple[Tensor, Tensor]:
        many = ManyModels(models(every_step=False))
        optimizer = together(many.parameters)
        losses = []
        for step in range(12):
            if broken and step == 4:
                many.parameters[1, 3] = bad
            losses.append(many.backward(*batch("classes", False, seed=step), "classes"))
            clip_each(many.gradient, (1.0, 1.0, 1.0, 1.0))
            optimizer.step(many.gradient)
        return torch.stack(losses), many.parameters

    sound, parameters = train(False)
    sick, after = train(True)
    others = [0, 2, 3]
    assert torch.equal(sound[:, others], sick[:, others])
    assert torch.equal(parameters[others], after[others])
    assert torch.equal(sound[:4, 1], sick[:4, 1])
    if bad != bad:
        assert sick[4:, 1].isnan().all()
        assert after[1].isnan().all()
    else:
        assert not after[1].isfinite().all()


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 0.0, 3.0])
def test_clipping_is_pytorchs_also_of_what_is_not_finite(bad: float) -> None:
    gradient = torch.tensor([[1.0, 2.0, 2.0], [bad, 1.0, 0.5], [0.1, 0.2, 0.3]])
    expected = []
    for values in gradient:
        weight = nn.Parameter(torch.zeros(3))
        weight.grad = values.clone()
        norm = nn.utils.clip_grad_norm_([weight], 1.5)
        expected.append((norm, weight.grad))
    norms = clip_each(gradient, 1.5)
    torch.testing.assert_close(norms, torch.stack([n for n, _ in expected]), equal_nan=True)
    torch.testing.assert_close(gradient, torch.stack([g for _, g in expected]), equal_nan=True)


def test_no_limit_leaves_everything_as_it_is() -> None:
    gradient = torch.tensor([[1.0, 2.0], [float("inf"), 1.0], [float("nan"), 1.0]])
    before = gradient.clone()
    clip_each(gradient, float("inf"))
    torch.testing.assert_close(gradient, before, equal_nan=True, atol=0, rtol=0)


# -- what is refused -------------------------------------------------------------------------


def test_models_that_do_not_go_together_are_told() -> None:
    with pytest.raises(SettingError, match="at least one model"):
        ManyModels([])
    for other in (
        SequenceModel(2, 3, hidden=7),
        SequenceModel(2, 4, hidden=6),
        SequenceModel(2, 3, hidden=6, cell="rnn-relu"),
        SequenceModel(2, 3, hidden=6, every_step=False),
        SequenceModel(2, 3, hidden=6).double(),
        SequenceModel(2, 3, hidden=6, layers=2),
    ):
        with pytest.raises(SettingError, match="of one form, but number 1 is"):
            ManyModels([SequenceModel(2, 3, hidden=6), other])
    with pytest.raises(SettingError, match="of one form"):
        ManyModels([CharModel(3, hidden=6)])


@pytest.mark.parametrize("every_step", [True, False])
@pytest.mark.parametrize("kind", ["classes", "value"])
def test_batches_that_do_not_fit_are_told(kind: Kind, every_step: bool) -> None:
    many = ManyModels(models(every_step=every_step))
    inputs, targets = batch(kind, every_step)
    for x, y in (
        (inputs[..., :1], targets),
        (inputs[0], targets),
        (inputs.expand(3, -1, -1, -1), targets),
        (inputs, targets[:-1]),
        (inputs, targets[..., None]),
        (inputs, targets.expand(3, *targets.shape)),
    ):
        for take in (many.losses, many.backward):
            with pytest.raises(
                SettingError, match=r"4 models got inputs .* expected inputs \(B, T, 2"
            ):
                take(x, y, kind)


@pytest.mark.parametrize("cell", ["gru", "lstm", "rnn-norm"])
def test_cells_without_a_scan_are_refused(cell: Cell) -> None:
    with pytest.raises(SettingError, match=f"minlstm, lru, but not {cell}"):
        ManyModels([SequenceModel(2, 3, cell=cell)])


def test_dropout_is_refused() -> None:
    with pytest.raises(SettingError, match="does not support dropout"):
        ManyModels([SequenceModel(2, 3, layers=2, dropout=0.1)])


@pytest.mark.parametrize("value", [-0.1, float("nan"), float("inf"), np.array([0.1, 0.2])])
@pytest.mark.parametrize("name", ["lr", "momentum", "weight_decay", "eps", "betas"])
def test_settings_that_cannot_be_used_are_told(name: str, value: Any) -> None:
    parameters = torch.zeros(3, 5)
    kind: Any = ManyAdam if name in ("eps", "betas") else ManySGD
    options: dict[str, Any] = {"lr": 0.1} | {name: (0.9, value) if name == "betas" else value}
    with pytest.raises(SettingError, match=name):
        kind(parameters, **options)


def test_a_beta_of_one_and_a_limit_that_is_none_are_told() -> None:
    with pytest.raises(SettingError, match="betas must be below 1"):
        ManyAdam(torch.zeros(3, 5), 0.1, betas=(1.0, 0.999))
    for limit in (-1.0, float("nan")):
        with pytest.raises(SettingError, match="clip must be at least 0"):
            clip_each(torch.zeros(3, 5), limit)
