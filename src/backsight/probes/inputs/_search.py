"""Finds the modules that embed a model's input, and its stacks of blocks, from calls that ran."""

import threading
import weakref
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor, nn
from torch.autograd.graph import get_gradient_edge
from torch.nn.utils.rnn import PackedSequence

from backsight.probes._module_calls import After, Before
from backsight.probes._modules import children_of, named_modules
from backsight.probes._tensors import packed_in, tensors_in
from backsight.probes.inputs._block_memory import block_call
from backsight.probes.inputs._forward import Block, Embedding, Forward, Frame
from backsight.probes.inputs._one_by_one import is_one_of_many
from backsight.probes.inputs._points import Packed, Point, point_of
from backsight.probes.inputs._sources import (
    first_tensor,
    has_parameters,
    hinted,
    looks_like_positions,
    may_be_block,
    packed_like,
    source_of,
    steps_apart,
    view_of,
)

__all__ = ["Attach", "Search"]

Attach = Callable[[nn.Module, Before | None, After | None], Callable[[], None]]
"""Watches the calls of a module; what it returns ends that."""

MANY = 8
"""Calls of one module in a forward, above which it is called once a step."""

LAYERS = (nn.TransformerEncoderLayer, nn.TransformerDecoderLayer)
"""Blocks wherever they are: of a model that is one of these, nothing embeds the input."""


class Search:
    """Watches every module of a model while it is on.

    Args:
        model: whose calls are watched.
        name: put before its paths, where one training has several models.
        named: paths of modules that are known to embed the input; None to find them.
        force: whether what needs no gradient is made to need one.
        attach: watches a module.
    """

    def __init__(
        self, model: nn.Module, name: str, named: Sequence[str] | None, force: bool, attach: Attach
    ) -> None:
        self.found = Forward()
        self.kind = type(model).__name__
        self._force, self._attach, self._named = force, attach, named
        self._prefix = f"{name}." if name else ""
        self._modules: dict[int, tuple[str, weakref.ref[nn.Module]]] = {}
        self._container: dict[int, str] = {}
        for path, module in named_modules(model):
            self._modules[id(module)] = path, weakref.ref(module)
            if issubclass(type(module), (nn.ModuleList, nn.Sequential)):
                for _, child in children_of(module):
                    if may_be_block(child):
                        self._container.setdefault(id(child), path)
        self._hinted = hinted(model) if named is None else set()
        self._given: list[Tensor] = []
        self._batches: list[PackedSequence] = []
        self._past = 0  # inputs of calls from outside that have ended
        self._counts: dict[int, int] = {}
        """Calls in this forward, by the module's identity,"""
        self._again: dict[str, int] = {}
        """and those that embed an input, by path."""
        self._passing = False  # whether the call that is under way is a validation's
        self._local = threading.local()
        self._stops: list[Callable[[], None]] = []
        self.remembers = False
        """Whether what it takes to run blocks again is kept."""
        self.passes = 1
        """Forward passes so far, without those of a validation."""

    def start(self) -> None:
        """Watch."""
        self.passes = 1
        if not self._stops:
            # Of the model itself, it is told that a call begins, by which the iteration is known.
            self._stops = [
                self._attach(part, self._begins if path else None, self._ends)
                for path, reference in self._modules.values()
                if (part := reference()) is not None
            ]

    def root_begins(self, args: Any, kwargs: Any) -> None:
        """The model itself is about to be called."""
        root = next(iter(self._modules.values()))[1]()
        if self._stops and root is not None:
            self._begins(root, args, kwargs)

    def stop(self) -> None:
        """Watch no longer; what was found stays."""
        for stop in self._stops:
            stop()
        self._stops = []
        self._given, self._batches = [], []
        self._stack.clear()

    def clear(self) -> None:
        """Forget what was found, and let its graph go."""
        self.found = Forward()
        self._given, self._batches, self._past = [], [], 0
        self._counts, self._again = {}, {}

    # -- calls -----------------------------------------------------------------------------

    @property
    def _stack(self) -> list[Frame]:
        """Of this thread."""
        stack: list[Frame] | None = getattr(self._local, "stack", None)
        if stack is None:
            stack = self._local.stack = []
        return stack

    def _begins(self, module: nn.Module, args: Any, kwargs: Any) -> None:
        stack, (path, _) = self._stack, self._modules[id(module)]
        if not path:
            stack.clear()  # of a forward that has failed
        if not stack:
            self._outermost(module, args, kwargs)
        taken, edge = None, None
        if id(module) in self._container or issubclass(type(module), LAYERS):
            taken = next((t for t in tensors_in((args, kwargs)) if _is_sequence(t)), None)
            if taken is not None and taken.requires_grad:
                edge = get_gradient_edge(taken)
        stack.append(Frame(module, path, taken, edge, len(self.found.embeddings)))

    def _outermost(self, module: nn.Module, args: Any, kwargs: Any) -> None:
        """A call from outside: of the whole model, or of a part that the script calls itself."""
        known = any(module is one for one, _ in self.found.results)
        self._passing = bool(self.found.results) and self.found.training and not module.training
        if self._passing:
            return
        if known or (self.found.results and module.training and not self.found.training):
            self.passes += bool(self.results())
            self.clear()  # a further forward
        self.found.training = module.training
        given = list(tensors_in((args, kwargs)))
        self.found.goes_on = any(tensor.grad_fn is not None for tensor in given)
        # What another part has made is no input, seen or, before the iteration began, not.
        given = [tensor for tensor in given if tensor.grad_fn is None]
        self._past += len(self._given)
        self._given, self._batches = given, list(packed_in((args, kwargs)))
        self.found.given += [tuple(tensor.shape) for tensor in given]
        self.found.steps = self.found.steps or any(
            tensor.dim() == 3 if tensor.is_floating_point() else tensor.dim() == 2
            for tensor in given
        )

    def _ends(self, module: nn.Module, args: Any, kwargs: Any, result: Any) -> None:
        stack = self._stack
        while stack and stack[-1].module is not module:
            stack.pop()  # calls that have failed
        if not stack:
            return
        frame = stack.pop()
        if self._passing:
            return
        count = self._counts[id(module)] = self._counts.get(id(module), 0) + 1
        made = next((t for t in tensors_in(result) if t.is_floating_point()), None)
        if made is not None:
            self._block(frame, made, count, (args, kwargs, result))
            fed = first_tensor(args, kwargs)
            if count > 1 and fed is not None and _is_sequence(fed) and fed.shape == made.shape:
                self.found.repeated[frame.path] = (made.shape[0], made.shape[1])
            if not frame.inside:
                self._embedding(frame, args, kwargs, made, count)
        if not stack:
            given = [t for t in tensors_in(result) if t.requires_grad and t.is_floating_point()]
            self.found.results.append((module, given))

    # -- what a call is --------------------------------------------------------------------

    def _embedding(self, frame: Frame, args: Any, kwargs: Any, made: Tensor, count: int) -> None:
        """Whether that call embeds an input."""
        if not made.numel():
            return
        module, source, indices, positions = frame.module, None, False, False
        view: tuple[int, ...] = ()
        packed: Packed | None = None
        hint = id(module) in self._hinted
        if self._named is not None:
            if frame.path not in self._named or made.dim() < 2:
                return
            hint = True
        else:
            fed = first_tensor(args, kwargs)
            leaf = next(children_of(module), None) is None
            packed = packed_like(made, fed, self._batches)
            if fed is None or made is fed or (made.dim() != 3 and packed is None):
                return
            if not self._stack and not (leaf and fed.grad_fn is None):
                return  # the whole model, or a part that goes on from another one
            if fed.dim() > 3:
                return
            indices = not (fed.is_floating_point() or fed.is_complex())
            source, sure = source_of(fed, self._given)
            if source is not None and not sure and self._embedded(source):
                return  # what comes of it, if that is frozen, needs no gradient either
            loose = indices and (hint or issubclass(type(module), nn.Embedding))
            if (source is None and not loose) or not has_parameters(module):
                return
            if not steps_apart(module, made):
                self.found.refused.append(frame.path or self.kind)
                return
            positions, view = indices and looks_like_positions(fed), view_of(fed)
        often = count > MANY and not is_one_of_many(module, made, self.found.embeddings)
        if often or self._embedded(source, module, view):
            self.found.often[id(module)] = frame.path
            return
        for above in self._stack:
            above.inside = True
        if self._force and not made.requires_grad:
            made.requires_grad_()
        path = self._called_as(module, frame.path)
        again = self._again[path] = self._again.get(path, 0) + 1
        path += f":{again}" if again > 1 else ""
        axes = (0, 2) if issubclass(type(module), nn.Conv1d) and made.dim() == 3 else (0, 1)
        point = None
        if made.requires_grad:
            name = f"{self._prefix}{path}".strip(".") or self.kind
            point = point_of(f"input:{name}", made, axes, module.training)
            point.fixed = "batch" if axes == (0, 2) else None
            point.packed = packed
        source = None if source is None else self._past + source
        self.found.embeddings.append(
            Embedding(
                module,
                path,
                tuple(made.shape),
                point,
                source,
                indices,
                hint,
                positions,
                count,
                view,
            )
        )

    def _embedded(
        self, source: int | None, module: nn.Module | None = None, view: tuple[int, ...] = ()
    ) -> bool:
        """Whether that input has been embedded before, by any module or by that one.

        That one may embed the whole of it again; a part of it is a step.
        """
        return source is not None and any(
            one.source == self._past + source
            and (module is None or one.module is module)
            and not (view and one.view == view)
            for one in self.found.embeddings
        )

    def _called_as(self, module: nn.Module, path: str) -> str:
        """Its path from where it was called: encoder and decoder may share an embedding."""
        for above in reversed(self._stack):
            for name, child in children_of(above.module):
                if child is module:
                    return f"{above.path}.{name}" if above.path else name
        return path

    def _block(self, frame: Frame, made: Tensor, count: int, call: tuple[Any, Any, Any]) -> None:
        """Whether that call was one of a block, which maps ``(B, T, D)`` to ``(B, T, D)``."""
        if frame.taken is None or made.shape != frame.taken.shape:
            return
        if made.requires_grad and frame.path and not self.found.trained:
            self.found.trained = frame.path
        if frame.edge is None:
            if len(self.found.embeddings) > frame.before and not steps_apart(frame.module, made):
                # The input itself goes past whatever projects it inside.
                del self.found.embeddings[frame.before :]
                self.found.refused.append(frame.path or self.kind)
            return
        container = self._container.get(id(frame.module))
        if container is not None:
            path = f"block:{self._prefix}{frame.path}" + (f":{count}" if count > 1 else "")
            taken = frame.taken.detach()
            point = Point(path, taken, [frame.edge], (0, 1), frame.module.training)
            block = Block(container, frame.path, point)
            if self.remembers:
                args, kwargs, result = call
                block.call = block_call(frame.module, args, kwargs, frame.taken, result, made)
            self.found.blocks.append(block)

    # -- what came out ---------------------------------------------------------------------

    def inputs(self) -> list[Embedding]:
        """The calls that embed the model's inputs, in their order.

        Of indices, those that the model itself names, else those that are fed with an input of
        the model; else the first that is not fed with positions.
        """
        each = [e for e in self.found.embeddings if id(e.module) not in self.found.often]
        if self._named is not None:
            return each
        tokens = [e for e in each if e.indices]
        chosen = (
            [e for e in tokens if e.hint]
            or [e for e in tokens if e.source is not None]
            or [e for e in tokens if not e.positions][:1]
        )
        return [e for e in each if not e.indices or any(e is one for one in chosen)]

    def points(self) -> list[Point]:
        """One an input: several modules, or calls, that project the same one are taken together."""
        found: list[tuple[Embedding, Point]] = []
        for one in self.inputs():
            if one.point is None:
                continue
            for other, point in found:
                together = one.source is not None and one.source == other.source
                again = one.module is other.module and one.view and one.view == other.view
                if together and (one.count == 1 or again) and one.point.lead == point.lead:
                    point.edges += one.point.edges
                    break
            else:
                found.append((one, replace(one.point, edges=[*one.point.edges])))
        return [point for _, point in found]

    def positions(self) -> set[str]:
        """Paths of the points that were fed with what looks like positions."""
        return {e.point.path for e in self.inputs() if e.point is not None and e.positions}

    def blocks(self) -> list[Block]:
        """The calls of the blocks of each stack, the outermost stacks only."""
        paths = {block.path for block in self.found.blocks}
        return [
            block
            for block in self.found.blocks
            if not any(_lies_in(block.container, path) for path in paths)
        ]

    @property
    def goes_on_from_another(self) -> bool:
        """Whether all that the model was given, in its one forward, others have made."""
        return self.passes == 1 and self.found.goes_on and not self.found.given

    def named_not_run(self) -> list[str]:
        """Paths of the modules that are named as the input's, and were not called."""
        return [
            path
            for number, (path, _) in self._modules.items()
            if self._named is not None and path in self._named and number not in self._counts
        ]

    def called_most(self) -> tuple[str, int] | None:
        """The module with parameters of its own that was called most, if that is once a step."""
        counts = [
            (self._counts.get(number, 0), path)
            for number, (path, reference) in self._modules.items()
            if (module := reference()) is not None and has_parameters(module)
        ]
        count, path = max(counts, default=(0, ""))
        return (path or self.kind, count) if count > MANY else None

    def may_have_steps(self) -> bool:
        """Whether the model was given ``(B, T, F)``, or indices ``(B, T)``."""
        return self.found.steps

    def layers(self) -> set[str]:
        """Paths of modules that are called again and again on the sequences of an input."""
        leads = {point.lead for point in self.points()}
        return {self._prefix + path for path, lead in self.found.repeated.items() if lead in leads}

    def results(self) -> list[Tensor]:
        """What the calls from outside returned, the last call first, as far as a gradient may come
        from there."""
        made = {
            (edge.node, edge.output_nr)
            for embedding in self.found.embeddings
            if embedding.point is not None
            for edge in embedding.point.edges
        }
        return [
            tensor
            for _, each in reversed(self.found.results)
            for tensor in each
            if (tensor.grad_fn, tensor.output_nr) not in made  # what is embedded is no answer
        ]


def _lies_in(container: str, path: str) -> bool:
    return bool(path) and (container == path or container.startswith(f"{path}."))


def _is_sequence(x: Tensor) -> bool:
    return x.dim() == 3 and x.is_floating_point()
