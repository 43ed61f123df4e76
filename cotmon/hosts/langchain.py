"""LangChain v1 `create_agent`: every answer of the model is judged before a tool of it runs.

    agent = create_agent(model, tools, middleware=[cotmon.hosts.langchain.middleware()])

or, for every agent that is made from then on:

    create_agent = cotmon.watch(create_agent)

A compiled agent takes no more middleware; `watch` treats it as any LangGraph graph.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from typing import Any

from cotmon.errors import UsageError
from cotmon.hosts._contract import HostCard
from cotmon.watching import Watching, read_settings

_FACTORY = ("langchain.agents.factory", "create_agent")


def middleware(config: str | os.PathLike[str] | None = None) -> Any:
    """A middleware for `create_agent`; list it last, so that it judges what really runs.

    A question to a person is an interrupt in the payload of LangChain's HumanInTheLoopMiddleware,
    answered by `Command(resume={"decisions": [{"type": "approve"}]})` (or `reject`), or from the
    terminal and then `agent.invoke(None, config)`.

    Args:
        config: a `cotmon.toml`; None takes the project's. Without `mode = "enforce"` in it, the
            agent is only observed.

    Raises:
        UsageError: LangChain is not installed.
        ContentError: the settings are wrong.
    """
    return _made(read_settings(config))


def _made(watching: Watching) -> Any:
    try:
        module = import_module("cotmon.hosts._langchain_middleware")
    except ModuleNotFoundError as error:
        raise UsageError(f"{error}; install cotmon[langchain]") from error
    return module.made(watching)


class _LangChain:
    card = HostCard(
        name="langchain",
        title="LangChain create_agent",
        needs=("langchain", "langgraph"),
        reasoning="depends",
        text="yes",
        calls="yes",
        results="yes",
        pauses="depends",
        blocks="yes",
        survives="depends",
        streams="depends",
        again="yes",
        notes=(
            "Pausing needs a checkpointer; without one, a question to a person becomes a block.",
            "A pause survives a restart where the checkpointer writes to disk.",
            "ChatOpenAI over chat completions drops the reasoning: use the Responses API "
            '(use_responses_api=True, output_version="v1"), a model class that keeps it, or '
            "cotmon proxy.",
            "Words are judged as they come where the model streams, that is where tokens are "
            "watched (stream_mode='messages', astream_events) or the model has streaming=True; a "
            "generation whose calls could only be blocked is then ended at the model server.",
            "Who watches tokens sees a call once it is judged and runs at once; one that is "
            "refused or waits for a person is never shown there. The agent's state has it, with "
            "its result, and so have stream_mode='values' and 'updates'.",
            "Under enforce LangChain's cache of answers is not used.",
            "The stream of a model that is no BaseChatModel (init_chat_model with "
            "configurable_fields) is not watched, and the log says so; no tool runs unjudged.",
            "Where a protocol may have a turn said again, none of its words is shown before one "
            "output goes on; then it is shown at once, and stands twice in traces. The trusted "
            "model is asked through ChatOpenAI.",
            "Tools that the model's provider runs itself are over before they are seen.",
            "List the middleware last: one listed after it may change a call once it was judged.",
            "Where a question is open, nothing of the same turn runs before the answer.",
            "Sub-agents are watched where they have the middleware too, each as a conversation of "
            "its own: the name of its thread begins with that of the agent that started it, and "
            "its steps name the call that did. Else only that call is seen.",
        ),
    )

    def fits(self, agent: object) -> bool:
        """Only the factory `create_agent`: what it has made can no longer take a middleware."""
        where = getattr(agent, "__module__", None), getattr(agent, "__qualname__", None)
        return where == _FACTORY

    def attach(self, agent: Callable[..., Any], watching: Watching) -> Callable[..., Any]:
        """A `create_agent` whose agents are all watched, each by a middleware of its own."""

        @wraps(agent)
        def create_agent(*args: Any, middleware: Any = (), **rest: Any) -> Any:
            return agent(*args, middleware=[*middleware, own], **rest)

        own = _made(watching)
        return create_agent


HOST = _LangChain()
