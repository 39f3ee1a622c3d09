"""Where a host takes accounts, groups and sudo rules from: the line of nsswitch.conf(5) that names the sources."""

FOREIGN = "@sources "
"""What the line begins with that names the sources; no line of passwd(5) or group(5) does."""

NSSWITCH = r"""
if [ -r /etc/nsswitch.conf ]; then
    while read -r key sources; do
        [ "$key" = DATABASE: ] && { printf '@sources %s\n' "$sources"; break; }
    done </etc/nsswitch.conf
fi
"""
"""Prints that line; DATABASE stands for the database's name."""

_LOCAL = frozenset(("files", "compat", "systemd", "db", "altfiles", "mymachines", "extrausers", "usrfiles"))


def foreign_sources(line: str) -> list[str]:
    """Return the sources that are not files of the host, in their order."""
    words = line.removeprefix(FOREIGN).partition("#")[0].split()
    return [word for word in words if not word.startswith("[") and not word.endswith("]") and word not in _LOCAL]
