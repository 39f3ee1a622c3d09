"""What is known of a socket's holder and of the host's networks, put into the rules before packets are asked about."""

from typing import Any

import pytest

from auditor.firewall.dialects.windows import read_windows
from auditor.firewall.settled import STRANGER, Holder, conditions, held_by, holders_for, settled
from auditor.model.facts.network import Family, Protocol
from auditor.model.packet import HostNetwork
from auditor.model.ruleset import (
    Action,
    Doubt,
    Field,
    HeldBy,
    Keys,
    Match,
    OfKind,
    OnLink,
    Rule,
    Ruleset,
    Trait,
    Truth,
    Verb,
)
from tests.firewall.windows_case import listing

NO, YES, MAYBE = Truth.NO, Truth.YES, Truth.MAYBE
VNC = r"C:\Program Files\TightVNC\tvnserver.exe"
PACKAGED = r"C:\Program Files\WindowsApps\Example_1.0.0.0_x64__8wekyb3d8bbwe\app.exe"
IN = "v2.31|Action=Allow|Active=TRUE|Dir=In|"
ACCEPT = Action(verb=Verb.ACCEPT)


def asks(trait: Trait, value: str, *, is_exact: bool = True) -> HeldBy:
    return HeldBy(text="", trait=trait, value=value, is_exact=is_exact)


def a_program(path: str | None, **more: Any) -> Holder:
    return Holder(program=path, services=frozenset(), **more)


def services(*names: str) -> Holder:
    return Holder(program=VNC, services=frozenset(names))


@pytest.mark.parametrize(
    ("condition", "holder", "truth"),
    [
        (asks(Trait.PROGRAM, VNC.lower()), a_program(VNC), YES),
        (asks(Trait.PROGRAM, VNC.lower()), a_program(VNC.replace("\\", "/")), YES),
        (asks(Trait.PROGRAM, VNC.lower(), is_exact=False), a_program(VNC), MAYBE),
        (asks(Trait.PROGRAM, VNC.lower()), a_program(r"C:\other.exe"), NO),
        (asks(Trait.PROGRAM, VNC.lower()), a_program(r"D:\tvnserver.exe"), NO),
        (asks(Trait.PROGRAM, r"%x%\tvnserver.exe", is_exact=False), a_program(VNC), MAYBE),
        (asks(Trait.PROGRAM, r"%x%\other.exe", is_exact=False), a_program(VNC), NO),
        (asks(Trait.PROGRAM, VNC.lower()), a_program(r"C:\PROGRA~1\TightVNC\tvnserver.exe"), MAYBE),
        (asks(Trait.PROGRAM, VNC.lower()), a_program(r"C:\PROGRA~1\TightVNC\TVNSER~1.EXE"), MAYBE),
        (asks(Trait.PROGRAM, VNC.lower()), a_program(r"C:\PROGRA~1\other.exe"), NO),
        (asks(Trait.PROGRAM, VNC.lower()), Holder(), MAYBE),
        (asks(Trait.PROGRAM, "system"), Holder(), MAYBE),
        (asks(Trait.PROGRAM, "system"), a_program(VNC), NO),
        (asks(Trait.PROGRAM, "system"), Holder(is_kernel=True), YES),
        (asks(Trait.PROGRAM, VNC.lower()), Holder(is_kernel=True), NO),
        (asks(Trait.PROGRAM, VNC.lower()), STRANGER, NO),
        (asks(Trait.SERVICE, "a"), services("a"), YES),
        (asks(Trait.SERVICE, "a", is_exact=False), services("a"), MAYBE),
        (asks(Trait.SERVICE, "a"), services("a", "b"), MAYBE),
        (asks(Trait.SERVICE, "a"), services("b"), NO),
        (asks(Trait.SERVICE, "a"), Holder(program=VNC), MAYBE),
        (asks(Trait.SERVICE, "a"), a_program(VNC), NO),
        (asks(Trait.SERVICE, "a"), a_program(VNC, kin=frozenset({"a"})), MAYBE),
        (asks(Trait.SERVICE, "a"), a_program(VNC, kin=frozenset({"b"})), NO),
        (asks(Trait.SERVICE, "a"), a_program(VNC, kin=None), MAYBE),
        (asks(Trait.SERVICE, "a"), Holder(is_kernel=True), NO),
        (asks(Trait.SERVICE, "a"), STRANGER, NO),
        (asks(Trait.SERVICE, "*"), services("a", "b"), YES),
        (asks(Trait.SERVICE, "*"), a_program(VNC), NO),
        (asks(Trait.SERVICE, "*"), a_program(VNC, kin=frozenset({"b"})), MAYBE),
        (asks(Trait.SERVICE, "*"), a_program(VNC, kin=None), MAYBE),
        (asks(Trait.SERVICE, "*"), Holder(program=VNC), MAYBE),
        (asks(Trait.SERVICE, "*"), Holder(is_kernel=True), NO),
        (asks(Trait.SERVICE, "*"), STRANGER, MAYBE),
        (asks(Trait.PACKAGE, "pfn=a"), a_program(VNC), NO),
        (asks(Trait.PACKAGE, "pfn=a"), a_program(PACKAGED), MAYBE),
        (asks(Trait.PACKAGE, "pfn=a"), a_program(PACKAGED.replace("\\", "/")), MAYBE),
        (asks(Trait.PACKAGE, "pfn=a"), a_program(r"C:\Windows\System32\WWAHost.exe"), MAYBE),
        (asks(Trait.PACKAGE, "pfn=a"), Holder(program=PACKAGED, services=frozenset({"a"})), NO),
        (asks(Trait.PACKAGE, "pfn=a"), Holder(), MAYBE),
        (asks(Trait.PACKAGE, "pfn=a"), Holder(is_kernel=True), NO),
        (asks(Trait.PACKAGE, "pfn=a"), STRANGER, NO),
        (asks(Trait.USER, "luown=a"), services("a"), MAYBE),
        (asks(Trait.USER, "luown=a"), Holder(is_kernel=True), MAYBE),
        (asks(Trait.USER, "luown=a"), STRANGER, MAYBE),
    ],
)
def test_a_holder_meets_a_condition_or_not_or_that_is_not_known(
    condition: HeldBy, holder: Holder, truth: Truth
) -> None:
    assert held_by(condition, holder) is truth


def a_ruleset(*steps: Any) -> Ruleset:
    return Ruleset(chains={"in": (Rule(steps=steps, action=ACCEPT, text="a rule"),)})


def rules_of(ruleset: Ruleset) -> tuple[Rule, ...]:
    return ruleset.chains["in"]


def test_a_condition_that_holds_goes_and_a_rule_whose_condition_does_not_goes() -> None:
    port = Match(fields=(Field.DPORT,), keys=Keys(entries=((((5900, 5900),), YES),)))
    ruleset = a_ruleset(asks(Trait.PROGRAM, VNC.lower()), port)
    assert [rule.steps for rule in rules_of(settled(ruleset, a_program(VNC), None))] == [(port,)]
    assert rules_of(settled(ruleset, STRANGER, None)) == ()
    assert rules_of(settled(ruleset, None, None)) == rules_of(ruleset)
    assert rules_of(settled(ruleset, Holder(), None)) == rules_of(ruleset)
    assert rules_of(settled(a_ruleset(port), STRANGER, None))[0].steps == (port,)


def test_a_rule_in_two_chains_is_settled_once() -> None:
    rule = Rule(steps=(asks(Trait.PROGRAM, VNC.lower()),), action=ACCEPT, text="a rule")
    made = settled(Ruleset(chains={"a": (rule,), "b": (rule,)}), a_program(VNC), None)
    assert made.chains["a"][0] is made.chains["b"][0]
    assert (made.chains["a"][0].text, made.chains["a"][0].action) == ("a rule", ACCEPT)


def test_conditions_are_each_told_once() -> None:
    one, other = asks(Trait.SERVICE, "a"), asks(Trait.SERVICE, "b")
    ruleset = Ruleset(
        chains={"a": a_ruleset(one, Doubt(text="x")).chains["in"], "b": a_ruleset(one, other).chains["in"]}
    )
    assert conditions(ruleset) == (one, other)


HOST = HostNetwork(
    addresses={
        "Ethernet": ((Family.IP, 0x0A000005, 24), (Family.IP6, 0x20010DB8 << 96 | 5, 64)),
        "WLAN": ((Family.IP, 0xC0A80705, None),),
    }
)


def on_link(*families: int) -> OnLink:
    other = ((((4, 4), (1, 1)), YES), (((4, 4), (9, 9)), MAYBE))
    return OnLink(text="", field=Field.SADDR, by=Field.IIF, families=families, others=other)


def test_the_local_subnet_is_what_the_interfaces_are_in() -> None:
    (step,) = rules_of(settled(a_ruleset(on_link(4)), None, HOST))[0].steps
    assert isinstance(step, Match)
    assert step.fields == (Field.FAMILY, Field.IIF, Field.SADDR)
    near = [(box[1], box[2]) for box, truth in step.keys.entries if truth is YES]
    far = [(box[1], box[2]) for box, truth in step.keys.entries if truth is MAYBE]
    anywhere = ("", "\U0010ffff")
    assert near == [(anywhere, (1, 1)), (("Ethernet", "Ethernet"), (0x0A000000, 0x0A0000FF))]
    # Of an address without a prefix it is not known in which network it is.
    assert (("WLAN", "WLAN"), (0xC0A80705, 0xC0A80705)) in far
    assert {span for _, span in far} == {(0x0A000000, 0x0A0000FF), (0xC0A80705, 0xC0A80705), (9, 9)}


def test_the_local_subnet_of_ipv6_holds_the_link() -> None:
    (step,) = rules_of(settled(a_ruleset(on_link(6)), None, HOST))[0].steps
    assert isinstance(step, Match)
    certain = {(box[0], box[1], box[2]) for box, truth in step.keys.entries if truth is YES and box[0] == (6, 6)}
    network = 0x20010DB8 << 96
    assert certain == {
        ((6, 6), ("Ethernet", "Ethernet"), (network, network | (1 << 64) - 1)),
        ((6, 6), ("Ethernet", "Ethernet"), (0xFE80 << 112, (0xFEC0 << 112) - 1)),
    }


@pytest.mark.parametrize("host", [None, HostNetwork()])
def test_without_addresses_the_local_subnet_stays_a_doubt(host: HostNetwork | None) -> None:
    ruleset = a_ruleset(on_link(4))
    assert rules_of(settled(ruleset, None, host)) == rules_of(ruleset)


WLAN = (("WLAN", "WLAN"),)


def of_kind(*kinds: str) -> OfKind:
    return OfKind(text="IFType", by=Field.OIF, kinds=kinds)


@pytest.mark.parametrize("kinds", [{}, {"Ethernet": ""}, {"Ethernet": "ppp"}])
def test_without_a_wireless_interface_the_kind_stays_a_doubt(kinds: dict[str, str]) -> None:
    for ruleset in (a_ruleset(of_kind("lan")), a_ruleset(of_kind("wireless"))):
        assert rules_of(settled(ruleset, None, HostNetwork(kinds=kinds))) == rules_of(ruleset)


def test_a_wireless_interface_is_of_no_other_kind() -> None:
    host = HostNetwork(kinds={"WLAN": "wireless", "Ethernet": ""})
    (step,) = rules_of(settled(a_ruleset(of_kind("lan", "wireless")), None, host))[0].steps
    assert isinstance(step, Match)
    assert (step.fields, step.is_negated) == ((Field.OIF,), False)
    assert (step.keys.entries, step.keys.is_open) == (((WLAN, YES),), True)
    step, doubt = rules_of(settled(a_ruleset(of_kind("lan")), None, host))[0].steps
    assert isinstance(step, Match)
    assert (step.fields, step.is_negated, doubt) == ((Field.OIF,), True, of_kind("lan"))
    assert (step.keys.entries, step.keys.is_open) == (((WLAN, YES),), False)
    assert rules_of(settled(a_ruleset(of_kind("quantum")), None, host))[0].steps == (of_kind("quantum"),)


@pytest.mark.parametrize(
    ("rule", "meant"),
    [
        (f"Protocol=6|LPort=5900|App={VNC}|", (a_program(VNC.lower()),)),
        (f"Protocol=6|LPort2_10=5890-5900|App={VNC}|", (a_program(VNC.lower()),)),
        (f"Protocol=6|LPort2_10=5900-5910|App={VNC}|", (a_program(VNC.lower()),)),
        (f"Protocol=6|LPort=5901|App={VNC}|", ()),
        (f"Protocol=17|LPort=5900|App={VNC}|", ()),
        (f"Protocol=6|LPort=RPC|App={VNC}|", ()),
        (f"App={VNC}|", ()),
        ("Protocol=6|LPort=5900|", ()),
        ("Protocol=6|LPort=5900|App=System|", (Holder(is_kernel=True),)),
        ("Protocol=6|LPort=5900|App=System|Svc=x|", (None,)),
        ("Protocol=6|LPort=5900|Svc=X|", (Holder(services=frozenset({"x"})),)),
        (f"Protocol=6|LPort=5900|App={VNC}|Svc=x|", (Holder(program=VNC.lower(), services=frozenset({"x"})),)),
        (f"Protocol=6|LPort=5900|App={VNC}|Svc=*|", (None,)),
        (r"Protocol=6|LPort=5900|App=%x%\y.exe|", (None,)),
        (f"Protocol=6|LPort=5900|App={VNC}|LUOwn=S-1-5-21-1|", (None,)),
        ("Protocol=6|LPort=5900|AppPkgId=S-1-15-2-1|", (None,)),
        ("Protocol=6|LPort=5900|LUAuth=x|LUOwn=y|", (None,)),
    ],
)
def test_who_is_meant_by_a_rule_for_a_port(rule: str, meant: tuple[Holder | None, ...]) -> None:
    ruleset = read_windows(listing({"id": "", "rules": [IN + rule]}))
    assert holders_for(ruleset, Protocol.TCP, 5900) == meant


def test_who_is_kept_out_is_not_meant() -> None:
    block = f"v2.31|Action=Block|Active=TRUE|Dir=In|Protocol=6|LPort=5900|App={VNC}|"
    assert holders_for(read_windows(listing({"id": "", "rules": [block]})), Protocol.TCP, 5900) == ()
