"""Whether a text is long enough for the longest sequences of a study."""

from backsight.lab import Chars, Training
from backsight.tasks import Streams, read_corpus, split_text, windows

__all__ = ["check_text"]


def check_text(config: Training) -> None:
    """See that a training with these settings has a text to learn from and to validate on.

    Raises:
        DataError: the text cannot be read, or is too short.
    """
    if not isinstance(config, Chars):
        return  # it draws its sequences at any length
    split = split_text(read_corpus(config.text))
    streams = Streams(split.train, config.batch, stateful=config.stateful, seed=config.seed)
    streams.check(config.seq_len)
    next(windows(split.validation, config.batch, config.seq_len, 1))
