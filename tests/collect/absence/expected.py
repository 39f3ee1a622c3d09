"""What becomes of each section where a command of the probe is missing: a row for each command that a fragment runs.

A row names the sections that change on the host of ``scene.py``, and how: the outcome and how its reason begins. A
command that the host does not make a section use has an empty row; a collector whose command needs a thing to be there
(a database, a daemon) adds that thing to the scene, so that its row can say something.
"""

from collections.abc import Mapping

UNDECIDED = "undecided"
"""All that listens is told as before, and less of what a packet meets on its way there: who reaches it is undecided."""
OTHER_ROAD = "other road"
"""The same is told from another source; names of processes, which the list of processes has too, may be missing."""
NO_ANSWER = "no answer"
"""Of the whole host: it says nothing, and is recorded as a host that could not be read."""

BUILTINS = frozenset((
    ":", "[", "alias", "break", "cd", "command", "continue", "echo", "eval", "exec", "exit", "export", "false",
    "kill", "read", "return", "set", "shift", "test", "trap", "true", "type", "umask", "unset", "wait",
))  # fmt: skip
"""What every one of the five shells has in itself; mksh as Debian builds it has no ``printf``."""
NOT_RUN = {
    "emulate": "a word of zsh that no other shell is asked for",
    **dict.fromkeys(
        (
            "/usr/libexec/ApplicationFirewall/socketfilterfw",
            "codesign",
            "csrutil",
            "dscl",
            "head",
            "ifconfig",
            "launchctl",
            "log",
            "lsof",
            "mount",
            "netstat",
            "pfctl",
            "pkgutil",
            "plutil",
            "profiles",
            "sfltool",
            "spctl",
            "sqlite3",
            "stat",
            "sw_vers",
            "sysctl",
        ),
        "a tool of macOS, which no fragment for Linux calls",
    ),
}

SPOKEN: Mapping[str, tuple[str, ...]] = {
    '"$1"': (),
    '"$autostart_walk"': (),
    '"$doing"': (),
    '"$servers_home"': (),
    '"$products_home"': (),
    '"$home_look"': (),
    '"$launchd_read"': (),
    '"$python"': (),
    '"$program_words"': (),
    '"$program_words$user_units_walk"': (),
    '"cd \\"\\$0\\" || exit; ulimit -t 5; ulimit -v 1000000; $home_script"': (),
    '"$2"': (),
    '"$@"': ("ls", "nft"),
    '"$tool"': (),
    '"$save"': ("iptables-legacy-save", "iptables-nft-save", "iptables-save"),
    '"$2-save"': ("iptables-save", "ip6tables-save"),
    '"$2-nft-save"': ("iptables-nft-save", "ip6tables-nft-save"),
    '"$3-legacy-save"': ("iptables-legacy-save", "ip6tables-legacy-save"),
}
"""Words that expand where a command stands, and the commands that they are; functions of the probe are left out."""

_SAVED = "is not installed, and"

MISSING: Mapping[str, Mapping[str, str]] = {
    "/bin/sh": {},  # no POSIX system is without it
    "awk": {
        "processes.procfs": "failed awk is not installed",
        "software.dpkg": "failed awk is not installed",
        "services.systemd": "failed awk is not installed",
        "accounts.polkit": "failed awk is not installed",
        "accounts.sudoers": "failed awk is not installed",
        "appcontrol.mounts": "failed awk is not installed",
        "services.autostart": "failed awk is not installed",
        "remote_config.products": "failed awk is not installed",
        "remote_config.servers": "failed awk is not installed",
        "logons.journal": "failed awk is not installed",
        "logons.server_logs": "failed awk is not installed",
        "services.user_units": "failed awk is not installed",
        "software.npm": "failed awk is not installed",
        "software.portable": "failed awk is not installed",
    },
    "cat": {},
    "chroot": {},
    "crio": {},
    "date": {"logons.server_logs": "failed date is not installed"},
    "dockerd": {},
    "dockerd-rootless.sh": {},
    "find": {"software.portable": "failed find is not installed"},
    "grep": {"sockets.ss": "failed grep is not installed"},
    "gzip": {},
    "id": {},
    "ip": {"sockets.ss": UNDECIDED, "network.interfaces": "partial ip is not installed"},
    "ip6tables-legacy-save": {"firewall.ip6tables_legacy": f"failed ip6tables-legacy-save {_SAVED}"},
    "ip6tables-nft-save": {},
    "ip6tables-save": {},
    "ipset": {"firewall.ipset": f"failed ipset {_SAVED}"},
    "iptables-legacy-save": {"firewall.iptables_legacy": f"failed iptables-legacy-save {_SAVED}"},
    "iptables-nft-save": {},
    "iptables-save": {},
    "journalctl": {"logons.journal": "failed journalctl is not installed"},
    "last": {"logons.wtmp": "failed last is not installed"},
    "ls": {
        "appcontrol.program_paths": "failed ls is not installed",
        "processes.procfs": "failed ls is not installed",
        "sockets.ss": "failed ls is not installed",
    },
    "lsns": {"sockets.ss": UNDECIDED},
    "nft": {
        "sockets.ss": UNDECIDED,
        "firewall.nft": f"failed nft {_SAVED}",
        "firewall.iptables_nft": "failed nft did not list the ruleset",
        "firewall.nft_text": f"failed nft {_SAVED}",
    },
    "nsenter": {"sockets.ss": UNDECIDED},
    "od": {},
    "pkexec": {"accounts.polkit": OTHER_ROAD},
    "podman": {},
    "printf": {},
    "ps": {"processes.procfs": "partial users whom only a directory can name"},
    "rpm": {},
    "sed": {"sockets.ss": UNDECIDED},
    "setpriv": {},
    "sh": {},
    "sleep": {},
    "sqlite3": {},
    "ss": {"sockets.ss": OTHER_ROAD},
    "su": {},
    "sudo": {},
    "systemctl": {"services.systemd": "partial systemctl is not installed"},
    "timeout": {},
    "tr": {},
    "uname": {},
    "wtmpdb": {},
}

MISSING_TOGETHER: Mapping[tuple[str, ...], Mapping[str, str]] = {
    ("awk", "date"): {NO_ANSWER: "malformed"},
    ("cat", "gzip"): {},
    ("cat", "ps", "sleep"): {"processes.procfs": "partial users whom only a directory can name"},
    ("grep", "ss"): {"sockets.ss": "failed grep is not installed"},
    ("ip6tables-nft-save", "ip6tables-save"): {"firewall.iptables_nft": "failed ip6tables-save is not installed"},
    ("iptables-nft-save", "iptables-save"): {"firewall.iptables_nft": "failed iptables-save is not installed"},
    ("ls", "ss"): {
        "appcontrol.program_paths": "failed ls is not installed",
        "processes.procfs": "failed ls is not installed",
        "sockets.ss": "failed ls is not installed",
    },
    ("ipset", "iptables-legacy-save", "iptables-save"): {
        "firewall.ipset": f"failed ipset {_SAVED}",
        "firewall.iptables_legacy": "failed iptables-save is not installed",
    },
}
"""Commands that stand in for one another, all of them missing."""

WITHOUT_BUILTIN: Mapping[tuple[str, str], Mapping[str, str]] = {("mksh", "printf"): {NO_ANSWER: "malformed"}}
"""Rows of shells that have a command where others have a builtin."""

SILENT: Mapping[tuple[str, str], str] = {
    (
        "ipset",
        "says-nothing",
    ): "ipset prints nothing where there is no set; a rule that names one is then not evaluated",
}
"""Broken commands that nobody can tell from sound ones, and why that does no harm."""

VOLATILE = frozenset((
    "logons.server_logs", "processes.procfs", "sockets.ss", "firewall.nft", "firewall.ip6tables_legacy",
    "firewall.iptables_legacy",
    "firewall.iptables_nft",
))  # fmt: skip
"""Sections whose text holds the probe's own processes, instants or counters of packets: their facts are compared."""
