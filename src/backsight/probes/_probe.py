"""One measurement of the gradient through time, on any model, leaving no trace."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from backsight.errors import SettingError
from backsight.layers import adapter_of
from backsight.probes._deep import DeepMeasures, LayerRun, deep_measures
from backsight.probes._left_alone import left_alone, scalar_loss
from backsight.probes._module_calls import ModuleCalls
from backsight.probes._modules import children_of, named_modules, unwrapped
from backsight.probes._profile import GradientProfile
from backsight.probes._reader import LayerReader, ReaderSettings, Readings
from backsight.probes._readers import Readers
from backsight.probes._unmeasured import Unmeasured
from backsight.probes.inputs import check_inputs, check_layout, listed_inputs
from backsight.signals import StateHalfLives

__all__ = ["probe", "what_was_found"]

NO_STATE = "it hands no state on from step to step, so that it has no Lyapunov exponents"
NOT_RUN = {
    "layer": "the layer cannot be run again step by step, so that it has no deep measures",
    "input": NO_STATE,
    "block": NO_STATE,
    "gates": "only its gates were read, so that it has no deep measures",
}
"""Why there are no deep measures, by the role of a profile."""


def probe(
    model: nn.Module,
    compute_loss: Callable[[], Tensor],
    *,
    inputs: str | Sequence[str] | None = None,
    layout: Literal["auto", "batch", "time"] = "auto",
    deep: bool = False,
) -> dict[str, GradientProfile]:
    """How far back the gradient of one loss reaches, in every layer of ``model``.

    A model without recurrent layers is measured on its embedded input and on what each of its
    blocks is called with: the modules that embed its inputs, the stacks of blocks and the layout
    are found from its forward pass.

    Parameters, gradients, buffers, modes and random numbers are left as they were.

    Args:
        model: its ``nn.RNN``, ``nn.GRU`` and ``nn.LSTM`` modules are measured (any number of
            layers, both directions, packed or padded, frozen or not), its cells, layers of other
            registered kinds, and its own modules that hand a state on from call to call.
        compute_loss: runs the forward pass and returns the scalar loss.
        inputs: the path of the module whose output is the embedded input, or several; where none
            is given, they are found.
        layout: ``"batch"`` where embedded inputs are ``(B, T, ·)``, ``"time"`` where they are
            ``(T, B, ·)``; ``"auto"`` finds out: the gradient of one sequence's output lies in one
            row or in one column.
        deep: also run each recurrent layer again, in float64, for its Lyapunov exponents along the
            data and its memory capacity: ``profile.deep``. Takes seconds, and minutes of layers
            with many units.

    Returns:
        a profile by layer name: the module's path and PyTorch's own suffix, ``rnn.l0``,
        ``rnn.l0_reverse``; for a cell, its path; ``input:embed`` for an embedded input, and
        ``block:layers.0`` for what a block is called with. Where nothing can be told of an input,
        its profile says why. Of a gated linear recurrence (Mamba, RWKV, minGRU …) whose states do
        not show, the profile under its path holds ``state_half_lives`` alone.

    Raises:
        SettingError: nothing in the model can be measured, none of it ran, or the loss is no scalar
            tensor.

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
    named = listed_inputs(inputs)
    check_inputs(model, named)
    check_layout(layout)
    readers = Readers(ReaderSettings(force=True, layout=layout, deep=deep))
    nothing = GradientProfile(np.empty(0), np.empty(0), np.empty(0))
    found = Readings()
    failed: list[Exception] = []
    runs: dict[str, LayerRun] = {}
    not_run: dict[str, Exception] = {}
    if deep:
        readers.remember()
    calls = ModuleCalls(failed.append)
    try:
        _watch(calls, model, named, readers)
        with left_alone(model), torch.enable_grad():
            loss = scalar_loss(compute_loss())
            silent = dict.fromkeys(readers.names, nothing)
            inputs_seen = set(readers.inputs.names)
            if loss.requires_grad:
                found.add(readers.graph_whole([loss], [None]))
                if readers.live:
                    torch.autograd.grad(loss, readers.live, allow_unused=True)
                found.add(readers.backward_ended())
                runs = readers.layer_runs(not_run)
            lives = readers.decays.half_lives()
            reasons = readers.inputs.reasons
            left_out = readers.inputs.left_out
            unmeasured = readers.unmeasured
            if named is None and readers.inputs.elsewhere:
                left_out = left_out | inputs_seen
            for path in left_out:
                silent.pop(path, None)
    finally:
        calls.close()
        readers.forget()
    for error in (*failed, *found.errors.values()):
        raise error
    gates = _of_gates(lives, readers.decays.errors)
    if not found.profiles and not silent and not gates:
        known = any(adapter_of(part) is not None for _, part in named_modules(model))
        if known and not unmeasured:
            raise SettingError(
                "compute_loss ran no recurrent layer of the model: call the model in compute_loss"
            )
        if not known:
            why = [*reasons, *(one.words for one in unmeasured)]
            raise SettingError(what_was_found(model, why))
    told = _unmeasured(unmeasured, found, silent)
    every = silent | found.profiles | told
    every |= {
        name: replace(every[name], state_half_lives=one.state_half_lives) if name in every else one
        for name, one in gates.items()
    }
    profiles = dict(sorted(every.items()))
    return _deepened(profiles, runs, not_run) if deep else profiles


def _of_gates(
    lives: Mapping[str, StateHalfLives], errors: Mapping[str, Exception]
) -> dict[str, GradientProfile]:
    """Of layers whose gates were read, or why they could not be, by path."""
    empty = GradientProfile(np.empty(0), np.empty(0), np.empty(0), role="gates")
    failed = {
        path: replace(empty, reason=f"its gates could not be read: {error}")
        for path, error in errors.items()
    }
    return failed | {path: replace(empty, state_half_lives=one) for path, one in lives.items()}


def _deepened(
    profiles: Mapping[str, GradientProfile],
    runs: Mapping[str, LayerRun],
    errors: Mapping[str, Exception],
) -> dict[str, GradientProfile]:
    """With the deep measures of each layer, or why it has none."""
    found = {}
    for name, profile in profiles.items():
        if name in runs:
            measures = deep_measures(runs[name])
        else:
            own = [path for path in errors if name == path or name.startswith(f"{path}.l")]
            why = f": {errors[own[0]]}" if own else ""
            measures = DeepMeasures(reasons=(f"{NOT_RUN[profile.role]}{why}",))
        found[name] = replace(profile, deep=measures)
    return found


def what_was_found(model: nn.Module, reasons: Sequence[str] = ()) -> str:
    """Why nothing was measured in ``model``.

    Args:
        model: the user's.
        reasons: why its embedded input was not.

    Example:
        >>> from torch import nn
        >>> from backsight.probes import what_was_found
        >>> words = what_was_found(nn.Sequential(nn.Linear(3, 4), nn.Tanh()))
        >>> "Linear" in words, "Tanh" in words
        (True, True)
    """
    inner = (part for _, part in named_modules(model) if not list(children_of(part)))
    kinds = sorted({type(part).__name__ for part in inner})
    why = "; ".join(reasons) or "no module that embeds a sequence was seen to run"
    return (
        f"no recurrent layer found in {type(model).__name__} (it contains {', '.join(kinds)}), and "
        f"{why}"
    )


def _unmeasured(
    reasons: Sequence[Unmeasured], found: Readings, silent: Collection[str]
) -> dict[str, GradientProfile]:
    """By layer name, profiles that say why they are empty, or what they leave out."""
    empty = GradientProfile(np.empty(0), np.empty(0), np.empty(0))
    told: dict[str, GradientProfile] = {}
    for one in reasons:
        stem = f"{one.path}.".lstrip(".")
        if one.partial:
            told |= {
                name: replace(profile, note=one.words)
                for name, profile in found.profiles.items()
                if name.startswith(stem)
            }
        elif one.path or not found.profiles:
            layers = [name for name in silent if name.startswith(f"{stem}l")]
            told |= dict.fromkeys(layers or [one.path], replace(empty, reason=one.words))
    return told


def _watch(
    calls: ModuleCalls, model: nn.Module, named: Sequence[str] | None, readers: Readers
) -> None:
    def watch(path: str, module: nn.Module, reader: LayerReader) -> None:
        def before(_: Any, args: Any, kwargs: Any) -> None:
            reader.before(path, module, args, kwargs)

        def after(_: Any, args: Any, kwargs: Any, result: Any) -> None:
            reader.called(path, module, args, kwargs, result)

        calls.watch(module, before=before if reader.needs_before else None, after=after)

    readers.loops.watch(model)
    for path, module in named_modules(model):
        reader = readers.adopt(path, module)
        if reader is not None:
            watch(path, module, reader)

    def attach(module: nn.Module, before: Any, after: Any) -> Callable[[], None]:
        return calls.watch(module, before=before, after=after)

    readers.decays.watch(model, "", attach)
    if named is None and any(adapter_of(part) for _, part in named_modules(model)):
        return
    begins = readers.inputs.search(model, "", named, attach, lambda *_: None)
    calls.watch(model, before=lambda _, args, kwargs: begins(args, kwargs))
