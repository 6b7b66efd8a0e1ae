"""Sending without waiting for ever, or keeping what nobody reads.

A body goes out in pieces, each when the one before it has left the process. So a client that does
not read holds one piece in memory, and is dropped when it has taken none for a while.
"""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["DeliveryMiddleware", "SlowReaderError"]

PIECE = 1 << 16
PATIENCE = 20.0
"""Seconds that a client may take for a piece."""


class SlowReaderError(Exception):
    """A client has not read for too long."""


class DeliveryMiddleware:
    """Sends bodies in pieces and gives up on a client that reads none.

    Args:
        app: what answers.
        patience: seconds that a client may take for a piece.
    """

    def __init__(self, app: ASGIApp, patience: float = PATIENCE) -> None:
        self._app, self._patience = app, patience

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""

        async def deliver(message: Message) -> None:
            try:
                async with asyncio.timeout(self._patience):
                    await send(message)
            except TimeoutError:
                raise SlowReaderError from None

        async def in_pieces(message: Message) -> None:
            body = message.get("body", b"")
            if message["type"] != "http.response.body" or len(body) <= PIECE:
                await deliver(message)
                return
            for start in range(0, len(body), PIECE):
                last = start + PIECE >= len(body)
                more = message.get("more_body", False) or not last
                piece = bytes(memoryview(body)[start : start + PIECE])
                await deliver({**message, "body": piece, "more_body": more})

        try:
            await self._app(scope, receive, in_pieces)
        except SlowReaderError:
            # The server closes a connection whose answer was left unfinished.
            return
