"""The gradient through time on the caller's own graph, just before it is used and freed.

For what no closed form is known of: a loop over a cell, a module of the user's own that is
called once a step, and any other sequence model by its input embeddings. The gradient on every
state is asked of autograd; then, for the reach, again from each sequence's last position alone.
Two backward passes over that part of the graph, of all sequences; ``.grad`` is not touched.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.autograd.graph import Node
from torch.nn.utils.rnn import PackedSequence

from backsight.probes._autograd import gradients_of
from backsight.probes._embedded import input_profile
from backsight.probes._handed import NEAR, TRIES, slope_of, starts_anew
from backsight.probes._profile import GradientProfile
from backsight.probes._single_steps import single_step_reach
from backsight.probes._stepped import Chain, Step, chains_of, lead_of, profiles_of_steps, stacks_of
from backsight.probes._tensors import SameTensor, made_of, tensors_in

__all__ = ["GraphProbe", "may_be_stepped"]

HELD = 8192
"""Calls held at most: their graphs live as long. A longer loop is left unmeasured."""

FAR = 512
"""Operations between an output and the input it is fed back into: an attention, say."""


def may_be_stepped(module: nn.Module) -> bool:
    """Whether a loop may call it once a step: a cell, or a user's own module without layers
    inside that are measured themselves."""
    if isinstance(module, nn.RNNCellBase):
        return True
    own = not type(module).__module__.startswith("torch.")
    inner = (nn.RNNBase, nn.RNNCellBase)
    return own and not any(isinstance(part, inner) for part in module.modules())


class GraphProbe:
    """Catches states while its hooks are in place and :attr:`armed` is true.

    Args:
        force: follow also frozen cells on plain inputs, whose outputs need no gradient.
        batch_first: the layout of a named input.
    """

    def __init__(self, *, force: bool = False, batch_first: bool = True) -> None:
        self.armed = True
        self._force = force
        self._batch_first = batch_first
        self._steps: dict[str, list[Step]] = {}
        self._usual: dict[str, int] = {}
        """Calls in the pass that was measured last, by path."""
        self._places: dict[str, set[int]] = {}
        """By path, which outputs of a module have been handed on to its next call."""
        self._hopeless: set[str] = set()
        self._lstms: set[str] = set()
        self._fused = False
        self._singles: dict[str, list[Step]] = {}
        self._made: dict[str, dict[Node, Step]] = {}
        """By path, which single step made what the caller's graph holds."""
        self._fed_back: dict[str, nn.RNNBase] = {}
        self._inputs: dict[str, Tensor] = {}
        self._results: list[Tensor] = []

    # -- catching --------------------------------------------------------------------------

    def stepped(self, path: str, module: nn.Module, inputs: Any, named: Any, result: Any) -> None:
        """A module that may be called once a step has run."""
        if not self.armed or path in self._hopeless:
            return
        outputs = list(dict.fromkeys(tensors_in(result)))  # a state may be the output as well
        for tensor in outputs if self._force else ():
            if not tensor.requires_grad and tensor.is_floating_point():
                tensor.requires_grad_()
        calls = self._steps.setdefault(path, [])
        if module.training and calls and not calls[-1].training:
            calls.clear()  # a validation's
        if self._too_many(path, calls, module.training) or not any(
            tensor.requires_grad for tensor in outputs
        ):
            return
        cell = isinstance(module, nn.RNNCellBase)
        if isinstance(module, nn.LSTMCell):
            self._lstms.add(path)
            self._fused = outputs[0].device.type != "cpu" or outputs[0].dim() == 1
        places = self._places.setdefault(path, set(range(len(outputs))) if cell else set())
        given = [*tensors_in(inputs), *tensors_in(named)]
        previous = None
        if len(calls) == TRIES and not (cell or places):
            self._hopeless.add(path)  # called again and again, and hands nothing on
            return
        for call in reversed(calls[-TRIES:]):
            handed = {
                place
                for place, mark in enumerate(call.marks)
                if any(mark.is_in(tensor) for tensor in given)
            }
            places |= handed
            if handed:
                previous = call
                break
        anew = None
        if previous is None and cell:
            previous, anew = _changed(calls[-TRIES:], given[1:], len(lead_of(outputs[0])))
        if previous is not None and not _same_sequences(previous.outputs, outputs):
            previous = anew = None
        marks = [SameTensor(t) for t in outputs]
        given = [tensor for tensor in given if tensor.requires_grad]
        calls.append(Step(outputs, previous, marks, module.training, given, anew))

    def single(self, path: str, module: nn.RNNBase, inputs: Any, named: Any, result: Any) -> None:
        """A fused layer has run for a single step: in a loop whose input may be its own output.

        What it gives back goes through the kernel's closed form, but for such a loop's reach.
        """
        output, final = result
        finals = final if isinstance(final, tuple) else (final,)
        if not self.armed or module.bidirectional or isinstance(output, PackedSequence):
            return
        calls = self._singles.setdefault(path, [])
        if self._too_many(path, calls, module.training) or not output.requires_grad:
            return
        if output.dim() == 3 and output.shape[1 if module.batch_first else 0] != 1:
            return
        given = [*tensors_in(inputs), *tensors_in(named)]
        made = self._made.setdefault(path, {})
        if given and made_of(given[0], made, FAR) is not None:
            self._fed_back[path] = module
        lately = reversed(calls[-TRIES:])
        links = (call for call in lately if any(map(call.marks[0].is_in, given[1:])))
        previous, anew = next(links, None), None
        if previous is None:
            batch = 1 if output.dim() == 2 else output.shape[0 if module.batch_first else 1]
            previous, anew = _changed(calls[-TRIES:], given[1:], batch)
        marks = [SameTensor(finals[0])]
        calls.append(Step([output, *finals], previous, marks, module.training, anew=anew))
        made |= _nodes(calls[-1:])

    def reaches(
        self, roots: Sequence[Tensor], gradients: Sequence[Tensor | None]
    ) -> dict[str, NDArray[np.float64]]:
        """By layer, the reach of single-step loops that are fed their own output."""
        found: dict[str, NDArray[np.float64]] = {}
        for path, module in self._fed_back.items():
            chains = chains_of(self._singles[path])
            found |= single_step_reach(path, module, chains, gradients_of, roots, gradients)
        return found

    def embedded(self, path: str, result: Any) -> None:
        """The named input module has run."""
        found = next(tensors_in(result), None)
        if self.armed and found is not None:
            if self._force and not found.requires_grad:
                found.requires_grad_()
            if found.requires_grad:
                self._inputs[path] = found

    def returned(self, result: Any) -> None:
        """The whole model has run."""
        if self.armed and self._inputs:
            self._results = [t for t in tensors_in(result) if t.requires_grad]

    @property
    def names(self) -> list[str]:
        """What has been caught and will be measured, if a gradient arrives."""
        return [p for p in self._steps if self._places[p]] + [f"input:{p}" for p in self._inputs]

    def hands_on(self, path: str) -> bool:
        """Whether an output of that module has gone into its next call, ever."""
        return bool(self._places.get(path))

    @property
    def fed_back(self) -> bool:
        """Whether a single-step loop is fed its own output."""
        return bool(self._fed_back)

    def finish(self) -> None:
        """A pass has been measured: the rest of the iteration is left alone."""
        self._usual |= {path: len(calls) for path, calls in (self._steps | self._singles).items()}
        # A whole pass in which it hands nothing on: it is not called once a step.
        self._hopeless |= {path for path in self._steps if not self._places[path]}
        self.armed = False
        self.forget()

    def forget(self) -> None:
        """Let every graph go."""
        self._steps, self._inputs, self._results = {}, {}, []
        self._singles, self._made, self._fed_back = {}, {}, {}

    def _too_many(self, path: str, calls: list[Step], training: bool) -> bool:
        """Whether calls pile up for which no backward comes, as in a validation with gradients."""
        if len(calls) < 2 * self._usual.get(path, HELD):
            return False
        calls.clear()
        self._made.pop(path, None)
        if training:
            self.armed = False
            self.forget()
        return True

    # -- measuring -------------------------------------------------------------------------

    def measure(
        self,
        roots: Sequence[Tensor],
        gradients: Sequence[Tensor | None],
        scale: Tensor | None = None,
    ) -> dict[str, GradientProfile]:
        """Profiles by name of what was caught.

        Args:
            roots: what backward is about to be called on.
            gradients: with these gradients.
            scale: what the loss was multiplied by (AMP): divided out.
        """
        inputs, results = self._inputs, self._results
        factor = 1.0 if scale is None else 1.0 / float(scale)
        found: dict[str, GradientProfile] = {}
        chains = self._chains()
        for stack in stacks_of(chains):
            together = {path: chains[path] for path in stack}
            found |= profiles_of_steps(together, roots, gradients, factor)
            for path in self._lstms.intersection(stack):
                self._join_cell(path, found)
        for path, embedded in inputs.items():
            found |= input_profile(
                path, embedded, results, gradients_of, roots, gradients, factor, self._batch_first
            )
        return found

    def _chains(self) -> dict[str, list[Chain]]:
        """By path, the states of what is to be measured."""
        handed = [path for path in self._steps if self._places[path]]
        chains: dict[str, list[Chain]] = {}
        for path in handed:
            # Calls in eval mode, where there are others, were a validation's.
            calls = [call for call in self._steps[path] if call.training] or self._steps[path]
            stem = f"{path}." if path else ""
            inner = any(other != path and other.startswith(stem) for other in handed)
            if calls and len(calls) <= HELD and not inner:
                places = sorted(self._places[path])
                chains[path] = [
                    [replace(call, outputs=[call.outputs[p] for p in places]) for call in chain]
                    for chain in chains_of(calls)
                ]
        return chains

    def _join_cell(self, path: str, profiles: dict[str, GradientProfile]) -> None:
        """One profile of an LSTM cell's two states.

        A GPU's kernel makes ``h`` and ``c`` in one, and of an unbatched cell they leave the kernel
        by separate ways: the path from ``c`` through ``h`` is not in the gradient that autograd
        gives for ``c``, and nothing is said of it.
        """
        h, c = profiles[path], profiles.pop(f"{path}.state1".lstrip("."))
        profiles[path] = replace(h, grad_time_cell=None if self._fused else c.grad_time)


def _nodes(calls: Sequence[Step]) -> dict[Node, Step]:
    """Which call made what the caller's graph holds."""
    return {out.grad_fn: call for call in calls for out in call.outputs if out.grad_fn is not None}


def _changed(
    calls: Sequence[Step], states: Sequence[Tensor], batch: int
) -> tuple[Step | None, Tensor | None]:
    """The call whose states were changed on the way to ``states``, and what begins anew with them.

    A mask, a norm, fewer sequences: the graph leads back.
    """
    nodes = _nodes(calls)
    previous = next(filter(None, (made_of(state, nodes, NEAR) for state in states)), None)
    if previous is None:
        return None, None
    made = previous.outputs[-len(states) :]
    slopes = [
        slope_of(state, one) if state.requires_grad else None
        for state, one in zip(states, made, strict=True)
    ]
    return previous, starts_anew(slopes, batch)


def _same_sequences(before: list[Tensor], after: list[Tensor]) -> bool:
    """Whether row b is the same sequence in both, or both could be anything.

    A batch that shrinks keeps its first rows, as where sorted sequences end; a batch that grows
    is another one.
    """
    return len(lead_of(after[0])) <= len(lead_of(before[0]))
