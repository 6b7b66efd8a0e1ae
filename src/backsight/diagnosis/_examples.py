"""The examples of a rule: a short script that gives its finding, and the same script cured.

They are files, ``rules/examples/bks401_bad.py`` and ``bks401_good.py``, so that they are linted
and run as they are shown.
"""

from dataclasses import dataclass
from importlib.resources import files
from typing import Literal

__all__ = ["Example", "example_of"]


@dataclass(frozen=True, slots=True)
class Example:
    """A script as a user would write it.

    Example:
        >>> from backsight.diagnosis import Example
        >>> Example("Nothing is wrong.", "import torch\\n").command
        'backsight run --every 5 example.py'
    """

    about: str
    """What is wrong in it, or what has been mended: a sentence."""
    code: str
    """All of it, seeded."""

    @property
    def observed(self) -> bool:
        """Whether it calls Backsight itself, which ``backsight run`` does for any other."""
        return "import backsight\n" in self.code

    @property
    def command(self) -> str:
        """How to see what it gives; it is over too soon for more than a few samples otherwise."""
        return "python example.py" if self.observed else "backsight run --every 5 example.py"


def example_of(code: str, kind: Literal["bad", "good"]) -> Example:
    """The script that gives the finding ``code``, or the one that no longer does.

    Raises:
        FileNotFoundError: the rule has no such example.

    Example:
        >>> from backsight.diagnosis import example_of
        >>> example_of("BKS404", "bad").about
        'The learning rate is far too high.'
    """
    name = f"{code.lower()}_{kind}.py"
    text = (files("backsight.diagnosis.rules") / "examples" / name).read_text(encoding="utf-8")
    first, _, rest = text.partition("\n")
    return Example(first.strip('"'), rest.strip("\n") + "\n")
