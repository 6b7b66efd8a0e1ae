"""Observing harms no script: whatever it does, and whatever of its own it defines."""

# Of PyTorch's functions many are untyped, and a script's models are put together as they run.
# mypy: disable-error-code="no-untyped-call, method-assign, no-any-return, index, arg-type"

import contextlib
import copy
import functools
import gc
import io
import itertools
import pickle
import sys
import threading
from collections import UserDict, defaultdict, namedtuple
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
import torch
import torch.utils.checkpoint
from torch import Tensor, nn
from torch.nn.utils import parametrizations
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

import backsight
from backsight.monitor import ProcessMonitor
from backsight.signals import Recorder, Run
from tests import processes
from tests.unharmed import HOWS, Scene, Watching, has_reach, same_everywhere, train

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)

Log = pytest.LogCaptureFixture


def cases(each: Iterable[tuple[Any, ...]], short: Callable[..., bool]) -> list[Any]:
    """Those that are not ``short`` are for a long test."""
    marks = {True: (), False: pytest.mark.long}
    return [pytest.param(*one, marks=marks[bool(short(*one))]) for one in each]


class Net(nn.Module):
    """A fused layer between two others."""

    def __init__(self) -> None:
        super().__init__()
        self.embed: Any = nn.Linear(3, 3)
        self.rnn: Any = nn.LSTM(3, 4)
        self.head = nn.Linear(4, 1)

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.head(self.rnn(self.embed(x))[0]))


class Loop(nn.Module):
    """A loop over a cell."""

    def __init__(self) -> None:
        super().__init__()
        self.cell: Any = nn.GRUCell(3, 4)
        self.head = nn.Linear(4, 1)

    def forward(self, x: Tensor) -> Tensor:
        h, out = x.new_zeros(x.shape[1], 4), []
        for step in x:
            h = self.cell(step, h)
            out.append(h)
        return cast(Tensor, self.head(torch.stack(out)))


class Step(nn.Module):
    """A module of the user's own that is called once a step."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(7, 4)

    def forward(self, x: Tensor, h: Tensor) -> Any:
        return torch.tanh(self.linear(torch.cat([x, h], -1)))


def batch() -> Tensor:
    return torch.randn(6, 2, 3)


def loss_of(model: nn.Module) -> Tensor:
    return cast(Tensor, model(batch()).square().mean())


def learn(model: nn.Module, optimizer: torch.optim.Optimizer | None = None) -> Tensor:
    """One iteration, without the step where there is no optimizer."""
    loss: Any = loss_of(model)
    loss.backward()
    if optimizer is not None:
        optimizer.step()
        optimizer.zero_grad()
    return cast(Tensor, loss)


# -- PyTorch's own eyes -----------------------------------------------------------------------

Aside = Callable[[Any], Iterator[Any]]
ASIDES: dict[str, Aside] = {}
"""What a script does with its model between two iterations."""


def aside(what: Aside) -> Aside:
    ASIDES[what.__name__] = what
    return what


def saved(save: Callable[[Any], object]) -> tuple[bool, int]:
    """Whether we are in it, and how long it is."""
    file = io.BytesIO()
    save(file)
    return b"backsight" in file.getvalue(), len(file.getvalue())


@aside
def traced(model: Any) -> Iterator[Any]:
    made = torch.jit.trace(model, (batch(),))
    yield str(made.graph), made(batch())
    yield saved(lambda file: torch.jit.save(made, file))[0]


@aside
def scripted(model: Any) -> Iterator[Any]:
    made = torch.jit.script(model.rnn if isinstance(model, Net) else model.cell)
    yield str(made.graph)
    yield saved(lambda file: torch.jit.save(made, file))[0]


@aside
def exported(model: Any) -> Iterator[Any]:
    made = torch.export.export(model, (batch(),), strict=False)
    yield str(made.graph), made.module()(batch())
    yield saved(lambda file: torch.export.save(made, file))


@aside
def exported_by_dynamo(model: Any) -> Iterator[Any]:
    yield str(torch.export.export(model, (batch(),), strict=True).graph)


@aside
def func_grad(model: Any) -> Iterator[Any]:
    parameters, x = dict(model.named_parameters()), batch()

    def loss(named: Any) -> Tensor:
        found: Tensor = torch.func.functional_call(model, named, (x,)).square().mean()
        return found

    yield torch.func.grad(loss)(parameters)


@aside
def func_vmap(model: Any) -> Iterator[Any]:
    yield torch.func.vmap(model)(torch.randn(3, 6, 2, 3))  # an LSTM raises, and does so plain


@aside
def functional_call(model: Any) -> Iterator[Any]:
    others = {n: (p.detach() * 1.1).requires_grad_() for n, p in model.named_parameters()}
    torch.func.functional_call(model, others, (batch(),)).square().mean().backward()
    yield [p.grad for p in others.values()]


@aside
def symbolic_trace(model: Any) -> Iterator[Any]:
    made = torch.fx.symbolic_trace(model)  # a loop over an input raises, and does so plain
    yield str(made.graph), made(batch())


@aside
def flops(model: Any) -> Iterator[Any]:
    optimizer = torch.optim.Adam(model.parameters())
    with FlopCounterMode(model, display=False, depth=4) as counter:
        for _ in range(2):
            learn(model, optimizer)
    yield counter.get_total_flops(), str(counter.get_flop_counts())


class EveryOperation(TorchDispatchMode):
    def __init__(self, log: list[str]) -> None:
        super().__init__()
        self.log = log

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.log.append(str(func))
        return func(*args, **(kwargs or {}))


class EveryFunction(TorchFunctionMode):
    def __init__(self, log: list[str]) -> None:
        super().__init__()
        self.log = log

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.log.append(getattr(func, "__name__", str(func)))
        return func(*args, **(kwargs or {}))


def under(mode: Callable[[list[str]], Any], model: Any) -> Iterator[Any]:
    """Around an iteration, and around each part of one alone."""
    log: list[str] = []
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for part in ("all", "all", "forward", "backward", "step"):
        where = {part: mode(log)} if part != "all" else {}
        with mode(log) if part == "all" else contextlib.nullcontext():
            with where.get("forward", contextlib.nullcontext()):
                loss: Any = loss_of(model)
            with where.get("backward", contextlib.nullcontext()):
                loss.backward()
            with where.get("step", contextlib.nullcontext()):
                optimizer.step()
        optimizer.zero_grad()
        yield loss, list(log)


@aside
def dispatch_mode(model: Any) -> Iterator[Any]:
    return under(EveryOperation, model)


@aside
def function_mode(model: Any) -> Iterator[Any]:
    return under(EveryFunction, model)


@aside
def tensor_subclass(model: Any) -> Iterator[Any]:
    log: list[str] = []

    class Mine(Tensor):
        @classmethod
        def __torch_function__(
            cls, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            log.append(getattr(func, "__name__", str(func)))
            return super().__torch_function__(func, types, args, kwargs or {})

    loss: Any = model(batch().as_subclass(Mine)).square().mean()
    loss.backward()
    yield log, type(loss) is Mine


@aside
def anomalies(model: Any) -> Iterator[Any]:
    with torch.autograd.set_detect_anomaly(True):
        yield learn(model)
        nothing: Any = (loss_of(model) * 0).sqrt() * 0
        with contextlib.suppress(RuntimeError):  # which is what it is for
            nothing.backward()
    model.zero_grad()


@aside
def a_default_device(model: Any) -> Iterator[Any]:
    x = batch()
    with torch.device("meta"):  # whatever is made without a device
        model(x).square().mean().backward()
    with torch.device("cpu"):
        yield learn(model)


@aside
def checkpointed(model: Any) -> Iterator[Any]:
    chosen = torch.utils.checkpoint.create_selective_checkpoint_contexts
    selective = functools.partial(chosen, [torch.ops.aten.mm.default])
    for settings in ({"use_reentrant": True}, {}, {"context_fn": selective}):
        x = batch().requires_grad_()
        how: Any = {"use_reentrant": False, **settings}
        loss = torch.utils.checkpoint.checkpoint(model, x, **how).square().mean()
        loss.backward()
        yield loss, x.grad


@aside
def saved_tensors(model: Any) -> Iterator[Any]:
    shapes = []

    def keep(tensor: Tensor) -> Tensor:
        shapes.append(tensor.shape)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t):
        yield learn(model), shapes


@aside
def modes(model: Any) -> Iterator[Any]:
    with torch.autocast("cpu", torch.bfloat16):
        yield learn(model)
    with torch.inference_mode():
        yield model(batch())
    with torch.profiler.profile() as profile:
        yield model(batch())
    yield len(profile.events() or ()) > 0
    yield nn.DataParallel(model)(batch())


@aside
def quantized(model: Any) -> Iterator[Any]:
    made = torch.ao.quantization.quantize_dynamic(copy.deepcopy(model), {nn.LSTM, nn.Linear})
    yield made(batch()), repr(made)


@aside
def copied(model: Any) -> Iterator[Any]:
    for one in (model, model.state_dict(), copy.deepcopy(model), copy.copy(model)):
        yield saved(functools.partial(torch.save, one))
        yield saved(functools.partial(pickle.dump, one))
    other = copy.deepcopy(model)
    yield learn(other, torch.optim.SGD(other.parameters(), lr=0.1)), other


def around(kind: type[nn.Module], what: Aside) -> Scene:
    def scene(watching: Watching) -> Iterator[Any]:
        model = kind()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        with watching(model, optimizer):
            yield learn(model, optimizer)
            try:
                yield from what(model)
            except (RuntimeError, NotImplementedError, torch.fx.proxy.TraceError) as error:
                yield error
            yield learn(model, optimizer)
        yield model

    return scene


ONCE = ("scripted", "exported", "exported_by_dynamo", "quantized", "func_vmap")
"""Of which PyTorch warns once a process."""


BOTH = ("traced", "function_mode", "checkpointed")
"""Where a loop over cells is a case of its own, whose gradients are asked for."""

SLOW = ("exported_by_dynamo",)
"""What compiles takes seconds; ``test_compiled`` goes through Dynamo as well."""


@pytest.mark.some(2)
@pytest.mark.parametrize(
    ("name", "kind"),
    cases(
        itertools.product(ASIDES, [Net, Loop]),
        lambda name, kind: (kind is Net or name in BOTH) and name not in SLOW,
    ),
)
def test_pytorch_looks_at_the_model(
    name: str, kind: type[nn.Module], tmp_path: Path, caplog: Log
) -> None:
    runs = same_everywhere(around(kind, ASIDES[name]), tmp_path, caplog, warm=name in ONCE)
    assert has_reach(runs)


@pytest.mark.some(2)
@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("counted", [FlopCounterMode, EveryOperation, EveryFunction])
def test_iterations_that_are_looked_at_count(counted: Any, how: str, tmp_path: Path) -> None:
    """They are iterations, of which nothing is measured; the monitor says whose look that was."""
    mode = FlopCounterMode(display=False) if counted is FlopCounterMode else counted([])
    with Recorder(tmp_path / "run") as recorder, contextlib.ExitStack() as stack:
        if how == "process":
            monitor: Any = ProcessMonitor(recorder, every=1)
            stack.callback(monitor.close)
        model = Net()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        if how == "watch":
            monitor = backsight.Monitor(model, optimizer, recorder, every=1, automatic=True)
            stack.callback(monitor.close)
        learn(model, optimizer)
        with mode:
            for _ in range(2):
                learn(model, optimizer)
        learn(model, optimizer)
        (one,) = [g.monitor for g in monitor._groups] if how == "process" else [monitor]
        (looks,) = one._observed.measurements.passed_over.items()
    run = Run(tmp_path / "run")
    assert looks[0].endswith(counted.__name__)
    assert looks[1] == [1, 2]
    # In a backward pass, PyTorch itself takes a function mode off.
    seen = [0, 1, 2, 3] if counted is EveryFunction else [0, 3]
    assert run.series("loss").iterations.tolist() == seen
    assert run.profile("reach").iterations.tolist() == [0, 3]
    assert run.iterations == 4


def compiled(kind: type[nn.Module], how: str, when: str, **settings: Any) -> Scene:
    """The losses, and what the compiler counts: frames, graphs, breaks and their reasons."""

    def scene(watching: Watching) -> Iterator[Any]:
        torch._dynamo.reset()
        torch._dynamo.utils.counters.clear()
        model: Any = kind()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

        def compile_it() -> Any:
            if how == "method":
                model.compile(**settings)
                return model
            if how == "module":
                return torch.compile(model, **settings)
            return torch.compile(lambda x: model(x), **settings)

        call = compile_it() if when == "before" else model
        yield learn(call, optimizer)
        with watching(call if how == "module" else model, optimizer):
            if when == "during":
                call = compile_it()
            for _ in range(2):
                yield learn(call, optimizer)
        yield learn(call, optimizer)  # what was compiled stays compiled
        yield model
        yield {name: sorted(each.items()) for name, each in torch._dynamo.utils.counters.items()}

    return scene


COMPILED = [(Loop, "module", "before"), (Net, "method", "during"), (Loop, "function", "during")]
"""Each kind, way and moment once."""


@pytest.mark.some(1)
@pytest.mark.parametrize(
    ("kind", "how", "when"),
    cases(
        itertools.product([Net, Loop], ["module", "method", "function"], ["before", "during"]),
        lambda kind, how, when: (kind, how, when) in COMPILED,
    ),
)
def test_compiled(kind: type[nn.Module], how: str, when: str, tmp_path: Path, caplog: Log) -> None:
    """Without fused layers, as one whole graph."""
    scene = compiled(kind, how, when, backend="eager", fullgraph=kind is Loop)
    same_everywhere(scene, tmp_path, caplog)


@pytest.mark.long
@pytest.mark.parametrize("backend", ["aot_eager", "inductor"])
@pytest.mark.parametrize("kind", [Net, Loop])
def test_compiled_by_other_backends(
    kind: type[nn.Module], backend: str, tmp_path: Path, caplog: Log
) -> None:
    scene = compiled(kind, "module", "before", backend=backend, fullgraph=kind is Loop)
    same_everywhere(scene, tmp_path, caplog, warm=True)


def test_watched_again_and_again_compiles_once(tmp_path: Path) -> None:
    """A compiler gives up on what it has compiled too often."""
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    model = Loop()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model.compile(backend="eager", fullgraph=True)
    for number in range(10):
        with backsight.watch(model, optimizer, tmp_path / str(number)):
            learn(model, optimizer)
        learn(model, optimizer)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 1


# -- what a user's class defines ----------------------------------------------------------------


class HostileError(Exception):
    """Raised by whatever must not be called."""


def hostile(*_: Any, **__: Any) -> Any:
    raise HostileError


NEVER = [
    "__eq__",
    "__hash__",
    "__bool__",
    "__len__",
    "__contains__",
    "__iter__",
    "__getitem__",
    "__repr__",
    "__str__",
    "__del__",
    "__dir__",
    "__reduce__",
    "__reduce_ex__",
    "__getstate__",
    "__format__",
    "parameters",
    "named_parameters",
    "modules",
    "named_modules",
    "children",
    "named_children",
    "buffers",
    "state_dict",
    "extra_repr",
    "_get_name",
    "apply",
    "register_forward_hook",
    "register_forward_pre_hook",
    "get_submodule",
    "get_parameter",
]


@pytest.mark.parametrize("names", cases([(NEVER,), *(([n],) for n in NEVER)], lambda n: n is NEVER))
def test_methods_that_must_not_be_called(names: list[str], tmp_path: Path, caplog: Log) -> None:
    """Of the model, of a module of the user's in it, of a cell, and of the optimizer."""

    ours = set(names) - {"__hash__", "__eq__", "__getstate__", "state_dict"}
    """Those that PyTorch itself does not call of an optimizer."""

    kinds: list[Any] = []

    def harmful(kind: Any, names: Iterable[str] = names) -> Any:
        kinds.append(type("Harmful", (kind,), dict.fromkeys(names, hostile)))
        return kinds[-1]

    def scene(watching: Watching) -> Iterator[Any]:
        model = Loop()
        parameters = list(model.parameters())
        for part in (model.cell, model.head, model):
            part.__class__ = harmful(type(part))
        optimizer = harmful(torch.optim.SGD, ours)
        yield from train(
            model, lambda: loss_of(model), watching, optimizer=optimizer(parameters, lr=0.1)
        )

    assert has_reach(same_everywhere(scene, tmp_path, caplog))
    if "__del__" in names:  # Python itself may call it from here on
        for kind in kinds:
            del kind.__del__


def test_a_comparison_that_builds_modules_and_runs_them(tmp_path: Path, caplog: Log) -> None:
    """As a metric's ``==`` does, which makes a new metric."""
    built = []

    class Compared(Net):
        def __eq__(self, other: object) -> Any:
            built.append(other)
            made = Net()
            made(batch())
            return made

        __hash__ = nn.Module.__hash__

    def scene(watching: Watching) -> Iterator[Any]:
        model = Compared()
        yield from train(model, lambda: loss_of(model), watching)

    assert has_reach(same_everywhere(scene, tmp_path, caplog))
    assert built == []


@pytest.mark.parametrize("kind", [Net, Step])
def test_a_tensor_of_the_users_own(kind: type[nn.Module], tmp_path: Path, caplog: Log) -> None:
    names = "__eq__", "__hash__", "__len__", "__bool__", "__iter__"
    harmful = type("Harmful", (Tensor,), dict.fromkeys(names, hostile))

    def scene(watching: Watching) -> Iterator[Any]:
        model = kind()

        def loss() -> Tensor:
            x: Any = [one.as_subclass(harmful) for one in batch().unbind()]
            h = torch.zeros(2, 4)
            if kind is Step:
                for step in x:
                    h = model(step, h)
            else:
                h = model(batch().as_subclass(harmful))
            return h.square().mean().as_subclass(Tensor)

        yield from train(model, loss, watching)

    assert has_reach(same_everywhere(scene, tmp_path, caplog))


def test_a_class_that_lies(tmp_path: Path, caplog: Log) -> None:
    """What is asked for its ``__class__`` raises: the other layers are recognised all the same."""

    def scene(watching: Watching) -> Iterator[Any]:
        model = Net()
        liar = type("Liar", (nn.Linear,), {"__class__": property(hostile)})
        model._modules["liar"] = liar(3, 3)
        yield from train(model, lambda: loss_of(model), watching)

    assert has_reach(same_everywhere(scene, tmp_path, caplog))


# -- what a module returns ------------------------------------------------------------------------


class Raising(Mapping[str, Any]):
    """Is only asked for what it holds."""

    def __init__(self, **held: Any) -> None:
        self._held = held

    def __getitem__(self, name: str) -> Any:
        return self._held[name]

    __iter__ = __len__ = values = items = hostile


class RaisingTuple(tuple[Any, ...]):
    __iter__ = __len__ = hostile


@dataclass
class Data:
    h: Tensor
    more: Any = None


Named = namedtuple("Named", "h more")


def itself(h: Tensor) -> list[Any]:
    held: list[Any] = [h]
    held.append(held)
    return held


RESULTS: dict[str, tuple[Callable[[Tensor], Any], Callable[[Any], Tensor]]] = {
    "a dict": (lambda h: {"h": h}, lambda r: r["h"]),
    "nested": (lambda h: {"a": [{"h": (h,)}]}, lambda r: r["a"][0]["h"][0]),
    "a dataclass": (lambda h: Data(h), lambda r: r.h),
    "a named tuple": (lambda h: Named(h, None), lambda r: r.h),
    "a mapping": (lambda h: UserDict(h=h), lambda r: r["h"]),
    "a mapping that raises": (lambda h: Raising(h=h), lambda r: r["h"]),
    "a tuple that raises": (lambda h: RaisingTuple([h]), lambda r: tuple.__getitem__(r, 0)),
    "a default": (lambda h: defaultdict(hostile, h=h), lambda r: r["h"]),
    "a generator": (lambda h: (one for one in [h]), next),
    "a list in itself": (itself, lambda r: r[0]),
    "deep": (
        lambda h: functools.reduce(lambda held, _: [held], range(1200), cast(Any, h)),
        lambda r: functools.reduce(lambda held, _: held[0], range(1200), r),
    ),
    "odd things": (lambda h: (h, object(), 3, "x", None), lambda r: r[0]),
    "sparse": (lambda h: (torch.eye(3).to_sparse(), h), lambda r: r[1]),
    "meta": (lambda h: (torch.empty(3, device="meta"), h), lambda r: r[1]),
    "a loss": (lambda h: (h.sum(), h), lambda r: r[1]),
    "complex": (lambda h: (h, h.to(torch.complex64)), lambda r: r[0]),
    "empty": (lambda h: (h, h[:0]), lambda r: r[0]),
}


@pytest.mark.some(2)
@pytest.mark.parametrize(
    ("how", "which"),
    cases(
        itertools.product(["own", "cell", "layer"], RESULTS),
        lambda how, which: how == "own" or which == "a dict",
    ),
)
def test_what_a_module_returns(how: str, which: str, tmp_path: Path, caplog: Log) -> None:
    """A module of the user's, a subclass of a cell, and one of a fused layer."""
    give, take = RESULTS[which]

    class OwnStep(Step):
        def forward(self, x: Tensor, h: Tensor) -> Any:
            return give(super().forward(x, h))

    class Cell(nn.GRUCell):
        def forward(self, x: Tensor, h: Any = None) -> Any:
            return give(super().forward(x, h))

    class Layer(nn.LSTM):
        def forward(self, x: Tensor) -> Any:  # type: ignore[override]
            return give(super().forward(x)[0])

    def scene(watching: Watching) -> Iterator[Any]:
        model = {"own": OwnStep, "cell": lambda: Cell(3, 4), "layer": lambda: Layer(3, 4)}[how]()

        def loss() -> Tensor:
            if how == "layer":
                return take(model(batch())).square().mean()
            h = torch.zeros(2, 4)
            for step in batch():
                h = take(model(step, h))
            return h.square().mean()

        yield from train(model, loss, watching)

    seen = has_reach(same_everywhere(scene, tmp_path, caplog))
    assert seen or (how == "own" and which in ("a generator", "a tuple that raises"))


# -- what a model is made of ----------------------------------------------------------------------

MODELS: dict[str, Callable[[], Any]] = {}


def built(make: Callable[[], Any]) -> Callable[[], Any]:
    MODELS[make.__name__] = make
    return make


class Scaling(nn.Module):
    """Has no parameters, and what it gives needs no gradient."""

    def forward(self, x: Tensor) -> Tensor:
        return (x - 1) / 2


@built
def scaled_input() -> Any:
    model = Net()
    model.embed = Scaling()
    return model


@built
def odd_parameters() -> Any:
    model = Net()
    model.register_parameter("nothing", None)
    model.register_buffer("empty", None)
    model.register_buffer("counts", torch.arange(3))
    model.whole = nn.Parameter(torch.arange(3), requires_grad=False)
    model.wave = nn.Parameter(torch.randn(4, dtype=torch.complex64))
    model.head.register_forward_hook(lambda module, args, result: result + model.wave.abs().sum())
    return model


@built
def lazy() -> Any:
    model = Net()
    model.embed = nn.LazyLinear(3)
    return model


@built
def without_init() -> Any:
    class Bare(nn.Module):
        def __init__(self) -> None:
            pass

    model = Net()
    model._modules["bare"] = Bare()
    return model


@built
def holds_itself() -> Any:
    model = Net()
    model.rnn._modules["up"] = model
    model.again = model.rnn
    return model


@built
def deep() -> Any:
    """A thousand levels, further than PyTorch's own walk gets; only the innermost is called."""
    model, inside = Net(), nn.Sequential()
    for _ in range(1000):
        inside = nn.Sequential(inside)
    vars(model)["_modules"]["deep"] = inside
    return model


@built
def by_its_forward() -> Any:
    model = Net()
    model.forward = lambda x: model.head.forward(model.rnn.forward(model.embed.forward(x))[0])
    return model


@built
def calls_itself() -> Any:
    class Layer(nn.GRU):
        def forward(self, x: Tensor, again: int = 2) -> Any:  # type: ignore[override]
            return self(x, again - 1) if again else super().forward(x)

    model = Net()
    model.rnn = Layer(3, 4)
    return model


@built
def by_another_keyword() -> Any:
    class Layer(nn.LSTM):
        def forward(self, *, sequence: Tensor, other: Any, mask: Any = None) -> Any:  # type: ignore[override]
            return super().forward(sequence + other)

    model = Net()
    model.rnn = Layer(3, 4)
    model.forward = lambda x: model.head(model.rnn(sequence=model.embed(x), other=x)[0])
    return model


@built
def own_loop() -> Any:
    """A subclass that never calls its parent's forward."""

    class Layer(nn.LSTM):
        def forward(self, x: Tensor) -> Any:  # type: ignore[override]
            hx = (x.new_zeros(1, x.shape[1], 4),) * 2
            flags = True, 1, 0.0, self.training, False, False
            output, *states = torch._VF.lstm(x, hx, self._flat_weights, *flags)
            return output, tuple(states)

    model = Net()
    model.rnn = Layer(3, 4)
    return model


@built
def parametrized() -> Any:
    """Each forward of a spectral norm changes its buffers."""
    model = Loop()
    parametrizations.spectral_norm(model.cell, "weight_hh")
    return model


@built
def weight_norm() -> Any:
    model = Net()
    parametrizations.weight_norm(model.rnn, "weight_hh_l0")
    return model


@built
def hooked() -> Any:
    model = Net()
    model.rnn.register_forward_hook(lambda module, args, result: (result[0] * 2, result[1]))
    model.rnn.register_full_backward_hook(lambda module, inward, outward: None)
    model.embed.register_forward_pre_hook(lambda module, args: (args[0] + 1,))
    return model


@pytest.mark.some(2)
@pytest.mark.parametrize("name", MODELS)
def test_what_a_model_is_made_of(name: str, tmp_path: Path, caplog: Log) -> None:
    def scene(watching: Watching) -> Iterator[Any]:
        model = MODELS[name]()
        parts = [model, *(part for part in model._modules.values() if "_parameters" in vars(part))]
        lists = [part._parameters.values() for part in parts]
        if name in ("parametrized", "weight_norm"):
            lists = [model.parameters()]
        found = {id(p): p for each in lists for p in each if p is not None}
        optimizer = torch.optim.SGD(found.values(), lr=0.1)
        with watching(model, optimizer):
            for _ in range(3):
                yield learn(model, optimizer)
        yield list(found.values()), [list(part._buffers.values()) for part in parts]

    assert has_reach(same_everywhere(scene, tmp_path, caplog))


@pytest.mark.parametrize("how", ["renamed", "deleted", "replaced"])
def test_a_layer_that_changes_while_training(how: str, tmp_path: Path, caplog: Log) -> None:
    def scene(watching: Watching) -> Iterator[Any]:
        model = Net()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        with watching(model, optimizer):
            yield learn(model, optimizer)
            if how == "renamed":
                model.other, layer = model.rnn, model.rnn
                del model.rnn
                model.forward = lambda x: model.head(layer(x)[0])
            elif how == "deleted":
                del model.embed
                model.forward = lambda x: model.head(model.rnn(x)[0])
            else:
                model.rnn = nn.GRU(3, 4)
                optimizer.add_param_group({"params": list(model.rnn.parameters())})
            for _ in range(2):
                yield learn(model, optimizer)
        yield model

    assert has_reach(same_everywhere(scene, tmp_path, caplog))


def test_a_layer_whose_result_is_its_own_costs_only_itself(tmp_path: Path, caplog: Log) -> None:
    """Never calls its parent's forward, and returns what no adapter knows."""

    class Layer(nn.LSTM):
        def forward(self, x: Tensor) -> Any:  # type: ignore[override]
            return {"states": torch.tanh(x @ self.weight_ih_l0[:4].T)}

    class Both(Net):
        def __init__(self) -> None:
            super().__init__()
            self.own = Layer(3, 4)

        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) + self.own(x)["states"].sum()

    def scene(watching: Watching) -> Iterator[Any]:
        model = Both()
        yield from train(model, lambda: loss_of(model), watching)

    runs = same_everywhere(scene, tmp_path, caplog, off="of own failed")
    assert all("reach/rnn.l0" in run for run in runs)


# -- optimizers and numbers -----------------------------------------------------------------------


class Rates(torch.optim.Optimizer):
    """Calls its learning rate something else."""

    def __init__(self, parameters: Any, lr: float) -> None:
        super().__init__(parameters, {"rate": lr})

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter -= group["rate"] * parameter.grad
        return "its own"


class Calls(torch.optim.SGD):
    """Calls its parent's step, so that PyTorch runs its hooks twice."""

    def step(self, closure: Any = None) -> Any:
        return super().step(closure)


class Asked(Calls):
    """Raises something else than an AttributeError for what it is not meant to have."""

    grad_scale = found_inf = None

    def __getattr__(self, name: str) -> Any:
        raise HostileError


@pytest.mark.some(2)
@pytest.mark.parametrize("kind", [Rates, Calls, Asked])
def test_an_optimizer_of_the_users_own(kind: Any, tmp_path: Path, caplog: Log) -> None:
    def scene(watching: Watching) -> Iterator[Any]:
        model = Net()
        optimizer = kind(list(model.parameters()), lr=0.1)
        yield from train(model, lambda: loss_of(model), watching, optimizer=optimizer)

    runs = same_everywhere(scene, tmp_path, caplog)
    for run in runs:
        assert run.series("update_ratio/head.weight").iterations.tolist() == [0, 1, 2]
        assert len(run["grad_norm_applied"]) == run.iterations == 3
        assert ("lr" in run) == (kind is not Rates)


@pytest.mark.parametrize("how", ["warn", "raise"])
def test_numbers_that_numpy_warns_of(how: Any, tmp_path: Path, caplog: Log) -> None:
    """An infinite loss: not a word of NumPy's about what we make of it."""
    np: Any = pytest.importorskip("numpy")

    def scene(watching: Watching) -> Iterator[Any]:
        model = Net()
        scaler = torch.amp.GradScaler("cpu")
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        with np.errstate(all=how), watching(model, optimizer):
            for number in range(3):
                loss = loss_of(model) * (float("inf") if number == 1 else 1)
                scaler.scale(loss).backward()
                scaler.step(optimizer)
                scaler.update()
                optimizer.zero_grad()
                yield loss, scaler.get_scale()

    assert has_reach(same_everywhere(scene, tmp_path, caplog))


def test_an_anomaly_is_the_users_to_hear_of(tmp_path: Path, caplog: Log) -> None:
    """In a loop over cells, whose gradients we ask for first; what comes after is measured."""

    def scene(watching: Watching) -> Iterator[Any]:
        model = Loop()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        with watching(model, optimizer), torch.autograd.set_detect_anomaly(True):
            yield learn(model, optimizer)
            nothing: Any = (loss_of(model) * 0).sqrt() * 0
            try:
                nothing.backward()
            except RuntimeError as error:
                yield str(error)
            optimizer.zero_grad()
            for _ in range(2):
                yield learn(model, optimizer)

    for run in same_everywhere(scene, tmp_path, caplog):
        assert len(run.profile("reach").iterations) >= 3


# -- errors ---------------------------------------------------------------------------------------


class StoppedError(BaseException):
    """Of the user's own, and no Exception."""


ERRORS = [ValueError, KeyboardInterrupt, SystemExit, StopIteration, StoppedError]


WHERE = ["module", "layer", "hook", "backward", "step", "from another"]


@pytest.mark.some(2)
@pytest.mark.parametrize(
    ("where", "error"),
    cases(
        itertools.product(WHERE, ERRORS),
        lambda where, error: error is KeyboardInterrupt or (where, error) == (WHERE[0], ValueError),
    ),
)
def test_an_error_stays_the_users(
    where: str, error: type[BaseException], tmp_path: Path, caplog: Log
) -> None:
    """Type, words, cause and traceback; what comes after is measured."""
    raising = False

    def perhaps(*_: Any) -> None:
        if raising and where == "from another":
            try:
                {}["missing"]
            except KeyError as missing:
                raise error("mine") from missing
        if raising:
            raise error("mine")

    class Backward(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            return x.clone()

        @staticmethod
        def backward(ctx: Any, gradient: Tensor) -> Tensor:
            perhaps()
            return gradient

    class Layer(nn.LSTM):
        def forward(self, x: Tensor) -> Any:  # type: ignore[override]
            if where == "layer":
                perhaps()
            return super().forward(x)

    class Raises(Scaling):
        def forward(self, x: Tensor) -> Tensor:
            if where in ("module", "from another"):
                perhaps()
            return cast(Tensor, Backward.apply(x)) if where == "backward" else x

    class Steps(torch.optim.SGD):
        def step(self, closure: Any = None) -> Any:
            if where == "step":
                perhaps()
            return super().step(closure)

    def scene(watching: Watching) -> Iterator[Any]:
        nonlocal raising
        model = Net()
        model.embed, model.rnn = nn.Sequential(nn.Linear(3, 3), Raises()), Layer(3, 4)
        if where == "hook":
            model.rnn.register_forward_hook(perhaps)
        optimizer = Steps(list(model.parameters()), lr=0.1)
        with watching(model, optimizer):
            for number in range(4):
                raising = number == 2
                try:
                    yield learn(model, optimizer)
                except error as mine:
                    yield mine
                    optimizer.zero_grad()
        yield model

    for run in same_everywhere(scene, tmp_path, caplog):
        assert len(run.profile("reach").iterations) >= 3


WRONG: list[Callable[[Any], Any]] = [
    lambda model: model(),
    lambda model: model.rnn(),
    lambda model: model.rnn("words"),
    lambda model: model.rnn(torch.zeros(6, 2, 99)),
    lambda model: model.rnn(torch.zeros(6, 2, 3), hx=3),
    lambda model: model.rnn(nonsense=3),
    lambda model: model(batch()).backward(),
    lambda model: torch.ones(1).backward(),
    lambda model: torch.autograd.backward("words"),
    lambda model: torch.autograd.backward(),  # type: ignore[call-arg]
]


def test_wrong_calls_say_what_they_say(tmp_path: Path, caplog: Log) -> None:
    def scene(watching: Watching) -> Iterator[Any]:
        model = Net()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        with watching(model, optimizer):
            yield learn(model, optimizer)
            for call in WRONG:
                try:
                    call(model)
                except Exception as error:  # noqa: BLE001 - compared
                    yield type(error), str(error)
                else:
                    raise AssertionError
            yield learn(model, optimizer)

    assert has_reach(same_everywhere(scene, tmp_path, caplog))


def test_another_thread_that_trains(tmp_path: Path, caplog: Log) -> None:
    def scene(watching: Watching) -> Iterator[Any]:
        model = Net()
        losses: list[Tensor] = []
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

        def work() -> None:
            other = copy.deepcopy(model)
            its = torch.optim.SGD(other.parameters(), lr=0.1)
            losses.extend(learn(other, its) for _ in range(3))

        with watching(model, optimizer):
            yield learn(model, optimizer)
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
            yield losses
            yield learn(model, optimizer)

    assert has_reach(same_everywhere(scene, tmp_path, caplog))


def test_roots_that_come_one_by_one(tmp_path: Path, caplog: Log) -> None:
    """``backward`` takes an iterator, which gives its tensors once."""

    def scene(watching: Watching) -> Iterator[Any]:
        model = Net()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        with watching(model, optimizer):
            for _ in range(2):
                optimizer.zero_grad()
                roots: Any = (one.sum() for one in model(batch()))
                torch.autograd.backward(roots, iter([torch.ones(())] * 6))
                yield [p.grad for p in model.parameters()]
                optimizer.step()

    assert has_reach(same_everywhere(scene, tmp_path, caplog))


# -- what is saved --------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:The tensor attributes")  # of an LSTM's
def test_what_was_saved_loads_without_us(tmp_path: Path) -> None:
    """While watched; read where nothing of Backsight can be imported, weights as weights only."""
    model = nn.Sequential(nn.LSTM(3, 4))
    optimizer = torch.optim.Adam(model.parameters())
    with backsight.watch(model, optimizer, tmp_path / "run", every=1):
        model[0](batch())[0].sum().backward()
        optimizer.step()
        torch.save(model, tmp_path / "model")
        torch.save([model.state_dict(), optimizer.state_dict()], tmp_path / "weights")
        (tmp_path / "optimizer").write_bytes(pickle.dumps(optimizer))
        for strict in (False, True):
            exported = torch.export.export(model, (batch(),), strict=strict)
            torch.export.save(exported, tmp_path / f"exported {strict}.pt2")
    assert not [f for f in tmp_path.iterdir() if f.is_file() and b"backsight" in f.read_bytes()]
    code = """
import pickle, sys, torch, warnings
for name in {"backsight", *sys.modules}:
    if name.partition(".")[0] == "backsight":
        sys.modules[name] = None
warnings.simplefilter("ignore")
model = torch.load("model", weights_only=False)
weights, _ = torch.load("weights", weights_only=True)
model.load_state_dict(weights)
with open("optimizer", "rb") as file:
    pickle.load(file).step()
for strict in (False, True):
    torch.export.load(f"exported {strict}.pt2").module()(torch.zeros(6, 2, 3))
print(model)
"""
    done = processes.run([sys.executable, "-c", code], cwd=tmp_path)
    assert (done.returncode, done.stdout.strip()) == (0, str(model)), done.stderr


SCRIPTS = """
import io, warnings
import torch
from torch import nn

warnings.simplefilter("ignore")

torch.manual_seed(0)
for each in (nn.Sequential(nn.GRU(3, 4)), nn.LSTMCell(3, 4), nn.RNN(3, 4)):
    each = torch.jit.script(each)
    file = io.BytesIO()
    torch.jit.save(each, file)
    print(b"backsight" in file.getvalue())
layer = torch.jit.script(nn.Sequential(nn.LSTM(3, 4)))
optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
for _ in range(3):  # and it learns
    loss = layer(torch.ones(6, 2, 3))[0].square().mean()
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    print(loss.item())
"""


def test_what_is_scripted_for_the_first_time(tmp_path: Path) -> None:
    """Its source is read then, and is kept with it: in a process of its own."""
    path = tmp_path / "script.py"
    path.write_text(SCRIPTS)
    plain, ours = (
        processes.run([sys.executable, *words, path], cwd=tmp_path)
        for words in ([], ["-m", "backsight", "run"])
    )
    assert (plain.returncode, ours.returncode) == (0, 0), ours.stderr
    assert ours.stdout == plain.stdout
    assert "True" not in [line.split()[0] for line in ours.stdout.splitlines() if line.split()]


class Nested(nn.Module):
    """Calls itself."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(2, 2)

    def forward(self, x: Tensor, depth: int) -> Any:
        return self(x, depth - 1) if depth else self.inner(x)


def test_calls_fit_as_deep_into_each_other_as_without_us(tmp_path: Path) -> None:
    def deepest(model: Nested) -> int:
        fits, fails = 100, 1000
        while fails - fits > 1:
            depth = (fits + fails) // 2
            try:
                model(torch.ones(1, 2), depth)
                fits = depth
            except RecursionError:
                fails = depth
        assert fits > 100
        assert fails < 1000
        return fits

    model, limit = Nested(), sys.getrecursionlimit()
    collecting = gc.isenabled()
    gc.disable()  # what a collection calls takes frames, too, wherever it happens to run
    try:
        model(torch.ones(1, 2), 1)  # a first call imports, which takes frames, too
        plain = deepest(model)
        with backsight.watch(model, torch.optim.SGD(model.parameters(), lr=0.1), tmp_path / "run"):
            model(torch.ones(1, 2), 1)
            assert deepest(model) >= plain
    finally:
        if collecting:
            gc.enable()
    assert sys.getrecursionlimit() == limit


@pytest.mark.parametrize("kind", ["fused", "cell", "attention"])
def test_storages_may_be_resized_as_without_us(kind: str, tmp_path: Path) -> None:
    # NumPy forbids it, for good, of a storage that a tensor's numpy() has shown it.
    core: nn.Module = {
        "fused": nn.LSTM(4, 4),
        "cell": nn.LSTMCell(4, 4),
        "attention": nn.TransformerEncoderLayer(4, 2, 8),
    }[kind]
    net = nn.ModuleDict({"embed": nn.Embedding(9, 4), "core": core, "head": nn.Linear(4, 9)})
    optimizer, seen = torch.optim.Adam(net.parameters()), []
    with backsight.watch(net, optimizer, tmp_path / "run", every=1):
        for _ in range(5):
            tokens, targets = torch.randint(9, (6, 3)), torch.randint(9, (6, 3))
            x = net["embed"](tokens)
            if kind == "cell":
                state, outputs = None, []
                for step in x:
                    state = net["core"](step, state)
                    outputs.append(state[0])
                y = torch.stack(outputs)
            else:
                y = net["core"](x)[0] if kind == "fused" else net["core"](x)
            loss = nn.functional.cross_entropy(net["head"](y).flatten(0, 1), targets.flatten())
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            gradients = [p.grad for p in net.parameters()]
            moments = [optimizer.state[p]["exp_avg"] for p in net.parameters()]
            seen += [tokens, targets, x, y, loss, *gradients, *moments]
    assert Run(tmp_path / "run")["weights_replaced"].tolist() == [0.0] * 5
    assert all(tensor.untyped_storage().resizable() for tensor in [*seen, *net.parameters()])
    head = next(net["head"].parameters())
    head.data.untyped_storage().resize_(0)
