"""The ordinary life of a host: packages, services, processes, connections, users, and a long ruleset of its own.

Most is the same on every host (a fleet has a standard build), some differs; all of it is a function of seed and number.
"""

import random
from dataclasses import dataclass, field

from tests.lab.fleet.layers import dpkg_stanzas
from tests.lab.fleet.places import Lab, LabError
from tests.lab.fleet.plan import Program, tcp, udp

OPS_GROUP = "ops"
"""Group whose members may install software; the lab's policy approves it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """How much of everything a host has, above the base's 190 packages."""

    packages: int = 0
    services: int = 0
    processes: int = 0
    connections: int = 0
    rules: int = 0
    users: int = 0


PROFILES = {
    "minimal": Profile(),
    "server": Profile(packages=350, services=12, processes=40, connections=20, rules=40, users=4),
    "desktop": Profile(packages=1800, services=40, processes=250, connections=60, rules=200, users=2),
}

# (program, protocol, port); the port of the n-th repeat is moved by 1000 * n.
_SERVICES = (
    ("nginx", "tcp", 80), ("postgres", "tcp", 5432), ("redis-server", "tcp", 6379),
    ("chronyd", "udp", 123), ("cupsd", "tcp", 631), ("avahi-daemon", "udp", 5353),
    ("master", "tcp", 25), ("named", "udp", 53), ("node_exporter", "tcp", 9100),
    ("mariadbd", "tcp", 3306), ("webapp", "tcp", 8080), ("smbd", "tcp", 445),
    ("dockerd", "tcp", 2375), ("memcached", "tcp", 11211), ("rpcbind", "udp", 111),
    ("snmpd", "udp", 161), ("grafana", "tcp", 3000), ("mongod", "tcp", 27017),
    ("influxd", "tcp", 8086), ("unbound", "udp", 1194),
)  # fmt: skip
# Packages whose name holds one of these may be remote access: they are planted on purpose or not at all.
_REMOTE_ACCESS = (
    "vnc", "rdp", "vino", "teamviewer", "anydesk", "rustdesk", "remote", "x2go", "xpra", "krfb", "nomachine", "guac",
    "remmina", "weston", "veyon", "spice", "tmate", "barrier", "cockpit", "sshuttle", "autossh", "shellinabox",
    "gotty", "ttyd", "waypipe", "nx", "qemu", "libvirt", "virt-", "vpn", "wireguard", "tailscale", "zerotier", "tinc",
    "tunnel", "dropbear", "telnet", "rsh-", "mosh", "proxy", "synergy", "vinagre", "desktop-sharing", "tightvnc",
    "nebula", "pagekite", "gsocket", "netbird",
    "n2n", "iodine", "chisel", "frp", "stunnel", "ssh", "salt", "puppet", "mesh", "distcc", "screen", "connect",
)  # fmt: skip
_FIELDS = (
    "Priority", "Section", "Installed-Size", "Maintainer", "Architecture", "Multi-Arch", "Source", "Version",
    "Depends", "Recommends", "Description", "Homepage",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """What is ordinary about one host."""

    packages: dict[str, str] = field(default_factory=dict)
    """Name to version of the packages above the base's."""
    rows: tuple[str, ...] = ()
    """Their rows of the dpkg database."""
    programs: tuple[Program, ...] = ()
    users: tuple[str, ...] = ()
    installers: tuple[str, ...] = ()
    """Members of the group that may install software."""
    nftables: str = ""
    """The profile's own ruleset, for hosts that no role gives another."""


class Archive:
    """Real packages that are not in the base, from the base's own package index."""

    def __init__(self, lab: Lab) -> None:
        """Read the index once; raise LabError when the base has none."""
        have = dpkg_stanzas(lab.base).keys()
        self._found: dict[str, str] = {}
        for index in sorted((lab.base / "var/lib/apt/lists").glob("*_Packages")):
            for stanza in index.read_text().split("\n\n"):
                name = stanza.partition("Package: ")[2].partition("\n")[0]
                if name and name not in have and not any(word in name for word in _REMOTE_ACCESS):
                    self._found.setdefault(name, stanza)
        if not self._found:
            raise LabError(f"no package index in {lab.base}/var/lib/apt/lists: run apt-get update in the base")
        self.names = sorted(self._found)

    def version(self, name: str) -> str:
        """Return the version of a package."""
        return self._found[name].partition("\nVersion: ")[2].partition("\n")[0]

    def row(self, name: str, version: str) -> str:
        """Return the row an installed package has in the dpkg database."""
        rows = [f"Package: {name}", "Status: install ok installed"]
        for line in self._found[name].split("\n"):
            key = line.partition(": ")[0]
            if key in _FIELDS:
                rows.append(f"Version: {version}" if key == "Version" else line)
        return "\n".join(rows) + "\n"


def make_background(
    *, profile: Profile, number: int, address: str, peer: str, seed: str, archive: Archive | None
) -> Background:
    """Return the ordinary life of the host with this number; ``archive`` is needed where packages are."""
    common, own = random.Random(seed), random.Random(f"{seed}/{number}")  # noqa: S311 — the same every time, on purpose
    packages = {} if archive is None else _packages(profile, common, own, archive)
    users = tuple(f"user{index}" for index in range(profile.users))
    services = _services(profile, own)
    return Background(
        packages=packages,
        rows=() if archive is None else tuple(archive.row(name, version) for name, version in packages.items()),
        programs=(*services, *_clients(profile, services, peer), *_workers(profile, address)),
        users=users,
        installers=users[: profile.users // 2],
        nftables=_ruleset(profile, own),
    )


def _packages(profile: Profile, common: random.Random, own: random.Random, archive: Archive) -> dict[str, str]:
    if not profile.packages:
        return {}
    names = common.sample(archive.names, profile.packages + 40)
    standard, extra = names[: profile.packages], names[profile.packages :]
    missing = set(own.sample(standard, 5))
    kept = [name for name in standard if name not in missing] + own.sample(extra, 5)
    packages = {name: archive.version(name) for name in kept}
    for name in own.sample(sorted(packages), 5):
        packages[name] += f"+drift{own.randrange(1, 4)}"
    return packages


def _services(profile: Profile, own: random.Random) -> tuple[Program, ...]:
    services = []
    for index in range(profile.services):
        name, protocol, port = _SERVICES[index % len(_SERVICES)]
        port += 1000 * (index // len(_SERVICES))
        # By turns on every address of both families, on loopback, on every address of IPv4.
        addresses = (("0.0.0.0", "::"), ("127.0.0.1",), ("0.0.0.0",))[index % 3]
        sockets = (tcp if protocol == "tcp" else udp)(port, *addresses)
        path = f"/usr/sbin/{name}"
        argv = (path, f"--config=/etc/{name}.conf")
        services.append(Program(path=path, argv=argv, uid=(0, 33, 100)[index % 3], sockets=sockets))
    if services and own.random() < 0.1:  # a listener nobody expects
        path = "/usr/bin/nc.traditional"
        services.append(Program(path=path, argv=("nc", "-lk", "4444"), uid=2001, sockets=tcp(4444, "0.0.0.0")))
    return tuple(services)


def _clients(profile: Profile, services: tuple[Program, ...], peer: str) -> tuple[Program, ...]:
    if not services:
        return ()
    path = "/usr/bin/client"
    places = ((("127.0.0.1", 80), (peer, 80))[index % 2] for index in range(profile.connections))
    return tuple(
        Program(path=path, argv=(path, address), uid=33, connects=((address, port),)) for address, port in places
    )


def _workers(profile: Profile, address: str) -> tuple[Program, ...]:
    workers = []
    for index in range(profile.processes):
        path = f"/usr/bin/worker{index % 17}"
        argv = (path, f"--id={index}", f"--node={address}", f"--config=/etc{path}.conf")
        workers.append(Program(path=path, argv=argv, uid=33 if index % 3 else 0))
    return tuple(workers)


TRUSTED = ("10.77.0.0/16", "192.0.2.0/24")
"""Networks that ordinary hosts let in to every port, and that the lab's policy trusts."""


def _ruleset(profile: Profile, own: random.Random) -> str:
    if not profile.rules or own.random() < 0.05:  # some hosts have no filter
        return ""
    rules = []
    for index in range(profile.rules):
        protocol = own.choice(("tcp", "udp")) if index % 10 == 0 else ("tcp", "udp")[index % 2]
        action = "drop" if index % 4 == 3 else "accept"
        rules.append(
            f"\t\tip saddr 10.{index % 200}.0.0/16 {protocol} dport {1024 + index * 7} ct state new counter "
            f'{action} comment "rule {index}"\n'
        )
    return (
        "#!/usr/sbin/nft -f\nflush ruleset\ntable inet filter {\n\tset trusted {\n\t\ttype ipv4_addr; flags interval;\n"
        f"\t\telements = {{ {', '.join(TRUSTED)} }}\n\t}}\n\tchain input {{\n"
        "\t\ttype filter hook input priority 0; policy drop;\n\t\tct state established,related accept\n"
        "\t\tiif lo accept\n\t\tip saddr @trusted accept\n\t\ttcp dport { 22, 80, 443 } accept\n"
        f"{''.join(rules)}\t}}\n\tchain forward {{\n\t\ttype filter hook forward priority 0; policy drop;\n\t}}\n"
        "\tchain output {\n\t\ttype filter hook output priority 0; policy accept;\n\t}\n}\n"
    )
