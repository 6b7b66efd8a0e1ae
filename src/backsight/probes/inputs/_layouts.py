"""Which axis of each input, block and output is the batch: found once for a model, and kept."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from backsight.probes.inputs._norms import norms_at
from backsight.probes.inputs._outputs import Output, Returned, Seedable
from backsight.probes.inputs._points import Layout, Point
from backsight.probes.inputs._support import STANDS_OUT, Support, seed_position, support_of

__all__ = ["Known", "Norms", "layout_of", "learn_layouts"]

Norms = NDArray[np.float64]

TRIES = 5
"""Samples in which the layout of a point is looked for; then it is taken as it seems."""


@dataclass(slots=True)
class Known:
    """What earlier samples have told of a model."""

    layout: Layout | None = None
    """As the caller gives it; None to find it."""
    layouts: dict[str, Layout] = field(default_factory=dict)
    """Of points and outputs by path."""
    tries: dict[str, int] = field(default_factory=dict)
    mixed: bool = False
    """Whether a normalisation mixes the batch a little."""
    ahead: set[str] = field(default_factory=set)
    """Paths of points of which later steps have a gradient, too."""
    moved: set[str] = field(default_factory=set)
    """Paths of points whose sequences are in another order than those of the output."""
    output: str = ""
    """The path of the output under way, which is one more in ``layouts``."""

    def steps(self, point: Point) -> int:
        """How many steps its sequences have, batch first where nothing tells."""
        if point.packed is not None:
            return point.lead[0]
        return point.lead[self.layouts.get(point.path, self.layout or "batch") == "batch"]


def learn_layouts(
    output: Output, points: Sequence[Point], blocks: Sequence[Point], known: Known
) -> tuple[Output, dict[str, Support]]:
    """Learn which axis is the batch, of whatever it is not known of yet."""
    every = [*points, *blocks]
    unknown = [p for p in every if p.path not in known.layouts]
    if not isinstance(output, Seedable) or not any(
        known.tries.get(p.path, 0) < TRIES for p in unknown
    ):
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
            lines = []
            for size, at in list(zip(other, (i, j), strict=True))[: 1 if output.single else 2]:
                lines += [("batch", at)] if lead[0] == size else []
                lines += [("time", at)] if lead[1] == size else []
        if point.packed is not None:  # a model may answer in the order of the packed batch
            lines = [("time", at) for at in range(lead[1])]
        if point.of and point.fixed:  # a single sequence
            lines = [(point.fixed, 0)]
        support = support_of(here, list(dict.fromkeys(lines)))
        supports[point.path] = support
        known.mixed = known.mixed or support.weak
        layout = _settled(point, known) or support.layout
        if support.kind == "line" and layout is not None:
            known.layouts[point.path] = layout
            if support.moved:
                known.moved.add(point.path)
            if known.output not in known.layouts:
                _know_output(output, point, layout, support, (i, j), known)
            same = not output.single and lead == other and not support.moved
            if same and _reaches_ahead(here, layout, (i, j)):
                known.ahead.add(point.path)
        elif support.kind == "mixed" and (known.layout or len(here) == 1):
            known.mixed = True  # the caller knows, or there is a single sequence
            del supports[point.path]
    if output.doubtful and known.ahead.intersection(supports):
        assert isinstance(output, Returned)
        output = output.by_sequence()
        known.layouts.pop(known.output, None)
    return output, supports


def _settled(point: Point, known: Known) -> Layout | None:
    """The layout that is known before any gradient."""
    return "time" if point.packed is not None else known.layout or point.fixed


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
        known.layouts[known.output] = layout
    elif point.lead == output.lead[::-1]:
        known.layouts[known.output] = other
    elif at[0] != at[1]:
        known.layouts[known.output] = "batch" if support.index == at[0] else "time"


def _reaches_ahead(norms: Norms, layout: Layout, at: tuple[int, int]) -> bool:
    """Whether later inputs have a gradient, more than a normalisation gives all of them."""
    if layout == "time":
        norms, at = norms.T, at[::-1]
    later = norms[at[0], at[1] + 1 :].max(initial=0)
    elsewhere = np.delete(norms, at[0], axis=0).max(initial=0)
    return bool(later > STANDS_OUT * elsewhere)


def layout_of(point: Point, output: Output, known: Known) -> Layout:
    """As known, or as its sizes and the output tell."""
    if point.path in known.layouts:
        return known.layouts[point.path]
    settled = _settled(point, known)
    if settled is not None:
        return settled
    whole = known.layouts.get(known.output, "batch")
    if not output.single and point.lead == output.lead:
        return whole
    if not output.single and point.lead == output.lead[::-1]:
        return "time" if whole == "batch" else "batch"
    batch = output.lead[0 if whole == "batch" else 1]
    return "time" if point.lead[1] == batch != point.lead[0] else "batch"
