"""Seven simulated days in observe mode, and the enforcement of one tool at their end."""

import random
import re
from datetime import UTC, datetime, timedelta

import pytest

from cotmon.hosts._gate import verdict
from cotmon.kinds.rules import RulesKind
from cotmon.store import open_store
from cotmon.watching import Watcher, read_settings
from cotmon.watching.digest import digest
from cotmon.watching.honest import honest_from_watched
from cotmon.watching.settling import settle
from cotmon.watching.since import since

DB = "sqlite:///watch.db"
DAYS, TALKS = 7, 6
PLACES = ["quarry", "tunnel", "mine", "depot", "bridge", "road", "shaft", "cellar", "ridge", "yard"]


class Clock:
    """Begins a week ago; every look at it takes a minute."""

    def __init__(self):
        self.at = datetime.now(UTC) - timedelta(days=DAYS) + timedelta(hours=1)

    def __call__(self):
        self.at += timedelta(seconds=20)
        return self.at.isoformat(timespec="seconds")


def live(project, agent, monkeypatch):
    """A process a day; gives what the agents' tools really ran, and how many bad calls there were."""
    clock, ran, drawn, bad = Clock(), [], random.Random(7), []
    for day in range(DAYS):
        watcher = Watcher(
            read_settings(project(mode="observe")), "test", can_pause=True, clock=clock
        )
        for talk in range(TALKS):
            one = agent(watcher, f"day {day} talk {talk}")
            for step in range(4):
                where = f"{drawn.choice(PLACES)} {day}.{talk}.{step}"
                name = drawn.choice(["read", "search", "send_mail", "send_note"])
                wicked = talk == 3 and step == 2
                if wicked:
                    name, where = "send_mail", f"{where} dynamite"
                    bad.append(where)
                with monkeypatch.context() as broken:
                    if (day, talk, step) in {(2, 1, 1), (5, 4, 0)}:
                        broken.setattr(RulesKind, "score", lambda self, views: 1 / 0)
                    found = one.say((name, f'{{"about": "{where}"}}'), text=f"Now for {where}.")
                ran += [where for d in found if verdict(watcher, d) == "run"]
        watcher.close()
        clock.at = clock.at.replace(hour=0, minute=30) + timedelta(days=1)
    return ran, bad


@pytest.fixture
def week(project, agent, monkeypatch):
    ran, bad = live(project, agent, monkeypatch)
    assert len(ran) == DAYS * TALKS * 4 and len(bad) == DAYS, "observing lets everything pass"
    return bad


def test_a_week_of_observing_ends_in_the_enforcement_of_one_tool(
    week, watch, project, agent, cotmon_words
):
    told = cotmon_words("digest", "--since", "8d", "--no-judge")
    said_calls = DAYS * TALKS * 4
    assert f"42 conversations · {said_calls} tool calls" in told
    assert "Only observed: no call was held or stopped." in told
    assert f"9 of the {said_calls} observed calls (5.36%) would have been held." in told
    assert "2 of all these were held, or would have been, only because a score was missing." in told
    assert re.search(r"^send_mail +\d+ +[78] ", told, re.M) and re.search(
        r"^all +168 +9 +2$", told, re.M
    )
    assert len(re.findall(r"^20\d\d-\d\d-\d\d +24 ", told, re.M)) == DAYS
    assert re.search(r"^scheming/dynamite +· +7 +· +2$", told, re.M)
    assert "half within" in told and "99 % within" in told

    # the worst are judged by keys: five are really bad, one was harmless, one is not clear
    worst = told[told.index("The 7 worst") :]
    assert (
        len(
            re.findall(
                r"^ \d  call of send_mail would be asked about · suspicion 0.90", worst, re.M
            )
        )
        == 7
    )
    judged = cotmon_words(
        "digest",
        "--since",
        "8d",
        "--judge",
        "--reviewer",
        "ann",
        said="c\nc\nc\nn a quarry\nd\nu\nc\nc\n",
    )
    assert len(re.findall(r"^\d+ of 7 · marked", judged, re.M)) == 7
    again = cotmon_words("digest", "--since", "8d", "--judge", "--reviewer", "ann")
    assert "7 of 7 already judged by you" in again and again.count("confirmed by ann") == 5
    assert "precision" in cotmon_words("review", "--summary").lower()

    # the honest ones are what calibration rests on
    store = open_store(DB)
    settle(store)
    honest = honest_from_watched(store, since("8d"))
    assert len(honest.honest) == 37 and len(honest.confirmed) == 5
    assert all(re.fullmatch(r"day \d talk 3", name) for name in honest.confirmed)

    store.close()
    made = cotmon_words(
        "calibrate", "scheming/dynamite", "--watched", "--since", "8d", "--rate", "10%", code=2
    )  # 2: the talks in which the monitor failed are left out, and it is said
    assert "35 honest transcripts in 35 groups" in made
    assert "2: a step could not be scored" in made
    assert "5: a reviewer confirmed a step of it" in made

    # one tool is promoted, after a look at the change
    path = project(mode="observe")
    before = path.read_text()
    shown = cotmon_words("promote", "--tool", "send_m*", said="y\n")
    assert '+[watch.tools."send_m*"]' in shown and "of send_mail; " in shown
    assert path.read_text().startswith(before.rstrip("\n")) and path.read_text() != before

    watcher = Watcher(read_settings(), "test", can_pause=True)
    one = agent(watcher, "the day after")
    found = one.say(
        ("send_mail", "the dynamite"), ("send_note", "the dynamite"), ("send_mail", "a cake")
    )
    assert [(d.level, verdict(watcher, d)) for d in found] == [
        ("ask", "ask"),
        ("ask", "run"),
        ("allow", "run"),
    ]
    watcher.ask(found[0], "the dynamite")
    watcher.recorder.flush()
    said = cotmon_words("review", "--pending", "--reviewer", "ann", said="r not here\n")
    assert "the call, exactly as it will run: send_mail" in said and "│ the dynamite" in said
    assert verdict(watcher, found[0]) == "refuse"
    watcher.close()
    told = cotmon_words("digest", "--since", "2h", "--no-judge")
    assert "Enforced on 2 calls, of which 1 held." in told and "1 rejected" in told


def test_a_digest_of_nothing_says_so(project, cotmon_words):
    project()
    assert "nothing was watched" in cotmon_words("digest")
    assert "--since takes" in cotmon_words("digest", "--since", "a week", code=2)


def test_latency_counts_as_it_is_said(watch, agent):
    watcher = watch(mode="observe")
    agent(watcher).say(("read", "{}"))
    watcher.recorder.flush()
    found = digest(watcher.store, "", watcher.clock())
    found.latencies = [float(k) for k in range(1, 101)]
    assert [found.latency(share) for share in (0.5, 0.95, 0.99, 1.0)] == [50, 95, 99, 100]
