"""The canary of the OpenAI client: the real client, a model server on loopback, a plain loop."""

from __future__ import annotations

from typing import Any

import openai

from cotmon.hosts._canary import CanaryResult
from cotmon.hosts._canary_server import loop, server, tools
from cotmon.hosts.openai import HOST
from cotmon.watching import Watching


def canary(watching: Watching | None) -> CanaryResult:
    """Runs the agent, whole and streamed."""
    with server() as (url, told):
        bare = openai.OpenAI(base_url=url, api_key="none", max_retries=0)
        client = bare if watching is None else HOST.attach(bare, watching)

        def ask(messages: list[dict[str, Any]], stream: bool) -> dict[str, Any]:
            made: Any = client.chat.completions
            wanted = {"model": "canary", "messages": messages, "tools": tools()}
            if stream:
                with made.stream(**wanted) as events:
                    found = events.get_final_completion()
            else:
                found = made.create(**wanted)
            return found.choices[0].message.model_dump(exclude_none=True)

        found = loop(ask, told)
        client.close()
        return found
