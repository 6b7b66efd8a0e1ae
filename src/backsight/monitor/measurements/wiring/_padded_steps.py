"""Which steps of a batch are padding, as far as its values or its lengths tell."""

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from backsight.probes import (
    LossOperations,
    LossTarget,
    StepsRead,
    compares_padding,
    data_entries,
    embedded_from,
    error_compares_padding,
    is_padding,
    may_be_padded,
    pad_of,
    padding_of,
)
from backsight.probes.wiring import begins_in_padding

__all__ = ["SHORTEST", "PaddedSteps"]

SHORTEST = 3
"""Steps of a sequence of which one can be read too early."""

FEW = 0.25
"""Share of the sequences that are one symbol throughout: of padded sentences in padded documents,
there are more."""


class PaddedSteps:
    """Padding at the end of what a layer was given, ``(B, T)``."""

    def __init__(self, at_end: Tensor, inside: Tensor, symbols: Tensor | None = None) -> None:
        self.at_end, self._inside, self._symbols = at_end, inside, symbols
        self._rows, self._exact = symbols, True
        """``(B, T)`` or ``(B, T, I)``, where their values have told."""
        self._certain: bool | None = None
        self._declared = False
        """Whether the script says so: an embedding calls it padding, or lengths leave it out."""

    @classmethod
    def of(cls, x: Tensor, read: StepsRead, batch_first: bool) -> "PaddedSteps":
        """Of what a layer was given: symbols that were embedded, or features."""
        symbols = embedded_from(x, read.steps, read.batch)
        if symbols is not None:
            named = cls._named(symbols, pad_of(x))
            if named is not None and named._is_uneven:
                return named
            return cls(*padding_of(symbols), symbols)
        exact = x.grad_fn is None
        rows = (x if batch_first else x.transpose(0, 1)).detach()
        one = cls(*padding_of(rows, exact=exact))
        one._rows, one._exact = rows, exact
        return one

    @classmethod
    def packed(cls, x: PackedSequence, read: StepsRead) -> "PaddedSteps":
        """What a batch in the order of before has behind its sequences."""
        lengths = read.lengths
        if x.unsorted_indices is not None:
            lengths = lengths[x.unsorted_indices.to(lengths.device)]
        at_end = torch.arange(read.steps, device=lengths.device) >= lengths[:, None]
        one = cls(at_end, torch.zeros_like(at_end))
        one._declared = True
        return one

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
        one = cls(*padding_of(symbols), symbols)
        return one if one.certain else cls(*padding_of(symbols.t()), symbols.t())

    @classmethod
    def convolved(cls, made: LossOperations, read: StepsRead) -> "PaddedSteps | None":
        """Of what convolutions before a layer were given: they smear what is behind the ends."""
        for entry in data_entries(made):
            if entry.data.dim() == 3 and entry.data.shape[::2] == (read.batch, read.steps):
                rows = entry.data.detach().transpose(1, 2)
                if may_be_padded(rows) and (one := cls(*padding_of(rows))).certain:
                    return one
        return None

    @classmethod
    def _named(cls, rows: Tensor, filler: int | None) -> "PaddedSteps | None":
        """The ends of ``(B, T)`` in what the embedding calls padding, if it is nowhere else."""
        if filler is None:
            return None
        like = rows.eq(filler)
        at_end = like.flip(1).int().cumprod(1).flip(1).bool()
        if not bool((at_end.sum(1) > 1).any()) or not torch.equal(at_end, like):
            return None
        one = cls(at_end, like & ~at_end, rows)
        one._certain = one._declared = True
        return one

    @property
    def certain(self) -> bool:
        """Whether it is padding; to ask waits for the device."""
        if self._certain is None:
            self._certain = is_padding(self.at_end, self._inside) and not self._filled_before
            self._rows = None
        return self._certain

    @property
    def _filled_before(self) -> bool:
        """Whether the sequences are filled up at their beginning."""
        rows = self._rows
        return rows is not None and begins_in_padding(rows, self.at_end, exact=self._exact)

    def counts_in(self, loss: LossTarget, *, by_hand: bool = False) -> bool:
        """Whether a loss takes it for targets.

        Args:
            loss: its targets.
            by_hand: whether that is an error by hand.
        """
        compares = error_compares_padding if by_hand else compares_padding
        return self.certain and compares(loss, self.at_end, told=self._declared)

    def may_be_text(self, target: Tensor) -> bool:
        """Whether the filler may be a symbol of a text that is seldom left, or never, once reached.

        A few texts hold it before their end, or begin with it: what was filled up does neither.

        Args:
            target: of a loss that the padding counts in.
        """
        if self._declared or self._symbols is None or target.is_floating_point():
            return False
        if bool(self._inside.any()):
            return True
        whole = self.at_end.all(1)
        if not 0 < float(whole.float().mean()) <= FEW:
            return False
        filler = self._symbols[whole][0, -1]
        return bool((target == filler).sum() >= self.at_end[:, 1:].sum())

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
