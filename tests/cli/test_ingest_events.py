"""`auditor ingest events` as a person uses it: the seeds' hunt, suppressions that are told, and what it writes."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from auditor.cli.main import main
from auditor.ingest.document import read_document
from auditor.model.outside import Certainty, Origin, Sign
from tests.ingest.events import exports

Row = dict[str, Any]
Ingest = Callable[..., tuple[int, list[Row], str]]
FORMULA = "=cmd|' /C calc'!A0"
_MAKER = {"Company": "Projector Inc", "Product": "ScreenMeet"}


def _scenario(name: str, parent: str, command: str, parent_command: str = "") -> Row:
    data = dict(exports.STARTED.data) | _MAKER | {
        "Image": "C:\\Program Files\\ScreenMeet\\ScreenMeet.exe", "OriginalFileName": "ScreenMeet.exe",
        "CommandLine": f"ScreenMeet.exe {command}", "ParentImage": parent, "ParentCommandLine": parent_command,
    }  # fmt: skip
    return exports.winlogbeat(exports.Logged(provider=exports.SYSMON, number=1, data=data, computer=name))


_SVCHOST = "C:\\Windows\\System32\\svchost.exe"
SCENARIOS = {
    "maintenance": _scenario("pc-1", _SVCHOST, "--maintenance", "svchost.exe -k netsvcs -p -s Schedule"),
    "desktop": _scenario("pc-2", "C:\\Windows\\System32\\mstsc.exe", "--remote desktop"),
    "patches": _scenario("pc-3", "C:\\Windows\\System32\\schtasks.exe", "--patch"),
    "monitoring": _scenario("pc-4", "C:\\Windows\\System32\\snmp.exe", "--monitor"),
    "support": _scenario("pc-5", "C:\\Windows\\System32\\mstsc.exe", "--support"),
}
"""The five of the seeds, as Sysmon would log them, each on a device of its own."""
RULES: dict[str, Row] = {
    "maintenance": {"scheduled_task": "*", "command_line": "*maintenance*"},
    "desktop": {"parent_process": "mstsc.exe", "command_line": "*remote desktop*"},
    "patches": {"parent_process": "SCHTASKS.EXE", "command_line": "*patch*"},
    "monitoring": {"parent_process": "*\\snmp.exe", "devices": ["pc-4"]},
    "support": {"process": "screenmeet.exe", "command_line": "*support*"},
}
"""What suppresses each of them, and none of the others."""


def suppressions(folder: Path, rules: dict[str, Row], **more: Any) -> Path:
    common = {"product": "screenmeet", "reason": "It is expected", "owner": "Ada Lovelace", "end": "2026-12-31"}
    file = folder / "suppressions.yml"
    file.write_text(
        json.dumps({"suppressions": [{"id": name, **common, **rule, **more} for name, rule in rules.items()]}),
        encoding="utf-8",
    )
    return file


@pytest.fixture
def ingest(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Ingest:
    """Run the command and hand out its exit code, rows and standard error."""
    monkeypatch.chdir(tmp_path)

    def ingested(*words: str | Path, as_of: str = "2026-12-01") -> tuple[int, list[Row], str]:
        code = main(["ingest", "events", *map(str, words), "--format", "json", "--as-of", as_of, "-o", "out"])
        said = capsys.readouterr()
        return code, json.loads(said.out) if said.out else [], said.err

    return ingested


@pytest.fixture
def scenarios(tmp_path: Path) -> Path:
    file = tmp_path / "sysmon.jsonl"
    exports.write_lines(file, list(SCENARIOS.values()))
    return file


def test_each_scenario_is_told_where_nothing_suppresses_it(ingest: Ingest, scenarios: Path) -> None:
    code, rows, _ = ingest(scenarios)
    assert code == 0
    assert [(row["device"], row["product"], row["strength"], row["suppressed_by"]) for row in rows] == [
        (f"pc-{number}", "screenmeet", "confirmed", None) for number in range(1, 6)
    ]
    assert all({"company", "product_name"} <= set(row["signs"]) for row in rows)


@pytest.mark.parametrize("name", list(RULES))
def test_each_scenario_is_suppressed_by_its_own_rule_and_told_all_the_same(
    ingest: Ingest, scenarios: Path, tmp_path: Path, name: str
) -> None:
    file = suppressions(tmp_path, {name: RULES[name]})
    _, rows, said = ingest(scenarios, "--suppressions", file)
    by_device = {row["device"]: row for row in rows}
    device = f"pc-{list(SCENARIOS).index(name) + 1}"
    assert len(rows) == 5
    assert {row["device"] for row in rows if row["suppressed_by"]} == {device}
    row = by_device[device]
    assert (row["suppressed_by"], row["suppression_reason"]) == (name, "It is expected")
    assert (row["suppression_owner"], row["suppression_end"]) == ("Ada Lovelace", "2026-12-31")
    assert f"suppression {name} covers 1 events, until 2026-12-31: It is expected" in said


def test_a_suppression_works_on_its_last_day_and_not_after(ingest: Ingest, scenarios: Path, tmp_path: Path) -> None:
    file = suppressions(tmp_path, {"support": RULES["support"]})
    _, rows, _ = ingest(scenarios, "--suppressions", file, as_of="2026-12-31")
    assert [row["suppressed_by"] for row in rows].count("support") == 1
    _, rows, said = ingest(scenarios, "--suppressions", file, as_of="2027-01-01")
    assert [row["suppressed_by"] for row in rows] == [None] * 5
    assert "suppression support ended on 2026-12-31 and covers nothing any more" in said


def test_a_suppression_that_covers_nothing_is_told(ingest: Ingest, scenarios: Path, tmp_path: Path) -> None:
    file = suppressions(tmp_path, {"x": {"process": "screenmeet.exe", "devices": ["elsewhere"]}})
    _, rows, said = ingest(scenarios, "--suppressions", file)
    assert all(row["suppressed_by"] is None for row in rows)
    assert "suppression x covers none of these events" in said


def test_the_hunt_for_screenmeet_in_defender_tells_first_last_and_count(ingest: Ingest, tmp_path: Path) -> None:
    def row(day: int, company: str = "Projector Inc", url: str = "edge.screenmeet.com") -> Row:
        return {
            "Timestamp": f"2026-11-{day:02}T10:00:00Z", "DeviceId": "d", "DeviceName": "pc-1", "ReportId": str(day),
            "RemoteUrl": url, "RemoteIP": "203.0.113.5", "RemotePort": "443", "Protocol": "Tcp",
            "InitiatingProcessFileName": "r.exe", "InitiatingProcessFolderPath": "c:\\users\\ada\\r.exe",
            "InitiatingProcessVersionInfoCompanyName": company,
            "InitiatingProcessVersionInfoProductName": "ScreenMeet" if company else "",
        }  # fmt: skip

    exports.write_csv(tmp_path / "d.csv", [row(9), row(7), row(8), row(8, "", "www.example.org")])
    _, (found,), _ = ingest(tmp_path / "d.csv")
    assert (found["device"], found["product"], found["destination"]) == ("pc-1", "screenmeet", "edge.screenmeet.com")
    assert (found["first_seen"], found["last_seen"]) == ("2026-11-07T10:00:00Z", "2026-11-09T10:00:00Z")
    assert (found["count"], found["strength"]) == (3, "confirmed")
    # A browser that visits the maker's pages has the far end alone.
    exports.write_csv(tmp_path / "d.csv", [row(9, "")])
    _, (found,), _ = ingest(tmp_path / "d.csv")
    assert (found["strength"], found["signs"]) == ("suspected", ["domain"])


def test_the_sealed_sightings_say_what_was_read(ingest: Ingest, scenarios: Path, tmp_path: Path) -> None:
    file = suppressions(tmp_path, {"support": RULES["support"]})
    with scenarios.open("a", encoding="utf-8") as stream:
        stream.write("{no\n")
    code, rows, said = ingest(scenarios, "--suppressions", file)
    assert code == 3
    assert f"{scenarios}: record 6: not JSON" in said
    record = read_document(tmp_path / "out" / "sightings.json")
    assert (record.origin, len(record.sightings), record.rules_sha256 is not None) == (Origin.EVENT, 5, True)
    (read,) = record.files
    assert (read.name, read.read, read.refused, read.is_cut_short) == ("sysmon.jsonl", 5, 1, False)
    (one,) = [one for one in record.sightings if one.suppressed_by]
    assert (one.suppressed_by, one.strength, Sign.COMPANY in one.signs) == ("support", Certainty.CONFIRMED, True)
    written = list(csv.DictReader(io.StringIO((tmp_path / "out" / "events.csv").read_text(encoding="utf-8"))))
    assert [row["device"] for row in written] == [row["device"] for row in rows]


def test_the_same_records_give_the_same_bytes_in_whatever_order(ingest: Ingest, tmp_path: Path) -> None:
    def written() -> list[bytes]:
        return [(tmp_path / "out" / name).read_bytes() for name in ("events.csv", "index.html")]

    exports.write_lines(tmp_path / "a.jsonl", list(SCENARIOS.values())[:2])
    exports.write_lines(tmp_path / "b.jsonl", list(SCENARIOS.values())[2:])
    ingest(tmp_path / "a.jsonl", tmp_path / "b.jsonl")
    one = [*written(), (tmp_path / "out" / "sightings.json").read_bytes()]
    ingest(tmp_path / "b.jsonl", tmp_path / "a.jsonl")
    assert one == [*written(), (tmp_path / "out" / "sightings.json").read_bytes()]


def test_what_a_record_says_acts_nowhere(ingest: Ingest, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hostile = exports.winlogbeat(
        exports.Logged(
            provider=exports.SYSMON,
            number=1,
            data=dict(exports.STARTED.data) | {"User": FORMULA, "CommandLine": "<script>x</script>\x1b[31m"},
            computer="\u202e<img src=x>",
        )
    )
    exports.write_lines(tmp_path / "x.jsonl", [hostile])
    ingest(tmp_path / "x.jsonl")
    (row,) = csv.DictReader(io.StringIO((tmp_path / "out" / "events.csv").read_text(encoding="utf-8")))
    assert row["user"] == f"'{FORMULA}"
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "<img" not in page
    assert "\u202e" not in page
    assert main(["ingest", "events", str(tmp_path / "x.jsonl"), "-o", "out"]) == 0
    table = capsys.readouterr().out
    assert "\x1b" not in table
    assert "\u202e" not in table


def test_devices_are_told_by_the_inventory_and_approvals_by_the_policy(ingest: Ingest, tmp_path: Path) -> None:
    (tmp_path / "hosts.csv").write_text("host,address,groups\nPC-17,10.0.0.17,help\n", encoding="utf-8")
    (tmp_path / "policy.yml").write_text(
        "name: p\napprovals:\n- {id: tv, product: teamviewer, groups: [help], reason: r, owner: o, "
        "review_by: 2027-06-30}\n",
        encoding="utf-8",
    )
    exports.write_lines(tmp_path / "x.jsonl", [exports.winlogbeat(exports.STARTED)])
    words = (tmp_path / "x.jsonl", "-p", tmp_path / "policy.yml")
    _, (row,), _ = ingest(*words, "-i", tmp_path / "hosts.csv")
    assert (row["host"], row["device"], row["approval"]) == ("PC-17", "PC-17.corp.example", "tv")
    _, (row,), _ = ingest(*words)
    assert (row["host"], row["approval"]) == (None, None)


def test_rows_are_narrowed_down_by_host_and_product(ingest: Ingest, scenarios: Path) -> None:
    assert [row["device"] for row in ingest(scenarios, "--host", "pc-[12]")[1]] == ["pc-1", "pc-2"]
    assert ingest(scenarios, "--product", "anydesk")[1] == []


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"product": "screenmet", "process": "x"}, "unknown product 'screenmet' (did you mean 'screenmeet'?)"),
        ({"product": "screenmeet", "devices": ["pc-1"]}, "says of no event what it is known by"),
        ({"product": "screenmeet", "command_line": "*"}, "'*' is every one: leave command_line out, or say which"),
        ({"product": "screenmeet", "process": "x", "end": "2026-02-30"}, "end"),
        ({"product": "screenmeet", "process": "x", "until": "2026-02-01"}, "until"),
    ],
)
def test_a_wrong_suppression_is_named_with_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], rule: Row, said: str
) -> None:
    file = suppressions(tmp_path, {"one": rule})
    if "end" in rule:
        file.write_text(file.read_text().replace("2026-12-31", rule["end"]), encoding="utf-8")
    assert main(["policy", "check", str(file)]) == 2
    told = capsys.readouterr().err
    assert f"{file}:1:" in told
    assert said in told


def test_policy_check_tells_suppressions_that_ended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = suppressions(tmp_path, {"old": RULES["support"]}, end="2020-01-01")
    assert main(["policy", "check", str(file)]) == 0
    assert "1 suppressions, ended: old, no problem found" in capsys.readouterr().err
