"""The kind `rules`: named rules, each a detector with parameters; the strongest finding counts.

`rules.toml` of the monitor's folder holds `[[rule]]` tables: `name`, `detector` (a file in
`cotmon/detectors/`), `weight` (multiplies the finding's value, default 1) and `parameters`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import msgspec

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
    """Runs the rules of one folder."""

    version: ClassVar[str] = "1"
    remote: ClassVar[bool] = False
    rules: tuple[tuple[Rule, Detector], ...]

    @property
    def identity(self) -> str:
        """Rules have no weights."""
        return ""

    @classmethod
    def load(cls, folder: MonitorFolder, models: Models) -> RulesKind:
        """Reads `rules.toml`.

        Raises:
            ContentError: an unknown detector or parameter, or a value of the wrong type.
        """
        path = folder.path / "rules.toml"
        table = convert(load_toml(path), _Rules, path)
        return cls(
            tuple((r, convert(r.parameters, DETECTORS.load(r.detector), path)) for r in table.rule)
        )

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


KIND = RulesKind
