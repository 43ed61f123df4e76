"""An OpenAI-compatible proxy in front of a model server, for agents in any language.

It cannot be attached to an object: `cotmon proxy --upstream URL` serves it. What serves it is only
imported then.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from cotmon.errors import UsageError
from cotmon.hosts._contract import HostCard
from cotmon.watching import Watching

HOLD = 300.0
"""Seconds for which an answer is held while a person is asked."""


class _Proxy:
    card = HostCard(
        name="proxy",
        title="OpenAI-compatible proxy",
        needs=("httpx", "starlette", "uvicorn"),
        reasoning="depends",
        text="yes",
        calls="yes",
        results="yes",
        pauses="yes",
        blocks="yes",
        survives="yes",
        streams="yes",
        again="yes",
        notes=(
            "It judges /v1/chat/completions and /v1/responses, each of several choices as a "
            "conversation of its own.",
            "It sees calls that the model asks for and results that the agent sends back, not what "
            "tools do; calls written into plain text are scored and cannot be blocked.",
            "A refused call is taken out of the answer; a neutral sentence stands in its place.",
            "Where a protocol may have a turn said again, all of it is held until one output goes "
            "on, and generation is not cut; the trusted model gets the key of COTMON_API_KEY, "
            "never the client's. What a server keeps (conversation, background, and for a trusted "
            "model previous_response_id) is not said again, nor are several choices.",
            "Reasoning is seen where the server sends it (reasoning_content and its like).",
            "While a person is asked the connection is held, streams with keep-alive comments, at "
            "most as long as --hold says; then the call is refused. The client's own time limit "
            "must be longer.",
            "A chat completion that is asked for again within an hour, also after a restart, gets "
            "the generation that people were asked about; a response is generated anew.",
            "After a restart, what a server keeps (previous_response_id) is judged without what "
            "was said before.",
            "Under enforce every other path that may generate (/v1/completions, /v1/messages, "
            "/v1/batches, stored answers and what is unknown) is refused; under observe it is "
            "forwarded unjudged, and the log says so once. Websockets are refused.",
            "Sub-agents are conversations of their own; nothing on the wire says whose they are.",
        ),
    )

    def fits(self, agent: object) -> bool:
        """Never: there is no object to attach to."""
        return False

    def attach(self, agent: Any, watching: Watching) -> Any:
        """Raises UsageError: it is a command."""
        raise UsageError("the proxy is a command: cotmon proxy --upstream URL")


HOST = _Proxy()


def proxy(upstream: str, watching: Watching, hold: float = HOLD) -> Any:
    """The proxy as an ASGI application.

    Args:
        upstream: base URL of the model server, as a client would be given it (… `/v1`).
        watching: settings.
        hold: seconds for which an answer is held while a person is asked.

    Raises:
        UsageError: the extra `proxy` is not installed, or the URL is wrong.
        CotmonError: a monitor or the store is.
    """
    return _app().Proxy(upstream, watching, hold)


def serve(application: Any, host: str, port: int) -> None:
    """Serves it until it is told to stop."""
    _app().serve(application, host, port)


def _app() -> Any:
    try:
        return import_module("cotmon.hosts._proxy_app")
    except ModuleNotFoundError as error:
        raise UsageError(
            f"the proxy needs {error.name}, which is not installed: pip install 'cotmon[proxy]'"
        ) from error
