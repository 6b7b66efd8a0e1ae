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

Curves = dict[str, NDArray[np.float64]]


def reference(subject: Subject) -> Curves:
    """The reach at each place, by autograd from one position of one sequence after the other."""
    caught: dict[str, Tensor] = {}
    with ExitStack() as stack:
        for place in (*subject.inputs, *subject.blocks):
            handle = _catch(subject.model.get_submodule(place.module), place, caught)
            stack.callback(handle.remove)
        losses = subject.positions(subject.model, subject.x)
    curves: Curves = {}
    norms: dict[str, list[NDArray[np.float64]]] = {name: [] for name in caught}
    for b in range(len(losses)):
        last = int(losses[b].detach().nonzero().max())
        asked = torch.autograd.grad(losses[b, last], list(caught.values()), retain_graph=True)
        for (name, tensor), gradient in zip(caught.items(), asked, strict=True):
            own = gradient.select(subject.batch_axis, b).double()
            steps = own.norm(dim=-1).numpy()
            end = last if subject.aligned(name, tensor) else int(steps.nonzero()[0].max())
            norms[name].append(steps[: end + 1][::-1])
    for name, each in norms.items():
        lags = range(max(map(len, each)))
        mean = np.array([np.mean([one[k] for one in each if len(one) > k]) for k in lags])
        curves[name] = mean / mean[0]
    return curves


def _catch(module: nn.Module, place: Place, caught: dict[str, Tensor]) -> Any:
    calls = 0

    def after(_: nn.Module, args: Any, kwargs: Any, result: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == place.call:
            caught[place.name] = result

    def before(_: nn.Module, args: Any, kwargs: Any) -> None:
        both = (*args, *kwargs.values())
        caught[place.name] = next(x for x in both if isinstance(x, Tensor) and x.requires_grad)

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


Log = list[str]


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
        if signal in ("reach", "block_reach"):
            path = f"block:{path}" if signal == "block_reach" else path
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
        made.model.to(dtype)
        if made.x.is_floating_point():
            made.x = made.x.to(dtype)
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
        "inputs": _short(curves, "block:", there=False),
        "layout": _layouts(told["layouts"], [p.name for p in one.inputs]),
        "blocks": _short(curves, "block:", there=True),
        "missing": sorted(set(right) - set(curves)),
        "differs": worst(curves, right),
        "dtype": str(dtype).removeprefix("torch."),
        "said": told["reasons"],
    }
    row["loss alone"] = loss_alone(subject(dtype), right)
    row["unharmed"] = trained(subject(), None) == trained(subject(), folder / "watched")
    row["sample adds"], row["bare ms"] = cost(subject, folder / "cost")
    return row


def loss_alone(subject: Subject, right: Curves) -> float | str:
    """The largest difference where the model returns its loss only, or what was said."""
    whole = LossOnly(subject.model, subject.loss)
    try:
        found = probe(whole, lambda: whole(subject.x))
    except Exception as error:  # noqa: BLE001 - a row of the table
        return f"{type(error).__name__}: {error}"
    curves = {k.replace("input:model.", "input:").replace("block:model.", "block:"): v.reach
              for k, v in found.items()}  # fmt: skip
    reasons = {profile.reason for profile in found.values() if profile.reason}
    return "; ".join(sorted(reasons)) if reasons else worst(curves, right)


def _short(names: Sequence[str] | Curves, start: str, *, there: bool) -> list[str]:
    return sorted(name for name in names if name.startswith(start) == there)


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
