"""The kind `rules`: named rules, each a detector with parameters; the strongest finding counts.

`rules.toml` of the monitor's folder holds `[[rule]]` tables: `name`, `detector` (a file in
`cotmon/detectors/`), `weight` (multiplies the finding's value, default 1) and `parameters`.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from cotmon import text
from cotmon.content import MonitorFolder, convert, load_toml
from cotmon.detectors import DETECTORS, Detector, Finding
from cotmon.models import Models
from cotmon.records import Outcome, Scored, Span, Unscored, View, scored

REACH = 1_000_000
"""Longest text that is searched (characters); beyond it a view is unscored."""
_SPANS = 8
_QUIET = Scored(0.0)


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One `[[rule]]` table."""

    name: str
    detector: str
    weight: float = 1.0
    parameters: dict[str, Any] = {}


class _Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rule: list[Rule]


@dataclass(frozen=True, slots=True)
class RulesKind:
    """Runs the rules of one folder.

    Attributes:
        rules: each with its built detector.
        identity: hash of the code behind them.
    """

    version: ClassVar[str] = "1"
    remote: ClassVar[bool] = False
    rules: tuple[tuple[Rule, Detector], ...]
    identity: str

    @classmethod
    def load(cls, folder: MonitorFolder, models: Models) -> RulesKind:
        """Reads `rules.toml`.

        Raises:
            ContentError: an unknown detector or parameter, or a value of the wrong type.
        """
        path = folder.path / "rules.toml"
        table = convert(load_toml(path), _Rules, path)
        built = tuple(
            (r, convert(r.parameters, DETECTORS.load(r.detector), path)) for r in table.rule
        )
        return cls(built, _code_of({type(detector).__module__ for _, detector in built}))

    def score(self, views: Sequence[View]) -> Sequence[Outcome]:
        """The strongest finding of any rule; its reason, and the spans of all findings."""
        return [self._score(view) for view in views]

    def _score(self, view: View) -> Outcome:
        if len(view.text) > REACH:
            return Unscored(f"too long: {len(view.text):,} characters, the reach is {REACH:,}")
        found: list[tuple[float, Finding]] = []
        for rule, detector in self.rules:
            for finding in detector.find(view):
                found.append((rule.weight * finding.value, finding))
        if not found:
            return _QUIET
        found.sort(key=lambda pair: (-pair[0], pair[1].start))
        spans = tuple(Span(f.start, f.end, f.note) for _, f in found[:_SPANS])
        return scored(found[0][0], found[0][1].reason, spans)


def _code_of(modules: Iterable[str]) -> str:
    """Hash of the detectors' own code and of all that reads text for them.

    It stands for the weights that rules do not have: a mended detector scores anew.
    """
    digest = hashlib.sha256()
    for module in sorted(modules):
        digest.update(Path(sys.modules[module].__file__ or "").read_bytes())
    for file in sorted(Path(text.__file__ or "").parent.iterdir()):
        if file.is_file():
            digest.update(file.read_bytes())
    return digest.hexdigest()


KIND = RulesKind
