"""Laws of the Windows firewall: what a rule may change, and what is not known never makes an answer another one."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.firewall.protocol import Answers
from tests.firewall.windows_case import VNC, question

pytestmark = pytest.mark.slow

_SVCHOST = r"C:\Windows\System32\svchost.exe"
_PROCESSES: list[dict[str, Any]] = [
    VNC,
    {"kernel": True},
    {"program": _SVCHOST, "services": ["termservice"]},
    {"program": _SVCHOST, "services": ["termservice", "dnscache"]},
    {"program": r"C:\Program Files\WindowsApps\Example_1.0.0.0_x64__8wekyb3d8bbwe\app.exe", "services": []},
]
_FIELDS = [
    ["", "Protocol=6|", "Protocol=17|", "Protocol=6|LPort=5900|", "Protocol=6|LPort2_10=5000-6000|",
     "Protocol=6|LPort=RPC|", "Protocol=6|LPort2_10=IPHTTPSIn|"],
    ["", "", "RA4=203.0.113.9|", "RA4=LocalSubnet|", "RA4=DNS|RA4=203.0.113.0/24|", "RA6=LocalSubnet|",
     "LA4=10.0.0.5|"],
    ["", "", r"App=%ProgramFiles%\TightVNC\tvnserver.exe|", "App=System|", r"App=%SystemRoot%\system32\svchost.exe|",
     r"App=%Other%\tvnserver.exe|", r"App=C:\PROGRA~1\TightVNC\tvnserver.exe|"],
    ["", "", "", "Svc=TermService|", "Svc=*|", "AppPkgId=S-1-15-2-1|", "LUOwn=S-1-5-21-1|"],
    ["", "", "Profile=Public|", "Profile=Private|Profile=Domain|", "IFType=Lan|"],
    ["", "", "", "", "Security=Authenticate|", "NewKey=what|"],
]  # fmt: skip
_STRANGE = ["X=1|", "LPort3=1|", "RA99=Any|", "?|"]
_STORES = ["local", "group_policy", "hardening_static"]
_TRIES = settings(max_examples=max(1, settings().max_examples // 2))


def _rules(actions: list[str]) -> st.SearchStrategy[tuple[str, str]]:
    fields = st.tuples(*(st.sampled_from(values) for values in _FIELDS)).map("".join)
    return st.builds(
        lambda store, action, rest: (store, f"v2.31|Action={action}|Active=TRUE|Dir=In|{rest}"),
        st.sampled_from(_STORES),
        st.sampled_from(actions),
        fields,
    )


_RULESETS = st.lists(_rules(["Allow", "Allow", "Block", "ByPass"]), max_size=6)
_NETWORKS = st.sampled_from([{"Ethernet": "public"}, {"Ethernet": "private"}, {}])


def _ask(rules: list[tuple[str, str]], networks: dict[str, str], process: dict[str, Any] | None, **more: Any) -> str:
    by_store = {store: [text for one, text in rules if one == store] for store in _STORES}
    case = {"id": "law", "rules": by_store, "networks": networks, "process": process, "packet": {"dport": 5900}, **more}
    return str(Answers().answer(question(case))["verdict"])


@_TRIES
@given(rules=_RULESETS, networks=_NETWORKS, process=st.sampled_from(_PROCESSES))
def test_what_is_known_of_the_holder_only_settles(
    rules: list[tuple[str, str]], networks: dict[str, str], process: dict[str, Any]
) -> None:
    known = _ask(rules, networks, process)
    for less in (None, {key: value for key, value in process.items() if key != "services"}):
        assert _ask(rules, networks, less) in (known, "unknown")


@_TRIES
@given(rules=_RULESETS, profile=st.sampled_from(["public", "private", "domain"]), process=st.sampled_from(_PROCESSES))
def test_what_is_known_of_the_host_only_settles(
    rules: list[tuple[str, str]], profile: str, process: dict[str, Any]
) -> None:
    known = _ask(rules, {"Ethernet": profile}, process)
    assert _ask(rules, {}, process) in (known, "unknown")
    assert _ask(rules, {"Ethernet": profile}, process, knows_addresses=False) in (known, "unknown")
    assert known in (_ask(rules, {"Ethernet": profile}, process, iphttps=[]), "unknown")
    assert known in (_ask(rules, {"Ethernet": profile}, process, kinds={"Ethernet": "wireless"}), "unknown")


def _is_plain(rule: tuple[str, str]) -> bool:
    """Tell whether a rule asks for no IPsec: one that does may block whom it does not authenticate (MS-FASP 2.2.35)."""
    return "Security=" not in rule[1]


@_TRIES
@given(
    rules=_RULESETS, more=_rules(["Allow"]).filter(_is_plain), networks=_NETWORKS, process=st.sampled_from(_PROCESSES)
)
def test_a_rule_that_allows_never_closes(
    rules: list[tuple[str, str]], more: tuple[str, str], networks: dict[str, str], process: dict[str, Any]
) -> None:
    before, after = _ask(rules, networks, process), _ask([*rules, more], networks, process)
    assert after != "drop" or before == "drop"
    assert before != "accept" or after == "accept"


@_TRIES
@given(rules=_RULESETS, more=_rules(["Block"]), networks=_NETWORKS, process=st.sampled_from(_PROCESSES))
def test_a_rule_that_blocks_never_opens(
    rules: list[tuple[str, str]], more: tuple[str, str], networks: dict[str, str], process: dict[str, Any]
) -> None:
    before, after = _ask(rules, networks, process), _ask([*rules, more], networks, process)
    assert before != "drop" or after == "drop"
    assert after != "accept" or before == "accept"


@_TRIES
@given(rules=st.permutations([
    ("local", "v2.31|Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort=5900|"),
    ("local", "v2.31|Action=Block|Active=TRUE|Dir=In|RA4=203.0.113.0/24|"),
    ("local", "v2.31|Action=Allow|Active=TRUE|Dir=In|RA4=203.0.113.9|"),
    ("group_policy", "v2.31|Action=Allow|Active=TRUE|Dir=In|"),
]))  # fmt: skip
def test_their_order_does_not_matter(rules: list[tuple[str, str]]) -> None:
    assert _ask(rules, {"Ethernet": "public"}, VNC) == "drop"


@_TRIES
@given(
    rules=_RULESETS,
    process=st.sampled_from(_PROCESSES),
    field=st.sampled_from(_STRANGE),
)
def test_a_field_that_is_not_known_never_makes_a_rule_certain(
    rules: list[tuple[str, str]], process: dict[str, Any], field: str
) -> None:
    strange = [(store, text + field) for store, text in rules]
    before, after = _ask(rules, {"Ethernet": "public"}, process), _ask(strange, {"Ethernet": "public"}, process)
    assert after in (before, "unknown", "drop")
    assert after != "accept"
    assert after != "drop" or before != "accept"
