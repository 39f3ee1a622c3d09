"""What is brought as files: events, flows, sightings, sets of evidence, messages of workers, operators' own files."""

import base64
import ipaddress
import json
import os
import tempfile
from collections.abc import Callable
from datetime import date
from functools import cache
from pathlib import Path

from auditor import __version__
from auditor.catalogue.load import load_catalogue, parse_catalogue
from auditor.collect.envelope import open_envelope
from auditor.collect.seal import head_record, seal
from auditor.controls.registry import control_infos
from auditor.errors import Reason, UsageError
from auditor.far_end.rdap import registered
from auditor.hunt.matching import Matcher
from auditor.ingest.document import parse_document, parse_documents, sealed
from auditor.ingest.events.reading import FileReading
from auditor.ingest.flows.conversations import Conversations
from auditor.ingest.flows.nfdump import MAGIC as OF_NFCAPD
from auditor.ingest.flows.reading import FlowFile, Ways
from auditor.ingest.flows.record import Wanted
from auditor.inventory.csv_file import read_csv
from auditor.inventory.population import read_population
from auditor.inventory.yaml_list import is_list, read_yaml_list
from auditor.model.host import HostFacts
from auditor.model.outside import Origin, OutsideRecord
from auditor.model.policy import Settings
from auditor.model.record import replace
from auditor.notify.load import parse_webhooks
from auditor.policy.load import parse_policy
from auditor.policy.load_exceptions import Known, parse_exceptions
from auditor.policy.load_people import parse_people
from auditor.policy.load_suppressions import parse_suppressions
from auditor.policy.load_workers import parse_workers
from auditor.remediate.plan_text import PlanFile, plan_text, read_plan
from auditor.run.event_sightings import EventSightings
from auditor.run.exchange import Parcel, Said, read_result, read_said, result_message
from auditor.run.merge import merged
from auditor.run.open_bundle import Bundle
from auditor.run.parcel import open_parcel, parcel_text
from auditor.run.reader import _section_record
from auditor.store.record import HostRecord
from auditor.trust.signoff import About, Role, Statement, read_statement, statement_bytes
from auditor.trust.sshsig import read_signature
from tests.far_end.conftest import answer
from tests.fuzz import envelope
from tests.fuzz.target import chosen
from tests.ingest.events import exports
from tests.ingest.events.test_hostile import _RECORDS
from tests.ingest.events.test_reading import _AUDITD
from tests.ingest.flows import test_formats, test_laws
from tests.remediate.test_planning import PACKAGE, UNAPPROVED, UNIT, a_host, planned
from tests.run.evidence_sets import Seen, make_set
from tests.run.test_hostile_bundles import write_manifest_over

_ROOT = Path(__file__).parents[2]
_TELLING = frozenset({(6, 5938)})
_FILE = Path("file.yml")
_TOKEN = "ab" * 16


@cache
def _place() -> tempfile.TemporaryDirectory[str]:
    """Return a folder for what is written on the way, gone when this process ends."""
    return tempfile.TemporaryDirectory(prefix="fuzz-")


def _written(data: bytes) -> Path:
    file = Path(_place().name, "file")
    file.write_bytes(data)
    return file


# ---- events


@cache
def _matcher() -> Matcher:
    return Matcher(load_catalogue(), ["teamviewer", "anydesk"])


def _sightings() -> EventSightings:
    return EventSightings(matcher=_matcher(), covers=lambda _event, _product: None, host_of=lambda _device: None)


def _record(found: EventSightings, *files: FileReading) -> OutsideRecord:
    rows, left_out = found.sightings()
    return OutsideRecord(
        origin=Origin.EVENT, tool_version="1", catalogue_sha256="0" * 64, sightings=rows, left_out=left_out,
        files=tuple(one.outside_file() for one in files),
    )  # fmt: skip


def events(data: bytes) -> None:
    """Read a file of events, find products in it, and seal what was found: it is to be read back as it was."""
    reading, found = FileReading(file=_written(data)), _sightings()
    for event in reading.events():
        found.add(event)
    record = _record(found, reading)
    assert parse_document(sealed(record).encode(), "x") == record


def event_files(*endings: str) -> Callable[[], list[bytes]]:
    """Give every export of the tests whose name ends so."""

    def made() -> list[bytes]:
        with tempfile.TemporaryDirectory() as place:
            files = exports.write_all(Path(place))
            return [file.read_bytes() for name, file in sorted(files.items()) if name.endswith(endings)]

    return made


def event_records() -> list[bytes]:
    """Give a record of each kind in JSON, all of them as lines and as one array, and as tables."""
    rows = [json.dumps(one).encode() for one in _RECORDS]
    with tempfile.TemporaryDirectory() as place:
        exports.write_csv(Path(place, "d.csv"), _RECORDS[-3:-1])
        tables = [Path(place, "d.csv").read_bytes()]
    return [*rows, b"\n".join(rows[-4:]), b"[" + b",\n".join(rows[:3]) + b"]", *tables, *event_files(".csv", ".gz")()]


def auditd() -> list[bytes]:
    """Give records of auditd, and rows of ausearch."""
    names = "NODE,EVENT,DATE,TIME,SERIAL_NUM,EVENT_KIND,SESSION,SUBJ_PRIME,SUBJ_SEC,ACTION,RESULT,OBJ_PRIME,HOW\n"
    row = ",SYSCALL,11/20/2026,08:15:30,77,audit-rule,3,ada,root,executed,success,/usr/bin/x11vnc,/usr/bin/bash\n"
    return [_AUDITD.encode(), (names + row).encode()]


# ---- flows


def flows(data: bytes) -> None:
    """Read a file of flows, and add up its conversations."""
    if data.startswith(OF_NFCAPD):
        raise UsageError("nfdump itself reads these: what it prints is a table, which is read here")
    file = FlowFile(path=_written(data), ways=Ways())
    if file.is_of_names():
        list(file.names())
        return
    added = Conversations(telling=_TELLING)
    added.add(file.flows(Wanted(None)), file)
    told = sum(one.count for one in added.all())
    tally = file.tally
    assert tally.read == told + tally.passed_over + tally.denied + tally.empty
    assert file.told.sha256


def flow_seeds(*names: str) -> Callable[[], list[bytes]]:
    """Give files of flows by what the laws call them."""
    return lambda: [test_laws.WHOLE[name] for name in names]


def flow_messages() -> list[bytes]:
    """Give messages and captures of each version."""
    names = ("ipfix", "v5", "capture-v5", "capture-ipfix")
    return [*(test_laws.WHOLE[name] for name in names), _v9()]


def _v9() -> bytes:
    """Return a message of NetFlow v9 (RFC 3954): a template, and a record of it."""

    def set_of(number: int, body: bytes) -> bytes:
        return number.to_bytes(2, "big") + (4 + len(body)).to_bytes(2, "big") + body

    fields = ((8, 4), (12, 4), (7, 2), (11, 2), (4, 1), (1, 4), (2, 4), (22, 4), (21, 4))
    listed = b"".join(one.to_bytes(2, "big") + size.to_bytes(2, "big") for one, size in fields)
    template = (256).to_bytes(2, "big") + len(fields).to_bytes(2, "big") + listed
    numbers = ((50111, 2), (5938, 2), (6, 1), (1000, 4), (10, 4), (500, 4), (900, 4))
    record = bytes((10, 0, 0, 5, 203, 0, 113, 5)) + b"".join(one.to_bytes(size, "big") for one, size in numbers)
    body = set_of(0, template) + set_of(256, record + bytes(3))
    head = ((9, 2), (2, 2), (1000, 4), (test_formats.BEGAN, 4), (1, 4), (0, 4))
    return b"".join(one.to_bytes(size, "big") for one, size in head) + body


def flow_tables() -> list[bytes]:
    """Give tables and logs in text."""
    names = ("zeek", "zeek-json", "aws", "azure-vnet", "azure-nsg", "gcp")
    return [*(test_laws.WHOLE[name] for name in names), test_formats._SHORT.encode()]


# ---- what we sealed, and gets back from outside


def sightings(data: bytes) -> None:
    """Read sealed sightings: one document as a command is given it, several as a run seals them."""
    parse_document(data, "x") if data.startswith(b" ") else parse_documents(data.decode("latin-1"), "x")


def sighting_seeds() -> list[bytes]:
    """Give the sealed sightings of the exports."""
    found = _sightings()
    for data in event_records():
        for event in FileReading(file=_written(data)).events():
            found.add(event)
    return [sealed(_record(found)).encode(), sealed(_record(_sightings())).encode()]


@cache
def _set() -> tuple[Path, dict[str, bytes]]:
    folder = make_set(Path(_place().name, "set"), [Seen(name="db", host_key="SHA256:x"), Seen(name="web")])
    return folder, {file.relative_to(folder).as_posix(): file.read_bytes() for file in _files(folder)}


def _files(folder: Path) -> list[Path]:
    return sorted(Path(at, name) for at, _, names in os.walk(folder) for name in names)


def bundle(data: bytes) -> None:
    """Read a set of evidence in which one file is another, its manifest made anew over it, as a forger would."""
    folder, before = _set()
    line, _, content = data.partition(b"\n")
    name = chosen(line, sorted(before))
    try:
        folder.joinpath(name).write_bytes(content)
        if name != "manifest.json":
            write_manifest_over(folder)
        opened = Bundle(folder)
        merged([opened])
        list(opened.problems())
        for answer in opened.answers():
            opened.evidence(answer)
    finally:
        for one in (name, "manifest.json"):
            folder.joinpath(one).write_bytes(before[one])


def bundle_seeds() -> list[bytes]:
    """Give each file of a set, behind its name."""
    return [name.encode() + b"\n" + data for name, data in sorted(_set()[1].items())]


def _registered(data: bytes) -> None:
    try:
        document = json.loads(data)
    except RecursionError:  # `fetch_json` passes on no such document, nor one that is no object
        return
    if isinstance(document, dict):
        registered(document, ipaddress.ip_address("198.51.100.7"), "rdap.example")


_SAID: dict[str, Callable[[bytes], object]] = {
    "result": read_result,
    "said": lambda data: read_said(data.decode("utf-8", "replace")),
    "parcel": lambda data: open_parcel(Parcel(text=data, probe_sha256="0" * 64), HostFacts(name="h", key="h")),
    "statement": read_statement,
    "signature": lambda data: read_signature(data.decode("utf-8", "replace")),
    "registry": _registered,
}


def messages(data: bytes) -> None:
    """Read what workers, reviewers, signers and registries send."""
    line, _, content = data.partition(b"\n")
    _SAID[chosen(line, tuple(_SAID))](content)


def message_seeds() -> list[bytes]:
    """Give one of each, behind what it is."""
    said = Said(task="t", run="r", host="h", probe="0" * 64, evidence="0" * 64, reason=None, detail="", at_login=False)
    refused = replace(said, evidence=None, reason=Reason.TIMEOUT)
    about = About(run="r", seal="0" * 64, manifest_sha256="0" * 64, sample_sha256=None)
    statement = Statement(
        role=Role.PREPARER, person="Ada", on=date(2026, 11, 28), about=about, conclusion="c", preparer_sha256=None
    )
    whole = {
        "result": json.dumps(result_message(said, "s", "{}")).encode(),
        "said": said.text.encode(),
        "parcel": _parcel(),
        "statement": statement_bytes(statement),
        "signature": _signature(),
        "registry": json.dumps(answer()).encode(),
    }
    return [*(name.encode() + b"\n" + data for name, data in whole.items()), b"said\n" + refused.text.encode()]


def _parcel() -> bytes:
    """Return evidence as a worker sends it."""
    data = f"auditor-probe 1 {_TOKEN} plain\n".encode() + envelope.seeds()[0]
    opened = open_envelope(stdout=data, stderr=b"", token=_TOKEN, limit=1 << 26)
    evidence = seal(
        opened, host="h", user=None, collected_at=exports.AT, probe_sha256="0" * 64, tool_version=__version__,
        host_key=None,
    )  # fmt: skip
    record = HostRecord(
        host="h", outcome="partial", complete=False, inventoried=False, reason=None, packed_row=b"",
        evidence_sha256=evidence.sha256, head=json.dumps(head_record(evidence.head)),
        sections=tuple(map(_section_record, evidence.sections)),
    )  # fmt: skip
    return parcel_text(record).encode()


def _signature() -> bytes:
    """Return a signature in OpenSSH's form by the key of RFC 8032, 7.1, test 1: it is none over anything."""

    def field(data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + data

    key = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
    blob = b"SSHSIG\0\0\0\1" + field(field(b"ssh-ed25519") + field(key)) + field(b"file") + field(b"")
    blob += field(b"sha512") + field(field(b"ssh-ed25519") + field(bytes(64)))
    armoured = base64.b64encode(blob).decode()
    return f"-----BEGIN SSH SIGNATURE-----\n{armoured}\n-----END SSH SIGNATURE-----\n".encode()


# ---- what operators write


_PRODUCTS = frozenset({"anydesk", "teamviewer", "xrdp", "tigervnc", "microsoft-rdp"})


@cache
def _known() -> Known:
    return Known(controls=frozenset(control_infos()), products=_PRODUCTS, settings=Settings())


_OF_OPERATORS: dict[str, Callable[[str], object]] = {
    "policy": lambda text: parse_policy(text, _FILE, products=_PRODUCTS),
    "exceptions": lambda text: parse_exceptions(text, _FILE, _known()),
    "people": lambda text: parse_people(text, _FILE),
    "workers": lambda text: parse_workers(text, _FILE),
    "suppressions": lambda text: parse_suppressions(text, _FILE, _PRODUCTS),
    "notify": lambda text: parse_webhooks(text, _FILE, {}),
    "plan": lambda text: read_plan(text, _FILE),
    "product": lambda text: parse_catalogue([(Path("anydesk.yml"), text)]),
    "csv": lambda text: read_csv(text, _FILE),
    "list": lambda text: is_list(text) and read_yaml_list(text, _FILE),
    "population": lambda text: read_population(text, _FILE),
}


def operator_files(data: bytes) -> None:
    """Read a file of an operator, of the kind that its first line says."""
    line, _, content = data.partition(b"\n")
    _OF_OPERATORS[chosen(line, tuple(_OF_OPERATORS))](content.decode("utf-8", "replace"))


def operator_seeds() -> list[bytes]:
    """Give the files that lie here as examples, each behind its kind."""
    demo, ours = _ROOT / "auditor" / "demo", _ROOT / "policies"
    workers = "workers:\n  - name: w1\n    sites: [berlin]\n    keys:\n      - key: ssh-ed25519 "
    workers += "AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea w1\n"
    hooks = "webhooks:\n  - name: desk\n    url: https://example.org/x\n    events: [new_violation]\n"
    texts = [
        *(("policy", folder / "policy.yml") for folder in (demo, ours)),
        *(("exceptions", folder / "exceptions.yml") for folder in (demo, ours)),
        *(("people", folder / "people.yml") for folder in (demo, ours)),
        ("suppressions", ours / "suppressions.yml"), ("list", demo / "fleet.yml"),
        ("population", demo / "population.csv"), ("product", _ROOT / "auditor/catalogue/products/anydesk.yml"),
    ]  # fmt: skip
    made = [f"{kind}\n{file.read_text()}".encode() for kind, file in texts]
    table = "csv\nhost,address,port,connection,user,site,owner,groups\nweb1,192.0.2.1,22,ssh,audit,berlin,Ada,web db\n"
    return [*made, table.encode(), f"workers\n{workers}".encode(), f"notify\n{hooks}".encode(), _plan()]


def _plan() -> bytes:
    """Return a plan with one step, as it is written."""
    held = {"packages": [PACKAGE], "services": [UNIT]}
    return b"plan\n" + plan_text(PlanFile(plan=planned(a_host(UNAPPROVED, held=held)))).encode()
