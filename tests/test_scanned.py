"""How layers are read that run a linear recurrence over a whole sequence in one call.

Against autograd on a loop over single steps, in float64.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

import backsight
from backsight.lab import MemoryEcho
from backsight.layers import LayerAdapter, register_layer
from backsight.nn import build_cell, linear_scan
from backsight.probes import GradientProfile, probe
from backsight.signals import Run

CELLS = ("mingru", "minlstm", "lru")
EXACT = 1e-12


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def rand(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64)


def layer_of(cell: str) -> nn.Module:
    (layer,) = build_cell(cell, 3, 4).double().children()
    return layer


def steps_of(layer: nn.Module, x: Tensor, h: Tensor | None = None) -> list[Tensor]:
    """The states ``(B, 4)`` of single steps."""
    states = []
    for t in range(x.shape[1]):
        h = layer(x[:, t : t + 1], h)[:, 0]
        states.append(h)
    return states


def norms(loss: Tensor, states: list[Tensor]) -> NDArray[np.float64]:
    """``(B, T)``: of the gradient on each state."""
    found = torch.autograd.grad(loss, states, retain_graph=True, allow_unused=True)
    rows = [torch.zeros(len(states[0])) if g is None else g.norm(dim=-1) for g in found]
    table: NDArray[np.float64] = torch.stack(rows, 1).numpy()
    return table


def profile_of(layer: nn.Module, loss: Callable[[], Tensor]) -> GradientProfile:
    return probe(nn.ModuleDict({"layer": layer}), loss)["layer"]


def back(each: NDArray[np.float64]) -> NDArray[np.float64]:
    """``R(k)`` of a loss at the last step."""
    mean: NDArray[np.float64] = each.mean(0)[::-1]
    relative: NDArray[np.float64] = mean / mean[0]
    return relative


@pytest.mark.parametrize("cell", CELLS)
def test_the_reach_is_the_product_of_what_is_kept(cell: str) -> None:
    layer, x = layer_of(cell), rand(3, 40, 3)
    profile = profile_of(layer, lambda: layer(x)[:, -1].pow(2).sum())
    states = steps_of(layer, x)
    expected = norms(states[-1].pow(2).sum(), states)
    np.testing.assert_allclose(profile.reach, back(expected), rtol=EXACT)
    np.testing.assert_allclose(profile.grad_time, expected.mean(0), rtol=EXACT)
    sizes = torch.stack(states).norm(dim=-1).mean(1).detach()
    np.testing.assert_allclose(profile.hidden_norm, sizes, rtol=EXACT)
    assert profile.graph_end == 39
    # And by the closed form, unit by unit.
    decays = layer.recurrence(x)[0].detach().expand(3, -1, -1)  # type: ignore[operator]
    direct = 2 * states[-1].detach()
    if decays.is_complex():
        direct = torch.view_as_complex(direct.view(3, 2, 2))
    for lag in (1, 7, 39):
        kept = decays[:, 40 - lag :].prod(1).conj() * direct
        assert float(kept.norm(dim=-1).mean() / direct.norm(dim=-1).mean()) == pytest.approx(
            profile.reach[lag], rel=EXACT
        )


@pytest.mark.parametrize("cell", ["minlstm", "lru"])
@pytest.mark.parametrize("detached", [False, True])
def test_windows_that_hand_their_state_on_are_one_sequence(cell: str, detached: bool) -> None:
    layer, x = layer_of(cell), rand(2, 9, 3)

    def hand(h: Tensor) -> Tensor:
        return h.detach() if detached else h

    def loss() -> Tensor:
        first = layer(x[:, :5])
        second = layer(x[:, 5:], hand(first[:, -1]))
        return torch.add(second[:, -1].sum(), first[:, 2].sum())

    profile = profile_of(layer, loss)
    first = steps_of(layer, x[:, :5])
    states = [*first, *steps_of(layer, x[:, 5:], hand(first[-1]))]
    each = norms(states[-1].sum(), states)
    np.testing.assert_allclose(profile.reach, back(each), rtol=EXACT)
    whole = norms(states[-1].sum() + states[2].sum(), states)
    np.testing.assert_allclose(profile.grad_time, whole.mean(0), rtol=EXACT)
    assert profile.graph_end == (3 if detached else 8)
    assert profile.cut == (3 if detached else None)


def test_calls_that_begin_anew_are_further_sequences() -> None:
    layer, one, other = layer_of("mingru"), rand(2, 6, 3), rand(2, 4, 3)
    profile = profile_of(layer, lambda: layer(one)[:, -1].sum() + layer(other)[:, -1].sum())
    rows = []
    for x in (one, other):
        states = steps_of(layer, x)
        rows.append(norms(states[-1].sum(), states)[:, ::-1])
    lags = [np.concatenate([r[:, k] for r in rows if k < r.shape[1]]).mean() for k in range(6)]
    np.testing.assert_allclose(profile.reach, np.array(lags) / lags[0], rtol=EXACT)
    assert profile.share is not None  # not all sequences have all lags


def test_a_stack_whose_lower_layer_is_read_as_well() -> None:
    """What the loss takes from it counts once, beside what comes through the layer above."""
    stack, x = build_cell("minlstm", 3, 4, 2).double(), rand(2, 7, 3)
    low, high = stack.children()

    def loss() -> Tensor:
        below = low(x)
        return torch.add(high(below)[:, -1].sum(), below[:, -1].sum(), alpha=3)

    found = probe(stack, loss)
    below = steps_of(low, x)
    above, h = [], None
    for state in below:
        h = high(state[:, None], h)[:, 0]
        above.append(h)
    value = above[-1].sum() + 3 * below[-1].sum()
    np.testing.assert_allclose(found["l0"].reach, back(norms(value, below)), rtol=1e-10)
    np.testing.assert_allclose(found["l1"].reach, back(norms(value, above)), rtol=1e-10)


def test_both_directions_are_layers_by_themselves() -> None:
    ahead, x = layer_of("mingru"), rand(2, 6, 3)
    (back_,) = build_cell("mingru", 4, 4).double().children()
    model = nn.ModuleDict({"ahead": ahead, "back": back_})
    found = probe(
        model, lambda: ahead(x)[:, -1].sum() + back_(ahead(x).flip(1))[:, -1].pow(2).sum()
    )
    states = steps_of(back_, ahead(x).flip(1))
    expected = back(norms(states[-1].pow(2).sum(), states))
    np.testing.assert_allclose(found["back"].reach, expected, rtol=EXACT)


def test_a_loss_apart_and_a_nan_are_told_apart() -> None:
    layer, x = layer_of("lru"), rand(2, 5, 3)
    weight = nn.Parameter(torch.ones(()))

    def apart() -> Tensor:
        layer(x)
        return weight * 2

    assert profile_of(layer, apart).outcome == "not enough data"
    bad = x.clone()
    bad[0, 2] = torch.nan
    assert profile_of(layer, lambda: layer(bad)[:, -1].pow(2).sum()).outcome == "not finite"


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("cell", CELLS)
def test_lower_precision_is_close(cell: str, dtype: torch.dtype) -> None:
    layer, x = layer_of(cell), rand(3, 12, 3)
    exact = profile_of(layer, lambda: layer(x)[:, -1].sum()).reach
    layer, given = layer.to(dtype), x.to(dtype)
    assert layer(given).dtype == dtype
    found = profile_of(layer, lambda: layer(given)[:, -1].sum()).reach
    tolerance = 1e-5 if dtype == torch.float32 else 0.05
    np.testing.assert_allclose(found, exact, rtol=tolerance, atol=tolerance)


def test_its_lyapunov_exponents_are_the_logarithms_of_what_is_kept() -> None:
    """Of a diagonal transition, each unit's is the mean over the steps that count."""
    layer, x = layer_of("minlstm"), rand(1, 16, 3)
    model = nn.ModuleDict({"layer": layer})
    found = probe(model, lambda: layer(x)[:, -1].sum(), deep=True)["layer"].deep
    assert found is not None
    assert found.lyapunov is not None
    kept = layer.recurrence(x)[0][0, 16 // 4 :].detach()  # type: ignore[operator]
    expected = np.sort(kept.log().mean(0).numpy())[::-1]
    np.testing.assert_allclose(found.lyapunov.exponents, expected, atol=1e-10)


class _Kept(nn.Module):
    """A user's own: a leaky mean, by a scan of the user's."""

    def __init__(self, keep: float) -> None:
        super().__init__()
        self.keep, self.into = keep, nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        return linear_scan(torch.full((x.shape[1], 2), self.keep), self.into(x))


class _KeptLayers(LayerAdapter):
    kind, reading, module_type = "kept in a test", "scanned", _Kept

    def decays(self, module: nn.Module, x: Tensor) -> Tensor:
        assert isinstance(module, _Kept)
        return torch.full((x.shape[1], 2), module.keep)


def test_a_layer_of_ones_own_needs_its_decays_alone() -> None:
    from backsight.layers import _registry

    register_layer(_KeptLayers())
    try:
        layer = _Kept(0.5)
        profile = profile_of(layer, lambda: layer(torch.randn(2, 4, 3))[:, -1].sum())
    finally:
        _registry._registered.pop("kept in a test")
    np.testing.assert_allclose(profile.reach, [1, 0.5, 0.25, 0.125], rtol=1e-6)


def test_train_records_the_reach_and_the_states_of_each_layer(tmp_path: Any) -> None:
    """In an ordinary run of the trainer."""
    backsight.train(
        MemoryEcho(
            cell="lru", iterations=2, length=8, hidden=4, layers=2, run=tmp_path / "run",
            report=False,
        )
    )  # fmt: skip
    run = Run(tmp_path / "run")
    for layer in ("rnn.l0", "rnn.l1"):
        assert {f"reach/{layer}", f"hidden_norm/{layer}", f"memory/{layer}"} <= {*run.names}
