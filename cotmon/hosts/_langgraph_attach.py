"""A watched copy of a compiled graph; the graph itself is left as it is."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

from langchain_core.runnables import RunnableSequence, ensure_config
from langgraph.constants import START
from langgraph.prebuilt import ToolNode
from langgraph.pregel import Pregel
from langgraph.pregel.remote import RemoteGraph

from cotmon.errors import UsageError
from cotmon.hosts._langchain_messages import DEAF
from cotmon.hosts._langgraph_gate import RUN, Gate
from cotmon.hosts._langgraph_node import Node, ToolDoor
from cotmon.hosts._langgraph_notes import agents_in_tools, deaf_models, graphs_in_functions
from cotmon.watching import Watcher, Watching

_log = logging.getLogger(__name__)


def attach(graph: object, watching: Watching) -> Any:
    """A copy of the graph with a door at every node, of the same class and shape.

    Raises:
        UsageError: the graph runs elsewhere, is watched already, or nothing could be enforced.
    """
    if isinstance(graph, RemoteGraph) or not isinstance(graph, Pregel):
        raise UsageError("this graph runs elsewhere: watch it where it is compiled")
    if any(isinstance(node.bound, Node) for node in graph.nodes.values()):
        raise UsageError("this graph is watched already")
    named = watching.settings.tool_nodes
    doors = sorted(_doors(graph, named))
    if watching.settings.enforces and not doors:
        raise UsageError(
            "no node of this graph is a ToolNode, so no tool call could be stopped; name the "
            f"nodes that run tools in [watch] tool_nodes ({', '.join(_own(graph))}), or observe"
        )
    watcher = Watcher(watching, "langgraph", can_pause=graph.checkpointer not in (None, False))
    _say(graph, watcher, doors)
    gate = Gate(watcher, graph.name)
    return _threaded(_copied(graph, gate, named), graph, watcher)


def _copied(graph: Pregel, gate: Gate, named: tuple[str, ...]) -> Pregel:
    nodes = {
        name: node if name == START else node.copy(_watched(name, node.bound, gate, named))
        for name, node in graph.nodes.items()
    }
    return graph.copy({"nodes": nodes})


def _watched(name: str, bound: Any, gate: Gate, named: tuple[str, ...]) -> dict[str, Any]:
    """What of a node is replaced."""
    if isinstance(bound, Pregel):
        inner = _copied(bound, gate, named)
        return {"bound": Node(inner, gate, speaks=False), "subgraphs": [inner]}
    if isinstance(bound, ToolNode) or name in named:
        return {"bound": ToolDoor(bound, gate)}
    if isinstance(bound, RunnableSequence):
        first, *middle, last = bound.steps
        return {
            "bound": RunnableSequence(
                Node(first, gate, speaks=False), *middle, Node(last, gate, hears=False)
            )
        }
    return {"bound": Node(bound, gate)}


def _threaded(graph: Pregel, original: Pregel, watcher: Watcher) -> Pregel:
    """Names every run that has no thread, so that runs beside each other are told apart.

    It is drawn as the original. The class is derived, not the object changed: graphs are copied
    attribute by attribute.
    """
    kind: Any = type(graph)

    class Watched(kind):
        cotmon = watcher

        def stream(self, input: Any, config: Any = None, **kwargs: Any) -> Iterator[Any]:
            return super().stream(input, _with_run(config), **kwargs)

        def astream(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
            return super().astream(input, _with_run(config), **kwargs)

        def get_graph(self, *args: Any, **kwargs: Any) -> Any:
            return original.get_graph(*args, **kwargs)

        async def aget_graph(self, *args: Any, **kwargs: Any) -> Any:
            return await original.aget_graph(*args, **kwargs)

    Watched.__name__, Watched.__qualname__ = kind.__name__, kind.__qualname__
    own = {k: v for k, v in graph.__dict__.items() if k != "__orig_class__"}
    return Watched(**own)


def _with_run(config: Any) -> Any:
    around = ensure_config(config).get("configurable", {})
    if "thread_id" in around or RUN in around:
        return config
    settings = (config or {}).get("configurable") or {}
    return {**(config or {}), "configurable": {**settings, RUN: f"run-{uuid4()}"}}


def _doors(graph: Pregel, named: tuple[str, ...]) -> Iterator[str]:
    for name, node in graph.nodes.items():
        if isinstance(node.bound, Pregel):
            yield from (f"{name}/{inner}" for inner in _doors(node.bound, named))
        elif isinstance(node.bound, ToolNode) or name in named:
            yield name


def _own(graph: Pregel) -> list[str]:
    return [name for name in graph.nodes if name != START]


def _say(graph: Pregel, watcher: Watcher, doors: list[str]) -> None:
    """What this watch does not see or cannot do, before the agent runs."""
    if not watcher.can_pause:
        _log.warning(
            "this graph has no checkpointer, so it cannot wait for a person: what would be asked "
            "(`ask`) is blocked (`block`); compile it with a checkpointer"
        )
    if not doors:
        _log.warning(
            "no node of this graph is a ToolNode: tools called in %s are seen only as the words "
            "of the agent and cannot be stopped; name nodes that run tools in [watch] tool_nodes",
            ", ".join(_own(graph)),
        )
    for tool in agents_in_tools(graph):
        _log.warning(
            "tool %s runs an agent of its own, whose steps are not gated here; watch that agent "
            "too: inner = cotmon.watch(inner)", tool,
        )  # fmt: skip
    for node in graphs_in_functions(graph):
        _log.warning(
            "node %s calls a graph of its own, whose steps are not gated here; watch that graph "
            "too: inner = cotmon.watch(inner)", node,
        )  # fmt: skip
    for model in deaf_models(graph):
        _log.warning(DEAF, model)
