"""Hostile files: each is read or refused with file, line and reason, and the next one is read."""

import json
import subprocess
import sys

import pytest
from hostile_corpus import CORPUS, GOOD, Hostile
from hostile_samples import SAID

import cotmon
from cotmon.formats import _inspect_archive
from cotmon.records import Refusal, Transcript
from cotmon.segmentation import steps_of


def test_enough_of_them():
    assert len({case.name for case in CORPUS}) == len(CORPUS) >= 60


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: case.name)
def test_hostile_file(tmp_path, monkeypatch, case: Hostile):
    monkeypatch.setattr(_inspect_archive, "MAX_MEMBER", 40 << 20)
    bad, good = tmp_path / "a_bad.json", tmp_path / "b_good.jsonl"
    bad.write_bytes(case.make())
    good.write_bytes(GOOD)
    items = list(cotmon.read(tmp_path))
    last = items.pop()
    assert isinstance(last, Transcript)
    assert last.source.file == str(good)
    assert any(SAID in message.text for message in last.messages)
    read = [item for item in items if isinstance(item, Transcript)]
    refused = [item for item in items if isinstance(item, Refusal)]
    assert len(read) == case.read, refused
    _check_refusals(case, refused, str(bad))
    _check_transcripts(case, read)


def _check_refusals(case: Hostile, refused: list[Refusal], file: str):
    assert len(refused) == (case.refused is not None), refused
    for refusal in refused:
        assert refusal.file == file
        assert refusal.line == case.line, refusal
        assert case.refused is not None and case.refused in refusal.reason, refusal
        assert "did not expect" not in refusal.reason
        assert len(refusal.reason) < 1000


def _check_transcripts(case: Hostile, read: list[Transcript]):
    for transcript in read[:10]:
        ids = [message.id for message in transcript.messages]
        assert len(set(ids)) == len(ids)
        steps = steps_of(transcript)
        whole = "".join(message.text for message in transcript.messages)
        assert "".join(step.text for step in steps) == whole
        whole.encode()
        transcript.id.encode()
    texts = [m.text for t in read for m in t.messages]
    assert case.kept is None or any(case.kept in text for text in texts)
    reasons = [gap.reason for t in read for gap in t.coverage]
    assert case.noted is None or any(case.noted in reason for reason in reasons), reasons


SLOW = {"json_broken_far", "tiny_messages", "huge_word", "many_empty_lists", "zip_bomb_deflate"}


def test_the_whole_corpus_at_once(tmp_path):
    folder, expected = tmp_path / "logs", set()
    folder.mkdir()
    for case in CORPUS:
        if case.name not in SLOW:
            (folder / case.name).write_bytes(case.make())
            expected |= {str(folder / case.name)} if case.refused else set()
    (folder / "zz_good").write_bytes(GOOD.replace(b'"x"', b'"good"'))
    words = ["-m", "scheming/trip-words", "--output", "json", "--db", f"sqlite:///{tmp_path}/db"]
    done = subprocess.run(
        [sys.executable, "-m", "cotmon", "replay", str(folder), *words],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    refused = [item["error"] for item in found if item["transcript"] is None]
    assert {error["file"] for error in refused} == expected
    assert all(error["reason"] for error in refused)
    (good,) = [item for item in found if item["transcript"] == "good"]
    assert {s["status"] for step in good["steps"] for s in step["scores"]} >= {"scored"}
