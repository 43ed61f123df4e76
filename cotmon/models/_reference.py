"""The encoder by sentence-transformers, for comparison. Imports torch: loaded on demand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sentence_transformers import SentenceTransformer

NAME = "sentence-transformers fp32"


class ReferenceEngine:
    """Texts to vectors as the model's authors do it, one text at a time."""

    def __init__(self, weights: Path) -> None:
        self._model = SentenceTransformer(str(weights), device="cpu", local_files_only=True)

    def vectors(self, texts: Sequence[str]) -> np.ndarray:
        """Shape (n, width), float32, unit rows."""
        return np.asarray(
            self._model.encode(
                list(texts), batch_size=1, normalize_embeddings=True, show_progress_bar=False
            ),
            dtype=np.float32,
        )
