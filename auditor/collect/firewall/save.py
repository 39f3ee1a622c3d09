"""Count what an output of iptables-save holds: tables, each with its COMMIT, chains with policies, rules."""

from collections.abc import Callable
from dataclasses import dataclass, field

from auditor.collect.collector import lines_of, unread
from auditor.model.evidence import Unread
from auditor.model.facts.firewall import Engine, FirewallListing
from auditor.model.reading import Parsed

_BUILT_IN = frozenset(("INPUT", "OUTPUT", "FORWARD", "PREROUTING", "POSTROUTING"))
_FAMILY = "# family "
_LOADED = "# the first of the loaded tables is "


@dataclass(slots=True, kw_only=True)
class _Family:
    """The tables of one address family while they are read."""

    family: str
    line: int
    table: str | None = None
    is_loaded: bool = False
    """Whether the kernel is known to hold a table of it, of which something must be said then."""
    is_told: bool = False
    opened: int = 0
    policies: dict[tuple[str, str], str] = field(default_factory=dict)
    used: set[tuple[str, str]] = field(default_factory=set)
    rules: int = 0

    def take(self, number: int, line: str) -> None:
        """Read one line; ValueError when it is not of iptables-save."""
        if line.startswith("*") and self.table is None:
            self.table, self.opened = line[1:], number
        elif self.table is None:
            message = "outside of any table"
            raise ValueError(message)
        elif line == "COMMIT":
            self.table = None
        elif line.startswith(":"):
            words = line[1:].split()
            if len(words) < len(("chain", "policy")):
                message = "not ':chain policy'"
                raise ValueError(message)
            self.policies[self.table, words[0]] = words[1]
        else:
            self._take_rule(self.table, line)

    def _take_rule(self, table: str, line: str) -> None:
        # With -c, counters stand before the rule.
        rule = line.partition("] ")[2] if line.startswith("[") else line
        words = rule.split(None, 2)
        if len(words) < len(("-A", "chain")) or words[0] != "-A":
            message = "not a line of iptables-save"
            raise ValueError(message)
        if (table, words[1]) not in self.policies:
            message = f"a rule of chain {words[1][:40]!r}, which is not declared"
            raise ValueError(message)
        self.rules += 1
        self.used.add((table, words[1]))

    def listing(self, engine: Engine, section: str) -> FirewallListing:
        """Return the counts."""
        hooks = [
            key
            for key, policy in self.policies.items()
            if key[1] in _BUILT_IN and (policy != "ACCEPT" or key in self.used)
        ]
        return FirewallListing(
            engine=engine,
            family=self.family,
            section=section,
            hooks=len(hooks),
            rules=self.rules,
            drops_by_default=any(self.policies[key] == "DROP" for key in hooks),
        )


def save_parser(engine: Engine, section: str, family: str | None) -> Callable[[str], Parsed]:
    """Return the parser of one section: one listing for each ``# family`` line, or one of the family given."""

    def parse(text: str) -> Parsed:
        is_loaded = text.startswith(_LOADED)
        families = [] if family is None else [_Family(family=family, line=1, is_loaded=is_loaded)]
        strange: list[Unread] = []
        lines = list(lines_of(text))
        for number, line in enumerate(lines, 1):
            if family is None and line in (_FAMILY + "ip", _FAMILY + "ip6"):
                families.append(_Family(family=line.removeprefix(_FAMILY), line=number, is_loaded=True))
                continue
            # A native table beside iptables' own is announced in a comment, and read by firewall.nft.
            if families and line and not line.startswith(_LOADED):
                families[-1].is_told = True
            if not line or line.startswith("#"):
                continue
            try:
                if not families:
                    message = "no line before it says which family it is of"
                    raise ValueError(message)  # noqa: TRY301 — the same treatment as any other line
                families[-1].take(number, line)
            except ValueError as error:
                strange.append(unread(number, line, error))
        strange.extend(
            unread(one.opened, lines[one.opened - 1], "this table does not end in COMMIT")
            for one in families
            if one.table is not None
        )
        silent = [one.family for one in families if one.is_loaded and not one.is_told]
        return Parsed(
            facts=tuple((one.line, one.listing(engine, section)) for one in families),
            unread=tuple(sorted(strange, key=lambda one: one.line)),
            partial=f"tables of {' and '.join(silent)} are loaded, and none is listed" if silent else None,
        )

    return parse
