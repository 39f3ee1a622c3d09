"""The store's tables: runs, what they rested on, and one row a host.

Whoever changes them adds a step to `migrations/versions/` and raises VERSION; a test holds both to each other.
"""

import sqlalchemy as sa
from sqlalchemy.engine import Dialect

VERSION = 3
"""Number of this layout, and of the last step of `migrations/versions/`; a store of a newer one is refused."""


class _HostText(sa.types.TypeDecorator[str]):
    """Text that a host wrote, for PostgreSQL, whose texts cannot hold the character 0: it is kept as SUB and ``0``."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 — SQLAlchemy's signature
        return None if value is None else value.replace("\x1a", "\x1a\x1a").replace("\0", "\x1a0")

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 — as above
        if value is None or "\x1a" not in value:
            return value
        return "\x1a".join(part.replace("\x1a0", "\0") for part in value.split("\x1a\x1a"))


HOST_TEXT = sa.Text().with_variant(_HostText(), "postgresql")

METADATA = sa.MetaData()

META = sa.Table(
    "meta",
    METADATA,
    sa.Column("key", sa.String, primary_key=True),
    sa.Column("value", sa.String, nullable=False),
)

# What Alembic has done to this store; it reads and writes it by itself.
ALEMBIC = sa.Table(
    "alembic_version",
    METADATA,
    sa.Column("version_num", sa.String(32), nullable=False),
    sa.PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)

RUNS = sa.Table(
    "runs",
    METADATA,
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

# Texts that runs rest on (policy, exceptions, ...): kept once, by their hash.
TEXTS = sa.Table(
    "texts",
    METADATA,
    sa.Column("sha256", sa.String, primary_key=True),
    sa.Column("packed", sa.LargeBinary, nullable=False),
)

# The scope as it was fixed at the start: the ledger's left column.
SCOPE = sa.Table(
    "scope",
    METADATA,
    sa.Column("run", sa.String, sa.ForeignKey("runs.id"), primary_key=True),
    sa.Column("ordinal", sa.Integer, primary_key=True),
    sa.Column("host", sa.String, nullable=False),
    sa.Column("host_key", sa.String, nullable=False, index=True),
    sa.Column("facts", sa.Text, nullable=False),
    sa.UniqueConstraint("run", "host"),
)

RESULTS = sa.Table(
    "results",
    METADATA,
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

# What the end of a run needs of a host's row; rows of before there were gists have none.
GISTS = sa.Table(
    "gists",
    METADATA,
    sa.Column("run", sa.String, sa.ForeignKey("runs.id"), primary_key=True),
    sa.Column("host", sa.String, primary_key=True),
    sa.Column("packed", sa.LargeBinary, nullable=False),
)

SECTIONS = sa.Table(
    "sections",
    METADATA,
    sa.Column("sha256", sa.String, primary_key=True),
    sa.Column("id", sa.String, nullable=False),
    sa.Column("outcome", sa.String, nullable=False),
    sa.Column("reason", HOST_TEXT),
    sa.Column("stderr", HOST_TEXT, nullable=False),
    sa.Column("redactions", sa.Integer, nullable=False),
    sa.Column("packed", sa.LargeBinary, nullable=False),
)

# What is known of a host's products after a run; hosts on which there never was one have no row.
PASTS = sa.Table(
    "pasts",
    METADATA,
    sa.Column("run", sa.String, sa.ForeignKey("runs.id"), primary_key=True),
    sa.Column("host_key", sa.String, primary_key=True),
    sa.Column("row", sa.Text, nullable=False),
)

FINDINGS = sa.Table(
    "findings",
    METADATA,
    sa.Column("run", sa.String, sa.ForeignKey("runs.id"), primary_key=True),
    sa.Column("fingerprint", sa.String, primary_key=True),
    sa.Column("host", sa.String, nullable=False),
    sa.Column("row", sa.Text, nullable=False),
    # Who goes on from a few hosts of a large run asks for theirs.
    sa.Index("ix_findings_run_host", "run", "host"),
)

# What webhooks were told: a thing that came back after it was closed has another life.
NOTICES = sa.Table(
    "notices",
    METADATA,
    sa.Column("webhook", sa.String, primary_key=True),
    sa.Column("event", sa.String, primary_key=True),
    sa.Column("fingerprint", sa.String, primary_key=True),
    sa.Column("life", sa.Integer, primary_key=True),
    sa.Column("run", sa.String, nullable=False),
)

# Plans that were applied: what was approved, as its file said it.
REMEDIATIONS = sa.Table(
    "remediations",
    METADATA,
    sa.Column("plan", sa.String, primary_key=True),
    sa.Column("text", sa.Text, nullable=False),
)

# What became of them: a chain of events each, to which nothing but the next one is ever written.
REMEDIATION_EVENTS = sa.Table(
    "remediation_events",
    METADATA,
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
