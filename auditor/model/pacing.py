"""How gently an audit goes about the network: what it may do at once, how long it waits, when it tries again."""

from auditor.model.record import Record


class Pacing(Record, kw_only=True):
    """Budgets of a run. ``docs/pacing.md`` says what counts as a site and as a subnet."""

    workers: int = 32
    """Hosts under way at once, in all."""
    per_site: int | None = None
    """Hosts under way at once in one site; None means as many as in all."""
    per_subnet: int | None = None
    """Hosts under way at once in one subnet; None means as many as in all."""
    rate: float | None = None
    """Hosts begun in a second at most, in all; None means no bound."""
    site_rate: float | None = None
    """Hosts begun in a second at most in one site; None means no bound."""
    subnet_rate: float | None = None
    """Hosts begun in a second at most in one subnet; None means no bound."""
    retries: int = 1
    """Further tries, at once, of a host that refuses, resets or does not answer."""
    connect_timeout: float = 10.0
    """Seconds a host may take to accept a connection, all its addresses together."""
    password_failures: int = 3
    """Refusals of one account's password in a row, after which it is not used any more in this run."""
