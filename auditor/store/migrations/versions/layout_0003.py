"""Gists, notices, schedules and removals; an index for findings; texts of hosts as PostgreSQL can hold them whole."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the index; write the character that begins an escape from now on twice, where PostgreSQL has it."""
    op.create_index("ix_findings_run_host", "findings", ["run", "host"])
    if op.get_context().dialect.name == "postgresql":
        for column in ("reason", "stderr"):
            op.execute(
                f"UPDATE sections SET {column} = replace({column}, chr(26), chr(26) || chr(26)) "  # noqa: S608 — one of the two names above
                f"WHERE position(chr(26) IN {column}) > 0"
            )
    _tables()


def _tables() -> None:
    op.create_table(
        "gists",
        sa.Column("run", sa.String, sa.ForeignKey("runs.id"), primary_key=True),
        sa.Column("host", sa.String, primary_key=True),
        sa.Column("packed", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "notices",
        sa.Column("webhook", sa.String, primary_key=True),
        sa.Column("event", sa.String, primary_key=True),
        sa.Column("fingerprint", sa.String, primary_key=True),
        sa.Column("life", sa.Integer, primary_key=True),
        sa.Column("run", sa.String, nullable=False),
    )
    _schedules()
    op.create_table(
        "removals",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("at", sa.String, nullable=False),
        sa.Column("by", sa.String, nullable=False),
        sa.Column("run", sa.String, sa.ForeignKey("runs.id"), nullable=False, index=True),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("hosts", sa.Integer, nullable=False),
        sa.Column("policy", sa.String, nullable=False),
        sa.Column("digest", sa.String, nullable=False),
        sa.Column("previous", sa.String, nullable=False),
        sa.Column("sha256", sa.String, nullable=False),
    )


def _schedules() -> None:
    op.create_table(
        "schedules",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("name", sa.String, nullable=False, index=True),
        sa.Column("cron", sa.String, nullable=False),
        sa.Column("zone", sa.String, nullable=False),
        sa.Column("jitter_seconds", sa.Integer, nullable=False),
        sa.Column("window_seconds", sa.Integer, nullable=False),
        sa.Column("catch_up", sa.Boolean, nullable=False),
        sa.Column("words", sa.Text, nullable=False),
        sa.Column("folder", sa.Text, nullable=False),
        sa.Column("added", sa.String, nullable=False),
        sa.Column("added_by", sa.String, nullable=False),
        sa.Column("removed", sa.String),
        sa.Column("removed_by", sa.String),
    )
    op.create_table(
        "schedule_fires",
        sa.Column("schedule", sa.String, primary_key=True),
        sa.Column("due", sa.String, primary_key=True),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("at", sa.String, nullable=False),
        sa.Column("late", sa.Boolean, nullable=False),
        sa.Column("ended", sa.String),
        sa.Column("run", sa.String),
        sa.Column("exit_code", sa.Integer),
        sa.Column("reason", sa.Text),
    )
