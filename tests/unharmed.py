"""Scenes that are played plain and observed, and must come out the same.

A scene is a generator: whatever it yields is compared, tensors bit for bit, errors with their
traceback. It wraps its training in ``watching(model, optimizer)``, which does nothing where it is
played plain or where the whole process is observed.
"""

import logging
import re
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.amp import GradScaler
from torch.nn.modules import module as modules
from torch.optim import Optimizer

import backsight
from backsight.monitor import ProcessMonitor
from backsight.probes import parameters_of
from backsight.signals import Recorder, Run

__all__ = ["HOWS", "Scene", "Watching", "has_reach", "play", "same_everywhere", "train"]

Watching = Callable[..., AbstractContextManager[Any]]
Scene = Callable[[Watching], Iterator[Any]]

HOWS = ("watch", "process")
"""``backsight.watch``, and what ``backsight run`` puts around a script."""

RECURRENT = (nn.RNN, nn.GRU, nn.LSTM, nn.RNNCell, nn.GRUCell, nn.LSTMCell)


def of_pytorch() -> list[Any]:
    """Whatever of PyTorch's is wrapped or hooked while something is observed."""
    hooks = [kept for name, kept in vars(modules).items() if name.startswith("_global_")]
    return [
        nn.Module.__call__,
        *(kind.__dict__["forward"] for kind in RECURRENT),
        torch.autograd.backward,
        GradScaler.scale,
        GradScaler.step,
        Tensor.retain_grad,
        Optimizer.__init__,
        [len(kept) for kept in hooks if isinstance(kept, dict)],
        torch._C._len_torch_dispatch_stack(),
        torch._C._len_torch_function_stack(),
        torch.is_grad_enabled(),
        torch.is_anomaly_enabled(),
    ]


def plainly(thing: Any) -> Any:
    """To be compared with ``==``."""
    if isinstance(thing, Tensor):
        with torch._C.DisableTorchFunction():
            whole = thing.detach()
            if whole.is_quantized:
                whole = whole.int_repr()
            if whole.layout != torch.strided:
                whole = whole.to_dense()
            flat = whole.contiguous().flatten()
            data = b"" if flat.is_meta else flat.view(torch.uint8).numpy().tobytes()
            return str(thing.dtype), tuple(whole.shape), data
    if isinstance(thing, BaseException):
        around = [e and (type(e), str(e)) for e in (thing.__cause__, thing.__context__)]
        return type(thing), str(thing), frames_of(thing), around
    if isinstance(thing, Mapping):
        return [(key, plainly(value)) for key, value in thing.items()]
    if isinstance(thing, (list, tuple)):
        return [plainly(one) for one in thing]
    if isinstance(thing, nn.Module):
        return plainly([*parameters_of(thing), sorted(vars(thing))])
    if isinstance(thing, str):  # a module that is traced again has another number in its name
        return re.sub(r"___torch_mangle_\d+\.", "", thing)
    return thing


def frames_of(error: BaseException) -> list[tuple[str, int | None, str]]:
    """Its traceback below the scene, without our frames, and those that PyTorch wraps ours in."""
    ours = (str(Path(backsight.__file__).parent), str(Path(__file__).parent / "unharmed.py"))
    frames = [(f.filename, f.lineno, f.name) for f in traceback.extract_tb(error.__traceback__)]
    return [f for f in frames if not f[0].startswith(ours) and "_dynamo/eval_frame" not in f[0]]


def play(scene: Scene, watching: Watching) -> list[Any]:
    """What it yields or raises, the warnings given, and the random numbers left."""
    torch.manual_seed(0)
    found: list[Any] = []
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            for thing in scene(watching):
                found.append(plainly(thing))
        except Exception as error:  # noqa: BLE001 - compared
            found.append(plainly(error))
    # The first line: an anomaly's goes on with the stack of the forward, ours in it. TorchScript is
    # said to be deprecated for each function that the process has not compiled before.
    first = [(one.category, str(one.message).splitlines()[0]) for one in warned]
    found.append([one for one in first if not one[1].startswith("`torch.jit.")])
    return [*found, plainly(torch.get_rng_state())]


def observed(scene: Scene, path: Path, how: str) -> list[Any]:
    """What it yields where it is observed."""

    def watching(model: nn.Module, *optimizers: Optimizer) -> Any:
        return backsight.watch(model, optimizers, path, every=1)

    with ExitStack() as stack:
        if how == "watch":
            return play(scene, watching)
        recorder = stack.enter_context(Recorder(path))
        stack.callback(ProcessMonitor(recorder, every=1).close)
        return play(scene, lambda *_: nullcontext())


def same_everywhere(
    scene: Scene,
    folder: Path,
    caplog: pytest.LogCaptureFixture,
    *,
    hows: Sequence[str] = HOWS,
    off: str = "",
    warm: bool = False,
) -> list[Run]:
    """Plain and observed, it comes out the same; nothing fails, and nothing is left behind.

    Args:
        scene: to be played.
        folder: for the runs.
        caplog: where it is seen what has been switched off.
        hows: of observing.
        off: what is switched off, where something is.
        warm: whether PyTorch warns once a process: then it is played once more before.
    """
    before = of_pytorch()
    for _ in range(1 + warm):
        plain = play(scene, lambda *_: nullcontext())
    for how in hows:
        caplog.clear()
        with caplog.at_level(logging.WARNING, logger="backsight"):
            found = observed(scene, folder / how, how)
        different = [pair for pair in zip(found, plain, strict=False) if pair[0] != pair[1]]
        assert found == plain, (how, different)
        assert of_pytorch() == before, how
        told = [line for line in caplog.messages if "switched off" in line]
        assert all(off and off in line for line in told), (how, told)
    return [Run(folder / how) for how in hows]


def has_reach(runs: Sequence[Run]) -> bool:
    """Whether each of them tells how far back some gradient reached."""
    return all(any(name.startswith("reach") for name in run.names) for run in runs)


def train(
    model: nn.Module,
    loss_of: Callable[[], Tensor],
    watching: Watching,
    *,
    optimizer: Optimizer | None = None,
    count: int = 3,
) -> Iterator[Any]:
    """A loop as everybody writes it: losses and gradients, and then the model."""
    if optimizer is None:
        optimizer = torch.optim.SGD(list(parameters_of(model)), lr=0.1)
    with watching(model, optimizer):
        for _ in range(count):
            optimizer.zero_grad()
            loss: Any = loss_of()
            loss.backward()
            yield [loss, *(p.grad for p in parameters_of(model))]
            optimizer.step()
    yield list(parameters_of(model))
