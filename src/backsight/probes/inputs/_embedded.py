"""The reach of any sequence model, taken on its embedded inputs and on what its blocks take.

Two backward passes on the caller's own graph: the whole loss's gradient on each embedded input and
on what the model returned, and then the one that comes from each sequence's last position alone, at
all inputs and all blocks together. Until the layout is known, one more from a single position.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from backsight.probes._autograd import gradients_of
from backsight.probes._profile import GradientProfile, Tally, profile_of, relative
from backsight.probes.inputs._norms import joined, norms_at
from backsight.probes.inputs._outputs import Output, Returned, output_of
from backsight.probes.inputs._points import Layout, Point
from backsight.probes.inputs._positions import output_in_graph
from backsight.probes.inputs._support import STANDS_OUT, Support, seed_position, support_of
from backsight.probes.inputs._words import (
    counted_by_itself,
    mixed_batch,
    no_positions,
    one_sequence,
    one_step,
)

__all__ = ["Known", "Read", "read"]

Norms = NDArray[np.float64]
TRIES = 5
"""Samples in which the layout of a point is looked for; then it is taken as it seems."""


@dataclass(slots=True)
class Known:
    """What earlier samples have told of a model."""

    layout: Layout | None = None
    """As the caller gives it; None to find it."""
    layouts: dict[str, Layout] = field(default_factory=dict)
    """Of points by path, and of the output, under the empty path."""
    tries: dict[str, int] = field(default_factory=dict)
    mixed: bool = False
    """Whether a normalisation mixes the batch a little."""
    ahead: bool = False
    """Whether later inputs have a gradient, too."""

    def steps(self, point: Point) -> int:
        """How many steps its sequences have, batch first where nothing tells."""
        return point.lead[self.layouts.get(point.path, self.layout or "batch") == "batch"]


@dataclass(slots=True)
class Read:
    """What one pass told."""

    profiles: dict[str, GradientProfile] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    """Why nothing can be told, by the path of the input."""
    arrived: bool = False
    """Whether a gradient arrived at all."""


@dataclass(slots=True)
class _Seed:
    """Where the gradients of the second pass begin."""

    outputs: Sequence[object]
    seeds: Sequence[Tensor | None]
    at: NDArray[np.int64] | None
    """``(B,)``: each sequence's position, -1 for none; None of single answers."""
    only: int | None
    """The sequence that is followed alone, where the batch is mixed."""


def read(
    points: Sequence[Point],
    blocks: Sequence[Point],
    results: Sequence[Tensor],
    roots: Sequence[Tensor],
    gradients: Sequence[Tensor | None],
    factor: float,
    known: Known,
    positions: set[str] = frozenset(),  # type: ignore[assignment]
) -> Read:
    """Profiles of the inputs, and of the blocks.

    Args:
        points: the embedded inputs.
        blocks: what the blocks were called with.
        results: what the model returned.
        roots: what backward is about to be called on.
        gradients: with these gradients.
        factor: what ``grad_time`` is multiplied by (AMP).
        known: of earlier samples; added to.
        positions: paths of points that were fed with what looks like positions.
    """
    found = Read()
    edges = [edge for point in points for edge in point.edges]
    asked = gradients_of(roots, [*edges, *results], gradients)
    directs = asked[len(edges) :]
    found.arrived = any(one is not None for one in asked)
    totals: list[Tensor] = []
    live: list[Point] = []
    for point in points:
        there, asked = asked[: len(point.edges)], asked[len(point.edges) :]
        total = joined(there, point)
        if total is not None and bool((total != 0).any()) and point.value.dim() > 2:
            live.append(point)
            totals.append(total)
    live, totals = _distinct(live, totals, positions)
    if not live:
        return found
    output = output_of(results, directs, live) or output_in_graph(roots, gradients, live)
    if output is None:
        found.reasons = {point.path: no_positions(point.path) for point in live}
        return found
    output, supports = _layouts(output, live, blocks, known)
    mixed = {p for p, support in supports.items() if support.kind == "mixed"}
    found.reasons = {path: mixed_batch(path) for path in mixed if path.startswith("input:")}
    kept = [n for n, point in enumerate(live) if point.path not in mixed]
    live, totals = [live[n] for n in kept], [totals[n] for n in kept]
    blocks = [block for block in blocks if block.path not in mixed]
    if not live:
        return found
    seed = _last(output, roots, gradients, known)
    norms = norms_at(seed.outputs, seed.seeds, [*live, *blocks], len(live))
    for number, (point, one) in enumerate(zip([*live, *blocks], norms, strict=True)):
        total = totals[number] if number < len(live) else None
        profile = _profile(point, one, total, output, seed, known, factor)
        if profile is not None:
            found.profiles[point.path] = profile
    for path, ahead in _ahead(output, live, norms, seed, known).items():
        found.profiles[path] = replace(found.profiles[path], reach_ahead=ahead)
    return found


def _distinct(
    points: list[Point], totals: list[Tensor], positions: set[str]
) -> tuple[list[Point], list[Tensor]]:
    """One of those that are added up, which have the same gradient: not that of the positions."""
    order = sorted(range(len(points)), key=lambda n: points[n].path in positions)
    kept: list[int] = []
    for n in order:
        same = (totals[n].shape == totals[m].shape and torch.equal(totals[n], totals[m])
                for m in kept)  # fmt: skip
        if not any(same):
            kept.append(n)
    kept.sort()
    return [points[n] for n in kept], [totals[n] for n in kept]


# -- the layout ----------------------------------------------------------------------------


def _layouts(
    output: Output, points: Sequence[Point], blocks: Sequence[Point], known: Known
) -> tuple[Output, dict[str, Support]]:
    """Learn which axis is the batch, of whatever it is not known of yet."""
    every = [*points, *blocks]
    unknown = [p for p in every if p.path not in known.layouts]
    if not any(known.tries.get(p.path, 0) < TRIES for p in unknown):
        return output, {}
    there = output.there
    i, j = seed_position(there.cpu().numpy())
    mask = torch.zeros_like(there)
    mask[i, j] = True
    norms = norms_at(*output.seeded(mask, alike=True), every, len(points))
    supports: dict[str, Support] = {}
    for point, one in zip(every, norms, strict=True):
        lead, other = point.lead, output.lead
        known.tries[point.path] = known.tries.get(point.path, 0) + 1
        if one is None:
            continue
        here = one.cpu().numpy()
        if not output.single and lead == other:
            lines: list[tuple[Layout, int]] = [("batch", i), ("time", j)]
        elif not output.single and lead == other[::-1]:
            lines = [("batch", j), ("time", i)]
        else:
            sizes = zip(other, (i, j), strict=True) if not output.single else [(other[0], i)]
            lines = [
                line
                for size, at in sizes
                for n, line in ((lead[0], ("batch", at)), (lead[1], ("time", at)))
                if n == size
            ]  # type: ignore[misc]
        support = support_of(here, list(dict.fromkeys(lines)))
        supports[point.path] = support
        known.mixed = known.mixed or support.weak
        layout = known.layout or point.fixed or support.layout
        if support.kind == "line" and layout is not None:
            known.layouts[point.path] = layout
            if "" not in known.layouts:
                _know_output(output, point, layout, support, (i, j), known)
            if not output.single and lead == other:
                known.ahead = known.ahead or _reaches_ahead(here, layout, (i, j))
        elif support.kind == "mixed" and (known.layout or len(here) == 1):
            known.mixed = True  # the caller knows, or there is a single sequence
            del supports[point.path]
    if output.doubtful and known.ahead:
        assert isinstance(output, Returned)
        output = output.by_sequence()
        known.layouts.pop("", None)
    return output, supports


def _know_output(
    output: Output,
    point: Point,
    layout: Layout,
    support: Support,
    at: tuple[int, int],
    known: Known,
) -> None:
    """The layout of the output, from that of an input."""
    if output.single:
        return
    other: Layout = "time" if layout == "batch" else "batch"
    if known.layout is not None or point.lead == output.lead:
        known.layouts[""] = layout
    elif point.lead == output.lead[::-1]:
        known.layouts[""] = other
    elif at[0] != at[1]:
        known.layouts[""] = "batch" if support.index == at[0] else "time"


def _reaches_ahead(norms: Norms, layout: Layout, at: tuple[int, int]) -> bool:
    """Whether later inputs have a gradient, more than a normalisation gives all of them."""
    if layout == "time":
        norms, at = norms.T, at[::-1]
    later = norms[at[0], at[1] + 1 :].max(initial=0)
    elsewhere = np.delete(norms, at[0], axis=0).max(initial=0)
    return bool(later > STANDS_OUT * elsewhere)


def _layout(point: Point, output: Output, known: Known) -> Layout:
    """As known, or as its sizes and the output tell."""
    if point.path in known.layouts:
        return known.layouts[point.path]
    if known.layout or point.fixed:
        return known.layout or point.fixed or "batch"
    whole = known.layouts.get("", "batch")
    if not output.single and point.lead == output.lead:
        return whole
    if not output.single and point.lead == output.lead[::-1]:
        return "time" if whole == "batch" else "batch"
    batch = output.lead[0 if whole == "batch" else 1]
    return "time" if point.lead[1] == batch != point.lead[0] else "batch"


# -- the reach -----------------------------------------------------------------------------


def _by_sequence(x: NDArray[np.generic], layout: Layout) -> NDArray[np.generic]:
    """``(B, T)``."""
    return x if layout == "batch" else x.T


def _last(
    output: Output, roots: Sequence[Tensor], gradients: Sequence[Tensor | None], known: Known
) -> _Seed:
    """Each sequence's last position with a direct gradient, and nothing else."""
    there = output.there
    if output.single:
        if not known.mixed:
            return _Seed(roots, gradients, None, None)
        row = int(there[:, 0].nonzero()[0])
        mask = torch.zeros_like(there)
        mask[row] = True
        return _Seed(*output.seeded(mask), None, row)
    mask, at, only = _single(there, known, last=True)
    return _Seed(*output.seeded(mask), at, only)


def _single(
    there: Tensor, known: Known, *, last: bool
) -> tuple[Tensor, NDArray[np.int64], int | None]:
    """A mask ``(n0, n1)`` of one position a sequence, those positions, and which one is alone."""
    layout = known.layouts.get("", known.layout or "batch")
    rows = there if layout == "batch" else there.T
    t = torch.arange(rows.shape[1], device=rows.device)
    if last:
        at = torch.where(rows, t, -1).amax(1)
    else:
        at = torch.where(rows, t, len(t)).amin(1)
        at = torch.where(at == len(t), -1, at)
    only = None
    if known.mixed:
        only = int(at.argmax() if last else (at >= 0).nonzero()[0])
        at = torch.where(torch.arange(len(at), device=at.device) == only, at, -1)
    mask = at[:, None] == t
    return mask if layout == "batch" else mask.T, at.cpu().numpy(), only


def _aligned(point: Point, output: Output) -> bool:
    """Whether its steps are those of the output."""
    return not output.single and sorted(point.lead) == sorted(output.lead)


def _profile(
    point: Point,
    norms: Tensor | None,
    total: Tensor | None,
    output: Output,
    seed: _Seed,
    known: Known,
    factor: float,
) -> GradientProfile | None:
    layout = _layout(point, output, known)
    n = point.lead if layout == "batch" else point.lead[::-1]
    back = np.zeros(n) if norms is None else _by_sequence(norms.cpu().numpy(), layout)
    steps = np.arange(n[1])
    aligned = _aligned(point, output) and seed.at is not None
    at = seed.at if aligned else np.where(back != 0, steps, -1).max(1, initial=-1)
    assert at is not None
    if seed.only is not None:
        at = np.where(np.arange(len(at)) == seed.only, at, -1)
    lag = np.where(at[:, None] >= 0, at[:, None] - steps, -1)
    time, lags, hidden = Tally(), Tally(), Tally()
    lags.add(lag, back)
    if total is None:
        if norms is None:
            return None
        return replace(_made(time, lags, hidden), role="block")
    where = np.broadcast_to(steps, n)
    width = torch.linalg.vector_norm(total, dim=-1, dtype=torch.float64).cpu().numpy()
    time.add(where, _by_sequence(width, layout) * factor)
    size = joined([point.value], point)
    assert size is not None
    states = torch.linalg.vector_norm(size, dim=-1, dtype=torch.float64).cpu().numpy()
    hidden.add(where, _by_sequence(states, layout))
    notes = [
        counted_by_itself(point.path, n[1]) if not aligned and not output.single else "",
        one_sequence() if seed.only is not None and n[0] > 1 else "",
        one_step() if n[1] == 1 else "",
    ]
    return replace(
        _made(time, lags, hidden), role="input", note="; ".join(filter(None, notes))
    )


def _made(time: Tally, lags: Tally, hidden: Tally) -> GradientProfile:
    return profile_of(time=time, lags=lags, hidden=hidden, cell=None, saturation={}, exact=True)


def _ahead(
    output: Output,
    points: Sequence[Point],
    norms: Sequence[Tensor | None],
    seed: _Seed,
    known: Known,
) -> dict[str, Norms]:
    """``reach_ahead`` of the inputs that share the output's steps, where the model looks ahead."""
    those = [p for p in points if _aligned(p, output)]
    if seed.at is None or not known.ahead or not those:
        return {}
    there = output.there
    mask, at, _ = _single(there, known, last=False)
    if (at == seed.at).all():
        found = [one for point, one in zip(points, norms, strict=False) if _aligned(point, output)]
    else:
        found = norms_at(*output.seeded(mask), those, len(those))
    curves = {}
    for point, one in zip(those, found, strict=True):
        if one is None:
            continue
        lags = Tally()
        back = _by_sequence(one.cpu().numpy(), _layout(point, output, known))
        ahead = np.arange(back.shape[1]) - at[:, None]
        lags.add(np.where(at[:, None] >= 0, ahead, -1), back)
        curves[point.path] = relative(lags)
    return curves
