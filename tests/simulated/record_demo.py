# ruff: noqa: T201 — a command prints
"""Write the simulated hosts of `auditor demo` anew: `python -m tests.simulated.record_demo`, as root.

No Windows and no Mac was at hand. What these hosts answer is written from their makers' documentation: Macs are fake
ones, to which the real probe is put (``tests/macos``); Windows hosts are plans of the rows that the probe prints there
(``tests/winrm``). They answer at the instant at which the Linux hosts of the fleet were recorded
(``tests/lab/record_demo.py``). No lab is needed, and the same sources give the same answers.
"""

import re
import tempfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from gzip import compress
from hashlib import sha256
from pathlib import Path
from typing import Any

import yaml

from tests.macos.fake_mac import make_base, make_mac, why_no_mac
from tests.macos.says import HERE
from tests.winrm.planted import Windows, anydesk

DEMO = Path(__file__).parents[2] / "auditor" / "demo"
FOLDER = DEMO / "simulated"
_ABOUT = """\
# What `auditor demo` audits. Linux hosts were recorded in the lab by tests/lab/record_demo.py. Hosts that are marked
# as simulated never were: tests/simulated/record_demo.py writes their answers from their makers' documentation.
"""
_JUMP_NETWORK = "192.0.2.32/28"
_LISTED = re.compile(
    rb"^(\|[-dl][-rwxsStT]{9}[@+]? +)(\d+)( +\d+ +\d+ +)(\d+)( +)[A-Z][a-z]{2} +\d+ +(?:\d\d:\d\d|\d{4}) ", re.MULTILINE
)
"""A line of ``ls -ln``: mode, links, owner and group, size, time."""
_CLOCK = re.compile(rb"^@head clock \d+", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Simulated:
    """A simulated host of the demo."""

    name: str
    owner: str
    site: str
    groups: tuple[str, ...]
    windows: Callable[[str], Windows] | None = None
    """What plans it by its name, where it is a Windows host."""
    mac: str | None = None
    """Folder in ``tests/macos/hosts``, where it is a Mac."""

    @property
    def token(self) -> str:
        """Return the token of its one call, which is none of a real call."""
        return sha256(f"auditor demo, {self.name}".encode()).hexdigest()[:32]

    def entry(self) -> dict[str, Any]:
        """Describe it for ``fleet.yml``."""
        return {
            "host": self.name,
            "owner": self.owner,
            "site": self.site,
            "groups": list(self.groups),
            "simulated": True,
        }


def _server(name: str) -> Windows:
    """Plan a server that administrators reach by Remote Desktop, from the jump host's network alone."""
    host = Windows(name=name, release="server-2022", address="192.0.2.71")
    host.remote_desktop()
    host.rule("rdp-from-jump-hosts", 3389, more=f"RA4={_JUMP_NETWORK}|", title="Remote Desktop from jump hosts")
    return host


def _workstation(name: str) -> Windows:
    """Plan a workstation with AnyDesk that nobody approved, and Remote Desktop open to all, before any log-in."""
    host = Windows(name=name, release="windows-11", address="192.0.2.122")
    anydesk(host)
    host.rule("anydesk-in", 7070, title="AnyDesk")
    host.remote_desktop(nla=False)
    host.rule("rdp-for-all", 3389, title="Remote Desktop for all")
    return host


HOSTS = (
    Simulated(name="app-1", owner="Platform", site="Berlin", groups=("app", "simulated"), windows=_server),
    Simulated(name="desk-22", owner="Accounting", site="Lyon", groups=("desk", "simulated"), windows=_workstation),
    Simulated(name="mac-3", owner="Design", site="Lyon", groups=("design-desk", "simulated"), mac="macos15-clean"),
    Simulated(name="mac-7", owner="Marketing", site="Berlin", groups=("desk", "simulated"), mac="macos13-dirty"),
)


def main() -> None:
    """Write the answers, and the hosts into the fleet."""
    if reason := why_no_mac():
        raise SystemExit(f"fake Macs cannot be made here: {reason}")
    print(f"{record_simulated()} simulated hosts written to {FOLDER.name}/")


def record_simulated() -> int:
    """Write each answer, and the hosts into ``fleet.yml``; return how many."""
    fleet = yaml.safe_load((DEMO / "fleet.yml").read_text(encoding="utf-8"))
    said = list(answers(datetime.fromisoformat(fleet["recorded"])))
    FOLDER.mkdir(exist_ok=True)
    for file in FOLDER.glob("*.probe"):
        file.unlink()
    for host, answer in said:
        (FOLDER / f"{host.name}.probe").write_bytes(answer)
    write_fleet(fleet["recorded"], [entry for entry in fleet["hosts"] if "simulated" not in entry])
    return len(HOSTS)


def write_fleet(recorded: str, entries: list[dict[str, Any]]) -> None:
    """Write ``fleet.yml``: these hosts, and the simulated ones."""
    every = sorted([*entries, *(host.entry() for host in HOSTS)], key=lambda entry: entry["host"])
    text = yaml.safe_dump({"recorded": recorded, "hosts": every}, sort_keys=False)
    (DEMO / "fleet.yml").write_text(_ABOUT + text, encoding="utf-8")


def answers(instant: datetime, hosts: tuple[Simulated, ...] = HOSTS) -> Iterator[tuple[Simulated, bytes]]:
    """Yield what each host answers at an instant."""
    clock = f"@head clock {int(instant.timestamp())}".encode()
    for host in hosts:
        body, times = _CLOCK.subn(clock, _windows_answer(host) if host.windows else _mac_answer(host))
        if times != 1:
            raise ValueError(f"{host.name}: its answer says {times} times what its clock shows, not once")
        # As each system's probe sends it: macOS has gzip, and PowerShell writes text.
        if host.windows:
            yield host, f"auditor-probe 1 {host.token} ascii\r\n".encode() + body
        else:
            yield host, f"auditor-probe 1 {host.token} gzip\n".encode() + compress(body, mtime=0)


def _windows_answer(host: Simulated) -> bytes:
    assert host.windows
    return unpacked(host.windows(host.name).answer(host.token))


def _mac_answer(host: Simulated) -> bytes:
    assert host.mac
    with tempfile.TemporaryDirectory(prefix="demo-mac-") as place:
        base = make_base(Path(place) / "base")
        mac = make_mac(base, Path(place) / host.name, HERE / "hosts" / host.mac, name=host.name)
        asked = mac.ask(user="root", become=False)
    if asked.undocumented or asked.left:
        raise ValueError(f"{host.name}: undocumented calls {asked.undocumented}, left running {asked.left}")
    return _LISTED.sub(_settled, unpacked(asked.raw.stdout))


def _settled(line: re.Match[bytes]) -> bytes:
    """Give a file the time that planted ones have, and a folder the links and size that one has on a Mac.

    What a listing shows of these is this machine's: its file system's, and how long ago the fake Mac was made.
    """
    mode, links, owners, size, gap = line.groups()
    if mode.startswith(b"|d"):
        links, size = b"3".rjust(len(links)), b"96".rjust(len(size))
    return mode + links + owners + size + gap + b"Sep 21 14:13 "


def unpacked(answer: bytes) -> bytes:
    """Return an answer without its first line, unpacked where that says that it is packed."""
    head, _, body = answer.partition(b"\n")
    return zlib.decompress(body, wbits=31) if head.endswith(b" gzip") else body


if __name__ == "__main__":
    main()
