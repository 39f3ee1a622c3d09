"""Which playbook does a step, which one undoes it, and what each is given."""

import hashlib
import ipaddress
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import auditor
from auditor.collect.seal import canonical
from auditor.errors import PlanError
from auditor.model.plan import Plan, Play, Step
from auditor.model.record import Record
from auditor.remediate.playing import Task

CAPTURE, GUARD, CONFIRM = "capture", "guard", "confirm"
CAPSULE = "auditor_capsule"
"""What capturing returns, and what undoing is given."""
_FOLDER = "playbooks"
_LONGEST_PATH = 250


class _Way(Record, kw_only=True):
    """How one kind of step is done and undone."""

    subject: str
    """What is captured for it."""
    do: str
    """The playbook that does it."""
    undo: str
    """The playbook that takes it back."""
    variables: Callable[[Step], Mapping[str, Any]]
    """What the playbook is given for a step."""
    is_guarded: bool
    """Whether a timed revert stands behind it: it may cut off whoever does it."""


def playbooks_folder(named: Path | None) -> Path:
    """Return the folder of the playbooks: the one named, else the one that came with the auditor.

    Never the working folder's: what is approved names a playbook and not what it says.
    """
    package = Path(auditor.__file__).resolve().parent
    places = (named,) if named is not None else (package / "_bundled" / _FOLDER, package.parent / _FOLDER)
    found = next((one for one in places if (one / f"{CAPTURE}.yml").is_file()), None)
    if found is None:
        raise PlanError(f"{named or 'the playbooks'}: no playbooks are there; name their folder with --playbooks")
    return found.resolve()


def playbooks_sha256(folder: Path) -> str:
    """Return the digest of everything in the folder: which playbooks were run stands in the journal."""
    whole = hashlib.sha256()
    for file in sorted(one for one in folder.rglob("*") if one.is_file()):
        whole.update(f"{file.relative_to(folder)}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return whole.hexdigest()


def missing_playbooks(plan: Plan, folder: Path) -> tuple[str, ...]:
    """Return the playbooks that a plan takes and that are not there."""
    ways = [_WAYS[step.play] for step in plan.steps]
    wanted = {CAPTURE, GUARD, CONFIRM} | {name for way in ways for name in (way.do, way.undo)}
    return tuple(sorted(name for name in wanted if not (folder / f"{name}.yml").is_file()))


def is_plain_path(path: str) -> bool:
    """Tell whether a path is one that the play which hardens servers takes: whole, without blanks, not too long."""
    signs = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/-"
    return path.startswith("/") and 1 < len(path) <= _LONGEST_PATH and not set(path) - set(signs)


def is_guarded(step: Step) -> bool:
    """Tell whether a timed revert stands behind a step."""
    return _WAYS[step.play].is_guarded


def do_task(step: Step, *, is_check: bool = False) -> Task:
    """Return what does a step, or says what it would do."""
    way = _WAYS[step.play]
    return Task(playbook=way.do, variables=way.variables(step), is_check=is_check)


def capture_task(step: Step) -> Task:
    """Return what records the state that undoing a step needs."""
    way = _WAYS[step.play]
    return Task(playbook=CAPTURE, variables={"capture_subject": way.subject, **way.variables(step)})


def undo_task(step: Step, capsule: Mapping[str, Any]) -> Task:
    """Return what takes a step back."""
    return Task(playbook=_WAYS[step.play].undo, variables={"capsule": dict(capsule)})


def guard_task(step: Step, seconds: int) -> Task:
    """Return what sets a timer that takes a step back on the host itself, from the state of now."""
    timer = {"guard_id": step_id(step), "guard_seconds": seconds}
    return Task(playbook=GUARD, variables={**capture_task(step).variables, **timer})


def confirm_task(step: Step) -> Task:
    """Return what calls the timer off; that it runs shows that a new connection still comes in."""
    return Task(playbook=CONFIRM, variables={"guard_id": step_id(step)})


def step_id(step: Step) -> str:
    """Return what a step is called on its host: eight letters and digits, of what it does and with what."""
    return hashlib.sha256(canonical({"play": str(step.play), "variables": _plain(step.variables)})).hexdigest()[:8]


def _services(step: Step) -> Mapping[str, Any]:
    variables: Mapping[str, Any] = step.variables
    of_sessions = [str(one["name"]) for one in variables["services"] if one["init"] == "systemd_user"]
    units = [str(one["name"]) for one in variables["services"] if one["init"] != "systemd_user"]
    return {"units": units, **({"user_units": of_sessions} if of_sessions else {})}


def _ports(step: Step) -> Mapping[str, Any]:
    variables: Mapping[str, Any] = step.variables
    return {
        "rule_id": step_id(step),
        "ports": [f"{one['port']}/{one['protocol']}" for one in variables["ports"]],
        "networks": [str(ipaddress.ip_network(one, strict=False)) for one in variables.get("allowed", ())],
    }


def _packages(step: Step) -> Mapping[str, Any]:
    variables: Mapping[str, Any] = step.variables
    names = [f"{_MANAGERS.get(one['manager'], one['manager'])}/{one['name']}" for one in variables["packages"]]
    return {"removal_id": step_id(step), "packages": names}


def _copies(step: Step) -> Mapping[str, Any]:
    variables: Mapping[str, Any] = step.variables
    # Without a digest: what is there is put aside, not deleted, and the capsule has its place.
    return {"removal_id": step_id(step), "copies": [f"-:{one}" for one in variables["files"]]}


def _servers(step: Step) -> Mapping[str, Any]:
    variables: Mapping[str, Any] = step.variables
    return {
        "servers": list(variables["servers"]),
        "units": list(variables["units"]),
        "loopback": variables["loopback"],
        "require_tls": variables["require_tls"],
        "x11vnc_password_file": variables.get("x11vnc_password_file", ""),
    }


def _plain(value: Any) -> Any:  # noqa: ANN401 — what a variable may hold
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, tuple | list) else value


_MANAGERS = {"apt": "dpkg"}
"""What the playbooks call a manager that plans call otherwise."""
_WAYS: Mapping[Play, _Way] = {
    Play.STOP_SERVICE: _Way(
        subject="service", do="stop_service", undo="start_service", variables=_services, is_guarded=True
    ),
    Play.BLOCK_INBOUND: _Way(
        subject="inbound", do="block_inbound", undo="unblock_inbound", variables=_ports, is_guarded=True
    ),
    Play.BLOCK_OUTBOUND: _Way(
        subject="outbound", do="block_outbound", undo="unblock_outbound", variables=_ports, is_guarded=True
    ),
    Play.HARDEN_VNC: _Way(subject="vnc", do="harden_vnc", undo="restore_vnc", variables=_servers, is_guarded=False),
    Play.QUARANTINE_PROGRAM: _Way(
        subject="product", do="remove_product", undo="restore_product", variables=_copies, is_guarded=False
    ),
    Play.REMOVE_PRODUCT: _Way(
        subject="product", do="remove_product", undo="restore_product", variables=_packages, is_guarded=False
    ),
}
