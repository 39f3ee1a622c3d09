"""Packages installed by apk: Alpine Linux, its children, and OpenWrt since it left opkg.

The database is text: paragraphs of one letter, a colon and a value; those of a package's files follow its own
(apk-package(5), and what apk-tools 2 and 3 write). Which repository a package came from is not in it, but for one that
was installed from a tagged repository (``s:``).
"""

from auditor.collect.collector import Collector, fields, parse_lines
from auditor.collect.software.paragraphs import awk_of_paragraphs
from auditor.collect.software.rows import named
from auditor.model.evidence import Proof
from auditor.model.facts.software import Software
from auditor.model.host import OsFamily

# /usr/lib where /lib is a link into it, or apk-tools 3 was the first; db-uvol holds OpenWrt's packages on volumes.
# `apk convdb` makes a binary database of it.
_QUICK = r"""
set --
for folder in /lib/apk/db /usr/lib/apk/db /lib/apk/db-uvol; do
    case $folder in /usr/*) [ ! /lib/apk/db -ef "$folder" ] || continue ;; esac
    if [ -d "$folder" ] && [ ! -x "$folder" ]; then denied "$folder cannot be read"; return; fi
    if [ -e "$folder/installed.adb" ]; then
        failed "$folder/installed.adb is a binary database, which this version does not read"
        return
    fi
    [ -e "$folder/installed" ] || continue
    [ -r "$folder/installed" ] || { denied "$folder/installed cannot be read"; return; }
    set -- "$@" "$folder/installed"
done
if [ $# = 0 ]; then absent "there is no apk database in /lib/apk/db"; else scan "$@"; fi
"""


def _read(line: str) -> Software:
    """Read name, version, architecture, tag and maintainer."""
    name, version, architecture, tag, maintainer = fields(line, 5)
    named(name, version)
    return Software(
        name=name,
        version=version,
        architecture=architecture,
        source="software.apk",
        publisher=maintainer or None,
        origin=f"@{tag}" if tag else None,
    )


PLUGIN = Collector(
    id="software.apk",
    facts=(Software,),
    quick={OsFamily.LINUX: _QUICK},
    awk=awk_of_paragraphs("software.apk", "P:", "V:", "A:", "s:", "m:"),
    parse=lambda text: parse_lines(text, _read),
    proof={OsFamily.LINUX: Proof.DOCUMENTED},
    advice="Make /lib/apk/db/installed readable for everyone, as Alpine Linux ships it, and install awk.",
    holds_secrets=False,
)
