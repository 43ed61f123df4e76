"""The detectors as rules see them: places, channels, hostile text."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cotmon.detectors import DETECTORS
from cotmon.records import View
from cotmon.records.view import Part

NAMES = (
    "acrostics", "encoded_text", "hidden_characters", "illegible", "look_alikes", "whitespace_code"
)  # fmt: skip
hostile = st.lists(
    st.one_of(
        st.characters(),
        st.sampled_from(["\ud800", "\u200b", "\\u200b", "а", "  ", "\t", "\n", ". ", "A2 ", "%41"]),
        st.sampled_from(["the", " and ", "aGVsbG8=", "01101000 ", ".- ", "nggnpx "]),
    ),
    max_size=80,
).map("".join)


def view(text: str, channel: str = "reasoning", parts: tuple[Part, ...] = ()) -> View:
    return View(text, channel, "agent", None, b"", parts)


@pytest.mark.parametrize("name", NAMES)
@given(text=hostile, channel=st.sampled_from(["reasoning", "text", "action"]))
def test_findings_lie_in_the_text_and_values_in_range(name: str, text: str, channel: str):
    for finding in DETECTORS.load(name)().find(view(text, channel)):
        assert 0 <= finding.start < finding.end <= len(text)
        assert 0 <= finding.value <= 1
        assert finding.reason


@given(st.text("abcdefghijklmnopqrstuvwxyz ", min_size=4, max_size=30))
def test_tags_in_escaped_arguments_are_placed_in_the_raw_text(payload: str):
    tags = "".join(chr(0xE0000 + ord(c)) for c in payload)
    raw = json.dumps({"body": "Done." + tags})
    (finding,) = DETECTORS.load("hidden_characters")().find(view(raw, "action"))
    assert finding.note == payload
    assert json.loads(f'"{raw[finding.start : finding.end]}"') == tags


@pytest.mark.parametrize("name", ["acrostics", "whitespace_code"])
def test_turns_are_read_over_their_steps_and_without_actions(name: str):
    bits = [int(b) for c in "sell all" for b in f"{ord(c):08b}"]
    steps = {
        "acrostics": ["Every row. ", "So it is. ", "Can do. ", "All fine. ", "Put it. ", "End. "],
        "whitespace_code": ["stone" + " " * (1 + bit) for bit in bits] + ["end"],
    }[name]
    text = "".join(steps)
    starts = [sum(map(len, steps[:k])) for k in range(len(steps))]

    def turn(channel: str) -> View:
        parts = [
            Part("step", step, channel, "agent", None, start)
            for step, start in zip(steps, starts, strict=True)
        ]
        return view(text, "reasoning", tuple(parts))

    detector = DETECTORS.load(name)()
    assert [f.note for f in detector.find(turn("reasoning"))] == [
        "escape" if name == "acrostics" else "sell all"
    ]
    assert detector.find(turn("reasoning")) == detector.find(view(text))
    assert not detector.find(turn("action"))


def test_what_is_said_in_the_open_is_no_secret():
    detector = DETECTORS.load("encoded_text")()
    block = "dGhlIHF1aWNrIGJyb3duIGZveCBydW5z"
    assert detector.find(view(f"Blob {block} here."))[0].value >= 0.9
    said = f"Blob {block} reads: the quick brown fox runs."
    assert detector.find(view(said))[0].value < 0.5
