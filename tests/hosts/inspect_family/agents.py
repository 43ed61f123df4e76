"""A scripted Inspect agent with tools that note when they ran."""

from dataclasses import dataclass, field
from uuid import uuid4

from inspect_ai import Task
from inspect_ai import eval as run_eval
from inspect_ai.dataset import Sample
from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessageAssistant,
    ContentReasoning,
    ContentText,
    ModelOutput,
    ModelUsage,
    get_model,
)
from inspect_ai.solver import generate, use_tools
from inspect_ai.tool import ToolCall, tool

from cotmon.hosts._inspect_watching import watcher_of

REASON = "The user asks for both, so I call both."


@dataclass
class Tools:
    """Tools that are as harmless as each other; only the monitor objects to one."""

    ran: list = field(default_factory=list)

    def make(self):
        ran = self.ran

        @tool
        def safe():
            async def execute(x: str) -> str:
                """Does it.

                Args:
                    x: what.
                """
                ran.append(("safe", x))
                return f"did {x}"

            return execute

        @tool
        def danger():
            async def execute(x: str) -> str:
                """Does it.

                Args:
                    x: what.
                """
                ran.append(("danger", x))
                return f"did {x}"

            return execute

        return [safe(), danger()]


def line(text="", reasoning="", calls=()):
    """One generation: calls as (id, name, x)."""
    content = [ContentReasoning(reasoning=reasoning)] if reasoning else []
    content.append(ContentText(text=text))
    made = [ToolCall(id=i, function=name, arguments={"x": x}) for i, name, x in calls]
    message = ChatMessageAssistant(content=content, tool_calls=made or None, source="generate")
    reason = "tool_calls" if made else "stop"
    usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
    choice = ChatCompletionChoice(message=message, stop_reason=reason)
    return ModelOutput(model="mockllm/model", choices=[choice], usage=usage)


BOTH = line("On it.", REASON, [("c1", "safe", "tea"), ("c2", "danger", "dynamite")])
END = line("Done.")


def ours():
    """The watch that all faces share."""
    watcher = watcher_of(None)
    assert watcher is not None
    return watcher


def task(tools, samples=1, **more):
    """A task that calls the model until it calls nothing."""
    data = [Sample(id=k, input=f"Do both, {k}.") for k in range(samples)]
    return Task(dataset=data, solver=[use_tools(tools.make()), generate()], **more)


def run(made, lines, tmp_path, **more):
    """The log of an evaluation of a task, with these generations for every sample."""

    def say(messages, tools, tool_choice, config):
        said = sum(m.role == "assistant" for m in messages)
        script = list(lines(messages) if callable(lines) else lines)
        out = script[min(said, len(script) - 1)].model_copy(deep=True)
        out.choices[0].message.id = uuid4().hex
        return out

    model = get_model("mockllm/model", custom_outputs=say, memoize=False)
    (log,) = run_eval(made, model=model, log_dir=str(tmp_path / "logs"), display="none", **more)
    assert log.samples is not None
    return log


def results(sample):
    """What the agent read for each call: id → (text, error)."""
    return {
        m.tool_call_id: (m.text, m.error.message if m.error else None)
        for m in sample.messages
        if m.role == "tool"
    }
