"""What a dashboard is started with, checked."""

import ipaddress
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from backsight.errors import SettingError

__all__ = ["UiSettings", "is_loopback", "read_token"]

LEAST_TOKEN = 16
"""Characters of a token: fewer can be guessed."""

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class UiSettings:
    """Which folders are shown, where, and to whom.

    Raises:
        SettingError: a host other than this machine without a token, a port that is none, a path
            that does not begin with a slash.

    Example:
        >>> from pathlib import Path
        >>> from backsight.errors import SettingError
        >>> from backsight.ui import UiSettings
        >>> UiSettings((Path("runs"),)).host
        '127.0.0.1'
        >>> try:
        ...     UiSettings((Path("runs"),), host="0.0.0.0")
        ... except SettingError as error:
        ...     print("--token-file" in str(error))
        True
    """

    folders: tuple[Path, ...] = (Path("runs"),)
    host: str = "127.0.0.1"
    port: int = 8787
    """0 lets the system choose."""
    token: str | None = None
    """What a browser has to know; None lets everybody in who reaches the address."""
    root_path: str = ""
    """The path under which a proxy shows the pages: ``/backsight``."""

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise SettingError(f"--port must be a whole number from 0 to 65535, not {self.port}")
        if not is_loopback(self.host) and self.token is None:
            raise SettingError(
                f"--host {self.host} lets other machines in, and needs a token: add --token-file "
                f"FILE with a secret of at least {LEAST_TOKEN} characters"
            )
        if self.root_path and (not self.root_path.startswith("/") or self.root_path.endswith("/")):
            raise SettingError(
                f"--root-path must begin with a slash and not end with one, as /backsight, not "
                f"{self.root_path!r}"
            )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches that address."""
    if host in LOOPBACK_NAMES:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def read_token(file: Path) -> str:
    """The secret in the first line of a file.

    Raises:
        SettingError: the file cannot be read, others may read it, or the secret is too short.

    Example:
        >>> from pathlib import Path
        >>> from backsight.ui import read_token
        >>> Path("token").touch(mode=0o600)
        >>> written = Path("token").write_text("correct horse battery\\n")
        >>> read_token(Path("token"))
        'correct horse battery'
    """
    try:
        with file.open("rb") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            if not stat.S_ISREG(mode):
                raise SettingError(f"--token-file {file} is not a regular file")
            content = opened.read(4096)
    except OSError as error:
        raise SettingError(
            f"--token-file {file} cannot be read: {error.strerror or error}"
        ) from error
    if os.name == "posix" and mode & 0o044:
        raise SettingError(f"--token-file {file} can be read by other users: type chmod 600 {file}")
    try:
        token = content.decode("ascii").partition("\n")[0].strip()
    except UnicodeDecodeError:
        token = ""
    if len(token) < LEAST_TOKEN or not token.isprintable():
        raise SettingError(
            f"the first line of --token-file {file} must be a secret of at least {LEAST_TOKEN} "
            "printable ASCII characters: python -c 'import secrets; print(secrets.token_hex())' "
            "makes one"
        )
    return token
