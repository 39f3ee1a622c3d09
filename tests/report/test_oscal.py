"""OSCAL says what the results say, in words that no reader can take for more, and its own tools read it."""

import json
import random
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from auditor.model.record import replace
from auditor.report.oscal import FORMAT
from auditor.report.oscal_rows import status
from auditor.report.oscal_text import identity, markup, string
from auditor.report.run_rows import RunRows
from auditor.report.visible import visible
from auditor.report.writing import write_report
from tests.environment import python_with

_ROOT = Path(__file__).parents[2]
_RESULTS, _PLAN = "assessment-results.json", "plan-of-action-and-milestones.json"
_ACTING = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(2)>',
    "[here](javascript:alert(1))",
    "![x](http://192.0.2.1/x.png)",
    "<http://192.0.2.1>",
    "http://192.0.2.1/x www.example.net HTTPS://example.net WWW.EXAMPLE.NET",
    "{{ insert: param, x }}",
    "**b** _i_ `c` ~~s~~ ~s~ ^s^ $x$",
    "# heading",
    "- item",
    "+ item",
    "1. item",
    "1) item",
    "123456789. item",
    "= rule",
    "---",
    "***",
    "> quoted",
    "|a|b|",
    "    code",
    "\tcode",
    "&lt;b&gt; &#60;b&#62; &copy;",
    "\\<b> \\\\<b>",
    "[x]: http://192.0.2.1",
    "[^1]: note",
    ":--",
    "a\n\nb\r\n# c",
    "\x1b[2J\u202e\0\ud800",
    " ends ",
    " ",
    "",
    "-",
    "1.",
)


def _read(folder: Path, name: str = _RESULTS) -> dict[str, Any]:
    (document,) = json.loads((folder / "oscal" / name).read_text(encoding="utf-8")).values()
    assert isinstance(document, dict)
    return document


@pytest.fixture(scope="module")
def folder(sample: RunRows, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("oscal")
    FORMAT.write(sample, place)
    return place


@pytest.fixture(scope="module")
def result(folder: Path) -> dict[str, Any]:
    (only,) = _read(folder)["results"]
    assert isinstance(only, dict)
    return only


def _own(node: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one["value"] for one in node["props"]}


def _identities(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        yield from (value for key, value in node.items() if key == "uuid")
        node = list(node.values())
    if isinstance(node, list):
        for value in node:
            yield from _identities(value)


def _references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        yield from (value for key, value in node.items() if key.endswith("-uuid"))
        yield from (value.removeprefix("#") for key, value in node.items() if key == "href" and value.startswith("#"))
        node = list(node.values())
    if isinstance(node, list):
        for value in node:
            yield from _references(value)


def _everywhere(node: Any, name: str) -> Any:
    """Return a row in which a host says one thing in every text that is not an id, an instant or a word of ours."""
    kept = {"control", "mitigation", "outcome", "verdict", "state", "severity", "collected_at", "fingerprint"}
    kept |= {"first_seen", "failing_since", "due", "closed_at", "exception", "start", "end", "id", "sha256"}
    if isinstance(node, dict):
        return {key: value if key in kept else _everywhere(value, name) for key, value in node.items()}
    if isinstance(node, list):
        return [_everywhere(inner, name) for inner in node]
    return name if isinstance(node, str) else node


def _hostile(sample: RunRows, name: str) -> RunRows:
    hosts = [_everywhere(row, f"{row['host']}{name}") | {"outcome": row["outcome"]} for row in sample.hosts()]
    return replace(
        sample,
        ledger=[_everywhere(row, f"{row['host']}{name}") for row in sample.ledger],
        findings=[_everywhere(row, f"{row['host']}{name}") for row in sample.findings],
        hosts=lambda: iter(hosts),
        exceptions={key: _everywhere(row, name) for key, row in sample.exceptions.items()},
    )


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        pytest.param({"pass": 10}, ("satisfied", "pass"), id="passed-everywhere"),
        pytest.param({"pass": 1, "not_applicable": 9}, ("satisfied", "pass"), id="passed-wherever-it-applies"),
        pytest.param({"pass": 9, "unknown": 1}, ("not-satisfied", "other"), id="unknown-once"),
        pytest.param({"pass": 9}, ("not-satisfied", "other"), id="one-host-without-a-verdict"),
        pytest.param({"pass": 9, "newer_word": 1}, ("not-satisfied", "other"), id="a-verdict-we-do-not-know"),
        pytest.param({"pass": 9, "excepted": 1}, ("not-satisfied", "other"), id="accepted-is-not-satisfied"),
        pytest.param({"pass": 8, "unknown": 1, "fail": 1}, ("not-satisfied", "fail"), id="a-failure-is-said-first"),
        pytest.param({"excepted": 9, "unknown": 1}, ("not-satisfied", "other"), id="accepted-and-unknown"),
        pytest.param({"not_applicable": 9, "unknown": 1}, ("not-satisfied", "other"), id="not-applicable-and-unknown"),
        pytest.param({}, ("not-satisfied", "other"), id="nobody-was-asked"),
        pytest.param({"not_applicable": 10}, None, id="applies-to-nobody"),
    ],
)
def test_only_a_pass_on_every_host_is_satisfied(counts: dict[str, int], expected: tuple[str, str] | None) -> None:
    said = status(Counter(counts), 10)
    assert (said and (said["state"], said["reason"])) == expected


def test_every_verdict_of_every_host_is_an_observation(result: dict[str, Any], sample: RunRows) -> None:
    told = [(one["subjects"][0]["title"], _own(one)["control"], _own(one)["verdict"]) for one in result["observations"]]
    assert told == [
        (markup(host["host"]), verdict["control"], verdict["verdict"])
        for host in sample.hosts()
        for verdict in host["verdicts"]
    ]


def test_a_host_that_was_not_reached_is_in_the_inventory_and_in_no_pass(result: dict[str, Any]) -> None:
    (item,) = (
        one
        for one in result["local-definitions"]["inventory-items"]
        if _own(one)["asset-id"] == "branch-08.example.net"
    )
    assert (_own(item)["is-scanned"], _own(item)["reason"]) == ("no", "timeout")
    assert "did not answer" in item["remarks"]
    about = [one for one in result["observations"] if one["subjects"][0]["subject-uuid"] == item["uuid"]]
    assert {_own(one)["verdict"] for one in about} == {"unknown"}
    assert all("no evidence is never a pass" in one["description"] for one in about)


def test_findings_say_what_holds_over_the_whole_scope(result: dict[str, Any]) -> None:
    states = {one["target"]["target-id"]: one["target"]["status"] for one in result["findings"]}
    assert {control: (one["state"], one["reason"]) for control, one in states.items()} == {
        "complete_inventory": ("not-satisfied", "other"),
        "exposed_listener": ("not-satisfied", "fail"),
        "software_installers": ("not-satisfied", "other"),
        "unapproved_product": ("not-satisfied", "fail"),
    }
    assert states["complete_inventory"]["remarks"].startswith("Not established on 3 of 10 hosts")
    assert {len(one["related-observations"]) for one in result["findings"]} == {10}


def test_a_fleet_without_a_fault_is_satisfied_and_has_no_plan(
    fleet_of: Callable[[int], RunRows], tmp_path: Path
) -> None:
    FORMAT.write(fleet_of(4), tmp_path)
    (result,) = _read(tmp_path)["results"]
    assert {one["target"]["status"]["state"] for one in result["findings"]} == {"satisfied"}
    assert "risks" not in result
    assert [file.name for file in (tmp_path / "oscal").iterdir()] == [_RESULTS]


def test_a_pass_that_rests_on_documentation_says_so(result: dict[str, Any]) -> None:
    unproven = [one for one in result["observations"] if _own(one).get("proven") == "no"]
    assert len(unproven) == 8
    assert all("rests on documentation only" in one["description"] for one in unproven)
    (finding,) = (one for one in result["findings"] if one["target"]["target-id"] == "software_installers")
    assert _own(finding)["documented-passes"] == "8"


def test_the_proof_is_quoted(result: dict[str, Any]) -> None:
    (seen,) = (
        one for one in result["observations"] if one["title"] == "Fail: unapproved\\_product on db-01.example.net"
    )
    assert [one["description"] for one in seen["relevant-evidence"]] == [
        "Quoted from processes.proc: 812 ⇥ root ⇥ x11vnc -forever -rfbport 5900",
        "Quoted from software.dpkg: ii  ⇥ x11vnc ⇥ 0.9.16-9 ⇥ amd64",
    ]


def test_an_exception_is_a_deviation_with_people_and_end(result: dict[str, Any], folder: Path) -> None:
    for document in (result, _read(folder, _PLAN)):
        (risk,) = (one for one in document["risks"] if one["status"] == "deviation-approved")
        (entry,) = risk["risk-log"]["entries"]
        assert (entry["start"], entry["end"]) == ("2026-09-01T00:00:00Z", "2026-12-31T23:59:59Z")
        assert (_own(entry)["requested-by"], _own(entry)["approved-by"]) == ("n.haile", "c.brandt")
        assert (_own(entry)["standing"], entry["remarks"][:23]) == ("asserted", "Asserted, not verified.")
        assert risk["mitigating-factors"][0]["description"] == "Port 5901 is open to the maintenance network only."
        assert {one["status"] for one in document["risks"]} == {"open", "deviation-approved"}
    people = {one["uuid"]: one["name"] for one in _read(folder)["metadata"]["parties"]}
    assert [people[one["party-uuid"]] for one in entry["logged-by"]] == ["n.haile", "c.brandt"]


def test_an_exception_that_nobody_can_name_accepts_nothing(sample: RunRows, tmp_path: Path) -> None:
    FORMAT.write(replace(sample, exceptions={}), tmp_path)
    assert {one["status"] for one in _read(tmp_path)["results"][0]["risks"]} == {"open"}


def test_the_plan_has_a_day_and_steps_for_each_open_finding(folder: Path, sample: RunRows) -> None:
    plan = _read(folder, _PLAN)
    assert [_own(one)["fingerprint"] for one in plan["poam-items"]] == [one["fingerprint"] for one in sample.findings]
    due = {one["fingerprint"]: one["due"] for one in sample.findings}
    assert {_own(one)["fingerprint"]: one.get("deadline") for one in plan["risks"]} == due
    for risk in plan["risks"]:
        (response,) = risk["remediations"]
        assert response["description"].startswith("1. ")
        days = [task["timing"]["on-date"]["date"] for task in response.get("tasks", ())]
        # An exception suspends the day until which it is to be closed.
        assert days == ([risk["deadline"]] if due[_own(risk)["fingerprint"]] else [])
    named = {_own(one)["asset-id"] for one in plan["local-definitions"]["inventory-items"]}
    assert named == {string(one["host"]) for one in sample.findings}


def test_findings_that_this_run_could_not_see_stay_in_the_plan(sample: RunRows, tmp_path: Path) -> None:
    unseen = sample.findings[0] | {"host": "gone-01", "state": "not_observable", "fingerprint": "f" * 64}
    closed = sample.findings[0] | {"state": "closed", "fingerprint": "e" * 64}
    FORMAT.write(replace(sample, findings=[*sample.findings, unseen, closed]), tmp_path)
    for risks in (_read(tmp_path)["results"][0]["risks"], _read(tmp_path, _PLAN)["risks"]):
        by_name = {_own(one)["fingerprint"]: one for one in risks}
        assert "e" * 64 not in by_name
        assert by_name["f" * 64]["status"] == "open"
        assert "could not see" in by_name["f" * 64]["statement"]
        assert "related-observations" not in by_name["f" * 64]


@pytest.mark.parametrize("name", [_RESULTS, _PLAN])
def test_every_reference_leads_somewhere_and_no_name_is_given_twice(folder: Path, name: str) -> None:
    document = _read(folder, name)
    given = list(_identities(document))
    assert len(given) == len(set(given))
    assert set(_references(document)) <= set(given)


def test_identities_last_over_runs_where_the_thing_does(sample: RunRows, folder: Path, tmp_path: Path) -> None:
    FORMAT.write(replace(sample, run=sample.run | {"id": "another"}), tmp_path)
    first, second = _read(folder, _PLAN), _read(tmp_path, _PLAN)
    for part, lasts in (("poam-items", True), ("risks", True), ("observations", False)):
        assert ([one["uuid"] for one in first[part]] == [one["uuid"] for one in second[part]]) is lasts, part


def test_names_that_look_joined_stay_apart() -> None:
    assert identity("a", "b,c") != identity("a,b", "c")


def test_the_files_are_ascii_without_tags(folder: Path) -> None:
    for name in (_RESULTS, _PLAN):
        data = (folder / "oscal" / name).read_bytes()
        assert data.isascii()
        assert not {byte for byte in data if byte < 0x20} - {0x0A}
        assert not set(b"<>&") & set(data)


def test_the_same_rows_give_the_same_bytes(sample: RunRows, tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_report(sample, tmp_path / name, [FORMAT])
    for name in (_RESULTS, _PLAN):
        assert (tmp_path / "one" / "oscal" / name).read_bytes() == (tmp_path / "two" / "oscal" / name).read_bytes()


@pytest.fixture(scope="session")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path, list[str]], dict[str, Any]]:
    """Hand out the reader of OSCAL: this Python if it has compliance-trestle, else an environment of its own."""
    python = python_with("trestle", "constraints-oscal.txt", tmp_path_factory.mktemp("trestle"))

    def read(folder: Path, texts: list[str]) -> dict[str, Any]:
        asked = folder / "texts.json"
        asked.write_text(json.dumps(texts), encoding="utf-8")
        script = Path(__file__).with_name("oscal_reader.py")
        # Not from here: this package and its path are nothing to another environment.
        done = subprocess.run(
            [python, "-I", script, folder, asked], capture_output=True, text=True, check=False, timeout=300
        )
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    return read


@pytest.mark.slow
def test_trestle_reads_both_documents(
    sample: RunRows, tmp_path: Path, reader: Callable[[Path, list[str]], dict[str, Any]]
) -> None:
    FORMAT.write(sample, tmp_path)
    answer = reader(tmp_path, [])
    assert answer["problems"] == {}
    assert set(answer["tags"]) <= {"p", "ol", "li"}
    # It can say no.
    broken = (tmp_path / "oscal" / _RESULTS).read_text(encoding="ascii").replace('"not-satisfied"', '"unknown"')
    (tmp_path / "oscal" / _RESULTS).write_text(broken, encoding="ascii")
    assert list(reader(tmp_path, [])["problems"]) == [f"oscal/{_RESULTS}"]


@pytest.mark.slow
def test_what_a_host_says_is_text_to_a_reader_of_markdown(
    sample: RunRows, tmp_path: Path, reader: Callable[[Path, list[str]], dict[str, Any]]
) -> None:
    dice = random.Random(10)  # noqa: S311 — a seed, so that a failure can be had again
    signs = "\\`*_{}[]()#+-.!|~$^<>&;:/=\"'w1a 0\n\t"
    texts = [*_ACTING, *("".join(dice.choices(signs, k=dice.randint(1, 14))) for _ in range(3000))]
    for name in _ACTING:
        place = tmp_path / identity(name)
        place.mkdir()
        FORMAT.write(_hostile(sample, name), place)
    answer = reader(tmp_path, [markup(text) for text in texts])
    assert answer["problems"] == {}
    assert set(answer["tags"]) <= {"p", "ol", "li"}
    assert set(answer["tags of texts"]) == {"p"}
    for text, said in zip(texts, answer["said"], strict=True):
        shown = visible(text)
        assert said.replace("⟨U+0020⟩", " ") == (shown or "⟨empty⟩"), text
