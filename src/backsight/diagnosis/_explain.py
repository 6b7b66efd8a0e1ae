"""What a code means, from the rule itself: for the terminal and for the docs."""

import difflib
import re
from dataclasses import dataclass

from backsight.diagnosis._examples import Example, example_of
from backsight.diagnosis._rule import Rule
from backsight.diagnosis.rules import RULES
from backsight.errors import SettingError

__all__ = ["Explanation", "explain", "findings_page"]


@dataclass(frozen=True, slots=True)
class Explanation:
    """All there is to say about a code.

    Example:
        >>> from backsight.diagnosis import explain
        >>> explanation = explain("BKS101")
        >>> explanation.code, explanation.severity, explanation.reads
        ('BKS101', 'error', ('reach',))
    """

    code: str
    title: str
    severity: str
    explanation: str
    criterion: str
    """How, with the thresholds' defaults."""
    thresholds: dict[str, float]
    """Arguments of the rule."""
    reads: tuple[str, ...]
    causes: tuple[str, ...]
    remedies: tuple[str, ...]
    """In the order to try."""
    source: str
    bad: Example
    """A script that gives the finding."""
    good: Example
    """The same with the smallest change that cures it."""

    @property
    def ways(self) -> tuple[str, ...]:
        """The criterion, parted before each further way to meet it and before its notes."""
        return tuple(re.split(r"(?<=\.) (?=(?:Or|A note|Another note)\b)", self.criterion))


def explain(code: str) -> Explanation:
    """What ``code`` means, how it is decided, what causes it and what to do.

    Raises:
        SettingError: there is no such code.

    Example:
        >>> from backsight.diagnosis import explain
        >>> explanation = explain("BKS101")
        >>> explanation.severity, explanation.reads, len(explanation.remedies) > 0
        ('error', ('reach',), True)
    """
    known = {rule.code: rule for rule in RULES}
    rule = known.get(code.strip().upper())
    if rule is None:
        near = difflib.get_close_matches(code.upper(), known, 1)
        hint = f"did you mean {near[0]}?" if near else f"the codes are {', '.join(known)}"
        raise SettingError(f"there is no finding {code!r}: {hint}")
    return explanation_of(rule)


def explanation_of(rule: type[Rule]) -> Explanation:
    """The same of a rule."""
    thresholds = rule().thresholds
    return Explanation(
        rule.code, rule.title, rule.severity, rule.explanation, rule.criterion.format(**thresholds),
        thresholds, rule.reads, tuple(rule.causes), tuple(rule.remedies), rule.source,
        example_of(rule.code, "bad"), example_of(rule.code, "good"),
    )  # fmt: skip


def findings_page() -> str:
    """Every code in Markdown: the page ``docs/findings.md``.

    Example:
        >>> from backsight.diagnosis import RULES, findings_page
        >>> page = findings_page()
        >>> all(rule.code in page for rule in RULES)
        True
    """
    lines = [
        "# Findings",
        "",
        "`backsight explain --markdown` writes this page. Codes are stable. An *error* means that",
        "the run learns nothing, or not what it should; a *warning*, that it learns less well than",
        "it could; an *info*, that it wastes time. Thresholds are arguments of the rules in",
        "`backsight.diagnosis`.",
        "",
        "| code | finding | severity |",
        "|---|---|---|",
        *(f"| [{r.code}](#{r.code.lower()}) | {r.title} | {r.severity} |" for r in RULES),
    ]
    for known in map(explanation_of, RULES):
        lines += ["", f'<a id="{known.code.lower()}"></a>', "", f"## {known.code} {known.title}"]
        lines += ["", known.explanation, "", "**How it is decided**", ""]
        bullet = "* " if len(known.ways) > 1 else ""
        lines += [*(f"{bullet}{way}" for way in known.ways), ""]
        reads = ", ".join(f"`{name}`" for name in known.reads)
        thresholds = ", ".join(f"`{n}={v:g}`" for n, v in known.thresholds.items())
        lines.append(f"Reads {reads}. " + (f"Thresholds: {thresholds}." if thresholds else ""))
        lines += ["", "**Typical causes**", "", *(f"* {cause}" for cause in known.causes)]
        lines += ["", "**What to try, in order**", ""]
        lines += [f"{number}. {remedy}" for number, remedy in enumerate(known.remedies, 1)]
        lines += ["", f"**A run that gives it** (`{known.bad.command}`). {known.bad.about}", ""]
        lines += ["```python", *known.bad.code.splitlines(), "```"]
        lines += ["", f"**The same run without it.** {known.good.about}", ""]
        lines += ["```python", *known.good.code.splitlines(), "```"]
        lines += ["", f"*Source: {known.source}*"]
    return "\n".join(lines) + "\n"
