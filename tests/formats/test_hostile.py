"""Hostile files: each is read or refused with file, line and reason, and the next one is read."""

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
        assert case.refused in refusal.reason, refusal
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
