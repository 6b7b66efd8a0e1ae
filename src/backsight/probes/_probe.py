"""One measurement of the gradient through time, on any model, leaving no trace."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from backsight.errors import SettingError
from backsight.probes._calls import Catcher
from backsight.probes._graph import GraphProbe, may_be_stepped
from backsight.probes._hidden import recurrent_layers
from backsight.probes._profile import GradientProfile
from backsight.probes._replay import replay, with_reaches

__all__ = ["check_input", "probe", "what_was_found"]


def probe(
    model: nn.Module,
    compute_loss: Callable[[], Tensor],
    *,
    inputs: str | None = None,
    batch_first: bool = True,
) -> dict[str, GradientProfile]:
    """How far back the gradient of one loss reaches, in every recurrent layer of ``model``.

    Parameters, gradients, buffers, modes and random numbers are left as they were.

    Args:
        model: its ``nn.RNN``, ``nn.GRU`` and ``nn.LSTM`` modules are measured (any number of
            layers, both directions, packed or padded, frozen or not), its cells, and its own
            modules that hand a state on from call to call.
        compute_loss: runs the forward pass and returns the scalar loss.
        inputs: for any other sequence model, the path of the module whose output ``(B, T, ·)``
            is the embedded input: measured there, under the name ``input:<path>``.
        batch_first: False where that output is ``(T, B, ·)``.

    Returns:
        a profile by layer name: the module's path and PyTorch's own suffix, ``rnn.l0``,
        ``rnn.l0_reverse``; for a cell, its path.

    Raises:
        SettingError: no recurrent layer, none that ran, or a loss that is no scalar tensor.
    """
    check_input(model, inputs)
    if inputs is None and not any(map(_has_time, model.modules())):
        raise SettingError(what_was_found(model))
    catcher, graph = Catcher(force=True), GraphProbe(force=True, batch_first=batch_first)
    ran: dict[str, nn.RNNBase] = {}
    nothing = GradientProfile(np.empty(0), np.empty(0), np.empty(0))
    handles = _hooks(model, inputs, catcher, graph, ran)
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    try:
        with torch.random.fork_rng(), torch.enable_grad():
            catcher.armed = False  # a penalty on gradients has passes of its own
            loss = _scalar(compute_loss())
            silent = dict.fromkeys(graph.names, nothing)
            found = graph.measure([loss], [None]) if loss.requires_grad else {}
            reaches = graph.reaches([loss], [None]) if loss.requires_grad else {}
            catcher.armed = True
            if loss.requires_grad and catcher.live:
                torch.autograd.grad(loss, catcher.live, allow_unused=True)
            found |= with_reaches(replay(catcher.take()), reaches)
    finally:
        for handle in handles:
            handle.remove()
        graph.forget()
        with torch.no_grad():
            for name, buffer in model.named_buffers():
                buffer.copy_(buffers[name])
    silent |= {name: nothing for path, module in ran.items() for name in _names(path, module)}
    if not found and not silent:
        if recurrent_layers(model):
            raise SettingError("no recurrent layer of the model ran in compute_loss")
        raise SettingError(what_was_found(model))
    return dict(sorted((silent | found).items()))


def check_input(model: nn.Module, inputs: str | None) -> None:
    """Raise a SettingError where ``model`` has no module of that path."""
    paths = dict(model.named_modules())
    if inputs is not None and inputs not in paths:
        known = ", ".join(path for path in paths if path) or "none"
        raise SettingError(f"there is no module {inputs!r} in {type(model).__name__}: {known}")


def what_was_found(model: nn.Module) -> str:
    """Why nothing was measured in ``model``, and how to name what can be."""
    kinds = sorted({type(m).__name__ for m in model.modules() if not list(m.children())})
    return (
        f"no recurrent layer found in {type(model).__name__} (it holds {', '.join(kinds)}): "
        "expected nn.RNN, nn.GRU, nn.LSTM, a cell, or a module that is called once a step; for "
        "any other sequence model name the module that embeds its input, inputs='embedding'"
    )


def _has_time(module: nn.Module) -> bool:
    return isinstance(module, nn.RNNBase) or may_be_stepped(module)


def _hooks(
    model: nn.Module,
    inputs: str | None,
    catcher: Catcher,
    graph: GraphProbe,
    ran: dict[str, nn.RNNBase],
) -> list[RemovableHandle]:
    handles: list[RemovableHandle] = []

    def fused(path: str, module: nn.RNNBase) -> None:
        def before(*_: Any) -> None:
            catcher.before(path, module)

        def after(_: Any, args: Any, named: Any, result: Any) -> None:
            ran[path] = module
            catcher.after(path, module, args, named, result)
            graph.single(path, module, args, named, result)

        handles.append(module.register_forward_pre_hook(before))
        handles.append(module.register_forward_hook(after, with_kwargs=True))

    def stepped(path: str, module: nn.Module) -> None:
        def after(_: Any, args: Any, named: Any, result: Any) -> None:
            graph.stepped(path, module, args, named, result)

        handles.append(module.register_forward_hook(after, with_kwargs=True))

    for path, module in model.named_modules():
        if isinstance(module, nn.RNNBase):
            fused(path, module)
        elif may_be_stepped(module):
            stepped(path, module)
    if inputs is not None:
        embedding = model.get_submodule(inputs)
        handles.append(
            embedding.register_forward_hook(lambda _m, _i, out: graph.embedded(inputs, out))
        )
        handles.append(model.register_forward_hook(lambda _m, _i, out: graph.returned(out)))
    return handles


def _names(path: str, module: nn.RNNBase) -> list[str]:
    ends = ("", "_reverse") if module.bidirectional else ("",)
    return [f"{path}.l{i}{end}".lstrip(".") for i in range(module.num_layers) for end in ends]


def _scalar(loss: Any) -> Tensor:
    if not isinstance(loss, Tensor) or loss.numel() != 1:
        what = f"a tensor of shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else repr(loss)
        raise SettingError(f"compute_loss must return the scalar loss as a tensor, not {what}")
    return loss.sum()
