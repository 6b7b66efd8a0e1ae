"""Whether what goes into a layer is finite, and varies at all."""

import torch
from torch import Tensor

__all__ = ["InputRange"]

WIDEST = 64
"""Features that are held against each other."""

ROUNDED = 4
"""Steps of rounding that a constant column may vary by."""


class InputRange:
    """The largest range of any feature over steps and sequences, of each layer in an iteration.

    Example:
        >>> import torch
        >>> from backsight.probes import InputRange
        >>> spread = InputRange()
        >>> spread.add("rnn", torch.tensor([[0.0, 1.0], [3.0, 1.5]]))
        >>> spread.add("rnn", torch.tensor([[-1.0, 1.0]]))
        >>> spread.take()
        {'rnn': tensor(4.)}
    """

    def __init__(self) -> None:
        self._ends: dict[str, tuple[Tensor, Tensor]] = {}
        self._rows: dict[str, int] = {}
        """Steps, over all sequences."""

    @torch.no_grad()
    def add(self, path: str, x: Tensor) -> None:
        """One call's input, ``(…, I)``; calls of one layer add up."""
        if not x.numel() or not x.is_floating_point():
            return
        flat = x.detach()
        over = tuple(range(flat.dim() - 1))
        low, high = (flat.amin(over), flat.amax(over)) if over else (flat, flat.clone())
        self._rows[path] = self._rows.get(path, 0) + flat.numel() // max(1, flat.shape[-1])
        before = self._ends.get(path)
        if before is not None:
            low, high = torch.minimum(low, before[0]), torch.maximum(high, before[1])
        self._ends[path] = low, high

    def __bool__(self) -> bool:
        """Whether any layer was added."""
        return bool(self._ends)

    def take(self) -> dict[str, Tensor]:
        """Scalars by path, and begin anew: 0 where every step is the same, NaN where one is NaN
        or infinite. Of a single step, which is like no other, only what is not finite."""
        ends, self._ends = self._ends, {}
        rows, self._rows = self._rows, {}
        # A feature that is infinite at one step gives infinity; at every one, NaN.
        # Wider first: the difference of two float16 may overflow.
        wide = {path: (low.float(), high.float()) if low.itemsize < 4 else (low, high)
                for path, (low, high) in ends.items()}  # fmt: skip
        spreads = {path: (high - low).amax() for path, (low, high) in wide.items()}
        return {path: x for path, x in spreads.items() if rows[path] > 1 or not bool(x == 0)}

    @staticmethod
    @torch.no_grad()
    def narrowest(x: Tensor) -> float | None:
        """The least standard deviation of a feature that varies, over the largest one.

        Args:
            x: ``(…, F)``; None is returned where fewer than two features vary.

        Example:
            >>> import torch
            >>> from backsight.probes import InputRange
            >>> InputRange.narrowest(torch.tensor([[0.0, 100.0, 7.0], [1.0, 300.0, 7.0]]))
            0.005
        """
        if x.dim() < 2 or not 1 < x.shape[-1] <= WIDEST or x.numel() <= x.shape[-1]:
            return None
        flat = x.detach().reshape(-1, x.shape[-1])
        wide = flat.float() if flat.itemsize < 4 else flat
        spread, mean = torch.std_mean(wide, 0, correction=0)
        varied = spread > ROUNDED * torch.finfo(x.dtype).eps * mean.abs()
        spreads = spread[varied]
        if len(spreads) < 2 or not bool(spread.isfinite().all()):
            return None
        low, high = spreads.aminmax()
        return float(low / high)
