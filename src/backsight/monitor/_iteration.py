"""The iteration under way, and what the events of a training step carry."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence
from torch.optim import Optimizer

from backsight.layers import LayerAdapter
from backsight.monitor._followed import Followed, those_followed
from backsight.monitor._thrown_passes import ThrownPasses
from backsight.probes import (
    GradientProfile,
    LossOperations,
    LossTerm,
    Readers,
    loss_terms,
    on_host,
    tensors_in,
)
from backsight.signals import family

__all__ = [
    "BackwardPass",
    "Clip",
    "Followed",
    "Gradients",
    "Iteration",
    "LayerCall",
    "OptimizerStep",
    "looked_at",
    "number_of",
    "those_followed",
]

Gradients = tuple[Tensor | None, ...]

Role = Literal["layer", "module", "model"]


FIRST, RARELY = 6, 512


def looked_at(iteration: int) -> bool:
    """Whether it is an iteration in which to look at how the training is wired.

    The first six, those that are a power of 2, and every 512th: what is wrong is mostly wrong at
    once, and what comes later is found within as many iterations as the training has had.

    Example:
        >>> from backsight.monitor import looked_at
        >>> [iteration for iteration in range(1600) if looked_at(iteration)]
        [0, 1, 2, 3, 4, 5, 8, 16, 32, 64, 128, 256, 512, 1024, 1536]
    """
    power_of_two = not iteration & (iteration - 1)
    return iteration < FIRST or power_of_two or not iteration % RARELY


def number_of(value: float | Tensor) -> float | Tensor:
    """One number, free of its graph and of what is written into it later.

    Of an accelerator, it stays there: to look at it would wait for all that was launched.

    Raises:
        ValueError: it is complex.
    """
    if not isinstance(value, Tensor):
        return float(value)
    _check_real(value)
    return float(value.item()) if on_host(value) else value.detach().clone()


def _check_real(value: Tensor) -> None:
    if value.is_complex():
        raise ValueError("cannot record a complex number: take its real part or its abs()")


class Clip(NamedTuple):
    """One call of ``clip_grad_norm_`` or ``clip_grad_value_``."""

    limit: float
    size: Tensor
    """What is limited, before the call: the norm, or the largest absolute value."""
    by_value: bool = False
    nothing: bool = False
    """Whether it was given no parameters at all, as by a generator that has been used up, or those
    of another model that have no gradient."""


@dataclass(slots=True, eq=False)  # frozen ones take longer to make
class LayerCall:
    """One forward of a module that is observed.

    Example:
        >>> import torch
        >>> import backsight
        >>> class Inputs(backsight.Measurement):
        ...     signals = ("steps",)
        ...     def on_forward_end(self, call, now):
        ...         now.record("steps", float(len(call.inputs[0])))
        >>> rnn = torch.nn.RNN(3, 4)
        >>> optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
        >>> with backsight.watch(rnn, optimizer, "runs/mine", measurements=[Inputs()]):
        ...     rnn(torch.randn(20, 2, 3))[0].square().mean().backward()
        ...     optimizer.step()
        >>> backsight.Run("runs/mine")["steps"].tolist()
        [20.0]
    """

    path: str
    """Where the module is in its model."""
    module: nn.Module
    inputs: tuple[Any, ...]
    named: Mapping[str, Any]
    result: Any = None
    """What it returned; None before it has run."""
    role: Role = "layer"
    """``layer``: recurrent, of a registered kind; ``module``: the user's own, which may be called
    once a step; ``model``: one that has such layers within it."""
    adapter: LayerAdapter | None = None
    """Of a layer, its kind."""
    followed: Followed | None = None
    """Calls that hand their state on share one; None before the module has run."""
    _input: Any = field(default=None, init=False, repr=False)
    _given: list[Tensor] | None = field(default=None, init=False, repr=False)
    _returned: list[Tensor] | None = field(default=None, init=False, repr=False)

    @property
    def given(self) -> list[Tensor]:
        """The tensors that it was called with, in order, once each."""
        if self._given is None:
            content = (self.inputs, dict(self.named)) if self.named else self.inputs
            self._given = [*tensors_in(content)]
        return self._given

    @property
    def returned(self) -> list[Tensor]:
        """Those that it returned; to be asked when it has run."""
        if self._returned is None:
            self._returned = [*tensors_in(self.result)]
        return self._returned


@dataclass(slots=True, eq=False)  # frozen ones take longer to make
class BackwardPass:
    """One backward pass: what it was called on.

    Example:
        >>> import torch
        >>> import backsight
        >>> class Roots(backsight.Measurement):
        ...     signals = ("roots",)
        ...     def on_backward_end(self, passed, now):
        ...         now.record("roots", float(len(passed.roots)))
        >>> rnn = torch.nn.RNN(3, 4)
        >>> optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
        >>> with backsight.watch(rnn, optimizer, "runs/mine", measurements=[Roots()]):
        ...     rnn(torch.randn(20, 2, 3))[0].square().mean().backward()
        ...     optimizer.step()
        >>> backsight.Run("runs/mine")["roots"].tolist()
        [1.0]
    """

    roots: tuple[Tensor, ...]
    """Empty where a trainer that tells its events does not tell the loss."""
    gradients: Gradients
    """Those it was given, one a root; None stands for 1."""
    scale: Tensor | None = None
    """What the loss was multiplied by (AMP): to be divided out."""
    returned: Mapping[int, Tensor] | None = None
    """The gradients that ``torch.autograd.grad`` returned, by the identity of their parameter;
    None where they are the parameters' ``.grad``."""
    left: Sequence[Tensor] = ()
    """What it left in the ``.grad`` of :attr:`moved`, in their order, where every one has some."""
    moved: Mapping[str, nn.Parameter] | None = None
    """What the optimizers move, by name."""
    _operations: LossOperations | None = field(default=None, init=False, repr=False)
    _terms: list[LossTerm] | None = field(default=None, init=False, repr=False)

    @property
    def operations(self) -> LossOperations:
        """What the roots were made by; to be asked in ``on_graph_whole``."""
        if self._operations is None:
            self._operations = LossOperations(self.roots)
        return self._operations

    @property
    def terms(self) -> list[LossTerm]:
        """The losses that the roots are the sum of; to be asked in ``on_graph_whole``."""
        if self._terms is None:
            self._terms = loss_terms(self.roots)
        return self._terms

    def forget(self) -> None:
        """Let go of the graph, which is about to be freed."""
        self._operations = self._terms = None


@dataclass(slots=True, eq=False)  # frozen ones take longer to make
class OptimizerStep:
    """One step of one optimizer.

    Example:
        >>> import torch
        >>> import backsight
        >>> class Moved(backsight.Measurement):
        ...     signals = ("tensors_moved",)
        ...     def on_step_end(self, step, now):
        ...         now.record("tensors_moved", float(len(step.parameters)))
        >>> rnn = torch.nn.RNN(3, 4)
        >>> optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
        >>> with backsight.watch(rnn, optimizer, "runs/mine", measurements=[Moved()]):
        ...     rnn(torch.randn(20, 2, 3))[0].square().mean().backward()
        ...     optimizer.step()
        >>> backsight.Run("runs/mine")["tensors_moved"].tolist()
        [4.0]
    """

    optimizer: Optimizer
    number: int
    """Tells optimizers of different parameters apart: 0, 1, …"""
    parameters: Mapping[str, nn.Parameter]
    """What it moves, by name."""
    closure: bool
    """Whether a closure computes the gradients many times inside the step (LBFGS): they are not
    known when it begins. A closure that is evaluated once has computed them by then."""


class _Outbox(Protocol):
    def scalars(self, names: Sequence[str], iteration: int, values: Tensor) -> None: ...

    def profile(self, name: str, iteration: int, row: Tensor | NDArray[np.float64]) -> None: ...

    def first_broken(self, value: float | Tensor) -> bool: ...


class _Parameters(Protocol):
    @property
    def by_hand(self) -> bool: ...

    def of(self, only: Optimizer | None = None) -> dict[str, nn.Parameter]: ...

    def name_of(self, parameter: nn.Parameter) -> str | None: ...

    def models(self) -> dict[str, nn.Module]: ...


class _Ran(Protocol):
    @property
    def training(self) -> bool: ...

    @property
    def extent(self) -> tuple[int, int]: ...


@dataclass(slots=True)
class Iteration:
    """One iteration, from its first forward until the next one shows itself.

    Measurements read what is known of it, and record into it.

    Example:
        >>> import torch
        >>> import backsight
        >>> class Scaled(backsight.Measurement):
        ...     signals = ("loss_doubled",)
        ...     def on_iteration_end(self, now):
        ...         now.record("loss_doubled", 2 * now.loss)
        >>> rnn = torch.nn.RNN(3, 4)
        >>> optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
        >>> with backsight.watch(rnn, optimizer, "runs/mine", measurements=[Scaled()]):
        ...     rnn(torch.randn(20, 2, 3))[0].square().mean().backward()
        ...     optimizer.step()
        >>> run = backsight.Run("runs/mine")
        >>> bool(run["loss_doubled"][0] == 2 * run["loss"][0])
        True
    """

    number: int
    sample: int | None
    """Which sample this is, from 0; None where the iteration is not sampled."""
    layers: Mapping[str, nn.Module]
    """Recurrent layers and cells by path."""
    readers: Readers
    """How they are read."""
    thinned: bool = False
    """Whether hidden norms are left out, to keep to the budget, unless something stands out."""
    loss: Tensor | None = None
    """``L``, a scalar on its device, unscaled; None until it is known."""
    scale: Tensor | None = None
    """What the newest loss was multiplied by (AMP); gradients on hidden states still are."""
    profiles: dict[str, GradientProfile] = field(default_factory=dict)
    """The gradient through time by layer, in sampled iterations, as it becomes known."""
    states_broken: bool = False
    """Whether a hidden state is not finite, as far as that is known without waiting for it."""
    drops_in_eval: bool | None = None
    """Whether dropout dropped while a model was evaluated before it; None where none was."""
    silent: bool = False
    """Whether the newest forward with gradients of a model in eval mode has called
    ``functional.dropout`` and told it not to drop; of the first few such forwards."""
    evaluations: int = 0
    """How often a model had begun to run without gradients before it; not counted for ever."""
    thrown: ThrownPasses = field(default_factory=ThrownPasses)
    """Passes before it whose gradients were thrown away."""
    opposed: bool = False
    """Whether it is a GAN's: losses go through both models, and one does not step on them."""
    idle: int = 0
    """Parameters without any gradient, of an optimizer that steps beside this model of no one's."""
    told: dict[str, float | Tensor] = field(default_factory=dict)
    """Numbers of the caller's own: they take the place of what was measured."""
    steps: int | None = None
    """Steps unrolled, where a trainer tells them."""
    elements: int | None = None
    """Sequence elements learned from, over all processes, where a trainer tells them."""
    seconds: float = 0.0
    """How long it took; known when it ends."""
    spent: float = 0.0
    """Seconds that sampling took in it."""
    aside: float = 0.0
    """Seconds of neither training nor sampling, but of what somebody has asked for."""
    numbers: dict[str, float | Tensor] = field(default_factory=dict)
    """Scalars that were recorded."""
    clips: list[Clip] = field(default_factory=list)
    """Calls of PyTorch's functions that clip so far, in samples and looks."""
    shortened: list[bool | Tensor] = field(default_factory=list)
    """Of each such call since the first backward pass, whether it shortens anything."""
    shortened_read: int = -1
    """How many of these calls a step has read the gradients after; -1 before there was one."""
    backward_ended: bool = False
    """Whether any backward pass has ended."""
    divided_late: bool = False
    """Whether a GradScaler's own step has divided the scale out: all before that was scaled."""
    kept: dict[Any, Any] = field(default_factory=dict)
    """What measurements keep until it ends, each under itself."""
    gradient: float | None = None
    """The gradient's norm, before clipping, as far as it is at hand."""
    gradient_before: float | None = None
    """That of the iteration before."""
    declared: Collection[str] = ()
    """Families of signals that whoever is fed now may record."""
    sampled: bool = field(init=False)
    """Whether the gradient through time is measured in it."""
    looked: bool = field(init=False)
    """Whether it is looked at how the training is wired."""
    _outbox: _Outbox = field(kw_only=True)
    _parameters: _Parameters = field(kw_only=True)
    _ran: _Ran = field(kw_only=True)

    def __post_init__(self) -> None:
        self.sampled = self.sample is not None
        self.looked = looked_at(self.number)

    @property
    def parameters(self) -> dict[str, nn.Parameter]:
        """What the optimizers move, by name."""
        return self._parameters.of()

    def name_of(self, parameter: nn.Parameter) -> str | None:
        """The path of a parameter of an observed model, whoever moves it; None of a stranger."""
        return self._parameters.name_of(parameter)

    @property
    def models(self) -> dict[str, nn.Module]:
        """The observed models, by what the paths of their modules begin with."""
        return self._parameters.models()

    @property
    def by_hand(self) -> bool:
        """Whether no optimizer of PyTorch's has been seen: the user's own code moves them."""
        return self._parameters.by_hand

    def input_of(self, call: LayerCall) -> Tensor | PackedSequence:
        """What of the arguments of a recurrent layer's call is its input."""
        if call._input is None:
            call._input = self.readers[call.path].input_of(call.inputs, call.named)
        found: Tensor | PackedSequence = call._input
        return found

    @property
    def training(self) -> bool:
        """Whether any layer ran in training mode: what ran in eval mode was a validation then."""
        return self._ran.training

    @property
    def extent(self) -> tuple[int, int]:
        """Steps unrolled, and sequence elements processed, as told or as seen so far."""
        steps, elements = self._ran.extent
        return (
            steps if self.steps is None else self.steps,
            elements if self.elements is None else self.elements,
        )

    def tell(self, name: str, value: float | Tensor) -> None:
        """A number of the caller's own; of a tensor, the sum.

        Raises:
            TypeError: it is no number.
            ValueError: it is complex, or no number.
        """
        self.told[name] = number_of(value.detach().sum() if isinstance(value, Tensor) else value)

    def record(self, name: str, value: float | Tensor) -> None:
        """One number, as it is now; of an accelerator, it stays there until it is collected.

        Raises:
            ValueError: the signal is not among those that the measurement declares, or the tensor
                has another number of elements, or is complex.
        """
        if name.partition("/")[0] not in self.declared:  # as in _check, which costs two calls
            self._check(name)
        if type(value) is float:
            self.numbers[name] = value
            return
        if isinstance(value, Tensor) and value.numel() != 1:
            raise ValueError(
                f"record({name!r}, …) takes one number, not a tensor of shape {tuple(value.shape)}"
            )
        self.numbers[name] = number_of(value)

    def record_each(self, names: Iterable[str], values: Tensor) -> None:
        """``(n,)`` values, a signal each, in one tensor on their device.

        Raises:
            ValueError: as of :meth:`record`.
        """
        names = tuple(names)
        for name in names:
            self._check(name)
        if values.shape != (len(names),):
            raise ValueError(
                f"record_each takes one value per name, not {len(names)} names and values of "
                f"shape {tuple(values.shape)}"
            )
        _check_real(values)
        self._outbox.scalars(names, self.number, values)

    def record_profile(self, name: str, row: Tensor | NDArray[np.float64]) -> None:
        """A row ``(width,)``: one number a time step or a lag.

        Raises:
            ValueError: as of :meth:`record`.
        """
        self._check(name)
        if isinstance(row, Tensor):
            _check_real(row)
        else:
            row = np.array(row)  # its owner may write into it
        if row.ndim != 1:
            raise ValueError(
                f"record_profile({name!r}, …) takes one row (n,), not an array of shape "
                f"{tuple(row.shape)}"
            )
        self._outbox.profile(name, self.number, row)

    def first_broken(self, value: float | Tensor) -> bool:
        """Whether ``value`` is the run's first that is not finite, as far as it is at hand."""
        return self._outbox.first_broken(value)

    def _check(self, name: str) -> None:
        if family(name) not in self.declared:
            known = ", ".join(self.declared)
            raise ValueError(f"cannot record {name!r}: the measurement declares only {known}")
