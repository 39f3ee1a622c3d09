"""What the pages say that are of no single host: gathered while hosts and findings stream by, the lists on the disk."""

from collections.abc import Iterable, Iterator, Mapping

from auditor.report.control_tally import Tallies
from auditor.report.finding_tally import FindingTally
from auditor.report.host_findings import hosts_with_findings, with_pages
from auditor.report.owners import Owners
from auditor.report.remediation import Remediation
from auditor.report.rows import Row
from auditor.report.run_rows import RunRows
from auditor.report.scratch import Scratch
from auditor.report.summary import Summary


class FleetTally:
    """Everything that is counted over the hosts of a run."""

    def __init__(self, rows: RunRows, owner_pages: Mapping[str | None, str], scratch: Scratch) -> None:
        """Take the page of each owner, and where lists are to lie that may be longer than memory."""
        self.summary = Summary(controls=rows.controls, lines=scratch.rows())
        self.tallies = Tallies(rows.controls)
        self.owners = Owners(owner_pages, scratch)
        self.findings = FindingTally(rows.run["as_of"])
        self.remediation = Remediation(rows)
        self._rows = rows

    def hosts(self, pages: Iterable[tuple[str, str]]) -> Iterator[tuple[Row, list[Row], str]]:
        """Yield each host with its findings and its page, in the ledger's order, when they are counted in."""
        for host, findings, page in with_pages(hosts_with_findings(self._rows, self._add_finding), pages):
            self.tallies.add(host, page)
            self.owners.add_host(self.summary.add(host, page))
            for finding in findings:
                self._add_finding(finding, page)
            yield host, findings, page

    def _add_finding(self, finding: Row, page: str | None = None) -> None:
        self.findings.add(finding)
        self.remediation.add(finding)
        self.owners.add_finding(finding, page)
