"""The settings of several runs side by side: those that differ, and what tells the runs apart."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backsight.report._numbers import number
from backsight.signals import Run

__all__ = [
    "DifferingSetting",
    "differing_settings",
    "labels_of",
    "setting_words",
    "telling_settings",
]

OWN = ("run", "group")
"""Settings that any two runs have differently."""

NAMED = 3
"""Settings of a label, at the most."""

FIRST = (
    "lr", "cell", "optimizer", "init", "gain", "momentum", "clip", "guard", "layers", "hidden",
    "length", "seq_len", "seed",
)  # fmt: skip
"""What a label names before all else: a training depends on these the most."""

ABSENT = "–"


@dataclass(frozen=True, slots=True)
class DifferingSetting:
    """A setting that not all runs have alike.

    Example:
        >>> from backsight import Recorder, Run
        >>> from backsight.report import differing_settings
        >>> for name, rate in (("one", 0.1), ("two", 0.2)):
        ...     Recorder(f"runs/{name}", config={"lr": rate, "cell": "gru"}).close()
        >>> (setting,) = differing_settings([Run("runs/one"), Run("runs/two")])
        >>> setting.name, setting.values
        ('lr', (0.1, 0.2))
    """

    name: str
    values: tuple[Any, ...]
    """One per run: plain JSON, or None where a run has no such setting."""
    environment: bool
    """Whether it is about versions, machine and revision rather than about the training."""


def differing_settings(runs: Sequence[Run]) -> tuple[DifferingSetting, ...]:
    """Settings first, then the environment.

    Settings in settings are named with dots, and the arguments of a script by their option, or by
    their place.

    Example:
        >>> from backsight import Recorder, Run
        >>> from backsight.report import differing_settings
        >>> for name, words in (("one", ["--lr=0.1", "50"]), ("two", ["--lr", "0.1", "60"])):
        ...     Recorder(f"runs/{name}", config={"arguments": words}).close()
        >>> [one.name for one in differing_settings([Run("runs/one"), Run("runs/two")])]
        ['argument 1']
    """
    found = []
    for environment, read in ((False, _settings), (True, _environment)):
        each = [dict(read(run)) for run in runs]
        for name in dict.fromkeys(name for one in each for name in one):
            values = tuple(one.get(name) for one in each)
            if any(_key(value) != _key(values[0]) for value in values):
                found.append(DifferingSetting(name, values, environment))
    return tuple(found)


def telling_settings(settings: Sequence[DifferingSetting]) -> tuple[DifferingSetting, ...]:
    """The few that a label has room for: of the training, those it depends on the most.

    Example:
        >>> from backsight import Recorder, Run
        >>> from backsight.report import differing_settings, telling_settings
        >>> for name, rate in (("one", 0.1), ("two", 0.2)):
        ...     own = {"batch": 8 * rate, "hidden": 40 * rate, "every": 50 * rate, "lr": rate}
        ...     Recorder(f"runs/{name}", config=own).close()
        >>> settings = differing_settings([Run("runs/one"), Run("runs/two")])
        >>> [one.name for one in telling_settings(settings)]
        ['lr', 'hidden', 'batch']
    """

    def rank(one: DifferingSetting) -> int:
        name = one.name.lstrip("-").replace("-", "_")
        return FIRST.index(name) if name in FIRST else len(FIRST)

    own = [one for one in settings if not one.environment]
    return tuple(sorted(own, key=rank)[:NAMED])


def labels_of(runs: Sequence[Run], settings: Sequence[DifferingSetting]) -> tuple[str, ...]:
    """One per run, no two alike: the settings that differ, or the name where that is not enough.

    Example:
        >>> from backsight import Recorder, Run
        >>> from backsight.report import differing_settings, labels_of
        >>> for name, rate in (("one", 0.1), ("two", 0.2)):
        ...     Recorder(f"runs/{name}", config={"lr": rate}).close()
        >>> runs = [Run("runs/one"), Run("runs/two")]
        >>> labels_of(runs, differing_settings(runs))
        ('lr=0.1', 'lr=0.2')
    """
    named = telling_settings(settings)
    labels = [
        ", ".join(f"{one.name}={setting_words(one.values[i])}" for one in named)
        for i in range(len(runs))
    ]
    for names in ([run.name for run in runs], [str(run.path) for run in runs]):
        labels = [
            label if label and labels.count(label) == 1 else f"{label} ({name})" if label else name
            for label, name in zip(labels, names, strict=True)
        ]
    return tuple(labels)


def setting_words(value: Any) -> str:
    """As a table shows it.

    Example:
        >>> from backsight.report import setting_words
        >>> [setting_words(value) for value in (0.1, True, None, "gru")]
        ['0.1', 'yes', '–', 'gru']
    """
    if value is None:
        return ABSENT
    if isinstance(value, bool):
        return "yes" if value else "no"
    return number(value) if isinstance(value, float) else str(value)


def _settings(run: Run) -> Iterator[tuple[str, Any]]:
    config = run.info.get("config")
    for name, value in _flat(config if isinstance(config, dict) else {}):
        if name not in OWN:
            yield name, value
    yield "seed of the run", run.info.get("seed")
    yield "kind", run.info.get("kind")


def _environment(run: Run) -> Iterator[tuple[str, Any]]:
    for name in ("versions", "machine", "git"):
        part = run.info.get(name)
        yield from _flat(part if isinstance(part, dict) else {}, f"{name}.")


def _flat(content: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in content.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name}.")
        elif name == "arguments" and isinstance(value, list):
            yield from _arguments([str(word) for word in value])
        else:
            yield f"{before}{name}", value


def _arguments(words: Sequence[str]) -> Iterator[tuple[str, Any]]:
    place = 0
    rest = list(words)
    while rest:
        word = rest.pop(0)
        name, equals, value = word.partition("=")
        if not word.startswith("-") or _is_number(word):
            place += 1
            yield f"argument {place}", word
        elif equals:
            yield name, value
        elif rest and (not rest[0].startswith("-") or _is_number(rest[0])):
            yield name, rest.pop(0)
        else:
            yield name, True


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _key(value: Any) -> str:
    """Equal only for what is written alike: 1 is not True, and a NaN is itself."""
    return repr(value)
