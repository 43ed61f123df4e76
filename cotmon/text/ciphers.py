"""Letters that were shifted, mirrored or reversed, and the English behind them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

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


@dataclass(frozen=True, slots=True)
class Deciphered:
    """A stretch of words that become English.

    Attributes:
        start, end: code points of the stretch.
        name: of the cipher.
        text: what it says, lower case.
        share: letters of it that lie in common words.
    """

    start: int
    end: int
    name: str
    text: str
    share: float


def deciphered(text: str, least: int = 4, stretches: int = 40) -> Iterator[Deciphered]:
    """Stretches of at least `least` words without a common one that some cipher turns English.

    All 25 shifts, atbash, reversed words, reversed stretches and words in reversed order of
    letters. English costs one look-up a word.
    """
    words = text.split()
    if len(words) < least:
        return
    pattern = "".join(["k" if w in WORDS or len(w) < 2 else "u" for w in words])
    if "u" * least not in pattern:
        return
    for start, end, stretch in islice(_unknown(text, least), stretches):
        best = _best(stretch)
        if best is not None:
            name, plain, share = best
            yield Deciphered(start, end, name, plain, share)


def _unknown(text: str, least: int) -> Iterator[tuple[int, int, list[str]]]:
    """Maximal runs of words of which none of three letters or more is common."""
    run: list[re.Match[str]] = []
    for match in _WORD.finditer(text):
        word = match[0].lower()
        if (len(word) > 2 and word in WORDS) or (run and match.start() - run[-1].end() > 3):
            if len(run) >= least:
                yield run[0].start(), run[-1].end(), [m[0].lower() for m in run]
            run = []
            if len(word) > 2 and word in WORDS:
                continue
        run.append(match)
    if len(run) >= least:
        yield run[0].start(), run[-1].end(), [m[0].lower() for m in run]


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
    name, plain = max(candidates, key=lambda c: known_share(c[1]))
    share = known_share(plain)
    distinct = {w for w in plain if len(w) > 2 and w in WORDS}
    enough = (share >= 0.5 and len(distinct) >= 2) or (share >= 0.35 and len(distinct) >= 4)
    # Short words turn up under some shift in any stretch: they alone prove nothing.
    letters = sum(len(word) for word in distinct if len(word) >= 3)
    return (name, " ".join(plain), share) if enough and letters >= 8 else None
