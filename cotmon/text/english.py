"""A small model of English: common words, function words, letter pairs."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path

WORDS = frozenset(Path(__file__).with_name("english_words.txt").read_text("ascii").split())
"""About 3,500 common words, lower case."""

_FUNCTION_WORDS = (
    "the of and in to was he is as for on with that it his by at from her she you had an were "
    "but be this are not my they one which or have him me all also their has up who out been "
    "when after there into its would no what about we if so do can could should will may might "
    "must than then these those some any each other more most only such very just now here how "
    "why where while because since before until through between under over our your us them i a "
    "am did does done being both few many much own same too again further once during against "
    "don't can't won't i'm i'll let's it's that's let need get got make use using whether "
    "without however still yet first next well like per via"
)
FUNCTION_WORDS = frozenset(_FUNCTION_WORDS.split())
"""Words that hold English sentences together; hardly any ten words of prose lack them."""

_COST = (
    "hb9aidbhaje695iam675ccegbj 6fdg4iij8an6hi7hm9be6kjp7p 6ich6hj68o98hj5hlad6akiseo "
    "7aaa5abb6ggbbc7bja889eamdm 8c87aacdaih9a7baf667ecbcdl 7dcd89ed5ihadd4dl7b69hdjen "
    "7cbd5cc77ihaca8cl7989gcmem 5eef2fhf6lkfde7fncc9djepfm ac8aaabminf9a47dka66janere "
    "6lhj3klmblgkli5iogbg4liikg 8ccd3bec6ihbb8admc78chafdm 6cc95cee6kg6df7dme999edq8p "
    "59df4ehf7kkead77nfab9gembn 7c867c6d8hecdc7cmd75cdcldk cbbae7dfcje985aao5a87b9ihl "
    "6hfe5gi99nk6fi68n5b89jgobn ehgiiikkkenm7hjhikegf0kijll "
    "6dba4cce6jdca97dma88bedmbo 7c9c6ae97iecbc89gc859gbmdm 8dce6dg46kjddf7dn899ahbnbm "
    "9a9b8faiani786f9q666mkikjl 5mhi2ill5rokin9kpjgiknkpgs 5fef5fi54ljef96fobacijesjp "
    "6d7d6bfc5kkfcda5kcc5dfdeck 7a9a8aca8gfa9a68ja77de9kfj 5fde2efc7jfeeh9fkedcdifkbb"
)
"""-log2 P(second letter | first) in half bits, base 36, rows and columns a-z, blanks left out.

Counted on 3 MB of English documentation and, with the same weight, on a frequency-ranked
word list.
"""

PAIR_BITS: dict[str, float] = {
    chr(97 + i) + chr(97 + j): int(digit, 36) / 2
    for i, row in enumerate(_COST.split())
    for j, digit in enumerate(row)
}
"""Cost in bits of each pair of letters; English text averages near 3.6, shuffled letters 4.7."""


def mean_bits(letters: str) -> float:
    """Bits per letter pair of a string of a-z: below 4.1 English is likely, above 4.8 it is not.

    Returns infinity below two letters.
    """
    if len(letters) < 2:
        return float("inf")
    return sum(map(PAIR_BITS.__getitem__, map(str.__add__, letters, letters[1:]))) / (
        len(letters) - 1
    )


def known_share(words: Iterable[str]) -> float:
    """Share of letters that lie in common words of three or more letters (lower-case input)."""
    total = known = 0
    for word in words:
        total += len(word)
        if len(word) > 2 and word in WORDS:
            known += len(word)
    return known / total if total else 0.0


@cache
def _longest_word() -> int:
    return max(map(len, WORDS))


def covered(letters: str) -> tuple[float, list[str]]:
    """How well unspaced letters split into common words, and the best split.

    Returns:
        The share of letters inside words of three letters or more, or of two next to such a
        word, and the pieces in order; letters outside words are pieces of one letter.
    """
    reach = _longest_word()
    best: list[tuple[float, int]] = [(0.0, 0)]
    for end in range(1, len(letters) + 1):
        choice = (best[end - 1][0] - 1.0, 1)
        for size in range(2, min(reach, end) + 1):
            if letters[end - size : end] in WORDS:
                gain = best[end - size][0] + size - (1.6 if size == 2 else 1.2)
                choice = max(choice, (gain, size))
        best.append(choice)
    pieces: list[str] = []
    end = len(letters)
    while end:
        size = best[end][1]
        pieces.append(letters[end - size : end])
        end -= size
    pieces.reverse()
    inside = sum(len(piece) for piece in pieces if len(piece) > 1)
    return (inside / len(letters) if letters else 0.0), pieces
