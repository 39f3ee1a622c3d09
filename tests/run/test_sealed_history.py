"""A history that is read in part says what it says when it is read whole."""

import json
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.collect.seal import canonical
from auditor.model.finding import fingerprint
from auditor.policy.lifecycle import carried
from auditor.policy.succession import Succession
from auditor.run.findings import EarlierFindings, finding_from_row
from auditor.run.history import history_text
from auditor.run.sealed_history import findings_told, hosts_told
from auditor.store.store import Store

NAMES = st.sampled_from(["a", "b", "c", "\ud800", "é", '"', "\0", "<"])
ROWS = st.lists(st.fixed_dictionaries(dict.fromkeys(("fingerprint", "host", "control", "subject", "more"), NAMES)))


@given(ROWS, st.dictionaries(NAMES, st.tuples(NAMES, st.none() | NAMES)), st.none() | st.dictionaries(NAMES, ROWS))
def test_what_is_read_is_what_stands_there(
    rows: list[dict[str, str]], hosts: dict[str, tuple[str, str | None]], pasts: dict[str, object] | None
) -> None:
    told = {"hosts": hosts, "findings": rows, "runs": [{"findings": []}]} | ({} if pasts is None else {"pasts": pasts})
    text = canonical(told).decode()
    read = json.loads(text)
    heads = findings_told(text)
    assert [json.loads(bytes(head.row)) for head in heads] == read["findings"]
    assert [(head.fingerprint, head.host, head.control, head.subject) for head in heads] == [
        (row["fingerprint"], row["host"], row["control"], row["subject"]) for row in read["findings"]
    ]
    assert {key: json.loads(told) for key, told in hosts_told(text).items()} == {
        key: [seen, read.get("pasts", {}).get(key)] for key, seen in read["hosts"].items()
    }


def a_row(host: str, number: int, name: str) -> dict[str, object]:
    return {
        "fingerprint": name,
        "host": host,
        "control": "unapproved_product",
        "subject": f"product:p{number}",
        "product": f"p{number}",
        "severity": "high",
        "reason": "it is there",
        "state": "open",
        "first_seen": "2026-10-01T00:00:00Z",
        "failing_since": "2026-10-01T00:00:00Z",
        "due": None,
        "exception": None,
        "owner": None,
        "closed_by": None,
        "closed_at": None,
        "overdue": False,
        "opened_by": "run",
        "reopened": 0,
        "formerly": [],
    }


def test_each_host_gets_the_findings_that_are_carried_to_it_once() -> None:

    def named(host: str, key: str, number: int) -> dict[str, object]:
        subject = f"product:p{number}"
        return a_row(host, number, fingerprint(control="unapproved_product", host_key=key, subject=subject))

    rows = [named("a", "a", 1), named("a", "a", 2), named("old-b", "id-b", 1), named("gone", "gone", 1)]
    scope = [("a", "a"), ("b", "id-b"), ("c", "c")]
    history = canonical({"hosts": {}, "findings": rows}).decode()
    whole = carried([finding_from_row(row) for row in json.loads(history)["findings"]], scope, Succession())
    assert {host: len(found) for host, found in whole.items()} == {"a": 2, "b": 1}
    earlier = EarlierFindings(history, iter(scope), Succession())
    assert {host: earlier.pop(host, key) for host, key in scope} == {"c": {}} | whole
    assert {host: earlier.pop(host, key) for host, key in scope} == {"a": {}, "b": {}, "c": {}}


def test_a_history_is_written_as_canonical_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(Store(str(tmp_path / "store.sqlite"))) as store:
        for rows in ([], [a_row("a", 1, "x")], [a_row("a", 1, "x"), a_row("\ud800", 2, "y")]):
            monkeypatch.setattr(Store, "earlier_findings", lambda *_, rows=rows: iter(rows))
            text = history_text(store, [], source="hosts.yml")
            assert text == canonical(json.loads(text)).decode()
            assert json.loads(text)["findings"] == rows
