"""Any sequence model: its inputs, blocks and layout are found, and its reach is the true one."""

# Of PyTorch's functions many are untyped, and models are put together as tests need them.
# mypy: disable-error-code="no-untyped-call, no-any-return"

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from backsight import GradientProfile, Run, probe, watch
from backsight.monitor import ProcessMonitor
from backsight.probes.inputs._embedded import read
from backsight.probes.inputs._layouts import Known
from backsight.probes.inputs._support import Support, seed_position, support_of
from backsight.report import reach_sentences
from backsight.signals import Recorder

EXACT = 1e-10


class Model(nn.Module):
    """Tokens, an embedding, whatever mixes its steps, a head; ``(B, T)`` or ``(T, B)``."""

    def __init__(self, mix: Callable[[Tensor, int], Tensor], *, time_first: bool = False) -> None:
        super().__init__()
        self.embed = nn.Embedding(9, 4)
        self.head = nn.Linear(4, 9)
        self.mix, self.axis = mix, 0 if time_first else 1
        self.double()

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.mix(self.embed(tokens), self.axis))


def scan(gate: float) -> Callable[[Tensor, int], Tensor]:
    """``h_t = a h_{t-1} + x_t``."""

    def run(x: Tensor, axis: int) -> Tensor:
        h, states = torch.zeros_like(x.select(axis, 0)), []
        for step in x.unbind(axis):
            h = gate * h + step
            states.append(h)
        return torch.stack(states, axis)

    return run


def tokens_of(batch: int = 5, steps: int = 12) -> Tensor:
    torch.manual_seed(0)
    return torch.randint(9, (batch, steps))


def per_step(model: nn.Module, tokens: Tensor, *more: Any) -> Tensor:
    """The usual loss, at every step."""
    logits = model(tokens, *more)
    return functional.cross_entropy(logits.flatten(0, 1), tokens.flatten())


def probed(model: nn.Module, *given: Tensor, **settings: Any) -> dict[str, GradientProfile]:
    return probe(model, lambda: per_step(model, *given), **settings)


# -- closed forms --------------------------------------------------------------------------


@pytest.mark.parametrize("time_first", [False, True])
@pytest.mark.parametrize("gate", [0.5, 0.9, 0.99])
def test_a_constant_gate(gate: float, time_first: bool) -> None:
    """``∂h_T/∂x_{T-k} = a^k``, with nothing named."""
    tokens = tokens_of()
    model = Model(scan(gate), time_first=time_first)
    found = probed(model, tokens.T if time_first else tokens)
    assert list(found) == ["input:embed"]
    np.testing.assert_allclose(found["input:embed"].reach, gate ** np.arange(12.0), EXACT)


def test_a_constant_gate_on_ragged_sequences() -> None:
    """Each sequence's lags count from its own last step with a loss."""
    tokens, lengths = tokens_of(3, 12), [12, 7, 3]
    targets = tokens.clone()
    for row, length in zip(targets, lengths, strict=True):
        row[length:] = -100
    model = Model(scan(0.9))
    found = probe(model, lambda: functional.cross_entropy(model(tokens).mT, targets))
    np.testing.assert_allclose(found["input:embed"].reach[:3], 0.9 ** np.arange(3.0), EXACT)
    assert found["input:embed"].reach.shape == (12,)


def test_a_uniform_mean_with_a_skip() -> None:
    """Every lag of one and more has the same weight: ``(1/T) / (1 + 1/T)`` of the last step."""
    for steps in (5, 12):
        model = Model(lambda x, _: x[:, -1] + x.mean(1))
        tokens = tokens_of(4, steps)
        loss = lambda: functional.cross_entropy(model(tokens), tokens[:, 0])  # noqa: B023, E731
        reach = probe(model, loss)["input:embed"].reach
        np.testing.assert_allclose(reach, [1, *[1 / (steps + 1)] * (steps - 1)], EXACT)


def test_without_recurrence_the_reach_ends_at_lag_0() -> None:
    for time_first in (False, True):
        tokens = tokens_of()
        model = Model(lambda x, _: x, time_first=time_first)
        reach = probed(model, tokens)["input:embed"].reach
        assert reach[0] == 1
        assert not reach[1:].any()


class Scaled(nn.Module):
    """A block of which the derivative is known: ``y_t = x_t + c x_{t-1}``."""

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weight, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.weight * functional.pad(x, (0, 0, 1, 0))[:, :-1]


class Answers(nn.Module):
    """Of a sequence: ``x_T + 6 x_{T-2}``, as two classes."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(x[:, -1] + 6 * x[:, -3])


class Stack(nn.Module):
    def __init__(self, *blocks: nn.Module) -> None:
        super().__init__()
        self.embed, self.layers = nn.Embedding(9, 4), nn.ModuleList(blocks)
        self.head = nn.Linear(4, 9)
        self.double()

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embed(tokens)
        for layer in self.layers:
            x = layer(x)
        return self.head(x)


def test_two_blocks_with_a_known_product() -> None:
    """``(1 + 2z)(1 + 3z) = 1 + 5z + 6z²`` at the first block, ``1 + 3z`` at the second."""
    found = probed(Stack(Scaled(2.0), Scaled(3.0)), tokens_of(3, 5))
    assert list(found) == ["block:layers.0", "block:layers.1", "input:embed"]
    assert [profile.role for profile in found.values()] == ["block", "block", "input"]
    np.testing.assert_allclose(found["input:embed"].reach, [1, 5, 6, 0, 0], EXACT)
    np.testing.assert_allclose(found["block:layers.0"].reach, [1, 5, 6, 0, 0], EXACT)
    np.testing.assert_allclose(found["block:layers.1"].reach, [1, 3, 0, 0, 0], EXACT)


def from_one_position(
    model: nn.Module, tokens: Tensor, embed: nn.Module, given: tuple[Tensor, ...] = ()
) -> np.ndarray[Any, Any]:
    """By autograd, a sequence after the other: ``E_b‖∂ℓ_b/∂e_{T-1-k}‖``, relative to lag 0."""
    made: list[Tensor] = []
    handle = embed.register_forward_hook(lambda *call: made.append(call[2]))
    logits = model(tokens, *given)
    handle.remove()
    rows = []
    for b in range(len(tokens)):
        loss = functional.cross_entropy(logits[b, -1], tokens[b, -1])
        (gradient,) = torch.autograd.grad(loss, made[0], retain_graph=True)
        rows.append(gradient[b].flip(0).norm(dim=-1).numpy())
    mean = np.mean(rows, 0)
    return mean / mean[0]


class Decoder(nn.Module):
    """A causal transformer with learned positions; the head may share the embedding's weight."""

    def __init__(self, *, tied: bool = False, causal: bool = True) -> None:
        super().__init__()
        self.embed, self.positions = nn.Embedding(9, 8), nn.Embedding(20, 8)
        layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
        self.body = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(8, 9)
        self.causal = causal
        if tied:
            self.head.weight = self.embed.weight
        self.double()

    def forward(self, tokens: Tensor) -> Tensor:
        steps = tokens.shape[1]
        mask = torch.full((steps, steps), float("-inf"), dtype=torch.float64).triu(1)
        x = self.embed(tokens) + self.positions(torch.arange(steps))
        return self.head(self.body(x, mask=mask if self.causal else None))


@pytest.mark.parametrize("tied", [False, True])
def test_attention_at_initialisation(tied: bool) -> None:
    """The token embedding is the input, and that of the positions is none."""
    torch.manual_seed(1)
    model, tokens = Decoder(tied=tied), tokens_of(3, 8)
    found = probed(model, tokens)
    names = ["block:body.layers.0", "block:body.layers.1", "input:embed"]
    assert list(found) == names
    expected = from_one_position(model, tokens, model.embed)
    for name in (names[0], names[2]):  # what is added to the embedding has its gradient
        np.testing.assert_allclose(found[name].reach, expected, EXACT)
    assert found["input:embed"].reach_ahead is None


def test_later_inputs_have_a_curve_of_their_own() -> None:
    """A bidirectional encoder: the reach counts back from the last step, and ahead from the
    first."""
    torch.manual_seed(1)
    model, tokens = Decoder(causal=False), tokens_of(3, 8)
    profile = probed(model, tokens)["input:embed"]
    np.testing.assert_allclose(profile.reach, from_one_position(model, tokens, model.embed), EXACT)
    assert profile.reach_ahead is not None
    assert profile.reach_ahead.shape == (8,)
    flipped = reversed_model(model)
    np.testing.assert_allclose(
        profile.reach_ahead, from_one_position(flipped, tokens.flip(1), model.embed), EXACT
    )
    first = probe(model, lambda: functional.cross_entropy(model(tokens)[:, 0], tokens[:, 0]))
    assert first["input:embed"].outcome == "not enough data"
    assert first["input:embed"].summary.startswith("the loss reads the first step of input:embed")


def reversed_model(model: Decoder) -> nn.Module:
    """The same model of reversed sequences: its last output is the first one's."""

    class Flipped(nn.Module):
        def forward(self, tokens: Tensor) -> Tensor:
            steps = tokens.shape[1]
            x = model.embed(tokens) + model.positions(torch.arange(steps).flip(0))
            return model.head(model.body(x))

    return Flipped()


# -- which modules embed the input ---------------------------------------------------------


class Forward(nn.Module):
    """Named modules, and a forward over them."""

    def __init__(self, forward: Callable[..., Tensor], **modules: nn.Module) -> None:
        super().__init__()
        for name, module in modules.items():
            self.add_module(name, module)
        self.run = forward

    def forward(self, *given: Any) -> Any:
        return self.run(self, *given)


def floats(*shape: int) -> Tensor:
    torch.manual_seed(0)
    return torch.randn(*shape, dtype=torch.float64)


DECAY = scan(0.5)
INPUTS: dict[str, tuple[Callable[..., Any], dict[str, nn.Module], list[Tensor], list[str]]] = {
    "a projection": (
        lambda m, x: m.head(DECAY(m.into(x), 1)),
        {"into": nn.Linear(3, 4), "head": nn.Linear(4, 1)},
        [floats(5, 12, 3)], ["input:into"],
    ),
    "of a transposed copy, time first": (
        lambda m, x: m.head(DECAY(m.into(x.transpose(0, 1).contiguous()), 0)),
        {"into": nn.Linear(3, 4), "head": nn.Linear(4, 1)},
        [floats(5, 12, 3)], ["input:into"],
    ),
    "of what is cast, one number a step": (
        lambda m, x: m.head(DECAY(m.into(x.double()), 1)).squeeze(-1),
        {"into": nn.Linear(3, 4), "head": nn.Linear(4, 1)},
        [floats(5, 12, 3).float()], ["input:into"],
    ),
    "of an axis that was put in": (
        lambda m, x: m.head(DECAY(m.into(x[..., None]), 1)),
        {"into": nn.Linear(1, 4), "head": nn.Linear(4, 1)},
        [floats(5, 12)], ["input:into"],
    ),
    "a convolution, steps last": (
        lambda m, x: m.head(DECAY(m.into(x), 2)),
        {"into": nn.Conv1d(3, 4, 1), "head": nn.Conv1d(4, 2, 1)},
        [floats(5, 3, 12)], ["input:into"],
    ),
    "one-hot": (
        lambda m, x: m.head(DECAY(m.into(functional.one_hot(x, 9).double()), 1)),
        {"into": nn.Linear(9, 4), "head": nn.Linear(4, 9)},
        [tokens_of()], ["input:into"],
    ),
    "positions that are given": (
        lambda m, x, p: m.head(DECAY(m.places(p) + m.words(x), 1)),
        {"places": nn.Embedding(12, 4), "words": nn.Embedding(9, 4), "head": nn.Linear(4, 9)},
        [tokens_of(), torch.arange(12).expand(5, 12)], ["input:words"],
    ),
    "two streams": (
        lambda m, x, y: m.head(DECAY(m.words(x) + m.sounds(y).tanh(), 1)),
        {"words": nn.Embedding(9, 4), "sounds": nn.Linear(3, 4), "head": nn.Linear(4, 9)},
        [tokens_of(), floats(5, 12, 3)], ["input:sounds", "input:words"],
    ),
    "an embedding called for two outputs": (
        lambda m, x, y: (m.head(DECAY(m.words(x), 1)), m.head(DECAY(m.words(y), 1))),
        {"words": nn.Embedding(9, 4), "head": nn.Linear(4, 9)},
        [tokens_of(), tokens_of().flip(0)], ["input:words", "input:words:2"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", INPUTS)
def test_the_input_is_found(case: str) -> None:
    """And everything that mixes its steps with a gate of 0.5 reaches back accordingly."""
    run, modules, given, names = INPUTS[case]
    model = Forward(run, **modules).double()

    def compute_loss() -> Tensor:
        result = model(*given)
        return sum((r.exp().mean() for r in result), torch.zeros(())) if isinstance(
            result, tuple) else result.exp().mean()  # fmt: skip

    found = probe(model, compute_loss)
    assert list(found) == names
    for name in names:
        if name != "input:sounds":  # which goes through a tanh, unlike at each step
            np.testing.assert_allclose(found[name].reach, 0.5 ** np.arange(12.0), 1e-6)


def test_projections_of_one_input_are_taken_together() -> None:
    """Queries, keys and values of one input: the gradient on all three of them."""
    torch.manual_seed(0)
    modules = {name: nn.Linear(3, 4) for name in "qkv"}

    def forward(m: Any, x: Tensor) -> Tensor:
        y = functional.scaled_dot_product_attention(m.q(x), m.k(x), m.v(x), is_causal=True)
        return m.head(y)

    model: Any = Forward(forward, **modules, head=nn.Linear(4, 2)).double()
    x = floats(1, 6, 3)
    profile = probe(model, lambda: model(x).square().mean())["input:q"]
    made = [part(x).detach().requires_grad_() for part in (model.q, model.k, model.v)]
    q, k, v = made
    y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
    gradients = torch.autograd.grad(model.head(y)[0, -1].square().sum(), made)
    norms = torch.cat(gradients, -1)[0].flip(0).norm(dim=-1).numpy()
    np.testing.assert_allclose(profile.reach, norms / norms[0], EXACT)


class Translator(nn.Module):
    """An encoder and a decoder with one embedding, and an encoder's as many steps or more."""

    def __init__(self) -> None:
        super().__init__()
        self.source = Part(nn.Embedding(9, 8))
        self.target = Part(self.source.embed)
        self.body = nn.Transformer(8, 2, 1, 1, 16, dropout=0.0, batch_first=True)
        self.head = nn.Linear(8, 9)
        self.double()

    def forward(self, y: Tensor, x: Tensor) -> Tensor:
        mask = torch.full((y.shape[1],) * 2, float("-inf"), dtype=torch.float64).triu(1)
        return self.head(self.body(self.source(x), self.target(y), tgt_mask=mask))


class Part(nn.Module):
    def __init__(self, embed: nn.Module) -> None:
        super().__init__()
        self.embed = embed

    def forward(self, x: Tensor) -> Tensor:
        return self.embed(x)


@pytest.mark.parametrize("steps", [7, 12])
def test_encoder_and_decoder_are_told_apart(steps: int) -> None:
    """Each by the path that it is called by; the encoder's lags count its own steps."""
    torch.manual_seed(0)
    model, x, y = Translator(), tokens_of(3, 12), tokens_of(3, steps).flip(0)
    found = probe(model, lambda: per_step(model, y, x))
    blocks = ["block:body.decoder.layers.0", "block:body.encoder.layers.0"]
    assert list(found) == [*blocks, "input:source.embed", "input:target.embed"]
    assert [len(found[name].reach) for name in found] == [steps, 12, 12, steps]
    assert found["input:source.embed"].note.startswith("lags count the 12 steps of input:source")
    assert found["input:target.embed"].note == ""
    source, target = model.source(x).detach().requires_grad_(), model.target(y)
    mask = torch.full((steps, steps), float("-inf"), dtype=torch.float64).triu(1)
    logits = model.head(model.body(source, target, tgt_mask=mask))
    loss = functional.cross_entropy(logits[:, -1], y[:, -1], reduction="sum")
    (gradient,) = torch.autograd.grad(loss, source)
    norms = gradient.flip(1).norm(dim=-1).mean(0).numpy()
    np.testing.assert_allclose(found["input:source.embed"].reach, norms / norms[0], EXACT)
    assert found["input:source.embed"].reach_ahead is None


def test_a_stack_that_shortens_the_sequence_has_lags_of_its_input() -> None:
    """A strided convolution: the output has half the steps, and the input's are counted."""
    model = Forward(
        lambda m, x: m.head(m.halves(m.embed(x).mT).mT.cumsum(1)),
        embed=nn.Embedding(9, 4), halves=nn.Conv1d(4, 4, 2, stride=2), head=nn.Linear(4, 9),
    ).double()  # fmt: skip
    tokens = tokens_of(3, 12)
    found = probe(model, lambda: functional.cross_entropy(model(tokens).mT, tokens[:, ::2]))
    profile = found["input:embed"]
    assert "lags count the 12 steps of input:embed" in profile.summary
    assert len(profile.reach) == 12
    np.testing.assert_allclose(profile.reach[2:4], profile.reach[:2], EXACT)


def test_a_layer_that_a_container_holds_is_no_block() -> None:
    """Nor are the parts of a block's own stack."""
    inner = nn.Sequential(nn.Linear(4, 4), nn.GELU())
    found = probed(Stack(nn.Sequential(Scaled(2.0), inner), Scaled(3.0)), tokens_of(3, 5))
    assert list(found) == ["block:layers.0", "block:layers.1", "input:embed"]


def test_layers_that_share_their_weights_are_no_steps() -> None:
    """One block, called three times: ``(1 + 2z)³ = 1 + 6z + 12z² + 8z³``."""
    for modules in ({"block": Scaled(2.0)}, {"blocks": nn.ModuleList([Scaled(2.0)])}):

        def forward(m: Any, tokens: Tensor) -> Tensor:
            x, (block,) = m.embed(tokens), [p for p in m.modules() if isinstance(p, Scaled)]
            for _ in range(3):
                x = block(x)
            return m.head(x)

        parts = {"embed": nn.Embedding(9, 4), "head": nn.Linear(4, 9), **modules}
        found = probed(Forward(forward, **parts).double(), tokens_of(3, 5))
        np.testing.assert_allclose(found["input:embed"].reach, [1, 6, 12, 8, 0], EXACT)
        assert [profile.role for profile in found.values()].count("layer") == 0
    names = ["block:blocks.0", "block:blocks.0:2", "block:blocks.0:3", "input:embed"]
    assert list(found) == names
    np.testing.assert_allclose(found[names[2]].reach, [1, 2, 0, 0, 0], EXACT)


@pytest.mark.parametrize("answer", ["each step", "the last step", "both"])
def test_parts_that_the_script_calls_itself_are_one_model(answer: str) -> None:
    """What one part returns goes into the next: the loss begins behind the last of them."""
    parts = nn.ModuleDict(
        {"embed": nn.Embedding(9, 4), "body": Scaled(2.0), "more": Scaled(2.0), "head": Scaled(2.0)}
    ).double()

    def loss() -> Tensor:
        x = parts["more"](parts["body"](parts["embed"](tokens_of(3, 5))))
        # One answer to each sequence has no steps of its own.
        y = parts["head"](x) if answer != "the last step" else x[:, -1].sum(-1)
        return y.square().mean() + (x.square().mean() if answer == "both" else 0)

    found = probe(parts, loss)["input:embed"].reach
    expected = [1, 4, 4, 0, 0] if answer == "the last step" else [1, 6, 12, 8, 0]
    np.testing.assert_allclose(found, expected, EXACT)


def test_a_part_that_answers_for_the_sequence_is_what_the_loss_reads() -> None:
    """And not the steps that an earlier part returned."""
    body = nn.Sequential(nn.Embedding(9, 4), Scaled(2.0))
    model = nn.ModuleDict({"body": body, "head": Answers()}).double()
    found = probe(model, lambda: model["head"](model["body"](tokens_of(3, 5))).square().mean())
    np.testing.assert_allclose(found["input:body.0"].reach, [1, 2, 6, 12, 0], EXACT)


# -- the layout ----------------------------------------------------------------------------


def test_the_layout_from_the_support() -> None:
    lines: list[Any] = [("batch", 1), ("time", 2)]
    norms = np.zeros((3, 4))
    norms[1, 2] = 1
    assert support_of(norms, lines) == Support("alone")
    norms[1, 0] = 0.5
    assert support_of(norms, lines) == Support("line", "batch", 1)
    assert support_of(norms.T, [("batch", 2), ("time", 1)]) == Support("line", "time", 1)
    norms[0, 2] = 0.5
    assert support_of(norms, lines) == Support("mixed")
    norms[0, 2] = 0
    weak = norms + 0.01  # as a normalisation mixes the batch
    assert support_of(weak, lines) == Support("line", "batch", 1, weak=True)
    norms[1, 0] = 0
    assert support_of(norms + 0.01, lines) == Support("mixed")
    assert support_of(norms * np.nan, lines) == Support("not finite")
    assert support_of(np.zeros((3, 4)), lines) == Support("nothing")


def test_a_batch_that_the_model_has_sorted() -> None:
    """The gradient of position (2, 3) lies in another row; a single column is no choice."""
    norms = np.zeros((4, 5))
    norms[1, :4] = 1
    lines: list[Any] = [("batch", 2), ("time", 3)]
    assert support_of(norms, lines) == Support("line", "batch", 1, moved=True)
    assert support_of(norms.T, lines) == Support("line", "time", 1, moved=True)
    assert support_of(np.ones((4, 1)), [("batch", 2)]).kind == "mixed"


def test_where_the_layout_is_looked_for() -> None:
    """In the middle, and not where both coordinates are alike."""
    assert seed_position(np.ones((4, 9), dtype=bool)) == (2, 4)
    assert seed_position(np.ones((6, 6), dtype=bool)) in [(3, 2), (2, 3), (3, 4), (4, 3)]
    last = np.zeros((4, 9), dtype=bool)
    last[:, 8] = True
    assert seed_position(last) == (2, 8)


@pytest.mark.parametrize(
    "mix", [lambda x, a: x + x.cumsum(a) / x.shape[a], scan(0.9)], ids=["uniform", "gate"]
)
@pytest.mark.parametrize("time_first", [False, True])
def test_a_normalisation_over_the_batch(time_first: bool, mix: Any) -> None:
    """BatchNorm mixes all sequences a little: one is followed by itself, and it is said."""
    torch.manual_seed(0)
    norm = nn.BatchNorm1d(4).double()

    def normed(x: Tensor, axis: int) -> Tensor:
        return norm(mix(x, axis).flatten(0, 1)).view_as(x)

    model, tokens = Model(normed, time_first=time_first), tokens_of(8, 20)
    profile = probed(model, tokens.T if time_first else tokens)["input:embed"]
    assert len(profile.reach) == 20
    assert profile.reach[1] > 3 * profile.reach[19] or profile.reach[19] > 0.01
    assert profile.note == (
        "measured on one sequence, because the model mixes the sequences of its batch"
    )


class Doubled(nn.Module):
    """Embeds each sequence twice, forward and reversed, in one batch."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.head = nn.Embedding(9, 4), nn.Linear(8, 2)
        self.double()

    def forward(self, x: Tensor) -> Tensor:
        states = scan(0.8)(self.embed(torch.cat([x, x.flip(1)])), 1)
        both = torch.cat([states[: len(x)], states[len(x) :].flip(1)], -1)
        result: Tensor = self.head(both)
        return result


@pytest.mark.parametrize("read", [slice(None), slice(-1, None)])
def test_a_batch_that_holds_each_sequence_twice_cannot_be_told(read: slice) -> None:
    net, x = Doubled(), torch.randint(9, (3, 7))
    (profile,) = probe(net, lambda: net(x)[:, read].square().sum()).values()
    assert not profile.reach.size
    assert "depends on several sequences and several steps" in profile.reason


def test_a_model_that_mixes_its_batch_cannot_be_told() -> None:
    model, tokens = Model(lambda x, _: x.cumsum(0) + x.cumsum(1)), tokens_of()
    profile = probed(model, tokens)["input:embed"]
    assert profile.outcome == "not enough data"
    assert profile.summary.startswith("cannot tell how far back input:embed reaches: the output at")
    told = probed(model, tokens, layout="batch")["input:embed"]
    np.testing.assert_allclose(told.reach, [1, *[0.5] * 11], EXACT)  # its own two paths at lag 0


@pytest.mark.parametrize("shape", [(5, 1), (1, 1), (1, 6), (6, 6), (1, 2)])
def test_short_and_single_sequences(shape: tuple[int, int]) -> None:
    profile = probed(Model(scan(0.5)), tokens_of(*shape))["input:embed"]
    np.testing.assert_allclose(profile.reach, 0.5 ** np.arange(shape[1]), EXACT)
    assert ("one step" in profile.note) == (shape[1] == 1)


def test_as_many_answers_as_steps_are_no_steps() -> None:
    """A classifier with ``T`` classes depends on every step by each of them."""
    model, tokens = Model(lambda x, _: x.mean(1)), tokens_of(4, 9)
    found = probe(model, lambda: functional.cross_entropy(model(tokens), tokens[:, 0]))
    np.testing.assert_allclose(found["input:embed"].reach, np.ones(9), EXACT)
    assert found["input:embed"].reach_ahead is None


# -- what cannot be told -------------------------------------------------------------------


class Mixes(nn.Module):
    """A user's own first layer, which mixes steps."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 4))

    def forward(self, x: Tensor) -> Tensor:
        return (x @ self.weight).cumsum(1)


UNTOLD: dict[str, tuple[Callable[[], nn.Module], Tensor, str]] = {
    "images": (
        lambda: nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 2)),
        torch.zeros(5, 1, 4, 4),
        r"Sequential is given \(5, 1, 4, 4\), and no module makes a batch of sequences",
    ),
    "patches": (
        lambda: nn.Sequential(
            Forward(lambda m, x: m.cut(x).flatten(2).mT, cut=nn.Conv2d(1, 4, 2, 2)),
            nn.TransformerEncoderLayer(4, 2, 8, batch_first=True),
        ),
        torch.zeros(5, 1, 4, 4), r"is given \(5, 1, 4, 4\), and no module makes a batch",
    ),
    "features": (
        lambda: nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2)),
        torch.zeros(5, 4), r"Sequential is given \(5, 4\), and no module makes a batch",
    ),
    "no projection": (
        lambda: nn.Sequential(Mixes(), nn.Linear(4, 2)), torch.zeros(5, 6, 4),
        r"its input, which carries no gradient, goes into 0, which mixes steps",
    ),
    "attention at once": (
        lambda: nn.TransformerEncoder(
            nn.TransformerEncoderLayer(4, 2, 8, batch_first=True, norm_first=True), 1,
            enable_nested_tensor=False,
        ),
        torch.zeros(5, 6, 4), r"goes into layers\.0, which mixes steps",
    ),
    "a step that is a method": (
        lambda: Forward(
            lambda m, x: sum(m.head(m.into(x[:, t]).tanh()) for t in range(12)),
            into=nn.Linear(3, 4), head=nn.Linear(4, 2),
        ),
        torch.zeros(5, 12, 3), r"(into|head) is called 12 times in a forward, as in a loop",
    ),
    "parameters of its own": (
        lambda: nn.Sequential(nn.Flatten(), nn.Linear(24, 2)), torch.zeros(5, 6, 4),
        r"it is given \(5, 6, 4\), and no module was called that embeds all steps",
    ),
    "a loop over steps": (
        lambda: Forward(
            lambda m, x: m.head(sum(m.embed(x[:, t : t + 1]) for t in range(12))),
            embed=nn.Embedding(9, 4), head=nn.Linear(4, 2),
        ),
        tokens_of(), r"embed embeds one input in several calls",
    ),
}  # fmt: skip


@pytest.mark.some(2)
@pytest.mark.parametrize("case", UNTOLD)
def test_what_cannot_be_told_is_said(
    case: str, run_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """By ``watch``, once, and in the run; training goes on."""
    make, given, words = UNTOLD[case]
    model = make()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with watch(model, optimizer, run_path, every=1):
        for _ in range(12):
            optimizer.zero_grad()
            model(given).square().mean().backward()
            optimizer.step()
    assert len(Run(run_path)["loss"]) == 12
    assert not Run(run_path).members("reach", profile=True)
    (sentence,) = reach_sentences(Run(run_path))
    assert re.search(words, sentence)
    assert caplog.text.count("no recurrent layer found") == 1


def test_a_frozen_embedding_is_said(run_path: Path) -> None:
    model = Model(scan(0.5))
    model.embed.requires_grad_(requires_grad=False)
    optimizer = torch.optim.SGD(model.head.parameters(), lr=0.1)
    with watch(model, optimizer, run_path, every=1):
        per_step(model, tokens_of()).backward()
        optimizer.step()
    (sentence,) = reach_sentences(Run(run_path))
    assert "embed embeds its input, but it is frozen" in sentence


def test_a_mistyped_path_lists_the_candidates_best_match_first() -> None:
    from backsight.errors import SettingError

    model = Decoder()
    for wrong in ("positons", ["embed", "positons"]):
        with pytest.raises(SettingError, match=r"no module 'positons': its modules are positions,"):
            probe(model, lambda: torch.zeros(()), inputs=wrong)
    with pytest.raises(SettingError, match="at least one module"):
        probe(model, lambda: torch.zeros(()), inputs=[])


def test_two_forwards_before_one_backward() -> None:
    """As of a discriminator, of which the newest one is followed."""
    model = Forward(
        lambda m, x: m.head(m.into(x).cumsum(1)[:, -1]), into=nn.Linear(3, 4), head=nn.Linear(4, 1)
    ).double()
    real, fake = floats(4, 6, 3), floats(4, 6, 3) + 1
    found = probe(model, lambda: model(real).mean() - model(fake).mean())
    np.testing.assert_allclose(found["input:into"].reach, np.ones(6), EXACT)


def test_parts_that_a_script_calls_itself(run_path: Path) -> None:
    """The embedding is the input; what goes on from it is none, and its output is no answer."""
    torch.manual_seed(0)
    parts = nn.ModuleDict({"embed": nn.Embedding(9, 4), "head": nn.Linear(4, 9)}).double()
    tokens = tokens_of()

    def compute_loss() -> Tensor:
        states = scan(0.5)(parts["embed"](tokens), 1)
        return functional.cross_entropy(parts["head"](states).flatten(0, 1), tokens.flatten())

    found = probe(parts, compute_loss)
    assert list(found) == ["input:embed"]
    np.testing.assert_allclose(found["input:embed"].reach, 0.5 ** np.arange(12.0), EXACT)
    with Recorder(run_path) as recorder:
        monitor = ProcessMonitor(recorder, every=1)
        optimizer = torch.optim.SGD(parts.parameters(), lr=0.1)
        for _ in range(2):
            compute_loss().backward()
            optimizer.step()
        monitor.close()
    run = Run(run_path)
    (name,) = run.members("reach", profile=True)
    assert name == "reach/input:Embedding"
    np.testing.assert_allclose(run.profile(name).rows[0], 0.5 ** np.arange(12.0), 1e-6)


# -- in a run ------------------------------------------------------------------------------


def test_a_run_has_blocks_beside_the_input(run_path: Path) -> None:
    """Blocks have signals of their own: what judges and tells of reaches sees the input alone."""
    torch.manual_seed(0)
    model, tokens = Stack(Scaled(2.0), Scaled(3.0)), tokens_of(3, 5)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    with watch(model, optimizer, run_path, every=2) as monitor:
        for _ in range(4):
            optimizer.zero_grad()
            per_step(model, tokens).backward()
            optimizer.step()
            assert monitor.horizon in (None, 2)
    run = Run(run_path)
    assert run.members("reach", profile=True) == ("reach/input:embed",)
    assert run.members("block_reach", profile=True) == (
        "block_reach/layers.0",
        "block_reach/layers.1",
    )
    np.testing.assert_allclose(run.profile("block_reach/layers.1").rows[1], [1, 3, 0, 0, 0], 1e-6)
    assert run["seq_len"].tolist() == [5, 5, 5, 5]
    assert len(reach_sentences(run)) == 1


def test_an_iteration_that_is_not_sampled_is_not_watched(run_path: Path) -> None:
    """Only the model and what embeds its input are: no module inside is."""
    from backsight.probes._module_calls import _modules

    model, tokens = Stack(Scaled(2.0), Scaled(3.0)), tokens_of(3, 5)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    watched = []
    with watch(model, optimizer, run_path, every=2):
        for _ in range(4):
            optimizer.zero_grad()
            loss = per_step(model, tokens)
            watched.append([id(part) in _modules for part in (model.embed, model.head)])
            loss.backward()
            optimizer.step()
    assert watched == [[True, True], [True, False]] * 2
    assert id(model.embed) not in _modules


def test_a_teacher_that_only_looks_on_costs_nothing() -> None:
    """Nothing of it is in the graph of the loss."""
    loss = torch.ones(1, requires_grad=True).sum()
    found = read([], [], [], [loss], [None], 1.0, Known())
    assert not found.arrived
    assert not found.profiles
