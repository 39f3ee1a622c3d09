"""All sources at once on their way through a host, asked without a protocol between."""

from ipaddress import ip_address
from typing import Any

from auditor.firewall.dialects.nft_json import read_nft
from auditor.firewall.protocol import read_host, read_packet
from auditor.firewall.regions import Region
from auditor.firewall.source_states import Sources
from auditor.firewall.sources import Fan
from auditor.firewall.way import Program
from auditor.model.packet import HostNetwork
from tests.firewall.conftest import HOST, SYN, chain, listing, match, meta, payload, rule, table

SADDR, MARK = payload("ip", "saddr"), meta("mark")
LIMIT = {"limit": {"rate": 5, "burst": 1, "per": "minute"}}


def number(text: str) -> int:
    return int(ip_address(text))


def region(*ends: str) -> Region:
    return Region.of([(number(low), number(high)) for low, high in (one.split("-") for one in ends)], 2**32 - 1)


def net(address: str, length: int) -> Any:
    return match(SADDR, {"prefix": {"addr": address, "len": length}})


def one(*statements: Any, name: str = "in") -> Any:
    return rule("ip", name, *statements)


def fan(*objects: Any, packet: Any = SYN, host: Any = HOST) -> Fan:
    made = host if isinstance(host, HostNetwork) else read_host(host)
    return Fan(Program(read_nft(listing(*objects)), made), read_packet(packet, wants_sources=True))


def closed(*rules: Any, packet: Any = SYN) -> Sources:
    return fan(table("ip"), chain("ip", "in", "input", policy="drop"), *rules, packet=packet).ask()


def opened(*rules: Any, **more: Any) -> Sources:
    return fan(table("ip"), chain("ip", "in", "input"), *rules).ask(**more)
