"""``optimizer.step(closure)``: a closure that is evaluated once is an ordinary iteration."""

import copy
import gc
import math
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

import backsight
from backsight.guard import Guard, Intervention, policies_from
from backsight.probes import Closures
from backsight.signals import Run
from tests.crossed import crossed
from tests.guarded import Data, Spoil, backward, everything, nan_at, net, same, unspoilt

MAKERS: dict[str, Callable[[Any], Optimizer]] = {
    "SGD": lambda p: torch.optim.SGD(p, lr=0.002, momentum=0.9),
    "Adam": lambda p: torch.optim.Adam(p, lr=0.01),
}


class Signs(Optimizer):
    """Of no class that is known: it moves every weight by the sign of its gradient."""

    def __init__(self, parameters: Any, lr: float = 0.001) -> None:
        super().__init__(parameters, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        returned = None
        if closure is not None:
            with torch.enable_grad():
                returned = closure()
        self.move(-self.param_groups[0]["lr"])
        return returned

    @torch.no_grad()
    def move(self, by: float) -> None:
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p.add_(p.grad.sign(), alpha=by)


class Sharpness(Signs):
    """Sharpness-aware: the gradient at weights that an earlier one has made worse.

    That one is its own first evaluation, or was there before the step.
    """

    def __init__(self, parameters: Any, *, inside: bool) -> None:
        super().__init__(parameters)
        self.inside = inside

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        if self.inside:
            with torch.enable_grad():
                closure()
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    self.state[p]["then"] = p.clone()
        self.move(0.01)
        with torch.enable_grad():
            returned = closure()
        for p, state in self.state.items():
            p.copy_(state["then"])
        self.move(-self.param_groups[0]["lr"])
        return returned


class Sometimes(Signs):
    """Evaluates its closure once more in every third step."""

    done = 0

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        self.done += 1
        if self.done % 3 == 0:
            with torch.enable_grad():
                closure()
            self.move(0.01)
        with torch.enable_grad():
            returned = closure()
        self.move(-self.param_groups[0]["lr"])
        return returned


def train(
    model: nn.Module,
    optimizer: Optimizer,
    steps: int,
    *,
    closure: bool,
    guard: Guard | None = None,
    data: Data | None = None,
    spoil: Spoil = unspoilt,
    clip: float = math.inf,
    passes: int = 1,
) -> list[int]:
    """The same loop, with a closure and without; numbers of the batches that were used."""
    data, used = data or Data(), []
    for _ in range(steps):
        number, x, y = data.draw()
        while guard is not None and guard.should_skip_batch():
            number, x, y = data.draw()
        used.append(number)

        def evaluate(number: int = number, x: Tensor = x, y: Tensor = y) -> Tensor:
            optimizer.zero_grad()
            for _ in range(passes):
                loss = backward(model, *spoil(number, x, y))
            if clip < math.inf:
                nn.utils.clip_grad_norm_(model.parameters(), clip)
            return loss

        if closure:
            optimizer.step(evaluate)  # type: ignore[arg-type]
        else:
            loss = evaluate()
            optimizer.step() if guard is None else guard.step(loss)
    return used


def wild_at(*numbers: int) -> Spoil:
    def spoil(number: int, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        return x, y + 100 * (number in numbers)

    return spoil


# -- the guard ----------------------------------------------------------------------------

BAD = nan_at(12, 20, 21, 22, 23)
ACTS: dict[str, tuple[Spoil, set[str]]] = {
    "clip=0.1": (unspoilt, {"clip"}),
    "value=0.01": (unspoilt, {"value"}),
    "agc=0.01": (unspoilt, {"agc"}),
    "auto": (wild_at(25), {"auto"}),
    "skip": (BAD, {"skip"}),
    "backoff": (wild_at(20, 21, 22), {"backoff"}),
    "rollback": (BAD, {"rollback"}),
    "safe": (BAD, {"skip", "rollback"}),
    "omega,clip=0.1": (unspoilt, {"omega", "clip"}),
    "orthogonality,spectral=0.1": (unspoilt, {"orthogonality", "spectral"}),
    "weights=0.5": (unspoilt, {"weights"}),
}


@pytest.mark.some(4)
@crossed("words,kind", ACTS, MAKERS, together=1)
def test_a_guard_acts_as_in_a_loop_without_closures(words: str, kind: str) -> None:
    """The same interventions, batches, weights and random numbers; the data goes back, too."""
    spoil, policies = ACTS[words]

    def one(closure: bool) -> tuple[list[Intervention], list[int], dict[str, Any]]:
        model, data = net(), Data()
        optimizer = MAKERS[kind](model.parameters())
        guard = Guard(model, optimizer, *policies_from(words), snapshot_every=10,
                      extra_state={"data": data})  # fmt: skip
        used = train(model, optimizer, 30, closure=closure, guard=guard, data=data, spoil=spoil)
        return guard.interventions, used, everything(model, optimizer)

    (plain, used, weights), (acts, others, result) = one(False), one(True)
    assert acts == plain
    assert {act.policy for act in acts} >= policies
    assert others == used
    assert same(result, weights)


def test_what_a_closure_returns_is_the_loss() -> None:
    """Where nothing else tells it: a float and a tensor are one, None is not known."""

    def policies(returns: Callable[[Tensor], Any]) -> list[tuple[int, str, str]]:
        model = net()
        optimizer = MAKERS["SGD"](model.parameters())
        guard = Guard(model, optimizer, *policies_from("skip"))
        for number in range(3):
            _, x, y = Data().draw()

            def closure(number: int = number, x: Tensor = x, y: Tensor = y) -> Any:
                optimizer.zero_grad()
                loss = backward(model, x, y)
                return returns(loss.detach() * (math.nan if number == 1 else 1))

            optimizer.step(closure)
        return [(act.iteration, act.policy, act.cause) for act in guard.interventions]

    assert policies(float) == policies(lambda loss: loss) == [(1, "skip", "the loss is nan")]
    assert policies(lambda _: None) == policies(lambda loss: loss.repeat(2)) == []


def test_each_closure_of_several_optimizers_is_looked_at() -> None:
    model = net()
    rnn = torch.optim.SGD(model.rnn.parameters(), lr=0.02)
    out = torch.optim.SGD(model.out.parameters(), lr=0.02)
    guard = Guard(model, [rnn, out], *policies_from("skip"))
    data, before = Data(), copy.deepcopy(model.state_dict())
    for number, optimizer in enumerate((rnn, out, rnn)):

        def closure(number: int = number) -> Tensor:
            model.zero_grad()
            return backward(model, *nan_at(1)(number, *data.draw()[1:]))

        optimizer.step(closure)
    assert [(act.iteration, act.policy) for act in guard.interventions] == [(1, "skip")]
    assert same(model.out.state_dict(), {k[4:]: v for k, v in before.items() if k[:4] == "out."})
    assert all(bool(torch.isfinite(p).all()) for p in model.parameters())


# -- the monitor --------------------------------------------------------------------------


@crossed("how,kind", ["plain", "clipped", "twice"], MAKERS, together=1)
def test_the_same_is_recorded_as_without_closures(how: str, kind: str, tmp_path: Path) -> None:
    """And the weights are those of a training that nobody observes."""

    def one(closure: bool, path: Path | None) -> dict[str, Any]:
        model = net()
        optimizer = MAKERS[kind](model.parameters())
        options: dict[str, Any] = {"clip": 0.1} if how == "clipped" else {}
        options |= {"passes": 2} if how == "twice" else {}
        if path is None:
            train(model, optimizer, 5, closure=closure, **options)
        else:
            with backsight.watch(model, optimizer, path, every=2):
                train(model, optimizer, 5, closure=closure, **options)
        return everything(model, optimizer)

    wanted = one(True, None)
    assert same(one(True, tmp_path / "closure"), wanted)
    assert same(one(False, tmp_path / "plain"), wanted)
    found, plain = Run(tmp_path / "closure"), Run(tmp_path / "plain")
    names = set(plain.names) - {"tokens_per_second"}
    assert set(found.names) - {"tokens_per_second"} == names >= {"grad_norm_applied", "loss"}
    for name in names:
        assert found[name].tolist() == plain[name].tolist(), name
    assert found["grad_norm_applied"].shape == (5,)
    assert bool((found["grad_norm_applied"] < 0.100001).all()) == (how == "clipped")
    assert len(found.profile("reach").rows) == 3


def test_a_closure_that_computes_nothing_begins_no_iteration(tmp_path: Path) -> None:
    """As of Lightning's manual optimization, with one optimizer after the other."""

    def one(path: Path, *closure: Any) -> Run:
        model = net()
        both = [MAKERS["SGD"](model.rnn.parameters()), MAKERS["Adam"](model.out.parameters())]
        data = Data()
        with backsight.watch(model, both, path, every=2):
            for _ in range(4):
                model.zero_grad()
                backward(model, *data.draw()[1:])
                for optimizer in both:
                    optimizer.step(*closure)
        return Run(path)

    found, plain = one(tmp_path / "closure", lambda: None), one(tmp_path / "plain")
    assert found.iterations == plain.iterations == 4
    for name in ("loss", "grad_norm", "grad_norm_applied"):
        assert found[name].tolist() == plain[name].tolist(), name


def test_what_the_guard_has_left_is_recorded_as_applied(run_path: Path) -> None:
    model = net()
    optimizer = MAKERS["SGD"](model.parameters())
    guard = Guard(model, optimizer, *policies_from("clip=0.1,skip,backoff"))
    guard.learning_rate.lower(0.5)
    with backsight.watch(model, optimizer, run_path, guard=guard):
        train(model, optimizer, 6, closure=True, spoil=nan_at(3))
    run = Run(run_path)
    assert run["grad_norm"].shape == (6,)
    applied = run.series("grad_norm_applied")
    assert applied.iterations.tolist() == [0, 1, 2, 4, 5]
    assert applied.values.tolist() == pytest.approx([0.1] * 5)
    assert run["lr"][:3].tolist() == pytest.approx([0.001] * 3)
    assert run.series("act_before/skip").iterations.tolist() == [3]
    assert all(bool(torch.isfinite(p).all()) for p in model.parameters())


# -- optimizers that evaluate again ---------------------------------------------------------


@pytest.mark.some(2)
@pytest.mark.parametrize("kind", ["LBFGS", "inside", "before"])
@pytest.mark.parametrize("guarded", [False, True])
def test_what_evaluates_many_times_is_left_alone(
    kind: str, guarded: bool, run_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """No gradient is touched in it, or recorded as applied; and that is said once."""
    own: list[bool] = []

    def one(watched: bool) -> dict[str, Any]:
        model = net().eval()
        optimizer: Optimizer
        if kind == "LBFGS":
            optimizer = torch.optim.LBFGS(model.parameters(), lr=0.1, max_iter=3)
        else:
            optimizer = Sharpness(model.parameters(), inside=kind == "inside")
        guard = monitor = None
        if watched:
            guard = Guard(model, optimizer, *policies_from("skip,clip=0.01")) if guarded else None
            monitor = backsight.watch(model, optimizer, run_path, guard=guard)
        data = Data()
        for _ in range(4):
            _, x, y = data.draw()

            def closure(x: Tensor = x, y: Tensor = y) -> Tensor:
                optimizer.zero_grad()
                return backward(model, x, y)

            def note(_: Any, args: Any, __: Any, closure: Any = closure) -> None:
                own.append(args[1] is closure)

            if kind == "before":
                closure()
            handle = optimizer.register_step_pre_hook(note)
            one_step: Any = optimizer.step
            one_step(closure)
            handle.remove()
        if monitor is not None:
            monitor.close()
        assert guard is None or (guard.interventions == [] and guard.iteration == 4)
        return everything(model, optimizer)

    plain = one(False)
    own.clear()
    assert same(one(True), plain)
    assert own == [kind == "LBFGS", True, True, True]  # once that is known, it is not wrapped
    run = Run(run_path)
    assert len(run["loss"]) == 4
    assert "grad_norm_applied" not in run
    assert caplog.text.count("evaluates its closure many times") == guarded


def test_a_class_of_another_library_is_guarded_from_its_second_step(run_path: Path) -> None:
    """In its first it shows that it evaluates a closure once."""
    model = net()
    optimizer = Signs(model.parameters())
    guard = Guard(model, optimizer, *policies_from("clip=0.1,skip,omega"))
    with backsight.watch(model, optimizer, run_path, guard=guard):
        train(model, optimizer, 5, closure=True, spoil=nan_at(2))
    clips = [act.iteration for act in guard.interventions if act.policy == "clip"]
    skips = [act.iteration for act in guard.interventions if act.policy == "skip"]
    assert (clips, skips) == ([1, 3, 4], [2])
    assert Run(run_path).series("grad_norm_applied").iterations.tolist() == [1, 3, 4]
    assert all(bool(torch.isfinite(p).all()) for p in model.parameters())


def test_a_step_is_skipped_whole_also_where_the_closure_is_evaluated_once_more() -> None:
    model = net().eval()
    optimizer = Sometimes(model.parameters())
    guard = Guard(model, optimizer, *policies_from("skip"))
    train(model, optimizer, 2, closure=True)
    before = copy.deepcopy(model.state_dict())
    train(model, optimizer, 1, closure=True, spoil=nan_at(0))
    assert [(act.iteration, act.policy) for act in guard.interventions] == [(2, "skip")]
    assert same(model.state_dict(), before)


def test_which_optimizers_evaluate_once() -> None:
    class Own(torch.optim.Adam):
        """With the step of a class that is known."""

    class Other(torch.optim.Adam):
        def step(self, closure: Any = None) -> Any:
            return super().step(closure)

    weights, closures = [nn.Parameter(torch.ones(2))], Closures()
    assert closures.once(Own(weights)) is True
    assert closures.once(torch.optim.AdamW(weights)) is True
    assert closures.once(torch.optim.LBFGS(weights)) is False
    assert closures.once(Other(weights)) is None


# -- what is the user's own -----------------------------------------------------------------


@pytest.mark.some(2)
@pytest.mark.parametrize("when", ["first", "later"])
@pytest.mark.parametrize("make", [*MAKERS.values(), Signs], ids=[*MAKERS, "Signs"])
def test_a_closure_may_raise(make: Any, when: str, run_path: Path) -> None:
    """Its error arrives, the weights stay, and the next step is a step like any other."""
    wrong = KeyError("the user's own")

    def one(watched: bool) -> dict[str, Any]:
        model = net()
        optimizer = make(model.parameters())
        guard = monitor = None
        if watched:
            guard = Guard(model, optimizer)
            monitor = backsight.watch(model, optimizer, run_path, guard=guard)
        data = Data()
        train(model, optimizer, 2 * (when == "later"), closure=True, data=data)
        before = copy.deepcopy(dict(model.named_parameters()))

        def fails() -> Any:
            optimizer.zero_grad()
            backward(model, *data.draw()[1:])
            raise wrong

        with pytest.raises(KeyError) as caught:
            optimizer.step(fails)
        assert caught.value is wrong
        assert caught.traceback[-1].name == "fails"
        assert same(dict(model.named_parameters()), before)
        train(model, optimizer, 3, closure=True, data=data)
        if monitor is not None:
            monitor.close()
        assert guard is None or guard.interventions == []
        return everything(model, optimizer)

    assert same(one(True), one(False))
    run = Run(run_path)
    assert not run.events("fault")
    stepped = len(run["grad_norm_applied"])
    assert stepped == 3 + 2 * (when == "later") - (make is Signs)


@pytest.mark.parametrize("named", [False, True])
def test_a_closure_is_given_back_and_not_kept(named: bool, run_path: Path) -> None:
    """What it returns is what ``step`` returns, wherever the closure stands among the arguments."""

    class Returned:
        """Of no kind that anybody knows."""

    model = net()
    optimizer = MAKERS["Adam"](model.parameters())
    guard = Guard(model, optimizer)
    calls, result = 0, Returned()
    with backsight.watch(model, optimizer, run_path, guard=guard), guard:

        def closure() -> Any:
            nonlocal calls
            calls += 1
            assert torch.is_grad_enabled()
            optimizer.zero_grad()
            backward(model, *Data().draw()[1:])
            return result

        known = weakref.ref(closure)
        arguments: dict[str, Any] = {"closure": closure} if named else {}
        returned = optimizer.step(*(() if named else (closure,)), **arguments)
        arguments.clear()
        del closure
        gc.collect()
        assert known() is None
    assert returned is result
    assert calls == 1
    assert guard.iteration == 1
    assert not optimizer._optimizer_step_pre_hooks
    assert not optimizer._optimizer_step_post_hooks
    train(model, optimizer, 2, closure=True)
    assert guard.iteration == 1
    assert len(Run(run_path)["loss"]) == 1
