"""What a packet filter has loaded, in words of no dialect: hooks, chains, rules, matches, effects and verdicts."""

from collections.abc import Mapping
from enum import IntEnum, StrEnum
from typing import TypeAlias

from auditor.model.record import Record, field


class Field(IntEnum):
    """What a rule can look at in a packet and what the kernel knows of it.

    Values are integers, but for interfaces, which are names. A packet without the header has no value, and no
    comparison with it holds, negated or not. Addresses and ports say nothing of family and protocol: a dialect
    whose words do (``tcp dport``, ``ip6 saddr``) adds that match itself.
    """

    FAMILY = 0
    """4 or 6."""
    L4PROTO = 1
    """Protocol number."""
    SADDR = 2
    """Source address."""
    DADDR = 3
    """Destination address."""
    SPORT = 4
    """Source port."""
    DPORT = 5
    """Destination port."""
    IIF = 6
    """Interface it came in by; the empty name where there is none."""
    OIF = 7
    """Interface it leaves by; the empty name where there is none."""
    MARK = 8
    """Mark of the packet."""
    CT_MARK = 9
    """Mark of its connection."""
    CT_STATE = 10
    """One bit of ``CT_STATES``."""
    CT_DIRECTION = 11
    """0 original, 1 reply."""
    CT_STATUS = 12
    """Bits of ``CT_STATUSES``."""
    TCP_FLAGS = 13
    """Bits of ``TCP_FLAGS``."""
    ICMP_TYPE = 14
    """Type of an ICMP or ICMPv6 message."""
    ICMP_CODE = 15
    """Code of an ICMP or ICMPv6 message."""
    TTL = 16
    """Time to live, or hop limit."""
    LENGTH = 17
    """Length in bytes, the IP header included."""
    DSCP = 18
    """Differentiated services code point."""
    PKTTYPE = 19
    """0 to this host, 1 broadcast, 2 multicast, 3 to another host."""
    SADDR_TYPE = 20
    """Type of the source address (``ADDRESS_TYPES``) as the routing table of this host sees it."""
    DADDR_TYPE = 21
    """Type of the destination address."""
    FRAGMENT = 22
    """Offset of a fragment; 0 for a whole packet."""
    ROUTE_BACK = 23
    """1 when this host would answer the source by the interface the packet came in by, else 0."""
    SET_SPORT = 24
    """Source port as ipset sees it: of ICMP its type and code, of a protocol without ports 0."""
    SET_DPORT = 25
    """Destination port as ipset sees it."""
    CT_OPEN = 26
    """Bits of the connection's status that are not known; no rule looks at it by itself."""


CT_STATES = {"invalid": 1, "established": 2, "related": 4, "new": 8, "untracked": 64}
"""States of a connection as nftables numbers them."""
CT_STATUSES = {
    "expected": 1, "seen-reply": 2, "assured": 4, "confirmed": 8, "snat": 16, "dnat": 32, "seq-adjust": 64,
    "snat-done": 128, "dnat-done": 256, "dying": 512, "fixed-timeout": 1024, "template": 2048, "helper": 8192,
}  # fmt: skip
"""Status bits of a connection (``enum ip_conntrack_status``)."""
TCP_FLAGS = {"fin": 1, "syn": 2, "rst": 4, "psh": 8, "ack": 16, "urg": 32, "ecn": 64, "ece": 64, "cwr": 128}
"""Flags of a TCP segment."""
ADDRESS_TYPES = {
    "unspec": 0, "unicast": 1, "local": 2, "broadcast": 3, "anycast": 4, "multicast": 5, "blackhole": 6,
    "unreachable": 7, "prohibit": 8,
}  # fmt: skip
"""Types of an address (``RTN_*`` of the kernel)."""


class Truth(IntEnum):
    """Whether something holds."""

    NO = 0
    """It does not."""
    YES = 1
    """It does."""
    MAYBE = 2
    """It cannot be told."""


class Verb(StrEnum):
    """What a rule does with a packet that matches."""

    ACCEPT = "accept"
    """Ends this base chain; those after it still see the packet."""
    DROP = "drop"
    """Final."""
    REJECT = "reject"
    """Final, and the sender is told."""
    CONTINUE = "continue"
    """Go on with the next rule."""
    RETURN = "return"
    """Go back to the calling chain; in a base chain, to its policy."""
    JUMP = "jump"
    """Go to a chain and come back."""
    GOTO = "goto"
    """Go to a chain; its end is the end of this one."""
    UNREAD = "unread"
    """It cannot be told: accept, drop or go on."""


Scalar: TypeAlias = int | str
Box: TypeAlias = tuple[tuple[Scalar, Scalar], ...]
"""One closed interval for each field; intervals of names are of their order."""


class Action(Record, kw_only=True):
    """What a rule does in the end."""

    verb: Verb
    """What."""
    target: str = ""
    """Key of the chain, for *jump* and *goto*."""
    answer: str = ""
    """What the sender is told, for *reject*: ``tcp-reset`` or an ICMP message."""


class Keys(Record, kw_only=True, eq=False):
    """A set as it is looked up: the first entry that holds a packet's fields says whether it is a member."""

    entries: tuple[tuple[Box, Truth], ...]
    """Boxes, the most specific first where they overlap."""
    is_open: bool = False
    """Whether members can have been added since it was listed: what is not in it may be."""


class Match(Record, kw_only=True, eq=False):
    """A comparison of fields with a set; it holds for no packet that lacks one of the fields."""

    fields: tuple[Field, ...]
    """What is compared."""
    keys: Keys
    """What it is compared with."""
    mask: int | None = None
    """Bits of the (single) field that are looked at; None for all."""
    is_negated: bool = False
    """Whether it holds for what is not in the set."""
    holds_if_missing: bool = False
    """Whether it holds for a packet that lacks a field: never in nftables, in iptables for some."""


class AnyOf(Record, kw_only=True, eq=False):
    """A condition that holds when one of several does."""

    options: tuple[Match, ...]
    """The conditions."""
    is_negated: bool = False
    """Whether it holds when none of them does."""


class Doubt(Record, kw_only=True):
    """A condition that is not modelled: it may hold or not."""

    text: str
    """What it says."""


class Trait(StrEnum):
    """What a rule can ask of the process at this host's end of a connection."""

    PROGRAM = "program"
    """Its program, by its path; ``system`` is the kernel."""
    SERVICE = "service"
    """A service that it runs; ``*`` is any."""
    PACKAGE = "package"
    """The package of the application that it belongs to."""
    USER = "user"
    """The account it runs as."""
    BUNDLE = "bundle"
    """Its program, or the application that this is in, by the path."""
    MAKER = "maker"
    """Who signed its program: ``system`` is the maker of the operating system, ``service`` the same of a part of it,
    ``developer`` anyone else."""


class HeldBy(Doubt, kw_only=True):
    """A condition on who holds the socket: a doubt, until it is known who does (``auditor/firewall/settled.py``)."""

    trait: Trait
    """What is asked of the process."""
    value: str
    """What it has to be, in lower case."""
    is_exact: bool = True
    """Whether a process that fits meets the condition for certain."""


class OnLink(Doubt, kw_only=True):
    """A condition on an address that this host's own networks meet: a doubt, until these are known."""

    field: Field
    """The address: ``SADDR`` or ``DADDR``."""
    by: Field
    """The interface whose networks are meant: ``IIF`` or ``OIF``."""
    families: tuple[int, ...]
    """Families whose networks meet it, 4 or 6."""
    others: tuple[tuple[Box, Truth], ...] = ()
    """What else meets it, or may: family and address."""


class OwnAddress(Doubt, kw_only=True):
    """A condition that an address is one of this host's own: a doubt, until these are known."""

    field: Field
    """The address: ``SADDR`` or ``DADDR``."""
    interface: str
    """The interface whose addresses are meant; empty for all."""
    is_network: bool = False
    """Whether the networks around them are meant."""
    is_first: bool = False
    """Whether the first of its family alone is meant for certain."""
    is_negated: bool = False
    """Whether it holds for all other addresses."""


class OfKind(Doubt, kw_only=True):
    """A condition on the kind of an interface: a doubt, until the interface's is known."""

    by: Field
    """The interface: ``IIF`` or ``OIF``."""
    kinds: tuple[str, ...]
    """Kinds that meet it, in lower case: ``lan``, ``wireless``, ``remoteaccess``; another word may be any."""


class SetMark(Record, kw_only=True):
    """Give a mark a value: (source AND keep) XOR flip."""

    target: Field
    """The mark that is written."""
    source: Field
    """The mark that is read."""
    keep: int
    """Bits that are kept."""
    flip: int
    """Bits that are turned over afterwards."""


class Forget(Record, kw_only=True):
    """A rewriting that is not modelled: fields have a value that is not known from here on."""

    fields: tuple[Field, ...]
    """What is rewritten."""
    text: str
    """The statement."""


class Untrack(Record, kw_only=True):
    """Take the packet out of connection tracking (``notrack``)."""


class NatKind(StrEnum):
    """What is translated."""

    DESTINATION = "dnat"
    """Destination address and port."""
    REDIRECT = "redirect"
    """Destination to an address of this host."""
    SOURCE = "snat"
    """Source address and port."""


class Translate(Record, kw_only=True):
    """Translate an address for the whole connection."""

    kind: NatKind
    """Which end."""
    address: int | None = None
    """New address; None when it is kept or, where not ``is_exact``, not known."""
    ports: tuple[int, int] | None = None
    """Range of new ports; None when the port is kept."""
    is_exact: bool = True
    """Whether address and ports are what will be written; else they are one of several."""


Effect: TypeAlias = SetMark | Forget | Untrack | Translate
Condition: TypeAlias = Match | AnyOf | Doubt
Step: TypeAlias = Condition | Effect


class Lookup(Record, kw_only=True, eq=False):
    """A verdict map: the entry that holds a packet's fields gives the action; none goes on with the next rule."""

    fields: tuple[Field, ...]
    """What is looked up."""
    entries: tuple[tuple[Box, Action], ...]
    """Boxes and what is done."""
    is_open: bool = False
    """Whether entries can have been added since it was listed."""


class Rule(Record, kw_only=True, eq=False):
    """Conditions and effects in order, and what is done when all conditions hold."""

    steps: tuple[Step, ...] = ()
    """Conditions and effects."""
    action: Action | Lookup | None = None
    """What is done; None goes on with the next rule."""
    text: str
    """The rule as its dialect writes it."""


class Hook(StrEnum):
    """Where in the kernel a base chain sees a packet."""

    INGRESS = "ingress"
    PREROUTING = "prerouting"
    INPUT = "input"
    FORWARD = "forward"
    OUTPUT = "output"
    POSTROUTING = "postrouting"
    EGRESS = "egress"


class Base(Record, kw_only=True, eq=False):
    """A chain that the kernel itself calls."""

    hook: Hook
    """Where."""
    priority: int
    """Order among the chains of the hook, lowest first."""
    order: tuple[int, ...] = ()
    """Order of registration; of equal priority, the chain registered last runs first."""
    families: tuple[int, ...] = (4, 6)
    """Families of packets it sees."""
    is_nat: bool = False
    """Whether it sees the first packet of a connection only, at the place of address translation."""
    policy: Action
    """What is done at its end."""
    devices: tuple[str, ...] = ()
    """Interfaces it is bound to; empty for all."""
    chain: str
    """Key of the chain."""
    is_certain: bool = True
    """Whether it is switched on for certain; a listing can garble that."""
    text: str
    """What it is called in explanations."""


class Ruleset(Record, kw_only=True, eq=False):
    """All that filters of one kind have loaded."""

    bases: tuple[Base, ...] = ()
    """Base chains."""
    chains: Mapping[str, tuple[Rule, ...]] = field(default_factory=dict)
    """Rules of every chain, by its key."""
    doubts: tuple[str, ...] = ()
    """What of the listing could not be read and might stand anywhere: nothing is certain then."""


def merged(*rulesets: Ruleset) -> Ruleset:
    """Put rulesets that are live at the same time into one."""
    chains: dict[str, tuple[Rule, ...]] = {}
    for ruleset in rulesets:
        chains.update(ruleset.chains)
    return Ruleset(
        bases=tuple(base for ruleset in rulesets for base in ruleset.bases),
        chains=chains,
        doubts=tuple(doubt for ruleset in rulesets for doubt in ruleset.doubts),
    )
