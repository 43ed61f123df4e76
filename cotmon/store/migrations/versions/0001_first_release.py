"""The tables of the first release."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Builds all tables."""
    op.create_table(
        "monitors",
        sa.Column("hash", sa.String(32), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("card", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("hash"),
    )
    op.create_table(
        "outcomes",
        sa.Column("address", sa.String(32), nullable=False),
        sa.Column("status", sa.String(10), nullable=False),
        sa.Column("value", sa.Float(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("spans", sa.JSON(), nullable=True),
        sa.Column("permanent", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("address"),
    )
    op.create_table(
        "runs",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("key", sa.String(32), nullable=False),
        sa.Column("command", sa.Text(), nullable=False),
        sa.Column("set_hash", sa.String(32), nullable=False),
        sa.Column("owner", sa.String(200), nullable=False),
        sa.Column("started", sa.String(32), nullable=False),
        sa.Column("finished", sa.String(32), nullable=True),
        sa.Column("transcript_threshold", sa.Float(), nullable=False),
        sa.Column("versions", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("runs_by_key", "runs", ["key"])
    op.create_table(
        "texts",
        sa.Column("hash", sa.String(32), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("hash"),
    )
    op.create_table(
        "transcripts",
        sa.Column("hash", sa.String(32), nullable=False),
        sa.Column("turns", sa.Integer(), nullable=False),
        sa.Column("steps", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("hash"),
    )
    op.create_table(
        "inputs",
        sa.Column(
            "run", sa.String(32), sa.ForeignKey("runs.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("run", "file"),
    )
    op.create_table(
        "messages",
        sa.Column(
            "transcript",
            sa.String(32),
            sa.ForeignKey("transcripts.hash", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("turn", sa.Text(), nullable=False),
        sa.Column("module", sa.Text(), nullable=False),
        sa.Column("channel", sa.String(12), nullable=False),
        sa.Column("provenance", sa.String(12), nullable=True),
        sa.Column("text", sa.String(32), sa.ForeignKey("texts.hash"), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=True),
        sa.Column("call_name", sa.Text(), nullable=True),
        sa.Column("call_id", sa.Text(), nullable=True),
        sa.Column("answers", sa.Text(), nullable=True),
        sa.Column("parent", sa.Text(), nullable=True),
        sa.Column("branch", sa.Text(), nullable=True),
        sa.Column("cites", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("transcript", "ordinal"),
    )
    op.create_table(
        "readings",
        sa.Column(
            "run", sa.String(32), sa.ForeignKey("runs.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("transcript", sa.String(32), sa.ForeignKey("transcripts.hash"), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("format", sa.String(100), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("keys", sa.JSON(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=True),
        sa.Column("access", sa.String(12), nullable=False),
        sa.Column("labels", sa.JSON(), nullable=False),
        sa.Column("metadata", sa.JSON(), nullable=False),
        sa.Column("coverage", sa.JSON(), nullable=False),
        sa.Column("verdict", sa.String(12), nullable=False),
        sa.Column("suspicion", sa.Float(), nullable=True),
        sa.Column("steganography", sa.Float(), nullable=True),
        sa.Column("unfaithfulness", sa.Float(), nullable=True),
        sa.Column("scheming", sa.Float(), nullable=True),
        sa.Column("marked", sa.Integer(), nullable=False),
        sa.Column("unscored", sa.Integer(), nullable=False),
        sa.Column("retry", sa.Boolean(), nullable=False),
        sa.Column("gaps", sa.Integer(), nullable=False),
        sa.Column("broken", sa.Integer(), nullable=False),
        sa.Column("worst", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("run", "ordinal"),
    )
    op.create_index("readings_by_transcript", "readings", ["transcript"])
    op.create_table(
        "refusals",
        sa.Column(
            "run", sa.String(32), sa.ForeignKey("runs.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=True),
        sa.Column("format", sa.String(100), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("run", "ordinal"),
    )
    op.create_table(
        "run_monitors",
        sa.Column(
            "run", sa.String(32), sa.ForeignKey("runs.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("monitor", sa.String(32), sa.ForeignKey("monitors.hash"), nullable=False),
        sa.Column("card", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("run", "ordinal"),
    )
    op.create_table(
        "scores",
        sa.Column(
            "transcript",
            sa.String(32),
            sa.ForeignKey("transcripts.hash", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("monitor", sa.String(32), sa.ForeignKey("monitors.hash"), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(32), sa.ForeignKey("outcomes.address"), nullable=False),
        sa.PrimaryKeyConstraint("transcript", "monitor", "step"),
    )
    op.create_index("scores_by_outcome", "scores", ["outcome"])
    op.create_table(
        "steps",
        sa.Column(
            "transcript",
            sa.String(32),
            sa.ForeignKey("transcripts.hash", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("message", sa.Integer(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("address", sa.String(32), nullable=False),
        sa.Column("start", sa.Integer(), nullable=False),
        sa.Column("end", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("transcript", "ordinal"),
    )
