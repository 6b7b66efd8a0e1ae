"""One call of a fused recurrent module, caught with the gradients that arrive at its outputs.

A call's numbers hang on the tensor hooks of its outputs and nowhere else: when the caller lets
the graph go, nothing is kept alive. Only detached aliases are held, so no graph is either.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, get_gradient_edge
from torch.nn.utils.rnn import PackedSequence

from backsight.probes._precision import rounding
from backsight.probes._state_handoff import TRIES, starts_anew
from backsight.probes._tensors import tensors_in
from backsight.probes.fused._ending import Ending, Handed, origins
from backsight.probes.fused._followed import evenly_spaced, only_column, rows_of, with_gradient

__all__ = ["Call", "Catcher"]


@dataclass(eq=False)
class Call:
    """Shapes: ``T`` steps, ``B`` the chosen sequences, ``D`` directions, ``L`` layers.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from backsight.probes.fused import Catcher
        >>> gru, x, catcher = nn.GRU(3, 4), torch.randn(6, 2, 3), Catcher()
        >>> catcher.armed = True
        >>> catcher.before("gru", gru)
        >>> result = gru(x)
        >>> catcher.after("gru", gru, (x,), {}, result)
        >>> result[0][-1].sum().backward()
        >>> (call,) = catcher.take()
        >>> call.path, call.lengths.tolist(), tuple(call.output.shape)
        ('gru', [6, 6], (6, 2, 4))
    """

    path: str
    module: nn.RNNBase
    number: int
    previous: int | None
    """The call whose final state this one begins with."""
    attached: tuple[bool, bool]
    """Whether the gradient of ``h`` and of ``c`` goes on into that one: neither was detached."""
    prior: int
    """Steps of the calls before this one that no gradient arrived at."""
    batch_sizes: Tensor | None
    """Of a packed batch."""
    lengths: Tensor
    """``(B,)``, in processing order: steps of each sequence."""
    rows: Tensor
    """``(B,)``, in processing order: which row of the processed batch each sequence is."""
    sequences: Tensor
    """``(B,)``, in processing order: which sequence of the caller's batch each is."""
    spaced: bool
    """Whether the chosen sequences are evenly spaced, as those of any call are that has such ones
    with a gradient."""
    dropout: bool
    """Whether there was dropout between the layers."""
    random: Tensor | None
    """The CPU generator's state before the call, where dropout was about to be drawn."""
    kernel_shape: tuple[int, ...]
    """Of the whole first output (a packed one's data), as the kernel lays it out: time first."""
    dtype: torch.dtype
    """Of the first output."""
    tolerance: float
    """Between a replayed output and the run's own, for it to count as the same."""
    x: Tensor
    output: Tensor | None
    """``(T, B, D·P)``; None where it was overwritten in the meantime."""
    state: tuple[Tensor | None, Tensor | None]
    """``h_0`` and ``c_0``, each ``(L·D, B, ·)``."""
    slopes: tuple[Tensor | None, Tensor | None]
    """``∂h_0/∂h_n`` and ``∂c_0/∂c_n`` of the previous call by unit, as ``state``; None where they
    are the same."""
    anew: Tensor | None
    """``(B,)``, in processing order: sequences that begin with this call, nothing being handed on
    to them; None where none does."""
    weights: dict[str, Tensor]
    column: int | None = None
    """The one sequence of the whole batch that the loss reads, at every step; -1 where it reads
    others, too, and -2 where that is the first and the last one; None where that is not asked."""
    gradients: list[Tensor | None] = field(default_factory=lambda: [None, None, None])
    """Direct gradients on ``output`` (as ``output``), ``h_n`` and ``c_n`` (as ``state``)."""

    def chosen(self, data: Tensor) -> Tensor:
        """``(T, B, ·)`` of the chosen sequences, zero-padded, from ``kernel_shape``."""
        return rows_of(data, self.rows, self.batch_sizes, spaced=self.spaced)


class Catcher:
    """Catches calls while its hooks are in place and :attr:`armed` is true.

    Args:
        sequences: how many sequences of a batch to keep, evenly spaced; None for all, 0 for 8 or
            a quarter of the batch, if that is less, but at least two: a replay of all of them would
            take as much memory as the training itself. The longest of a packed batch is added.
        force: follow also a frozen layer on plain inputs, whose outputs need no gradient.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from backsight.probes import Catcher, replay
        >>> rnn, x, catcher = nn.RNN(3, 4), torch.randn(6, 2, 3), Catcher()
        >>> catcher.armed = True
        >>> catcher.before("rnn", rnn)
        >>> result = rnn(x)
        >>> catcher.after("rnn", rnn, (x,), {}, result)
        >>> result[0][-1].sum().backward()
        >>> (call,) = catcher.take()
        >>> call.path, list(replay([call]))
        ('rnn', ['rnn.l0'])
    """

    def __init__(self, sequences: int | None = None, *, force: bool = False) -> None:
        self.armed = True
        self.live: list[GradientEdge] = []
        """With ``force``, every output caught: what a gradient may be asked of."""
        self._sequences = sequences
        self._force = force
        self._random: dict[str, Tensor] = {}
        self._ends: dict[str, list[Ending]] = {}
        self._past: dict[int, tuple[int | None, int]] = {}
        self._longest: dict[int, Tensor] = {}
        self._number = 0
        self._mark = object()
        self._reached: dict[int, _Watched] = {}
        self._errors: dict[str, Exception] = {}

    def take(self, errors: dict[str, Exception] | None = None) -> list[Call]:
        """The calls that a gradient has arrived at since the last time, in their order.

        Args:
            errors: where what went wrong in a gradient hook, in which it could not be raised, is
                put by path, without the calls there. It is raised where this is None.
        """
        taken, self._reached = self._reached, {}
        failed, self._errors = self._errors, {}
        if errors is None and failed:
            raise next(iter(failed.values()))
        if errors is not None:
            errors |= failed
        calls = [taken[number].release() for number in sorted(taken)]
        for call in calls:
            call.prior = self._steps_before(call.previous) if call.previous not in taken else 0
        return [call for call in calls if call.path not in failed]

    def forget(self) -> None:
        """What runs from now on does not go on from what ran before."""
        self._ends, self._past, self._reached, self._longest = {}, {}, {}, {}

    def _steps_before(self, number: int | None) -> int:
        """Steps of a call and of those it goes on from, as far as they are remembered: a graph
        that is retained brings gradients to calls of iterations before."""
        steps = 0
        while number is not None:
            number, count = self._past.get(number, (None, 0))
            steps += count
        return steps

    def before(self, path: str, module: nn.RNNBase) -> None:
        """The module is about to run: remember what dropout will be drawn from."""
        if not (module.training and module.dropout and module.num_layers > 1):
            return
        weight = module._flat_weights[0]
        if weight is not None and weight.device.type == "cpu":
            self._random[path] = torch.get_rng_state()

    def after(self, path: str, module: nn.RNNBase, inputs: Any, named: Any, result: Any) -> None:
        """The module has run: hang what a replay needs on its outputs."""
        x = inputs[0] if inputs else named["input"]
        given = inputs[1] if len(inputs) > 1 else named.get("hx")
        output, final = result
        finals = final if isinstance(final, tuple) else (final,)
        data = output.data if isinstance(output, PackedSequence) else output
        live = [data, *finals]
        for tensor in live if self._force and torch.is_grad_enabled() else ():
            if not tensor.requires_grad:
                tensor.requires_grad_()
        if not any(tensor.requires_grad for tensor in live):
            self._random.pop(path, None)
            return
        number, handed = self._chain(path, given)
        watched = _Watched(self, path, module, x, given, output, number, handed)
        self._past[number] = watched.previous, watched.steps
        if watched.longest is not None:
            self._longest[number] = watched.longest
        for index, tensor in enumerate(live):
            if tensor.requires_grad:
                base = watched.base(tensor) if index == 0 else None
                caught = tensor if base is None else base
                caught.register_hook(watched.hook(index, by_time=base is not None))
                if self._force:
                    # The edge, not the tensor: writing into it would make that another one's.
                    self.live.append(get_gradient_edge(caught))
        self._ends[path].append(Ending(number, finals, self._mark))

    def _chain(self, path: str, given: Any) -> tuple[int, Handed | None]:
        """Number this call, and find the one whose final state it was given, detached or not."""
        self._number += 1
        ends = self._ends.setdefault(path, [])
        handed = None
        states = list(tensors_in(given))
        end = self._end(ends, states[0]) if states else None
        if end is not None:
            handed = end.handed(states)
            if handed is not None:
                ends.remove(end)
        ends[:] = [end for end in ends if end.alive or end.number > self._number - TRIES]
        return self._number, handed

    def _end(self, ends: list[Ending], state: Tensor) -> Ending | None:
        same = next((end for end in reversed(ends) if end.is_in(state)), None)
        if same or not state.requires_grad:
            return same
        number = next((number for number, _ in origins(state, self._mark)), None)
        return next((end for end in ends if end.number == number), None)


class _Watched:
    """A call until the first gradient arrives: references, nothing copied."""

    def __init__(
        self,
        catcher: Catcher,
        path: str,
        module: nn.RNNBase,
        x: Any,
        given: Any,
        output: Any,
        number: int,
        handed: Handed | None,
    ) -> None:
        self._catcher = catcher
        self._random = catcher._random.pop(path, None)
        self._path, self._module = path, module
        self._number, self.previous = number, handed.number if handed else None
        self._batch_sizes = x.batch_sizes if isinstance(x, PackedSequence) else None
        self._order = x.sorted_indices if isinstance(x, PackedSequence) else None
        self._x = (x.data if isinstance(x, PackedSequence) else x).detach()
        self.longest = self._longest_sequence()
        data = output.data if isinstance(output, PackedSequence) else output
        self._output, self._version = data.detach(), data._version
        states = *tensors_in(given), None, None
        attached = [
            s is not None and (s.grad_fn is not None or (catcher._force and s.requires_grad))
            for s in states[:2]
        ]
        self._attached = attached[0], attached[1]
        autocast = torch.is_autocast_enabled(self._x.device.type)
        self._tolerance = rounding(data.dtype, autocast=autocast)
        self._dropout = bool(module.training and module.dropout and module.num_layers > 1)
        self._states = tuple(None if s is None else s.detach() for s in states[:2])
        self._slopes = handed.slopes if handed else ()
        self._call: Call | None = None
        self._column: int | None = None
        self._finals: list[Tensor] = []
        """Gradients on ``h_n`` and ``c_n``, of the whole batch."""
        self._spaced = True
        self._spent = False

    @property
    def steps(self) -> int:
        """``T``, of the longest sequence."""
        return self._size()[0]

    def _longest_sequence(self) -> Tensor | None:
        """``(1,)``: the longest sequence of a packed batch, which is followed in any case: the
        window is as long as it. Calls that hand their state on follow that of the first one."""
        if self.previous is not None:
            return self._catcher._longest.get(self.previous)
        if self._batch_sizes is None:
            return None
        if self._order is None:
            return torch.zeros(1, dtype=torch.long, device=self._x.device)
        return self._order[:1]

    def base(self, output: Tensor) -> Tensor | None:
        """What the output is a view of, if that is the same by time.

        Where a kernel returns one (an LSTM with ``batch_first`` on a CPU), writing into the view
        would take a hook off it.
        """
        base = output._base
        if base is None or base.shape != self._by_time(self._output).shape:
            return None
        return base

    def hook(self, index: int, *, by_time: bool) -> Callable[[Tensor], None]:
        """For the output of that number: keep the chosen sequences' gradient.

        ``by_time``: it comes as the kernel lays it out rather than as the caller has it.
        """

        def hook(gradient: Tensor | None) -> None:
            # None on an output that no loss reads, where one kernel makes it with others.
            if gradient is None or not self._catcher.armed:
                return
            try:
                with torch.no_grad(), torch._C.DisableTorchFunctionSubclass():
                    self._arrived(index, gradient, by_time)
            except Exception as error:  # noqa: BLE001 - must not end the caller's backward
                self._catcher._errors.setdefault(self._path, error)

        return hook

    def release(self) -> Call:
        """The call; and hold nothing any longer, however long the outputs live."""
        call, self._call = self._call, None
        assert call is not None
        if self._column is not None and self._finals:
            others = torch.arange(self._size()[1], device=call.x.device) != self._column
            read = any(bool((one != 0).any(-1).any(0)[others].any()) for one in self._finals)
            self._column = -1 if read else self._column
        call.column, self._finals = self._column, []
        del self._x, self._output, self._states, self._slopes, self._random
        self._spent = True
        return call

    def _arrived(self, index: int, gradient: Tensor, by_time: bool) -> None:
        if self._spent:
            return
        if self._call is None:
            self._call = self._select(self._with_gradient(index, gradient.detach(), by_time))
            self._catcher._reached[self._number] = self
        gradient = gradient.detach()
        if index == 0 and self._batch_sizes is None and min(self._size()) > 1:
            self._column = only_column(gradient if by_time else self._by_time(gradient))
        if index > 0:
            self._finals.append(gradient)
            kept = self._state(gradient)
        elif by_time:
            kept = rows_of(gradient, self._rows, self._batch_sizes, spaced=self._spaced)
        else:
            kept = self._steps(gradient)
        self._call.gradients[index] = kept

    def _with_gradient(self, index: int, gradient: Tensor, by_time: bool) -> Tensor | None:
        """The sequences to follow where the evenly spaced ones have no gradient at all."""
        if self._batch_sizes is not None or gradient.dim() == 2:
            return None  # of a packed batch nobody asks
        by_step = gradient if index > 0 or by_time else self._by_time(gradient)
        return with_gradient(by_step, len(self._choose(self._size()[1])))

    def _select(self, instead: Tensor | None) -> Call:
        module, x = self._module, self._x
        steps, batch = self._size()
        self._spaced = instead is None
        chosen = self._choose(batch) if instead is None else instead
        if self.longest is not None and not bool((chosen == self.longest).any()):
            chosen, self._spaced = torch.cat([chosen, self.longest]).sort().values, False
        rows = chosen
        if self._order is not None:
            place = torch.empty_like(self._order)
            place[self._order] = torch.arange(batch, device=place.device)
            rows = place[chosen].sort().values
            chosen = self._order[rows]
        if self._batch_sizes is None:
            lengths = torch.full((len(rows),), steps, device=x.device)
        else:
            lengths = (self._batch_sizes[:, None].to(x.device) > rows).sum(0)
        self._rows, self._sequences = rows, chosen
        same = self._output._version == self._version
        slopes = [self._state(slope) for slope in self._slopes] or [None]
        names, weights = module._flat_weights_names, module._flat_weights
        return Call(
            path=self._path,
            module=module,
            number=self._number,
            previous=self.previous,
            attached=self._attached,
            prior=0,
            batch_sizes=self._batch_sizes,
            lengths=lengths,
            rows=rows,
            sequences=chosen,
            spaced=self._spaced,
            dropout=self._dropout,
            random=self._random,
            kernel_shape=tuple(self._by_time(self._output).shape),
            dtype=self._output.dtype,
            tolerance=self._tolerance,
            x=self._steps(x),
            output=self._steps(self._output) if same else None,
            state=(self._state(self._states[0]), self._state(self._states[1])),
            slopes=(slopes[0], slopes[1] if len(slopes) > 1 else None),
            anew=starts_anew(slopes, len(rows)),
            weights={n: w.detach() for n, w in zip(names, weights, strict=True) if w is not None},
        )

    def _size(self) -> tuple[int, int]:
        if self._batch_sizes is not None:
            return len(self._batch_sizes), int(self._batch_sizes[0])
        if self._x.dim() == 2:
            return self._x.shape[0], 1
        steps, batch = self._x.shape[:2]
        return (batch, steps) if self._module.batch_first else (steps, batch)

    def _choose(self, batch: int) -> Tensor:
        return evenly_spaced(self._catcher._sequences, batch, self._x.device)

    def _by_time(self, data: Tensor) -> Tensor:
        """The caller's form as the kernel lays it out: ``(T, whole batch, ·)`` or packed."""
        if self._batch_sizes is not None:
            return data
        if data.dim() == 2:
            return data[:, None]
        return data.transpose(0, 1) if self._module.batch_first else data

    def _steps(self, data: Tensor) -> Tensor:
        """``(T, B, ·)`` of the chosen sequences, zero-padded, from the caller's form."""
        return rows_of(self._by_time(data), self._rows, self._batch_sizes, spaced=self._spaced)

    def _state(self, state: Tensor | None) -> Tensor | None:
        """``(L·D, B, ·)`` of the chosen sequences, in processing order."""
        if state is None:
            return None
        return state[:, None] if state.dim() == 2 else state.index_select(1, self._sequences)
