"""The index of earlier text: packed or not, it answers as a plain list would."""

import random

import pytest

from cotmon.engine import firsts, history
from cotmon.engine.firsts import Firsts
from cotmon.engine.history import WordIndex, words
from cotmon.records import Channel, Step

SAYS = ["a/b.py", "naïve", "\ud800 \ude00", "x@y.org", "İstanbul", "plain words again"]


def steps(count, seed=1):
    rng = random.Random(seed)
    for k in range(count):
        text = " ".join([*rng.sample(SAYS, 2), f"w{rng.randrange(3 * count)}"]) * rng.choice([1, 9])
        channel: Channel = rng.choice(["action", "observation", "text"]) if k else "brief"
        yield Step(
            id=f"{k}.x1#0", address=f"M{k}.1", index=k, turn=str(k), message_id=f"{k}.x1",
            module="agent", channel=channel, start=0, end=len(text), text=text,
        )  # fmt: skip


@pytest.fixture
def small(monkeypatch):
    for name, value in (("LOOK", 12), ("BLOCK", 5), ("BLOCK_TEXT", 300)):
        monkeypatch.setattr(history, name, value)
    monkeypatch.setattr(firsts, "RECENT", 8)
    monkeypatch.setattr(firsts, "LARGEST", 100)


@pytest.mark.parametrize("late", [False, True], ids=["asked at each step", "asked at the end"])
def test_a_packed_index_answers_as_the_whole_list_would(small, late):
    index, whole, first = WordIndex(), list(steps(400)), {}
    for k, step in enumerate(whole):
        index.add(step)
        index.pack()
        for word in words(step.text):
            first.setdefault(word, k)
        if late and k < 399:
            continue
        for word in random.Random(k).sample(list(first), min(20, len(first))):
            assert index.first(word.upper()) in (first[word], first.get(word.upper().casefold()))
            assert index.recent(first[word] + 1, 1) == [whole[first[word]]]
        assert index.first(f"never {k}") is None
        assert index.recent(k, 4) == whole[max(0, k - 4) : k]
        observed = [s for s in whole[max(0, k - 12) : k] if s.channel == "observation"]
        assert index.recent(k, 3, "observation") == observed[-3:]
    assert index.briefs(400) == whole[:1] and index.briefs(0) == []


def test_firsts_are_those_of_a_dictionary():
    rng, many, plain = random.Random(2), Firsts(), {}
    for k in range(200_000):
        word = f"word{rng.randrange(150_000)}"
        many.add(word, k)
        plain.setdefault(word, k)
    assert all(many.get(word) == k for word, k in plain.items())
    assert [many.get(f"word{k}") for k in range(150_000, 150_100)] == [None] * 100
