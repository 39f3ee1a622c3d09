"""Who comes to a socket by another port or address than its own: rules translate it to them on its way in."""

from collections.abc import Iterator, Sequence

from auditor.firewall.compiled import UNKNOWN
from auditor.firewall.elsewhere import first_packet
from auditor.firewall.loaded import Loaded
from auditor.firewall.regions import Region, nothing
from auditor.firewall.source_states import Sources
from auditor.firewall.sources import Fan
from auditor.firewall.way import Program
from auditor.model.facts.network import Family, Protocol
from auditor.model.ruleset import Field, Match, NatKind, Rule, Translate

_EPHEMERAL = 49_152
_MOST = 64
_LAST_PORT = 65_535


def led_in(
    program: Program, protocol: Protocol, family: Family, target: tuple[Sequence[int], int], shares: dict[str, Region]
) -> Iterator[tuple[Region, bool, Sources]]:
    """Give by interface the sources that come in by it, and which of them rules lead to addresses and a port.

    ``shares`` has the interfaces that are asked about. A rule that names more than 64 ports is asked about with these.
    """
    addresses, port = target
    for rule, to in _leading(program.loaded, addresses, port):
        for name, share in shares.items():
            mine = [one[1] for one in program.host.addresses.get(name, ()) if one[0] is family]
            for outer in _named(rule, Field.DADDR) or mine:
                for outer_port in (_named(rule, Field.DPORT) if to.ports is not None else ()) or (port,):
                    if outer_port <= _LAST_PORT and (outer, outer_port) != (to.address, port):
                        packet = first_packet(protocol, family, name, outer, outer_port, _EPHEMERAL)
                        yield share, True, _arriving(Fan(program, packet), addresses, port, rule.text)


def _leading(loaded: Loaded, addresses: Sequence[int], port: int) -> Iterator[tuple[Rule, Translate]]:
    for rules in loaded.ruleset.chains.values():
        for rule in rules:
            for step in rule.steps:
                is_inward = isinstance(step, Translate) and step.kind is NatKind.DESTINATION
                if not is_inward or not isinstance(step, Translate) or step.address not in addresses:
                    continue
                if step.ports is None or step.ports[0] <= port <= step.ports[1]:
                    yield rule, step


def _named(rule: Rule, field: Field) -> list[int]:
    """Return the values of a field that a rule names, the first of each stretch."""
    found = [
        box[0][0]
        for step in rule.steps
        if isinstance(step, Match) and step.fields == (field,) and not step.is_negated and step.mask is None
        for box, _ in step.keys.entries
    ]
    return [one for one in found if isinstance(one, int)][:_MOST]


def _arriving(fan: Fan, addresses: Sequence[int], port: int, text: str) -> Sources:
    """Walk a packet in, and keep the sources that come to the target."""
    outside = fan.ask()
    mine, unsure = nothing(fan.family), nothing(fan.family)
    for values, region in fan.arrived:
        place = values[Field.DADDR], values[Field.DPORT]
        if UNKNOWN in place:
            unsure |= region
        elif place[0] in addresses and place[1] == port:
            mine |= region
    allowed = (outside.allowed & mine) - unsure
    unknown = ((outside.allowed | outside.unknown) & (mine | unsure)) - allowed
    return Sources(
        allowed=allowed,
        unknown=unknown,
        blocked=(allowed | unknown).rest,
        refused=outside.refused,
        accepting=f"{outside.accepting}, by {text}" if text not in outside.accepting else outside.accepting,
        is_by_policy=outside.is_by_policy,
        blocking=outside.blocking,
        doubt=outside.doubt or text,
    )
