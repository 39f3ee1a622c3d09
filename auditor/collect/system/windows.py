"""The edition and build of Windows, from the registry.

``ProductName`` still says "Windows 10" on Windows 11, whose builds begin at 22000
(learn.microsoft.com/windows/release-health/windows11-release-information).
"""

from auditor.collect.collector import Collector, fields, lines_of, number_of, unread
from auditor.model.evidence import Unread
from auditor.model.facts.system import OperatingSystem
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed

_WINDOWS = r"""
$key = Get-ItemProperty -LiteralPath 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion'
Row 'version' $key.ProductName $key.InstallationType $key.CurrentMajorVersionNumber $key.CurrentMinorVersionNumber `
    $key.CurrentBuildNumber $key.UBR $key.DisplayVersion $key.CurrentVersion
if ($env:PROCESSOR_ARCHITEW6432) { Partial 'a 32-bit PowerShell answered: it sees another registry' }
"""

_FIELDS = 9
_WINDOWS_11 = 22_000


def _parse(text: str) -> Parsed:
    """Read the one row there is."""
    strange: list[Unread] = []
    facts: list[tuple[int, OperatingSystem]] = []
    for number, line in enumerate(lines_of(text), 1):
        if not line:
            continue
        try:
            if facts:
                message = "a second version"
                raise ValueError(message)  # noqa: TRY301 — the same treatment as any other line
            facts.append((number, _read(line)))
        except ValueError as error:
            strange.append(unread(number, line, error))
    missing = None if facts else "nothing says which Windows this is"
    return Parsed(facts=tuple(facts), unread=tuple(strange), partial=missing)


def _read(line: str) -> OperatingSystem:
    mark, product, kind, major, minor, build, revision, display, older = fields(line, _FIELDS)
    if mark != "version":
        message = f"unknown row {mark[:20]!r}"
        raise ValueError(message)
    number = number_of(build, "build")
    # Before Windows 10 the version stands in CurrentVersion alone, as 6.3.
    version = f"{major}.{minor}" if major else older
    if kind == "Client" and number >= _WINDOWS_11:
        product = product.replace("Windows 10", "Windows 11")
    name = f"{product} {display}".strip() or "Windows"
    return OperatingSystem(
        family=OsFamily.WINDOWS,
        id="windows-server" if kind.startswith("Server") else "windows",
        name=name,
        version=".".join(part for part in (version, build, revision) if part),
    )


PLUGIN = Collector(
    id="system.windows",
    facts=(OperatingSystem,),
    scripts={OsFamily.WINDOWS: _WINDOWS},
    parse=_parse,
    advice="Let the auditing account read HKLM\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion, as Windows ships it.",
    holds_secrets=False,
)
