"""Results and amendments have the form of HDF 3, and an amendment says no more than an exception does.

The packages of mitre/hdf-libs, which hold its schemas and its validator, are in no registry that we install from. The
form is restated here from its published schemas hdf-amendments 3.2.0 and hdf-results 3.4.0: what is required, what is
known, and what a member may hold; nothing else is let in. Members that we never write are left out.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from auditor.model.record import replace
from auditor.report.hdf3 import FORMAT
from auditor.report.hdf_text import PROFILE
from auditor.report.rows import Row
from auditor.report.run_rows import RunRows
from auditor.report.visible import visible
from auditor.report.writing import write_report

_TEXT = {"type": "string"}
_UUID = {"type": "string", "pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"}
_INSTANT = {
    "type": "string",
    "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(Z|[+-][0-9]{2}:[0-9]{2})$",
}
_STATUS = {"enum": ["passed", "failed", "notApplicable", "notReviewed", "error"]}


def _thing(required: str, **members: Any) -> dict[str, Any]:
    return {"type": "object", "required": required.split(), "properties": members, "additionalProperties": False}


def _list(of: Any, *, least: int = 0) -> dict[str, Any]:
    return {"type": "array", "items": of, "minItems": least}


_IDENTITY = _thing(
    "type identifier",
    type={"enum": ["email", "username", "system", "simple", "other"]},
    identifier=_TEXT,
    description=_TEXT,
)
_GENERATOR = _thing("name version", name=_TEXT, version=_TEXT)
_LABELS = {"type": "object", "additionalProperties": _TEXT}
_OVERRIDE = _thing(
    "type requirementId reason appliedBy appliedAt expiresAt status",
    type={
        "enum": [
            *("waiver", "attestation", "poam", "inherited", "falsePositive", "riskAdjustment"),
            "operationalRequirement",
        ]
    },
    requirementId=_TEXT,
    baselineRef=_TEXT,
    componentRef=_UUID,
    status=_STATUS,
    reason=_TEXT,
    appliedBy=_IDENTITY,
    appliedAt=_INSTANT,
    expiresAt=_INSTANT,
    evidence=_list(
        _thing(
            "type data",
            type={"enum": ["screenshot", "code", "log", "url", "file", "other"]},
            data=_TEXT,
            description=_TEXT,
        )
    ),
)
_AMENDMENTS = Draft202012Validator(
    _thing(
        "name overrides",
        amendmentId=_UUID,
        name=_TEXT,
        description=_TEXT,
        generator=_GENERATOR,
        labels=_LABELS,
        overrides=_list(_OVERRIDE, least=1),
    )
)
_REQUIREMENT = _thing(
    "id impact tags results descriptions",
    id=_TEXT,
    title=_TEXT,
    impact={"type": "number", "minimum": 0, "maximum": 1},
    tags={"type": "object"},
    refs=_list(_thing("url", url=_TEXT)),
    sourceLocation=_thing("", ref=_TEXT),
    descriptions=_list(_thing("label data", label={"const": "default"}, data=_TEXT), least=1),
    results=_list(
        _thing("status codeDesc startTime", status=_STATUS, codeDesc=_TEXT, startTime=_INSTANT, message=_TEXT), least=1
    ),
)
_RESULTS = Draft202012Validator(
    _thing(
        "baselines",
        id=_UUID,
        timestamp=_INSTANT,
        generator=_GENERATOR,
        extensions={"type": "object"},
        components=_list(
            _thing(
                "type name",
                type={"const": "host"},
                name=_TEXT,
                componentId=_UUID,
                osName=_TEXT,
                osVersion=_TEXT,
                owner=_IDENTITY,
                labels=_LABELS,
            )
        ),
        baselines=_list(
            _thing(
                "name requirements",
                name=_TEXT,
                title=_TEXT,
                version=_TEXT,
                summary=_TEXT,
                requirements=_list(_REQUIREMENT, least=1),
            )
        ),
    )
)
_HOSTILE = '</script><img src=x onerror=alert(1)>"\t\n\x1b[2J\u202e\ud800'


def _read(file: Path) -> Any:
    data = file.read_bytes()
    assert data.isascii()
    assert not {byte for byte in data if byte < 0x20} - {0x0A}
    assert not set(b"<>&") & set(data)
    return json.loads(data)


def _amendments(files: list[Path]) -> list[Row]:
    return [_read(file) for file in files if file.name == "amendments.json"]


def _hosts(files: list[Path]) -> dict[str, Row]:
    documents = [_read(file) for file in files if file.parent.name == "hosts"]
    return {document["components"][0]["componentId"]: document for document in documents}


@pytest.fixture(scope="module")
def files(sample: RunRows, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return FORMAT.write(sample, tmp_path_factory.mktemp("hdf3"))


def test_every_document_has_the_form_that_is_published(files: list[Path], sample: RunRows) -> None:
    (amendments,) = _amendments(files)
    _AMENDMENTS.validate(amendments)
    hosts = _hosts(files)
    assert len(hosts) == len(sample.ledger)
    for document in hosts.values():
        _RESULTS.validate(document)


@pytest.mark.parametrize("lost", ["expiresAt", "appliedBy", "reason", "requirementId"])
def test_the_form_can_say_no(lost: str, files: list[Path]) -> None:
    (amendments,) = _amendments(files)
    del amendments["overrides"][0][lost]
    assert not _AMENDMENTS.is_valid(amendments)


def test_each_amendment_is_about_a_broken_requirement_of_a_host_that_is_there(
    files: list[Path], sample: RunRows
) -> None:
    (amendments,) = _amendments(files)
    hosts = _hosts(files)
    amended = set()
    for override in amendments["overrides"]:
        (component,) = hosts[override["componentRef"]]["components"]
        (baseline,) = hosts[override["componentRef"]]["baselines"]
        (requirement,) = (one for one in baseline["requirements"] if one["id"] == override["requirementId"])
        assert override["baselineRef"] == baseline["name"] == PROFILE
        assert [one["status"] for one in requirement["results"]] == ["failed"]
        # What is accepted is no pass, neither before an amendment is applied nor after it.
        assert (override["type"], override["status"]) == ("waiver", "failed")
        amended.add((component["name"], override["requirementId"]))
    assert amended == {
        (visible(host["host"]), verdict["control"])
        for host in sample.hosts()
        for verdict in host["verdicts"]
        if verdict["verdict"] == "excepted"
    }


def test_an_amendment_names_the_people_the_reason_and_the_end(files: list[Path], sample: RunRows) -> None:
    (amendments,) = _amendments(files)
    override = amendments["overrides"][0]
    ticket = sample.exceptions["EX-2026-014"]["ticket"]
    assert override["reason"] == (
        "The vendor of the ticket machine maintains it through VNC until the migration. "
        f"Instead: {sample.exceptions['EX-2026-014']['compensating']} "
        "EX-2026-014 was asked for by n.haile, granted by c.brandt, and ends with 2026-12-31. Asserted, not verified."
    )
    assert override["appliedBy"] == {
        "type": "simple",
        "identifier": "c.brandt",
        "description": "Granted what n.haile asked for. Asserted, not verified.",
    }
    assert override["expiresAt"] == "2026-12-31T23:59:59Z"
    assert [one["data"] for one in override["evidence"]] == [ticket]


def _with(sample: RunRows, verdict: str) -> RunRows:
    """Return a run in which what is excepted has another verdict, its violations as they were."""
    rows = [
        host
        | {
            "verdicts": [
                one | {"verdict": verdict if one["verdict"] == "excepted" else one["verdict"]}
                for one in host["verdicts"]
            ]
        }
        for host in sample.hosts()
    ]
    return replace(sample, hosts=lambda: iter(rows))


@pytest.mark.parametrize("verdict", ["fail", "unknown"])
def test_what_is_accepted_in_part_only_is_not_amended(verdict: str, sample: RunRows, tmp_path: Path) -> None:
    files = FORMAT.write(_with(sample, verdict), tmp_path)
    assert _amendments(files) == []
    assert len(files) == len(sample.ledger)


def test_a_verdict_of_a_newer_word_does_not_pass(sample: RunRows, tmp_path: Path) -> None:
    hosts = _hosts(FORMAT.write(_with(sample, "newer_word"), tmp_path))
    statuses = [
        result["status"]
        for document in hosts.values()
        for requirement in document["baselines"][0]["requirements"]
        for result in requirement["results"]
    ]
    passed = sum(one["verdict"] == "pass" for host in sample.hosts() for one in host["verdicts"])
    assert statuses.count("passed") == passed


def test_hostile_words_stay_words(sample: RunRows, tmp_path: Path) -> None:
    def said(row: Row) -> Row:
        return row | {"host": f"{row['host']}{_HOSTILE}", "owner": _HOSTILE, "site": _HOSTILE}

    known = {
        name: one | {"reason": _HOSTILE, "ticket": _HOSTILE, "approved_by": _HOSTILE}
        for name, one in sample.exceptions.items()
    }
    rows = [said(row) for row in sample.hosts()]
    hostile = replace(sample, ledger=[said(row) for row in sample.ledger], hosts=lambda: iter(rows), exceptions=known)
    files = FORMAT.write(hostile, tmp_path)
    (amendments,) = _amendments(files)
    _AMENDMENTS.validate(amendments)
    for document in _hosts(files).values():
        _RESULTS.validate(document)
    for override in amendments["overrides"]:
        assert override["reason"].isprintable()
        assert override["evidence"][0]["data"].isprintable()


def test_the_same_rows_give_the_same_bytes(sample: RunRows, tmp_path: Path) -> None:
    one, two = (write_report(sample, tmp_path / name, [FORMAT]) for name in ("one", "two"))
    assert [file.read_bytes() for file in one] == [file.read_bytes() for file in two]
