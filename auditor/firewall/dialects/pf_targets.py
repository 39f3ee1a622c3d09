"""What a rule of pf translates addresses to: the words behind its arrow (pf.conf(5), TRANSLATION and ADDRESS POOLS)."""

import ipaddress

from auditor.firewall.dialects.pf_addresses import LAST_PORT, match
from auditor.firewall.dialects.pf_rules import IN, PfRule
from auditor.firewall.dialects.pf_words import SERVICES, bounded
from auditor.model.ruleset import Doubt, Effect, Field, Forget, Match, NatKind, OwnAddress, Step, Translate

_MIRRORED = {Field.SADDR: Field.DADDR, Field.DADDR: Field.SADDR, Field.SPORT: Field.DPORT, Field.DPORT: Field.SPORT}
_LOOPBACK6 = 1
_SOURCE = (Field.SADDR, Field.SPORT)
_DESTINATION = (Field.DADDR, Field.DPORT)


def translation(rule: PfRule, way: str) -> tuple[tuple[Step, ...], Effect | None]:
    """Return the conditions of a rule and what it writes; None where it keeps what it matches from being translated.

    A rule of ``binat`` works both ways: what comes in for the outer address goes to the inner one.
    """
    steps = tuple(rule.steps)
    text = " ".join(rule.target)
    if rule.is_half_read:
        fields = _DESTINATION if way == IN else _SOURCE
        return steps, Forget(fields=fields, text=text)
    is_inward = rule.kind == "binat" and way == IN
    if rule.is_exempt:
        return (_mirrored(rule) if is_inward else steps), None
    if is_inward:
        return _inward(rule)
    kind = NatKind.DESTINATION if rule.kind == "rdr" else NatKind.SOURCE
    return steps, _effect(kind, rule.target)


def _effect(kind: NatKind, words: list[str]) -> Translate:
    """Return what is written; what depends on a pool, an interface or the packet is one of several."""
    address = single(words[0]) if words else None
    ports, is_exact = _ports(words[1:], kind)
    if kind is NatKind.DESTINATION and address == _LOOPBACK6:
        # Whether a packet from the wire may be for ::1 once it was translated is not documented.
        is_exact = False
    is_exact = is_exact and address is not None
    return Translate(kind=kind, address=address, ports=ports if is_exact else None, is_exact=is_exact)


def _ports(words: list[str], kind: NatKind) -> tuple[tuple[int, int] | None, bool]:
    """Return the ports that are written, and whether that is all that is."""
    if kind is NatKind.SOURCE:
        return None, True
    if not words:
        return None, True
    if words[0] != "port" or len(words) != len(("port", "number")):
        return None, False
    try:
        port = SERVICES.get(words[1].lower()) or bounded(words[1], LAST_PORT)
    except ValueError:
        return None, False
    return (port, port), True


def single(word: str) -> int | None:
    """Return the one address that a word names; None where it is not one."""
    try:
        return int(ipaddress.ip_network(word).network_address) if _is_single(word) else None
    except ValueError:
        return None


def _is_single(word: str) -> bool:
    return ipaddress.ip_network(word).num_addresses == 1


def _inward(rule: PfRule) -> tuple[tuple[Step, ...], Effect]:
    """Return the other way of a rule that works both: its source and its target change places."""
    outer = single(rule.target[0]) if rule.target else None
    inner = _value(rule)
    steps = _mirrored(rule)
    if outer is None or inner is None:
        doubt = Doubt(text=" ".join(rule.target))
        return (*steps, doubt), Translate(kind=NatKind.DESTINATION, is_exact=False)
    version = 6 if ":" in rule.target[0] else 4
    reached = (match(Field.FAMILY, (version, version)), match(Field.DADDR, (outer, outer)))
    return (*steps, *reached), Translate(kind=NatKind.DESTINATION, address=inner, is_exact=True)


def _value(rule: PfRule) -> int | None:
    for step in rule.source:
        if isinstance(step, Match) and step.fields == (Field.SADDR,) and not step.is_negated:
            ((low, high),) = step.keys.entries[0][0]
            return int(low) if low == high else None
    return None


def _mirrored(rule: PfRule) -> tuple[Step, ...]:
    """Return the conditions for packets of the other direction: those on the destination are on the source."""
    ends = {id(step) for step in (*rule.source, *rule.destination)}
    made: list[Step] = [step for step in rule.steps if id(step) not in ends]
    for step in rule.destination:
        if isinstance(step, Match):
            fields = tuple(_MIRRORED.get(one, one) for one in step.fields)
            made.append(Match(fields=fields, keys=step.keys, mask=step.mask, is_negated=step.is_negated))
        elif isinstance(step, OwnAddress):
            made.append(Doubt(text=step.text))
        else:
            made.append(step)
    return tuple(made)
