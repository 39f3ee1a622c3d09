"""macOS as it names itself (sw_vers(1)), and whether it passes on packets that are not for it (inet(4), inet6(4))."""

from auditor.collect.collector import Collector, take_lines
from auditor.model.evidence import Unread
from auditor.model.facts.system import KernelSetting, OperatingSystem
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed

_MACOS = r"""
need sw_vers sysctl
sw_vers || failed "sw_vers did not tell the version"
for key in net.inet.ip.forwarding net.inet6.ip6.forwarding; do
    sysctl "$key" || partial "the kernel did not tell $key"
done
"""
_SETTINGS = ("net.inet.ip.forwarding", "net.inet6.ip6.forwarding")
_NAME, _VERSION, _EXTRA, _BUILD = "ProductName", "ProductVersion", "ProductVersionExtra", "BuildVersion"


def _parse(text: str) -> Parsed:
    """Read ``ProductName: macOS`` and its kin, then ``net.inet.ip.forwarding: 0``."""
    facts: list[tuple[int, OperatingSystem | KernelSetting]] = []
    said: dict[str, str] = {}
    strange: list[Unread] = []
    named_at = 0

    def take(number: int, line: str) -> None:
        nonlocal named_at
        key, colon, value = line.partition(":")
        value = value.strip()
        if not colon or not value or key in said or key not in (_NAME, _VERSION, _EXTRA, _BUILD, *_SETTINGS):
            message = "not a line of sw_vers, nor of a setting that was asked for"
            raise ValueError(message)
        if key in _SETTINGS:
            if not (value.isascii() and value.isdigit()):
                message = f"{key} is no number"
                raise ValueError(message)
            facts.append((number, KernelSetting(key=key, value=value)))
        elif key == _VERSION:
            named_at = number
        said[key] = value

    take_lines(text, take, strange)
    missing = [key for key in (_NAME, _VERSION, *_SETTINGS) if key not in said]
    if named_at and _NAME in said:
        version = " ".join(said[key] for key in (_VERSION, _EXTRA) if key in said)
        build = f" ({said[_BUILD]})" if _BUILD in said else ""
        system = OperatingSystem(
            family=OsFamily.MACOS, id="macos", name=f"{said[_NAME]} {version}{build}", version=said[_VERSION]
        )
        facts.insert(0, (named_at, system))
    partial = f"{' and '.join(missing)} was not told" if missing else None
    return Parsed(facts=tuple(facts), unread=tuple(strange), partial=partial)


PLUGIN = Collector(
    id="system.macos",
    facts=(OperatingSystem, KernelSetting),
    scripts={OsFamily.MACOS: _MACOS},
    parse=_parse,
    advice="Look what keeps sw_vers and sysctl, which every Mac has, from answering on this one.",
    holds_secrets=False,
)
