"""Whether rows that come again ask for the same answer again."""

import math
from collections import Counter, defaultdict

import torch
from torch import Tensor

__all__ = ["RowAnswers", "row_keys"]

MOST = 4096
"""Answers that are kept."""

WIDEST = 64
"""Numbers of an answer."""

LARGEST = 1 << 16
"""Numbers of a row."""

ROWS = 8
"""Different rows that have come again: fewer may be a start symbol, or silence."""

REPEATS = 32
"""Answers to rows that were there before."""

UNRELATED = 0.3
"""Agreement beyond chance, below which, by two standard errors, there is none."""

MIXED = 0x2545F4914F6CDD1D
"""Odd, with its bits spread evenly; products wrap."""

_BITS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


@torch.no_grad()
def row_keys(x: Tensor) -> Tensor | None:
    """``(B,)`` int64: a number of each row, equal for equal rows whatever zeros they end in.

    Args:
        x: ``(B, …)``, symbols or numbers; None is returned of rows that are too long.

    Example:
        >>> import torch
        >>> from backsight.probes import row_keys
        >>> a, b, c = row_keys(torch.tensor([[3, 1, 2], [3, 2, 1], [3, 1, 2]])).tolist()
        >>> a == c, a == b, a == row_keys(torch.tensor([[3, 1, 2, 0]])).item()
        (True, False, True)
        >>> padded = torch.tensor([[-2.0, -3.0]]) * torch.tensor([[1, 0]])
        >>> torch.equal(row_keys(padded), row_keys(torch.tensor([[-2.0]])))
        True
    """
    rows = x.detach().flatten(1) if x.dim() > 1 else x.detach()[:, None]
    if rows.shape[1] > LARGEST or rows.is_complex():
        return None
    if rows.is_floating_point():
        rows = rows + 0.0  # a mask makes -0.0 of a negative number
        rows = rows.contiguous().view(_BITS[rows.element_size()])
    numbers = rows.long()
    for right in (32, 15):  # the bits of a float that differ may all be high ones; 0 stays 0
        numbers = (numbers ^ (numbers >> right)) * MIXED
    places = torch.arange(1, rows.shape[1] + 1, dtype=torch.int64, device=rows.device)
    # Rows of noughts and ones are sums of these: they must not be multiples of each other.
    for right in (32, 15, 32):
        places = (places ^ (places >> right)) * MIXED
    return ((numbers ^ (numbers >> 29)) * (places ^ (places >> 29) | 1)).sum(1)


class RowAnswers:
    """The answers that rows of a batch were asked for, and how far equal rows have equal ones.

    An analysis of variance by row, of squared differences; of classes, two answers differ by 1 or
    by 0.

    Example:
        >>> import torch
        >>> from backsight.probes import RowAnswers
        >>> answers = RowAnswers()
        >>> for _ in range(9):
        ...     answers.add(list(range(32)), torch.randint(4, (32,)))
        >>> answers.repeats, answers.unrelated
        (256, True)
    """

    def __init__(self) -> None:
        self._kept: dict[int, list[tuple[float, ...]]] = defaultdict(list)
        self._of_classes = True
        self._count = 0

    @torch.no_grad()
    def add(self, keys: list[int], answers: Tensor) -> None:
        """Those of one batch: ``(B,)`` classes, or ``(B, …)`` numbers, of as many rows."""
        flat = answers.detach().reshape(len(keys), -1)
        if self._count >= MOST or flat.shape[1] > WIDEST or not bool(flat.isfinite().all()):
            return
        self._of_classes = not flat.is_floating_point()
        for key, answer in zip(keys, flat.tolist(), strict=True):
            self._kept[key].append(tuple(answer))
        self._count += len(keys)

    @property
    def repeats(self) -> int:
        """Answers to rows that were there before."""
        return self._count - len(self._kept)

    @property
    def open(self) -> bool:
        """Whether rows come again, and it is not known that they agree: more of them would tell."""
        return self.repeats > 0 and self._count < MOST and self.unrelated is not False

    @property
    def agreement(self) -> float:
        """1 - variance within equal rows / variance of all; NaN where nothing differs."""
        whole = self._whole
        if not whole or not self.repeats:
            return math.nan
        within = sum(self._squares(answers) for answers in self._kept.values())
        return 1 - within / self.repeats / whole

    @property
    def _whole(self) -> float:
        """The variance of all answers."""
        everything = [answer for answers in self._kept.values() for answer in answers]
        return self._squares(everything) / max(1, len(everything) - 1)

    @property
    def unrelated(self) -> bool | None:
        """Whether equal rows agree no better than others; None where too few have come again."""
        again = sum(len(answers) > 1 for answers in self._kept.values())
        if again < ROWS or self.repeats < REPEATS or math.isnan(agreement := self.agreement):
            return None
        # A square of a normal difference varies by twice its mean squared; two classes differ or
        # do not, by chance as often as any two answers.
        spread = (1 - self._whole) / self._whole if self._of_classes else 2.0
        error = 2 * math.sqrt(max(spread, 0.0) / self.repeats)
        if agreement - error <= UNRELATED < agreement + error:
            return None
        return agreement <= UNRELATED

    def _squares(self, answers: list[tuple[float, ...]]) -> float:
        """Of the differences from the mean, added up."""
        if len(answers) < 2:
            return 0.0
        if self._of_classes:
            counts = Counter(answers).values()
            return len(answers) - sum(count * count for count in counts) / len(answers)
        means = [math.fsum(column) / len(answers) for column in zip(*answers, strict=True)]
        return math.fsum(
            (number - mean) ** 2
            for answer in answers
            for number, mean in zip(answer, means, strict=True)
        )
