"""The Windows firewall as a neutral ruleset: profiles by interface, and rules by what they do, not by their order.

Of rules that match the same packet, one that blocks wins over one that allows, and one that lets authenticated peers
past the others wins over both (MS-FASP 2.2.34, FW_RULE_ACTION); the rules that Windows has for its own services come
before all of them and only take away (learn.microsoft.com, "Order of Windows Firewall with Advanced Security Rules
Evaluation"). So each profile is a chain in that order, whose last rule is its default.
"""

from collections.abc import Iterable, Iterator

from auditor.firewall.dialects.dialect import Dialect, Texts
from auditor.firewall.dialects.values import TCP, UDP, keys
from auditor.firewall.dialects.windows_grammar import HARDENING, version_of
from auditor.firewall.dialects.windows_profiles import Profile, Setting, profiles
from auditor.firewall.dialects.windows_rules import Place, may_be_wider, on_interfaces, steps_of
from auditor.firewall.dialects.windows_text import WindowsListing, read_listing
from auditor.model.evidence import Proof
from auditor.model.facts.firewall import WindowsFirewallRule
from auditor.model.host import OsFamily
from auditor.model.ruleset import (
    CT_STATES,
    Action,
    Base,
    Doubt,
    Field,
    Hook,
    Match,
    Rule,
    Ruleset,
    Step,
    Verb,
)

_SECTION = "firewall.windows"
_IN, _OUT = "in", "out"
_LOOPBACK = ("lo", "loopback pseudo-interface 1", "Loopback Pseudo-Interface 1", "1")
_TUNNELS = ("teredo", "iphttps", "isatap", "6to4")
_IPHTTPS_WORDS = frozenset(("iptlsin", "iphttpsin"))
"""Words for the ports of an IP-HTTPS server, both the same (MS-GPFAS 2.2.2.3)."""
_RUNNING = "running"
_SHOWN = {
    "local": "local",
    "mdm": "MDM",
    "group_policy": "group policy",
    "hardening_static": "service hardening",
    "hardening": "configured service hardening",
    "appcontainer": "application isolation",
}
_ACCEPT, _DROP, _RETURN = (Action(verb=verb) for verb in (Verb.ACCEPT, Verb.DROP, Verb.RETURN))
_UNREAD = Action(verb=Verb.UNREAD)
_PEERS = " (only for peers that IPsec authenticates)"

Written = tuple[WindowsFirewallRule, str]


def read_windows(text: str) -> Ruleset:
    """Read a section; ValueError for one that is not whole."""
    listing = read_listing(text)
    place = Place(
        adapters=_names(listing),
        variables=listing.variables,
        sids=listing.sids,
        unused_words=_IPHTTPS_WORDS if listing.has_no_iphttps_server else frozenset(),
    )
    chains: dict[str, tuple[Rule, ...]] = {}
    found = profiles(listing)
    is_off = {profile.fact.name: not profile.settings["EnableFirewall"].is_set for profile in found}
    newest = max((version_of(fact.version) for fact, _ in listing.rules if fact.store == "local"), default=None)
    made = {id(one): rule_of(*one, place, newest) for one in listing.rules}
    for way in (_IN, _OUT):
        mine = [one for one in listing.rules if one[0].is_active and _goes(one[0], way)]
        shielding = [one for one in mine if one[0].store in HARDENING]
        ordinary = [one for one in mine if one[0].store not in HARDENING]
        chains[f"{way} hardening"] = tuple(_hardening(shielding, made))
        for profile in found:
            name = profile.fact.name
            chains[f"{way} {name}"] = tuple(_profile_chain(profile, way, ordinary, made, place))
        chains[way] = tuple(_first(listing, way, is_off))
    return Ruleset(
        bases=(_base(Hook.INPUT, _IN), _base(Hook.OUTPUT, _OUT)), chains=chains, doubts=tuple(_doubts(listing))
    )


def _base(hook: Hook, way: str) -> Base:
    # Each way through its chain ends in a profile, whose last rule takes what is left.
    return Base(hook=hook, priority=0, policy=_DROP, chain=way, text=f"windows firewall {way}bound")


def _goes(rule: WindowsFirewallRule, way: str) -> bool:
    """Tell whether a rule is for a direction; one that does not say which is for either."""
    return rule.is_inbound is (way == _IN) or any(one.startswith("Dir=") for one in rule.unread)


def _names(listing: WindowsListing) -> dict[str, tuple[str, ...]]:
    """Return the names that interfaces have in the evidence, by their GUIDs: alias, and number where it is known."""
    numbers = {network.interface: str(network.index) for network in listing.networks}
    return {
        guid: tuple(dict.fromkeys(name for name in (alias, numbers.get(alias)) if name))
        for guid, alias in listing.adapters.items()
    }


def _doubts(listing: WindowsListing) -> Iterator[str]:
    """Give what makes nothing certain: another firewall, or none of ours that runs."""
    for product in listing.products:
        yield (
            f"another firewall is registered with the Security Center, whose rules are not seen: {product.name} "
            f"(state {product.state})"
        )
    for name in ("mpssvc", "bfe"):
        state = listing.services.get(name, "missing")
        if state.lower() != _RUNNING:
            # Filters for the time before the service starts may be in force, or none (learn.microsoft.com, "Firewall
            # Service and Driver Initialization"; Windows 7 Resource Kit, "Windows Firewall and the Startup Process").
            yield f"the service {name} does not run ({state}): whether anything is filtered is not known"


def _first(listing: WindowsListing, way: str, is_off: dict[str, bool]) -> Iterator[Rule]:
    """Give what comes before the profiles, and the way to each by the interface."""
    field = Field.IIF if way == _IN else Field.OIF
    known = keys(*(((CT_STATES[name], CT_STATES[name]),) for name in ("established", "related")))
    yield Rule(
        steps=(Match(fields=(Field.CT_STATE,), keys=known),),
        action=_ACCEPT,
        text="windows firewall: it belongs to a connection that was let through",
    )
    yield Rule(
        steps=(Match(fields=(field,), keys=keys(*(((name, name),) for name in _LOOPBACK))),),
        action=_ACCEPT,
        text="windows firewall: loopback is not filtered",
    )
    # Whether rules of service hardening hold where the firewall is off is not documented by Microsoft.
    unsure: tuple[Step, ...] = (Doubt(text="service hardening"),) if any(is_off.values()) else ()
    yield Rule(steps=unsure, action=Action(verb=Verb.JUMP, target=f"{way} hardening"), text="windows service hardening")
    by_profile: dict[str, list[str]] = {}
    for network in listing.networks:
        by_profile.setdefault(network.profile, []).extend((network.interface, str(network.index)))
    for name, interfaces in by_profile.items():
        yield Rule(
            steps=(Match(fields=(field,), keys=keys(*(((one, one),) for one in dict.fromkeys(interfaces)))),),
            action=Action(verb=Verb.GOTO, target=f"{way} {name}"),
            text=f"windows {name} profile",
        )
    doubt = Doubt(text="the profile of the interface")
    for name, steps in (("domain", (doubt,)), ("private", (doubt,)), ("public", ())):
        yield Rule(
            steps=steps,
            action=Action(verb=Verb.GOTO, target=f"{way} {name}"),
            text="the profile of the interface is not known",
        )


def _hardening(rules: list[Written], made: dict[int, Rule]) -> Iterator[Rule]:
    """Give the rules that only take away: what one allows is not blocked by the others, as far as is documented.

    What both an allowing and a blocking rule match cannot be told.
    """
    for one in rules:
        if one[0].action != "block":
            rule = made[id(one)]
            action = _UNREAD if rule.action is _UNREAD else _RETURN
            yield Rule(
                steps=(*rule.steps, Doubt(text="which rule of service hardening wins")), action=action, text=rule.text
            )
    for one in rules:
        if one[0].action == "block":
            yield made[id(one)]


def _profile_chain(
    profile: Profile, way: str, rules: list[Written], made: dict[int, Rule], place: Place
) -> Iterator[Rule]:
    """Give the rules of one profile and direction in the order in which they win, and its default."""
    name, settings = profile.fact.name, profile.settings
    for doubt in profile.doubts:
        yield Rule(action=_UNREAD, text=f"windows {name} profile: {doubt}")
    if not settings["EnableFirewall"].is_set:
        yield _default(name, _ACCEPT, settings["EnableFirewall"])
        return
    if profile.unfiltered:
        field = Field.IIF if way == _IN else Field.OIF
        yield Rule(
            steps=(on_interfaces(profile.unfiltered, field, place),),
            action=_ACCEPT,
            text=f"windows {name} profile: DisabledInterfaces={','.join(profile.unfiltered)}",
        )
    mine = [one for one in rules if not one[0].profiles or name in one[0].profiles or may_be_wider(one[0])]
    yield from _ordered(mine, settings, made, way, place)
    if way == _OUT:
        action = settings["DefaultOutboundAction"]
    elif settings["DoNotAllowExceptions"].is_set:
        yield _default(name, _DROP, settings["DoNotAllowExceptions"])
        return
    else:
        action = settings["DefaultInboundAction"]
    yield _default(name, _DROP if action.is_set else _ACCEPT, action)


def _is_merged(rule: WindowsFirewallRule, settings: dict[str, Setting]) -> bool:
    """Tell whether group policy leaves a local rule in force (MS-FASP 2.2.38).

    Rules for a program on all ports, and those for one port of all programs, can be left out apart.
    """
    if not settings["AllowLocalPolicyMerge"].is_set:
        return False
    if rule.service is not None or rule.protocol not in (TCP, UDP):
        return True
    if rule.program is not None and not rule.local_ports:
        return settings["AuthorizedApplications.AllowUserPrefMerge"].is_set
    is_one = rule.program is None and len(rule.local_ports) == 1
    return not is_one or settings["GloballyOpenPorts.AllowUserPrefMerge"].is_set


def _ordered(
    rules: list[Written], settings: dict[str, Setting], made: dict[int, Rule], way: str, place: Place
) -> Iterator[Rule]:
    """Give rules as they win: those that cannot be told first, then bypass, block and allow."""
    merges = settings["AllowLocalPolicyMerge"]
    is_shielded = way == _IN and settings["DoNotAllowExceptions"].is_set
    tunnels = tuple(name for names in place.adapters.values() for name in names if name.lower().startswith(_TUNNELS))
    parts: dict[str, list[Rule]] = {"": [], "bypass": [], "block": [], "allow": []}
    for one in rules:
        fact, rule = one[0], made[id(one)]
        if fact.store == "local" and not _is_merged(fact, settings):
            continue
        if fact.store == "mdm" and not merges.is_set:
            # What becomes of MDM's rules where group policy ignores local ones is not documented.
            rule = Rule(steps=(*rule.steps, Doubt(text=merges.text)), action=rule.action, text=rule.text)
        kind = "bypass" if fact.action == "allow" and _overrides(fact) else fact.action
        if kind == "allow" and way == _IN and tunnels and not fact.crosses_edge:
            parts[kind] += _apart(rule, tunnels)
        else:
            parts[kind].append(rule)
    yield from (*parts[""], *parts["bypass"], *parts["block"])
    if not is_shielded:
        yield from parts["allow"]


def _overrides(rule: WindowsFirewallRule) -> bool:
    """Tell whether an outbound rule wins over those that block, for authenticated peers (``AuthByPassOut``)."""
    return any(one.startswith("AuthByPassOut=") for one in rule.security)


def _apart(rule: Rule, tunnels: Iterable[str]) -> Iterator[Rule]:
    """Give a rule for all interfaces but tunnels, through which it may let in nothing, and for these with a doubt."""
    inside = keys(*(((name, name),) for name in tunnels))
    outside = Match(fields=(Field.IIF,), keys=inside, is_negated=True)
    yield Rule(steps=(*rule.steps, outside), action=rule.action, text=rule.text)
    through = (Match(fields=(Field.IIF,), keys=inside), Doubt(text="Edge"))
    yield Rule(steps=(*rule.steps, *through), action=rule.action, text=rule.text)


def _default(name: str, action: Action, setting: Setting) -> Rule:
    return Rule(action=action, text=f"windows {name} profile: {setting.text}")


def rule_of(rule: WindowsFirewallRule, text: str, place: Place, newest: tuple[int, int] | None) -> Rule:
    """Return one rule, quoted as the registry holds it behind its store and its id.

    What a rule allows if it is authenticated is otherwise blocked (MS-FASP 2.2.35, AUTHENTICATE), whether or not
    another rule allows it: that is left open.
    """
    action = {"allow": _ACCEPT, "bypass": _ACCEPT, "block": _DROP}.get(rule.action, _UNREAD)
    if rule.action == "allow" and rule.security and not _overrides(rule):
        action = _UNREAD
    # The words of a rule mean this end or the other by its direction: without one, none of them is understood.
    has_way = not any(one.startswith("Dir=") for one in rule.unread)
    steps = steps_of(rule, place) if has_way else (Doubt(text="Dir"),)
    if newest is not None and rule.store in ("mdm", "group_policy") and version_of(rule.version) > newest:
        # A host ignores a rule of a version that it does not know (MS-FASP 2.2.25); its own rules show which it does.
        steps = (*steps, Doubt(text=rule.version))
    if rule.action == "bypass" and not rule.security:
        # Such a rule has to ask for authentication (MS-FASP 2.2.34): one that does not is not understood.
        steps = (*steps, Doubt(text="ByPass"))
    conditional = _PEERS if rule.security or rule.action == "bypass" else ""
    return Rule(
        steps=steps, action=action, text=f"windows {_SHOWN[rule.store]} rule {rule.name}: {text}{conditional}"
    )  # fmt: skip


def _read_sections(texts: Texts) -> Ruleset:
    text = texts.get(_SECTION)
    if text is None:
        message = "the Windows firewall was not asked about"
        raise ValueError(message)
    return read_windows(text)


DIALECT = Dialect(
    id="windows", os=OsFamily.WINDOWS, engines=(_SECTION,), read=_read_sections, proof=Proof.DOCUMENTED
)  # fmt: skip
