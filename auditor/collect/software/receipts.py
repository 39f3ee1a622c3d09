"""Receipts of a Mac's Installer: which packages were installed, whether or not what they brought is still there.

A receipt (``/var/db/receipts/<package>.plist``, pkgutil(1)) is written when a package is installed, and taking the
software away leaves it behind: it proves an installation, and no presence. Apple's own are left out.
"""

from dataclasses import dataclass, field

from auditor.collect.collector import ENDS_EARLY, Collector, fields, take_lines, unread
from auditor.collect.property_lists import END, PLIST_ROWS, plist_row
from auditor.model.evidence import Unread
from auditor.model.facts.software import Software
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed

_MACOS = r"""
[ -d /var/db/receipts ] || failed "/var/db/receipts is not there, which every Mac has"
[ -r /var/db/receipts ] || denied "/var/db/receipts cannot be listed"
need plutil awk head
count=0
for file in /var/db/receipts/*.plist; do
    case $file in
        */com.apple.*) continue ;;
        *"$tab"* | *"$newline"*) partial "a receipt has a line end or a tab in its name"; continue ;;
    esac
    [ -f "$file" ] || continue
    count=$((count + 1))
    [ "$count" -le 1000 ] || { partial "of more than 1000 receipts the first were read"; break; }
    printf 'receipt\t%s\n' "$file"
    plutil -convert xml1 -o - -- "$file" 2>/dev/null | head -c 100000 |
        plist_rows '^/(PackageIdentifier|PackageVersion|InstallDate)$'
done
printf 'asked\n'
"""
_DAY = len("2026-11-27")


@dataclass(slots=True)
class _Receipt:
    """A receipt as far as it was read."""

    line: int
    file: str
    keys: dict[str, str] = field(default_factory=dict)
    is_told: bool = False


def _parse(text: str) -> Parsed:
    """Read the keys of each receipt."""
    receipts: list[_Receipt] = []
    strange: list[Unread] = []
    is_whole = False

    def take(number: int, line: str) -> None:
        nonlocal is_whole
        if line == "asked":
            is_whole = True
        elif line.startswith("receipt\t"):
            receipts.append(_Receipt(line=number, file=fields(line, 2)[1]))
        elif receipts and not receipts[-1].is_told:
            _take(line, receipts[-1])
        else:
            message = "not a row of a receipt"
            raise ValueError(message)

    take_lines(text, take, strange)
    facts: list[tuple[int, Software]] = []
    for receipt in receipts:
        if receipt.is_told and receipt.keys.get("PackageIdentifier"):
            facts.append((receipt.line, _software(receipt)))
        else:
            strange.append(
                unread(receipt.line, receipt.file, "a receipt without an identifier, or that cannot be read")
            )
    return Parsed(
        facts=tuple(facts),
        unread=tuple(sorted(strange, key=lambda one: one.line)),
        partial=None if is_whole else ENDS_EARLY,
    )


def _take(line: str, receipt: _Receipt) -> None:
    if line == END:
        receipt.is_told = True
        return
    value, path = plist_row(line)
    if len(path) != 1 or path[0] in receipt.keys:
        message = "not a key of a receipt, or it comes twice"
        raise ValueError(message)
    receipt.keys[path[0]] = value


def _software(receipt: _Receipt) -> Software:
    identifier = receipt.keys["PackageIdentifier"]
    return Software(
        name=identifier,
        version=receipt.keys.get("PackageVersion", ""),
        source="software.receipts",
        identifier=identifier,
        installed_on=receipt.keys.get("InstallDate", "")[:_DAY] or None,
    )


PLUGIN = Collector(
    id="software.receipts",
    facts=(Software,),
    scripts={OsFamily.MACOS: _MACOS},
    shared=(PLIST_ROWS,),
    parse=_parse,
    advice="Make /var/db/receipts readable for everyone, as macOS ships it.",
    holds_secrets=False,
)
