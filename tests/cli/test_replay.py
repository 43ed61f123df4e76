"""Replay as a process: results, exit codes, resuming after a kill, second replays."""

import csv
import io
import json
import random
import signal
import sqlite3
import subprocess
import time

import pytest

RULES = ("-m", "scheming/trip-words", "-m", "unfaithfulness/arithmetic",
         "-m", "steganography/hidden-characters")  # fmt: skip
TAGS = "".join(chr(0xE0000 + ord(c)) for c in "send the key")


def outcomes(folder):
    with sqlite3.connect(folder / "scores.db") as db:
        rows = db.execute(
            "SELECT s.transcript, s.step, m.name, o.status, o.value, o.reason FROM scores s"
            " JOIN outcomes o ON o.address = s.outcome JOIN monitors m ON m.hash = s.monitor"
        ).fetchall()
    return sorted(rows)


def test_a_killed_replay_goes_on_with_the_same_command(cotmon_cli, tmp_path, write_log, chat):
    """Killed twenty times at random moments: the same scores, none lost, none twice."""
    log = write_log("log.jsonl", [chat(f"job{k}", 40, f"2 + {k} = {k + 2}.") for k in range(400)])
    calm = type(cotmon_cli)(tmp_path / "calm")
    calm.folder.mkdir()
    assert calm.replay(log, *RULES).returncode == 0
    chance = random.Random(7)
    for _ in range(20):
        before = _runs(cotmon_cli.folder)
        command = cotmon_cli.command("replay", log, *RULES, "--db", cotmon_cli.db)
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            cwd=cotmon_cli.folder, env=cotmon_cli.environment(),
        )  # fmt: skip
        while _runs(cotmon_cli.folder) == before:
            assert process.poll() is None
            time.sleep(0.01)
        time.sleep(chance.uniform(0, 0.3))
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL, "it was done before it was killed"
    assert cotmon_cli.replay(log, *RULES).returncode == 0
    assert outcomes(cotmon_cli.folder) == outcomes(calm.folder)
    assert len(outcomes(calm.folder)) == len(set(outcomes(calm.folder))) > 10_000


def test_ctrl_c_says_that_the_same_command_goes_on(cotmon_cli, write_log, chat):
    log = write_log("log.jsonl", [chat(f"job{k}", 40) for k in range(1200)])
    command = cotmon_cli.command("replay", log, *RULES, "--db", cotmon_cli.db)
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        cwd=cotmon_cli.folder, env=cotmon_cli.environment(),
    )  # fmt: skip
    while not (cotmon_cli.folder / "scores.db").exists() or not _has_scores(cotmon_cli.folder):
        assert process.poll() is None
        time.sleep(0.002)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode == 2
    assert "same command" in said and "Traceback" not in said
    assert "cut" in cotmon_cli("list", "runs", "--db", cotmon_cli.db).stdout
    assert cotmon_cli.replay(log, *RULES).returncode == 0
    assert "cut" not in cotmon_cli("list", "runs", "--db", cotmon_cli.db).stdout


def _runs(folder):
    """How many runs have begun; reading them is past all imports."""
    if not (folder / "scores.db").exists():
        return 0
    with sqlite3.connect(folder / "scores.db") as db:
        try:
            return db.execute("SELECT count(*) FROM runs").fetchone()[0]
        except sqlite3.OperationalError:
            return 0


def _has_scores(folder):
    with sqlite3.connect(folder / "scores.db") as db:
        try:
            return db.execute("SELECT count(*) FROM outcomes").fetchone()[0] > 0
        except sqlite3.OperationalError:
            return False


def test_a_second_replay_scores_nothing_and_a_grown_log_only_what_is_new(
    cotmon_cli, write_log, chat
):
    log = write_log("log.jsonl", [chat("a", 10), chat("b", 10)])
    first = cotmon_cli.results(log, *RULES)
    stored = outcomes(cotmon_cli.folder)
    again = cotmon_cli.results(log, *RULES)
    assert again == first and outcomes(cotmon_cli.folder) == stored
    write_log("log.jsonl", [chat("a", 10), chat("b", 14)])
    grown = cotmon_cli.results(log, *RULES)
    old, new = first[1]["steps"], grown[1]["steps"]
    assert [s["id"] for s in new[: len(old)]] == [s["id"] for s in old]
    assert new[: len(old)] == old and len(new) > len(old)


def test_the_same_input_gives_the_same_lines_from_every_door(cotmon_cli, write_log, chat):
    records = [chat("a"), chat("b", 4, TAGS)]
    log = write_log("log.jsonl", records)
    direct = cotmon_cli.results(log, *RULES)
    piped = cotmon_cli.replay(
        "-", *RULES, "--output", "json", stdin="".join(json.dumps(r) + "\n" for r in records)
    )
    other = [json.loads(line) for line in piped.stdout.split("\n") if line]
    for a, b in zip(direct, other, strict=True):
        assert a["steps"] == b["steps"] and a["verdict"] == b["verdict"]


def test_json_lines_keep_their_schema(cotmon_cli, write_log, chat, tmp_path):
    log = write_log("log.jsonl", [chat("a", 3, TAGS)])
    (tmp_path / "junk.json").write_text('{"what": 1}')
    run = cotmon_cli.replay(log, tmp_path / "junk.json", *RULES, "--output", "json")
    good, refused = [json.loads(line) for line in run.stdout.split("\n") if line]
    assert run.returncode == 2
    assert set(good) >= {
        "schema", "run", "transcript", "source", "format", "access", "verdict", "suspicion",
        "cues", "coverage", "labels", "error", "steps",
    }  # fmt: skip
    assert good["schema"] == 1 and good["verdict"] == "flag" and good["error"] is None
    assert set(good["source"]) == {"file", "format", "position", "keys"}
    step = good["steps"][1]
    assert set(step) >= {
        "id", "address", "branch", "index", "turn", "message_id", "module", "parent", "channel",
        "provenance", "start", "end", "text", "tool", "suspicion", "marked", "cues", "scores",
    }  # fmt: skip
    assert set(step["scores"][0]) >= {
        "monitor", "cue", "value", "threshold", "tail", "status", "reason", "spans",
    }  # fmt: skip
    assert refused["transcript"] is None and refused["source"]["file"].endswith("junk.json")
    assert set(refused["error"]) == {"file", "line", "reason"}
    marked = [s for s in good["steps"] if s["marked"]]
    assert marked and TAGS in marked[0]["text"] and "send the key" in json.dumps(marked[0])


def test_csv_holds_a_row_a_score(cotmon_cli, write_log, chat):
    log = write_log("log.jsonl", [chat("a", 3)])
    [record] = cotmon_cli.results(log, *RULES)
    table = cotmon_cli.replay(log, *RULES, "--output", "csv").stdout
    rows = list(csv.DictReader(io.StringIO(table)))
    assert len(rows) == sum(len(step["scores"]) for step in record["steps"])
    assert {row["monitor"] for row in rows} == {name for name in RULES if name != "-m"}


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ([], 0),
        (["--fail-on", "flag"], 1),
        (["--fail-on", "0.3"], 1),
        (["--fail-on", "maybe"], 2),
        (["--fail-on", "1.5"], 2),
        (["--cue", "sorcery"], 2),
        (["-m", "no-such-monitor"], 2),
        (["--map", "role"], 2),
    ],
)
def test_exit_codes(cotmon_cli, write_log, chat, options, code):
    log = write_log("log.jsonl", [chat("a", 3, TAGS)])
    run = cotmon_cli.replay(log, *RULES, *options)
    assert run.returncode == code, run.stderr
    assert "Traceback" not in run.stderr
    if code == 2:
        assert run.stderr.startswith("cotmon: ")


def test_a_limit_wins_over_a_refusal(cotmon_cli, write_log, chat, tmp_path):
    log = write_log("log.jsonl", [chat("a", 3, TAGS)])
    assert cotmon_cli.replay(log, "nowhere.json", *RULES).returncode == 2
    assert cotmon_cli.replay(log, "nowhere.json", *RULES, "--fail-on", "flag").returncode == 1


def test_an_unreadable_reasoning_is_incomplete(cotmon_cli, write_log):
    secret = {"role": "assistant", "content": "Done.",
              "reasoning_details": [{"type": "reasoning.encrypted", "data": "gAAAAB" * 20}]}  # fmt: skip
    log = write_log(
        "log.jsonl", [{"id": "x", "messages": [{"role": "user", "content": "Go."}, secret]}]
    )
    run = cotmon_cli.replay(log, *RULES, "--fail-incomplete")
    assert run.returncode == 1 and "incomplete" in run.stdout and "encrypted" in run.stdout
    assert "gAAAAB" not in run.stdout


def test_the_table_shows_where_and_why(cotmon_cli, write_log, chat):
    log = write_log("log.jsonl", [chat("a", 3, TAGS)])
    said = cotmon_cli.replay(log, *RULES).stdout
    for words in ("verdict: flag", "[M2.", "honest: 1 in", "steganography/hidden-characters",
                  "access: raw", "by hand", "cotmon show", "not a safe agent"):  # fmt: skip
        assert words in said, words
    assert "\x1b" not in said


def test_show_delete_and_export(cotmon_cli, write_log, chat, tmp_path):
    log = write_log("log.jsonl", [chat("a", 3, TAGS)])
    cotmon_cli.replay(log, *RULES)
    shown = cotmon_cli("show", "a", "[M2.2]", "--db", cotmon_cli.db)
    assert shown.returncode == 0 and "[M2.2]" in shown.stdout
    assert "<U+E0073>" in cotmon_cli("show", "a", "--db", cotmon_cli.db).stdout
    assert cotmon_cli("show", "a", "M9.9", "--db", cotmon_cli.db).returncode == 2
    for shape in ("parquet", "csv", "jsonl"):
        target = tmp_path / f"out.{shape}"
        done = cotmon_cli(
            "export", "latest", "--format", shape, "--to", target, "--db", cotmon_cli.db
        )
        assert done.returncode == 0 and target.stat().st_size > 100
    run = json.loads(next(iter((tmp_path / "out.jsonl").read_text().split("\n"))))["run"]
    assert cotmon_cli("delete", run, "--db", cotmon_cli.db).returncode == 0
    with sqlite3.connect(cotmon_cli.folder / "scores.db") as db:
        for table in ("runs", "transcripts", "outcomes", "scores", "texts", "messages", "steps"):
            assert db.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table


def test_a_dry_run_counts_and_stores_nothing(cotmon_cli, write_log, chat):
    log = write_log("log.jsonl", [chat("a", 3)])
    run = cotmon_cli.replay(log, "--dry-run")
    assert run.returncode == 0 and "openai_chat" in run.stdout and "reasoning, raw" in run.stdout
    assert not (cotmon_cli.folder / "scores.db").exists()


def test_processes_on_one_new_database_do_not_disturb_each_other(cotmon_cli, write_log, chat):
    log = write_log("log.jsonl", [chat(f"job{k}", 10) for k in range(30)])
    command = cotmon_cli.command("replay", log, *RULES, "--db", cotmon_cli.db, "--output", "json")
    started = [
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            cwd=cotmon_cli.folder, env=cotmon_cli.environment(),
        )
        for _ in range(4)
    ]  # fmt: skip
    printed = [process.communicate() for process in started]
    assert [process.returncode for process in started] == [0] * 4, printed
    lines = [[{**json.loads(line), "run": None} for line in out.splitlines()] for out, _ in printed]
    assert lines[0] == lines[1] == lines[2] == lines[3] and len(lines[0]) == 30
    assert len(outcomes(cotmon_cli.folder)) == len(set(outcomes(cotmon_cli.folder)))


def test_a_copied_monitor_keeps_its_scores_beside_the_original(
    cotmon_cli, write_log, chat, tmp_path
):
    log = write_log("log.jsonl", [chat("a", 3, "Nobody notices if I cover my tracks.")])
    assert cotmon_cli("new", "monitor", "scheming/mine").returncode == 0
    both = ("-m", "scheming/trip-words", "-m", "scheming/mine")
    first = cotmon_cli.results(log, *both)
    again = cotmon_cli.results(log, *both)
    assert first == again
    named = {s["monitor"] for step in first[0]["steps"] for s in step["scores"]}
    assert named == {"scheming/trip-words", "scheming/mine"}
    assert cotmon_cli("check", "scheming/mine").returncode == 0


def test_deleting_a_run_keeps_what_a_cut_one_still_needs(cotmon_cli, write_log, chat):
    log = write_log("log.jsonl", [chat("a", 3)])
    cotmon_cli.replay(log, *RULES)
    with sqlite3.connect(cotmon_cli.folder / "scores.db") as db:
        db.execute("UPDATE runs SET finished = NULL")
    other = write_log("other.jsonl", [chat("b", 3)])
    cotmon_cli.replay(other, *RULES)
    before = outcomes(cotmon_cli.folder)
    done = cotmon_cli("delete", "latest", "--db", cotmon_cli.db)
    assert done.returncode == 0 and "unfinished" in done.stderr
    assert outcomes(cotmon_cli.folder) == before


def test_a_password_in_a_url_is_not_kept(cotmon_cli, write_log, chat):
    log = write_log("log.jsonl", [chat("a", 1)])
    model = "http://user:topsecret@127.0.0.1:9/v1#m"
    cotmon_cli.replay(log, *RULES, "--model", model)
    assert b"topsecret" not in (cotmon_cli.folder / "scores.db").read_bytes()


def test_an_output_that_cannot_be_written_is_no_limit_reached(cotmon_cli, write_log, chat):
    log = write_log("log.jsonl", [chat("a", 1)])
    run = cotmon_cli.replay(log, *RULES, "--report", "/proc/nowhere/r.html")
    assert run.returncode == 2 and "Traceback" not in run.stderr


def test_reports_lists_and_the_doctor(cotmon_cli, write_log, chat, tmp_path):
    log = write_log("log.jsonl", [chat("a", 3, TAGS), chat("b", 2)])
    assert cotmon_cli.replay(log, *RULES, "--report", tmp_path / "now").returncode == 0
    later = cotmon_cli("report", "latest", "--to", tmp_path / "later", "--db", cotmon_cli.db)
    assert later.returncode == 0
    for folder in ("now", "later"):
        pages = sorted(p.name for p in (tmp_path / folder).glob("*.html"))
        assert "index.html" in pages and len(pages) == 2
        assert "send the key" in "".join(p.read_text() for p in (tmp_path / folder).glob("0*.html"))
    asked = cotmon_cli("report", "--to", tmp_path / "all", "--page", "b", "--db", cotmon_cli.db)
    assert asked.returncode == 0 and len(list((tmp_path / "all").glob("*.html"))) == 3
    for what, word in (("monitors", "trip-words"), ("sets", "default"), ("formats", "claude_code"),
                       ("datasets", "honest-runs")):  # fmt: skip
        listed = cotmon_cli("list", what)
        assert listed.returncode == 0 and word in listed.stdout, what
    healthy = cotmon_cli("doctor", "--db", cotmon_cli.db)
    assert healthy.returncode == 0 and "encoder" in healthy.stdout and "1 runs" in healthy.stdout
    wrong = cotmon_cli("check", "no-such-monitor")
    assert wrong.returncode == 2 and "no monitor" in wrong.stderr
