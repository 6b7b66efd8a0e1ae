"""What a study refuses before it begins: words that are its own, a text that is too short."""

from collections.abc import Sequence

from backsight.errors import SettingError
from backsight.lab import Chars, Training
from backsight.tasks import Streams, read_corpus, split_text, windows

__all__ = ["check_alone", "check_text"]


def check_alone(arguments: Sequence[str], settled: Sequence[str]) -> None:
    """See that nothing the study decides is among what every trial is given.

    Raises:
        SettingError: something is.

    Example:
        >>> from backsight.errors import SettingError
        >>> from backsight.studies import check_alone
        >>> check_alone(["--hidden", "8"], settled=["--seed"])
        >>> try:
        ...     check_alone(["--seed", "3"], settled=["--seed"])
        ... except SettingError:
        ...     print("the study itself decides the seed")
        the study itself decides the seed
    """
    for word in arguments:
        if word.partition("=")[0].replace("_", "-") in settled:
            raise SettingError(f"{word.partition('=')[0]} is the study's to set: leave it out")


def check_text(config: Training) -> None:
    """See that a training with these settings has a text to learn from and to validate on.

    Raises:
        DataError: the text cannot be read, or is too short.

    Example:
        >>> from pathlib import Path
        >>> from backsight.errors import DataError
        >>> from backsight.lab import Chars
        >>> from backsight.studies import check_text
        >>> try:
        ...     check_text(Chars(text=Path("missing.txt")))
        ... except DataError:
        ...     print("no trial would have a text")
        no trial would have a text
    """
    if not isinstance(config, Chars):
        return  # it draws its sequences at any length
    split = split_text(read_corpus(config.text))
    streams = Streams(split.train, config.batch, stateful=config.stateful, seed=config.seed)
    streams.check(config.seq_len)
    next(windows(split.validation, config.batch, config.seq_len, 1))
