"""One tanh RNN of 50 units on temporal order (Pascanu et al. 2013), until it has learned it."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.lr_scheduler import CosineAnnealingWarmRestarts

from backsight.curriculum import AdaptiveLength, Length
from backsight.errors import GuardError
from backsight.guard import Guard, policies_from
from backsight.nn import Init, SequenceModel, State
from backsight.probes import probe
from backsight.tasks import TemporalOrder

__all__ = ["BATCH", "LATELY", "Beginning", "Ended", "Recipe", "errors", "learn", "network"]

BATCH = 20
UNITS = 50
MEASURED = 25
"""Updates between measurements of the reach, where the curriculum asks for it."""
ASKED_OF = 8
"""Sequences of such a measurement."""
ASKED = 100
"""Updates between questions whether it is solved."""
LATELY = 20
"""Batches of the share of wrong answers."""
CHUNK = 250_000
"""Steps of fresh sequences at once."""

Beginning: TypeAlias = Init | Literal["basic-tanh"]
"""``basic-tanh`` is Pascanu's: every weight from N(0, 0.1²), biases 0."""


@dataclass(frozen=True)
class Recipe:
    """How to train."""

    init: Beginning
    optimizer: Literal["sgd", "adam"]
    lr: float
    guard: str = ""
    """The guard's policies; none for no guard."""
    clip: float | None = None
    """``clip_grad_norm_``, where there is no guard."""
    curriculum: Literal["", "naive", "adaptive"] = ""
    mixed: int = 0
    """Each batch has a length of its own, from this one to the curriculum's; 0 for all the same."""
    noise: float = 0.0
    """Standard deviation of what is added in training to each unit's sum, at every step."""


@dataclass
class Ended:
    """How one training went."""

    reached: int
    """The longest sequences at which fewer than 5 % of the last 400 answers were wrong."""
    updates: int
    """Until then."""
    solved: int | None
    """Updates until so few of 10,000 fresh sequences of the last length were wrong."""
    made: int
    collapsed_at: int | None
    """The first of 1,000 updates with more than half of the answers wrong, after it had learned."""
    length_then: int | None
    errors: float
    """Of 10,000 fresh sequences of the last length, at the end."""
    finite: bool
    """Whether its weights are, at the end."""
    acts: dict[str, int]
    """Of the guard, by policy."""


class Naive(Length):
    """Grows by 6 % whenever fewer than 5 % of the last 400 answers were wrong."""

    def __init__(self, end: int) -> None:
        super().__init__(end, min(20, end))
        self.wrong: list[float] = []

    def answered(self, wrong: float) -> None:
        """The share of wrong answers of a batch."""
        self.wrong = [*self.wrong, wrong][-LATELY:]
        if len(self.wrong) == LATELY and np.mean(self.wrong) < 0.05 and self.length < self.end:
            self.length = min(self.end, max(self.length + 1, round(self.length * 1.06)))
            self.wrong = []

    def step(self, loss: float, horizon: float | None = None) -> None:
        """It does not look at the loss."""


class Fixed(Length):
    """The same length from the first to the last update."""

    def __init__(self, end: int) -> None:
        super().__init__(end, end)

    def step(self, loss: float, horizon: float | None = None) -> None:
        """It does not grow."""


CURRICULA: dict[str, Callable[[int], Length]] = {
    "": Fixed,
    "naive": Naive,
    "adaptive": lambda end: AdaptiveLength(end, enough=TemporalOrder.near_baseline / 2),
}


class NoisyModel(nn.Module):
    """A network to each unit's sum of which, in training, noise is added at every step.

    A memory that is to outlast it has to rest in an attractor. The noise comes in as one more
    input a unit, with a fixed weight of 1: the layer stays a fused one.

    Args:
        plain: the network.
        noise: its standard deviation.
    """

    def __init__(self, plain: SequenceModel, noise: float) -> None:
        super().__init__()
        weights: dict[str, Tensor] = dict(plain.rnn.named_parameters())
        inputs = weights["weight_ih_l0"].shape[1]
        noisy = nn.RNN(inputs + UNITS, UNITS, batch_first=True)
        weights["weight_ih_l0"] = torch.cat([weights["weight_ih_l0"], torch.eye(UNITS)], 1)
        noisy.load_state_dict(weights)
        fixed = dict(noisy.named_parameters())["weight_ih_l0"]
        fixed.register_hook(  # type: ignore[no-untyped-call]
            lambda g: functional.pad(g[:, :inputs], (0, UNITS))
        )
        plain.rnn = noisy
        self.plain, self.noise = plain, noise

    def forward(self, x: Tensor) -> tuple[Tensor, State]:
        """As of the network: ``(B, T, I)`` to the answer, and the last state."""
        if not self.training:
            x = functional.pad(x, (0, UNITS))
        else:
            x = torch.cat([x, self.noise * torch.randn(*x.shape[:2], UNITS)], 2)
        answered: tuple[Tensor, State] = self.plain(x)
        return answered


def network(init: Beginning) -> SequenceModel:
    """The network, from torch's generator."""
    kind: Init = "default" if init == "basic-tanh" else init
    net = SequenceModel(6, 4, cell="rnn", hidden=UNITS, init=kind, every_step=False)
    spread = {"basic-tanh": 0.1, "smart-tanh": 0.01}.get(init)
    for name, parameter in net.named_parameters():
        if spread is None:
            break
        if "bias" in name:
            nn.init.zeros_(parameter)
        elif init == "basic-tanh" or "hh" not in name:
            nn.init.normal_(parameter, std=spread)
    return net


def learn(
    recipe: Recipe,
    seed: int,
    end: int,
    updates: int,
    *,
    enough: float = 0.01,
    asked: Sequence[int] = (),
    settle: int = 0,
    give_up: bool = False,
    keep: Callable[[nn.Module], None] | None = None,
) -> Ended:
    """Train one network until it has solved ``end`` steps, or for so many updates.

    Args:
        recipe: how.
        seed: of weights and sequences.
        end: the longest sequences.
        updates: at most.
        enough: share of errors below which it is solved.
        asked: further lengths at which it is to make so few.
        settle: updates in which, once it answers the longest, the rate falls to nothing, again and
            again; it is asked at the end of each such time, and every 100 updates without.
        give_up: end at a collapse.
        keep: given the network at the end.
    """
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    plain = network(recipe.init)
    net = NoisyModel(plain, recipe.noise) if recipe.noise else plain
    kinds = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}
    optimizer = kinds[recipe.optimizer](net.parameters(), recipe.lr)
    length = CURRICULA[recipe.curriculum](end)
    guard = None
    if recipe.guard:
        policies = policies_from(recipe.guard)
        guard = Guard(net, optimizer, *policies, extra_state={"length": length})
    best = at = since = 0
    falling: CosineAnnealingWarmRestarts | None = None
    learned, collapsed, solved, length_then = False, None, None, None
    recent: list[float] = []
    made = 0
    for made in range(1, updates + 1):
        longest = length.length
        steps = longest
        if recipe.mixed:
            steps = int(rng.integers(min(recipe.mixed, longest), longest, endpoint=True))
        x, y = TemporalOrder(steps).batch(BATCH, rng)
        inputs, targets = torch.from_numpy(x), torch.from_numpy(y)
        outputs = net(inputs)[0]
        loss = functional.cross_entropy(outputs, targets)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        wrong = float((outputs.argmax(-1) != targets).float().mean())
        if guard is None:
            if recipe.clip is not None:
                nn.utils.clip_grad_norm_(net.parameters(), recipe.clip)
            optimizer.step()
        else:
            try:
                guard.step(loss)
            except GuardError:
                break
        value = float(loss.detach())
        if guard is None and not math.isfinite(value):
            break
        if guard is not None and guard.went_back:
            length.hold()
            recent = []
        elif isinstance(length, Naive):
            length.answered(wrong)
        else:
            horizon = None
            if recipe.curriculum and made % MEASURED == 0:
                if steps < longest:  # how far it reaches in the longest is asked
                    x, y = TemporalOrder(longest).batch(ASKED_OF, rng)
                horizon = _horizon(net, x, y)
            length.step(value, horizon)
        recent = [*recent, wrong][-LATELY:]
        well = len(recent) == LATELY and np.mean(recent) < 0.05
        if well:
            learned = True
            if longest > best:
                best, at = longest, made
        since = since + 1 if learned and np.mean(recent) > 0.5 else 0
        if since >= 1000 and collapsed is None:
            collapsed, length_then = made - since, longest
            if give_up:
                break
        due = well and longest >= end and made % ASKED == 0
        if falling is not None:
            falling.step()
            due = falling.T_cur == 0
        elif settle and due:
            falling, due = CosineAnnealingWarmRestarts(optimizer, settle), False
        if due and all(errors(net, steps) < enough for steps in (end, *asked)):
            solved = made
            break
    if keep is not None:
        keep(net)
    acts = dict(guard.tally) if guard else {}
    last = errors(net, length.length)
    finite = all(bool(torch.isfinite(p).all()) for p in net.parameters())
    return Ended(best, at, solved, made, collapsed, length_then, last, finite, acts)


def _horizon(net: nn.Module, x: np.ndarray, y: np.ndarray) -> float | None:
    """How many steps back the gradient of these sequences reaches."""
    inputs, targets = torch.from_numpy(x[:ASKED_OF]), torch.from_numpy(y[:ASKED_OF])
    found = probe(net, lambda: functional.cross_entropy(net(inputs)[0], targets))
    far = next(iter(found.values())).horizon
    return None if far is None else float(far.steps)


@torch.no_grad()
def errors(net: nn.Module, steps: int, of: int = 10_000, *, seed: int = 123_456) -> float:
    """The share of wrong answers to so many fresh sequences; 1 where weights are not finite.

    The network is asked without noise, and left in training.
    """
    rng = np.random.default_rng(seed)
    size = max(1, min(1000, CHUNK // steps))
    wrong = 0
    net.eval()
    for begun in range(0, of, size):
        x, y = TemporalOrder(steps).batch(min(size, of - begun), rng)
        out = net(torch.from_numpy(x))[0]
        right = torch.isfinite(out).all(-1).numpy() & (out.argmax(-1).numpy() == y)
        wrong += int((~right).sum())
    net.train()
    return wrong / of
