"""The order in which names are listed."""

import re

__all__ = ["natural_order"]


def natural_order(name: object) -> list[tuple[str, int]]:
    """A key for ``sorted``: numbers inside a name count as numbers, so that l2 precedes l10.

    Example:
        >>> from backsight.signals import natural_order
        >>> sorted(["rnn.l10", "rnn.l2", "head"], key=natural_order)
        ['head', 'rnn.l2', 'rnn.l10']
    """
    return [(text, int(digits or -1)) for text, digits in re.findall(r"(\D*)(\d*)", str(name))]
