"""Reads loops over steps that are seen in the graph alone.

A step may be a method of the model, or a cell's ``forward`` that is called directly: no call of a
module shows it. What shows is a parameter that is multiplied once a step, each time with what was
made of the product before. The graph has no values of states, so that their norms are not known.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.autograd.graph import GradientEdge

from backsight.probes._compilers import undisturbed
from backsight.probes._identity import IdentityMap
from backsight.probes._modules import Model, parameters_of
from backsight.probes._profile import GradientProfile
from backsight.probes._reader import LayerReader, ReaderSettings, Readings
from backsight.probes.loops._chains import Loop, chains_in
from backsight.probes.loops._names import paths_of
from backsight.probes.loops._news import takes_input
from backsight.probes.loops._stacks import stacked
from backsight.probes.loops._weights import DEEPEST, LARGEST, graph_of
from backsight.probes.stepped import profiles_of_steps

__all__ = ["LoopReader", "read_as_loop"]

_read: IdentityMap[bool] = IdentityMap()
"""Weights of loops that have been measured, in any model: a cell in a plain list is one to
``backsight run``."""


def read_as_loop(module: nn.Module) -> bool:
    """Whether a loop over a weight of ``module`` has been measured.

    Example:
        >>> from torch import nn
        >>> from backsight.probes import read_as_loop
        >>> read_as_loop(nn.GRUCell(3, 4))
        False
    """
    return any(parameter in _read for parameter in parameters_of(module))


TRIES = 3
"""Graphs without a loop after which no more are searched."""


class LoopReader(LayerReader):
    """Of recurrences that neither a recurrent layer nor calls of a module show.

    A profile is called ``loop:`` and the path of the recurrent weight, or of the module whose
    ``weight`` that is.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from backsight import probe
        >>> class Net(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.into, self.again = nn.Linear(2, 4), nn.Linear(4, 4)
        ...     def step(self, x, h):
        ...         return torch.tanh(self.into(x) + self.again(h))
        ...     def forward(self, steps):
        ...         h = torch.zeros(3, 4)
        ...         for x in steps:
        ...             h = self.step(x, h)
        ...         return h
        >>> net, steps = Net(), torch.randn(6, 3, 2)
        >>> {name: p.reach.shape for name, p in probe(net, lambda: net(steps).sum()).items()}
        {'loop:again': (6,)}
    """

    def __init__(self, settings: ReaderSettings) -> None:
        super().__init__(settings)
        self._paths: dict[int, str] = {}
        self._tries = 0
        self.elsewhere = False
        """Whether another reader has found steps in the model: then it has no need of this one."""
        self.found = False
        """Whether a loop has been measured."""

    def watch(self, model: Model, name: str = "") -> None:
        """Loops over parameters of ``model`` are to be read.

        Args:
            model: the caller's; or tensors, by name, that no module holds.
            name: put before its paths, where there are several models.
        """
        if isinstance(model, nn.Module):
            self._paths |= paths_of(model, name)
        else:
            self._paths |= {id(tensor): called for called, tensor in model.items()}

    @property
    def names(self) -> list[str]:
        """None is known before the graph is whole."""
        return []

    @property
    def needs_graph(self) -> bool:
        """Whether the graph is to be searched."""
        return self.armed and self._tries < TRIES and bool(self._paths) and not self.elsewhere

    def has_time(self, path: str) -> bool:
        """A loop has steps."""
        return True

    def called(self, path: str, module: nn.Module, args: Any, kwargs: Any, result: Any) -> None:
        """Calls tell it nothing."""

    def ignore(self, path: str) -> None:
        """What went wrong with one graph is likely to do so again."""
        self._tries = TRIES

    def graph_whole(
        self,
        roots: Sequence[Tensor],
        gradients: Sequence[Tensor | None],
        scale: Tensor | None = None,
    ) -> Readings:
        """A profile of each loop in the graph."""
        factor = 1.0 if scale is None else 1.0 / float(scale)
        found = Readings()
        try:
            with undisturbed():
                loops = self._loops(roots)
            for stack in _stacks(loops):
                found.profiles |= _profiles(stack, roots, gradients, factor)
        except Exception as error:  # noqa: BLE001 - costs these loops alone
            found.errors["loop:"] = error
            self._tries = TRIES
            return found
        found.arrived = any(p.outcome != "not enough data" for p in found.profiles.values())
        self.found = self.found or found.arrived
        for name in found.profiles if found.arrived else ():
            _read[loops[name].weight.variable] = True  # type: ignore[attr-defined]
        self._tries = 0 if self.found else self._tries + 1
        return found

    def finish(self) -> None:
        """A pass has been measured."""
        self.armed = False

    def forget(self) -> None:
        """Nothing is kept."""

    def _loops(self, roots: Sequence[Tensor]) -> dict[str, Loop]:
        """By name."""
        graph = graph_of(roots)
        if graph is None:
            self.leave_out("graph too large", "", count=DEEPEST, limit=LARGEST)
            return {}
        paths = {leaf: self._paths.get(id(leaf.variable)) for leaf in graph.uses}  # type: ignore[attr-defined]
        order = {path: place for place, path in enumerate(self._paths.values())}
        known = [(order[path], path, leaf) for leaf, path in paths.items() if path is not None]
        leaves = {leaf: path for _, path, leaf in sorted(known, key=lambda one: one[0])}
        found = {
            f"loop:{leaves[loop.weight]}": loop
            for loop in chains_in(graph, list(leaves))
            if takes_input(loop.longest, graph, loop.depth)
        }
        self.unmeasured.clear()
        for leaf in () if found else graph.uneven:
            self.leave_out("shapes differ", f"loop:{leaves[leaf]}")
        return found


@dataclass(frozen=True, slots=True)
class _Step:
    outputs: list[GradientEdge]
    products: list[GradientEdge]
    anew: None = None
    idle: None = None
    initial: tuple[()] = ()


def _stacks(loops: dict[str, Loop]) -> list[dict[str, Loop]]:
    """Those together that lie on each other."""
    stacks: list[dict[str, Loop]] = []
    for name, loop in loops.items():
        under = [s for s in stacks if any(_lie_together(loop, other) for other in s.values())]
        joined = {n: one for stack in under for n, one in stack.items()} | {name: loop}
        stacks = [*(stack for stack in stacks if stack not in under), joined]
    return stacks


def _lie_together(one: Loop, other: Loop) -> bool:
    return stacked(one, other) or stacked(other, one)


def _profiles(
    stack: dict[str, Loop],
    roots: Sequence[Tensor],
    gradients: Sequence[Tensor | None],
    factor: float,
) -> dict[str, GradientProfile]:
    chains = {
        name: [
            [
                _Step([GradientEdge(*state)], [GradientEdge(node, 0) for node in products])
                for state, products in zip(chain, before, strict=True)
            ]
            for chain, before in zip(loop.chains, loop.products, strict=True)
        ]
        for name, loop in stack.items()
    }
    return profiles_of_steps(chains, roots, gradients, factor, dict.fromkeys(stack, False))
