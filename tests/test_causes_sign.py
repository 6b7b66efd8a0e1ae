"""Losses with the wrong sign, and everything that is negative on purpose."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import (
    Categorical,
    Distribution,
    Laplace,
    MixtureSameFamily,
    Normal,
    Poisson,
)
from torch.nn import functional as f

from backsight import Run, diagnose
from backsight.monitor import LateRecorder, ProcessMonitor
from backsight.probes import (
    densities_lowered,
    divergences_raised,
    likelihoods_lowered,
    terms_without_bound,
)
from backsight.probes.loss import likenesses_lowered
from tests.causes import findings

N, CLASSES = 6, 3
X = torch.randn(N, CLASSES, generator=torch.manual_seed(0))
Y = torch.tensor([0, 1, 2, 0, 1, 2])
TARGET = X.flip(0)
MASK = torch.tensor([1.0, 0.0, 1.0, 1.0, 0.0, 1.0])
REWARD = torch.tensor([0.5, 0.0, 2.0, 1.0, 0.0, 1.0])

Loss = Callable[[Tensor], Tensor]


def clipped(x: Tensor, choose: Callable[[Tensor, Tensor], Tensor], sign: float = 1) -> Tensor:
    """A policy gradient whose ratio is cut off."""
    chosen = x.log_softmax(-1)[range(N), Y]
    ratio = (chosen - chosen.detach()).exp()
    by = sign * (REWARD - 0.6)
    return choose(ratio * by, ratio.clamp(0.8, 1.2) * by).mean()


def count(loss: Loss, *, maximised: bool = False) -> int:
    root = loss(X.clone().requires_grad_())
    return terms_without_bound([root], [None], maximised=maximised)


def yes_or_no(x: Tensor, y: Tensor) -> Tensor:
    p = x.sigmoid()
    return y * torch.log(p + 1e-8) + (1 - y) * torch.log(1 - p + 1e-8)


WRONG: list[tuple[Loss, int]] = [
    (lambda x: (x.diag() - x[:3].logsumexp(-1)).mean(), 1),  # of pairs, against all others
    (lambda x: (x.diag() / 0.1).exp().div((x[:3] / 0.1).exp().sum(-1)).log().mean(), 1),
    (lambda x: (f.one_hot(Y, CLASSES) * x.log_softmax(-1)).sum(-1).mean(), 1),
    (lambda x: -f.kl_div(x.log_softmax(-1), TARGET.softmax(-1), reduction="batchmean"), 1),
    (lambda x: 10 * (TARGET.square().sum() / ((x - TARGET).square().sum() + 1e-8)).log10(), 1),
    (lambda x: 20 * (1 / f.mse_loss(x, TARGET).sqrt()).log10(), 1),
    (lambda x: -f.mse_loss(x, TARGET).sqrt(), 1),
    (lambda x: -f.cross_entropy(x, Y), 1),
    (lambda x: -1 * f.cross_entropy(x, Y), 1),
    (lambda x: f.cross_entropy(x, Y) * -0.5, 1),
    (lambda x: f.cross_entropy(x, Y) / -N, 1),
    (lambda x: 0 - f.cross_entropy(x, Y), 1),
    (lambda x: 1 - f.cross_entropy(x, Y), 1),
    (lambda x: torch.zeros(()) - f.cross_entropy(x, Y), 1),
    (lambda x: -f.cross_entropy(x[None].transpose(1, 2), Y[None]), 1),
    (lambda x: -f.nll_loss(x.log_softmax(-1), Y), 1),
    (lambda x: (-f.cross_entropy(x, Y, reduction="none") * MASK).sum() / MASK.sum(), 1),
    (lambda x: -(f.cross_entropy(x, Y) + f.mse_loss(x, TARGET)), 2),
    (lambda x: torch.stack([-f.mse_loss(row, row.detach() + 1) for row in x]).sum(), N),
    (lambda x: -f.mse_loss(x, TARGET), 1),
    (lambda x: -f.smooth_l1_loss(x, TARGET), 1),
    (lambda x: -f.huber_loss(x, TARGET), 1),
    (lambda x: -f.l1_loss(x, TARGET), 1),
    (lambda x: -((x - TARGET) ** 2).mean(), 1),
    (lambda x: -(TARGET - x).square().sum(), 1),
    (lambda x: -f.binary_cross_entropy_with_logits(x, MASK[:, None].expand(N, CLASSES)), 1),
    (lambda x: -f.binary_cross_entropy(x.sigmoid(), MASK[:, None].expand(N, CLASSES)), 1),
    (lambda x: x.log_softmax(-1).gather(1, Y[:, None]).mean(), 1),
    (lambda x: x.log_softmax(-1)[range(N), Y].sum(), 1),
    (lambda x: yes_or_no(x, MASK[:, None].expand(N, CLASSES)).mean(), 1),
    (lambda x: x.softmax(-1).gather(1, Y[:, None]).log().mean(), 1),
    (lambda x: x.softmax(-1).log()[range(N), Y].mean(), 1),
    (lambda x: Categorical(logits=x).log_prob(Y).mean(), 1),  # type: ignore[no-untyped-call]
    (lambda x: Categorical(probs=x.softmax(-1)).log_prob(Y).mean(), 1),  # type: ignore[no-untyped-call]
]


@pytest.mark.parametrize(("loss", "terms"), WRONG)
def test_a_wrong_sign_is_found(loss: Loss, terms: int) -> None:
    """The negative of each is a right one; an optimizer that climbs exchanges the two."""
    assert count(loss) == terms
    assert count(lambda x: -loss(x)) == 0
    assert count(loss, maximised=True) == 0
    assert count(lambda x: -loss(x), maximised=True) == terms


def normal_by_hand(x: Tensor) -> Tensor:
    mean, log = (x.exp() + x).chunk(2, 0)
    return (-0.5 * ((TARGET[:3] - mean) / log.exp()) ** 2 - log - 0.919).mean()


def normal_of_logvar(x: Tensor) -> Tensor:
    mean, log = x.chunk(2, 0)
    return -0.5 * ((mean - TARGET[:3]).square() * torch.exp(-log) + log).sum(1).mean()


def density(distribution: Distribution, target: Tensor = TARGET) -> Tensor:
    result: Tensor = distribution.log_prob(target)
    return result


def normal(mean: Tensor, spread: Tensor) -> Distribution:
    return Normal(mean, spread)


def counts(rate: Tensor) -> Tensor:
    return density(Poisson(rate), REWARD.round()[:, None]).mean()


def mixture_by_hand(x: Tensor) -> Tensor:
    weights, mean, spread = x.chunk(3, 0)
    parts = density(normal(mean, f.softplus(spread)), TARGET[:2])
    return torch.logsumexp(weights.log_softmax(-1) + parts, -1).mean()


def mixture(x: Tensor) -> Tensor:
    weights, mean, spread = x.chunk(3, 0)
    several = Categorical(logits=weights)
    parts = normal(mean, spread.exp())
    whole = MixtureSameFamily(several, parts)
    return density(whole, TARGET[0, :2]).mean()


DENSITIES: list[Loss] = [
    lambda x: density(normal(x, x.exp())).mean(),
    lambda x: density(normal(x, f.softplus(x) + 1e-2)).sum(-1).mean(),
    lambda x: density(Laplace(x, x.exp())).mean(),
    lambda x: counts(x.exp()),
    lambda x: counts(f.softplus(x) + 1e-3),
    lambda x: -f.poisson_nll_loss(x, REWARD.round()[:, None].expand(N, CLASSES)),
    lambda x: -f.gaussian_nll_loss(x, TARGET, x.exp()),
    normal_by_hand,
    normal_of_logvar,
    mixture_by_hand,
    mixture,
]


def lowered(loss: Loss, *, maximised: bool = False) -> int:
    root = loss(X.clone().requires_grad_())
    return densities_lowered([root], [None], maximised=maximised)


@pytest.mark.parametrize("loss", DENSITIES)
def test_a_density_that_is_made_smaller_is_found(loss: Loss) -> None:
    assert lowered(loss)
    assert lowered(lambda x: -loss(x)) == 0
    assert lowered(lambda x: -loss(x), maximised=True)
    assert lowered(loss, maximised=True) == 0


@pytest.mark.parametrize(
    "loss",
    [
        lambda x: (density(normal(x, x.exp())) * REWARD[:, None]).mean(),  # a policy
        lambda x: f.mse_loss(x, TARGET) + density(normal(x, x.exp())).mean(),
        lambda x: -normal(x, x.exp()).entropy().mean(),
        lambda x: -((x - TARGET) ** 2 / x.exp()).mean() + x.square().sum(),
        lambda x: x.exp().mean() - x.mean(),
        lambda x: torch.logsumexp(x, -1).mean() - x[:, 0].mean(),
    ],
)
def test_what_is_no_density_alone_is_not(loss: Loss) -> None:
    assert lowered(loss) == 0


def reverse(x: Tensor) -> Tensor:
    """The gradient turns round below the loss, where an adversary is trained with the rest."""

    class Reverse(torch.autograd.Function):
        @staticmethod
        def forward(_: object, x: Tensor) -> Tensor:
            return x.view_as(x)

        @staticmethod
        def backward(_: object, gradient: Tensor) -> Tensor:
            return -gradient

    result: Tensor = Reverse.apply(x)  # type: ignore[no-untyped-call]
    return result


FINE: list[Loss] = [
    lambda x: (x[:3].logsumexp(-1) - x.diag()).mean(),
    lambda x: f.kl_div(x.log_softmax(-1), TARGET.softmax(-1), reduction="batchmean"),
    lambda x: -10 * (TARGET.square().sum() / ((x - TARGET).square().sum() + 1e-8)).log10(),
    lambda x: 0.5 * x.square().log().mean() + (TARGET / x).square().mean(),  # a likelihood
    lambda x: (MASK[:, None] * x.log_softmax(-1)).mean(),  # of all classes
    lambda x: (x.softmax(-1) * x.log_softmax(-1)).sum(),  # an entropy that is to be large
    lambda x: (-x.log_softmax(-1)[range(N), Y] * REWARD).mean(),
    lambda x: (x.log_softmax(-1)[range(N), Y] * -REWARD).mean(),
    lambda x: (x.log_softmax(-1)[range(N), Y] * REWARD).mean(),  # of a cost
    lambda x: (Categorical(logits=x).log_prob(Y) * (REWARD - 0.6)).mean(),  # type: ignore[no-untyped-call]
    lambda x: -(f.cross_entropy(x, Y, reduction="none") * REWARD).mean(),
    lambda x: -Normal(x, 0.1).log_prob(TARGET).mean(),  # type: ignore[no-untyped-call]
    lambda x: -Normal(x, x.exp()).log_prob(TARGET).mean(),  # type: ignore[no-untyped-call]
    lambda x: f.cross_entropy(x, Y) - 0.01 * Categorical(logits=x).entropy().mean(),  # type: ignore[no-untyped-call]
    lambda x: -Categorical(logits=x).entropy().mean(),  # type: ignore[no-untyped-call]
    lambda x: f.cross_entropy(x, Y) - f.cross_entropy(x.roll(1, 1), Y),
    lambda x: f.cross_entropy(reverse(x), Y),
    lambda x: -x.mean(),
    lambda x: -x.tanh().square().mean(),
    lambda x: -(x[0] - x[1]).square().sum(),
    lambda x: -f.cosine_similarity(x, TARGET).mean(),
    lambda x: -f.logsigmoid(x[0] - x[1]).mean(),
    lambda x: f.cross_entropy(x, Y, label_smoothing=0.1),
    lambda x: f.kl_div(x.log_softmax(-1), TARGET.softmax(-1), reduction="batchmean"),
    lambda x: -0.5 * (1 + x - TARGET.square() - x.exp()).sum(),
    lambda x: -x.log_softmax(-1).mean(),
    lambda x: x.log_softmax(-1).mean(),
    lambda x: f.nll_loss(x, Y),
    lambda x: yes_or_no(x, 3 * REWARD[:, None].expand(N, CLASSES)).mean(),
    lambda x: yes_or_no(x[:1, :1], MASK[:1, None]).sum(),  # the choice of an agent
    lambda x: f.ctc_loss(
        x.log_softmax(-1)[:, None], Y[None, :1], torch.tensor([N]), torch.tensor([1])
    ),
    lambda x: f.mse_loss(x, TARGET) + x.square().sum(),
    lambda x: x.log_softmax(-1)[0, 1] - x.log_softmax(-1)[0, 2],
]


@pytest.mark.parametrize("loss", FINE)
def test_what_may_be_negative_is_not_accused(loss: Loss) -> None:
    assert count(loss) == 0


@pytest.mark.parametrize(("given", "terms"), [(None, 0), (1.0, 0), (-1.0, 1), (0.0, 0)])
def test_the_gradient_that_a_root_is_given_has_a_sign(given: float | None, terms: int) -> None:
    loss = f.cross_entropy(X.clone().requires_grad_(), Y)
    gradient = None if given is None else torch.tensor(given)
    assert terms_without_bound([loss], [gradient]) == terms


def test_a_penalty_on_weights_beside_a_wrong_loss_is_no_bound() -> None:
    weight = torch.ones(3, requires_grad=True)
    loss = -f.cross_entropy(X * weight, Y) + 0.1 * weight.square().sum()
    assert terms_without_bound([loss], [None]) == 1
    assert terms_without_bound([weight.square().sum()], [None]) == 0


def test_a_root_without_a_graph_has_no_terms() -> None:
    leaf = torch.ones((), requires_grad=True)
    assert terms_without_bound([leaf], [None]) == 0
    assert terms_without_bound([], []) == 0


# -- whom the step moves ------------------------------------------------------------------------


class Maker:
    """A generator, a judge, and their optimizers."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.maker, self.judge = nn.Linear(2, CLASSES), nn.Linear(CLASSES, CLASSES)
        self.of_maker = torch.optim.SGD(self.maker.parameters(), lr=1e-3)
        self.of_judge = torch.optim.SGD(self.judge.parameters(), lr=1e-3)
        self.climber = torch.optim.SGD(self.maker.parameters(), lr=1e-3, maximize=True)

    def loss(self, judged: bool = True) -> Tensor:
        made = self.maker(torch.randn(N, 2))
        return f.cross_entropy(self.judge(made) if judged else made, Y)


def codes(step: Callable[[Maker], object], path: Path) -> set[str]:
    recorder = LateRecorder(path, kind="run", config={})
    monitor = ProcessMonitor(recorder, every=1)
    try:
        training = Maker()
        for _ in range(4):
            step(training)
    finally:
        monitor.close()
        recorder.close()
    return {one.code for one in diagnose(Run(path)).lasting} & {"BKS429"}


def ascends(t: Maker) -> None:
    (-t.loss(judged=False)).backward()  # type: ignore[no-untyped-call]
    t.of_maker.step()
    t.of_maker.zero_grad()


def climbs_an_error(t: Maker) -> None:
    t.loss(judged=False).backward()  # type: ignore[no-untyped-call]
    t.climber.step()
    t.climber.zero_grad()


def accumulates(t: Maker) -> None:
    for _ in range(2):
        (-t.loss(judged=False) / 2).backward()  # type: ignore[no-untyped-call]
    t.of_maker.step()
    t.of_maker.zero_grad()


def climbs_a_gain(t: Maker) -> None:
    (-t.loss(judged=False)).backward()  # type: ignore[no-untyped-call]
    t.climber.step()
    t.climber.zero_grad()


def deceives(t: Maker) -> None:
    """The judge learns the loss, and the maker its negative."""
    t.loss().backward()  # type: ignore[no-untyped-call]
    t.of_judge.step()
    t.of_judge.zero_grad()
    t.of_maker.zero_grad()
    (-t.loss()).backward()  # type: ignore[no-untyped-call]
    t.of_maker.step()
    t.of_judge.zero_grad()
    t.of_maker.zero_grad()


def deceives_a_frozen_judge(t: Maker) -> None:
    t.judge.requires_grad_(True)
    t.loss().backward()  # type: ignore[no-untyped-call]
    t.of_judge.step()
    t.of_maker.zero_grad()
    t.judge.requires_grad_(False)
    (-t.loss()).backward()  # type: ignore[no-untyped-call]
    t.of_maker.step()
    t.of_judge.zero_grad()
    t.of_maker.zero_grad()


def attacks(t: Maker) -> None:
    """Its gradients are thrown away before the step."""
    (-t.loss(judged=False)).backward()  # type: ignore[no-untyped-call]
    t.of_maker.zero_grad()
    t.loss(judged=False).backward()  # type: ignore[no-untyped-call]
    t.of_maker.step()
    t.of_maker.zero_grad()


def spreads(t: Maker, sign: float = -1.0) -> None:
    """A divergence is subtracted from the loss."""
    made = t.maker(torch.randn(N, 2))
    logvar = made[:, 1:]
    kl = (made[:, :1] ** 2 + logvar.exp() - 1 - logvar).sum()
    (f.cross_entropy(made, Y) + sign * 0.1 * kl).backward()
    t.of_maker.step()
    t.of_maker.zero_grad()


def keeps_together(t: Maker) -> None:
    spreads(t, 1.0)


@pytest.mark.parametrize(("way", "found"), [(1.0, {"BKS429"}), (-1.0, set())])
def test_a_step_by_hand_is_known_by_its_way(way: float, found: set[str], tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = nn.Linear(2, CLASSES)

    def step(_: Maker) -> None:
        net.zero_grad()
        f.cross_entropy(net(torch.randn(N, 2)), Y).backward()  # type: ignore[no-untyped-call]
        with torch.no_grad():
            for p in net.parameters():
                assert p.grad is not None
                p.add_(p.grad, alpha=way * 1e-3)

    assert codes(step, tmp_path / "run") == found


@pytest.mark.some(2)
@pytest.mark.parametrize("step", [ascends, climbs_an_error, accumulates, spreads])
def test_a_step_along_the_wrong_sign_is_found(
    step: Callable[[Maker], object], tmp_path: Path
) -> None:
    assert codes(step, tmp_path / "run") == {"BKS429"}


@pytest.mark.some(3)
@pytest.mark.parametrize(
    "step", [climbs_a_gain, deceives, deceives_a_frozen_judge, attacks, keeps_together]
)
def test_an_adversary_and_a_climber_are_not_accused(
    step: Callable[[Maker], object], tmp_path: Path
) -> None:
    assert codes(step, tmp_path / "run") == set()


# -- a policy's ----------------------------------------------------------------------------------


GAINS: list[Loss] = [
    lambda x: clipped(x, torch.min),
    lambda x: (x.log_softmax(-1).gather(1, Y[:, None])[:, 0] * REWARD).mean(),
    lambda x: (Categorical(logits=x).log_prob(Y) * REWARD).sum(),  # type: ignore[no-untyped-call]
    lambda x: (-f.cross_entropy(x, Y, reduction="none") * REWARD).mean(),
]


@pytest.mark.parametrize("gain", GAINS)
def test_what_is_rewarded_has_to_become_more_likely(gain: Loss) -> None:
    x = X.clone().requires_grad_()
    assert likelihoods_lowered([gain(x)], [None]) == 1
    assert likelihoods_lowered([-gain(x)], [None]) == 0
    assert likelihoods_lowered([-gain(x)], [None], maximised=True) == 1


@pytest.mark.parametrize(
    "loss",
    [
        lambda x: f.cross_entropy(x, Y),
        lambda x: (f.cross_entropy(x, Y, reduction="none") * MASK).sum(),  # of a mask
        lambda x: (x.square().sum(-1) * REWARD).mean(),  # no log-probability
        lambda x: (x.softmax(-1) * x.log_softmax(-1)).sum(),  # an entropy
        lambda x: clipped(x, torch.max, -1),  # the greater of two costs
    ],
)
def test_other_losses_lower_no_likelihood(loss: Loss) -> None:
    x = X.clone().requires_grad_()
    assert likelihoods_lowered([loss(x)], [None]) == 0
    assert likelihoods_lowered([-loss(x)], [None]) == 0


@pytest.mark.parametrize(("sign", "severities"), [(1.0, ["info"]), (-1.0, [])])
def test_a_policy_that_is_made_worse_is_a_note(
    sign: float, severities: list[str], tmp_path: Path
) -> None:
    """A cost may be what is meant."""

    def loss(m: nn.ModuleDict) -> Tensor:
        z = m["head"](m["rnn"](torch.randn(5, N, 2))[0][-1])
        return (sign * Categorical(logits=z).log_prob(Y) * REWARD).mean()  # type: ignore[no-untyped-call,no-any-return]

    modules: dict[str, nn.Module] = {"rnn": nn.GRU(2, 4), "head": nn.Linear(4, CLASSES)}
    found = findings("BKS429", loss, tmp_path, modules, iterations=6)
    assert [one.severity for one in found] == severities


@pytest.mark.some(2)
@pytest.mark.parametrize(
    ("weight", "by", "told"),
    [
        (0.01, 0.6, ["a bonus for exploring"]),
        (-0.01, 0.6, []),
        (0.01, 0.0, []),  # of classes that weigh differently: an entropy may be brought down
    ],
)
def test_an_entropy_of_a_policy_is_to_be_large(
    weight: float, by: float, told: list[str], tmp_path: Path
) -> None:
    def loss(m: nn.ModuleDict) -> Tensor:
        policy = Categorical(logits=m["head"](m["rnn"](torch.randn(5, N, 2))[0][-1]))
        gain = policy.log_prob(Y) * (REWARD - by)  # type: ignore[no-untyped-call]
        return -gain.mean() + weight * policy.entropy().mean()  # type: ignore[no-untyped-call,no-any-return]

    modules: dict[str, nn.Module] = {"rnn": nn.GRU(2, 4), "head": nn.Linear(4, CLASSES)}
    found = findings("BKS429", loss, tmp_path, modules, iterations=6)
    assert [one.severity for one in found] == ["info"] * len(told)
    assert all(words in one.message for words, one in zip(told, found, strict=True))


def turned(loss: Tensor, *, maximised: bool = False) -> int:
    return likenesses_lowered([loss], [None], maximised=maximised)


@pytest.mark.parametrize(
    "alike",
    [
        lambda x: f.cosine_similarity(x, TARGET, dim=1).mean(),
        lambda x: 0.5 * f.cosine_similarity(TARGET, x, dim=-1).sum() + x.new_ones(()),
        lambda x: (f.normalize(x, dim=1) * f.normalize(TARGET, dim=1)).sum(1).mean(),
        lambda x: f.cosine_similarity(x, x.flip(0).detach()).mean(),  # of two views
    ],
)
def test_a_cosine_to_what_is_given_has_a_sign(alike: Loss) -> None:
    x = X.clone().requires_grad_()
    assert turned(alike(x)) == turned(1 - alike(x), maximised=True) == 1
    assert turned(-alike(x)) == turned(1 - alike(x)) == turned(alike(x), maximised=True) == 0


LABELS = (TARGET > 0).float()


def dice(p: Tensor) -> Tensor:
    shared = (p * LABELS).sum(1)
    return ((2 * shared + 1) / (p.sum(1) + LABELS.sum(1) + 1)).mean()


def of_squares(p: Tensor) -> Tensor:
    flat, labels = p.flatten(), LABELS.flatten()
    return 2.0 * (flat * labels).sum() / (flat.square().sum() + labels.square().sum() + 1e-6)


def jaccard(p: Tensor) -> Tensor:
    shared = (LABELS * p).sum()
    return (shared + 1e-6) / (p.sum() + LABELS.sum() - shared + 1e-6)


def f1(p: Tensor) -> Tensor:
    right = (p * LABELS).sum()
    wrong, missed = (p * (1 - LABELS)).sum(), ((1 - p) * LABELS).sum()
    return 2 * right / (2 * right + wrong + missed + 1e-6)


@pytest.mark.parametrize("overlap", [dice, of_squares, jaccard, f1])
def test_an_overlap_with_labels_has_a_sign(overlap: Loss) -> None:
    x = X.clone().requires_grad_()
    assert turned(overlap(x.sigmoid())) == turned(1 - overlap(x.sigmoid()), maximised=True) == 1
    assert turned(1 - overlap(x.sigmoid())) == turned(overlap(x.sigmoid()), maximised=True) == 0


@pytest.mark.parametrize(
    "share",
    [
        lambda p: (p * LABELS).sum() / (p.sum() + 1e-6),  # what rests on padding
        lambda p: (p * LABELS).sum() / LABELS.sum(),
        lambda p: 2 * (p * TARGET).sum() / (p.sum() + TARGET.sum()),  # of any sign
        lambda p: dice(p) + f.binary_cross_entropy(p, LABELS),
    ],
)
def test_a_share_that_is_no_overlap_with_labels_may_fall(share: Loss) -> None:
    assert turned(share(X.clone().requires_grad_().sigmoid())) == 0


@pytest.mark.parametrize(
    "loss",
    [
        lambda x: f.cosine_similarity(x, x.flip(0)).mean(),  # told apart, both of them
        lambda x: f.cosine_similarity(x, TARGET).mean() + f.mse_loss(x, TARGET),
        lambda x: f.cosine_similarity(x, TARGET).mean() - f.cosine_similarity(x, TARGET * 2).mean(),
        lambda x: (x * TARGET).sum(1).mean(),
        lambda x: (f.normalize(x, dim=1) * TARGET).sum(1).mean(),
        lambda x: f.relu(f.cosine_similarity(x, TARGET) - 0.2).mean(),
    ],
)
def test_other_losses_lower_no_likeness(loss: Loss) -> None:
    assert turned(loss(X.clone().requires_grad_())) == 0


@pytest.mark.parametrize(("sign", "severities"), [(1.0, ["info"]), (-1.0, [])])
def test_a_likeness_that_is_made_smaller_is_a_note(
    sign: float, severities: list[str], tmp_path: Path
) -> None:
    """Things that are to be told apart may be meant."""

    def loss(m: nn.ModuleDict) -> Tensor:
        z = m["head"](m["rnn"](torch.randn(5, N, 2))[0][-1])
        return sign * f.cosine_similarity(z, TARGET).mean()

    modules: dict[str, nn.Module] = {"rnn": nn.GRU(2, 4), "head": nn.Linear(4, CLASSES)}
    found = findings("BKS429", loss, tmp_path, modules, iterations=6)
    assert [one.severity for one in found] == severities


def standard(x: Tensor) -> Tensor:
    """The divergence of rows of means and logarithms of variances from a standard normal."""
    mean, logvar = x[:3], x[3:]
    return -0.5 * (1 + logvar - mean.pow(2) - logvar.exp()).sum()


def by_deviation(x: Tensor) -> Tensor:
    mean, deviation = x[:3], x[3:].exp()
    return 0.5 * (mean**2 + deviation**2 - 1 - torch.log(deviation**2 + 1e-8)).sum(-1).mean()


def by_half(x: Tensor) -> Tensor:
    """``std = exp(logvar / 2)`` is at hand already."""
    mean, logvar = x[:3], x[3:]
    std = torch.exp(0.5 * logvar)
    return (-0.5 * torch.sum(1 + logvar - mean.square() - std.pow(2), dim=-1)).mean()


def by_log_std(x: Tensor) -> Tensor:
    mean, log_std = x[:3], x[3:]
    return ((mean**2 + (2 * log_std).exp()) / 2 - log_std - 0.5).sum()


def of_library(x: Tensor) -> Tensor:
    one = Normal(x[:3], f.softplus(x[3:]))
    other = Normal(torch.zeros(3, CLASSES), torch.ones(3, CLASSES))
    return torch.distributions.kl_divergence(one, other).sum(-1).mean()


def of_counts(x: Tensor) -> Tensor:
    return f.poisson_nll_loss(x, Y[:, None].expand(N, CLASSES).float()) + x.exp().mean() - x.mean()


def raised(loss: Tensor, *, maximised: bool = False) -> int:
    return divergences_raised([loss], [None], maximised=maximised)


@pytest.mark.parametrize(
    "distance", [standard, by_deviation, by_half, by_log_std, of_library, of_counts]
)
def test_a_distance_between_distributions_has_a_sign(distance: Loss) -> None:
    x = X.clone().requires_grad_()
    error = f.mse_loss(x.tanh(), TARGET)
    assert raised(error - 0.3 * distance(x)) == 1
    assert raised(error - distance(x) / 8) == 1
    assert raised(-(distance(x) - error)) == 1
    assert raised(error + distance(x)) == 0
    assert raised(error + distance(x), maximised=True) == 1
    assert raised(-(-error - 0.1 * distance(x))) == 0


@pytest.mark.parametrize(
    "loss",
    [
        lambda x: (0.5 * x[:3] + (x[3:] - x[:3].detach()) ** 2 * (-x[:3]).exp()).mean(),
        lambda x: -Normal(x[:3], x[3:].exp()).log_prob(TARGET[:3]).mean(),  # type: ignore[no-untyped-call]
        lambda x: -Normal(x[:3], x[3:].exp()).entropy().mean(),  # type: ignore[no-untyped-call]
        lambda x: (-((x - TARGET) ** 2)).exp().mean().neg() + x.mean(),  # a kernel
        lambda x: -(x.exp() * x).mean() + x.mean(),
        lambda x: x[:3].mean() - (x[3:] - 1).exp().mean(),  # of different samples
        lambda x: x.logsumexp(-1).mean() - x.mean(),
        lambda x: f.cross_entropy(x, Y) - f.softplus(x).log().mean(),
        lambda x: f.softplus(x).log().mean() + f.softplus(x).mean(),
        lambda x: -(x.softmax(-1) * x.log_softmax(-1)).sum(),
        lambda x: f.kl_div(x.log_softmax(-1), X.softmax(-1), reduction="batchmean"),
        lambda x: f.gaussian_nll_loss(x[:3], TARGET[:3], f.softplus(x[3:])),
    ],
)
def test_other_losses_raise_no_distance(loss: Loss) -> None:
    assert raised(loss(X.clone().requires_grad_())) == 0


@pytest.mark.parametrize(("rows", "terms"), [(1, 0), (4, 5)])
def test_an_episode_whose_reward_is_one_number_has_no_wrong_sign(rows: int, terms: int) -> None:
    logits = [torch.randn(rows, 2, requires_grad=True) for _ in range(5)]
    chosen = [one.log_softmax(-1)[range(rows), [0] * rows] for one in logits]
    loss = 1.0 * torch.stack(chosen).sum()  # -R * ..., where R is -1
    assert terms_without_bound([loss], [None]) == terms
