"""What the findings of a run come to over the fleet, counted while they stream by."""

from collections import Counter

from auditor.report.earlier_runs import finding_counts
from auditor.report.rows import Row


class FindingTally:
    """Findings by what the fleet page says of their lives."""

    def __init__(self, as_of: str) -> None:
        """Begin to count; ``as_of`` is the instant that the run judges at."""
        self._as_of = as_of
        self.counts: Counter[str] = Counter(finding_counts(()))
        """What is counted of every run's findings (``earlier_runs.COUNTS``)."""
        self.life = dict.fromkeys(("open", "new", "back", "unseen", "overdue", "closed"), 0)
        """Open ones, those of them seen for the first time and come back; not seen, overdue, closed."""

    def add(self, finding: Row) -> None:
        """Take one finding in."""
        self.counts.update(finding_counts((finding,)))
        state, life = finding["state"], self.life
        life["overdue"] += bool(finding["overdue"])
        life["closed"] += state == "closed"
        life["unseen"] += state == "not_observable"
        if state == "open":
            life["open"] += 1
            if finding["first_seen"] == self._as_of:
                life["new"] += 1
            elif finding["failing_since"] == self._as_of:
                life["back"] += 1
