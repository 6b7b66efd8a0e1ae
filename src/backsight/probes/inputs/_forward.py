"""What one forward of a model showed."""

from dataclasses import dataclass, field

from torch import Tensor, nn
from torch.autograd.graph import GradientEdge

from backsight.probes.inputs._block_memory import BlockCall
from backsight.probes.inputs._points import Point

__all__ = ["Block", "Embedding", "Forward", "Frame"]


@dataclass(slots=True)
class Frame:
    """A call that is under way."""

    module: nn.Module
    path: str
    taken: Tensor | None
    """Of a block: what it was called with."""
    edge: GradientEdge | None
    before: int
    """How many embeddings were found before it."""
    inside: bool = False
    """Whether one was found inside it."""


@dataclass(slots=True, eq=False)
class Embedding:
    """A call of a module that may embed an input."""

    module: nn.Module
    path: str
    shape: tuple[int, ...]
    point: Point | None
    """None where it carries no gradient."""
    source: int | None
    """Which input of the model it was fed with; None of what the model has made itself."""
    indices: bool
    hint: bool
    """Whether the model names it itself, or the user does."""
    positions: bool
    """Whether it was fed with what looks like positions."""
    count: int
    """Which call of the module in this forward it is, from 1."""
    view: tuple[int, ...] = ()
    """Address, sizes and strides of what it was given, by which the same tensor is known again."""


@dataclass(slots=True, eq=False)
class Block:
    """A call of a member of a stack that maps a sequence to one of the same shape."""

    container: str
    path: str
    point: Point
    call: BlockCall | None = None
    """Where it is to be run again."""


@dataclass(slots=True, eq=False)
class Forward:
    """What one forward of a model showed."""

    embeddings: list[Embedding] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    results: list[tuple[nn.Module, list[Tensor]]] = field(default_factory=list)
    """What each module returned that was called from outside."""
    given: list[tuple[int, ...]] = field(default_factory=list)
    """Shapes of what the model was given."""
    steps: bool = False
    """Whether any of that may be a batch of sequences."""
    goes_on: bool = False
    """Whether the model was given what another one has made: then that one has the input."""
    trained: str = ""
    """Path of the first member of a stack whose output carries a gradient."""
    refused: list[str] = field(default_factory=list)
    """Paths of modules that the input goes into and that mix steps themselves."""
    often: dict[int, str] = field(default_factory=dict)
    """Paths of modules that were called too often, by their identity."""
    repeated: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Of modules that map one sequence to another several times, by path: the sizes of both axes
    of its positions. Their calls are layers with shared weights, and no steps."""
    training: bool = True
