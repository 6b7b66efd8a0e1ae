"""The lab's models: shapes, carried state, initialisations, generated text."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args

import pytest
import torch
from torch import Tensor, nn

from backsight.errors import SettingError
from backsight.lab import Chars, MemoryAdding
from backsight.lab._memory import Memorising
from backsight.lab._text import Text
from backsight.nn import (
    CELLS,
    Cell,
    CharModel,
    Init,
    NormRNN,
    State,
    build_cell,
    count_parameters,
    detach,
    generate,
    initialise,
)

FUSED: tuple[Cell, ...] = ("rnn", "rnn-relu", "gru", "lstm")
KINDS: dict[str, tuple[Callable[[int, int, int], nn.RNNBase], int]] = {
    "rnn": (nn.RNN, 1), "gru": (nn.GRU, 3), "lstm": (nn.LSTM, 4),
}  # fmt: skip
SQUARE: tuple[Init, ...] = ("orthogonal", "identity", "gaussian", "smart-tanh")
"""Those that draw the recurrent matrices anew."""


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def parts(state: State) -> tuple[Tensor, ...]:
    """The tensors of a state."""
    return state if isinstance(state, tuple) else (state,)


def layer(kind: str, hidden: int, layers: int = 1, inputs: int = 40) -> nn.RNNBase:
    """A bare recurrent module."""
    return KINDS[kind][0](inputs, hidden, layers)


def blocks(rnn: nn.RNNBase) -> Iterator[Tensor]:
    """Every square recurrent matrix: one a gate and layer."""
    for name, parameter in rnn.named_parameters():
        if name.startswith("weight_hh"):
            yield from parameter.detach().view(-1, rnn.hidden_size, rnn.hidden_size)


def inputs_of(rnn: nn.RNNBase) -> list[Tensor]:
    """The input weights of each layer."""
    return [p.detach() for name, p in rnn.named_parameters() if name.startswith("weight_ih")]


def radius(block: Tensor) -> float:
    """Largest absolute eigenvalue."""
    return float(torch.linalg.eigvals(block.double()).abs().max())


def assert_biases_are_zero(rnn: nn.RNNBase) -> None:
    """The layer has biases, and they are 0."""
    biases = [p for name, p in rnn.named_parameters() if name.startswith("bias")]
    assert biases
    assert not any(bias.any() for bias in biases)


# -- shapes and state ------------------------------------------------------------------------


@pytest.mark.parametrize("embedding", [0, 5], ids=["one-hot", "embedding"])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("cell", CELLS)
def test_shapes_and_state_carried_over_two_windows_equals_one_long_window(
    cell: Cell, layers: int, embedding: int
) -> None:
    model = CharModel(11, cell=cell, hidden=6, layers=layers, embedding=embedding).double()
    codes = torch.randint(11, (3, 13))
    whole, end = model(codes)
    assert whole.shape == (3, 13, 11)
    assert len(parts(end)) == (2 if cell == "lstm" else 1)
    assert all(part.shape == (layers, 3, 6) for part in parts(end))

    first, state = model(codes[:, :5])
    second, state = model(codes[:, 5:], state)
    torch.testing.assert_close(torch.cat([first, second], 1), whole)
    for carried, expected in zip(parts(state), parts(end), strict=True):
        torch.testing.assert_close(carried, expected)
    without, _ = model(codes[:, 5:])
    assert not torch.allclose(without, whole[:, 5:])  # so the state did matter


@pytest.mark.parametrize("cell", FUSED)
def test_a_cell_is_the_module_that_its_name_says(cell: Cell) -> None:
    rnn = CharModel(5, cell=cell, hidden=4).rnn
    assert type(rnn).__name__ == cell.partition("-")[0].upper()
    if isinstance(rnn, nn.RNN):
        assert rnn.nonlinearity == ("relu" if cell == "rnn-relu" else "tanh")


def test_parameters_are_counted_and_frozen_ones_are_not() -> None:
    model = CharModel(11, cell="gru", hidden=7, embedding=5)
    recurrent = 3 * (7 * 5 + 7 * 7 + 7 + 7)
    assert count_parameters(model) == 11 * 5 + recurrent + 7 * 11 + 11
    assert model.embed is not None
    model.embed.weight.requires_grad_(False)
    assert count_parameters(model) == recurrent + 7 * 11 + 11


@pytest.mark.parametrize("cell", CELLS)
def test_a_detached_state_has_the_same_numbers_and_no_past(cell: Cell) -> None:
    _, state = CharModel(5, cell=cell, hidden=4)(torch.randint(5, (2, 3)))
    cut = detach(state)
    assert type(cut) is type(state)
    for before, after in zip(parts(state), parts(cut), strict=True):
        assert before.requires_grad
        assert not after.requires_grad
        assert torch.equal(before, after)


# -- initialisations -------------------------------------------------------------------------


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", SQUARE)
def test_an_initialisation_reaches_every_gate_of_every_layer_and_zeroes_biases(
    name: Init, kind: str, layers: int
) -> None:
    rnn = layer(kind, 20, layers)
    before = [block.clone() for block in blocks(rnn)]
    initialise(rnn, name)
    after = list(blocks(rnn))
    assert len(after) == layers * KINDS[kind][1]
    assert not any(torch.equal(old, new) for old, new in zip(before, after, strict=True))
    assert_biases_are_zero(rnn)


@pytest.mark.parametrize("gain", [1.0, 0.5])
@pytest.mark.parametrize("kind", KINDS)
def test_orthogonal_blocks_are_orthogonal_times_gain(kind: str, gain: float) -> None:
    rnn = layer(kind, 30, 2)
    inputs = [weight.clone() for weight in inputs_of(rnn)]
    initialise(rnn, "orthogonal", gain)
    for block in blocks(rnn):
        torch.testing.assert_close(block @ block.T, gain**2 * torch.eye(30), atol=1e-5, rtol=0)
    assert all(torch.equal(a, b) for a, b in zip(inputs, inputs_of(rnn), strict=True))


@pytest.mark.parametrize("gain", [1.0, 0.5])
@pytest.mark.parametrize("kind", KINDS)
def test_identity_blocks_are_the_identity_times_gain_with_small_inputs(
    kind: str, gain: float
) -> None:
    rnn = layer(kind, 100)
    initialise(rnn, "identity", gain)
    for block in blocks(rnn):
        assert torch.equal(block, gain * torch.eye(100))
    (weight,) = inputs_of(rnn)
    assert float(weight.std()) == pytest.approx(0.001, rel=0.1)


@pytest.mark.some(2)
@pytest.mark.parametrize("gain", [1.0, 1.5])
@pytest.mark.parametrize("kind", KINDS)
def test_gaussian_blocks_have_spectral_radius_about_gain(kind: str, gain: float) -> None:
    rnn = layer(kind, 400)
    inputs = [weight.clone() for weight in inputs_of(rnn)]
    initialise(rnn, "gaussian", gain)
    for block in blocks(rnn):
        assert float(block.std()) == pytest.approx(gain / math.sqrt(400), rel=0.02)
        assert abs(float(block.mean())) < 4 * gain / 400 / math.sqrt(400)
        assert radius(block) == pytest.approx(gain, rel=0.1)
    assert all(torch.equal(a, b) for a, b in zip(inputs, inputs_of(rnn), strict=True))


@pytest.mark.parametrize("gain", [1.0, 2.0])
@pytest.mark.parametrize("kind", KINDS)
def test_smart_tanh_blocks_are_sparse_with_radius_095_and_small_inputs(
    kind: str, gain: float
) -> None:
    rnn = layer(kind, 60)
    initialise(rnn, "smart-tanh", gain)
    for block in blocks(rnn):
        assert ((block != 0).sum(1) == 15).all()
        assert radius(block) == pytest.approx(0.95 * gain, rel=1e-4)
    (weight,) = inputs_of(rnn)
    assert float(weight.std()) == pytest.approx(0.01, rel=0.1)


@pytest.mark.parametrize("hidden", [1, 2, 14, 15, 16])
def test_smart_tanh_of_a_tiny_layer_uses_all_the_units_there_are(hidden: int) -> None:
    rnn = layer("rnn", hidden)
    initialise(rnn, "smart-tanh")
    (block,) = blocks(rnn)
    assert ((block != 0).sum(1) == min(15, hidden)).all()
    assert radius(block) == pytest.approx(0.95, rel=1e-4)


def test_smart_tanh_draws_the_output_weights_alike() -> None:
    head = CharModel(60, hidden=100, init="smart-tanh").head
    assert float(head.weight.detach().std()) == pytest.approx(0.01, rel=0.1)
    assert not head.bias.any()


@pytest.mark.parametrize("cell", FUSED)
def test_default_leaves_what_pytorch_draws_untouched(cell: Cell) -> None:
    torch.manual_seed(4)
    rnn, head = layer(cell.partition("-")[0], 7, 2, inputs=11), nn.Linear(7, 11)
    drawn = torch.get_rng_state()
    torch.manual_seed(4)
    model = CharModel(11, cell=cell, hidden=7, layers=2)
    assert torch.equal(torch.get_rng_state(), drawn)
    for reference, mine in ((rnn, model.rnn), (head, model.head)):
        expected = reference.state_dict()
        assert expected.keys() == mine.state_dict().keys()
        assert all(torch.equal(value, expected[key]) for key, value in mine.state_dict().items())


def test_default_with_a_gain_scales_the_recurrent_matrices_alone() -> None:
    rnn = layer("lstm", 9)
    before = {name: p.detach().clone() for name, p in rnn.named_parameters()}
    initialise(rnn, "default", 2.0)
    for name, parameter in rnn.named_parameters():
        assert torch.equal(parameter, before[name] * (2 if name.startswith("weight_hh") else 1))


@pytest.mark.parametrize("name", get_args(Init))
def test_an_initialisation_is_reproducible_by_seed(name: Init) -> None:
    def draw() -> list[Tensor]:
        torch.manual_seed(8)
        model = CharModel(11, cell="gru", hidden=20, init=name, t_max=50)
        return [p.detach() for p in model.parameters()]

    assert all(torch.equal(a, b) for a, b in zip(draw(), draw(), strict=True))


@pytest.mark.some(2)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", ["gru", "lstm"])
def test_chrono_units_forget_in_times_spread_evenly_up_to_the_longest(
    kind: str, dtype: torch.dtype
) -> None:
    """The mean and the spread of U(2, 100), and nothing outside; every layer and direction."""
    module = nn.LSTM if kind == "lstm" else nn.GRU
    torch.manual_seed(0)
    rnn = module(3, 2000, 1, bidirectional=True, dtype=dtype)
    initialise(rnn, "chrono", t_max=100)
    for end in ("l0", "l0_reverse"):
        gates = gate_biases(rnn, end)
        times = 1 / torch.sigmoid(-gates[1])  # 1 / (1 - gate), at rest
        assert times.dtype == dtype
        assert float(times.min()) >= 2 - 1e-3
        assert float(times.max()) <= 100 + 1e-3
        assert float(times.mean()) == pytest.approx(51, abs=2)
        assert float(times.std()) == pytest.approx(98 / math.sqrt(12), rel=0.03)
        assert len(set(times.tolist())) > 1950
        if kind == "lstm":
            torch.testing.assert_close(gates[0], -gates[1], rtol=0, atol=0)


@pytest.mark.parametrize("kind", ["gru", "lstm"])
def test_chrono_sets_the_gates_that_keep_and_leaves_all_else(kind: str) -> None:
    rnn = layer(kind, 9, 2)
    before = {name: p.detach().clone() for name, p in rnn.named_parameters()}
    initialise(rnn, "chrono", 2.0, t_max=30)
    kept = (2, 3) if kind == "lstm" else (0, 2)  # g and o; r and n
    for name, parameter in rnn.named_parameters():
        if name.startswith("bias"):
            same = (parameter == before[name]).view(-1, 9).all(1)
            assert [g for g in range(len(same)) if same[g]] == list(kept)
        else:
            factor = 2 if name.startswith("weight_hh") else 1
            assert torch.equal(parameter, before[name] * factor)


@pytest.mark.parametrize("kind", ["gru", "lstm"])
def test_a_chrono_unit_keeps_its_state_as_long_as_its_bias_says(kind: str) -> None:
    """Alone, with every other path at 0: what is left after n steps is (1 - 1/τ)ⁿ."""
    rnn = layer(kind, 5).double()
    initialise(rnn, "chrono", t_max=60)
    tau = 1 / torch.sigmoid(-gate_biases(rnn, "l0")[1])
    with torch.no_grad():
        for name, parameter in rnn.named_parameters():
            rows = parameter.view(-1, 5, *parameter.shape[1:])
            rows[[0, 2, 3] if kind == "lstm" else [0, 2]] = 0
            if name.startswith("weight"):
                parameter.zero_()
    start = torch.ones(1, 1, 5, dtype=torch.float64)
    given = (torch.zeros_like(start), start) if kind == "lstm" else start
    _, end = rnn(torch.zeros(20, 1, 40, dtype=torch.float64), given)
    left = end[1] if isinstance(end, tuple) else end
    torch.testing.assert_close(left.flatten(), (1 - 1 / tau) ** 20)


def gate_biases(rnn: nn.RNNBase, end: str) -> Tensor:
    """The sum of both, ``(gates, H)``."""
    both = getattr(rnn, f"bias_ih_{end}") + getattr(rnn, f"bias_hh_{end}")
    return both.detach().view(-1, rnn.hidden_size)  # type: ignore[no-any-return]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_chrono_sets_the_decays_of_an_lru_and_scales_what_it_is_fed(dtype: torch.dtype) -> None:
    """From half of the longest to twice as long; phases stay; a unit's variance is that of 1."""
    torch.manual_seed(0)
    rnn = build_cell("lru", 3, 4000).to(dtype)
    before = {name: p.detach().clone() for name, p in rnn.named_parameters()}
    initialise(rnn, "chrono", t_max=100)
    after = {name: p.detach() for name, p in rnn.named_parameters()}
    changed = {name for name, p in after.items() if not torch.equal(p, before[name])}
    assert changed == {"l0.nu_log", "l0.gamma_log"}
    radii = (-after["l0.nu_log"].exp()).exp().double()
    times = -1 / radii.log()
    assert after["l0.nu_log"].dtype == dtype
    assert 49.9 < float(times.min()) < 51
    assert 199 < float(times.max()) < 200.1
    assert float(times.mean()) == pytest.approx(125, abs=3)
    # Fed with white noise of variance 1, h has the variance exp(γ)² / (1 - |λ|²).
    fed = after["l0.gamma_log"].exp().double() ** 2
    torch.testing.assert_close(fed / (1 - radii**2), torch.ones(2000).double(), rtol=1e-3, atol=0)


@pytest.mark.parametrize(
    ("rnn", "words"),
    [
        (nn.RNN(2, 3), "RNN has none: use a gated cell, such as a GRU or an LSTM"),
        (NormRNN(2, 3), "NormRNN has none"),
        (nn.LSTM(2, 3, bias=False), "LSTM without biases has none"),
    ],
)
def test_chrono_of_a_layer_without_gates_is_refused(rnn: nn.Module, words: str) -> None:
    with pytest.raises(SettingError, match=words):
        initialise(rnn, "chrono", t_max=30)


@pytest.mark.parametrize("t_max", [None, 1, 0])
def test_chrono_needs_to_know_how_long_there_may_be(t_max: int | None) -> None:
    with pytest.raises(SettingError, match=f"a whole number of at least 2, not {t_max}"):
        initialise(nn.LSTM(2, 3), "chrono", t_max=t_max)


@pytest.mark.parametrize("cell", ["rnn", "rnn-relu", "rnn-norm"])
def test_chrono_in_the_lab_is_refused_by_its_settings(cell: Cell) -> None:
    with pytest.raises(SettingError, match=f"--init chrono .* {cell} has none: choose --cell gru"):
        MemoryAdding(cell=cell, init="chrono")


def test_chrono_in_the_lab_knows_the_length() -> None:
    """A task's, and a text's window; units enough that the longest is near."""
    task = Memorising(MemoryAdding(cell="lstm", init="chrono", length=300, hidden=1000))
    text = Text(Chars(text=Path(__file__), cell="gru", init="chrono", seq_len=20, hidden=1000))
    for model, longest in ((task.model(), 300), (text.model(), 20)):
        assert isinstance(model.rnn, nn.RNNBase)
        times = 1 / torch.sigmoid(-gate_biases(model.rnn, "l0")[1])
        assert 0.95 * longest < float(times.max()) <= 1.001 * longest


# -- generating ------------------------------------------------------------------------------


def generator(seed: int) -> torch.Generator:
    """A generator on the CPU."""
    return torch.Generator().manual_seed(seed)


@pytest.mark.some(2)
@pytest.mark.parametrize("cell", CELLS)
def test_generated_text_has_its_length_and_is_reproducible_by_its_generator(cell: Cell) -> None:
    model = CharModel(11, cell=cell, hidden=6)
    first = generate(model, 0, 50, 1.0, generator(1))
    assert first.shape == (50,)
    assert first.dtype == torch.int64
    assert ((first >= 0) & (first < 11)).all()
    assert torch.equal(first, generate(model, 0, 50, 1.0, generator(1)))
    assert not torch.equal(first, generate(model, 0, 50, 1.0, generator(2)))
    assert generate(model, 0, 0, 1.0, generator(1)).shape == (0,)


def test_generating_does_not_move_torchs_own_random_numbers() -> None:
    model, before = CharModel(11, hidden=7), torch.get_rng_state()
    generate(model, 0, 20, 1.0, generator(1))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("cell", CELLS)
def test_towards_temperature_zero_the_likeliest_is_taken_given_all_before(cell: Cell) -> None:
    gain = 3.0 if CELLS[cell].has_matrix else 1.0
    model = CharModel(11, cell=cell, hidden=30, gain=gain)
    codes = [2]
    for _ in range(20):  # the whole prefix again each time: the state is carried, or this differs
        codes.append(int(model(torch.tensor([codes]))[0][0, -1].argmax()))
    assert generate(model, 2, 20, 1e-6, generator(1)).tolist() == codes[1:]


def test_draws_follow_the_softmax_at_their_temperature() -> None:
    model = Scripted(torch.tensor([0.0, 1.0, 2.0]))
    drawn = generate(model, 0, 4000, 2.0, generator(1))
    expected = torch.softmax(torch.tensor([0.0, 0.5, 1.0]), 0)
    shares = torch.bincount(drawn, minlength=3) / 4000
    torch.testing.assert_close(shares, expected, atol=0.03, rtol=0)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("good", [0, 3])
def test_a_model_whose_output_is_not_finite_stops_early(bad: float, good: int) -> None:
    model = Scripted(torch.zeros(3), breaks_after=good, bad=bad)
    assert generate(model, 0, 10, 1.0, generator(1)).shape == (good,)


class Scripted(nn.Module):
    """Always the same logits, until a step at which one is broken."""

    def __init__(self, logits: Tensor, breaks_after: int = -1, bad: float = math.nan) -> None:
        super().__init__()
        self.logits = nn.Parameter(logits)
        self.breaks_after, self.bad = breaks_after, bad

    def forward(self, codes: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        """``state`` counts the steps."""
        state = torch.zeros(()) if state is None else state
        logits = self.logits.clone()
        if int(state) == self.breaks_after:
            logits[1] = self.bad
        return logits.expand(*codes.shape, -1), state + 1
