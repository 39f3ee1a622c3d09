"""Approvals: a table of claims."""

from datetime import date

import pytest

from auditor.model.breach import Term
from auditor.model.host import HostFacts
from auditor.model.policy import Approval, ListenScope, Policy
from auditor.model.record import replace
from auditor.model.sighting import Category, Confidence, Role, Sighting, SightingState
from auditor.policy.approvals import approval_for, listener_approval

_TODAY = date(2026, 11, 21)
_HOST = HostFacts(name="pc-17", key="pc-17", groups=("office", "pcs"))
_SEEN = Sighting(
    product="anydesk",
    name="AnyDesk",
    category=Category.REMOTE_SUPPORT,
    role=Role.AGENT,
    state=SightingState.RUNNING,
    confidence=Confidence.CONFIRMED,
    version="7.1.0",
    tenant="acme",
    proof=(),
)


def an_approval(**changes: object) -> Approval:
    plain = Approval(id="a", product="anydesk", reason="support", owner="desk", review_by=_TODAY)
    return replace(plain, **changes)


def a_policy(*approvals: Approval) -> Policy:
    return Policy(name="test", approvals=approvals, sha256="0" * 64)


@pytest.mark.parametrize(
    "approval",
    [
        pytest.param(an_approval(), id="no-condition-and-the-last-day"),
        pytest.param(an_approval(hosts=("pc-*",)), id="name"),
        pytest.param(an_approval(groups=("office",)), id="group"),
        pytest.param(an_approval(hosts=("srv-*",), groups=("pcs",)), id="name-or-group"),
        pytest.param(an_approval(versions=">=7, <8"), id="version"),
        pytest.param(an_approval(tenant="acme"), id="tenant"),
    ],
)
def test_an_approval_covers(approval: Approval) -> None:
    found = approval_for(_SEEN, _HOST, a_policy(approval), _TODAY)
    assert (found.approval, found.objection) == (approval, None)


@pytest.mark.parametrize(
    ("approvals", "seen", "expected"),
    [
        pytest.param([], _SEEN, None, id="nobody-approved-it"),
        pytest.param([an_approval(product="teamviewer")], _SEEN, None, id="another-product"),
        pytest.param([an_approval(hosts=("srv-*",))], _SEEN, "Approval 'a' is for other hosts", id="other-hosts"),
        pytest.param([an_approval(hosts=("PC-*",))], _SEEN, "Approval 'a' is for other hosts", id="case-counts"),
        pytest.param(
            [an_approval(review_by=date(2026, 11, 20))],
            _SEEN,
            "Approval 'a' was to be reviewed by 2026-11-20 and has not been",
            id="review-is-over",
        ),
        pytest.param(
            [an_approval(versions=">=8")],
            _SEEN,
            "Approval 'a' is for versions >=8, and this is '7.1.0'",
            id="version",
        ),
        pytest.param(
            [an_approval(versions=">=8")],
            replace(_SEEN, version=None),
            "Approval 'a' is for versions >=8, and which version this is could not be told",
            id="an-unknown-version-is-not-covered",
        ),
        pytest.param(
            [an_approval(tenant="other")],
            _SEEN,
            "Approval 'a' is for tenant 'other', and this is 'acme'",
            id="foreign-tenant",
        ),
        pytest.param(
            [an_approval(tenant="acme")],
            replace(_SEEN, tenant=None),
            "Approval 'a' is for tenant 'acme', and which tenant this is could not be told",
            id="an-unknown-tenant-is-not-covered",
        ),
        pytest.param(
            [an_approval(id="far", hosts=("x",), versions=">=8"), an_approval(id="near", versions=">=8")],
            _SEEN,
            "Approval 'near' is for versions >=8, and this is '7.1.0'",
            id="the-nearest-is-named",
        ),
        pytest.param(
            [an_approval(id=str(number), hosts=("x",)) for number in range(5)],
            _SEEN,
            "Approval '0' is for other hosts; approval '1' is for other hosts; approval '2' is for other hosts; "
            "2 more approvals do not cover it either",
            id="a-few-are-named",
        ),
        pytest.param(
            [an_approval(versions=">=8")],
            replace(_SEEN, version="\x1b[31m99"),
            "Approval 'a' is for versions >=8, and this is '\\x1b[31m99'",
            id="what-is-no-version-is-not-covered",
        ),
    ],
)
def test_what_is_not_covered_says_why(approvals: list[Approval], seen: Sighting, expected: str | None) -> None:
    found = approval_for(seen, _HOST, a_policy(*approvals), _TODAY)
    assert (found.approval, found.objection) == (None, expected)


@pytest.mark.parametrize(
    ("approvals", "terms"),
    [
        pytest.param([an_approval(hosts=("srv-*",), versions=">=8")], [], id="for-other-hosts-is-not-near"),
        pytest.param([an_approval(signer="CN=x", versions=">=8")], [], id="of-another-maker-is-not-near"),
        pytest.param([an_approval(users=("ada",), tenant="other")], [], id="for-other-users-is-not-near"),
        pytest.param([an_approval(versions=">=8")], [("a", Term.VERSIONS, True)], id="version"),
        pytest.param([an_approval(tenant="other")], [("a", Term.TENANT, True)], id="tenant"),
        pytest.param([an_approval(review_by=date(2026, 11, 20))], [("a", Term.REVIEW, True)], id="review"),
        pytest.param(
            [an_approval(versions=">=8", tenant="other", review_by=date(2026, 11, 20))],
            [("a", Term.REVIEW, True), ("a", Term.VERSIONS, True), ("a", Term.TENANT, True)],
            id="each-term-is-a-breach-of-its-own",
        ),
        pytest.param(
            [
                an_approval(id="theirs", tenant="other"),
                an_approval(id="old", versions=">=8", review_by=date(2020, 1, 1)),
            ],
            [("old", Term.REVIEW, True), ("old", Term.VERSIONS, True)],
            id="a-foreign-tenant-is-further-than-two-other-terms",
        ),
        pytest.param(
            [an_approval(id="two", versions=">=8", review_by=date(2020, 1, 1)), an_approval(id="one", versions=">=9")],
            [("one", Term.VERSIONS, True)],
            id="of-the-same-gravity-the-fewer",
        ),
        pytest.param(
            [an_approval(id="old", versions=">=8"), an_approval(id="over", review_by=date(2020, 1, 1))],
            [("over", Term.REVIEW, True)],
            id="a-review-is-nearer-than-a-version",
        ),
        pytest.param([an_approval(id="old", versions=">=8"), an_approval(id="fits")], [], id="one-that-covers-counts"),
    ],
)
def test_the_nearest_approval_says_which_terms_are_broken(
    approvals: list[Approval], terms: list[tuple[str, Term, bool]]
) -> None:
    seen = replace(_SEEN, users=("root",), signers=("CN=AnyDesk",))
    found = approval_for(seen, _HOST, a_policy(*approvals), _TODAY)
    assert [(one.approval, one.term, one.is_told) for one in found.breaches] == terms
    assert not (found.approval and found.breaches)


def test_what_the_host_does_not_tell_is_a_breach_that_says_so() -> None:
    seen = replace(_SEEN, version=None, tenant=None)
    found = approval_for(seen, _HOST, a_policy(an_approval(versions=">=7", tenant="acme")), _TODAY)
    assert [(one.term, one.is_told) for one in found.breaches] == [(Term.VERSIONS, False), (Term.TENANT, False)]
    # A tenant that could not be told is nearer than one that is known to be foreign.
    foreign, untold = an_approval(id="foreign", tenant="other"), an_approval(id="old", versions=">=8")
    found = approval_for(replace(_SEEN, version=None), _HOST, a_policy(foreign, untold), _TODAY)
    assert [one.approval for one in found.breaches] == ["old"]


@pytest.mark.parametrize(
    ("wanted", "users", "objection"),
    [
        pytest.param(("root",), ("root",), None, id="as-it-is-named"),
        pytest.param(("svc-*", "root"), ("root", "svc-till"), None, id="each-by-a-pattern"),
        pytest.param(("root",), (), None, id="installed-for-all-and-run-by-nobody"),
        pytest.param((), None, None, id="nobody-asks"),
        pytest.param(
            ("root",), ("Root",), "Approval 'a' is for users 'root', and this is of 'Root'", id="case-counts-on-linux"
        ),
        pytest.param(("ada", "x*"), ("ada", "bob"), "is for users 'ada', 'x*', and this is of 'bob'", id="one-of-two"),
        pytest.param(("ada",), None, "is for users 'ada', and whose this is could not be told", id="nobody-knows"),
        pytest.param(("example\\helpdesk-*",), ("EXAMPLE\\Helpdesk-1",), None, id="a-domain-without-case"),
        pytest.param(("*\\ada",), ("PC-17\\ada",), None, id="of-any-domain"),
        pytest.param(("ada",), ("EVIL\\ada",), "and this is of 'EVIL\\\\ada'", id="a-name-alone-is-of-no-domain"),
        pytest.param(("s-1-5-21-*-1001",), ("S-1-5-21-9-9-9-1001",), None, id="by-its-security-identifier"),
    ],
)
def test_an_approval_by_user(wanted: tuple[str, ...], users: tuple[str, ...] | None, objection: str | None) -> None:
    found = approval_for(replace(_SEEN, users=users), _HOST, a_policy(an_approval(users=wanted)), _TODAY)
    if objection is None:
        assert found.approval is not None
    else:
        assert found.approval is None
        assert objection in (found.objection or "")


@pytest.mark.parametrize(
    ("approvals", "start", "portable"),
    [
        pytest.param([an_approval()], True, False, id="what-is-said-where-nothing-is"),
        pytest.param([an_approval(may_start=False, may_be_portable=True)], False, True, id="both"),
        pytest.param([an_approval(may_start=False), an_approval(id="b")], True, False, id="one-that-lets-it-start"),
        pytest.param([an_approval(), an_approval(id="b", may_be_portable=True)], True, True, id="one-of-copies"),
        pytest.param(
            [an_approval(may_start=False), an_approval(id="b", hosts=("srv-*",), may_be_portable=True)], False, False,
            id="one-for-other-hosts-says-nothing",
        ),
    ],
)  # fmt: skip
def test_one_of_those_that_cover_it_is_enough(approvals: list[Approval], start: bool, portable: bool) -> None:
    found = approval_for(_SEEN, _HOST, a_policy(*approvals), _TODAY)
    assert (found.approval, found.may_start, found.may_be_portable) == (approvals[0], start, portable)


def test_a_hosts_text_is_quoted_and_cut() -> None:
    hostile = replace(_SEEN, tenant="<script>\x1b[31m" + "x" * 500)
    found = approval_for(hostile, _HOST, a_policy(an_approval(tenant="acme")), _TODAY)
    assert found.objection is not None
    assert "\x1b" not in found.objection
    assert len(found.objection) < 200


@pytest.mark.parametrize(
    ("scope", "port", "loopback", "expected"),
    [
        pytest.param(ListenScope(), 7070, True, None, id="loopback-is-allowed"),
        pytest.param(ListenScope(), 7070, False, "Approval 'a' is for loopback only (listen.loopback_only)", id="net"),
        pytest.param(ListenScope(ports=((7000, 7100),), loopback_only=False), 7100, False, None, id="last-port"),
        pytest.param(
            ListenScope(ports=((22, 22), (7000, 7100)), loopback_only=False),
            7101,
            False,
            "Approval 'a' is for port 22, 7000-7100, and this is port 7101",
            id="another-port",
        ),
    ],
)
def test_where_an_approved_product_may_listen(
    scope: ListenScope, port: int, loopback: bool, expected: str | None
) -> None:
    policy = a_policy(an_approval(listen=scope))
    found = listener_approval(_SEEN, _HOST, policy, _TODAY, port=port, is_loopback=loopback)
    assert found.objection == expected
    assert (found.approval is None) is (expected is not None)


def test_any_of_several_approvals_may_let_a_product_listen() -> None:
    policy = a_policy(an_approval(id="tight"), an_approval(id="wide", listen=ListenScope(loopback_only=False)))
    found = listener_approval(_SEEN, _HOST, policy, _TODAY, port=7070, is_loopback=False)
    assert found.approval is not None
    assert found.approval.id == "wide"


_ANYWHERE = ListenScope(loopback_only=False)
_OVER = date(2020, 1, 1)


@pytest.mark.parametrize(
    ("approvals", "approved", "outside"),
    [
        pytest.param([an_approval()], None, "a", id="outside-of-the-scope"),
        pytest.param([an_approval(listen=_ANYWHERE)], "a", None, id="inside"),
        pytest.param([an_approval(listen=_ANYWHERE, versions=">=8")], "a", None, id="another-version-still-listens"),
        pytest.param([an_approval(listen=_ANYWHERE, review_by=_OVER)], "a", None, id="a-review-that-is-over-too"),
        pytest.param([an_approval(review_by=_OVER)], None, "a", id="outside-and-over"),
        pytest.param([an_approval(listen=_ANYWHERE, tenant="other")], None, None, id="a-foreign-tenant-covers-nothing"),
        pytest.param([an_approval(listen=_ANYWHERE, hosts=("x",))], None, None, id="for-other-hosts"),
        pytest.param(
            [an_approval(id="tight"), an_approval(id="over", listen=_ANYWHERE, review_by=_OVER)],
            None,
            "tight",
            id="one-that-is-over-widens-no-other",
        ),
        pytest.param([], None, None, id="nobody-approved-it"),
    ],
)
def test_which_approval_a_socket_is_outside_of(
    approvals: list[Approval], approved: str | None, outside: str | None
) -> None:
    found = listener_approval(_SEEN, _HOST, a_policy(*approvals), _TODAY, port=7070, is_loopback=False)
    assert (None if found.approval is None else found.approval.id) == approved
    assert [(one.approval, one.term) for one in found.breaches] == ([(outside, Term.LISTEN)] if outside else [])
    assert (found.objection is None) is (approved is not None or not approvals)


@pytest.mark.parametrize(
    ("wanted", "signers", "objection"),
    [
        pytest.param("CN=Example Ltd, C=DE", ("CN=EXAMPLE Ltd, C=DE",), None, id="as-it-is-named"),
        pytest.param(
            "CN=Example Ltd,*", ("CN=Example Ltd, O=Example", "CN=Example Ltd, C=DE"), None, id="by-a-pattern"
        ),
        pytest.param("CN=Example Ltd,*", ("CN=Another",), "is signed by", id="somebody-else"),
        pytest.param("CN=Example Ltd,*", ("CN=Example Ltd, C=DE", "CN=Another"), "is signed by", id="one-of-two"),
        pytest.param("CN=Example Ltd,*", None, "could not be told", id="nobody-knows"),
        pytest.param(None, None, None, id="nobody-asks"),
    ],
)
def test_an_approval_by_signer(wanted: str | None, signers: tuple[str, ...] | None, objection: str | None) -> None:
    found = approval_for(replace(_SEEN, signers=signers), _HOST, a_policy(an_approval(signer=wanted)), _TODAY)
    if objection is None:
        assert found.approval is not None
    else:
        assert found.approval is None
        assert objection in (found.objection or "")
