"""A socket that systemd or a superserver holds belongs to the product that it starts."""

import dataclasses
from typing import Any

import pytest

from auditor.catalogue.match import match, owners
from auditor.catalogue.product import Catalogue
from auditor.catalogue.programs import program_of_command, program_of_launchd, program_of_process
from auditor.model.evidence import Outcome, Rights
from auditor.model.facts.network import Family, Listener, Owner, Protocol
from auditor.model.facts.services import Service, ServiceManager, StartMode
from auditor.model.host import OsFamily
from auditor.model.reading import Found, Reading, SectionReading
from auditor.model.record import replace
from auditor.model.sighting import Confidence, SightingState

_XVNC = "/usr/bin/Xtigervnc -inetd -SecurityTypes None"


def _service(name: str, **more: Any) -> Service:
    manager = more.pop("manager", ServiceManager.SYSTEMD)
    return Service(name=name, manager=manager, start=more.pop("start", StartMode.AUTOMATIC), **more)


def _listener(port: int, *held: tuple[int, str]) -> Listener:
    return Listener(
        protocol=Protocol.TCP,
        family=Family.IP,
        address="0.0.0.0",
        port=port,
        owners=tuple(Owner(pid=pid, name=name) for pid, name in held),
    )


def _reading(*facts: Any) -> Reading:
    found: dict[type, tuple[Found[Any], ...]] = {}
    names = {Service: "services.systemd", Listener: "sockets.ss"}
    for kind, section in names.items():
        rows = [fact for fact in facts if isinstance(fact, kind)]
        found[kind] = tuple(Found(fact=fact, section=section, line=line) for line, fact in enumerate(rows, 1))
    sections = {name: SectionReading(id=name, outcome=Outcome.COLLECTED) for name in names.values()}
    return Reading(os=OsFamily.LINUX, rights=Rights.ROOT, sections=sections, facts=found)


_SOCKET = _service("screen.socket", ports=("5901/tcp",), is_running=True)
_TEMPLATE = _service("screen@.service", start=StartMode.MANUAL, command=_XVNC)
_SYSTEMD = (1, "systemd")


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param((_SOCKET, _TEMPLATE, _listener(5901, _SYSTEMD)), id="an-instance-for-each-connection"),
        pytest.param(
            (_SOCKET, _service("screen.service", command=_XVNC), _listener(5901, _SYSTEMD)), id="one-service-for-all"
        ),
        pytest.param(
            (
                _service("a.socket", ports=("5901/tcp",), starts="b.service"),
                _service("b.service", command=_XVNC),
                _listener(5901, (1, "init")),
            ),
            id="a-service-of-another-name",
        ),
        pytest.param((_SOCKET, _TEMPLATE, _listener(5901)), id="the-holder-was-not-told"),
        pytest.param(
            (
                _service("vnc1", manager=ServiceManager.XINETD, command=_XVNC, ports=("5901/tcp",)),
                _listener(5901, (77, "xinetd")),
            ),
            id="xinetd",
        ),
    ],
)
def test_the_socket_belongs_to_what_is_started(facts: tuple[Any, ...], catalogue: Catalogue) -> None:
    (sighting,) = match(_reading(*facts), catalogue)
    assert (sighting.product, sighting.state, sighting.confidence) == (
        "tigervnc",
        SightingState.RUNNING,
        Confidence.CONFIRMED,
    )
    assert sighting.sockets == (("sockets.ss", 1),)
    # The first process and the superserver are nobody's product.
    assert owners((sighting,)) == {}


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param((_SOCKET, _TEMPLATE, _listener(5901, (50, "other"))), id="another-program-has-the-port"),
        pytest.param((_SOCKET, _TEMPLATE, _listener(5902, _SYSTEMD)), id="another-port"),
        pytest.param(
            (_service("screen.socket", ports=("5901/tcp",), start=StartMode.DISABLED), _TEMPLATE,
             _listener(5901, _SYSTEMD)),
            id="a-unit-that-is-off",
        ),
    ],
)  # fmt: skip
def test_a_socket_of_somebody_else_stays_out(facts: tuple[Any, ...], catalogue: Catalogue) -> None:
    seen = {one.product: one for one in match(_reading(*facts), catalogue)}
    assert seen["tigervnc"].state is SightingState.INSTALLED
    assert seen["tigervnc"].sockets == ()
    # The port alone still raises a suspicion.
    assert seen["generic-vnc"].confidence is Confidence.SUSPECTED


def test_a_socket_belongs_to_nobody_whose_program_is_gone(catalogue: Catalogue) -> None:
    template = replace(_TEMPLATE, is_program_gone=True)
    seen = {one.product: one for one in match(_reading(_SOCKET, template, _listener(5901, _SYSTEMD)), catalogue)}
    assert (seen["tigervnc"].state, seen["tigervnc"].sockets) == (SightingState.RESIDUAL, ())
    # The port is open all the same.
    assert seen["generic-vnc"].state is SightingState.RUNNING


@pytest.mark.parametrize(
    ("held", "job", "is_its"),
    [
        pytest.param((1, "launchd"), {"start": StartMode.MANUAL}, True, id="a-job-that-waits-for-a-connection"),
        pytest.param((1, "whatever"), {"start": StartMode.MANUAL}, True, id="the-first-process-is-launchd"),
        pytest.param((1, "launchd"), {"start": StartMode.DISABLED}, False, id="a-job-that-is-switched-off"),
        pytest.param((50, "other"), {"start": StartMode.MANUAL}, False, id="another-program-has-the-port"),
    ],
)
def test_launchd_listens_for_a_job(
    held: tuple[int, str], job: dict[str, Any], is_its: bool, catalogue: Catalogue
) -> None:
    service = _service(
        "local.vnc",
        manager=ServiceManager.LAUNCHD,
        ports=("5901/tcp",),
        command="/opt/homebrew/bin/x11vnc -inetd",
        **job,
    )
    reading = dataclasses.replace(_reading(service, _listener(5901, held)), os=OsFamily.MACOS)
    seen = {one.product: one for one in match(reading, catalogue)}
    assert (seen["x11vnc"].state is SightingState.RUNNING) is is_its
    assert ("generic-vnc" in seen) is not is_its
    assert owners(seen.values()).get(1) is None


@pytest.mark.parametrize(
    ("command", "programs"),
    [
        ('su - pi -c "/usr/bin/x11vnc -forever" &', {"su", "pi", "x11vnc"}),
        ("sudo -u pi vncserver :1", {"sudo", "pi", "vncserver", ":1"}),
        ("[ -x /usr/bin/x11vnc ] && DISPLAY=:0 x11vnc -bg", {"[", "x11vnc"}),
        ("if true; then exec wayvnc 0.0.0.0; fi", {"true", "wayvnc", "fi"}),
        ("exec-once = wayvnc", {"wayvnc"}),
        ("@/usr/bin/foo bar ; -/usr/bin/x11vnc", {"foo", "x11vnc"}),
        ("sh -c 'exec x11vnc -forever'", {"sh", "x11vnc"}),
        ("nice -n 5 nohup x11vnc", {"nice", "5", "nohup", "x11vnc"}),
        ("sleep 30; x11vnc", {"sleep", "x11vnc"}),
        ("", set()),
        ("A=1", set()),
        ("& ; |", set()),
    ],
)
def test_programs_of_a_command(command: str, programs: set[str]) -> None:
    assert set(program_of_command(command).names) == programs


@pytest.mark.parametrize(
    ("command", "paths"),
    [
        ("/Library/vnc/vncserver -service", {"/Library/vnc/vncserver"}),
        (
            '"/Library/Application Support/Some Maker/Agent.app/Contents/MacOS/agent" --run',
            {"/Library/Application Support/Some Maker/Agent.app/Contents/MacOS/agent"},
        ),
        ('"/Applications/My Tools/AnyDesk.app" --x', {"/Applications/My Tools/AnyDesk.app"}),
        ('"/Users/bob/My Tools/AnyDesk.app"', {"/Users/bob/My Tools/AnyDesk.app"}),
        ('/usr/bin/open "/Applications/VNC Viewer.app"', {"/usr/bin/open"}),
        ("/bin/sh -c x11vnc", {"/bin/sh"}),
        ("x11vnc -inetd", {"x11vnc"}),
        ("", set()),
    ],
)
def test_what_launchd_starts_may_hold_spaces(command: str, paths: set[str]) -> None:
    assert paths <= set(program_of_launchd(command).paths)


def test_arguments_of_a_job_are_no_program_of_it() -> None:
    found = program_of_launchd('/usr/bin/tail -f "/Users/bob/My Notes/AnyDesk.app"')
    assert "AnyDesk" not in found.names


@pytest.mark.parametrize("name", ["remoting_me2me_h", "remoting_me2me_host_service", "remoting_me2me_"])
def test_a_short_name_is_what_one_of_the_kernels_keeps(name: str) -> None:
    found = program_of_process(None, name, "/x/remoting_me2me_host_service --run")
    assert found.names["remoting_me2me_host_service"]


def test_another_name_than_the_arguments_say_is_not_trusted() -> None:
    assert not program_of_process(None, "remoting", "/x/remoting_me2me_host_service").names[
        "remoting_me2me_host_service"
    ]
