"""Policies by their names, as on the command line: ``safe``, or ``clip=1,skip,rollback``."""

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

from backsight.errors import SettingError
from backsight.guard._policy import Policy, Stage
from backsight.guard.policies import POLICIES, BackOff, ClipAuto, Rollback, Skip

__all__ = ["check_saved", "check_together", "policies_from", "safe"]


def safe() -> list[Policy]:
    """What a guard does unless it is told otherwise; it acts on anomalies alone.

    Example:
        >>> from backsight.guard import safe
        >>> [policy.name for policy in safe()]
        ['rollback', 'skip', 'auto', 'backoff']
    """
    return [Rollback(), Skip(), ClipAuto(), BackOff()]


def policies_from(words: str) -> list[Policy]:
    """Policies from their names, commas between them.

    ``safe`` stands for the preset. ``name=value`` sets a policy's main number, and
    ``name:setting=value:setting=value`` any of its settings.

    Raises:
        SettingError: a policy or a setting is unknown, or its value makes no sense.

    Example:
        >>> from backsight.guard import policies_from
        >>> policies_from("clip=0.5,skip,rollback:attempts=5:factor=0.3")
        [ClipNorm(norm=0.5), Skip(row=20), Rollback(attempts=5, factor=0.3)]
    """
    found: list[Policy] = []
    for word in filter(None, (part.strip() for part in words.split(","))):
        found += safe() if word == "safe" else [_policy(word)]
    if not found:
        names = ", ".join(["safe", *(kind.name for kind in POLICIES)])
        raise SettingError(f"a guard needs at least one policy: choose from {names}")
    return found


def check_together(policies: Iterable[Policy]) -> None:
    """Raise a SettingError where two policies cannot both be meant.

    Example:
        >>> from backsight.errors import SettingError
        >>> from backsight.guard import ClipAuto, ClipNorm, Skip, check_together
        >>> check_together([Skip(), ClipNorm()])
        >>> try:
        ...     check_together([ClipAuto(), ClipNorm()])
        ... except SettingError:
        ...     print("two of them clip the norm")
        two of them clip the norm
    """
    names: set[str] = set()
    clips = []
    for policy in policies:
        if not isinstance(policy, Policy):
            raise SettingError(f"Guard expects policies of backsight.guard, not {policy!r:.80}")
        if policy.name in names:
            raise SettingError(f"guard policy {policy.name} is given twice: give it once")
        names.add(policy.name)
        if policy.stage is Stage.CLIP:
            clips.append(policy.name)
    if len(clips) > 1:
        raise SettingError(
            f"guard policies {clips[0]} and {clips[1]} both clip the gradient: choose one of them"
        )


def check_saved(policies: Iterable[Policy], state: Mapping[str, Any]) -> None:
    """Raise a SettingError where a guard's saved ``state`` is of other policies."""
    names = [policy.name for policy in policies]
    if list(state.get("policies", names)) != names:
        there = ", ".join(state["policies"])
        raise SettingError(
            f"the guard was saved with the policies {there}, but it has {', '.join(names)}: give "
            "it the saved policies"
        )


def _policy(word: str) -> Policy:
    head, *settings = word.split(":")
    name, equals, value = head.partition("=")
    if name == "safe":
        raise SettingError("the guard preset safe takes no settings: write safe")
    kind = next((kind for kind in POLICIES if kind.name == name), None)
    if kind is None:
        names = ", ".join(["safe", *(kind.name for kind in POLICIES)])
        raise SettingError(f"unknown guard policy {name!r}: choose from {names}")
    if equals:
        if not kind.main:
            raise SettingError(f"guard policy {name} takes no number: write {name}")
        settings.insert(0, f"{kind.main}={value}")
    known = {f.name: f.type for f in fields(kind) if f.init}
    given: dict[str, Any] = {}
    for setting in settings:
        key, _, text = setting.partition("=")
        if key in given:
            raise SettingError(f"guard policy {name}: {key} is given twice: give it once")
        if key not in known:
            raise SettingError(
                f"guard policy {name} has no setting {key!r}: its settings are {_list(known)}"
            )
        if known[key] in (str, "str"):
            given[key] = text
        else:
            given[key] = _number(name, key, text, whole=known[key] in (int, "int"))
    return kind(**given)


def _number(name: str, key: str, text: str, *, whole: bool) -> float:
    try:
        return int(text) if whole else float(text)
    except ValueError:
        expected = "a whole number" if whole else "a number"
        raise SettingError(f"guard policy {name}: {key} must be {expected}, not {text!r}") from None


def _list(names: dict[str, object]) -> str:
    return ", ".join(names) or "none"
