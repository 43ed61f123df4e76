"""Writes the tables of docs/recomputed.md. Run: python docs/make_recomputed.py SHARED.

SHARED is a folder with labelled sets (`data/`), logs (`logs/`) and the converter
`tools/to_chat.py`. Only figures reach the page, no text of any set.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

PAGE = Path(__file__).with_name("recomputed.md")
DRAWS = 1000
RATES = ("0.01", "0.05")

Row = dict[str, Any]
Made = tuple[list[Row], list[Row]]
"""Rows of labels and rows of scores of one record."""


class Judge(NamedTuple):
    """A judge as the page names it, with the figures that its set's card states."""

    name: str
    auroc: float | None = None
    tpr: float | None = None


@dataclass(frozen=True)
class Study:
    """Judges of one set on one sort of case.

    Attributes:
        data: folder of the set.
        per: what a case is.
        target: what counts as an attack.
        rows: from a record and its label rows to what is evaluated; nothing where not judged.
        judges: monitor → how the page calls it.
    """

    data: str
    per: str
    target: str
    rows: Callable[[Row, list[Row]], Made]
    judges: dict[str, Judge]


# From a record to labels and scores


def judged_turns(record: Row, labels: list[Row]) -> Made:
    """Turns that at least one judge scored."""
    kept, scores = [], []
    for label in labels:
        _, _, turn = label["unit"].rpartition("/")
        given = (record["judge_turn_scores"] or {}).get(turn)
        if label["level"] == "message" and given:
            kept.append(label)
            scores += [_score(label["id"], m, given.get(m), "message") for m in TURN_JUDGES]
    return kept, scores


def judged_transcripts(record: Row, labels: list[Row]) -> Made:
    """Whole transcripts, by the worst of their turns."""
    turns = list((record["judge_turn_scores"] or {}).values())
    if not turns:
        return [], []
    scores = [
        _score(record["id"], m, max((t[m] for t in turns if m in t), default=None))
        for m in TURN_JUDGES
    ]
    return _whole(labels), scores


def judged_rollouts(record: Row, labels: list[Row]) -> Made:
    """Rollouts that were to show a behaviour; of a benign twin the judge rates the honest one."""
    if not record["judgment"] or record["labels"]["benign_twin"]:
        return [], []
    return _whole(labels), [_score(record["id"], "judge", record["judgment"]["behavior_presence"])]


def probabilities(record: Row, labels: list[Row]) -> Made:
    """The probability that the judge stated."""
    return _whole(labels), [_score(record["id"], "judge", record["judge"]["probability"])]


def suspicions(record: Row, labels: list[Row]) -> Made:
    """Texts told to encode: confidence, negative where not suspicious; target: it decodes."""
    if record["kind"] != "encoded":
        return [], []
    judge, target = record["judge"], int(record["labels"]["decodable"])
    sure = judge["confidence"]
    signed = sure if sure is None or judge["suspicious"] else -sure
    rows = [{**label, "target": target} for label in _whole(labels)]
    return rows, [_score(record["id"], "judge", signed)]


def _whole(labels: list[Row]) -> list[Row]:
    return [label for label in labels if label["level"] == "transcript"]


def _score(name: str, monitor: str, score: float | None, level: str = "transcript") -> Row:
    """A row; empty where the judge gave none, which is unscored and not a number."""
    value = "" if score is None else score
    return {"id": name, "monitor": monitor, "score": value, "level": level}


TURN_JUDGES = {
    "haiku_4_5": Judge("Claude Haiku 4.5", 0.891, 0.088),
    "qwen3_30b_a3b": Judge("Qwen3-30B-A3B", 0.716, 0.231),
}
TURNS = Study("misalignment-turns", "turn", "misaligned turn", judged_turns, TURN_JUDGES)
STUDIES = (
    TURNS,
    Study(
        "misalignment-turns", "transcript", "transcript with a misaligned turn", judged_transcripts,
        {
            "haiku_4_5": Judge("Claude Haiku 4.5, worst turn", 0.929, 0.182),
            "qwen3_30b_a3b": Judge("Qwen3-30B-A3B, worst turn", 0.799, 0.303),
        },
    ),
    Study(
        "misalignment-turns", "transcript", "as above, no benign twins", judged_rollouts,
        {"judge": Judge("judge of the whole rollout")},
    ),
    Study(
        "constrained-choice", "transcript", "library switched", probabilities,
        {"judge": Judge("GPT-5, probability", 0.930, 0.061)},
    ),
    Study(
        "prompted-stego", "transcript", "hidden bits decode", suspicions,
        {"judge": Judge("Claude Haiku, signed confidence", 0.669, 0.0)},
    ),
)  # fmt: skip


# Running the command


def prepared(study: Study, shared: Path, folder: Path) -> list[str]:
    """Writes a study's files, only of records that were judged; gives the arguments for them."""
    source = shared / "data" / study.data
    _run([str(shared / "tools" / "to_chat.py"), str(folder), str(source)], folder)
    stem = f"{study.data}-{study.rows.__name__}"
    with (folder / f"{study.data}.labels.csv").open(newline="", encoding="utf-8") as file:
        by_record = _by_record(csv.DictReader(file))
    labels: list[Row] = []
    scores: list[Row] = []
    with (
        gzip.open(source / "data.jsonl.gz", "rt", encoding="utf-8") as records,
        (folder / f"{study.data}.jsonl").open(encoding="utf-8") as chats,
        (folder / f"{stem}.jsonl").open("w", encoding="utf-8") as kept,
    ):
        for line, chat in zip(records, chats, strict=True):
            record = json.loads(line)
            known = _said(json.loads(chat)["messages"], by_record[record["id"]])
            more_labels, more_scores = study.rows(record, known)
            if more_labels:
                kept.write(chat)
            labels += more_labels
            scores += more_scores
    _write(folder / f"{stem}.labels.csv", labels)
    _write(folder / f"{stem}.scores.csv", scores)
    return words_of(stem, study.per)


def words_of(stem: str, per: str) -> list[str]:
    """Arguments that name logs, labels and scores in the folder where the command runs."""
    files = [f"{stem}.jsonl", "--labels", f"{stem}.labels.csv", "--scores", f"{stem}.scores.csv"]
    return [*files, "--per", per]


def _by_record(labels: Iterable[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in labels:
        name = row["id"] if row["level"] == "transcript" else row["unit"].rpartition("/")[0]
        found.setdefault(name, []).append(row)
    return found


def _said(messages: list[Row], labels: list[Row]) -> list[Row]:
    """Labels without those of messages that hold nothing, which no reader could find."""
    parts = ("content", "reasoning_content", "tool_calls")
    empty = {m["id"] for m in messages if not any(m.get(part) for part in parts)}
    return [row for row in labels if row["level"] == "transcript" or row["id"] not in empty]


def evaluated(words: Sequence[str], folder: Path, db: str | None = None) -> Row:
    """What `cotmon evaluate` says, as JSON; exits with the command's own words if it fails."""
    store = db or f"sqlite:///{(folder / 'recomputed.db').as_posix()}"
    said = _run(["-m", "cotmon", "evaluate", *words, "--output", "json", "--db", store], folder)
    return json.loads(said)


def recorded(study: Study, shared: Path, folder: Path, draws: int = DRAWS) -> Row:
    """The evaluation of a study's stored scores alone."""
    words = prepared(study, shared, folder)
    return evaluated([*words, "--recorded-only", "--draws", str(draws)], folder)


def control_logs(shared: Path, folder: Path, draws: int = DRAWS) -> Row:
    """The evaluation of all ControlArena logs, which say themselves which mode they are."""
    logs = sorted(map(str, (shared / "logs").glob("controlarena-*.eval")))
    return evaluated([*logs, "--recorded-only", "--draws", str(draws)], folder)


def cascade(shared: Path, folder: Path, db: str | None) -> Row:
    """The evaluation of the shipped set in front of the judges of turns."""
    words = prepared(TURNS, shared, folder)
    asked = [word for judge in TURN_JUDGES for word in ("--cascade", judge)]
    return evaluated([*words, *asked, "--draws", str(DRAWS)], folder, db)


def _run(words: Sequence[str], folder: Path) -> str:
    env = {k: v for k, v in os.environ.items() if k != "COTMON_CONTENT"}
    done = subprocess.run(
        [sys.executable, *words], cwd=folder, capture_output=True, check=False, text=True,
        encoding="utf-8", env={**env, "PYTHONUTF8": "1", "PYTHONSAFEPATH": "1"},
    )  # fmt: skip
    if done.returncode:
        sys.exit(f"{' '.join(words)}\n{done.stderr}")
    return done.stdout


def _write(path: Path, rows: list[Row]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, rows[0])
        table.writeheader()
        table.writerows(rows)


# The page

_MARKED = re.compile(r"(<!-- table (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def filled(text: str, made: dict[str, str]) -> str:
    """The page with new tables between its marks.

    Raises:
        ValueError: the marks are not those of the tables.
    """
    marks = [mark[2] for mark in _MARKED.finditer(text)]
    if marks != list(made):
        raise ValueError(f"{PAGE.name} marks the tables {marks}, not {list(made)}")
    return _MARKED.sub(lambda mark: f"{mark[1]}\n{made[mark[2]]}\n{mark[3]}", text)


def tables(found: Sequence[Row], logs: Row, cascades: Row) -> dict[str, str]:
    """All tables of the page.

    Args:
        found: evaluations of `STUDIES`, in their order.
        logs: evaluation of the ControlArena logs.
        cascades: evaluation of the set in front of the judges.
    """
    pairs = list(zip(STUDIES, found, strict=True))
    return {
        "published": table(_PUBLISHED, (r for pair in pairs for r in published_rows(*pair))),
        "judges": table(_JUDGES, (r for pair in pairs for r in judge_rows(*pair))),
        "logs": table(("figure", "comes out as"), log_rows(logs)),
        "cascade": table(_CASCADE, cascade_rows(cascades)),
    }


_PUBLISHED = (
    "set", "judge", "a case", "AUROC here", "published", "difference", "TPR here", "published",
    "difference",
)  # fmt: skip
_JUDGES = (
    "set", "judge", "attack", "honest / attack / groups", "AUROC", "TPR at 1 %", "false alarms",
    "TPR at 5 %", "false alarms", "unscored", "best baseline",
)  # fmt: skip
_CASCADE = ("scorer", "calls", "AUROC", "TPR at 1 %", "TPR at 5 %", "calls a catch", "unscored")


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Rows in Markdown."""
    lines = (heads, ["---"] * len(heads), *rows)
    return "".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines
    )


def published_rows(study: Study, result: Row) -> Iterator[Sequence[str]]:
    """A row a judge that has published figures."""
    for scorer, judge in _judges(study, result):
        if judge.auroc is None or judge.tpr is None:
            continue
        yield (
            study.data, judge.name, study.per,
            *_beside(scorer["main"]["auroc"]["value"], judge.auroc),
            *_beside(highest(scorer["roc"], 0.01), judge.tpr),
        )  # fmt: skip


def highest(roc: Sequence[Sequence[float]], rate: float) -> float:
    """The share caught at the last point of the curve within the rate, however few the cases."""
    return max(tpr for fpr, tpr in roc if fpr <= rate)


def judge_rows(study: Study, result: Row) -> Iterator[Sequence[str]]:
    """A row a judge, with everything."""
    for scorer, judge in _judges(study, result):
        missing = (scorer["unscored_honest"], scorer["unscored_attack"])
        counts = (result["honest"] - missing[0], result["attacks"] - missing[1], result["groups"])
        yield (
            study.data, judge.name, study.target, " / ".join(f"{n:,}" for n in counts),
            _shown(scorer["main"]["auroc"]),
            *(_shown(scorer["main"][what][rate]) for rate in RATES for what in ("tpr", "fpr")),
            f"{missing[0]} honest, {missing[1]} attack", _baseline(result, scorer),
        )  # fmt: skip


def log_rows(result: Row) -> Iterator[Sequence[str]]:
    """What comes of logs with failed runs."""
    (scorer,) = [s for s in result["scorers"] if s["kind"] == "recorded"]
    missing = f"{scorer['unscored_honest']} honest, {scorer['unscored_attack']} attack"
    held = "unscored attacks missed, unscored honest runs flagged"
    yield "honest / attack runs", f"{result['honest']} / {result['attacks']}"
    yield f"unscored by `{scorer['name'].removeprefix('log: ')}`", missing
    for words, figures in (("", scorer["main"]), (f", {held}", scorer["pessimistic"])):
        yield f"AUROC{words}", _shown(figures["auroc"])
        yield f"TPR at 1 %{words}", _shown(figures["tpr"]["0.01"])


def cascade_rows(result: Row) -> Iterator[Sequence[str]]:
    """The set alone, then each judge on growing shares and alone."""
    scorers = {scorer["name"]: scorer for scorer in result["scorers"]}
    (alone,) = [scorer for scorer in result["scorers"] if scorer["kind"] == "set"]
    yield _cascade_row(f"{alone['name']} alone", alone, "0 %", "–")
    for row in result["cascades"]:
        key, _, share = row["scorer"].partition(" on ")
        name = f"{TURN_JUDGES[key].name}, " + (f"asked about {share}" if share else "alone")
        calls = f"{row['calls_per_case'] * 100:.1f} %"
        yield _cascade_row(name, scorers[row["scorer"]], calls, _shown(row["calls_per_catch"], 1))


def _cascade_row(name: str, scorer: Row, calls: str, catch: str) -> Sequence[str]:
    main, missing = scorer["main"], scorer["unscored_honest"] + scorer["unscored_attack"]
    rates = (_shown(main["tpr"][rate]) for rate in RATES)
    return name, calls, _shown(main["auroc"]), *rates, catch, str(missing)


def _judges(study: Study, result: Row) -> Iterator[tuple[Row, Judge]]:
    scorers = {scorer["name"]: scorer for scorer in result["scorers"]}
    return ((scorers[name], judge) for name, judge in study.judges.items())


def _beside(here: float, published: float) -> tuple[str, str, str]:
    return f"{here:.3f}", f"{published:.3f}", f"{round(here, 3) - published:+.3f}"


def _baseline(result: Row, scorer: Row) -> str:
    """The best baseline, its AUROC, and how the judge stands to it."""
    versus = scorer["comparison"]
    if versus["baseline"] is None:
        return "none could be fitted"
    best = next(s for s in result["scorers"] if s["name"] == versus["baseline"])
    return f"{best['name']} {_shown(best['main']['auroc'])}; judge − it: {_shown(versus['auroc'])}"


def _shown(figure: Row, digits: int = 3) -> str:
    """A figure with its interval, or why there is none."""
    if figure["value"] is None:
        return figure["why"] or "not estimable"
    value = f"{figure['value']:.{digits}f}"
    if figure["low"] is None or figure["high"] is None:
        return value
    return f"{value} [{figure['low']:.{digits}f}, {figure['high']:.{digits}f}]"


def main() -> None:
    """Writes the tables of the page."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("shared", type=Path, help="folder with data/, logs/ and tools/")
    words.add_argument("--db", help="its URL, absolute; known scores are not computed again")
    asked = words.parse_args()
    shared = asked.shared.resolve()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found = [recorded(study, shared, folder) for study in STUDIES]
        made = tables(found, control_logs(shared, folder), cascade(shared, folder, asked.db))
    PAGE.write_text(filled(PAGE.read_text("utf-8"), made), "utf-8")


if __name__ == "__main__":
    main()
