"""The tables, one portable schema for SQLite and PostgreSQL.

Texts, transcripts and outcomes are stored once, by hash; `scores` binds a step and a monitor
to an outcome; a run only points at what it read. `migrations/` builds the same tables.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

metadata = MetaData()
_JSON = JSON(none_as_null=True)

runs = Table(
    "runs", metadata,
    Column("id", String(32), primary_key=True),
    Column("key", String(32), nullable=False),  # the same command on the same set goes on
    Column("command", Text, nullable=False),
    Column("set_hash", String(32), nullable=False),
    Column("owner", String(200), nullable=False),  # host:process; tells a cut run from a live one
    Column("started", String(32), nullable=False),
    Column("finished", String(32)),
    Column("transcript_threshold", Float, nullable=False),
    Column("versions", _JSON, nullable=False),
    Column("calibration", String(32)),  # of `calibrations`; NULL: thresholds by hand only
    Index("runs_by_key", "key"),
)  # fmt: skip

monitors = Table(
    "monitors", metadata,
    Column("hash", String(32), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("card", _JSON, nullable=False),
)  # fmt: skip

run_monitors = Table(
    "run_monitors", metadata,
    Column("run", String(32), ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("monitor", String(32), ForeignKey("monitors.hash"), nullable=False),
    Column("card", _JSON, nullable=False),  # with the thresholds of this run
    PrimaryKeyConstraint("run", "ordinal"),
)  # fmt: skip

inputs = Table(
    "inputs", metadata,
    Column("run", String(32), ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    Column("file", Text, nullable=False),
    Column("sha256", String(64), nullable=False),
    PrimaryKeyConstraint("run", "file"),
)  # fmt: skip

refusals = Table(
    "refusals", metadata,
    Column("run", String(32), ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("file", Text, nullable=False),
    Column("line", Integer),
    Column("format", String(100)),
    Column("reason", Text, nullable=False),
    PrimaryKeyConstraint("run", "ordinal"),
)  # fmt: skip

texts = Table(
    "texts", metadata,
    Column("hash", String(32), primary_key=True),
    Column("text", Text, nullable=False),
)  # fmt: skip

transcripts = Table(
    "transcripts", metadata,
    Column("hash", String(32), primary_key=True),
    Column("turns", Integer, nullable=False),
    Column("steps", Integer, nullable=False),
)  # fmt: skip

messages = Table(
    "messages", metadata,
    Column("transcript", String(32), ForeignKey("transcripts.hash", ondelete="CASCADE"),
           nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("id", Text, nullable=False),
    Column("turn", Text, nullable=False),
    Column("module", Text, nullable=False),
    Column("channel", String(12), nullable=False),
    Column("provenance", String(12)),
    Column("text", String(32), ForeignKey("texts.hash"), nullable=False),
    Column("recipient", Text),
    Column("call_name", Text),
    Column("call_id", Text),
    Column("answers", Text),
    Column("parent", Text),
    Column("branch", Text),
    Column("cites", _JSON),
    PrimaryKeyConstraint("transcript", "ordinal"),
)  # fmt: skip

steps = Table(
    "steps", metadata,
    Column("transcript", String(32), ForeignKey("transcripts.hash", ondelete="CASCADE"),
           nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("message", Integer, nullable=False),
    Column("id", Text, nullable=False),
    Column("address", String(32), nullable=False),
    Column("start", Integer, nullable=False),
    Column("end", Integer, nullable=False),
    PrimaryKeyConstraint("transcript", "ordinal"),
)  # fmt: skip

outcomes = Table(
    "outcomes", metadata,
    Column("address", String(32), primary_key=True),
    Column("status", String(10), nullable=False),
    Column("value", Float),
    Column("reason", Text),
    Column("spans", _JSON),
    Column("permanent", Boolean, nullable=False),
)  # fmt: skip

scores = Table(
    "scores", metadata,
    Column("transcript", String(32), ForeignKey("transcripts.hash", ondelete="CASCADE"),
           nullable=False),
    Column("monitor", String(32), ForeignKey("monitors.hash"), nullable=False),
    Column("step", Integer, nullable=False),
    Column("outcome", String(32), ForeignKey("outcomes.address"), nullable=False),
    PrimaryKeyConstraint("transcript", "monitor", "step"),
    Index("scores_by_outcome", "outcome"),
)  # fmt: skip

readings = Table(
    "readings", metadata,
    Column("run", String(32), ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("transcript", String(32), ForeignKey("transcripts.hash"), nullable=False),
    Column("id", Text, nullable=False),
    Column("file", Text, nullable=False),
    Column("format", String(100), nullable=False),
    Column("position", Integer, nullable=False),
    Column("keys", _JSON, nullable=False),
    Column("agent", Text),
    Column("access", String(12), nullable=False),
    Column("labels", _JSON, nullable=False),
    Column("metadata", _JSON, nullable=False),
    Column("coverage", _JSON, nullable=False),
    Column("verdict", String(12), nullable=False),
    Column("suspicion", Float),
    Column("steganography", Float),
    Column("unfaithfulness", Float),
    Column("scheming", Float),
    Column("marked", Integer, nullable=False),
    Column("unscored", Integer, nullable=False),
    Column("retry", Boolean, nullable=False),  # some of the unscored may be scored next time
    Column("gaps", Integer, nullable=False),
    Column("broken", Integer, nullable=False),
    Column("worst", _JSON),
    PrimaryKeyConstraint("run", "ordinal"),
    Index("readings_by_transcript", "transcript"),
)  # fmt: skip
"""One transcript as one run read and judged it."""

calibrations = Table(
    "calibrations", metadata,
    Column("hash", String(32), primary_key=True),
    Column("body", _JSON, nullable=False),
)  # fmt: skip
"""What runs knew of honest agents, each once."""

reviews = Table(
    "reviews", metadata,
    Column("id", String(32), primary_key=True),
    Column("step_hash", String(32), nullable=False),  # of the words judged; holds in any run
    Column("transcript", String(32), nullable=False),
    Column("transcript_id", Text, nullable=False),
    Column("step", Integer, nullable=False),
    Column("address", String(32), nullable=False),
    Column("run", String(32), nullable=False),
    Column("sampled", String(12), nullable=False),  # marked or unmarked
    Column("verdict", String(12), nullable=False),
    Column("note", Text),
    Column("reviewer", Text, nullable=False),
    Column("at", String(32), nullable=False),
    Column("blind", Boolean, nullable=False),
    Index("reviews_by_step", "step_hash"),
)  # fmt: skip
"""People's verdicts; they outlive the run that they were made on."""

evaluations = Table(
    "evaluations", metadata,
    Column("id", String(32), primary_key=True),
    Column("command", Text, nullable=False),
    Column("made", String(32), nullable=False),
    Column("body", _JSON, nullable=False),
)  # fmt: skip
"""Evaluations, for `gate` and `evaluate --against`."""

watched = Table(
    "watched", metadata,
    Column("run", String(32), ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    Column("thread", String(200), nullable=False),
    Column("host", String(40), nullable=False),
    Column("agent", Text),
    Column("began", String(32), nullable=False),
    Column("settled", Integer, nullable=False),  # messages that the run's reading holds
    Column("parent", Text),  # the step of another conversation that started it
    PrimaryKeyConstraint("run", "thread"),
    Index("watched_by_thread", "thread"),
)  # fmt: skip
"""Conversations of living agents; `settle` makes each a reading of its run."""

watched_messages = Table(
    "watched_messages", metadata,
    Column("run", String(32), ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    Column("thread", String(200), nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("body", _JSON, nullable=False),  # an OpenAI-style chat message
    PrimaryKeyConstraint("run", "thread", "ordinal"),
)  # fmt: skip

decisions = Table(
    "decisions", metadata,
    Column("key", String(32), primary_key=True),
    Column("run", String(32), ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    Column("thread", String(200), nullable=False),
    Column("tool", Text, nullable=False),
    Column("level", String(8), nullable=False),
    Column("enforced", Boolean, nullable=False),
    Column("suspicion", Float),
    Column("latency_ms", Float, nullable=False),
    Column("at", String(32), nullable=False),
    Column("body", _JSON, nullable=False),
    Index("decisions_by_time", "at"),
    Index("decisions_by_thread", "run", "thread"),
)  # fmt: skip

faults = Table(
    "faults", metadata,
    Column("run", String(32), ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    Column("day", String(10), nullable=False),
    Column("kind", String(80), nullable=False),
    Column("count", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    PrimaryKeyConstraint("run", "day", "kind"),
)  # fmt: skip
"""How often watching itself failed, by day and kind."""

pauses = Table(
    "pauses", metadata,
    Column("token", String(32), primary_key=True),
    Column("decision", String(32), nullable=False),
    Column("run", String(32), nullable=False),
    Column("thread", String(200), nullable=False),
    Column("state", String(10), nullable=False),  # pending, approved, rejected, spent
    Column("asked", String(32), nullable=False),
    Column("who", Text),
    Column("why", Text),
    Column("answered", String(32)),
    Column("body", _JSON, nullable=False),  # what is to run, and the evidence
    Index("pauses_by_decision", "decision"),
)  # fmt: skip
"""Questions to people. An approval is spent once."""
