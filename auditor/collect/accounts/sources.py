"""Where a host takes accounts, groups and sudo rules from: the line of nsswitch.conf(5) that names the sources."""

from collections.abc import Callable
from typing import Any

from auditor.collect.collector import lines_of, unread
from auditor.model.evidence import Unread
from auditor.model.reading import Parsed

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


def is_id(text: str) -> bool:
    """Tell whether a text is the number of a user or a group: 32 bits on every system that is audited."""
    return text.isascii() and text.isdigit() and len(text) <= len("4294967295")


def parse_database(text: str, read: Callable[[str], Any], *, file: str, kind: str) -> Parsed:
    """Read one entry a line of passwd(5) or group(5); what only a directory knows makes the answer partial.

    ``read`` raises ValueError for a line that it does not understand; ``kind`` is the singular for messages.
    """
    facts: list[tuple[int, Any]] = []
    strange: list[Unread] = []
    foreign: list[str] = []
    for number, line in enumerate(lines_of(text), 1):
        if number == 1 and line.startswith(FOREIGN):
            foreign.extend(foreign_sources(line))
        elif line.startswith(("+", "-")):
            # Format "compat": names of NIS are taken in or left out here.
            foreign.append("nis")
        elif line:
            try:
                facts.append((number, read(line)))
            except ValueError as error:
                strange.append(unread(number, line, error))
    partial = None
    if foreign:
        partial = f"{kind}s of {' and '.join(dict.fromkeys(foreign))} are not in {file}"
    elif not facts:
        partial = f"no {kind} is listed, not even root"
    return Parsed(facts=tuple(facts), unread=tuple(strange), partial=partial)
