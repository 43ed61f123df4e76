"""A small agent on the plain OpenAI client, in every way the client can be called."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from openai import AsyncOpenAI, OpenAI

CALLS = "function_call"
TOOLS = [
    {
        "type": "function",
        "function": {"name": name, "strict": True, "parameters": {"type": "object"}},
    }
    for name in ("safe", "danger")
]
FLAT = [{"type": "function", **tool["function"]} for tool in TOOLS]
WAYS = [
    (api, stream, kind)
    for api in ("chat", "responses")
    for stream in (False, True)
    for kind in ("sync", "async")
]


@dataclass
class Loop:
    """Talks until the model calls nothing; tools note that they ran.

    Attributes:
        ran: names of the tools that ran; said: texts of the answers; reasons: why they ended;
        history: the conversation as the agent keeps it.
    """

    client: Any
    api: str = "chat"
    stream: bool = False
    ran: list = field(default_factory=list)
    said: list = field(default_factory=list)
    reasons: list = field(default_factory=list)
    history: list = field(default_factory=list)
    extra: dict = field(default_factory=dict)

    def run(self, prompt="go"):
        self.history.append({"role": "user", "content": prompt})
        if isinstance(self.client, AsyncOpenAI):
            asyncio.run(self._to_end())
        else:
            while self._take(self._ask()):
                pass
        return self

    async def _to_end(self):
        await self.arun()
        await self.client.close()

    async def arun(self):
        while self._take(await self._aask()):
            pass
        return self

    def _arguments(self):
        if self.api == "chat":
            return {"model": "m", "messages": self.history, "tools": TOOLS, **self.extra}
        return {"model": "m", "input": self.history, "tools": FLAT, **self.extra}

    def _ask(self):
        place = self.client.chat.completions if self.api == "chat" else self.client.responses
        if not self.stream:
            return place.create(**self._arguments())
        with place.stream(**self._arguments()) as stream:
            for _ in stream:
                pass
            return (
                stream.get_final_completion() if self.api == "chat" else stream.get_final_response()
            )

    async def _aask(self):
        place = self.client.chat.completions if self.api == "chat" else self.client.responses
        if not self.stream:
            return await place.create(**self._arguments())
        async with place.stream(**self._arguments()) as stream:
            async for _ in stream:
                pass
            if self.api == "chat":
                return await stream.get_final_completion()
            return await stream.get_final_response()

    def _take(self, answer):
        """Keeps an answer and runs its calls; whether to go on."""
        if self.api == "chat":
            return self._take_chat(answer.choices[0])
        self.history += [
            item.model_dump(exclude_none=True, exclude={"parsed_arguments"})
            for item in answer.output
        ]
        self.said.append(answer.output_text)
        self.reasons.append(answer.status)
        calls = [item for item in answer.output if item.type == CALLS]
        for call in calls:
            self.ran.append(call.name)
            self.history.append(
                {"type": "function_call_output", "call_id": call.call_id, "output": "done"}
            )
        return bool(calls)

    def _take_chat(self, choice):
        calls = [
            {
                "id": c.id,
                "type": "function",
                "function": {"name": c.function.name, "arguments": c.function.arguments},
            }
            for c in choice.message.tool_calls or ()
        ]
        message = {"role": "assistant", "content": choice.message.content}
        self.history.append({**message, "tool_calls": calls} if calls else message)
        self.said.append(choice.message.content)
        self.reasons.append(choice.finish_reason)
        for call in calls:
            self.ran.append(call["function"]["name"])
            self.history.append({"role": "tool", "tool_call_id": call["id"], "content": "done"})
        return bool(calls)


def client_of(server, kind="sync", **options) -> Any:
    made = AsyncOpenAI if kind == "async" else OpenAI
    return made(base_url=server.url, api_key="none", max_retries=0, **options)
