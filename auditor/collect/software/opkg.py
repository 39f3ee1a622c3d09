"""Packages installed by opkg: OpenWrt until it went to apk, and embedded systems made with the Yocto project.

The format is dpkg's (opkg's own manual: "the package database is a text file of control data"). Which feed a package
came from is not in it.
"""

from auditor.collect.collector import Collector, fields, parse_lines
from auditor.collect.software.paragraphs import awk_of_paragraphs
from auditor.collect.software.rows import day, named
from auditor.model.evidence import Proof
from auditor.model.facts.software import InstallState, Software
from auditor.model.host import OsFamily

# OpenWrt keeps it in /usr/lib/opkg, Yocto in /var/lib/opkg, Entware beside a firmware in /opt. Each destination that
# opkg.conf names (`dest usb /mnt/sda1`) has a database of its own. One below /tmp is left out: anybody may make it.
_QUICK = r"""
set -- / /opt/
if [ -r /etc/opkg.conf ]; then
    while read -r word _ place rest || [ -n "$word" ]; do
        case $word$place in
            dest/tmp | dest/tmp/* | dest/) ;;
            dest/*) set -- "$@" "${place%/}/" ;;
        esac
    done </etc/opkg.conf
fi
found=
for root; do
    for file in "${root}usr/lib/opkg/status" "${root}var/lib/opkg/status" "${root}lib/opkg/status"; do
        [ -f "$file" ] || continue
        [ -r "$file" ] || { denied "$file cannot be read"; return; }
        # /opt may be named twice, and /lib be a link to /usr/lib.
        case "$found$tab" in *"$tab$file$tab"*) continue ;; esac
        [ "$file" -ef "${root}usr/lib/opkg/status" ] && [ "$file" != "${root}usr/lib/opkg/status" ] && continue
        found=$found$tab$file
    done
done
[ -n "$found" ] || { absent "there is no opkg database in /usr/lib/opkg or /var/lib/opkg"; return; }
scan_listed "$found"
"""

# The third word of Status; what is not named has no file on the disk.
_STATES = {
    "installed": InstallState.INSTALLED,
    "unpacked": InstallState.INSTALLED,
    "half-configured": InstallState.INSTALLED,
    "half-installed": InstallState.INSTALLED,
    "post-inst-failed": InstallState.INSTALLED,
    "removal-failed": InstallState.INSTALLED,
    "config-files": InstallState.CONFIG_FILES,
    "not-installed": None,
}
_WORDS = 3


def _read(line: str) -> Software | None:
    """Read status, name, version, architecture and time; None for a package that is not on the disk."""
    status, name, version, architecture, seconds = fields(line, 5)
    words = status.split()
    if len(words) != _WORDS or words[-1] not in _STATES:
        message = f"unknown state {status[:80]!r}"
        raise ValueError(message)
    state = _STATES[words[-1]]
    if state is None:
        return None
    named(name, version)
    return Software(
        name=name,
        version=version,
        architecture=architecture,
        source="software.opkg",
        state=state,
        installed_on=day(seconds),
    )


PLUGIN = Collector(
    id="software.opkg",
    facts=(Software,),
    quick={OsFamily.LINUX: _QUICK},
    awk=awk_of_paragraphs("software.opkg", "Status: ", "Package: ", "Version: ", "Architecture: ", "Installed-Time: "),
    parse=lambda text: parse_lines(text, _read),
    proof={OsFamily.LINUX: Proof.DOCUMENTED},
    advice="Run the audit as root, as embedded systems are, on a host that has awk.",
    holds_secrets=False,
)
