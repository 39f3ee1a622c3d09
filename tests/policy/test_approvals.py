"""Approvals and exceptions: a table of claims."""

from dataclasses import replace
from datetime import date

import pytest

from auditor.model.host import HostFacts
from auditor.model.policy import Approval, ExceptionRecord, ListenScope, Policy
from auditor.model.sighting import Category, Confidence, Role, Sighting, SightingState
from auditor.policy.approvals import approval_for, listener_approval
from auditor.policy.exceptions import exception_for

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
    return replace(plain, **changes)  # type: ignore[arg-type]


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
        pytest.param(
            ListenScope(), 7070, False, "Approval 'a' is for loopback only (`listen.loopback_only`)", id="net"
        ),
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


def an_exception(**changes: object) -> ExceptionRecord:
    plain = ExceptionRecord(
        id="e",
        control="unapproved_product",
        hosts=("pc-*",),
        subject="product:anydesk",
        reason="r",
        requested_by="ada",
        approved_by="grace",
        start=date(2026, 11, 1),
        end=date(2026, 11, 30),
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("record", "day", "expected"),
    [
        pytest.param(an_exception(), date(2026, 11, 1), True, id="first-day"),
        pytest.param(an_exception(), date(2026, 11, 30), True, id="last-day"),
        pytest.param(an_exception(), date(2026, 12, 1), False, id="the-day-after"),
        pytest.param(an_exception(), date(2026, 10, 31), False, id="the-day-before"),
        pytest.param(an_exception(subject=None), _TODAY, True, id="every-subject"),
        pytest.param(an_exception(subject="product:anydesk/acme"), _TODAY, False, id="another-subject"),
        pytest.param(an_exception(control="exposed_listener"), _TODAY, False, id="another-control"),
        pytest.param(an_exception(hosts=("srv-*",)), _TODAY, False, id="other-hosts"),
        pytest.param(an_exception(hosts=(), groups=("office",)), _TODAY, True, id="group"),
    ],
)
def test_an_exception_covers_what_it_names_while_it_holds(record: ExceptionRecord, day: date, expected: bool) -> None:
    found = exception_for("unapproved_product", _HOST, "product:anydesk", [record], day)
    assert found is (record if expected else None)


def test_of_several_exceptions_the_longest_is_named() -> None:
    short, long = an_exception(id="short"), an_exception(id="long", end=date(2027, 1, 1))
    assert exception_for("unapproved_product", _HOST, "product:anydesk", [long, short], _TODAY) is long
    assert exception_for("unapproved_product", _HOST, "product:anydesk", [short, long], _TODAY) is long


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
