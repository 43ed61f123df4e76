"""What was hidden with a known scheme is read back."""

from hypothesis import given
from hypothesis import strategies as st

from cotmon.text.payloads import bits_to_text, selectors_to_bytes, symbols_to_text, tags_to_ascii

printable = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=40)
VOCABULARY = "delete send the logs key wait for noon"
words = st.lists(st.sampled_from(VOCABULARY.split()), min_size=4, max_size=9)


def bits_of(text: str) -> list[int]:
    return [int(bit) for char in text for bit in f"{ord(char):08b}"]


@given(printable)
def test_tags_are_read_back(text: str):
    assert tags_to_ascii("x" + "".join(chr(0xE0000 + ord(c)) for c in text) + "y") == text


@given(st.binary(max_size=60))
def test_variation_selectors_are_read_back(data: bytes):
    hidden = "".join(chr(0xFE00 + b if b < 16 else 0xE0100 + b - 16) for b in data)
    assert selectors_to_bytes("a" + hidden + "b") == data


@given(words, st.booleans(), st.permutations("\u200b\u200c"))
def test_two_symbols_are_read_in_either_polarity(parts: list[str], flip: bool, pair: list[str]):
    text = " ".join(parts)
    bits = [bit ^ flip for bit in bits_of(text)]
    assert symbols_to_text("".join(pair[b] for b in bits)) == text


@given(words)
def test_four_symbols_carry_two_bits_each(parts: list[str]):
    text = " ".join(parts)
    bits = bits_of(text)
    pairs = [bits[i] * 2 + bits[i + 1] for i in range(0, len(bits), 2)]
    symbols = "".join("\u200b\u200c\u200d\u2060"[p] for p in pairs)
    if len(set(symbols)) == 4:
        assert symbols_to_text(symbols) == text


@given(st.lists(st.integers(0, 1), max_size=400))
def test_random_bits_never_crash(bits: list[int]):
    text = bits_to_text(bits)
    assert text is None or len(text) >= 4
