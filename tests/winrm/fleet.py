"""Windows hosts, what is planted on each, and what an audit has to find there: no more, and no less."""

from collections.abc import Iterator
from typing import Any

from tests.winrm.host import DOMAIN_SID
from tests.winrm.planted import (
    APPLOCKER_DEFAULT,
    MACHINE,
    USERS,
    Planted,
    Sighting,
    Windows,
    anydesk,
    screenconnect,
    tightvnc,
)
from tests.winrm.signed import signed_hosts

OURS, THEIRS = "0123456789abcdef", "fedcba9876543210"
_JANE = f"{DOMAIN_SID}-1001"
_TRUSTED = "10.0.0.0/8"
_HUGE = 100_000_000
# What a user whose registry is not loaded leaves open.
_OF_PROFILES = (
    "complete_inventory",
    "unapproved_product",
    "product_settings",
    "per_user_copy",
    "remote_access_at_boot",
)

POLICY: dict[str, Any] = {
    "name": "Windows of a test",
    "settings": {"installers": {"users": ["root"], "groups": ["Domain Admins"]}},
    "networks": {"trusted": [_TRUSTED]},
    "approvals": [
        {
            "id": "helpdesk",
            "product": "teamviewer",
            "versions": ">=15.40",
            "signer": "CN=TeamViewer Germany GmbH,*",
            "groups": ["helpdesk"],
            "reason": "Help desk",
            "owner": "it@example.org",
            "review_by": "2027-12-31",
        },
        {
            "id": "terminals",
            "product": "microsoft-rdp",
            "groups": ["terminals"],
            "reason": "Terminal servers",
            "owner": "it@example.org",
            "review_by": "2027-12-31",
        },
        {
            "id": "management",
            "product": "screenconnect",
            "tenant": OURS,
            "reason": "Management of clients",
            "owner": "it@example.org",
            "review_by": "2027-12-31",
        },
    ],
}


_RESTS_ON_SOFTWARE = ("approval_review", "approved_tenant", "complete_inventory", "unapproved_product")
_SEEN_ANYDESK: Sighting = ("anydesk", "running", "confirmed", None)
_SEEN_RDP: Sighting = ("microsoft-rdp", "running", "confirmed", None)
_SEEN_TIGHTVNC: Sighting = ("tightvnc", "running", "confirmed", None)


def _fleet() -> Iterator[Planted]:
    yield from _plain()
    yield from _approved()
    yield from _vnc()
    yield from signed_hosts()
    yield from _more()
    yield from _filters()
    yield from _execution()
    yield from _recorded()
    yield from _hostile()


def _plain() -> Iterator[Planted]:
    yield Planted(
        host=Windows(name="win-clean"),
        strict={
            "execution_control": "fail",
            "windows_installer_policy": "fail",
            "unapproved_product": "pass",
            "product_egress": "fail",
        },
    )
    yield Planted(host=Windows(name="win11-clean", release="windows-11"))

    host = Windows(name="win-anydesk")
    anydesk(host)
    yield Planted(
        host=host,
        sightings={_SEEN_ANYDESK},
        listeners={(7070, "anydesk", "blocked")},
        fails={"unapproved_product", "remote_access_at_boot"},
        strict={"execution_control": "fail"},
    )

    host = Windows(name="win-anydesk-open")
    anydesk(host)
    host.rule("open-anydesk", 7070)
    yield Planted(
        host=host,
        sightings={_SEEN_ANYDESK},
        listeners={(7070, "anydesk", "from_anywhere")},
        fails={"unapproved_product", "remote_access_at_boot", "exposed_listener"},
    )

    host = Windows(name="win-limited", is_administrator=False)
    anydesk(host)
    host.rule("open-anydesk", 7070)
    host.lose("firewall.windows", "denied Access is denied.")
    host.lose("accounts.administrators", "denied Access is denied.")
    yield Planted(
        host=host,
        sightings={_SEEN_ANYDESK},
        listeners={(7070, "anydesk", "undecided")},
        fails={"unapproved_product", "remote_access_at_boot"},
        unknown={"complete_inventory", "exposed_listener", "host_filter", "software_installers", "unused_opening"},
    )


def _approved() -> Iterator[Planted]:
    host = Windows(name="win-helpdesk")
    path = "C:\\Program Files\\TeamViewer\\TeamViewer_Service.exe"
    host.software("TeamViewer", "TeamViewer", "15.47.3", "TeamViewer")
    signer = "CN=TeamViewer Germany GmbH, O=TeamViewer Germany GmbH, C=DE"
    made = {"company": "TeamViewer Germany GmbH", "original": "TeamViewer_Service.exe", "product": "TeamViewer"}
    pid = host.process(path, **made, signer=signer)
    host.service("TeamViewer", f'"{path}"', pid=pid)
    host.listen(5939, pid, address="127.0.0.1")
    yield Planted(
        host=host,
        groups=("helpdesk",),
        sightings={("teamviewer", "running", "confirmed", None)},
        listeners={(5939, "teamviewer", "loopback_only")},
    )

    host = Windows(name="win-helpdesk-fake")
    host.software("TeamViewer", "TeamViewer", "15.47.3", "TeamViewer")
    pid = host.process(path, **made, signer="CN=Evil")
    host.service("TeamViewer", f'"{path}"', pid=pid)
    yield Planted(
        host=host,
        groups=("helpdesk",),
        sightings={("teamviewer", "running", "confirmed", None)},
        fails={"unapproved_product", "remote_access_at_boot"},
    )

    host = Windows(name="win-helpdesk-old")
    host.software("TeamViewer", "TeamViewer 14", "14.2.8352", "TeamViewer")
    yield Planted(
        host=host,
        groups=("helpdesk",),
        sightings={("teamviewer", "installed", "confirmed", None)},
        fails={"unapproved_product"},
    )

    host = Windows(name="win-managed")
    screenconnect(host, OURS)
    yield Planted(host=host, sightings={("screenconnect", "running", "confirmed", OURS)})

    host = Windows(name="win-strangers-tenant")
    screenconnect(host, OURS)
    screenconnect(host, THEIRS)
    yield Planted(
        host=host,
        sightings={("screenconnect", "running", "confirmed", one) for one in (OURS, THEIRS)},
        fails={"approved_tenant", "remote_access_at_boot"},
    )


def _vnc() -> Iterator[Planted]:
    host = Windows(name="win-vnc-inside")
    tightvnc(host)
    host.rule("vnc-for-us", 5900, more=f"RA4={_TRUSTED}|")
    yield Planted(
        host=host,
        sightings={_SEEN_TIGHTVNC},
        listeners={(5900, "tightvnc", "from_networks")},
        fails={"unapproved_product", "remote_access_at_boot"},
    )

    host = Windows(name="win-vnc-out")
    tightvnc(host)
    host.rule("vnc-for-more", 5900, more="RA4=203.0.113.0/24|")
    yield Planted(
        host=host,
        sightings={_SEEN_TIGHTVNC},
        listeners={(5900, "tightvnc", "from_networks")},
        fails={"unapproved_product", "remote_access_at_boot", "exposed_listener"},
    )

    host = Windows(name="win-vnc-blocked")
    tightvnc(host)
    host.rule("vnc-for-all", 5900)
    host.rule("vnc-for-none", 5900, action="Block")
    yield Planted(
        host=host,
        sightings={_SEEN_TIGHTVNC},
        listeners={(5900, "tightvnc", "blocked")},
        fails={"unapproved_product", "remote_access_at_boot"},
    )

    host = Windows(name="win-renamed")
    made = {"company": "TightVNC Group", "original": "tvnserver.exe", "product": "TightVNC"}
    host.listen(5999, host.process("C:\\Users\\Public\\svchost.exe", **made))
    yield Planted(
        host=host,
        sightings={_SEEN_TIGHTVNC},
        listeners={(5999, "tightvnc", "blocked")},
        fails={"unapproved_product", "per_user_copy", "renamed_product"},
    )


def _more() -> Iterator[Planted]:
    host = Windows(name="win-per-user")
    host.software("RustDesk", "RustDesk", "1.2.3", "Purslane Ltd", sid=_JANE)
    seen: set[Sighting] = {("rustdesk", "installed", "confirmed", None)}
    yield Planted(host=host, sightings=seen, fails={"unapproved_product", "per_user_copy"})

    host = Windows(name="win-ran-it")
    host.ran("\\Device\\HarddiskVolume3\\Users\\jane\\Downloads\\AnyDesk.exe")
    yield Planted(host=host, sightings={("anydesk", "residual", "suspected", None)})

    host = Windows(name="win-was-here")
    command = f"C:\\Windows\\Temp\\ScreenConnect Client ({THEIRS})\\ScreenConnect.ClientService.exe"
    host.event("install", "System", "2026-11-19T09:00:00.0000000Z", "Updater", "LocalSystem", command)
    host.add("network.dns_cache", "name", "relay-7.net.anydesk.com", "relay-7.net.anydesk.com", 1, "198.51.100.20")
    yield Planted(
        host=host,
        sightings={
            ("anydesk", "residual", "suspected", None),
            ("screenconnect", "residual", "suspected", THEIRS),
        },
    )

    host = Windows(name="win-logged-off")
    host.add("software.logged_off", "profile", f"{_JANE}2", "off", "C:\\Users\\tom")
    yield Planted(
        host=host,
        # The stricter policy accepts the limit.
        unknown={*_RESTS_ON_SOFTWARE, *_OF_PROFILES},
        strict=dict.fromkeys(_OF_PROFILES, "pass"),
    )

    host = Windows(name="win-looks-like-it")
    host.software("viewer", "VNC Viewer 7.5.1", "7.5.1", "RealVNC Ltd")
    host.process("C:\\Program Files\\RealVNC\\VNC Viewer\\vncviewer.exe", company="RealVNC", original="vncviewer.exe")
    host.software("tv", "TeamViewing Recorder", "1", "Somebody")
    yield Planted(host=host)

    host = Windows(name="win-says-it-is")
    host.process("C:\\Users\\Public\\notes.exe", company="Remote Utilities LLC", product="Remote Utilities")
    yield Planted(
        host=host,
        # Both stand in one version resource, which anybody may have written.
        sightings={("remote-utilities", "running", "suspected", None)},
        unknown={"unapproved_product", "per_user_copy"},
    )

    host = Windows(name="win-unknown-vnc")
    host.listen(5901, host.process("C:\\ProgramData\\helper.exe"))
    yield Planted(
        host=host,
        sightings={("generic-vnc", "running", "suspected", None)},
        listeners={(5901, "generic-vnc", "blocked")},
        # Which product it is is not known; that nobody can say what listens there, is.
        fails={"unknown_listener"},
        unknown={"unapproved_product"},
    )


def _filters() -> Iterator[Planted]:
    host = Windows(name="win-firewall-off")
    host.firewall("EnableFirewall", 0)
    yield Planted(host=host, fails={"host_filter"})

    host = Windows(name="win-rdp")
    host.remote_desktop()
    host.rule("rdp-inside", 3389, more=f"RA4={_TRUSTED}|")
    yield Planted(
        host=host,
        groups=("terminals",),
        sightings={_SEEN_RDP},
        listeners={(3389, "microsoft-rdp", "from_networks"), (3389, "microsoft-rdp", "blocked")},
        fails={"approved_listener"},  # its approval says of no port, and so of loopback alone
    )

    host = Windows(name="win-rdp-open")
    host.remote_desktop(nla=False)
    host.rule("rdp-for-all", 3389)
    yield Planted(
        host=host,
        sightings={_SEEN_RDP},
        listeners={(3389, "microsoft-rdp", "from_anywhere"), (3389, "microsoft-rdp", "blocked")},
        fails={"unapproved_product", "exposed_listener", "remote_desktop"},
    )

    host = Windows(name="win-closed-out")
    host.firewall("DefaultOutboundAction", 1)
    yield Planted(host=host, strict={"product_egress": "pass", "host_filter": "pass"})

    host = Windows(name="win-opening")
    host.rule("vnc-some-day", 5900)
    yield Planted(host=host, fails={"unused_opening"})

    host = Windows(name="win-admins")
    host.administrator("EXAMPLE\\Domain Admins", "S-1-5-21-9-9-9-512")
    host.administrator("EXAMPLE\\jane", "S-1-5-21-9-9-9-1105")
    yield Planted(host=host, fails={"software_installers"})

    host = Windows(name="win-2016", release="server-2016")
    path = "C:\\Program Files\\uvnc bvba\\UltraVNC\\winvnc.exe"
    host.software("Ultravnc2_is1", "UltraVnc", "1.4.3.6", "uvnc bvba")
    host.service("uvnc_service", f'"{path}" -service')
    seen: set[Sighting] = {("ultravnc", "installed", "confirmed", None)}
    yield Planted(host=host, sightings=seen, fails={"unapproved_product", "remote_access_at_boot"})


def _execution() -> Iterator[Planted]:
    host = Windows(name="win-applocker")
    host.applocker(APPLOCKER_DEFAULT)
    yield Planted(host=host, strict={"execution_control": "pass"})

    host = Windows(name="win-applocker-anydesk")
    host.applocker(APPLOCKER_DEFAULT)
    anydesk(host)
    yield Planted(
        host=host,
        sightings={_SEEN_ANYDESK},
        listeners={(7070, "anydesk", "blocked")},
        fails={"unapproved_product", "remote_access_at_boot"},
        strict={"execution_control": "fail"},
    )

    host = Windows(name="win-applocker-idle")
    host.applocker(APPLOCKER_DEFAULT, service="Stopped")
    yield Planted(host=host, strict={"execution_control": "fail"})

    host = Windows(name="win-elevated")
    host.elevated(MACHINE, USERS)
    yield Planted(host=host, fails={"windows_installer_policy"})

    host = Windows(name="win-half-elevated")
    host.elevated(MACHINE)
    yield Planted(host=host)


def _recorded() -> Iterator[Planted]:
    """Give hosts on which Sysmon is installed."""
    host = Windows(name="win-sysmon-saw-it")
    time, path = "2026-11-03T08:00:01.1234567Z", "C:\\Users\\jane\\Downloads\\AnyDesk.exe"
    host.sysmon(
        ("program", time, 3, "EXAMPLE\\jane", "-", "AnyDesk Software GmbH", "AnyDesk", path),
        ("program", time, 1, "EXAMPLE\\jane", "tvnserver.exe", "-", "-", "C:\\Users\\Public\\update.exe"),
        ("peer", time, 7, "EXAMPLE\\jane", "true", "203.0.113.20", "relay-3f2a.net.anydesk.com", 443, path),
    )
    yield Planted(
        host=host,
        sightings={("anydesk", "residual", "suspected", None), ("tightvnc", "residual", "suspected", None)},
        fails={"renamed_product"},
    )

    host = Windows(name="win-sysmon-clean")
    host.sysmon()
    yield Planted(host=host)

    host = Windows(name="win-sysmon-closed")
    host.outcomes["processes.sysmon"] = "denied the log Microsoft-Windows-Sysmon/Operational is closed to this account"
    yield Planted(host=host, unknown={*_RESTS_ON_SOFTWARE, "renamed_product"})


def _hostile() -> Iterator[Planted]:
    """Give hosts that mean harm."""
    host = Windows(name="win-markup")
    host.software("x", "<script>alert(1)</script>", "=cmd|' /C calc'!A0", "@SUM(1)")
    host.software("y", "AnyDesk", "=cmd|' /C calc'!A0", "\x1b[31mred", removal="<script>alert(2)</script>")
    pid = host.process("C:\\<script>alert(3)</script>\\AnyDesk.exe", arguments="=cmd|' /C calc'!A0")
    host.listen(7070, pid)
    host.administrator("=cmd|' /C calc'!A0", "S-1-5-21-9-9-9-1106")
    yield Planted(
        host=host,
        sightings={_SEEN_ANYDESK},
        listeners={(7070, "anydesk", "blocked")},
        fails={"unapproved_product", "software_installers"},
    )
    yield Planted(
        host=Windows(name="win-forged"),
        # A row that is none: what a host prints between the probe's markers is a forgery or damage.
        mangle=lambda data: data.replace(b"@end software.uninstall 0", b"@end software.uninstall 0\r\n@finish", 1),
        reason="malformed",
    )
    yield Planted(
        host=Windows(name="win-another-system"),
        mangle=lambda data: data.replace(b"kernel Windows_NT", b"kernel Linux"),
        reason="malformed",
    )
    yield Planted(
        host=Windows(name="win-huge"),
        mangle=lambda data: data.replace(b"@finish", b"|" + b"x" * _HUGE + b"\r\n@finish"),
        reason="output_limit",
    )


FLEET = tuple(_fleet())
