"""Names that a Windows host looked up lately: its cache of DNS, which forgets a name with its time to live.

Source: learn.microsoft.com, Get-DnsClientCache and MSFT_DNSClientCache.
"""

from dataclasses import dataclass, field

from auditor.collect.collector import Collector, number_of, take_rows
from auditor.model.evidence import Unread
from auditor.model.facts.network import ResolvedName
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed
from auditor.model.verdict import Limit

_WINDOWS = r"""
if (-not (Have 'Get-DnsClientCache')) { Failed 'Get-DnsClientCache is not there' }
$names = @(Get-DnsClientCache)
foreach ($one in @($names | Select-Object -First 5000)) {
    if ($null -eq $one) { continue }
    # What is shown as RecordName is the property Name.
    $record = [string]$one.Name
    if (-not $record) { $record = [string]$one.RecordName }
    Row 'name' $one.Entry $record ([int]$one.Type) $one.Data
}
if ($names.Count -gt 5000) { Row 'more' $names.Count }
Row 'asked'
"""

_KINDS = {"name": 4, "more": 1, "asked": 0}
_MOST = 5000
_HIGHEST = 65_535
MANY = "many-names"
"""Name of the limit that a bound on the number of names makes."""


@dataclass(slots=True)
class _Reader:
    """The answer while it is read."""

    facts: list[tuple[int, ResolvedName]] = field(default_factory=list)
    limits: tuple[Limit, ...] = ()

    def take(self, number: int, kind: str, rest: list[str]) -> None:
        """Read one row; ValueError for what is none."""
        if kind == "more":
            count = number_of(rest[0], "count")
            self.limits = (Limit(id=MANY, text=f"Of the cache of DNS {_MOST} of {count} entries were read."),)
        else:
            name, record, record_type, data = rest
            if not name or number_of(record_type, "type") > _HIGHEST:
                message = "an entry without a name or of no type"
                raise ValueError(message)
            fact = ResolvedName(name=name.lower(), record=record.lower(), kind=int(record_type), data=data)
            self.facts.append((number, fact))


def _parse(text: str) -> Parsed:
    """Read one record a row; a name without records does not exist."""
    reader = _Reader()
    strange: list[Unread] = []
    missing = take_rows(text, _KINDS, reader.take, strange)
    return Parsed(facts=tuple(reader.facts), unread=tuple(strange), partial=missing, limits=reader.limits)


PLUGIN = Collector(
    id="network.dns_cache",
    facts=(ResolvedName,),
    scripts={OsFamily.WINDOWS: _WINDOWS},
    parse=_parse,
    advice="See that the service Dnscache runs and `Get-DnsClientCache` answers.",
    holds_secrets=False,
)
