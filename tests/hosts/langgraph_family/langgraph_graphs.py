"""Real graphs of every make, tools that note that they ran, and what is read back."""

from pathlib import Path

import pytest
from langchain.agents import create_agent
from langchain_core.messages import ToolMessage
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.graph import END as STOP
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from langgraph.types import Command


class Reasoning(ChatOpenAI):
    """Keeps what OpenAI's own class drops."""

    def _create_chat_result(self, response, generation_info=None):
        result = super()._create_chat_result(response, generation_info)
        kept = response.choices[0].message.model_extra.get("reasoning_content")
        result.generations[0].message.additional_kwargs["reasoning_content"] = kept
        return result


def model_of(server, kind=ChatOpenAI):
    return kind(model="scripted", base_url=server.url, api_key="none", max_retries=0)


def edges(server, tools, saver=None, kind=ChatOpenAI, state=MessagesState):
    """The classic graph: one tool node runs all calls of a turn."""
    model = model_of(server, kind).bind_tools(tools)

    def agent(state):
        given = state["messages"] if isinstance(state, dict) else state.messages
        return {"messages": [model.invoke(given)]}

    graph = StateGraph(state)
    graph.add_node("agent", agent)
    graph.add_node("tools", ToolNode(tools))
    graph.add_edge(START, "agent")
    graph.add_conditional_edges("agent", tools_condition)
    graph.add_edge("tools", "agent")
    return graph.compile(checkpointer=saver)


def sends(server, tools, saver=None, kind=ChatOpenAI):
    """What `create_agent` makes: each call is sent to a tool node of its own."""
    return create_agent(model_of(server, kind), tools, checkpointer=saver)


def chained(server, tools, saver=None):
    """A node that is a chain of runnables."""
    chain = RunnableLambda(lambda state: state["messages"])
    chain = chain | model_of(server).bind_tools(tools) | (lambda said: {"messages": [said]})
    graph = StateGraph(MessagesState)
    graph.add_node("agent", chain)
    graph.add_node("tools", ToolNode(tools))
    graph.add_edge(START, "agent")
    graph.add_conditional_edges("agent", tools_condition)
    graph.add_edge("tools", "agent")
    return graph.compile(checkpointer=saver)


BOTH = pytest.mark.parametrize("graph_of", [edges, sends])


def answer(*decisions):
    return Command(resume={"decisions": list(decisions)})


def results(state):
    return {m.tool_call_id: m.content for m in state["messages"] if m.type == "tool"}


def noted(watcher):
    """(tool, level) of every decision that is on disk."""
    watcher.recorder.flush()
    with watcher.store.reading() as connection:
        found = watcher.store.watches.decided(connection)
    return [(body["tool"], body["level"]) for _, body in found]


def stored(watcher):
    watcher.recorder.flush()
    with watcher.store.reading() as connection:
        watches = watcher.store.watches
        return {
            t.thread: watches.messages(connection, t.run, t.thread)
            for t in watches.threads(connection)
        }


def failing(*_):
    raise RuntimeError("monitor is broken")


@tool("danger")
def written(x: str) -> str:
    """Harmful."""
    with Path("ran").open("a") as file:
        file.write(x + "\n")
    return "ok"


def by_hand(server, tools, saver=None):
    """Tools called in an ordinary node, as many tutorials do."""
    model, named = model_of(server).bind_tools(tools), {t.name: t for t in tools}

    def act(state):
        return {
            "messages": [
                ToolMessage(named[c["name"]].invoke(c["args"]), tool_call_id=c["id"])
                for c in state["messages"][-1].tool_calls
            ]
        }

    graph = StateGraph(MessagesState)
    graph.add_node("think", lambda state: {"messages": [model.invoke(state["messages"])]})
    graph.add_node("act", act)
    graph.add_edge(START, "think")
    graph.add_conditional_edges(
        "think", lambda s: "act" if s["messages"][-1].tool_calls else STOP, ["act", STOP]
    )
    graph.add_edge("act", "think")
    return graph.compile(checkpointer=saver)
