"""Rows and targets that do not belong together: sorted for packing, or asked for anything."""

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import (
    pack_padded_sequence,
    pack_sequence,
    pad_packed_sequence,
    pad_sequence,
)

from backsight import diagnose, watch
from backsight.diagnosis import Finding
from backsight.probes import LossOperations, RowAnswers, put_elsewhere, row_keys
from tests.causes import rnn

ROWS, BATCH, STEPS, UNITS, CLASSES = 64, 32, 12, 4, 5
LENGTHS = torch.randint(3, STEPS, (ROWS,), generator=torch.manual_seed(0))
TEXT = torch.randint(1, CLASSES + 1, (ROWS, STEPS)) * (torch.arange(STEPS) < LENGTHS[:, None])
FIRST = TEXT[:, 0] - 1
TAGS = torch.where(TEXT > 0, TEXT - 1, -100)

Loss = Callable[[nn.ModuleDict, Tensor], Tensor]
ce = functional.cross_entropy


def trained(
    loss: Loss, folder: Path, *, slices: bool = False, every: int = 20, steps: int = 10
) -> dict[str, Finding]:
    """What is found in 10 steps on batches of the 64 rows, by code."""
    torch.manual_seed(0)
    model = nn.ModuleDict({
        "embed": nn.Embedding(CLASSES + 1, UNITS), "rnn": rnn(inputs=UNITS, batch_first=True),
        "head": nn.Linear(UNITS, CLASSES), "side": nn.Linear(1, CLASSES),
        "symbol": nn.Embedding(CLASSES, CLASSES),
    })  # fmt: skip
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    with watch(model, optimizer, folder / "run", every=every):
        for _ in range(steps):
            optimizer.zero_grad()
            rows = torch.arange(BATCH) if slices else torch.randperm(ROWS)[:BATCH]
            loss(model, rows).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return {f.code: f for f in diagnose(folder / "run").findings}


def labelled(
    m: nn.ModuleDict, rows: Tensor, *, early: bool = True, back: bool = False, alike: bool = False
) -> Tensor:
    """Sorted for packing before the embedding, or after it; put back, or labels sorted alike."""
    lengths, order = LENGTHS[rows].sort(descending=True)
    x = m["embed"](TEXT[rows][order]) if early else m["embed"](TEXT[rows])[order]
    z = m["head"](m["rnn"](pack_padded_sequence(x, lengths, batch_first=True))[1][0])
    y = FIRST[rows]
    return ce(z[order.argsort()] if back else z, y[order] if alike else y)


def tagged(
    m: nn.ModuleDict, rows: Tensor, *, alike: bool = False, flat: bool = False, fill: int = -100
) -> Tensor:
    """A label a step, padded as its row is."""
    lengths, order = LENGTHS[rows].sort(descending=True)
    packed = pack_padded_sequence(m["embed"](TEXT[rows][order]), lengths, batch_first=True)
    out, _ = pad_packed_sequence(m["rnn"](packed)[0], batch_first=True, total_length=STEPS)
    z, y = m["head"](out), TAGS[rows][order] if alike else TAGS[rows]
    y = torch.where(y < 0, fill, y)
    if flat:
        return ce(z.transpose(0, 1).reshape(-1, CLASSES), y.t().reshape(-1), ignore_index=fill)
    return ce(z.transpose(1, 2), y, ignore_index=fill)


def tagged_and_scattered(m: nn.ModuleDict, rows: Tensor) -> Tensor:
    """Put back by writing each row at its place."""
    lengths, order = LENGTHS[rows].sort(descending=True)
    packed = pack_padded_sequence(m["embed"](TEXT[rows][order]), lengths, batch_first=True)
    out, _ = pad_packed_sequence(m["rnn"](packed)[0], batch_first=True, total_length=STEPS)
    back = torch.zeros_like(out).index_copy(0, order, out)
    return ce(m["head"](back).transpose(1, 2), TAGS[rows])


def automatic(m: nn.ModuleDict, rows: Tensor) -> Tensor:
    """PyTorch sorts, and puts back."""
    packed = pack_padded_sequence(
        m["embed"](TEXT[rows]), LENGTHS[rows], batch_first=True, enforce_sorted=False
    )
    return ce(m["head"](m["rnn"](packed)[1][0]), FIRST[rows])


def scattered(m: nn.ModuleDict, rows: Tensor) -> Tensor:
    """Put back by writing each row at its place."""
    lengths, order = LENGTHS[rows].sort(descending=True)
    packed = pack_padded_sequence(m["embed"](TEXT[rows][order]), lengths, batch_first=True)
    last = m["rnn"](packed)[1][0]
    return ce(m["head"](torch.zeros_like(last).index_put((order,), last)), FIRST[rows])


def one_by_one(
    m: nn.ModuleDict, rows: Tensor, *, apart: bool = False, copied: bool = True
) -> Tensor:
    """Put back in a list, which may be the one that it is read from."""
    lengths, order = LENGTHS[rows].sort(descending=True)
    packed = pack_padded_sequence(m["embed"](TEXT[rows][order]), lengths, batch_first=True)
    last = m["rnn"](packed)[1][0]
    read = list(last.unbind(0)) if apart else [last[i] for i in range(BATCH)]
    back = list(read) if copied else read
    for place, i in enumerate(order.argsort()):
        back[place] = read[i]
    return ce(m["head"](torch.stack(back)), FIRST[rows])


Back = Callable[[Tensor], Tensor]


def put_back(m: nn.ModuleDict, rows: Tensor, back: Back, *, beside: bool = False) -> Tensor:
    """Sorted within the graph, and put back by what is made of the order."""
    lengths, order = LENGTHS[rows].sort(descending=True)
    x = m["embed"](TEXT[rows])[order]
    last = m["rnn"](pack_padded_sequence(x, lengths, batch_first=True))[1][0]
    loss = ce(m["head"](last[back(order)]), FIRST[rows])
    return loss + ce(m["head"](last), FIRST[rows][order]) if beside else loss


def pairs(m: nn.ModuleDict, rows: Tensor, *, sound: bool = False, within: bool = True) -> Tensor:
    """Two batches, each sorted by its own lengths; one is put back by the other's order."""
    states, orders = [], []
    for each in (rows, (rows + 1) % ROWS):
        lengths, order = LENGTHS[each].sort(descending=True)
        x = m["embed"](TEXT[each])[order] if within else m["embed"](TEXT[each][order])
        packed = pack_padded_sequence(x, lengths, batch_first=True)
        states.append(m["rnn"](packed)[1][0])
        orders.append(order.argsort())
    first, second = orders[0], orders[1 if sound else 0]
    return ce(m["head"](states[0][first] - states[1][second]), FIRST[rows])


def both(m: nn.ModuleDict, rows: Tensor, *, back: tuple[bool, bool], how: str = "sub") -> Tensor:
    """Two batches, each sorted within the graph by its own lengths; the states of one, of both, or
    of none are put back, and compared row by row, or each with each."""
    states = []
    for each, put in zip((rows, (rows + 1) % ROWS), back, strict=True):
        lengths, order = LENGTHS[each].sort(descending=True)
        packed = pack_padded_sequence(m["embed"](TEXT[each])[order], lengths, batch_first=True)
        last = m["rnn"](packed)[1][0]
        states.append(last[order.argsort()] if put else last)
    u, v = states
    if how == "each with each":
        of_all: Tensor = (u @ v.t()).square().mean()
        return of_all + ce(m["head"](v.mean(0, keepdim=True)), FIRST[rows[:1]])
    if how == "two losses":
        y = FIRST[(rows + 1) % ROWS]
        y = y if back[1] else y[LENGTHS[(rows + 1) % ROWS].argsort(descending=True, stable=True)]
        return ce(m["head"](u), FIRST[rows]) + ce(m["head"](v), y)
    if how == "cat":
        return ce(m["head"](torch.cat([u[:, ::2], v[:, 1::2]], 1)), FIRST[rows])
    return ce(m["head"]((u - v).abs()), FIRST[rows])


def listed(m: nn.ModuleDict, rows: Tensor, *, back: bool, one_by_one: bool = False) -> Tensor:
    """Two lists of rows, each sorted by its own lengths: packing copies the rows one by one."""
    states = []
    for each in (rows, (rows + 1) % ROWS):
        order = LENGTHS[each].argsort(descending=True)
        last = m["rnn"](pack_sequence([m["embed"](TEXT[i][: LENGTHS[i]]) for i in each[order]]))
        if back and one_by_one:
            put = torch.zeros_like(last[1][0])
            for place, i in enumerate(order):
                put[i] = last[1][0][place]
            states.append(put)
        else:
            states.append(last[1][0][order.argsort()] if back else last[1][0])
    return ce(m["head"]((states[0] - states[1]).abs()), FIRST[rows])


def attending(
    m: nn.ModuleDict, rows: Tensor, *, outputs: bool, state: bool, alike: bool = False
) -> Tensor:
    """The last state of each row attends to the outputs; either may be put back."""
    lengths, order = LENGTHS[rows].sort(descending=True)
    packed = pack_padded_sequence(m["embed"](TEXT[rows])[order], lengths, batch_first=True)
    out, last = m["rnn"](packed)
    out, last = pad_packed_sequence(out, batch_first=True)[0], last[0]
    back = order.argsort()
    out, last = out[back] if outputs else out, last[back] if state else last
    weights = torch.bmm(out, last.unsqueeze(2)).softmax(1)
    y = FIRST[rows][order] if alike else FIRST[rows]
    return ce(m["head"]((weights * out).sum(1)), y)


def for_pairs(order: Tensor) -> Tensor:
    """Put back, and then in another order, as for pairs that do not belong together."""
    return order.argsort()[torch.randperm(len(order))]


SORTED: dict[str, tuple[Loss, bool]] = {
    "sorted once more": (partial(put_back, back=lambda order: order), False),
    "put back from the end": (partial(put_back, back=lambda o: o.argsort(descending=True)), False),
    "put back by another order": (pairs, False),
    "put back by another order, sorted before": (partial(pairs, within=False), False),
    "two batches, none put back": (partial(both, back=(False, False)), False),
    "two batches, one put back": (partial(both, back=(True, False), how="cat"), False),
    "two lists, none put back": (partial(listed, back=False), False),
    "outputs put back, and the state not": (partial(attending, outputs=True, state=False), False),
    "the state put back, and outputs not": (partial(attending, outputs=False, state=True), False),
    "before the embedding": (labelled, False),
    "after it": (partial(labelled, early=False), False),
    "after it, targets of a slice": (
        lambda m, r: ce(m["head"](m["rnn"](pack_padded_sequence(
            m["embed"](TEXT[:BATCH])[LENGTHS[:BATCH].argsort(descending=True)],
            LENGTHS[:BATCH].sort(descending=True).values, batch_first=True,
        ))[1][0]), FIRST[:BATCH]), True,
    ),
    "written over": (partial(one_by_one, copied=False), False),
    "written over, taken apart": (partial(one_by_one, copied=False, apart=True), False),
    "a tag a step": (tagged, True),
    "a tag a step, flat": (partial(tagged, flat=True), True),
    "a tag a step, padded by a class": (partial(tagged, fill=CLASSES + 5), True),
}  # fmt: skip


@pytest.mark.some(2)
@pytest.mark.parametrize("which", SORTED)
def test_rows_that_are_sorted_alone_are_found(which: str, tmp_path: Path) -> None:
    loss, slices = SORTED[which]
    found = trained(loss, tmp_path, slices=slices)
    assert found["BKS417"].severity == "error"
    assert "compared with the targets of other rows" in found["BKS417"].message
    assert "BKS435" not in found


ALIKE: dict[str, Loss] = {
    "put back, each of two": partial(pairs, sound=True),
    "put back, each of two, sorted before": partial(pairs, sound=True, within=False),
    "two batches, put back": partial(both, back=(True, True)),
    "two lists, put back": partial(listed, back=True),
    "two lists, put back one by one": partial(listed, back=True, one_by_one=True),
    "two batches, each with each": partial(both, back=(False, False), how="each with each"),
    "two batches, two losses": partial(both, back=(True, False), how="two losses"),
    "outputs and state put back": partial(attending, outputs=True, state=True),
    "outputs, state and targets alike": partial(attending, outputs=False, state=False, alike=True),
    "in another order, for pairs": partial(put_back, back=for_pairs),
    "sorted once more, beside": partial(put_back, back=lambda order: order, beside=True),
    "targets sorted alike": partial(labelled, alike=True),
    "sorted after the embedding, targets alike": partial(labelled, early=False, alike=True),
    "put back": partial(labelled, back=True),
    "sorted after the embedding and put back": partial(labelled, early=False, back=True),
    "put back by index_put": scattered,
    "put back in a list": one_by_one,
    "put back in a list, taken apart": partial(one_by_one, apart=True),
    "enforce_sorted=False": automatic,
    "tags put back": tagged_and_scattered,
    "tags sorted alike": partial(tagged, alike=True),
    "tags sorted alike, flat": partial(tagged, alike=True, flat=True),
}


@pytest.mark.some(2)
@pytest.mark.parametrize("which", ALIKE)
def test_rows_in_order_are_not(which: str, tmp_path: Path) -> None:
    assert not {"BKS417", "BKS435"} & set(trained(ALIKE[which], tmp_path))


DIFFERENT = torch.tensor([i for i in range(ROWS) if not (TEXT[:i] == TEXT[i]).all(1).any()])


class Sorts(nn.Module):
    """A classifier that sorts the rows it is given; ``answers`` are made of what that leaves."""

    def __init__(self, answers: Callable[[Tensor, Tensor], object]) -> None:
        super().__init__()
        self.embed, self.answers = nn.Embedding(CLASSES + 1, UNITS), answers
        self.rnn, self.head = rnn(inputs=UNITS, batch_first=True), nn.Linear(UNITS, CLASSES)

    def forward(self, text: Tensor) -> object:
        lengths, order = (text > 0).sum(1).sort(descending=True)
        packed = pack_padded_sequence(self.embed(text[order]), lengths, batch_first=True)
        return self.answers(self.head(self.rnn(packed)[1][0]), order)


@pytest.mark.some(2)
@pytest.mark.parametrize(
    ("answers", "codes"),
    [
        (lambda z, order: z, {"BKS417"}),
        (lambda z, order: z[order], {"BKS417"}),
        (lambda z, order: z[order.argsort()], set()),
        (lambda z, order: (z, order), set()),  # who is told the order may sort the targets
    ],
)
def test_a_model_that_sorts_its_rows_has_to_put_its_answers_back(
    answers: Callable[[Tensor, Tensor], object], codes: set[str], tmp_path: Path
) -> None:
    torch.manual_seed(0)
    model = Sorts(answers)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    with watch(model, optimizer, tmp_path / "run", every=1):
        for _ in range(4):
            rows = DIFFERENT[torch.randperm(len(DIFFERENT))[:BATCH]]
            result = model(TEXT[rows])
            z = result[0] if isinstance(result, tuple) else result
            optimizer.zero_grad()
            ce(z, FIRST[rows]).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    found = {f.code for f in diagnose(tmp_path / "run").findings}
    assert found & {"BKS417", "BKS435"} == codes


class Translates(nn.Module):
    """Its encoder sorts the rows; what is asked of each step is what its decoder is given."""

    def __init__(self, back: bool) -> None:
        super().__init__()
        self.embed, self.back = nn.Embedding(CLASSES + 1, UNITS), back
        self.encoder, self.decoder = (rnn(inputs=UNITS, batch_first=True) for _ in range(2))
        self.head = nn.Linear(UNITS, CLASSES + 1)

    def forward(self, text: Tensor, asked: Tensor) -> Tensor:
        lengths, order = (text > 0).sum(1).sort(descending=True)
        packed = pack_padded_sequence(self.embed(text[order]), lengths, batch_first=True)
        state = self.encoder(packed)[1]
        state = state[:, order.argsort()] if self.back else state
        logits: Tensor = self.head(self.decoder(self.embed(asked[:, :-1]), state)[0])
        return logits


@pytest.mark.parametrize("back", [False, True])
def test_an_encoder_that_sorts_its_rows_has_to_put_its_state_back(
    back: bool, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    model = Translates(back)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    with watch(model, optimizer, tmp_path / "run", every=1):
        for _ in range(4):
            text = TEXT[DIFFERENT[torch.randperm(len(DIFFERENT))[:BATCH]]]
            optimizer.zero_grad()
            logits = model(text, text.flip(1))
            ce(logits.flatten(0, 1), text.flip(1)[:, 1:].flatten()).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    found = {f.code for f in diagnose(tmp_path / "run").findings}
    assert ("BKS417" in found) is not back


class Attends(nn.Module):
    """Sorts the rows it is given, and puts its outputs back, but the state with them or not."""

    def __init__(self, back: bool) -> None:
        super().__init__()
        self.embed, self.back = nn.Embedding(CLASSES + 1, UNITS), back
        self.rnn, self.head = rnn(inputs=UNITS, batch_first=True), nn.Linear(UNITS, CLASSES)

    def forward(self, text: Tensor) -> Tensor:
        lengths, order = (text > 0).sum(1).sort(descending=True)
        packed = pack_padded_sequence(self.embed(text[order]), lengths, batch_first=True)
        out, (state,) = self.rnn(packed)
        out = pad_packed_sequence(out, batch_first=True)[0][order.argsort()]
        state = state[order.argsort()] if self.back else state
        answers: Tensor = self.head((out * (out * state[:, None]).sum(2, keepdim=True)).sum(1))
        return answers


@pytest.mark.parametrize("back", [False, True])
def test_a_state_beside_outputs_that_are_put_back_has_to_be_as_well(
    back: bool, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    model = Attends(back)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    with watch(model, optimizer, tmp_path / "run", every=1):
        for _ in range(4):
            rows = DIFFERENT[torch.randperm(len(DIFFERENT))[:BATCH]]
            optimizer.zero_grad()
            ce(model(TEXT[rows]), FIRST[rows]).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    found = {f.code for f in diagnose(tmp_path / "run").findings}
    assert ("BKS417" in found) is not back


@pytest.mark.parametrize(("back", "codes"), [(False, {"BKS417"}), (True, set())])
def test_a_row_that_is_there_twice_hides_no_other(
    back: bool, codes: set[str], tmp_path: Path
) -> None:
    """Which of two equal rows is meant does not matter."""
    torch.manual_seed(0)
    model = Sorts((lambda z, order: z[order.argsort()]) if back else (lambda z, order: z))
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    rows = torch.cat([DIFFERENT[: BATCH - 1], DIFFERENT[:1]])
    with watch(model, optimizer, tmp_path / "run", every=1):
        for _ in range(4):
            optimizer.zero_grad()
            ce(model(TEXT[rows]), FIRST[rows]).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    assert {f.code for f in diagnose(tmp_path / "run").findings} & {"BKS417", "BKS435"} == codes


@pytest.mark.parametrize("back", [True, False])
def test_a_model_that_is_given_rows_one_by_one_has_to_put_them_back(
    back: bool, tmp_path: Path
) -> None:
    """Documents of their own lengths, which it pads itself."""

    class Documents(Sorts):
        def forward(self, documents: list[Tensor]) -> Tensor:  # type: ignore[override]
            lengths = torch.tensor([len(one) for one in documents])
            order = lengths.argsort(descending=True)
            x = self.embed(pad_sequence([documents[i] for i in order], batch_first=True))
            packed = pack_padded_sequence(x, lengths[order], batch_first=True)
            z: Tensor = self.head(self.rnn(packed)[1][0])
            return z[order.argsort()] if back else z

    torch.manual_seed(0)
    model = Documents(lambda z, order: z)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    with watch(model, optimizer, tmp_path / "run", every=1):
        for _ in range(4):
            rows = DIFFERENT[torch.randperm(len(DIFFERENT))[:BATCH]]
            documents = [TEXT[row, : LENGTHS[row]] for row in rows]
            optimizer.zero_grad()
            ce(model(documents), FIRST[rows]).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    assert ("BKS417" in {f.code for f in diagnose(tmp_path / "run").findings}) is not back


@pytest.mark.some(2)
@pytest.mark.parametrize(
    ("returned", "kinds"),
    [
        *[("back", set()), ("row by row", set()), ("with the order", set())],
        ("as they are", {"BKS417"}),
    ],
)
def test_so_has_one_that_is_given_numbers_of_each_row(
    returned: str, kinds: set[str], tmp_path: Path
) -> None:
    """Recordings of their own lengths; an order that is returned may sort the targets alike."""

    class Recordings(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn, self.head = nn.LSTM(UNITS, UNITS), nn.Linear(UNITS, CLASSES)

        def forward(self, recordings: list[Tensor]) -> tuple[Tensor, Tensor | None]:
            lengths = torch.tensor([len(one) for one in recordings])
            order = lengths.argsort(descending=True)
            packed = pack_padded_sequence(
                pad_sequence([recordings[i] for i in order]), lengths[order]
            )
            z: Tensor = self.head(self.rnn(packed)[1][0][0])
            if returned == "back":
                return z[order.argsort()], None
            if returned == "row by row":
                sorted_rows, z = z, z.clone()
                for place, row in enumerate(order.tolist()):
                    z[row] = sorted_rows[place]
                return z, None
            return z, order if returned == "with the order" else None

    torch.manual_seed(0)
    model = Recordings()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    with watch(model, optimizer, tmp_path / "run", every=1):
        for _ in range(4):
            recordings = [torch.randn(int(n), UNITS) for n in torch.randint(3, 9, (BATCH,))]
            target = torch.randint(CLASSES, (BATCH,))
            optimizer.zero_grad()
            z, order = model(recordings)
            ce(z, target if order is None else target[order]).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    assert {f.code for f in diagnose(tmp_path / "run").findings} & {"BKS417"} == kinds


@pytest.mark.parametrize("copied", [2, 4])
def test_rows_that_are_copied_one_by_one_may_be_anywhere(copied: int) -> None:
    x = 2 * torch.ones(4, 3, requires_grad=True)
    out = x.clone()
    for place, row in enumerate([2, 0, 3, 1][:copied]):
        out[row] = x[place]
    assert put_elsewhere(LossOperations([out.sum()]), 4) == (copied == 4)


@pytest.mark.parametrize("alike", [True, False])
def test_where_rows_never_come_again_nobody_says_that_they_are_in_order(
    alike: bool, tmp_path: Path
) -> None:
    """Rows of numbers, sorted before any model has seen them."""

    def loss(m: nn.ModuleDict, rows: Tensor) -> Tensor:
        lengths, order = LENGTHS[:BATCH].sort(descending=True)
        x, y = torch.randn(BATCH, STEPS, UNITS), torch.randint(CLASSES, (BATCH,))
        packed = pack_padded_sequence(x[order], lengths, batch_first=True)
        return ce(m["head"](m["rnn"](packed)[1][0]), y[order] if alike else y)

    assert "BKS417" not in trained(loss, tmp_path)
    (verdict,) = (v for v in diagnose(tmp_path / "run").verdicts if v.code == "BKS417")
    assert verdict.outcome == "not enough data"


def test_short_rows_come_again_in_samples(tmp_path: Path) -> None:
    """A third of these have three symbols of five, and are new each time."""

    def loss(m: nn.ModuleDict, rows: Tensor) -> Tensor:
        lengths = torch.randint(3, 6, (BATCH,))
        text = torch.randint(1, CLASSES + 1, (BATCH, 5)) * (torch.arange(5) < lengths[:, None])
        lengths, order = lengths.sort(descending=True)
        packed = pack_padded_sequence(m["embed"](text[order]), lengths, batch_first=True)
        return ce(m["head"](m["rnn"](packed)[1][0]), text[:, 0] - 1)

    assert trained(loss, tmp_path, every=1, steps=24)["BKS417"].severity == "error"


def test_where_the_order_of_the_targets_is_not_known_it_is_a_note(tmp_path: Path) -> None:
    """One batch for ever: its rows always have the same targets, whichever these are."""
    copied = FIRST[:BATCH].clone()

    def loss(m: nn.ModuleDict, rows: Tensor) -> Tensor:
        lengths, order = LENGTHS[:BATCH].sort(descending=True)
        x = m["embed"](torch.randint(1, CLASSES + 1, (BATCH, STEPS)))[order]
        return ce(m["head"](m["rnn"](pack_padded_sequence(x, lengths, batch_first=True))[1][0]),
                  copied)  # fmt: skip

    found = trained(loss, tmp_path)["BKS417"]
    assert found.severity == "info"
    assert "have to be sorted alike" in found.message


# -- BKS435: other targets for the same input -----------------------------------------------------


def shuffled(m: nn.ModuleDict, rows: Tensor) -> Tensor:
    return ce(m["head"](m["rnn"](m["embed"](TEXT[rows]))[1][0]), FIRST[rows[torch.randperm(BATCH)]])


def noise(m: nn.ModuleDict, rows: Tensor) -> Tensor:
    z = m["head"](m["rnn"](m["embed"](TEXT[rows]))[1][0])[:, :1]
    return functional.mse_loss(z, torch.randn(BATCH, 1))


def tossed(m: nn.ModuleDict, rows: Tensor) -> Tensor:
    z = m["head"](m["rnn"](m["embed"](TEXT[rows]))[1][0])[:, 0]
    return functional.binary_cross_entropy_with_logits(z, torch.randint(2, (BATCH,)).float())


@pytest.mark.some(2)
@pytest.mark.parametrize("loss", [shuffled, noise, tossed])
def test_other_targets_for_the_same_input_are_found(loss: Loss, tmp_path: Path) -> None:
    found = trained(loss, tmp_path, slices=True)["BKS435"]
    assert "agree with the earlier ones no better" in found.message
    assert found.severity == "warning"


@pytest.mark.parametrize("apart", [True, False])
def test_rows_that_come_again_are_looked_at_in_samples(apart: bool, tmp_path: Path) -> None:
    """Two loaders, each of which shuffles by itself; of four batches, few are looked at twice."""
    orders = [iter([torch.randperm(ROWS).chunk(4) for _ in range(9)]) for _ in range(2)]
    batches: list[list[Tensor]] = [[], []]

    def loss(m: nn.ModuleDict, _: Tensor) -> Tensor:
        for kept, order in zip(batches, orders, strict=True):
            if not kept:
                kept.extend(next(order))
        x, y = (kept.pop() for kept in batches)
        z = m["head"](m["rnn"](m["embed"](TEXT[x]))[1][0])
        return ce(z, FIRST[y if apart else x])

    found = trained(loss, tmp_path, every=1, steps=14)
    assert ("BKS435" in found) is apart


@pytest.mark.some(2)
@pytest.mark.parametrize(
    ("steps", "apart", "told"), [(9, True, True), (9, False, False), (3, True, False)]
)
def test_rows_that_no_recurrent_layer_reads(
    steps: int, apart: bool, told: bool, tmp_path: Path
) -> None:
    """A place has an embedding, too; of short windows, each may go on in several ways."""
    torch.manual_seed(0)
    text = torch.randint(CLASSES, (ROWS, steps))
    model = nn.ModuleDict({
        "embed": nn.Embedding(CLASSES, UNITS), "places": nn.Embedding(steps, UNITS),
        "head": nn.Linear(UNITS, CLASSES),
    })  # fmt: skip
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    with watch(model, optimizer, tmp_path / "run", every=1):
        for _ in range(12):
            optimizer.zero_grad()
            rows = torch.randperm(ROWS)[:BATCH]
            x = model["embed"](text[rows]) + model["places"](torch.arange(steps))
            y = text[rows[torch.randperm(BATCH)] if apart else rows, 0]
            ce(model["head"](x.tanh().mean(1)), y).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    found = {one.code for one in diagnose(tmp_path / "run").findings}
    assert ("BKS435" in found) is told


@pytest.mark.long
@pytest.mark.parametrize("tied", [False, True])
def test_labels_of_other_rows_behind_a_convolution_are_a_note(tied: bool, tmp_path: Path) -> None:
    """The layer is given what the convolution has made. At this rate, neither is learned."""
    torch.manual_seed(0)
    data = torch.randn(320, 3, 9)
    labels = (data[:, 0, 4] > 0).long() if tied else torch.randint(2, (320,))
    model = nn.ModuleDict({
        "filter": nn.Conv1d(3, 8, 3, padding=1), "rnn": nn.LSTM(8, 8, batch_first=True),
        "head": nn.Linear(8, 2),
    })  # fmt: skip
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    with watch(model, optimizer, tmp_path / "run", every=1):
        for i in range(24):
            optimizer.zero_grad()
            rows = torch.arange(32) + 32 * (i % 10)
            made = model["filter"](data[rows]).transpose(1, 2)
            loss = ce(model["head"](model["rnn"](made)[0].mean(1)), labels[rows])
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    told = [one.severity for one in diagnose(tmp_path / "run").lasting if one.code == "BKS435"]
    assert told == ([] if tied else ["info"])


@pytest.mark.parametrize("tied", [False, True])
def test_labels_of_other_rows_stay_so_while_they_are_learned_by_heart(
    tied: bool, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    text = torch.randint(20, (320, 9))
    labels = (text[:, 0] < 10).long() if tied else torch.randint(2, (320,))
    model = nn.ModuleDict({"embed": nn.Embedding(20, 4), "head": nn.Linear(36, 2)})
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    losses = []
    with watch(model, optimizer, tmp_path / "run", every=1):
        for i in range(40):
            optimizer.zero_grad()
            rows = slice(0, 160) if i % 2 else slice(160, 320)
            loss = ce(model["head"](model["embed"](text[rows]).flatten(1)), labels[rows])
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            losses.append(loss.item())
    told = [one.severity for one in diagnose(tmp_path / "run").lasting if one.code == "BKS435"]
    assert 0.8 * 0.69 < losses[-1] < 0.95 * 0.69 or tied
    assert told == ([] if tied else ["info"])


def beside(m: nn.ModuleDict, rows: Tensor) -> Tensor:
    """The label is that of something else that the model is given."""
    other = torch.randint(CLASSES, (BATCH,))
    z = m["rnn"](m["embed"](TEXT[rows]))[1][0]
    return ce(m["head"](z) + m["side"](other[:, None].float()), other)


def symbol(m: nn.ModuleDict, rows: Tensor) -> Tensor:
    other = torch.randint(CLASSES, (BATCH,))
    return ce(m["head"](m["rnn"](m["embed"](TEXT[rows]))[1][0]) + m["symbol"](other), other)


def begun(m: nn.ModuleDict, rows: Tensor) -> Tensor:
    other = torch.randint(CLASSES, (BATCH,))
    state = functional.one_hot(other, UNITS + 1).float()[None, :, :UNITS]
    return ce(m["head"](m["rnn"](m["embed"](TEXT[rows]), state)[1][0]), other)


def siamese(m: nn.ModuleDict, rows: Tensor) -> Tensor:
    """A pair is alike or not; its first one has many partners."""
    other = torch.randperm(ROWS)[:BATCH]
    a, b = (m["rnn"](m["embed"](TEXT[part]))[1][0] for part in (rows, other))
    same = (FIRST[rows] == FIRST[other]).float()
    return functional.binary_cross_entropy_with_logits((a * b).sum(1), same)


def policy(m: nn.ModuleDict, rows: Tensor) -> Tensor:
    """Actions that were drawn, each with its reward."""
    z = m["head"](m["rnn"](m["embed"](TEXT[rows]))[1][0])
    drawn = torch.randint(CLASSES, (BATCH,))
    return (ce(z, drawn, reduction="none") * torch.rand(BATCH)).mean()


def values(m: nn.ModuleDict, rows: Tensor) -> Tensor:
    """Of actions that were drawn (Q-learning): what is asked for hangs on the action."""
    z = m["head"](m["rnn"](m["embed"](TEXT[rows]))[1][0])
    drawn = torch.randint(CLASSES, (BATCH, 1))
    return functional.mse_loss(z.gather(1, drawn), drawn.float())


def contrast(m: nn.ModuleDict, rows: Tensor) -> Tensor:
    """Each row is its own class."""
    z = functional.normalize(m["rnn"](m["embed"](TEXT[rows]))[1][0])
    return ce(z @ z.T, torch.arange(BATCH))


def mislabelled(m: nn.ModuleDict, rows: Tensor) -> Tensor:
    """Every third label is wrong."""
    y = torch.where(torch.rand(BATCH) < 1 / 3, torch.randint(CLASSES, (BATCH,)), FIRST[rows])
    return ce(m["head"](m["rnn"](m["embed"](TEXT[rows]))[1][0]), y)


def next_symbol(m: nn.ModuleDict, rows: Tensor) -> Tensor:
    """Windows of two symbols, after which one of two follows."""
    x = torch.randint(1, CLASSES + 1, (BATCH, 2))
    y = (x[:, 0] + torch.randint(2, (BATCH,))) % CLASSES
    return ce(m["head"](m["rnn"](m["embed"](x))[1][0]), y)


def twice(m: nn.ModuleDict, rows: Tensor) -> Tensor:
    """Two passes through the same calls: numbers tell the label, and a text does not."""
    y = torch.randint(CLASSES, (BATCH,))
    x = torch.randn(BATCH, STEPS, UNITS) + y[:, None, None]
    loss = ce(m["head"](m["rnn"](x)[1][0] + m["embed"](TEXT[:BATCH]).mean(1)), y)
    loss.backward(retain_graph=True)  # type: ignore[no-untyped-call]
    return loss


def fresh(m: nn.ModuleDict, rows: Tensor) -> Tensor:
    """No row ever comes again."""
    z = m["head"](m["rnn"](m["embed"](torch.randint(1, CLASSES + 1, (BATCH, STEPS))))[1][0])
    return ce(z, torch.randint(CLASSES, (BATCH,)))


@pytest.mark.some(2)
@pytest.mark.parametrize(
    "loss",
    [
        beside,
        symbol,
        begun,
        siamese,
        policy,
        values,
        contrast,
        mislabelled,
        next_symbol,
        twice,
        fresh,
    ],
)
def test_targets_with_another_reason_are_not(loss: Loss, tmp_path: Path) -> None:
    assert not {"BKS417", "BKS435"} & set(trained(loss, tmp_path))


def test_agreement_by_hand() -> None:
    """Rows 1 and 2 with classes 0, 0 and 0, 1: within (2 - 2 / 2) / 2, in all (4 - 10 / 4) / 3."""
    answers = RowAnswers()
    answers.add([1, 2], torch.tensor([0, 0]))
    answers.add([1, 2], torch.tensor([0, 1]))
    assert answers.repeats == 2
    assert answers.agreement == pytest.approx(1 - 0.5 / 0.5)
    numbers = RowAnswers()  # within 2 / 4 / 2, in all 3 / 4 / 3
    numbers.add([1, 2], torch.tensor([[0.0], [0.0]]))
    numbers.add([1, 2], torch.tensor([[0.0], [1.0]]))
    assert numbers.agreement == pytest.approx(1 - 0.25 / 0.25)
    assert numbers.unrelated is None
    assert math.isnan(RowAnswers().agreement)


def test_keys_of_rows() -> None:
    x = torch.randint(9, (200, 7), generator=torch.manual_seed(1))
    for rows in (x, x.float(), x.double(), x.bfloat16(), x[..., None].float().expand(-1, -1, 2)):
        keys = row_keys(rows)
        assert keys is not None
        same = (x[:, None] == x).all(-1)
        assert torch.equal(keys[:, None] == keys, same)
    assert row_keys(torch.zeros(2, 1 << 17)) is None


def test_keys_of_one_hot_rows_are_as_many_as_the_rows() -> None:
    """A row is a sum of places then: 5 ** 4 rows of 4 steps have as many keys."""
    symbols = torch.cartesian_prod(*[torch.arange(5)] * 4)
    keys = row_keys(torch.nn.functional.one_hot(symbols, 5).float())
    assert keys is not None
    assert len(set(keys.tolist())) == 625
