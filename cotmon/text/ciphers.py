"""Letters that were shifted, mirrored or reversed, and the English behind them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, islice, pairwise

import numpy as np

from cotmon.text.english import WORDS, known_share, mean_bits

_A = "abcdefghijklmnopqrstuvwxyz"
_SHIFTS: list[tuple[str, dict[int, int]]] = [
    (f"Caesar shift {k}" if k != 13 else "rot13", str.maketrans(_A, _A[k:] + _A[:k]))
    for k in range(1, 26)
]
_SUBSTITUTIONS = [*_SHIFTS, ("atbash", str.maketrans(_A, _A[::-1]))]
_FREQUENCY = np.array(
    [8.2, 1.5, 2.8, 4.3, 12.7, 2.2, 2.0, 6.1, 7.0, 0.15, 0.77, 4.0, 2.4, 6.7, 7.5, 1.9, 0.1, 6.0,
     6.3, 9.1, 2.8, 0.98, 2.4, 0.15, 2.0, 0.07]
)  # fmt: skip
_LOGS = np.log2(_FREQUENCY / _FREQUENCY.sum())
_EXPECTED = np.stack([_LOGS[[t[97 + i] - 97 for i in range(26)]] for _, t in _SUBSTITUTIONS])
_WORD = re.compile(r"[A-Za-z]+(?:'[a-z]+)?")
# Kinds of words, as `_kind` names them, the first after a gap in upper case. A common word may
# stand alone between unknown ones: nineteen letters on, `the` is `max`.
_RUN = re.compile("[uU](?:s*(?:ks*)?u)*")


@dataclass(frozen=True, slots=True)
class Deciphered:
    """A stretch of words that become English.

    Attributes:
        start, end: code points of the stretch.
        name: of the cipher.
        text: what it says, lower case.
        share: letters of its different words that lie in common ones.
    """

    start: int
    end: int
    name: str
    text: str
    share: float


def deciphered(text: str, least: int = 4, stretches: int = 40) -> Iterator[Deciphered]:
    """Stretches with at least `least` unknown words that some cipher turns English.

    All 25 shifts, atbash, reversed words, reversed stretches and words in reversed order of
    letters. English costs one look-up a word.
    """
    words = text.split()
    if len(words) < least:
        return
    runs = _RUN.findall("".join(_kind(word) for word, _ in groupby(words)))
    if not any(run.count("u") >= least for run in runs):
        return
    for start, end, stretch in islice(_unknown(text, least), stretches):
        best = _best(stretch)
        if best is not None:
            name, plain, share = best
            yield Deciphered(start, end, name, plain, share)


def _kind(word: str) -> str:
    """`u` for an unknown word, `k` for a common one, `s` for one too short to tell."""
    if len(word) > 2:
        return "k" if word in WORDS else "u"
    return "s" if len(word) < 2 or word in WORDS else "u"


def _unknown(text: str, least: int) -> Iterator[tuple[int, int, list[str]]]:
    """Maximal runs with `least` or more unknown words, from an unknown word to an unknown word."""
    words = list(_WORD.finditer(text))
    kinds = [_kind(word[0].lower()) for word in words]
    for index, (before, after) in enumerate(pairwise(words), start=1):
        if after.start() - before.end() > 3:
            kinds[index] = kinds[index].upper()
        elif after[0].lower() == before[0].lower():
            kinds[index] = "s"
    for run in _RUN.finditer("".join(kinds)):
        if run[0].lower().count("u") >= least:
            found = words[run.start() : run.end()]
            yield found[0].start(), found[-1].end(), [word[0].lower() for word in found]


def _best(words: list[str]) -> tuple[str, str, float] | None:
    letters = "".join(words).replace("'", "")
    if len(letters) < 10:
        return None
    candidates = [("reversed words", [w[::-1] for w in words])]
    if mean_bits(letters) > 4.2:
        codes = np.frombuffer(letters.encode("ascii"), np.uint8) - 97
        counts = np.bincount(codes, minlength=26)
        for index in np.argsort(_EXPECTED @ counts)[::-1][:3]:
            name, table = _SUBSTITUTIONS[index]
            candidates.append((name, [w.translate(table) for w in words]))
    name, plain = max(candidates, key=lambda c: known_share(set(c[1])))
    share = known_share(set(plain))
    distinct = {w for w in plain if len(w) > 2 and w in WORDS}
    enough = (share >= 0.5 and len(distinct) >= 2) or (share >= 0.35 and len(distinct) >= 4)
    # Short words turn up under some shift in any stretch: they alone prove nothing.
    letters = sum(len(word) for word in distinct if len(word) >= 3)
    return (name, " ".join(plain), share) if enough and letters >= 8 else None
