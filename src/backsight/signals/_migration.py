"""What earlier formats called things: one table, applied wherever a folder is read.

========  =========================================================================================
format    what it changed
========  =========================================================================================
1         the first
2         finding codes ``BKS101`` (``BS101`` before); fields of a finding: ``module`` (``where``),
          ``message`` (``words``), ``resolved_at`` (``over``), ``outcome`` (``then``);
          of a guard's act: ``message`` (``words``), ``quantity`` (``what``); of a task's criterion:
          ``statement`` (``words``), ``sequences`` (``of``); ``message`` in ``remedies.json``;
          ``end_reason`` in ``run.json`` (see ``_ending``); remedies ``lr-third``, ``lr-tenth`` and
          ``lr-tenfold`` (``rate-third``, …), in a study's plan and in the names of its trials
3         ``signals.db`` has a checksum over the length of each signal, and one over all events
          (see ``_seal``)
4         ``half_life``, ``horizon`` and ``growth_rate`` are relative to the strongest earlier step;
          they were relative to lag 0. ``signals.db`` alone counts: one that was begun in an
          earlier format keeps its number, and all its values are computed again from ``reach``
          (see ``_former_reach``)
========  =========================================================================================

A folder is read by any later version and never rewritten for that. A run that goes on holds events
of both formats, so each is looked at by itself.
"""

import re
from collections.abc import Mapping
from typing import Any

__all__ = [
    "FORMAT",
    "current_event",
    "current_plan",
    "current_remedy",
    "current_tried",
    "former_remedy",
]

FORMAT = 4
"""Version of what ``run.json``, ``signals.db`` and a study's file hold; a reader refuses a newer
one."""

FINDING_FIELDS = {
    "where": "module",
    "words": "message",
    "over": "resolved_at",
    "then": "outcome",
}
"""Of a finding, by their names in format 1."""

ACT_FIELDS = {"words": "message", "what": "quantity"}
"""Of what a guard did."""

CRITERION_FIELDS = {"words": "statement", "of": "sequences"}
"""Of when a task is solved, in the event ``setup``."""

TRIED_FIELDS = {"words": "message"}
"""Of ``remedies.json``."""

REMEDIES = {"rate-third": "lr-third", "rate-tenth": "lr-tenth", "rate-tenfold": "lr-tenfold"}
"""By their names in format 1; a trial is named after its remedy, with ``-seed0`` and the like."""

CODE = re.compile(r"BS(\d{3})")
"""As format 1 spelled it."""


def current_event(kind: str, body: Any) -> Any:
    """The body of an event as this version writes it."""
    if kind == "finding" and isinstance(body, dict):
        return _finding(body)
    if kind == "act":
        return _renamed(body, ACT_FIELDS)
    if kind == "setup" and isinstance(body, dict) and "criterion" in body:
        return {**body, "criterion": _renamed(body["criterion"], CRITERION_FIELDS)}
    if kind == "diagnosis" and isinstance(body, dict) and isinstance(body.get("findings"), list):
        return {**body, "findings": [_finding(one) for one in body["findings"]]}
    return body


def current_plan(plan: Mapping[str, Any]) -> dict[str, Any]:
    """A study's plan as this version writes it.

    Example:
        >>> from backsight.signals import current_plan
        >>> current_plan({"symptoms": {"codes": ["BS202"]}})
        {'symptoms': {'codes': ['BKS202']}}
    """
    now = {name: _codes(value) for name, value in plan.items()}
    if now.get("kind") != "remedies":
        return now
    if isinstance(now.get("only"), list):
        now["only"] = [current_remedy(name) for name in now["only"]]
    if isinstance(now.get("settings"), dict):
        now["settings"] = {"deep": None, "sharpness_every": None, **now["settings"]}
    if isinstance(now.get("symptoms"), dict):
        now["symptoms"] = {"sharpness": None, "lr_times": None, **now["symptoms"]}
    return now


def current_tried(content: Mapping[str, Any]) -> dict[str, Any]:
    """What a study of remedies left with a run, as this version writes it.

    Example:
        >>> from backsight.signals import current_tried
        >>> current_tried({"remedy": "rate-third", "words": "A lower learning rate helps."})
        {'remedy': 'lr-third', 'message': 'A lower learning rate helps.'}
    """
    now: dict[str, Any] = _renamed(dict(content), TRIED_FIELDS)
    return {**now, "remedy": current_remedy(now["remedy"])}


def current_remedy(name: str) -> str:
    """A remedy, or a trial that is named after one, as this version names it.

    Example:
        >>> from backsight.signals import current_remedy
        >>> current_remedy("rate-tenth"), current_remedy("rate-tenth-seed3"), current_remedy("clip")
        ('lr-tenth', 'lr-tenth-seed3', 'clip')
    """
    remedy, seed, number = str(name).partition("-seed")
    return REMEDIES.get(remedy, remedy) + seed + number


def former_remedy(name: str) -> str:
    """The same as format 1 named it.

    Example:
        >>> from backsight.signals import former_remedy
        >>> former_remedy("lr-tenth-seed3"), former_remedy("clip")
        ('rate-tenth-seed3', 'clip')
    """
    remedy, seed, number = name.partition("-seed")
    return {now: then for then, now in REMEDIES.items()}.get(remedy, remedy) + seed + number


def _finding(body: Any) -> Any:
    if not isinstance(body, dict):
        return body
    named: dict[str, Any] = _renamed(body, FINDING_FIELDS)
    return {**named, "code": _codes(named["code"])} if "code" in named else named


def _renamed(body: Any, fields: Mapping[str, str]) -> Any:
    """With the fields' current names; what is no object stays."""
    if not isinstance(body, dict):
        return body
    return {fields.get(name, name): value for name, value in body.items()}


def _codes(value: Any) -> Any:
    """With every string that is a code of format 1 replaced, however deep."""
    if isinstance(value, str):
        return CODE.sub(r"BKS\1", value) if CODE.fullmatch(value) else value
    if isinstance(value, dict):
        return {name: _codes(one) for name, one in value.items()}
    return [_codes(one) for one in value] if isinstance(value, list) else value
