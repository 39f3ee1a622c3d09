"""The register of approvals: what became of each in a run, so that authorised use is reported beside violations."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from auditor.model.host import HostFacts
from auditor.model.policy import Approval
from auditor.policy.applies import applies_to
from auditor.report.rows import approval_row

Row = dict[str, Any]

SOON = timedelta(days=30)
"""So long before its last day an approval is listed as due for review."""
_LISTED = 50
"""Names, versions, tenants and accounts that a line of the register lists; how many there are is said beside them."""
_KEPT, _KEPT_LENGTH = 1000, 200
"""Different words of hosts that are told apart, and their characters that are kept: they are the hosts' own words."""


@dataclass(slots=True, kw_only=True)
class _Use:
    """What became of one approval."""

    approval: Approval
    """The approval."""
    matched: int = 0
    """Hosts in scope that it is for."""
    assessed: int = 0
    """Those of them that gave evidence."""
    covered: list[str] = field(default_factory=list)
    """Hosts on which it covers a product in full."""
    broken: list[str] = field(default_factory=list)
    """Hosts on which a product that it is for does not keep what it says."""
    versions: set[str] = field(default_factory=set)
    """Versions seen of what it is for."""
    tenants: set[str] = field(default_factory=set)
    """Tenants seen."""
    users: set[str] = field(default_factory=set)
    """Accounts seen."""
    logon: Row | None = None
    """The newest logon by the product that a host recorded."""


class Register:
    """Gathers what became of each approval while the hosts of a run stream by."""

    def __init__(self, approvals: Sequence[Approval], as_of: date) -> None:
        self._as_of = as_of
        self._uses = {approval.id: _Use(approval=approval) for approval in approvals}

    def add(self, host: HostFacts, row: Row) -> None:
        """Take one host in: what the inventory says of it, and its row in the results."""
        for use in self._uses.values():
            if applies_to(host, hosts=use.approval.hosts, groups=use.approval.groups):
                use.matched += 1
                use.assessed += row["outcome"] != "unreachable"
        products: set[str] = set()
        for seen in row["sightings"]:
            near = self._uses.get(_nearest(seen) or "")
            if near is not None and seen["state"] != "residual":
                _add_sighting(near, host.name, seen)
                products.add(seen["product"])
        for use in self._uses.values() if products else ():
            if use.approval.product in products and host.name in (use.covered[-1:] + use.broken[-1:]):
                _add_logons(use, host.name, row["logons"])

    def rows(self) -> dict[str, Row]:
        """Return each approval as the policy states it, with what became of it."""
        return {name: approval_row(use.approval) | self._row(use) for name, use in self._uses.items()}

    def _row(self, use: _Use) -> Row:
        hosts = sorted({*use.covered, *use.broken})
        return {
            "review": self._review(use.approval),
            "stale": not use.matched,
            "hosts_matched": use.matched,
            "hosts_assessed": use.assessed,
            "hosts_used": len(hosts),
            "hosts_broken": len(use.broken),
            "used_on": hosts[:_LISTED],
            "versions_seen": sorted(use.versions)[:_LISTED],
            "tenants_seen": sorted(use.tenants)[:_LISTED],
            "users_seen": sorted(use.users)[:_LISTED],
            "last_logon": use.logon,
        }

    def _review(self, approval: Approval) -> str:
        if approval.review_by < self._as_of:
            return "past"
        return "due" if approval.review_by - self._as_of <= SOON else "current"


def _nearest(seen: Row) -> str | None:
    """Return the approval that covers a product, else the nearest one whose terms it does not keep."""
    name: str | None = seen["approval"]
    if name is None and seen["breaches"]:
        name = seen["breaches"][0]["approval"]
    return name


def _add_sighting(use: _Use, host: str, seen: Row) -> None:
    into = use.broken if seen["approval"] is None else use.covered
    if into[-1:] != [host]:
        into.append(host)
    _keep(use.versions, (seen["version"],))
    _keep(use.tenants, (seen["tenant"],))
    _keep(use.users, seen["users"] or ())


def _add_logons(use: _Use, host: str, logons: Iterable[Row]) -> None:
    """Keep the newest logon that the product let in; a host's logons stand with the newest first."""
    newest = next((one for one in logons if one["product"] == use.approval.product and one["succeeded"]), None)
    if newest is not None and (use.logon is None or newest["when"] > use.logon["when"]):
        use.logon = {"host": host} | {name: newest[name] for name in ("when", "user", "source")}


def _keep(known: set[str], words: Iterable[str | None]) -> None:
    """Keep words of a host: so many at most, and of each so much, whatever it sends."""
    for word in words:
        if word and len(known) < _KEPT:
            known.add(word[:_KEPT_LENGTH])
