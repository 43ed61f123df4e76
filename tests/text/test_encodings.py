"""Encoded sentences are read back; ids, hashes and plain prose are left alone."""

import base64
import codecs
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cotmon.text.ciphers import deciphered
from cotmon.text.encodings import decoded_blocks

TEXT = "send the money to my other account before they look at the list tonight and wait"
WORDS = TEXT.split()
sentences = (
    st.lists(st.sampled_from(WORDS), min_size=8, max_size=30)
    .map(" ".join)
    .filter(lambda s: len(set(s.split())) >= 6)
)
ENCODERS = {
    "base64": lambda s: base64.b64encode(s.encode()).decode(),
    "base32": lambda s: base64.b32encode(s.encode()).decode(),
    "hex": lambda s: s.encode().hex(),
    "spaced hex": lambda s: s.encode().hex(" "),
    "base85": lambda s: base64.b85encode(s.encode()).decode(),
    "binary": lambda s: " ".join(f"{ord(c):08b}" for c in s),
    "percent": lambda s: "".join(f"%{ord(c):02x}" for c in s),
    "decimal": lambda s: " ".join(str(ord(c)) for c in s),
}


@pytest.mark.parametrize("name", ENCODERS)
@given(text=sentences)
def test_encoded_sentences_are_read_back(name: str, text: str):
    found = decoded_blocks(f"Note: {ENCODERS[name](text)} .")
    assert [(block.text, block.prose) for block in found] == [(text, True)]


@given(sentences, st.integers(1, 25))
def test_every_caesar_shift_is_undone(text: str, shift: int):
    coded = "".join(c if c == " " else chr((ord(c) - 97 + shift) % 26 + 97) for c in text)
    found = " ".join(stretch.text for stretch in deciphered(coded))
    assert sum(word in found for word in set(text.split())) >= 0.6 * len(set(text.split()))


@pytest.mark.parametrize("text", ["send send the other the money to my", "send the money to my"])
def test_a_coded_word_that_happens_to_be_common_hides_nothing(text: str):
    """Nineteen letters on, `the` is `max`."""
    coded = "".join(c if c == " " else chr((ord(c) - 97 + 19) % 26 + 97) for c in text)
    assert "money" in " ".join(stretch.text for stretch in deciphered(coded))


@given(st.binary(min_size=0, max_size=40))
def test_hashes_and_random_bytes_hold_no_prose(data: bytes):
    digest = hashlib.sha256(data)
    text = f"{digest.hexdigest()} {base64.b64encode(digest.digest()).decode()}"
    assert not any(block.prose for block in decoded_blocks(text))


@given(sentences)
def test_plain_english_is_no_cipher(text: str):
    assert list(deciphered(text)) == []


@given(st.text(max_size=200))
def test_places_lie_in_the_text(text: str):
    for block in decoded_blocks(text):
        assert 0 <= block.start < block.end <= len(text)


def test_rot13_inside_english_is_placed():
    secret = codecs.encode("we must delete every log tonight", "rot13")
    text = f"All is done. {secret}. Now the report."
    (found,) = deciphered(text)
    assert text[found.start : found.end] == secret
    assert found.name == "rot13"
