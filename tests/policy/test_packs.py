"""The policy packs: whole, right, found by name, and saying what their pages promise."""

from datetime import date
from ipaddress import ip_network
from pathlib import Path

import pytest
import yaml

from auditor.catalogue.load import load_catalogue
from auditor.controls.registry import controls
from auditor.errors import PolicyError
from auditor.model.host import HostFacts
from auditor.model.policy import ExecutionDemand, Policy
from auditor.model.record import replace
from auditor.model.sighting import Category, Confidence, Role, Sighting, SightingState
from auditor.policy.approvals import approval_for, listener_approval
from auditor.policy.load import parse_policy
from auditor.policy.load_exceptions import Known, parse_exceptions
from auditor.policy.locate import locate, packs

_DOCS = (Path(__file__).resolve().parents[2] / "docs" / "policy-packs.md").read_text(encoding="utf-8")
_TODAY = date(2026, 11, 27)


def policy_of(pack: str) -> Policy:
    file = packs()[pack] / "policy.yml"
    products = [product.id for product in load_catalogue().products]
    return parse_policy(file.read_text(encoding="utf-8"), file, products=products)


def known_to(pack: str) -> Known:
    products = [product.id for product in load_catalogue().products]
    return Known(controls=list(controls()), products=products, settings=policy_of(pack).settings)


def a_sighting(product: str, **more: object) -> Sighting:
    plain = Sighting(
        product=product, name=product, category=Category.VNC, role=Role.SERVER, state=SightingState.RUNNING,
        confidence=Confidence.CONFIRMED, proof=(),
    )  # fmt: skip
    return replace(plain, **more)


def test_there_are_three_packs_and_the_docs_name_each() -> None:
    assert list(packs()) == ["managed", "strict", "vnc-lab"]
    assert [name for name in packs() if f"[`{name}`](../policies/packs/{name}/README.md)" not in _DOCS] == []


@pytest.mark.parametrize("pack", ["managed", "strict", "vnc-lab"])
def test_a_pack_is_whole_and_right(pack: str) -> None:
    folder = packs()[pack]
    page = (folder / "README.md").read_text(encoding="utf-8")
    assert page.startswith(f"# {pack}: ")
    assert [word for word in ("For whom", "What it says", "Not for", "How to use it") if f"**{word}" not in page] == []
    text = (folder / "exceptions.yml").read_text(encoding="utf-8")
    assert parse_exceptions(text, folder / "exceptions.yml", known_to(pack)) == ()


@pytest.mark.parametrize("pack", ["managed", "strict", "vnc-lab"])
def test_the_exception_in_comments_is_right_once_it_is_none(pack: str) -> None:
    file = packs()[pack] / "exceptions.yml"
    head, _, example = file.read_text(encoding="utf-8").partition("exceptions: []\n# exceptions:\n")
    live = head + "exceptions:\n" + "".join(f"{line[2:]}\n" for line in example.splitlines())
    (record,) = parse_exceptions(live, file, known_to(pack))
    assert record.subject is not None


def test_strict_allows_nothing() -> None:
    policy = policy_of("strict")
    assert (policy.approvals, policy.networks.trusted, policy.accepted_limits) == ((), (), ())
    assert policy.networks.require_filter
    assert policy.networks.filter_outbound
    assert policy.settings.clients_are_violations
    assert policy.settings.residual_is_violation
    assert policy.settings.execution_control is not ExecutionDemand.NONE


def test_managed_approves_one_agent_of_one_tenant_that_is_to_be_edited() -> None:
    (approval,) = policy_of("managed").approvals
    host = HostFacts(name="pc-1", key="pc-1")
    ours = approval_for(a_sighting("meshcentral", tenant="mesh.example.com"), host, policy_of("managed"), _TODAY)
    theirs = approval_for(a_sighting("meshcentral", tenant="mesh.invalid"), host, policy_of("managed"), _TODAY)
    assert ours.approval == approval
    assert [breach.term for breach in theirs.breaches] == ["tenant"]
    # The product's tenant is one that the catalogue can tell, and the name is nobody's (RFC 2606).
    product = load_catalogue().product("meshcentral")
    assert product is not None
    assert product.tenants
    assert str(approval.tenant).endswith(".example.com")


def test_the_laboratory_has_its_sessions_and_stations_and_nothing_else() -> None:
    policy = policy_of("vnc-lab")
    server = HostFacts(name="node-1", key="node-1", groups=("lab-servers",))
    station = HostFacts(name="scope-1", key="scope-1", groups=("lab-stations",))
    session = a_sighting("tigervnc", version="1.12.0", users=("lab-ada",))
    assert approval_for(session, server, policy, _TODAY).approval is not None
    assert approval_for(replace(session, users=("root",)), server, policy, _TODAY).approval is None
    assert approval_for(session, station, policy, _TODAY).approval is None
    screen = a_sighting("x11vnc")
    for port, is_allowed in ((5900, True), (5901, False)):
        found = listener_approval(screen, station, policy, _TODAY, port=port, is_loopback=False)
        assert (found.approval is not None) is is_allowed
    assert all(ip_network(network).is_private for network in policy.networks.trusted)


@pytest.mark.parametrize("pack", ["managed", "vnc-lab"])
def test_reviews_of_a_pack_lie_ahead(pack: str) -> None:
    """Whoever takes a pack today is not told at once that its approvals are over."""
    assert all(approval.review_by > _TODAY for approval in policy_of(pack).approvals)


def test_a_pack_is_taken_by_name_where_no_file_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert locate("policy.yml", Path("strict")) == packs()["strict"] / "policy.yml"
    assert locate("exceptions.yml", Path("strict")) == packs()["strict"] / "exceptions.yml"
    (tmp_path / "strict").write_text(yaml.safe_dump({"name": "mine"}))
    assert locate("policy.yml", Path("strict")) == Path("strict")


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("strikt", r"^strikt: there is no such file, and no policy pack of that name \(did you mean 'strict'\?\);"),
        ("xyz", r"^xyz: there is no such file, and no policy pack of that name; `auditor policy list` has all$"),
        ("strict.yml", r"^strict\.yml: there is no such file$"),
        ("../strict", r"^\.\./strict: there is no such file$"),
        ("packs/strict", r"^packs/strict: there is no such file$"),
    ],
)
def test_a_word_that_is_neither_brings_no_policy_into_force(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PolicyError, match=said):
        locate("policy.yml", Path(named))
