"""The lines of ``auditor firewall eval``: one question in JSON, one answer in JSON."""

import ipaddress
import json
from collections import OrderedDict
from collections.abc import Mapping
from functools import lru_cache

from auditor.firewall.decide import decide
from auditor.firewall.dialects.iptables_save import read_iptables
from auditor.firewall.dialects.macos_application import read_application
from auditor.firewall.dialects.nft_json import read_nft
from auditor.firewall.dialects.pf import read_pf
from auditor.firewall.dialects.values import ICMP, ICMPV6, PROTOCOLS, Json, number
from auditor.firewall.dialects.windows import read_windows
from auditor.firewall.loaded import Loaded
from auditor.firewall.regions import region_texts
from auditor.firewall.settled import Holder, settled
from auditor.firewall.sources import Fan
from auditor.firewall.way import Program
from auditor.model.facts.network import Family
from auditor.model.packet import Direction, HostNetwork, Packet
from auditor.model.ruleset import CT_STATES, CT_STATUSES, TCP_FLAGS, Ruleset, merged

_KEPT = 64
_WINDOWS = "windows-firewall"
_MACOS = "macos"
_TEXTS = ("application", "format", "backend", "ruleset", "ruleset_text", "ip6tables", "ipset", "nft", "nft_text")
_ROUTING = ("rp_filter", "route_localnet")


def read_ruleset(question: Mapping[str, Json]) -> Ruleset:
    """Read the rulesets of a question in its format; ValueError for one that cannot be read."""
    form = question.get("format")
    if form == "nft-json":
        return read_nft(_text(question, "ruleset"), listing=question.get("ruleset_text") or None)
    if form == _WINDOWS:
        return read_windows(_text(question, "ruleset"))
    if form == _MACOS:
        return _read_macos(question)
    if form not in ("iptables-save", "mixed"):
        raise ValueError(f"format {form!r} is none of nft-json, iptables-save, mixed, {_WINDOWS}, {_MACOS}")
    backend = str(question.get("backend", "legacy"))
    if backend not in ("legacy", "nft"):
        raise ValueError(f"backend {backend!r} is neither legacy nor nft")
    sets = question.get("ipset") or ""
    rulesets = [
        read_iptables(question.get(name) or "", family, sets=sets, backend=backend)
        for name, family in (("ruleset", Family.IP), ("ip6tables", Family.IP6))
    ]
    if form == "mixed" and question.get("nft"):
        rulesets.append(
            read_nft(
                _text(question, "nft"),
                listing=question.get("nft_text") or question.get("ruleset_text") or None,
                skip_iptables=backend == "nft",
            )
        )
    return merged(*rulesets)


def _read_macos(question: Mapping[str, Json]) -> Ruleset:
    """Read pf, the application firewall, or both, as their sections hold them."""
    parts = [read_pf(_text(question, "ruleset"))] if question.get("ruleset") is not None else []
    if question.get("application") is not None:
        parts.append(read_application(_text(question, "application")))
    if not parts:
        raise ValueError("ruleset and application are missing")
    return merged(*parts)


def _text(question: Mapping[str, Json], name: str) -> str:
    text = question.get(name)
    if isinstance(text, dict):  # nft's output put into the line as it is
        return json.dumps(text)
    if not isinstance(text, str):
        raise ValueError(f"{name} is missing")  # noqa: TRY004 — as above
    return text


def read_host(given: Json) -> HostNetwork:
    """Read the host of a question; ValueError where it is not as the protocol says."""
    if given is None:
        given = {}
    if not isinstance(given, dict):
        raise ValueError("host is not an object")  # noqa: TRY004 — an operator's input
    sysctl = {str(key): value for key, value in (given.get("sysctl") or {}).items()}
    forward = given.get("ip_forward", _plain(sysctl, "net.ipv4.ip_forward"))
    forward6 = _plain(sysctl, "net.ipv6.conf.all.forwarding")
    is_loose = sysctl.get("nf_conntrack_tcp_loose", sysctl.get("net.netfilter.nf_conntrack_tcp_loose", 1))
    settings = {name: _by_interface(sysctl, name) for name in _ROUTING}
    return HostNetwork(
        addresses={
            str(name): tuple(_address(one) for one in ([texts] if isinstance(texts, str) else texts))
            for name, texts in (given.get("addresses") or {}).items()
        },
        kinds={str(name): str(kind) for name, kind in (given.get("kinds") or {}).items()},
        forwards={
            Family.IP: None if forward is None else bool(forward),
            Family.IP6: bool(forward if forward6 is None else forward6)
            if (forward, forward6) != (None, None)
            else None,
        },
        rp_filter={name: int(value) for name, value in settings["rp_filter"].items()},
        route_localnet={name: bool(value) for name, value in settings["route_localnet"].items()},
        is_loose=bool(int(is_loose)),
    )


def read_holder(given: Json) -> Holder | None:
    """Read who holds the socket; None where the question does not say, ValueError where it is not as it should be."""
    if given is None:
        return None
    if not isinstance(given, dict) or not isinstance(given.get("services", []), list):
        raise ValueError("process is not an object with program, services and kernel")  # noqa: TRY004 — as above
    services = given.get("services")
    return Holder(
        program=None if given.get("program") is None else str(given["program"]),
        services=None if services is None else frozenset(str(one).lower() for one in services),
        is_kernel=bool(given.get("kernel", False)),
        is_stranger=bool(given.get("stranger", False)),
        signer=None if given.get("signer") is None else str(given["signer"]),
        user=None if given.get("user") is None else str(given["user"]),
    )


def _plain(sysctl: Mapping[str, Json], key: str) -> int | None:
    return None if sysctl.get(key) is None else int(sysctl[key])


def _by_interface(sysctl: Mapping[str, Json], name: str) -> dict[str, int]:
    """Read a setting of IPv4 that each interface has: the larger (rp_filter), or either (the others), counts."""
    made = {"": int(sysctl.get(name, 0))}
    every = int(sysctl.get(f"net.ipv4.conf.all.{name}", 0))
    for key, value in sysctl.items():
        if key.startswith("net.ipv4.conf.") and key.endswith(f".{name}"):
            interface = key.removeprefix("net.ipv4.conf.").removesuffix(f".{name}").replace("/", ".")
            made["" if interface in ("all", "default") else interface] = max(int(value), every)
    made[""] = max(made[""], every)
    return made


def _address(text: Json) -> tuple[Family, int, int | None]:
    plain, slash, length = str(text).partition("/")
    address = ipaddress.ip_address(plain.partition("%")[0])
    return Family.IP if address.version == 4 else Family.IP6, int(address), int(length) if slash else None  # noqa: PLR2004


def read_packet(given: Json, *, wants_sources: bool) -> Packet:
    """Read the packet of a question; ValueError where it is not as the protocol says."""
    if not isinstance(given, dict):
        raise ValueError("packet is missing or not an object")  # noqa: TRY004 — an operator's input
    family = _one_of(given, "family", _FAMILIES)
    direction = _one_of(given, "direction", _DIRECTIONS)
    state = given.get("ct_state")
    state = state.lower() if isinstance(state, str) else state
    if state is not None and state not in CT_STATES:
        raise ValueError(f"ct_state {state!r} is none of {', '.join(CT_STATES)}")
    if state is None and given.get("related_to"):
        state = "related"
    way = given.get("ct_direction")
    is_reply = way == "reply" if way is not None else state == "related"
    flags = given.get("tcp_flags")
    status = given.get("ct_status")
    return Packet(
        direction=direction,
        interface=str(given.get("iface", "")),
        family=family,
        source=None if wants_sources else _ip(given, "src", family),
        destination=_ip(given, "dst", family),
        protocol=_protocol(given.get("proto"), family),
        source_port=_number(given, "sport"),
        destination_port=_number(given, "dport"),
        tcp_flags=None if flags is None else _word(flags, TCP_FLAGS),
        icmp_type=_number(given, "icmp_type"),
        icmp_code=_number(given, "icmp_code"),
        ttl=_number(given, "ttl"),
        length=_number(given, "length"),
        dscp=_number(given, "dscp") or 0,
        mark=_number(given, "mark") or 0,
        state=state,
        is_reply=is_reply,
        status=None if status is None else _word(status, CT_STATUSES),
    )


_FAMILIES = {one.value: one for one in Family}
_DIRECTIONS = {one.value: one for one in Direction}


def _one_of(given: Mapping[str, Json], name: str, known: Mapping[str, Json]) -> Json:
    if given.get(name) not in known:
        raise ValueError(f"{name} {given.get(name)!r} is none of {', '.join(known)}")
    return known[given[name]]


def _ip(given: Mapping[str, Json], name: str, family: Family) -> int:
    version, number_ = _parsed(str(given.get(name)))
    if (version == 4) is not (family is Family.IP):  # noqa: PLR2004
        raise ValueError(f"{name} {given.get(name)} is not of family {family}")
    return number_


@lru_cache(maxsize=65536)
def _parsed(text: str) -> tuple[int, int]:
    address = ipaddress.ip_address(text)
    return address.version, int(address)


def _protocol(given: Json, family: Family) -> int:
    if isinstance(given, int):
        return given
    name = str(given).lower()
    if name == "icmp" and family is Family.IP6:
        return ICMPV6
    return ICMP if name == "icmp" else PROTOCOLS[name] if name in PROTOCOLS else number(name)


def _number(given: Mapping[str, Json], name: str) -> int | None:
    value = given.get(name)
    return None if value is None else int(value)


def _word(given: Json, names: Mapping[str, int]) -> int:
    if isinstance(given, int):
        return given
    words = given.replace("|", ",").split(",") if isinstance(given, str) else given
    made = 0
    for word in words:
        name = str(word).strip().lower().replace("_", "-")
        if name and name != "none":
            if name not in names:
                raise ValueError(f"{name!r} is none of {', '.join(names)}")
            made |= names[name]
    return made


def _wants_sources(query: Json) -> bool:
    if query not in (None, "verdict", "sources"):
        raise ValueError(f"query {query!r} is not sources")
    return bool(query == "sources")


class Answers:
    """Answers questions; a ruleset that is named by an id is read once."""

    def __init__(self) -> None:
        self._rulesets: OrderedDict[str, Loaded] = OrderedDict()
        self._programs: OrderedDict[tuple[str, str], Program] = OrderedDict()
        self._last: tuple[tuple[Json, Json, Json], Program] | None = None

    def answer(self, question: Json) -> dict[str, Json]:
        """Answer one question; one that is wrong is answered with an error."""
        if not isinstance(question, dict):
            return {"id": None, "error": "not a JSON object"}
        try:
            program = self._program(question)
            wants_sources = _wants_sources(question.get("query"))
            packet = read_packet(question.get("packet"), wants_sources=wants_sources)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            return {"id": question.get("id"), "error": str(error) or type(error).__name__}
        if wants_sources:
            found = Fan(program, packet).ask()
            return {
                "id": question.get("id"),
                "allowed": region_texts(found.allowed, packet.family),
                "unknown": region_texts(found.unknown, packet.family),
            }
        outcome = decide(program, packet)
        verdict = outcome.verdict
        return {"id": question.get("id"), "verdict": "unknown" if verdict is None else verdict, "rule": outcome.rule}

    def _program(self, question: Mapping[str, Json]) -> Program:
        """Return the ruleset of a question on its host: read once, by its id or failing that by its text."""
        name, host, process = question.get("ruleset_id"), question.get("host"), question.get("process")
        if name is not None and self._last is not None and (name, host, process) == self._last[0]:
            return self._last[1]
        ruleset_key = repr(name) if name is not None else "\0".join(str(question.get(part, "")) for part in _TEXTS)
        key = (ruleset_key, repr((host, process)))
        known = self._programs.get(key)
        if known is None:
            ruleset = self._rulesets.get(ruleset_key)
            if ruleset is None:
                ruleset = self._rulesets[ruleset_key] = Loaded(read_ruleset(question))
                _trim(self._rulesets)
            known = self._programs[key] = _on_host(question, ruleset, host, process)
            _trim(self._programs)
        if name is not None:
            self._last = ((name, host, process), known)
        return known


def _on_host(question: Mapping[str, Json], ruleset: Loaded, host: Json, process: Json) -> Program:
    """Return a ruleset on its host; that of Windows or macOS is settled for the process that holds the socket."""
    network = read_host(host)
    if question.get("format") not in (_WINDOWS, _MACOS):
        return Program(ruleset, network)
    return Program(settled(ruleset.ruleset, read_holder(process), network), network)


def _trim(kept: "OrderedDict[Json, Json]") -> None:
    while len(kept) > _KEPT:
        kept.popitem(last=False)
