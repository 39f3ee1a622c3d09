"""What real exporters wrote down of planted conversations: every road into the reader tells the truth."""

import csv
import subprocess
from pathlib import Path

import pytest

from auditor.cli.main import main
from tests.ingest.flows.exporters import CLIENT, CLIENT6, SERVER, SERVER6, counted, missing, recorded

pytestmark = pytest.mark.slow
_NAMES = {5938: "teamviewer", 7070: "anydesk", 5900: "generic-vnc"}


@pytest.fixture(scope="module", params=[5, 9, 10], ids=["netflow-v5", "netflow-v9", "ipfix"])
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[int, Path]:
    why_not = missing()
    if why_not is not None:
        pytest.skip(why_not)
    place = tmp_path_factory.mktemp(f"exported{request.param}")
    recorded(place, request.param)
    (place / "packets").mkdir()
    subprocess.run(["nfpcapd", "-r", "traffic.pcap", "-w", "packets"], cwd=place, check=True, capture_output=True)
    for kind in ("csv", "json"):
        done = subprocess.run(
            ["nfdump", "-R", "packets", "-o", kind], cwd=place, check=True, capture_output=True,
            env={"TZ": "UTC", "PATH": "/usr/bin:/bin"},
        )  # fmt: skip
        (place / f"packets.{kind}").write_bytes(done.stdout)
    return request.param, place


def reported(
    files: list[Path], place: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[tuple[str, str, int], dict[str, str]]:
    monkeypatch.setenv("AUDITOR_STORE", str(place / "none.sqlite"))
    words = ["ingest", "flows", *map(str, files), "-o", str(place / "out"), "-q", "-p", "policies/policy.yml"]
    assert main(words) == 0
    with (place / "out" / "conversations.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    return {(row["source"], row["destination"], int(row["destination_port"])): row for row in rows}


def held_to_the_truth(rows: dict[tuple[str, str, int], dict[str, str]], place: Path, *, is_v5: bool = False) -> None:
    truth = {
        (CLIENT if server == SERVER else CLIENT6, server, port): size
        for (server, port), size in counted(place / "traffic.pcap").items()
        if port in _NAMES and not (is_v5 and server == SERVER6)
    }
    assert {ends: int(row["bytes"]) for ends, row in rows.items()} == truth
    assert {ends: row["product"] for ends, row in rows.items()} == {ends: _NAMES[ends[2]] for ends in truth}
    assert {row["approved"] for row in rows.values()} == {""}
    assert all(row["first_seen"] <= row["last_seen"] for row in rows.values())


def test_messages_in_a_capture(exported: tuple[int, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    version, place = exported
    rows = reported([place / "export.pcap"], place, monkeypatch)
    held_to_the_truth(rows, place, is_v5=version == 5)
    assert {row["formats"] for row in rows.values()} == {{5: "netflow_v5", 9: "netflow_v9", 10: "ipfix"}[version]}


def test_files_of_a_collector(exported: tuple[int, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    version, place = exported
    held_to_the_truth(reported(sorted((place / "live").iterdir()), place, monkeypatch), place, is_v5=version == 5)


@pytest.mark.parametrize("road", ["packets/nfcapd.*", "packets.csv", "packets.json"])
def test_flows_of_a_capture_of_traffic(exported: tuple[int, Path], road: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _, place = exported
    held_to_the_truth(reported(sorted(place.glob(road)), place, monkeypatch), place)


@pytest.mark.parametrize("version", [5, 9, 10], ids=["netflow-v5", "netflow-v9", "ipfix"])
def test_sampled_packets_are_said_to_be(version: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    why_not = missing()
    if why_not is not None:
        pytest.skip(why_not)
    recorded(tmp_path, version, sampling=2)
    rows = reported([tmp_path / "export.pcap"], tmp_path, monkeypatch)
    truth = counted(tmp_path / "traffic.pcap")
    assert rows
    assert {row["sampled"] for row in rows.values()} == {"1:2"}
    assert sum(int(row["bytes"]) for row in rows.values()) < sum(truth.values())
    page = (tmp_path / "out" / "conversations.html").read_text(encoding="utf-8")
    assert "sampled 1:2" in page
