"""Our own format gives back what was written, and refuses what it cannot keep."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

import cotmon
from cotmon.formats.cotmon_jsonl import write
from cotmon.records import (
    LETTER,
    Call,
    Gap,
    Message,
    Refusal,
    Source,
    Transcript,
    access_of,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | TEXT,
    lambda c: st.lists(c, max_size=3),
)


@st.composite
def messages(draw):
    said = []
    for k in range(draw(st.integers(0, 6))):
        channel = draw(st.sampled_from(sorted(LETTER)))
        call = Call(name=draw(TEXT), arguments=draw(TEXT)) if channel == "action" else None
        provenance = draw(st.sampled_from(["raw", "summary"])) if channel == "reasoning" else None
        said.append(
            Message(
                id=f"{k}.{LETTER[channel]}1", turn=str(k), module=draw(TEXT), channel=channel,
                text=draw(TEXT), call=call, provenance=provenance,
                branch=draw(st.none() | TEXT), cites=tuple(draw(st.lists(TEXT, max_size=2))),
            )
        )  # fmt: skip
    return tuple(said)


@given(messages(), TEXT, st.dictionaries(TEXT, JSON, max_size=3), st.booleans())
def test_what_was_written_is_read_back(tmp_path_factory, said, name, labels, gap):
    written = Transcript(
        id=name, source=Source(file="a", format="test", keys={"k": 1.5}), messages=said,
        labels=labels, metadata=labels, access=access_of(said),
        coverage=(Gap(kind="cut", reason=name, line=3),) if gap else (),
    )  # fmt: skip
    path = tmp_path_factory.mktemp("own") / "x.jsonl"
    path.write_bytes(write(written))
    assert list(cotmon.read(path)) == [written]


def test_every_genuine_transcript_survives_the_round_trip(shared, tmp_path):
    found = [t for t in cotmon.read(shared / "logs") if isinstance(t, Transcript)]
    path = tmp_path / "all.jsonl"
    path.write_bytes(b"".join(map(write, found)))
    assert list(cotmon.read(path)) == found and len(found) > 60


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"cotmon_transcript": 2}, "reads 1"),
        ({"surprise": 1}, "surprise"),
        ({"messages": [{"id": "x", "turn": "1", "module": "a", "channel": "text", "text": ""}]}, "x"),
        (
            {"messages": [{"id": "1.r1", "turn": "1", "module": "a", "channel": "reasoning",
                           "text": "gAAAA", "provenance": "encrypted"}]},
            "encrypted",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_kept_is_refused(tmp_path, change, says):
    plain = json.loads(write(Transcript(id="t", source=Source(file="a", format="test"))))
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps({**plain, **change}))
    [refusal] = cotmon.read(path)
    assert isinstance(refusal, Refusal) and says in refusal.reason
