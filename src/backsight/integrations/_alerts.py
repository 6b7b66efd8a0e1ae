"""Alerts: a finding calls a webhook, or starts a command."""

import shlex
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from backsight.diagnosis import Severity
from backsight.errors import SettingError
from backsight.signals import dumps

__all__ = ["Alerts", "CommandAlert", "WebhookAlert"]

PAUSES = (1.0, 4.0)
"""Seconds before the second and the third try."""

TIMEOUT = 10.0
"""Seconds that a server or a command may take."""

AT_MOST = 20
"""Alerts per run: what goes wrong in hundreds of layers is not told hundreds of times."""


class Alerts:
    """A sink that takes findings alone, from a severity on; each tried three times.

    Args:
        severity: the least that counts: ``info``, ``warning`` or ``error``.
        at_most: alerts per run; the last one says that no more follow.
    """

    only_events = True

    def __init__(self, severity: Severity = "error", at_most: int = AT_MOST) -> None:
        levels = get_args(Severity)  # the gravest first
        if severity not in levels:
            raise SettingError(f"severity is one of {', '.join(levels)}, not {severity!r}")
        if at_most < 1:
            raise SettingError(f"at_most is 1 or more, not {at_most}")
        self._levels = levels[: levels.index(severity) + 1]
        self._at_most = at_most
        self._sent = 0
        self._run = Path()

    def _send(self, content: bytes) -> None:
        """Send the JSON of a message.

        Raises:
            OSError: it may work later.
            RuntimeError: it will not.
        """
        raise NotImplementedError

    def _message(self, text: str, finding: Mapping[str, Any]) -> Any:
        return {"text": text, "run": str(self._run), "finding": finding}

    def open(self, run: Path) -> None:
        """Keep the name of the run."""
        self._run = run

    def scalars(self, iteration: int, values: Mapping[str, float]) -> None:
        """Nothing."""

    def profile(self, name: str, iteration: int, row: NDArray[np.floating[Any]]) -> None:
        """Nothing."""

    def event(self, kind: str, iteration: int, body: Any) -> None:
        """Send a finding of the severity asked for.

        Raises:
            OSError: it was not delivered.
            RuntimeError: it was refused.
        """
        if kind != "finding" or body["severity"] not in self._levels or self._sent >= self._at_most:
            return
        self._sent += 1
        text = f"{self._run.name}: {body['code']} {body['title']}: {body['message']}"
        if self._sent == self._at_most:
            text += f" (the last of {self._at_most} alerts of this run)"
        content = dumps(self._message(text, body)).encode()
        for pause in PAUSES:
            try:
                self._send(content)
                return
            except OSError:
                time.sleep(pause)
        self._send(content)

    def close(self) -> None:
        """Nothing."""


class WebhookAlert(Alerts):
    """Posts each finding to a URL, such as an incoming webhook of Slack or Mattermost.

    The body is JSON with ``text`` (a sentence), ``run`` and ``finding`` (as in
    ``diagnose --json``). The URL, which may hold a secret, is written nowhere. What is refused
    (status 400 to 499) is not tried again.

    Args:
        url: where to post.
        severity: the least that counts: ``info``, ``warning`` or ``error``.
        at_most: alerts per run; the last one says that no more follow.
        message: makes another body of ``text`` and ``finding``, such as
            ``lambda text, finding: {"content": text}`` for Discord.

    Raises:
        SettingError: the URL is none, or another argument is not what is expected.

    Example:
        >>> from backsight.errors import SettingError
        >>> from backsight.integrations import WebhookAlert
        >>> sink = WebhookAlert("https://chat.example.org/hooks/1", severity="warning")
        >>> try:
        ...     WebhookAlert("chat.example.org")
        ... except SettingError as error:
        ...     print(error)
        a webhook needs a URL that begins with https:// or http://
    """

    def __init__(
        self,
        url: str = "",
        severity: Severity = "error",
        at_most: int = AT_MOST,
        *,
        message: Callable[[str, Mapping[str, Any]], Any] | None = None,
    ) -> None:
        super().__init__(severity, at_most)
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise SettingError("a webhook needs a URL that begins with https:// or http://")
        self._url, self._shape = url, message

    def _message(self, text: str, finding: Mapping[str, Any]) -> Any:
        if self._shape is None:
            return super()._message(text, finding)
        return self._shape(text, finding)

    def _send(self, content: bytes) -> None:
        header = {"Content-Type": "application/json", "User-Agent": "backsight"}
        request = urllib.request.Request(self._url, content, header)
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT):
                pass
        except urllib.error.HTTPError as error:
            error.close()
            if 400 <= error.code < 500 and error.code != 429:
                raise RuntimeError(f"the server answered {error.code} {error.reason}") from None
            raise


class CommandAlert(Alerts):
    """Starts a command for each finding, with JSON on its standard input.

    The JSON has ``text`` (a sentence), ``run`` and ``finding`` (as in ``diagnose --json``). The
    command has ten seconds; an exit status other than 0 is a failure.

    Args:
        command: a command line, or its words. No shell reads it.
        severity: the least that counts: ``info``, ``warning`` or ``error``.
        at_most: alerts per run; the last one says that no more follow.

    Raises:
        SettingError: there is no command, or another argument is not what is expected.

    Example:
        >>> from pathlib import Path
        >>> from backsight.integrations import CommandAlert
        >>> sink = CommandAlert("tee alert.json", severity="warning")
        >>> sink.open(Path("runs/mine"))
        >>> finding = {"severity": "error", "code": "BKS201", "title": "not finite",
        ...            "message": "the first value that is not finite is NaN in the loss"}
        >>> sink.event("finding", 7, finding)
        >>> Path("alert.json").read_text()[:35]
        '{"text": "mine: BKS201 not finite: '
    """

    def __init__(
        self,
        command: str | Sequence[str] = "",
        severity: Severity = "error",
        at_most: int = AT_MOST,
    ) -> None:
        super().__init__(severity, at_most)
        try:
            self._words = shlex.split(command) if isinstance(command, str) else list(command)
        except ValueError as error:
            raise SettingError(f"cannot read the command {command!r}: {error}") from None
        if not self._words:
            raise SettingError("an alert needs a command: pass its words, such as notify-send")

    def _send(self, content: bytes) -> None:
        try:
            done = subprocess.run(
                self._words, input=content, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                timeout=TIMEOUT, start_new_session=True, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise RuntimeError(f"the command took more than {TIMEOUT:g} seconds") from None
        except FileNotFoundError:
            raise RuntimeError(f"there is no command {self._words[0]!r}") from None
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
            raise OSError(f"the command ended with exit status {done.returncode}: {''.join(said)}")
