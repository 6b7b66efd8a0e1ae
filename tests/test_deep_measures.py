"""Lyapunov exponents and memory capacity: known answers, and a slow reference in float64."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from backsight.errors import SettingError
from backsight.probes import driven, lyapunov, memory_capacity, step_jacobian
from backsight.signals import capacity_words, lyapunov_words

Step = Callable[[Tensor, tuple[Tensor, ...]], tuple[Tensor, ...]]


def drawn(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def orthogonal(size: int) -> Tensor:
    q: Tensor = torch.linalg.qr(drawn(size, size, seed=7))[0]
    return q


def linear(matrix: Tensor) -> Step:
    return lambda x, state: (state[0] @ matrix.T + x[0],)


def cell_step(cell: nn.Module) -> Step:
    def advance(x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        made = cell(x[0], state if len(state) > 1 else state[0])
        return made if isinstance(made, tuple) else (made,)

    return advance


def kernel_step(module: nn.RNNBase) -> Step:
    def advance(x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        given = [one[None] for one in state]
        made = module(x, tuple(given) if len(given) > 1 else given[0])[1]
        return tuple(one[0] for one in (made if isinstance(made, tuple) else (made,)))

    return advance


def slow_spectrum(
    advance: Step, x: Tensor, state: tuple[Tensor, ...], settle: int = 0
) -> NDArray[np.float64]:
    """One sequence at a time, each Jacobian by autograd's own function, with numpy's QR."""
    logs = []
    for b in range(x.shape[1]):
        own = tuple(one[b] for one in state)
        q = np.eye(sum(len(one) for one in own))
        for t in range(len(x)):

            def step(*now: Tensor, b: int = b, t: int = t) -> Tensor:
                made = advance(x[t : t + 1, b : b + 1], tuple(one[None] for one in now))
                return torch.cat([one[0] for one in made])

            parts: Any = torch.autograd.functional.jacobian(step, own)  # type: ignore[no-untyped-call]
            q, r = np.linalg.qr(torch.cat(parts, 1).numpy() @ q)
            own = torch.split(step(*own).detach(), [len(one) for one in own])
            if t >= settle:
                logs.append(np.log(np.abs(np.diag(r))))
    return np.sort(np.mean(logs, axis=0))[::-1]


@pytest.mark.some(2)
@pytest.mark.parametrize("kind", ["tanh", "relu", "gru", "lstm", "lstm projected", "cell"])
def test_lyapunov_exponents_of_each_kind_are_those_of_the_slow_reference(kind: str) -> None:
    torch.manual_seed(0)
    modules: dict[str, Callable[[], Any]] = {
        "tanh": lambda: nn.RNN(2, 4),
        "relu": lambda: nn.RNN(2, 4, nonlinearity="relu"),
        "gru": lambda: nn.GRU(2, 4),
        "lstm": lambda: nn.LSTM(2, 4),
        "lstm projected": lambda: nn.LSTM(2, 4, proj_size=3),
        "cell": lambda: nn.LSTMCell(2, 4),
    }
    module = modules[kind]().double()
    if kind == "relu":  # all units on: an inactive one is lost, to -inf
        nn.init.constant_(module.bias_ih_l0, 3.0)
    sizes = {"lstm": [4, 4], "lstm projected": [3, 4], "cell": [4, 4]}.get(kind, [4])
    advance = cell_step(module) if kind == "cell" else kernel_step(module)
    x, state = drawn(7, 3, 2), tuple(drawn(3, size, seed=1) for size in sizes)
    found = lyapunov(advance, x, state, settle=2)
    np.testing.assert_allclose(
        found.exponents, slow_spectrum(advance, x, state, settle=2), rtol=0, atol=1e-12
    )
    assert found.steps == 5
    assert all(weight.grad is None for weight in module.parameters())


def test_a_jacobian_made_in_portions_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    advance = cell_step(nn.GRUCell(2, 5).double())
    x, state = drawn(1, 3, 2), (drawn(3, 5, seed=1),)
    whole = step_jacobian(advance, x, state)
    monkeypatch.setattr("backsight.probes._lyapunov.ROWS", 6)
    parts = step_jacobian(advance, x, state)
    torch.testing.assert_close(parts[1], whole[1], rtol=0, atol=1e-15)
    torch.testing.assert_close(parts[0][0], whole[0][0], rtol=0, atol=1e-15)


@pytest.mark.parametrize("scale", [1.0, 0.9, 1.1])
def test_a_scaled_orthogonal_matrix_has_one_exponent(scale: float) -> None:
    found = lyapunov(linear(scale * orthogonal(6)), drawn(9, 2, 6), [torch.zeros(2, 6).double()])
    np.testing.assert_allclose(found.exponents, [math.log(scale)] * 6, atol=1e-13)


def test_a_diagonal_matrix_has_the_logarithms_of_its_eigenvalues() -> None:
    diagonal = torch.tensor([0.5, -0.9, 0.0, 1.2], dtype=torch.float64)
    x, state = drawn(5, 2, 4), [torch.zeros(2, 4).double()]
    found = lyapunov(linear(torch.diag(diagonal)), x, state)
    np.testing.assert_allclose(found.exponents[:3], np.log([1.2, 0.9, 0.5]), atol=1e-14)
    assert found.exponents[3] == -math.inf
    assert found.outcome == "ok"


def test_at_the_fixed_point_of_tanh_the_exponents_are_those_of_the_matrix() -> None:
    matrix = torch.diag(torch.tensor([0.8, 0.3], dtype=torch.float64))
    x = torch.zeros(4, 1, 2).double()
    found = lyapunov(
        lambda x, state: (torch.tanh(state[0] @ matrix.T + x[0]),), x, [torch.zeros(1, 2).double()]
    )
    np.testing.assert_allclose(found.exponents, np.log([0.8, 0.3]), atol=1e-14)


def test_a_linear_map_has_the_logarithms_of_its_eigenvalues() -> None:
    matrix = drawn(5, 5, seed=3) / 5**0.5
    x, state = torch.zeros(600, 1, 5).double(), [torch.zeros(1, 5).double()]
    found = lyapunov(linear(matrix), x, state, settle=100)
    wanted = np.sort(np.log(np.abs(np.linalg.eigvals(matrix.numpy()))))[::-1]
    np.testing.assert_allclose(found.exponents, wanted, atol=0.01)


def test_the_sum_of_exponents_is_the_mean_logarithm_of_the_determinant() -> None:
    matrix = drawn(6, 6, seed=2) / 6**0.5
    states = []

    def advance(x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        states.append(torch.tanh(state[0] @ matrix.T + x[0]))
        return (states[-1],)

    found = lyapunov(advance, drawn(12, 1, 6), [torch.zeros(1, 6).double()])
    slopes = torch.stack([1 - one[0].detach() ** 2 for one in states])
    wanted = torch.linalg.slogdet(matrix)[1] + slopes.log().sum(1).mean()
    assert found.exponents.sum() == pytest.approx(float(wanted), abs=1e-12)


def test_fresh_gaussian_matrices_have_their_known_exponents() -> None:
    size, gain, steps = 5, 1.3, 1500
    matrices = gain * drawn(steps, 4, size, size) / size**0.5

    def advance(x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return ((x[0] @ state[0][..., None])[..., 0],)

    found = lyapunov(advance, matrices, [torch.zeros(4, size).double()])
    i = torch.arange(1, size + 1, dtype=torch.float64)
    wanted = math.log(gain) + 0.5 * (math.log(2 / size) + torch.digamma((size - i + 1) / 2))
    np.testing.assert_allclose(found.exponents, wanted, atol=0.05)  # 6000 matrices: 4 deviations


@pytest.mark.long
@pytest.mark.parametrize(
    ("gain", "noise", "theory", "within"),
    [(0.5, 0.0, -0.693, 0.07), (1.5, 0.0, 0.0652, 0.045), (2.0, 1.0, 0.046, 0.02)],
)
def test_a_random_network_has_the_exponent_of_the_mean_field(
    gain: float, noise: float, theory: float, within: float
) -> None:
    size = 200  # which is few: 400 units come nearer
    matrix = gain * drawn(size, size, seed=4) / size**0.5
    x, state = noise * drawn(500, 1, size), [drawn(1, size, seed=5)]
    found = lyapunov(
        lambda x, state: (torch.tanh(state[0]) @ matrix.T + x[0],), x, state, settle=150
    )
    assert found.largest == pytest.approx(theory, abs=within)


def test_a_sequence_counts_for_its_own_steps_alone() -> None:
    def advance(x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return (x[0] * state[0],)

    x = torch.tensor([[2.0, 4.0], [2.0, math.nan], [2.0, math.nan]], dtype=torch.float64)[..., None]
    found = lyapunov(advance, x, [torch.ones(2, 1).double()], lengths=[3, 1])
    assert found.exponents.tolist() == pytest.approx([(3 * math.log(2) + math.log(4)) / 4])
    assert lyapunov(advance, x, [torch.ones(2, 1).double()]).outcome == "not finite"
    assert lyapunov(advance, x, [torch.ones(2, 1).double()], lengths=[1, 1], settle=1).outcome == (
        "not enough data"
    )


def test_what_cannot_be_measured_is_told() -> None:
    state = [torch.zeros(2, 3).double()]
    with pytest.raises(SettingError, match=r"without torch\.no_grad\(\) or detach\(\)"):
        lyapunov(lambda x, state: (state[0].detach() + x[0],), drawn(2, 2, 3), state)
    with pytest.raises(SettingError, match=r"returned shapes \[\(6, 1\)\] for \[\(6, 3\)\]"):
        lyapunov(lambda x, state: (state[0][:, :1],), drawn(2, 2, 3), state)
    with pytest.raises(SettingError, match="need at least one step"):
        lyapunov(linear(torch.eye(3).double()), drawn(0, 2, 3), state)
    with pytest.raises(SettingError, match=r"\(4, 2, 3\) and \(4, 3\)"):
        memory_capacity(drawn(4, 2, 3), drawn(4, 3))
    with pytest.raises(SettingError, match="more than 6 steps of two sequences, not 6 steps of 2"):
        memory_capacity(drawn(6, 2, 3), drawn(6, 2))
    with pytest.raises(SettingError, match="inputs that vary"):
        driven(linear(torch.eye(3).double()), torch.ones(4, 2, 3), state)
    with pytest.raises(SettingError, match="floating-point"):
        driven(linear(torch.eye(3).double()), torch.ones(4, 2, 3).long(), state)


def delay_line(x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return (torch.cat([x[0], state[0][:, :-1]], 1),)


def test_the_memory_capacity_of_a_delay_line_is_its_length() -> None:
    found = driven(delay_line, drawn(9, 2, 1), [torch.zeros(2, 7).double()])
    assert found.recovered[:7] == pytest.approx([1.0] * 7, abs=1e-9)
    assert found.recovered[7:].max() < 0.01
    assert found.total == pytest.approx(7.0, abs=0.1)
    lost = lyapunov(delay_line, drawn(9, 2, 1), [torch.zeros(2, 7).double()])
    assert lost.exponents.tolist() == [-math.inf] * 7


def test_the_memory_capacity_is_larger_the_less_the_state_forgets_and_distorts() -> None:
    """The order of the known answers for 100 units: 97, 60, 15 and 5."""
    turn, along = orthogonal(30), drawn(30, 1, seed=9)

    def reservoir(gain: float, activation: Callable[[Tensor], Tensor]) -> float:
        found = driven(
            lambda x, state: (activation(gain * state[0] @ turn.T + 0.1 * x[0] @ along.T),),
            drawn(9, 2, 1),
            [torch.zeros(2, 30).double()],
        )
        return found.total

    whole, bent = reservoir(1.0, lambda a: a), reservoir(1.0, torch.tanh)
    short, chaotic = reservoir(0.5, torch.tanh), reservoir(1.5, torch.tanh)
    assert 25 < whole <= 30.2  # no more than units, but for what a readout guesses by chance
    assert whole > bent > short > chaotic > 1


@pytest.mark.long
@pytest.mark.parametrize(
    ("gain", "activation", "known", "off"),
    [
        (1.0, lambda a: a, 96.9, 2.0),
        (1.0, torch.tanh, 59.6, 6.0),
        (0.5, torch.tanh, 15.5, 1.0),
        (1.5, torch.tanh, 4.7, 1.5),  # chaotic
    ],
)
@pytest.mark.parametrize("seed", [1, 2])
def test_the_memory_capacities_of_100_units_are_the_known_ones(
    gain: float, activation: Callable[[Tensor], Tensor], known: float, off: float, seed: int
) -> None:
    """An orthogonal matrix, an input that is uniform in [-1, 1], and its weights from N(0, 0.11²):
    the size of the input decides how far tanh bends, and how far noise drowns chaos."""
    generator = torch.Generator().manual_seed(seed)
    turn: Tensor = torch.linalg.qr(torch.randn(100, 100, generator=generator, dtype=torch.float64))[
        0
    ]
    into = 0.11 * torch.randn(1, 100, generator=generator, dtype=torch.float64)
    data = 2 * torch.rand(5000, 1, 1, generator=generator, dtype=torch.float64) - 1
    found = driven(
        lambda x, state: (activation(gain * state[0] @ turn.T + x[0] @ into),),
        data,
        [torch.zeros(2, 100).double()],
    )
    assert found.total == pytest.approx(known, abs=off)


def test_a_state_that_holds_nothing_has_no_capacity() -> None:
    assert driven(lambda x, state: state, drawn(9, 2, 1), [torch.zeros(2, 3)]).total == 0
    noise = memory_capacity(drawn(30, 400, 2), drawn(30, 400, seed=1), lags=10)
    assert noise.total < 0.02
    broken = drawn(30, 4, 2)
    broken[20, 0, 0] = math.nan
    assert memory_capacity(broken, drawn(30, 4)).outcome == "not finite"


def test_half_of_what_is_held_counts_by_its_squared_correlation() -> None:
    u, other = drawn(20, 4000), drawn(20, 4000, seed=1)
    found = memory_capacity((u + other)[..., None], u, lags=1)
    assert found.total == pytest.approx(0.5, abs=0.01)


def test_nothing_is_drawn_from_the_random_numbers_of_the_caller() -> None:
    before = torch.get_rng_state()
    driven(delay_line, drawn(9, 2, 1), [torch.zeros(2, 2).double()])
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("largest", "steps", "words"),
    [
        (-0.12, 50, "is -0.12 per step: the gradient halves every 6 steps, as measured"),
        (-0.69, 50, "is -0.69 per step: the gradient halves every step, as measured"),
        (-0.48, 50, "is -0.48 per step: the gradient halves every 1.4 steps, as measured"),
        (-2.3, 50, "is -2.30 per step: the gradient changes by a factor of 0.1 per step"),
        (0.05, 50, "the gradient doubles every 14 steps, as measured; small differences of the"),
        (0.001, 50, "is 0.001 per step: the gradient neither halves nor doubles in 50 steps"),
        (-1e-17, 1, "is 0 per step: the gradient neither halves nor doubles in 1 step"),
        (-math.inf, 5, "no difference of the state outlives the steps measured"),
        (math.nan, 5, "the Lyapunov exponents are not finite"),
    ],
)
def test_exponents_in_words(largest: float, steps: int, words: str) -> None:
    assert words in lyapunov_words(largest, steps)


def test_outcomes_in_words() -> None:
    assert "no step counts" in lyapunov_words(math.nan, 0, "not enough data")
    assert capacity_words(math.nan, 3) == "the memory capacity is not finite"
    assert capacity_words(math.nan, 3, "not enough data") == "the memory capacity was not measured"
