"""Run playbooks through ansible-runner: in memory, within bounds, with nothing of our environment, and leave nothing.

Each play has a folder of its own in memory, gone when it is over. What hosts say comes as ansible-runner's own events.
"""

import json
import os
import secrets
import shutil
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from auditor.errors import HostError, OutputError
from auditor.inventory.ansible_run import Bounds, Place, Said, memory_folder, private_place, run_ansible
from auditor.inventory.references import Secrets
from auditor.model.host import ConnectionKind, Host
from auditor.model.record import Record
from auditor.remediate.playing import Played, PlayRefusedError, Task
from auditor.remediate.unsafe import unsafe_json
from auditor.remediate.way_in import TARGET, Trusted, inventory_text, ssh_config_text
from auditor.transport.connect import DEFAULT_PORT
from auditor.transport.known_hosts import KnownHosts, read_known_hosts

INHERITED = ("HOME", "LOGNAME", "PATH", "SSH_AUTH_SOCK", "USER")
"""All that a play sees of the environment that the auditor was started in."""
_MARK = "AUDITOR_PLAY"
_PLACE = "auditor-play-"
_SHOWN = 600
_FILE_BYTES = 64 * 1024 * 1024
_EVENT_BYTES = 12 * 1024 * 1024
_EVENTS = 2_000
_FACTS = "auditor_"
_SWEEPS = 20
_SWEEP_PAUSE = 0.1
# Each play in a session of its own: Ctrl-C is for us, who let a play come to its end. No file that it writes is large.
_STARTED_BY = ("setsid", "--wait", "prlimit", f"--fsize={_FILE_BYTES}", "--core=0")


class AnsiblePlays(Record, kw_only=True):
    """Runs the playbooks of a folder."""

    playbooks: Path
    """The folder."""
    operator: str
    """Account to log in as where the inventory names none."""

    def __call__(self, host: Host, task: Task) -> Played:
        """Run a playbook on a host to its end, or to the end of its time."""
        try:
            filled = Secrets(os.environ).filled(host)
            with private_place(host.name, f"{_PLACE}{os.getpid()}-") as place:
                if not place.is_in_memory:
                    raise OutputError(
                        "there is no folder in memory to run plays in, and what they are given goes to no disk: "
                        "mount a tmpfs at /dev/shm, or set XDG_RUNTIME_DIR"
                    )
                return self._played(place, filled, task)
        except (PlayRefusedError, HostError) as error:
            return Played(is_done=False, said=str(error))

    def _played(self, place: Place, host: Host, task: Task) -> Played:
        config, inventory, variables = (place.folder / name for name in ("ssh_config", "hosts.json", "variables.json"))
        trusts = [_trusted(one) for one in (*host.ssh.jumps, host)] if host.connection is ConnectionKind.SSH else []
        if trusts:
            _write(config, ssh_config_text(host, self.operator, trusts[-1], tuple(trusts[:-1])))
        _write(inventory, inventory_text(host, self.operator, config))
        _write(variables, unsafe_json(task.variables))
        _write(place.folder / "ansible.cfg", "")
        mark = f"{os.getpid()}-{secrets.token_hex(16)}"
        arguments = [str(self.playbooks / f"{task.playbook}.yml"), "-i", str(inventory), "-e", f"@{variables}"]
        bounds = Bounds(seconds=task.seconds, inherits=INHERITED, before=_STARTED_BY, output_bytes=_EVENT_BYTES)
        try:
            said = run_ansible(
                place,
                host.name,
                "ansible-playbook",
                [*arguments, *(["--check"] if task.is_check else [])],
                _environment(place, mark),
                bounds,
            )
        finally:
            _sweep(mark)
        return _read(place, said, task, _secrets_of(host))


def clear_left() -> None:
    """End the plays of processes that were killed, and take their folders away."""
    for pid in _processes():
        for word in _environment_of(pid):
            owner = word.removeprefix(f"{_MARK}=".encode()).partition(b"-")[0]
            if owner != word.partition(b"-")[0] and owner.isdigit() and not Path(f"/proc/{int(owner)}").exists():
                with suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
    memory = memory_folder()
    for folder in Path(memory).glob(f"{_PLACE}*") if memory is not None else ():
        owner_of_folder = folder.name.removeprefix(_PLACE).partition("-")[0]
        with suppress(OSError):
            is_ours = folder.lstat().st_uid == os.getuid() and not folder.is_symlink()
            if is_ours and owner_of_folder.isdecimal() and not Path(f"/proc/{owner_of_folder}").exists():
                shutil.rmtree(folder, ignore_errors=True)


def _environment(place: Place, mark: str) -> dict[str, str]:
    return {
        _MARK: mark,
        # No configuration of the folder we are in, nor of the operator: it is not what was approved.
        "ANSIBLE_CONFIG": str(place.folder / "ansible.cfg"),
        "ANSIBLE_HOME": str(place.folder / "home"),
        "ANSIBLE_COLLECTIONS_PATH": str(place.folder / "collections"),
        "ANSIBLE_HOST_KEY_CHECKING": "True",
        "ANSIBLE_PIPELINING": "True",
        "ANSIBLE_TIMEOUT": "20",
        "ANSIBLE_RETRY_FILES_ENABLED": "False",
        # No master connection that stays behind, and a new connection for every play.
        "ANSIBLE_SSH_ARGS": "-o ControlMaster=no -o ControlPath=none -o ServerAliveInterval=10",
        "ANSIBLE_SSH_CONTROL_PATH_DIR": str(place.folder / "cp"),
        "MAX_EVENT_RES": str(_EVENT_BYTES),
        "LC_ALL": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _write(file: Path, text: str) -> None:
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as opened:
        opened.write(text)


def _trusted(host: Host) -> Trusted:
    """Return the same host keys that the audit trusts: the first name decides under which one stands there."""
    files = host.ssh.known_hosts
    usual = (Path.home() / ".ssh" / "known_hosts", Path("/etc/ssh/ssh_known_hosts"))
    known = read_known_hosts(files or usual, expected=bool(files), revoking=usual if files else ())
    return Trusted(files=files, alias=_known_as(host, known))


def _known_as(host: Host, known: KnownHosts) -> str | None:
    address, port = host.address.strip("[]"), host.port or DEFAULT_PORT
    names = (address, host.name)
    marked = names if port == DEFAULT_PORT else tuple(f"[{name}]:{port}" for name in names)
    return next((name for name in (*marked, *names) if known.entries(name.lower())), None)


def _secrets_of(host: Host) -> tuple[str, ...]:
    login = host.credentials
    return tuple(one for one in (login.password, login.passphrase, login.become_password) if one)


def _sweep(mark: str) -> None:
    """End whatever a play has left of itself, in any session: its environment has the mark."""
    wanted = f"{_MARK}={mark}".encode()
    for _ in range(_SWEEPS):
        left = [pid for pid in _processes() if wanted in _environment_of(pid)]
        if not left:
            return
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(_SWEEP_PAUSE)


def _processes() -> Iterator[int]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            yield int(entry.name)


def _environment_of(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []


# ---- what it said


def _read(place: Place, said: Said, task: Task, hidden: tuple[str, ...]) -> Played:
    """Read the events of a play; a play without its closing count has not come to its end."""
    counts: Mapping[str, Any] | None = None
    troubles: list[str] = []
    facts: dict[str, Any] = {}
    for event in _events(place):
        data = event.get("event_data")
        if not isinstance(data, dict):
            continue
        result = data.get("res")
        result = result if isinstance(result, dict) else {}
        match event.get("event"):
            case "playbook_on_stats":
                counts = data
            case "runner_on_failed" if not data.get("ignore_errors"):
                troubles.append(_told(data, result))
            case "runner_on_unreachable":
                troubles.append(f"it was not reached: {_words(result.get('msg'))}")
            case "runner_on_ok":
                found = result.get("ansible_facts")
                facts |= {key: value for key, value in _items(found) if key.startswith(_FACTS)}
    if said.status == "timeout":
        troubles.append(f"{task.playbook} did not come to its end within {task.seconds} s")
    is_done = said.status == "successful" and counts is not None and not troubles and _is_clean(counts)
    if not is_done and not troubles:
        troubles.append(f"Ansible did not run {task.playbook}: {_words(said.complaints or said.output)}")
    words = "; ".join(dict.fromkeys(troubles))
    for secret in hidden:
        words = words.replace(secret, "…")
    changed = 0 if counts is None else _count(counts, "changed")
    return Played(is_done=is_done, changed=changed, said=words[:_SHOWN], facts=facts if is_done else {})


def _is_clean(counts: Mapping[str, Any]) -> bool:
    return _count(counts, "ok") > 0 and not any(_count(counts, key) for key in ("failures", "dark"))


def _count(counts: Mapping[str, Any], key: str) -> int:
    by_host = counts.get(key)
    number = by_host.get(TARGET, 0) if isinstance(by_host, dict) else 0
    return number if isinstance(number, int) else 0


def _told(data: Mapping[str, Any], result: Mapping[str, Any]) -> str:
    # Where Python itself is what is missing, its words say it, and Ansible's do not.
    more = f" ({_words(result['module_stderr'])})" if result.get("module_stderr") else ""
    return f"{_words(data.get('task'))}: {_words(result.get('msg'))}{more}"


def _words(said: object) -> str:
    """Return what was said on one line of printable characters."""
    text = " ".join(str(said if said is not None else "it does not say why").split())[:_SHOWN]
    return "".join(sign if sign.isprintable() else "?" for sign in text)


def _items(found: object) -> Iterator[tuple[str, Any]]:
    if isinstance(found, dict):
        yield from ((str(key), value) for key, value in found.items())


def _events(place: Place) -> Iterator[Mapping[str, Any]]:
    """Yield the events in the order in which they came; what is too long or no event is passed over."""
    folder = place.folder / "artifacts" / "run" / "job_events"
    found = []
    for file in sorted(folder.glob("*-partial.json"))[:_EVENTS]:
        if file.stat().st_size > _EVENT_BYTES:
            continue
        with suppress(ValueError):
            event = json.loads(file.read_bytes())
            if isinstance(event, dict):
                found.append(event)
    yield from sorted(found, key=lambda event: str(event.get("created")))
