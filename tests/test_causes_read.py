"""Steps that a loss reads: where a layer has seen little, behind padding, and padding itself."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from backsight import diagnose, watch
from backsight.diagnosis import Finding
from backsight.probes import StepsRead, is_padding, padding_of
from tests.causes import BATCH, INPUTS, STEPS, UNITS, Loss, drawn, findings, rnn
from tests.crossed import crossed

SYMBOLS = 7
LENGTHS = torch.tensor([6, 2, 4, 3, 5, 2, 3, 6, 4, 1])
PADDING = torch.arange(STEPS) >= LENGTHS[:, None]
SHARE = 24 / 60
"""4 + 2 + 3 + 1 + 4 + 3 + 2 + 5 of 60 steps."""

# -- BKS414: a direction that is read where it begins ---------------------------------------------

Read = Callable[[Tensor, Tensor], Tensor]


def both(read: Read, kind: str = "GRU", *, packed: bool = False, **settings: bool | int) -> Loss:
    """A loss of a bidirectional layer's output ``(B, T, 2H)`` and final state."""

    def loss(m: nn.ModuleDict) -> Tensor:
        x = drawn(BATCH, STEPS)
        if not m["rnn"].batch_first:
            x = x.transpose(0, 1)
        given = pack_padded_sequence(x, LENGTHS, True, enforce_sorted=False) if packed else x
        output, state = m["rnn"](given)
        if packed:
            output, _ = pad_packed_sequence(output, batch_first=True)
        elif not m["rnn"].batch_first:
            output = output.transpose(0, 1)
        return read(output, state).square().mean()

    return loss


ROWS = torch.arange(BATCH)
ONE_STEP: dict[str, tuple[Read, str, bool, float]] = {
    "last": (lambda o, h: o[:, -1], "reverse half of the output of rnn at the last step", False, 1),
    "last of units": (lambda o, h: o[:, -1, 2:6], "reverse half", False, 1),
    "last, of an index": (lambda o, h: o[ROWS, torch.full((BATCH,), -1)], "reverse", False, 1),
    "first": (lambda o, h: o[:, 0], "forward half of rnn at the first step", False, 1),
    "halves exchanged": (
        lambda o, h: torch.cat([o[:, 0, :UNITS], o[:, -1, UNITS:]], 1), "and the forward", False, 2,
    ),
    "last valid": (lambda o, h: o[ROWS, LENGTHS - 1], "reverse half", True, 1),
}  # fmt: skip


@pytest.mark.some(2)
@crossed("which,kind,batch_first", ONE_STEP, ["GRU", "LSTM"], [True, False], together=1)
def test_a_direction_at_its_first_step_is_found(
    which: str, kind: str, batch_first: bool, tmp_path: Path
) -> None:
    read, words, packed, halves = ONE_STEP[which]
    if packed and not batch_first:
        return
    layer = rnn(kind, bidirectional=True, batch_first=batch_first, num_layers=2)
    (finding,) = findings("BKS414", both(read, packed=packed), tmp_path, {"rnn": layer})
    assert finding.severity == "error"
    assert words in finding.message
    assert finding.evidence == {"halves": halves}


BOTH_SEEN: dict[str, tuple[Read, bool]] = {
    "states": (lambda o, h: torch.cat([h[-2], h[-1]], 1), False),
    "each half where it ends": (
        lambda o, h: torch.cat([o[:, -1, :UNITS], o[:, 0, UNITS:]], 1),
        False,
    ),
    "every step": (lambda o, h: o, False),
    "mean": (lambda o, h: o.mean(1), False),
    "maximum": (lambda o, h: o.amax(1), False),
    "forward half alone": (lambda o, h: o[:, -1, :UNITS], False),
    "one in the middle": (lambda o, h: o[:, 2], False),
    "last and state": (lambda o, h: torch.cat([o[:, -1], h[-1]], 1), False),
    "last and all": (lambda o, h: o[:, -1] + o.mean(1), False),
    "packed states": (lambda o, h: torch.cat([h[-2], h[-1]], 1), True),
    "packed mean": (lambda o, h: o.sum(1) / LENGTHS[:, None], True),
}


@pytest.mark.some(2)
@pytest.mark.parametrize("which", BOTH_SEEN)
def test_two_directions_that_have_seen_the_sequence_are_not(which: str, tmp_path: Path) -> None:
    read, packed = BOTH_SEEN[which]
    layer = rnn(bidirectional=True, batch_first=True)
    assert not findings("BKS414", both(read, packed=packed), tmp_path, {"rnn": layer})


def test_two_steps_are_no_case(tmp_path: Path) -> None:
    def loss(m: nn.ModuleDict) -> Tensor:
        total: Tensor = m["rnn"](drawn(2, BATCH))[0][-1].sum()
        return total

    assert not findings("BKS414", loss, tmp_path, {"rnn": rnn(bidirectional=True)})


def test_what_is_read_against_the_gradient_itself() -> None:
    """In any layout, written into afterwards or not, over several passes."""
    for batch_first in (True, False):
        for kind in ("RNN", "LSTM"):
            layer = rnn(kind, bidirectional=True, batch_first=batch_first)
            output, state = layer(drawn(BATCH, STEPS))
            asked = [False]
            read = StepsRead.of(layer, (output, state), lambda: asked[0])  # noqa: B023
            assert read is not None
            weights = (torch.rand(output.shape[:2]) < 0.2)[..., None].expand(output.shape).clone()
            weights[..., :UNITS] &= torch.rand(*output.shape[:2], 1) < 0.5
            loss = (output * weights).sum()
            loss.backward(retain_graph=True)
            assert read.output is None
            asked[0] = True
            loss.backward(retain_graph=True)
            by_time = weights.transpose(0, 1) if batch_first else weights
            for half in range(2):
                expected = by_time[..., UNITS * half]
                assert torch.equal(read.output[half], expected)  # type: ignore[index]
            assert not read.final_read
            (state if kind == "RNN" else state[1]).sum().backward()
            assert read.final_read


# -- BKS415: a last step that is padding ----------------------------------------------------------


def symbols(padding: Tensor = PADDING) -> Tensor:
    """``(B, T)``: 1 to 6, and 0 for padding."""
    return torch.randint(1, SYMBOLS, (BATCH, STEPS)).masked_fill(padding, 0)


def features(padding: Tensor = PADDING) -> Tensor:
    return drawn(BATCH, STEPS).masked_fill(padding[..., None], 0.0)


def last(x: Tensor, m: nn.ModuleDict) -> Tensor:
    output: Tensor = m["rnn"](x)[0]
    return (output[:, -1] if m["rnn"].batch_first else output[-1]).square().mean()


def by_state(x: Tensor | PackedSequence, m: nn.ModuleDict) -> Tensor:
    state = m["rnn"](x)[1]
    top: Tensor = (state[0] if isinstance(state, tuple) else state)[-1]
    return top.square().mean()


def unpacked(m: nn.ModuleDict) -> Tensor:
    x = pack_padded_sequence(m["embed"](symbols()), LENGTHS, True, enforce_sorted=False)
    output, _ = pad_packed_sequence(m["rnn"](x)[0], batch_first=True)
    return output[:, -1].square().mean()


EMBED = {"embed": nn.Embedding(SYMBOLS, INPUTS, padding_idx=0)}
BEHIND: dict[str, tuple[Loss, dict[str, nn.Module]]] = {
    "symbols": (
        lambda m: last(m["embed"](symbols()), m), {"rnn": rnn("LSTM", batch_first=True), **EMBED}
    ),
    "symbols, dropped out": (
        lambda m: last(functional.dropout(m["embed"](symbols())), m),
        {"rnn": rnn(batch_first=True), **EMBED},
    ),
    "symbols, time first": (
        lambda m: last(m["embed"](symbols().t()), m), {"rnn": rnn("RNN"), **EMBED}
    ),
    "symbols, transposed": (
        lambda m: last(m["embed"](symbols()).transpose(0, 1), m), {"rnn": rnn(), **EMBED}
    ),
    "features": (lambda m: last(features(), m), {"rnn": rnn(batch_first=True)}),
    "features of another value": (
        lambda m: last(features() - 1, m), {"rnn": rnn(batch_first=True, num_layers=2)}
    ),
    "features through a layer": (
        lambda m: last(m["in"](features()), m),
        {"rnn": rnn(batch_first=True), "in": nn.Linear(INPUTS, INPUTS)},
    ),
    "final state": (lambda m: by_state(features(), m), {"rnn": rnn("LSTM", batch_first=True)}),
    "both directions": (
        lambda m: last(features(), m), {"rnn": rnn(batch_first=True, bidirectional=True)}
    ),
    "zeros behind packed sequences": (unpacked, {"rnn": rnn("LSTM", batch_first=True), **EMBED}),
}  # fmt: skip


@pytest.mark.some(3)
@pytest.mark.parametrize("which", BEHIND)
def test_a_last_step_behind_padding_is_found(which: str, tmp_path: Path) -> None:
    loss, modules = BEHIND[which]
    (finding,) = findings("BKS415", loss, tmp_path, modules)
    assert finding.severity == "warning"
    assert finding.evidence == {"padding": pytest.approx(SHARE)}


def gathered(m: nn.ModuleDict) -> Tensor:
    output: Tensor = m["rnn"](m["embed"](symbols()))[0]
    return output[ROWS, LENGTHS - 1].square().mean()


def packed(m: nn.ModuleDict) -> Tensor:
    x = m["embed"](symbols())
    return by_state(pack_padded_sequence(x, LENGTHS, True, enforce_sorted=False), m)


def masked_mean(m: nn.ModuleDict) -> Tensor:
    output = m["rnn"](m["embed"](symbols()))[0].masked_fill(PADDING[..., None], 0.0)
    loss: Tensor = output.sum(1).square().mean()
    return loss


def repeats(m: nn.ModuleDict) -> Tensor:
    """Each sequence ends in a value of its own, some of them twice."""
    x = drawn(BATCH, STEPS)
    x[::2, -2] = x[::2, -1]
    return last(x, m)


def delayed(m: nn.ModuleDict) -> Tensor:
    """A pulse at some step, silence before and after: what is to be remembered is the pulse."""
    x = torch.zeros(BATCH, STEPS, INPUTS)
    x[ROWS, torch.randint(STEPS, (BATCH,))] = 1.0
    return last(x, m)


BEFORE: dict[str, tuple[Loss, dict[str, nn.Module]]] = {
    "gathered": (gathered, {"rnn": rnn(batch_first=True), **EMBED}),
    "packed": (packed, {"rnn": rnn(batch_first=True), **EMBED}),
    "masked mean": (masked_mean, {"rnn": rnn(batch_first=True), **EMBED}),
    "padded in front": (
        lambda m: last(m["embed"](symbols(PADDING.flip(1))), m),
        {"rnn": rnn(batch_first=True), **EMBED},
    ),
    "equally long": (
        lambda m: last(m["embed"](symbols(PADDING[[2] * BATCH])), m),
        {"rnn": rnn(batch_first=True), **EMBED},
    ),
    "no padding": (
        lambda m: last(m["embed"](torch.randint(SYMBOLS, (BATCH, STEPS))), m),
        {"rnn": rnn(batch_first=True), **EMBED},
    ),
    "yes and no": (
        lambda m: last(torch.randint(2, (BATCH, STEPS, 1)).float(), m),
        {"rnn": rnn(batch_first=True, inputs=1)},
    ),
    "a value that repeats": (repeats, {"rnn": rnn(batch_first=True)}),
    "a pulse": (delayed, {"rnn": rnn(batch_first=True)}),
    "states of both directions": (
        lambda m: by_state(features(), m), {"rnn": rnn(batch_first=True, bidirectional=True)}
    ),
}  # fmt: skip


@pytest.mark.some(3)
@pytest.mark.parametrize("which", BEFORE)
def test_a_last_step_of_the_sequences_is_not(which: str, tmp_path: Path) -> None:
    loss, modules = BEFORE[which]
    assert not findings("BKS415", loss, tmp_path, modules)


# -- BKS416: packed with wrong lengths ------------------------------------------------------------


def packed_whole(m: nn.ModuleDict, *, embed: bool = True, mean: bool = False) -> Tensor:
    x = m["embed"](symbols()) if embed else features()
    whole = pack_padded_sequence(x, [STEPS] * BATCH, batch_first=True)
    if mean:
        output, _ = pad_packed_sequence(m["rnn"](whole)[0], batch_first=True)
        return output.masked_fill(PADDING[..., None], 0).square().mean()
    return by_state(whole, m)


@pytest.mark.some(3)
@pytest.mark.parametrize("embed", [True, False])
@pytest.mark.parametrize("bidirectional", [True, False])
def test_lengths_of_the_padded_batch_are_found(
    embed: bool, bidirectional: bool, tmp_path: Path
) -> None:
    modules: dict[str, nn.Module] = {"rnn": rnn("LSTM", bidirectional=bidirectional), **EMBED}
    (finding,) = findings("BKS416", partial(packed_whole, embed=embed), tmp_path, modules)
    assert finding.severity == "warning"
    assert finding.evidence == {"padding": pytest.approx(SHARE)}


def packed_equally(m: nn.ModuleDict) -> Tensor:
    whole = pack_padded_sequence(drawn(BATCH, STEPS), [STEPS] * BATCH, batch_first=True)
    return by_state(whole, m)


@pytest.mark.parametrize("loss", [packed, packed_equally, partial(packed_whole, mean=True)])
def test_right_lengths_are_not(loss: Loss, tmp_path: Path) -> None:
    assert not findings("BKS416", loss, tmp_path, {"rnn": rnn(), **EMBED})


MANY = torch.tensor([4, 9, 3, 8, 5, 9, 7, 3, 6, 8])[:, None]
FEW = torch.arange(9) < MANY


class Packs(nn.Module):
    """Packs what it is given with lengths that are made from the right ones."""

    def __init__(self, change: Callable[[Tensor], Tensor], *, order: bool = False) -> None:
        super().__init__()
        self.change, self.order = change, order
        self.read = nn.Linear(INPUTS, INPUTS, bias=False)
        self.rnn = rnn()

    def forward(self, x: Tensor, lengths: Tensor, read: bool = False) -> Tensor:
        if self.order:
            x = x[lengths.sort(descending=True).indices]
        x = self.read(x) if read else x
        lengths = self.change(lengths)
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        final: Tensor = self.rnn(packed)[1]
        return final.square().mean()


def fallen(lengths: Tensor) -> Tensor:
    return lengths.sort(descending=True).values


def packs(m: nn.ModuleDict, what: str) -> Tensor:
    if what == "symbols":
        x = m["embed"](torch.randint(1, SYMBOLS, FEW.shape) * FEW)
    else:
        x = drawn(*FEW.shape) * FEW[..., None]
        x[:, 0] = 1.0 if what == "numbers that begin alike" else x[:, 0]
    loss: Tensor = m["packs"](x, MANY[:, 0], what == "behind a layer")
    return loss


@pytest.mark.some(3)
@pytest.mark.parametrize(
    "change", [fallen, lambda lengths: lengths.roll(1), lambda lengths: (lengths + 1) // 2]
)
@pytest.mark.parametrize(
    "what", ["symbols", "numbers", "numbers that begin alike", "behind a layer"]
)
def test_lengths_of_other_sequences_are_found(
    change: Callable[[Tensor], Tensor], what: str, tmp_path: Path
) -> None:
    modules: dict[str, nn.Module] = {"packs": Packs(change), **EMBED}
    (finding,) = findings("BKS416", partial(packs, what=what), tmp_path, modules)
    assert finding.severity == "warning"
    assert "cut short" in finding.message


RIGHT: dict[str, Packs] = {
    "right": Packs(lambda lengths: lengths),
    "one more": Packs(lambda lengths: (lengths + 1).clamp(max=9)),
    "one less": Packs(lambda lengths: lengths - 1),
    "cut": Packs(lambda lengths: lengths.clamp(max=6)),
    "cut short": Packs(lambda lengths: lengths.clamp(max=3)),
    "sorted alike": Packs(fallen, order=True),
}


@pytest.mark.some(3)
@pytest.mark.parametrize("which", RIGHT)
@pytest.mark.parametrize(
    "what", ["symbols", "numbers", "numbers that begin alike", "behind a layer"]
)
def test_lengths_that_may_be_meant_are_not(which: str, what: str, tmp_path: Path) -> None:
    modules: dict[str, nn.Module] = {"packs": RIGHT[which], **EMBED}
    assert not findings("BKS416", partial(packs, what=what), tmp_path, modules)


def counted(m: nn.ModuleDict, *, own: bool) -> Tensor:
    """Recordings that are 0 at times, with as many steps as are not, or with their own."""
    there = FEW * (torch.rand(FEW.shape) < 0.5)
    there[:, 0] = False
    x = drawn(*FEW.shape) * there[..., None]
    lengths = MANY[:, 0] if own else there.sum(1).clamp(min=1)
    x = torch.relu(m["read"](x))
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    final: Tensor = m["rnn"](packed)[1]
    return final.square().mean()


@pytest.mark.parametrize("own", [True, False])
def test_lengths_that_count_what_is_not_nought_are_found(own: bool, tmp_path: Path) -> None:
    modules: dict[str, nn.Module] = {"read": nn.Linear(INPUTS, INPUTS), "rnn": rnn()}
    found = findings("BKS416", partial(counted, own=own), tmp_path, modules)
    assert [one.severity for one in found] == ([] if own else ["warning"])


def test_padding_is_told_from_what_looks_like_it() -> None:
    assert is_padding(*padding_of(symbols()))
    at_end, inside = padding_of(features())
    assert torch.equal(at_end, PADDING)
    assert not inside.any()
    whole = PADDING.clone()
    whole[1] = True  # a row that is nothing but padding
    assert torch.equal(padding_of(symbols(whole))[0], whole)
    few = torch.zeros_like(PADDING)
    few[:4] = PADDING[:4]
    assert not is_padding(*padding_of(symbols(few)))  # 3 of 10 sequences


# -- BKS415: padding that is averaged or attended to ----------------------------------------------


def pooled(pool: Callable[[Tensor], Tensor], steps: bool = False) -> Loss:
    """One answer a sequence, or one a step, ``(B,)`` or ``(B, T)``."""

    def loss(m: nn.ModuleDict) -> Tensor:
        output = m["rnn"](m["embed"](symbols()))[0]
        answer = m["head"](output if steps else pool(output)).squeeze(-1)
        return functional.mse_loss(answer, torch.randn(answer.shape))

    return loss


def attention(hide: bool) -> Callable[[Tensor], Tensor]:
    def pool(output: Tensor) -> Tensor:
        scores = output.sum(-1).masked_fill(PADDING & hide, float("-inf"))
        return torch.einsum("bt,bth->bh", scores.softmax(1), output)

    return pool


def run_of(loss: Loss, folder: Path, modules: dict[str, nn.Module]) -> list[Finding]:
    """What BKS415 finds, also where no layer is recurrent."""
    model = nn.ModuleDict(modules)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    with watch(model, optimizer, folder / "run", every=1):
        for _ in range(3):
            optimizer.zero_grad()
            loss(model).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return [one for one in diagnose(folder / "run").findings if one.code == "BKS415"]


def pooling() -> dict[str, nn.Module]:
    head = nn.Linear(UNITS, 1)
    return {"embed": nn.Embedding(SYMBOLS, INPUTS), "rnn": rnn(batch_first=True), "head": head}


@pytest.mark.parametrize("pool", [lambda o: o.mean(1), lambda o: o.sum(1), attention(False)])
def test_padding_that_is_read_with_the_rest_is_a_note(
    pool: Callable[[Tensor], Tensor], tmp_path: Path
) -> None:
    (finding,) = findings("BKS415", pooled(pool), tmp_path, pooling())
    assert finding.severity == "info"
    assert finding.evidence == {"padding": pytest.approx(SHARE)}


def test_a_mask_the_wrong_way_round_is_found(tmp_path: Path) -> None:
    def pool(output: Tensor) -> Tensor:
        weights: Tensor = output.sum(-1).masked_fill(~PADDING, -1e9).softmax(1)
        read: Tensor = torch.einsum("bt,bth->bh", weights, output)
        return read

    (finding,) = findings("BKS415", pooled(pool), tmp_path, pooling())
    assert finding.severity == "warning"
    assert "the wrong way round" in finding.message


@pytest.mark.some(3)
@pytest.mark.parametrize("dropout", [0.0, 0.5])
@pytest.mark.parametrize("turned", [False, True])
def test_a_transformer_whose_mask_is_the_wrong_way_round(
    turned: bool, dropout: float, tmp_path: Path
) -> None:
    block = nn.TransformerEncoderLayer(8, 2, 8, dropout, batch_first=True)

    def loss(m: nn.ModuleDict) -> Tensor:
        output = m["block"](m["embed"](symbols()), src_key_padding_mask=PADDING ^ turned)
        result: Tensor = output.masked_fill(PADDING[..., None], 0).square().mean()
        return result

    modules = {"embed": nn.Embedding(SYMBOLS, 8), "block": block}
    found = run_of(loss, tmp_path, modules)
    assert [one.module for one in found] == ["attention"] * turned


@pytest.mark.some(2)
@pytest.mark.parametrize(
    ("pool", "steps"),
    [
        (lambda o: o.masked_fill(PADDING[..., None], 0).sum(1), False),
        (lambda o: o.max(1).values, False),
        (attention(True), False),
        (lambda o: o, True),  # one answer a step: BKS420
    ],
)
def test_padding_that_a_mask_hides_is_not(
    pool: Callable[[Tensor], Tensor], steps: bool, tmp_path: Path
) -> None:
    assert not findings("BKS415", pooled(pool, steps), tmp_path, pooling())


@pytest.mark.parametrize("first", [True, False])
def test_a_mean_over_the_steps_of_what_was_packed_is_a_note(first: bool, tmp_path: Path) -> None:
    """Behind a sequence there are zeros, which the mean divides by; a sum by lengths does not."""
    modules = {"rnn": rnn(batch_first=first), "head": nn.Linear(UNITS, 1)}
    axis = int(first)

    def pooled_by(pool: Callable[[Tensor], Tensor]) -> Callable[[nn.ModuleDict], Tensor]:
        def loss(m: nn.ModuleDict) -> Tensor:
            x = features() if first else features().transpose(0, 1)
            packed = pack_padded_sequence(x, LENGTHS, first, enforce_sorted=False)
            answer = m["head"](pool(pad_packed_sequence(m["rnn"](packed)[0], first)[0]))
            return functional.mse_loss(answer, torch.randn(answer.shape))

        return loss

    (finding,) = findings("BKS415", pooled_by(lambda o: o.mean(axis)), tmp_path / "a", modules)
    assert finding.severity == "info"
    lengths = torch.as_tensor(LENGTHS)[:, None]
    by_length = pooled_by(lambda o: o.sum(axis) / lengths)
    assert not findings("BKS415", by_length, tmp_path / "b", modules)


# -- BKS420: padding that the loss compares -------------------------------------------------------

HEAD = {"head": nn.Linear(UNITS, SYMBOLS)}


def tags(m: nn.ModuleDict, *, mask: bool = False, **settings: object) -> Tensor:
    """Each symbol is to be named one step later."""
    x = symbols()
    target = x.roll(1, 1).clamp(min=1).masked_fill(PADDING, 0)
    logits = m["head"](m["rnn"](m["embed"](x))[0])
    if mask:
        each = functional.cross_entropy(logits.flatten(0, 1), target.flatten(), reduction="none")
        return (each * ~PADDING.flatten()).sum() / (~PADDING).sum()
    return functional.cross_entropy(logits.transpose(1, 2), target, **settings)  # type: ignore[arg-type]


def squared(m: nn.ModuleDict, *, mask: bool = False, filler: bool = True) -> Tensor:
    x = features()
    target = x.roll(1, 1).masked_fill(PADDING[..., None], 0.0) if filler else drawn(BATCH, STEPS)
    output = m["head"](m["rnn"](x)[0])
    if mask:
        output = output.masked_fill(PADDING[..., None], 0.0)
    return functional.mse_loss(output, target)


def by_hand(m: nn.ModuleDict, *, mask: str = "", power: int = 2) -> Tensor:
    x = features()
    target = x.roll(1, 1).masked_fill(PADDING[..., None], 0.0)
    there = ~PADDING[..., None]
    difference = m["head"](m["rnn"](x)[0]) - target
    if mask == "before":
        difference = difference * there
    each: Tensor = difference**2 if power == 2 else difference.abs()
    return (each * there).sum() / there.sum() if mask == "after" else each.mean()


def looped(m: nn.ModuleDict, ignored: int = -100) -> Tensor:
    """Time first, with a cell in a loop."""
    x, state, outputs = symbols().t(), None, []
    for step in m["embed"](x):
        state = m["cell"](step, state)
        outputs.append(state)
    logits = m["head"](torch.stack(outputs)).flatten(0, 1)
    target = x.roll(-1, 0).masked_fill(PADDING.t(), 0).flatten()
    return functional.cross_entropy(logits, target, ignore_index=ignored)


FILLED: dict[str, tuple[Loss, dict[str, nn.Module]]] = {
    "cross-entropy": (tags, {"rnn": rnn(batch_first=True), **EMBED, **HEAD}),
    "smoothed": (
        partial(tags, label_smoothing=0.1), {"rnn": rnn("LSTM", batch_first=True), **EMBED, **HEAD}
    ),
    "squared": (squared, {"rnn": rnn(batch_first=True), "head": nn.Linear(UNITS, INPUTS)}),
    "by hand": (by_hand, {"rnn": rnn(batch_first=True), "head": nn.Linear(UNITS, INPUTS)}),
    "absolute": (
        partial(by_hand, power=1),
        {"rnn": rnn(batch_first=True), "head": nn.Linear(UNITS, INPUTS, bias=False)},
    ),
    "a loop": (looped, {"cell": nn.GRUCell(INPUTS, UNITS), **EMBED, **HEAD}),
}  # fmt: skip
IGNORED: dict[str, tuple[Loss, dict[str, nn.Module]]] = {
    "ignore_index": (partial(tags, ignore_index=0), FILLED["cross-entropy"][1]),
    "masked": (partial(tags, mask=True), FILLED["cross-entropy"][1]),
    "no weight": (
        partial(tags, weight=torch.tensor([0.0, *[1.0] * (SYMBOLS - 1)])),
        FILLED["cross-entropy"][1],
    ),
    "squared, masked": (partial(squared, mask=True), FILLED["squared"][1]),
    "by hand, masked": (partial(by_hand, mask="after"), FILLED["by hand"][1]),
    "by hand, masked before": (partial(by_hand, mask="before"), FILLED["by hand"][1]),
    "targets of its own": (partial(squared, filler=False), FILLED["squared"][1]),
    "a loop": (partial(looped, ignored=0), FILLED["a loop"][1]),
}


@pytest.mark.some(2)
@pytest.mark.parametrize("which", FILLED)
def test_padding_that_counts_is_found(which: str, tmp_path: Path) -> None:
    loss, modules = FILLED[which]
    (finding,) = findings("BKS420", loss, tmp_path, modules)
    assert finding.severity == "warning"
    assert finding.evidence == {"padding": pytest.approx(SHARE)}


@pytest.mark.some(2)
@pytest.mark.parametrize("which", IGNORED)
def test_padding_that_does_not_is_not(which: str, tmp_path: Path) -> None:
    loss, modules = IGNORED[which]
    assert not findings("BKS420", loss, tmp_path, modules)


def test_targets_that_are_constant_at_the_end_of_whole_sequences_are_not(tmp_path: Path) -> None:
    def loss(m: nn.ModuleDict) -> Tensor:
        logits = m["head"](m["rnn"](drawn(BATCH, STEPS))[0])
        target = torch.randint(1, SYMBOLS, (BATCH, STEPS)).masked_fill(PADDING, 0)
        return functional.cross_entropy(logits.transpose(1, 2), target)

    assert not findings("BKS420", loss, tmp_path, {"rnn": rnn(batch_first=True), **HEAD})


LONG = 9
ENDS = torch.arange(LONG) >= torch.randint(2, LONG, (12, 1), generator=torch.manual_seed(0))


def planned(
    m: nn.ModuleDict,
    *,
    flat: bool = False,
    data: bool = False,
    down: bool = False,
    ignored: int = -100,
    mask: bool = False,
) -> Tensor:
    """A sequence is made from a plan, which is the same at all steps, and ends in a filler."""
    text = torch.randint(1, SYMBOLS, (12, LONG)).masked_fill(ENDS, 0)
    if down:  # a count that comes to its end
        text = torch.arange(LONG).flip(0).expand(12, LONG) - ENDS.sum(1, keepdim=True)
        text = text.clamp(min=0, max=SYMBOLS - 1)
    plan = m["embed"](torch.randint(SYMBOLS, (12, LONG) if data else (12, 1)))
    logits = m["head"](m["rnn"](plan.expand(12, LONG, INPUTS))[0])
    if mask:
        each = functional.cross_entropy(logits.flatten(0, 1), text.flatten(), reduction="none")
        return (each * ~ENDS.flatten()).mean()
    if flat:
        return functional.cross_entropy(logits.flatten(0, 1), text.flatten())
    return functional.cross_entropy(logits.transpose(1, 2), text, ignore_index=ignored)


PLANNED: dict[str, nn.Module] = {"rnn": rnn(batch_first=True), **EMBED, **HEAD}


@pytest.mark.parametrize("flat", [False, True])
def test_a_filler_of_targets_alone_is_a_note(flat: bool, tmp_path: Path) -> None:
    (finding,) = findings("BKS420", partial(planned, flat=flat), tmp_path, PLANNED)
    assert finding.severity == "info"
    assert finding.evidence == {"padding": pytest.approx(float(ENDS.float().mean()), rel=1e-2)}


@pytest.mark.some(2)
@pytest.mark.parametrize(
    "how", [{"data": True}, {"down": True}, {"ignored": 0}, {"mask": True}], ids=str
)
def test_what_ends_alike_and_is_meant_is_not(how: dict[str, Any], tmp_path: Path) -> None:
    """The answers to data; a count; a filler that is ignored, or masked."""
    assert not findings("BKS420", partial(planned, **how), tmp_path, PLANNED)


def test_a_little_of_it_is_a_note(tmp_path: Path) -> None:
    """4 of 60 steps in 2, 1 and 1 of 10 sequences would not be most of them: of 3, they are."""
    padding = torch.arange(40) >= torch.tensor([40, 38, 39])[:, None]

    def loss(m: nn.ModuleDict) -> Tensor:
        x = torch.randint(1, SYMBOLS, (3, 40)).masked_fill(padding, 0)
        logits = m["head"](m["rnn"](m["embed"](x))[0])
        return functional.cross_entropy(logits.flatten(0, 1), x.flatten())

    modules: dict[str, nn.Module] = {"rnn": rnn(batch_first=True), **EMBED, **HEAD}
    (finding,) = findings("BKS420", loss, tmp_path, modules)
    assert finding.severity == "info"
    assert finding.evidence == {"padding": pytest.approx(3 / 120)}


@pytest.mark.parametrize("sound", [False, True])
def test_padding_behind_packed_features(sound: bool, tmp_path: Path) -> None:
    """Where no embedding tells it, the lengths do."""

    def loss(m: nn.ModuleDict) -> Tensor:
        x = pack_padded_sequence(features(), LENGTHS, True, enforce_sorted=False)
        z = m["head"](pad_packed_sequence(m["rnn"](x)[0], batch_first=True)[0]).squeeze(-1)
        y = torch.randint(2, z.shape).float().masked_fill(PADDING, 0)
        y[:, 0] = 1.0
        z, y = (z[~PADDING], y[~PADDING]) if sound else (z, y)
        return functional.binary_cross_entropy_with_logits(z, y)

    modules = {"rnn": rnn(batch_first=True), "head": nn.Linear(UNITS, 1)}
    assert bool(findings("BKS420", loss, tmp_path, modules)) != sound


@pytest.mark.parametrize("cut", [False, True])
def test_a_loss_of_each_sequence(cut: bool, tmp_path: Path) -> None:
    def loss(m: nn.ModuleDict) -> Tensor:
        x = symbols()
        logits = m["head"](m["rnn"](m["embed"](x))[0])
        total = torch.zeros(())
        for row, length in enumerate(LENGTHS.tolist()):
            n = length if cut else x.shape[1]
            total = total + functional.cross_entropy(logits[row, :n], x[row, :n]) / len(x)
        return total

    modules: dict[str, nn.Module] = {"rnn": rnn(batch_first=True), **EMBED, **HEAD}
    assert bool(findings("BKS420", loss, tmp_path, modules)) != cut


@pytest.mark.parametrize("masked", [False, True])
def test_an_error_by_hand_behind_packed_features(masked: bool, tmp_path: Path) -> None:
    def loss(m: nn.ModuleDict) -> Tensor:
        x = pack_padded_sequence(features(), LENGTHS, True, enforce_sorted=False)
        z = m["head"](pad_packed_sequence(m["rnn"](x)[0], batch_first=True)[0]).squeeze(-1)
        y = torch.randn(z.shape).masked_fill(PADDING, 0)
        error = (z - y) ** 2
        whole: Tensor = error.mean()
        return (error * ~PADDING).sum() / (~PADDING).sum() if masked else whole

    modules = {"rnn": rnn(batch_first=True), "head": nn.Linear(UNITS, 1)}
    assert bool(findings("BKS420", loss, tmp_path, modules)) != masked
