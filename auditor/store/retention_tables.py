"""The store's table of what was removed: a chain of entries, to which nothing but the next one is ever written."""

import sqlalchemy as sa

from auditor.store.tables import METADATA

REMOVALS = sa.Table(
    "removals",
    METADATA,
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
