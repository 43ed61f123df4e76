"""The step that started a sub-agent's conversation."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Adds the parent of a watched conversation."""
    with op.batch_alter_table("watched") as watched:
        watched.add_column(sa.Column("parent", sa.Text(), nullable=True))
