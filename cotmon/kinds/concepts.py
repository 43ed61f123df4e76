"""The kind `concepts`: how near a text's meaning lies to sentences of a cue.

`concepts.md` of the monitor's folder names two sides of sentences: what sounds like the cue,
and harmless look-alikes. A text's likeness to a side is the mean of its cosines with the
side's sentences, weighted by their softmax, as attention weighs values by keys (Vaswani et
al., arXiv:1706.03762): near sentences count most, one freak neighbour does not decide.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

import msgspec
import numpy as np

from cotmon.content import MonitorFolder, convert
from cotmon.kinds._concept import Concept, parse_concept
from cotmon.models import Models
from cotmon.models.encoder import Encoder
from cotmon.records import Outcome, Scored, Span, Unscored, View, scored

REACH = 100_000
"""Longest text that is embedded (characters); beyond it a view is unscored."""
PIECES = 64
"""Word pieces of one window: a few sentences, so that one does not drown among others."""
FEWEST_WORDS = 4
"""Windows with fewer words say too little to be compared and score 0."""
SHARPNESS = 5.0
"""How much more a nearer sentence of a side counts."""
RELIEF = 0.6
"""How much of the likeness to the harmless side is taken off."""
_WORD = re.compile(r"[^\W\d_]{2,}")
_QUIET = Scored(0.0)


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[parameters]` of `monitor.toml`.

    Attributes:
        margin: likeness (to the cue, less relief) at which the score is one half.
        scale: steepness of the score around the margin.
    """

    margin: float
    scale: Annotated[float, msgspec.Meta(gt=0)] = 20.0


@dataclass(frozen=True, slots=True)
class ConceptsKind:
    """Compares texts with one concept's sentences.

    Attributes:
        cue, harmless: unit rows, one a sentence.
    """

    version: ClassVar[str] = "1"
    remote: ClassVar[bool] = False
    concept: Concept
    parameters: Parameters
    encoder: Encoder
    cue: np.ndarray
    harmless: np.ndarray

    @property
    def identity(self) -> str:
        """The encoder's."""
        return self.encoder.identity

    @classmethod
    def load(cls, folder: MonitorFolder, models: Models) -> ConceptsKind:
        """Reads `concepts.md` and embeds its sentences.

        Raises:
            ContentError: a line of it, or a parameter, is wrong.
            ModelError: there is no encoder.
        """
        concept = parse_concept(folder.text("concepts.md"), folder.path / "concepts.md")
        parameters = convert(folder.manifest.parameters, Parameters, folder.path / "monitor.toml")
        encoder = models.encoder
        cue, harmless = encoder.embed_kept(concept.cue), encoder.embed_kept(concept.harmless)
        return cls(concept, parameters, encoder, cue, harmless)

    def score(self, views: Sequence[View]) -> Sequence[Outcome]:
        """The likest window of each text, the cue's sentence nearest to it, and where it is."""
        windows = [self._windows(view.text) for view in views]
        texts = [view.text[a:b] for view, cut in zip(views, windows, strict=True) for a, b in cut]
        vectors = iter(self.encoder.embed(texts))
        return [
            self._score(view, cut, [next(vectors) for _ in cut])
            for view, cut in zip(views, windows, strict=True)
        ]

    def _windows(self, text: str) -> list[tuple[int, int]]:
        if len(text) > REACH:
            return []
        return [(a, b) for a, b in self.encoder.windows(text, PIECES) if _says_enough(text[a:b])]

    def _score(
        self, view: View, windows: Sequence[tuple[int, int]], vectors: Sequence[np.ndarray]
    ) -> Outcome:
        if len(view.text) > REACH:
            return Unscored(f"too long: {len(view.text):,} characters, the reach is {REACH:,}")
        if not windows:
            return _QUIET
        found = [self._likeness(vector) for vector in vectors]
        best = max(range(len(found)), key=lambda k: found[k][0])
        likeness, nearest = found[best]
        value = _squashed(self.parameters.scale * (likeness - self.parameters.margin))
        reason = f"{self.concept.name}: like “{self.concept.cue[nearest]}”"
        return scored(value, reason, (Span(*windows[best]),))

    def _likeness(self, vector: np.ndarray) -> tuple[float, int]:
        # Row by row: a product of matrices would depend on how many texts come together.
        cue = (self.cue * vector).sum(axis=1)
        harmless = (self.harmless * vector).sum(axis=1)
        return _attended(cue) - RELIEF * _attended(harmless), int(cue.argmax())


def _attended(cosines: np.ndarray) -> float:
    weights = np.exp(SHARPNESS * cosines)
    return float((weights * cosines).sum() / weights.sum())


def _squashed(x: float) -> float:
    return 1 / (1 + math.exp(-min(max(x, -50.0), 50.0)))


def _says_enough(text: str) -> bool:
    return sum(1 for _ in _WORD.finditer(text)) >= FEWEST_WORDS


KIND = ConceptsKind
