"""Reads the reach of any sequence model on its embedded inputs, and on what its blocks take."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from torch import Tensor, nn

from backsight.probes._identity import IdentityMap
from backsight.probes._profile import GradientProfile
from backsight.probes._reader import LayerReader, Memories, ReaderSettings, Readings
from backsight.probes._tensors import tensors_in
from backsight.probes.inputs import _words as words
from backsight.probes.inputs._block_memory import BlockRun, block_to_run
from backsight.probes.inputs._embedded import Read, read
from backsight.probes.inputs._layouts import Known
from backsight.probes.inputs._one_by_one import fix_layouts, one_by_one
from backsight.probes.inputs._points import Layout, Point
from backsight.probes.inputs._search import Attach, Search

__all__ = ["InputReader"]

TRIES = 3
"""Samples in which an embedded input is looked for, after which a model has none."""

Found = Callable[[str, nn.Module, bool, tuple[int, int]], None]
"""Told, in every sample, of the path of an input, of the module that makes it, whether that is in
training mode, and of the steps and the elements of its sequences."""


@dataclass(eq=False)
class _Model:
    """A model whose inputs are read."""

    search: Search
    found: Found
    named: bool
    known: Known
    tries: int = 0
    over: bool = False
    """Whether nothing more is expected of it."""
    notes: dict[str, str] = field(default_factory=dict)
    """How an input was measured, by its path, where that is not as usual."""
    reasons: dict[str, str] = field(default_factory=dict)
    """Why something cannot be told, by the path of an input or, of the whole model, by none."""
    silent: dict[str, str] = field(default_factory=dict)
    """The same of inputs beside others; a gradient may still arrive in a later sample."""


class InputReader(LayerReader):
    """Of modules that embed a model's inputs, found or named, and of its stacks of blocks.

    In a sampled iteration every module of the model is watched, in others none. Paths are
    ``input:`` or ``block:`` and the module's own.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from backsight.probes import probe
        >>> model, tokens = nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 5)), torch.ones(2, 6)
        >>> profile = probe(model, lambda: model(tokens.long()).square().mean())["input:0"]
        >>> profile.reach.tolist()
        [1.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    """

    def __init__(self, settings: ReaderSettings) -> None:
        super().__init__(settings)
        self._models: list[_Model] = []
        self._layouts: IdentityMap[tuple[Known, str, tuple[int, int]]] = IdentityMap()
        self._reading = False
        self.left_out: set[str] = set()
        """Paths of inputs that another one stands for, or that no gradient arrived at, and of
        modules that are layers and no steps."""
        self._runs: dict[str, BlockRun] = {}
        """By path, blocks of the pass that was measured, to be run again."""
        self.elsewhere = False
        """Whether another reader has found steps in the model: then it has no need of this one."""

    def search(
        self,
        model: nn.Module,
        name: str,
        named: Sequence[str] | None,
        attach: Attach,
        found: Found,
    ) -> Callable[[Any, Any], None]:
        """Look for the embedded inputs of ``model``.

        Args:
            model: whose modules are watched in sampled iterations.
            name: put before its paths, where there are several models.
            named: paths of the modules that embed its inputs; None to find them.
            attach: watches the calls of a module.
            found: told of each input.

        Returns:
            What is to be told, in every iteration, that ``model`` itself is about to be called,
            with its arguments.
        """
        layout: Layout | None = None if self.settings.layout == "auto" else self.settings.layout

        def guarded(module: nn.Module, before: Any, after: Any) -> Callable[[], None]:
            return attach(module, self._unless_reading(before), self._unless_reading(after))

        one = _Model(
            Search(model, name, named, self.settings.force, guarded),
            found,
            named is not None,
            Known(layout),
        )
        self._models.append(one)
        if self.armed:
            one.search.start()

        def begins(args: Any, kwargs: Any) -> None:
            if self.armed and not one.over and not self._reading:
                one.search.root_begins(args, kwargs)

        return begins

    def _unless_reading(self, action: Any) -> Any:
        """A checkpoint runs modules again while its gradient is asked for."""
        if action is None:
            return None

        def told(*call: Any) -> None:
            if not self._reading:
                action(*call)

        return told

    @property
    def reasons(self) -> list[str]:
        """A sentence for whatever cannot be told."""
        return [
            why for one in self._models for why in (*one.reasons.values(), *one.silent.values())
        ]

    @property
    def reasons_of_inputs(self) -> list[str]:
        """Of these, the sentences for inputs that were found."""
        return [words for one in self._models for path, words in one.reasons.items() if path]

    @property
    def notes(self) -> dict[str, str]:
        """How inputs were measured, by path, where that is not as usual: the unit of their lags."""
        return {path: note for one in self._models for path, note in one.notes.items()}

    @property
    def names(self) -> list[str]:
        """Of inputs that have run."""
        return [point.path for one in self._models for point in one.search.points()]

    def layers(self) -> set[str]:
        """Paths of modules whose calls are layers that share their weights, and no steps."""
        return {path for one in self._models if not one.over for path in one.search.layers()}

    @property
    def needs_graph(self) -> bool:
        """Whether anything was caught."""
        return any(
            one.search.found.embeddings or one.search.results()
            for one in self._models
            if not one.over
        )

    def has_time(self, path: str) -> bool:
        """An embedded input has steps."""
        return True

    def extent(
        self, module: nn.Module, args: Any, kwargs: Any, result: Any
    ) -> tuple[int, int] | None:
        """Of what embeds an input, as far as its layout is known."""
        made, known = next(tensors_in(result), None), self._layouts.get(module)
        if made is None or known is None or made.dim() < 2:
            return None
        layouts, path, axes = known
        time = axes[layouts.layouts.get(path, layouts.layout or "batch") == "batch"]
        return made.shape[time], made.shape[axes[0]] * made.shape[axes[1]]

    def called(self, path: str, module: nn.Module, args: Any, kwargs: Any, result: Any) -> None:
        """Calls are seen by its own watchers."""

    def begin(self, armed: bool) -> None:
        """Watch the modules of every model in a sampled iteration, and none in another."""
        super().begin(armed)
        self._runs = {}
        for one in self._models:
            one.search.remembers = False
            if armed and not one.over:
                one.search.start()
            else:
                one.search.stop()

    def ignore(self, path: str) -> None:
        """What went wrong with one input is likely to do so again: its model is left alone."""
        super().ignore(path)
        for one in self._models:
            if path in (point.path for point in one.search.points()):
                self._end(one)

    def graph_whole(
        self,
        roots: Sequence[Tensor],
        gradients: Sequence[Tensor | None],
        scale: Tensor | None = None,
    ) -> Readings:
        """Profiles of what was caught of each model."""
        factor = 1.0 if scale is None else 1.0 / float(scale)
        found = Readings()
        self._reading = True
        try:
            for one in self._models:
                if not one.over and (one.named or not self.elsewhere):
                    self._read(one, roots, gradients, factor, found)
        finally:
            self._reading = False
        found.arrived = any(
            p.outcome != "not enough data" or p.reach_ahead is not None
            for p in found.profiles.values()
        )
        return found

    def _read(
        self,
        one: _Model,
        roots: Sequence[Tensor],
        gradients: Sequence[Tensor | None],
        factor: float,
        found: Readings,
    ) -> None:
        search = one.search
        points = search.points()
        path = points[0].path if points else ""
        fix_layouts(points, one_by_one(search.inputs(), [point.path for point in points]))
        try:
            told = read(
                points, [block.point for block in search.blocks()], search.results(), roots,
                gradients, factor, one.known, search.positions(),
            )  # fmt: skip
        except Exception as error:  # noqa: BLE001 - costs that model alone
            found.errors[path or f"input:{search.kind}"] = error
            self._end(one)
            return
        if not told.arrived:
            return  # another model's loss
        groups = one_by_one(search.inputs(), told.profiles)
        for paths in groups:
            told.join(paths)
        if search.passes > 1:
            note = words.last_pass(search.passes)
            for path, p in told.profiles.items():
                if p.role == "input":
                    note_of = "; ".join(filter(None, (p.note, note)))
                    told.profiles[path] = replace(p, note=note_of)
        found.profiles |= told.profiles
        if self.remembers:
            self._keep_runs(search, told)
        self.left_out |= told.left_out - told.silent.keys()
        one.silent = told.silent if told.profiles else {}
        if told.profiles:
            for path, reason in one.silent.items():
                found.profiles[path] = _untold(reason)
            one.notes = {path: p.note for path, p in told.profiles.items() if p.note}
            one.reasons = told.reasons | {
                path: p.reason for path, p in told.profiles.items() if p.reason
            }
            self._tell(one, told, groups)
            return
        one.tries += 1
        if search.goes_on_from_another and not points:
            if one.tries >= TRIES:
                self._end(one)
            return
        one.reasons = told.reasons or {path: self._why(search, points)}
        for point in points:
            reason = next(iter(one.reasons.values()))
            found.profiles[point.path] = _untold(told.reasons.get(point.path, reason))
        if one.tries >= TRIES:
            self._end(one)

    def _tell(self, one: _Model, told: Read, groups: Sequence[Sequence[str]]) -> None:
        points = {point.path: point for point in one.search.points()}
        batches = {paths[0]: paths for paths in groups}
        for embedding in one.search.inputs():
            point: Point | None = embedding.point
            if point is None or point.path not in told.profiles or point.path not in points:
                continue
            known = one.known, point.path, points[point.path].axes
            if embedding.module not in self._layouts and point.packed is None:
                self._layouts[embedding.module] = known
            each = [points[path] for path in batches.get(point.path, [point.path])]
            extent = max(map(one.known.steps, each)), sum(other.elements for other in each)
            one.found(point.path, embedding.module, point.training, extent)

    def _keep_runs(self, search: Search, told: Read) -> None:
        """Of each block that can be run again."""
        for block in search.blocks():
            path = block.point.path
            if path in told.places and path not in self._runs and block.call is not None:
                run = block_to_run(block.call, *told.places[path], self.settings.sequences)
                if run is not None:
                    self._runs[path] = run

    def remember(self) -> None:
        """Of blocks, by the search."""
        super().remember()
        for one in self._models:
            one.search.remembers = True

    def memories(self) -> Memories:
        """Of every block that can be run again."""
        runs, self._runs = self._runs, {}
        found = Memories()
        for path, run in runs.items():
            try:
                profile = run.memory()
            except Exception as error:  # noqa: BLE001 - costs that block alone
                found.errors[path] = error
            else:
                if profile is not None:
                    found.profiles[path] = profile
        return found

    def _end(self, one: _Model) -> None:
        one.over = True
        one.search.stop()
        one.search.clear()

    @staticmethod
    def _why(search: Search, points: Sequence[Point]) -> str:
        """Why a forward showed no input that a gradient arrives at."""
        seen, kind = search.found, search.kind
        silent = [each.path for each in search.inputs() if each.point is None]
        if any(0 in shape for shape in seen.given) and not points:
            return words.empty(kind, seen.given)
        if missing := search.named_not_run():
            return words.named_not_run(kind, missing)
        flat = [point for point in points if not point.has_steps]
        if flat:
            return words.no_steps(flat[0].path, tuple(flat[0].value.shape))
        if seen.often:
            return words.called_too_often(kind, min(seen.often.values()))
        if points:
            return words.no_gradient(kind, [point.path for point in points])
        if silent:
            return words.frozen(kind, silent, seen.trained)
        if seen.refused:
            return words.goes_straight_in(kind, seen.refused[0])
        if not seen.given:
            again = search.passes > 1 and seen.goes_on
            return words.goes_on(kind, search.passes) if again else words.not_run(kind)
        often = search.called_most()
        if often is not None:
            return words.stepped(kind, *often)
        if search.may_have_steps():
            return words.not_embedded(kind, seen.given)
        return words.no_sequence(kind, seen.given)

    def finish(self) -> None:
        """A pass has been measured: nothing more is kept."""
        self.armed = False
        for one in self._models:
            one.search.stop()
            one.search.clear()

    def forget(self) -> None:
        """Let every graph go."""
        for one in self._models:
            one.search.clear()


def _untold(reason: str) -> GradientProfile:
    nothing = np.empty(0)
    return GradientProfile(nothing, nothing, nothing, role="input", reason=reason)
