"""The reach of any sequence model, taken on its embedded inputs and on what its blocks take.

Two backward passes on the caller's own graph: the whole loss's gradient on each embedded input and
on what the model returned, and then the one that comes from each sequence's last position alone, at
all inputs and all blocks together. Until the layout is known, one more from a single position.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from backsight.probes._autograd import gradients_of
from backsight.probes._lag_tally import LagTally
from backsight.probes._profile import GradientProfile, Tally, profile_of, relative
from backsight.probes.inputs._frontier import read_directly
from backsight.probes.inputs._in_graph import outputs_in_graph
from backsight.probes.inputs._layouts import Known, Norms, layout_of, learn_layouts
from backsight.probes.inputs._norms import joined, norms_at
from backsight.probes.inputs._outputs import Output, Seedable, outputs_of
from backsight.probes.inputs._points import Layout, Point
from backsight.probes.inputs._words import (
    added_to,
    counted_by_itself,
    mixed_batch,
    no_positions,
    no_steps,
    nothing_arrives,
    one_sequence,
    one_step,
    only_ahead,
)

__all__ = ["Read", "read"]

OUTPUTS = 4
"""Results that are followed back at most, as long as there are inputs that none of them told of; of
sequences that are embedded one after the other, as many as these."""


_Tallies = tuple[Tally, LagTally, Tally]
"""By time and by lag, and of norms of the input."""


@dataclass(slots=True)
class Read:
    """What one pass told."""

    profiles: dict[str, GradientProfile] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    """Why nothing can be told, by the path of the input."""
    tallies: dict[str, _Tallies] = field(default_factory=dict)
    """Of inputs, what their profiles are the means of."""
    left_out: set[str] = field(default_factory=set)
    """Paths of inputs that no gradient arrived at, or that are added to another one."""
    silent: dict[str, str] = field(default_factory=dict)
    """Of these, why an input has no profile, although another one has."""
    places: dict[str, tuple[Layout, NDArray[np.int64]]] = field(default_factory=dict)
    """Of blocks, the layout and the position ``(B,)`` of each sequence."""
    arrived: bool = False
    """Whether a gradient arrived at all."""

    def join(self, paths: Sequence[str]) -> None:
        """Take inputs together that are sequences of one batch, under the path of the first one.

        Not where a model looks ahead.
        """
        first, *others = paths
        if any(self.profiles[path].reach_ahead is not None for path in paths):
            return
        for path in others:
            for mine, other in zip(self.tallies[first], self.tallies[path], strict=True):
                mine.join(other)
            del self.profiles[path]
        self.left_out.update(others)
        self.profiles[first] = replace(_made(*self.tallies[first]), role="input")


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
    direct = read_directly(results, roots)
    results = [result for result, kept in zip(results, direct, strict=True) if kept]
    edges = [edge for point in points for edge in point.edges]
    asked = gradients_of(roots, [*edges, *results], gradients) if edges or results else []
    directs = asked[len(edges) :]
    found.arrived = any(one is not None for one in asked)
    totals: list[Tensor] = []
    live: list[Point] = []
    for point in points:
        there, asked = asked[: len(point.edges)], asked[len(point.edges) :]
        total = joined(there, point)
        if total is not None and bool((total != 0).any()) and point.has_steps:
            live.append(point)
            totals.append(total)
    live, totals, added = _distinct(live, totals, positions)
    if not live:
        return found
    found.left_out = {point.path for point in points} - {point.path for point in live}
    told = {point.path for point in live}.union(*added.values())
    found.silent = {
        point.path: no_steps(point.path, tuple(point.value.shape))
        if not point.has_steps
        else nothing_arrives(point.path)
        for point in points
        if point.path not in told
    }
    returned = outputs_of(results, directs, live)
    outputs: list[Output] = [one for one in returned if not one.single]
    untold = None
    if returned and any(point.of for point in live):
        outputs = outputs or [*returned]
    elif not outputs:  # the positions of a loss that the model returns itself
        outputs, untold = outputs_in_graph(roots, gradients, live)
        outputs = [*returned, *outputs] if all(one.single for one in outputs) else outputs
    waiting = [*live, *blocks]
    whole = {point.path: total for point, total in zip(live, totals, strict=True)}
    most = max(OUTPUTS, *(point.of for point in live))
    for number, output in enumerate(outputs[:most]):
        inputs = sum(point.path in whole for point in waiting)
        if not inputs:
            break
        _from(output, number, waiting, inputs, whole, roots, gradients, factor, known, found)
        waiting = [p for p in waiting if p.path not in found.profiles | found.reasons]
    for point in waiting:
        if point.path in whole:
            found.reasons[point.path] = no_positions(point.path) if untold is None else untold.words
    for path in added.keys() & found.profiles.keys():
        profile = found.profiles[path]
        note = "; ".join(filter(None, (profile.note, added_to(added[path]))))
        found.profiles[path] = replace(profile, note=note)
    return found


def _from(
    output: Output,
    number: int,
    points: Sequence[Point],
    inputs: int,
    totals: Mapping[str, Tensor],
    roots: Sequence[Tensor],
    gradients: Sequence[Tensor | None],
    factor: float,
    known: Known,
    found: Read,
) -> None:
    """Add the profiles of whatever one output depends on; the first of the points are inputs."""
    known.output = f"output:{number}"
    output, supports = learn_layouts(output, points[:inputs], points[inputs:], known)
    mixed = {path for path, support in supports.items() if support.kind == "mixed"}
    found.reasons |= {path: mixed_batch(path) for path in mixed if path in totals}
    kept = [point for point in points if point.path not in mixed]
    inputs = sum(point.path in totals for point in kept)
    if not inputs:
        return
    seed = _last(output, roots, gradients, known)
    norms = norms_at(seed.outputs, seed.seeds, kept, inputs)
    there = [(p, one) for p, one in zip(kept, norms, strict=True) if one is not None]
    there = [(p, one) for p, one in there if bool((one != 0).any())]
    apart = _apart([point for point, _ in there if point.path in totals], output, known)
    for point, one in there:
        total = totals.get(point.path)
        profile = _profile(
            point, one, total, output, seed, known, factor, found,
            apart=point.path in apart,
        )  # fmt: skip
        if total is not None or profile.reach.size > 1:
            found.profiles[point.path] = profile
    for path, ahead in _ahead(output, there, seed, known, totals, apart).items():
        profile = replace(found.profiles[path], reach_ahead=ahead)
        if profile.reach.size == 1 < ahead.size:
            profile = replace(profile, reach=ahead[:0], reason=only_ahead(path))
        found.profiles[path] = profile


def _apart(points: Sequence[Point], output: Output, known: Known) -> set[str]:
    """Paths of what has steps of its own, although as many as the output has.

    Beside an input of which only earlier steps count (a decoder's), one of which all steps count
    is an encoder's.
    """
    causal = [p for p in points if _aligned(p, output) and p.path not in known.ahead]
    return known.ahead if causal else set()


def _distinct(
    points: list[Point], totals: list[Tensor], positions: set[str]
) -> tuple[list[Point], list[Tensor], dict[str, list[str]]]:
    """One of those that are added up, which have the same gradient: not that of the positions.

    Returns:
        those that are kept, their gradients, and by path the others that have the same.
    """
    order = sorted(range(len(points)), key=lambda n: points[n].path in positions)
    kept: list[int] = []
    added: dict[str, list[str]] = {}
    for n in order:
        others = [m for m in kept if not (points[n].of and points[m].of)]  # no other sequence
        same = (m for m in others
                if totals[n].shape == totals[m].shape and torch.equal(totals[n], totals[m])
                )  # fmt: skip
        first = next(same, None)
        if first is None:
            kept.append(n)
        else:
            added.setdefault(points[first].path, []).append(points[n].path)
    kept.sort()
    return [points[n] for n in kept], [totals[n] for n in kept], added


# -- the reach -----------------------------------------------------------------------------


def _by_sequence(x: Norms, layout: Layout) -> Norms:
    """``(B, T)``."""
    return x if layout == "batch" else x.T


def _last(
    output: Output, roots: Sequence[Tensor], gradients: Sequence[Tensor | None], known: Known
) -> _Seed:
    """Each sequence's last position with a direct gradient, and nothing else."""
    if not isinstance(output, Seedable) or (output.single and not known.mixed):
        return _Seed(roots, gradients, None, None)
    there = output.there
    if output.single:
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
    layout = known.layouts.get(known.output, known.layout or "batch")
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
    norms: Tensor,
    total: Tensor | None,
    output: Output,
    seed: _Seed,
    known: Known,
    factor: float,
    found: Read,
    *,
    apart: bool,
) -> GradientProfile:
    layout = layout_of(point, output, known)
    n = point.lead if layout == "batch" else point.lead[::-1]
    back = _by_sequence(norms.cpu().numpy(), layout)
    steps = np.arange(n[1])
    aligned = _aligned(point, output) and seed.at is not None and not apart
    last = np.where(back != 0, steps, -1).max(1, initial=-1)
    at = last if not aligned or _moved(point, last, seed, known) else seed.at
    assert at is not None
    if seed.only is not None:
        at = np.where(np.arange(len(at)) == seed.only, at, -1)
    lag = np.where(at[:, None] >= 0, at[:, None] - steps, -1)
    time, lags, hidden = Tally(), LagTally(), Tally()
    lags.add_sized(lag, back, at[:, None] + 1)
    if total is None:
        found.places[point.path] = layout, at
        return replace(_made(time, lags, hidden), role="block")
    where = np.where(_inside(point, n), steps, -1)
    width = torch.linalg.vector_norm(total, dim=-1, dtype=torch.float64).cpu().numpy()
    time.add(where, _by_sequence(width, layout) * factor)
    size = joined([point.value], point)
    assert size is not None
    states = torch.linalg.vector_norm(size, dim=-1, dtype=torch.float64).cpu().numpy()
    hidden.add(where, _by_sequence(states, layout))
    found.tallies[point.path] = time, lags, hidden
    notes = [
        "" if aligned or output.single else counted_by_itself(point.path, n[1]),
        one_sequence() if seed.only is not None and n[0] > 1 else "",
        one_step() if n[1] == 1 else "",
    ]
    return replace(_made(time, lags, hidden), role="input", note="; ".join(filter(None, notes)))


def _moved(point: Point, last: NDArray[np.int64], seed: _Seed, known: Known) -> bool:
    """Whether the sequences are in another order than those of the output, sorted by the model.

    Then the last step that has a gradient is that of the position. Where a model looks back only, a
    sequence that has one after its own position shows it, too.
    """
    if point.path in known.moved:
        return True
    causal = point.path not in known.ahead and not known.mixed
    return causal and seed.at is not None and bool((last > seed.at).any())


def _inside(point: Point, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """``(B, T)``: whether a sequence has that step."""
    if point.packed is None:
        return np.ones(shape, dtype=bool)
    return point.packed.there.T.cpu().numpy()


def _made(time: Tally, lags: LagTally, hidden: Tally) -> GradientProfile:
    return profile_of(
        time=time,
        lags=lags,
        hidden=hidden,
        cell=None,
        saturation={},
        exact=True,
        share=lags.shares(),
    )


def _ahead(
    output: Output,
    there: Sequence[tuple[Point, Tensor]],
    seed: _Seed,
    known: Known,
    totals: Mapping[str, Tensor],
    apart: set[str],
) -> dict[str, Norms]:
    """``reach_ahead`` of the inputs that share the output's steps, where the model looks ahead."""
    those = [
        (point, one)
        for point, one in there
        if point.path in known.ahead.intersection(totals) - apart - known.moved
        and _aligned(point, output)
    ]
    if seed.at is None or not those or not isinstance(output, Seedable):
        return {}
    mask, at, _ = _single(output.there, known, last=False)
    if not (at == seed.at).all():
        points = [point for point, _ in those]
        found = norms_at(*output.seeded(mask), points, len(points))
        those = [(p, one) for p, one in zip(points, found, strict=True) if one is not None]
    curves = {}
    for point, one in those:
        lags = Tally()
        back = _by_sequence(one.cpu().numpy(), layout_of(point, output, known))
        ahead = np.arange(back.shape[1]) - at[:, None]
        lags.add(np.where((at[:, None] >= 0) & _inside(point, back.shape), ahead, -1), back)
        curves[point.path] = relative(lags)
    return curves
