"""Norms of parameters, of their gradients and of their updates; the spectrum of a matrix."""

import math
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from backsight.probes import _precision
from backsight.probes._precision import norm_dtype

__all__ = [
    "WIDEST",
    "ParameterUpdates",
    "gradient_norm",
    "largest_value",
    "spectrum",
    "tensor_norm_values",
    "tensor_norms",
    "total_norm",
    "total_norm_value",
]

ELEMENTS = 1 << 17
"""Of a larger parameter, the update is measured on that many of its elements, evenly spaced."""

MANY, SMALL = 64, 128
"""Of at least so many tensors, with at most so many elements on average, an operation each takes
longer than a copy of all."""

WIDEST = 1024
"""Units from which the eigenvalues are too dear (a second, and growing with the cube)."""


def gradient_norm(parameters: Iterable[nn.Parameter]) -> Tensor | None:
    """``‖∂L/∂θ‖`` over the parameters that have a gradient, as a scalar on their device.

    None where no parameter has one: nothing was measured, which is not the same as zero.

    Example:
        >>> import torch
        >>> from backsight.probes import gradient_norm
        >>> model = torch.nn.Linear(2, 1, bias=False)
        >>> print(gradient_norm(model.parameters()))
        None
        >>> model(torch.tensor([[3.0, 4.0]])).sum().backward()
        >>> gradient_norm(model.parameters())
        tensor(5., dtype=torch.float64)
    """
    gradients = [p.grad for p in parameters if p.grad is not None]
    return total_norm(tensor_norms(gradients)) if gradients else None


def tensor_norms(tensors: Sequence[Tensor]) -> Tensor:
    """``(n,)``: the L2 norm of each of ``n ≥ 1`` tensors, on the first one's device.

    Example:
        >>> import torch
        >>> from backsight.probes import tensor_norms
        >>> tensor_norms([torch.tensor([3.0, 4.0]), torch.ones(2, 2)])
        tensor([5., 2.])
    """
    if _alike(tensors):
        # In their own arithmetic: it is fast and copies nothing, but the squares may overflow.
        quick = _norms_at_once(tensors) if len(tensors) >= MANY else None
        if quick is None:
            quick = torch.stack(torch._foreach_norm(list(tensors)))
        if math.isfinite(sum(quick.tolist())):
            return quick.detach() if quick.requires_grad else quick  # no_grad takes longer
    with torch.no_grad():
        dense = [_dense(tensor) for tensor in tensors]
        norms = [torch.linalg.vector_norm(g, dtype=norm_dtype(g)) for g in dense]
        return torch.stack([norm.to(dense[0].device) for norm in norms])


def tensor_norm_values(tensors: Sequence[Tensor]) -> list[float] | None:
    """As numbers, what :func:`tensor_norms` gives, where that takes fewer operations; else None.

    Example:
        >>> import torch
        >>> from backsight.probes import tensor_norm_values
        >>> tensor_norm_values([torch.tensor([3.0, 4.0]), torch.ones(2, 2)])
        [5.0, 2.0]
        >>> tensor_norm_values([torch.tensor([3e38, 3e38])])  # float32 squares overflow
    """
    if len(tensors) >= MANY or not _alike(tensors):
        return None
    values: list[float] = [norm.item() for norm in torch._foreach_norm(list(tensors))]
    return values if math.isfinite(sum(values)) else None


def _norms_at_once(tensors: Sequence[Tensor]) -> Tensor | None:
    """Norms of many small tensors, which are alike, in float64; None where they are too large."""
    sizes = [tensor.numel() for tensor in tensors]
    if sum(sizes) > SMALL * len(sizes) or not all(sizes):
        return None
    flat = torch._C._nn.flatten_dense_tensors(list(tensors)).detach().numpy()
    with np.errstate(all="ignore"):  # NumPy warns, or raises, as the user has set it
        squares = np.square(flat, dtype=np.float64)
        norms = np.sqrt(np.add.reduceat(squares, np.cumsum([0, *sizes[:-1]])))
    return torch.from_numpy(norms).to(tensors[0].dtype)


def _alike(tensors: Sequence[Tensor]) -> bool:
    """Whether they are real, dense and of one dtype, and their values at hand."""
    dtype, dense = tensors[0].dtype, torch.strided
    if dtype not in (torch.float32, torch.float64) or not _precision.on_host(tensors[0]):
        return False
    for tensor in tensors:
        if tensor.dtype is not dtype or not tensor.is_cpu or tensor.layout is not dense:
            return False
    return True


def _dense(tensor: Tensor) -> Tensor:
    """Of real numbers that have the same norm."""
    if tensor.is_sparse:
        tensor = tensor.coalesce().values()
    return torch.view_as_real(tensor.resolve_conj()) if tensor.is_complex() else tensor


def total_norm(norms: Tensor) -> Tensor:
    """The L2 norm of everything, from the norms of its parts, as a scalar on their device.

    Example:
        >>> import torch
        >>> from backsight.probes import total_norm
        >>> total_norm(torch.tensor([3.0, 4.0]))
        tensor(5., dtype=torch.float64)
    """
    total: Tensor = torch.linalg.vector_norm(norms, dtype=norm_dtype(norms))
    return total


def total_norm_value(norms: Tensor) -> float | Tensor:
    """:func:`total_norm`, as a number where its value is at hand: that costs no operation.

    Example:
        >>> import torch
        >>> from backsight.probes import total_norm_value
        >>> total_norm_value(torch.tensor([3.0, 4.0]))
        5.0
    """
    if not _precision.on_host(norms):
        return total_norm(norms)
    values: list[float] = norms.tolist()
    # Of infinity and NaN together, hypot would make infinity.
    return math.nan if any(map(math.isnan, values)) else math.hypot(*values)


def largest_value(tensors: Sequence[Tensor]) -> Tensor:
    """``()``: the largest absolute value in ``n ≥ 1`` tensors, on the first one's device.

    Example:
        >>> import torch
        >>> from backsight.probes import largest_value
        >>> largest_value([torch.tensor([3.0, -4.0]), torch.ones(2, 2)])
        tensor(4.)
    """
    with torch.no_grad():
        full = [dense for t in tensors if (dense := _dense(t.detach())).numel()]
        each = [g.abs().amax().to(full[0].device, torch.float32) for g in full]
        return torch.stack(each).amax() if each else torch.zeros(())


class ParameterUpdates:
    """How far one optimizer step moves each parameter: made before it, asked after it.

    Args:
        parameters: by name.

    Example:
        >>> import torch
        >>> from backsight.probes import ParameterUpdates
        >>> weight = torch.nn.Parameter(torch.tensor([3.0, 4.0]))
        >>> updates = ParameterUpdates({"weight": weight})
        >>> with torch.no_grad():
        ...     weight *= 0.9
        >>> norms, ratios = updates.measure()
        >>> norms, ratios
        (tensor([4.5000]), tensor([0.1000]))
    """

    @torch.no_grad()
    def __init__(self, parameters: dict[str, nn.Parameter]) -> None:
        self.names = tuple(parameters)
        self._parameters = list(parameters.values())
        self._before = [_some(p).clone() for p in self._parameters]
        self.length = torch.tensor(math.nan)
        """``‖Δθ‖`` over all parameters, once it is measured; of large ones, estimated."""

    @property
    def elements(self) -> int:
        """How many numbers the parameters have."""
        return sum(p.numel() for p in self._parameters)

    @torch.no_grad()
    def measure(self) -> tuple[Tensor, Tensor]:
        """``(n,)`` each: ``‖θ‖`` after the step, and ``‖θ_after - θ_before‖ / ‖θ_before‖``."""
        sizes = tensor_norms(self._before)
        for before, parameter in zip(self._before, self._parameters, strict=True):
            before.sub_(_some(parameter))
        moved = tensor_norms(self._before)
        shares = [
            p.numel() / max(1, some.numel())
            for p, some in zip(self._parameters, self._before, strict=True)
        ]
        self.length = total_norm(moved * moved.new_tensor(shares).sqrt())
        # From zero (a fresh bias) every step is a whole one: 1; no step from zero is 0.
        sizes = torch.where(sizes > 0, sizes, torch.where(moved > 0, moved, 1))
        return tensor_norms(self._parameters), moved / sizes


def _some(parameter: nn.Parameter) -> Tensor:
    """All elements of a parameter; of a large one, evenly spaced ones that meet every column."""
    flat = parameter.detach().reshape(-1)
    if flat.numel() <= ELEMENTS:
        return flat
    stride = -(-flat.numel() // ELEMENTS)
    while math.gcd(stride, parameter.shape[-1]) > 1:
        stride += 1
    return flat[::stride]


@torch.no_grad()
def spectrum(matrix: Tensor) -> tuple[float, float]:
    """``max |λ|`` and ``σ_max`` of a matrix.

    The first is NaN where the matrix is not square (an LSTM with a projection), is wider than
    1024 or is not finite; the second where it is not finite.

    Example:
        >>> import torch
        >>> from backsight.probes import spectrum
        >>> radius, sigma = spectrum(torch.tensor([[0.0, 4.0], [1.0, 0.0]]))
        >>> round(radius, 3), round(sigma, 3)
        (2.0, 4.0)
    """
    w = matrix.detach().cpu().double()
    if not bool(torch.isfinite(w).all()):
        return math.nan, math.nan
    rows, columns = w.shape
    sigma = torch.linalg.eigvalsh(w.T @ w)[-1].clamp(min=0).sqrt().item()
    square = rows == columns <= WIDEST
    return (torch.linalg.eigvals(w).abs().max().item() if square else math.nan), sigma
