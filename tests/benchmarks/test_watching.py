"""What watching costs: time a step in a real graph, memory over a long life, many agents at once."""

import gc
import json
import random
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import psutil
import pytest
from invented import Prose
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import tool
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition

from cotmon.content import find_set, members
from cotmon.engine import load_monitors
from cotmon.hosts import watch
from cotmon.models import Models
from cotmon.records import Call, Message, Source, Transcript
from cotmon.watching import Said, ToolCall, Watcher, read_settings
from cotmon.watching import watcher as watcher_module
from cotmon.watching.watcher import REMEMBERED

PIECES = 60
THREADS, TURNS = 25, 20
STEPS = 10_000
MOST = 400
"""Bytes by which a step may make a long conversation grow; its own words are about 120."""
AGENTS, EACH = 64, 8
MODES = ("observe", "enforce")


class Sentences:
    """Sentences of 60 word pieces, never the same one twice."""

    def __init__(self, encoder, seed: int) -> None:
        self._cut, self._prose = encoder.windows, Prose(seed)

    def next(self) -> str:
        text = self._prose.paragraph(6).replace(".", ",").lower()
        return text[: self._cut(text, PIECES)[0][1]].strip(" ,") + "."


class Scripted(BaseChatModel):
    """Says a new sentence and calls a tool, `turns` times; then it is done. Notes when it ran."""

    said: Iterator[str]
    turns: int
    began: list[float] = []

    @property
    def _llm_type(self):
        return "scripted"

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        self.began.append(time.perf_counter())
        k = sum(isinstance(m, ToolMessage) for m in messages)
        arguments = {"path": f"src/part_{len(self.began)}.py"}
        calls = [{"name": "look", "args": arguments, "id": f"c{k}"}] if k < self.turns else []
        more = {"reasoning_content": next(self.said)} if calls else {}
        message = AIMessage(
            content="" if calls else "Done.", tool_calls=calls, additional_kwargs=more
        )
        return ChatResult(generations=[ChatGeneration(message=message)])


@tool
def look(path: str) -> str:
    """Looks at a file."""
    return f"{path} has {len(path)} lines"


def graph_of(model):
    def agent(state):
        return {"messages": [model.invoke(state["messages"])]}

    graph = StateGraph(MessagesState)
    graph.add_node("agent", agent)
    graph.add_node("tools", ToolNode([look]))
    graph.add_edge(START, "agent")
    graph.add_conditional_edges("agent", tools_condition)
    graph.add_edge("tools", "agent")
    return graph.compile()


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project in a folder of its own, with a store of its own, and the default set."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COTMON_MODE", raising=False)
    stores = iter(range(100))

    def write(mode="observe"):
        path = tmp_path / "cotmon.toml"
        path.write_text(
            f'[store]\nurl = "sqlite:///{tmp_path}/watch{next(stores)}.db"\n'
            f'[watch]\nmode = "{mode}"\nask = 1.01\ntimeout_ms = 60000\n'
        )
        return path

    return write


@pytest.mark.parametrize("mode", MODES)
def test_added_latency_in_a_graph(bench, project, mode):
    """A turn is the sentence, the call and its result: all that is added counts for the sentence."""
    encoder = Models().encoder
    sentences = Sentences(encoder, 7)
    model = Scripted(said=iter(sentences.next, None), turns=TURNS)
    bare = graph_of(model)
    watched = watch(bare, project(mode))
    alone, beside, calls = [], [], []
    for k in range(THREADS + 1):  # the first warms up
        timed = {
            name: turns_of(graph, model) for name, graph in (("bare", bare), ("watched", watched))
        }
        texts = [sentences.next() for _ in range(TURNS)]
        if k:
            alone += timed["bare"]
            beside += timed["watched"]
            calls += [seconds_of(encoder, text) for text in texts]
    watched.cotmon.close()
    assert not watched.cotmon.faults and len(beside) == THREADS * TURNS
    once, usual = statistics.median(calls), statistics.median(alone)
    p50, p99 = np.percentile([seconds - usual for seconds in beside], (50, 99))
    n = f"n = {len(beside)}"
    bench.line(f"one bare encoder call, {PIECES} pieces, p50", once * 1e3, "ms")
    bench.line("  the same, p99", float(np.percentile(calls, 99)) * 1e3, "ms")
    bench.line(f"added to a turn of a graph, {mode}, p50, {n}", p50 * 1e3, "ms")
    bench.line("  p50 ÷ the bare call", p50 / once, "times", most=2)
    bench.line("  p99 ÷ the bare call", p99 / once, "times", most=5)


def turns_of(graph, model):
    """Seconds of every turn: from one generation to the next."""
    model.began.clear()
    graph.invoke({"messages": [("user", "go on")]}, {"recursion_limit": 4 * TURNS})
    return [b - a for a, b in zip(model.began, model.began[1:], strict=False)]


def seconds_of(encoder, text):
    start = time.perf_counter()
    encoder.embed([text])
    return time.perf_counter() - start


class Lives:
    """What agents say: turns of a sentence, a call and its result, as hosts and logs have them."""

    def __init__(self, encoder, seed: int) -> None:
        self._sentences, self._random = Sentences(encoder, seed), random.Random(seed)

    def turns(self, count: int):
        return [
            (self._sentences.next(), json.dumps({"path": f"src/{self._random.random()}.py"}))
            for _ in range(count)
        ]

    @staticmethod
    def live(conversation, turns, name="m"):
        """Hears and judges as a host does; the fewest new messages each time."""
        conversation.hear([(f"{name}0", {"role": "user", "content": "go on"})])
        for k, (sentence, arguments) in enumerate(turns, 1):
            call = ToolCall(f"c{k}", "look", arguments)
            function = {"name": "look", "arguments": arguments}
            made = {"id": call.id, "type": "function", "function": function}
            chat = {"role": "assistant", "reasoning_content": sentence, "content": "",
                    "tool_calls": [made]}  # fmt: skip
            conversation.judge(Said(message=f"{name}{k}", chat=chat, calls=(call,)))
            result = {"role": "tool", "tool_call_id": call.id, "content": f"{k} lines"}
            conversation.hear([(f"{name}{k}r", result)])
            yield k

    @staticmethod
    def logged(name, turns):
        """The same as a transcript for a replay."""
        messages = [Message(id="0.b1", turn="0", module="user", channel="brief", text="go on")]
        for k, (sentence, arguments) in enumerate(turns, 1):
            call = Call(name="look", arguments=arguments, id=f"c{k}")
            messages += [
                Message(id=f"{k}.r1", turn=str(k), module="agent", channel="reasoning",
                        provenance="raw", text=sentence),
                Message(id=f"{k}.a1", turn=str(k), module="agent", channel="action",
                        text=arguments, call=call),
                Message(id=f"{k}o.o1", turn=f"{k}o", module="tool look", channel="observation",
                        text=f"{k} lines", answers=f"c{k}"),
            ]  # fmt: skip
        return Transcript(
            id=name, source=Source(file="-", format="bench"), messages=tuple(messages)
        )


def test_memory_over_ten_thousand_steps(bench, project):
    """One conversation of sentence, call and result, where others have filled what all share."""
    watcher = Watcher(read_settings(project()), "bench", can_pause=True)
    lives, sizes = Lives(watcher_encoder(watcher), 11), {}
    fill(watcher, lives)
    began = resident(watcher)
    for k in lives.live(watcher.conversation("long"), lives.turns(STEPS // 3)):
        if 3 * k in (2_001, 4_998, 7_500, 9_999):
            sizes[3 * k] = resident(watcher)
    with watcher.store.reading() as connection:
        decided = watcher.store.watches.decided(connection)
    assert len(decided) == REMEMBERED + STEPS // 3 and not watcher.faults
    watcher.close()
    for steps, size in sizes.items():
        bench.line(f"memory after {steps:,} steps of one conversation", size / 1e6, "MB")
    bench.line("  growth of the first 2,000 steps", (sizes[2_001] - began) / 1e6, "MB")
    grown = (sizes[9_999] - sizes[2_001]) / (9_999 - 2_001)
    bench.line("  growth from 2,000 to 10,000 steps", grown, "bytes a step", most=MOST)
    assert grown <= MOST


def test_memory_of_conversations_that_are_over(bench, project, monkeypatch):
    """64 conversations of 200 steps, then 64 others in their place; then all are over."""
    monkeypatch.setattr(watcher_module, "KEPT", AGENTS)
    watcher = Watcher(read_settings(project()), "bench", can_pause=True)
    lives, sizes = Lives(watcher_encoder(watcher), 17), []
    fill(watcher, lives)
    began = resident(watcher)
    for generation in range(2):
        for k in range(AGENTS):
            for _ in lives.live(watcher.conversation(f"{generation}.{k}"), lives.turns(200 // 3)):
                pass
        sizes.append(resident(watcher))
    for k in range(AGENTS):
        watcher.conversation(f"empty {k}")
    left = resident(watcher)
    assert not watcher.faults
    watcher.close()
    each = (sizes[0] - began) / AGENTS
    bench.line(f"memory of {AGENTS} conversations of 200 steps, each", each / 1e3, "kB")
    bench.line("  more for the next as many", (sizes[1] - sizes[0]) / 1e6, "MB")
    bench.line("  given back to the system once all are over", (sizes[1] - left) / 1e6, "MB")


def resident(watcher):
    """Bytes of this process in memory, with nothing waiting to be written or collected."""
    watcher.recorder.flush()
    gc.collect()
    return psutil.Process().memory_info().rss


def fill(watcher, lives):
    """An agent before, that says as many sentences as the encoder remembers."""
    for _ in lives.live(watcher.conversation("before"), lives.turns(REMEMBERED)):
        pass


def watcher_encoder(watcher):
    return next(m.kind.encoder for m in watcher.monitors if m.card.kind == "concepts")


@pytest.mark.parametrize("mode", MODES)
def test_many_agents_against_a_replay(bench, project, replayed, mode):
    """CPU seconds of 64 agents in 64 threads, and of a replay of what they said."""
    lives = Lives(Models().encoder, 13)
    ratios = []
    for _ in range(3):
        said = {f"agent-{k}": lives.turns(EACH) for k in range(AGENTS)}
        watcher = Watcher(read_settings(project(mode)), "bench", can_pause=True)

        def one(name, said=said, watcher=watcher):
            return sum(1 for _ in lives.live(watcher.conversation(name), said[name]))

        def all_live(said=said, watcher=watcher, one=one):
            with ThreadPoolExecutor(AGENTS) as pool:
                assert sum(pool.map(one, said)) == AGENTS * EACH
            watcher.recorder.flush()

        living = bench.cpu(all_live, best_of=1)
        watcher.close()
        assert not watcher.faults
        log = replayed.write([lives.logged(name, turns) for name, turns in said.items()])
        monitors = load_monitors(members(find_set("default")), Models())
        steps = 0

        def replay(log=log, monitors=monitors):
            nonlocal steps
            steps = replayed.run(log, monitors, new=True)

        replaying = bench.cpu(replay, best_of=1)
        assert steps == AGENTS * (3 * EACH + 1)
        ratios.append((replaying / living, steps / living, steps / replaying))
    ratio, living, replaying = sorted(ratios)[1]
    bench.line(f"{AGENTS} agents at once, {mode}, {AGENTS * (3 * EACH + 1)} steps",
               living, "steps / CPU s")  # fmt: skip
    bench.line("  replay of the same", replaying, "steps / CPU s")
    bench.line("  agents ÷ replay, median of 3", ratio, "times", least=0.8)
