"""The sentence encoder all-MiniLM-L6-v2: texts to unit vectors, the same bits in any batch.

Mean pooling over all word pieces, as in Reimers and Gurevych, "Sentence-BERT"
(arXiv:1908.10084). Only texts of equal length share a batch, so nothing is padded or masked,
and the sums that would depend on the batch are taken outside the graph.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
from collections import OrderedDict
from collections.abc import Sequence
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from threading import Lock
from typing import Generic, Literal, Protocol, TypeVar

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

from cotmon.errors import ModelError
from cotmon.models._weights import cache_folder, find_weights, hash_of, write_atomically

WIDTH = 384
PIECES = 254
"""Word pieces of one text that count; with the two end marks, the model's reach of 256."""
REMEMBERED = 50_000
"""Texts whose vectors and windows are kept in memory where nobody asks for fewer (about 100 MB)."""
_LONGEST_REMEMBERED = 4_000
"""Longer texts (characters) are not kept."""
_BATCH = 32
_GRAPH = "onnx fp32 1"
"""Engine, precision and version of the export: part of the identity."""
_SURROGATE = re.compile("[\ud800-\udfff]")
_SENTENCE_END = re.compile(r"[.!?;:。！？][\"')\]]*\s|\n")
_log = logging.getLogger(__name__)
K = TypeVar("K")
V = TypeVar("V")


class Engine(Protocol):
    """What turns texts into vectors."""

    def vectors(self, texts: Sequence[str]) -> np.ndarray:
        """Shape (n, width), float32, unit rows; a row never depends on the others."""
        ...


class OnnxEngine:
    """The exported graph on all cores."""

    def __init__(self, graph: Path, tokenizer: Tokenizer, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        # Threads that wait do not burn the cores that others share.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                str(graph), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            raise ModelError(
                f"{graph}: cannot be loaded; delete it to have it made anew"
            ) from error
        self._tokenizer = tokenizer
        self._ends = tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]")

    def vectors(self, texts: Sequence[str]) -> np.ndarray:
        """Shape (n, width), float32, unit rows, batched by equal length, short ones first."""
        first, last = self._ends
        found = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        ids = [[first, *one.ids[:PIECES], last] for one in found]
        by_length: dict[int, list[int]] = {}
        for place, one in enumerate(ids):
            by_length.setdefault(len(one), []).append(place)
        out = np.empty((len(ids), WIDTH), np.float32)
        for _, places in sorted(by_length.items()):
            for start in range(0, len(places), _BATCH):
                batch = places[start : start + _BATCH]
                out[batch] = self._batch(np.array([ids[place] for place in batch], np.int64))
        return out

    def _batch(self, ids: np.ndarray) -> np.ndarray:
        hidden = np.asarray(self._session.run(None, {"input_ids": ids})[0])
        pooled = hidden.mean(axis=1)
        return pooled / np.sqrt((pooled * pooled).sum(axis=1, keepdims=True))


class Encoder:
    """Texts to unit vectors, remembered.

    Attributes:
        identity: SHA-256 (hex) of weights, tokeniser, engine and precision. The version of the
            engine's library is not in it: it moves the last bits only.
    """

    def __init__(
        self, engine: Engine, tokenizer: Tokenizer, identity: str, remembered: int | None = None
    ) -> None:
        self.identity = identity
        self._engine = engine
        self._tokenizer = tokenizer
        limit = REMEMBERED if remembered is None else remembered
        self._vectors: _Recent[str, np.ndarray] = _Recent(limit)
        self._windows: _Recent[tuple[str, int], list[tuple[int, int]]] = _Recent(limit)
        self._lock = Lock()

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Shape (n, 384), float32, unit rows; a row depends on its text alone, to the last bit.

        A text is read up to 254 word pieces; cut longer ones with `windows`.
        """
        keys = [_readable(text) for text in texts]
        if not keys:
            return np.empty((0, WIDTH), np.float32)
        with self._lock:
            known = {key: vector for key in keys if (vector := self._vectors.get(key)) is not None}
            new = [key for key in dict.fromkeys(keys) if key not in known]
            for key, vector in zip(new, self._engine.vectors(new) if new else (), strict=True):
                # A copy: a row would keep its whole batch in memory.
                known[key] = vector.copy()
                if len(key) <= _LONGEST_REMEMBERED:
                    self._vectors.put(key, known[key])
        return np.stack([known[key] for key in keys])

    def embed_kept(self, texts: Sequence[str]) -> np.ndarray:
        """The same as `embed`, for content: kept on disk, so that the next start need not wait."""
        state = "\0".join([self.identity, *texts]).encode()
        place = cache_folder() / f"{hashlib.sha256(state).hexdigest()[:32]}.npy"
        try:
            if place.is_file():
                kept = np.load(place, allow_pickle=False)
                if kept.shape == (len(texts), WIDTH) and kept.dtype == np.float32:
                    return kept
        except (OSError, ValueError, EOFError) as error:
            _log.warning("%s cannot be read and is made anew: %s", place, error)
        vectors = self.embed(texts)
        try:
            write_atomically(place, lambda target: _save(target, vectors))
        except OSError as error:
            _log.warning("%s: vectors are not kept and are made each time: %s", place, error)
        return vectors

    def windows(self, text: str, pieces: int = PIECES) -> list[tuple[int, int]]:
        """Slices (code points) that tile the text, each of at most `pieces` word pieces.

        Cut after a sentence where one ends in a window's second half, else before a word.
        """
        key = (text, pieces)
        with self._lock:
            known = self._windows.get(key)
            if known is None:
                known = self._cut(text, pieces)
                if len(text) <= _LONGEST_REMEMBERED:
                    self._windows.put(key, known)
        return list(known)

    def _cut(self, text: str, pieces: int) -> list[tuple[int, int]]:
        found = self._tokenizer.encode(_readable(text), add_special_tokens=False)
        if len(found.ids) <= pieces:
            return [(0, len(text))]
        starts, words = [start for start, _ in found.offsets], found.word_ids
        stops = {match.end() for match in _SENTENCE_END.finditer(text)}
        cuts, begin = [0], 0
        while len(starts) - begin > pieces:
            near = range(begin + pieces, begin + pieces // 2, -1)
            begin = next(
                (k for k in near if not stops.isdisjoint(range(starts[k - 1] + 1, starts[k] + 1))),
                next((k for k in near if words[k] != words[k - 1]), begin + pieces),
            )
            cuts.append(starts[begin])
        return list(pairwise([*cuts, len(text)]))


class _Recent(Generic[K, V]):
    """What was asked for lately, up to a limit."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K) -> V | None:
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    def put(self, key: K, value: V) -> None:
        self._kept[key] = value
        if len(self._kept) > self._limit:
            self._kept.popitem(last=False)


def _save(target: Path, vectors: np.ndarray) -> None:
    with target.open("wb") as file:
        np.save(file, vectors)


def _readable(text: str) -> str:
    """Lone surrogates, which no tokeniser takes, become U+FFFD; positions stay."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def load_encoder(
    path: str | Path | None = None,
    *,
    engine: Literal["onnx", "sentence-transformers"] = "onnx",
    threads: int | None = None,
    remembered: int | None = None,
) -> Encoder:
    """The encoder; its graph is exported on first use and kept in the user's cache.

    Args:
        path: folder with the weights; None looks at COTMON_ENCODER, the hub cache, the package.
        engine: `sentence-transformers` is the reference, slow to load.
        threads: of the ONNX engine; None takes all cores. They never change a result.
        remembered: texts whose vectors and windows are kept in memory; None takes `REMEMBERED`.

    Raises:
        ModelError: the weights are nowhere, or the graph cannot be written or read.
    """
    weights = find_weights(path)
    tokenizer = Tokenizer.from_file(str(weights / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    state = hash_of(weights)
    if engine == "onnx":
        built: Engine = OnnxEngine(
            _graph(weights, state), tokenizer, threads or os.cpu_count() or 1
        )
        name = _GRAPH
    else:
        reference = import_module("cotmon.models._reference")
        built, name = reference.ReferenceEngine(weights), reference.NAME
    identity = hashlib.sha256(f"{state}\0{name}".encode()).hexdigest()
    return Encoder(built, tokenizer, identity, remembered)


def _graph(weights: Path, state: str) -> Path:
    target = cache_folder() / f"{hashlib.sha256(f'{state} {_GRAPH}'.encode()).hexdigest()}.onnx"
    if not target.is_file():
        _log.warning("exporting the sentence encoder to %s, once", target)
        export = import_module("cotmon.models._export").export
        try:
            write_atomically(target, lambda place: export(weights, place))
        except Exception as error:
            raise ModelError(
                f"{target}: the encoder's graph cannot be made: {error}; look at the weights in "
                f"{weights}, make the folder writable or set XDG_CACHE_HOME"
            ) from error
    return target
