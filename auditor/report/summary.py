"""What the fleet page says: counts and rankings over all hosts, gathered while they stream by."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from auditor.model.probe import UNCHECKED
from auditor.report.rows import Row
from auditor.report.words import SEVERITIES, STATES, VERDICTS, reason_words

NAMED = 6
"""Hosts that are named where a line speaks of many; the rest is counted."""
_REASONS = 4
"""Ways of saying what is wrong that are shown of one violation."""
LISTED = 200
"""Hosts that are listed one by one as not reached; the host table holds all."""
RANKED = 15
"""Lines of a ranking; the tables in csv/ hold all."""

Use = tuple[str, str, str, tuple[str | None, ...]]
"""Product, its most alive state on a host (or suspected), how it stands to the approvals there, and its tenants."""

_READ = frozenset({"collected", "partial", "truncated"})
"""Outcomes of a section in which its reader had something to read."""
_RANK = {name: rank for rank, name in enumerate(SEVERITIES)}
_LAST = len(_RANK)


@dataclass(slots=True, kw_only=True)
class Group:
    """Hosts that have something in common: all counted, the first few named."""

    count: int = 0
    """How many."""
    named: list[tuple[str, str]] = field(default_factory=list)
    """Name and page of the first ones."""

    def add(self, host: str, page: str) -> None:
        """Count a host in."""
        self.count += 1
        if len(self.named) < NAMED:
            self.named.append((host, page))

    @property
    def others(self) -> int:
        """Return how many are not named."""
        return self.count - len(self.named)


@dataclass(slots=True, kw_only=True)
class Problem:
    """One violation, on however many hosts."""

    control: str
    """Control that is broken."""
    subject: str
    """What breaks it."""
    severity: str
    """The gravest severity it was given."""
    reason: str
    """What is wrong, as said of the first host."""
    remediation: list[str]
    """Steps, as given for the first host."""
    hosts: Group = field(default_factory=Group)
    """Hosts on which it stands open."""
    excepted: Group = field(default_factory=Group)
    """Hosts on which an exception covers it."""
    said: dict[str | None, tuple[str, list[str]]] = field(default_factory=dict)
    """Reason and steps by product, as said of the first host of each: many products listen on one port."""
    reasons: dict[str, None] = field(default_factory=dict)
    """What is wrong in the words of each host, as far as it is kept: one more than is shown."""

    @property
    def other_reasons(self) -> list[str]:
        """Return what is wrong where other words say it: of another product, or by another rule."""
        return [reason for reason in self.reasons if reason != self.reason][: _REASONS - 1]

    @property
    def has_more_reasons(self) -> bool:
        """Tell whether there are more words than these."""
        return len(self.reasons) > _REASONS

    def steps_of(self, product: str | None) -> list[str]:
        """Return the steps for a product; none where no host of this run has that."""
        return self.said.get(product, ("", []))[1]


@dataclass(slots=True, kw_only=True)
class Product:
    """One product over the fleet; a host is counted once, by the most alive state it has there."""

    id: str
    """Catalogue id."""
    name: str
    """Name for people."""
    category: str
    """Kind of remote access."""
    states: Counter[str] = field(default_factory=Counter)
    """Hosts by state, confirmed sightings only."""
    approved: int = 0
    """Hosts on which every confirmed sighting is approved; remains of removed software need no approval."""
    outside: Group = field(default_factory=Group)
    """Hosts on which an approval is for one of them whose terms it does not keep, and for each of the others."""
    unapproved: Group = field(default_factory=Group)
    """Hosts on which nobody approved one."""
    suspected: Group = field(default_factory=Group)
    """Hosts on which it is only suspected."""
    tenants: dict[str | None, Counter[str]] = field(default_factory=dict)
    """Whose instance it is to hosts by standing, confirmed and alive; None where that cannot be told."""
    more_tenants: int = 0
    """Hosts of tenants that are too many to be kept apart."""


@dataclass(slots=True, kw_only=True)
class Missing:
    """Evidence that is missing and can be got in one way, on however many hosts."""

    advice: str | None
    """How to get it; None where there is nothing to do but to know why."""
    reasons: dict[str, str] = field(default_factory=dict)
    """Section that was needed to why it is missing, as said of the first host."""
    hosts: Group = field(default_factory=Group)
    """Hosts that lack it."""
    last: str = ""
    """Page of the host counted last: a host whose controls lack the same is one host."""


@dataclass(slots=True, kw_only=True)
class Unreached:
    """Hosts that were not assessed for one reason."""

    reason: str | None
    """The ledger's word."""
    hosts: Group = field(default_factory=Group)
    """Those hosts."""
    rows: list[Row] = field(default_factory=list)
    """The first of them, with detail, owner and site."""

    @property
    def title(self) -> str:
        """Return the reason in words."""
        return reason_words(self.reason)[0]

    @property
    def advice(self) -> str:
        """Return the next step."""
        return reason_words(self.reason)[1]


class Lines(Protocol):
    """Lines of the host table, in the order in which they came; a list in memory or one on the disk."""

    def append(self, row: Row, /) -> None:
        """Put a line at the end."""

    def __iter__(self) -> Iterator[Row]: ...
    def __len__(self) -> int: ...


@dataclass(slots=True, kw_only=True)
class Summary:
    """Everything that the fleet page says of all hosts together; lines apart, it grows with what differs among them."""

    controls: Mapping[str, Row]
    """What is said of each control."""
    outcomes: Counter[str] = field(default_factory=Counter)
    """Hosts by outcome."""
    lines: Lines = field(default_factory=list[Row])
    """One line of the host table for each host."""
    verdicts: dict[str, Counter[str]] = field(default_factory=dict)
    """Control to hosts by verdict."""
    documented: Counter[str] = field(default_factory=Counter)
    """Control to passes that rest on a reader proven by documentation only."""
    problems: dict[tuple[str, str], Problem] = field(default_factory=dict)
    """Violations by control and subject."""
    products: dict[str, Product] = field(default_factory=dict)
    """Products by id."""
    missing: dict[str, Missing] = field(default_factory=dict)
    """Gaps by what closes them, else by section."""
    unreached: dict[str | None, Unreached] = field(default_factory=dict)
    """Hosts not assessed, by reason."""
    unchecked: Group = field(default_factory=Group)
    """Hosts whose certificate nobody checked."""
    limits: dict[str, str] = field(default_factory=dict)
    """Limits of the method by id."""
    listed: int = 0
    """Hosts listed one by one as not reached."""
    unproven: dict[str, Group] = field(default_factory=dict)
    """Section to the hosts on which a reader read it that has met no real host of its kind."""

    def add(self, host: Row, page: str) -> Row:
        """Take one host in, and return its line of the host table."""
        name = host["host"]
        self.outcomes[host["outcome"]] += 1
        counts, verdicts = self._add_verdicts(host, page)
        uses = self._add_products(host, page)
        for section in host["sections"]:
            if section["proof"] == "documented" and section["outcome"] in _READ:
                self.unproven.setdefault(section["id"], Group()).add(name, page)
        if (host["host_key"] or "").endswith(UNCHECKED):
            self.unchecked.add(name, page)
        if host["outcome"] == "unreachable":
            group = self.unreached.setdefault(host["reason"], Unreached(reason=host["reason"]))
            group.hosts.add(name, page)
            if self.listed < LISTED:
                self.listed += 1
                group.rows.append(
                    {key: host[key] for key in ("host", "detail", "attempts", "owner", "site")} | {"page": page}
                )
        line = {
            "host": name,
            "page": page,
            "outcome": host["outcome"],
            "complete": host["complete"],
            "reason": host["reason"],
            "os": None if host["os"] is None else host["os"]["name"],
            "owner": host["owner"],
            "site": host["site"],
            "fail": counts["fail"],
            "unknown": counts["unknown"],
            "excepted": counts["excepted"],
            "products": len({seen["product"] for seen in host["sightings"] if seen["state"] != "residual"}),
            "groups": host["groups"],
            "uses": uses,
            "verdicts": verdicts,
            "problems": [
                (verdict["control"], violation["subject"])
                for verdict in host["verdicts"]
                for violation in verdict["violations"]
            ],
        }
        self.lines.append(line)
        return line

    def _add_verdicts(self, host: Row, page: str) -> tuple[Counter[str], tuple[str, ...]]:
        given = {verdict["control"]: verdict for verdict in host["verdicts"]}
        counts: Counter[str] = Counter()
        words: list[str] = []
        for control in self.controls:
            verdict = given.get(control)
            # A control nobody judged on this host is not known to hold.
            word = "unknown" if verdict is None else verdict["verdict"]
            counts[word] += 1
            words.append(word)
            self.verdicts.setdefault(control, Counter())[word] += 1
            if verdict is not None:
                self._add_verdict(host, verdict, page)
        return counts, tuple(words)

    def _add_verdict(self, host: Row, verdict: Row, page: str) -> None:
        if verdict["verdict"] == "pass" and not verdict["proven"]:
            self.documented[verdict["control"]] += 1
        for violation in verdict["violations"]:
            self._add_violation(host["host"], verdict["control"], violation, page)
        # Of a host that was not reached nobody knows the system: the method's limits on every one would be its own.
        if host["outcome"] == "unreachable":
            return
        for limit in verdict["limits"]:
            self.limits.setdefault(limit["id"], limit["text"])
        for gap in verdict["gaps"]:
            key = gap["advice"] or gap["section"]
            missing = self.missing.setdefault(key, Missing(advice=gap["advice"]))
            missing.reasons.setdefault(gap["section"], gap["reason"])
            if missing.last != page:
                missing.hosts.add(host["host"], page)
                missing.last = page

    def _add_violation(self, host: str, control: str, violation: Row, page: str) -> None:
        key = (control, violation["subject"])
        problem = self.problems.get(key)
        if problem is None:
            problem = self.problems[key] = Problem(
                control=control,
                subject=violation["subject"],
                severity=violation["severity"],
                reason=violation["reason"],
                remediation=violation["remediation"],
            )
        problem.said.setdefault(violation["product"], (violation["reason"], violation["remediation"]))
        if len(problem.reasons) <= _REASONS:
            problem.reasons.setdefault(violation["reason"])
        if _rank(violation["severity"]) < _rank(problem.severity):
            problem.severity = violation["severity"]
        (problem.hosts if violation["exception"] is None else problem.excepted).add(host, page)

    def _add_products(self, host: Row, page: str) -> tuple[Use, ...]:
        by_product: dict[str, list[Row]] = {}
        for seen in host["sightings"]:
            by_product.setdefault(seen["product"], []).append(seen)
        return tuple(self._add_product(host["host"], page, name, seen) for name, seen in sorted(by_product.items()))

    def _add_product(self, host: str, page: str, product_id: str, sightings: list[Row]) -> Use:
        """Count a host under what a product is there, and return that."""
        product = self.products.get(product_id)
        if product is None:
            first = sightings[0]
            product = Product(id=product_id, name=first["name"], category=first["category"])
            self.products[product_id] = product
        confirmed = [seen for seen in sightings if seen["confidence"] == "confirmed"]
        if not confirmed:
            product.suspected.add(host, page)
            return product_id, "suspected", "", ()
        alive = next(state for state in STATES if any(seen["state"] == state for seen in confirmed))
        product.states[alive] += 1
        live = [seen for seen in confirmed if seen["state"] != "residual"]
        if not live:
            return product_id, alive, "", ()
        standing = _standing(live)
        if standing == "approved":
            product.approved += 1
        else:
            (product.outside if standing == "outside" else product.unapproved).add(host, page)
        return product_id, alive, standing, self._add_tenants(product, live)

    @staticmethod
    def _add_tenants(product: Product, live: list[Row]) -> tuple[str | None, ...]:
        """Count a host under each tenant that a product has there; a host cannot make up more than are kept apart."""
        by_tenant: dict[str | None, list[Row]] = {}
        for seen in live:
            by_tenant.setdefault(seen["tenant"], []).append(seen)
        for tenant, of_tenant in by_tenant.items():
            if tenant in product.tenants or len(product.tenants) < LISTED:
                product.tenants.setdefault(tenant, Counter())[_standing(of_tenant)] += 1
            else:
                product.more_tenants += 1
        return tuple(by_tenant)[:LISTED]

    def ranked_problems(self) -> list[Problem]:
        """Return the violations, the gravest and most widespread first."""
        return sorted(
            self.problems.values(),
            key=lambda one: (one.hosts.count == 0, _rank(one.severity), -one.hosts.count, one.control, one.subject),
        )

    def ranked_missing(self) -> list[Missing]:
        """Return the gaps, the most widespread first."""
        return sorted(self.missing.values(), key=lambda one: (-one.hosts.count, sorted(one.reasons)))

    def ranked_unreached(self) -> list[Unreached]:
        """Return the hosts not assessed by reason, the most frequent first."""
        return sorted(self.unreached.values(), key=lambda one: (-one.hosts.count, one.reason or ""))

    def ranked_products(self) -> list[Product]:
        """Return the products, those that are not approved on most hosts first."""
        return sorted(
            self.products.values(),
            key=lambda one: (
                *(-one.unapproved.count, -one.outside.count, -one.suspected.count),
                *(-one.states.total(), one.id),
            ),
        )

    def mitigations(self) -> list[tuple[str, list[tuple[str, Row, Counter[str]]]]]:
        """Return the controls with their counts, by mitigation."""
        grouped: dict[str, list[tuple[str, Row, Counter[str]]]] = {}
        for control, row in sorted(self.controls.items()):
            counts = self.verdicts.get(control, Counter())
            grouped.setdefault(row["mitigation"], []).append((control, row, counts))
        return sorted(grouped.items())


def _standing(live: list[Row]) -> str:
    """Say how sightings of a product on a host stand to the approvals: the worst of them counts."""
    if all(seen["approval"] is not None for seen in live):
        return "approved"
    if all(seen["approval"] is not None or seen.get("breaches") for seen in live):
        return "outside"
    return "unapproved"


def bar(counts: Counter[str]) -> list[tuple[str, float, float]]:
    """Return verdict, start and width of each part of a bar 100 wide; what is there is never too thin to see."""
    total = counts.total()
    parts: list[tuple[str, float, float]] = []
    if not total:
        return parts
    widths = {name: max(100 * counts[name] / total, 1.5) for name in VERDICTS if counts[name]}
    scale = 100 / sum(widths.values())
    start = 0.0
    for name, width in widths.items():
        parts.append((name, round(start, 2), round(width * scale, 2)))
        start += width * scale
    return parts


def _rank(severity: str) -> int:
    return _RANK.get(severity, _LAST)
