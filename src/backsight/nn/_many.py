"""Many networks trained together: the parameters of K sequence models in one tensor.

Each network is as it would be alone. The gradient is that of the sum of their losses, so none
enters another's; a NaN in one stays there, and stays.
"""

from collections.abc import Callable, Sequence
from typing import Literal, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from backsight.errors import SettingError
from backsight.nn._choices import CELLS
from backsight.nn._many_layers import many_layers
from backsight.nn._models import SequenceModel
from backsight.nn._scan import GradientTrace

__all__ = ["ManyModels", "seeded"]

Model = TypeVar("Model", bound=nn.Module)


def seeded(seed: int, make: Callable[[], Model]) -> Model:
    """Make a model on the CPU from this seed; torch's own random numbers stay as they were.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from backsight.nn import seeded
        >>> one, other = (seeded(0, lambda: nn.Linear(3, 2)) for _ in range(2))
        >>> torch.equal(one.weight, other.weight)
        True
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # an accelerator's would not be put back
        return make()


class ManyModels:
    """K sequence models with the same shapes, as one batch.

    Args:
        models: tanh or ReLU RNNs (``rnn``, ``rnn-relu``) or linear recurrences (``mingru``,
            ``minlstm``, ``lru``) without dropout, each made as it is to begin; their numbers are
            copied.

    Raises:
        SettingError: there is none, they differ in more than their numbers, or these cells have
            no scan.

    Example:
        >>> import torch
        >>> from backsight.nn import ManyModels, SequenceModel
        >>> many = ManyModels([SequenceModel(3, 1, hidden=4, every_step=False) for _ in range(5)])
        >>> losses = many.backward(torch.randn(2, 10, 3), torch.zeros(2, 1), "value")
        >>> tuple(losses.shape), many.gradient.shape == many.parameters.shape
        ((5,), True)
    """

    def __init__(self, models: Sequence[SequenceModel]) -> None:
        _check(models)
        first = models[0]
        self.layers = first.layers
        layers = many_layers(first)
        assert layers is not None
        self._recurrent = layers
        self.every_step = first.every_step
        self.shapes = {name: p.shape for name, p in first.named_parameters()}
        """Of one network's parameters, by name, in the order of the columns below."""
        self._sizes = [shape.numel() for shape in self.shapes.values()]
        self.parameters = torch.stack(
            [nn.utils.parameters_to_vector(m.parameters()).detach() for m in models]
        )
        """``(K, P)``: a network's parameters a row."""
        self.gradient = torch.zeros_like(self.parameters)
        """``(K, P)``: of each network's loss, from the last :meth:`backward`."""
        self.through: tuple[GradientTrace, ...] = ()
        """Of the last :meth:`backward` that was asked for it: one a layer, the lowest first."""

    def __len__(self) -> int:
        return len(self.parameters)

    def state_dict(self, network: int) -> dict[str, Tensor]:
        """One network's parameters, copied: what its ``SequenceModel`` can load."""
        parts = torch.split(self.parameters[network].clone(), self._sizes)
        shaped = zip(self.shapes.items(), parts, strict=True)
        return {name: part.view(shape) for (name, shape), part in shaped}

    @torch.no_grad()
    def outputs(self, inputs: Tensor) -> Tensor:
        """Answer.

        Args:
            inputs: ``(B, T, I)``, the same for all, or ``(K, B, T, I)``.

        Returns:
            ``(K, B, T, O)``, or ``(K, B, O)`` of the last step alone.
        """
        return torch.cat(
            [
                self._answer(self.parameters[block], _own(inputs, 3, block))
                for block in self._blocks(inputs)
            ]
        )

    def losses(self, inputs: Tensor, targets: Tensor, kind: Literal["classes", "value"]) -> Tensor:
        """``(K,)``: each network's loss; arguments as of :meth:`backward`."""
        self._check(inputs, targets, kind)
        return _losses(self.outputs(inputs), targets, kind)

    def backward(
        self,
        inputs: Tensor,
        targets: Tensor,
        kind: Literal["classes", "value"],
        *,
        through: bool = False,
    ) -> Tensor:
        """Each network's loss, and the gradient of each in :attr:`gradient`.

        Args:
            inputs: ``(B, T, I)``, the same for all, or ``(K, B, T, I)``.
            targets: classes ``(B, T)`` with -1 where no loss is taken, or ``(B,)`` of the last
                step; values with a further axis ``O``; ``K`` in front where each has its own.
            kind: mean cross entropy in nats (``classes``), or mean squared error (``value``).
            through: keep the gradient through time in :attr:`through`.

        Returns:
            ``(K,)``.

        Raises:
            SettingError: the shapes do not fit.
        """
        self._check(inputs, targets, kind)
        found: list[Tensor] = []
        kept: list[list[GradientTrace]] = [[] for _ in range(self.layers)]
        for block in self._blocks(inputs):
            leaf = self.parameters[block].detach().requires_grad_()
            taps = [GradientTrace() for _ in range(self.layers)] if through else None
            outputs = self._answer(leaf, _own(inputs, 3, block), taps)
            asked = _own(targets, outputs.dim() - 1 - (kind == "classes"), block)
            losses = _losses(outputs, asked, kind)
            (self.gradient[block],) = torch.autograd.grad(losses.sum(), leaf)
            found.append(losses.detach())
            for parts, tap in zip(kept, taps or (), strict=False):
                parts.append(tap)
        self.through = tuple(GradientTrace.joined(parts) for parts in kept) if through else ()
        return torch.cat(found)

    def _check(self, inputs: Tensor, targets: Tensor, kind: Literal["classes", "value"]) -> None:
        networks, features = len(self), self._recurrent.features
        batch, steps = inputs.shape[-3:-1] if inputs.dim() in (3, 4) else (-1, -1)
        wanted = (batch, steps) if self.every_step else (batch,)
        if kind == "value":
            wanted = (*wanted, self.shapes["head.bias"][0])
        shared = (batch, steps, features)
        if inputs.shape not in (shared, (networks, *shared)) or targets.shape not in (
            wanted,
            (networks, *wanted),
        ):
            answer = "B, T" if self.every_step else "B"
            answer += f", {self.shapes['head.bias'][0]}" if kind == "value" else ""
            raise SettingError(
                f"{networks} models got inputs {tuple(inputs.shape)} and targets "
                f"{tuple(targets.shape)}: expected inputs (B, T, {features}) and targets "
                f"({answer}) for the kind {kind}, each with an optional dimension of {networks} "
                "in front"
            )

    def _blocks(self, inputs: Tensor) -> list[slice]:
        """Which networks are run at once."""
        networks, at_once = len(self), len(self)
        if self.parameters.device.type == "cpu":
            steps = inputs.shape[-2] * inputs.shape[-3]
            each = steps * self._recurrent.units * self.parameters.element_size()
            at_once = max(1, self._recurrent.block // max(each, 1))
        return [slice(k, min(k + at_once, networks)) for k in range(0, networks, at_once)]

    def _answer(
        self, rows: Tensor, inputs: Tensor, taps: list[GradientTrace] | None = None
    ) -> Tensor:
        """``outputs`` of the networks whose parameters are ``rows``."""
        # A single split has a single backward: the pieces' gradients side by side.
        pieces = torch.split(rows, self._sizes, 1)
        w = {
            name: piece.view(-1, *shape)
            for (name, shape), piece in zip(self.shapes.items(), pieces, strict=True)
        }
        h = inputs.to(rows.dtype).transpose(-2, -3)
        for layer in range(self.layers):
            h = self._recurrent.run(
                layer,
                w,
                h,
                every_step=self.every_step or layer < self.layers - 1,
                through=taps[layer] if taps else None,
            )
        flat = torch.baddbmm(w["head.bias"][:, None], h.flatten(1, -2), w["head.weight"].mT)
        answers = flat.view(*h.shape[:-1], -1)
        return answers.transpose(1, 2) if self.every_step else answers


def _losses(outputs: Tensor, targets: Tensor, kind: Literal["classes", "value"]) -> Tensor:
    """``(K,)``: a mean over each network's targets, as PyTorch takes it."""
    networks = len(outputs)
    if kind == "value":
        wanted = targets.to(outputs.dtype).expand_as(outputs)
        squares = functional.mse_loss(outputs, wanted, reduction="none")
        return squares.flatten(1).mean(1)
    classes = targets.expand(outputs.shape[:-1])
    each = functional.cross_entropy(
        outputs.flatten(0, -2), classes.flatten(), ignore_index=-1, reduction="none"
    ).view(networks, -1)
    return each.sum(1) / (classes != -1).flatten(1).sum(1)


def _own(numbers: Tensor, shared: int, block: slice) -> Tensor:
    """A block's part of what each network has its own of; all of what is the same for all."""
    return numbers[block] if numbers.dim() > shared else numbers


def _check(models: Sequence[SequenceModel]) -> None:
    if not models:
        raise SettingError("ManyModels needs at least one model")
    first = models[0]
    for number, model in enumerate(models):
        if not CELLS[model.cell].batched:
            known = ", ".join(name for name, cell in CELLS.items() if cell.batched)
            raise SettingError(f"ManyModels supports the cells {known}, but not {model.cell}")
        if model.dropout:
            raise SettingError(
                "ManyModels does not support dropout, since all networks would share one mask: "
                "use dropout=0"
            )
        if type(model) is not SequenceModel or _form(model) != _form(first):
            raise SettingError(
                f"ManyModels needs SequenceModels of one form, but number {number} is "
                f"{_form(model)} and number 0 is {_form(first)}"
            )


def _form(model: SequenceModel) -> str:
    """All that must be the same."""
    last = "every step" if model.every_step else "the last step"
    dtype = model.head.weight.dtype
    return f"{type(model).__name__}({model.cell}, {model.rnn}, {model.head}, {last}, {dtype})"
