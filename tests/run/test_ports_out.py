"""What is asked about the way out: the ports of the catalogue, on hosts with a filter and without one."""

from typing import Any

import pytest

from auditor.catalogue.load import load_catalogue
from auditor.model.facts.network import Family, Protocol
from auditor.model.filtering import Filtering
from auditor.model.policy import Networks
from auditor.model.sighting import Reachability
from auditor.run.filtering import filtering_of, ports_out
from auditor.run.filters import filters_of
from tests.firewall.conftest import DPORT, chain, listing, match, rule, table
from tests.run.test_exposures import NETWORK, a_reading

CATALOGUE = load_catalogue()
OPEN = (table("inet"), chain("inet", "out", "output"))


def asked(*objects: Any, network: tuple[Any, ...] = NETWORK) -> Filtering:
    reading = a_reading(*network, rules=listing(*objects))
    return filtering_of(filters_of(reading), CATALOGUE, Networks(filter_outbound=True))


def test_the_ports_are_those_of_the_catalogue_and_none_that_much_else_uses() -> None:
    ports = {place: [product.id for product in products] for place, products in ports_out(CATALOGUE).items()}
    assert ports[Protocol.TCP, 5938] == ports[Protocol.UDP, 5938] == ["teamviewer"]
    assert ports[Protocol.TCP, 6568] == ports[Protocol.TCP, 7070] == ports[Protocol.TCP, 7071] == ["anydesk"]
    assert ports[Protocol.UDP, 21116] == ports[Protocol.TCP, 21117] == ["rustdesk"]
    assert ports[Protocol.TCP, 8041] == ["screenconnect"]
    assert {"tigervnc", "tightvnc", "x11vnc"} <= set(ports[Protocol.TCP, 5500])
    assert ports[Protocol.TCP, 5650] == []
    assert not {(protocol, port) for protocol in Protocol for port in (80, 443, 3478)} & ports.keys()


@pytest.mark.parametrize("network", [pytest.param(NETWORK, id="addresses-known"), pytest.param((), id="not-known")])
def test_a_host_without_a_filter_reaches_every_port(network: tuple[Any, ...]) -> None:
    found = asked(network=network).outbound
    assert {(one.protocol, one.port) for one in found} == ports_out(CATALOGUE).keys()
    assert {one.reachability for one in found} == {Reachability.FROM_ANYWHERE}
    assert {one.rule for one in found} == {"no packet filter is loaded"}


def test_what_is_closed_for_one_protocol_is_open_for_the_other() -> None:
    found = {
        (one.protocol, one.port): one for one in asked(*OPEN, rule("inet", "out", match(DPORT, 5938), "drop")).outbound
    }
    assert found[Protocol.TCP, 5938].reachability is Reachability.BLOCKED
    assert "5938" in found[Protocol.TCP, 5938].rule
    udp = found[Protocol.UDP, 5938]
    assert (udp.reachability, udp.products, udp.family) == (Reachability.FROM_ANYWHERE, ("teamviewer",), Family.IP)
    assert udp.known_for == ("TeamViewer (*.teamviewer.com)",)
