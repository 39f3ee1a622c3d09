import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from auditor.controls.server_doors import door_of, kind_by_options, words_of
from auditor.controls.server_security import CONTROL
from auditor.model.case import Case
from auditor.model.evidence import Outcome
from auditor.model.facts.processes import Process
from auditor.model.facts.remote_config import RemoteAccessSetting
from auditor.model.facts.services import Service, ServiceManager, StartMode
from auditor.model.host import OsFamily
from auditor.model.reading import Found
from auditor.model.record import replace
from auditor.model.sighting import Belonging, Reachability
from auditor.model.verdict import Severity, Verdict
from tests.controls import cases
from tests.controls.cases import a_host

Make = Callable[..., Any]
_SECTION = "remote_config.servers"
_HOME = "/root"


def process(arguments: str, *, executable: str | None = None, user: str = "root") -> Process:
    program = arguments.split(maxsplit=1)[0]
    return Process(
        pid=7, parent=1, user=user, name=program.rpartition("/")[2][:15],
        executable=executable or f"/usr/bin/{program}", arguments=arguments,
    )  # fmt: skip


def setting(product: str, key: str, value: str = "", file: str = "/etc/file", user: str | None = None) -> Any:
    return RemoteAccessSetting(product=product, key=key, value=value, file=file, user=user)


def mine(product: str, key: str, value: str = "") -> Any:
    return setting(product, key, value, f"{_HOME}/.rc", "root")


@pytest.fixture
def on_linux(a_case: Make, a_section: Make) -> Callable[..., Case]:
    def make(*facts: object, outcome: Outcome = Outcome.COLLECTED, section: str = _SECTION, **more: Any) -> Case:
        case: Case = a_case(*facts, sections=(a_section(section, outcome, lines=("a line",)),), **more)
        facts_of = {
            kind: tuple(
                Found(one.fact, section if kind is RemoteAccessSetting else "processes.procfs", 1) for one in all_
            )
            for kind, all_ in case.reading.facts.items()
        }
        return replace(case, reading=dataclasses.replace(case.reading, facts=facts_of))

    return make


_OPEN, _CLEAR = Severity.CRITICAL, Severity.MEDIUM


@pytest.mark.parametrize(
    ("arguments", "settings", "severity"),
    [
        pytest.param("Xtigervnc :1 -SecurityTypes None", (), _OPEN, id="no-authentication"),
        pytest.param("Xvnc :1 --securitytypes=VncAuth,tlsnone", (), _OPEN, id="one-of-several-types-is-enough"),
        pytest.param("Xtigervnc :1 -SecurityTypes None SecurityTypes=TLSVnc", (), None, id="the-last-word-holds"),
        pytest.param("Xtigervnc :1 -rfbauth /p", (), _CLEAR, id="its-default-takes-passwords-in-clear"),
        pytest.param("Xtigervnc :1 -SecurityTypes X509Vnc,TLSPlain", (), None, id="tls-alone"),
        pytest.param("Xvnc -inetd -query localhost -securitytypes X509None", (), None, id="a-greeter-asks"),
        pytest.param("Xtightvnc :1", (), _OPEN, id="tightvnc-without-a-file"),
        pytest.param("Xtightvnc :1 -rfbauth /p", (), _CLEAR, id="tightvnc-knows-no-tls"),
        pytest.param("x11vnc -forever", (), _OPEN, id="x11vnc-asks-for-nothing-unless-told"),
        pytest.param("x11vnc -nopw -rfbauth /p -ssl", (), None, id="nopw-silences-a-warning-only"),
        pytest.param("x11vnc -forever                 ", (), _CLEAR, id="a-password-that-was-blanked"),
        pytest.param("x11vnc", (mine("x11vnc", "usepw"), mine("x11vnc", "ssl")), None, id="its-file-asks-for-one"),
        pytest.param("x11vnc -norc", (mine("x11vnc", "usepw"),), _OPEN, id="its-file-is-not-read"),
        pytest.param("x11vnc", (setting("x11vnc", "usepw", user="alice"),), _OPEN, id="a-file-of-somebody-else"),
        pytest.param("x11vnc -ssl TMP", (), _OPEN, id="encrypted-and-open"),
        pytest.param("wayvnc 0.0.0.0", (), _OPEN, id="wayvnc-asks-for-nothing-unless-told"),
        pytest.param("wayvnc 0.0.0.0", (mine("wayvnc", "enable_auth", "true"),), None, id="wayvnc-with-authentication"),
        pytest.param("wayvnc", (mine("wayvnc", "enable_auth", "true"), mine("wayvnc", "relax_encryption", "true")), _CLEAR,  # noqa: E501
                     id="wayvnc-that-needs-no-encryption"),
        pytest.param("krfb", (), _CLEAR, id="krfb-knows-no-tls"),
        pytest.param("xrdp", (), None, id="xrdp-as-it-comes"),
        pytest.param("xrdp", (setting("xrdp", "security_layer", "rdp"),), _CLEAR, id="xrdp-with-rdps-own-encryption"),
        pytest.param("xrdp", (setting("xrdp", "crypt_level", "low"),), _CLEAR, id="xrdp-that-encrypts-one-way"),
        pytest.param("xrdp", (setting("xrdp", "security_layer", "tls"), setting("xrdp", "crypt_level", "low")), None,
                     id="tls-knows-no-such-level"),
        pytest.param("vncserver-x11-core", (setting("realvnc", "Authentication", "None"),), _OPEN, id="realvnc-open"),
        pytest.param("vncserver-x11-core", (setting("realvnc", "Encryption", "AlwaysOff"),), _CLEAR,
                     id="realvnc-clear"),
        pytest.param("helper -rfbport 7 -nopw", (), _OPEN, id="renamed-and-told-by-its-options"),
        pytest.param("helper -SecurityTypes None", (), _OPEN, id="renamed-xvnc"),
        pytest.param("helper --port 5900", (), None, id="something-else"),
    ],
)  # fmt: skip
def test_servers_that_others_reach(
    on_linux: Make, an_exposure: Make, arguments: str, settings: tuple[object, ...], severity: Severity | None
) -> None:
    case = on_linux(process(arguments), *settings, exposures=(an_exposure(),))
    found = CONTROL.assess(case)
    assert found.gaps == ()
    assert [(one.subject, one.severity) for one in found.violations] == (
        [] if severity is None else [("listener:tcp/5900", severity)]
    )


@pytest.mark.parametrize("reach", [Reachability.LOOPBACK_ONLY, Reachability.BLOCKED])
def test_what_nobody_else_reaches_may_be_in_clear_and_still_has_to_ask(
    on_linux: Make, an_exposure: Make, reach: Reachability
) -> None:
    near = (an_exposure(reachability=reach),)
    (found,) = CONTROL.assess(on_linux(process("x11vnc -nopw"), exposures=near)).violations
    assert found.severity is Severity.MEDIUM
    assert CONTROL.assess(on_linux(process("x11vnc -rfbauth /p"), exposures=near)).violations == ()


def test_who_is_not_known_to_be_kept_out_is_taken_to_come(on_linux: Make, an_exposure: Make) -> None:
    case = on_linux(process("x11vnc -nopw"), exposures=(an_exposure(reachability=Reachability.UNDECIDED),))
    assert [one.severity for one in CONTROL.assess(case).violations] == [Severity.CRITICAL]


def test_ports_of_x11_and_http_are_no_doors_of_their_own(on_linux: Make, an_exposure: Make) -> None:
    ports = (5901, 6001, 5801)
    case = on_linux(process("Xtightvnc :1"), exposures=tuple(an_exposure(port=port) for port in ports))
    assert [one.subject for one in CONTROL.assess(case).violations] == ["listener:tcp/5901"]


@pytest.mark.parametrize(
    ("arguments", "more", "outcome"),
    [
        pytest.param("x11vnc -forever", {}, Outcome.PARTIAL, id="its-file-may-not-have-been-seen"),
        pytest.param("wayvnc", {}, Outcome.DENIED, id="no-file-was-seen"),
        pytest.param("vino-server", {}, Outcome.COLLECTED, id="its-settings-are-in-dconf"),
        pytest.param("x11vnc -rc /other", {}, Outcome.COLLECTED, id="another-file"),
        pytest.param("wayvnc -C /other", {}, Outcome.COLLECTED, id="another-file-of-wayvnc"),
        pytest.param("x11vnc -accept /program", {}, Outcome.COLLECTED, id="a-program-decides"),
        pytest.param("wayvnc", {"belongs": Belonging.CONTAINER}, Outcome.COLLECTED, id="files-of-a-container"),
    ],
)
def test_what_cannot_be_told_is_a_gap(
    on_linux: Make, an_exposure: Make, arguments: str, more: dict[str, Any], outcome: Outcome
) -> None:
    found = CONTROL.assess(on_linux(process(arguments), outcome=outcome, exposures=(an_exposure(**more),)))
    assert found.violations == ()
    assert [gap.section for gap in found.gaps] == [_SECTION]


def starter(command: str, start: StartMode = StartMode.AUTOMATIC, **more: Any) -> Service:
    return Service(name="screen.service", manager=ServiceManager.SYSTEMD, start=start, command=command, **more)


@pytest.mark.parametrize(
    ("service", "severity"),
    [
        pytest.param(starter("/usr/bin/x11vnc -forever -nopw"), Severity.HIGH, id="a-unit"),
        pytest.param(starter("/usr/bin/x11vnc -localhost"), Severity.MEDIUM, id="for-this-machine"),
        pytest.param(starter("xrdb a ; x11vnc -nopw & ; exec xterm -rfbauth x"), Severity.HIGH, id="in-a-script"),
        pytest.param(starter("/usr/bin/x11vnc -rfbauth /p"), None, id="with-a-password"),
        pytest.param(starter("/usr/bin/x11vnc -nopw", StartMode.DISABLED), None, id="switched-off"),
        pytest.param(starter("/usr/bin/x11vnc -nopw", is_running=True), None, id="judged-as-it-runs"),
        pytest.param(starter("/usr/bin/Xvnc -inetd -SecurityTypes None"), Severity.HIGH, id="xvnc"),
        pytest.param(starter("/usr/bin/vncviewer -SecurityTypes None"), None, id="a-viewer"),
    ],
)
def test_what_would_start_an_open_server(on_linux: Make, service: Service, severity: Severity | None) -> None:
    found = CONTROL.assess(on_linux(service)).violations
    assert [(one.subject, one.severity) for one in found] == (
        [] if severity is None else [("service:screen.service", severity)]
    )


_MANDATORY = "/etc/tigervnc/vncserver-config-mandatory"


@pytest.mark.parametrize(
    ("settings", "subjects"),
    [
        pytest.param((mine("tigervnc", "SecurityTypes", "None,VncAuth"),), ["setting:/root/.rc"], id="a-users-file"),
        pytest.param((mine("tigervnc", "SecurityTypes", "TLSVnc"),), [], id="with-a-password"),
        pytest.param((mine("tigervnc", "securitytypes", "None"),
                     setting("tigervnc", "SecurityTypes", "TLSVnc", _MANDATORY)),
                     [], id="what-the-system-demands-wins"),
        pytest.param((setting("generic-vnc", "password file", "-rw-r--r---drwxr-xr-x-drwxr-xr-x 1", "/p"),), ["setting:/p"],  # noqa: E501
                     id="a-password-for-all"),
        pytest.param((setting("generic-vnc", "password file", "-rw-r--r---drwxr-xr-x-drwx------ 1", "/p"),), [],
                     id="in-a-home-that-is-closed"),
        pytest.param((setting("generic-vnc", "password file", "-rw-------.drwxr-xr-x-drwxr-xr-x 1", "/p"),), [],
                     id="its-owners-alone"),
    ],
)  # fmt: skip
def test_files(on_linux: Make, settings: tuple[object, ...], subjects: list[str]) -> None:
    assert [one.subject for one in CONTROL.assess(on_linux(*settings)).violations] == subjects


_KEY = "HKLM\\SOFTWARE\\TightVNC\\Server"


@pytest.mark.parametrize(
    ("settings", "severity"),
    [
        pytest.param((setting("tightvnc", "UseVncAuthentication", "0", _KEY),), Severity.HIGH, id="off"),
        pytest.param((setting("tightvnc", "UseVncAuthentication", "0", _KEY),
                     setting("tightvnc", "LoopbackOnly", "1", _KEY)),
                     Severity.MEDIUM, id="off-for-this-machine"),
        pytest.param((setting("tightvnc", "UseVncAuthentication", "1", _KEY),), None, id="on"),
        pytest.param((setting("tightvnc", "UseVncAuthentication", "0", _KEY),
                      setting("tightvnc", "AcceptRfbConnections", "0", _KEY)), None, id="nobody-comes-in-at-all"),
        pytest.param((setting("ultravnc", "AuthRequired", "0"),), Severity.HIGH, id="ultravnc"),
        pytest.param((setting("realvnc", "Authentication", "None"),), Severity.HIGH, id="realvnc"),
        pytest.param((setting("tigervnc", "SecurityTypes", "VncAuth"),), None, id="tigervnc-with-a-password"),
    ],
)  # fmt: skip
def test_windows(on_linux: Make, settings: tuple[object, ...], severity: Severity | None) -> None:
    case = on_linux(*settings, section="remote_config.vnc")
    case = replace(case, head=replace(case.head, os=OsFamily.WINDOWS))
    assert [one.severity for one in CONTROL.assess(case).violations] == ([] if severity is None else [severity])


def test_options_that_mean_nothing_to_a_server_name_none() -> None:
    assert kind_by_options(("-port", "5900")) is None


def test_a_word_without_a_value_is_no_value() -> None:
    words, blanked = words_of("Xtigervnc -SecurityTypes")
    assert door_of("tigervnc", words[1:], blanked, {}).asks is True


@pytest.mark.parametrize(
    ("executable", "gaps"),
    [
        pytest.param("/usr/bin/kasmvnc", 1, id="a-kind-that-nothing-is-known-of"),
        pytest.param("/usr/sbin/xinetd", 0, id="what-it-starts-is-judged"),
    ],
)
def test_a_server_of_another_kind_does_not_pass(
    on_linux: Make, an_exposure: Make, a_use: Make, executable: str, gaps: int
) -> None:
    case = on_linux(process("desk", executable=executable), exposures=(an_exposure(),), products=(a_use(),))
    assert len(CONTROL.assess(case).gaps) == gaps


def test_gnome_is_judged_by_the_protocol_of_its_port(on_linux: Make, an_exposure: Make) -> None:
    daemon = process("/usr/libexec/gnome-remote-desktop-daemon")
    told = {
        port: len(CONTROL.assess(on_linux(daemon, exposures=(an_exposure(port=port),))).gaps)
        for port in (3389, 5900, 7000)
    }
    assert told == {3389: 0, 5900: 1, 7000: 1}


def _server(arguments: str, **more: Any) -> Case:
    return a_host({"processes.procfs": [process(arguments)]}, exposures=(cases.an_exposure(),), **more)


CASES: dict[Verdict, Callable[[], Case]] = {
    Verdict.FAIL: lambda: _server("x11vnc -forever"),
    Verdict.PASS: lambda: _server("x11vnc -usepw -ssl"),
    Verdict.UNKNOWN: lambda: a_host({}, blind=("processes.procfs",)),
}
ALWAYS_APPLIES = "a host without a server has no door to judge: that is a pass"
