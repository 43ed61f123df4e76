"""What of a request and an answer goes on, and which paths are generations."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from typing import Literal

from cotmon.errors import UsageError
from cotmon.hosts._wire import THREAD

Headers = list[tuple[bytes, bytes]]
Kind = Literal["chat", "responses", "harmless", "unjudged"]
_HOP = frozenset({
    b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"te", b"trailer",
    b"proxy-connection", b"transfer-encoding", b"upgrade", b"content-length",
})  # fmt: skip
_JUDGED: dict[str, Kind] = {"/v1/chat/completions": "chat", "/v1/responses": "responses"}
_HARMLESS = frozenset({
    "/v1/embeddings", "/v1/moderations", "/v1/rerank", "/v1/score", "/v1/tokenize",
    "/v1/detokenize", "/rerank", "/score", "/tokenize", "/detokenize", "/v1/files", "/v1/uploads",
    "/v1/responses/input_tokens", "/v1/audio/transcriptions", "/v1/audio/translations",
})  # fmt: skip
"""What may be posted to without generating anything that an agent would act on."""
_STORED = ("/v1/chat/", "/v1/responses", "/v1/completions", "/v1/conversations", "/v1/threads")
"""Where a server hands out generations again that it stored as the model wrote them."""


def kind_of(method: str, path: str) -> Kind:
    """Whether it is a format that is judged, nothing to judge, or a generation that is not judged.

    Whatever is not known to be harmless counts as a generation.
    """
    plain = posixpath.normpath("/" + path.lower().lstrip("/"))
    if method in ("GET", "HEAD", "OPTIONS", "DELETE"):
        return "unjudged" if plain.startswith(_STORED) and method != "DELETE" else "harmless"
    if method != "POST":
        return "unjudged"
    if plain in _JUDGED:
        return _JUDGED[plain]
    return "harmless" if plain in _HARMLESS else "unjudged"


class Upstream:
    """Where requests go.

    Attributes:
        base: the URL that stands for `/v1`, as a client would be given it.
    """

    def __init__(self, url: str) -> None:
        """Raises UsageError where this is no HTTP URL."""
        if not url.startswith(("http://", "https://")):
            raise UsageError(f"{url!r} is no URL of a server; one looks like http://host:8000/v1")
        self.base = url.rstrip("/")
        self._root = self.base.removesuffix("/v1")

    def url(self, raw_path: bytes, query: bytes) -> str:
        """The URL of a request to the proxy; what is not under `/v1` goes to the server's root."""
        path = "/" + raw_path.decode("latin-1").removeprefix("/")  # never a part of the host's name
        inside = path == "/v1" or path.startswith("/v1/")
        url = self.base + path.removeprefix("/v1") if inside else self._root + path
        return f"{url}?{query.decode('latin-1')}" if query else url


def sent(headers: Iterable[tuple[bytes, bytes]], *, read: bool) -> Headers:
    """The client's headers as they go upstream; `read`: the answer must not be compressed."""
    left_out = _HOP | {b"host", THREAD.encode()} | ({b"accept-encoding"} if read else set())
    kept = [(k, v) for k, v in headers if k.lower() not in left_out]
    return [*kept, (b"accept-encoding", b"identity")] if read else kept


def returned(headers: Iterable[tuple[bytes, bytes]], *, read: bool) -> Headers:
    """The server's headers as they go to the client; `read`: it was decompressed here."""
    left_out = _HOP | ({b"content-encoding"} if read else set())
    return [(k.lower(), v) for k, v in headers if k.lower() not in left_out]
