"""What counting alone achieves: the baselines that tell learning from not learning."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["Codes", "bigram_loss", "unigram_loss"]

Codes = NDArray[np.int64]
"""Of characters, shape ``(length,)``."""


def unigram_loss(train: Codes, targets: Codes, size: int) -> float:
    """Mean of ``-ln p(c)`` over the targets ``c``, in nats a character.

    ``p`` is the frequency of each of ``size`` codes in ``train``, plus one each (Laplace).

    Example:
        >>> import numpy as np
        >>> from backsight.tasks import unigram_loss
        >>> codes = np.array([0, 1] * 50)
        >>> round(unigram_loss(codes, codes, 2), 3)  # a coin: ln 2
        0.693
    """
    return float(-np.mean(np.log(_unigram(train, size)[targets])))


def bigram_loss(train: Codes, inputs: Codes, targets: Codes, size: int) -> float:
    """Mean of ``-ln p(target | input)`` over pairs of codes, in nats a character.

    ``p`` blends pair frequencies in ``train`` with unigram ones as if each character had been
    seen once more followed by the unigram distribution (Dirichlet prior of weight 1): no pair
    gets probability zero, and a frequent one keeps its frequency.

    Example:
        >>> import numpy as np
        >>> from backsight.tasks import bigram_loss
        >>> codes = np.array([0, 1] * 50)  # each code says which one follows
        >>> round(bigram_loss(codes, codes[:-1], codes[1:], 2), 3)
        0.01
    """
    # Only the pairs that occur: a table of all of them would not fit for a large alphabet.
    seen, counts = np.unique(train[:-1] * size + train[1:], return_counts=True)
    # An end beyond every pair, so that each search lands on an entry.
    seen, counts = np.append(seen, size * size), np.append(counts, 0)
    asked = inputs * size + targets
    place = np.searchsorted(seen, asked)
    pairs = np.where(seen[place] == asked, counts[place], 0)
    before = np.bincount(train[:-1], minlength=size)[inputs]
    return float(-np.mean(np.log((pairs + _unigram(train, size)[targets]) / (before + 1.0))))


def _unigram(train: Codes, size: int) -> NDArray[np.float64]:
    counts = np.bincount(train, minlength=size).astype(np.float64) + 1
    shares: NDArray[np.float64] = counts / counts.sum()
    return shares
