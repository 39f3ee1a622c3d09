"""Pages of what was brought as files: written by the commands themselves, hostile names in them."""

import json
from pathlib import Path

from auditor.cli.main import main
from tests.ingest.events import exports

_HOSTILE = "<img src=x onerror=alert(1)>" + "wide" * 60
_COLUMNS = "source=src,destination=dst,source_port=sport,destination_port=dport,protocol=proto,bytes=bytes,first=at"


def write_brought_pages(place: Path, more: int = 60) -> None:
    """Write ``flows/conversations.html`` and ``events/index.html`` into a folder, and each once with nothing on it."""
    rows = ["src,dst,sport,dport,proto,bytes,at", "10.0.0.9,10.0.0.7,40000,5900,6,5000,2026-11-21T10:00:00Z"]
    rows += [f"10.0.{at}.5,198.51.100.3,50123,5938,6,{at * 999},2026-11-20T10:00:00Z" for at in range(more)]
    (place / "flows.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    name = json.dumps({"ts": 1_795_162_530, "id.orig_h": "10.0.0.5", "id.resp_h": "198.51.100.3", "id.resp_p": 5938,
                       "server_name": f"{_HOSTILE}.teamviewer.com"})  # fmt: skip
    (place / "ssl.log").write_text(name + "\n", encoding="utf-8")
    hostile = dict(exports.STARTED.data) | {"User": _HOSTILE, "CommandLine": f"TeamViewer.exe {_HOSTILE}"}
    events = [
        exports.winlogbeat(
            exports.Logged(provider=exports.SYSMON, number=1, data=hostile, computer=f"pc-{at}{_HOSTILE}")
        )
        for at in range(more)
    ]
    exports.write_lines(place / "events.jsonl", [*events, *map(exports.winlogbeat, exports.ALL)])
    exports.write_lines(place / "none.jsonl", [exports.winlogbeat(exports.CONNECTED) | {"winlog": {"event_id": "99"}}])
    (place / "none.csv").write_text(
        f"{rows[0]}\n10.0.0.9,10.0.0.7,40000,443,6,5,2026-11-21T10:00:00Z\n", encoding="utf-8"
    )
    store = ["--store", str(place / "none.sqlite"), "-q"]
    flows = ["ingest", "flows", "--columns", _COLUMNS, *store, "-p", "policies/policy.yml"]
    done = [
        main([*flows, str(place / "flows.csv"), str(place / "ssl.log"), "-o", str(place / "flows")]),
        main([*flows, str(place / "none.csv"), "-o", str(place / "flows" / "none")]),
        main(["ingest", "events", str(place / "events.jsonl"), "-o", str(place / "events"), *store]),
        main(["ingest", "events", str(place / "none.jsonl"), "-o", str(place / "events" / "none"), *store]),
    ]
    assert done == [0, 0, 0, 0], done
