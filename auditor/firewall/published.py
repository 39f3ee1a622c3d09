"""Where a packet can be sent to come to an address behind this host: what its rules translate to that address."""

from collections.abc import Iterator

from auditor.firewall.loaded import Loaded
from auditor.model.facts.network import Protocol
from auditor.model.ruleset import Field, Hook, Lookup, Match, NatKind, Rule, Translate, Verb

_NUMBERS = {Protocol.TCP: 6, Protocol.UDP: 17}
_MOST = 64
UNNAMED = 0
"""The port of a destination that cannot be named: a rule takes what it translates from a map, or there are too many."""
_INWARD = (Hook.INGRESS, Hook.PREROUTING)
_CALLS = (Verb.JUMP, Verb.GOTO)


def published(loaded: Loaded, protocol: Protocol, address: int, port: int) -> Iterator[tuple[int | None, int, str]]:
    """Give destinations that rules translate to a port of an address, or that they may, with the rule.

    A destination is an address (None for those of this host) and a port. Which sources are translated, and whether
    they are at all, is for the evaluation to say: what is given here is only worth asking about. A port that is
    ``UNNAMED`` says that a rule may translate more than is given.
    """
    rules = _inward(loaded)
    ports = _constants(rules, Field.DPORT)
    addresses: list[int | None] = [None, *_constants(rules, Field.DADDR)]
    given: set[tuple[int | None, int]] = set()
    for rule in rules:
        step = next((one for one in rule.steps if isinstance(one, Translate)), None)
        if step is None or step.kind is not NatKind.DESTINATION or not _may_lead_to(step, address, port):
            continue
        asked = [one for one in rule.steps if isinstance(one, Match) and not one.is_negated]
        numbers = [values for one in asked if (values := _single(one, Field.L4PROTO))]
        if any(_NUMBERS[protocol] not in values for values in numbers):
            continue
        mine = [value for one in asked for value in _single(one, Field.DPORT)]
        places = [value for one in asked for value in _single(one, Field.DADDR)]
        if not step.is_exact and not mine:
            yield None, UNNAMED, rule.text
            continue
        for outer in [port] if step.ports is None and step.is_exact else (mine or [port, *ports]):
            for place in places or addresses:
                if (place, outer) in given:
                    continue
                given.add((place, outer))
                if len(given) > _MOST:
                    yield None, UNNAMED, rule.text
                    return
                yield place, outer, rule.text


def _may_lead_to(step: Translate, address: int, port: int) -> bool:
    if step.is_exact and step.address is not None and step.address != address:
        return False
    return step.ports is None or step.ports[0] <= port <= step.ports[1]


def _inward(loaded: Loaded) -> list[Rule]:
    """Return the rules that a packet can meet before it is routed."""
    waiting = [base.chain for hook in _INWARD for base in loaded.bases[hook]]
    seen: dict[str, None] = {}
    while waiting:
        chain = waiting.pop()
        if chain in seen:
            continue
        seen[chain] = None
        for rule in loaded.ruleset.chains.get(chain, ()):
            action = rule.action
            actions = [one for _, one in action.entries] if isinstance(action, Lookup) else [action] if action else []
            waiting += [one.target for one in actions if one.verb in _CALLS]
    return [rule for chain in seen for rule in loaded.ruleset.chains.get(chain, ())]


def _constants(rules: list[Rule], name: Field) -> list[int]:
    """Return a value of each interval that rules tell apart in a field."""
    found: set[int] = set()
    for rule in rules:
        for step in rule.steps:
            if isinstance(step, Match) and name in step.fields:
                at = step.fields.index(name)
                found.update(low for box, _ in step.keys.entries for low in box[at][:1] if isinstance(low, int))
    return sorted(found)


def _single(match: Match, name: Field) -> list[int]:
    """Return the first value of each interval that a match asks of a field alone."""
    if match.fields != (name,) or match.mask is not None:
        return []
    return [int(box[0][0]) for box, _ in match.keys.entries]
