"""The nftables ruleset as text: it keeps what nft's JSON loses (flags of tables), and is what a reader is shown.

Its counts are those of ``firewall.nft``, so it gives no facts of its own; here it is only checked for being whole.
"""

from auditor.collect.collector import Collector, lines_of, unread
from auditor.collect.firewall.kernel import NF_TABLES
from auditor.model.evidence import Proof, Unread
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed

_LINUX = (
    NF_TABLES
    + r"""
[ "$uid" = 0 ] || denied "only root may list the packet filter"
have nft || failed "nft is not installed, and the kernel has nf_tables"
nft list ruleset || failed "nft could not list the ruleset"
"""
)


def _depth_change(line: str) -> int:
    """Count braces outside of quotes; nft cannot escape a quote inside of them."""
    return sum(part.count("{") - part.count("}") for part in line.split('"')[::2])


def _parse(text: str) -> Parsed:
    """Check that tables open and close in turn: a listing that was cut or garbled does not."""
    strange: list[Unread] = []
    depth = 0
    opened = 0
    for number, line in enumerate(lines_of(text), 1):
        if not line or line.lstrip().startswith("#"):
            continue
        if depth == 0 and not line.startswith("table "):
            strange.append(unread(number, line, "outside of any table"))
            continue
        opened = number if depth == 0 else opened
        depth += _depth_change(line)
        if depth < 0:
            strange.append(unread(number, line, "closes what was not opened"))
            depth = 0
    if depth > 0:
        strange.append(unread(opened, lines_of(text)[opened - 1], "this table does not end"))
    return Parsed(unread=tuple(strange))


PLUGIN = Collector(
    id="firewall.nft_text",
    facts=(),
    scripts={OsFamily.LINUX: _LINUX},
    parse=_parse,
    proof={OsFamily.LINUX: Proof.LAB},
    advice="Run the audit as root or with sudo, and install nftables: only nft can list what nf_tables holds.",
    holds_secrets=False,
)
