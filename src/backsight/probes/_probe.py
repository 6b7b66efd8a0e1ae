"""One measurement of the gradient through time, on any model, leaving no trace."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from backsight.errors import SettingError
from backsight.layers import adapter_of
from backsight.probes._module_calls import ModuleCalls
from backsight.probes._modules import children_of, named_modules, unwrapped
from backsight.probes._profile import GradientProfile
from backsight.probes._reader import LayerReader, ReaderSettings, Readings
from backsight.probes._readers import Readers, reading_of

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
            layers, both directions, packed or padded, frozen or not), its cells, layers of other
            registered kinds, and its own modules that hand a state on from call to call.
        compute_loss: runs the forward pass and returns the scalar loss.
        inputs: for any other sequence model, the path of the module whose output ``(B, T, ·)``
            is the embedded input: measured there, under the name ``input:<path>``.
        batch_first: False where that output is ``(T, B, ·)``.

    Returns:
        a profile by layer name: the module's path and PyTorch's own suffix, ``rnn.l0``,
        ``rnn.l0_reverse``; for a cell, its path.

    Raises:
        SettingError: no recurrent layer, none that ran, or a loss that is no scalar tensor.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from backsight import probe
        >>> gru, x = nn.GRU(3, 4, num_layers=2), torch.randn(10, 2, 3)
        >>> profiles = probe(gru, lambda: gru(x)[0][-1].sum())
        >>> {layer: profile.reach.shape for layer, profile in profiles.items()}
        {'l0': (10,), 'l1': (10,)}
        >>> profiles["l1"].half_life.steps < 10
        True
    """
    model = unwrapped(model)
    check_input(model, inputs)
    if inputs is None and not any(reading_of(part) for _, part in named_modules(model)):
        raise SettingError(what_was_found(model))
    readers = Readers(ReaderSettings(force=True, batch_first=batch_first))
    nothing = GradientProfile(np.empty(0), np.empty(0), np.empty(0))
    found = Readings()
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    failed: list[Exception] = []
    calls = ModuleCalls(failed.append)
    try:
        _watch(calls, model, inputs, readers)
        with torch.random.fork_rng(), torch.enable_grad():
            loss = _scalar(compute_loss())
            silent = dict.fromkeys(readers.names, nothing)
            if loss.requires_grad:
                found.add(readers.graph_whole([loss], [None]))
                if readers.live:
                    torch.autograd.grad(loss, readers.live, allow_unused=True)
                found.add(readers.backward_ended())
    finally:
        calls.close()
        readers.forget()
        with torch.no_grad():
            for name, buffer in model.named_buffers():
                buffer.copy_(buffers[name])
    for error in (*failed, *found.errors.values()):
        raise error
    if not found.profiles and not silent:
        if any(adapter_of(part) is not None for _, part in named_modules(model)):
            raise SettingError(
                "compute_loss ran no recurrent layer of the model: call the model in compute_loss"
            )
        raise SettingError(what_was_found(model))
    return dict(sorted((silent | found.profiles).items()))


def check_input(model: nn.Module, inputs: str | None) -> None:
    """Raise a SettingError where ``model`` has no module of that path.

    Example:
        >>> from torch import nn
        >>> from backsight.errors import SettingError
        >>> from backsight.probes import check_input
        >>> model = nn.Sequential(nn.Embedding(5, 3), nn.Linear(3, 2))
        >>> check_input(model, "0")
        >>> try:
        ...     check_input(model, "embedding")
        ... except SettingError:
        ...     print("it has no such module")
        it has no such module
    """
    paths = dict(named_modules(model))
    if inputs is not None and inputs not in paths:
        known = ", ".join(path for path in paths if path) or "none"
        raise SettingError(
            f"{type(model).__name__} has no module {inputs!r}: its modules are {known}"
        )


def what_was_found(model: nn.Module) -> str:
    """Why nothing was measured in ``model``, and how to name what can be.

    Example:
        >>> from torch import nn
        >>> from backsight.probes import what_was_found
        >>> words = what_was_found(nn.Sequential(nn.Linear(3, 4), nn.Tanh()))
        >>> "Linear" in words, "Tanh" in words
        (True, True)
    """
    inner = (part for _, part in named_modules(model) if not list(children_of(part)))
    kinds = sorted({type(part).__name__ for part in inner})
    return (
        f"no recurrent layer found in {type(model).__name__} (it contains {', '.join(kinds)}): "
        "expected nn.RNN, nn.GRU, nn.LSTM, a cell, or a module that is called once per step; for "
        "any other sequence model, name the module that embeds its input: inputs='embedding'"
    )


def _watch(calls: ModuleCalls, model: nn.Module, inputs: str | None, readers: Readers) -> None:
    def watch(path: str, module: nn.Module, reader: LayerReader) -> None:
        def before(_: Any, args: Any, kwargs: Any) -> None:
            reader.before(path, module, args, kwargs)

        def after(_: Any, args: Any, kwargs: Any, result: Any) -> None:
            reader.called(path, module, args, kwargs, result)

        calls.watch(module, before=before if reader.needs_before else None, after=after)

    for path, module in named_modules(model):
        reader = readers.adopt(path, module)
        if reader is not None:
            watch(path, module, reader)
    if inputs is not None:
        named = dict(named_modules(model))[inputs]
        watch(readers.adopt_input(inputs), named, readers.inputs)
        calls.watch(model, after=lambda _m, _a, _k, result: readers.returned(result))


def _scalar(loss: Any) -> Tensor:
    if not isinstance(loss, Tensor) or loss.numel() != 1:
        what = f"a tensor of shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else repr(loss)
        raise SettingError(f"compute_loss must return the scalar loss as a tensor, not {what}")
    return loss.sum()
