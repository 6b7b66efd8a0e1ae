"""The reach of models that return their loss: its positions are found in the graph.

A diagonal scan ``h_t = a·h_{t-1} + e_t`` has the reach ``a^k`` whatever is made of its states at
one position, so that every loss must give it; where its positions cannot be told, none is given.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from backsight import GradientProfile, Run, probe, watch
from backsight.probes.inputs._loss_graph import edges_to
from backsight.probes.inputs._positions import Positions, find_positions
from backsight.probes.inputs._untold import Untold

B, T, D, C = 3, 8, 4, 5
GATE = 0.9
STEPS = 0.9 ** np.arange(T)

Loss = Callable[["Model", Tensor], Tensor]
"""From a model and its embedded input, ``(B, T, D)``, to the loss."""


@pytest.fixture(autouse=True)
def _same_numbers() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


class Model(nn.Module):
    """Embeds its tokens and returns its loss."""

    def __init__(self, loss: Loss, units: int = D, classes: int = C, **more: nn.Module) -> None:
        super().__init__()
        self.embedding, self.head = nn.Embedding(7, units), nn.Linear(units, classes)
        for name, module in more.items():
            self.add_module(name, module)
        self.loss = loss

    def forward(self, tokens: Tensor) -> Tensor:
        return self.loss(self, self.embedding(tokens))


def scan(e: Tensor, gate: float = GATE) -> Tensor:
    """All states of ``h_t = gate·h_{t-1} + e_t``, ``(B, T, D)``, in one product."""
    t = torch.arange(e.shape[1])
    powers = torch.where(t[:, None] >= t, gate ** (t[:, None] - t).clamp(min=0).to(e), 0.0)
    return (powers @ e.transpose(0, 1).flatten(1)).view(e.shape[1], len(e), -1).transpose(0, 1)


def loop(model: Any, e: Tensor) -> list[Tensor]:
    """States of a recurrence by hand, a step at a time."""
    h, states = e.new_zeros(len(e), model.u.in_features), []
    for t in range(e.shape[1]):
        h = torch.tanh(model.w(e[:, t]) + model.u(h))
        states.append(h)
    return states


def measured(loss: Loss, *, size: tuple[int, int] = (B, T), batch_first: bool = True,
             **more: Any) -> GradientProfile:  # fmt: skip
    model = Model(loss, **more).double()
    tokens = torch.randint(7, size if batch_first else size[::-1])
    return probe(
        model, lambda: model(tokens), inputs="embedding", layout="batch" if batch_first else "time"
    )["input:embedding"]


Y = torch.randint(C, (B, T), generator=torch.Generator().manual_seed(1))
R = torch.randn(B, T, C, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
LENGTHS = (8, 5, 6)
MASK = torch.arange(T) < torch.tensor(LENGTHS)[:, None]
PADDED = torch.where(MASK, Y, -100)
WEIGHT = torch.tensor([0.5, 1, 2, 3, 0.25], dtype=torch.float64)
S = R.sigmoid()

KERNELS: dict[str, Callable[[Tensor, str], Tensor]] = {
    "cross-entropy": lambda z, how: F.cross_entropy(z.transpose(1, 2), Y, reduction=how),
    "class weights": lambda z, how: F.cross_entropy(
        z.transpose(1, 2), Y, weight=WEIGHT, reduction=how
    ),
    "smoothed": lambda z, how: F.cross_entropy(
        z.transpose(1, 2), Y, label_smoothing=0.1, reduction=how
    ),
    "soft targets": lambda z, how: F.cross_entropy(
        z.transpose(1, 2), R.softmax(-1).transpose(1, 2), reduction=how
    ),
    "nll": lambda z, how: F.nll_loss(z.log_softmax(-1).transpose(1, 2), Y, reduction=how),
    "mse": lambda z, how: F.mse_loss(z, R, reduction=how),
    "l1": lambda z, how: F.l1_loss(z, R, reduction=how),
    "smooth l1": lambda z, how: F.smooth_l1_loss(z, R, reduction=how),
    "huber": lambda z, how: F.huber_loss(z, R, reduction=how),
    "bce": lambda z, how: F.binary_cross_entropy(z.sigmoid(), S, reduction=how),
    "bce with logits": lambda z, how: F.binary_cross_entropy_with_logits(
        z, S, pos_weight=WEIGHT, reduction=how
    ),
    "kl": lambda z, how: F.kl_div(z.log_softmax(-1), R.softmax(-1), reduction=how),
    "gaussian nll": lambda z, how: F.gaussian_nll_loss(
        z[..., :2], R[..., :2], z[..., 2:4].exp(), reduction=how
    ),
    "poisson nll": lambda z, how: F.poisson_nll_loss(z, S, reduction=how),
    "multi-margin": lambda z, how: _flat_margin(z, how),
}


def _flat_margin(z: Tensor, how: str) -> Tensor:
    found = F.multi_margin_loss(z.flatten(0, 1), Y.flatten(), reduction=how)
    return found.view(B, T) if how == "none" else found


def by_position(values: Tensor) -> Tensor:
    return values if values.dim() == 2 else values.mean(-1)


REDUCED: dict[str, Callable[[Callable[[Tensor, str], Tensor], Tensor], Tensor]] = {
    "mean": lambda kernel, z: kernel(z, "mean"),
    "sum": lambda kernel, z: kernel(z, "sum"),
    "masked mean": lambda kernel, z: (by_position(kernel(z, "none")) * MASK).sum() / MASK.sum(),
    "mean of masked means": lambda kernel, z: (
        (by_position(kernel(z, "none")) * MASK).sum(1) / MASK.sum(1)
    ).mean(),
    "scaled": lambda kernel, z: kernel(z, "mean") / 3 * 65536.0,
}


@pytest.mark.some(15)
@pytest.mark.filterwarnings("ignore:reduction")  # kl_div's mean
@pytest.mark.parametrize("how", REDUCED)
@pytest.mark.parametrize("kernel", KERNELS)
def test_a_loss_inside_the_model_gives_the_reach_of_one_position(kernel: str, how: str) -> None:
    """The same to 1e-10 as with the logits returned and the loss outside, and ``a^k`` by hand."""
    model = Model(lambda m, e: m.head(scan(e))).double()
    tokens = torch.randint(7, (B, T))

    def outside() -> Tensor:
        return REDUCED[how](KERNELS[kernel], model(tokens))

    expected = probe(model, outside, inputs="embedding")["input:embedding"]
    inside = Model(lambda m, e: REDUCED[how](KERNELS[kernel], m.head(scan(e)))).double()
    inside.load_state_dict(model.state_dict())
    found = probe(inside, lambda: inside(tokens), inputs="embedding")["input:embedding"]
    np.testing.assert_allclose(found.reach, expected.reach, rtol=1e-10)
    np.testing.assert_allclose(found.grad_time, expected.grad_time, rtol=1e-10)
    # Every sequence has at least five steps before its last loss, and longer ones the same decay.
    shared = min(LENGTHS) if "masked" in how else T
    np.testing.assert_allclose(found.reach[:shared], STEPS[:shared], rtol=1e-10)


@pytest.mark.parametrize(("gate", "lag", "expected"), [
    (0.5, 10, 0.0009765625), (0.9, 43, 0.010775), (0.99, 43, 0.649101),
])  # fmt: skip
def test_the_decay_of_a_gate(gate: float, lag: int, expected: float) -> None:
    """By hand: 0.5¹⁰ = 1/1024, 0.9⁴³ = 0.010775, 0.99⁴³ = 0.649101."""
    y = torch.randint(C, (4 * 64,))
    found = measured(
        lambda m, e: F.cross_entropy(m.head(scan(e, gate)).flatten(0, 1), y), size=(4, 64)
    )
    assert len(found.reach) == 64
    assert found.reach[lag] == pytest.approx(expected, rel=1e-4)


def hand(z: Tensor) -> Tensor:
    return (z.exp().sum(-1).log() - z.gather(-1, Y[..., None])[..., 0]).mean()


LAYOUTS: dict[str, Loss] = {
    "batch-major": lambda m, e: F.cross_entropy(m.head(scan(e)).view(-1, C), Y.view(-1)),
    "time-major": lambda m, e: F.cross_entropy(
        m.head(scan(e)).transpose(0, 1).reshape(-1, C), Y.T.reshape(-1)
    ),
    "hidden states flattened": lambda m, e: F.cross_entropy(
        m.head(scan(e).transpose(0, 1).reshape(-1, D)), Y.T.reshape(-1)
    ),
    "four axes": lambda m, e: F.cross_entropy(
        m.head(scan(e)).permute(0, 2, 1)[:, :, None], Y[:, None]
    ),
    "chunks": lambda m, e: sum(
        (F.cross_entropy(m.head(h).flatten(0, 1), y.flatten(), reduction="sum") / 24
         for h, y in zip(torch.split(scan(e), 3, 1), torch.split(Y, 3, 1), strict=True)),
        torch.zeros(()),
    ),
    "a term a step": lambda m, e: torch.stack(
        [F.cross_entropy(m.head(scan(e)[:, t]), Y[:, t]) for t in range(T)]
    ).mean(),
    "a term a step and sequence": lambda m, e: sum(
        (F.cross_entropy(m.head(scan(e)[:, t]), Y[:, t], reduction="none") for t in range(T)),
        torch.zeros(()),
    ).mean(),
    "by indices": lambda m, e: F.cross_entropy(m.head(scan(e))[MASK | True], Y.flatten()),
    "a distribution": lambda m, e: -drawn_from(m.head(scan(e))).log_prob(Y).mean(),
    "a formula by hand": lambda m, e: hand(m.head(scan(e))),
    "perplexity": lambda m, e: F.cross_entropy(m.head(scan(e)).flatten(0, 1), Y.flatten()).exp(),
    "root mean square": lambda m, e: F.mse_loss(m.head(scan(e)), R).sqrt(),
    "single precision": lambda m, e: F.cross_entropy(
        m.head(scan(e)).float().flatten(0, 1), Y.flatten()
    ) * 65536.0,
    "with z-loss": lambda m, e: (
        F.cross_entropy(m.head(scan(e)).flatten(0, 1), Y.flatten())
        + 0.01 * m.head(scan(e)).logsumexp(-1).square().mean()
    ),
    "with weight decay": lambda m, e: (
        F.cross_entropy(m.head(scan(e)).flatten(0, 1), Y.flatten())
        + sum((p.square().sum() for p in m.parameters()), torch.zeros(()))
    ),
    "preferences": lambda m, e: -F.logsigmoid(
        (m.head(scan(e)).log_softmax(-1)[..., 0] * (Y >= 0)).sum(1)
    ).mean(),
    "alignments": lambda m, e: F.ctc_loss(
        m.head(scan(e)).log_softmax(-1).transpose(0, 1),
        torch.tensor([[1, 2]] * B), torch.full((B,), T), torch.full((B,), 2),
    ),
    "parallel scan by hand": lambda m, e: F.mse_loss(m.head(doubling(e)), R),
    "written in place": lambda m, e: F.mse_loss(m.head(in_place(e)), R),
    "a last step only": lambda m, e: F.cross_entropy(m.head(scan(e)[:, -1]), Y[:, -1]),
    "a last step through layers": lambda m, e: F.cross_entropy(
        m.head(torch.sigmoid(F.layer_norm(scan(e)[:, -1], (D,))) * scan(e)[:, -1]), Y[:, -1]
    ),
}  # fmt: skip


def drawn_from(logits: Tensor) -> Any:
    return torch.distributions.Categorical(logits=logits)


def doubling(e: Tensor) -> Tensor:
    """The scan in log₂ T shifted sums, element by element."""
    h, k = e, 1
    while k < e.shape[1]:
        h, k = h + GATE**k * F.pad(h, (0, 0, k, 0))[:, :-k], 2 * k
    return h


def in_place(e: Tensor) -> Tensor:
    out, h = torch.zeros_like(e), torch.zeros_like(e[:, 0])
    for t in range(e.shape[1]):
        h = GATE * h + e[:, t]
        out[:, t] = h
    return out


@pytest.mark.parametrize("loss", LAYOUTS)
def test_however_a_loss_is_written(loss: str) -> None:
    np.testing.assert_allclose(measured(LAYOUTS[loss]).reach, STEPS, rtol=1e-5)


@pytest.mark.parametrize("loss", ["batch-major", "time-major", "hidden states flattened"])
def test_as_many_sequences_as_steps(loss: str) -> None:
    """Sizes tell no layout: the graph does, or which sequence a gradient stays in."""
    y = torch.randint(C, (T * T,))

    def square(m: Model, e: Tensor) -> Tensor:
        h = scan(e)
        if loss == "hidden states flattened":
            return F.cross_entropy(m.head(h.transpose(0, 1).reshape(-1, D)), y)
        z = m.head(h)
        return F.cross_entropy((z if loss == "batch-major" else z.transpose(0, 1)).flatten(0, 1), y)

    np.testing.assert_allclose(measured(square, size=(T, T)).reach, STEPS, rtol=1e-10)


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("size", [(3, 8), (8, 8), (1, 8), (3, 1), (1, 1)], ids=str)
def test_sizes_and_their_order(size: tuple[int, int], batch_first: bool) -> None:
    y = torch.randint(C, size)

    def loss(m: Model, e: Tensor) -> Tensor:
        h = scan(e if batch_first else e.transpose(0, 1))
        return F.cross_entropy(m.head(h).transpose(1, 2), y)

    found = measured(loss, size=size, batch_first=batch_first)
    np.testing.assert_allclose(found.reach, STEPS[: size[1]], rtol=1e-10)


@pytest.mark.parametrize("kind", ["units", "classes", "classes first", "all three"])
def test_as_many_units_or_classes_as_steps(kind: str) -> None:
    y = torch.randint(T, (T if kind == "all three" else B, T))

    def loss(m: Model, e: Tensor) -> Tensor:
        if kind == "units":
            return scan(e).square().mean()
        z = m.head(scan(e))
        first = kind != "classes"
        return F.cross_entropy(z.transpose(1, 2) if first else z.flatten(0, 1),
                               y if first else y.flatten())  # fmt: skip

    found = measured(loss, size=(len(y), T), units=T, classes=T)
    np.testing.assert_allclose(found.reach, STEPS, rtol=1e-10)


def test_logits_are_shifted_against_the_tokens() -> None:
    """As in public language models: position 6 is the last of 8 that has a loss."""
    found = measured(
        lambda m, e: F.cross_entropy(
            m.head(scan(e))[..., :-1, :].contiguous().view(-1, C), Y[..., 1:].reshape(-1)
        )
    )
    np.testing.assert_allclose(found.reach, STEPS[:7], rtol=1e-10)
    assert found.grad_time[7] == 0


def test_padding_that_is_ignored() -> None:
    """Lags count from the last step that is no padding: a sequence of 5 has none past lag 4."""
    model = Model(
        lambda m, e: F.cross_entropy(m.head(scan(e)).flatten(0, 1), PADDED.flatten())
    ).double()
    tokens = torch.randint(7, (B, T))
    found = probe(model, lambda: model(tokens), inputs="embedding")["input:embedding"]
    e = model.embedding(tokens).detach().requires_grad_()
    rows = np.zeros((B, T))
    for b, length in enumerate(LENGTHS):  # each position's loss by itself
        one = F.cross_entropy(model.head(scan(e))[b, length - 1], Y[b, length - 1])
        (back,) = torch.autograd.grad(one, e)
        rows[b, :length] = back[b, :length].flip(0).norm(dim=-1)
    mean = rows.sum(0) / np.array([3, 3, 3, 3, 3, 2, 1, 1])
    np.testing.assert_allclose(found.reach, mean / mean[0], rtol=1e-10)


def test_without_any_recurrence_nothing_lies_further_back() -> None:
    found = measured(lambda m, e: F.cross_entropy(m.head(e).flatten(0, 1), Y.flatten()))
    assert found.reach.tolist() == [1.0] + [0.0] * 7
    assert found.horizon is None or found.horizon.steps == 0


@pytest.mark.parametrize("shift", ["pad", "cat"])
def test_a_shift_inside_the_model_is_no_layout_of_the_loss(shift: str) -> None:
    """``e_t + e_{t-1} / 2``: exactly one step back, at half the size."""

    def loss(m: Model, e: Tensor) -> Tensor:
        before = (
            F.pad(e, (0, 0, 1, 0))[:, :-1]
            if shift == "pad"
            else torch.cat([e[:, :1] * 0, e[:, :-1]], 1)
        )
        return F.cross_entropy(m.head(e + 0.5 * before).flatten(0, 1), Y.flatten())

    np.testing.assert_allclose(measured(loss).reach, [1, 0.5, 0, 0, 0, 0, 0, 0], rtol=1e-10)


def test_a_residual_stream_counts_once() -> None:
    """``e_t + h_t``: lag 0 has both, so that ``R(k) = 0.9^k / 2``."""
    found = measured(lambda m, e: F.mse_loss(e + scan(e), torch.ones_like(e)))
    np.testing.assert_allclose(found.reach, [1, *(0.9 ** np.arange(1, T) / 2)], rtol=1e-10)


@pytest.mark.parametrize("frozen", [False, True])
def test_two_losses_are_added(frozen: bool) -> None:
    """One reads the logits, one the states that they are made from: each gradient counts once."""

    def loss(m: Model, e: Tensor) -> Tensor:
        h = scan(e)
        first = F.cross_entropy(m.head(h).flatten(0, 1), Y.flatten())
        return first + 0.1 * h.square().mean() + 0.1 * e.square().mean()

    model, tokens = Model(loss).double(), torch.randint(7, (B, T))
    model.embedding.requires_grad_(not frozen)
    found = probe(model, lambda: model(tokens), inputs="embedding")["input:embedding"]
    e = model.embedding(tokens).detach().requires_grad_()
    h = scan(e)
    last = F.cross_entropy(model.head(h[:, -1]), Y[:, -1], reduction="sum") / (B * T)
    last = last + 0.1 * (h[:, -1].square() + e[:, -1].square()).sum() / e.numel()
    (back,) = torch.autograd.grad(last, e)
    norms = back.norm(dim=-1).mean(0).flip(0).numpy()
    np.testing.assert_allclose(found.reach, norms / norms[0], rtol=1e-10)


RECURRENT: dict[str, Loss] = {
    "stacked": lambda m, e: F.cross_entropy(
        m.head(torch.stack(loop(m, e), 1)).flatten(0, 1), Y.flatten()
    ),
    "stacked by time": lambda m, e: F.cross_entropy(
        m.head(torch.stack(loop(m, e))).flatten(0, 1), Y.T.flatten()
    ),
    "in a row": lambda m, e: F.cross_entropy(m.head(torch.cat(loop(m, e))), Y.T.flatten()),
    "logits in a row": lambda m, e: F.cross_entropy(
        torch.cat([m.head(h) for h in loop(m, e)]), Y.T.flatten()
    ),
    "its last state": lambda m, e: F.cross_entropy(m.head(loop(m, e)[-1]), Y[:, -1]),
}


@pytest.mark.parametrize("units", [6, T])
@pytest.mark.parametrize("loss", RECURRENT)
def test_a_recurrence_by_hand(loss: str, units: int) -> None:
    """The walk ends at its states, even where they have as many units as there are steps."""
    model = Model(
        RECURRENT[loss], classes=C, w=nn.Linear(D, units), u=nn.Linear(units, units)
    ).double()
    model.head = nn.Linear(units, C).double()
    tokens = torch.randint(7, (B, T))
    found = probe(model, lambda: model(tokens), inputs="embedding")["input:embedding"]
    e = model.embedding(tokens).detach().requires_grad_()
    last = F.cross_entropy(model.head(loop(model, e)[-1]), Y[:, -1])
    norms = torch.autograd.grad(last, e)[0].norm(dim=-1).mean(0).flip(0).numpy()
    np.testing.assert_allclose(found.reach, norms / norms[0], rtol=1e-10)


class _Summed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, z: Tensor) -> Tensor:
        ctx.save_for_backward(z)
        return z.square().sum()

    @staticmethod
    def backward(ctx: Any, gradient: Any) -> Any:
        return 2 * ctx.saved_tensors[0] * gradient


def decaying(e: Tensor) -> list[Tensor]:
    states = [e[:, 0]]
    for t in range(1, e.shape[1]):
        states.append(GATE * states[-1] + e[:, t])
    return states


def states_summed(m: Any, e: Tensor) -> Tensor:
    return sum((h.sum() for h in loop(m, e)), torch.zeros(()))


UNTOLD: dict[str, tuple[Loss, str]] = {
    "an operation of somebody's own": (
        lambda m, e: _Summed.apply(m.head(scan(e)).flatten(0, 1)),  # type: ignore[no-untyped-call]
        "unknown operation",
    ),
    "a loss in every step of a loop": (
        lambda m, e: sum(
            (F.mse_loss(h, torch.ones_like(h)) for h in loop(m, e)), torch.zeros(())
        ),
        "mixes several positions",
    ),
    "a loss in every step of a loop without layers": (
        lambda m, e: sum((h.square().mean() + F.mse_loss(h, torch.ones_like(h))
                          for h in decaying(e)), torch.zeros(())),
        "mixes several positions",
    ),
    "states of a loop added": (states_summed, "mixes several positions"),
    "differences of neighbours": (
        lambda m, e: (scan(e)[:, 1:] - scan(e)[:, :-1]).square().mean(),
        "mixes several positions",
    ),
    "a number of steps of its own": (
        lambda m, e: F.mse_loss(F.avg_pool1d(scan(e).transpose(1, 2), 2), torch.ones(B, D, 4)),
        "unknown operation",
    ),
    "cut off from the input": (
        lambda m, e: F.mse_loss(m.head(scan(e).detach()), R),
        "the loss has no gradient at input:embedding",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", UNTOLD)
def test_where_positions_cannot_be_told_no_curve_is_given(case: str) -> None:
    """Never that of the summed loss; and the words say why."""
    loss, words = UNTOLD[case]
    found = measured(loss, w=nn.Linear(D, 6), u=nn.Linear(6, 6))
    assert found.reach.size == 0
    assert found.outcome == "not enough data"
    assert words in found.summary


@pytest.mark.long
@pytest.mark.filterwarnings("ignore:The .grad attribute")  # what the compiler itself reads
@pytest.mark.parametrize("compiled", ["loss", "model"])
def test_compiled_functions(compiled: str) -> None:
    """A compiled model shows its logits; a compiled loss shows nothing."""
    head = torch.compile(lambda m, h: m.head(h), backend="aot_eager")
    score = torch.compile(
        lambda z: F.cross_entropy(z.flatten(0, 1), Y.flatten()), backend="aot_eager"
    )
    if compiled == "model":
        found = measured(lambda m, e: F.cross_entropy(head(m, scan(e)).flatten(0, 1), Y.flatten()))
        np.testing.assert_allclose(found.reach, STEPS, rtol=1e-10)
    else:
        found = measured(lambda m, e: score(m.head(scan(e))))
        assert found.reach.size == 0
        assert "compiled" in found.summary


@pytest.mark.parametrize("heads", [1, 2])
def test_a_classifier_that_returns_its_loss(heads: int) -> None:
    """One loss a sequence counts from its end: ``1 + 0.9 + … + 0.9^k`` for a mean over states."""

    def loss(m: Any, e: Tensor) -> Tensor:
        pooled = scan(e).mean(1)
        found = F.cross_entropy(m.head(pooled), Y[:, 0])
        return found if heads == 1 else found + F.mse_loss(m.other(pooled), R[:, 0, :2])

    found = measured(loss, other=nn.Linear(D, 2))
    expected = np.cumsum(STEPS)
    np.testing.assert_allclose(found.reach, expected, rtol=1e-10)


def test_a_classifying_token_in_front() -> None:
    """What is read off the first step may depend on all: lags count from the end, as they did."""
    found = measured(lambda m, e: F.cross_entropy(m.head(scan(e.flip(1)).flip(1)[:, 0]), Y[:, 0]))
    np.testing.assert_allclose(found.reach, 1 / STEPS, rtol=1e-10)


def test_a_short_term_on_the_side_is_left_out() -> None:
    """A smoothness of states, and a balance between experts, beside a loss of PyTorch's."""

    def loss(m: Model, e: Tensor) -> Tensor:
        h = scan(e)
        first = F.cross_entropy(m.head(h).flatten(0, 1), Y.flatten())
        share = h.softmax(-1).mean((0, 1))
        return first + (h[:, 1:] - h[:, :-1]).square().mean() + share.square().sum()

    np.testing.assert_allclose(measured(loss).reach, STEPS, rtol=1e-10)


def test_dead_units_before_the_logits() -> None:
    """The last position is that of the logits, as where they are returned, dead units or not."""
    x, off = torch.randint(7, (B, T)), torch.zeros(B, T, 1)
    off[1, -1] = 100  # the last state of one sequence is dead

    def logits(m: Model, e: Tensor) -> Tensor:
        return F.linear(torch.relu(scan(e) - off).reshape(-1, D), m.head.weight)

    outside = Model(logits).double()
    inside = Model(lambda m, e: F.cross_entropy(logits(m, e), Y.flatten())).double()
    inside.load_state_dict(outside.state_dict())
    expected = probe(outside, lambda: F.cross_entropy(outside(x), Y.flatten()), inputs="embedding")[
        "input:embedding"
    ]
    found = probe(inside, lambda: inside(x), inputs="embedding")["input:embedding"]
    np.testing.assert_allclose(found.reach, expected.reach, rtol=1e-10)


def test_a_single_class_has_no_gradient() -> None:
    """The softmax over one class is 1 whatever its logit is."""
    for size in ((1, T), (T, T)):
        none = torch.zeros(size, dtype=torch.long).flatten()

        def loss(m: Model, e: Tensor, y: Tensor = none) -> Tensor:
            return F.cross_entropy(m.head(scan(e)).flatten(0, 1), y)

        found = measured(loss, size=size, classes=1)
        assert found.reach.size == 0
        assert "the loss has no gradient at input:embedding" in found.summary


def observed(loss: Loss, path: Path) -> Run:
    model, tokens = Model(loss), torch.randint(7, (B, T))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with watch(model, optimizer, path, every=1, inputs="embedding"):
        for _ in range(3):
            optimizer.zero_grad()
            model(tokens).backward()
            optimizer.step()
    return Run(path)


def test_a_watched_model_that_returns_its_loss(run_path: Path) -> None:
    run = observed(LAYOUTS["batch-major"], run_path)
    reach = run.profile("reach/input:embedding")
    assert reach.widths.tolist() == [T] * 3
    np.testing.assert_allclose(reach.rows[2], STEPS, rtol=1e-4)


def test_why_a_watched_model_has_no_curve_is_said_once(
    run_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = observed(UNTOLD["differences of neighbours"][0], run_path)
    assert "reach/input:embedding" not in run.names
    assert caplog.text.count("the positions of the loss cannot be told apart") == 1


def test_several_tensors_that_the_input_is_made_into() -> None:
    """Three projections of one input, as in attention; time first; the axes in another place."""
    torch.manual_seed(1)
    x = torch.randn(T, B, D, dtype=torch.float64)
    parts = [(x * s).permute(1, 2, 0).requires_grad_() for s in (1, 2)]  # (B, D, T)
    h = scan(sum(p.transpose(1, 2) for p in parts))  # type: ignore[arg-type]
    loss = F.cross_entropy(h.transpose(1, 2), Y % D)
    edges = [torch.autograd.graph.get_gradient_edge(p) for p in parts]
    found = find_positions([loss], [None], edges, (B, T), (0, 2))
    assert isinstance(found, Positions)
    assert found.there.shape == (B, T)
    assert bool(found.there.all())
    for back in found.from_only(found.last(1), edges):
        assert back is not None
        norms = back.norm(dim=1).flip(1)
        expected = norms[:, :1] * torch.tensor(STEPS)
        torch.testing.assert_close(norms, expected, rtol=1e-10, atol=0)


def test_nothing_of_the_callers_run_changes() -> None:
    """Random numbers, gradients and the graph; hooks are gone; a second backward pass works."""
    model = Model(LAYOUTS["batch-major"]).double()
    e = model.embedding(torch.randint(7, (B, T)))
    h = scan(e)
    loss = F.cross_entropy(model.head(h).flatten(0, 1), Y.flatten()) + h.square().mean()
    edge = torch.autograd.graph.get_gradient_edge(e)
    state = torch.get_rng_state()
    for _ in range(2):
        found = find_positions([loss], [None], [edge], (B, T))
        assert isinstance(found, Positions)
        found.from_only(found.last(1), [edge])
    assert torch.equal(torch.get_rng_state(), state)
    assert all(p.grad is None for p in model.parameters())
    (first,) = torch.autograd.grad(loss, h, retain_graph=True)
    again = (
        2 * h / h.numel()
        + torch.autograd.grad(
            F.cross_entropy(model.head(h).flatten(0, 1), Y.flatten()), h, retain_graph=True
        )[0]
    )
    torch.testing.assert_close(first, again, rtol=1e-12, atol=0)  # no hook stops it
    (twice,) = torch.autograd.grad(loss, e, create_graph=True)
    twice.square().sum().backward()


def test_a_gradient_penalty_beside_the_loss() -> None:
    """A term of a second derivative has nodes that no loss has: told, or not told, never raised."""

    def loss(m: Model, e: Tensor) -> Tensor:
        z: Tensor = m.head(scan(e))
        main = F.cross_entropy(z.flatten(0, 1), Y.flatten())
        (slope,) = torch.autograd.grad(main, z, create_graph=True)
        return main + slope.square().sum()

    found = measured(loss)
    if found.reach.size:
        np.testing.assert_allclose(found.reach, STEPS, rtol=1e-10)


def test_a_large_graph_is_given_up() -> None:
    x = torch.ones(2, requires_grad=True)
    y = x
    for _ in range(50):
        y = y + 1
    edge = torch.autograd.graph.get_gradient_edge
    root, target = edge(y.sum()), edge(x)
    found = edges_to([(root.node, 0)], {(target.node, 0)}, 52)
    assert found is not None
    assert len(found) == 51
    assert edges_to([(root.node, 0)], {(target.node, 0)}, 40) is None


def test_a_deep_stack_needs_no_recursion() -> None:
    """2,000 residual sums between the states and the loss."""

    def loss(m: Model, e: Tensor) -> Tensor:
        h = scan(e)
        for _ in range(2000):
            h = h + 0.001
        return F.mse_loss(h, torch.ones_like(h))

    np.testing.assert_allclose(measured(loss).reach, STEPS, rtol=1e-10)


# -- graphs drawn at random ----------------------------------------------------------------------

Made = Callable[[Tensor], Tensor]


def drawn(draw: torch.Generator, e: Tensor, head: nn.Linear) -> tuple[Tensor, Tensor]:
    """The output of a model ``(B, T, C)``, and a loss on it of operations drawn at random."""

    def pick(several: list[Any]) -> Any:
        return several[int(torch.randint(len(several), (), generator=draw))]

    body: Made = pick([scan, doubling, in_place, lambda x: x + scan(x), lambda x: x])
    z: Tensor = head(body(e)) * 1
    target = torch.randn(z.shape, generator=draw, dtype=z.dtype)
    y = torch.randint(C, z.shape[:2], generator=draw)
    mask = torch.rand(z.shape[:2], generator=draw) < 0.7
    shaped: Made = pick([
        lambda v: v, lambda v: v.transpose(0, 1), lambda v: v.flatten(0, 1), lambda v: v[:, :-1],
        lambda v: v[:, 1:].transpose(0, 1), lambda v: v.transpose(0, 1).flatten(0, 1),
        lambda v: v[mask], lambda v: v[:, [5, 2, 3]],
    ])  # fmt: skip
    logits, wanted, classes = shaped(z), shaped(target), shaped(y)
    rows, labels = logits.reshape(-1, C), classes.reshape(-1)
    terms: Tensor = pick([
        lambda: F.cross_entropy(rows, labels, reduction="none"),
        lambda: F.mse_loss(logits, wanted, reduction="none").flatten(0, -2).sum(-1),
        lambda: (logits - wanted).abs().sum(-1), lambda: logits.square().logsumexp(-1),
        lambda: -logits.log_softmax(-1).gather(-1, classes[..., None])[..., 0],
        lambda: F.huber_loss(logits, wanted, reduction="none").amax(-1),
    ])()  # fmt: skip
    kept = torch.rand(terms.shape, generator=draw) < 0.8
    terms = pick([terms, terms * kept, terms / 3, torch.where(kept, terms, 0), terms.flatten()])
    loss: Tensor = pick([
        lambda v: v.mean(), lambda v: v.sum(), lambda v: v.sum(-1).mean(),
        lambda v: v.mean().exp(), lambda v: torch.stack([v.mean(), v.sum()]).sum(),
        lambda v: sum((part.mean() for part in torch.split(v, 3)), torch.zeros(())),
        lambda v: v.cumsum(0).mean(), lambda v: v.flatten().sort()[0][2:].mean(),
    ])(terms)  # fmt: skip
    return z, loss


def check_drawn(seed: int) -> bool:
    """Whether the positions were told; they are right if so."""
    draw = torch.Generator().manual_seed(seed)
    sizes = [(3, 8), (8, 8), (5, 8), (1, 8)][seed % 4]
    e = torch.randn(*sizes, D, generator=draw, dtype=torch.float64).requires_grad_()
    head = nn.Linear(D, C).double()
    z, loss = drawn(draw, e, head)
    edge = torch.autograd.graph.get_gradient_edge(e)
    found = find_positions([loss], [None], [edge], sizes)
    (direct,) = torch.autograd.grad(loss, z, retain_graph=True)
    if isinstance(found, Untold):
        return False
    last = found.last(1)
    (expected,) = torch.autograd.grad(z, e, direct * last[..., None], retain_graph=True)
    assert torch.equal(found.there, (direct != 0).any(-1))
    (back,) = found.from_only(last, [edge])
    if back is None:
        assert not bool(expected.any())
    else:
        torch.testing.assert_close(back, expected, rtol=1e-9, atol=1e-12)
    return True


def test_losses_drawn_at_random() -> None:
    """Where positions are told, the gradient is that of the model's output at one position."""
    told = [check_drawn(seed) for seed in range(60)]
    assert sum(told) > 30


@pytest.mark.long
def test_many_losses_drawn_at_random() -> None:
    told = [check_drawn(seed) for seed in range(60, 3000)]
    assert sum(told) > 1500
