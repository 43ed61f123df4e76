"""Slices tile, prefixes agree with the whole, and sentences end where a reader ends them."""

import gzip
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cotmon.segmentation import Cutter, slices

PIECES = st.sampled_from(
    ["a", "B", "7", ".", ". ", "? ", "! ", "…", "e.g. ", "Dr. ", "\n", "\n\n", "\n- ", "\n1. ",
     "```", "\n```\n", "```py\n", "`", "``", "$", "$$", "\\(", "\\)", "\\[", "\\]", " ", "   ",
     "https://a.b/c. ", "。", "\"", ")", "(", "word ", "A. ", "3! ", "~~~", "\t", "# H\n", "\n# "]
)  # fmt: skip
TEXTS = st.one_of(st.lists(PIECES, max_size=40).map("".join), st.text(max_size=60))
MAXIMA = st.sampled_from([4, 7, 12, 30, 1000])


def closed(text: str, maximum: int) -> list[tuple[int, int]]:
    return Cutter(maximum).advance(text)


@settings(max_examples=1500, deadline=None)
@given(TEXTS, MAXIMA)
def test_slices_tile_the_text_and_keep_the_maximum(text, maximum):
    pieces = slices(text, maximum)
    assert "".join(text[a:b] for a, b in pieces) == text
    assert [a for a, _ in pieces] == [0, *[b for _, b in pieces]][: len(pieces)]
    assert all(0 < b - a <= maximum for a, b in pieces)


@settings(max_examples=1500, deadline=None)
@given(TEXTS, MAXIMA)
def test_closed_slices_of_every_prefix_are_those_of_the_whole(text, maximum):
    whole = slices(text, maximum)
    for length in range(len(text) + 1):
        part = closed(text[:length], maximum)
        assert part == whole[: len(part)], text[:length]


@settings(max_examples=200, deadline=None)
@given(TEXTS, MAXIMA, st.lists(st.integers(1, 9), max_size=30))
def test_a_stream_cuts_like_the_whole(text, maximum, bites):
    cutter, got, at = Cutter(maximum), [], 0
    for bite in bites:
        at = min(len(text), at + bite)
        got += cutter.advance(text[:at])
    got += cutter.advance(text, final=True)
    assert got == slices(text, maximum)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I read it. Then I wrote.", ["I read it. ", "Then I wrote."]),
        ("See e.g. the file. Done!", ["See e.g. the file. ", "Done!"]),
        ("It is 3.14 or v1.2.3 today. Next?", ["It is 3.14 or v1.2.3 today. ", "Next?"]),
        ("Open a.py and b.py. Run it.", ["Open a.py and b.py. ", "Run it."]),
        ("9! * 2! is big. Yes.", ["9! * 2! is big. ", "Yes."]),
        ("Dr. Fu came. He left.", ["Dr. Fu came. ", "He left."]),
        ("Use `a. B` here. Go.", ["Use `a. B` here. ", "Go."]),
        ("So $x. Y$ holds. Thus.", ["So $x. Y$ holds. ", "Thus."]),
        ("Plan:\n1. Read it.\n2. Write it.", ["Plan:\n", "1. Read it.\n", "2. Write it."]),
        ("First para\n\nSecond para", ["First para\n\n", "Second para"]),
        ("Look:\n```py\na. B\n\nc\n```\nOk. End.", ["Look:\n", "```py\na. B\n\nc\n```\n", "Ok. ", "End."]),
        ("Well... maybe not. Hm.", ["Well... maybe not. ", "Hm."]),
        ("\n\nOkay. So.", ["\n\nOkay. ", "So."]),
        ("The answer is B. We stop.", ["The answer is B. ", "We stop."]),
        ("John F. Kennedy spoke. Yes.", ["John F. Kennedy spoke. ", "Yes."]),
        ("他来了。我走了。", ["他来了。", "我走了。"]),
        ('He said "Stop." Then he left.', ['He said "Stop." ', "Then he left."]),
        ("line one\nline two. Next", ["line one\nline two. ", "Next"]),
        ("it failed.\nthen I retried", ["it failed.\n", "then I retried"]),
        ("See https://a.org/x.y?z=1. Then go.", ["See https://a.org/x.y?z=1. ", "Then go."]),
    ],
)  # fmt: skip
def test_sentences_end_where_a_reader_ends_them(text, expected):
    assert [text[a:b] for a, b in slices(text)] == expected


def test_real_reasoning_prefixes_agree(shared):
    with gzip.open(shared / "data" / "thought-anchors" / "data.jsonl.gz", "rt") as lines:
        record = json.loads(next(lines))
    text = " ".join(step["text"] for step in record["steps"])[:3000]
    for maximum in (60, 1000):
        whole = slices(text, maximum)
        for length in range(0, len(text), 7):
            part = closed(text[:length], maximum)
            assert part == whole[: len(part)]
