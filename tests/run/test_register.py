"""The register of approvals: where each was used, by whom, and which are stale or due."""

from datetime import date, timedelta
from typing import Any

import pytest

from auditor.model.host import HostFacts
from auditor.model.policy import Approval
from auditor.run.register import Register

_TODAY = date(2026, 11, 21)


def an_approval(name: str = "support", **more: Any) -> Approval:
    values: dict[str, Any] = {"product": "anydesk", "reason": "r", "owner": "desk", "review_by": date(2027, 6, 30)}
    return Approval(**{"id": name, **values, **more})


def seen(approval: str | None = "support", nearest: str | None = None, **more: Any) -> dict[str, Any]:
    breaches = [] if nearest is None else [{"approval": nearest, "term": "versions", "told": True, "text": "x"}]
    row: dict[str, Any] = {
        "product": "anydesk",
        "state": "running",
        "version": "7.1",
        "tenant": None,
        "users": ["root"],
    }
    return {**row, "approval": approval, "breaches": breaches, **more}


def a_logon(when: str, *, product: str = "anydesk", succeeded: bool = True) -> dict[str, Any]:
    return {
        "when": when,
        "product": product,
        "user": "ada",
        "source": "192.0.2.7",
        "succeeded": succeeded,
        "record": "x",
    }


def registered(approvals: tuple[Approval, ...], **hosts: dict[str, Any]) -> dict[str, dict[str, Any]]:
    register = Register(approvals, _TODAY)
    for name, row in hosts.items():
        facts = HostFacts(name=name, key=name, groups=tuple(row.pop("groups", [])))
        register.add(facts, {"outcome": "compliant", "sightings": [], "logons": [], **row})
    return register.rows()


def test_each_approval_says_where_it_was_used_and_what_was_seen() -> None:
    rows = registered(
        (an_approval(hosts=("pc*",)),),
        pc1={"sightings": [seen(tenant="ours"), seen(version="7.2", users=None)]},
        pc2={"sightings": [seen(None, "support", version="6", users=["ada"])]},
        pc3={"outcome": "unreachable"},
        srv1={},
    )
    row = rows["support"]
    assert {name: row[name] for name in ("hosts_matched", "hosts_assessed", "hosts_used", "hosts_broken")} == {
        "hosts_matched": 3,
        "hosts_assessed": 2,
        "hosts_used": 2,
        "hosts_broken": 1,
    }
    assert (row["used_on"], row["stale"], row["review"]) == (["pc1", "pc2"], False, "current")
    assert (row["versions_seen"], row["tenants_seen"], row["users_seen"]) == (
        ["6", "7.1", "7.2"],
        ["ours"],
        ["ada", "root"],
    )
    assert (row["reason"], row["owner"], row["hosts"]) == ("r", "desk", ["pc*"])


def test_one_that_matches_no_host_is_stale() -> None:
    rows = registered((an_approval("a", groups=("tills",)), an_approval("b", groups=("pcs",))), pc1={"groups": ["pcs"]})
    assert {name: row["stale"] for name, row in rows.items()} == {"a": True, "b": False}
    assert rows["b"]["hosts_used"] == 0


@pytest.mark.parametrize(
    ("days", "review"),
    [(-1, "past"), (0, "due"), (30, "due"), (31, "current")],
)
def test_a_review_is_past_due_or_neither(days: int, review: str) -> None:
    assert registered((an_approval(review_by=_TODAY + timedelta(days=days)),))["support"]["review"] == review


def test_the_newest_logon_by_the_product_is_named() -> None:
    rows = registered(
        (an_approval(),),
        pc1={"sightings": [seen()], "logons": [a_logon("2026-11-20T08:00:00Z"), a_logon("2026-11-01T08:00:00Z")]},
        pc2={
            "sightings": [seen()],
            "logons": [
                a_logon("2026-11-21T09:00:00Z", succeeded=False),
                a_logon("2026-11-21T08:00:00Z", product="ssh"),
                a_logon("2026-11-19T08:00:00Z"),
            ],
        },
        pc3={"logons": [a_logon("2026-11-21T10:00:00Z")]},
    )
    assert rows["support"]["last_logon"] == {
        "host": "pc1",
        "when": "2026-11-20T08:00:00Z",
        "user": "ada",
        "source": "192.0.2.7",
    }


def test_remains_are_no_use() -> None:
    assert registered((an_approval(),), pc1={"sightings": [seen(state="residual")]})["support"]["hosts_used"] == 0


def test_words_of_hosts_are_bounded() -> None:
    many = [seen(version=f"{number:04}" + "x" * 1000) for number in range(2000)]
    row = registered((an_approval(),), pc1={"sightings": many})["support"]
    assert len(row["versions_seen"]) == 50
    assert max(map(len, row["versions_seen"])) == 200
