"""The store's tables of schedules: what is due when, and what became of it."""

import sqlalchemy as sa

from auditor.store.tables import METADATA

# A schedule that is removed keeps its row: what was due while it was in force is to be told later, too.
SCHEDULES = sa.Table(
    "schedules",
    METADATA,
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

# One row each time: its key is what lets two services begin it once.
FIRES = sa.Table(
    "schedule_fires",
    METADATA,
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
