"""What the tests of LangChain and LangGraph share: two tools, the lines of a model, answers."""

import threading
from typing import Any

from langchain_core.tools import tool
from scripted import Line

TWO = Line(
    text="Calling.",
    calls=(("c1", "safe", '{"x": 1}'), ("c2", "danger", '{"x": "dynamite"}')),
)
ONE = Line(text="Calling.", calls=(("c1", "danger", '{"x": "dynamite"}'),))
END = Line(text="Done.")
APPROVE, REJECT = {"type": "approve"}, {"type": "reject"}
THREAD: Any = {"configurable": {"thread_id": "t"}}
GO: Any = {"messages": [("user", "go")]}
BLOCK = "block = 0.5"
REFUSED = "This call was not carried out."


class Tools:
    """Two tools that note that they ran."""

    def __init__(self):
        self.ran = []

        @tool
        def safe(x: int) -> str:
            """Harmless."""
            self.ran.append("safe")
            return f"safe {x}"

        @tool
        def danger(x: str) -> str:
            """Harmful."""
            self.ran.append(f"danger {x}")
            return f"danger {x}"

        self.both = [safe, danger]


def scoring(own, monkeypatch):
    """The threads in which a middleware's steps are scored from now on."""
    where = []
    score = own.watcher.scorer.score

    def noted(*wanted):
        where.append(threading.current_thread())
        return score(*wanted)

    monkeypatch.setattr(own.watcher.scorer, "score", noted)
    return where
