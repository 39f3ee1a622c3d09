"""A clean Mac and a dirty one, from facts to verdicts: nothing of the clean one is unknown."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from auditor.catalogue.load import load_catalogue
from auditor.catalogue.match import match
from auditor.catalogue.product import Catalogue
from auditor.controls.registry import controls
from auditor.model.case import Case
from auditor.model.evidence import Outcome, Proof, Rights
from auditor.model.facts.accounts import Account, Group, SudoRule
from auditor.model.facts.appcontrol import ExecutionControl, WritableProgramPath
from auditor.model.facts.network import Family, Listener, Owner, Protocol
from auditor.model.facts.processes import Process
from auditor.model.facts.remote_config import PrivacyGrant, RemoteAccessSetting, RemoteManagement
from auditor.model.facts.services import Service, ServiceManager, StartMode
from auditor.model.facts.software import Software
from auditor.model.host import OsFamily
from auditor.model.past import History
from auditor.model.policy import ExecutionDemand, Installers, Settings
from auditor.model.reading import Found, Reading, SectionReading
from auditor.model.record import replace
from auditor.model.result import ProductUse
from auditor.model.verdict import Judgement, Verdict
from auditor.policy.approvals import Cover
from auditor.policy.judge import judge
from auditor.run.exposures import exposures
from auditor.run.filters import filters_of

Make = Callable[..., Any]
_LAUNCHD = ServiceManager.LAUNCHD
# Sections of a Mac by what they hold; those without facts here answered as well.
_SECTIONS: dict[type, str] = {
    Account: "accounts.macos",
    Group: "accounts.macos",
    SudoRule: "accounts.sudoers",
    ExecutionControl: "appcontrol.macos",
    WritableProgramPath: "appcontrol.macos_modes",
    Listener: "sockets.macos",
    Process: "processes.macos",
    RemoteManagement: "remote_config.sharing",
    RemoteAccessSetting: "remote_config.sharing",
    PrivacyGrant: "remote_config.privacy",
    Service: "services.launchd",
}
_OTHERS = ("remote_config.profiles", "remote_config.products", "remote_config.extensions", "services.login_items",
           "software.homebrew", "software.receipts", "software.apps", "system.macos")  # fmt: skip
_NOT_HERE = ("exposed_listener", "host_filter", "product_egress", "server_security", "unused_opening")
"""What rests on the packet filters, which this test has none of."""
_ADMINS = Settings(installers=Installers(groups=("admin",)))


def app(name: str, identifier: str, signer: str | None = None, location: str = "") -> Software:
    return Software(
        name=name, version="1", source="software.apps", identifier=identifier, signer=signer,
        location=location or f"/Applications/{name}.app",
    )  # fmt: skip


def listed(source: str, name: str) -> Software:
    return Software(name=name, version="1", source=source, identifier=name if source.endswith("receipts") else None)


def feature(name: str, *, on: bool, users: tuple[str, ...] = ()) -> RemoteManagement:
    return RemoteManagement(feature=name, is_enabled=on, detail="said", users=users)


def job(label: str, command: str, *, start: StartMode = StartMode.AUTOMATIC, **more: Any) -> Service:
    return Service(name=label, manager=_LAUNCHD, start=start, command=command, **more)


def program(pid: int, path: str, user: str = "root", uid: int = 0, **more: Any) -> Process:
    name = path.rpartition("/")[2]
    return Process(pid=pid, parent=1, user=user, uid=uid, name=name, executable=path, **more)


def socket(port: int, pid: int, name: str, protocol: Protocol = Protocol.TCP) -> Listener:
    owners = (Owner(pid=pid, name=name),)
    return Listener(protocol=protocol, family=Family.IP, address="0.0.0.0", port=port, owners=owners)


EVERY_MAC: tuple[object, ...] = (
    Account(name="root", uid=0, gid=0),
    Account(name="_www", uid=70, gid=70),
    Account(name="alice", uid=501, gid=20),
    Account(name="bob", uid=502, gid=20),
    Group(name="wheel", gid=0, members=("root",)),
    Group(name="staff", gid=20, members=("root",)),
    Group(name="admin", gid=80, members=("root", "alice")),
    SudoRule(principal="root", hosts=("ALL",), run_as=("ALL",), commands=("ALL",), file="/etc/sudoers", line=1),
    SudoRule(principal="%admin", hosts=("ALL",), run_as=("ALL",), commands=("ALL",), file="/etc/sudoers", line=2),
    WritableProgramPath(path="/Applications", owner="0", group="80", mode="drwxrwxr-x", reason="folder of programs"),
    app("Firefox", "org.mozilla.firefox", "43AQ936H96"),
    app("Microsoft Word", "com.microsoft.Word", "UBF8T346G9"),
    app("Google Chrome", "com.google.Chrome", "EQHXZ8M8AV"),
    app("Screen Sharing", "com.apple.ScreenSharing", location="/System/Applications/Utilities/Screen Sharing.app"),
    listed("software.receipts", "com.microsoft.package.Microsoft_Word.app"),
    listed("software.homebrew", "wget"),
    program(1, "/sbin/launchd"),
    program(200, "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome", "alice", 501, signer="EQHXZ8M8AV"),
    program(210, "/System/Library/CoreServices/Finder.app/Contents/MacOS/Finder", "alice", 501),
    job("com.openssh.sshd", "/usr/libexec/sshd-keygen-wrapper", start=StartMode.MANUAL, ports=("22/tcp",)),
    socket(22, 1, "launchd"),
)
SHARING_JOB = "/System/Library/CoreServices/RemoteManagement/screensharingd.bundle/Contents/MacOS/screensharingd"
CLEAN: tuple[object, ...] = (
    *EVERY_MAC,
    feature("screen sharing", on=False),
    feature("remote management", on=False),
    job("com.apple.screensharing", SHARING_JOB, start=StartMode.DISABLED, ports=("5900/tcp",)),
    ExecutionControl(mechanism="gatekeeper", mode="enforcing", detail="assessments enabled"),
)
_TEAMVIEWER = "/Applications/TeamViewer.app/Contents/MacOS/TeamViewer_Service"
DIRTY: tuple[object, ...] = (
    *EVERY_MAC,
    feature("screen sharing", on=True),
    feature("remote management", on=True, users=("alice",)),
    RemoteAccessSetting(
        product="apple-screen-sharing", key="VNCLegacyConnectionsEnabled", value="1",
        file="/Library/Preferences/com.apple.RemoteManagement.plist",
    ),
    RemoteAccessSetting(
        product="apple-screen-sharing", key="legacy VNC password", value="(set)",
        file="/Library/Preferences/com.apple.VNCSettings.txt",
    ),
    job("com.apple.screensharing", SHARING_JOB, start=StartMode.MANUAL, ports=("5900/tcp",)),
    socket(5900, 1, "launchd"),
    program(310, "/System/Library/CoreServices/RemoteManagement/ARDAgent.app/Contents/MacOS/ARDAgent"),
    socket(3283, 310, "ARDAgent", Protocol.UDP),
    app("TeamViewer", "com.teamviewer.TeamViewer", "H7UGFBUGV6"),
    job("com.teamviewer.service", _TEAMVIEWER, is_running=True),
    program(320, _TEAMVIEWER, signer="H7UGFBUGV6"),
    socket(5938, 320, "TeamViewer_Service"),
    PrivacyGrant(service="ScreenCapture", client="com.teamviewer.TeamViewer", is_allowed=True),
    app("AnyDesk", "com.philandro.anydesk", "KHRWM533LU", "/Users/alice/Applications/AnyDesk.app"),
    listed("software.receipts", "com.google.pkg.ChromeRemoteDesktopHost"),
    listed("software.homebrew", "x11vnc"),
    SudoRule(
        principal="bob", hosts=("ALL",), run_as=("ALL",), commands=("ALL",), needs_password=False,
        file="/etc/sudoers.d/bob", line=1,
    ),
    WritableProgramPath(path="/opt/homebrew/bin", owner="502", group="80", mode="drwxrwxr-x", reason="in PATH"),
    ExecutionControl(mechanism="gatekeeper", mode="off", detail="assessments disabled"),
)  # fmt: skip


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    return load_catalogue(cache_folder=tmp_path_factory.mktemp("cache"))


def _reading(facts: tuple[object, ...]) -> Reading:
    found: dict[type, list[Found[Any]]] = {}
    for fact in facts:
        section = fact.source if isinstance(fact, Software) else _SECTIONS[type(fact)]
        found.setdefault(type(fact), []).append(Found(fact, section, len(found.get(type(fact), ())) + 1))
    names = sorted({*_SECTIONS.values(), *_OTHERS})
    line = ("a line of evidence",) * len(facts)
    sections = {
        name: SectionReading(id=name, outcome=Outcome.COLLECTED, proof=Proof.DOCUMENTED, lines=line) for name in names
    }
    facts_of = {kind: tuple(rows) for kind, rows in found.items()}
    return Reading(os=OsFamily.MACOS, rights=Rights.SUDO, sections=sections, facts=facts_of)


def _verdicts(case: Case, facts: tuple[object, ...], settings: Settings, catalogue: Catalogue) -> dict[str, Judgement]:
    reading = _reading(facts)
    uses = tuple(ProductUse(sighting=one) for one in match(reading, catalogue))
    mac = replace(case, head=replace(case.head, os=OsFamily.MACOS), reading=reading, products=uses, settings=settings)
    judged = {name: judge(one, mac, lambda _control, _violation: None) for name, one in controls().items()}
    return {name: one for name, one in judged.items() if name not in _NOT_HERE}


def test_nothing_is_unknown_of_a_clean_mac(a_case: Make, catalogue: Catalogue) -> None:
    found = _verdicts(a_case(history=History(), outside=None), CLEAN, _ADMINS, catalogue)
    assert {name: one.verdict for name, one in found.items()} == {
        "approval_review": Verdict.NOT_APPLICABLE,
        "approved_listener": Verdict.NOT_APPLICABLE,
        "approved_tenant": Verdict.NOT_APPLICABLE,
        "approved_version": Verdict.NOT_APPLICABLE,
        "audit_interval": Verdict.NOT_APPLICABLE,
        "complete_inventory": Verdict.PASS,
        "deleted_executable": Verdict.NOT_APPLICABLE,
        "execution_control": Verdict.NOT_APPLICABLE,
        "idle_product": Verdict.NOT_APPLICABLE,
        "new_product": Verdict.NOT_APPLICABLE,
        "per_user_copy": Verdict.PASS,
        "product_settings": Verdict.PASS,
        "reinstalled_product": Verdict.NOT_APPLICABLE,
        "remote_access_at_boot": Verdict.PASS,
        "remote_desktop": Verdict.NOT_APPLICABLE,
        "renamed_product": Verdict.NOT_APPLICABLE,
        "screen_sharing": Verdict.NOT_APPLICABLE,
        "seen_outside": Verdict.NOT_APPLICABLE,
        "session_peers": Verdict.PASS,
        "software_installers": Verdict.PASS,
        "unapproved_product": Verdict.PASS,
        "unknown_listener": Verdict.PASS,
        "windows_installer_policy": Verdict.NOT_APPLICABLE,
        "writable_program_path": Verdict.PASS,
    }
    # No reader has met a Mac: each pass says so.
    assert all(one.documented for one in found.values() if one.verdict is Verdict.PASS)


def test_a_dirty_mac_fails_by_each_of_them(a_case: Make, catalogue: Catalogue) -> None:
    settings = replace(_ADMINS, execution_control=ExecutionDemand.ALLOWLIST)
    found = _verdicts(a_case(history=History(), outside=None), DIRTY, settings, catalogue)
    assert {name: sorted(one.subject for one in judged.violations) for name, judged in found.items()} == {
        "approval_review": [],
        "approved_listener": [],
        "approved_tenant": [],
        "approved_version": [],
        "audit_interval": [],
        "complete_inventory": [],
        "deleted_executable": [],
        "execution_control": [
            "mechanism:allowlist",
            "product:apple-remote-management",
            "product:apple-screen-sharing",
            "product:teamviewer",
        ],
        "idle_product": [],
        "new_product": [],
        "per_user_copy": ["copy:anydesk:/Users/alice"],
        "product_settings": [],
        "reinstalled_product": [],
        "remote_access_at_boot": ["product:teamviewer"],
        "remote_desktop": [],
        "renamed_product": [],
        "screen_sharing": ["setting:VNCLegacyConnectionsEnabled", "users:apple-screen-sharing"],
        "seen_outside": [],
        "session_peers": [],
        "software_installers": ["principal:bob"],
        "unapproved_product": [
            "product:anydesk",
            "product:apple-remote-management",
            "product:apple-screen-sharing",
            "product:teamviewer",
            "product:x11vnc",
        ],
        "unknown_listener": [],
        "windows_installer_policy": [],
        "writable_program_path": ["path:/opt/homebrew/bin"],
    }
    assert not any(one.suspected for one in found.values())


def test_what_launchd_holds_belongs_to_what_it_holds_it_for(catalogue: Catalogue) -> None:
    reading = _reading(DIRTY)
    seen = exposures(reading, match(reading, catalogue), filters_of(reading), lambda *_: Cover())
    assert {(one.port, one.product, one.is_suspected) for one in seen} == {
        (22, None, False),
        (3283, "apple-remote-management", False),
        (5900, "apple-screen-sharing", False),
        (5938, "teamviewer", False),
    }


@pytest.mark.parametrize("section", ["software.apps", "services.launchd", "remote_config.sharing", "sockets.macos"])
def test_what_full_disk_access_keeps_back_is_no_pass(a_case: Make, section: str) -> None:
    reading = _reading(CLEAN)
    blind = replace(reading.sections[section], outcome=Outcome.PARTIAL, reason="some folders answer EPERM")
    reading = dataclasses.replace(reading, sections={**reading.sections, section: blind})
    case = a_case()
    mac = replace(case, head=replace(case.head, os=OsFamily.MACOS), reading=reading, settings=_ADMINS)
    judged = judge(controls()["unapproved_product"], mac, lambda _control, _violation: None)
    assert judged.verdict is Verdict.UNKNOWN
