"""A year of monthly audits over 200 recorded hosts: each finding lives as its plan says, and each month recomputes.

The hosts are copies of one machine that `auditor demo` recorded, changed as a plan says (synthetic). The plan is
written month by month, in characters that are explained where they are read; what it expects of the findings stands
beside it, and nothing that is not planned may be found.
"""

import json
import os
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml

from auditor.catalogue.entry import catalogue_text
from auditor.catalogue.load import load_catalogue
from auditor.cli.bundling import write_bundle
from auditor.cli.main import main
from auditor.controls.registry import controls
from auditor.errors import HostError, Reason
from auditor.inventory.scope import fix_scope
from auditor.model.host import ConnectionKind, Host
from auditor.model.pacing import Pacing
from auditor.model.policy import Settings
from auditor.model.probe import ProbeCall, RawOutput
from auditor.policy.load_exceptions import Known, parse_exceptions
from auditor.report.stored_run import stored_run
from auditor.run.audit import Limits, Sealed, new_run, run_audit
from auditor.run.ending import close_run
from auditor.run.fanout import Course
from auditor.run.readers import Readers
from auditor.run.rules import RuleFile, RuleFiles, rules_of
from auditor.store.store import Store
from tests.policy.signed import ADA, GRACE, people_text, signature

pytestmark = pytest.mark.slow

HOSTS = 200
_INSTANTS = [datetime(2026, month, 1, 6, tzinfo=UTC) for month in range(1, 13)]
_POLICY = """name: A year
settings:
  coverage: 50%
  installers: {users: [root, user0, user1]}
  service_accounts: [auditor]
networks:
  require_filter: false
"""
_FROM_JULY = """approvals:
  - id: helpdesk
    product: teamviewer
    groups: [helpdesk]
    reason: First-level support
    owner: Service desk
    review_by: 2027-06-30
"""
_EXCEPTIONS = """exceptions:
  - {id: EX-1, control: unapproved_product, hosts: [srv-002], subject: "product:anydesk", reason: A contract,
     requested_by: Ada, approved_by: Grace, start: 2026-04-01, end: 2026-06-30}
  - {id: EX-2, control: unapproved_product, groups: [press], reason: A press, requested_by: Ada, approved_by: Grace,
     start: 2026-01-01, end: 2026-09-01}
"""
_PEOPLE = {"Ada": ADA, "Grace": GRACE}


@dataclass(frozen=True, kw_only=True)
class Planned:
    """What happens to one host, and what must become of its findings: one character a month, January first."""

    host: str
    """``.`` nothing, ``A`` AnyDesk and ``T`` TeamViewer are installed, ``R`` AnyDesk runs, ``~`` the package database
    cannot be read, ``!`` no answer, ``-`` not in the inventory, ``s`` its clock is three days ahead."""
    finds: Mapping[tuple[str, str], str]
    """Control and subject: blank nothing yet, ``o`` open, ``x`` excepted, ``c`` closed, ``n`` not observable, ``-`` not
    in the scope."""
    groups: tuple[str, ...] = ()
    key: str | None = None
    renamed: Mapping[int, str] = field(default_factory=dict)
    """Its name from a month on."""


def _anydesk(control: str) -> tuple[str, str]:
    return (control, "product:anydesk")


_PLAN = {
    "srv-001": Planned(
        # Installed in March, removed in June, back in July, gone in September.
        host="..AAA.AA....",
        finds={
            _anydesk("unapproved_product"): "  ooocoocccc",
            _anydesk("new_product"): "  ooocoocccc",
            _anydesk("reinstalled_product"): "      oocccc",
        },
    ),
    "srv-002": Planned(
        # There before anybody looked; excepted from the first of April to the last of June.
        host="AAAAAAAAAAAA",
        finds={_anydesk("unapproved_product"): "oooxxxoooooo"},
    ),
    "srv-003": Planned(
        # It does not answer in April and May.
        host="AAA!!AA.....",
        finds={_anydesk("unapproved_product"): "ooonnooccccc", ("audit_interval", "interval"): "     occcccc"},
    ),
    "srv-004": Planned(
        # It is taken out of the inventory for three months.
        host="AAA---AA....",
        finds={_anydesk("unapproved_product"): "ooo---oocccc", ("audit_interval", "interval"): "      occccc"},
    ),
    "srv-005": Planned(
        # Its package database cannot be read from March to May: what was open is neither closed nor seen.
        host="AA~~~AAAAAAA",
        finds={
            _anydesk("unapproved_product"): "oonnnooooooo",
            ("complete_inventory", "evidence"): "   ooccccccc",
            ("audit_interval", "interval"): "   ooocccccc",
        },
    ),
    "srv-006": Planned(
        # The policy of July approves what nobody has started since January.
        host="TTTTTTTTTTTT",
        finds={
            ("unapproved_product", "product:teamviewer"): "oooooocccccc",
            ("idle_product", "product:teamviewer"): "      oooooo",
        },
        groups=("helpdesk",),
    ),
    "srv-007": Planned(
        # It is renamed in May, and known by its identity.
        host="AAAAAAAAAAAA",
        finds={_anydesk("unapproved_product"): "oooooooooooo"},
        key="id-7",
        renamed={5: "srv-007-new"},
    ),
    "srv-008": Planned(host=".....ss.....", finds={}),
    "srv-009": Planned(
        # It comes in October.
        host=".........AAR",
        finds={_anydesk("unapproved_product"): "         ooo", _anydesk("new_product"): "         ooo"},
    ),
    "srv-010": Planned(
        # Its group is excepted until the first of September, that day included; not from being new.
        host="....AAAAAAAA",
        finds={_anydesk("unapproved_product"): "    xxxxxooo", _anydesk("new_product"): "    oooooooo"},
        groups=("press",),
    ),
    "srv-011": Planned(
        # It is looked at for the first time when its package database cannot be read: what is seen then is no news.
        host="~~AAAAAAAAAA",
        finds={
            _anydesk("unapproved_product"): "  oooooooooo",
            ("complete_inventory", "evidence"): "            ",
        },
    ),
    "srv-012": Planned(
        # Gone while nobody could see it, and never seen to come back.
        host="AA~AA.~.~A..",
        finds={
            _anydesk("unapproved_product"): "oonooccccocc",
            _anydesk("reinstalled_product"): "         occ",
            ("audit_interval", "interval"): "   occcococc",
        },
    ),
}
_STATES = {"open": "o", "excepted": "x", "closed": "c", "not_observable": "n"}


@cache
def _recorded() -> str:
    head, _, packed = (files("auditor") / "demo" / "web-2.probe").read_bytes().partition(b"\n")
    return f"{head.decode().removesuffix('gzip')}plain\n{zlib.decompress(packed, 31).decode()}"


@cache
def _answer(state: str, number: int) -> bytes:
    """Return what a host of a state answers in a month, as the probe prints it."""
    text, when = _recorded(), _INSTANTS[number]
    old = next(line for line in text.split("\n") if line.startswith("@head clock "))
    skew = timedelta(days=3 if state == "s" else 0)
    text = text.replace(old, f"@head clock {int((when + skew).timestamp())}")
    begin = "@begin software.dpkg\n"
    if state in "AR":
        text = text.replace(begin, f"{begin}|installed\tanydesk\t6.3.2\tamd64\n")
    if state == "R":
        running = "|4711\t1\tS\t748061\t0\troot\t/usr/bin/anydesk\tanydesk\t/usr/bin/anydesk --service\n"
        at = text.index("@end processes.procfs")
        text = text[:at] + running + text[at:]
    if state == "T":
        text = text.replace(begin, f"{begin}|installed\tteamviewer\t15.50.5\tamd64\n")
    if state == "~":
        rows = text[text.index(begin) + len(begin) : text.index("@end software.dpkg")]
        text = text.replace(rows, "@outcome denied /var/lib/dpkg/status cannot be read\n")
    return text.encode()


def _state(name: str, number: int) -> str:
    planned = _PLAN.get(name)
    return "." if planned is None else planned.host[number]


def _hosts(number: int) -> Iterator[tuple[str, Host]]:
    """Yield the inventory of a month: what the plan calls a host, and the host."""
    for each in range(1, HOSTS + 1):
        name = f"srv-{each:03}"
        planned = _PLAN.get(name, Planned(host="." * 12, finds={}))
        if planned.host[number] == "-":
            continue
        called = next((new for month, new in planned.renamed.items() if number + 1 >= month), name)
        yield (
            name,
            Host(
                name=called,
                address="192.0.2.1",
                connection=ConnectionKind.REPLAY,
                groups=planned.groups,
                owner="Operations",
                host_id=planned.key,
            ),
        )


@dataclass(frozen=True, kw_only=True)
class Month:
    """What a month's audit left."""

    bundle: Path
    findings: list[dict[str, Any]]
    planned: dict[str, str]
    """What the plan calls each host of its scope, by the host's name."""


@cache
def _signed() -> str:
    """Return the exceptions with the signatures of their people."""
    known = Known(controls=list(controls()), products=["anydesk"], settings=Settings())
    data = yaml.safe_load(_EXCEPTIONS)
    for entry, record in zip(
        data["exceptions"], parse_exceptions(_EXCEPTIONS, Path("exceptions.yml"), known), strict=True
    ):
        entry["signatures"] = {
            role: signature(record, _PEOPLE[getattr(record, role)]) for role in ("requested_by", "approved_by")
        }
    return str(yaml.safe_dump(data, sort_keys=False))


def _audited(store: Store, number: int, place: Path) -> Month:
    hosts = dict(_hosts(number))
    called = {host.name: name for name, host in hosts.items()}
    when, catalogue = _INSTANTS[number], load_catalogue()
    policy_text = _POLICY if number < 6 else _POLICY + _FROM_JULY
    exceptions, people = _signed(), people_text(_PEOPLE)
    files = RuleFiles(
        policy=RuleFile(text=policy_text, file=Path("policy.yml")),
        exceptions=RuleFile(text=exceptions, file=Path("exceptions.yml")),
        people=RuleFile(text=people, file=Path("people.yml")),
    )
    rules = rules_of(files, catalogue, when)
    sealed = Sealed(policy=policy_text, exceptions=exceptions, people=people, catalogue=catalogue_text(catalogue))

    def ask(host: Host, _call: ProbeCall) -> RawOutput:
        state = _state(called[host.name], number)
        if state == "!":
            raise HostError(Reason.TIMEOUT, "no answer")
        answer = _answer(state, number)
        token = answer.split(b" ", 3)[2].decode()
        return RawOutput(
            stdout=answer, stderr=b"", exit_status=0, started=when, finished=when, token=token, user="root"
        )

    scope = fix_scope(tuple(hosts.values()), [], None, "the plan")
    run = new_run(store, scope, rules, sealed, operator="test", options={}, name=f"{when:%Y-%m}")
    course = Course(pacing=Pacing(workers=4, retries=0))
    with closing(Readers(min(2, os.cpu_count() or 1), rules)) as readers:
        for _ in run_audit(store=store, run=run, scope=scope, limits=Limits(), ask=ask, readers=readers, course=course):
            pass
    closed = close_run(store, run, rules, finished=when)
    rows = stored_run(store, closed)
    bundle = place / closed.id
    write_bundle(store, closed, rows, bundle, ["json"])
    return Month(bundle=bundle, findings=list(rows.findings), planned=called)


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> list[Month]:
    place = tmp_path_factory.mktemp("year")
    with closing(Store(str(place / "store.sqlite"))) as store:
        return [_audited(store, number, place / "reports") for number in range(12)]


def test_every_finding_lives_as_planned_and_nothing_else_is_found(year: list[Month]) -> None:
    lives: dict[str, dict[tuple[str, str], list[str]]] = {}
    for number, month in enumerate(year):
        for finding in month.findings:
            life = lives.setdefault(month.planned[finding["host"]], {})
            states = life.setdefault((finding["control"], finding["subject"]), [" "] * 12)
            states[number] = _STATES[finding["state"]]
        for name, planned in _PLAN.items():
            if planned.host[number] == "-":
                for states in lives.get(name, {}).values():
                    states[number] = "-"
    found = {name: {subject: "".join(states) for subject, states in life.items()} for name, life in lives.items()}
    wanted = {
        name: {subject: states for subject, states in planned.finds.items() if states.strip()}
        for name, planned in _PLAN.items()
    }
    assert found == {name: life for name, life in wanted.items() if life}


def test_what_came_back_failed_anew_and_what_was_not_seen_did_not(year: list[Month]) -> None:
    def ages(number: int, name: str, control: str) -> tuple[str, str]:
        (one,) = (
            finding
            for finding in year[number].findings
            if year[number].planned[finding["host"]] == name and finding["control"] == control
        )
        return one["first_seen"][:7], one["failing_since"][:7]

    assert ages(7, "srv-001", "unapproved_product") == ("2026-03", "2026-07")
    assert ages(5, "srv-003", "unapproved_product") == ("2026-01", "2026-01")
    assert ages(7, "srv-004", "unapproved_product") == ("2026-01", "2026-01")
    assert ages(11, "srv-005", "unapproved_product") == ("2026-01", "2026-01")
    assert ages(11, "srv-007", "unapproved_product") == ("2026-01", "2026-01")
    assert ages(9, "srv-012", "unapproved_product") == ("2026-01", "2026-10")


def test_every_month_has_sealed_what_the_months_before_it_came_to(year: list[Month]) -> None:
    results = [json.loads((month.bundle / "results.json").read_text()) for month in year]
    seals = [json.loads((month.bundle / "manifest.json").read_text())["seal"] for month in year]
    for number, month in enumerate(results):
        told = month["run"]["history"]["runs"]
        assert [(one["run"], one["seal"]) for one in told] == [
            (before["run"]["id"], seal) for before, seal in zip(results[:number], seals, strict=False)
        ]
        for one, before in zip(told, results, strict=False):
            outcomes = Counter(row["outcome"] for row in before["ledger"])
            assert {name: count for name, count in one["outcomes"].items() if count} == outcomes
            states = Counter(row["state"] for row in before["findings"])
            assert (one["findings"]["open"], one["findings"]["excepted"]) == (states["open"], states["excepted"])
            assert one["findings"]["overdue"] == sum(row["overdue"] for row in before["findings"])
            assert one["coverage"]["assessed"] == before["run"]["coverage"]["assessed"]
            assert one["policy"] == before["run"]["policy"]["sha256"]


def test_every_month_recomputes_byte_for_byte(year: list[Month], tmp_path: Path) -> None:
    for month in year:
        assert main(["verify", str(month.bundle), "--recompute", "-q"]) == 0
    # The order of the months is none of its inputs: the last one is judged again where no other was ever heard of.
    last = year[-1].bundle
    assert main(["assess", str(last), "-o", str(tmp_path / "out"), "-q", "--format", "json"]) in (0, 1, 3)
    (again,) = (tmp_path / "out").iterdir()
    assert (again / "hosts.jsonl").read_bytes() == (last / "hosts.jsonl").read_bytes()
    findings = [json.loads((folder / "results.json").read_text())["findings"] for folder in (again, last)]
    assert findings[0] == findings[1]
