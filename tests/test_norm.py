"""The layer-normalised RNN: what it computes, and that it is measured and guarded as others are."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from backsight.errors import SettingError
from backsight.guard import Guard, Omega, Orthogonality, SpectralCap
from backsight.lab import MemoryAdding, train
from backsight.layers import adapter_of
from backsight.nn import NormCell, NormRNN, SequenceModel, initialise
from backsight.probes import probe
from tests.test_probe_calls import Ran, compare, rand, total


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def made(layers: int, **options: Any) -> NormRNN:
    """In float64, its gains and biases not what they are at first."""
    module = NormRNN(3, 4, layers, **options).double()
    with torch.no_grad():
        for cell in cells(module):
            cell.norm.weight.uniform_(0.5, 1.5)
            cell.norm.bias.uniform_(-0.5, 0.5)
    return module


def cells(module: NormRNN) -> list[NormCell]:
    """The lowest first."""
    return [cell for cell in module.modules() if isinstance(cell, NormCell)]


def slowly(module: NormRNN, xs: Tensor, state: Tensor | None = None) -> list[list[Tensor]]:
    """Every state of one sequence ``(T, 3)`` by layer, from matrices, means and roots alone."""
    below, found = list(xs), []
    for number, cell in enumerate(cells(module)):
        h = xs.new_zeros(4) if state is None else state[number]
        states = []
        for x in below:
            a = cell.weight_ih @ x + cell.weight_hh @ h
            off = a - a.sum() / 4
            spread = ((off * off).sum() / 4 + cell.norm.eps).sqrt()
            h = torch.tanh(cell.norm.weight * off / spread + cell.norm.bias)
            states.append(h)
        found.append(states)
        below = states
    return found


# -- what it computes ------------------------------------------------------------------------


@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize("layers", [1, 2])
def test_states_are_those_of_the_formula(layers: int, given: bool) -> None:
    module, xs = made(layers), rand(3, 7, 3)
    state = rand(layers, 3, 4) if given else None
    output, last = module(xs, state)
    assert output.shape == (3, 7, 4)
    assert last.shape == (layers, 3, 4)
    for b in range(3):
        expected = slowly(module, xs[b], None if state is None else state[:, b])
        torch.testing.assert_close(output[b], torch.stack(expected[-1]), rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(last[:, b], torch.stack([states[-1] for states in expected]))


def test_gains_begin_at_one_and_biases_at_zero_whatever_the_initialisation() -> None:
    for name in ("default", "orthogonal", "smart-tanh"):
        model = SequenceModel(3, 2, cell="rnn-norm", hidden=6, layers=2, init=name)
        assert isinstance(model.rnn, NormRNN)
        for cell in cells(model.rnn):
            assert (cell.norm.weight == 1).all()
            assert not cell.norm.bias.any()


def test_an_initialisation_reaches_every_layer() -> None:
    module = NormRNN(3, 20, 2)
    initialise(module, "orthogonal", 0.5)
    for cell in cells(module):
        w = cell.weight_hh
        torch.testing.assert_close(w @ w.T, 0.25 * torch.eye(20), atol=1e-5, rtol=0)


def test_dropout_lies_between_layers_and_in_training_alone() -> None:
    module, xs = made(2, dropout=0.5), rand(3, 7, 3)
    plain = made(2)
    plain.load_state_dict(module.state_dict())
    assert not torch.equal(module(xs)[0], plain(xs)[0])
    assert torch.equal(module.eval()(xs)[0], plain(xs)[0])
    single = made(1, dropout=0.5)
    assert torch.equal(single(xs)[0], single(xs)[0])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_narrower_arithmetic_stays_near(dtype: torch.dtype) -> None:
    module, xs = made(2), rand(3, 7, 3)
    exact, _ = module(xs)
    rounded, _ = module.to(dtype)(xs.to(dtype))
    assert rounded.dtype == dtype
    # Bound of |h| times the dtype's own rounding, over a few steps that add it up.
    torch.testing.assert_close(rounded.double(), exact, rtol=0, atol=16 * torch.finfo(dtype).eps)


def test_gradients_are_those_of_finite_differences() -> None:
    module = made(2)
    xs, state = rand(2, 4, 3).requires_grad_(), rand(2, 2, 4).requires_grad_()
    assert torch.autograd.gradcheck(module, (xs, state))


def test_a_nan_reaches_its_own_sequence_alone() -> None:
    module, xs = made(1), rand(2, 5, 3)
    xs[0, 2, 0] = math.nan
    output, _ = module(xs)
    assert torch.isfinite(output[0, :2]).all()
    assert output[0, 2:].isnan().all()
    assert torch.isfinite(output[1]).all()


def test_one_unit_has_no_spread() -> None:
    with pytest.raises(SettingError, match="at least 2 hidden units, not 1"):
        NormRNN(3, 1)
    with pytest.raises(SettingError, match="needs --hidden 2 or more"):
        MemoryAdding(cell="rnn-norm", hidden=1)


# -- how far back its gradient reaches -------------------------------------------------------


@pytest.mark.some(4)
@pytest.mark.parametrize("loss", ["steps", "last", "middle", "ragged"])
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_the_probe_measures_every_layer(layers: int, loss: str) -> None:
    module, xs = made(layers), rand(3, 8, 3)

    def compute_loss() -> Tensor:
        output, _ = module(xs)
        return total(loss, [(list(output[b]), ()) for b in range(3)])

    profiles = probe(nn.ModuleDict({"rnn": module}), compute_loss)
    assert list(profiles) == [f"rnn.l{number}" for number in range(layers)]
    compare(profiles, [ran(slowly(module, xs[b])) for b in range(3)], loss)


def ran(states: list[list[Tensor]]) -> Ran:
    """What the reference has left of one sequence."""
    names = [f"rnn.l{number}" for number in range(len(states))]
    steps = len(states[0])
    return Ran(
        dict(zip(names, states, strict=True)),
        {name: [] for name in names},
        states[-1],
        [[t] for t in range(steps)],
    )


@pytest.mark.parametrize("cut", [False, True])
def test_a_state_that_is_carried_on_is_followed_unless_it_is_detached(cut: bool) -> None:
    module, xs = made(2), rand(3, 8, 3)

    def compute_loss() -> Tensor:
        first, state = module(xs[:, :5])
        second, _ = module(xs[:, 5:], state.detach() if cut else state)
        output = torch.cat([first, second], 1)
        return total("steps", [(list(output[b]), ()) for b in range(3)])

    profiles = probe(nn.ModuleDict({"rnn": module}), compute_loss)
    if cut:
        # A copy without a graph is known by its values: 8 steps, and no gradient before the cut.
        assert {name: len(p.grad_time) for name, p in profiles.items()} == {
            "rnn.l0": 8,
            "rnn.l1": 8,
        }
    else:
        compare(profiles, [ran(slowly(module, xs[b])) for b in range(3)])


# -- in the lab, and under guard -------------------------------------------------------------


def test_a_run_records_what_a_fused_layer_s_would(tmp_path: Path) -> None:
    run = train(
        MemoryAdding(
            cell="rnn-norm", hidden=8, layers=2, length=12, iterations=4, batch=3, every=1,
            validate_sequences=20, device="cpu", report=False, run=tmp_path / "run",
        )
    )  # fmt: skip
    for layer in ("rnn.l0", "rnn.l1"):
        reach = run.profile(f"reach/{layer}")
        assert reach.rows[-1].shape == (12,)
        assert np.isfinite(reach.rows[-1]).all()
        assert reach.rows[-1][0] == 1
        assert np.isfinite(run[f"spectral_radius/{layer}"]).all()


@pytest.mark.parametrize(
    "policy", [lambda: Orthogonality(weight=0.1), lambda: SpectralCap(0.3)],
    ids=["orthogonality", "spectral"],
)  # fmt: skip
def test_policies_on_recurrent_matrices_find_its_own(policy: Callable[[], Any]) -> None:
    models = [SequenceModel(3, 2, cell="rnn-norm", hidden=6) for _ in range(2)]
    models[1].load_state_dict(models[0].state_dict())
    xs = torch.randn(4, 5, 3)
    for model, policies in zip(models, ([], [policy()]), strict=True):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        guard = Guard(model, optimizer, *policies)
        for _ in range(3):
            optimizer.zero_grad()
            loss = model(xs)[0].square().mean()
            loss.backward()
            guard.step(loss)
        guard.close()
    free, held = (matrix_of(m) for m in models)
    assert not torch.equal(free, held)


def matrix_of(model: SequenceModel) -> Tensor:
    """The recurrent matrix of its only layer."""
    assert isinstance(model.rnn, NormRNN)
    (cell,) = cells(model.rnn)
    adapter = adapter_of(cell)
    assert adapter is not None
    (matrix,) = adapter.recurrent_matrices(cell)
    return matrix.weights


def test_omega_says_that_it_has_no_form_for_it() -> None:
    model = SequenceModel(3, 2, cell="rnn-norm", hidden=6)
    with pytest.raises(SettingError, match="nor cells that a loop calls"):
        Guard(model, torch.optim.SGD(model.parameters(), lr=0.1), Omega())
