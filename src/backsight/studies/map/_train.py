"""Trains the networks of one part of a map: as one batch where they have one, else by the lab."""

from collections.abc import Callable

import torch

from backsight.studies.map._course import Trained, judged
from backsight.studies.map._plan import Part

__all__ = ["train_part"]


def train_part(
    part: Part, *, threads: int = 1, stepped: Callable[[int], None] = lambda networks: None
) -> Trained:
    """Train a part's networks from their seeds to the end, as the lab would each of them.

    Every network begins with the weights and sees the sequences that a run of the lab with its
    settings has, so that it is that run's twin; the tests hold it to one.

    Args:
        part: networks of one plan.
        threads: of the processor; torch's own number is put back.
        stepped: told after each iteration how many networks have stepped.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        if part.together:
            from backsight.studies.map._batch import train_batch

            return judged(part.cells, train_batch(part, stepped))
        from backsight.studies.map._alone import train_alone

        alone = [judged([cell], train_alone(cell, stepped)) for cell in part.cells]
        return Trained.joined(alone)
    finally:
        torch.set_num_threads(before)
