"""The way of a packet through a host: hooks in their order, connection tracking, translation, routing."""

import copy
from dataclasses import dataclass, field

from auditor.firewall.addresses import Surroundings
from auditor.firewall.compiled import MAYBE, NO, UNKNOWN, YES, Value
from auditor.firewall.dialects.values import ICMP, ICMPV6
from auditor.firewall.loaded import Loaded
from auditor.firewall.routing import LINK_LOCAL_STAYS, no_source, not_forwarded
from auditor.firewall.tracking import first_state, implied_status
from auditor.firewall.walk import BudgetError, Ending, Walk
from auditor.model.facts.network import Family
from auditor.model.packet import Direction, HostNetwork, Packet
from auditor.model.record import Record, replace
from auditor.model.ruleset import (
    ADDRESS_TYPES,
    CT_STATES,
    CT_STATUSES,
    TCP_FLAGS,
    Base,
    Field,
    Hook,
    NatKind,
    Ruleset,
    Verb,
)

CONNTRACK_PRIORITY = -200
_TRACKED = frozenset((Hook.PREROUTING, Hook.OUTPUT))
_LOOPBACK = "lo"
_ICMP_ERRORS = frozenset((3, 4, 5, 11, 12))
_ICMPV6_INFORMATIVE = 128
_LOCAL, _MULTICAST, _BROADCAST = (ADDRESS_TYPES[name] for name in ("local", "multicast", "broadcast"))


class Outcome(Record, kw_only=True):
    """What becomes of a packet: one ending, or several when something could not be read."""

    endings: tuple[Ending, ...]
    """All that may become of it."""

    @property
    def verdict(self) -> Verb | None:
        """Return the one verdict; None when there are several."""
        verbs = {ending.verb for ending in self.endings}
        return verbs.pop() if len(verbs) == 1 else None

    @property
    def rule(self) -> str:
        """Return what decided, or what kept it from being decided."""
        doubts = list(dict.fromkeys(ending.doubt for ending in self.endings if ending.doubt))
        if self.verdict is None and doubts:
            return "; ".join(doubts[:3])
        return self.endings[-1].text


class Program:
    """A ruleset made ready for one host."""

    def __init__(self, ruleset: Ruleset | Loaded, host: HostNetwork) -> None:
        self.loaded = ruleset if isinstance(ruleset, Loaded) else Loaded(ruleset)
        self.ruleset = self.loaded.ruleset
        self.chains = self.loaded.chains
        self.around = Surroundings(host=host)
        self.host = host

    def evaluate(self, packet: Packet) -> Outcome:
        """Say what becomes of a packet."""
        way = Way(program=self, packet=packet)
        try:
            way.go()
        except BudgetError:
            text = "the ruleset takes more steps than the evaluation may"
            way.endings.append(Ending(Verb.DROP, text, "", text))
            way.endings.append(Ending(Verb.ACCEPT, text, "", text))
        return Outcome(
            endings=tuple(ending if is_answered(packet, ending) else _silent(ending) for ending in way.endings)
        )


def is_answered(packet: Packet, ending: Ending) -> bool:
    """Say whether the kernel tells the sender: it never answers an ICMP error, nor a reset with a reset."""
    if ending.verb is not Verb.REJECT:
        return True
    if ending.answer == "tcp-reset":
        return not (packet.tcp_flags or 0) & TCP_FLAGS["rst"]
    if packet.protocol == ICMP:
        return packet.icmp_type not in _ICMP_ERRORS
    if packet.protocol == ICMPV6:
        return packet.icmp_type is None or packet.icmp_type >= _ICMPV6_INFORMATIVE
    return True


def _silent(ending: Ending) -> Ending:
    """Return what a reject without an answer is."""
    return Ending(Verb.DROP, ending.text, "", ending.doubt)


@dataclass(slots=True, kw_only=True)
class Way:
    """One packet's way, as far as it has come."""

    program: Program
    """The ruleset on its host."""
    packet: Packet
    """The packet."""
    endings: list[Ending] = field(default_factory=list)
    """What may have become of it so far; complete when ``go`` returns."""
    walk: Walk = field(init=False)
    """The packet as it is now."""
    accepted: Ending | None = None
    """The rule, or failing one the policy, that let it through last."""
    is_tracked: bool = True
    """Whether connection tracking has seen the packet in this hook, or has no part in it."""
    is_new: int = NO
    """Whether it is the first packet of its connection."""
    is_bound: int = NO
    """Whether a rule of this hook has translated it: the others are not asked then."""
    leaves: Value = None
    """The interface it leaves by after this hook, where a translation has changed that: a hook keeps the one it began
    with."""

    def __post_init__(self) -> None:
        values = self._values()
        self.walk = Walk(chains=self.program.chains, values=values)

    def go(self) -> None:
        """Go the whole way."""
        if self.program.ruleset.doubts:
            doubt = self.program.ruleset.doubts[0]
            self.endings += [Ending(Verb.DROP, doubt, "", doubt), Ending(Verb.ACCEPT, doubt, "", doubt)]
        alive = self._inward() if self.packet.direction is Direction.IN else self._outward()
        if alive:
            self.endings.append(self.accepted or Ending(Verb.ACCEPT, "no base chain sees it"))

    def copy(self, walk: Walk) -> "Way":
        """Return a way that is as far as this one, with its packet in another state."""
        made = copy.copy(self)
        made.walk = walk
        return made

    def state(self) -> tuple[object, ...]:
        """Return all that what comes depends on."""
        walk = self.walk
        return (
            tuple(walk.values),
            walk.untracked,
            walk.translated,
            self.is_tracked,
            self.is_new,
            self.is_bound,
            self.leaves,
        )

    # ---- stages

    def _inward(self) -> bool:
        if not (self._hook(Hook.INGRESS) and self._hook(Hook.PREROUTING)):
            return False
        kind = self._destination_type()
        if not self._routing():
            return False
        if kind is UNKNOWN:
            return self._either()
        if is_delivered(kind):
            return self._hook(Hook.INPUT)
        return self._forward()

    def _outward(self) -> bool:
        return self._hook(Hook.OUTPUT) and self._hook(Hook.POSTROUTING) and self._hook(Hook.EGRESS)

    def _either(self) -> bool:
        """Go on with a packet whose destination was translated to what is not known."""
        text = self.accepted.text if self.accepted else "a translation"
        self.endings.append(Ending(Verb.DROP, text, "", f"{text} (the new destination is not known)"))
        return True

    def _forward(self) -> bool:
        refusal = self.forwarded()
        if refusal is not None:
            self.endings.append(refusal)
            if not refusal.doubt:
                return False
        return self._hook(Hook.FORWARD) and self._hook(Hook.POSTROUTING) and self._hook(Hook.EGRESS)

    def forwarded(self) -> Ending | None:
        """Send the packet on: return what becomes of it, or may, where it is not; find where it leaves.

        Who may not leave its link is told so. Who is told that the time is over was not refused: that is a drop.
        """
        packet, values = self.packet, self.walk.values
        leaves = self.program.around.way_to(packet.family, values[Field.DADDR])
        values[Field.OIF] = UNKNOWN if leaves is None else leaves
        forwards = self.program.host.forwards.get(packet.family)
        name = "IPv4" if packet.family is Family.IP else "IPv6"
        if forwards is None:
            text = f"whether {name} is forwarded is not known"
            return Ending(Verb.DROP, text, "", text)
        if not forwards:
            return Ending(Verb.DROP, f"it is for another host, and forwarding of {name} is off")
        if values[Field.TTL] is not UNKNOWN:
            if values[Field.TTL] <= 1:
                return Ending(Verb.DROP, "its time to live is over")
            values[Field.TTL] -= 1  # before the chains of the hook see it
        if packet.source is not None:
            stays, is_certain = not_forwarded(packet.family, packet.interface, values[Field.OIF])
            if packet.source in stays:
                return LINK_LOCAL_STAYS if is_certain else replace(LINK_LOCAL_STAYS, doubt=LINK_LOCAL_STAYS.text)
        return None

    def _routing(self) -> bool:
        """Say whether the routing of incoming packets lets it in."""
        source = self.packet.source or 0
        for region, text, is_certain in no_source(self.program.around, self.packet, self.walk.values):
            if source in region:
                self.endings.append(Ending(Verb.DROP, text, "", "" if is_certain else text))
                if is_certain:
                    return False
        return True

    # ---- hooks

    def _hook(self, hook: Hook) -> bool:
        """Walk the base chains of a hook; False when nothing is left of the packet."""
        walk = self.walk
        self.enter(hook)
        for base in self.program.loaded.bases[hook]:
            truth = self.meet(base, hook)
            if truth == NO:
                continue
            ending = walk.through(base, truth=truth)
            self.endings += [one for one in walk.possible if one.verb is not Verb.ACCEPT]
            can_pass = [one for one in walk.possible if one.verb is Verb.ACCEPT]
            self.translate()
            if ending.verb is not Verb.ACCEPT:
                self.endings.append(ending if not can_pass else Ending(
                    ending.verb, ending.text, ending.answer, can_pass[0].doubt))  # fmt: skip
                if not can_pass:
                    return False
                ending = can_pass[0]
            self._remember(base, ending)
        self.leave(hook)
        return True

    def enter(self, hook: Hook) -> None:
        """Begin with a hook."""
        self.is_bound = NO
        self.is_tracked = hook not in _TRACKED

    def meet(self, base: Base, hook: Hook) -> int:
        """Say whether a base chain sees the packet; connection tracking may come before it."""
        if (4 if self.packet.family is Family.IP else 6) not in base.families:
            return NO
        truth = self._sees(base, hook)
        if truth == NO:
            return NO
        if not self.is_tracked and (base.priority >= CONNTRACK_PRIORITY or base.is_nat):
            self._track()
        return self._first_only(truth) if base.is_nat else truth

    def leave(self, hook: Hook) -> None:
        """End with a hook: connection tracking has seen the packet by now, and its new way counts."""
        if hook in _TRACKED and not self.is_tracked:
            self._track()
        if self.leaves is not None:
            self.walk.values[Field.OIF], self.leaves = self.leaves, None

    def _remember(self, base: Base, ending: Ending) -> None:
        """Keep what let the packet through: a rule says more than a policy, and a later one more than an earlier."""
        if self.accepted is None or (ending.text != base.text and not base.is_nat):
            self.accepted = ending

    def _sees(self, base: Base, hook: Hook) -> int:
        """Say whether a base chain sees the packet, by the interface it is bound to."""
        if hook not in (Hook.INGRESS, Hook.EGRESS):
            return YES
        name = self.packet.interface if hook is Hook.INGRESS else self.walk.values[Field.OIF]
        if not base.devices or name is UNKNOWN:
            return MAYBE
        return YES if name in base.devices else NO

    def _first_only(self, truth: int) -> int:
        if self.is_bound == YES or self.is_new == NO:
            return NO
        # Without connection tracking, which nothing but its users switches on, no such chain is asked.
        is_certain = self.is_new == YES and self.is_bound == NO and self.packet.family in self.program.loaded.tracked
        return truth if is_certain else MAYBE

    # ---- connection tracking and translation

    def _track(self) -> None:
        """Give the packet what connection tracking knows of it."""
        self.is_tracked = True
        walk, packet, values = self.walk, self.packet, self.walk.values
        state = packet.state or first_state(packet, is_loose=self.program.host.is_loose)
        if walk.untracked == YES:
            state = "untracked"
        if state is None or walk.untracked == MAYBE:
            values[Field.CT_STATE] = values[Field.CT_DIRECTION] = UNKNOWN
            values[Field.CT_STATUS] = values[Field.CT_MARK] = UNKNOWN
            self.is_new = MAYBE
            return
        values[Field.CT_STATE] = CT_STATES[state]
        self.is_new = YES if state == "new" else NO
        if state in ("invalid", "untracked"):
            return
        values[Field.CT_DIRECTION] = int(packet.is_reply)
        status, still_open = implied_status(packet, state) if packet.status is None else (packet.status, 0)
        values[Field.CT_STATUS], values[Field.CT_OPEN] = _known(status), still_open
        values[Field.CT_MARK] = UNKNOWN if self.program.loaded.writes_ct_mark and state != "new" else 0

    def translate(self) -> None:
        """Write a translation that a rule decided on."""
        if self.walk.translated is None:
            return
        (what, is_certain), self.walk.translated = self.walk.translated, None
        values = self.walk.values
        self.is_bound = YES if is_certain else MAYBE
        is_exact = is_certain and what.is_exact
        if what.kind is NatKind.SOURCE:
            values[Field.SADDR] = UNKNOWN if what.address is None or not is_exact else what.address
            values[Field.SPORT] = values[Field.SET_SPORT] = UNKNOWN
            values[Field.SADDR_TYPE] = UNKNOWN
            return
        self._redirect(what.kind, what.address, what.ports, is_exact=is_exact)

    def _redirect(self, kind: NatKind, address: int | None, ports: tuple[int, int] | None, *, is_exact: bool) -> None:
        packet, values = self.packet, self.walk.values
        if kind is NatKind.REDIRECT:
            if packet.direction is Direction.OUT:
                address = 1 if packet.family is Family.IP6 else 0x7F000001
            else:
                address = self.program.around.first_of(packet.interface, packet.family)
                is_exact = is_exact and address is not None
        if values[Field.CT_STATUS] is not None and values[Field.CT_STATUS] is not UNKNOWN:
            values[Field.CT_STATUS] = values[Field.CT_STATUS] | CT_STATUSES["dnat"] if is_exact else UNKNOWN
        if not is_exact:
            values[Field.DADDR] = values[Field.DADDR_TYPE] = UNKNOWN
            values[Field.DPORT] = values[Field.SET_DPORT] = UNKNOWN
            self.leaves = UNKNOWN if packet.direction is Direction.OUT else None
            return
        if address is not None:
            values[Field.DADDR] = address
            values[Field.DADDR_TYPE] = UNKNOWN if self._may_leave(address) else self._type(address)
        if ports is not None and values[Field.DPORT] is not None:
            low, high = ports
            is_kept = values[Field.DPORT] is not UNKNOWN and low <= values[Field.DPORT] <= high
            values[Field.DPORT] = values[Field.DPORT] if is_kept else low if low == high else UNKNOWN
            values[Field.SET_DPORT] = values[Field.DPORT]
        if packet.direction is Direction.OUT and address is not None:
            leaves = _LOOPBACK if kind is NatKind.REDIRECT else self.program.around.way_to(packet.family, address)
            if values[Field.DADDR_TYPE] == _LOCAL:
                leaves = _LOOPBACK
            self.leaves = UNKNOWN if leaves is None else leaves

    def _may_leave(self, address: int) -> bool:
        """Tell whether a packet from the wire that is translated to ::1 may be forwarded.

        The way to ::1 is looked up on the link it came by, where it is no local address (rt6_need_strict): a router
        sends it on by its default route.
        """
        packet = self.packet
        is_loopback = packet.family is Family.IP6 and address == 1 != packet.destination
        comes_in = packet.direction is Direction.IN and packet.interface != _LOOPBACK
        return is_loopback and comes_in and self.program.host.forwards.get(Family.IP6) is not False

    # ---- values

    def _type(self, address: int) -> Value:
        kind = self.program.around.type_of(self.packet.family, address)
        return UNKNOWN if kind is None else kind

    def _destination_type(self) -> Value:
        return self.walk.values[Field.DADDR_TYPE]

    def _values(self) -> list[Value]:
        """Lay out the packet's fields by number."""
        packet, around = self.packet, self.program.around
        values: list[Value] = [None] * len(Field)
        is_in = packet.direction is Direction.IN
        values[Field.FAMILY] = 4 if packet.family is Family.IP else 6
        values[Field.L4PROTO] = packet.protocol
        values[Field.SADDR] = packet.source
        values[Field.DADDR] = packet.destination
        values[Field.IIF] = packet.interface if is_in else ""
        values[Field.OIF] = "" if is_in else packet.interface
        values[Field.MARK] = _known(packet.mark)
        values[Field.CT_STATE] = CT_STATES["invalid"]
        lay_out_protocol(packet, values)
        for at, value in ((Field.TTL, packet.ttl), (Field.LENGTH, packet.length), (Field.DSCP, packet.dscp)):
            values[at] = _known(value)
        values[Field.FRAGMENT] = 0
        values[Field.DADDR_TYPE] = self._type(packet.destination)
        values[Field.PKTTYPE] = {_MULTICAST: 2, _BROADCAST: 1, UNKNOWN: UNKNOWN}.get(
            values[Field.DADDR_TYPE] if is_in else _LOCAL, 0
        )
        if packet.source is None:
            return values
        if Field.SADDR_TYPE in self.program.loaded.used:
            values[Field.SADDR_TYPE] = self._type(packet.source)
        if Field.ROUTE_BACK in self.program.loaded.used:
            here, unsure = around.behind(packet.family, packet.interface)
            values[Field.ROUTE_BACK] = UNKNOWN if packet.source in unsure else int(packet.source in here)
        return values


def _known(value: int | None) -> Value:
    return UNKNOWN if value is None else value


def lay_out_protocol(packet: Packet, values: list[Value]) -> None:
    """Lay out the fields of the transport header: what the protocol has no place for is absent."""
    if packet.protocol in (6, 17, 33, 132, 136):
        values[Field.SPORT], values[Field.DPORT] = _known(packet.source_port), _known(packet.destination_port)
        values[Field.SET_SPORT], values[Field.SET_DPORT] = values[Field.SPORT], values[Field.DPORT]
        if packet.protocol == 6:  # noqa: PLR2004 — TCP
            values[Field.TCP_FLAGS] = _known(packet.tcp_flags)
    elif packet.protocol in (1, 58):
        values[Field.ICMP_TYPE], values[Field.ICMP_CODE] = _known(packet.icmp_type), _known(packet.icmp_code)
        is_known = packet.icmp_type is not None and packet.icmp_code is not None
        values[Field.SET_SPORT] = (packet.icmp_type or 0) << 8 | (packet.icmp_code or 0) if is_known else UNKNOWN
        values[Field.SET_DPORT] = values[Field.SET_SPORT]
    else:
        values[Field.SET_SPORT] = values[Field.SET_DPORT] = 0


def is_delivered(kind: Value) -> bool:
    """Say whether a destination of a type is this host."""
    return kind in (_LOCAL, _MULTICAST, _BROADCAST)
