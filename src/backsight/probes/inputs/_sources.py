"""What a module was fed with: the model's own input, or something computed in between."""

import sys
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import Node
from torch.nn.utils.rnn import PackedSequence

from backsight.probes._modules import children_of, named_modules
from backsight.probes._tensors import tensors_in
from backsight.probes.inputs._points import Packed, packed_as

__all__ = [
    "OWN",
    "first_tensor",
    "has_parameters",
    "hinted",
    "looks_like_positions",
    "may_be_block",
    "packed_like",
    "source_of",
    "steps_apart",
    "view_of",
]

CASTS = 8
"""Operations between the model's input and the module that is fed with it, at most: views,
transposes and casts."""

NAMES = (
    "Add Addmm Alias Bmm Clone Convolution Div Embedding Exp Expand FusedRmsNorm Gelu Linear Mean "
    "Mm Mul NativeBatchNorm NativeDropout NativeLayerNorm Neg Permute Pow Relu Reshape "
    "ReshapeAlias Rsqrt Sigmoid Silu Softplus Sqrt Squeeze Sub Sum T Tanh ToCopy Transpose "
    "UnsafeView Unsqueeze View"
)
POINTWISE = frozenset(f"{name}Backward{n}" for name in NAMES.split() for n in range(3)) | {
    "torch::autograd::AccumulateGrad"
}
"""Operations of a projection. Whatever else a module computes may mix steps."""

OWN = (nn.Linear, nn.Embedding, nn.Conv1d, nn.LayerNorm, nn.GroupNorm, nn.BatchNorm1d)
"""Modules of PyTorch's that make each step of their output from one step, or, of a convolution,
from its window."""


def has_parameters(module: nn.Module) -> bool:
    """Of its own."""
    own = vars(module).get("_parameters") or {}
    held = any(parameter is not None for parameter in dict.values(own))
    return held or issubclass(type(module), OWN)  # which may compute theirs


def first_tensor(args: Any, kwargs: Any) -> Tensor | None:
    """What a module works on; masks and states come behind it."""
    return next(tensors_in((args, kwargs)), None)


def source_of(fed: Tensor, given: Sequence[Tensor]) -> tuple[int | None, bool]:
    """Which of the model's inputs ``fed`` is, or was made from by views and casts; None for none.

    A view shares the storage. A cast or a copy of what needs no gradient leaves no trace: then it
    is known by its shape, up to the order of its axes, or, one-hot, with an axis of classes.

    Returns:
        The number of the input, and whether more than its shape tells.
    """
    for number, one in enumerate(given):
        if one is fed or _same_storage(one, fed) or _chained(fed, one):
            return number, True
    if not fed.is_floating_point() or fed.requires_grad:
        return None, False
    for number, one in enumerate(given):
        if one.dim() < 2 or one.numel() < 2:
            continue
        if one.is_floating_point() and (_sizes(one) == _sizes(fed) or _padded(one, fed)):
            return number, False
        if one.dim() == 2 and fed.shape[:-1] == one.shape and _is_one_hot(fed):
            return number, False
    return None, False


def _is_one_hot(x: Tensor) -> bool:
    x = x.detach()
    return bool(((x == 0) | (x == 1)).all()) and bool((x.sum(-1) == 1).all())


def _sizes(x: Tensor) -> list[int]:
    return sorted(size for size in x.shape if size != 1)


def _padded(one: Tensor, other: Tensor) -> bool:
    """Whether they differ in the size of a single axis: padded, or cut."""
    differ = sum(a != b for a, b in zip(one.shape, other.shape, strict=False))
    return one.dim() == other.dim() == 3 and differ == 1


def _same_storage(one: Tensor, other: Tensor) -> bool:
    if one.layout != torch.strided or other.layout != torch.strided or one.device != other.device:
        return False
    return one.untyped_storage().data_ptr() == other.untyped_storage().data_ptr() != 0


def packed_like(
    made: Tensor, fed: Tensor | None, batches: Sequence[PackedSequence]
) -> Packed | None:
    """How that one of ``batches`` is packed of which ``made`` embeds each row, if it does."""
    if fed is None or made.dim() != 2:
        return None
    for batch in batches:
        if len(batch.data) == len(made) and source_of(fed, [batch.data])[0] is not None:
            return packed_as(batch)
    return None


def view_of(fed: Tensor) -> tuple[int, ...]:
    """Address, sizes and strides; empty of a tensor that is not strided."""
    if fed.layout != torch.strided:
        return ()
    return (fed.data_ptr(), *fed.shape, *fed.stride())


def _chained(fed: Tensor, given: Tensor) -> bool:
    """Whether one operation after the other leads from ``given``, which needs a gradient."""
    if not (fed.requires_grad and given.requires_grad):
        return False
    node: Node | None = fed.grad_fn
    for _ in range(CASTS):
        if node is None:
            return False
        if node is given.grad_fn or getattr(node, "variable", None) is given:
            return True
        following = [after for after, _ in node.next_functions if after is not None]
        node = following[0] if len(following) == 1 else None
    return False


def steps_apart(module: nn.Module, made: Tensor) -> bool:
    """Whether ``module`` makes each step of its output from one step of its input (or from the
    window of a convolution): what mixes steps itself cannot stand for the input."""
    if issubclass(type(module), OWN):
        return True
    waiting, seen = [made.grad_fn], set()
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if len(seen) > 64 or node.name() not in POINTWISE:
            return False
        waiting.extend(after for after, _ in node.next_functions)
    return True


def looks_like_positions(ids: Tensor) -> bool:
    """Whether indices are those of positions, or all alike, in every row or every column."""
    ids = ids.detach()
    if ids.dim() != 2 or ids.numel() < 2:
        return False
    return any(
        bool((x.diff(dim=1) == x.diff(dim=1).flatten()[0]).all())
        for x in (ids, ids.T)
        if x.shape[1] > 1
    )


def hinted(model: nn.Module) -> set[int]:
    """Identities of the modules that Hugging Face's models name as their input embeddings.

    Nobody else's ``get_input_embeddings`` is called.
    """
    library: Any = sys.modules.get("transformers.modeling_utils")
    kind = getattr(library, "PreTrainedModel", None)
    return set(_named_by(model, kind)) if isinstance(kind, type) else set()


def _named_by(model: nn.Module, kind: type) -> Iterator[int]:
    for _, part in named_modules(model):
        if issubclass(type(part), kind):
            try:
                with torch.no_grad():
                    found: Any = part.get_input_embeddings()  # type: ignore[operator]
            except Exception:  # noqa: BLE001 - one that has none
                continue
            if issubclass(type(found), nn.Module):
                yield id(found)


def may_be_block(module: nn.Module) -> bool:
    """A layer of PyTorch's without others inside, such as an activation, is none."""
    inside = next(children_of(module), None) is not None
    return inside or not type(module).__module__.startswith("torch.nn.")
