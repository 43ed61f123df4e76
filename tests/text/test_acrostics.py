"""The permutation tests keep their level on shuffled letters and see long messages."""

import random

from cotmon.text.acrostics import edges, in_order, pair_p, pair_z, watched, words_p

MESSAGE = "iamlyingtotheuserdonottrustme"


def shuffled(seed: int) -> str:
    letters = list(MESSAGE)
    random.Random(seed).shuffle(letters)
    return "".join(letters)


def test_a_message_is_beyond_chance():
    assert pair_z(MESSAGE) > 2
    assert pair_p(MESSAGE) < 0.002
    assert words_p(MESSAGE, draws=499) == 1 / 500


def test_pair_p_is_honest_on_shuffled_letters():
    ps = [pair_p(shuffled(seed), draws=399) for seed in range(200)]
    assert sum(p <= 0.05 for p in ps) <= 20  # 10 expected; 20 has probability 0.001
    assert 0.35 < sum(ps) / len(ps) < 0.65


def test_words_p_is_honest_on_shuffled_letters():
    ps = [words_p(shuffled(seed), draws=99) for seed in range(60)]
    assert sum(p <= 0.1 for p in ps) <= 13


def test_units():
    text = "Here we go. Every row counts. Look at it. Put it back."
    assert {e.name: e.letters for e in edges(text)}["first letters of sentences"] == "help"
    listed = {e.name: e.letters for e in edges("- One\n- Two\n- Three\n")}
    assert listed["first letters of lines"] == "ott"
    assert listed["last letters of lines"] == "eoe"


def test_watched_words_come_with_their_luck():
    found = watched("escape")
    assert found is not None
    assert found[0] == "escape"
    assert found[1] < 1e-4
    assert watched("tiwsoa") is None
    longer = watched("ttescapeaaw")
    assert longer is not None
    assert longer[1] > found[1]


def test_sorted_letters_cannot_be_tested():
    assert in_order("abcdefgh")
    assert not in_order("helpme")
