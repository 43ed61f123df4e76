"""Bait for slow rules: four times the text costs about four times the time, for every monitor."""

import time

import pytest

from cotmon.content import find_monitors
from cotmon.engine import Session, load_monitor
from cotmon.models import Models
from cotmon.records import Call, Message
from cotmon.segmentation.sentences import slices

MONITORS = {f.name: f for f in find_monitors().values() if f.manifest.kind == "rules"}
SIZE = 100_000
CHEAP = 0.4
"""Seconds for the long text under which no ratio is asked: noise would answer."""
BAIT = [
    "(", "[", ".", " ", "=", "7", "`", "$", '"', "-", "\n", "\t \n", "../", "a ", "QUJD", "deadbeef ",
    "\u200b", "a\u200b", "\u202e", "a\u0430", "a\u0301", "\U0001f469\u200d", "<a", "\\x41", "%20",
    ".- ", "1 + 1 = 3 ", "$1,", "/a/b.c ", "never ", "all tests passed ", "I will run x. ",
]  # fmt: skip
BRIEF = "Never delete files in /a. Do not write to bob@x.org. Only pay 12 dollars."


def messages(bait, size, where):
    text = bait * (size // len(bait))
    brief, told = (text, "rm -rf /a bob@x.org") if where == "brief" else (BRIEF, text)
    act = where in ("brief", "action")
    call = Call(name="shell", arguments=told) if act else None
    yield Message(id="1.b1", turn="1", module="user", channel="brief", text=brief)
    yield Message(
        id="2.x1", turn="2", module="agent", channel="action" if act else "reasoning", text=told,
        call=call,
    )  # fmt: skip


def seconds(monitor, said):
    session = Session([monitor])
    start = time.process_time()
    for message in said:
        session.push(message)
    session.close()
    return time.process_time() - start


@pytest.mark.parametrize("name", sorted(MONITORS))
def test_a_monitor_is_linear_in_bait(name):
    folder = MONITORS[name]
    monitor, view = load_monitor(folder, Models(None)), folder.manifest.view
    channels = set(folder.manifest.channels)
    places = [p for p in ("action", "reasoning") if p in channels][:1]
    places += ["brief"] if view == "history" and "action" in channels else []
    for where in places:
        for bait in BAIT:
            long = seconds(monitor, list(messages(bait, SIZE, where)))
            if long > CHEAP:
                # Other work on the machine only ever adds: the best of a few is the true cost.
                long = min(
                    long, *(seconds(monitor, list(messages(bait, SIZE, where))) for _ in "ab")
                )
                short = seconds(monitor, list(messages(bait, SIZE // 4, where)))
                assert long < 8 * max(short, CHEAP / 8), (where, bait, short, long)


@pytest.mark.parametrize("bait", [*BAIT, "A. ", "- a\n", "```\n", "\\(", "http://", "x) ", "。"])
def test_segmentation_is_linear_in_bait(bait):
    def cut(size):
        start = time.process_time()
        found = slices(bait * (size // len(bait)))
        assert found[-1][1] == size // len(bait) * len(bait)
        return time.process_time() - start

    long = cut(2 * SIZE)
    assert long < CHEAP or long < 8 * max(cut(SIZE // 2), CHEAP / 8)
