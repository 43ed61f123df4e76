"""Writes docs/hosts.md from cards of hosts and their tests. Run: python docs/make_hosts.py."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from cotmon.hosts import HOSTS, HostCard

ROOT = Path(__file__).parents[1]
PAGE = Path(__file__).with_name("hosts.md")
ASSERTS = {
    1: "every step is heard once, and in order",
    2: "reasoning is kept as it was, or said to be missing",
    3: "a blocked tool never runs",
    4: "of several calls in one turn only the bad one is blocked",
    5: "async does the same as sync",
    6: "while words stream, no piece of a blocked call is seen before the decision",
    7: "generation is ended at the model server when it is blocked",
    8: "a pause survives a killed process, and what was approved runs once, as it was shown",
    9: "a refusal tells the agent nothing but the neutral words",
    10: "a monitor, or watching itself, that fails leads to what the policy says",
    11: "so does a monitor that is late",
    12: "what was judged is not judged again",
    13: "a sub-agent is watched, and its steps say whose they are, or the host says that it is not",
    14: "a replay of what was stored gives the same scores",
    15: "many agents at once are never mixed",
    16: "observing changes nothing, also where a monitor fails",
}
"""What each test of the suite asserts."""
_TEST = re.compile(r"test((?:_t\d\d)+)_(\w+)")
_CANNOT = re.compile(r"as_(its|the)_card|cannot_survive|nothing_streams|knows_only")
"""Names of tests that assert that the host cannot."""
_PART = re.compile(r"of_its_own$")
"""Names of tests that assert a half: a sub-agent is watched, and nothing says whose it is."""
_HEAD = """# Hosts: what each can see and enforce

A host is a kind of living agent that cotmon can watch. What it cannot see is not judged, and what
it cannot enforce is not promised: `watch` says so when it attaches. `cotmon doctor HOST` prints a
host's card, looks for what it needs, and fires a canary through the installed framework: it exits
1 where that is not held, and then `mode = "enforce"` must not be written. How watching works is in
[Watching living agents](watching.md); how to bring a host of your own, in
[Adding a host](adding-a-host.md).

Where an extra brings what a host needs, its notes name it. There is none for all hosts: their
frameworks pin versions that exclude each other.

This page is written by `python docs/make_hosts.py` from the cards and from the tests that exist.
"""
_CARDS = (
    "\n## At a glance\n\nBefore anything takes effect, a host sees (“depends”: read its notes):\n\n"
    "| host | reasoning | text | calls | results | words as they come |"
    " block one call | wait for a person | wait over a restart | say a turn again |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"
)
_SUITE = """
## What is tested

Sixteen tests, the same for every host, with the real framework. Its model is a scripted server on
loopback; for Inspect, a scripted model of Inspect's own. **yes**: a test asserts it. **in part**:
tests assert one half, and that the other is missing. **cannot**: a test asserts that the host
cannot. **–**: no test.

"""


class Shown(NamedTuple):
    """A conformance test that exists: of which host, which of T1 to T16, and in words."""

    host: str
    number: int
    mark: str
    words: str


def page() -> str:
    """The whole page."""
    cards = [card for name in HOSTS.names() if _is_ours(card := HOSTS.load(name).card)]
    found = list(tests())
    parts = [_HEAD, _CARDS, *(_glance(card) for card in cards)]
    parts += [_SUITE, *_suite([card.name for card in cards], found)]
    parts += ["\n## Notes on each host\n", *(_notes(card) for card in cards)]
    return "".join(parts)


def cell(host: str, number: int, found: list[Shown]) -> str:
    """`yes`, `in part`, `cannot` or `–`."""
    marks = {one.mark for one in found if (one.host, one.number) == (host, number)}
    if len(marks) > 1:
        return "in part"
    return marks.pop() if marks else "–"


def tests() -> Iterator[Shown]:
    """The conformance tests of all hosts, by where they stand and what they are called."""
    names = HOSTS.names()
    for path in sorted((ROOT / "tests" / "hosts").rglob("*.py")):
        first = path.relative_to(ROOT / "tests" / "hosts").parts[0]
        host = first.removeprefix("test_").removesuffix(".py").partition("_")[0]
        if host not in names:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (
                match := _TEST.fullmatch(node.name)
            ):
                for number in re.findall(r"\d\d", match[1]):
                    yield Shown(host, int(number), _mark(match[2]), match[2].replace("_", " "))


def _mark(name: str) -> str:
    if _CANNOT.search(name):
        return "cannot"
    return "in part" if _PART.search(name) else "yes"


def _is_ours(card: HostCard) -> bool:
    return (ROOT / "cotmon" / "hosts" / f"{card.name}.py").is_file()


def _glance(card: HostCard) -> str:
    held = (card.reasoning, card.text, card.calls, card.results, card.streams)
    can = (card.blocks, card.pauses, card.survives, card.again)
    return _row(f"[{card.name}](#{card.name})", *held, *can)


def _suite(hosts: list[str], found: list[Shown]) -> Iterator[str]:
    yield _row("", "asserts", *hosts) + _row(*["---"] * (len(hosts) + 2))
    for number, what in ASSERTS.items():
        yield _row(f"T{number}", what, *(cell(host, number, found) for host in hosts))
    yield "\nWhat a host cannot, or can only in part, in the words of the tests that assert it:\n\n"
    for host in hosts:
        for one in sorted(set(found)):
            if one.host == host and one.mark != "yes":
                yield f"- {host}, T{one.number}: {one.words}\n"


def _notes(card: HostCard) -> str:
    needs = ", ".join(f"`{name}`" for name in card.needs)
    notes = "".join(f"- {note}\n" for note in card.notes)
    return f"\n### {card.name}\n\n{card.title}. It needs {needs}{_extra(card)}.\n\n{notes}"


def _extra(card: HostCard) -> str:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    known = card.name in project["optional-dependencies"]
    return f": `pip install 'cotmon[{card.name}]'`" if known else ""


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |\n"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
