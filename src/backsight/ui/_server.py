"""Runs the dashboard until it is told to stop."""

import errno
import socket
from collections.abc import Callable

import uvicorn

from backsight.errors import SettingError
from backsight.ui._app import create_app
from backsight.ui._memory import prepare
from backsight.ui._settings import UiSettings

__all__ = ["bind", "serve", "server_of"]

NEXT = 20
"""Ports that are tried after a busy one, to offer one that is free."""

UNREAD = 60_000
"""Milliseconds after which the system drops a connection that takes nothing."""


def serve(settings: UiSettings, ready: Callable[[str], None] = lambda address: None) -> None:
    """Show the dashboard; returns when it is interrupted.

    Args:
        settings: what to show, and where.
        ready: called with the address as soon as it can be opened.

    Raises:
        SettingError: the port is busy, or the address is none of this machine.

    Example:
        >>> import socket
        >>> from backsight.errors import SettingError
        >>> from backsight.ui import UiSettings, serve
        >>> with socket.create_server(("127.0.0.1", 0)) as busy:
        ...     try:
        ...         serve(UiSettings(port=busy.getsockname()[1]))
        ...     except SettingError as error:
        ...         print("is in use" in str(error))
        True
    """
    prepare()
    with bind(settings) as listening:
        port = listening.getsockname()[1]
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        shown = {"0.0.0.0": socket.gethostname(), "[::]": socket.gethostname()}.get(host, host)
        listening.listen(128)
        ready(f"http://{shown}:{port}{settings.root_path}/")
        server_of(settings).run(sockets=[listening])


def server_of(settings: UiSettings) -> uvicorn.Server:
    """The server, which listens at the sockets that it is run with."""
    config = uvicorn.Config(
        create_app(settings),
        log_level="critical",
        access_log=False,  # an address may name what others should not know
        lifespan="on",
        proxy_headers=False,
        server_header=False,
        ws="none",
        limit_concurrency=1024,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=2,
    )
    return uvicorn.Server(config)


def bind(settings: UiSettings) -> socket.socket:
    """A socket on the host and the port.

    Raises:
        SettingError: the port is busy, or the address is none of this machine.
    """
    try:
        return _bound(settings.host, settings.port)
    except OSError as error:
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise SettingError(
                f"cannot listen at {settings.host}: {error.strerror or error}; leave --host out to "
                "use this machine's own address"
            ) from error
        why = "is in use" if error.errno == errno.EADDRINUSE else "may not be used"
    free = next((p for p in range(settings.port + 1, 65536) if _is_free(settings.host, p)), 0)
    raise SettingError(f"port {settings.port} {why}: type --port {free} for the next free one")


def _is_free(host: str, port: int) -> bool:
    try:
        _bound(host, port).close()
    except OSError:
        return False
    return True


def _bound(host: str, port: int) -> socket.socket:
    ((family, kind, protocol, _, address), *_) = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    opened = socket.socket(family, kind, protocol)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # connections inherit it
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD)
        opened.bind(address)
        # A second server would share the port unnoticed as long as nobody listens.
        opened.listen(1)
    except OSError:
        opened.close()
        raise
    return opened
