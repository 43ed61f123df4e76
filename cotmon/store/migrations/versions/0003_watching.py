"""Living agents: conversations, decisions, and questions to people."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Adds five tables."""
    op.create_table(
        "watched",
        sa.Column("run", sa.String(32), nullable=False),
        sa.Column("thread", sa.String(200), nullable=False),
        sa.Column("host", sa.String(40), nullable=False),
        sa.Column("agent", sa.Text(), nullable=True),
        sa.Column("began", sa.String(32), nullable=False),
        sa.Column("settled", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run", "thread"),
    )
    op.create_index("watched_by_thread", "watched", ["thread"])
    op.create_table(
        "watched_messages",
        sa.Column("run", sa.String(32), nullable=False),
        sa.Column("thread", sa.String(200), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run", "thread", "ordinal"),
    )
    op.create_table(
        "decisions",
        sa.Column("key", sa.String(32), nullable=False),
        sa.Column("run", sa.String(32), nullable=False),
        sa.Column("thread", sa.String(200), nullable=False),
        sa.Column("tool", sa.Text(), nullable=False),
        sa.Column("level", sa.String(8), nullable=False),
        sa.Column("enforced", sa.Boolean(), nullable=False),
        sa.Column("suspicion", sa.Float(), nullable=True),
        sa.Column("latency_ms", sa.Float(), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index("decisions_by_time", "decisions", ["at"])
    op.create_index("decisions_by_thread", "decisions", ["run", "thread"])
    op.create_table(
        "faults",
        sa.Column("run", sa.String(32), nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("kind", sa.String(80), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run", "day", "kind"),
    )
    op.create_table(
        "pauses",
        sa.Column("token", sa.String(32), nullable=False),
        sa.Column("decision", sa.String(32), nullable=False),
        sa.Column("run", sa.String(32), nullable=False),
        sa.Column("thread", sa.String(200), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("asked", sa.String(32), nullable=False),
        sa.Column("who", sa.Text(), nullable=True),
        sa.Column("why", sa.Text(), nullable=True),
        sa.Column("answered", sa.String(32), nullable=True),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("token"),
    )
    op.create_index("pauses_by_decision", "pauses", ["decision"])
