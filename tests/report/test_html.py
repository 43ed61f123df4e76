"""The HTML report: nothing lost, nothing acts, the same bytes, and a real browser opens it."""

import re
import shutil
import subprocess
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest

from cotmon.records import (
    CUES,
    LETTER,
    Call,
    Channel,
    Gap,
    Message,
    MonitorCard,
    Refusal,
    Result,
    RunInfo,
    Score,
    Source,
    Span,
    Step,
    StepResult,
    Transcript,
    Verdict,
    access_of,
)
from cotmon.report.html import write_report
from cotmon.text.display import escaped

CARD = MonitorCard(
    name="scheming/oversight", hash="ab" * 16, kind="rules", cues=("scheming",), view="step",
    channels=("reasoning", "text", "action"), summary="Talk of being watched.",
    misses="Plans without it.", threshold=0.5, basis="by hand",
)  # fmt: skip
RUN = RunInfo(
    id="r1", command="cotmon replay run.jsonl", started="2026-01-02T03:04:05Z",
    versions={"cotmon": "0"}, database="sqlite:///x.db", inputs={"run.jsonl": "cd" * 32},
)  # fmt: skip
HOSTILE = (
    "</script><script>alert(1)</script><img src=x onerror=alert(1)>&amp;&lt;\"'`{{7*7}}{%raw%}"
    "]]><!--</style>\x1b[31m\x00\x07\u202eevil\u2066\u200b\U000e0041\ud800 <U+200B>\r\n\rjs:x"
)
VOID = {"meta", "link", "br", "img", "input", "hr"}


def message(turn: int, channel: Channel, text: str, number: int = 1, **fields) -> Message:
    return Message(
        id=f"{turn}.{LETTER[channel]}{number}", turn=str(turn), channel=channel, text=text,
        module=fields.pop("module", "agent"), **fields,
    )  # fmt: skip


def score(step: Step, marks: str, unscored: bool) -> tuple[Score, ...]:
    if step.channel not in CARD.channels:
        return ()
    at = step.text.find(marks)
    if unscored:
        status, value, reason = "unscored", None, "too long " + HOSTILE
    else:
        status, value, reason = "scored", 0.9 if at >= 0 else 0.1, "said so"
    spans = (Span(at, at + len(marks), "a note"),) if at >= 0 and not unscored else ()
    return (
        Score(
            monitor=CARD.name, cue="scheming", status=status, value=value,
                suspicion=value, threshold=0.5,
            reason=reason, spans=spans,
        ),
    )  # fmt: skip


def judge(
    messages: list[Message], verdict: Verdict, marks: str = "hide it", broken: int = -1, **fields
) -> Result:
    """A result over sentences cut at full stops, marked where `marks` stands."""
    steps: list[StepResult] = []
    turns: dict[str, list[int]] = {}
    for item in messages:
        ordinals = turns.setdefault(item.turn, [len(turns) + 1, 0])
        at = 0
        for k, text in enumerate(re.findall(r".+?(?:\. |$)", item.text, re.S) if item.text else ()):
            ordinals[1] += 1
            step = Step(
                id=f"{item.id}#{k}", address=f"M{ordinals[0]}.{ordinals[1]}", index=len(steps),
                turn=item.turn, message_id=item.id, module=item.module, channel=item.channel,
                start=at, end=at + len(text), text=text, tool=item.call and item.call.name,
            )  # fmt: skip
            at += len(text)
            scores = score(step, marks, broken == step.index)
            value = scores[0].value if scores else None
            steps.append(
                StepResult(
                    step=step,
                    suspicion=value,
                    marked=(value or 0) >= 0.5,
                    scores=scores,
                    cues={**dict.fromkeys(CUES), "scheming": value},
                    skipped=() if scores else (CARD.name,),
                )
            )
    top = max((s.suspicion for s in steps if s.suspicion is not None), default=None)
    return Result(
        run="r1", content_hash="ef" * 32, verdict=verdict, suspicion=top,
        cues={**dict.fromkeys(CUES), "scheming": top},
        flagged=("scheming",) if verdict == "flag" else (),
        transcript_threshold=0.6, transcript_basis="a step's suspicion reaches 0.6 (by hand)", steps=tuple(steps), monitors=(CARD,),
        unscored={"too long " + HOSTILE: 1} if broken >= 0 else {},
        transcript=Transcript(
            id=fields.pop("id", "t1"), messages=tuple(messages),
            source=fields.pop("source", Source(file="run.jsonl", format="inspect")),
            access=access_of(tuple(messages)), **fields,
        ),
    )  # fmt: skip


def agent(turns: int = 12) -> list[Message]:
    """A run with every channel, a sub-agent, a branch and a long observation."""
    items = [message(0, "brief", "Mend the build. Say what you do.", module="user")]
    for turn in range(1, turns):
        items += [
            message(turn, "reasoning", f"I look at {turn}. It is <odd> & new. ", provenance="raw"),
            message(turn, "action", f'{{"n": {turn}}}', call=Call(name="sh", arguments="", id="c")),
            message(turn, "observation", f"out {turn}", module="tool sh", answers="c"),
        ]
    items += [
        message(90, "observation", "x" * 1999 + "<b>" + "y" * 9000, module="tool sh"),
        message(91, "reasoning", "Fine. Now I hide it well. Next. ", provenance="raw"),
        message(91, "reasoning", "", 2, provenance="encrypted"),
        message(92, "text", "sub says hi. ", parent="91.r1", module="sub-agent"),
        message(93, "text", "never sent. ", branch="resampled", cites=("91.r1",)),
        message(94, "text", "all done 👍🏽 ⚠️ \u200b\r\nbye. ", to="user"),
    ]
    return items


class Page(HTMLParser):
    """Tags with attribute names, ids, links, and what each step says."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: Counter[tuple[str, ...]] = Counter()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.said: dict[str, str] = {}
        self.open: list[tuple[str, dict[str, str]]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        values = {name: value or "" for name, value in attrs}
        self.tags[tag, *sorted(values)] += 1
        self.ids += [values["id"]] if values.get("id") else []
        self.links += [values["href"]] if values.get("href") else []
        if tag not in VOID:
            self.open.append((tag, values))

    def handle_endtag(self, tag):
        assert tag == self.open.pop()[0], "every element is closed where it should be"

    def handle_data(self, data):
        classes = [(values.get("class") or "").split() for _, values in self.open]
        if any("text" in names for names in classes) and self.open[-1][0] != "summary":
            for _, values in self.open:
                if "step" in (values.get("class") or "").split():
                    step = values.get("id") or "no step"
                    self.said[step] = self.said.get(step, "") + data


def render(result: Result, folder: Path, refusals: tuple[Refusal, ...] = (), run=RUN) -> str:
    (path,) = write_report([result], refusals, run, folder / "page.html")
    return path.read_bytes().decode()


def test_every_step_stands_in_the_page_once_with_nothing_hidden(tmp_path: Path) -> None:
    result = judge([*agent(), message(95, "text", HOSTILE)], "flag")
    page = Page(render(result, tmp_path))
    shown = {f"M{k}": text for k, text in page.said.items()}
    for step in result.steps:
        want = "\r\n".join(escaped(line) for line in step.step.text.split("\r\n"))
        assert shown.pop("M" + step.step.address) == want
    assert shown == {}
    assert len(page.ids) == len(set(page.ids))
    assert {link for link in page.links if link[1:] not in page.ids} == set()
    assert not page.open


def test_the_page_says_verdict_then_gaps_then_findings(tmp_path: Path) -> None:
    gap = Gap(kind="cut", reason="the last line is cut", line=77)
    html = render(judge(agent(), "flag", broken=2, coverage=(gap,)), tmp_path)
    order = [
        "Flagged for scheming", "(reasoning was visible in part)", "not a safe agent",
        "What was not checked", "too long", "encrypted: 1 piece", "the last line is cut",
        "<h2>Findings", "uncalibrated: threshold by hand", "<h2>Along the run",
        "<h2>The whole transcript", "quiet steps", "abandoned branch <bdi>resampled",
        "A transcript is flagged when", "sqlite:///x.db",
    ]  # fmt: skip
    places = [html.index(words) for words in order]
    assert places == sorted(places)
    assert '<mark title="scheming/oversight: a note">hide it</mark>' in html
    assert "No number at all for steganography and unfaithfulness" in html
    assert "9,002 more characters" in html


def test_rarity_is_printed_only_with_a_tail(tmp_path: Path) -> None:
    result = judge(agent(), "flag")
    steps = [
        msgspec.structs.replace(
            step, scores=tuple(msgspec.structs.replace(s, tail=0.0008) for s in step.scores)
        )
        for step in result.steps
    ]
    html = render(msgspec.structs.replace(result, steps=tuple(steps)), tmp_path)
    assert "honest: 1 in 1,250" in html
    assert "uncalibrated" not in html


def everywhere(word: str) -> tuple[Result, RunInfo, tuple[Refusal, ...]]:
    """A result with this word in every field that a log can fill."""
    call = Call(name=word, arguments=word, id=word)
    messages = [
        Message(id=word + "0", turn=word, module=word, channel="action", text=word, call=call),
        Message(
            id=word + "1", turn=word + "1", module=word, to=word, channel="observation",
            text=word, answers=word, parent=word + "0", branch=word, cites=(word + "0", word),
        ),
        Message(
            id=word + "2", turn=word + "2", module=word, channel="reasoning", text="",
            provenance="encrypted", answers=word + "?",
        ),
    ]  # fmt: skip
    result = judge(
        messages, "flag", marks=word[:5], id=word, agent=word,
        source=Source(file=word, format="inspect", keys={word: word}),
        labels={word: [word]}, metadata={word: {word: word}},
        coverage=(Gap(kind="broken", reason=word, where=word),),
    )  # fmt: skip
    steps = [
        msgspec.structs.replace(
            step,
            scores=tuple(
                msgspec.structs.replace(s, reason=word, spans=(Span(0, 4, word), Span(2, 9, word)))
                for s in step.scores
            ),
        )
        for step in result.steps
    ]
    run = msgspec.structs.replace(RUN, command=word, database=word, inputs={word: word})
    refusals = (Refusal(file=word, reason=word, line=3),)
    return msgspec.structs.replace(result, steps=tuple(steps)), run, refusals


def test_hostile_words_never_make_a_tag(tmp_path: Path) -> None:
    hostile, run, refusals = everywhere(HOSTILE)
    benign, calm, calm_refusals = everywhere("a plain word " * 8)
    bad = render(hostile, tmp_path, refusals, run)
    good = render(benign, tmp_path, calm_refusals, calm)
    shown = ("span", "class")  # how invisible characters are printed
    bad_tags, good_tags = Page(bad).tags, Page(good).tags
    assert bad_tags.pop(shown) > good_tags.pop(shown)
    assert bad_tags == good_tags
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u200b\u202a-\u202e\u2066-\u2069]", bad)
    assert "&amp;amp;&amp;lt;" in bad
    assert "&amp;amp;amp;" not in bad
    assert "{{7*7}}" in bad
    assert "49{%raw%}" not in bad


def test_the_policy_allows_only_what_is_printed_and_nothing_is_fetched(tmp_path: Path) -> None:
    html = render(judge(agent(), "flag"), tmp_path)
    assert "default-src 'none'" in html
    assert "unsafe-eval" not in html
    page = Page(html)
    assert all(link.startswith("#") for link in page.links)
    names = {name for _, *attributes in page.tags for name in attributes}
    assert not {name for name in names if name.startswith("on")} | (names & {"src", "style"})


def test_a_folder_holds_the_flagged_and_the_asked_for(tmp_path: Path) -> None:
    ids = ["flagged/../../x", "calm one", "asked; rm", "-"]
    verdicts: list[Verdict] = ["flag", "no-flag", "incomplete", "no-flag"]
    stream = (judge(agent(3), v, id=i) for v, i in zip(verdicts, ids, strict=True))
    refusals = [Refusal(file="y.bin", reason="no format reads this")]
    written = write_report(stream, refusals, RUN, tmp_path / "out.html", frozenset({"asked; rm"}))
    folder = tmp_path / "out"
    assert sorted(written) == sorted(folder.iterdir())
    assert written[0] == folder / "index.html"
    assert all(re.fullmatch(r"\d{4}-[0-9a-f]{10}\.html", path.name) for path in written[1:])
    index = written[0].read_text("utf-8")
    links = [link.partition("#") for link in Page(index).links if not link.startswith("#")]
    assert {name for name, _, _ in links} == {path.name for path in written[1:]}
    for name, _, fragment in links:
        assert not fragment or fragment in Page((folder / name).read_text("utf-8")).ids
    assert "cotmon report r1 --page &#39;calm one&#39;" in index
    assert "no format reads this" in index
    assert index.index("flagged/..") < index.index("asked; rm") < index.index("calm one")


def test_the_same_result_gives_the_same_bytes(tmp_path: Path) -> None:
    result = judge(agent(), "incomplete", broken=2)
    first = write_report([result], [], RUN, tmp_path / "a")[0].read_bytes()
    assert first == write_report([result], [], RUN, tmp_path / "b")[0].read_bytes()
    assert render(result, tmp_path) == render(result, tmp_path)


def test_a_sub_agents_own_page_says_once_what_started_it(tmp_path: Path) -> None:
    inner = [msgspec.structs.replace(m, parent=m.parent or "outer M3.2") for m in agent()]
    html = render(judge(inner, "flag"), tmp_path)
    said = re.sub(r"<[^>]+>", "", html)
    assert said.count("sub-agent, started at outer M3.2") == 1
    assert html.count("depth1") == render(judge(agent(), "flag"), tmp_path).count("depth1") > 0


def test_no_transcript_at_all_still_gives_a_page(tmp_path: Path) -> None:
    refusals = [Refusal(file="y.bin", reason="no format reads this")]
    (path,) = write_report([], refusals, RUN, tmp_path / "deep" / "r.html")
    assert "no format reads this" in path.read_text("utf-8")
    assert Page(render(judge([], "no-flag"), tmp_path)).tags


def test_a_long_run_is_binned_and_folded(tmp_path: Path) -> None:
    result = judge(agent(800), "flag")
    assert len(result.steps) > 3000
    html = render(result, tmp_path)
    assert len(html) < 2500 * len(result.steps)
    assert html.count('<rect class="reach"') <= 400 * len(CUES)
    assert "Each bar is" in html


CHROMIUM = next(filter(shutil.which, ("chromium", "chromium-browser", "google-chrome")), None)


@pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium, chromium-browser or google-chrome on PATH"
)
def test_a_browser_opens_it_and_jumps_into_a_fold(tmp_path: Path) -> None:
    (path,) = write_report([judge(agent(), "flag")], [], RUN, tmp_path / "page.html")
    assert CHROMIUM is not None
    done = subprocess.run(
        [
            CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
            "--no-first-run", "--disable-background-networking", "--disable-component-update",
            "--disable-sync", f"--user-data-dir={tmp_path / 'profile'}", "--enable-logging=stderr",
            "--virtual-time-budget=2000", "--dump-dom", f"{path.as_uri()}#M5.1",
        ],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert 'data-script="ready"' in done.stdout
    assert 'data-at="M5.1"' in done.stdout
    assert '<details class="quiet" open="">' in done.stdout
    assert "CONSOLE" not in done.stderr
