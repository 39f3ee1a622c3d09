"""Several sets of evidence are one fleet: the newest evidence counts, and what was passed over is said."""

import itertools
import json
from pathlib import Path

import pytest

from auditor.collect.seal import canonical
from auditor.errors import Reason, UsageError
from auditor.model.ledger import PassedOverWhy
from auditor.run.merge import Chosen, in_order, merged, merged_history
from auditor.run.open_bundle import Bundle
from tests.run.evidence_sets import Seen, make_set

OLD, NEW = "SHA256:the-first-key", "SHA256:another-key"


def sets(folder: Path, **hosts: list[Seen]) -> list[Bundle]:
    """Make sets of evidence, each begun a minute after the one before."""
    return [Bundle(make_set(folder / name, seen, minutes=number)) for number, (name, seen) in enumerate(hosts.items())]


def told(one: Chosen) -> list[tuple[str, str, PassedOverWhy]]:
    return [(other.run, other.host, other.why) for other in one.passed_over]


@pytest.mark.parametrize(
    ("first", "second", "origin", "why"),
    [
        pytest.param(Seen(name="web", minutes=1), Seen(name="web", minutes=2), "b", "older", id="the-newer-counts"),
        pytest.param(Seen(name="web", minutes=2), Seen(name="web", minutes=1), "a", "older", id="not-the-newer-set"),
        pytest.param(
            Seen(name="web", minutes=1),
            Seen(name="web", reason=Reason.TIMEOUT),
            "a",
            "no_answer",
            id="older-than-silence",
        ),
        pytest.param(
            Seen(name="web", reason=Reason.DNS), Seen(name="web", minutes=1), "b", "no_answer", id="newer-than-silence"
        ),
        pytest.param(
            Seen(name="web", reason=Reason.DNS),
            Seen(name="web", reason=Reason.TIMEOUT),
            "b",
            "no_answer",
            id="silent-twice",
        ),
        pytest.param(Seen(name="web"), Seen(name="web"), "b", "same_evidence", id="the-same-evidence-twice"),
    ],
)
def test_the_newest_evidence_counts_and_the_other_is_said(
    tmp_path: Path, first: Seen, second: Seen, origin: str, why: str
) -> None:
    (one,) = merged(sets(tmp_path, a=[first], b=[second]))
    (other,) = {"a", "b"} - {origin}
    assert one.bundle.id == origin
    assert told(one) == [(other, "web", PassedOverWhy(why))]
    assert one.passed_over[0].reason == {"a": first, "b": second}[other].reason
    assert one.conflicts == ()


def test_two_answers_of_one_instant_are_chosen_the_same_in_any_order(tmp_path: Path) -> None:
    folders = [
        make_set(tmp_path / name, [Seen(name="web", text=f"said to {name}\n"), Seen(name=name)]) for name in "abc"
    ]
    found = set()
    for order in itertools.permutations(folders):
        hosts = merged(in_order(map(Bundle, order)))
        (web,) = [one for one in hosts if one.name == "web"]
        assert {other.why for other in web.passed_over} == {PassedOverWhy.SAME_INSTANT}
        found.add((web.bundle.id, tuple(other.run for other in web.passed_over), tuple(one.name for one in hosts)))
    assert len(found) == 1


def test_a_set_that_is_named_twice_is_refused(tmp_path: Path) -> None:
    folder = make_set(tmp_path / "a", [Seen(name="web")])
    with pytest.raises(UsageError, match="the same set of evidence: name it once"):
        in_order([Bundle(folder), Bundle(folder)])
    other = make_set(tmp_path / "elsewhere" / "a", [Seen(name="db")])
    with pytest.raises(UsageError, match="both called a, and differ"):
        in_order([Bundle(folder), Bundle(other)])


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()


def test_a_host_that_shows_another_key_is_said_with_both(tmp_path: Path) -> None:
    (one,) = merged(sets(tmp_path, a=[Seen(name="web", host_key=OLD)], b=[Seen(name="web", minutes=1, host_key=NEW)]))
    (doubt,) = one.conflicts
    assert f"{OLD} (web of a)" in doubt
    assert f"{NEW} (web of b)" in doubt
    assert one.bundle.id == "b"


def test_a_host_that_was_renamed_is_one_machine_by_its_identity(tmp_path: Path) -> None:
    before = [Seen(name="web", key="cmdb-7", host_key=OLD), Seen(name="db")]
    after = [Seen(name="web-01", key="cmdb-7", minutes=1, host_key=OLD)]
    db, web = merged(sets(tmp_path, a=before, b=after))
    assert (db.name, web.name) == ("db", "web-01")
    assert told(web) == [("a", "web", PassedOverWhy.OLDER)]
    assert web.conflicts == ("one host by its auditor_host_id 'cmdb-7': web of a and web-01 of b",)


def test_two_machines_under_one_identity_are_refused(tmp_path: Path) -> None:
    made = sets(
        tmp_path,
        a=[Seen(name="web", key="cmdb-7", host_key=OLD)],
        b=[Seen(name="db", key="cmdb-7", minutes=1, host_key=NEW)],
    )
    with pytest.raises(UsageError, match="two machines under one auditor_host_id") as refused:
        merged(made)
    assert OLD in str(refused.value)
    assert NEW in str(refused.value)


def test_one_name_under_two_identities_is_refused(tmp_path: Path) -> None:
    made = sets(tmp_path, a=[Seen(name="web", key="cmdb-7")], b=[Seen(name="web", key="cmdb-8")])
    with pytest.raises(UsageError, match="one name for two hosts"):
        merged(made)


class Told:
    """A set of evidence, as far as its history goes."""

    def __init__(self, text: str | None) -> None:
        self._text = text

    def text(self, _name: str) -> str | None:
        return self._text


def test_what_a_store_and_sets_know_is_put_together() -> None:
    def known(first: str, last: str | None, state: str, seen: str) -> str:
        finding = {"fingerprint": "f", "host": "web", "state": state, "first_seen": seen}
        return json.dumps({"hosts": {"web": [first, last]}, "findings": [finding]})

    store = known("2026-01-01T00:00:00Z", "2026-03-01T00:00:00Z", "closed", "2026-01-01T00:00:00Z")
    site = known("2026-02-01T00:00:00Z", "2026-02-01T00:00:00Z", "open", "2026-02-01T00:00:00Z")
    together = json.loads(merged_history(store, [Told(None), Told(site)]))  # type: ignore[list-item]
    assert together["hosts"] == {"web": ["2026-01-01T00:00:00Z", "2026-03-01T00:00:00Z"]}
    (finding,) = together["findings"]
    assert (finding["state"], finding["first_seen"]) == ("open", "2026-01-01T00:00:00Z")


def test_sets_that_know_of_no_run_before_them_leave_what_the_store_knows_as_it_is() -> None:
    seen = "2026-01-01T00:00:00Z"
    findings = [{"fingerprint": name, "host": name, "state": "open", "first_seen": seen} for name in "ab"]
    store = canonical({"hosts": {"b": [seen, None], "a": [seen, seen]}, "findings": findings, "pasts": {}, "runs": []})
    nothing = [Told(None), Told('{"findings":[],"hosts":{}}'), Told('{"findings":[],"hosts":{},"pasts":{},"runs":[]}')]
    assert merged_history(store.decode(), nothing) == store.decode()  # type: ignore[arg-type]
    # A set that knows a host has all of it put together, and that comes to the same.
    also = [*nothing, Told(json.dumps({"findings": [], "hosts": {"a": [seen, None]}}))]
    assert merged_history(store.decode(), also) == store.decode()  # type: ignore[arg-type]
