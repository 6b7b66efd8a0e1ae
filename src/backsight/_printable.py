"""Text that a run brought with it, made harmless for a terminal."""

import unicodedata

__all__ = ["printable"]

HARMFUL = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Unicode's control and format characters (escape sequences, directions of writing), lone halves
of a character, and separators of lines and paragraphs."""
JOINERS = "\u200c\u200d"
"""Format characters that words of some languages and emoji need, and that move nothing."""


def printable(text: object, keep: str = "") -> str:
    r"""``str(text)`` with every control character, ``keep`` aside, written as its escape.

    A name may hold terminal escapes, or characters that turn the direction of writing, to show
    something else than it is. This is of no use against markup: rich is given ``Text`` for that.

    Args:
        text: a name, a path, a message.
        keep: characters that stay, such as a newline in a text of several lines.

    Example:
        >>> from backsight._printable import printable
        >>> print(printable("gru\x1b[31m\n"))
        gru\x1b[31m\n
    """
    said = str(text)
    if said.isprintable():
        return said
    return "".join(
        one
        if one in keep or one in JOINERS or unicodedata.category(one) not in HARMFUL
        else one.encode("unicode_escape", "surrogatepass").decode("ascii")
        for one in said
    )
