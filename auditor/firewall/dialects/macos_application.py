"""The application firewall of macOS as a neutral ruleset: who may be connected to, by who holds the socket.

It looks at incoming connections of TCP and UDP alone, behind pf, and never at loopback (support.apple.com, "Block
connections to your Mac with a firewall"; Apple Platform Security, "Firewall security in macOS"). A program that is
listed is allowed or blocked as the list says; what is signed may be let in by itself, apart for what comes with macOS
and for what was downloaded; nobody else is let in without a person who allows it.
"""

from collections.abc import Iterator

from auditor.firewall.dialects.dialect import Dialect, Texts
from auditor.firewall.dialects.macos_application_text import ApplicationListing, read_listing
from auditor.firewall.dialects.values import ICMP, ICMPV6, TCP, UDP, keys
from auditor.model.evidence import Proof
from auditor.model.host import OsFamily
from auditor.model.ruleset import (
    CT_STATES,
    Action,
    Base,
    Field,
    HeldBy,
    Hook,
    Match,
    Rule,
    Ruleset,
    Trait,
    Verb,
)

_SECTION = "firewall.application"
_CHAIN = "application firewall"
_ACCEPT, _DROP, _UNREAD = (Action(verb=verb) for verb in (Verb.ACCEPT, Verb.DROP, Verb.UNREAD))
# What stays reachable when all else is blocked: DHCP, Bonjour and IPSec (support.apple.com, "Block connections to your
# Mac with a firewall").
ESSENTIAL = ("/usr/libexec/configd", "/usr/sbin/mDNSResponder", "/usr/sbin/racoon")
_ECHO = ((ICMP, 8), (ICMPV6, 128))


def read_application(text: str) -> Ruleset:
    """Read a section; ValueError for one that is not whole."""
    listing = read_listing(text)
    if listing.state == "off":
        return Ruleset()
    base = Base(hook=Hook.INPUT, priority=0, policy=_DROP, chain=_CHAIN, text="application firewall: nobody allowed it")
    return Ruleset(bases=(base,), chains={_CHAIN: tuple(_rules(listing))})


def _rules(listing: ApplicationListing) -> Iterator[Rule]:
    known = keys(*(((CT_STATES[name], CT_STATES[name]),) for name in ("established", "related")))
    yield Rule(
        steps=(Match(fields=(Field.CT_STATE,), keys=known),),
        action=_ACCEPT,
        text="application firewall: it belongs to a connection that was let through",
    )
    yield Rule(
        steps=(Match(fields=(Field.IIF,), keys=keys((("lo", "lo"),), (("lo0", "lo0"),))),),
        action=_ACCEPT,
        text="application firewall: loopback is not filtered",
    )
    yield from _beside(listing)
    if listing.blocks_all or listing.state == "blocks":
        said = listing.said["globalstate" if listing.state == "blocks" else "blockall"]
        for path in ESSENTIAL:
            yield Rule(steps=(_holds(path),), action=_ACCEPT, text=f"application firewall: {path} is essential")
        yield Rule(action=_DROP, text=f"application firewall: {said}")
        return
    for is_allowed in (False, True):
        word = "Allow" if is_allowed else "Block"
        for path, allows in listing.apps:
            if allows is is_allowed:
                action = _ACCEPT if allows else _DROP
                yield Rule(
                    steps=(_holds(path),),
                    action=action,
                    text=f"application firewall: {path} ({word} incoming connections)",
                )
    yield from _by_maker(listing)
    yield Rule(action=_DROP, text=f"application firewall: {listing.said['developer']}")


def _beside(listing: ApplicationListing) -> Iterator[Rule]:
    """Give what becomes of packets that are of no connection: with stealth nobody gets an answer to an echo."""
    if listing.is_stealth:
        for protocol, kind in _ECHO:
            number = Match(fields=(Field.L4PROTO,), keys=keys(((protocol, protocol),)))
            yield Rule(
                steps=(number, Match(fields=(Field.ICMP_TYPE,), keys=keys(((kind, kind),)))),
                action=_DROP,
                text=f"application firewall: {listing.said['stealthmode']}",
            )
    known = keys(((TCP, TCP),), ((UDP, UDP),))
    yield Rule(
        steps=(Match(fields=(Field.L4PROTO,), keys=known, is_negated=True),),
        action=_ACCEPT,
        text="application firewall: it looks at TCP and UDP only",
    )


def _by_maker(listing: ApplicationListing) -> Iterator[Rule]:
    """Give what is let in since it is signed.

    Whether a service of macOS that is not listed is let in where its signature is not enough, the tool does not tell:
    one that is switched on in Sharing is, without being listed.
    """
    said = f"application firewall: {listing.said['system']}"
    if listing.allows["system"]:
        system = HeldBy(text="software of macOS", trait=Trait.MAKER, value="system")
        yield Rule(steps=(system,), action=_ACCEPT, text=said)
    else:
        service = HeldBy(text="a service of macOS", trait=Trait.MAKER, value="service")
        yield Rule(steps=(service,), action=_UNREAD, text=f"{said}, and Sharing may allow it")
    if listing.allows["developer"]:
        developer = HeldBy(text="signed software", trait=Trait.MAKER, value="developer")
        yield Rule(steps=(developer,), action=_ACCEPT, text=f"application firewall: {listing.said['developer']}")


def _holds(path: str) -> HeldBy:
    return HeldBy(text=path, trait=Trait.BUNDLE, value=path.rstrip("/").lower())


def _read_sections(texts: Texts) -> Ruleset:
    text = texts.get(_SECTION)
    if text is None:
        message = "the application firewall was not asked about"
        raise ValueError(message)
    return read_application(text)


DIALECT = Dialect(
    id="macos_application", os=OsFamily.MACOS, engines=(_SECTION,), read=_read_sections, proof=Proof.DOCUMENTED
)
