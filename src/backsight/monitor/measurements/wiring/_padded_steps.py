"""Which steps of a batch are padding, as far as its values or its lengths tell."""

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from backsight.probes import StepsRead, embedded_from, is_padding, pad_of, padding_of

__all__ = ["SHORTEST", "PaddedSteps"]

SHORTEST = 3
"""Steps of a sequence of which one can be read too early."""


class PaddedSteps:
    """Padding at the end of what a layer was given, ``(B, T)``."""

    def __init__(self, at_end: Tensor, inside: Tensor) -> None:
        self.at_end, self._inside = at_end, inside
        self._certain: bool | None = None

    @classmethod
    def of(cls, x: Tensor, read: StepsRead, batch_first: bool) -> "PaddedSteps":
        """Of what a layer was given: symbols that were embedded, or features."""
        symbols = embedded_from(x, read.steps, read.batch)
        if symbols is not None:
            named = cls._named(symbols, pad_of(x))
            return named if named is not None and named._is_uneven else cls(*padding_of(symbols))
        return cls(*padding_of(x if batch_first else x.transpose(0, 1), exact=x.grad_fn is None))

    @classmethod
    def packed(cls, x: PackedSequence, read: StepsRead) -> "PaddedSteps":
        """What a batch in the order of before has behind its sequences."""
        lengths = read.lengths
        if x.unsorted_indices is not None:
            lengths = lengths[x.unsorted_indices.to(lengths.device)]
        at_end = torch.arange(read.steps, device=lengths.device) >= lengths[:, None]
        return cls(at_end, torch.zeros_like(at_end))

    @classmethod
    def embedded(cls, symbols: Tensor, filler: int | None = None) -> "PaddedSteps | None":
        """Of symbols ``(B, T)`` or ``(T, B)``, whichever way they end in padding.

        What the embedding itself calls padding (``padding_idx``) is, whatever the lengths are.
        """
        if symbols.dim() != 2 or min(symbols.shape) < SHORTEST:
            return None
        if filler is not None and not 0 <= filler < 1 << 63:  # autograd's -1 is an unsigned one
            filler = None
        for rows in (symbols, symbols.t()):
            named = cls._named(rows, filler)
            if named is not None:
                return named
        one = cls(*padding_of(symbols))
        return one if one.certain else cls(*padding_of(symbols.t()))

    @classmethod
    def _named(cls, rows: Tensor, filler: int | None) -> "PaddedSteps | None":
        """The ends of ``(B, T)`` in what the embedding calls padding, if it is nowhere else."""
        if filler is None:
            return None
        like = rows.eq(filler)
        at_end = like.flip(1).int().cumprod(1).flip(1).bool()
        if not bool((at_end.sum(1) > 1).any()) or not torch.equal(at_end, like):
            return None
        one = cls(at_end, like & ~at_end)
        one._certain = True
        return one

    @property
    def certain(self) -> bool:
        """Whether it is padding; to ask waits for the device."""
        if self._certain is None:
            self._certain = is_padding(self.at_end, self._inside)
        return self._certain

    @property
    def _is_uneven(self) -> bool:
        """Whether most sequences end in it, and not all over as many steps."""
        lengths = self.at_end.sum(1).tolist()
        return len(set(lengths)) > 1 and 2 * sum(map(bool, lengths)) >= len(lengths)

    @property
    def share(self) -> float:
        """Of all steps."""
        return float(self.at_end.float().mean())

    def counts(self, read: StepsRead | None) -> bool:
        """Whether most of it carries a gradient; so it does where that is not asked."""
        if read is None:
            return True
        if read.output is None:
            return False
        return float(read.output.any(0).t()[self.at_end].float().mean()) > 0.5
