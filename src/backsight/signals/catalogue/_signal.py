"""What the definition of a signal holds."""

from dataclasses import dataclass

__all__ = ["Signal", "family", "member"]


@dataclass(frozen=True, slots=True)
class Signal:
    """The definition of one family of signals.

    Example:
        >>> from backsight.signals import CATALOGUE
        >>> reach = CATALOGUE["reach"]
        >>> reach.axes, reach.per, reach.is_profile
        (('iteration', 'lag'), 'layer', True)
    """

    name: str
    """Family name, as recorded."""
    title: str
    """A short name for axes and legends."""
    formula: str
    """How the number is computed."""
    axes: tuple[str, ...]
    """``("iteration",)`` for a scalar; a second axis makes it a profile."""
    unit: str
    reduction: str
    """What was averaged or maximised away to arrive at the axes."""
    cost: str
    """What measuring it adds to a training step."""
    source: str
    """Where the definition comes from."""
    per: str | None = None
    """What a member is named after (``layer``), or None where there is only one.

    Where a run has several models or optimizers, every family has members: theirs.
    """

    @property
    def is_profile(self) -> bool:
        """True where one sample is a row of numbers rather than a single one."""
        return len(self.axes) > 1


def family(name: str) -> str:
    """The family part of a recorded name: ``hidden_norm/rnn.l0`` → ``hidden_norm``.

    Example:
        >>> from backsight.signals import family
        >>> family("hidden_norm/rnn.l0")
        'hidden_norm'
    """
    return name.partition("/")[0]


def member(name: str) -> str:
    """The member part of a recorded name, empty where there is none: ``rnn.l0``.

    Example:
        >>> from backsight.signals import member
        >>> member("hidden_norm/rnn.l0"), member("loss")
        ('rnn.l0', '')
    """
    return name.partition("/")[2]
