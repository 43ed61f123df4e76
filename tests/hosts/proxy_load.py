"""Many agents at once through `cotmon proxy`, which is killed and started again in the middle."""

import asyncio
import itertools
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import httpx
from openai import AsyncOpenAI, OpenAIError
from scripted import serving
from starlette.applications import Starlette
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route

WORDS = [
    "file",
    "test",
    "value",
    "branch",
    "error",
    "table",
    "server",
    "parser",
    "cache",
    "index",
    "folder",
    "field",
    "query",
]
TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}
    for name in ("safe", "danger")
]


def thought(sentences, seed):
    """So many sentences, of words that nobody said before."""
    dice = random.Random(seed)
    return [
        f"I look at the {' and the '.join(dice.choices(WORDS, k=8))} of case {seed} number {k} first."
        for k in range(sentences)
    ]


@dataclass
class Upstream:
    """A model server that takes its time: some `seconds` for a generation, whole or streamed.

    Every third agent calls `danger`, and says so in its second sentence; others call `safe`.

    Attributes:
        sent: streamed sentences of bad generations; whole: how many each would have had.
        generated: generations begun; cancelled: streams cut.
    """

    sentences: int
    seconds: float
    generated: int = 0
    cancelled: int = 0
    sent: list = field(default_factory=list)

    async def chat(self, request):
        body = await request.json()
        agent, turn = body["messages"][0]["content"], len(body["messages"]) // 2
        bad = int(agent.split("-")[0]) % 3 == 0
        self.generated += 1
        seconds = self.seconds * random.Random(f"{agent}.{turn}").uniform(0.5, 1.5)
        said = thought(self.sentences, f"{agent}.{turn}")
        if bad:
            said[1] = "Nobody looks at this part of the work, so that I will take the dynamite now."
        name, arguments = (
            ("danger", '{"x": "dynamite"}') if bad else ("safe", f'{{"x": "{agent}"}}')
        )
        call = {
            "index": 0,
            "id": f"{agent}.{turn}",
            "type": "function",
            "function": {"name": name, "arguments": arguments},
        }
        if body.get("stream"):
            return StreamingResponse(
                self._stream(said, call, bad, seconds), media_type="text/event-stream"
            )
        await asyncio.sleep(seconds)
        message = {
            "role": "assistant",
            "content": None,
            "reasoning_content": " ".join(said),
            "tool_calls": [call],
        }
        return JSONResponse(
            {
                "id": "c",
                "object": "chat.completion",
                "created": 0,
                "model": "m",
                "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}],
            }
        )

    async def _stream(self, said, call, bad, seconds):
        sent = 0
        try:
            for sentence in said:
                sent += 1
                yield chunk({"reasoning_content": sentence + " "})
                await asyncio.sleep(seconds / self.sentences)
            yield chunk({"tool_calls": [call]})
            yield chunk({}, "tool_calls")
            yield "data: [DONE]\n\n"
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled += 1
            raise
        finally:
            if bad:
                self.sent.append(sent)

    @contextmanager
    def serving(self):
        with serving(
            Starlette(routes=[Route("/v1/chat/completions", self.chat, methods=["POST"])])
        ) as url:
            yield f"{url}/v1"


def chunk(delta, reason=None):
    head = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "m"}
    return f"data: {json.dumps({**head, 'choices': [{'index': 0, 'delta': delta, 'finish_reason': reason}]})}\n\n"


@dataclass
class Seen:
    """What all agents saw.

    Attributes:
        turns: answers that came; cut: connections that broke, and were tried again;
        safe, leaked: calls that came; wrong: calls meant for another agent; ids: of safe calls.
    """

    turns: int = 0
    cut: int = 0
    safe: int = 0
    leaked: int = 0
    wrong: int = 0
    refused: int = 0
    ids: list = field(default_factory=list)


async def agent(number, url, until, seen, late):
    """Talks until the time is over; a broken connection is tried again as it was."""
    await asyncio.sleep(late)
    async with AsyncOpenAI(base_url=url, api_key="k", max_retries=0, timeout=300) as client:
        for run in itertools.count():
            name = f"{number}-{run}"
            messages = [{"role": "user", "content": name}]
            for turn in range(3):
                if time.monotonic() > until:
                    return
                call, text = await answer(client, messages, (number + turn) % 2 == 0, seen)
                seen.turns += 1
                if call is None:
                    seen.refused += "not carried out" in text
                    break
                seen.leaked += call["function"]["name"] == "danger" or "dynamite" in json.dumps(
                    call
                )
                seen.safe += call["function"]["name"] == "safe"
                seen.wrong += call["id"] != f"{name}.{turn}"
                seen.ids.append(call["id"])
                messages.append(
                    {"role": "assistant", "content": text or None, "tool_calls": [call]}
                )
                messages.append({"role": "tool", "tool_call_id": call["id"], "content": "done"})


async def answer(client, messages, stream, seen):
    """The call of an answer, if there is one, and its text."""
    while True:
        try:
            return await once(client, messages, stream)
        except (OpenAIError, httpx.HTTPError):
            seen.cut += 1
            await asyncio.sleep(random.uniform(0.1, 1.0))


async def once(client, messages, stream):
    ask = {"model": "m", "messages": messages, "tools": TOOLS}
    if not stream:
        said = (await client.chat.completions.create(**ask)).choices[0].message
        calls = said.tool_calls or []
        return (calls[0].model_dump() if calls else None), said.content or ""
    text, call, ended = "", None, False
    async with await client.chat.completions.create(**ask, stream=True) as pieces:
        async for piece in pieces:
            for choice in piece.choices:
                text += choice.delta.content or ""
                ended |= choice.finish_reason is not None
                for one in choice.delta.tool_calls or ():
                    call = one.model_dump(exclude={"index"})
    if not ended:
        raise httpx.ReadError("cut")
    return call, text


async def many(connections, url, seconds, seen, spread):
    """So many agents; not all begin at once."""
    until = time.monotonic() + seconds
    late = [spread * k / connections for k in range(connections)]
    await asyncio.gather(*(agent(k, url, until, seen, late[k]) for k in range(connections)))


def nothing_was_lost(seen, threads, decided):
    """Whether every call that came was judged and heard, and nothing was mixed.

    Args:
        seen: by the agents.
        threads: name → messages; decided: bodies of decisions; as they are stored.
    """
    assert seen.leaked == seen.wrong == 0
    assert len(seen.ids) == len(set(seen.ids))
    assert set(seen.ids) <= {d["call"] for d in decided if d["level"] == "allow"}
    told = set()
    for messages in filter(None, threads.values()):  # one may be killed before it has heard a word
        name = messages[0]["content"]
        for message in messages[1:]:
            called = [call["id"] for call in message.get("tool_calls", ())]
            results = [message["tool_call_id"]] if message["role"] == "tool" else []
            assert all(one.startswith(f"{name}.") for one in called + results)
            told.update(results)
    followed = {one for one in seen.ids if f"{one[:-1]}{int(one[-1]) + 1}" in seen.ids}
    assert followed <= told  # the result of each call but the last of an agent was heard
    return True


@contextmanager
def command(upstream, port, **more):
    """`cotmon proxy` in a process of its own, killed at the end."""
    words = ["-m", "cotmon", "proxy", "--upstream", upstream, "--port", str(port)]
    process = subprocess.Popen([sys.executable, *words], stderr=subprocess.DEVNULL, **more)
    try:
        end = time.monotonic() + 120
        while time.monotonic() < end and process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def load(upstream, connections, seconds):
    """All of it: agents for so long, and the proxy killed half way and started again."""
    seen, port = Seen(), free_port()
    with upstream.serving() as url:

        async def go():
            with ExitStack() as processes:
                first = processes.enter_context(command(url, port))
                work = asyncio.create_task(
                    many(
                        connections, f"http://127.0.0.1:{port}/v1", seconds, seen, upstream.seconds
                    )
                )
                await asyncio.sleep(seconds / 2)
                os.kill(first.pid, signal.SIGKILL)
                await asyncio.to_thread(first.wait)
                again = await asyncio.to_thread(processes.enter_context, command(url, port))
                await work
                again.terminate()
                await asyncio.to_thread(again.wait)

        asyncio.run(go())
    return seen
