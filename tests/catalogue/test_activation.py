"""A socket that systemd or a superserver holds belongs to the product that it starts."""

from typing import Any

import pytest

from auditor.catalogue.match import match, owners
from auditor.catalogue.product import Catalogue
from auditor.catalogue.programs import program_of_command
from auditor.model.evidence import Outcome, Rights
from auditor.model.facts.network import Family, Listener, Owner, Protocol
from auditor.model.facts.services import Service, ServiceManager, StartMode
from auditor.model.host import OsFamily
from auditor.model.reading import Found, Reading, SectionReading
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
