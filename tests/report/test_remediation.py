"""How long violations lasted and what closed them: nothing is a plan's work, or quick, that is not shown to be."""

from pathlib import Path

import pytest

from auditor.model.record import replace
from auditor.report.host_page import HostPages
from auditor.report.html import FORMAT
from auditor.report.remediation import Remediation
from auditor.report.rows import Row
from auditor.report.run_rows import RunRows
from tests.report.test_html_single import Page

HOST = "db-01.example.net"


def closed(rows: RunRows) -> tuple[Row, Row]:
    """Return the finding that a plan closed, and the other one that is closed."""
    one, other = (finding for finding in rows.findings if finding["state"] == "closed")
    return one, other


def test_a_closed_finding_took_from_its_first_failure_to_the_run_that_found_it_gone(remediated: RunRows) -> None:
    one, _ = closed(remediated)
    assert Remediation.of(remediated).took(one) == 19 * 86400


def test_one_that_came_back_took_from_then_on_and_where_that_is_lost_no_time_is_said(remediated: RunRows) -> None:
    one, other = closed(remediated)
    remediation = Remediation.of(remediated)
    assert remediation.took(other) is None
    assert remediation.took(other | {"opened_by": one["opened_by"]}) == 19 * 86400
    (times,) = (times for times in remediation.times() if times.severity == "medium")
    assert (times.closed, list(times.took), times.median, times.longest) == (1, [], None, None)


def test_times_stand_beside_the_age_of_what_is_open(remediated: RunRows) -> None:
    by = {times.severity: times for times in Remediation.of(remediated).times()}
    assert list(by) == ["critical", "high", "medium"]
    assert (by["critical"].closed, by["critical"].by_plan, by["critical"].median) == (1, 1, 19 * 86400)
    assert (len(by["high"].ages), by["high"].overdue, by["high"].oldest) == (2, 2, 34 * 86400)


@pytest.mark.parametrize(
    ("run", "changed", "is_plans"),
    [
        pytest.param({}, "2026-10-19T06:30:00Z", True, id="a-run-that-proves-the-plan-after-its-change"),
        pytest.param({}, "2026-10-21T06:30:00Z", False, id="gone-before-the-plan-changed-anything"),
        pytest.param({}, None, False, id="the-plan-changed-nothing"),
        pytest.param({"remediation": None}, "2026-10-19T06:30:00Z", False, id="an-audit-like-any-other"),
        pytest.param({"remediation": "ee" * 32}, "2026-10-19T06:30:00Z", False, id="another-plan"),
    ],
)
def test_a_plan_closed_it_only_where_a_run_that_proves_the_plan_found_it_gone_after_the_change(
    remediated: RunRows, run: Row, changed: str | None, *, is_plans: bool
) -> None:
    one, _ = closed(remediated)
    plan = remediated.plans()[0]
    applied = plan | {"hosts": [plan["hosts"][0] | {"changed_at": changed}]}
    runs = {name: row | (run if row["remediation"] else {}) for name, row in remediated.runs().items()}
    rows = replace(remediated, plans=lambda: [applied], runs=lambda: runs)
    assert Remediation(rows).closing_plan(one) == (plan["plan"] if is_plans else None)


def test_a_finding_is_found_by_a_name_that_it_went_by(remediated: RunRows) -> None:
    _, other = closed(remediated)
    plan = remediated.plans()[0]
    (host, *_) = plan["hosts"]
    about = host | {"findings": [host["findings"][0] | {"fingerprint": other["formerly"][0]}]}
    rows = replace(remediated, plans=lambda: [plan | {"hosts": [about]}])
    found = Remediation.of(rows).finding(other["formerly"][0])
    assert found is not None
    assert found["fingerprint"] == other["fingerprint"]


@pytest.fixture(scope="module")
def pages(remediated: RunRows, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    place = tmp_path_factory.mktemp("remediated")
    FORMAT.write(remediated, place)
    files = [place / "html" / "index.html", *(place / "html" / "hosts").iterdir()]
    return {file.name: " ".join(Page(file.read_text(encoding="utf-8")).text.split()) for file in files}


@pytest.mark.parametrize(
    "sentence",
    [
        pytest.param("Critical 1 1 19.0 days 19.0 days 2 0 new in this run", id="times"),
        pytest.param("Medium 1 0 — 1 without a known start — 0 0 —", id="no-start-no-time"),
        pytest.param("Planned by m.okafor, 2026-10-19 06:30 UTC, from run 2026-10-01T063000Z-aaaa", id="planner"),
        pytest.param('Approved by c.brandt⟨U+202E⟩"><img src=x onerror=alert(3)>', id="approver-as-text"),
        pytest.param("1 not closed; 1 not in this run's scope", id="hosts"),
        pytest.param("The rest was not tried: 1 of 2 hosts tried have failed, more than 20%.", id="stopped"),
        pytest.param("looked at again in run 2026-10-20T063000Z-1b2c by w.tran", id="who-verified"),
        pytest.param("a1 was running. a1a1a1a1a1a1 Critical Closed Closed 2026-10-20 06:30 UTC 19.0 days", id="closed"),
        pytest.param("is reachable: no packet filter is loaded. 4eb7653c71e5 Critical Open Open —", id="open"),
        pytest.param("17 events of its journal, up to the end of this run", id="part-of-the-journal"),
        pytest.param("Its journal does not hold its journal does not hold", id="a-journal-that-does-not-hold"),
    ],
)
def test_the_fleet_page_says_what_became_of_plans(pages: dict[str, str], sentence: str) -> None:
    assert sentence in pages["index.html"]


@pytest.mark.parametrize(
    "sentence",
    [
        pytest.param(
            "auditor remediate plan --run 2026-11-20T063000Z-7f3a --host db-01.example.net -o plan.yml", id="command"
        ),
        pytest.param("In a plan: playbooks/stop_service.yml, then playbooks/remove_product.yml.", id="playbooks"),
        pytest.param("Not in a plan: no playbook closes this ⟨U+202E⟩", id="left-to-hands"),
        pytest.param("Planned by m.okafor approved by c.brandt", id="people"),
        pytest.param("Closed a1 was running.", id="closed-finding"),
        pytest.param("by run 2026-10-20T063000Z-1b2c plan 3f3f3f3f3f3f after 19.0 days", id="closed-by"),
        pytest.param("came back 1 time", id="came-back"),
        pytest.param("High · Only approved remote-access software is on the host · 99f194afad4d 2026-10-17", id="old"),
        pytest.param("2026-10-01 not there on 2026-09-01 2026-11-20 Seen in this run", id="product-came"),
        pytest.param("Gone since 2026-11-02 came back on 2026-11-01, after it had been gone on", id="product-went"),
        pytest.param("203.0.113.9:51034 came in to 10.1.0.9:5900 tcp Outside of the networks", id="session-outside"),
        pytest.param("state not told: it may be over Not told the policy names no network", id="session-not-told"),
        pytest.param("x11vnc of root nopw x11vnc /x11vnc processes.proc Breaks unapproved_product", id="setting"),
        pytest.param("The first 2 of 700: hosts.jsonl holds the first 300.", id="settings-cut-in-words"),
    ],
)
def test_a_host_page_says_it(pages: dict[str, str], sentence: str) -> None:
    (text,) = (text for name, text in pages.items() if "db-01" in name)
    assert sentence in text


def test_a_run_without_plans_says_so(sample: RunRows, tmp_path: Path) -> None:
    FORMAT.write(sample, tmp_path)
    text = " ".join(Page((tmp_path / "html" / "index.html").read_text(encoding="utf-8")).text.split())
    assert "No plan was applied to hosts of this scope before this run ended." in text


def test_rows_of_an_earlier_version_say_what_they_do_not_hold(sample: RunRows, tmp_path: Path) -> None:
    lacking = ("connections", "connection_count", "settings", "setting_count")
    kept = [{key: value for key, value in host.items() if key not in lacking} for host in sample.hosts()]
    rows = replace(sample, hosts=lambda: iter(kept))
    FORMAT.write(rows, tmp_path)
    (file,) = (tmp_path / "html" / "hosts").glob("*db-01*")
    text = " ".join(Page(file.read_text(encoding="utf-8")).text.split())
    assert "The version that made this run kept no connections in its results." in text
    assert "The version that made this run kept no settings in its results." in text


@pytest.mark.parametrize("name", ["web 1", "a;reboot", "$(x)"])
def test_a_command_is_quoted_for_the_shell(sample: RunRows, name: str) -> None:
    (host,) = (host for host in sample.hosts() if host["host"] == HOST)
    view = HostPages(sample, Remediation(sample)).view(host | {"host": name}, ())
    assert view["plan_command"] == f"auditor remediate plan --run {sample.run['id']} --host '{name}' -o plan.yml"


def test_a_name_that_cannot_be_typed_as_it_is_shown_is_in_no_command(sample: RunRows) -> None:
    (host,) = (host for host in sample.hosts() if host["host"] == HOST)
    assert HostPages(sample, Remediation(sample)).view(host | {"host": "web\u202e1"}, ())["plan_command"] is None
