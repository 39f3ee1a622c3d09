"""`--far-end` on the command line: off by itself, asked when it is asked for, shown and disarmed."""

import csv
import io
import json
import socket
from pathlib import Path
from typing import Any

import pytest

from auditor.cli.main import main
from tests.far_end.conftest import RdapServer, answer
from tests.ingest.events import exports

FAR = "216.6.0.28"
Row = dict[str, Any]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Have one cache for the module: to read the catalogue takes seconds."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def resolved(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cache: Path) -> list[str]:
    """Keep questions for names on this machine, and hand out which there were."""
    asked: list[str] = []

    def answered(place: tuple[str, int], _flags: int) -> tuple[str, str]:
        asked.append(place[0])
        return "far.example", "0"

    monkeypatch.setattr(socket, "getnameinfo", answered)
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    (cache / "auditor" / "far-end.json").unlink(missing_ok=True)
    monkeypatch.chdir(tmp_path)
    return asked


@pytest.fixture
def events(tmp_path: Path) -> Path:
    def connected(address: str) -> Row:
        data = dict(exports.CONNECTED.data) | {"DestinationHostname": "", "DestinationIp": address}
        return exports.winlogbeat(exports.Logged(provider=exports.SYSMON, number=3, data=data))

    exports.write_lines(tmp_path / "x.jsonl", [connected(FAR), connected("10.1.2.3"), connected("9.9.9.9")])
    policy = "name: p\nnetworks: {trusted: [9.0.0.0/8]}\n"
    (tmp_path / "policy.yml").write_text(policy, encoding="utf-8")
    return tmp_path / "x.jsonl"


def rows_of(capsys: pytest.CaptureFixture[str], *words: object) -> dict[str, Row]:
    assert main(["ingest", "events", *map(str, words), "-p", "policy.yml", "--format", "json", "-o", "out"]) == 0
    return {row["destination"]: row for row in json.loads(capsys.readouterr().out)}


def test_nothing_is_asked_by_itself(capsys: pytest.CaptureFixture[str], resolved: list[str], events: Path) -> None:
    assert "far_name" not in rows_of(capsys, events)[FAR]
    assert resolved == []


def test_public_addresses_outside_the_policys_networks_are_asked_about(
    capsys: pytest.CaptureFixture[str], resolved: list[str], events: Path, rdap: RdapServer, tmp_path: Path
) -> None:
    hostile = answer(startAddress="216.6.0.0", endAddress="216.6.1.255", entities=[], name="=1+1<script>\x1b[31m")
    rdap.says(f"/ip/{FAR}", hostile)
    words = ("--far-end", "--rdap-bootstrap", rdap.bootstrap(tmp_path))
    rows = rows_of(capsys, events, *words)
    assert (resolved, rdap.asked) == ([FAR], [f"/ip/{FAR}"])
    far = rows[FAR]
    assert (far["far_name"], far["far_network"], far["far_country"]) == ("far.example", "216.6.0.0/23", "SY")
    assert [rows[one]["far_name"] for one in ("10.1.2.3", "9.9.9.9")] == [None, None]
    written = csv.DictReader(io.StringIO((tmp_path / "out" / "events.csv").read_text(encoding="utf-8")))
    assert {row["far_organisation"] for row in written} == {"", "'=1+1<script>⟨U+001B⟩[31m"}
    # What was told is kept: the same question goes to nobody.
    rows_of(capsys, events, *words)
    assert (resolved, rdap.asked) == ([FAR], [f"/ip/{FAR}"])


def test_a_file_of_ones_own_asks_nobody(
    capsys: pytest.CaptureFixture[str], resolved: list[str], events: Path, tmp_path: Path, cache: Path
) -> None:
    (tmp_path / "n.csv").write_text("network,organisation,country\n216.6.0.0/16,Ours,sy\n", encoding="utf-8")
    far = rows_of(capsys, events, "--far-end-data", tmp_path / "n.csv")[FAR]
    assert (far["far_organisation"], far["far_country"], far["far_source"]) == ("Ours", "SY", "n.csv")
    assert (resolved, (cache / "auditor" / "far-end.json").exists()) == ([], False)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["ingest", "events", "x.jsonl", "--rdap-bootstrap", "b.json"], "add --far-end to ask"),
        (["ingest", "events", "x.jsonl", "--far-end", "--far-end-most", "-1"], "take 0 or more"),
        (["listeners", "--far-end"], "--far-end is of connections: add --connections"),
    ],
)
@pytest.mark.usefixtures("events")
def test_a_mistake_is_named(
    capsys: pytest.CaptureFixture[str], resolved: list[str], words: list[str], said: str
) -> None:
    assert main(words) == 2
    assert said in capsys.readouterr().err
    assert resolved == []
