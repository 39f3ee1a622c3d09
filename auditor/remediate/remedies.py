"""Which plays close a violation on a host: for each control what a playbook can do, else why it cannot."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from auditor.model.facts.services import ServiceManager, StartMode
from auditor.model.host import OsFamily
from auditor.model.plan import Play, Value

Row = Mapping[str, Any]

_INITS = {ServiceManager.SYSTEMD: "systemd", ServiceManager.SYSV: "sysv", ServiceManager.OPENRC: "openrc"}
"""Managers of services that a play knows how to ask."""
_STARTS = (StartMode.AUTOMATIC, StartMode.MANUAL)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One play that helps to close a violation."""

    play: Play
    """What is done."""
    variables: Mapping[str, Value]
    """With what."""
    is_reversible: bool
    """Whether its capsule puts everything back."""
    expects: str
    """What is true afterwards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """The host that a violation is on, and what its policy says of networks."""

    row: Row
    """The host's row of the run."""
    trusted: tuple[str, ...]
    """Networks from which the policy lets remote access come."""


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
    seen = [one for one in scene.row["sightings"] if one["product"] == product]
    held = [one["holdings"] for one in seen]
    if any(one["cut"] for one in held):
        return "the host has more of it than is kept of one product: look at the host, and remove it by hand"
    strange = [name for name in _names(held) if not _is_plain(name)]
    if strange:
        return f"the host names something of it {strange[0][:_SHOWN]!a}, which no playbook is given: remove it by hand"
    drafts = [*_stop(product, held), *_quarantine(product, held), *_packages(product, held)]
    if not any(draft.play in (Play.REMOVE_PRODUCT, Play.QUARANTINE_PROGRAM) for draft in drafts):
        return "what it was installed from is not known, or not to a playbook: remove it by hand"
    return tuple(drafts)


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
    }
    if services:
        yield Draft(
            play=Play.STOP_SERVICE,
            variables={"services": tuple({"name": name, "init": init} for name, init in sorted(services))},
            is_reversible=True,
            expects=f"{', '.join(sorted({name for name, _ in services}))} of {product} do not run, nor start by "
            "themselves",
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


Remedy = Callable[[Scene, Row], tuple[Draft, ...] | str]
"""Return the plays that close a violation, or in a sentence why no play does."""

_REMEDIES: Mapping[str, Remedy] = {
    "exposed_listener": _close_port,
    "idle_product": _remove,
    "new_product": _remove,
    "reinstalled_product": _remove,
    "unapproved_product": _remove,
}
