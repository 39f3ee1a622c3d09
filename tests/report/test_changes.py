"""What became otherwise between two runs: a table of claims about two findings, and what is never confused."""

import json
from collections.abc import Collection, Mapping
from itertools import product
from typing import Any

import pytest

from auditor.report.changes import COLUMNS, RULES, Cause, Change, Changes, Side, Told, changes_between, flat_rows
from auditor.report.rows import Row
from auditor.report.words import CAUSES, CHANGES

_CONTROL = "unapproved_product"
_SAW_ALL = Told(content="said", judged=frozenset({_CONTROL}))
_BLIND = Told(content="said", judged=frozenset({_CONTROL}), gaps={_CONTROL: "not root"})
_GONE = Told(content=None, unreached="no answer")
_SUSPECTS = Told(content="said", judged=frozenset({_CONTROL}), suspected={_CONTROL: frozenset({"product:anydesk"})})
_NEVER_JUDGED = Told(content="said")


def a_finding(state: str = "open", **more: Any) -> Row:
    row: Row = {
        "fingerprint": "f",
        "host": "pc",
        "control": _CONTROL,
        "subject": "product:anydesk",
        "product": "anydesk",
        "severity": "high",
        "reason": "AnyDesk is running (version 1.2).",
        "owner": "desk",
        "due": None,
        "overdue": False,
        "state": state,
        "exception": "EX-1" if state == "excepted" else None,
        "closed_by": {"kind": "run", "id": "second"} if state == "closed" else None,
        "reopened": 0,
        "formerly": [],
    }
    return row | more


def a_side(
    name: str, *findings: Row, told: Told = _SAW_ALL, hosts: Mapping[str, Row] | None = None, **rules: str
) -> Side:
    in_scope = {"pc": {"name": "pc", "groups": []}} if hosts is None else hosts

    def asked(keys: Collection[str]) -> Mapping[str, Told]:
        assert set(keys) <= set(in_scope)
        return dict.fromkeys(keys, told)

    run = {"id": name, "as_of": name} | dict.fromkeys(RULES, "same") | rules
    return Side(run=run, hosts=in_scope, findings=findings, told=asked)


def between(before: list[Row], after: list[Row], was: Told = _SAW_ALL, now: Told = _SAW_ALL) -> Changes:
    return changes_between(a_side("first", *before, told=was), a_side("second", *after, told=now))


_OPEN, _EXCEPTED, _CLOSED, _UNSEEN = (a_finding(s) for s in ("open", "excepted", "closed", "not_observable"))
_BACK = a_finding(reopened=1)


@pytest.mark.parametrize(
    ("before", "after", "change", "fails_newly"),
    [
        pytest.param([], [_OPEN], "new", True, id="new"),
        pytest.param([], [_EXCEPTED], "new", False, id="new-and-accepted-is-no-new-violation"),
        pytest.param([], [_UNSEEN], "new", True, id="opened-meanwhile-and-not-seen-now"),
        pytest.param([], [_CLOSED], "came_and_went", False, id="opened-and-closed-meanwhile"),
        pytest.param([_OPEN], [_OPEN], None, False, id="still-open"),
        pytest.param([_OPEN], [_CLOSED], "resolved", False, id="resolved"),
        pytest.param([_EXCEPTED], [_CLOSED], "resolved", False, id="an-accepted-one-is-gone"),
        pytest.param([_UNSEEN], [_CLOSED], "resolved", False, id="seen-to-be-gone-at-last"),
        pytest.param([_OPEN], [_UNSEEN], "not_observable", False, id="not-seen-is-not-resolved"),
        pytest.param([_EXCEPTED], [_UNSEEN], "not_observable", False, id="nor-is-an-accepted-one"),
        pytest.param([_UNSEEN], [_UNSEEN], None, False, id="still-not-seen"),
        pytest.param([_UNSEEN], [_OPEN], "changed", False, id="seen-again-was-never-gone"),
        pytest.param([_OPEN], [_EXCEPTED], "changed", False, id="accepted"),
        pytest.param([_EXCEPTED], [_OPEN], "changed", True, id="no-longer-accepted-fails-again"),
        pytest.param([_CLOSED], [_BACK], "reopened", True, id="came-back"),
        pytest.param([_OPEN], [_BACK], "reopened", True, id="closed-and-back-meanwhile"),
        pytest.param([_CLOSED], [a_finding("not_observable", reopened=1)], "reopened", True, id="back-and-unseen"),
        pytest.param([_CLOSED], [a_finding("excepted", reopened=1)], "reopened", False, id="back-and-accepted"),
        pytest.param([_OPEN], [a_finding("closed", reopened=1)], "came_and_went", False, id="back-and-gone"),
        pytest.param([_CLOSED], [_CLOSED], None, False, id="still-closed"),
        pytest.param([_CLOSED], [], None, False, id="closed-and-forgotten"),
        pytest.param([_OPEN], [], "resolved", False, id="unknown-to-a-run-that-saw-all"),
        pytest.param([_CLOSED], [_OPEN], "reopened", True, id="of-runs-that-do-not-go-on-from-each-other"),
    ],
)
def test_what_became_of_a_finding(before: list[Row], after: list[Row], change: str | None, fails_newly: bool) -> None:
    changes = between(before, after)
    assert [row["change"] for row in changes.rows] == ([] if change is None else [change])
    assert changes.new_violations == fails_newly


@pytest.mark.parametrize("told", [_BLIND, _GONE, _SUSPECTS, _NEVER_JUDGED], ids=["gap", "host", "suspected", "never"])
def test_what_a_run_could_not_have_seen_it_did_not_resolve(told: Told) -> None:
    """The second run knows nothing of it: it does not go on from the first."""
    (row,) = between([_OPEN], [], now=told).rows
    assert row["change"] == Change.NOT_OBSERVABLE
    assert row["detail"]
    (row,) = between([], [_OPEN], was=told).rows
    assert row["change"] == Change.NEW
    assert row["detail"].startswith("may be older")


def test_every_pair_of_states_is_decided_and_nothing_unseen_is_resolved() -> None:
    states = [None, "open", "excepted", "closed", "not_observable"]
    for old, new in product(states, states):
        before, after = ([] if state is None else [a_finding(state)] for state in (old, new))
        for was, now in product((_SAW_ALL, _BLIND, _GONE), repeat=2):
            rows = between(before, after, was, now).rows
            assert len(rows) <= 1
            if rows and rows[0]["change"] == Change.RESOLVED:
                assert new == "closed" or (new is None and now is _SAW_ALL)
            if rows and rows[0]["fails_newly"]:
                assert new in ("open", "not_observable")
            if old == "open" and new is None and now is not _SAW_ALL:
                assert rows[0]["change"] == Change.NOT_OBSERVABLE


@pytest.mark.parametrize(
    ("more", "fields"),
    [
        pytest.param({"severity": "critical"}, ["severity"], id="severity"),
        pytest.param({"owner": "security"}, ["owner"], id="owner"),
        pytest.param({"due": "2026-12-01T00:00:00Z"}, ["due"], id="due"),
        pytest.param({"reason": "AnyDesk is running (version 1.3)."}, [], id="another-version-is-no-other-reason"),
        pytest.param({"reason": "AnyDesk is installed (version 1.2)."}, ["reason"], id="another-reason"),
        pytest.param({"state": "excepted", "exception": "EX-1"}, ["state", "exception"], id="accepted"),
    ],
)
def test_what_changed_is_named(more: Row, fields: list[str]) -> None:
    rows = between([_OPEN], [a_finding(**more)]).rows
    assert [row["fields"] for row in rows] == ([fields] if fields else [])
    assert all(f"{name}: " in row["detail"] for row in rows for name in fields)


def test_another_exception_is_a_change_and_no_violation() -> None:
    changes = between([_EXCEPTED], [a_finding("excepted", exception="EX-2")])
    assert [row["detail"] for row in changes.rows] == ["exception: EX-1 → EX-2"]
    assert changes.new_violations == 0


def test_hosts_that_one_run_alone_has_in_scope_resolve_nothing_and_are_not_new() -> None:
    hosts: dict[str, Row] = {name: {"name": name, "groups": []} for name in ("a", "b", "c")}
    before = a_side("first", a_finding(host="a", fingerprint="a"), hosts={key: hosts[key] for key in ("a", "b")})
    after = a_side(
        "second",
        a_finding(host="c", fingerprint="c"),
        a_finding("closed", host="c", fingerprint="g"),
        hosts={key: hosts[key] for key in ("b", "c")},
    )
    changes = changes_between(before, after)
    assert (changes.added, changes.removed) == (("c",), ("a",))
    assert {(row["host"], row["change"]) for row in changes.rows} == {("a", "out_of_scope"), ("c", "out_of_scope")}
    assert changes.new_violations == 0


def test_a_host_that_was_renamed_stays_the_same_host() -> None:
    before = a_side("first", a_finding(), hosts={"asset-7": {"name": "pc", "groups": []}})
    after = a_side("second", a_finding(host="desk"), hosts={"asset-7": {"name": "desk", "groups": []}})
    changes = changes_between(before, after)
    assert (changes.rows, changes.added, changes.removed) == ((), (), ())
    assert changes.renamed == (("pc", "desk"),)


def test_hosts_that_took_each_other_s_name_keep_their_own_findings() -> None:
    def scope(*names: str) -> dict[str, Row]:
        return {f"asset-{number}": {"name": name, "groups": []} for number, name in enumerate(names)}

    one, other, third = (a_finding(host=name, fingerprint=f"of-{number}") for number, name in enumerate("abc"))
    before = a_side("first", third, other, one, hosts=scope("a", "b", "c", "d"))
    swapped = [
        one | {"host": "b"},
        other | {"host": "a"},
        third | {"host": "d"},
        a_finding(host="c", fingerprint="new"),
    ]
    after = a_side("second", *swapped, hosts=scope("b", "a", "d", "c"))
    changes = changes_between(before, after)
    assert [(row["host"], row["change"], row["fingerprint"]) for row in changes.rows] == [("c", "new", "new")]
    assert changes.renamed == (("a", "b"), ("b", "a"), ("c", "d"), ("d", "c"))
    back = changes_between(after, before)
    assert [(row["host"], row["change"], row["fingerprint"]) for row in back.rows] == [("c", "resolved", "new")]


def test_a_finding_is_found_by_the_names_it_had() -> None:
    new = a_finding(fingerprint="n", control="successor", formerly=["f"])
    (row,) = between([_OPEN], [new]).rows
    assert (row["change"], row["fields"], row["fingerprint"]) == ("changed", ["control"], "n")
    # Two that became one are one: the other is not resolved.
    assert [row["change"] for row in between([_OPEN, a_finding(fingerprint="n")], [new]).rows] == ["changed"]


_OTHER = Told(content="something else", judged=frozenset({_CONTROL}))


@pytest.mark.parametrize(
    ("now", "rules", "groups", "cause"),
    [
        pytest.param(_SAW_ALL, {}, [], "time", id="nothing-else-differs"),
        pytest.param(_SAW_ALL, {}, ["lab"], "inventory", id="other-groups"),
        pytest.param(_SAW_ALL, {"policy": "p"}, [], "rules", id="another-policy"),
        pytest.param(_SAW_ALL, {"tool_version": "2"}, ["lab"], "rules", id="another-version"),
        pytest.param(_OTHER, {}, [], "evidence", id="the-host-says-something-else"),
        pytest.param(_OTHER, {"catalogue": "c"}, [], "undecided", id="both"),
        pytest.param(_GONE, {}, [], "evidence", id="not-reached-now"),
    ],
)
def test_why_it_is_new_is_told_as_far_as_it_can_be(
    now: Told, rules: dict[str, str], groups: list[str], cause: str
) -> None:
    after = a_side("second", _OPEN, told=now, hosts={"pc": {"name": "pc", "groups": groups}}, **rules)
    changes = changes_between(a_side("first"), after)
    assert [row["cause"] for row in changes.rows] == [cause]
    assert [rule.name for rule in changes.rules] == list(rules)


def test_findings_are_sorted_by_what_became_of_them_and_how_grave_they_are() -> None:
    after = [
        a_finding(fingerprint="1", severity="low", host="pc"),
        a_finding(fingerprint="2", severity="critical", host="pc"),
        a_finding("closed", fingerprint="3"),
    ]
    rows = between([a_finding(fingerprint="3")], after).rows
    assert [(row["change"], row["severity"]) for row in rows] == [
        ("new", "critical"),
        ("new", "low"),
        ("resolved", "high"),
    ]


def test_flat_rows_have_one_shape() -> None:
    before = a_side("first", a_finding(host="a"), hosts={"a": {"name": "a", "groups": []}})
    after = a_side("second", a_finding(host="b", fingerprint="b"), hosts={"b": {"name": "b", "groups": []}}, policy="p")
    rows = list(flat_rows(changes_between(before, after)))
    assert {tuple(row) for row in rows} == {COLUMNS}
    assert [row["change"] for row in rows] == ["rules", "host_added", "host_removed", "out_of_scope", "out_of_scope"]
    json.dumps(rows)


def test_every_word_is_explained() -> None:
    assert list(CHANGES) == [change.value for change in Change]
    assert list(CAUSES) == [cause.value for cause in Cause]
