"""The canary of LangGraph: a plain graph of a model's node and a ToolNode."""

from __future__ import annotations

from typing import Any

from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition

from cotmon.hosts._canary import CanaryResult
from cotmon.hosts._canary_singer import Singer, singers
from cotmon.hosts.langgraph import HOST
from cotmon.watching import Watching


def canary(watching: Watching | None) -> CanaryResult:
    """Runs the graph."""
    ran: list[str] = []
    model = Singer()

    def say(state: MessagesState) -> dict[str, Any]:
        return {"messages": [model.invoke(state["messages"])]}

    graph = StateGraph(MessagesState)
    graph.add_node("model", say)
    graph.add_node("tools", ToolNode(singers(ran)))
    graph.add_edge(START, "model")
    graph.add_conditional_edges("model", tools_condition)
    graph.add_edge("tools", "model")
    made: Any = graph.compile()
    watched = made if watching is None else HOST.attach(made, watching)
    watched.invoke({"messages": [("user", "Sing.")]})
    return CanaryResult(tuple(sorted(ran)), tuple(model.told))
