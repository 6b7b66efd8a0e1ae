"""How a batch was packed, and who has sorted it."""

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

__all__ = ["PackedRows"]


class PackedRows:
    """How a batch was packed.

    Example:
        >>> import torch
        >>> from torch.nn.utils.rnn import pack_padded_sequence
        >>> from backsight.monitor.measurements.wiring._packed_rows import PackedRows
        >>> lengths = torch.tensor([3, 2])
        >>> rows = PackedRows(pack_padded_sequence(torch.zeros(3, 2, 1), lengths))
        >>> rows.batch, rows.lengths.tolist(), rows.by_hand
        (2, [3, 2], True)
    """

    def __init__(self, x: PackedSequence) -> None:
        sizes = x.batch_sizes
        self.batch = int(sizes[0])
        self.lengths = (sizes[:, None] > torch.arange(self.batch, device=sizes.device)).sum(0)
        self._orders = [o for o in (x.sorted_indices, x.unsorted_indices) if o is not None]

    @property
    def by_hand(self) -> bool:
        """Whether whoever packed it had sorted it before."""
        return not self._orders and int(self.lengths[0]) != int(self.lengths[-1])

    def sorts(self, order: Tensor) -> bool:
        """Whether it was sorted by that order, or back."""
        return any(torch.equal(order, one) for one in self._orders)
