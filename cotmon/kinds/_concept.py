"""`concepts.md`, read: a concept as two sides of sentences."""

from __future__ import annotations

from pathlib import Path

import msgspec

from cotmon.errors import ContentError

CUE, HARMLESS = "Sounds like the cue", "Harmless look-alikes"


class Concept(msgspec.Struct, frozen=True):
    """One concept.

    Attributes:
        name: its heading.
        cue, harmless: the sentences of the two sides.
    """

    name: str
    cue: tuple[str, ...]
    harmless: tuple[str, ...]


def parse_concept(text: str, path: Path) -> Concept:
    """A page of `# name`, prose, and two `##` lists of sentences, each sentence once.

    Raises:
        ContentError: a line has no place there, or a side has no sentence.
    """
    page = _Page(path)
    for number, line in enumerate(text.splitlines(), 1):
        page.take(f"{path}:{number}", line.strip())
    return page.close()


class _Page:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = ""
        self.sides: dict[str, list[str]] = {}
        self.seen: dict[str, str] = {}

    def take(self, where: str, line: str) -> None:
        if line.startswith("## "):
            self._side(where, line[3:].strip())
        elif line.startswith("# "):
            if self.name:
                raise ContentError(f"{where}: a second title; a page holds one concept")
            self.name = line[2:].strip()
        elif line and self.sides:
            self._sentence(where, line)

    def _side(self, where: str, name: str) -> None:
        if name not in (CUE, HARMLESS) or name in self.sides:
            raise ContentError(f"{where}: the sections are `## {CUE}` and `## {HARMLESS}`, once")
        self.sides[name] = []

    def _sentence(self, where: str, line: str) -> None:
        sentence = line[2:].strip() if line.startswith("- ") else ""
        if not sentence:
            raise ContentError(f"{where}: a section holds only lines `- sentence`")
        if sentence in self.seen:
            raise ContentError(f"{where}: this sentence stands already in {self.seen[sentence]}")
        self.seen[sentence] = where
        self.sides[next(reversed(self.sides))].append(sentence)

    def close(self) -> Concept:
        if not self.name:
            raise ContentError(f"{self.path}:1: begin with `# name`")
        for side in (CUE, HARMLESS):
            if not self.sides.get(side):
                raise ContentError(f"{self.path}: `## {side}` holds no sentence")
        return Concept(self.name, tuple(self.sides[CUE]), tuple(self.sides[HARMLESS]))
