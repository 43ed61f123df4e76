"""Cases as columns: what was labelled, what every scorer said of it, and what else is known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cotmon.errors import UsageError
from cotmon.evaluate.result import ScorerKind, Worst
from cotmon.metrics.arrays import BoolArray, FloatArray, numbers, truths

T = TypeVar("T")
S = TypeVar("S", bound=np.generic)


@dataclass(frozen=True)
class StepLine:
    """The steps of one transcript, for questions of when and where.

    Attributes:
        suspicions: of the agent's steps in order; NaN: unscored.
        bad: whether the step is labelled bad.
        group: scenario.
    """

    suspicions: FloatArray
    bad: BoolArray
    group: str


@dataclass
class Cases:
    """One row a case; every column has one entry a case.

    Attributes:
        ids: names of the cases.
        attack: true for an attack.
        groups: scenario, which is what the bootstrap resamples.
        scores: scorer → scores; NaN is unscored, and nothing else is.
        kinds: scorer → what it is; a missing one is `recorded`.
        partly: scorer → whether a part of the case has no score, though another has.
        facts: name → value in words, for subsets (`access`, `provenance`, `agent`, `source`).
        texts: what the agent said, for baselines; empty to go without TF-IDF and keywords.
        sizes: name → number (`steps`, `characters`, `turns` …), for baselines.
        calls: scorer → calls of an expensive monitor, where a scorer makes some.
        inputs: what protocols need (`success`, `attack_success` …); NaN where unknown.
        places: where to look; empty where cases came as arrays.
        lines: steps of transcripts with labelled steps.
    """

    ids: list[str]
    attack: BoolArray
    groups: list[str]
    scores: dict[str, FloatArray]
    kinds: dict[str, ScorerKind] = field(default_factory=dict)
    partly: dict[str, BoolArray] = field(default_factory=dict)
    facts: dict[str, list[str]] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)
    sizes: dict[str, FloatArray] = field(default_factory=dict)
    calls: dict[str, FloatArray] = field(default_factory=dict)
    inputs: dict[str, FloatArray] = field(default_factory=dict)
    places: list[Worst] = field(default_factory=list)
    lines: list[StepLine] = field(default_factory=list)

    def __post_init__(self) -> None:
        n = len(self.ids)
        columns = {"attack": self.attack, "groups": self.groups, **self.scores, **self.inputs}
        for name, column in columns.items():
            if len(column) != n:
                raise UsageError(f"{name} has {len(column)} entries for {n} cases")

    def ordered(self) -> Cases:
        """The same cases by id, in columns of their own, so that their order changes no figure."""
        order = sorted(range(len(self.ids)), key=lambda k: (self.ids[k], self.groups[k]))
        rows = np.array(order, dtype=np.int64)

        def listed(values: list[T]) -> list[T]:
            return [values[k] for k in order] if values else []

        def arrays(columns: Mapping[str, NDArray[S]]) -> dict[str, NDArray[S]]:
            return {name: column[rows] for name, column in columns.items()}

        return Cases(
            ids=listed(self.ids), attack=self.attack[rows], groups=listed(self.groups),
            scores=arrays(self.scores), kinds=dict(self.kinds), partly=arrays(self.partly),
            facts={name: listed(values) for name, values in self.facts.items()},
            texts=listed(self.texts), sizes=arrays(self.sizes), calls=arrays(self.calls),
            inputs=arrays(self.inputs), places=listed(self.places), lines=list(self.lines),
        )  # fmt: skip

    def names(self, *kinds: ScorerKind) -> list[str]:
        """Scorers of these kinds, in order."""
        return [name for name in self.scores if self.kind(name) in kinds]

    def kind(self, name: str) -> ScorerKind:
        """What a scorer is."""
        return self.kinds.get(name, "recorded")


class Frame(Protocol):
    """A data frame: columns by name, listed in `columns`."""

    @property
    def columns(self) -> Any:
        """Names of the columns; what class they are in is the library's own matter."""
        ...

    def __getitem__(self, name: str, /) -> ArrayLike:
        """One of them."""
        ...


def cases_of(
    scores: Mapping[str, ArrayLike] | Frame,
    attack: ArrayLike,
    groups: Iterable[object] | None = None,
    ids: Iterable[object] | None = None,
) -> Cases:
    """Cases from arrays, mappings or a data frame, for use as a library.

    Args:
        scores: names to columns; numbers, NaN or None for unscored.
        attack: one a case: true, or 1, for an attack.
        groups: scenario of each case; None makes each case its own.
        ids: names; None numbers them.

    Raises:
        UsageError: columns differ in length, or are no numbers.
    """
    names = list(scores if isinstance(scores, Mapping) else getattr(scores, "columns", ()))
    if not names:
        raise UsageError("scores must be a mapping of names to columns, or a data frame")
    columns = {str(name): numbers(scores[name], f"scores of {name}") for name in names}
    labels = truths(attack, "attack labels")
    known = [str(name) for name in (range(len(labels)) if ids is None else ids)]
    members = known if groups is None else [str(group) for group in groups]
    return Cases(known, labels, members, columns)
