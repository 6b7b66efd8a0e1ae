"""Targets that are the input, and everything that only looks like it."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from tests.causes import BATCH, INPUTS, STEPS, UNITS, findings, rnn

SYMBOLS = 7

Parts = nn.ModuleDict
LossOf = Callable[[Parts], Tensor]


LENGTHS = torch.tensor([6, 2, 4, 3, 5, 2, 3, 6, 4, 1])


def text(steps: int = STEPS, rows: int = BATCH) -> Tensor:
    """``(B, T)`` symbols, at random; 0 is left for padding."""
    return torch.randint(1, SYMBOLS, (rows, steps))


def entropy(z: Tensor, y: Tensor) -> Tensor:
    return functional.cross_entropy(z.flatten(0, 1), y.flatten())


def parts(kind: str = "GRU", **settings: bool | int) -> dict[str, nn.Module]:
    settings = {"batch_first": True} | settings
    both = 2 if settings.get("bidirectional") else 1
    return {
        "embed": nn.Embedding(SYMBOLS, INPUTS),
        "rnn": rnn(kind, **settings),
        "cell": nn.GRUCell(INPUTS, UNITS),
        "encoder": rnn(kind, batch_first=True),
        "hot": rnn(kind, SYMBOLS, batch_first=True),
        "head": nn.Linear(both * UNITS, SYMBOLS),
    }


def one_hot(x: Tensor) -> Tensor:
    return functional.one_hot(x, SYMBOLS).float()


def read(m: Parts, x: Tensor) -> Tensor:
    z: Tensor = m["head"](m["rnn"](m["embed"](x))[0])
    return z


# -- BKS431: the target is the input --------------------------------------------------------------


def unshifted(m: Parts) -> Tensor:
    x = text()
    return entropy(read(m, x), x)


def by_hand(m: Parts) -> Tensor:
    x = text()
    loss: Tensor = -read(m, x).log_softmax(-1).gather(2, x[..., None]).mean()
    return loss


def squared_by_hand(m: Parts) -> Tensor:
    x = one_hot(text())
    loss: Tensor = (m["head"](m["hot"](x)[0]) - x).pow(2).mean()
    return loss


def classes_second(m: Parts) -> Tensor:
    x = text()
    return functional.cross_entropy(read(m, x).transpose(1, 2), x)


def time_first(m: Parts) -> Tensor:
    x = text().T
    return entropy(m["head"](m["rnn"](m["embed"](x))[0]), x)


def hot(m: Parts) -> Tensor:
    x = text()
    return entropy(m["head"](m["hot"](one_hot(x))[0]), x)


def both_ends_cut(m: Parts) -> Tensor:
    """The logits and the targets are cut alike."""
    x = text()
    return entropy(read(m, x)[:, 1:], x[:, 1:])


def padded(m: Parts) -> Tensor:
    x = text().masked_fill(torch.arange(STEPS) > torch.arange(BATCH)[:, None], 0)
    z = read(m, x)
    return functional.cross_entropy(z.flatten(0, 1), x.flatten(), ignore_index=0)


def smoothed(m: Parts) -> Tensor:
    x = text()
    z = read(m, x).flatten(0, 1)
    return functional.cross_entropy(z, x.flatten(), label_smoothing=0.1)


def decoder(m: Parts) -> Tensor:
    """It is fed the answer."""
    y = text()
    _, state = m["encoder"](m["embed"](y.flip(1)))
    return entropy(m["head"](m["rnn"](m["embed"](y), state)[0]), y)


def loop(m: Parts) -> Tensor:
    x, h, total = text(), torch.zeros(BATCH, UNITS), torch.zeros(())
    for t in range(STEPS):
        h = m["cell"](m["embed"](x[:, t]), h)
        total = total + functional.cross_entropy(m["head"](h), x[:, t])
    return total / STEPS


def loop_stacked(m: Parts) -> Tensor:
    x, h, out = text(), torch.zeros(BATCH, UNITS), []
    for t in range(STEPS):
        h = m["cell"](m["embed"](x[:, t]), h)
        out.append(m["head"](h))
    return entropy(torch.stack(out, 1), x)


def one_hot_loop(m: Parts) -> Tensor:
    x, h, out = text(), torch.zeros(BATCH, UNITS), []
    for t in range(STEPS):
        h = m["cell"](one_hot(x[:, t])[:, :INPUTS] * 0 + m["embed"](x[:, t]), h)
        out.append(m["head"](h))
    return entropy(torch.stack(out, 0), x.T)


def packed(x: Tensor, *, sorted_by_hand: bool = False, lengths: Tensor = LENGTHS) -> PackedSequence:
    """In the layout that the parts have, batch first."""
    return pack_padded_sequence(x, lengths, True, enforce_sorted=sorted_by_hand)


def read_packed(m: Parts, given: PackedSequence) -> Tensor:
    z: Tensor = m["head"](m["rnn"](given)[0].data)
    return z


def packed_targets(m: Parts) -> Tensor:
    x = text()
    return functional.cross_entropy(read_packed(m, packed(m["embed"](x))), packed(x).data)


def packed_in_order(m: Parts) -> Tensor:
    """Sorted by the script."""
    x, lengths = text(), LENGTHS.sort(descending=True).values
    given = packed(functional.dropout(m["embed"](x), 0.1), sorted_by_hand=True, lengths=lengths)
    return functional.cross_entropy(
        read_packed(m, given), packed(x, sorted_by_hand=True, lengths=lengths).data
    )


def step_losses(m: Parts) -> Tensor:
    x = text()
    z = read(m, x)
    return sum(
        (functional.cross_entropy(z[:, t], x[:, t]) for t in range(STEPS)), start=torch.zeros(())
    )


UNSHIFTED: dict[str, LossOf] = {
    one.__name__: one
    for one in (
        *(
            unshifted,
            by_hand,
            squared_by_hand,
            classes_second,
            hot,
            both_ends_cut,
            padded,
            smoothed,
            decoder,
        ),
        *(loop, loop_stacked, one_hot_loop, step_losses),
        *(packed_targets, packed_in_order),
    )
}


def packed_and_shifted(m: Parts) -> Tensor:
    x = text(STEPS + 1)
    z = read_packed(m, packed(m["embed"](x[:, :-1])))
    return functional.cross_entropy(z, packed(x[:, 1:]).data)


def packed_behind_a_picture(m: Parts) -> Tensor:
    """What stands before the first symbol shifts the others."""
    x, picture = text(), torch.randn(BATCH, 1, INPUTS)
    given = torch.cat([picture, m["embed"](x)], 1)
    return functional.cross_entropy(read_packed(m, packed(given)), packed(x).data)


def packed_autoencoder(m: Parts) -> Tensor:
    """The answers come from the last state."""
    x = text()
    _, state = m["rnn"](packed(m["embed"](x)))
    z = m["head"](state[-1])[:, None].expand(-1, STEPS, -1)
    return functional.cross_entropy(packed(z).data, packed(x).data)


@pytest.mark.some(2)
@pytest.mark.parametrize("loss", [packed_and_shifted, packed_behind_a_picture, packed_autoencoder])
def test_packed_targets_that_are_not_the_step_read_are_not(loss: LossOf, tmp_path: Path) -> None:
    assert not findings("BKS431", loss, tmp_path, parts())


@pytest.mark.some(2)
@pytest.mark.parametrize("which", UNSHIFTED)
def test_a_target_that_is_not_shifted_is_found(which: str, tmp_path: Path) -> None:
    (finding,) = findings("BKS431", UNSHIFTED[which], tmp_path, parts())
    assert finding.severity == "error"
    assert "not shifted" in finding.message


@pytest.mark.parametrize("kind", ["LSTM", "RNN"])
def test_whatever_the_layer_and_the_layout(kind: str, tmp_path: Path) -> None:
    assert findings("BKS431", time_first, tmp_path, parts(kind, batch_first=False))


def next_symbol(m: Parts) -> Tensor:
    x = text(STEPS + 1)
    return entropy(read(m, x[:, :-1]), x[:, 1:])


def next_of_a_longer_one(m: Parts) -> Tensor:
    x = text()
    return entropy(read(m, x)[:, :-1], x[:, 1:])


@pytest.mark.parametrize("loss", [next_symbol, next_of_a_longer_one])
def test_a_bidirectional_layer_that_reads_the_next_symbol_is_found(
    loss: LossOf, tmp_path: Path
) -> None:
    (finding,) = findings("BKS431", loss, tmp_path / "two", parts(bidirectional=True))
    assert "which a bidirectional layer reads" in finding.message
    assert not findings("BKS431", loss, tmp_path / "one", parts())


def test_halves_that_are_read_by_themselves_see_no_future(tmp_path: Path) -> None:
    """ELMo's: what goes forward predicts the next symbol, what goes back the one before."""

    def loss(m: Parts) -> Tensor:
        x = text()
        out = m["rnn"](m["embed"](x))[0]
        there = m["head"](out[:, :-1, :UNITS].repeat(1, 1, 2))
        back = m["head"](out[:, 1:, UNITS:].repeat(1, 1, 2))
        return entropy(there, x[:, 1:]) + entropy(back, x[:, :-1])

    assert not findings("BKS431", loss, tmp_path, parts(bidirectional=True))


def autoencoder(m: Parts) -> Tensor:
    """Through the encoder's last state."""
    x = text()
    state = m["encoder"](m["embed"](x))[1]
    shifted = functional.pad(x[:, :-1], (1, 0))
    return entropy(m["head"](m["rnn"](m["embed"](shifted), state)[0]), x)


def autoencoder_of_its_code(m: Parts) -> Tensor:
    x = text()
    code = m["encoder"](m["embed"](x))[1][0]
    out = m["rnn"](code[:, None, :INPUTS].expand(-1, STEPS, -1))[0]
    return entropy(m["head"](out), x)


def autoencoder_in_a_loop(m: Parts) -> Tensor:
    x, h, total = text(), torch.zeros(BATCH, UNITS), torch.zeros(())
    for t in range(STEPS):
        h = m["cell"](m["embed"](x[:, t]), h)
    for t in range(STEPS):
        total = total + functional.cross_entropy(m["head"](h), x[:, t])
        h = m["cell"](m["embed"](x[:, t]), h)
    return total


def masked(m: Parts) -> Tensor:
    x = text()
    hidden = torch.rand(x.shape) < 0.3
    hidden[0, :2] = True
    z = read(m, x.masked_fill(hidden, 0))
    return functional.cross_entropy(z.flatten(0, 1), x.masked_fill(~hidden, -100).flatten())


def delayed(m: Parts) -> Tensor:
    x = text()
    return entropy(read(m, x), x.roll(2, 1))


def noisy(m: Parts) -> Tensor:
    x = text()
    return entropy(read(m, torch.where(torch.rand(x.shape) < 0.2, text(), x)), x)


def tags(m: Parts) -> Tensor:
    """Tags of which most are the symbol itself."""
    x = text()
    return entropy(read(m, x), x.clamp(max=SYMBOLS - 2))


def constant(m: Parts) -> Tensor:
    """All the same, by chance."""
    x = torch.ones(BATCH, STEPS, dtype=torch.long)
    return entropy(read(m, x), x)


def each_row_one_symbol(m: Parts) -> Tensor:
    """Its next symbol is the same."""
    x = text(1).repeat(1, STEPS + 1)
    return entropy(read(m, x[:, :-1]), x[:, 1:])


def remembered(m: Parts) -> Tensor:
    x = text()
    return functional.cross_entropy(read(m, x)[:, -1], x[:, 0])


def one_step(m: Parts) -> Tensor:
    x = text(1)
    return entropy(read(m, x), x)


def teacher_forced(m: Parts) -> Tensor:
    x = text()
    _, state = m["encoder"](m["embed"](x))
    y = x.flip(1)
    return entropy(m["head"](m["rnn"](m["embed"](functional.pad(y[:, :-1], (1, 0))), state)[0]), y)


def begun_with_any_symbol(m: Parts) -> Tensor:
    """A decoder whose first input is drawn at random."""
    y = text()
    _, state = m["encoder"](m["embed"](y.flip(1)))
    return entropy(m["head"](m["rnn"](m["embed"](torch.cat([text(1), y[:, :-1]], 1)), state)[0]), y)


WELL: dict[str, LossOf] = {
    one.__name__: one
    for one in (
        *(autoencoder, autoencoder_of_its_code, autoencoder_in_a_loop, masked, delayed, noisy),
        *(tags, constant, each_row_one_symbol, remembered, one_step, teacher_forced, next_symbol),
        begun_with_any_symbol,
    )
}


@pytest.mark.some(2)
@pytest.mark.parametrize("which", WELL)
def test_what_only_looks_like_it_is_not(which: str, tmp_path: Path) -> None:
    assert not findings("BKS431", WELL[which], tmp_path, parts())


def wave() -> Tensor:
    return torch.randn(BATCH, STEPS, 1).cumsum(1)


def numbers(units: int = UNITS) -> dict[str, nn.Module]:
    return {
        "rnn": nn.LSTM(1, units, batch_first=True),
        "second": nn.LSTM(units, UNITS, batch_first=True),
        "head": nn.Linear(units, 1),
        "last": nn.Linear(UNITS, 1),
    }


def test_numbers_that_are_to_be_forecast_and_are_given(tmp_path: Path) -> None:
    def same(m: Parts) -> Tensor:
        x = wave()
        return functional.mse_loss(m["head"](m["rnn"](x)[0]), x)

    def later(m: Parts) -> Tensor:
        x = wave()
        return functional.mse_loss(m["head"](m["rnn"](x[:, :-1])[0]), x[:, 1:])

    def denoised(m: Parts) -> Tensor:
        x = wave()
        return functional.mse_loss(m["head"](m["rnn"](x + 0.1 * torch.randn_like(x))[0]), x)

    (finding,) = findings("BKS431", same, tmp_path / "same", numbers())
    assert finding.severity == "error"
    assert not findings("BKS431", later, tmp_path / "later", numbers())
    assert not findings("BKS431", denoised, tmp_path / "denoised", numbers())


class Forecast(nn.Module):
    """One number of a window."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn, self.head = nn.GRU(1, UNITS, batch_first=True), nn.Linear(UNITS, 1)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.head(self.rnn(x)[0][:, -1])
        return result


@pytest.mark.some(2)
@pytest.mark.parametrize(("step", "count"), [(-2, 1), (-1, 0), (0, 0)])
def test_a_forecast_of_the_last_value_of_its_window(step: int, count: int, tmp_path: Path) -> None:
    def asked(m: Parts) -> Tensor:
        x = wave()
        return functional.mse_loss(m["net"](x[:, :-1]), x[:, step])

    found = findings("BKS431", asked, tmp_path, {"net": Forecast()})
    assert len(found) == count
    assert all("the last value of the very window" in one.message for one in found)


def test_an_autoencoder_of_numbers_is_a_note_at_most(tmp_path: Path) -> None:
    """Of two layers that both give an output at each step."""

    def loss(m: Parts) -> Tensor:
        x = wave()
        return functional.mse_loss(m["last"](m["second"](m["rnn"](x)[0])[0]), x)

    def by_its_state(m: Parts) -> Tensor:
        x = wave()
        code = m["rnn"](x)[1][0][0]
        out = m["second"](code[:, None].expand(-1, STEPS, -1))[0]
        return functional.mse_loss(m["last"](out), x)

    def through_a_bottleneck(m: Parts) -> Tensor:
        x = wave().repeat(1, 1, 2) * torch.tensor([1.0, 0.5])
        return functional.mse_loss(m["back"](m["narrow"](m["wide"](x)[0]).tanh()), x)

    def without_one(m: Parts) -> Tensor:
        x = wave().repeat(1, 1, 2) * torch.tensor([1.0, 0.5])
        return functional.mse_loss(m["out"](m["wide"](x)[0]), x)

    narrow = {
        "wide": nn.LSTM(2, UNITS, batch_first=True), "narrow": nn.Linear(UNITS, 1),
        "back": nn.Linear(1, 2), "out": nn.Linear(UNITS, 2),
    }  # fmt: skip
    (finding,) = findings("BKS431", through_a_bottleneck, tmp_path / "narrow", narrow)
    assert finding.severity == "info"
    (finding,) = findings("BKS431", without_one, tmp_path / "none", narrow)
    assert finding.severity == "error"

    (finding,) = findings("BKS431", loss, tmp_path / "two", numbers())
    assert finding.severity == "info"
    assert not findings("BKS431", by_its_state, tmp_path / "code", numbers())


def test_numbers_that_are_written_again_beside_something_else(tmp_path: Path) -> None:
    """A sparse code, or a world that is to be known and foreseen; a penalty of weights is none."""

    def sparse(m: Parts) -> Tensor:
        code: Tensor = m["rnn"](x := wave())[0].relu()
        return functional.mse_loss(m["head"](code), x) + 0.001 * code.abs().mean()

    def now_and_next(m: Parts) -> Tensor:
        code = m["rnn"]((x := wave())[:, :-1])[0]
        now, later = m["head"](code), m["head"](code.roll(1, 2))
        return functional.mse_loss(now, x[:, :-1]) + 2 * functional.mse_loss(later, x[:, 1:])

    def decayed(m: Parts) -> Tensor:
        loss = functional.mse_loss(m["head"](m["rnn"](x := wave())[0]), x)
        return loss + 0.001 * next(m["head"].parameters()).square().sum()

    def root(m: Parts) -> Tensor:
        return functional.mse_loss(m["head"](m["rnn"](x := wave())[0]), x).sqrt()

    for severity, losses in (("info", (sparse, now_and_next)), ("error", (decayed, root))):
        for loss in losses:
            (finding,) = findings("BKS431", loss, tmp_path / loss.__name__, numbers())
            assert finding.severity == severity


def test_no_graph_is_kept_alive(tmp_path: Path) -> None:
    import gc
    import weakref

    from backsight import watch

    torch.manual_seed(0)
    model = nn.ModuleDict(parts())
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    alive: list[weakref.ref[Tensor]] = []
    with watch(model, optimizer, tmp_path / "run", every=1):
        for _ in range(3):
            x = one_hot(text())
            loss = model["head"](model["hot"](x)[0]).square().mean()
            loss.backward()
            optimizer.step()
            alive.append(weakref.ref(x))
            del x, loss
            gc.collect()
            assert alive[-1]() is None


def beside(
    m: Parts, *, lag: int = 0, flags: bool = False, whole: bool = False, noise: float = 0.0
) -> Tensor:
    """A decoder that is given known features, and the number that it is asked for at a step, or at
    the ``lag`` steps before."""
    y = torch.randn(BATCH, 2 * STEPS, 1).cumsum(1)
    y = (y > 0).float() if flags else y
    known = torch.randn(BATCH, 2 * STEPS, 2)
    _, state = m["past"](torch.cat([y, known], 2)[:, :STEPS])
    given = y[:, STEPS - lag : 2 * STEPS - lag]
    given = given + noise * torch.randn_like(given)
    out = m["rnn"](torch.cat([given, known[:, STEPS:]], 2), state)[0]
    if whole:  # an answer that depends on all steps
        out = out + out.mean(1, keepdim=True)
    return functional.smooth_l1_loss(m["head"](out)[..., 0], y[:, STEPS:, 0])


@pytest.mark.some(2)
@pytest.mark.parametrize("lag", [0, 1])
@pytest.mark.parametrize("units", [2, 4])
def test_a_decoder_that_is_given_its_answer_beside_what_is_known(
    lag: int, units: int, tmp_path: Path
) -> None:
    """A layer that is narrower than its input may be that of an autoencoder."""
    modules: dict[str, nn.Module] = {
        "past": nn.LSTM(3, units, batch_first=True), "rnn": nn.LSTM(3, units, batch_first=True),
        "head": nn.Linear(units, 1),
    }  # fmt: skip
    found = findings("BKS431", partial(beside, lag=lag), tmp_path, modules)
    severity = "error" if units > 3 else "info"
    assert [one.severity for one in found] == [severity] * (not lag)
    assert units < 3 or all("among the numbers that are read" in one.message for one in found)


@pytest.mark.some(2)
@pytest.mark.parametrize(
    "loss",
    [partial(beside, flags=True), partial(beside, whole=True), partial(beside, noise=0.1)],
)
def test_what_is_beside_what_is_known_may_be_no_answer(loss: LossOf, tmp_path: Path) -> None:
    modules: dict[str, nn.Module] = {
        "past": nn.LSTM(3, UNITS, batch_first=True), "rnn": nn.LSTM(3, UNITS, batch_first=True),
        "head": nn.Linear(UNITS, 1),
    }  # fmt: skip
    assert not findings("BKS431", loss, tmp_path, modules)


def test_an_encoder_that_reads_a_column_which_another_layer_is_asked_for(tmp_path: Path) -> None:
    """As an autoencoder of one of several series is, by its last state: no answer is given."""

    def loss(m: Parts) -> Tensor:
        x = torch.randn(BATCH, STEPS, 3).cumsum(1)
        code = m["past"](x)[1][0][0]
        out = m["rnn"](code[:, None, :3].expand(-1, STEPS, -1))[0]
        return functional.mse_loss(m["head"](out), x[..., :1])

    modules: dict[str, nn.Module] = {
        "past": nn.LSTM(3, UNITS, batch_first=True), "rnn": nn.LSTM(3, UNITS, batch_first=True),
        "head": nn.Linear(UNITS, 1),
    }  # fmt: skip
    assert not findings("BKS431", loss, tmp_path, modules)
