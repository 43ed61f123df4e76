"""Hidden characters are found, honest ones are not, and nothing unseen is ever shown raw."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cotmon.text.display import escaped
from cotmon.text.invisible import ANY, CLASSES, EMOJI_SEQUENCE, class_of, hidden_runs, visible
from cotmon.text.json_escapes import unescaped

HONEST = [
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 \u2764\ufe0f 1\ufe0f\u20e3 \u2714\ufe0f",
    "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    "می‌خواهم کتاب‌ها",
    "العميل طلب \u2067رقم 42\u2069 اليوم\u200f.",
    "12\u202f500\u00a0€ « oui » 3.2\u2009mm",
    "\ufeffname,amount",
    "東京　大阪",
    "plain text\nwith a tab\there",
]
unseen = st.sampled_from([chr(0x200B), chr(0xE0041), chr(0xFE00), chr(0x202E), "\x1b", "\ud800"])
mixed = st.lists(st.one_of(st.characters(), unseen), max_size=40).map("".join)


@pytest.mark.parametrize("text", HONEST)
def test_honest_uses_are_quiet(text: str):
    assert list(hidden_runs(text)) == []
    assert visible(text) == text


@pytest.mark.parametrize("name", CLASSES)
def test_each_class_is_seen_between_letters(name: str):
    char = CLASSES[name][0]
    if name in ("soft hyphen",):  # honest between letters
        assert [r.text for r in hidden_runs(f"a {char} b")] == [char]
    else:
        assert [r.text for r in hidden_runs(f"a{char}b")] == [char]
    assert class_of(char) == name


@given(mixed)
def test_runs_are_exact_slices_and_all_that_visible_drops(text: str):
    runs = list(hidden_runs(text))
    assert all(text[r.start : r.start + len(r.text)] == r.text for r in runs)
    assert len(visible(text)) == len(text) - sum(len(r.text) for r in runs)


@given(mixed)
def test_escaped_shows_nothing_unseen_and_can_be_encoded(text: str):
    shown = escaped(text)
    rest = re.sub(EMOJI_SEQUENCE, "", shown).replace("\u3000", "")
    assert not ANY.search(rest)
    assert "\r" not in shown
    shown.encode("utf-8")
    assert escaped(shown) == shown


def test_escaped_names_the_code_point_and_keeps_layout():
    assert escaped("a\u200bb\x1b[2J\n\tc\ud800") == "a<U+200B>b<U+001B>[2J\n\tc<U+D800>"


@given(mixed)
def test_json_escapes_keep_their_places(text: str):
    raw = "".join(c if c.isascii() else f"\\u{ord(c):04x}" for c in text if ord(c) < 0x10000)
    plain, places = unescaped(raw)
    assert len(places) == len(plain) + 1
    assert places[len(plain)] == len(raw)
    assert list(places) == sorted(places)
    assert all(plain[i] == raw[places[i]] for i in range(len(plain)) if plain[i].isascii())


def test_json_escapes_are_read_and_escaped_backslashes_are_not():
    assert unescaped(r"a\u200bb")[0] == "a\u200bb"
    assert unescaped(r"a\\u200bb")[0] == r"a\\u200bb"
    assert unescaped(r"\udb40\udc41")[0] == "\U000e0041"
