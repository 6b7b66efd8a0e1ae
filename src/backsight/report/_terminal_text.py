"""Text for rich: never markup, and without the control characters that a run may have brought."""

from rich.text import Text

from backsight._printable import printable

__all__ = ["terminal_text"]


def terminal_text(text: str | Text, keep: str = "\n") -> Text:
    r"""``text`` as rich may print it, with every control character but ``keep`` as its escape.

    Example:
        >>> from backsight.report import terminal_text
        >>> terminal_text("[red]gru\x1b[2J").plain
        '[red]gru\\x1b[2J'
    """
    made = Text(printable(text, keep)) if isinstance(text, str) else text
    harmless = printable(made.plain, keep)
    if harmless != made.plain:  # its styles then lie a few characters too early
        made.plain = harmless
    return made
