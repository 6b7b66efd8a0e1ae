"""One sequence model of a library: what is found in it, whether that is right, and what it costs.

Prints one line of JSON; started by ``benchmarks.wild.models`` with the library's interpreter.
"""

import argparse
import hashlib
import json
import logging
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

import backsight
from backsight.probes import probe
from benchmarks.wild._zoo import CASES, Place, Subject

__all__ = ["reference", "worst"]

ROUNDS, WARM_UP = 9, 3
VISIBLE = 1e-6
"""Relative to lag 0: below, two float32 passes need not agree."""

BEFORE = {"reach": "", "block_reach": "block:", "reach_ahead": "ahead "}
"""What a curve's name begins with, by its signal."""

Curves = dict[str, NDArray[np.float64]]


def reference(subject: Subject) -> Curves:
    """The reach at each place, by autograd from one position of one sequence after the other."""
    caught: dict[str, list[Tensor]] = {}
    with ExitStack() as stack:
        for place in (*subject.inputs, *subject.blocks):
            handle = _catch(subject.model.get_submodule(place.module), place, caught)
            stack.callback(handle.remove)
        losses = subject.positions(subject.model, subject.x)
    curves: Curves = {}
    for name, tensors in caught.items():
        back, ahead = [], []
        for b, row in enumerate(losses):
            read = row.detach().nonzero().flatten().tolist()
            steps = _norms(row[read[-1]], tensors, b)
            end = int(steps.nonzero()[0].max()) if name in subject.own_steps else read[-1]
            back.append(steps[: end + 1][::-1])
            if name in subject.ahead:
                ahead.append(_norms(row[read[0]], tensors, b)[read[0] :])
        curves[name] = _relative(back)
        if ahead:
            curves[f"ahead {name}"] = _relative(ahead)
    return curves


def _norms(loss: Tensor, tensors: Sequence[Tensor], b: int) -> NDArray[np.float64]:
    """``(T,)``: of the gradient on one sequence, in one tensor ``(B, T, D)`` or ``(B, D)`` each."""
    asked = torch.autograd.grad(loss, tensors, retain_graph=True, allow_unused=True)
    own = [torch.zeros_like(t[b]) if g is None else g[b]
           for g, t in zip(asked, tensors, strict=True)]  # fmt: skip
    rows = torch.stack(own).reshape(-1, own[0].shape[-1]).double()
    found: NDArray[np.float64] = rows.norm(dim=-1).numpy()
    return found


def _relative(rows: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """By lag, the mean over the sequences that have it, relative to lag 0."""
    lags = range(max(map(len, rows)))
    mean = np.array([np.mean([row[k] for row in rows if len(row) > k]) for k in lags])
    relative: NDArray[np.float64] = mean / mean[0]
    return relative


def _catch(module: nn.Module, place: Place, caught: dict[str, list[Tensor]]) -> Any:
    calls = 0

    def after(_: nn.Module, args: Any, kwargs: Any, result: Any) -> None:
        nonlocal calls
        calls += 1
        if place.call is None:
            state = result if isinstance(result, Tensor) else result[place.state]
            caught.setdefault(place.name, []).append(state)
        elif calls == place.call:
            caught[place.name] = [result]

    def before(_: nn.Module, args: Any, kwargs: Any) -> None:
        both = (*args, *kwargs.values())
        caught[place.name] = [x for x in both if isinstance(x, Tensor) and x.requires_grad][:1]

    if place.name.startswith("block:"):
        return module.register_forward_pre_hook(before, with_kwargs=True)
    return module.register_forward_hook(after, with_kwargs=True)


def worst(found: Curves, right: Curves) -> float:
    """The largest relative difference of any lag at any place; infinite where one is missing."""
    return max((_differs(found.get(name), right[name]) for name in right), default=np.inf)


def _differs(a: NDArray[np.float64] | None, b: NDArray[np.float64]) -> float:
    if a is None or not len(b) <= len(a) or np.isnan(a).any() or a[len(b) :].any():
        return np.inf
    seen = b > VISIBLE
    return float((abs(a[: len(b)] - b) / b)[seen].max())


class LossOnly(nn.Module):
    """The same model returning its loss and nothing else."""

    def __init__(self, model: nn.Module, loss: Callable[[nn.Module, Tensor], Tensor]) -> None:
        super().__init__()
        self.model, self._loss = model, loss

    def forward(self, x: Tensor) -> Tensor:
        """The scalar loss."""
        return self._loss(self.model, x)


def observed(subject: Subject, folder: Path) -> dict[str, Any]:
    """What a watched run of one step holds."""
    optimizer = torch.optim.SGD(subject.model.parameters(), lr=0.0)
    with backsight.watch(subject.model, optimizer, folder, every=1) as monitor:
        subject.loss(subject.model, subject.x).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()
        readers = monitor._observed.readers.inputs
        layouts = {k: v for one in readers._models for k, v in one.known.layouts.items()}
        reasons = [*readers.reasons, *readers.notes.values()]
    run = monitor.run
    assert run is not None
    curves: Curves = {}
    for name in run.names:
        signal, _, path = name.partition("/")
        if signal in BEFORE:
            path = BEFORE[signal] + path
            row = run.profile(name).rows[-1]
            curves[path] = np.asarray(row[~np.isnan(row)], dtype=np.float64)
    return {"curves": curves, "layouts": layouts, "reasons": reasons}


def trained(subject: Subject, folder: Path | None) -> list[Any]:
    """Losses, and a digest of the weights and of the random numbers, after four steps."""
    torch.manual_seed(1)
    optimizer = torch.optim.Adam(subject.model.parameters(), lr=1e-3)
    losses: list[Any] = []
    with ExitStack() as stack:
        if folder is not None:
            stack.enter_context(backsight.watch(subject.model, optimizer, folder, every=2))
        for _ in range(4):
            optimizer.zero_grad()
            loss = subject.loss(subject.model, subject.x)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            losses.append(loss.item())
    digest = hashlib.sha256()
    for tensor in (*subject.model.state_dict().values(), torch.get_rng_state()):
        digest.update(np.ascontiguousarray(tensor.detach().numpy()).tobytes())
    return [*losses, digest.hexdigest()]


def cost(build: Callable[[], Subject], folder: Path) -> tuple[float, float]:
    """CPU time of a sampled step less a bare one, in bare steps, and milliseconds of the latter."""
    bare, ours = build(), build()
    optimizers = [torch.optim.Adam(one.model.parameters(), lr=1e-4) for one in (bare, ours)]

    def step(subject: Subject, optimizer: torch.optim.Optimizer) -> float:
        began = time.process_time()
        loss = subject.loss(subject.model, subject.x)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return time.process_time() - began

    ratios, plain = [], []
    with backsight.watch(ours.model, optimizers[1], folder, every=1) as monitor:
        for _ in range(WARM_UP + ROUNDS):
            with monitor.paused():
                plain.append(step(bare, optimizers[0]))
            ratios.append((step(ours, optimizers[1]) - plain[-1]) / plain[-1])
    return statistics.median(ratios[WARM_UP:]), statistics.median(plain[WARM_UP:]) * 1e3


def measure(name: str, build: Callable[[], Subject], folder: Path) -> dict[str, Any]:
    """One row."""

    def subject(dtype: torch.dtype = torch.float32) -> Subject:
        torch.manual_seed(0)
        made = build()
        if dtype is torch.float64:
            _double(made.model)
        return made

    dtype = torch.float64
    try:
        one = subject(dtype)
        one.loss(one.model, one.x)
    except Exception:  # noqa: BLE001 - a model that casts to float32 itself
        dtype = torch.float32
    one = subject(dtype)
    told = observed(one, folder / "one")
    right = reference(one)
    curves = told["curves"]
    row: dict[str, Any] = {
        "inputs": sorted(name for name in curves if name.split(":")[0] in ("input", name)),
        "layout": _layouts(told["layouts"], [p.name for p in one.inputs]),
        "blocks": sorted(name for name in curves if name.startswith("block:")),
        "missing": sorted(set(right) - set(curves)),
        "differs": worst(curves, right),
        "dtype": str(dtype).removeprefix("torch."),
        "said": told["reasons"],
    }
    row["loss alone"] = loss_alone(subject(dtype), right)
    row["unharmed"] = trained(subject(), None) == trained(subject(), folder / "watched")
    row["sample adds"], row["bare ms"] = cost(subject, folder / "cost")
    return row


def _double(model: nn.Module) -> None:
    """In double precision, also what is complex."""
    with torch.no_grad():
        for tensor in (*model.parameters(), *model.buffers()):
            if tensor.is_complex() or tensor.is_floating_point():
                wide = torch.complex128 if tensor.is_complex() else torch.float64
                tensor.data = tensor.data.to(wide)


def loss_alone(subject: Subject, right: Curves) -> float | str:
    """The largest difference where the model returns its loss only, or what was said."""
    whole = LossOnly(subject.model, subject.loss)
    try:
        found = probe(whole, lambda: whole(subject.x))
    except Exception as error:  # noqa: BLE001 - a row of the table
        return f"{type(error).__name__}: {error}"
    curves: Curves = {}
    for path, profile in found.items():
        name = path.replace(":model.", ":", 1).removeprefix("model.")
        curves[name] = profile.reach
        if profile.reach_ahead is not None:
            curves[f"ahead {name}"] = profile.reach_ahead
    reasons = {profile.reason for profile in found.values() if profile.reason}
    return "; ".join(sorted(reasons)) if reasons else worst(curves, right)


def _layouts(known: dict[str, str], inputs: Sequence[str]) -> str:
    return ", ".join(sorted({known[name] for name in inputs if name in known})) or "not needed"


def main() -> None:
    """Measure one and print it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=CASES)
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        row = measure(options.name, CASES[options.name].build, Path(folder))
    print(json.dumps(row))


if __name__ == "__main__":
    main()
