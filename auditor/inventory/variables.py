"""A host from its variables: Ansible's names, which every kind of inventory may use."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from auditor.inventory.jumps import read_jumps
from auditor.inventory.references import from_folder, reference_problem
from auditor.inventory.ssh_args import SshArguments, read_ssh_arguments
from auditor.inventory.winrm_variables import PASSWORD, PORT, USER, WINRM_VARIABLES, read_winrm
from auditor.model.host import BecomeMethod, ConnectionKind, Credentials, Host, SshSettings, WinRmSettings
from auditor.model.probe import sudo_password_problem
from auditor.model.record import Record

_SSH_WORDS = frozenset({"ssh", "smart", "paramiko", "paramiko_ssh", "ansible.builtin.ssh", "ansible.netcommon.libssh"})
_CONNECTIONS = {
    "local": ConnectionKind.LOCAL,
    "ansible.builtin.local": ConnectionKind.LOCAL,
    "winrm": ConnectionKind.WINRM,
    "ansible.builtin.winrm": ConnectionKind.WINRM,
    "replay": ConnectionKind.REPLAY,
}
_METHODS = {
    "sudo": BecomeMethod.SUDO,
    "ansible.builtin.sudo": BecomeMethod.SUDO,
    "doas": BecomeMethod.DOAS,
    "community.general.doas": BecomeMethod.DOAS,
}
_YES = frozenset({"true", "yes", "on", "y", "t", "1", "1.0"})
_NO = frozenset({"false", "no", "off", "n", "f", "0", "0.0", ""})
_HIGHEST_PORT = 65535
REFERENCES: Mapping[str, str] = {
    "password": "auditor_password",
    "become_password": "auditor_become_password",
    "passphrase": "auditor_passphrase",
}
"""Secrets to the variables that say where they stand, in every kind of inventory."""
_NOT_PLAIN = ("{{", "{%", "{#", "__ansible_vault", "$ANSIBLE_VAULT;")

# In the order in which Ansible takes them, the first that is set.
_NAMES: Mapping[str, tuple[str, ...]] = {
    "address": ("ansible_ssh_host", "ansible_host"),
    "port": ("ansible_ssh_port", "ansible_port"),
    "user": ("ansible_ssh_user", "ansible_user"),
    "connection": ("ansible_connection",),
    "private_key": ("ansible_ssh_private_key_file", "ansible_private_key_file"),
    "password": ("ansible_ssh_password", "ansible_ssh_pass", "ansible_password"),
    "passphrase": ("ansible_ssh_private_key_passphrase", "ansible_private_key_passphrase"),
    "become": ("ansible_become",),
    "become_password": ("ansible_sudo_pass", "ansible_become_pass", "ansible_become_password"),
    "become_method": ("ansible_become_method",),
    "become_user": ("ansible_sudo_user", "ansible_become_user"),
    "site": ("auditor_site",),
    "owner": ("auditor_owner",),
    "host_id": ("auditor_host_id",),
    "deadline": ("auditor_deadline",),
    "replay": ("auditor_replay",),
}
SSH_ARGUMENTS = ("ansible_ssh_args", "ansible_ssh_common_args", "ansible_ssh_extra_args")
"""Variables that hold arguments of ssh."""

SECRETS = frozenset((*(name for key in REFERENCES for name in _NAMES[key]), *PASSWORD))
"""Variables that hold secrets."""
VARIABLES = WINRM_VARIABLES.union(SSH_ARGUMENTS, REFERENCES.values(), *_NAMES.values())
"""Every variable that says something to the auditor."""


class Unresolved(Record, kw_only=True):
    """The place of a value that is not known: a variable that could not be filled in."""

    why: str
    """What is the matter with it, as the end of a sentence that begins with the variable's name."""


def is_unresolved(value: object) -> bool:
    """Tell a value that is encrypted, or still a template: never to be used as it stands."""
    if isinstance(value, Mapping):
        return "__ansible_vault" in value
    return isinstance(value, str) and any(
        mark in value for mark in ("{{", "{%", "{#", "__ansible_vault", "$ANSIBLE_VAULT")
    )


@dataclass(slots=True, kw_only=True)
class _Said:
    """A host's variables while they are read, and what is wrong with them."""

    variables: Mapping[str, object]
    first: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Names that go before the usual ones."""
    problems: list[tuple[str, str]] = field(default_factory=list)

    def name_of(self, key: str) -> str | None:
        names = (*self.first.get(key, ()), *_NAMES[key])
        return next((name for name in names if self.variables.get(name) not in (None, "")), None)

    def text_of(self, name: str) -> str | None:
        """Return the text of one variable by its own name."""
        return self.plain(name) if self.variables.get(name) not in (None, "") else None

    def text(self, key: str) -> str | None:
        """Return a variable's text; what is encrypted or still a template is a problem, never a value."""
        name = self.name_of(key)
        return None if name is None else self.plain(name)

    def plain(self, name: str) -> str | None:
        value = self.variables[name]
        if isinstance(value, Mapping) and "__ansible_unsafe" in value:
            # Marked as no template: the text is meant as it stands.
            text = str(value["__ansible_unsafe"])
            return text.removesuffix("\n") if name in SECRETS else text
        if isinstance(value, Unresolved):
            self.problems.append((name, value.why))
        elif is_unresolved(value):
            self.problems.append((name, "is a template or encrypted: only Ansible fills these in"))
        elif isinstance(value, Mapping | list | tuple):
            self.problems.append((name, "is a structure, and a text or number is wanted"))
        else:
            # A line end at its end is no part of a secret, as in a file: YAML's | and many a vault leave one.
            return str(value).removesuffix("\n") if name in SECRETS else str(value).strip()
        return None


def host_from(
    name: str, variables: Mapping[str, object], *, groups: tuple[str, ...], folder: Path
) -> tuple[Host, list[tuple[str, str]]]:
    """Return a host and what is wrong with its variables, each with the variable's name.

    Relative paths are taken from ``folder``, ``~`` from the operator's home. What is wrong is left out of the
    host: whoever calls either refuses the inventory or marks the host as unusable.
    """
    said = _Said(variables=variables)
    arguments = _ssh_arguments(said)
    kind = _connection(said)
    if kind is ConnectionKind.WINRM:
        said.first = {"user": USER, "password": PASSWORD, "port": PORT}
    key = said.text("private_key") or arguments.identity_file
    user = said.text("user") or arguments.user
    replay = said.text("replay")
    if kind is ConnectionKind.REPLAY and replay is None:
        said.problems.append(("ansible_connection", "a replay needs auditor_replay, the recorded answer"))
    method = BecomeMethod.SUDO if kind is ConnectionKind.WINRM else _become_method(said)
    known_hosts = tuple(_path(file, folder) for file in arguments.known_hosts)
    jumps = _jumps(said, arguments, known_hosts)
    references = _references(said, folder)
    by_reference = {secret for secret, _ in references}
    become_password = None if "become_password" in by_reference else _sudo_password(said)
    port = _port(said, arguments)
    host = Host(
        name=name,
        address=said.text("address") or ("localhost" if kind is ConnectionKind.LOCAL else name),
        port=port,
        connection=kind,
        credentials=Credentials(
            user=user,
            password=None if "password" in by_reference else said.text("password"),
            private_key=None if key is None else _path(key, folder),
            passphrase=None if "passphrase" in by_reference else said.text("passphrase"),
            certificate=None if arguments.certificate_file is None else _path(arguments.certificate_file, folder),
            # Over WinRM the account's rights are all there is.
            become=_boolean(said, "become") and kind is not ConnectionKind.WINRM,
            become_method=method,
            become_password=become_password,
            references=references,
        ),
        ssh=SshSettings(
            known_hosts=known_hosts,
            identities_only=arguments.identities_only,
            jumps=jumps,
            ignored=arguments.ignored,
        ),
        winrm=_winrm(said, port, folder) if kind is ConnectionKind.WINRM else WinRmSettings(),
        groups=groups,
        site=said.text("site"),
        owner=said.text("owner"),
        host_id=said.text("host_id"),
        deadline=_deadline(said),
        replay=None if replay is None else _path(replay, folder),
    )
    return host, said.problems


def _winrm(said: _Said, port: int | None, folder: Path) -> WinRmSettings:
    settings, problems = read_winrm(said.text_of, port, lambda text: _path(text, folder))
    said.problems += problems
    return settings


def _sudo_password(said: _Said) -> str | None:
    text = said.text("become_password")
    problem = None if text is None else sudo_password_problem(text)
    if problem is None:
        return text
    said.problems.append((said.name_of("become_password") or "", problem))
    return None


def _references(said: _Said, folder: Path) -> tuple[tuple[str, str], ...]:
    """Read where secrets stand; a reference goes before what Ansible's own variable of the same holds."""
    found = []
    for secret, name in REFERENCES.items():
        text = said.text_of(name)
        if text is None:
            continue
        problem = reference_problem(text)
        if problem is None:
            found.append((secret, from_folder(text, folder)))
        else:
            said.problems.append((name, problem))
    return tuple(found)


def _ssh_arguments(said: _Said) -> SshArguments:
    texts = [said.plain(name) for name in SSH_ARGUMENTS if said.variables.get(name) not in (None, "")]
    arguments = read_ssh_arguments(" ".join(text for text in texts if text is not None))
    said.problems += [("ansible_ssh_common_args", problem) for problem in arguments.problems]
    return arguments


def _jumps(said: _Said, arguments: SshArguments, known_hosts: tuple[Path, ...]) -> tuple[Host, ...]:
    if arguments.proxy_jump is None:
        return ()
    try:
        return read_jumps(arguments.proxy_jump, known_hosts)
    except ValueError as error:
        said.problems.append(("ansible_ssh_common_args", str(error)))
        return ()


def _connection(said: _Said) -> ConnectionKind:
    word = said.text("connection")
    if word is None or word in _SSH_WORDS:
        return ConnectionKind.SSH
    if word not in _CONNECTIONS:
        known = ", ".join(kind.value for kind in ConnectionKind)
        said.problems.append((said.name_of("connection") or "", f"{word!r} is none of {known}"))
    return _CONNECTIONS.get(word, ConnectionKind.SSH)


def _port(said: _Said, arguments: SshArguments) -> int | None:
    name = said.name_of("port")
    text = said.text("port") if name is not None else arguments.port
    if text is None:
        return None
    digits = text.removesuffix(".0")  # a spreadsheet's or a template's way to write an integer
    if digits.isascii() and digits.isdigit() and len(digits) <= len(str(_HIGHEST_PORT)):
        number = int(digits)
        if 1 <= number <= _HIGHEST_PORT:
            return number
    said.problems.append((name or "ansible_ssh_common_args", f"{text!r} is not a number from 1 to {_HIGHEST_PORT}"))
    return None


def _deadline(said: _Said) -> float | None:
    text = said.text("deadline")
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not (math.isfinite(seconds) and seconds > 0):
        said.problems.append(("auditor_deadline", f"{text!r} is not a number of seconds above 0"))
        return None
    return seconds


def _boolean(said: _Said, key: str) -> bool:
    word = (said.text(key) or "").lower()
    if word not in _YES | _NO:
        said.problems.append((said.name_of(key) or key, f"{word!r} is neither yes nor no"))
    return word in _YES


def _become_method(said: _Said) -> BecomeMethod:
    """Read how root is gained; find ways that are not ours, and users other than root."""
    if not _boolean(_Said(variables=said.variables), "become"):
        return BecomeMethod.SUDO
    word = said.text("become_method")
    if word not in (None, *_METHODS):
        said.problems.append(("ansible_become_method", f"{word!r} is not supported: sudo and doas are"))
    user = said.text("become_user")
    if user not in (None, "root"):
        said.problems.append(("ansible_become_user", f"{user!r} is not supported: root is"))
    return _METHODS.get(word or "sudo", BecomeMethod.SUDO)


def _path(text: str, folder: Path) -> Path:
    try:
        return folder / Path(text).expanduser()
    except RuntimeError:
        # No such user: the file is named as it stands, and whoever opens it says that it is not there.
        return folder / text
