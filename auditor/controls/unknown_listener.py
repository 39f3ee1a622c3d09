r"""Whoever listens on a port of remote access can be named.

## What it checks

Each TCP listener, on loopback too, on a port on which products of the catalogue listen: the ports of VNC and RDP, and
those of single products below 32768 (TeamViewer 5938, AnyDesk 7070, Radmin 4899 and so on), without those on which much
else is at home (22, 80, 443, 3000, 8080, ...). It must be attributed:

* to a product of the catalogue that is recognised by more than the port, or
* to a container that an engine lists with its image, or the kernel, or
* to a program that lies where the system and what manages its software put programs (`/usr` without `/usr/local`,
  `/snap`, `/nix`; `C:\Windows`, `C:\Program Files`; `/System`, `/usr`, `/Applications`), and is still there. On ports
  of single products `/opt`, `/usr/local` and `/srv` (`/Library` on macOS) count too. A manager of services that holds
  the socket for somebody else (systemd, launchd, inetd) is none, nor, on ports of VNC and RDP, an interpreter or a
  relay (`python3`, `socat`, `ssh`, `nc`, `stunnel`): they say nothing of what answers behind them.

How it stands beside its neighbours: a server of which the port alone speaks is *suspected* to be one of VNC or RDP
(`Unidentified VNC server`), and leaves `unapproved_product` and `exposed_listener` unknown, because a suspicion is no
violation. That nobody can say what listens there is no suspicion: it is certain, and this control says so. What is
recognised is theirs alone.

## Why it matters

M1047 asks to audit for what should not be there (ATT&CK T1021.005). A listener on port 5900 that nobody can name is
what such an audit is for.

## How to fix

Find out what the program is and who put it there. If it is remote access, remove it, or add it to the catalogue
(docs/adding-a-product.md) and approve it; if it is not, let it listen on another port, or install it where software is
managed.

## What it needs

Sockets with their owners, processes and containers; on Windows services and Remote Desktop's settings; on macOS jobs of
launchd, which listens for others, and what is shared.
"""

from auditor.catalogue.programs import base, is_interpreter
from auditor.controls.control import Control
from auditor.controls.more_rights import more_rights
from auditor.controls.program_places import is_administrated, is_packaged
from auditor.model.case import Case, KnownPort
from auditor.model.evidence import Outcome
from auditor.model.facts.processes import Process
from auditor.model.host import OsFamily
from auditor.model.sighting import Belonging, Exposure
from auditor.model.verdict import Assessment, Demand, Gap, Limit, Mitigation, Severity, Violation

_OTHER_PORTS = Limit(
    id="other-ports",
    text="Unknown programs are not judged on UDP ports, on ports that no product of the catalogue is known for, and on "
    "ports that much other software uses as well.",
)
_NAMES_ONLY = Limit(
    id="places-of-programs",
    text="A program that lies where packages put programs is taken for one of a package; no file is compared with its "
    "package.",
)
_RELAYS = frozenset(
    {"busybox", "nc", "nc.openbsd", "nc.traditional", "ncat", "redir", "rinetd", "simpleproxy", "socat", "ssh", "sshd",
     "sshd-session", "stunnel", "stunnel4", "tcpproxy", "netsh.exe", "ssh.exe", "ncat.exe"}
)  # fmt: skip
_HOLDERS = frozenset({"systemd", "init", "launchd", "xinetd", "inetd"})
"""Who holds sockets for others, and starts them when somebody connects."""
_SYSTEM = 4
"""Process of the kernel of Windows, which holds ports for drivers and http.sys."""
_SHOWN = 120


def _assess(case: Case) -> Assessment:
    deleted = {one.pid for one in case.reading.of(Process) if one.deleted}
    violations: dict[str, Violation] = {}
    gaps: dict[str, Gap] = {}
    for exposure in case.exposures:
        known = case.known_ports.get((exposure.protocol, exposure.port))
        if known is None or exposure.protocol != "tcp" or (exposure.product is not None and not exposure.is_suspected):
            continue
        if _is_named(exposure, case):
            continue
        if exposure.executable is None:
            gaps.setdefault(_place(exposure), _unseen(exposure, case))
        elif exposure.pid in deleted or not _is_attributed(exposure, known, case):
            violation = _violation(exposure, known, is_deleted=exposure.pid in deleted)
            earlier = violations.get(violation.subject)
            violations[violation.subject] = violation if earlier is None else _merged(earlier, violation)
    return Assessment(violations=tuple(violations.values()), gaps=tuple(gaps.values()))


def _is_named(exposure: Exposure, case: Case) -> bool:
    """Tell whether a listener is a container's that an engine lists, or the system's own."""
    if exposure.belongs in (Belonging.CONTAINER, Belonging.PUBLISHED) and exposure.image:
        # An account can call its control groups whatever it likes; of what an engine lists the image is known.
        return True
    if case.head.os is OsFamily.WINDOWS:
        return exposure.pid == _SYSTEM
    return exposure.pid is None and exposure.belongs is Belonging.HOST


def _is_attributed(exposure: Exposure, known: KnownPort, case: Case) -> bool:
    path = exposure.executable or ""
    program = base(path).lower()
    if program in _HOLDERS:
        return False
    if not known.is_telling:
        return is_administrated(path, case)
    return is_packaged(path, case) and not (is_interpreter(program.removesuffix(".exe")) or program in _RELAYS)


def _place(exposure: Exposure) -> str:
    return f"{exposure.port}/{exposure.protocol}"


def _violation(exposure: Exposure, known: KnownPort, *, is_deleted: bool) -> Violation:
    path = exposure.executable or ""
    shown = ascii(path if len(path) <= _SHOWN else path[: _SHOWN - 1] + "…")
    taken_for = "VNC or RDP" if known.is_telling else " and ".join(known.products[:2])
    gone = ", whose file is gone" if is_deleted else ""
    return Violation(
        subject=f"listener:{exposure.protocol}/{exposure.port}",
        reason=f"Nobody can say what listens on {_place(exposure)}, a port of {taken_for}: {shown}{gone} is of no "
        "known product, and nothing says whose it is.",
        proof=() if exposure.proof is None else (exposure.proof,),
        remediation=(
            "Find out what the program is, what started it, and who put it there, before it is ended.",
            "If it is remote access, remove it, or add it to the catalogue and approve it.",
            "If it is something else, let it listen on another port, or say what it is in an exception.",
        ),
        severity=Severity.HIGH if known.is_telling else Severity.MEDIUM,
    )


def _merged(one: Violation, other: Violation) -> Violation:
    """Quote each socket of a port in one finding."""
    proof = (*one.proof, *(quote for quote in other.proof if quote not in one.proof))
    return Violation(
        subject=one.subject,
        reason=one.reason,
        proof=proof,
        remediation=one.remediation,
        severity=one.severity,
    )


def _unseen(exposure: Exposure, case: Case) -> Gap:
    return Gap(
        section="processes.*",
        outcome=Outcome.PARTIAL,
        reason=f"which program listens on {_place(exposure)} was not told",
        advice=more_rights(case),
    )


CONTROL = Control(
    id="unknown_listener",
    title="Whoever listens on a port of remote access can be named",
    mitigation=Mitigation.M1047,
    techniques=("T1021.005",),
    programme=("T1219", "T1219.002"),
    crosswalk={
        "NIST SP 800-53 Rev. 5": ("CM-7", "CM-8(3)", "CA-7"),
        "CIS Controls v8.1": ("2.3", "4.8"),
        "PCI DSS v4": ("1.2.5",),
    },
    demand=Demand.FORBIDS,
    needs={
        OsFamily.LINUX: ("sockets.*", "processes.*", "containers.*"),
        OsFamily.WINDOWS: ("sockets.*", "processes.windows", "services.windows", "remote_config.rdp"),
        OsFamily.MACOS: ("sockets.macos", "processes.macos", "services.launchd", "remote_config.sharing"),
    },
    limits=(_OTHER_PORTS, _NAMES_ONLY),
    assess=_assess,
    manual=__doc__,
)
