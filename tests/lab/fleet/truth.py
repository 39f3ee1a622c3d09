"""What is true of a host, worked out from what was planted and never from what an auditor says."""

from typing import Any

from tests.lab.fleet.allowed import APPROVED_GROUPS
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
        "approval": item.approval or item.lapsed if item is not None and is_approved else None,
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
        "approved_tenant": _verdict("not_applicable"),
        "approved_version": _verdict("not_applicable"),
        "approved_listener": _of_scopes(role, listeners),
        "approval_review": _of_reviews(role),
        "exposed_listener": _of_listeners(role, listeners),
        "host_filter": _verdict("pass" if loaded.closes_both else "fail"),
        "unused_opening": _verdict("fail" if _unused(listeners, loaded) else "pass"),
        "product_egress": _verdict("not_applicable"),
        "product_settings": _verdict("pass"),
        "complete_inventory": _seen(role, "pass"),
        "software_installers": _verdict("fail") if role.installers else _seen(role, "pass"),
        "writable_program_path": _verdict("fail" if role.open_paths else "pass"),
        "execution_control": _verdict("not_applicable"),
        "remote_desktop": _verdict("not_applicable"),
        "renamed_product": _verdict("not_applicable"),
        "audit_interval": _verdict("not_applicable"),
        "idle_product": _verdict("not_applicable"),
        "new_product": _verdict("not_applicable"),
        "reinstalled_product": _verdict("not_applicable"),
        "seen_outside": _verdict("not_applicable"),
        "windows_installer_policy": _verdict("not_applicable"),
        "screen_sharing": _verdict("not_applicable"),
        "server_security": _of_servers(role, listeners),
        "remote_access_at_boot": _of_boots(role),
        "per_user_copy": _verdict("fail" if role.products and _is_somebodys(role) else "pass"),
        "deleted_executable": _verdict(
            "fail" if any(one.is_deleted and one.product for one in role.programs) else "pass"
        ),
        # Nothing of the lab's remote access is connected to anybody.
        "session_peers": _verdict("pass"),
        "unknown_listener": _verdict("fail" if _nameless(listeners) else "pass"),
    }


def _verdict(word: str, because: str | None = None) -> dict[str, str | None]:
    return {"verdict": word, "because": because}


def _seen(role: Role, word: str) -> dict[str, str | None]:
    """Return a verdict that rests on sections which hold what no auditor can work out, where there are such."""
    return (
        _verdict("unknown", f"{', '.join(role.undecided)} cannot be worked out") if role.undecided else _verdict(word)
    )


# Programs of the lab that take sessions in clear text: with passwords, without TLS.
_CLEAR = ("Xtigervnc", "Xtightvnc")
_KNOWN_BY_PORT = ("generic-vnc", "generic-rdp")


def _of_servers(role: Role, listeners: list[dict[str, Any]]) -> dict[str, str | None]:
    """Tell whether a server that runs, or that a connection starts, asks for nothing or goes in clear text."""
    is_open = any("-nopw" in program.argv for program in role.programs)
    on = (*role.links.values(), "/xinetd.d/")
    started = (
        text for path, text in role.files.items() if path.endswith("@.service") or any(one in path for one in on)
    )
    is_open = is_open or any("-nopw" in text or "-SecurityTypes None" in text for text in started)
    far = ("from_anywhere", "from_networks", "undecided")
    is_clear = any(row["process"] in _CLEAR and row["reachability"] in far for row in listeners)
    if is_open or is_clear:
        return _verdict("fail")
    if any(row["product"] in _KNOWN_BY_PORT for row in listeners):
        return _verdict("unknown", "a port is all that is known of the server")
    return _verdict("pass")


# What starts by itself, by where it is linked from or stands, and the servers that others start for a connection.
_STARTS_LINKED, _STARTS = (".wants/", "/etc/rc", "/etc/runlevels/"), ("/etc/xinetd.d/", "/etc/init.d/S")
_SERVERS = {"tigervnc": "/usr/bin/Xtigervnc", "x11vnc": "/usr/bin/x11vnc"}


def _of_boots(role: Role) -> dict[str, str | None]:
    """Tell whether something starts a product by itself that nobody approved."""
    present = [item for item in role.products if item.state is not State.RESIDUAL]
    unapproved = [item.product for item in present if item.approval is None and item.lapsed is None]
    return _verdict("fail" if any(_starts(role, product) for product in unapproved) else "pass")


def _starts(role: Role, product: str) -> bool:
    if product == "xrdp":
        # Debian's package enables its units.
        return "xrdp" in role.layers and not any(".wants/xrdp" in path for path in role.hidden)
    linked = {
        target.rpartition("/")[2].replace(".socket", "@.service")
        for path, target in role.links.items()
        if any(mark in path for mark in _STARTS_LINKED)
    }
    texts = [
        text
        for path, text in role.files.items()
        if path.rpartition("/")[2] in linked or any(path.startswith(mark) for mark in _STARTS)
    ]
    programs = {program.path for program in role.programs if program.product == product}
    return any(path in text for text in texts for path in (*programs, _SERVERS.get(product, "")) if path)


def _is_somebodys(role: Role) -> bool:
    """Tell whether a program, or what a user installed, lies in a home folder."""
    return any(path.startswith("/home/") for path in role.copies) or any(
        "/.local/share/flatpak/" in path for path in role.files
    )


def _nameless(listeners: list[dict[str, Any]]) -> bool:
    """Tell whether the port is all that is known of what listens on one of VNC or RDP: a relay, a renamed program."""
    return any(row["protocol"] == "tcp" and row["product"] in _KNOWN_BY_PORT for row in listeners)


def _unused(listeners: list[dict[str, Any]], loaded: Filter) -> set[int]:
    """Return the ports of remote access that are open by rule to all, and on which nothing listens to the network."""
    used = {row["port"] for row in listeners if row["protocol"] == "tcp" and row["reachability"] != "loopback_only"}
    return {port for ports in (loaded.open_ip, loaded.open_ip6) for port in ports or ()} & set(_REMOTE_ACCESS) - used


def _of_products(role: Role) -> dict[str, str | None]:
    present = [
        item
        for item in role.products
        if item.state is not State.RESIDUAL and item.approval is None and item.lapsed is None
    ]
    violations = [item for item in present if not item.is_suspected]
    if any(item.product_exception is None for item in violations):
        return _verdict("fail")
    if len(violations) < len(present):
        return _verdict("unknown", "the product is suspected only")
    if role.base == EMBEDDED and not violations:
        return _verdict("unknown", "nothing on it says what is installed")
    return _verdict("excepted" if violations else "pass")


def _of_scopes(role: Role, listeners: list[dict[str, Any]]) -> dict[str, str | None]:
    """Tell whether a product that is approved, its review apart, listens where its approval does not let it."""
    if not _is_approved_for(role):
        return _verdict("not_applicable")
    approved = {item.product for item in role.products if item.approval or item.lapsed}
    outside = [row for row in listeners if row["product"] in approved and row["approval"] is None]
    return _verdict("fail" if outside else "pass")


def _of_reviews(role: Role) -> dict[str, str | None]:
    if not _is_approved_for(role):
        return _verdict("not_applicable")
    return _verdict("fail" if any(item.lapsed for item in role.products) else "pass")


def _is_approved_for(role: Role) -> bool:
    """Tell whether an approval of the lab's policy is for the host: by a group, or by the host's name."""
    return not APPROVED_GROUPS.isdisjoint(role.groups) or any(item.approval or item.lapsed for item in role.products)


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
