"""The rows of ``firewall.windows`` on a host as it is described: profiles, rules, networks, and that all was asked."""

from collections.abc import Iterator

from tests.winrm.host import PROGRAMS, Row, WindowsHost

_KEYS = ("DomainProfile", "PrivateProfile", "StandardProfile", "PublicProfile")
_CARD = "{8BD0E0F4-9E44-4B7C-8C6B-000000000012}"
_RDP = (
    "v2.31|Action=Allow|Active={active}|Dir=In|Protocol=6|LPort=3389|App=%SystemRoot%\\system32\\svchost.exe|"
    "Svc=termservice|Name=@FirewallAPI.dll,-28775|Desc=@FirewallAPI.dll,-28756|EmbedCtxt=@FirewallAPI.dll,-28752|"
)
_WINRM = (
    "v2.31|Action=Allow|Active=TRUE|Dir=In|Protocol=6|Profile=Domain|Profile=Private|LPort=5985|App=System|"
    "Name=@FirewallAPI.dll,-30253|Desc=@FirewallAPI.dll,-30256|EmbedCtxt=@FirewallAPI.dll,-30267|"
)
_OTHER = "v2.30|Action=Allow|Active=FALSE|Dir=In|Protocol=17|Profile=Domain|LPort={port}|Name=rule {number}|"


def _rules(host: WindowsHost) -> Iterator[tuple[str, str]]:
    active = str(host.has_remote_desktop).upper()
    yield "RemoteDesktop-UserMode-In-TCP", _RDP.format(active=active)
    yield "WINRM-HTTP-In-TCP", _WINRM
    for at, name in enumerate(host.running):
        program = PROGRAMS[name]
        text = f"v2.31|Action=Allow|Active=TRUE|Dir=In|Protocol=6|Profile=Private|App={program.path}|Name={name}|"
        yield f"{{1F2A9E0B-0000-4A4A-9C9C-{at:012x}}}", text
    for number in range(host.firewall_rules):
        yield f"{{2F2A9E0B-0000-4A4A-9C9C-{number:012x}}}", _OTHER.format(port=20_000 + number, number=number)


def firewall_rows(host: WindowsHost) -> Iterator[Row]:
    """Say how the Windows firewall is set: on in every profile, what no rule opens is blocked."""
    for store in ("local", "mdm", "group_policy"):
        for key in _KEYS:
            is_there = store == "local" and key != "PrivateProfile"
            yield "profile", store, key, "present" if is_there else "absent"
            if is_there:
                yield "value", store, key, "EnableFirewall", 1
    yield "asked", "profiles"
    rules = list(_rules(host))
    for name, text in rules:
        yield "rule", "local", name, text
    yield "store", "local", len(rules), len(rules)
    for store in ("mdm", "group_policy", "hardening_static", "hardening", "appcontainer"):
        yield "store", store, 0, 0
    yield "sid", "termservice", 1
    alias = "イーサネット" if host.language == "ja" else "Ethernet"
    yield "network", 12, alias, 1
    yield "asked", "networks"
    yield "adapter", _CARD, alias
    yield "asked", "adapters"
    for name in ("MpsSvc", "BFE"):
        yield "service", name, "Running"
    for part in ("services", "products", "proxies"):
        yield "asked", part
    for name, value in (("SystemRoot", "C:\\Windows"), ("ProgramFiles", "C:\\Program Files"), ("SystemDrive", "C:")):
        yield "variable", name, value
