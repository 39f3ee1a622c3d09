"""What is true of a host, worked out from what was planted and never from what an auditor says."""

from typing import Any

from tests.lab.fleet.background import Background
from tests.lab.fleet.filters import FILTERS, PROFILE, Filter
from tests.lab.fleet.layers import EMBEDDED
from tests.lab.fleet.plan import Planted, Program, Role, Socket, State

Truth = dict[str, Any]
_PACKAGES = {
    "tigervnc": ("tigervnc-standalone-server", "ii"),
    "tightvnc": ("tightvncserver", "ii"),
    "x11vnc": ("x11vnc", "ii"),
    "xinetd": ("xinetd", "ii"),
    "bullseye-x11vnc": ("x11vnc", "ii"),
    "trixie-x11vnc": ("x11vnc", "ii"),
    "xrdp": ("xrdp", "ii"),
    "xrdp-removed": ("xrdp", "rc"),
    "vino": ("vino", "ii"),
    "gnome-remote-desktop": ("gnome-remote-desktop", "ii"),
    "tigervnc-viewer": ("tigervnc-viewer", "ii"),
}
# Of the ports that filters of the lab open, those that software of the catalogue is known for.
_REMOTE_ACCESS = (3389, 5900)
_SSH = (Socket(port=22), Socket(family="ip6", address="::", port=22))


def tell(name: str, address: str, role: Role, background: Background) -> Truth:
    """Return the truth about a host as plain data."""
    loaded = PROFILE if role.filter == "profile" and background.nftables else FILTERS[_filter_name(role)]
    planted = {item.product: item for item in role.products}
    listeners = [
        _listener(socket, program, planted, loaded)
        for program in _listening(role, background)
        for socket in program.sockets
    ]
    return {
        "host": name,
        "address": address,
        "role": role.id,
        "says": role.says,
        "hostname": role.hostname or name,
        "base": role.base,
        "boot": role.boot.value,
        "become": role.become.value,
        "users": {
            "root": "logs in as root",
            "auditor": _rights(role),
            "plain": "no sudo",
        },
        "sudo_password": role.sudo_password,
        "filter": {"name": role.filter, "filters": loaded.filters},
        "sightings": [_sighting(item) for item in sorted(role.products, key=lambda item: item.product)],
        "listeners": sorted(listeners, key=lambda row: (row["protocol"], row["port"], row["family"], row["process"])),
        "processes": sorted(program.name for program in (*background.programs, *role.programs)),
        "manager": role.manager,
        "packages": background.packages if role.manager == "dpkg" else {},
        "product_packages": _product_packages(role),
        "installers": sorted(role.installers),
        "services": [{"name": unit.name, "enabled": unit.enabled, "active": unit.active} for unit in role.units],
        "verdicts": _verdicts(role, listeners, loaded),
        "execution": {demand: role.execution.get(demand, "fail") for demand in ("allowlist", "user_places")},
    }


def _rights(role: Role) -> str:
    if role.sudo_password is not None:
        return "sudo asks for sudo_password"
    return f"{role.become.value} without password" if role.become else "no way to root"


def _product_packages(role: Role) -> dict[str, str]:
    """Return what the package manager must say of packages that were planted: ``ii`` installed, ``rc`` removed."""
    if role.manager != "dpkg":
        return dict.fromkeys(role.listed, "ii")
    states = dict(_PACKAGES[layer] for layer in role.layers if layer in _PACKAGES and layer not in role.without)
    for row in role.packages:
        name = row.partition("Package: ")[2].partition("\n")[0]
        states[name] = "rc" if "Status: deinstall" in row else "ii"
    return states


def _filter_name(role: Role) -> str:
    return "none" if role.filter == "profile" else role.filter


def _listening(role: Role, background: Background) -> tuple[Program, ...]:
    return (Program(path=role.ssh_server, sockets=_SSH), *background.programs, *role.programs)


def _listener(socket: Socket, program: Program, planted: dict[str, Planted], loaded: Filter) -> dict[str, Any]:
    item = planted.get(program.product or "")
    is_approved = item is not None and (socket.is_loopback or socket.port in item.approved_ports)
    return {
        "protocol": socket.protocol,
        "family": socket.family,
        "address": socket.address,
        "port": socket.port,
        "process": program.name,
        "product": program.product,
        "approval": item.approval if item is not None and is_approved else None,
        "reachability": socket.reachability or loaded.reachability(socket),
        "space": program.space,
        "published": socket.published,
    }


def _sighting(item: Planted) -> dict[str, Any]:
    return {
        "product": item.product,
        "state": item.state.value,
        "confidence": "suspected" if item.is_suspected else "confirmed",
        "approval": item.approval,
        "tenant": item.tenant,
    }


def _verdicts(role: Role, listeners: list[dict[str, Any]], loaded: Filter) -> dict[str, dict[str, str | None]]:
    return {
        "unapproved_product": _of_products(role),
        "exposed_listener": _of_listeners(role, listeners),
        "host_filter": _verdict("pass" if loaded.closes_both else "fail"),
        "unused_opening": _verdict("fail" if _unused(listeners, loaded) else "pass"),
        "product_egress": _verdict("not_applicable"),
        "complete_inventory": _seen(role, "pass"),
        "software_installers": _verdict("fail") if role.installers else _seen(role, "pass"),
        "writable_program_path": _verdict("fail" if role.open_paths else "pass"),
        "execution_control": _verdict("not_applicable"),
        "remote_desktop": _verdict("not_applicable"),
        "windows_installer_policy": _verdict("not_applicable"),
    }


def _verdict(word: str, because: str | None = None) -> dict[str, str | None]:
    return {"verdict": word, "because": because}


def _seen(role: Role, word: str) -> dict[str, str | None]:
    """Return a verdict that rests on sections which hold what no auditor can work out, where there are such."""
    return (
        _verdict("unknown", f"{', '.join(role.undecided)} cannot be worked out") if role.undecided else _verdict(word)
    )


def _unused(listeners: list[dict[str, Any]], loaded: Filter) -> set[int]:
    """Return the ports of remote access that are open by rule to all, and on which nothing listens to the network."""
    used = {row["port"] for row in listeners if row["protocol"] == "tcp" and row["reachability"] != "loopback_only"}
    return {port for ports in (loaded.open_ip, loaded.open_ip6) for port in ports or ()} & set(_REMOTE_ACCESS) - used


def _of_products(role: Role) -> dict[str, str | None]:
    present = [item for item in role.products if item.state is not State.RESIDUAL and item.approval is None]
    violations = [item for item in present if not item.is_suspected]
    if any(item.product_exception is None for item in violations):
        return _verdict("fail")
    if len(violations) < len(present):
        return _verdict("unknown", "the product is suspected only")
    if role.base == EMBEDDED and not violations:
        return _verdict("unknown", "nothing on it says what is installed")
    return _verdict("excepted" if violations else "pass")


def _of_listeners(role: Role, listeners: list[dict[str, Any]]) -> dict[str, str | None]:
    planted = {item.product: item for item in role.products}
    outside = [
        planted[row["product"]]
        for row in listeners
        if row["product"] and row["approval"] is None and row["reachability"] == "from_anywhere"
    ]
    violations = [item for item in outside if not item.is_suspected]
    if any(item.listener_exception is None for item in violations):
        return _verdict("fail")
    if len(violations) < len(outside):
        return _verdict("unknown", "the product is suspected only")
    return _verdict("excepted" if violations else "pass")
