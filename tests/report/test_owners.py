"""What each owner has to act on, and the page that says it."""

from pathlib import Path

import pytest

from auditor.report.html import FORMAT, owner_pages
from auditor.report.owners import Owners, owner_names, work_of
from auditor.report.rows import Row
from auditor.report.run_rows import RunRows
from auditor.report.scratch import Scratch
from auditor.report.summary import Problem


def a_line(host: str, owner: str | None, outcome: str = "compliant", fail: int = 0) -> Row:
    return {
        "host": host,
        "owner": owner,
        "outcome": outcome,
        "fail": fail,
        "page": f"{host}.html",
        "complete": outcome != "unreachable",
        "reason": "timeout" if outcome == "unreachable" else None,
        "os": None,
        "site": None,
        "unknown": 0,
        "excepted": 0,
    }


def a_finding(host: str, owner: str | None, due: str | None, severity: str = "high", state: str = "open") -> Row:
    return {
        "host": host,
        "owner": owner,
        "due": due,
        "overdue": due is not None and due < "2026-11-20T06:30:00Z",
        "severity": severity,
        "state": state,
        "exception": "e" if state == "excepted" else None,
        "control": "unapproved_product",
        "subject": "product:x",
        "product": "x",
        "reason": "it is there",
        "failing_since": "2026-10-01T00:00:00Z",
    }


def test_the_first_to_be_closed_stands_at_the_head(tmp_path: Path) -> None:
    lines = [a_line("a", "Web"), a_line("b", "Web", "noncompliant", 2), a_line("c", None), a_line("d", "Data")]
    findings = [
        a_finding("b", "Web", None),
        a_finding("b", "Web", "2026-12-01T00:00:00Z", "low"),
        a_finding("a", "Web", "2026-12-01T00:00:00Z", "critical"),
        a_finding("b", "Web", "2026-11-01T00:00:00Z", "low"),
        a_finding("b", "Web", None, state="excepted"),
        a_finding("b", "Web", None, state="closed"),
        a_finding("b", "Web", "2026-11-02T00:00:00Z", "medium", state="not_observable"),
        a_finding("gone", "Left the company", None),
    ]
    with Scratch(tmp_path) as scratch:
        owners = Owners(owner_pages(lines), scratch)
        for line in lines:
            owners.add_host(line)
        for finding in findings:
            owners.add_finding(finding, f"{finding['host']}.html")
        web, data, nobody = owners.ranked()
        assert [(one["host"], one["severity"], one["due"]) for one in owners.due(web, 9)] == [
            ("b", "low", "2026-11-01T00:00:00Z"),
            ("b", "medium", "2026-11-02T00:00:00Z"),
            ("a", "critical", "2026-12-01T00:00:00Z"),
            ("b", "low", "2026-12-01T00:00:00Z"),
            ("b", "high", None),
        ]
        assert [one["page"] for one in owners.due(web, 3)] == ["b.html", "b.html", "a.html"]
        assert (web.due, web.overdue, web.excepted, web.next_due) == (5, 2, 1, "2026-11-01T00:00:00Z")
        assert [one["exception"] for one in owners.excepted(web, 9)] == ["e"]
        assert [line["host"] for line in owners.hosts(web, 9)] == ["b", "a"]
        assert (data.name, data.next_due, nobody.name, nobody.count) == ("Data", None, None, 1)
        assert list(owners.all_due(data)) == []
    assert list(tmp_path.iterdir()) == []


def test_hosts_that_were_not_reached_are_counted_by_why(tmp_path: Path) -> None:
    lines = [a_line(f"h{number}", "Web", "unreachable") for number in range(8)] + [a_line("x", "Web", "partial")]
    lines[3]["reason"] = lines[5]["reason"] = "authentication"
    with Scratch(tmp_path) as scratch:
        owners = Owners(owner_pages(lines), scratch)
        for line in lines:
            owners.add_host(line)
        (web,) = owners.ranked()
    assert [(reason, group.count, [name for name, _ in group.named]) for reason, group in web.unreached] == [
        ("timeout", 6, ["h0", "h1", "h2", "h4", "h6", "h7"]),
        ("authentication", 2, ["h3", "h5"]),
    ]
    assert (web.count, web.incomplete) == (9, 8)


@pytest.mark.parametrize(
    "owner", ["../../etc/passwd", "CON", "", "<b>", "a" * 300, "\u202e", "x\x00y", "Équipe Réseau", "index.html", ".."]
)
def test_no_owner_chooses_the_name_of_a_file(owner: str) -> None:
    (name,) = owner_pages([{"owner": owner}]).values()
    assert name.startswith("0001-")
    assert name.isascii()
    assert len(name) < 60
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.")


def test_owners_that_look_alike_have_pages_of_their_own() -> None:
    rows = [{"owner": owner} for owner in ("Web", "web", "Web!", None)]
    assert owner_names(rows) == [None, "Web", "Web!", "web"]
    assert owner_pages(rows)[None] == "0000-no-owner.html"
    assert len(set(owner_pages(rows).values())) == 4


def test_every_host_and_every_open_finding_stands_on_the_page_of_its_owner(sample: RunRows, tmp_path: Path) -> None:
    FORMAT.write(sample, tmp_path)
    pages = owner_pages(sample.ledger)
    texts = {owner: (tmp_path / "html" / "owners" / page).read_text(encoding="utf-8") for owner, page in pages.items()}
    harmless = [
        row for row in sample.ledger if row["host"].isascii() and "<" not in row["host"] and "'" not in row["host"]
    ]
    assert [row["host"] for row in harmless if row["host"] not in texts[row["owner"]]] == []
    due = [row for row in sample.findings if row["state"] == "open"]
    assert due
    assert [row["fingerprint"] for row in due if row["due"][:10] not in texts[row["owner"]]] == []
    index = (tmp_path / "html" / "index.html").read_text(encoding="utf-8")
    assert [page for page in pages.values() if f'href="owners/{page}"' not in index] == []


def test_two_products_on_one_port_are_two_things_to_do_each_with_its_own_steps() -> None:
    listening = {"control": "exposed_listener", "subject": "listener:tcp/5900", "reason": "it listens"}
    screen, vnc, gone = (
        a_finding(host, "Web", None) | listening | {"product": product, "page": None}
        for host, product in (("a", "apple-screen-sharing"), ("b", "x11vnc"), ("c", "tightvnc"))
    )
    problem = Problem(
        control="exposed_listener",
        subject="listener:tcp/5900",
        severity="high",
        reason="Screen Sharing listens",
        remediation=["switch it off"],
        said={
            "apple-screen-sharing": ("Screen Sharing listens", ["switch it off"]),
            "x11vnc": ("x11vnc listens", ["bind it to loopback"]),
        },
    )
    work = work_of([screen, vnc, {**vnc, "host": "d"}, gone], {("exposed_listener", "listener:tcp/5900"): problem})
    # Of what no host showed in this run no steps are known: another product's are none of it.
    assert [([host for host, _ in one.hosts.named], list(one.remediation)) for one in work] == [
        (["a"], ["switch it off"]),
        (["b", "d"], ["bind it to loopback"]),
        (["c"], []),
    ]
    problem.reasons |= dict.fromkeys(["Screen Sharing listens", "x11vnc listens"])
    assert problem.other_reasons == ["x11vnc listens"]
    problem.reasons |= dict.fromkeys(["by rule 2", "by rule 3"])
    assert not problem.has_more_reasons
    problem.reasons["by rule 4"] = None
    assert problem.other_reasons == ["x11vnc listens", "by rule 2", "by rule 3"]
    assert problem.has_more_reasons
