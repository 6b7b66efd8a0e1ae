"""``backsight explain CODE``: what a finding means and what to do."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import tyro

from backsight.cli._options import parse

__all__ = ["main"]


@dataclass(frozen=True)
class Explain:
    """Explain a finding: its meaning, its criterion, its causes and what to try."""

    code: tyro.conf.Positional[Annotated[str, tyro.conf.arg(metavar="CODE")]] = ""
    """The code of a finding, such as BKS101; without it, list all codes."""
    markdown: bool = False
    """Print all findings as Markdown: the page docs/findings.md."""


def main(arguments: Sequence[str]) -> int:
    """Explain one code, or list all."""
    options = parse(Explain, "backsight explain", arguments)
    code = options.code
    if options.markdown:
        from backsight.diagnosis import findings_page

        print(findings_page(), end="")
        return 0
    if code:
        from backsight.report import print_explanation

        print_explanation(code)
        return 0
    from backsight.diagnosis import RULES

    for rule in RULES:
        print(f"{rule.code}  {rule.severity:8} {rule.title}")
    return 0
