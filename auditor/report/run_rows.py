"""What a report may read: the rows of one run, the hosts streamed one at a time."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from auditor.model.record import Record, field
from auditor.report.changes import Changes
from auditor.report.rows import Row


class RunRows(Record, kw_only=True):
    """The documented rows of one run, as ``results.json`` holds them; only the hosts need not fit in memory."""

    run: Row
    """``run`` of results.json: id, times, scope, coverage, digests of the inputs."""
    controls: Mapping[str, Row]
    """Control id to what is said of it once (``rows.control_row``)."""
    ledger: Sequence[Row]
    """Every host of the scope with its outcome (``rows.ledger_row``), sorted by host."""
    findings: Sequence[Row]
    """Findings with their lives (``rows.finding_row``), sorted."""
    hosts: Callable[[], Iterator[Row]]
    """Iterate anew over the host rows (``rows.host_row``), sorted by host, one in memory at a time."""
    host_lines: Callable[[], Iterator[str]]
    """Iterate anew over the same rows as compact JSON without a line end (``rows.compact``)."""
    gists: Callable[[], Iterator[Row]] | None = None
    """Iterate anew over what a summary needs of the same rows (``gist.gist_of``); None where the rows have to do."""
    exceptions: Mapping[str, Row] = field(default_factory=dict)
    """Exception id to its reason, people and end (``rows.exception_row``)."""
    accepted_limits: Mapping[str, Row] = field(default_factory=dict)
    """Limit id to who accepts it, what shows that, and until when (``rows.limit_row``)."""
    approvals: Mapping[str, Row] = field(default_factory=dict)
    """Approval id to its reason, owner and review date (``rows.approval_row``)."""
    pasts: Callable[[], Mapping[str, Mapping[str, Row]]] = dict
    """What is known of products of hosts after it: host name, then catalogue id, to the fields of ``ProductPast``."""
    runs: Callable[[], Mapping[str, Row]] = dict
    """Run id to ``as_of``, ``operator`` and ``remediation`` (digest of the plan that it served, or None): of this run
    and those of its store before it."""
    remedies: Callable[[Row, Sequence[Row]], Row | None] = lambda _host, _findings: None
    """Given a host's row and its findings, the steps that a plan made of this run would take on it, and what it would
    leave to hands (``auditor.run.report_rows``); None where nobody has said."""
    plans: Callable[[], Sequence[Row]] = tuple
    """Plans that were applied before this run's end, as far as they are about its hosts (the same file)."""
    changes: Callable[[], Changes | None] = lambda: None
    """Compare it with the run of the same scope before it; None where none is at hand."""
