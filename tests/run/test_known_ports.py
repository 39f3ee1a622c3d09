"""Which ports are ports of remote access."""

import pytest

from auditor.run.known_ports import known_ports
from tests.controls.cases import the_catalogue


@pytest.mark.parametrize(
    ("protocol", "port", "telling"),
    [
        pytest.param("tcp", 5900, True, id="vnc"),
        pytest.param("tcp", 5999, True, id="a-display-far-up"),
        pytest.param("tcp", 3389, True, id="rdp"),
        pytest.param("tcp", 5938, False, id="teamviewer"),
        pytest.param("tcp", 4899, False, id="radmin"),
        pytest.param("tcp", 7070, False, id="anydesk"),
        pytest.param("tcp", 22, None, id="ssh"),
        pytest.param("tcp", 443, None, id="the-web"),
        pytest.param("tcp", 3000, None, id="a-developer's"),
        pytest.param("tcp", 5985, None, id="winrm"),
        pytest.param("tcp", 8450, None, id="a-range-that-says-nothing"),
        pytest.param("tcp", 48010, None, id="one-that-the-kernel-gives-to-anybody"),
        pytest.param("udp", 5900, None, id="vnc-is-of-tcp"),
    ],
)
def test_what_a_listener_there_is_taken_for(protocol: str, port: int, telling: bool | None) -> None:
    known = known_ports(the_catalogue()).get((protocol, port))
    assert (None if known is None else known.is_telling) is telling


def test_the_products_are_named_and_those_that_stand_for_others_are_not() -> None:
    known = known_ports(the_catalogue())
    assert known["tcp", 5938].products == ("TeamViewer",)
    assert "x11vnc" in known["tcp", 5900].products
    assert not any("Unidentified" in name for one in known.values() for name in one.products)


def test_they_are_made_once_for_a_catalogue() -> None:
    assert known_ports(the_catalogue()) is known_ports(the_catalogue())
