"""Padding that is averaged, that one of two directions begins in, or that comes next."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from backsight import diagnose, watch
from backsight.diagnosis import Finding
from tests.causes import BATCH, INPUTS, STEPS, UNITS, Loss, findings, rnn

SYMBOLS = 7
LENGTHS = torch.tensor([6, 2, 4, 3, 5, 2, 3, 6, 4, 1])
PADDING = torch.arange(STEPS) >= LENGTHS[:, None]
SHARE = 24 / 60


def text() -> Tensor:
    return torch.randint(1, SYMBOLS, (BATCH, STEPS)).masked_fill(PADDING, 0)


def of_words(loss: Loss, folder: Path) -> list[Finding]:
    """What BKS415 finds where no layer is recurrent."""
    model = nn.ModuleDict({"embed": nn.Embedding(SYMBOLS, 4), "read": nn.Linear(4, 1)})
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    with watch(model, optimizer, folder / "run", every=1):
        for _ in range(4):
            optimizer.zero_grad()
            loss(model).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return [one for one in diagnose(folder / "run").findings if one.code == "BKS415"]


@pytest.mark.some(3)
@pytest.mark.parametrize(
    ("pool", "found"),
    [
        (lambda x: x.mean(1), True),
        (lambda x: x.relu().mean(dim=1, keepdim=True).squeeze(1), True),
        (lambda x: (x * ~PADDING[..., None]).mean(1), False),
        (lambda x: x.masked_fill(PADDING[..., None], 0).sum(1) / LENGTHS[:, None], False),
        (lambda x: (x.softmax(1) * x).mean(1), False),
    ],
)
def test_a_mean_over_words_and_padding_is_a_note(
    pool: Callable[[Tensor], Tensor], found: bool, tmp_path: Path
) -> None:
    def loss(m: nn.ModuleDict) -> Tensor:
        answer = m["read"](pool(m["embed"](text())))
        return functional.mse_loss(answer, torch.randn(answer.shape))

    each = of_words(loss, tmp_path)
    assert [one.severity for one in each] == ["info"] * found
    for one in each:
        assert "a mean is taken over all steps of what was embedded" in one.message
        assert one.evidence == {"padding": pytest.approx(SHARE)}


@pytest.mark.parametrize("whole", [True, False])
def test_a_mean_over_whole_rows_is_right(whole: bool, tmp_path: Path) -> None:
    def loss(m: nn.ModuleDict) -> Tensor:
        words = torch.randint(1, SYMBOLS, (BATCH, STEPS)) if whole else text()
        answer = m["read"](m["embed"](words).mean(1))
        return functional.mse_loss(answer, torch.randn(answer.shape))

    assert bool(of_words(loss, tmp_path)) is not whole


@pytest.mark.some(2)
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("kind", ["GRU", "LSTM"])
def test_last_states_of_two_directions_of_padded_rows_are_a_note(
    kind: str, packed: bool, tmp_path: Path
) -> None:
    def loss(m: nn.ModuleDict) -> Tensor:
        x = m["embed"](text())
        if packed:
            x = pack_padded_sequence(x, LENGTHS, batch_first=True, enforce_sorted=False)
        final = m["rnn"](x)[1]
        state = final[0] if kind == "LSTM" else final
        read: Tensor = torch.cat([state[0], state[1]], 1)
        return read.square().mean()

    layer = rnn(kind, bidirectional=True, batch_first=True)
    modules = {"embed": nn.Embedding(SYMBOLS, INPUTS), "rnn": layer}
    each = findings("BKS415", loss, tmp_path, modules)
    assert [one.severity for one in each] == ["info"] * (not packed)
    for one in each:
        assert "the other one begins in it" in one.message


@pytest.mark.parametrize("ignored", [-100, 0])
def test_what_comes_next_is_padding(ignored: int, tmp_path: Path) -> None:
    """All of the text is read, and of the last step nothing is asked."""

    def loss(m: nn.ModuleDict) -> Tensor:
        x = text()
        logits = m["head"](m["rnn"](m["embed"](x))[0])[:, :-1].flatten(0, 1)
        return functional.cross_entropy(logits, x[:, 1:].flatten(), ignore_index=ignored)

    modules = {
        "embed": nn.Embedding(SYMBOLS, INPUTS), "rnn": rnn(batch_first=True),
        "head": nn.Linear(UNITS, SYMBOLS),
    }  # fmt: skip
    each = findings("BKS420", loss, tmp_path, modules)
    assert [one.severity for one in each] == ["warning"] * (ignored < 0)


@pytest.mark.some(2)
@pytest.mark.parametrize("way", ["packed", "named", "neither"])
@pytest.mark.parametrize("ignored", [-100, 0])
def test_padding_with_the_most_frequent_label_counts_where_it_is_known_to_be_padding(
    way: str, ignored: int, tmp_path: Path
) -> None:
    """Label 0 is what most words have, too; else it may be what the data say."""

    def loss(m: nn.ModuleDict) -> Tensor:
        x = text()
        label = (x % 5 == 1).long().masked_fill(PADDING, ignored)
        states = m["embed"](x)
        if way == "packed":
            states = pack_padded_sequence(states, LENGTHS, batch_first=True, enforce_sorted=False)
        states = m["rnn"](states)[0]
        if way == "packed":
            states, _ = pad_packed_sequence(states, batch_first=True)
        return functional.cross_entropy(m["head"](states).flatten(0, 1), label.flatten())

    modules = {
        "embed": nn.Embedding(SYMBOLS, INPUTS, padding_idx=0 if way == "named" else None),
        "rnn": rnn(batch_first=True), "head": nn.Linear(UNITS, 2),
    }  # fmt: skip
    found = findings("BKS420", loss, tmp_path, modules)
    assert [one.severity for one in found] == ["warning"] * (way != "neither" and ignored == 0)


@pytest.mark.some(2)
@pytest.mark.parametrize("told", [0, None])
@pytest.mark.parametrize("whole", [0, 1, 4])
def test_a_text_may_begin_with_a_symbol_that_it_does_not_leave(
    whole: int, told: int | None, tmp_path: Path
) -> None:
    def loss(m: nn.ModuleDict) -> Tensor:
        lengths = torch.arange(BATCH) % (STEPS - 2) + 1
        lengths[BATCH - whole :] = 0
        text = torch.randint(1, SYMBOLS, (BATCH, STEPS)) * (torch.arange(STEPS) < lengths[:, None])
        logits = m["head"](m["rnn"](m["embed"](text[:, :-1]))[0])
        return functional.cross_entropy(logits.flatten(0, 1), text[:, 1:].flatten())

    modules = {
        "embed": nn.Embedding(SYMBOLS, INPUTS, padding_idx=told), "rnn": rnn(batch_first=True),
        "head": nn.Linear(UNITS, SYMBOLS),
    }  # fmt: skip
    found = findings("BKS420", loss, tmp_path, modules)
    few = whole == 1 and told is None
    assert [one.severity for one in found] == ["info" if few else "warning"]


@pytest.mark.parametrize(("left", "severity"), [(0, "warning"), (1, "info")])
def test_a_text_may_leave_the_symbol_that_it_ends_in(
    left: int, severity: str, tmp_path: Path
) -> None:
    def loss(m: nn.ModuleDict) -> Tensor:
        lengths = torch.arange(BATCH) % (STEPS - 2) + 2
        text = torch.randint(1, SYMBOLS, (BATCH, STEPS)) * (torch.arange(STEPS) < lengths[:, None])
        text[:left, 0] = 0
        logits = m["head"](m["rnn"](m["embed"](text[:, :-1]))[0])
        return functional.cross_entropy(logits.flatten(0, 1), text[:, 1:].flatten())

    modules = {
        "embed": nn.Embedding(SYMBOLS, INPUTS), "rnn": rnn(batch_first=True),
        "head": nn.Linear(UNITS, SYMBOLS),
    }  # fmt: skip
    found = findings("BKS420", loss, tmp_path, modules)
    assert [one.severity for one in found] == [severity]


@pytest.mark.some(2)
@pytest.mark.parametrize("told", [0, None])
@pytest.mark.parametrize("counted", [True, False])
def test_padding_that_the_embedding_names_may_have_two_lengths(
    told: int | None, counted: bool, tmp_path: Path
) -> None:
    """Two lengths alone may be chance, unless ``padding_idx`` says what they end in."""
    length = torch.where(torch.arange(BATCH) % 2 == 0, 2, STEPS - 2)
    ends = torch.arange(STEPS) >= length[:, None]
    model = nn.ModuleDict(
        {
            "embed": nn.Embedding(SYMBOLS, INPUTS, padding_idx=told),
            "rnn": nn.GRU(INPUTS, UNITS, batch_first=True),
            "read": nn.Linear(UNITS, SYMBOLS),
        }
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    with watch(model, optimizer, tmp_path / "run", every=1):
        for _ in range(4):
            symbols = torch.randint(1, SYMBOLS, (BATCH, STEPS)).masked_fill(ends, 0)
            logits = model["read"](model["rnn"](model["embed"](symbols[:, :-1]))[0])
            optimizer.zero_grad()
            loss = functional.cross_entropy(
                logits.transpose(1, 2), symbols[:, 1:], ignore_index=-100 if counted else 0
            )
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    found = {one.code for one in diagnose(tmp_path / "run").findings}
    assert ("BKS420" in found) is (counted and told == 0)


@pytest.mark.parametrize("masked", [False, True])
def test_padding_before_a_convolution_counts_in_a_loss_of_frames(
    masked: bool, tmp_path: Path
) -> None:
    """The convolution has other values at the last step than at the padded ones before."""

    def loss(m: nn.ModuleDict) -> Tensor:
        there = torch.arange(STEPS) < (torch.arange(BATCH) % (STEPS - 2) + 1)[:, None]
        frames = torch.randn(BATCH, STEPS, INPUTS) * there[..., None]
        target = torch.rand(BATCH, STEPS).add(0.5) * there
        smeared = m["smear"](m["widen"](frames.transpose(1, 2)).relu()).transpose(1, 2)
        logits = m["head"](m["rnn"](smeared)[0]).squeeze(2)
        each = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
        return each[there].mean() if masked else each.mean()

    modules = {
        "widen": nn.Conv1d(INPUTS, UNITS, 3, padding=1),
        "smear": nn.Conv1d(UNITS, UNITS, 3, padding=1),
        "rnn": rnn(inputs=UNITS, batch_first=True), "head": nn.Linear(UNITS, 1),
    }  # fmt: skip
    assert bool(findings("BKS420", loss, tmp_path, modules)) is not masked


@pytest.mark.some(3)
@pytest.mark.parametrize(
    ("told", "padded", "found"),
    [(0, 0.9, True), (None, 0.9, False), (0, 0.3, False), (0, 1.0, False)],
)
def test_a_last_state_behind_padding_that_the_embedding_names(
    told: int | None, padded: float, found: bool, tmp_path: Path
) -> None:
    """Sorted by length, the sequences of a batch are alike; a few of them may end in padding.

    What all end in alike tells nothing of their lengths.
    """
    ends = (torch.arange(STEPS) >= 3) & (torch.arange(BATCH) < padded * BATCH)[:, None]

    def loss(m: nn.ModuleDict) -> Tensor:
        symbols = torch.randint(1, SYMBOLS, (BATCH, STEPS)).masked_fill(ends, 0)
        read: Tensor = m["rnn"](m["embed"](symbols))[1]
        return read.square().mean()

    modules = {
        "embed": nn.Embedding(SYMBOLS, INPUTS, padding_idx=told), "rnn": rnn(batch_first=True),
    }  # fmt: skip
    each = findings("BKS415", loss, tmp_path, modules)
    assert [one.severity for one in each] == ["warning"] * found


@pytest.mark.some(2)
@pytest.mark.parametrize("features", [False, True])
@pytest.mark.parametrize(("filled", "found"), [("before", False), ("behind", True), ("", True)])
def test_what_sequences_end_in_alike_is_no_padding_if_they_are_filled_up_before(
    filled: str, found: bool, features: bool, tmp_path: Path
) -> None:
    """Words of a few endings, at the right edge; and the same, read from their ends, at the left.

    That sequences begin alike, over few steps, is a beginning.
    """
    alike = torch.tensor([1, 0, 2, 3, 1, 0, 2, 1, 3, 0])
    steps = torch.arange(2 * STEPS)
    there = steps >= 2 * STEPS - 3 - LENGTHS[:, None] // 2
    ending = steps >= 2 * STEPS - alike[:, None]

    def loss(m: nn.ModuleDict) -> Tensor:
        symbols = torch.randint(2, SYMBOLS, there.shape).masked_fill(ending, 1)
        if filled:
            symbols = symbols * there
        symbols = symbols.flip(1) if filled == "behind" else symbols
        x = functional.one_hot(symbols, SYMBOLS).float() if features else m["embed"](symbols)
        read: Tensor = m["wide"](x)[1]
        return read.square().mean()

    modules = {
        "embed": nn.Embedding(SYMBOLS, SYMBOLS), "wide": rnn(inputs=SYMBOLS, batch_first=True),
    }  # fmt: skip
    assert bool(findings("BKS415", loss, tmp_path, modules)) is found
