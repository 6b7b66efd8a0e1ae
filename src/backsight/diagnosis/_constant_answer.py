"""The best constant answer in words."""

from collections.abc import Mapping

__all__ = ["constant_answer_words"]

NUMBERS = {
    "mean": "the mean of the targets",
    "median": "the median of the targets",
    "constant": "one number for all targets",
}
"""By kind of guess_answer."""


def constant_answer_words(answers: Mapping[str, float]) -> str:
    """What an answer without looking at the input can be at best.

    Args:
        answers: values of ``guess_answer``, by kind; none where it was not recorded.

    Example:
        >>> from backsight.diagnosis import constant_answer_words
        >>> constant_answer_words({"frequency": 0.62, "mean": 0.1})
        'the frequencies of the classes (most frequent: 62 %) and the mean of the targets'
    """
    words = [
        f"the frequencies of the classes (most frequent: {100 * value:.0f} %)"
        if kind == "frequency"
        else NUMBERS[kind]
        for kind, value in answers.items()
        if kind == "frequency" or kind in NUMBERS
    ]
    return " and ".join(words) or "the frequencies or the mean of the targets"
