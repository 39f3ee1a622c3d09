# ruff: noqa: T201 — a command prints
"""Record the fleet of `auditor demo` from lab hosts anew: `python -m tests.lab.record_demo`, as root.

What the lab's hosts answer is written as it came. Names, owners and sites are an invented company's. Windows and macOS
hosts of the fleet are simulated, at the same instant: ``tests/simulated/record_demo.py``.
"""

from datetime import UTC, datetime
from typing import Any

from auditor.collect.probe import sh_call
from auditor.model.host import Credentials, SshSettings
from auditor.model.host import Host as Target
from auditor.model.probe import ProbeLimits
from auditor.transport.choose import Transports
from tests.lab.fleet.fleet import down, up
from tests.lab.fleet.host import Host
from tests.lab.fleet.lock import holding
from tests.lab.fleet.places import Lab, lab_here
from tests.lab.fleet.roles import ROLES
from tests.simulated.record_demo import DEMO, record_simulated, write_fleet

# Name in the report, role in the lab, owner, site, groups, account that logs in.
_FLEET = (
    ("web-1", "clean-nft", "Web team", "Berlin", ["web"], "root"),
    ("web-2", "clean", "Web team", "Berlin", ["web"], "root"),
    ("web-3", "x11vnc-open", "Web team", "Berlin", ["web"], "root"),
    ("db-1", "anydesk-deleted", "Data team", "Berlin", ["db"], "root"),
    ("db-2", "sudo-all", "Data team", "Lyon", ["db"], "root"),
    ("render-4", "tigervnc-approved", "Design", "Lyon", ["design"], "root"),
    ("render-5", "tigervnc-out-of-scope", "Design", "Lyon", ["design"], "root"),
    ("jump-1", "xrdp-approved", "Network operations", "Berlin", ["jump"], "root"),
    ("press-7", "x11vnc-excepted", "Production", "Lyon", ["press"], "root"),
    ("kiosk-3", "port-5900", "Facilities", "Lyon", ["kiosk"], "root"),
    ("build-2", "clean-nft-empty", "Platform", "Berlin", ["build"], "plain"),
    ("helpdesk-1", "teamviewer-approved", "Helpdesk", "Berlin", ["helpdesk"], "root"),
)
_SILENT = {
    "host": "press-8",
    "owner": "Production",
    "site": "Lyon",
    "groups": ["press"],
    "reason": "timeout",
    "detail": "192.0.2.48 port 22 did not answer within 10 s",
}


def main() -> None:
    """Bring the roles up, ask them, write what they answer."""
    lab = lab_here()
    with holding(lab):
        try:
            hosts = up(lab, len(ROLES), profile="server")
            entries = [_record(lab, hosts, entry) for entry in _FLEET]
        finally:
            down(lab)
    recorded = datetime.now(tz=UTC).replace(microsecond=0).isoformat()
    write_fleet(recorded, [*entries, _SILENT])
    print(f"{len(entries)} hosts recorded in {DEMO.name}/, {record_simulated()} simulated")


def _record(lab: Lab, hosts: list[Host], entry: tuple[str, str, str, str, list[str], str]) -> dict[str, Any]:
    name, role, owner, site, groups, user = entry
    host = next(one for one in hosts if one.state()["role"] == role)
    target = Target(
        name=host.name,
        address=host.address,
        credentials=Credentials(user=user, private_key=lab.key),
        ssh=SshSettings(known_hosts=(lab.known_hosts,), identities_only=True),
    )
    call = sh_call(limits=ProbeLimits(), deadline=60, output_limit=1 << 24, become=False, become_password=None)
    answer = Transports().collect(target, call)
    (DEMO / f"{name}.probe").write_bytes(answer.stdout)
    (DEMO / f"{name}.probe.stderr").unlink(missing_ok=True)
    return {"host": name, "owner": owner, "site": site, "groups": groups}


if __name__ == "__main__":
    main()
