"""A fleet of Windows hosts through the whole of ``auditor audit``: what is found is what was planted, and no more.

The hosts are WS-Man servers in this process; each answers as another Windows. The audit is the real command in a
process of its own.
"""

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.winrm.fleet import FLEET, POLICY
from tests.winrm.planted import Planted
from tests.winrm.running import auditor, row_of, serve_answer
from tests.winrm.server import user_file

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Audited:
    """The fleet after its audit."""

    folder: Path
    status: int
    said: str
    results: Row
    hosts: Mapping[str, Row] = field(default_factory=dict)

    def verdicts(self, host: str) -> dict[str, str]:
        return {row["control"]: row["verdict"] for row in self.hosts[host]["verdicts"]}

    def row(self, host: str, control: str) -> Row:
        found: Row = next(one for one in self.hosts[host]["verdicts"] if one["control"] == control)
        return found


def _read(folder: Path, place: str, ran: subprocess.CompletedProcess[str]) -> Audited:
    (file,) = (folder / place).rglob("results.json")
    results = json.loads(file.read_text())
    hosts = {row["host"]: row for row in results["hosts"]}
    return Audited(folder=file.parent, status=ran.returncode, said=ran.stderr, results=results, hosts=hosts)


@pytest.fixture(scope="module")
def fleet_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("windows")


@pytest.fixture(scope="module")
def audited(fleet_folder: Path) -> Iterator[Audited]:
    """Audit the fleet once."""
    folder = fleet_folder
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        patch.setenv("NTLM_USER_FILE", str(user_file(folder)))
        rows = [
            row_of(
                planted.host.name,
                serve_answer(stack, folder / planted.host.name, planted.answer()),
                groups=list(planted.groups),
            )
            for planted in FLEET
        ]
        (folder / "hosts.yml").write_text(yaml.safe_dump(rows))
        (folder / "policy.yml").write_text(yaml.safe_dump(POLICY))
        ran = auditor(folder, "audit", "-i", "hosts.yml", "-p", "policy.yml", "-o", "reports")
        assert ran.returncode in (1, 3), ran.stderr
        yield _read(folder, "reports", ran)


@pytest.mark.parametrize("planted", FLEET, ids=[one.host.name for one in FLEET])
def test_each_host_ends_as_it_should(audited: Audited, planted: Planted) -> None:
    row = audited.hosts[planted.host.name]
    assert (row["reason"], row["detail"] if row["reason"] else None) == (
        planted.reason,
        row["detail"] if row["reason"] else None,
    )
    if planted.reason is None:
        assert row["os"]["family"] == "windows"


@pytest.mark.parametrize("planted", [one for one in FLEET if one.reason is None], ids=lambda one: one.host.name)
def test_sightings_listeners_and_verdicts_are_what_was_planted(audited: Audited, planted: Planted) -> None:
    row = audited.hosts[planted.host.name]
    seen = {(one["product"], one["state"], one["confidence"], one["tenant"]) for one in row["sightings"]}
    assert seen == planted.sightings
    listeners = {
        (one["port"], one["product"], one["reachability"]) for one in row["listeners"] if one["product"] is not None
    }
    assert listeners == planted.listeners
    verdicts = audited.verdicts(planted.host.name)
    failed = {name for name, verdict in verdicts.items() if verdict == "fail"}
    assert failed == planted.fails
    assert {name for name, verdict in verdicts.items() if verdict == "unknown"} == planted.unknown


def test_a_clean_host_asked_as_an_administrator_has_no_unknown_verdict(audited: Audited) -> None:
    verdicts = audited.verdicts("win-clean")
    assert set(verdicts.values()) == {"pass", "not_applicable"}
    assert audited.hosts["win-clean"]["outcome"] == "compliant"
    # Every reader of Windows is written from documentation, and each pass says so.
    for name, verdict in verdicts.items():
        row = audited.row("win-clean", name)
        assert verdict != "pass" or (row["documented"] and not row["proven"] and row["rests_on"]), name


def test_a_limited_account_passes_nothing_that_an_administrator_would_not(audited: Audited) -> None:
    full, less = audited.verdicts("win-anydesk-open"), audited.verdicts("win-limited")
    gained = {name for name, verdict in less.items() if verdict == "pass" and full[name] != "pass"}
    assert gained == set()
    assert less["host_filter"] == less["software_installers"] == "unknown"


def test_the_words_of_a_windows_host_are_those_of_windows(audited: Audited) -> None:
    for name, row in audited.hosts.items():
        told = json.dumps(row["verdicts"]) + json.dumps([section["advice"] for section in row["sections"]])
        assert "sudo" not in told, name
        assert "visudo" not in told, name
    page = next((audited.folder / "html").rglob("*clean*.html")).read_text()
    assert "an administrator" in page


def test_the_ruling_rule_is_quoted(audited: Audited) -> None:
    (violation,) = audited.row("win-anydesk-open", "exposed_listener")["violations"]
    assert "open-anydesk" in violation["reason"]
    assert any("open-anydesk" in quote["quote"] for quote in violation["proof"])
    assert any("Set-NetFirewallRule" in step for step in violation["remediation"])


def test_removal_is_told_in_the_words_of_the_host_and_as_such(audited: Audited) -> None:
    (violation,) = audited.row("win-anydesk", "unapproved_product")["violations"]
    (step,) = [one for one in violation["remediation"] if "Settings > Apps" in one]
    assert "--uninstall" in step
    assert "read that before anybody runs it" in step


def test_names_that_are_markup_or_formulas_do_no_harm(audited: Audited) -> None:
    for file in audited.folder.rglob("*"):
        if file.suffix == ".html":
            assert "<script>alert" not in file.read_text(), file
        if file.suffix == ".csv":
            cells = file.read_text().replace('"', "").replace("\n", ",").split(",")
            assert not [cell for cell in cells if cell.startswith(("=cmd", "@SUM", "+cmd"))], file


def test_old_evidence_is_judged_anew_without_a_host(audited: Audited, fleet_folder: Path) -> None:
    limit = {"limit": "users_logged_off", "reason": "No host is changed", "owner": "it"}
    limit |= {"approved_by": "ciso", "start": "2026-06-01", "end": "2027-05-31"}
    stricter = POLICY | {
        "accepted_limits": [limit],
        "networks": {**POLICY["networks"], "filter_outbound": True},
        "settings": {
            **POLICY["settings"],
            "execution_control": "allowlist",
            "user_installs": False,
            "unsigned_exceptions": "admit",
        },
    }
    (fleet_folder / "strict.yml").write_text(yaml.safe_dump(stricter))
    ran = auditor(fleet_folder, "assess", str(audited.folder), "-p", "strict.yml", "-o", "again")
    assert ran.returncode in (1, 3), ran.stderr
    again = _read(fleet_folder, "again", ran)
    for planted in FLEET:
        if planted.reason is None and planted.strict is not None:
            verdicts = again.verdicts(planted.host.name)
            told = {name: verdicts[name] for name in planted.strict}
            assert told == planted.strict, planted.host.name


def test_the_rule_of_applocker_that_let_a_product_run_is_quoted(audited: Audited, fleet_folder: Path) -> None:
    (fleet_folder / "allowlist.yml").write_text(
        yaml.safe_dump(POLICY | {"settings": {**POLICY["settings"], "execution_control": "allowlist"}})
    )
    ran = auditor(fleet_folder, "assess", str(audited.folder), "-p", "allowlist.yml", "-o", "allowlist")
    again = _read(fleet_folder, "allowlist", ran)
    (violation,) = again.row("win-applocker-anydesk", "execution_control")["violations"]
    assert "the rule 'Program Files' of AppLocker for S-1-1-0 lets it run" in violation["reason"]
    assert any(quote["quote"].startswith('<FilePathRule Id="00000001-6e17') for quote in violation["proof"])


def test_a_bundle_of_windows_hosts_verifies_and_computes_again(audited: Audited, fleet_folder: Path) -> None:
    ran = auditor(fleet_folder, "verify", str(audited.folder), "--recompute")
    assert ran.returncode == 0, ran.stdout + ran.stderr
