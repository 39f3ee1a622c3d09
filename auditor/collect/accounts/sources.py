"""Where a host takes accounts, groups and sudo rules from: the line of nsswitch.conf(5) that names the sources."""

FOREIGN = "@sources "
"""What the line begins with that names the sources; no line of passwd(5) or group(5) does."""

NSSWITCH = r"""
passwd_sources='' group_sources='' sudoers_sources=''
if [ -r /etc/nsswitch.conf ]; then
    while read -r key sources; do
        case $key in
            passwd:) passwd_sources=${passwd_sources:-"@sources $sources"} ;;
            group:) group_sources=${group_sources:-"@sources $sources"} ;;
            sudoers:) sudoers_sources=${sudoers_sources:-"@sources $sources"} ;;
        esac
    done </etc/nsswitch.conf
fi
tell_sources() { [ -z "$1" ] || printf '%s\n' "$1"; }
"""
"""Shared by the sections about accounts: the shell reads a file a byte at a time, so it is read once for all."""

_LOCAL = frozenset(("files", "compat", "systemd", "db", "altfiles", "mymachines", "extrausers", "usrfiles"))


def foreign_sources(line: str) -> list[str]:
    """Return the sources that are not files of the host, in their order."""
    words = line.removeprefix(FOREIGN).partition("#")[0].split()
    return [word for word in words if not word.startswith("[") and not word.endswith("]") and word not in _LOCAL]
