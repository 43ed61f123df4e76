"""Any compiled LangGraph graph, unchanged: every node gets a door, those that run tools a lock.

    graph = cotmon.watch(graph)

gives a copy of the same class and shape, to be used in its place, also as a part of other graphs.
A generation is judged as the node that made it ends; a node that runs tools lets through what may
run, answers for what may not, and interrupts the graph where a person is asked.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from cotmon.errors import UsageError
from cotmon.hosts._contract import HostCard, comes_from
from cotmon.watching import Watching


class _LangGraph:
    card = HostCard(
        name="langgraph",
        title="any compiled LangGraph graph",
        needs=("langgraph", "langchain-core"),
        reasoning="depends",
        text="yes",
        calls="yes",
        results="yes",
        pauses="depends",
        blocks="yes",
        survives="depends",
        streams="no",
        notes=(
            "Pausing needs a checkpointer; without one, ask becomes block.",
            "A pause survives a restart where the checkpointer writes to disk.",
            'A pause is an interrupt, answered by Command(resume={"decisions": [{"type": '
            '"approve"}]}) or reject, or from the terminal and then graph.invoke(None, config).',
            "Where a node runs several calls and a person is asked about one, none of that node "
            "runs before the answer; where the graph sends each call to a node of its own "
            "(create_agent does), the others run at once.",
            "Nodes that run tools are those made of a ToolNode, and those named in [watch] "
            "tool_nodes; a tool called in any other node cannot be stopped.",
            "Words are judged when the node that says them ends: with stream_mode='messages' all "
            "text, reasoning and tool-call tokens of a turn are out before; no tool has run.",
            "The model is not cancelled on a block: its generation is over by then. Where either "
            "matters, put cotmon proxy in front of the model: it judges words as they come.",
            "ChatOpenAI over chat completions drops the reasoning: use the Responses API "
            '(use_responses_api=True, output_version="v1"), a model class that keeps it, or '
            "cotmon proxy.",
            "Subgraphs that are nodes are gated too, each as a conversation of its own whose steps "
            "name the newest step of the graph around it.",
            "Agents started inside tools or functions are not gated unless they are watched "
            "themselves; the steps of one in a tool then name the call that started it, those of "
            "one in a function nothing.",
            "A system prompt that is not in the graph's state is not seen, nor are results of "
            "tools after which nothing more runs, until the thread goes on.",
        ),
    )

    def fits(self, agent: object) -> bool:
        """A graph of LangGraph that is compiled; a builder is not."""
        return comes_from(agent, "langgraph") and hasattr(agent, "update_state")

    def attach(self, agent: Any, watching: Watching) -> Any:
        """A watched copy of the graph."""
        try:
            module = import_module("cotmon.hosts._langgraph_attach")
        except ModuleNotFoundError as error:
            raise UsageError(f"{error}; install cotmon[langgraph]") from error
        return module.attach(agent, watching)


HOST = _LangGraph()
