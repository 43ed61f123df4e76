"""What a client gets, piece by piece."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from cotmon.hosts._proxy_forward import Headers

Send = Callable[[dict[str, Any]], Awaitable[None]]


class Reply:
    """One answer to one client.

    Attributes:
        began: whether its head is out; then it can only be cut.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self.began = False

    async def head(self, status: int, headers: Headers) -> None:
        """The status and the headers."""
        self.began = True
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def write(self, data: bytes) -> None:
        """A piece of the body."""
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self, data: bytes = b"") -> None:
        """The last piece."""
        await self._send({"type": "http.response.body", "body": data, "more_body": False})

    async def whole(self, status: int, headers: Headers, data: bytes) -> None:
        """An answer in one piece."""
        await self.head(status, [*headers, (b"content-length", str(len(data)).encode())])
        await self.end(data)

    async def fail(self, status: int, reason: str) -> None:
        """An error in the shape that clients of such servers know; nothing where it is too late."""
        if not self.began:
            error = {"message": reason, "type": "proxy_error", "param": None, "code": None}
            data = json.dumps({"error": error}).encode()
            await self.whole(status, [(b"content-type", b"application/json")], data)
