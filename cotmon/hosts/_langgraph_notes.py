"""What can be told of a graph before it runs: by what its functions and tools refer to."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import Runnable, RunnableBinding, RunnableSequence
from langgraph.prebuilt import ToolNode
from langgraph.pregel import Pregel

from cotmon.hosts._langchain_messages import drops_reasoning
from cotmon.hosts._langgraph_node import Node


def agents_in_tools(graph: Pregel) -> list[str]:
    """Tools that run a graph which is not watched itself."""
    return sorted(
        name
        for bound in _bounds(graph)
        if isinstance(bound, ToolNode)
        for name, tool in bound.tools_by_name.items()
        for part in ("func", "coroutine")
        if any(_unwatched(value) for value in _referred(getattr(tool, part, None)))
    )


def graphs_in_functions(graph: Pregel) -> list[str]:
    """Nodes whose functions call a graph that is not watched itself."""
    return sorted(
        name
        for name, node in graph.nodes.items()
        if not isinstance(node.bound, Pregel) and any(_unwatched(g) for g in node.subgraphs)
    )


def deaf_models(graph: Pregel) -> list[str]:
    """Classes of models in the graph that drop the reasoning."""
    models = [model for bound in _bounds(graph) for model in _models(bound)]
    return sorted({type(model).__name__ for model in models if drops_reasoning(model)})


def _bounds(graph: Pregel) -> Iterator[Any]:
    for node in graph.nodes.values():
        if isinstance(node.bound, Pregel):
            yield from _bounds(node.bound)
        else:
            yield node.bound


def _models(thing: Any) -> Iterator[BaseChatModel]:
    steps = thing.steps if isinstance(thing, RunnableSequence) else [thing]
    for step in steps:
        referred = [step, *_referred(getattr(step, "func", None))]
        for value in [*referred, *_referred(getattr(step, "afunc", None))]:
            while isinstance(value, RunnableBinding):
                value = value.bound
            if isinstance(value, BaseChatModel):
                yield value
            elif isinstance(value, RunnableSequence):
                yield from _models(value)


def _unwatched(value: object) -> bool:
    value = getattr(value, "__self__", value)
    if not isinstance(value, Pregel):
        return False
    return not any(isinstance(node.bound, Node) for node in value.nodes.values())


def _referred(function: Any) -> list[Any]:
    """What a function reaches from outside its own body, as far as Python tells."""
    function = inspect.unwrap(function) if callable(function) else function
    function = getattr(function, "__func__", function)
    if not inspect.isfunction(function):
        return []
    found = inspect.getclosurevars(function)
    return [
        value
        for value in (*found.nonlocals.values(), *found.globals.values())
        if isinstance(value, Runnable) or inspect.ismethod(value)
    ]
