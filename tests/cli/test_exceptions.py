"""Exceptions from the key to the register: made, signed, forged, audited with, listed."""

import csv
import io
import json
import stat
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from auditor.cli.main import main
from auditor.report.csv_tables import TABLES
from auditor.trust.keys import key_of_line
from auditor.trust.signing import read_private
from tests.trust.openssh import keygen, needs_ssh_keygen, new_key

_DEMO = Path(__file__).parents[2] / "auditor" / "demo"
_TODAY = datetime.now(UTC).date()
Row = dict[str, Any]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder with a policy, people, exceptions and one host that was recorded."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AUDITOR_STORE", str(tmp_path / "store.sqlite"))
    Path("policies").mkdir()
    Path("policies/policy.yml").write_text("name: Ours\nnetworks: {require_filter: false}\n")
    host = {"host": "press-7", "connection": "replay", "replay": str(_DEMO / "press-7.probe"), "address": "192.0.2.1"}
    Path("hosts.yml").write_text(yaml.safe_dump([host]))
    Path("policies/exceptions.yml").write_text(exceptions_text())


def exceptions_text(**changes: object) -> str:
    said: Row = {
        "control": "unapproved_product",
        "hosts": ["press-7"],
        "product": "x11vnc",
        "reason": "The press can be watched through it only",
        "requested_by": "Ada Lovelace",
        "approved_by": "Grace Hopper",
        "start": (_TODAY - timedelta(days=10)).isoformat(),
        "end": (_TODAY + timedelta(days=20)).isoformat(),
    } | changes
    lines = yaml.safe_dump([{"id": "EX-1"} | said], sort_keys=False).replace("\n", "\n  ")
    return f"# Ours: do not touch.\nexceptions:\n  {lines.rstrip()}\n"


def auditor(*words: object) -> int:
    return main([*map(str, words)])


def people(**names: str) -> None:
    """Make keys for people with the command, and write what it prints into the people file."""
    entries = "people:\n"
    for file, name in names.items():
        assert auditor("keys", "new", name, "--role", "tester", "--key", file, "--no-passphrase") == 0
        entries += _out()
    Path("policies/people.yml").write_text(entries)


_capsys: list[pytest.CaptureFixture[str]] = []


@pytest.fixture(autouse=True)
def _captured(capsys: pytest.CaptureFixture[str]) -> None:
    _capsys[:] = [capsys]


def _out() -> str:
    return _capsys[0].readouterr().out


def _err() -> str:
    return _capsys[0].readouterr().err


def audited() -> Row:
    """Audit the host and return what the register and its findings say of the exception."""
    _out()
    assert auditor("audit", "-i", "hosts.yml", "-q") in (0, 1, 3)
    _out()
    assert auditor("exceptions", "--format", "json") == 0
    (row,) = json.loads(_out())
    assert auditor("findings", "--format", "json") == 0
    states = {one["state"] for one in json.loads(_out()) if one["product"] == "x11vnc"}
    return {**row, "finding": states & {"open", "excepted"}}


def both() -> None:
    people(ada="Ada Lovelace", grace="Grace Hopper")


def test_an_exception_that_both_signed_holds(tmp_path: Path) -> None:
    both()
    before = Path("policies/exceptions.yml").read_text()
    for key in ("ada", "grace"):
        assert auditor("sign", "--exception", "EX-1", "--key", key) == 0
    assert Path("policies/exceptions.yml").read_text().startswith(before)
    row = audited()
    assert (row["state"], row["standing"], row["why"], row["covers"]) == ("holds", "verified", None, 1)
    assert row["finding"] >= {"excepted"}
    assert row["note"] == "ends in 20 days"
    fingerprints = [key_of_line(Path(f"{name}.pub").read_text()).fingerprint for name in ("ada", "grace")]
    assert row["signed_by"] == [
        f"Ada Lovelace (requested_by) {fingerprints[0]}",
        f"Grace Hopper (approved_by) {fingerprints[1]}",
    ]
    (run,) = (tmp_path / "reports").iterdir()
    page = (run / "html" / "index.html").read_text()
    assert "Verified: both signed it" in page
    assert "asserted" not in page
    (host,) = (run / "html" / "hosts").iterdir()
    assert fingerprints[0] in host.read_text()
    (line,) = csv.DictReader(io.StringIO((run / "csv" / "exceptions.csv").read_text()))
    assert list(line) == [column.name for column in TABLES["exceptions"]]
    assert (line["id"], line["standing"], line["covers"]) == ("EX-1", "verified", "1")
    assert (run / "inputs" / "people.yml").read_text() == Path("policies/people.yml").read_text()


def test_an_exception_that_nobody_signed_is_what_the_policy_makes_of_it() -> None:
    both()
    row = audited()
    assert (row["state"], row["standing"], row["finding"]) == ("void", "void", {"open"})
    assert row["note"].startswith("does not hold: Ada Lovelace (requested_by) has not signed it")
    policy = Path("policies/policy.yml")
    policy.write_text(policy.read_text() + "settings: {unsigned_exceptions: admit}\n")
    row = audited()
    assert (row["state"], row["standing"]) == ("holds", "asserted")
    assert "excepted" in row["finding"]
    page = max(Path("reports").iterdir(), key=lambda one: one.stat().st_mtime) / "html" / "index.html"
    assert "1 exception or accepted limit is asserted, not verified" in page.read_text()


def changed_end(text: str) -> str:
    end = (_TODAY + timedelta(days=20)).isoformat()
    return text.replace(end, (_TODAY + timedelta(days=200)).isoformat())


def test_what_is_changed_after_it_was_signed_is_void_and_the_violation_fails() -> None:
    both()
    for key in ("ada", "grace"):
        auditor("sign", "--exception", "EX-1", "--key", key)
    file = Path("policies/exceptions.yml")
    file.write_text(changed_end(file.read_text()))
    row = audited()
    assert (row["state"], row["standing"], row["covers"], row["finding"]) == ("void", "void", 0, {"open"})
    assert row["why"] == (
        "the signature of Ada Lovelace (requested_by) is not over this text; "
        "the signature of Grace Hopper (approved_by) is not over this text"
    )


def test_a_key_that_ended_takes_the_exception_with_it() -> None:
    both()
    for key in ("ada", "grace"):
        auditor("sign", "--exception", "EX-1", "--key", key)
    file = Path("policies/people.yml")
    yesterday = _TODAY - timedelta(days=1)
    file.write_text(file.read_text().replace(" ada\n", f" ada\n        valid_until: {yesterday}\n"))
    row = audited()
    assert (row["standing"], row["finding"]) == ("void", {"open"})
    assert f"was made with a key that counted until {yesterday}" in row["why"]


def test_the_people_are_sealed_with_a_run() -> None:
    both()
    audited()
    (run,) = Path("reports").iterdir()
    assert json.loads((run / "results.json").read_text())["run"]["people"]["sha256"]
    assert auditor("verify", run, "--recompute", "-q") == 0


@needs_ssh_keygen
def test_ssh_keygen_signs_as_well(tmp_path: Path) -> None:
    both()
    _out()
    assert auditor("sign", "--exception", "EX-1", "--show") == 0
    text = tmp_path / "text"
    text.write_text(_out())
    keygen("-Y", "sign", "-f", "ada", "-n", "auditor-exception", text)
    assert auditor("sign", "--exception", "EX-1", "--signature", "text.sig") == 0
    assert "signed by Ada Lovelace (requested_by)" in _err()
    assert auditor("sign", "--exception", "EX-1", "--key", "grace") == 0
    assert audited()["standing"] == "verified"


@needs_ssh_keygen
def test_a_signature_that_would_count_for_nothing_is_not_put_in(tmp_path: Path) -> None:
    both()
    eve = new_key(tmp_path, "eve")
    before = Path("policies/exceptions.yml").read_text()
    people_before = Path("policies/people.yml").read_text()
    _err()
    assert auditor("sign", "--exception", "EX-1", "--key", eve) == 2
    assert "is a key of nobody in policies/people.yml" in _err()
    public = (tmp_path / "eve.pub").read_text()
    entry = f"  - name: Eve\n    roles: [x]\n    keys: [{{key: {public.strip()}}}]\n"
    Path("policies/people.yml").write_text(people_before + entry)
    assert auditor("sign", "--exception", "EX-1", "--key", eve) == 2
    assert "is asked for by Ada Lovelace and granted by Grace Hopper: the key is Eve's" in _err()
    text = tmp_path / "text"
    text.write_text("something else")
    keygen("-Y", "sign", "-f", "ada", "-n", "auditor-exception", text)
    assert auditor("sign", "--exception", "EX-1", "--signature", "text.sig") == 2
    assert "is not over this text" in _err()
    assert auditor("sign", "--exception", "EX-2", "--key", "ada") == 2
    assert "has no exception 'EX-2' (did you mean 'EX-1'?)" in _err()
    assert Path("policies/exceptions.yml").read_text() == before


def test_granting_is_left_to_whoever_has_the_role() -> None:
    both()
    file = Path("policies/people.yml")
    people_before, before = file.read_text(), Path("policies/exceptions.yml").read_text()
    ada, grace = people_before.replace("people:\n", "").split("  - name: Grace Hopper\n")
    grace = grace.replace("tester", "developer")
    file.write_text(f"duties:\n  approve_exceptions: [tester]\npeople:\n{ada}  - name: Grace Hopper\n{grace}")
    _err()
    assert auditor("sign", "--exception", "EX-1", "--key", "grace") == 2
    assert (
        "exception EX-1: Grace Hopper may not grant exceptions or accepted limits: the people file leaves that to "
        "'tester', not to 'developer' (policies/people.yml)"
    ) in _err()
    assert Path("policies/exceptions.yml").read_text() == before
    assert auditor("sign", "--exception", "EX-1", "--key", "ada") == 0
    # A signature of before the rule counts for nothing under it: the exception is void, and its violation fails.
    file.write_text(people_before)
    assert auditor("sign", "--exception", "EX-1", "--key", "grace") == 0
    assert audited()["standing"] == "verified"
    file.write_text(f"duties:\n  approve_exceptions: [tester]\npeople:\n{ada}  - name: Grace Hopper\n{grace}")
    row = audited()
    assert (row["standing"], row["state"], row["finding"]) == ("void", "void", {"open"})
    assert "may not grant exceptions" in row["why"]
    assert auditor("keys", "--format", "json") == 0
    may = {one["name"]: "approve_exceptions" in one["may"] for one in json.loads(_out())}
    assert may == {"Ada Lovelace": True, "Grace Hopper": False}


def test_an_exception_on_one_line_is_left_alone_and_the_lines_to_paste_are_printed() -> None:
    both()
    entry = yaml.safe_load(exceptions_text())["exceptions"][0]
    text = f"exceptions:\n  - {json.dumps(entry)}\n"
    Path("policies/exceptions.yml").write_text(text)
    _out()
    assert auditor("sign", "--exception", "EX-1", "--key", "ada") == 0
    assert list(yaml.safe_load(_out())["signatures"]) == ["requested_by"]
    assert Path("policies/exceptions.yml").read_text() == text


@needs_ssh_keygen
def test_a_file_is_signed_beside_it_for_one_purpose(tmp_path: Path) -> None:
    both()
    plan = tmp_path / "plan.json"
    plan.write_text("{}\n")
    assert auditor("sign", plan, "--key", "ada") == 2
    assert auditor("sign", plan, "--for", "plan", "--key", "ada") == 0
    (tmp_path / "allowed").write_text(f"ada {(tmp_path / 'ada.pub').read_text()}")
    verify = ("-Y", "verify", "-f", "allowed", "-I", "ada", "-n", "auditor-plan", "-s", "plan.json.sig")
    keygen(*verify, text=plan.read_bytes())
    assert auditor("sign", plan, "--for", "plan", "--key", "ada") == 2
    assert "is not written over" in _err()


def test_a_new_key_is_its_owners_alone_and_never_written_over(tmp_path: Path) -> None:
    assert auditor("keys", "new", "Zoë  [x]: y", "--key", "zoe", "--no-passphrase") == 0
    (entry,) = yaml.safe_load(_out())
    assert (entry["name"], entry["keys"]) == ("Zoë [x]: y", [{"key": (tmp_path / "zoe.pub").read_text().strip()}])
    file = tmp_path / "zoe"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    key = read_private(file.read_bytes())
    assert key is not None
    assert key.public == key_of_line(entry["keys"][0]["key"])
    before = file.read_bytes()
    assert auditor("keys", "new", "Zoë", "--key", "zoe", "--no-passphrase") == 2
    file.rename(tmp_path / "other")
    # A public key that is there is another's as much.
    assert auditor("keys", "new", "Zoë", "--key", "zoe", "--no-passphrase") == 2
    assert "no key is written over" in _err()
    assert (tmp_path / "other").read_bytes() == before
    assert not file.exists()


def test_a_passphrase_needs_somebody_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert auditor("keys", "new", "Ada", "--key", "ada") == 2
    assert "nobody is here to be asked" in _err()
    assert not Path("ada").exists()


def test_a_passphrase_is_asked_for_twice_and_then_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    answers = iter(["one", "two", "one", "one", "wrong", "one"])
    monkeypatch.setattr("getpass.getpass", lambda _question: next(answers))
    assert auditor("keys", "new", "Ada Lovelace", "--key", "ada") == 2
    assert "differ" in _err()
    assert auditor("keys", "new", "Ada Lovelace", "--role", "x", "--key", "ada") == 0
    Path("policies/people.yml").write_text("people:\n" + _out())
    assert auditor("sign", "--exception", "EX-1", "--key", "ada") == 0
    assert "the passphrase is wrong" in _err()
    assert "requested_by: |" in Path("policies/exceptions.yml").read_text()


def test_keys_are_listed_with_their_fingerprints() -> None:
    both()
    assert auditor("keys", "--format", "json") == 0
    rows = json.loads(_out())
    assert [(row["name"], row["counts"]) for row in rows] == [("Ada Lovelace", True), ("Grace Hopper", True)]
    assert rows[0]["fingerprint"] == key_of_line(Path("ada.pub").read_text()).fingerprint


def test_policy_check_reads_all_three_files_in_any_order_and_names_what_is_void() -> None:
    both()
    names = [f"policies/{name}.yml" for name in ("exceptions", "people", "policy")]
    auditor("sign", "--exception", "EX-1", "--key", "ada")
    _err()
    assert auditor("policy", "check", *names) == 2
    assert "exceptions.yml:3:5: 'EX-1' does not hold: Grace Hopper (approved_by) has not signed it" in _err()
    # Without the people nothing can be said of signatures, and that is said.
    assert auditor("policy", "check", names[0]) == 0
    assert "name the people file too" in _err()
    auditor("sign", "--exception", "EX-1", "--key", "grace")
    assert auditor("policy", "check", *names) == 0
    said = _err()
    assert "2 people" in said
    assert "1 exceptions, 1 of them signed by both people" in said


def test_policy_check_holds_exceptions_to_the_policy_named_before_them() -> None:
    loose, strict = Path("loose.yml"), Path("strict.yml")
    loose.write_text("name: x\n")
    strict.write_text("name: x\nsettings: {exception_max_days: 30}\n")
    file = "policies/exceptions.yml"
    for words, code in (
        ((loose, file, strict), 0),
        ((strict, file, loose), 2),
        ((file, strict, loose), 2),
        ((file, loose, strict), 0),
        ((file,), 0),
    ):
        assert auditor("policy", "check", *words) == code, words


def test_policy_check_says_all_that_is_wrong_with_all_files_at_once() -> None:
    Path("policies/people.yml").write_text("people: [{name: x}]\n")
    Path("policies/exceptions.yml").write_text(exceptions_text(end=date(2020, 1, 1).isoformat()))
    Path("policies/policy.yml").write_text("nane: x\n")
    assert auditor("policy", "check", *sorted(Path("policies").iterdir())) == 2
    said = _err()
    assert all(f"{name}.yml:" in said for name in ("people", "exceptions", "policy"))


def test_a_limit_that_the_policy_accepts_is_signed_and_registered() -> None:
    both()
    Path("policies/exceptions.yml").write_text("exceptions: []\n")
    policy = Path("policies/policy.yml")
    policy.write_text(
        policy.read_text()
        + "accepted_limits:\n  - limit: walk-budget   # large stores\n    reason: r\n    owner: ada lovelace\n"
        + f"    approved_by: Grace Hopper\n    start: {_TODAY}\n"
        + f"    end: {_TODAY + timedelta(days=9)}\n"
    )
    row = audited()
    assert (row["id"], row["subject"], row["state"]) == ("walk-budget", "limit:walk-budget", "void")
    assert auditor("policy", "check", policy, "policies/people.yml") == 2
    assert "policy.yml:4:5: 'walk-budget' does not hold: ada lovelace (owner) has not signed it" in _err()
    assert auditor("sign", "--limit", "walk", "--key", "ada") == 2
    assert "accepts no limit 'walk'" in _err()
    for key in ("ada", "grace"):
        assert auditor("sign", "--limit", "walk-budget", "--key", key) == 0
    assert "# large stores" in policy.read_text()
    assert auditor("policy", "check", policy, "policies/people.yml") == 0
    row = audited()
    assert (row["state"], row["standing"], row["note"]) == ("holds", "verified", "ends in 9 days")
    assert [one.split(" SHA")[0] for one in row["signed_by"]] == [
        "Ada Lovelace (owner)",
        "Grace Hopper (approved_by)",
    ]


def test_the_register_lists_what_needs_attention() -> None:
    both()
    Path("policies/exceptions.yml").write_text(exceptions_text(hosts=["press-8"]))
    for key in ("ada", "grace"):
        auditor("sign", "--exception", "EX-1", "--key", key)
    row = audited()
    assert (row["stale"], row["hosts_in_scope"]) == ("matches no host in scope", 0)
    assert auditor("exceptions", "--attention") == 0
    assert "matches no host in scope" in _out()
