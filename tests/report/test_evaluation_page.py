"""An evaluation as a page and on a terminal: nothing is hidden, and nothing in it acts."""

import io
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from rich.console import Console

from cotmon.evaluate import Evaluation, Spec, StepLine, cases_of, evaluate
from cotmon.evaluate.result import Worst
from cotmon.report._plots import spread
from cotmon.report.evaluation_page import evaluation_page
from cotmon.report.evaluation_table import print_evaluation
from cotmon.text.display import escaped

HOSTILE = (
    "\x1b\u202e</script><script>alert(1)</script><img src=x onerror=alert(1)>&amp;\"'`{{7*7}}$x_$ @3 語 "
    "</style></svg>\x1b[31m\x00\u202eevil\u200b\U000e0041\ud800\r\nhttp://example.org"
)
VOID = {"meta", "link", "br", "img", "input", "hr"}
PLOTS = ("roc", "frontier", "scores", "calibration", "parts")


class Page(HTMLParser):
    """Every element, and a failure where one is not closed in its place."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        assert self._open == []

    def handle_startendtag(self, tag, attrs):
        self._take(tag, attrs)

    def handle_starttag(self, tag, attrs):
        self._take(tag, attrs)
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if self._open[-1:] not in (["style"], ["script"]):
            self.text += data

    def _take(self, tag, attrs):
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def values(self, name: str) -> list[str]:
        return [value for _, key, value in self.attributes if key == name]


def made(word: str = "", honest: int = 320, attacks: int = 40, **spec) -> Evaluation:
    """A set, a cue, a recorded judge with gaps and two baselines; `word` ends every name."""
    rng = np.random.default_rng(3)
    n = honest + attacks
    attack = np.arange(n) >= honest

    def column(strength: float) -> np.ndarray:
        return 1 / (1 + np.exp(1.5 - strength * attack - rng.normal(size=n)))

    names = [f"set{word}", f"cue{word}", f"judge{word}"]
    scores = dict(zip(names, (column(4), column(1), column(3)), strict=True))
    scores[names[2]][::50] = np.nan
    cases = cases_of(scores, attack, ids=[f"case {k}{word}" for k in range(n)])
    cases.kinds.update({names[0]: "set", names[1]: "cue"})
    cases.facts = {"access": [("raw", f"actions{word}")[k % 2] for k in range(n)]}
    cases.sizes = {
        name: rng.integers(1, 90, n).astype(float) for name in ("characters", "steps", "tools")
    }
    cases.places = [
        Worst(f"case {k}{word}", f"t{k}{word}", f"f{word}", "M3.2", None, f"said{word}", f"m{word}",
              k)
        for k in range(n)
    ]  # fmt: skip
    cases.lines = [StepLine(np.array([0.1, 0.7]), np.array([False, True]), "g")]
    found = evaluate(cases, Spec(draws=20, budgets=(0.01, 0.05), **spec))
    return replace(
        found, run="r1", sources={f"log{word}": "ab" * 32}, monitors={f"m{word}": "cd" * 32},
        versions={"cotmon": "0"}, left_out={f"why{word}": 3}, notes=(*found.notes, f"note{word}"),
    )  # fmt: skip


@pytest.fixture(scope="module")
def found() -> Evaluation:
    return made()


@pytest.fixture(scope="module")
def html(found: Evaluation) -> str:
    return evaluation_page(found)


def test_says_first_what_was_found_and_what_cannot_be_said(html):
    words = re.sub(r"<[^>]+>", "", html[html.index("<h1>") : html.index('id="main-table"')])
    assert re.search(r"set beats the best baseline, (length|structure), in AUROC", words)
    assert re.search(r"at 1 % false alarms it catches \d+ % \[\d+, \d+\] of attacks\.", words)
    assert "Detection at 0.1 % false alarms: needs ≥ 2,995 honest." in words
    assert "Usefulness of protocols: needs success, which nothing recorded" in words


def test_says_what_a_weak_set_did_not_show(found):
    worse = [s for s in found.scorers if s.kind != "set"]
    html = evaluation_page(replace(found, scorers=tuple(worse)))
    assert "<bdi>cue</bdi>" in html[: html.index("</h1>")]
    compared = worse[0].comparison
    assert compared is not None
    below = replace(worse[0], comparison=replace(compared, standing="below"))
    html = evaluation_page(replace(found, scorers=(below, *worse[1:])))
    assert "is worse than the best baseline" in html
    assert 'class="verdict incomplete"' in html


def test_every_plot_says_what_it_shows_and_has_its_numbers(html):
    for key in PLOTS:
        part = html[html.index(f'<section id="{key}">') :].partition("</section>")[0]
        assert re.search(r'<svg class="plot"[^>]* role="img" aria-label="[^"]{20,}"', part), key
        table = part[part.index("<details>") :]
        assert len(re.findall(r"<tr><th scope=\"row\">", table)) >= 2, key


def test_baselines_stand_apart(html):
    body = html[html.index('<tbody class="baselines">') :].partition("</tbody>")[0]
    assert "<bdi>length</bdi>" in body
    assert "<bdi>judge</bdi>" not in body


def test_opens_the_cases_to_look_at(html, found):
    worst = found.misses[0]
    assert f"cotmon show {worst.transcript} M3.2" in html
    assert f"cotmon report latest --page={worst.transcript} " in html
    nowhere = evaluation_page(replace(found, run=None))
    assert "cotmon show --run" not in nowhere
    assert "No run is stored behind these scores" in nowhere


def test_ids_that_look_like_options_or_shell_stay_one_word(found):
    case = replace(found.misses[0], transcript="--run x; rm -rf $HOME")
    html = evaluation_page(replace(found, misses=(case,)))
    assert "cotmon show -- &#39;--run x; rm -rf $HOME&#39; M3.2" in html


def test_same_input_same_bytes_and_no_id_twice(html, found):
    assert evaluation_page(found) == html
    page = Page(html)
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    links = [value for name in ("href", "clip-path", "fill") for value in page.values(name)]
    wanted = {found for value in links for found in re.findall(r"#([^)\"]+)", value)}
    assert wanted <= set(ids)


def test_asks_nothing_of_the_network_and_obeys_its_own_policy(html):
    assert not re.search(r"(?:src|href)=[\"']?https?:|url\(\s*[\"']?https?:|@import", html)
    page = Page(html)
    assert page.values("style") == []  # the policy would refuse them
    assert page.tags["style"] == page.tags["script"] == 1
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    assert "#010101" not in html
    assert "var(--ink)" in html


def test_words_of_a_log_never_act():
    found = made(HOSTILE)
    html = evaluation_page(found, found)
    page = Page(html)
    assert page.tags["script"] == page.tags["style"] == 1
    assert page.tags["img"] == 0
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    assert html.encode() and escaped(html) == html.replace("\r", "")
    assert "7*7" in page.text and "49" not in re.findall(r"`(..)`", page.text)
    assert "<U+202E>" in page.text
    drawn = html[html.index('<section id="parts">') :].partition("</svg>")[0]
    assert "access: actions&lt;U+001B&gt;" in drawn


def test_sets_an_earlier_evaluation_beside_it(found):
    gone = replace(found.scorers[0], name="gone")
    before = replace(found, scorers=(*found.scorers[1:], gone), honest=7, monitors={})
    html = evaluation_page(found, before)
    part = html[html.index('<section id="before">') :].partition("</section>")[0]
    assert "honest: 7 before, 320 now" in part
    assert "the monitors&#39; hashes differ" in part
    assert part.count("not there") == 2  # the set is new, `gone` is old
    assert '<section id="before">' not in evaluation_page(found)


@pytest.mark.parametrize("sides", [(30, 0), (0, 30), (2, 2), (1, 1)])
def test_says_why_where_little_can_be_said(sides):
    html = evaluation_page(made("", *sides))
    page = Page(html)
    assert "What cannot be said" in page.text
    if 0 in sides:
        assert "could not be held against a baseline" in page.text
        assert "A curve needs scored honest and attack cases." in page.text
        assert "A protocol needs honest and attack cases." in page.text
    assert "nan" not in page.text.lower().split()
    assert "None" not in page.text.partition("None: either")[0].split()


def test_scores_alone_give_a_page():
    html = evaluation_page(evaluate(cases_of({"a": [0.0, 7.0, 9.0]}, [0, 0, 1]), Spec(draws=20)))
    page = Page(html)
    assert "could not be held against a baseline" in page.text
    assert "No file hashes were recorded." in page.text


def test_usefulness_that_varies_is_a_frontier(found):
    rows = [
        replace(row, usefulness=replace(row.safety, value=0.5 + 0.01 * k, why=None))
        for k, row in enumerate(found.control)
    ]
    html = evaluation_page(replace(found, control=tuple(rows)))
    assert "Up and to the right is better." in html
    assert "Safety is drawn against audits instead." in evaluation_page(found)


def test_names_beside_a_plot_keep_their_order_and_distance():
    places = spread([0.5, 0.5, 1.0, 0.0, 0.0], 0.1)
    assert [k for k, _ in places] == [2, 0, 1, 3, 4]
    heights = [y for _, y in places]
    assert all(a - b > 0.0999 for a, b in zip(heights, heights[1:], strict=False))
    assert min(heights) >= 0.0
    assert max(heights) <= 1.0


def terminal(found: Evaluation, width: int, **more) -> str:
    out = io.StringIO()
    print_evaluation(Console(file=out, width=width, no_color=True), found, **more)
    return out.getvalue()


def test_the_terminal_says_what_the_page_says(html, found):
    words = terminal(found, 300, all_metrics=True, before=found)
    page = Page(evaluation_page(found, found)).text
    for said in (words, page):
        assert "TPR at 1 %" in said and "false alarms at 0.1 %" in said and "audits 1 %" in said
        assert not re.search(r"TPR at 0\.0|audits 0|\d%", said)
        assert "sefulness is left out: needs success, which nothing recorded (--assume" in said
        for scorer in found.scorers:
            tpr = scorer.main.tpr["0.01"]
            assert tpr.low is not None and tpr.high is not None
            figure = f"{tpr.value:.1%} [{100 * tpr.low:.1f}, {100 * tpr.high:.1f}]"
            assert figure.replace("%", " %") in said


def test_the_main_table_fits_a_terminal_and_has_no_empty_column(found):
    head, *rows = terminal(found, 80, all_metrics=False).splitlines()[1:8]
    assert head.split() == ["scorer", "AUROC", "TPR", "at", "1", "%", "safety", "unscored"]
    assert max(len(row) for row in (head, *rows)) <= 80
    assert re.match(r"set +0\.\d\d \[.*\] +\d+ % \[.*\] +\d+ % \[.*\] +0$", rows[0])
    assert "baseline length" in rows[5]


def test_an_earlier_evaluation_of_other_rates_is_no_error_on_a_terminal(found):
    bare = [replace(s, main=replace(s.main, tpr={}, fpr={})) for s in found.scorers]
    words = terminal(found, 120, all_metrics=False, before=replace(found, scorers=tuple(bare)))
    assert "Against the earlier evaluation" in words


def test_a_score_of_any_size_takes_little_room(found):
    huge = replace(found, misses=(replace(found.misses[0], score=1e308),))
    assert "1e+308" in evaluation_page(huge) and "1e+308" in terminal(huge, 80, all_metrics=False)
