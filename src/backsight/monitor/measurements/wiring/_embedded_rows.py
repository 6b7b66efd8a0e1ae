"""Symbols that were given to embeddings."""

import torch
from torch import Tensor

from backsight.probes import LossOperations

__all__ = ["embedded_in"]


def embedded_in(made: LossOperations) -> list[tuple[Tensor, int]]:
    """Symbols in the order in which they were embedded, and when; but for the numbers of steps.

    Args:
        made: the operations of a loss.

    Example:
        >>> import torch
        >>> from backsight.monitor.measurements.wiring._embedded_rows import embedded_in
        >>> from backsight.probes import LossOperations
        >>> words, places = torch.nn.Embedding(9, 4), torch.nn.Embedding(3, 4)
        >>> x = words(torch.tensor([[5, 1, 7]])) + places(torch.arange(3))
        >>> [symbols.tolist() for symbols, _ in embedded_in(LossOperations([x.sum()]))]
        [[[5, 1, 7]]]
    """
    nodes = (node for _, node in made.those({"Embedding"}))
    each = [(node._saved_indices.detach(), node._sequence_nr()) for node in nodes]  # type: ignore[attr-defined]
    told = [one for one in each if not _are_places(one[0])]
    return sorted(told, key=lambda one: one[1])


def _are_places(x: Tensor) -> bool:
    """Whether they are the numbers of the steps, and the same in each row."""
    if x.dim() not in (1, 2) or x.shape[-1] < 2 or int(x.reshape(-1)[0]):
        return False
    return bool((x == torch.arange(x.shape[-1], device=x.device)).all())
