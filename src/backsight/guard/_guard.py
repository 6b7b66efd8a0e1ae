"""``Guard``: acts on training where every loop must pass, at the optimizer's step."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from backsight._switch import is_off
from backsight.curriculum import Length
from backsight.diagnosis import Anomaly, StabilityTracker
from backsight.errors import SettingError
from backsight.guard._arguments import check_arguments
from backsight.guard._batches import SuspectBatches
from backsight.guard._disk import Disk
from backsight.guard._gradients import (
    agree,
    moved,
    numbers_of,
    rescale,
    scale_of,
    taken_away,
)
from backsight.guard._intervention import Intervention, announce_intervention
from backsight.guard._learning_rate import LearningRate, forget_momentum
from backsight.guard._policy import Policy, Stage
from backsight.guard._presets import check_saved, check_together, safe
from backsight.guard._rate_watch import RateWatch
from backsight.guard._step import Step
from backsight.guard._step_hooks import Source, StepHooks, Told
from backsight.guard._step_length import StepLength
from backsight.probes import listed_optimizers, unwrapped, unwrapped_optimizer
from backsight.state import Snapshots, Stateful

__all__ = ["Guard"]

KEPT = 10_000
"""Interventions that are remembered."""


class Guard:
    """Keeps a run alive, by the policies it is given and by nothing else.

    ``guard.step(loss)`` takes the place of ``optimizer.step()``. A loop that goes on to call
    ``optimizer.step()`` is guarded as well, by the optimizer's own step hooks; ``loss`` is then
    what :attr:`loss_of` tells, or unknown. Where no policy acts, the training is bit-identical to
    one without a guard. Every intervention is told once in the log, kept in :attr:`interventions`
    and, where a monitor is at work, recorded. Under data-parallel training every process has a
    guard, and all decide alike. On an accelerator a guard waits for two numbers at each step.

    ``optimizer.step(closure)`` is guarded as well, when the closure has computed the gradients; the
    loss may be what it returns. Where it is evaluated many times (LBFGS, sharpness-aware ones), no
    gradient can be clipped or left out. Whether a class that is not PyTorch's does so, its first
    step shows, about which nothing is done.

    Args:
        model: what is trained; its parameters and buffers go into snapshots.
        optimizer: whose steps are guarded; several that step together are one.
        policies: what it may do; none for the safe preset: an automatic clip, updates that are
            not finite or far out of line skipped, the rate backed off, rollback.
        scaler: a ``torch.amp.GradScaler``: ``step`` unscales, steps and updates it.
        extra_state: by name, what goes back at a rollback beside weights and optimizer, by its
            ``state_dict``: a schedule, or where the data stands. With the latter under ``data``,
            random numbers go back too, and the batch that did it is passed over.
        snapshots: how many good states are kept in memory at the most.
        snapshot_every: iterations between them.
        max_snapshot_bytes: that they may take; one is kept in any case.
        folder: where the first and every tenth of them is written as well, for :meth:`resume`.

    Raises:
        SettingError: policies contradict each other, or find nothing to act on.

    Example:
        >>> import torch
        >>> from backsight import Guard
        >>> model = torch.nn.Linear(1, 1)
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> guard = Guard(model, optimizer)  # the safe preset
        >>> kept = model.weight.clone()
        >>> loss = model(torch.tensor([[float("nan")]])).sum()
        >>> loss.backward()
        >>> [act.policy for act in guard.step(loss)], torch.equal(model.weight, kept)
        (['skip'], True)
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: Optimizer | Iterable[Optimizer],
        *policies: Policy,
        scaler: Any = None,
        extra_state: Mapping[str, Stateful] | None = None,
        snapshots: int = 4,
        snapshot_every: int = 50,
        max_snapshot_bytes: int = 1 << 30,
        folder: Path | str | None = None,
    ) -> None:
        self._given = listed_optimizers(optimizer)
        optimizers: list[Any] = [unwrapped_optimizer(one) for one in self._given]
        model = unwrapped(model) if isinstance(model, nn.Module) else model
        counts = {"snapshots": snapshots, "snapshot_every": snapshot_every}
        check_arguments(model, optimizers, **counts, max_snapshot_bytes=max_snapshot_bytes)
        self.model, self.optimizers = model, optimizers
        check_together(policies)
        self.policies = tuple(sorted(policies or safe(), key=lambda p: p.stage))
        self.iteration = 0
        """Steps so far, taken or not."""
        self.learning_rate = LearningRate()
        self.stability = StabilityTracker()
        self.interventions: list[Intervention] = []
        """The newest ten thousand."""
        self.loss_of: Callable[[], Tensor | None] = lambda: None
        """Where the loss is to be had when ``step`` was not told it."""
        self.tell: Callable[[Intervention], None] = lambda intervention: None
        """Hears of every intervention as it happens, to record it."""
        self.announce: Callable[[Intervention, int], None] = announce_intervention
        """Tells people of it, and how many of that policy there are so far."""
        self.tally: Counter[str] = Counter()
        """Interventions so far, by policy."""
        self._batches = SuspectBatches()
        self._scaler, self._off = scaler, is_off()
        self._loss: Told = None
        self._step: Step | None = None
        self._stepped: set[int] = set()
        self._taken: list[tuple[nn.Parameter, Tensor]] = []
        self._length = StepLength()
        self._rates = RateWatch(optimizers)
        self._every = snapshot_every
        extra_state = extra_state or {}
        self._has_data = "data" in extra_state
        self._curriculum = next((p for p in extra_state.values() if isinstance(p, Length)), None)
        self.snapshots = Snapshots(
            model, optimizers, extra_state, snapshots, max_snapshot_bytes, rng=self._has_data
        )
        self._disk = None if folder is None or self._off else Disk(folder)
        self._hooks = StepHooks(
            [] if self._off else optimizers,
            begins=self._restore, ready=self._ready, again=self._hold, ended=self._after,
        )  # fmt: skip
        try:
            for policy in [] if self._off else self.policies:
                policy.start(self)
        except SettingError:
            self.close()
            raise

    # -- for a loop ------------------------------------------------------------------------

    def step(self, loss: float | Tensor | None = None) -> tuple[Intervention, ...]:
        """Step every optimizer, unless a policy keeps it from that.

        Args:
            loss: the scalar that backward was called on, unscaled.

        Returns:
            what was done about this step; empty where it was left alone.

        Raises:
            GuardError: the limit on attempts is reached; the weights are the last good ones.
        """
        self._loss, self._step = loss, None
        self._stepped.clear()
        try:
            for optimizer in self._given:
                if self._scaler is None:
                    optimizer.step()
                else:
                    self._scaler.step(optimizer)
        finally:
            self._restore()
        self.iteration += self._off
        if self._scaler is not None:
            self._scaler.update()
            if self._step is None and not self._off:
                self.declined()
        return tuple(self._step.interventions) if self._step else ()

    def should_skip_batch(self) -> bool:
        """Whether the next batch is one that went wrong before: draw it and use the one after.

        To be asked before every batch, by a loop whose data goes back at a rollback.
        """
        return self._batches.draw()

    def resume(self) -> int | None:
        """Go on from the newest good state in ``folder``; returns how many steps it had made.

        None where there is nothing to go on from.

        Raises:
            RunError: it is damaged, from a newer version, of another model, or has a state that
                does not fit.
            SettingError: the policies are not the same.
        """
        found = self._disk is not None and self._disk.load_into(self, self.snapshots)
        return self.iteration if found else None

    def close(self) -> None:
        """Take every hook off. A second call does nothing."""
        self._restore()
        self._hooks.close()
        for policy in self.policies:
            policy.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def state_dict(self) -> dict[str, Any]:
        """Everything that it takes to go on, snapshots included; plain, and not copied."""
        return {
            **self._memory(),
            "tally": dict(self.tally),
            "bad": sorted(self._batches.numbers),
            **self._rates.state_dict(),
            "snapshots": self.snapshots.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there.

        Raises:
            SettingError: the policies are not the same.
        """
        check_saved(self.policies, state)
        self._remember(state)
        self.learning_rate.load_state_dict(state["rate"])
        self.iteration, self.tally = state["iteration"], Counter(state["tally"])
        self._batches.load(state["position"], state["bad"])
        self._rates.load_state_dict(state)
        self.snapshots.load_state_dict(state["snapshots"])

    @property
    def clips(self) -> bool:
        """Whether it limits gradients."""
        return any(policy.stage is Stage.CLIP for policy in self.policies)

    @property
    def went_back(self) -> bool:
        """Whether the newest step was a rollback."""
        return self._step is not None and self._step.rolled_back

    # -- for policies ----------------------------------------------------------------------

    @property
    def parameters(self) -> list[nn.Parameter]:
        """Everything that the optimizers move."""
        return moved(self.optimizers)

    @property
    def newest_snapshot(self) -> int:
        """The iteration of the newest good state in memory."""
        return self.snapshots.newest

    def record(
        self, policy: Policy, cause: str, before: float, after: float, quantity: str = ""
    ) -> None:
        """Note what ``policy`` has done."""
        assert self._step is not None
        at, quantity = self._step.iteration, quantity or policy.quantity
        done = Intervention(at, policy.name, cause, before, after, quantity, policy.frequent)
        self._step.interventions.append(done)
        self.interventions.append(done)
        del self.interventions[:-KEPT]
        self.tell(done)
        self.tally[policy.name] += 1
        self.announce(done, self.tally[policy.name])

    def scale_gradients(self, factor: float) -> None:
        """Multiply every gradient."""
        rescale(self.parameters, factor)

    def roll_back(self, since: int, further: int = 0, *, blame: bool = True) -> int:
        """Make everything as it was at a good snapshot older than ``since``, and ``further`` back.

        Batches since are passed over if they are to ``blame``. Returns the snapshot's iteration.
        """
        assert self._step is not None
        self._step.rolled_back = True
        memory = self.snapshots.go_back(max(0, self.snapshots.before(since) - further))
        self._remember(memory)
        if self._has_data:
            self._batches.go_back(memory["position"], self.iteration - since, blame=blame)
        for policy in self.policies:
            policy.on_rollback(self)
        return int(memory["iteration"])

    def put_rates_right(self) -> list[tuple[float, float]]:
        """Where no scheduler set a rate to 100 times its range, set it back; both, once each."""
        return self._rates.put_right()

    def mend_buffers(self) -> None:
        """Give back buffers that are not finite, as they were at the newest snapshot."""
        self.snapshots.mend_buffers()

    def forget_momentum(self, *, second: bool = False) -> None:
        """Empty the optimizers' buffers of past gradients; with ``second``, of squares, too."""
        for optimizer in self.optimizers:
            forget_momentum(optimizer, second=second)

    # -- inside ----------------------------------------------------------------------------

    def _ready(self, optimizer: Optimizer, source: Source, loss: Told) -> None:
        """The optimizer is about to move the weights; a closure may have returned the loss."""
        if source == "closure" or self._step is None or id(optimizer) in self._stepped:
            self._stepped.clear()
            if source == "unknown":
                self._pass_over()
            else:
                self._begin(scale_of(optimizer), known=source != "closures", returned=loss)
        self._stepped.add(id(optimizer))
        assert self._step is not None
        self.learning_rate.put_on(optimizer)
        if source in ("loop", "closure"):
            self._hold(optimizer)
            if not self._taken:
                self._length.begin(optimizer, self._step.iteration)

    def _hold(self, optimizer: Optimizer) -> None:
        """If the step is not taken: an optimizer passes over what has no gradient."""
        if self._step is not None and (self._step.vetoed or self._step.rolled_back):
            self._taken = taken_away(moved([optimizer]))

    def _after(self, _optimizer: Optimizer) -> None:
        self._restore()
        if self._step is None:  # the guard was made inside this very step
            return
        if length := self._length.end():
            self.stability.stepped(*length)
        for policy in self.policies:
            policy.on_step_end(self._step, self)

    def _begin(self, scale: float = 1.0, *, known: bool = True, returned: Told = None) -> None:
        """Look at a new step, and let the policies act."""
        loss, norm = self._numbers(scale, known, returned)
        step = self._step = Step(self.iteration, loss, norm, scale, inside=not known)
        length = self._curriculum.length if self._curriculum else 0
        step.anomalies = self.stability.update(self.iteration, loss, norm, length)
        due = self.iteration % self._every == 0 and self.stability.well
        if lost := self.snapshots.lost() if due else "":
            step.anomalies += (Anomaly("state lost", self.newest_snapshot, lost),)
        elif due or not self.snapshots.taken:
            self._take_snapshot()
        self._rates.look()
        self.iteration += 1
        for stage, policies in groupby(self.policies, key=lambda p: p.stage):
            for policy in policies:
                policy.on_gradients_ready(step, self)
                if step.rolled_back:
                    return
            if stage is Stage.PENALTY and step.interventions:
                _, step.norm = self._numbers(scale, known, returned)

    def _pass_over(self) -> None:
        """A step that shows how often its optimizer evaluates a closure: act from the next one."""
        if not self.snapshots.taken:
            self._take_snapshot()
        self._step = Step(self.iteration, None, 0.0, inside=True)
        self.iteration += 1

    def _take_snapshot(self) -> None:
        self._rates.begin_anew()
        self.snapshots.take(self.iteration, self._memory())
        if self._disk is not None:
            self._disk.took(self.iteration, self.state_dict)

    def _numbers(self, scale: float, known: bool, returned: Told) -> tuple[float | None, float]:
        """Loss and gradient norm, in one copy from the device, the same in every process."""
        told = self._loss if self._loss is not None else self.loss_of()
        told = returned if told is None else told
        self._loss = None
        loss, size = numbers_of(told, self.parameters if known else None, self.parameters[0])
        return (None if told is None else loss), size / scale

    def declined(self) -> None:
        """A scaler did not let the optimizer step: its search, unless the loss itself is off."""
        told = self._loss if self._loss is not None else self.loss_of()
        if told is None:
            return
        value = told.detach().sum() if isinstance(told, Tensor) else torch.tensor(told)
        if not math.isfinite(float(agree(value.double().reshape(1)))):  # of any process
            self._begin()

    def _restore(self) -> None:
        """Rates and gradients as the loop left them."""
        self.learning_rate.take_off()
        for parameter, gradient in self._taken:
            parameter.grad = gradient
        self._taken = []

    def _memory(self) -> dict[str, Any]:
        """What a snapshot keeps of the guard itself."""
        return {
            "iteration": self.iteration,
            "position": self._batches.position,
            "policies": {p.name: p.state_dict() for p in self.policies},
            "vitals": self.stability.state_dict(),
            "rate": self.learning_rate.state_dict(),
        }

    def _remember(self, memory: Mapping[str, Any]) -> None:
        """The same again; the rate is what anomalies have made of it."""
        self.stability.load_state_dict(memory["vitals"])
        for policy in self.policies:
            policy.load_state_dict(memory["policies"][policy.name])
