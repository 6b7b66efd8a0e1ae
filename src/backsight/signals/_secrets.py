"""Keeps secrets out of what is written: tokens, passwords and keys of arguments and settings.

A secret is known by its name (``--token X``, ``HF_TOKEN=X``, ``wandb.api_key=X``) or by its form
(``sk-…``, ``hf_…``). Names that only look alike (``--eos-token``, ``sort_key``) are kept. This is
caution, not a promise: a secret under an innocent name is not recognised.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["HIDDEN", "hide_in_text", "hide_settings", "hide_words"]

HIDDEN = "(hidden)"
"""What stands in the place of a secret."""

_ALWAYS = re.compile(
    "passw(or)?d|passphrase|secrets?|credentials?|bearer|authorization"
    "|(api|secret|access|private)key|(api|auth|access)token"
)
"""Parts of a name that say it alone."""

_KEYS = re.compile(
    "access|account|api|auth|client|comet|encryption|license|master|neptune|private|service"
    "|signing|wandb"
)
"""Before ``key``."""

_SYMBOLS = re.compile(
    "begin|bos|cls|decoder|end|eos|image|mask|next|pad|per|prompt|sep|special|start|stop|unk"
)
"""Before ``token``: symbols of a vocabulary."""

_FORMS = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"sk-[\w-]{16,}|hf_[A-Za-z0-9]{16,}|gh[oprsu]_[A-Za-z0-9]{20,}|github_pat_\w{20,}"
    r"|glpat-[\w-]{16,}|xox[abprs]-[\w-]{10,}|AKIA[0-9A-Z]{16}|AIza[\w-]{30,}"
    r"|eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]*)"
    r"|(?<=://)[^/\s:@]*:[^@/\s]+(?=@)"
    r"|(?<=\bwebhook:)https?://[^\s\"']+"
)
"""As OpenAI and Anthropic, Hugging Face, GitHub, GitLab, Slack, AWS and Google form theirs; a JSON
web token; a name and password before the host of a URL; the sink that posts to a URL."""

_NAME = re.compile(r"""([\w.-]+)["']?\s*[=:]\s*["']?""")
_VALUE = re.compile(r"""[^\s"',;}]*""")
"""A name in a text, up to its value, and the value."""


def hide_words(words: Sequence[str]) -> list[str]:
    """The words of a command line without the secrets among them.

    Example:
        >>> from backsight.signals import hide_words
        >>> hide_words(["--lr", "0.1", "--token", "x", "HF_TOKEN=y", "--eos-token", "</s>"])
        ['--lr', '0.1', '--token', '(hidden)', 'HF_TOKEN=(hidden)', '--eos-token', '</s>']
    """
    shown: list[str] = []
    expected = False
    for word in words:
        name, equals, _ = word.partition("=")
        if expected and not word.startswith("--"):
            shown.append(HIDDEN)
            expected = False
        elif equals and _is_secret(name):
            shown.append(f"{name}={HIDDEN}")
            expected = False
        else:
            shown.append(hide_in_text(word))
            expected = word.startswith("-") and not equals and _is_secret(word)
    return shown


def hide_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings without the secrets among them, at any depth; numbers stay, whatever their name.

    Example:
        >>> from backsight.signals._secrets import hide_settings
        >>> hide_settings({"lr": 0.1, "hub": {"token": "x", "words": ["--password=y"]}})
        {'lr': 0.1, 'hub': {'token': '(hidden)', 'words': ['--password=(hidden)']}}
    """
    return {name: _hidden(name, value) for name, value in settings.items()}


def hide_in_text(text: str) -> str:
    """A text, such as that of an error, without the secrets in it.

    Example:
        >>> from backsight.signals._secrets import hide_in_text
        >>> hide_in_text("ValueError: no access with api_key='abc' to this")
        "ValueError: no access with api_key='(hidden)' to this"
    """

    text = _FORMS.sub(HIDDEN, text)
    at = 0
    while named := _NAME.search(text, at):
        at = named.end()
        value = _VALUE.match(text, at)
        if value and value.group() and _is_secret(named.group(1)):
            text = text[:at] + HIDDEN + text[value.end() :]
            at += len(HIDDEN)
    return text


def _hidden(name: object, value: Any) -> Any:
    if isinstance(value, Mapping):
        return {inner: _hidden(inner, one) for inner, one in value.items()}
    if isinstance(value, str):
        return HIDDEN if value and _is_secret(str(name)) else hide_in_text(value)
    if isinstance(value, (list, tuple)):
        if all(isinstance(one, str) for one in value):
            return hide_words(value)
        return [_hidden(name, one) for one in value]
    return value


def _is_secret(name: str) -> bool:
    """Whether what has this name is none of a reader's business."""
    name = name.rpartition(".")[2].strip("-+'\" ")
    parts = re.split(r"[-_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower())
    before, last = (parts[-2] if len(parts) > 1 else ""), parts[-1]
    if any(_ALWAYS.fullmatch(part) for part in parts):
        return True
    if last == "token":
        return _SYMBOLS.fullmatch(before) is None
    shouted = before != "" and name.isupper()  # as environment variables are
    return last == "key" and (shouted or _KEYS.fullmatch(before) is not None)
