"""Settle the conditions of a ruleset that packets do not tell: who holds the socket, and what interfaces the host has.

What is known of them is put into the rules before a packet is asked about: a condition that holds is taken out, a rule
whose condition does not hold is taken out, and what is not known stays the doubt that it was. So the evaluation of
packets knows nothing of processes (docs/adr/0023).
"""

from collections.abc import Mapping

from auditor.model.facts.network import Family, Protocol
from auditor.model.packet import HostNetwork
from auditor.model.record import Record
from auditor.model.ruleset import (
    Action,
    Box,
    Field,
    HeldBy,
    Keys,
    Match,
    OfKind,
    OnLink,
    OwnAddress,
    Rule,
    Ruleset,
    Step,
    Trait,
    Truth,
    Verb,
)

_KERNEL, _ANY = "system", "*"
_NUMBERS = {Protocol.TCP: 6, Protocol.UDP: 17}
_LAST_NAME = "\U0010ffff"
_BITS = {4: 32, 6: 128}
_LINK_LOCAL6 = (0xFE80 << 112, (0xFEC0 << 112) - 1)
# Words for kinds of interfaces: of wire, of the wireless 802 layer, a VPN's (MS-FASP 2.2.20). Only the second can be
# told of an interface: what looks like a card of wire may be a VPN's, or virtual and on top of anything.
_KIND_WORDS = frozenset(("lan", "wireless", "remoteaccess"))
_WIRELESS = "wireless"
# Folders of macOS that System Integrity Protection keeps for what comes with it (support.apple.com, "About System
# Integrity Protection on your Mac").
_OF_MACOS = ("/system/", "/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/", "/usr/libexec/", "/usr/lib/", "/usr/share/",
             "/library/apple/")  # fmt: skip
# Folders below which Windows keeps the programs of packages, and those in which its own hosts of packages are.
_PACKAGED = ("\\windowsapps\\", "\\systemapps\\", "\\windows\\")


class Holder(Record, kw_only=True):
    """The process at this host's end, as far as it is known."""

    program: str | None = None
    """Path of its program; None when not known."""
    services: frozenset[str] | None = None
    """Services that run in it, in lower case; None when not known."""
    kin: frozenset[str] | None = frozenset()
    """Services that run in a process it descends from, whose names it may bear too; None when not known."""
    is_kernel: bool = False
    """Whether it is the kernel itself."""
    is_stranger: bool = False
    """Whether it is some program that no rule names."""
    signer: str | None = None
    """Who signed its program; None when not known, or when nobody did."""
    user: str | None = None
    """Number of the account it runs as; None when not known."""


STRANGER = Holder(is_stranger=True)
"""A program that no rule names: what it may do is what whatever is started next may do."""


def holders_for(ruleset: Ruleset, protocol: Protocol, port: int) -> tuple[Holder | None, ...]:
    """Return for whom rules let something in to a port that they name; None for whom they do not name exactly."""
    found: dict[Holder | None, None] = {}
    for rule in {id(rule): rule for rules in ruleset.chains.values() for rule in rules}.values():
        asked = [step for step in rule.steps if isinstance(step, HeldBy)]
        is_opening = isinstance(rule.action, Action) and rule.action.verb is Verb.ACCEPT
        if asked and is_opening and _names(rule, protocol, port):
            found[_meant(asked)] = None
    return tuple(found)


def _names(rule: Rule, protocol: Protocol, port: int) -> bool:
    matches = {step.fields: step.keys for step in rule.steps if isinstance(step, Match) and not step.is_negated}
    ports, numbers = matches.get((Field.DPORT,)), matches.get((Field.L4PROTO,))
    return ports is not None and _holds(ports, port) and (numbers is None or _holds(numbers, _NUMBERS[protocol]))


def _holds(among: Keys, value: int) -> bool:
    return any(
        truth is Truth.YES and isinstance(low, int) and isinstance(high, int) and low <= value <= high
        for ((low, high),), truth in among.entries
    )


def _meant(asked: list[HeldBy]) -> Holder | None:
    traits = {step.trait: step for step in asked}
    program, service = traits.get(Trait.PROGRAM), traits.get(Trait.SERVICE)
    if len(traits) < len(asked) or Trait.PACKAGE in traits or Trait.USER in traits:
        return None
    if program is not None and program.value == _KERNEL:
        return Holder(is_kernel=True) if service is None else None
    if (program is not None and not program.is_exact) or (service is not None and service.value == _ANY):
        return None
    return Holder(
        program=None if program is None else program.value,
        services=frozenset() if service is None else frozenset((service.value,)),
    )


def conditions(ruleset: Ruleset) -> tuple[HeldBy, ...]:
    """Return all that rules ask of holders, each once."""
    steps = (step for rules in ruleset.chains.values() for rule in rules for step in rule.steps)
    return tuple(dict.fromkeys(step for step in steps if isinstance(step, HeldBy)))


def settled(ruleset: Ruleset, holder: Holder | None, host: HostNetwork | None) -> Ruleset:
    """Return the ruleset as it is for one holder on one host; what is None is not known."""
    made: dict[int, Rule | None] = {}
    known = HostNetwork() if host is None else host
    for rules in ruleset.chains.values():
        for rule in rules:
            if id(rule) not in made:
                made[id(rule)] = _settle(rule, holder, known)
    chains = {
        key: tuple(kept for rule in rules if (kept := made[id(rule)]) is not None)
        for key, rules in ruleset.chains.items()
    }
    return Ruleset(bases=ruleset.bases, chains=chains, doubts=ruleset.doubts)


_Networks = Mapping[str, tuple[tuple[Family, int, int | None], ...]]


def _settle(rule: Rule, holder: Holder | None, host: HostNetwork) -> Rule | None:
    steps: list[Step] = []
    for step in rule.steps:
        if isinstance(step, HeldBy):
            truth = Truth.MAYBE if holder is None else held_by(step, holder)
            if truth is Truth.NO:
                return None
            steps += [] if truth is Truth.YES else [step]
        elif isinstance(step, OnLink) and host.addresses:
            steps.append(_on_link(step, host.addresses))
        elif isinstance(step, OwnAddress) and host.addresses:
            steps.append(_own_address(step, host.addresses))
        elif isinstance(step, OfKind):
            steps += _of_kind(step, host.kinds)
        else:
            steps.append(step)
    return rule if len(steps) == len(rule.steps) and all(map(_same, steps, rule.steps)) else Rule(
        steps=tuple(steps), action=rule.action, text=rule.text
    )  # fmt: skip


def _same(one: Step, other: Step) -> bool:
    return one is other


def held_by(condition: HeldBy, holder: Holder) -> Truth:
    """Say whether a process meets a condition."""
    return _BY_TRAIT[condition.trait](condition, holder)


def _of_user(condition: HeldBy, holder: Holder) -> Truth:
    if holder.user is None:
        return Truth.MAYBE
    return Truth.YES if condition.value == holder.user else Truth.NO


def _of_program(condition: HeldBy, holder: Holder) -> Truth:
    """Compare paths without regard to case; a name in its short form (``PROGRA~1``) may be that of any folder."""
    value = condition.value
    if holder.is_stranger:
        return Truth.NO
    if holder.is_kernel:
        return Truth.YES if value == _KERNEL else Truth.NO
    if holder.program is None:
        return Truth.MAYBE
    return Truth.NO if value == _KERNEL else _of_path(condition, holder.program)


def _of_path(condition: HeldBy, program: str) -> Truth:
    value = condition.value
    mine = program.lower().replace("/", "\\")
    if mine == value:
        return Truth.YES if condition.is_exact else Truth.MAYBE
    if condition.is_exact and "~" not in value + mine:
        return Truth.NO
    # A path that could not be told in full, or in its short form: its last part still has to be the same.
    last, other = mine.rpartition("\\")[2], value.rpartition("\\")[2]
    return Truth.MAYBE if last == other or "~" in last + other else Truth.NO


def _of_service(condition: HeldBy, holder: Holder) -> Truth:
    """Compare services; of several in one process it is not known which holds the socket."""
    value = condition.value
    if holder.is_kernel:
        return Truth.NO
    if holder.is_stranger:
        return Truth.MAYBE if value == _ANY else Truth.NO
    if holder.services is None:
        return Truth.MAYBE
    if value == _ANY:
        # All services in the system (MS-FASP 2.2.37); what a service starts may count as one.
        return Truth.YES if holder.services else Truth.NO if holder.kin == frozenset() else Truth.MAYBE
    if value in holder.services:
        return Truth.YES if len(holder.services) == 1 and condition.is_exact else Truth.MAYBE
    return Truth.MAYBE if holder.kin is None or value in holder.kin else Truth.NO


def _of_package(_: HeldBy, holder: Holder) -> Truth:
    """Say whether a process may belong to a package: services do not, nor do programs outside of its folders.

    No rule names the package of a stranger; the kernel belongs to none.
    """
    if holder.is_stranger or holder.is_kernel or holder.services:
        return Truth.NO
    if holder.program is None:
        return Truth.MAYBE
    path = holder.program.lower().replace("/", "\\")
    return Truth.MAYBE if any(folder in path for folder in _PACKAGED) else Truth.NO


def _of_bundle(condition: HeldBy, holder: Holder) -> Truth:
    """Say whether a program is the one that is meant, or that of the application that is.

    Of the other programs in an application it is not documented whether they are meant with it.
    """
    if holder.program is None:
        return Truth.NO if holder.is_stranger or holder.is_kernel else Truth.MAYBE
    value, mine = condition.value, holder.program.lower()
    if mine == value:
        return Truth.YES
    if not mine.startswith(f"{value}/"):
        return Truth.NO
    name = value.rpartition("/")[2].rpartition(".")[0]
    return Truth.YES if mine == f"{value}/contents/macos/{name}" else Truth.MAYBE


def _of_maker(condition: HeldBy, holder: Holder) -> Truth:
    """Say whether a program is of macOS itself, or signed by somebody else: so is what a stranger starts next.

    What lies in a folder that only macOS writes to is of macOS. What lies elsewhere may be of its maker, too, but is no
    service that macOS lets in by itself.
    """
    is_developer, is_service = condition.value == "developer", condition.value == "service"
    if holder.is_stranger:
        return Truth.YES if is_developer else Truth.NO
    if holder.is_kernel or holder.program is None:
        return Truth.MAYBE
    if holder.program.lower().startswith(_OF_MACOS):
        return Truth.NO if is_developer else Truth.YES
    if is_service:
        return Truth.NO
    if holder.signer:
        return Truth.YES if is_developer else Truth.NO
    return Truth.MAYBE


def _of_kind(condition: OfKind, kinds: Mapping[str, str]) -> tuple[Step, ...]:
    """Return what a condition asks of the interfaces whose kind is known; of the others it is asked as before."""
    names = tuple((((name, name),), Truth.YES) for name, kind in kinds.items() if kind == _WIRELESS)
    if names and _WIRELESS in condition.kinds:
        return (Match(fields=(condition.by,), keys=Keys(entries=names, is_open=True)),)
    if names and _KIND_WORDS.issuperset(condition.kinds):
        return Match(fields=(condition.by,), keys=Keys(entries=names), is_negated=True), condition
    return (condition,)


def _on_link(condition: OnLink, networks: _Networks) -> Match:
    """Return the match of an address with the networks of the interface; those of other interfaces may be meant."""
    near: list[tuple[Box, Truth]] = []
    far: list[tuple[Box, Truth]] = []
    everywhere = ("", _LAST_NAME)
    for name, entries in networks.items():
        for family, address, prefix in entries:
            number = 4 if family is Family.IP else 6
            if number not in condition.families:
                continue
            rest = _BITS[number] - (prefix if prefix is not None else _BITS[number])
            low = address >> rest << rest
            span = (low, low | (1 << rest) - 1)
            truth = Truth.YES if prefix is not None else Truth.MAYBE
            near.append((((number, number), (name, name), span), truth))
            far.append((((number, number), everywhere, span), Truth.MAYBE))
            if number == 6:  # noqa: PLR2004 — IPv6: whoever is on the link has an address of this kind
                near.append((((6, 6), (name, name), _LINK_LOCAL6), Truth.YES))
    others: list[tuple[Box, Truth]] = [((box[0], everywhere, box[1]), truth) for box, truth in condition.others]
    certain = [one for one in others if one[1] is Truth.YES]
    doubtful = [one for one in others if one[1] is not Truth.YES]
    entries_ = (*certain, *near, *far, *doubtful)
    return Match(fields=(Field.FAMILY, condition.by, condition.field), keys=Keys(entries=entries_))


def _own_address(condition: OwnAddress, networks: _Networks) -> Match:
    """Return the match of an address with those of this host, or with the networks around them."""
    found: list[tuple[Box, Truth]] = []
    for name, entries in networks.items():
        if condition.interface not in ("", name):
            continue
        seen: set[Family] = set()
        for family, address, prefix in entries:
            number = 4 if family is Family.IP else 6
            rest = _BITS[number] - (prefix if prefix is not None else 0) if condition.is_network else 0
            low = address >> rest << rest
            is_certain = not (condition.is_first and family in seen) and not (condition.is_network and prefix is None)
            seen.add(family)
            span = (low, low | (1 << rest) - 1)
            found.append((((number, number), span), Truth.YES if is_certain else Truth.MAYBE))
    found.sort(key=lambda one: one[1] is not Truth.YES)
    keys = Keys(entries=tuple(found))
    return Match(fields=(Field.FAMILY, condition.field), keys=keys, is_negated=condition.is_negated)


_BY_TRAIT = {
    Trait.PROGRAM: _of_program,
    Trait.SERVICE: _of_service,
    Trait.PACKAGE: _of_package,
    Trait.USER: _of_user,
    Trait.BUNDLE: _of_bundle,
    Trait.MAKER: _of_maker,
}
