"""One measurement of the gradient through time, on any model, leaving no trace."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from backsight.errors import SettingError
from backsight.probes._hidden import recurrent_layers
from backsight.probes._profile import GradientProfile
from backsight.probes._replay import Call, replay

__all__ = ["probe"]


def probe(model: nn.Module, compute_loss: Callable[[], Tensor]) -> dict[str, GradientProfile]:
    """How far back the gradient of one loss reaches, in every recurrent layer of ``model``.

    Parameters, gradients, buffers, modes and random numbers are left as they were. A layer that
    runs several times in ``compute_loss`` is measured in its last call that gets a gradient.

    Args:
        model: its ``nn.RNN``, ``nn.GRU`` and ``nn.LSTM`` modules are measured: any number of
            layers, both directions, packed or padded, frozen or not.
        compute_loss: runs the forward pass and returns the scalar loss.

    Returns:
        a profile by layer name: the module's path and PyTorch's own suffix, ``rnn.l0``,
        ``rnn.l0_reverse``.

    Raises:
        SettingError: no recurrent layer, none that ran, or a loss that is no scalar tensor.
    """
    layers = recurrent_layers(model)
    if not layers:
        kinds = sorted({type(m).__name__ for m in model.modules() if not list(m.children())})
        raise SettingError(
            f"no recurrent layer found in {type(model).__name__} (it holds "
            f"{', '.join(kinds)}): expected nn.RNN, nn.GRU or nn.LSTM"
        )
    calls: list[Call] = []
    random: dict[str, Tensor] = {}
    handles = []
    for path, module in layers.items():
        handles.append(module.register_forward_pre_hook(_remember_random(path, random)))
        handles.append(
            module.register_forward_hook(_remember_call(path, random, calls), with_kwargs=True)
        )
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    try:
        with torch.random.fork_rng(), torch.enable_grad():
            _gradients(compute_loss(), calls)
            results: dict[str, GradientProfile] = {}
            for call in calls:
                measured = any(gradient is not None for gradient in call.gradients)
                for name, profile in replay(call).items():
                    full = f"{call.path}.{name}".lstrip(".")
                    if measured or full not in results:
                        results[full] = profile
    finally:
        for handle in handles:
            handle.remove()
        with torch.no_grad():
            for name, buffer in model.named_buffers():
                buffer.copy_(buffers[name])
    return results


def _remember_random(path: str, random: dict[str, Tensor]) -> Callable[[nn.Module, Any], None]:
    def hook(module: nn.Module, _inputs: Any) -> None:
        parameter = next(module.parameters())
        if parameter.device.type == "cpu" and module.training:
            random[path] = torch.get_rng_state()

    return hook


def _remember_call(
    path: str, random: dict[str, Tensor], calls: list[Call]
) -> Callable[[nn.RNNBase, Any, Any, Any], None]:
    def hook(module: nn.RNNBase, inputs: Any, named: Any, result: Any) -> None:
        x = inputs[0] if inputs else named["input"]
        state = inputs[1] if len(inputs) > 1 else named.get("hx")
        output, final = result
        packed = isinstance(output, PackedSequence)
        outputs = (
            output.data if packed else output,
            *(final if isinstance(final, tuple) else (final,)),
        )
        for tensor in outputs:
            if not tensor.requires_grad:  # a frozen layer on plain inputs: follow it all the same
                tensor.requires_grad_()
        if packed:
            counts = output.batch_sizes
            rows = torch.arange(int(counts[0]))[:, None]
            lengths = (counts > rows).sum(1).to(outputs[0].device)
        else:
            steps = x.shape[1 if module.batch_first and x.dim() == 3 else 0]
            batch = 1 if x.dim() == 2 else x.shape[0 if module.batch_first else 1]
            lengths = torch.full((batch,), steps, device=x.device)
        order = output.sorted_indices if packed else None
        calls.append(Call(path, module, x, state, outputs, lengths, order, random.pop(path, None)))

    return hook


def _gradients(loss: Any, calls: list[Call]) -> None:
    """Fill in every call's direct gradients."""
    if not isinstance(loss, Tensor) or loss.numel() != 1:
        what = f"a tensor of shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else repr(loss)
        raise SettingError(f"compute_loss must return the scalar loss as a tensor, not {what}")
    if not calls:
        raise SettingError("no recurrent layer of the model ran in compute_loss")
    outputs = [tensor for call in calls for tensor in call.outputs]
    found: tuple[Tensor | None, ...] = (None,) * len(outputs)
    if loss.requires_grad:
        found = torch.autograd.grad(loss.sum(), outputs, allow_unused=True)
    remaining = iter(found)
    for call in calls:
        call.gradients = [next(remaining) for _ in call.outputs]
