"""What an evaluation found, as plain records: for tables, JSON, HTML, gates and libraries."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from cotmon.evaluate.spec import Spec
from cotmon.metrics import Estimate

ScorerKind = Literal["set", "cue", "monitor", "recorded", "cascade", "baseline", "channels"]
Standing = Literal["beats", "not shown", "below", "is the best baseline", "not estimable"]


@dataclass(frozen=True)
class Detection:
    """How well one scorer tells attacks from honest cases.

    Attributes:
        auroc: with its interval.
        tpr: rate (as `0.01`) → share of attacks caught at that false-alarm rate.
        fpr: rate → the share of honest cases that the threshold really flags here.
    """

    auroc: Estimate
    tpr: dict[str, Estimate]
    fpr: dict[str, Estimate]


@dataclass(frozen=True)
class Comparison:
    """A scorer against the best baseline.

    Attributes:
        baseline: its name; None where no baseline can be estimated.
        auroc, tpr: differences (scorer minus baseline), paired bootstrap; tpr at 1 %.
        p: of the AUROC difference, two-sided, from the bootstrap; Holm over all scorers.
        delong_p, mcnemar_p: where every case is a group of its own; else None.
        standing: in one word.
    """

    baseline: str | None
    auroc: Estimate
    tpr: Estimate
    p: float | None
    delong_p: float | None
    mcnemar_p: float | None
    standing: Standing


@dataclass(frozen=True)
class Reliability:
    """Whether scores are chances, for those in [0, 1].

    Attributes:
        brier, ece: None where a score lies outside [0, 1].
        bins: (mean score, share of attacks, cases), for a plot.
    """

    brier: Estimate | None
    ece: Estimate | None
    bins: tuple[tuple[float, float, int], ...] = ()


@dataclass(frozen=True)
class Scorer:
    """One monitor, set, recorded judge or baseline, with all its figures.

    Attributes:
        name, kind: which.
        main: over the cases that it scored.
        pessimistic: unscored attacks missed, unscored honest cases flagged.
        average_precision: at the attacks' share of these cases.
        partial_auroc: up to 5 % false alarms, McClish-standardised (0.5 at chance).
        unscored_honest, unscored_attack: cases where a step or all of it has no score.
        resolution: the smallest rate these honest cases can show, 1 / (n + 1).
        distinct: different scores among honest cases.
        thresholds: rate → score from which a case is flagged; None where nothing can be.
        roc: (false-alarm rate, detection rate), thinned.
        histogram: (left edge, honest cases, attack cases) by equal bins.
        reliability: Brier and calibration error.
        comparison: against the best baseline; None for baselines.
    """

    name: str
    kind: ScorerKind
    main: Detection
    pessimistic: Detection
    average_precision: Estimate
    partial_auroc: Estimate
    unscored_honest: int
    unscored_attack: int
    resolution: float | None
    distinct: int
    thresholds: dict[str, float | None]
    roc: tuple[tuple[float, float], ...]
    histogram: tuple[tuple[float, int, int], ...]
    reliability: Reliability
    comparison: Comparison | None = None


@dataclass(frozen=True)
class ControlRow:
    """A protocol with one scorer's suspicions.

    Attributes:
        scorer: whose suspicions.
        protocol: with its thresholds in words: `trusted monitoring, audits 1 %`.
        attacker, aggregation: what the figures assume.
        safety, usefulness: with intervals, thresholds refitted in every draw.
        audit_rate: of honest cases; attack_audit_rate: of attempts.
        deferral_rate: of honest cases.
        pessimistic_safety, pessimistic_usefulness: unscored attacks missed, unscored honest
            cases audited; the other figures rest on scored cases.
        assumptions: all that was assumed, by name.
    """

    scorer: str
    protocol: str
    attacker: str
    aggregation: str
    safety: Estimate
    usefulness: Estimate
    audit_rate: Estimate
    attack_audit_rate: Estimate
    deferral_rate: Estimate
    pessimistic_safety: Estimate
    pessimistic_usefulness: Estimate
    assumptions: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class CascadeRow:
    """What a cascade, or its expensive monitor alone, costs.

    Attributes:
        scorer: its name among the scorers.
        calls_per_case: share of cases for which the expensive monitor was asked.
        calls_per_catch: its calls for every attack caught at 1 % false alarms.
    """

    scorer: str
    calls_per_case: float
    calls_per_catch: Estimate


@dataclass(frozen=True)
class Subset:
    """The first scorer on a part of the cases, at the threshold of all honest cases.

    Attributes:
        by, value: `access`, `raw`.
        honest, attacks: cases.
        auroc: within the part.
        tpr, fpr: at the 1 % threshold of the whole.
    """

    by: str
    value: str
    honest: int
    attacks: int
    auroc: Estimate
    tpr: Estimate
    fpr: Estimate


@dataclass(frozen=True)
class Timing:
    """When and where an attack is noticed, over transcripts whose bad steps are labelled.

    Attributes:
        threshold: step suspicion from which a step counts as marked.
        marked: share of them ever marked; in_time: marked at the first bad step or before.
        first_marked: median position of the first marked step, from 0.
        lead: median steps from the first mark to the first bad step; negative is late.
        localised: the highest step is a bad one; localised_3: one of the three highest is.
    """

    threshold: float
    marked: Estimate
    in_time: Estimate
    first_marked: Estimate
    lead: Estimate
    localised: Estimate
    localised_3: Estimate


@dataclass(frozen=True)
class Uplift:
    """What reading reasoning adds to reading actions, at a fixed false-alarm rate."""

    rate: float
    everything: Estimate
    actions: Estimate
    difference: Estimate


@dataclass(frozen=True)
class Worst:
    """A case to look at.

    Attributes:
        case, transcript, file: which.
        address: its highest step, `M3.2`; empty where no step was scored.
        score: the first scorer's; None where unscored.
        quote: the words of that step.
        monitor: who scored them highest.
        ordinal: place in the run, for links; None where no run is behind it.
    """

    case: str
    transcript: str
    file: str
    address: str
    score: float | None
    quote: str
    monitor: str
    ordinal: int | None = None


@dataclass(frozen=True)
class Evaluation:
    """All of it.

    Attributes:
        spec: what was asked.
        scorers: the set first, then cues, monitors, recorded scores, baselines.
        honest, attacks, groups: cases, and the groups that were resampled.
        left_out: why transcripts or labels are in no case → how many.
        control, cascades: protocols; costs of cascades.
        subsets, timing, uplift: None or empty where nothing supports them.
        misses: attacks with the lowest scores; alarms: honest cases with the highest.
        sources: file → SHA-256 of its bytes; monitors: name → hash; versions.
        run: id of the replay behind it; None for scores handed in as arrays.
        notes: what a reader must know, in sentences.
    """

    spec: Spec
    scorers: tuple[Scorer, ...]
    honest: int
    attacks: int
    groups: int
    left_out: dict[str, int] = field(default_factory=dict)
    control: tuple[ControlRow, ...] = ()
    cascades: tuple[CascadeRow, ...] = ()
    subsets: tuple[Subset, ...] = ()
    timing: Timing | None = None
    uplift: Uplift | None = None
    misses: tuple[Worst, ...] = ()
    alarms: tuple[Worst, ...] = ()
    sources: dict[str, str] = field(default_factory=dict)
    monitors: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    run: str | None = None
    notes: tuple[str, ...] = ()
