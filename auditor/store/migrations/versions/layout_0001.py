"""The first layout: runs, texts, scopes, results, sections, findings."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables as the first auditor made them."""
    _runs()
    _hosts()


def _runs() -> None:
    op.create_table(
        "meta",
        sa.Column("key", sa.String, primary_key=True),
        sa.Column("value", sa.String, nullable=False),
    )
    op.create_table(
        "runs",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("sequence", sa.Integer, nullable=False, unique=True),
        sa.Column("started", sa.String, nullable=False),
        sa.Column("finished", sa.String),
        sa.Column("operator", sa.String, nullable=False),
        sa.Column("tool_version", sa.String, nullable=False),
        sa.Column("as_of", sa.String, nullable=False),
        sa.Column("scope_count", sa.Integer, nullable=False),
        sa.Column("scope_sha256", sa.String, nullable=False),
        sa.Column("scope_source", sa.String, nullable=False),
        sa.Column("options", sa.Text, nullable=False),
        sa.Column("inputs", sa.Text, nullable=False),
        sa.Column("summary", sa.Text, nullable=False),
    )
    op.create_table(
        "texts",
        sa.Column("sha256", sa.String, primary_key=True),
        sa.Column("packed", sa.LargeBinary, nullable=False),
    )


def _hosts() -> None:
    op.create_table(
        "scope",
        sa.Column("run", sa.String, sa.ForeignKey("runs.id"), primary_key=True),
        sa.Column("ordinal", sa.Integer, primary_key=True),
        sa.Column("host", sa.String, nullable=False),
        sa.Column("host_key", sa.String, nullable=False),
        sa.Column("facts", sa.Text, nullable=False),
        sa.UniqueConstraint("run", "host"),
    )
    op.create_index("ix_scope_host_key", "scope", ["host_key"])
    op.create_table(
        "results",
        sa.Column("run", sa.String, sa.ForeignKey("runs.id"), primary_key=True),
        sa.Column("host", sa.String, primary_key=True),
        sa.Column("outcome", sa.String, nullable=False),
        sa.Column("complete", sa.Boolean, nullable=False),
        sa.Column("inventoried", sa.Boolean, nullable=False),
        sa.Column("reason", sa.String),
        sa.Column("packed_row", sa.LargeBinary, nullable=False),
        sa.Column("evidence_sha256", sa.String),
        sa.Column("head", sa.Text),
        sa.Column("sections", sa.Text, nullable=False),
    )
    op.create_table(
        "sections",
        sa.Column("sha256", sa.String, primary_key=True),
        sa.Column("id", sa.String, nullable=False),
        sa.Column("outcome", sa.String, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("stderr", sa.Text, nullable=False),
        sa.Column("redactions", sa.Integer, nullable=False),
        sa.Column("packed", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "findings",
        sa.Column("run", sa.String, sa.ForeignKey("runs.id"), primary_key=True),
        sa.Column("fingerprint", sa.String, primary_key=True),
        sa.Column("host", sa.String, nullable=False),
        sa.Column("row", sa.Text, nullable=False),
    )
