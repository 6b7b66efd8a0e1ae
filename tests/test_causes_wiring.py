"""Mistakes in how a training is put together, and everything that only looks like one."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.functional import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    l1_loss,
    log_softmax,
    mse_loss,
    nll_loss,
)

from backsight import watch
from backsight.diagnosis import Diagnosis, diagnose
from backsight.signals import Run

STEPS, BATCH = 5, 6
CODES = ("BKS409", "BKS410", "BKS411", "BKS412")


class Net(nn.Module):
    """Two parts."""

    def __init__(self, out: int = 3) -> None:
        super().__init__()
        self.rnn, self.head = nn.GRU(2, 4), nn.Linear(4, out)

    def forward(self, x: Tensor) -> Tensor:
        """``(T, B, 2)`` to ``(B, out)``."""
        result: Tensor = self.head(self.rnn(x)[0][-1])
        return result


Loss = Callable[[Tensor], Tensor]
SQUARE: Loss = lambda y: y.square().mean()  # noqa: E731


def trained(
    path: Path,
    model: nn.Module,
    parameters: Any,
    loss: Loss = SQUARE,
    between: Callable[[int, torch.optim.Optimizer], object] = lambda i, o: o.zero_grad(),
    passes: int = 1,
    steps: int = 8,
) -> Diagnosis:
    """A few steps; the first six are looked at."""
    torch.manual_seed(0)
    optimizer = torch.optim.SGD(list(parameters), lr=0.01)
    with watch(model, optimizer, path):
        for iteration in range(steps):
            for _ in range(passes):
                loss(model(torch.randn(STEPS, BATCH, 2))).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            between(iteration, optimizer)
    return diagnose(path)


def told(diagnosis: Diagnosis) -> list[tuple[str, str]]:
    """What was found by the rules of this page."""
    return [(f.code, f.severity) for f in diagnosis.findings if f.code in CODES]


# -- parameters that nothing moves ----------------------------------------------------------------


def test_a_part_that_the_optimizer_was_not_given(run_path: Path) -> None:
    net = Net()
    found = trained(run_path, net, net.head.parameters(), steps=33)
    assert told(found) == [("BKS409", "error")]
    assert found.findings[0].message == (
        "no optimizer moves 4 parameters that the loss depends on (rnn)"
    )


def test_cells_in_a_list_are_of_no_module(run_path: Path) -> None:
    class Listed(Net):
        def __init__(self) -> None:
            super().__init__()
            self.cells: list[nn.Module] = [nn.RNNCell(2, 2)]

        def forward(self, x: Tensor) -> Tensor:
            return super().forward(torch.stack([self.cells[0](step) for step in x]))

    net = Listed()
    found = trained(run_path, net, net.parameters(), steps=33)
    assert told(found) == [("BKS409", "error")]
    assert "4 parameters" in found.findings[0].message
    assert "of RNNCell modules that no other module holds" in found.findings[0].message


def test_a_module_of_its_own_is_told_by_its_class_and_path(run_path: Path) -> None:
    class Encoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.project = nn.Linear(2, 2)

        def forward(self, x: Tensor) -> Tensor:
            projected: Tensor = self.project(x)
            return projected

    class Decoder(Net):
        def __init__(self) -> None:
            super().__init__()
            self.others = [Encoder()]

        def forward(self, x: Tensor) -> Tensor:
            return super().forward(self.others[0](x))

    net = Decoder()
    found = trained(run_path, net, net.parameters(), steps=33)
    assert "depends on (Encoder.project)" in found.findings[0].message


def test_a_head_that_was_replaced_after_the_optimizer(run_path: Path) -> None:
    net = Net()
    parameters = list(net.parameters())
    net.head = nn.Linear(4, 3)
    found = trained(run_path, net, parameters, steps=33)
    assert told(found) == [("BKS409", "error")]
    assert "(head)" in found.findings[0].message
    assert "holds 2 that are in no loss" in found.findings[0].message


class Begins(Net):
    """It begins in a tensor of its own, of so many states."""

    def __init__(self, states: int, value: float = 0.0) -> None:
        super().__init__()
        self.begin = torch.full((1, states, 4), value, requires_grad=True)

    def forward(self, x: Tensor) -> Tensor:
        begin = self.begin if self.begin.shape[1] > 1 else self.begin.expand(1, x.shape[1], 4)
        result: Tensor = self.head(self.rnn(x, begin)[0][-1])
        return result


@pytest.mark.some(2)
@pytest.mark.parametrize(
    ("net", "expected"),
    [
        (Begins(1), [("BKS409", "error")]),  # one that is learned, but for nn.Parameter
        (Begins(BATCH, 0.1), [("BKS409", "error")]),
        (Begins(BATCH), []),  # zeros of each sequence
    ],
)
def test_zeros_of_each_sequence_are_no_parameter(
    net: Begins, expected: list[tuple[str, str]], run_path: Path
) -> None:
    assert told(trained(run_path, net, net.parameters(), steps=33)) == expected


def _frozen(net: Net) -> Any:
    net.rnn.requires_grad_(False)
    return net.head.parameters()


def _moved_by_hand(net: Net) -> Any:
    def move(*_: Any) -> None:
        for parameter in net.rnn.parameters():
            parameter.data.add_(0.01)

    net.register_forward_pre_hook(move)
    return net.head.parameters()


def _moved_by_another(net: Net) -> Any:
    other = torch.optim.SGD(net.rnn.parameters(), lr=0.1)
    net.register_forward_pre_hook(lambda *_: other.step())
    return net.head.parameters()


def _moved_where_there_is_a_gradient(net: Net) -> Any:
    """As a bias of a critic has none, which is asked for differences alone."""

    def move(*_: Any) -> None:
        for name, parameter in net.rnn.named_parameters():
            parameter.data.add_(0.01 * name.startswith("weight"))

    net.register_forward_pre_hook(move)
    return net.head.parameters()


MOVED = (_moved_by_hand, _moved_by_another, _moved_where_there_is_a_gradient)


@pytest.mark.some(2)
@pytest.mark.parametrize("given", [Net.parameters, _frozen, *MOVED])
def test_parameters_that_are_moved_or_frozen(
    given: Callable[[Net], Iterator[Tensor]], run_path: Path
) -> None:
    net = Net()
    found = trained(run_path, net, given(net), steps=33)
    assert told(found) == []
    assert [v.outcome for v in found.verdicts if v.code == "BKS409"] == ["healthy"]


def test_no_parameter_is_kept_alive(run_path: Path) -> None:
    """Nor are the graphs of the losses."""
    import weakref

    net = Net()
    optimizer = torch.optim.SGD(net.head.parameters(), lr=0.01)
    with watch(net, optimizer, run_path, every=1):
        graphs = []
        for _ in range(3):
            loss = net(torch.randn(STEPS, BATCH, 2)).square().mean()
            graphs.append(weakref.ref(loss))
            loss.backward()
            optimizer.step()
            del loss
        gone = weakref.ref(net.rnn)
        net.rnn = nn.GRU(2, 4)
        assert gone() is None
    assert [graph() for graph in graphs] == [None] * 3


# -- gradients that stay ----------------------------------------------------------------------


def _each_epoch(iteration: int, optimizer: torch.optim.Optimizer) -> None:
    if iteration % 4 == 3:
        optimizer.zero_grad()


def _scaled(iteration: int, optimizer: torch.optim.Optimizer) -> None:
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            parameter.grad.mul_(0.5)


def _in_place(iteration: int, optimizer: torch.optim.Optimizer) -> None:
    optimizer.zero_grad(set_to_none=False)


NEVER = lambda i, o: None  # noqa: E731
ZEROED = lambda i, o: o.zero_grad()  # noqa: E731


@pytest.mark.some(2)
@pytest.mark.parametrize(
    ("between", "passes", "severity"),
    [
        (NEVER, 1, "warning"),
        (NEVER, 3, "warning"),
        (_each_epoch, 1, "warning"),
        (_scaled, 1, "info"),
        (ZEROED, 1, None),
        (ZEROED, 3, None),
        (_in_place, 1, None),
        (_in_place, 2, None),
    ],
)
def test_gradients_that_are_not_zeroed(
    between: Any, passes: int, severity: str | None, run_path: Path
) -> None:
    net = Net()
    found = trained(run_path, net, net.parameters(), between=between, passes=passes)
    assert told(found) == ([] if severity is None else [("BKS410", severity)])


def accumulated(
    path: Path, passes: int, over: float, *, kept: str = "", clip: bool = False, steps: int = 8
) -> Diagnosis:
    """Zeroed before each of several passes, whose losses are divided by ``over``."""
    torch.manual_seed(0)
    net = Net()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    with watch(net, optimizer, path, every=10):
        for _ in range(steps):
            sums: list[Tensor] = [torch.zeros_like(p) for p in net.parameters()]
            for _ in range(passes):
                optimizer.zero_grad()
                (net(torch.randn(STEPS, BATCH, 2)).square().mean() / over).backward()
                for total, parameter in zip(sums, net.parameters(), strict=True):
                    if parameter.grad is not None:
                        total += parameter.grad
            for total, parameter in zip(sums, net.parameters(), strict=True):
                if kept == "anew":
                    parameter.grad = total
                elif kept == "in place" and parameter.grad is not None:
                    parameter.grad.data.copy_(total)
            if clip:
                nn.utils.clip_grad_norm_(net.parameters(), 1e-3)
            optimizer.step()
    return diagnose(path)


@pytest.mark.some(2)
@pytest.mark.parametrize(("passes", "clip"), [(3, False), (4, True), (8, False)])
def test_gradients_that_are_zeroed_before_each_pass(
    passes: int, clip: bool, run_path: Path
) -> None:
    """They were to add up: the step reads those of the last pass alone."""
    found = accumulated(run_path, passes, passes, clip=clip)
    assert told(found) == [("BKS410", "warning")]
    assert f"of {passes - 1} of {passes} backward passes" in found.findings[0].message


@pytest.mark.some(2)
@pytest.mark.parametrize(
    ("passes", "over", "kept"),
    [(1, 4, ""), (2, 2, ""), (4, 1, ""), (4, 3, ""), (4, 4, "anew"), (4, 4, "in place")],
)
def test_passes_that_measure_or_whose_gradients_are_kept(
    passes: int, over: float, kept: str, run_path: Path
) -> None:
    assert told(accumulated(run_path, passes, over, kept=kept)) == []


def test_gradients_of_which_a_part_is_zeroed(run_path: Path) -> None:
    net = Net()
    found = trained(run_path, net, net.parameters(), between=lambda i, o: net.head.zero_grad())
    assert told(found) == [("BKS410", "warning")]
    assert "the gradient of rnn in the last step is still there" in found.findings[0].message


@pytest.mark.parametrize(
    ("zeroed", "severity"), [((0, 1), None), ((0,), "warning"), ((), "warning")]
)
def test_optimizers_that_share_a_part_and_step_in_turn(
    zeroed: tuple[int, ...], severity: str | None, run_path: Path
) -> None:
    """The head's gradient waits for the optimizer of all while that of the part steps."""
    torch.manual_seed(0)
    net = Net()
    both = [torch.optim.SGD(part.parameters(), lr=0.01) for part in (net, net.rnn)]
    with watch(net, both, run_path):
        for _ in range(10):
            for number, optimizer in enumerate(both):
                if number in zeroed:
                    optimizer.zero_grad()
                x = torch.randn(STEPS, BATCH, 2)
                (net.rnn(x)[0] if number else net(x)).square().mean().backward()
                optimizer.step()
    assert told(diagnose(run_path)) == ([] if severity is None else [("BKS410", severity)])


@pytest.mark.some(2)
@pytest.mark.parametrize(
    ("zeroed", "found"),
    [(lambda net: None, "gradients are not zeroed"), (lambda net: net.head, "gradient of rnn in")],
)
@pytest.mark.parametrize("versioned", [True, False])
def test_gradients_that_nobody_zeroes_by_hand(
    zeroed: Any, found: str, versioned: bool, run_path: Path
) -> None:
    """Each update is an iteration, whatever is left of the gradient."""
    net = Net()
    for parameter in descended(run_path, net, zeroed(net), versioned=versioned):
        assert parameter.grad is not None
    assert len(Run(run_path)["loss"]) == 8
    (finding,) = (f for f in diagnose(run_path).findings if f.code == "BKS410")
    assert found in finding.message


@pytest.mark.parametrize("passes", [1, 2])
def test_gradients_that_add_up_before_they_are_used_by_hand(passes: int, run_path: Path) -> None:
    net = Net()
    descended(run_path, net, net, versioned=False, passes=passes)
    assert len(Run(run_path)["loss"]) == 8
    assert told(diagnose(run_path)) == []


def descended(
    path: Path, net: Net, zeroed: nn.Module | None, *, versioned: bool, passes: int = 1
) -> list[nn.Parameter]:
    """Eight updates without an optimizer; a change of ``.data`` counts up no version."""
    torch.manual_seed(0)
    with watch(net, None, path, every=1):
        for _ in range(8):
            if zeroed is not None:
                zeroed.zero_grad()
            for _ in range(passes):
                net(torch.randn(STEPS, BATCH, 2)).square().mean().backward()
            for parameter in net.parameters():
                assert parameter.grad is not None
                if versioned:
                    with torch.no_grad():
                        parameter.sub_(0.01 * parameter.grad)
                else:
                    parameter.data -= 0.01 * parameter.grad
    return list(net.parameters())


def test_the_share_that_is_left(run_path: Path) -> None:
    """Of the same parameters: what a step left is compared with what the next pass finds."""
    net = Net()
    trained(run_path, net, net.parameters(), between=_scaled)
    assert Run(run_path)["gradient_left"] == pytest.approx([0.0, *[0.5] * 5])  # none at first


def test_gradients_that_the_other_model_left(run_path: Path) -> None:
    """Of a critic through which a generator learns: zeroed before the critic's own pass."""
    torch.manual_seed(0)
    critic, generator = Net(1), nn.Linear(2, 2)
    own = torch.optim.SGD(critic.parameters(), lr=0.01)
    other = torch.optim.SGD(generator.parameters(), lr=0.01)
    with watch(nn.ModuleList([critic, generator]), [own, other], run_path, every=1):
        for _ in range(8):
            made = generator(torch.randn(STEPS, BATCH, 2))
            own.zero_grad()
            critic(made.detach()).mean().backward()
            own.step()
            other.zero_grad()
            (-critic(made).mean()).backward()
            other.step()
    assert told(diagnose(run_path)) == []


# -- what a loss is given --------------------------------------------------------------------

TARGET = torch.tensor([0, 1, 2, 0, 1, 2])
HALVES = torch.tensor([0.0, 1.0, 1.0, 0.0, 1.0, 0.0])


def spelled(y: Tensor) -> Tensor:
    """What the rows of a batch, as steps of one sequence, are to spell."""
    lengths = torch.tensor([BATCH]), torch.tensor([2])
    return functional.ctc_loss(y[:, None], torch.tensor([[1, 2]]), *lengths)


@pytest.mark.some(2)
@pytest.mark.parametrize(
    "loss",
    [
        lambda y: cross_entropy(y.softmax(-1), TARGET),
        lambda y: cross_entropy(y.sigmoid(), TARGET),
        lambda y: cross_entropy(y.softmax(-1).view(2, 3, 3).transpose(1, 2), TARGET.view(2, 3)),
        lambda y: nll_loss(y.softmax(-1), TARGET),
        lambda y: nn.CrossEntropyLoss()(nn.Softmax(dim=1)(y)[:, :], TARGET),
        lambda y: binary_cross_entropy_with_logits(y[:, 0].sigmoid(), HALVES),
        lambda y: cross_entropy(y.softmax(-1).clamp(1e-6, 1), TARGET),
        lambda y: spelled(y.softmax(-1)),
        lambda y: cross_entropy(torch.cat([row.softmax(-1) for row in y.split(1)]), TARGET),
        lambda y: cross_entropy(torch.stack([row.softmax(0) for row in y]).view(6, 3), TARGET),
    ],
)
def test_squashed_before_a_loss_that_squashes(loss: Loss, run_path: Path) -> None:
    net = Net()
    assert told(trained(run_path, net, net.parameters(), loss)) == [("BKS411", "error")]


@pytest.mark.some(2)
@pytest.mark.parametrize(
    "loss",
    [
        lambda y: cross_entropy(y, TARGET),
        lambda y: cross_entropy(y.clamp(-9, 9), TARGET),
        lambda y: spelled(y.log_softmax(-1)),
        lambda y: cross_entropy(log_softmax(y, -1), TARGET),
        lambda y: nll_loss(y.softmax(-1).log(), TARGET),
        lambda y: binary_cross_entropy(y[:, 0].sigmoid(), HALVES),
        lambda y: cross_entropy((y.softmax(-1) @ y.t())[:, :3], TARGET),
        lambda y: cross_entropy(torch.cat([y[:1].softmax(-1), y[1:]]), TARGET),
        lambda y: mse_loss(y.softmax(-1), torch.eye(3)[TARGET]),
        lambda y: (cross_entropy(y, TARGET, reduction="none") * y.softmax(-1)[:, 0]).mean(),
    ],
)
def test_squashed_where_it_belongs(loss: Loss, run_path: Path) -> None:
    net = Net()
    found = trained(run_path, net, net.parameters(), loss)
    assert told(found) == []
    assert [v.outcome for v in found.verdicts if v.code == "BKS411"] == ["healthy"]


VALUES = torch.linspace(0, 1, BATCH)


@pytest.mark.some(2)
@pytest.mark.filterwarnings("ignore:Using a target size")
@pytest.mark.parametrize(
    "loss",
    [
        lambda y: mse_loss(y[:, :1], VALUES),
        lambda y: mse_loss(y[:, 0], VALUES[:, None]),
        lambda y: l1_loss(y[:, :1], VALUES),
        lambda y: (y[:, :1] - VALUES).square().mean(),
        lambda y: ((VALUES - y[:, :1]) ** 2).sum(),
        lambda y: (y[:, 0] - VALUES[:, None]).abs().mean(),
        lambda y: torch.stack([mse_loss(y[:, :1], VALUES), y.new_zeros(())]).mean(),
    ],
)
def test_each_prediction_against_each_target(loss: Loss, run_path: Path) -> None:
    net = Net()
    found = trained(run_path, net, net.parameters(), loss)
    assert told(found) == [("BKS412", "error")]
    assert "36 comparisons: 6 predictions with each of 6 targets" in found.findings[0].message


@pytest.mark.some(2)
@pytest.mark.filterwarnings("ignore:Using a target size")
@pytest.mark.parametrize(
    "loss",
    [
        lambda y: mse_loss(y[:, :1], VALUES[:, None]),
        lambda y: mse_loss(y[:, 0], VALUES),
        lambda y: torch.stack([mse_loss(y[:, 0], VALUES), y.new_zeros(())]).mean(),
        lambda y: mse_loss(y, VALUES[:, None]),  # three quantiles of one value
        lambda y: mse_loss(y[:, :1], torch.ones(BATCH, 4)),  # four raters of one prediction
        lambda y: (y - VALUES[:, None]).square().mean(),
        lambda y: (y[:, None, 0] - y[None, :, 0]).square().mean(),  # all pairs
        lambda y: (1 - y).square().mean(),
        lambda y: (y - y.mean()).square().mean(),
    ],
)
def test_operands_that_are_broadcast_on_purpose(loss: Loss, run_path: Path) -> None:
    net = Net()
    assert told(trained(run_path, net, net.parameters(), loss)) == []
