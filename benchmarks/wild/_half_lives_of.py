"""One sequence model of a library: the half-lives of its layers, and whether its gates are right.

What is read from the gates is compared with what the library hands to its own scan, and with the
gradient through that scan (:mod:`._scan_gradients`) or, where a layer takes an initial state, with
the gradient on that state.

Prints one line of JSON; started by ``benchmarks.wild.half_lives`` with the library's interpreter.
"""

import argparse
import json
import logging
import math
from collections.abc import Callable
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from backsight import Run, probe, watch
from backsight.layers import decay_adapter_of
from benchmarks.wild._scan_gradients import SHARES, doubled
from benchmarks.wild._zoo import CASES, STEPS, WIDTH, Subject, Tagger

__all__ = ["MODELS"]


def _lru() -> Subject:
    library = import_module("LRU_pytorch")
    model = Tagger([library.LRU(WIDTH, WIDTH, 16, rmin=0.5, rmax=0.99) for _ in range(2)])
    x = torch.randint(1, 24, (4, STEPS))
    return Subject(model, x, lambda m, x: m(x).square().mean(), lambda m, x: m(x), [])


MODELS: dict[str, Callable[[], Subject]] = {
    **{name: CASES[name].build for name in (
        "Mamba", "Mamba2", "Zamba2", "RecurrentGemma", "Qwen3-Next", "OLMo hybrid", "RWKV-4",
        "RWKV-7", "minGRU", "minLSTM", "Mamba (mambapy)", "Jamba", "S5",
    )},
    "LRU": _lru,
}  # fmt: skip
"""By name; those of the zoo, and layers that are too slow to be trained there."""

GONE = 1e-200
"""What is left of a state below this may be left out of float64."""

Logs = list[Tensor]
"""Of each call: ``ln a``, ``(B, T, channels)`` or ``(channels,)``."""


# -- what the library itself uses --------------------------------------------------------------


def _selective(x: Any, delta: Tensor, A: Tensor, *_: Any, **named: Any) -> Tensor:
    """Of the arguments of ``transformers``' scan, ``delta`` being ``(B, D, T)``."""
    bias = named.get("delta_bias")
    step = softplus(delta.mT.double() + (0 if bias is None else bias.double()))
    return (step[..., None] * A.double()).flatten(-2)


def _chunked(x: Any, dt: Tensor, A: Tensor, *_: Any, **named: Any) -> Tensor:
    step = softplus(dt.double() + named["dt_bias"].double()).clamp(*named["dt_limit"])
    return step * A.double()


def _mambapy(_: Any, x: Any, delta: Tensor, A: Tensor, *more: Any) -> Tensor:
    return (delta[..., None].double() * A.double()).flatten(-2)


def _griffin(_: Any, **named: Any) -> Tensor:
    gate: Tensor = named["recurrent_gate"]
    return gate.double().log()


def _delta_rule(*_: Any, **named: Any) -> Tensor:
    logs: Tensor = named["g"]
    return logs.double()


def _rwkv4(time_decay: Tensor, *_: Any, **named: Any) -> Tensor:
    return -time_decay.double().exp()


def _rwkv7(receptance: Any, decay: Tensor, *_: Any) -> Tensor:
    return decay.double().log().flatten(-2)


SCANS: dict[str, tuple[str, str, Callable[..., Tensor]]] = {
    "Mamba": ("transformers.models.mamba.modeling_mamba", "mamba_selective_scan", _selective),
    "Mamba2": ("transformers.models.mamba2.modeling_mamba2", "mamba2_chunk_scan", _chunked),
    "Zamba2": ("transformers.models.zamba2.modeling_zamba2", "mamba2_chunk_scan", _chunked),
    "RecurrentGemma": (
        "transformers.models.recurrent_gemma.modeling_recurrent_gemma",
        "RecurrentGemmaRglru._rnn_scan", _griffin,
    ),
    "Qwen3-Next": ("transformers.models.qwen3_next.modeling_qwen3_next",
                   "torch_chunk_gated_delta_rule", _delta_rule),
    "OLMo hybrid": ("transformers.models.olmo_hybrid.modeling_olmo_hybrid",
                    "torch_chunk_gated_delta_rule", _delta_rule),
    "RWKV-4": ("transformers.models.rwkv.modeling_rwkv", "rwkv_linear_attention", _rwkv4),
    "RWKV-7": ("rwkv7_hf.modeling_rwkv7", "rwkv7_recurrent", _rwkv7),
    "Mamba (mambapy)": ("mambapy.mamba", "MambaBlock.selective_scan", _mambapy),
    "Jamba": ("mambapy.mamba", "MambaBlock.selective_scan", _mambapy),
}  # fmt: skip
"""By name: the module, the function or method, and what its arguments come to."""


Spied = list[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]]
"""Calls of a scan: itself, and what it was called with."""


def calls_of_scan(name: str, subject: Subject) -> Spied:
    """What the scan of the library is given, layer by layer."""
    place, path, _ = SCANS[name]
    holder: Any = import_module(place)
    *owners, function = path.split(".")
    for owner in owners:
        holder = getattr(holder, owner)
    own: Any = getattr(holder, function)
    found: Spied = []

    def spied(*args: Any, **named: Any) -> Any:
        found.append((own, args, named))
        return own(*args, **named)

    with patch.object(holder, function, spied):
        subject.loss(subject.model, subject.x)
    return found


# -- the gradient on an initial state ----------------------------------------------------------


def _from_min(layer: Any, x: Tensor) -> Tensor:
    """Of minGRU and minLSTM, whose hidden state is positive."""
    projection = next(part for name, part in layer.named_children() if name != "to_out")
    units = projection.out_features // (3 if "f_i" in next(iter(layer._modules)) else 2)
    before = torch.rand(len(x), 1, units, dtype=x.dtype).add_(0.5).requires_grad_()
    layer.to_out, out = nn.Identity(), layer.to_out
    states = layer(x, prev_hidden=before)
    layer.to_out = out
    (found,) = torch.autograd.grad(states[:, -1].sum(), before)
    return found[:, 0]


def _from_s5(layer: Any, x: Tensor) -> Tensor:
    part = layer.seq
    width = part.Lambda.shape
    rows = []
    for row in x:
        before = torch.zeros(width, dtype=part.Lambda.dtype).requires_grad_()
        # The library writes into what it has scanned, and wants no leaf there.
        _, last = part(row, state=before * 1, return_state=True)
        found = torch.autograd.grad(last.real.sum(), before)[0]
        rows.append(found.abs())
    return torch.stack(rows)


def _from_lru(layer: Any, x: Tensor) -> Tensor:
    before = torch.zeros_like(layer.B[:, 0]).requires_grad_()
    seen: list[Tensor] = []
    own = layer._parameters.pop("C")
    layer.__dict__["C"] = _Tap(own, seen)
    layer.forward(x[0], state=before)
    del layer.__dict__["C"]
    layer._parameters["C"] = own
    (found,) = torch.autograd.grad(seen[-1].real.sum(), before)
    return found.abs().expand(len(x), -1)


class _Tap:
    """A matrix that keeps what it is multiplied with."""

    def __init__(self, matrix: Tensor, seen: list[Tensor]) -> None:
        self.matrix, self.seen = matrix.detach(), seen

    def __matmul__(self, state: Tensor) -> Tensor:
        self.seen.append(state)
        return self.matrix @ state


STARTS = {"minGRU": _from_min, "minLSTM": _from_min, "S5": _from_s5, "LRU": _from_lru}
"""Of layers that take an initial state: the gradient of the last one on it, ``(B, channels)``."""


# -- what is read ------------------------------------------------------------------------------


def measure(name: str) -> dict[str, Any]:
    """One row."""
    torch.manual_seed(0)
    subject = MODELS[name]()
    if name in STARTS:
        _double(subject.model)
    read, inputs, layers = _read(subject)
    wide = math.nan
    if name in SCANS:
        calls = calls_of_scan(name, subject)
        used = [SCANS[name][2](*args, **named).detach() for _, args, named in calls]
        differs = max(
            _difference(one, other) for one, other in zip(read.values(), used, strict=True)
        )
        if name in SHARES:
            wide = _through_scan(name)
    else:
        kept = [STARTS[name](layers[path], inputs[path]) for path in read]
        products = [logs.expand(*inputs[p].shape[:2], -1).sum(1).exp() for p, logs in read.items()]
        both = zip(kept, products, strict=True)
        differs = wide = max(float((one / other - 1).abs().max().detach()) for one, other in both)
    found = probe(subject.model, lambda: subject.loss(subject.model, subject.x))
    lives = {p: one.state_half_lives for p, one in found.items() if one.state_half_lives}
    quantiles = {
        f"{share:.0%}".replace("%", " %"): " / ".join(
            f"{float(one.quantile(share)):.3g}" for one in lives.values()
        )
        for share in (0.05, 0.5, 0.95)
    }
    lengths = _memory_lengths(subject)
    first = next(iter(lives.values()))
    return {
        "layers": len(lives), "kind": first.kind, "bound": first.bound,
        "channels": len(first.steps), **quantiles,
        "beyond 64": " / ".join(f"{float(one.beyond[0]):.0%}" for one in lives.values()),
        "beyond T": " / ".join(f"{float(one.beyond[2]):.0%}" for one in lives.values()),
        "differs": differs, "gradient": "–" if math.isnan(wide) else wide,
        "memory": " / ".join(f"{one:.0f}" for one in lengths.values()) or "none",
    }  # fmt: skip


def _read(subject: Subject) -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, nn.Module]]:
    """Of each layer that has decays: their logarithms, its input, and itself."""
    layers = {
        path: module
        for path, module in subject.model.named_modules()
        if decay_adapter_of(module) is not None
    }
    read: dict[str, Tensor] = {}
    inputs: dict[str, Tensor] = {}
    with ExitStack() as stack:
        for path, module in layers.items():
            adapter = decay_adapter_of(module)
            assert adapter is not None

            def showed(
                _: Any, args: Any, kwargs: Any, result: Any,
                path: str = path, module: nn.Module = module, adapter: Any = adapter,
            ) -> None:  # fmt: skip
                logs = adapter.decays(module, args, kwargs, result).each()
                read.setdefault(path, logs.double().detach())

            def ran(_: Any, args: Any, kwargs: Any, result: Any, path: str = path) -> None:
                given = [*args, *kwargs.values()]
                inputs[path] = next(x for x in given if isinstance(x, Tensor)).detach()

            shown = adapter.shown_by(module)
            stack.callback(shown.register_forward_hook(showed, with_kwargs=True).remove)
            stack.callback(module.register_forward_hook(ran, with_kwargs=True).remove)
        subject.loss(subject.model, subject.x)
    return read, inputs, layers


def _memory_lengths(subject: Subject) -> dict[str, float]:
    """Of the blocks whose memory a run records: the last of two iterations."""
    optimizer = torch.optim.SGD(subject.model.parameters(), lr=0.0)
    with TemporaryDirectory() as folder:
        with watch(subject.model, optimizer, Path(folder) / "run", every=1):
            for _ in range(2):
                optimizer.zero_grad()
                torch.autograd.backward(subject.loss(subject.model, subject.x))
                optimizer.step()
        run = Run(Path(folder) / "run")
        names = run.members("memory_length", profile=False)
        return {name: float(run[name][-1]) for name in names}


def _through_scan(name: str) -> float:
    """The largest relative difference from the gradient, all of it in float64."""
    torch.manual_seed(0)
    subject = MODELS[name]()
    _double(subject.model)
    with doubled():
        read = _read(subject)[0]
        calls = calls_of_scan(name, subject)
        both = [
            SHARES[name](own, logs, args, named)
            for logs, (own, args, named) in zip(read.values(), calls, strict=True)
        ]
    return max(
        float(((one - other).abs() / other.clamp_min(GONE)).max().detach()) for one, other in both
    )


def _difference(read: Tensor, expected: Tensor) -> float:
    """Of the decays, as a share; a reset (``-inf``) is no gate's."""
    expected = expected.expand_as(read) if expected.dim() < read.dim() else expected
    known = torch.isfinite(expected)
    return float(((read - expected).exp() - 1).abs()[known].max()) if known.any() else math.inf


def _double(model: nn.Module) -> None:
    with torch.no_grad():
        for parameter in model.parameters():
            wide = torch.complex128 if parameter.is_complex() else torch.float64
            parameter.data = parameter.data.to(wide)
        for module in model.modules():
            for key, value in list(vars(module).items()):
                if isinstance(value, Tensor) and value.is_complex():
                    setattr(module, key, value.to(torch.complex128))


def main() -> None:
    """Measure one and print it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=MODELS)
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    print(json.dumps(measure(options.name)))


if __name__ == "__main__":
    main()
