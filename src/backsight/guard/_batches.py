"""Which batches went wrong, so that they are passed over where the data goes back."""

from collections.abc import Iterable

__all__ = ["SuspectBatches"]


class SuspectBatches:
    """Counts the batches drawn since the data's beginning, and remembers the suspect ones."""

    def __init__(self) -> None:
        self.position = 0
        """Batches drawn."""
        self.numbers: set[int] = set()
        """Those to pass over."""

    def draw(self) -> bool:
        """One more is drawn; whether it is suspect."""
        suspect = self.position in self.numbers
        self.position += 1
        return suspect

    def go_back(self, position: int, steps: int, *, blame: bool) -> None:
        """The data stands at an earlier batch again.

        Args:
            position: batches that were drawn by then.
            steps: since it began to go wrong, the one under way included. The update that led
                there is the one before them: its batch is the first suspect.
            blame: whether they are suspect at all.
        """
        here, self.position = self.position, position
        first = max(here - steps - 1, position)
        if blame:
            self.numbers.update(range(first, here))

    def load(self, position: int, numbers: Iterable[int]) -> None:
        """Go on from there."""
        self.position, self.numbers = position, set(numbers)
