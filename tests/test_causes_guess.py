"""What the best constant answer gives, where that can be held against the loss; and one class."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from backsight import watch
from backsight.diagnosis import Facts, Judge
from backsight.probes import loss_terms
from backsight.report.figures import FIGURES
from backsight.signals import Run
from tests.causes import BATCH, STEPS, UNITS, drawn, findings, rnn

CLASSES = 4
ROWS = 40
ENTROPY = 0.75 * math.log(4 / 3) + 0.25 * math.log(4)
"""Of three to one."""

LossOf = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Of logits ``(N, C)``, classes ``(N,)`` and numbers ``(N, 1)`` that are to be compared with the
first logit."""

ce, mse = functional.cross_entropy, functional.mse_loss
bce = functional.binary_cross_entropy_with_logits
WEIGHTS = torch.arange(1.0, CLASSES + 1)

CLASS_GUESS = ENTROPY + 1 / (2 * ROWS)
"""With Miller's correction; two classes are seen."""
NUMBER_GUESS = 0.25 * ROWS / (ROWS - 1)
"""The variance of as many zeros as ones."""

SUMS: dict[str, tuple[LossOf, float]] = {
    "mean": (lambda z, y, x: ce(z, y), CLASS_GUESS),
    "sum": (lambda z, y, x: ce(z, y, reduction="sum"), ROWS * CLASS_GUESS),
    "mean by hand": (lambda z, y, x: ce(z, y, reduction="none").mean(), CLASS_GUESS),
    "a factor": (lambda z, y, x: 3 * ce(z, y) / 2, 1.5 * CLASS_GUESS),
    "two losses": (
        lambda z, y, x: ce(z, y) + 0.5 * mse(z[:, :1], x), CLASS_GUESS + NUMBER_GUESS / 2,
    ),
    "numbers": (lambda z, y, x: mse(z[:, :1], x), NUMBER_GUESS),
    "numbers, other way round": (lambda z, y, x: mse(x, z[:, :1]), NUMBER_GUESS),
    "binary": (lambda z, y, x: bce(z[:, :1], x), math.log(2)),
    "ignored": (
        lambda z, y, x: ce(z, torch.where(torch.arange(ROWS) % 2 == 0, y, -100)),
        math.log(2),  # as often 0 as 1; no correction leads beyond that
    ),
    "classes second": (
        lambda z, y, x: ce(z.reshape(10, 4, CLASSES).transpose(1, 2), y.reshape(10, 4)),
        CLASS_GUESS,
    ),
    "a loop": (
        lambda z, y, x: sum(
            (ce(z[n : n + 4], y[n : n + 4]) for n in range(0, ROWS, 4)), torch.zeros(())
        ) / 10,
        CLASS_GUESS,
    ),
}  # fmt: skip

WEIGHT_GUESS = -(0.6 * math.log(0.6) + 0.4 * math.log(0.4)) + 70 / (2 * 50**2)
"""30 zeros of weight 1 and 10 ones of weight 2: shares of 30 and 20; Σ w² is 30 + 40."""

SUMS |= {
    "class weights": (lambda z, y, x: ce(z, y, WEIGHTS), WEIGHT_GUESS),
    "class weights, sum": (
        lambda z, y, x: ce(z, y, WEIGHTS, reduction="sum"), 50 * WEIGHT_GUESS,
    ),
    "by hand": (lambda z, y, x: (z[:, :1] - x).square().mean(), NUMBER_GUESS),
    "by hand, other way round": (
        lambda z, y, x: ((x[:, 0] - z[:, 0]) ** 2).sum() / 2, ROWS * NUMBER_GUESS / 2,
    ),
    "absolute": (lambda z, y, x: functional.l1_loss(z[:, :1], x), 0.5),
    "absolute, by hand": (lambda z, y, x: (x - z[:, :1]).abs().mean(), 0.5),
    "smooth": (lambda z, y, x: functional.smooth_l1_loss(z[:, :1], x), 0.5 * 0.5**2),
    "Huber's": (
        lambda z, y, x: functional.huber_loss(z[:, :1], x, delta=0.25), 0.25 * (0.5 - 0.25 / 2),
    ),
}  # fmt: skip
"""Of these, the best constant is in the middle of the zeros and ones."""

KEPT = torch.arange(ROWS) < 32
"""24 zeros and 8 ones; of the numbers, as many zeros as ones."""
MASKED_GUESS = ENTROPY + 1 / (2 * 32)
LENGTHS = torch.tensor([4, 2]).repeat(5)[:, None]
SHORTER = torch.arange(4) < LENGTHS
"""Rows of 0, 0, 1, 0; of every second row, the first two."""
H_ROWS = -(0.875 * math.log(0.875) + 0.125 * math.log(0.125))
"""A one weighs 1/4 in five rows of ten. The squares add up to 5 · 4 / 16 + 5 · 2 / 4."""


def each(z: Tensor, y: Tensor, **settings: float) -> Tensor:
    """The cross-entropy of each row."""
    return ce(z, y, reduction="none", **settings)  # type: ignore[arg-type]


SUMS |= {
    "a mask, and the mean": (lambda z, y, x: (each(z, y) * KEPT).mean(), 0.8 * MASKED_GUESS),
    "a mask first": (lambda z, y, x: (2.0 * KEPT * each(z, y)).sum(), 64 * MASKED_GUESS),
    "a mask, by its sum": (
        lambda z, y, x: (each(z, y) * KEPT.float()).sum() / KEPT.sum(), MASKED_GUESS,
    ),
    "selected": (lambda z, y, x: each(z, y)[KEPT].mean(), MASKED_GUESS),
    "selected by masked_select": (
        lambda z, y, x: each(z, y).masked_select(KEPT).mean(), MASKED_GUESS,
    ),
    "filled": (
        lambda z, y, x: each(z, y).masked_fill(~KEPT, 0).sum() / KEPT.sum().clamp(min=1),
        MASKED_GUESS,
    ),
    "where": (
        lambda z, y, x: torch.where(KEPT, each(z, y), torch.zeros(())).sum() / KEPT.sum(),
        MASKED_GUESS,
    ),
    "the mean of each row": (
        lambda z, y, x: (
            (each(z, y).reshape(10, 4) * SHORTER).sum(1, keepdim=True) / LENGTHS
        ).mean(),
        H_ROWS + 3.75 / (2 * 10**2),
    ),
    "ignored and masked": (
        lambda z, y, x: (each(z, torch.where(KEPT, y, -100)) * KEPT).sum() / KEPT.sum(),
        MASKED_GUESS,
    ),
    "numbers, masked": (
        lambda z, y, x: (mse(z[:, :1], x, reduction="none") * KEPT[:, None]).sum() / KEPT.sum(),
        0.25 * 32 / 31,
    ),
    "by hand, masked": (
        lambda z, y, x: ((z[:, :1] - x).square() * KEPT[:, None]).mean(), 0.8 * 0.25 * 32 / 31,
    ),
    "binary, masked": (
        lambda z, y, x: bce(z[:, 0], x[:, 0], reduction="none")[KEPT].mean(), math.log(2),
    ),
    "absolute, masked": (
        lambda z, y, x: ((z[:, 0] - x[:, 0]).abs() * KEPT).sum() / KEPT.sum(), 0.5,
    ),
}  # fmt: skip


def entropy(*shares: float) -> float:
    return -sum(share * math.log(share) for share in shares)


FREEDOM = 0.9**2 * (0.75 * 0.25 / 0.7 + 0.25 * 0.75 / 0.25)
"""Of shares 0.75 and 0.25, that become 0.7, 0.25, 0.025 and 0.025."""
SMOOTH_ENTROPY = entropy(0.7, 0.25, 0.025, 0.025)
SMOOTH_GUESS = SMOOTH_ENTROPY + FREEDOM / (2 * ROWS)
HALVES_GUESS = entropy(0.475, 0.475, 0.025, 0.025) + 0.9**2 * 2 * 0.25 / 0.475 / (2 * 20)

SUMS |= {
    "smoothed": (lambda z, y, x: ce(z, y, label_smoothing=0.1), SMOOTH_GUESS),
    "smoothed, sum": (
        lambda z, y, x: ce(z, y, label_smoothing=0.1, reduction="sum"), ROWS * SMOOTH_GUESS,
    ),
    "smoothed, a factor": (lambda z, y, x: 3 * ce(z, y, label_smoothing=0.1), 3 * SMOOTH_GUESS),
    "smoothed, ignored": (
        lambda z, y, x: ce(
            z, torch.where(torch.arange(ROWS) % 2 == 0, y, -100), label_smoothing=0.1
        ),
        HALVES_GUESS,
    ),
    "smoothed, masked": (
        lambda z, y, x: (each(z, y, label_smoothing=0.1) * KEPT).sum() / KEPT.sum(),
        SMOOTH_ENTROPY + FREEDOM / (2 * 32),
    ),
    "smoothed, classes second": (
        lambda z, y, x: ce(
            z.reshape(10, 4, CLASSES).transpose(1, 2), y.reshape(10, 4), label_smoothing=0.1
        ),
        SMOOTH_GUESS,
    ),
    "smoothed, class weights": (
        lambda z, y, x: ce(z, y, WEIGHTS, label_smoothing=0.1),
        # 0.9 · (30, 20, 0, 0) + 0.025 · 40 · (1, 2, 3, 4) = (28, 20, 3, 4), of 50
        1.1 * (
            entropy(28 / 55, 20 / 55, 3 / 55, 4 / 55)
            + (45 / 55) ** 2 * 0.24 * (55 / 28 + 55 / 20) * 70 / (2 * 50**2)
        ),
    ),
}  # fmt: skip

OTHERS: dict[str, LossOf] = {
    "a penalty": lambda z, y, x: ce(z, y) + z.square().mean(),
    "a smoothing and a penalty": lambda z, y, x: ce(z, y, label_smoothing=0.1) + z.square().mean(),
    "masked, and nothing is left": lambda z, y, x: (each(z, y) * (y > 5)).mean() + ce(z, y) * 0,
    "the largest": lambda z, y, x: (each(z, y) * (each(z, y) > each(z, y).median())).mean(),
    "the smallest": lambda z, y, x: each(z, y)[each(z, y) < each(z, y).median()].mean(),
    "the missed": lambda z, y, x: (each(z, y) * (z.argmax(1) != y)).mean(),
    "focal": lambda z, y, x: (each(z, y) * (1 - (-each(z, y).detach()).exp()) ** 2).mean(),
    "weights of rows": lambda z, y, x: (each(z, y) * WEIGHTS[y]).mean(),
    "weights that are learned": lambda z, y, x: (each(z, y) * z[:, 0].sigmoid()).mean(),
    "squares of losses": lambda z, y, x: (each(z, y) * KEPT).square().mean(),
    "by hand, weighted": lambda z, y, x: ((z[:, :1] - x).square() * (1 + x)).mean(),
    "by hand, of a bounded output": lambda z, y, x: (z[:, :1].tanh() - x).square().mean(),
    "its root": lambda z, y, x: mse(z[:, :1], x).sqrt(),
}


def given() -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(0)
    logits = nn.Linear(CLASSES, CLASSES)(torch.randn(ROWS, CLASSES))
    # Every second class is 0 and 1 in turn, and 0 otherwise: three to one.
    classes = torch.tensor([0, 0, 1, 0]).repeat(ROWS // 4)
    numbers = torch.tensor([0.0, 1.0]).repeat(ROWS // 2)[:, None]
    return logits, classes, numbers


@pytest.mark.parametrize("which", SUMS)
def test_a_loss_is_the_sum_of_its_terms(which: str) -> None:
    loss = SUMS[which][0](*given())
    added = sum(term.factor * term.value for term in loss_terms([loss]) if term.factor is not None)
    assert added == pytest.approx(loss.item(), rel=1e-5)


def recorded(loss: LossOf, folder: Path, scale: float = 1.0) -> Run:
    logits, classes, numbers = given()
    head = nn.Linear(CLASSES, CLASSES)
    optimizer = torch.optim.SGD(head.parameters(), lr=1e-3)
    scaler = torch.amp.GradScaler("cpu", init_scale=scale, enabled=scale != 1)
    with watch(head, optimizer, folder / "run", every=1):
        for _ in range(2):
            scaled = scaler.scale(loss(head(logits.detach()), classes, numbers))
            scaled.backward()  # type: ignore[no-untyped-call]
            scaler.step(optimizer)
            scaler.update()
    return Run(folder / "run")


@pytest.mark.some(6)
@pytest.mark.parametrize("which", SUMS)
def test_what_a_constant_answer_gives(which: str, tmp_path: Path) -> None:
    loss, guess = SUMS[which]
    first = recorded(loss, tmp_path)["guess_loss"][0]
    assert first == pytest.approx(guess, rel=1e-6)


def test_a_scaled_loss(tmp_path: Path) -> None:
    run = recorded(lambda z, y, x: ce(z, y), tmp_path, 1024.0)
    assert run["guess_loss"][0] == pytest.approx(CLASS_GUESS)
    assert run["loss"][0] < 10


@pytest.mark.some(7)
@pytest.mark.parametrize("which", OTHERS)
def test_what_cannot_be_compared_is_not_recorded(which: str, tmp_path: Path) -> None:
    assert "guess_loss" not in recorded(OTHERS[which], tmp_path).names


ANSWERS: dict[str, dict[str, float]] = {
    "mean": {"frequency": 0.75},
    "class weights": {"frequency": 0.75},
    "a mask, and the mean": {"frequency": 0.75},
    "smoothed, ignored": {"frequency": 0.5},
    "two losses": {"frequency": 0.75, "mean": 0.5},
    "binary": {"mean": 0.5},
    "smooth": {"constant": 0.5},
}


@pytest.mark.some(2)
@pytest.mark.parametrize("which", ANSWERS)
def test_what_the_constant_answer_is(which: str, tmp_path: Path) -> None:
    run = recorded(SUMS[which][0], tmp_path)
    answers = {
        name.removeprefix("guess_answer/"): run[name][0]
        for name in run.names
        if name.startswith("guess_answer/")
    }
    assert answers == pytest.approx(ANSWERS[which], abs=1e-4)


def numbers_padded(z: Tensor, y: Tensor, x: Tensor) -> Tensor:
    x = torch.where(KEPT[:, None], x, 1e30)
    return mse(z[:, :1], x, reduction="none")[KEPT].mean()


def classes_padded(z: Tensor, y: Tensor, x: Tensor) -> Tensor:
    """With one that the model has learned never to answer."""
    z = z - torch.tensor([0.0, 0.0, 0.0, 50.0])
    return each(z, torch.where(KEPT, y, 3))[KEPT].mean()


@pytest.mark.parametrize(
    ("loss", "guess"), [(numbers_padded, 0.25 * 32 / 31), (classes_padded, MASKED_GUESS)]
)
def test_targets_that_are_masked_may_be_anything(
    loss: LossOf, guess: float, tmp_path: Path
) -> None:
    """Also where the loss of them is larger than any other, and not finite."""
    assert recorded(loss, tmp_path)["guess_loss"][0] == pytest.approx(guess, rel=1e-6)


# -- BKS302: its line -----------------------------------------------------------------------------


def judged(losses: list[float], guess: float, baseline: float | None = None) -> list[str]:
    judge = Judge(Facts(baseline=baseline))
    for iteration, loss in enumerate(losses):
        values = {"loss": loss} | ({"guess_loss": guess} if iteration % 10 == 0 else {})
        judge.update(iteration, values)
    return [f.message for f in judge.diagnosis().findings if f.code == "BKS302"]


def falling_to(end: float) -> list[float]:
    """From 2.5, within 100 iterations."""
    return [end + max(0.0, 2.5 - end) * max(0.0, 1 - i / 100) for i in range(1000)]


def test_a_loss_that_falls_to_the_guess_has_learned_nothing() -> None:
    (message,) = judged(falling_to(1.38), 1.386)
    assert message.endswith(
        "; the best constant answer, the frequencies or the mean of the targets, gives 1.39"
    )
    assert not judged(falling_to(1.0), 1.386)
    assert not judged(falling_to(1.38), 3.0)


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        (
            {"frequency": 0.62},
            "the frequencies of the classes (most frequent: 62 %), gives 1.39",
        ),
        ({"mean": 0.1}, "the mean of the targets, gives 1.39"),
        ({"median": 0.1}, "the median of the targets, gives 1.39"),
        ({"constant": 0.1}, "one number for all targets, gives 1.39"),
        (
            {"frequency": 0.5, "mean": 0.1},
            "the frequencies of the classes (most frequent: 50 %) and the mean of the targets, "
            "gives 1.39",
        ),
    ],
)
def test_what_the_best_guess_is_is_said(answers: dict[str, float], words: str) -> None:
    judge = Judge()
    for iteration, loss in enumerate(falling_to(1.38)):
        values = {"loss": loss}
        if iteration % 10 == 0:
            values |= {"guess_loss": 1.386}
            values |= {f"guess_answer/{kind}": value for kind, value in answers.items()}
        judge.update(iteration, values)
    (found,) = [f for f in judge.diagnosis().findings if f.code == "BKS302"]
    assert found.message.endswith(f"; the best constant answer, {words}")
    assert found.evidence.get("most frequent class") == answers.get("frequency")


def test_a_loss_that_began_below_the_guess_is_held_against_where_it_began() -> None:
    """A model that was trained before, or that adds to the previous value."""
    (message,) = judged([1.0] * 1000, 1.386)
    assert "it started at 1" in message


@pytest.mark.parametrize(
    ("iterations", "level", "words"),
    [
        (450, 1.15, "no progress in 450 iterations, above where it began (1)"),
        (450, 1.005, "no progress in 450 iterations"),
        (1000, 1.15, "the loss is at 1.15, above where it began (1); the best constant answer, "),
        (1000, 1.005, "the loss is at 1; the best constant answer, "),
    ],
)
def test_a_loss_that_stays_above_where_it_began_is_said_to(
    iterations: int, level: float, words: str
) -> None:
    """By less than makes a divergence."""
    losses = [1.0] * 30 + [level] * (iterations - 30)
    judge = Judge()
    for iteration, loss in enumerate(losses):
        judge.update(iteration, {"loss": loss, "guess_loss": 0.99})
    found = [f for f in judge.diagnosis().findings if f.code in ("BKS203", "BKS302")]
    assert [f.code for f in found] == ["BKS302"]
    assert words in found[0].message
    assert ("above" in found[0].message) == (level > 1.01)


def test_a_loss_that_comes_back_after_a_warm_up_is_not() -> None:
    losses = [1.0] * 30 + [1.2] * 100 + [0.5] * 870
    assert judged(losses, 0.99) == []


def test_a_baseline_that_is_known_comes_first() -> None:
    assert not judged(falling_to(1.38), 1.386, 2.0)
    (message,) = judged(falling_to(1.38), 5.0, 1.4)
    assert "guessing without memory gives 1.4" in message


def test_the_figure_of_the_loss_shows_it(tmp_path: Path) -> None:
    run = recorded(lambda z, y, x: ce(z, y), tmp_path)
    figure = next(one for one in FIGURES if one.key == "loss").draw(run)
    assert "best constant answer" in [trace.name for trace in figure.data]


# -- BKS435: targets of one class -----------------------------------------------------------------

MANY = 60
"""Sequences: ten samples hold 600 targets."""


def classified(
    classes: Callable[[int], Tensor], **settings: float
) -> Callable[[nn.ModuleDict], Tensor]:
    count = iter(range(1000))

    def loss(m: nn.ModuleDict) -> Tensor:
        z = m["head"](m["rnn"](drawn(STEPS, MANY))[1][0])
        return ce(z, classes(next(count)))

    return loss


def parts() -> dict[str, nn.Module]:
    return {"rnn": rnn(), "head": nn.Linear(UNITS, CLASSES)}


def of(label: int) -> Tensor:
    return torch.full((MANY,), label)


def test_one_class_for_ever_is_found(tmp_path: Path) -> None:
    (finding,) = findings("BKS435", classified(lambda i: of(2)), tmp_path, parts(), 10)
    assert finding.evidence == {"targets": 600}


@pytest.mark.some(2)
@pytest.mark.parametrize(
    "classes",
    [
        lambda i: of(i % 2),  # one class in each batch
        lambda i: of(0).index_fill(0, torch.tensor([3]), 1) if i == 7 else of(0),  # it is rare
        lambda i: torch.randint(CLASSES, (MANY,)),
    ],
)
def test_several_classes_are_not(classes: Callable[[int], Tensor], tmp_path: Path) -> None:
    found = findings("BKS435", classified(classes), tmp_path, parts(), 10)
    assert all(one.severity == "info" for one in found)  # the inputs are noise


def test_the_first_of_several_candidates_may_always_be_right(tmp_path: Path) -> None:
    """A contrast, as of MoCo or CPC: the scores are no layer's."""

    def loss(m: nn.ModuleDict) -> Tensor:
        a, b = m["rnn"](drawn(STEPS, MANY))[1][0], m["rnn"](drawn(STEPS, MANY))[1][0]
        scores = torch.cat([(a * b).sum(1, keepdim=True), a @ b.roll(1, 0).T[:, :3]], 1)
        return ce(scores, of(0))

    torch.manual_seed(0)
    layer = rnn()
    optimizer = torch.optim.SGD(layer.parameters(), lr=1e-3)
    with watch(layer, optimizer, tmp_path / "run", every=1):
        for _ in range(10):
            loss(nn.ModuleDict({"rnn": layer})).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    assert "one_class" not in Run(tmp_path / "run").names


def test_few_targets_are_too_few(tmp_path: Path) -> None:
    def loss(m: nn.ModuleDict) -> Tensor:
        z = m["head"](m["rnn"](drawn(STEPS, BATCH))[1][0])
        return ce(z, torch.zeros(BATCH, dtype=torch.long))

    from backsight import diagnose

    torch.manual_seed(0)
    model = nn.ModuleDict(parts())
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    with watch(model, optimizer, tmp_path / "run", every=1):
        for _ in range(12):
            loss(model).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    assert "BKS435" not in {f.code for f in diagnose(tmp_path / "run").findings}


def test_a_little_better_than_the_best_constant_answer_is_no_failure() -> None:
    """A regression of which most is noise learns its mean first, and then a little."""
    rng = np.random.default_rng(0)
    losses = [0.25 * 0.9**i + 0.0035 + 0.001 * rng.normal() for i in range(1000)]
    assert judged(losses, 0.0043) == []
