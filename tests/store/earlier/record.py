"""Record a store as the auditor on PYTHONPATH writes it: `python record.py COMMIT > layout.json`.

To be run in a checkout of an earlier version; it uses nothing that the first version with a store did not have.
"""

import base64
import json
import sys
import tempfile
import zlib
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.schema import CreateIndex, CreateTable

from auditor.model.evidence import Outcome
from auditor.model.host import HostFacts
from auditor.store.record import HostRecord, RunRecord, SectionRecord
from auditor.store.store import Store, digest
from auditor.store.tables import METADATA

MAY = "2026-05-01T00:00:00Z"


def _run(name: str) -> RunRecord:
    return RunRecord(
        id=name,
        sequence=0,
        started=MAY,
        finished=None,
        operator="ada",
        tool_version="0.1",
        as_of=MAY,
        scope_count=2,
        scope_sha256="5" * 64,
        scope_source="hosts.csv",
        options={"patterns": []},
        inputs={"policy": digest("policy"), "catalogue": "c" * 64},
        summary={},
    )


def _host(name: str) -> HostRecord:
    text = f"rows of {name}\n"
    section = SectionRecord(
        sha256=digest(text),
        id="a.b",
        outcome=Outcome.FAILED,
        reason="tool missing",
        stderr="a \x1a and a \\ and a café\n",
        redactions=1,
        packed=zlib.compress(text.encode()),
    )
    # As the first versions had it.
    row: Any = {"row": json.dumps({"host": name})}
    return HostRecord(
        host=name,
        outcome="partial",
        complete=False,
        inventoried=name == "a",
        reason=None,
        **row,
        evidence_sha256="e" * 64,
        head='{"host":"x"}',
        sections=(section,),
    )


def _fill(store: Store) -> None:
    scope = [(HostFacts(name=name, key=f"key-{name}"), json.dumps({"name": name})) for name in ("a", "b")]
    finding = {"fingerprint": "f" * 64, "host": "a", "control": "c", "subject": "s", "failing_since": MAY}
    for name in ("ended", "interrupted"):
        run = store.begin(_run(name), scope, ["policy"])
        store.record(run.id, _host("a"))
        if name == "ended":
            store.record(run.id, _host("b"))
            more: dict[str, Any] = {"findings": [finding]}
            if "pasts" in METADATA.tables:
                more["pasts"] = {"key-a": {"anydesk": {"first_seen": MAY}}}
            store.finish(run.id, finished=MAY, summary={"coverage": 1}, **more)
    if "remediations" in METADATA.tables:
        from auditor.model.remediation import Happened  # noqa: PLC0415 — not in every version

        store.journal.open("a" * 64, "text of the plan")
        for what in (Happened.STARTED, Happened.ENDED):
            store.journal.append("a" * 64, what, at=MAY, by="ada", data={"n": 1})


def _written(value: object) -> object:
    return {"base64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value


def _statements(dialect: sa.Dialect) -> list[str]:
    made: list[str] = []
    for table in METADATA.sorted_tables:
        words: Any = [CreateTable(table), *map(CreateIndex, table.indexes)]
        made += [str(one.compile(dialect=dialect)).strip() for one in words]
    return made


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "store.sqlite"
        store = Store(str(file))
        _fill(store)
        store.close()
        engine = sa.create_engine(f"sqlite:///{file}")
        with engine.connect() as connection:
            rows = {
                table.name: [
                    {key: _written(value) for key, value in row.items()}
                    for row in connection.execute(sa.select(table)).mappings()
                ]
                for table in METADATA.sorted_tables
            }
        engine.dispose()
    kept = {
        "commit": sys.argv[1],
        "synthetic": True,
        "sqlite": _statements(sa.make_url("sqlite://").get_dialect()()),
        "postgresql": _statements(sa.make_url("postgresql+psycopg://").get_dialect()()),
        "rows": rows,
    }
    print(json.dumps(kept, indent=1, ensure_ascii=True))  # noqa: T201 — what it is for


if __name__ == "__main__":
    main()
