"""Parameters that the loss depends on and that nothing moves."""

import weakref
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from backsight.monitor._iteration import BackwardPass, Iteration, LayerCall, OptimizerStep
from backsight.monitor.measurements._measurement import FIRST_AND_RARELY, Measurement
from backsight.probes import named_modules, places_of, some_elements, tensors_in

__all__ = ["Unowned"]

STILL = 10
"""Iterations in which what nothing moves stands still: several losses may take turns."""

UNUSED = 64
"""Iterations after which an optimizer that has not made a step counts for nothing: the second one
of two may have to wait until the first has got somewhere."""

GROUPS = 12
"""Modules that are told by name; where there are more, those that hold them are."""

NOBODY = "no module"

NONE = "no parameter in the loss"


class Unowned(Measurement):
    """Parameters in the loss's graph that no observed optimizer holds and that stand still, or one
    that never makes a step.

    So are tensors with a gradient that a module keeps as an attribute, but not zeros that a layer
    is given for each sequence, in place of data or to begin with. ``made_anew``: parameters of
    which there are others at each look, of the same shape, while the former ones are gone.

    Where no optimizer moves the model at all, its parameters count if one steps beside it on
    parameters that have never had a gradient, as those of a model that was made anew. If there is
    none, and all of them stand still, their number is negative.

    Where an optimizer steps without a gradient, and the loss depends on no parameter at all, all of
    the optimizer's count.

    Those that are frozen are not in the graph. What another optimizer moves, or the user's own
    code, is different at the next look.

    Example:
        >>> import torch
        >>> import backsight
        >>> encoder, decoder = torch.nn.RNN(3, 4), torch.nn.Linear(4, 1)
        >>> model = torch.nn.ModuleDict({"encoder": encoder, "decoder": decoder})
        >>> optimizer = torch.optim.SGD(decoder.parameters(), lr=0.1)  # the encoder is forgotten
        >>> with backsight.watch(model, optimizer, "runs/mine", every=1):
        ...     for _ in range(20):
        ...         decoder(encoder(torch.randn(20, 2, 3))[0][-1]).square().mean().backward()
        ...         optimizer.step()
        >>> run = backsight.Run("runs/mine")
        >>> run["unowned"].tolist(), run["unowned/encoder"].tolist()
        ([4.0], [4.0])
    """

    name = "unowned parameters"
    signals = ("made_anew", "stale", "unowned")
    schedule = FIRST_AND_RARELY

    def __init__(self) -> None:
        self._seen: dict[int, _Look] = {}
        """By the parameter's identity."""
        self._still: dict[int, Tensor] | None = None
        self._moving: dict[int, Tensor] = {}
        """Those that somebody else moves."""
        self._stale = 0
        self._passing: list[_Passing] = []
        """Parameters of the newest look that no optimizer holds."""
        self._anew: list[_Passing] | None = None
        self._idle = 0
        """Parameters of an optimizer that steps in vain, where none moves this model."""
        self._stepped: set[int] = set()
        """Identities of what any optimizer has made a step on."""
        self._blind: bool | None = None
        """Whether the passes before the newest step reach no parameter. One that reaches none may
        be seen at the end of the iteration before."""
        self._used = False
        """Whether a step has followed them."""
        self._missed = 0
        """Parameters of an optimizer that has stepped after such passes, without a gradient."""
        self._called: set[str] = set()
        """Paths of the layers that have run."""
        self._zeros: dict[int, Tensor] = {}
        """By identity, zeros of each sequence that a layer is given."""
        self._places: dict[int, str | None] = {}
        """By the parameter's identity, the path of those that no observed model holds."""

    def on_iteration_begin(self, now: Iteration) -> None:
        """No pass has been seen."""
        self._still, self._moving, self._stale = None, {}, 0
        self._anew, self._missed, self._zeros = None, 0, {}
        self._called = set()

    def on_forward_end(self, call: LayerCall, now: Iteration) -> None:
        """What a layer learns to begin with is one state, and not one of each sequence."""
        if call.adapter is None or call.path in self._called:
            return
        self._called.add(call.path)  # a loop gives the same zeros at each step, or states
        cell = call.adapter.reading == "stepped"
        rows = 0 if cell or getattr(call.module, "batch_first", False) else 1
        for place, x in enumerate(tensors_in((call.inputs, call.named))):
            batch = 1 if place and not cell else rows
            batched = x.dim() == (2 if cell else 3) and x.shape[batch] > 1
            if batched and x.requires_grad and x.is_leaf and not bool(x.any()):
                self._zeros[id(x)] = x

    def on_graph_whole(self, passed: BackwardPass, now: Iteration) -> None:
        """Look at the parameters of the pass that no optimizer holds."""
        owned = now.parameters
        held = set() if now.by_hand else set(map(id, owned.values()))
        waits = not self._stepped and now.number < UNUSED // 2  # nearly all step in the first one
        unused = set() if waits else held - self._stepped
        if now.number >= UNUSED:
            held -= unused
        leaves = list(passed.operations.leaves())
        reached: dict[int, Tensor] = {id(p): p for p in leaves if isinstance(p, nn.Parameter)}
        others = {id(x) for x in leaves if not isinstance(x, nn.Parameter)}
        reached |= self._kept(now.models, others) if others else {}
        if self._used:
            self._blind, self._used = None, False
        self._blind = self._blind is not False and not reached and held.isdisjoint(others)
        if now.by_hand and not self._idle and others:
            return  # of something else, such as an attack
        if held.isdisjoint(reached) and not now.by_hand and not _hold(now.models, reached):
            return  # of another training
        strangers = [p for number, p in reached.items() if number not in held]
        parameters = [_Passing.of(p) for p in strangers if isinstance(p, nn.Parameter)]
        self._anew = (self._anew or []) + parameters
        still = self._still or {}
        known = True
        for number, parameter in reached.items():
            if number in held & unused:
                self._stands_still(parameter, now.number)  # to be known later
            elif number not in held:
                stands = self._stands_still(parameter, now.number)
                known = known and stands is not None
                if stands:
                    still[number] = parameter
                elif stands is not None:
                    self._moving[number] = parameter
        if not known:  # ask again at the next look
            return
        self._still = still
        if now.by_hand:
            self._stale = self._idle
        elif passed.operations.whole:
            self._stale = sum(
                id(p) not in reached and p.requires_grad and now.name_of(p) is None
                for p in owned.values()
            )

    def on_step_end(self, step: OptimizerStep, now: Iteration) -> None:
        """These are moved by an optimizer."""
        self._stepped.update(map(id, step.parameters.values()))
        self._used = True
        if self._blind and not any(p.grad is not None for p in step.parameters.values()):
            self._missed += len(step.parameters)

    def on_iteration_end(self, now: Iteration) -> None:
        """How many they are, in all and by module."""
        self._idle = now.idle
        if self._anew is not None and not now.by_hand:
            gone = [one.shape for one in self._passing if one.parameter() is None]
            now.record("made_anew", float(sum(one.shape in gone for one in self._anew)))
            self._passing = self._anew
        if self._missed:
            now.record("unowned", float(self._missed))
            now.record(f"unowned/{NONE}", float(self._missed))
            now.record("stale", 0.0)
        if self._still is None or self._missed:
            return
        if now.by_hand and not self._idle:
            alone = self._still and not self._moving
            now.record("unowned", -float(len(self._still)) if alone else 0.0)
            return
        names = [self._name_of(p, now) for p in self._still.values()]
        if names and self._moving:
            # Whoever moves a layer's weight has its bias as well, whose gradient may be zero.
            others = [self._name_of(p, now) for p in self._moving.values()]
            moved = {_module_of(name) for name in others if name is not None}
            names = [name for name in names if name is None or _module_of(name) not in moved]
        now.record("unowned", float(len(names)))
        for module, count in _by_module(names).items():
            now.record(f"unowned/{module}", float(count))
        now.record("stale", float(self._stale))
        self._still, self._moving, self._zeros = None, {}, {}

    def _kept(self, models: Mapping[str, nn.Module], leaves: set[int]) -> dict[int, Tensor]:
        """Of these, the tensors that a module keeps as an attribute, and not as a parameter."""
        found: dict[int, Tensor] = {}
        for name, model in models.items():
            for path, module in named_modules(model):
                for attribute, value in vars(module).items():
                    if id(value) in leaves and id(value) not in self._zeros:
                        found[id(value)] = value
                        self._places[id(value)] = ".".join(filter(None, (name, path, attribute)))
        return found

    def _name_of(self, parameter: Tensor, now: Iteration) -> str | None:
        """Its path, also that of a parameter of no observed model."""
        own = now.name_of(parameter) if isinstance(parameter, nn.Parameter) else None
        if own is None and id(parameter) not in self._places:
            strangers = (self._still or {}) | self._moving
            parameters = [p for p in strangers.values() if isinstance(p, nn.Parameter)]
            self._places |= dict.fromkeys(map(id, parameters)) | places_of(parameters)
        return own or self._places.get(id(parameter))

    def _stands_still(self, parameter: Tensor, iteration: int) -> bool | None:
        """Whether it is what it was some iterations before; None where that is not known yet."""
        content = _sums_of(parameter)
        before = self._seen.get(id(parameter))
        known = before is not None and before.of() is parameter
        if known and before is not None and before.content == content:
            return True if iteration - before.iteration >= STILL else None
        self._seen[id(parameter)] = _Look(weakref.ref(parameter), iteration, content)
        return False if known else None


@dataclass(frozen=True, slots=True)
class _Look:
    of: "weakref.ref[Tensor]"
    iteration: int
    content: tuple[float, float]


def _hold(models: Mapping[str, nn.Module], reached: Mapping[int, Tensor]) -> bool:
    """Whether any of these are a model's own."""
    return any(id(p) in reached for model in models.values() for p in model.parameters())


@dataclass(frozen=True, slots=True)
class _Passing:
    """A parameter that no optimizer holds, which may be gone at the next look."""

    parameter: "weakref.ref[Tensor]"
    shape: tuple[int, ...]

    @classmethod
    def of(cls, parameter: Tensor) -> "_Passing":
        return cls(weakref.ref(parameter), tuple(parameter.shape))


def _sums_of(parameter: Tensor) -> tuple[float, float]:
    """What is another number once any of many elements has moved."""
    some = some_elements(parameter, torch.float64)
    return float(some.sum()), float((some * torch.arange(1, len(some) + 1).to(some)).sum())


def _module_of(name: str) -> str:
    return name.rpartition(".")[0]


def _by_module(paths: list[str | None]) -> Counter[str]:
    """How many of the parameters each module holds; the outer ones where that is too many."""
    modules = [None if path is None else path.split(".")[:-1] for path in paths]
    depth = max((len(module) for module in modules if module is not None), default=0)
    while True:
        found = Counter(
            NOBODY if module is None else ".".join(module[:depth]) or "model" for module in modules
        )
        if len(found) <= GROUPS or depth <= 1:
            return found
        depth -= 1
