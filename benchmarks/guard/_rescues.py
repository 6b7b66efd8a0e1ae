"""Ways to keep a run alive: none, those of others as published, common fixes, and ours."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from backsight.curriculum import AdaptiveLength, Length
from backsight.errors import GuardError
from backsight.guard import SPAM, AdaGC, Guard, LateMomentum, Policy, safe
from benchmarks._shared.peers import is_lightning_spike
from benchmarks._shared.plan import Loop, Net, Plan, fresh_loss, loss_of, make_optimizer
from benchmarks.guard._fragile import Setting

__all__ = ["METHODS", "Outcome", "train_by"]

BATCHES = 20
"""Fresh batches of a validation."""


@dataclass
class Outcome:
    """How a run ended."""

    loss: float
    """Of the validation at the end; infinite where it is not finite."""
    start: float
    """The same before training."""
    iterations: int
    """That were made."""
    acts: dict[str, int]
    """Of the guard, by policy."""
    weights: bytes
    """To be compared bit for bit."""


class Stopped(Exception):  # noqa: N818 - it ends a run, and is no error
    """The method ends the training."""


class Method:
    """Does nothing: gradients are applied as they are."""

    def __init__(self, loop: Loop, setting: Setting) -> None:
        self.loop = loop
        self.parameters = list(loop.net.parameters())

    length: Length | None = None

    def step(self, loss: Tensor) -> None:
        """Gradients are in."""
        self.loop.optimizer.step()

    @property
    def acts(self) -> dict[str, int]:
        """None."""
        return {}


class Clip(Method):
    """``clip_grad_norm_(…, 1.0)``."""

    def step(self, loss: Tensor) -> None:
        """As everybody does."""
        nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.loop.optimizer.step()


class AutoClip(Method):
    """As published: the 0.9 quantile of all norms so far (Seetharaman et al. 2020)."""

    def __init__(self, loop: Loop, setting: Setting) -> None:
        super().__init__(loop, setting)
        self.norms: list[float] = []

    def step(self, loss: Tensor) -> None:
        """A NaN in the history makes every later quantile one."""
        grads = [p.grad for p in self.parameters if p.grad is not None]
        self.norms.append(float(nn.utils.get_total_norm(grads)))
        with np.errstate(all="ignore"):
            limit = float(np.quantile(self.norms[-1000:], 0.9))
        nn.utils.clip_grad_norm_(self.parameters, limit)
        self.loop.optimizer.step()


class ZClip(Method):
    """As published: moving averages, z of 2.5, warm-up of 25 (Kumar et al. 2025)."""

    def __init__(self, loop: Loop, setting: Setting) -> None:
        super().__init__(loop, setting)
        self.norms: list[float] = []
        self.mean = self.variance = math.nan

    def step(self, loss: Tensor) -> None:
        """A NaN poisons both averages."""
        grads = [p.grad for p in self.parameters if p.grad is not None]
        norm = float(nn.utils.get_total_norm(grads))
        if len(self.norms) < 25:
            self.norms.append(norm)
            if len(self.norms) == 25:
                self.mean, self.variance = float(np.mean(self.norms)), float(np.var(self.norms))
        else:
            left, sigma = norm, math.sqrt(self.variance) if self.variance >= 0 else math.nan
            z = (norm - self.mean) / (sigma + 1e-6)
            if z > 2.5:
                left = self.mean + 2.5**2 / z * sigma
                nn.utils.clip_grad_norm_(self.parameters, left)
            self.variance = 0.97 * self.variance + 0.03 * (left - self.mean) ** 2
            self.mean = 0.97 * self.mean + 0.03 * left
        self.loop.optimizer.step()


class Stop(Method):
    """Lightning's SpikeDetection: the run ends at a spike, before its step."""

    def __init__(self, loop: Loop, setting: Setting) -> None:
        super().__init__(loop, setting)
        self.losses: list[float] = []

    def step(self, loss: Tensor) -> None:
        """Worse than the last, and away from the mean of ten by twice that; or not finite."""
        value = float(loss.detach())
        if is_lightning_spike(value, self.losses):
            raise Stopped
        self.losses.append(value)
        self.loop.optimizer.step()


class Guarded(Method):
    """The policies that act on trouble alone."""

    late = False
    lengthens = False

    def policies(self) -> list[Policy]:
        """The preset."""
        return safe()

    def __init__(self, loop: Loop, setting: Setting) -> None:
        super().__init__(loop, setting)
        policies = self.policies()
        group = loop.optimizer.param_groups[0]
        if self.late and group.get("momentum"):
            policies.append(LateMomentum())
        along = {}
        if self.lengthens and setting.sequences is not None:
            end = setting.plan.of(0).batch(1, np.random.default_rng(0))[0].shape[1]
            self.length = AdaptiveLength(
                end, enough=setting.loss_enough, over=setting.plan.iterations
            )
            along["length"] = self.length
        every = max(10, min(50, setting.plan.iterations // 20))
        self.guard = Guard(
            loop.net, loop.optimizer, *policies, extra_state=along, snapshot_every=every
        )

    def step(self, loss: Tensor) -> None:
        """Its limit is an end like any other, on good weights."""
        try:
            self.guard.step(loss)
        except GuardError:
            raise Stopped from None
        if self.length is not None:
            if self.guard.went_back:
                self.length.hold()
            else:
                self.length.step(float(loss.detach()))

    @property
    def acts(self) -> dict[str, int]:
        """By policy."""
        return dict(self.guard.tally)


class Safe(Guarded):
    """``--safe``: these, momentum late, and an adaptive curriculum where a task can be shorter."""

    late = True
    lengthens = True


class ByAdaGC(Guarded):
    """The policy ``adagc`` alone."""

    def policies(self) -> list[Policy]:
        """As published, but for norms of zero."""
        return [AdaGC()]


class BySPAM(Guarded):
    """The policy ``spam`` alone, in settings with Adam."""

    def policies(self) -> list[Policy]:
        """As published, but for elements without a gradient."""
        return [SPAM()]


METHODS: dict[str, type[Method]] = {
    "nothing": Method,
    "clip 1.0": Clip,
    "AutoClip": AutoClip,
    "ZClip": ZClip,
    "stop at a spike": Stop,
    "AdaGC": ByAdaGC,
    "SPAM": BySPAM,
    "guard": Guarded,
    "--safe": Safe,
}


def default_fix(plan: Plan) -> Plan:
    """What one does without looking: Adam at 1e-3, clip 1, PyTorch's initialisation."""
    return replace(
        plan, optimizer="adam", lr=1e-3, momentum=0.0, init="default", gain=1.0, clip=1.0,
        meddle=Plan(plan.task).meddle,
    )  # fmt: skip


def random_fix(plan: Plan, seed: int) -> Plan:
    """One change of the usual ones, by chance."""
    changes: list[Callable[[Plan], Plan]] = [
        lambda p: replace(p, lr=p.lr / 3),
        lambda p: replace(p, lr=p.lr / 10),
        lambda p: replace(p, clip=1.0),
        lambda p: replace(p, clip=0.1),
        lambda p: replace(p, momentum=0.0),
        lambda p: replace(p, init="orthogonal", gain=1.0),
        lambda p: replace(p, batch=2 * p.batch),
        lambda p: replace(p, optimizer="adam", lr=1e-3, momentum=0.0),
    ]
    return changes[int(np.random.default_rng(seed + 77).integers(len(changes)))](plan)


def train_by(method: str, setting: Setting, seed: int) -> Outcome:
    """Train once, by one of :data:`METHODS`, ``default fix``, ``random fix`` or ``as planned``."""
    plan = setting.plan
    if method == "default fix":
        plan = default_fix(plan)
    elif method == "random fix":
        plan = random_fix(plan, seed)
    kind = METHODS.get(method, Clip if plan.clip == 1.0 else Method)
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    task = plan.of(0)
    net = Net(plan, task)
    optimizer = make_optimizer(plan, net.parameters())
    loop = Loop(net, optimizer, rng)
    doing = kind(loop, setting)
    start = validate(net, plan, seed)
    made = 0
    for iteration in range(plan.iterations):
        plan.meddle(loop, iteration)
        task = plan.of(iteration)
        if doing.length is not None and setting.sequences is not None:
            task = setting.sequences(doing.length.length)
        x, y = plan.spoil(*task.batch(plan.batch, rng), iteration)
        with torch.autocast("cpu", torch.bfloat16, enabled=setting.precision == "bfloat16"):
            loss = loss_of(task, net(torch.from_numpy(x)).float(), torch.from_numpy(y))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        if plan.clip not in (None, 1.0):
            nn.utils.clip_grad_norm_(net.parameters(), plan.clip)
        try:
            doing.step(loss)
        except Stopped:
            break
        made += 1
    state = b"".join(p.detach().numpy().tobytes() for p in net.parameters())
    return Outcome(validate(net, plan, seed), start, made, doing.acts, state)


def validate(net: Net, plan: Plan, seed: int) -> float:
    """The loss over fresh batches at full length, the same for every method."""
    loss = fresh_loss(net, plan.of(0), seed, batches=BATCHES, size=32)
    return loss if math.isfinite(loss) else math.inf
