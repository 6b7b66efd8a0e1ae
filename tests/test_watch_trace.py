"""``watch`` changes nothing, holds nothing, leaves nothing; and what is at the edges of sense."""

import copy
import functools
import gc
import io
import itertools
import math
import random
import sys
import threading
import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from shutil import which
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.amp import GradScaler
from torch.nn.modules import module as modules
from torch.optim import SGD, Adam, Optimizer
from torch.profiler import ProfilerActivity, profile

from backsight import watch
from backsight.errors import RunError, SettingError
from backsight.monitor.events import RARELY, Sampler
from backsight.monitor.measurements import HiddenState
from backsight.probes import FusedReader, SteppedReader, probe
from backsight.signals import Run
from tests import processes
from tests.crossed import crossed
from tests.test_watch import KINDS, STACKED, Clock, Loop, batch, clock, make, square

__all__ = ["clock", "train_in_threads"]  # a fixture, and for a process of its own

pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections")


# -- nothing changes ------------------------------------------------------------------------


def everything(
    kind: str,
    count: int,
    watching: Callable[[nn.Module, Optimizer], AbstractContextManager[object]],
) -> list[bytes]:
    """All that a training leaves behind."""
    torch.manual_seed(0)
    random.seed(0)
    np.random.seed(0)
    model = make(kind, **STACKED)
    optimizer = Adam(model.parameters(), lr=0.01)
    tensors: list[Tensor] = []
    with watching(model, optimizer):
        for i in range(count):
            x = torch.randn(3, 3 + i % 2, 3) * random.random() + float(np.random.rand())
            outputs = model(x)
            loss = outputs.square().mean()
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 0.1)
            optimizer.step()
            tensors += [outputs, loss]
    for state in optimizer.state_dict()["state"].values():
        tensors += state.values()
    tensors += [*model.parameters(), *model.buffers(), torch.get_rng_state()]
    generators = random.getstate(), np.random.get_state()
    return [*(t.detach().numpy().tobytes() for t in tensors), repr(generators).encode()]


@functools.cache
def untouched(kind: str, count: int) -> list[bytes]:
    return everything(kind, count, lambda *_: nullcontext())


@pytest.mark.some(2)
@crossed("kind,every", KINDS, [1, 7, "auto"], together=1)
def test_training_is_bit_identical(kind: str, every: Any, run_path: Path) -> None:
    """Outputs, losses, parameters, buffers, optimizer state, three random generators."""
    check_bit_identical(kind, every, 10, run_path)


@pytest.mark.long
@crossed("kind,every", KINDS, [1, 7, "auto"])
def test_a_long_training_is_bit_identical(kind: str, every: Any, run_path: Path) -> None:
    check_bit_identical(kind, every, 200, run_path)


def check_bit_identical(kind: str, every: Any, count: int, run_path: Path) -> None:
    watched = everything(kind, count, lambda m, o: watch(m, o, run_path, every=every))
    assert watched == untouched(kind, count)
    run = Run(run_path)
    assert len(run["loss"]) == len(run["grad_norm"]) == count
    assert any(name.startswith("reach/") for name in run.names)
    samples = len(run["weight_norm/head.weight"])
    assert samples >= 2 if every == "auto" else samples == math.ceil(count / every)


@pytest.mark.some(3)
@pytest.mark.parametrize("kind", ["by step", "masked", "gru cell", "own"])
@pytest.mark.parametrize("how", ["retained", "noisy"])
def test_what_hangs_on_the_callers_graph_is_not_set_off(
    how: str, kind: str, tmp_path: Path
) -> None:
    """``retain_grad`` on the states and after them, and a hook that adds noise to the gradient.

    A hook does run again in a sampled iteration; that cannot be helped on the caller's graph.
    """

    def train(path: Path | None) -> list[Any]:
        loop = Loop(kind)
        calls: list[int] = []
        states: list[Tensor] = []
        hooks: dict[str, Callable[[Tensor], Any]] = {
            "retained": lambda g: None,
            "noisy": lambda g: g + torch.randn_like(g),
        }

        def each(state: Tensor) -> None:
            state.register_hook(hooks[how])  # type: ignore[no-untyped-call]
            if how == "retained":
                state.retain_grad()
                states.append(state)

        with loop.watch(path) if path else nullcontext():
            for _ in range(3):
                loop.optimizer.zero_grad()
                outputs = loop.model(batch(), each)
                if how == "retained":
                    outputs.retain_grad()
                    states.append(outputs)
                outputs.square().mean().backward()
                loop.optimizer.step()
        grads = [None if s.grad is None else s.grad.tolist() for s in states]
        return [len(calls), grads, [p.tolist() for p in loop.model.parameters()]]

    assert train(tmp_path / "run") == train(None)


@pytest.mark.parametrize("kind", ["gru", "gru cell", "own"])
def test_a_watched_model_can_be_saved_and_copied(kind: str, run_path: Path) -> None:
    """As a whole, as checkpoints are; and a copy, which is another model, is not observed."""
    loop = Loop(kind)
    with loop.watch(run_path):
        square(loop.model, batch()).backward()
        loop.optimizer.step()
        file = io.BytesIO()
        torch.save(loop.model, file)
        twin = copy.deepcopy(loop.model)
        for _ in range(3):
            square(twin, batch(4, 9)).backward()
        square(loop.model, batch()).backward()
        loop.optimizer.step()
        copy.deepcopy(loop.optimizer)
        torch.save(loop.optimizer, io.BytesIO())
    file.seek(0)
    again = torch.load(file, weights_only=False)
    for other in (again, twin):
        left = [h for m in other.modules() for h in (*m._forward_hooks.values(),
                                                     *m._forward_pre_hooks.values())]  # fmt: skip
        assert all(isinstance(hook.__self__, nullcontext) for hook in left)  # does nothing
        square(other, batch())
    run = Run(run_path)
    assert len(run["loss"]) == 2
    assert run.profile("reach").widths.tolist() == [6, 6]


# -- nothing is left ------------------------------------------------------------------------


def traces(loop: Loop) -> list[Any]:
    """Everything that a watch might leave behind."""
    names = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks",
             "_forward_hooks_with_kwargs", "_forward_pre_hooks_with_kwargs")  # fmt: skip
    found: list[Any] = [len(getattr(m, n)) for m in loop.model.modules() for n in names]
    found += [len(getattr(modules, f"_global{n}", ())) for n in names]
    found += [len(loop.optimizer._optimizer_step_pre_hooks)]
    found += [len(loop.optimizer._optimizer_step_post_hooks)]
    return [*found, torch.autograd.backward, Tensor.backward, GradScaler.scale, GradScaler.step]


@pytest.mark.some(2)
@pytest.mark.parametrize("kind", ["gru", "lstm cell", "own", "attention"])
def test_no_hook_is_left(kind: str, tmp_path: Path) -> None:
    """After the ``with``, after ``close()``, after an exception, which the run tells of."""
    loop = Loop(kind)
    before = traces(loop)

    def fail() -> None:
        with loop.watch(tmp_path / "failed"):
            square(loop.model, batch()).backward()
            raise KeyError("of the loop's own")

    with loop.watch(tmp_path / "with"):
        assert traces(loop) != before
        square(loop.model, batch()).backward()
        loop.optimizer.step()
    assert traces(loop) == before
    monitor = loop.watch(tmp_path / "close")
    square(loop.model, batch()).backward()
    monitor.close()
    monitor.close()
    assert traces(loop) == before
    with pytest.raises(KeyError):
        fail()
    assert traces(loop) == before
    failed = Run(tmp_path / "failed")
    assert failed.status == "failed"
    assert failed.info["reason"] == "KeyError: \"'of the loop's own'\"".replace("\"'", "\"", 1).replace("'\"", "\"", 1)  # fmt: skip # noqa: E501
    assert len(failed["loss"]) == 1
    assert failed.end_reason == "error"
    ended = {(run.status, run.end_reason) for run in (Run(tmp_path / n) for n in ("with", "close"))}
    assert ended == {("finished", "completed")}


@pytest.mark.parametrize("probe", ["backward_ended", "states"])
def test_a_probe_that_fails_is_switched_off(
    probe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One warning; training and all the other signals go on."""

    def train(path: Path | None) -> list[Any]:
        loop = Loop("gru")
        with loop.watch(path) if path else nullcontext():
            for _ in range(5):
                loop.optimizer.zero_grad()
                square(loop.model, batch()).backward()
                loop.optimizer.step()
        return [p.tolist() for p in loop.model.parameters()]

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("probe bug")

    monkeypatch.setattr(FusedReader, probe, broken)
    assert train(tmp_path / "run") == train(None)
    assert caplog.text.count("failed and is switched off") == 1
    run = Run(tmp_path / "run")
    for name in ("loss", "grad_norm", "lr", "seq_len", "weight_norm/head.bias"):
        assert len(run[name]) == 5, name
    assert ("reach" in run) == (probe != "backward_ended")
    assert ("hidden_norm_mean" in run) == (probe != "states")


@pytest.mark.parametrize("first", [0, 1])
def test_two_watches_of_one_model(first: int, tmp_path: Path) -> None:
    """Closed in either order, both have seen the same, and nothing is left."""
    loop = Loop("lstm")
    before = traces(loop)
    monitors = [loop.watch(tmp_path / name) for name in "ab"]
    for _ in range(3):
        loop.optimizer.zero_grad()
        square(loop.model, batch()).backward()
        loop.optimizer.step()
    monitors[first].close()
    square(loop.model, batch()).backward()
    loop.optimizer.step()
    monitors[1 - first].close()
    assert traces(loop) == before
    one, other = (monitors[i].run for i in (first, 1 - first))
    assert one is not None
    assert other is not None
    assert len(one["loss"]) == 3
    assert len(other["loss"]) == 4
    for name in ("loss", "grad_norm", "reach", "grad_time"):
        assert one[name].tolist() == other[name][:3].tolist(), name


def test_what_somebody_else_wrapped_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In between: neither undone by closing, nor in the way of the next."""
    loop = Loop("gru")
    original, calls = torch.autograd.backward, []

    def train() -> None:
        loop.optimizer.zero_grad()
        square(loop.model, batch()).backward()
        loop.optimizer.step()

    with loop.watch(tmp_path / "a"):
        ours = torch.autograd.backward

        def theirs(*args: Any, **named: Any) -> None:
            calls.append(1)
            ours(*args, **named)

        monkeypatch.setattr(torch.autograd, "backward", theirs)
        train()
    train()
    assert torch.autograd.backward is theirs
    with loop.watch(tmp_path / "b"):
        train()
        train()
    assert torch.autograd.backward is theirs
    monkeypatch.undo()
    train()
    with loop.watch(tmp_path / "c"):
        train()
    torch.autograd.backward = original
    assert len(calls) == 4
    assert [len(Run(tmp_path / name)["loss"]) for name in "abc"] == [1, 2, 1]


# -- nothing is held ------------------------------------------------------------------------


class Token:
    """Lives as long as its node of the graph."""


class Mark(torch.autograd.Function):
    """The identity, which tells when its node is gone."""

    tokens: list[weakref.ref[Token]] = []  # noqa: RUF012

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.token = Token()
        Mark.tokens.append(weakref.ref(ctx.token))
        return x.clone()

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:
        return g

    @staticmethod
    def begin() -> None:
        Mark.tokens.clear()
        gc.freeze()  # a collection need not go through all that has been imported

    @staticmethod
    def alive() -> int:
        gc.collect()
        return sum(token() is not None for token in Mark.tokens)


class Head(nn.Module):
    """A module of the user's own that holds no state."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 1)

    def forward(self, x: Tensor) -> Any:
        return torch.tanh(self.linear(x))


class Marked(nn.Module):
    """A model with a mark at the root of its graph."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(3))
        self.inner: Any = make(kind.removesuffix(" and head"))
        if kind.endswith("head"):
            self.inner.head = Head()

    def forward(self, x: Tensor) -> Any:
        return self.inner(Mark.apply(x * self.scale))  # type: ignore[no-untyped-call]


GRAPHS = (
    "gru",
    "by step",
    "masked",
    "lstm cell",
    "own",
    "attention",
    "gru and head",
    "gru cell and head",
)


@pytest.mark.some(2)
@crossed("kind,every", GRAPHS, [1, 1000], together=1)
def test_no_graph_is_held(kind: str, every: int, run_path: Path) -> None:
    """When the loop lets go of it, after a step, sampled or not, the graph is gone."""
    model = Marked(kind)
    optimizer = SGD(model.parameters(), lr=0.1)
    Mark.begin()
    with watch(model, optimizer, run_path, every=every):
        for _ in range(2):
            optimizer.zero_grad()
            loss = square(model, torch.randn(4, 6, 3))
            loss.backward()
            optimizer.step()
            assert Mark.tokens[-1]() is not None
            del loss
            assert Mark.alive() == 0
    assert len(Mark.tokens) == 2


@pytest.mark.parametrize(
    "kind",
    [pytest.param(k, marks=pytest.mark.long if i % 2 else ()) for i, k in enumerate(GRAPHS)],
)
def test_no_graph_is_held_without_a_backward(kind: str, run_path: Path) -> None:
    """Forward passes with gradients that nobody asks for: a validation without ``no_grad``.

    Of a pass that is not sampled nothing is held; of a sampled one, twice what a step needs.
    """
    model = Marked(kind)
    optimizer = SGD(model.parameters(), lr=0.1)
    Mark.begin()
    with watch(model, optimizer, run_path, every=1):
        square(model, torch.randn(4, 6, 3)).backward()
        optimizer.step()
        for _ in range(5):
            outputs = model(torch.randn(4, 6, 3))
            del outputs
        assert Mark.alive() <= 2
    assert Mark.alive() == 0


# -- and little is needed -------------------------------------------------------------------


def peak(make: Callable[[], nn.Module], x: Tensor, path: Path | None, every: Any) -> int:
    """The most bytes that a short training has allocated at a time."""
    torch.manual_seed(0)
    gc.freeze()  # what is freed later on would count as less
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as trace:
        model = make()
        optimizer = SGD(model.parameters(), lr=0.1)
        with watch(model, optimizer, path, every=every) if path else nullcontext():
            for _ in range(3):
                optimizer.zero_grad()
                square(model, x).backward()
                optimizer.step()
    assert trace.profiler is not None
    events: list[Any] = trace.profiler.kineto_results.events()
    sizes = [event.nbytes() for event in events if event.name() == "[memory]"]
    return int(np.cumsum(sizes).max())


class Wide(nn.Module):
    """An LSTM whose activations dominate, or an embedding that does."""

    def __init__(self, words: int = 0) -> None:
        super().__init__()
        self.into = nn.Embedding(words, 64) if words else nn.Identity()
        self.rnn = nn.LSTM(64, 48, batch_first=True)

    def forward(self, x: Tensor) -> Any:
        return self.rnn(self.into(x))[0]


class WideLoop(nn.Module):
    """A loop over a cell, whose states are nearly all that training keeps."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.cell: nn.RNNCellBase = getattr(nn, f"{kind}Cell")(2, 128)

    def forward(self, x: Tensor) -> Any:
        state = None
        for step in x.unbind(1):
            state = self.cell(step, state)
        return state[0] if isinstance(state, tuple) else state


@crossed("case,every", ["wide batch", "narrow batch", "many words"], ["auto", 1], together=1)
def test_memory_is_nearly_what_training_needs(case: str, every: Any, run_path: Path) -> None:
    """The peak, with default settings and with every iteration sampled."""
    words = 20_000 if case == "many words" else 0
    shape = {"wide batch": (64, 40), "narrow batch": (8, 200), "many words": (8, 10)}[case]
    x = torch.randint(0, 9, shape) if words else torch.randn(*shape, 64)
    plain = peak(lambda: Wide(words), x, None, every)
    assert plain > 5_000_000
    assert peak(lambda: Wide(words), x, run_path, every) <= 1.1 * plain


@pytest.mark.parametrize(
    "kind", ["LSTM", *(pytest.param(kind, marks=pytest.mark.long) for kind in ("RNN", "GRU"))]
)
def test_memory_of_a_loop_over_cells_too(kind: str, run_path: Path) -> None:
    x = torch.randn(64, 50, 2)
    plain = peak(lambda: WideLoop(kind), x, None, 1)
    assert peak(lambda: WideLoop(kind), x, run_path, 1) <= 1.1 * plain


# -- when a sample is taken -----------------------------------------------------------------


@pytest.mark.some(5)
@pytest.mark.parametrize("budget", [0.002, 0.01, 0.1])
@pytest.mark.parametrize("cost", [0.01, 0.5, 3.0, 20.0, 1e4])
def test_samples_keep_to_their_budget(budget: float, cost: float) -> None:
    """Iterations of about a second: the share is kept, unless that were rarer than 1 in 1000."""
    random.seed(0)
    sampler = Sampler("auto", budget)
    sampled, spent, passed, count = [], [], 0.0, 12_000
    for i in range(count):
        if sampler.due(i):
            sampled.append(i)
            spent.append(cost * (10 if not sampled[1:] else random.uniform(0.7, 1.3)))
            sampler.sampled(i, spent[-1])
        seconds = random.uniform(0.5, 1.5)
        sampler.passed(seconds)
        passed += seconds
    assert sampled[:2] == [0, 5]
    gaps = np.diff([*sampled, count])
    assert gaps.max() <= RARELY
    if cost > budget * RARELY * 1.5:
        late = [at for at in sampled if at > RARELY]  # before, there are a few while they double
        assert set(np.diff(late)) == {RARELY}
        assert len(sampled) - len(late) <= 6
    elif cost < budget * RARELY * 0.7:
        assert sum(spent[2:]) <= budget * passed + cost
        if cost > 10 * budget:  # else every iteration could be afforded
            assert sum(spent[2:]) >= 0.8 * budget * passed - cost


@pytest.mark.parametrize(
    ("cost", "sampled"),
    [
        (3.0, [0, 5, 128, 256, 512]),  # of which a second is earned per hundred iterations
        (6.0, [0, 5, 155, 310, 620]),  # four budgets of 150 seconds
        (30.0, [0, 5]),
    ],
)
def test_a_short_run_has_samples_that_double(cost: float, sampled: list[int]) -> None:
    """Though it has not earned them: else it shows its first iterations alone."""
    sampler, found = Sampler("auto", 0.01), []
    for i in range(750):
        if sampler.due(i):
            found.append(i)
            sampler.sampled(i, cost)
        sampler.passed(1.0)
    assert found == sampled


@pytest.mark.parametrize(
    ("observed", "share"),
    [(0.0, 0.01), (0.005, 0.01), (0.01, 0.01), (0.015, 0.005), (0.0175, 0.0025), (0.5, 0.0025)],
)
def test_samples_leave_room_for_what_observes_every_iteration(
    observed: float, share: float
) -> None:
    """Iterations of 1 s, of which ``observed`` is ours; a sample costs 0.1 s, a budget is 1 %."""
    sampler, sampled = Sampler("auto", 0.01), 0
    for i in range(4_000):
        if sampler.due(i):
            sampler.sampled(i, 0.1)
            sampled += 1
        sampler.passed(1.0, observed)
    assert sampled == pytest.approx(4_000 * share / 0.1, abs=5)


def test_observing_costs_samples_where_it_takes_long(
    run_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forwards that it takes 3 % of an iteration to observe: a quarter of the samples is left."""

    def taken(*, slow: bool) -> int:
        def waits(*_: Any) -> None:
            clock.now += 0.03 * slow

        def replayed(*args: Any, **named: Any) -> Any:
            clock.now += 0.25
            return original(*args, **named)

        original = FusedReader.backward_ended
        with monkeypatch.context() as patched:
            patched.setattr(HiddenState, "on_forward_end", waits)
            patched.setattr(FusedReader, "backward_ended", replayed)
            model = nn.GRU(1, 1)
            optimizer = SGD(model.parameters(), lr=0.1)
            path = run_path.with_name(f"{run_path.name}-{slow}")
            with watch(model, optimizer, path):
                for _ in range(300):
                    optimizer.zero_grad()
                    model(torch.ones(2, 1, 1))[0].sum().backward()
                    clock.now += 1.0
                    optimizer.step()
        return Run(path).profile("reach").iterations.size

    usual = taken(slow=False)
    assert usual == pytest.approx(2 + 300 * 0.01 / 0.25, abs=2)
    assert taken(slow=True) == pytest.approx(2 + (usual - 2) / 4, abs=1)


def test_auto_keeps_to_its_budget(
    run_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A replay that takes half a second, in iterations of a twentieth."""
    replayed = FusedReader.backward_ended

    def slow(*args: Any, **named: Any) -> Any:
        clock.now += 0.5
        return replayed(*args, **named)

    monkeypatch.setattr(FusedReader, "backward_ended", slow)
    model = nn.GRU(1, 1)
    optimizer = SGD(model.parameters(), lr=0.1)
    with watch(model, optimizer, run_path, budget=0.2):
        for _ in range(400):
            optimizer.zero_grad()
            model(torch.ones(2, 1, 1))[0].sum().backward()
            optimizer.step()
            clock.now += 0.05
    sampled = Run(run_path).profile("reach").iterations.tolist()
    assert sampled[:2] == [0, 5]
    assert set(np.diff(sampled[1:])) <= {50, 51}  # 0.5 / (0.2 · 0.05)


def test_what_gathering_costs_is_counted(
    run_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module that is called once a step: to gather its states belongs to the sample."""
    called = SteppedReader.called

    def slow(*args: Any) -> None:
        clock.now += 0.1
        called(*args)

    monkeypatch.setattr(SteppedReader, "called", slow)
    model = make("gru cell")
    optimizer = SGD(model.parameters(), lr=0.1)
    with watch(model, optimizer, run_path, budget=0.1):
        for _ in range(300):
            optimizer.zero_grad()
            square(model, torch.randn(2, 5, 3)).backward()
            optimizer.step()
            clock.now += 0.05
    assert len(Run(run_path).profile("reach").iterations) <= 2 + 300 * 0.05 * 0.1 / 0.5


# -- in company -----------------------------------------------------------------------------


def train_compiled(kind: str, backend: str, path: Path | None = None, when: str = "") -> list[Any]:
    """Losses and parameters of a compiled model, or of a compiled step, that is watched or not."""
    torch._dynamo.reset()
    torch.manual_seed(0)
    model = make("gru cell" if kind == "step" else kind)
    optimizer = SGD(model.parameters(), lr=0.1)
    data = [torch.randn(4, 3, 3) for _ in range(5)]
    before = watch(model, optimizer, path) if path and when == "before" else None
    compiled: Any = torch.compile(model, backend=backend)

    def step(x: Tensor) -> Any:
        optimizer.zero_grad()
        loss = (model if kind == "step" else compiled)(x).square().mean()
        loss.backward()
        optimizer.step()
        return loss.detach()

    if kind == "step":
        step = torch.compile(step, backend=backend)
    losses = [step(data[0])] if when == "late" else []
    after = watch(compiled, optimizer, path) if path and when != "before" else None
    losses += [step(x) for x in data[len(losses) :]]
    for monitor in (before, after):
        if monitor:
            monitor.close()
    return [[loss.item() for loss in losses], [p.tolist() for p in model.parameters()]]


CELLS_COMPILED = {
    ("gru cell", "before"), ("gru cell", "late"), ("own", "after"),
}  # fmt: skip
"""Of modules that are called once a step, what each run tries; the others at length."""


@functools.cache
def unwatched(kind: str, backend: str) -> list[Any]:
    return train_compiled(kind, backend)


@pytest.mark.some(2)
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("kind", "when"),
    [
        *itertools.product(["lstm"], ["before", "after", "late"]),
        ("step", "before"),
        *(pytest.param("step", when, marks=pytest.mark.long) for when in ("after", "late")),
        *(
            pytest.param(
                kind, when, marks=() if (kind, when) in CELLS_COMPILED else pytest.mark.long
            )
            for kind in ("gru cell", "own")
            for when in ("before", "after", "late", "before inductor")
        ),
        ("lstm", "before inductor"),
    ],
)
def test_a_compiled_model(
    kind: str, when: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Watched before compiling, after it, after its first run; or the whole step compiled.

    A fused layer runs as it is, and is measured. Of a cell inside a graph that was compiled
    nothing is promised but that training is the same, and that the scalars are there.
    """
    backend = "inductor" if "inductor" in when else "eager"
    if backend == "inductor" and not which("g++"):
        pytest.skip("inductor needs a C++ compiler, and there is none")
    when = when.split()[0]
    watched = train_compiled(kind, backend, tmp_path / "run", when)
    assert watched == unwatched(kind, backend)
    assert not [record for record in caplog.records if record.name == "backsight"]
    run = Run(tmp_path / "run")
    losses = watched[0][1:] if when == "late" else watched[0]
    for name in ("loss", "grad_norm", "lr"):
        assert run.series(name).iterations.tolist() == list(range(len(losses))), name
    np.testing.assert_allclose(run["loss"], losses, 1e-6)
    if kind == "lstm" and when != "late":
        assert {"reach/rnn.l0", "grad_time/rnn.l0", "hidden_norm_mean/rnn.l0"} <= set(run.names)


@pytest.mark.parametrize("kind", ["gru", "gru cell"])
def test_functional_transforms(kind: str, run_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """``torch.func`` calls the model with tensors that have no storage."""
    loop = Loop(kind)
    for net in (loop.model, loop.twin):
        net.eval()
    with loop.watch(run_path):
        for _ in range(3):
            x = batch()

            def loss_of(parameters: Any, x: Tensor = x) -> Any:
                return torch.func.functional_call(loop.model, parameters, (x,)).square().mean()

            expected = torch.func.grad(loss_of)(dict(loop.model.named_parameters()))
            loop.probe(square, x)
            loop.optimizer.zero_grad()
            loss = square(loop.model, x)
            loss.backward()
            loop.book(loss=loss.item())
            for name, parameter in loop.model.named_parameters():
                torch.testing.assert_close(parameter.grad, expected[name])
            loop.optimizer.step()
    loop.check(run_path, calls=2)
    assert "switched off" not in caplog.text


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_workers_that_load_data(tmp_path: Path) -> None:
    """Forked in the middle of it."""

    def train(path: Path | None) -> list[Any]:
        loop = Loop("lstm")
        data = torch.utils.data.TensorDataset(batch(16, 6))
        loader = torch.utils.data.DataLoader(
            data, batch_size=4, shuffle=True, num_workers=2, multiprocessing_context="fork"
        )
        with loop.watch(path) if path else nullcontext():
            for _ in range(2):
                for (x,) in loader:
                    loop.optimizer.zero_grad()
                    square(loop.model, x).backward()
                    loop.optimizer.step()
        return [p.tolist() for p in loop.model.parameters()]

    assert train(tmp_path / "run") == train(None)
    run = Run(tmp_path / "run")
    assert run.status == "finished"
    assert len(run["loss"]) == run.iterations == 8


def train_in_threads(folder: str, count: int) -> None:
    """Each trains and watches a model of its own."""

    def train(number: int) -> None:
        loop = loops[number]
        with loop.watch(Path(folder) / f"{number}"):
            for x in data[number]:
                loop.optimizer.zero_grad()
                square(loop.model, x).backward()
                loop.optimizer.step()

    loops = [Loop("lstm") for _ in range(count)]
    data = [[batch(4, 20) for _ in range(40)] for _ in range(count)]
    threads = [threading.Thread(target=train, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize("count", [pytest.param(1, marks=pytest.mark.long), 2])
def test_threads(count: int, tmp_path: Path) -> None:
    """In a process of its own, which may die of it."""
    code = f"from tests.test_watch_trace import *; train_in_threads({str(tmp_path)!r}, {count})"
    done = processes.run([sys.executable, "-c", code], cwd=processes.ROOT)
    assert done.returncode == 0, done.stderr[-2000:]
    assert not done.stderr
    for number in range(count):
        run = Run(tmp_path / f"{number}")
        for name in ("loss", "grad_norm", "hidden_norm_mean"):
            assert run.series(name).iterations.tolist() == list(range(40)), name
        assert run.profile("reach").widths.tolist() == [20] * 40


def test_only_the_first_process_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of those that train together."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RANK", "1")
    loop = Loop("gru")
    with watch(loop.model, loop.optimizer) as monitor:
        for _ in range(3):
            loop.optimizer.zero_grad()
            square(loop.model, batch()).backward()
            monitor.log(loss=1.0)
            with monitor.paused():
                loop.model(batch())
            loop.optimizer.step()
        assert monitor.run is None
    assert list(tmp_path.iterdir()) == []


def test_the_run_has_a_name_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the model, and numbered."""
    monkeypatch.chdir(tmp_path)
    loop = Loop("gru")
    for number in (1, 2):
        with watch(loop.model, loop.optimizer, config={"seed": 3}) as monitor:
            square(loop.model, batch()).backward()
            loop.optimizer.step()
            monitor.collect()
            assert monitor.run is not None
            assert monitor.run.status == "running"
        run = Run(Path("runs") / f"fused-{number}")
        assert run.status == "finished"
        assert run.iterations == 1
        assert run.info["config"].items() >= {"seed": 3, "every": "auto", "budget": 0.01}.items()
        (event,) = run.events("models")
        body = event.body["model"]
        assert body["class"] == "Fused"
        assert body["parameters"] == sum(p.numel() for p in loop.model.parameters())
        assert list(body["recurrent"]) == ["rnn"]


# -- what makes no sense --------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [
        *({"every": every} for every in (0, -1, "often", 2.5, True, None)),
        *({"budget": budget} for budget in (0, 2, -0.1, math.nan)),
        *({"sequences": count} for count in (0, -1, 1.5, "all")),
        {"inputs": "embedding"},
    ],
)
def test_a_setting_that_makes_no_sense(settings: dict[str, Any], run_path: Path) -> None:
    """Is said before a folder is made."""
    loop = Loop("gru")
    with pytest.raises(SettingError):
        watch(loop.model, loop.optimizer, run_path, **settings)
    assert not run_path.exists()


def test_arguments_that_are_something_else(run_path: Path) -> None:
    """Swapped, an empty list, a model, its parameters, a mixture, a name; a folder that exists."""
    loop = Loop("gru")
    model: Any = loop.model
    optimizer: Any = loop.optimizer
    before = traces(loop)
    for first, second in [
        (optimizer, model), (model, []), (model, model),
        (model, model.parameters()), (model, [optimizer, 1]), (model, "adam"),
    ]:  # fmt: skip
        with pytest.raises(SettingError):
            watch(first, second, run_path)
    assert not run_path.exists()
    loop.watch(run_path).close()
    with pytest.raises(RunError):
        loop.watch(run_path)
    assert traces(loop) == before


def test_a_model_without_time_is_said_once(
    run_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """And how to name what could be measured; training goes on."""
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    optimizer = SGD(model.parameters(), lr=0.1)
    with watch(model, optimizer, run_path):
        for i in range(20):
            optimizer.zero_grad()
            square(model, torch.randn(4, 3)).backward()
            optimizer.step()
            assert i > 8 or "no recurrent" not in caplog.text
    assert caplog.text.count("no recurrent layer found in Sequential") == 1
    assert "Sequential is given (4, 3), and no module makes a batch of sequences" in caplog.text
    assert len(Run(run_path)["loss"]) == 20


# -- at the edges ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["gru", "lstm", "gru cell"])
def test_one_step_is_a_sequence(kind: str, run_path: Path) -> None:
    """``T = 1``."""
    loop = Loop(kind)
    x = batch(4, 1)
    loop.twin.load_state_dict(loop.model.state_dict())
    (expected,) = probe(loop.twin, lambda: square(loop.twin, x)).values()
    with loop.watch(run_path):
        square(loop.model, x).backward()
        loop.optimizer.step()
    run = Run(run_path)
    assert run["reach"].tolist() == [[1.0]]
    np.testing.assert_allclose(run["grad_time"], [expected.grad_time], 1e-12)
    assert run["seq_len"].tolist() == [1.0]


@pytest.mark.parametrize("kind", ["own", "gru cell", "attention"])
def test_steps_and_elements_of_whatever_has_a_time_axis(kind: str, run_path: Path) -> None:
    """Of a user's own module from the first iteration on, which it is not known to be before."""
    loop = Loop(kind)
    with loop.watch(run_path, every=2) as monitor:
        for steps in (5, 7, 6):
            loop.optimizer.zero_grad()
            square(loop.model, batch(4, steps)).backward()
            loop.optimizer.step()
    assert monitor.seen.recurrent
    run = Run(run_path)
    assert run["seq_len"].tolist() == [5, 7, 6]
    assert np.isfinite(run["tokens_per_second"]).all()
    assert (run["tokens_per_second"] > 0).all()


@pytest.mark.parametrize("kind", ["lstm", "gru cell"])
def test_an_empty_batch_costs_only_itself(
    kind: str, run_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """PyTorch allows it: a filter that left nothing."""
    loop = Loop(kind)
    loop.model.eval()
    with loop.watch(run_path):
        for i in range(4):
            loop.optimizer.zero_grad()
            loss = loop.model(batch(0 if i == 1 else 4, 5)).square().sum()
            loss.backward()
            loop.optimizer.step()
            loop.book(loss=loss.item())
    run = loop.check(run_path)
    for name in ("reach", "hidden_norm", "grad_time"):
        assert {0, 2, 3} <= set(run.profile(name).iterations.tolist()), name
    assert "switched off" not in caplog.text


@pytest.mark.parametrize("kind", ["tanh", "lstm", "gru cell"])
def test_a_nan_is_recorded_as_one(kind: str, run_path: Path) -> None:
    """Never dropped: in the loss, the norms and the profiles."""
    loop = Loop(kind)
    loop.model.eval()
    with loop.watch(run_path):
        for i in range(3):
            x = batch()
            x[1, 3, 0] = math.nan if i == 2 else 0
            loop.optimizer.zero_grad()
            square(loop.model, x).backward()
            loop.optimizer.step()
    run = Run(run_path)
    for name in ("loss", "grad_norm", "half_life", "horizon", "growth_rate", "update_ratio"):
        name = "update_ratio/head.bias" if name == "update_ratio" else name
        assert np.isnan(run[name]).tolist() == [False, False, True], name
    for name in ("reach", "grad_time", "hidden_norm"):
        assert np.isfinite(run[name]).all(1).tolist() == [True, True, False], name


@pytest.mark.parametrize("kind", ["gru", "gru cell"])
def test_a_layer_that_the_loss_does_not_read(
    kind: str, run_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Everything but the gradient through time, of which there is none."""
    loop = Loop(kind)
    model: Any = loop.model
    with loop.watch(run_path):
        for _ in range(3):
            loop.optimizer.zero_grad()
            model(batch())
            loss = model.head.bias.square().sum()
            loss.backward()
            loop.book(loss=loss.item(), grad_norm=loop.gradient, seq_len=6)
            loop.optimizer.step()
    run = loop.check(run_path)
    assert not any(name.startswith(("reach", "grad_time", "half_life")) for name in run.names)
    assert "switched off" not in caplog.text


def test_backward_is_never_called(run_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A step without gradients is an iteration without a loss."""
    loop = Loop("gru")
    with loop.watch(run_path):
        for _ in range(3):
            loop.model(batch())
            loop.optimizer.step()
            loop.book(lr=0.1, seq_len=6)
    run = loop.check(run_path)
    assert len(run["hidden_norm_mean"]) == 3
    assert "loss" not in run
    assert "switched off" not in caplog.text


@pytest.mark.parametrize("kind", ["gru", "gru cell"])
def test_a_model_that_stays_in_eval_mode(kind: str, run_path: Path) -> None:
    """Is training all the same."""
    loop = Loop(kind)
    for net in (loop.model, loop.twin):
        net.eval()
    with loop.watch(run_path):
        for _ in range(3):
            x = batch()
            loop.probe(square, x)
            loop.optimizer.zero_grad()
            loss = square(loop.model, x)
            loss.backward()
            loop.optimizer.step()
            loop.book(loss=loss.item(), seq_len=6)
    loop.check(run_path)
