"""Ports of this host that its rules translate to a port elsewhere, as container engines publish them."""

from collections.abc import Iterator

from auditor.firewall.loaded import Loaded
from auditor.model.facts.network import Protocol
from auditor.model.ruleset import Field, Match, NatKind, Translate

_NUMBERS = {Protocol.TCP: 6, Protocol.UDP: 17}
_MOST = 16


def published(loaded: Loaded, protocol: Protocol, port: int) -> Iterator[tuple[int, str]]:
    """Give the ports of this host that a rule translates to a port of another address, with the rule."""
    for rules in loaded.ruleset.chains.values():
        for rule in rules:
            translation = next((step for step in rule.steps if isinstance(step, Translate)), None)
            if translation is None or translation.kind is not NatKind.DESTINATION or translation.address is None:
                continue
            asked = [step for step in rule.steps if isinstance(step, Match) and not step.is_negated]
            if not all(
                _NUMBERS[protocol] in numbers for numbers in (_values(one, Field.L4PROTO) for one in asked) if numbers
            ):
                continue
            outer = [number for one in asked for number in _values(one, Field.DPORT)]
            for number in outer[:_MOST]:
                if port == (number if translation.ports is None else translation.ports[0]):
                    yield number, rule.text


def _values(match: Match, name: Field) -> list[int]:
    """Return the single values that a match asks of a field."""
    if match.fields != (name,) or match.mask is not None:
        return []
    return [int(box[0][0]) for box, _ in match.keys.entries if box[0][0] == box[0][1]]
