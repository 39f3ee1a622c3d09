"""The past of products, and the journals of plans that were applied."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the tables that the first layout lacks."""
    op.create_table(
        "pasts",
        sa.Column("run", sa.String, sa.ForeignKey("runs.id"), primary_key=True),
        sa.Column("host_key", sa.String, primary_key=True),
        sa.Column("row", sa.Text, nullable=False),
    )
    op.create_table(
        "remediations",
        sa.Column("plan", sa.String, primary_key=True),
        sa.Column("text", sa.Text, nullable=False),
    )
    op.create_table(
        "remediation_events",
        sa.Column("plan", sa.String, sa.ForeignKey("remediations.plan"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("at", sa.String, nullable=False),
        sa.Column("what", sa.String, nullable=False),
        sa.Column("by", sa.String, nullable=False),
        sa.Column("host", sa.String),
        sa.Column("data", sa.Text, nullable=False),
        sa.Column("previous", sa.String, nullable=False),
        sa.Column("sha256", sa.String, nullable=False),
    )
