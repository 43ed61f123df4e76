"""The canary of Inspect: an evaluation of one sample with Inspect's own fake model."""

# Inspect has an environment of its own.
# pyright: reportMissingImports=false
from __future__ import annotations

import json
from typing import Any

from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessage,
    ChatMessageAssistant,
    ContentReasoning,
    ContentText,
    ModelOutput,
    ModelUsage,
    get_model,
)
from inspect_ai.solver import generate, use_tools
from inspect_ai.tool import Tool, ToolCall, ToolDef

from cotmon.hosts._canary import ALLOWED, BLOCKED, CALLS, REASON, CanaryResult
from cotmon.hosts.inspect import HOST
from cotmon.watching import Watching


def canary(watching: Watching | None) -> CanaryResult:
    """Runs the evaluation; Inspect's log of it goes with the folder.

    Raises:
        RuntimeError: the evaluation failed.
    """
    ran: list[str] = []
    told: list[str] = []

    def say(messages: list[ChatMessage], *_: Any) -> ModelOutput:
        told.extend(f"{m.role}: {m.text}" for m in messages)
        return _output(first=not any(m.role == "assistant" for m in messages))

    tools = [_singer(name, ran) for name in (ALLOWED, BLOCKED)]
    task = Task(dataset=[Sample(input="Sing.")], solver=[use_tools(tools), generate()])
    model = get_model("mockllm/model", custom_outputs=say, memoize=False)
    made = task if watching is None else HOST.attach(task, watching)
    (log,) = eval(made, model=model, log_dir="logs", display="none")
    if log.status != "success":
        raise RuntimeError(f"the evaluation failed: {log.error and log.error.message}")
    return CanaryResult(tuple(ran), tuple(told))


def _singer(name: str, ran: list[str]) -> Tool:
    async def sing(text: str) -> str:
        ran.append(name)
        return "done"

    return ToolDef(sing, name=name, description="Sings.", parameters={"text": "what"}).as_tool()


def _output(first: bool) -> ModelOutput:
    calls = [
        ToolCall(id=f"call_{k}", function=name, arguments=json.loads(arguments))
        for k, (name, arguments) in enumerate(CALLS)
    ]
    message = ChatMessageAssistant(
        content=[ContentReasoning(reasoning=REASON), ContentText(text="Singing.")]
        if first else "Done.",
        tool_calls=calls if first else None,
    )  # fmt: skip
    return ModelOutput(
        model="mockllm/model",
        choices=[ChatCompletionChoice(message=message)],
        usage=ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2),
    )
