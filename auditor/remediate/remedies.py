"""Which plays close a violation on a host: for each control what a playbook can do, else why it cannot."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from auditor.model.facts.services import ServiceManager, StartMode
from auditor.model.host import OsFamily
from auditor.model.plan import Play, Value
from auditor.model.record import Record

Row = Mapping[str, Any]

_INITS = {ServiceManager.SYSTEMD: "systemd", ServiceManager.SYSV: "sysv", ServiceManager.OPENRC: "openrc"}
"""Managers of services that a play knows how to ask."""
_STARTS = (StartMode.AUTOMATIC, StartMode.MANUAL)
_SESSIONS = "systemd_user"
"""What a plan calls the manager of a session's units, which a play masks for every account."""
_PACKAGES = {
    "software.dpkg": "apt",
    "software.rpm": "rpm",
    "software.pacman": "pacman",
    "software.apk": "apk",
    "software.snap": "snap",
    "software.flatpak": "flatpak",
}
"""Sources of packages that a play knows how to remove from, and what removes there."""
_STRANGE = frozenset("{}*\\'\"`$")
"""What begins a template, ends a word or stands for others: names of packages, units and programs have none of it."""
_SHOWN = 60


class Draft(Record, kw_only=True):
    """One play that helps to close a violation."""

    play: Play
    """What is done."""
    variables: Mapping[str, Value]
    """With what."""
    is_reversible: bool
    """Whether its capsule puts everything back."""
    expects: str
    """What is true afterwards."""


class Scene(Record, kw_only=True):
    """The host that a violation is on, and what its policy says of networks."""

    row: Row
    """The host's row of the run."""
    trusted: tuple[str, ...]
    """Networks from which the policy lets remote access come."""
    password_file: str = ""
    """File of passwords on hosts that an x11vnc is to ask for; empty where the operator named none."""


def remedy_for(control: str, scene: Scene, violation: Row) -> tuple[Draft, ...] | str:
    """Return the plays that close a violation of a control, or in a sentence why it is left to hands."""
    system = scene.row["os"]["family"]
    if system != OsFamily.LINUX:
        return f"no playbook of this version changes {system} hosts: do by hand what the report says"
    remedy = _REMEDIES.get(control)
    if remedy is None:
        return "no playbook closes this: do by hand what the report says"
    return remedy(scene, violation)


def _remove(scene: Scene, violation: Row) -> tuple[Draft, ...] | str:
    """Stop what runs, put lone programs aside, and remove the packages of a product."""
    product = str(violation["product"])
    held = _held(scene, product)
    if isinstance(held, str):
        return held
    drafts = [*_stop(product, held), *_quarantine(product, held), *_packages(product, held)]
    if not any(draft.play in (Play.REMOVE_PRODUCT, Play.QUARANTINE_PROGRAM) for draft in drafts):
        return "what it was installed from is not known, or not to a playbook: remove it by hand"
    return tuple(drafts)


def _held(scene: Scene, product: str) -> list[Row] | str:
    """Return what of the host is a product's, or why no play is given the names of that."""
    held = [one["holdings"] for one in scene.row["sightings"] if one["product"] == product]
    if any(one["cut"] for one in held):
        return "the host has more of it than is kept of one product: look at the host, and do it by hand"
    strange = [name for name in _names(held) if not _is_plain(name)]
    if strange:
        return f"the host names something of it {strange[0][:_SHOWN]!a}, which no playbook is given: do it by hand"
    return held


def _names(held: list[Row]) -> Iterator[str]:
    for one in held:
        yield from (service["name"] for service in one["services"])
        yield from (package["name"] for package in one["packages"])
        yield from one["files"]


def _is_plain(name: str) -> bool:
    """Tell whether a host's word is one that a play can be given: printable, no option and no template of Ansible's."""
    return name.isascii() and name.isprintable() and not _STRANGE & set(name) and name[:1] not in ("", "-")


def _stop(product: str, held: list[Row]) -> Iterator[Draft]:
    services = {
        (service["name"], _INITS[service["manager"]])
        for one in held
        for service in one["services"]
        if service["manager"] in _INITS and (service["running"] or service["start"] in _STARTS)
    } | {(service["name"], _SESSIONS) for service in _automatic(held) if service["manager"] == _SESSIONS}
    if services:
        yield Draft(
            play=Play.STOP_SERVICE,
            variables={"services": tuple({"name": name, "init": init} for name, init in sorted(services))},
            is_reversible=True,
            expects=f"{', '.join(sorted({name for name, _ in services}))} of {product} do not run, nor start by "
            "themselves",
        )


def _automatic(held: list[Row]) -> Iterator[Row]:
    for one in held:
        yield from (service for service in one["services"] if service["start"] == StartMode.AUTOMATIC)


def _disable(scene: Scene, violation: Row) -> tuple[Draft, ...] | str:
    """Stop and disable what starts a product by itself."""
    product = str(violation["product"])
    held = _held(scene, product)
    if isinstance(held, str):
        return held
    others = sorted(
        {
            (str(service["name"]), str(service["manager"]))
            for service in _automatic(held)
            if service["manager"] not in (*_INITS, _SESSIONS)
        }
    )
    if others:
        name, manager = others[0]
        return f"{name[:_SHOWN]!a} ({manager}) starts it as well, which no playbook takes out: do it by hand"
    return tuple(_stop(product, held)) or "what starts it is not known to a playbook: disable it by hand"


def _put_aside(scene: Scene, violation: Row) -> tuple[Draft, ...] | str:
    """Put copies of a product that lie in one place of a user's own into quarantine."""
    product = str(violation["product"])
    held = _held(scene, product)
    if isinstance(held, str):
        return held
    kind, _, rest = str(violation["subject"]).partition(":")
    place = rest.partition(":")[2]
    if kind != "copy" or not place.startswith("/"):
        return "it was installed for one account by what that account installs with: remove it by hand"
    copies: list[Row] = [{"files": [path for path in one["files"] if path.startswith(f"{place}/")]} for one in held]
    return (
        tuple(_quarantine(product, copies)) or "which file it is was not told by the host's files: look for it by hand"
    )


def _quarantine(product: str, held: list[Row]) -> Iterator[Draft]:
    files = {path for one in held for path in one["files"]}
    if files:
        yield Draft(
            play=Play.QUARANTINE_PROGRAM,
            variables={"files": tuple(sorted(files))},
            is_reversible=True,
            expects=f"programs of {product} that no package manager knows lie where nobody can start them",
        )


def _packages(product: str, held: list[Row]) -> Iterator[Draft]:
    known = {
        (_PACKAGES[package["source"]], package["name"], package["version"] or "")
        for one in held
        for package in one["packages"]
        if package["source"] in _PACKAGES and package["user"] is None
    }
    if known:
        yield Draft(
            play=Play.REMOVE_PRODUCT,
            variables={
                "packages": tuple(
                    {"manager": manager, "name": name, "version": version} for manager, name, version in sorted(known)
                )
            },
            is_reversible=False,
            expects=f"packages of {product} are not installed: {', '.join(sorted({name for _, name, _ in known}))}",
        )


def _close_port(scene: Scene, violation: Row) -> tuple[Draft, ...] | str:
    """Close a port to all but the trusted networks."""
    kind, _, place = violation["subject"].partition(":")
    protocol, _, port = place.partition("/")
    if kind != "listener" or protocol not in ("tcp", "udp") or not port.isdecimal():
        return "which port it is about cannot be told from the finding: close it by hand"
    held = [one for one in scene.row["listeners"] if (one["protocol"], one["port"]) == (protocol, int(port))]
    if any(one["namespace"] is not None or one["published"] for one in held):
        return "the port is a container's, which its engine opens past the host's own rules: close it by hand"
    return (
        Draft(
            play=Play.BLOCK_INBOUND,
            variables={"ports": ({"port": int(port), "protocol": protocol},), "allowed": scene.trusted},
            is_reversible=True,
            expects=f"nobody outside of {', '.join(scene.trusted) or 'the host'} reaches {port}/{protocol}",
        ),
    )


_HARDENED = ("tigervnc", "tightvnc", "x11vnc", "xrdp")
"""Servers that a play knows how to harden."""
_WRAPPED = ("tigervncserver@", "vncserver@")
"""What units of TigerVNC begin with that read its settings for all accounts."""
_FOR_ALL = {"xrdp": "/etc/xrdp/xrdp.ini", "tigervnc": "/etc/tigervnc/vncserver-config-mandatory"}
"""Files of settings that hardening writes."""


def _harden_file(scene: Scene, violation: Row) -> tuple[Draft, ...] | str:
    """Harden a server whose settings for all accounts are unsafe."""
    kind, _, rest = str(violation["subject"]).partition(":")
    product, _, rest = rest.partition(":")
    if kind != "setting" or product not in _FOR_ALL or rest.rpartition(":")[0] != _FOR_ALL[product]:
        return "no playbook changes this setting: do by hand what the report says"
    return _harden(scene, violation)


def _harden(scene: Scene, violation: Row) -> tuple[Draft, ...] | str:
    """Have a server ask for a password and take TLS only; one that nobody approved listens on loopback besides."""
    product = violation["product"]
    if product not in _HARDENED:
        return "no playbook hardens servers of this kind: do by hand what the report says"
    held = _held(scene, product)
    if isinstance(held, str):
        return held
    units = sorted(
        {
            str(service["name"])
            for one in held
            for service in one["services"]
            if service["manager"] == ServiceManager.SYSTEMD
            and str(service["name"]).endswith(".service")
            and "@." not in service["name"]  # a template, which does not run
            and (service["running"] or service["start"] == StartMode.AUTOMATIC)
        }
    )
    objection = _unhardened(product, units, str(violation["subject"]), scene)
    if objection is not None:
        return objection
    listeners = [one for one in scene.row["listeners"] if one["product"] == product]
    is_approved = any(one["approval"] is not None and one["objection"] is None for one in listeners)
    has_tls = product != "tightvnc"
    is_bound = not is_approved or not has_tls
    does = [*(["takes TLS only"] if has_tls else []), *(["listens on loopback alone"] if is_bound else [])]
    named = {"x11vnc_password_file": scene.password_file} if product == "x11vnc" else {}
    return (
        Draft(
            play=Play.HARDEN_VNC,
            variables={
                "servers": (product,), "units": tuple(units), "loopback": is_bound, "require_tls": has_tls, **named
            },
            is_reversible=True,
            expects=f"{product} asks for a password, {' and '.join(does)}; its sessions have ended",
        ),
    )  # fmt: skip


def _unhardened(product: str, units: list[str], subject: str, scene: Scene) -> str | None:
    """Say why a server cannot be hardened by a play; None where it can."""
    if product in ("x11vnc", "tightvnc") or subject.startswith("listener:"):
        if not units:
            return "no unit of systemd is known that runs it, and no play restarts what somebody started: do it by hand"
        strange = [unit for unit in units if product == "tigervnc" and not unit.startswith(_WRAPPED)]
        if strange:
            return f"{strange[0][:_SHOWN]!a} starts it past the settings for all accounts: change that unit by hand"
    if product == "x11vnc" and not scene.password_file:
        return (
            "it needs a file of passwords: make one on the host (`x11vnc -storepasswd`), and name it with "
            "--x11vnc-password-file"
        )
    return None


Remedy = Callable[[Scene, Row], tuple[Draft, ...] | str]
"""Return the plays that close a violation, or in a sentence why no play does."""

_REMEDIES: Mapping[str, Remedy] = {
    "exposed_listener": _close_port,
    "idle_product": _remove,
    "new_product": _remove,
    "per_user_copy": _put_aside,
    "product_settings": _harden_file,
    "reinstalled_product": _remove,
    "remote_access_at_boot": _disable,
    "server_security": _harden,
    "unapproved_product": _remove,
}
