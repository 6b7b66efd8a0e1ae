"""A model that trains in eval mode, dropout that leaves nothing, and what looks like it."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from backsight import Run, diagnose, watch
from backsight.diagnosis import Finding


class Net(nn.Module):
    """A recurrent layer, something in between, and a head."""

    def __init__(self, between: Callable[[Tensor], Tensor], rnn: nn.Module | None = None) -> None:
        super().__init__()
        self.rnn = rnn or nn.GRU(2, 8)
        self.between = between
        self.head = nn.Linear(8, 1)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.head(self.between(self.rnn(x)[0][-1]))
        return result


def findings(
    between: Callable[[Tensor], Tensor],
    each: Callable[[Net], object],
    path: Path,
    rnn: nn.Module | None = None,
) -> list[Finding]:
    """Of rule BKS422; ``each`` is called before each of some steps."""
    torch.manual_seed(0)
    net = Net(between, rnn)
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-3)
    with watch(net, optimizer, path, every=1):
        for _ in range(5):
            each(net)
            optimizer.zero_grad()
            loss = net(torch.randn(5, 64, 2)).square().mean()
            loss.backward()
            optimizer.step()
    diagnosis = diagnose(Run(path))
    outcomes = {one.code: one.outcome for one in diagnosis.verdicts}
    assert outcomes["BKS422"] in ("finding", "healthy")
    return [one for one in diagnosis.lasting if one.code == "BKS422"]


def evaluates(net: Net) -> None:
    """Like a validation."""
    net.eval()
    with torch.no_grad():
        net(torch.randn(5, 16, 2))


@pytest.mark.some(2)
@pytest.mark.parametrize(
    ("between", "rnn"),
    [
        (nn.Dropout(0.2), None),
        (nn.AlphaDropout(0.2), None),
        (nn.BatchNorm1d(8), None),
        (nn.Sequential(nn.LayerNorm(8), nn.Dropout(0.5)), None),
        (nn.Identity(), nn.LSTM(2, 8, 2, dropout=0.3)),
    ],
)
def test_a_model_that_stays_in_eval_mode_is_found(
    between: nn.Module, rnn: nn.RNNBase | None, tmp_path: Path
) -> None:
    (found,) = findings(between, evaluates, tmp_path / "run", rnn)
    assert (found.severity, found.evidence) == ("warning", {"modules in eval mode": 1.0})


def train(net: Net) -> None:
    net.train()


def validates(net: Net) -> None:
    evaluates(net)
    net.train()


def explains(net: Net) -> None:
    """A gradient in eval mode that no step follows."""
    net.eval()
    net(torch.randn(5, 16, 2)).sum().backward()
    net.train()


@pytest.mark.some(2)
@pytest.mark.parametrize(
    ("between", "rnn", "each"),
    [
        (nn.Dropout(0.2), None, train),
        (nn.Dropout(0.2), None, validates),
        (nn.Dropout(0.2), None, explains),
        (nn.Dropout(0.0), None, evaluates),
        (nn.ReLU(), None, evaluates),
        (nn.LayerNorm(8), None, evaluates),
        (nn.BatchNorm1d(8, track_running_stats=False), None, evaluates),
        (nn.Identity(), nn.LSTM(2, 8, 2), evaluates),
        (nn.Dropout(0.5), None, train),
        (nn.Dropout(0.8), None, train),
    ],
)
def test_the_usual_modes_are_not_accused(
    between: nn.Module, rnn: nn.RNNBase | None, each: Callable[[Net], object], tmp_path: Path
) -> None:
    assert findings(between, each, tmp_path / "run", rnn) == []


def test_a_part_in_eval_mode_is_a_note(tmp_path: Path) -> None:
    """Batch normalisation that is kept as it is, while the rest is fine-tuned."""
    between = nn.Sequential(nn.BatchNorm1d(8), nn.Dropout(0.1))
    (found,) = findings(between, lambda _: between[0].eval(), tmp_path / "run")
    assert found.severity == "info"


def test_a_model_that_trains_while_its_only_such_module_does_not_is_a_note(tmp_path: Path) -> None:
    between = nn.BatchNorm1d(8)
    (found,) = findings(between, lambda _: between.eval(), tmp_path / "run")
    assert found.severity == "info"


@pytest.mark.some(2)
@pytest.mark.parametrize(
    ("between", "rnn"),
    [
        (nn.Dropout(0.95), None),
        (lambda x: functional.dropout(x, 0.95), None),
        (nn.Identity(), nn.LSTM(2, 8, 2, dropout=0.95)),
    ],
)
def test_dropout_that_leaves_next_to_nothing_is_found(
    between: Callable[[Tensor], Tensor], rnn: nn.RNNBase | None, tmp_path: Path
) -> None:
    (found,) = findings(between, train, tmp_path / "run", rnn)
    assert found.severity == "warning"
    assert found.evidence["dropout"] == pytest.approx(0.95)


@pytest.mark.some(2)
@pytest.mark.parametrize(
    "between",
    [
        lambda x: x * (torch.arange(8) < 4),
        lambda x: x * (20.0 * (torch.arange(8) < 1)),  # an attention to one unit
        lambda x: x * torch.full((8,), 20.0),
        lambda x: functional.dropout(x, 0.95, training=False),
    ],
)
def test_a_mask_is_no_dropout(between: Callable[[Tensor], Tensor], tmp_path: Path) -> None:
    assert findings(between, train, tmp_path / "run") == []


@pytest.mark.parametrize(("rate", "told"), [(0.8, True), (0.7, False)])
def test_dropout_that_leaves_nothing_of_many_sequences_is_found(
    rate: float, told: bool, tmp_path: Path
) -> None:
    """Of eight units, 0.8⁸ is a sixth."""
    found = findings(nn.Dropout(rate), train, tmp_path / "run")
    assert ["of 17 % of the sequences, nothing is left" in one.message for one in found] == (
        [True] if told else []
    )


def own(keep: float, scale: float = 0.0) -> Callable[[Tensor], Tensor]:
    """Dropout by hand."""
    return lambda x: x * torch.bernoulli(torch.full_like(x, keep)) / (scale or keep)


@pytest.mark.some(2)
@pytest.mark.parametrize(
    "between", [own(0.05), own(0.05, 0.95), lambda x: x * (torch.rand_like(x) < 0.05) / 0.05]
)
def test_dropout_by_hand_is_found(between: Callable[[Tensor], Tensor], tmp_path: Path) -> None:
    (found,) = findings(between, train, tmp_path / "run")
    assert found.evidence["dropout"] == pytest.approx(0.95)


@pytest.mark.some(2)
@pytest.mark.parametrize(
    "between",
    [own(0.5), own(0.3, 0.7), own(0.05, 0.8), lambda x: x * (torch.rand_like(x) < 0.05) / 3.0],
)
def test_other_masks_that_are_divided_are_not(
    between: Callable[[Tensor], Tensor], tmp_path: Path
) -> None:
    assert findings(between, train, tmp_path / "run") == []


def forget(net: Net) -> None:
    """A test that leaves the dropout off."""
    net.between.p = 0.0  # type: ignore[attr-defined]
    validates(net)


def stay(net: Net) -> None:
    """As functional.dropout(x, p, self.training) after a test."""
    evaluates(net)


def put_back(net: Net) -> None:
    drop: nn.Dropout = net.between  # type: ignore[assignment]
    rate, drop.p = drop.p, 0.0
    validates(net)
    drop.p = rate


def stopping(net: Net, tests: Mapping[int, Callable[[Net], object]], path: Path) -> list[Finding]:
    """Of BKS422, in twelve steps; each test comes before the step of its number."""
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-3)
    with watch(net, optimizer, path, every=1):
        for step in range(12):
            if step in tests:
                tests[step](net)
            optimizer.zero_grad()
            loss = net(torch.randn(5, 64, 2)).square().mean()
            loss.backward()
            optimizer.step()
    return [one for one in diagnose(Run(path)).lasting if one.code == "BKS422"]


class Function(Net):
    """Asks itself for its mode."""

    def __init__(self) -> None:
        super().__init__(nn.Identity())

    def forward(self, x: Tensor) -> Tensor:
        return functional.dropout(super().forward(x), 0.4, self.training)


@pytest.mark.parametrize(
    ("net", "test"), [(lambda: Net(nn.Dropout(0.4)), forget), (Function, stay)]
)
def test_dropout_that_ends_with_the_first_test_is_found(
    net: Callable[[], Net], test: Callable[[Net], object], tmp_path: Path
) -> None:
    (found,) = stopping(net(), {6: test, 9: test}, tmp_path / "run")
    assert found.severity == "warning"
    assert found.evidence == {"dropout before": pytest.approx(0.4)}


def test_a_function_that_never_drops_is_found(tmp_path: Path) -> None:
    """The model was put into eval mode before it began, and has no module that shows it."""
    net, usual = Function(), functional.dropout
    (found,) = stopping(net, {0: stay}, tmp_path / "run")
    assert found.message.startswith("the model trains in eval mode")
    assert functional.dropout is usual


def explain(net: Net) -> None:
    """A gradient in eval mode, as for an adversarial example, before the net learns."""
    net.eval()(torch.randn(5, 16, 2)).sum().backward()
    net.train()


@pytest.mark.parametrize(
    ("net", "test"), [(Function, explain), (lambda: Net(nn.ReLU()).eval(), stay)]
)
def test_eval_mode_that_changes_nothing_is_not(
    net: Callable[[], Net], test: Callable[[Net], object], tmp_path: Path
) -> None:
    assert stopping(net(), dict.fromkeys(range(12), test), tmp_path / "run") == []


@pytest.mark.some(2)
@pytest.mark.parametrize(
    ("net", "tests"),
    [
        (lambda: Net(nn.Dropout(0.4)), {6: put_back, 9: put_back}),
        (lambda: Net(nn.Dropout(0.4)), {3: validates, 6: validates, 7: forget}),  # on purpose
        (lambda: Net(nn.Dropout(0.4)), {2: forget}),  # a first phase, perhaps
        (lambda: Net(nn.Dropout(0.0)), {6: forget}),
        (Function, {6: validates, 9: validates}),
    ],
)
def test_dropout_that_goes_on_or_ends_later_is_not(
    net: Callable[[], Net], tests: Mapping[int, Callable[[Net], object]], tmp_path: Path
) -> None:
    assert stopping(net(), tests, tmp_path / "run") == []


def test_a_teacher_in_eval_mode_is_a_note_at_most(tmp_path: Path) -> None:
    """It has dropout, and learns nothing."""
    torch.manual_seed(0)
    teacher, net = Net(nn.Dropout(0.1)).eval(), Net(nn.ReLU())
    both = nn.ModuleDict({"teacher": teacher, "net": net})
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-3)
    with watch(both, optimizer, tmp_path / "run", every=1):
        for _ in range(5):
            x = torch.randn(5, 16, 2)
            loss = (net(x) - teacher(x).detach()).square().mean()
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
    found = diagnose(Run(tmp_path / "run")).findings
    assert {one.severity for one in found if one.code == "BKS422"} <= {"info"}


class Dropped(nn.Module):
    """A layer whose raw input is dropped in part."""

    def __init__(self, drop: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.drop, self.gru = drop, nn.GRU(2, 8)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        result: tuple[Tensor, Tensor] = self.gru(self.drop(x))
        return result


@pytest.mark.parametrize("drop", [nn.Dropout(0.95), lambda x: functional.dropout(x, 0.95)])
def test_dropout_of_raw_inputs_that_leaves_next_to_nothing_is_found(
    drop: Callable[[Tensor], Tensor], tmp_path: Path
) -> None:
    (found,) = findings(nn.Identity(), train, tmp_path / "run", Dropped(drop))
    assert found.evidence["dropout"] == pytest.approx(0.95)


@pytest.mark.some(2)
@pytest.mark.parametrize(
    "drop",
    [
        nn.Dropout(0.5),
        nn.Dropout1d(0.8),
        lambda x: x * (torch.rand_like(x) < 0.05),  # data that are mostly 0
    ],
)
def test_other_zeros_among_raw_inputs_are_not(
    drop: Callable[[Tensor], Tensor], tmp_path: Path
) -> None:
    assert findings(nn.Identity(), train, tmp_path / "run", Dropped(drop)) == []


class Goes(Net):
    """Drops by a function, whatever the mode; and holds it."""

    def __init__(self, *, asked: bool = False) -> None:
        super().__init__(nn.Identity())
        self.drop, self.asked = functional.dropout, asked

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.head(self.rnn(x)[0][-1])
        return functional.dropout(result, 0.2, self.training or not self.asked)


def evaluated(net: Net, path: Path) -> list[Finding]:
    """Three epochs with a validation each, and a file of the whole model behind each."""
    optimizer, usual = torch.optim.SGD(net.parameters(), lr=1e-3), functional.dropout
    with watch(net, optimizer, path, every=1):
        for _ in range(5):
            for _ in range(2):
                optimizer.zero_grad()
                net.train()(torch.randn(5, 16, 2)).square().mean().backward()
                optimizer.step()
            evaluates(net)
            assert functional.dropout is usual
            torch.save(net, path.with_suffix(".pt"))
    return [one for one in diagnose(Run(path)).lasting if one.code == "BKS422"]


def test_dropout_that_goes_on_in_evaluation_is_a_note(tmp_path: Path) -> None:
    (found,) = evaluated(Goes(), tmp_path / "run")
    assert found.severity == "info"
    assert "dropout goes on in evaluation" in found.message


def test_a_function_that_is_told_the_mode_is_not(tmp_path: Path) -> None:
    assert evaluated(Goes(asked=True), tmp_path / "run") == []


def test_dropout_that_a_forward_ends_by_an_error_is_put_back(tmp_path: Path) -> None:
    net, usual = Goes(), functional.dropout
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-3)
    with watch(net, optimizer, tmp_path / "run", every=1):
        net(torch.randn(5, 16, 2)).square().mean().backward()
        with torch.no_grad(), pytest.raises(RuntimeError):
            net.eval()(torch.randn(5, 16, 3))
    assert functional.dropout is usual
