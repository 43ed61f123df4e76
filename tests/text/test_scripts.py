"""Scripts, mixed words and skeletons (UTS #39)."""

import sys

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from cotmon.text.scripts import LOOK_ALIKES, is_mixed, script_of, skeleton

SCRIPTS = ("Latin", "Greek", "Cyrillic", "Armenian", "Cherokee", "Han", "Hiragana", "Hangul")


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_agree_with_unicode_where_a_script_is_claimed(script: str):
    pattern = regex.compile(rf"\p{{scx={script}}}")
    claimed = [c for c in map(chr, range(0x80, 0x20000)) if script_of(c) == script]
    assert len(claimed) > 60
    assert [c for c in claimed if not pattern.match(c)] == []


def test_skeleton_is_idempotent_for_every_character():
    every = map(chr, (i for i in range(sys.maxunicode + 1) if not 0xD800 <= i < 0xE000))
    assert [c for c in every if skeleton(skeleton(c)) != skeleton(c)] == []


@given(st.text(max_size=30))
def test_skeleton_is_idempotent(text: str):
    assert skeleton(skeleton(text)) == skeleton(text)


@given(st.text("abcdefghijklmnopqrstuvwxyz ", min_size=1), st.randoms(use_true_random=False))
def test_disguised_words_have_the_skeleton_of_the_plain_ones(plain: str, random):
    ways = {a: [c for c, b in LOOK_ALIKES.items() if b == a] for a in set(plain)}
    disguised = "".join(random.choice(ways[c]) if ways[c] else c for c in plain)
    assert skeleton(disguised) == plain


@pytest.mark.parametrize("word", ["pаssword", "раypal", "ѕсоре2x", "Αdmin"])
def test_mixed_words(word: str):
    assert is_mixed(word)


@pytest.mark.parametrize(
    "word", ["слово", "Δx"[0], "東京タワー", "Pythonistas", "µm", "한국어", "café"]
)
def test_words_of_one_script_or_east_asian_system(word: str):
    assert not is_mixed(word)
