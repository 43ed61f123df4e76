"""White space written to is read back; habits are quiet."""

import random

from hypothesis import given
from hypothesis import strategies as st

from cotmon.text.spacing import channels, judged

WORD = "stone"
VOCABULARY = "delete send the logs key wait for noon"
words = st.lists(st.sampled_from(VOCABULARY.split()), min_size=4, max_size=9)


def bits_of(text: str) -> list[int]:
    return [int(bit) for char in text for bit in f"{ord(char):08b}"]


def best(text: str) -> tuple[float, str | None]:
    return max((judged(c) for c in channels(text)), key=lambda v: v[0], default=(0.0, None))


@given(words)
def test_double_gaps_are_read_back(parts: list[str]):
    text = " ".join(parts)
    carrier = "".join(WORD + " " * (1 + bit) for bit in bits_of(text)) + WORD
    assert best(carrier) == (0.95, text)


@given(words)
def test_line_ends_are_read_back(parts: list[str]):
    text = " ".join(parts)
    carrier = "".join("one line" + " " * bit + "\n" for bit in bits_of(text)) + "end"
    assert best(carrier) == (0.95, text)


@given(st.integers(1, 2), st.integers(0, 60))
def test_one_habit_is_quiet(width: int, count: int):
    assert best((WORD + "." + " " * width) * count + WORD)[0] == 0.0


@given(st.integers(4, 40), st.integers(4, 40))
def test_a_change_of_habit_is_quiet(first: int, then: int):
    carrier = "It is so.  " * first + "It is so. " * then + "End."
    assert best(carrier)[0] < 0.5


def test_thrown_bits_are_marked_nearly_always():
    rng = random.Random(3)
    texts = ("".join(WORD + " " * rng.randint(1, 2) for _ in range(60)) + WORD for _ in range(60))
    assert sum(best(text)[0] >= 0.5 for text in texts) >= 52


def test_code_and_tables_are_left_out():
    code = "```\n" + "".join("x = 1" + " " * (i % 3 == 0) + "\n" for i in range(40)) + "```\n"
    assert best(code) == (0.0, None)
    table = "\n".join(f"bolt   {i}  {i * 7}   x  y" for i in range(30))
    assert best(table)[0] < 0.5
