"""Packages installed by rpm: Red Hat, Fedora, SUSE and their children, and which repository each came from.

rpm's database is Berkeley DB, ndb or SQLite, which only rpm reads; it holds no repository. That is noted by what
installed the package: dnf 5 and yum in files, zypper in its log, dnf 4 in a SQLite database of its own. What none of
them installed (an image's first packages, ``rpm -i``) has no repository.
"""

from collections.abc import Mapping

from auditor.collect.collector import Collector, fields, lines_of, unread
from auditor.collect.software.rows import day, named
from auditor.model.evidence import Proof, Unread
from auditor.model.facts.software import Software
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed

# SUSE and Fedora keep it in /usr/lib/sysimage/rpm, ostree in /usr/share/rpm, the others in /var/lib/rpm, which is
# often a link to one of these. Without one of the three files rpm would make an empty database: it is not asked.
_QUICK = r"""
rpm_folders=
for folder in /usr/lib/sysimage/rpm /usr/share/rpm /var/lib/rpm; do
    [ -d "$folder" ] || continue
    [ -x "$folder" ] || { denied "$folder cannot be read"; return; }
    for seen in $rpm_folders; do [ ! "$folder" -ef "$seen" ] || continue 2; done
    for file in "$folder/rpmdb.sqlite" "$folder/Packages.db" "$folder/Packages"; do
        [ -e "$file" ] || continue
        [ -r "$file" ] || { denied "$file cannot be read"; return; }
        rpm_folders="$rpm_folders $folder"
        break
    done
done
[ -n "$rpm_folders" ] || {
    absent "there is no rpm database in /var/lib/rpm or /usr/lib/sysimage/rpm"
    return
}
for file in /usr/lib/sysimage/libdnf5/nevras.toml /var/log/zypp/history; do
    if [ -f "$file" ] && [ -r "$file" ]; then scan "$file"; fi
done
set -- /var/lib/yum/yumdb/*/*/from_repo
if [ -r "$1" ]; then scan "$@"; fi
return 1
"""
# Signatures are not verified, which is what importing keys is for; digests are: rpm leaves a damaged header out with
# an error and exit status 0, and says nothing at all where it does not look at them. What it says is kept apart from
# its rows, for it is not buffered as they are. dnf 4 is Python, and so is what reads its database where there is no
# sqlite3. SQLite makes a file where there is a -wal without a -shm: then it is not asked. The last that dnf did with a
# package counts; 10 is the half of a reinstallation that removes, 11 a changed reason, and 3, 5, 7, 8 end a package
# (libdnf, TransactionItemAction).
_LINUX = r"""
need rpm
unset -v RPM_CONFIGDIR
row='package\t%{NAME}\t%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\t%{ARCH}\t%{INSTALLTIME}\t'
row=$row'%|RSAHEADER?{%{RSAHEADER:pgpsig}}:{%|DSAHEADER?{%{DSAHEADER:pgpsig}}|}|\t%{VENDOR}\t%{PACKAGER}\n'
history=/var/lib/dnf/history.sqlite
how=
if [ ! -r "$history" ]; then :
elif [ ! -e "$history-wal" ]; then how=immutable=1
elif [ -e "$history-shm" ]; then how=mode=ro
fi
if [ -n "$how" ]; then
    uri="file:$history?$how"
    query="select 'origin' || char(9) || name || '-' || version || '-' || release || '.' || arch || char(9) || repoid
        from (select r.*, p.repoid, t.action, max(t.id) from trans_item t join rpm r on r.item_id = t.item_id
            join repo p on p.id = t.repo_id where t.action not in (10, 11) group by t.item_id)
        where action not in (3, 5, 7, 8)"
    if have sqlite3; then sqlite3 -batch "$uri" "$query" || :
    else
        for python in /usr/libexec/platform-python python3; do
            have "$python" || continue
            "$python" -ISBc 'import sqlite3, sys
for row in sqlite3.connect(sys.argv[1], uri=True, timeout=2).execute(sys.argv[2]):
    print(row[0])' "$uri" "$query" || :
            break
        done
    fi
fi
for folder in $rpm_folders; do
    said=$(exec rpm --dbpath "$folder" -qa --nosignature --qf "$row" 2>&1 >&3) ||
        failed "rpm does not read the database in $folder: ${said%%"$newline"*}"
    [ -z "$said" ] || printf '%s\n' "$said"
done
"""
# What dnf 5, zypper and yum have noted, as rows like those of the query above: name-version-release.arch, epoch left
# out. The log of zypper says every installation there ever was: the last of each counts.
_AWK = r"""
function software_rpm(    at, file, line, part, key, repository, order, count, from) {
    for (at = 2; at <= paths; at++) {
        file = path[at]
        key = ""
        count = 0
        while ((getline line < file) > 0) {
            if (file ~ /\/from_repo$/) {
                split(file, part, "/")
                key = part[7]
                sub(/^[^-]*-/, "", key)
                if (match(key, /-[^-]*$/)) key = substr(key, 1, RSTART - 1) "." substr(key, RSTART + 1)
                software_rpm_put(key, line)
                break
            }
            else if (file ~ /\.toml$/) {
                if (line ~ /^\[nevras\."/) { split(line, part, "\""); key = part[2] }
                else if (line ~ /^"/) { split(line, part, "\""); key = part[2] }
                if (match(line, /from_repo *= *"/)) {
                    repository = substr(line, RSTART + RLENGTH)
                    sub(/".*$/, "", repository)
                    sub(/-[0-9]+:/, "-", key)
                    software_rpm_put(key, repository)
                }
            }
            else if (split(line, part, "|") > 6 && part[2] ~ /^install *$/) {
                sub(/^[0-9]+:/, "", part[4])
                key = part[3] "-" part[4] "." part[5]
                if (!(key in from)) order[++count] = key
                from[key] = part[7]
            }
        }
        close(file)
        for (part[1] = 1; part[1] <= count; part[1]++) software_rpm_put(order[part[1]], from[order[part[1]]])
    }
}
function software_rpm_put(key, repository) {
    gsub(/\t/, " ", key)
    gsub(/\t/, " ", repository)
    if (key != "" && repository != "") put("origin\t" key "\t" repository)
}
"""
_NOTHING = ("", "(none)")


def _parse(text: str) -> Parsed:
    """Read one package a row, and give it the repository that another row says."""
    lines = list(enumerate(lines_of(text), 1))
    origins: dict[str, str] = {}
    found: dict[tuple[str, str, str], tuple[int, Software]] = {}
    strange: list[Unread] = []
    for number, line in lines:
        if line.startswith("origin\t"):
            try:
                # One of a package that is not there any more says nothing.
                _, key, repository = fields(line, 3)
                origins[key] = repository
            except ValueError as error:
                strange.append(unread(number, line, error))
    for number, line in lines:
        if not line or line.startswith("origin\t") or _reads_an_old_one(line):
            continue
        try:
            package = _read(line, origins)
            if package is None:
                continue
            known = (package.name, package.version, package.architecture)
            if known in found:
                message = f"{package.name[:80]!r} is listed twice"
                raise ValueError(message)  # noqa: TRY301 — the same treatment as any other line
            found[known] = (number, package)
        except ValueError as error:
            strange.append(unread(number, line, error))
    return Parsed(facts=tuple(found.values()), unread=tuple(strange))


def _reads_an_old_one(line: str) -> bool:
    """Tell what rpm says where it reads the database of an older release, which it does as well as its own."""
    return line.startswith("warning: Found bdb_ro ") and line.endswith(": using bdb_ro backend.")


def _read(line: str, origins: Mapping[str, str]) -> Software | None:
    """Read one row; None for a key to verify signatures with, which rpm keeps as if it were a package."""
    word, name, version, architecture, seconds, signature, vendor, packager = fields(line, 8)
    if word != "package":
        message = "not a row of a package"
        raise ValueError(message)
    if name == "gpg-pubkey":
        return None
    named(name, version)
    publisher = packager if vendor in _NOTHING else vendor
    plain = version.partition(":")[2] or version
    return Software(
        name=name,
        version=version,
        architecture="" if architecture in _NOTHING else architecture,
        source="software.rpm",
        publisher=None if publisher in _NOTHING else publisher,
        # The id of the key ends what rpm says of a signature: algorithm, day, "Key ID 199e2f91fd431d51".
        signer=signature.rpartition(" ")[2] or None,
        installed_on=None if seconds in _NOTHING else day(seconds),
        origin=origins.get(f"{name}-{plain}.{architecture}"),
    )


PLUGIN = Collector(
    id="software.rpm",
    facts=(Software,),
    quick={OsFamily.LINUX: _QUICK},
    scripts={OsFamily.LINUX: _LINUX},
    awk=_AWK,
    parse=_parse,
    proof={OsFamily.LINUX: Proof.LAB},
    advice="Install rpm, make its database readable for everyone as distributions ship it, and where rpm finds the "
    "database damaged, run `rpm --rebuilddb`.",
    holds_secrets=False,
    apart=True,
)
