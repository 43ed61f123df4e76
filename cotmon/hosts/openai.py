"""OpenAI clients: `OpenAI`, `AsyncOpenAI` and what derives from them, of SDK 2 and 3.

The watched client is a client of the same class around the same HTTP client. Chat completions and
responses, streamed or not, are judged on their way; everything else passes untouched.

Reasoning and text pass as they come, tool calls when they are judged. A refused call is taken out
of the answer and the refusal stands in its place as text: the agent never has the call, and so the
model never sees one without a result. Where the server keeps the conversation
(`previous_response_id`), the next request brings the refusal as the result of the call. Where the
finished steps of a generation already forbid every tool of the request, the generation is ended.
"""

from __future__ import annotations

import logging
from typing import Any, NoReturn

from cotmon.errors import UsageError
from cotmon.hosts._again import trusted_of
from cotmon.hosts._contract import HostCard, comes_from
from cotmon.hosts._openai_exchange import Desk
from cotmon.hosts._openai_transport import attached
from cotmon.watching import Watcher, Watching

_log = logging.getLogger(__name__)
CLIENTS = frozenset({"OpenAI", "AsyncOpenAI"})
SOCKETS = ("responses", "realtime", "live")
"""Resources that can open a websocket, which no transport sees."""


class _Host:
    card = HostCard(
        name="openai",
        title="OpenAI clients (SDK 2 and 3)",
        needs=("openai",),
        reasoning="yes",
        text="yes",
        calls="yes",
        results="yes",
        pauses="no",
        blocks="yes",
        survives="no",
        streams="yes",
        again="yes",
        notes=(
            "A client cannot wait for a person: ask becomes block.",
            "Text passes as it comes; only tool calls are held back. Where a protocol may have a "
            "turn said again, all of it is held until one output goes on; generation is not cut.",
            "Answers with several choices (n), in the background or to a conversation that the "
            "server keeps are not said again; nor is one to a previous_response_id by a trusted "
            "model.",
            "Websockets are refused under enforce and not seen under observe.",
            "Assistants, batches and legacy completions are not seen.",
            "AsyncOpenAI is watched under asyncio, not under trio.",
            "Sub-agents are conversations of their own; nothing on the wire says whose they are.",
            "Results of tools are heard when the next request brings them.",
            "A client given another http_client with with_options() is no longer watched.",
        ),
    )

    def fits(self, agent: object) -> bool:
        """Whether this is a client of the OpenAI SDK."""
        return comes_from(agent, "openai") and any(
            t.__name__ in CLIENTS for t in type(agent).__mro__
        )

    def attach(self, agent: Any, watching: Watching) -> Any:
        """The watched client, of a class derived from the client's own."""
        trusted = trusted_of(watching.settings)
        desk = Desk(Watcher(watching, "openai", can_pause=False), trusted)
        if desk.enforcing:
            _log.warning("openai: a client cannot wait for a person; ask becomes block")
        else:
            _log.info("openai: observed; websockets are not seen")
        client = agent.with_options(http_client=attached(agent._client, desk))
        client.__class__ = _watched(type(agent), desk)
        return client


HOST = _Host()


def _watched(kind: type, desk: Desk) -> type:
    """The class of a watched client, which `with_options()` keeps."""
    body: dict[str, Any] = {"cotmon": desk, "__module__": kind.__module__}
    if desk.enforcing:
        body |= {name: _closed(kind, name) for name in SOCKETS if hasattr(kind, name)}
        body["beta"] = _closed_beta(kind)
    return type(kind.__name__, (kind,), body)


def _closed(kind: type, name: str) -> property:
    """The resource of a client, unable to open a websocket."""
    made = getattr(kind, name)

    def resource(self: Any) -> Any:
        return _without_sockets(made.__get__(self, type(self)), name)

    return property(resource)


def _closed_beta(kind: type) -> property:
    made = kind.beta

    def beta(self: Any) -> Any:
        found = made.__get__(self, type(self))
        for name in SOCKETS:
            if hasattr(found, name):
                _without_sockets(getattr(found, name), f"beta.{name}")
        return found

    return property(beta)


def _without_sockets(resource: Any, name: str) -> Any:
    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise UsageError(
            f"{name}.connect opens a websocket, which cotmon cannot watch; use "
            "responses.create(stream=True), or a client that is not watched"
        )

    if hasattr(resource, "connect"):
        resource.connect = refuse
    return resource
