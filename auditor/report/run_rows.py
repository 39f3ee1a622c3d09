"""What a report may read: the rows of one run, the hosts streamed one at a time."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from auditor.report.changes import Changes
from auditor.report.rows import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRows:
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
    changes: Callable[[], Changes | None] = lambda: None
    """Compare it with the run of the same scope before it; None where none is at hand."""
