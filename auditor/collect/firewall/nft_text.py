"""The nftables ruleset as text: what nft's JSON loses (flags of tables), and a second count beside it.

nft 1.0.6 can abort while it prints JSON; the text is then what there is. Its counts are those of ``firewall.nft``.
Where the JSON is whole and holds nothing that it is known to lose, the text is not asked for (ADR 5).
"""

from dataclasses import dataclass, field

from auditor.collect.collector import Collector, lines_of, unread
from auditor.collect.firewall.counts import Counts, listings
from auditor.collect.firewall.kernel import NF_TABLES, ONLY_ROOT
from auditor.model.evidence import Proof, Unread
from auditor.model.facts.firewall import FirewallListing
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed

# nft writes its text a word at a time, which costs a host more than anything else asked of it: so only where needed.
_QUICK = (
    ONLY_ROOT
    + r"""
[ -n "${told_firewall_nft-}" ] && [ "$told_firewall_nft" -lt 4 ] || return
absent "nft's JSON loses nothing of this ruleset"
"""
)
_LINUX = r"""
told=${told_firewall_nft-}
have nft || failed "nft is not installed, and the kernel has nf_tables"
rules=$(nft list ruleset) || failed "nft could not list the ruleset"
[ -n "$rules$told" ] || failed "nft printed nothing, and no JSON that would tell an empty ruleset from none"
printf '%s\n' "$rules"
"""

_IN_TABLE = 1
_IN_BLOCK = 2
# What a line may begin with in a table, and in what is not a chain (nft(8)); a longer list of elements goes on below.
_OBJECTS = (
    "chain", "set", "map", "flowtable", "counter", "quota", "ct", "limit", "secmark", "synproxy", "tunnel", "flags",
    "comment",
)  # fmt: skip
_PROPERTIES = (
    "type", "typeof", "flags", "elements", "timeout", "size", "gc-interval", "policy", "comment", "auto-merge",
    "counter", "hook", "devices", "packets", "over", "until", "protocol", "l3proto", "helper", "expectation", "dport",
    "mss", "wscale", "timestamp", "sack-perm", "rate", "quota", "limit",
)  # fmt: skip


@dataclass(slots=True, kw_only=True)
class _Reader:
    """Where in the listing we are: tables hold chains, sets and maps; chains hold rules."""

    counts: Counts = field(default_factory=Counts)
    depth: int = 0
    opened: int = 0
    family: str = ""
    is_dormant: bool = False
    is_chain: bool = False

    def take(self, number: int, line: str) -> None:
        """Read one line; ValueError when it stands where nothing can, or closes what was not opened."""
        text = line.strip()
        if self.depth == 0:
            words = text.split()
            if words[:1] != ["table"] or len(words) < len(("table", "family", "name", "{")):
                message = "outside of any table"
                raise ValueError(message)
            self.family, self.opened, self.is_dormant = words[1], number, False
        elif self.depth == _IN_TABLE:
            self.is_chain = text.startswith("chain ")
            self.is_dormant = self.is_dormant or text == "flags dormant"
        elif self.depth == _IN_BLOCK and self.is_chain and text != "}" and not self.is_dormant:
            self._take_statement(text)
        known = {_IN_TABLE: _OBJECTS, _IN_BLOCK: () if self.is_chain else _PROPERTIES}.get(self.depth, ())
        is_strange = bool(known) and text != "}" and text.split(maxsplit=1)[0] not in known
        # nft cannot escape a quote inside of quotes.
        self.depth += sum(part.count("{") - part.count("}") for part in line.split('"')[::2])
        if self.depth < 0:
            self.depth = 0
            message = "closes what was not opened"
            raise ValueError(message)
        if is_strange:
            message = "neither an object of a table nor a property of one"
            raise ValueError(message)

    def _take_statement(self, text: str) -> None:
        """Count a rule, or the line that makes a chain a base chain; a chain's comment is neither."""
        if text.startswith("type ") and " hook " in text:
            self.counts.add_hook(self.family, drops="policy drop" in text)
        elif not text.startswith(("comment ", "policy ")):
            self.counts.add_rule(self.family)


def _parse(text: str) -> Parsed:
    """Count what the listing holds; a table that does not end is a listing that was cut."""
    strange: list[Unread] = []
    reader = _Reader()
    lines = list(lines_of(text))
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            reader.take(number, line)
        except ValueError as error:
            strange.append(unread(number, line, error))
    if reader.depth > 0:
        left = f"this table does not end: it is {reader.depth} deep where the listing breaks off"
        strange.append(unread(reader.opened, lines[reader.opened - 1], left))
    return Parsed(
        facts=listings(reader.counts, "firewall.nft_text"), unread=tuple(sorted(strange, key=lambda one: one.line))
    )


PLUGIN = Collector(
    id="firewall.nft_text",
    facts=(FirewallListing,),
    quick={OsFamily.LINUX: _QUICK},
    scripts={OsFamily.LINUX: _LINUX},
    shared=(NF_TABLES,),
    after=("firewall.nft",),
    parse=_parse,
    proof={OsFamily.LINUX: Proof.LAB},
    advice="Run the audit as root or with sudo, and install nftables: only nft can list what nf_tables holds.",
    holds_secrets=False,
)
