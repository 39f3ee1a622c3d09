"""Python packages that no distribution's package manager installed: by pip, pipx or uv, for all or for one user."""

from auditor.collect.collector import Collector, fields, parse_lines
from auditor.collect.homes import HOMES, with_limits
from auditor.model.evidence import Proof
from auditor.model.facts.software import Scope, Software
from auditor.model.host import OsFamily

# The name of a *.dist-info or *.egg-info folder is the package and its version (PEP 427, PEP 376): nothing is opened in
# home folders, /opt and /usr/local. What lies in /usr/lib is mostly the distribution's, which lists it itself; there
# the file INSTALLER (PEP 376) tells pip's own from it, and a distribution leaves it out or names itself in it.
# Folders: Debian's pip (/usr/local/lib/python3.11/dist-packages), pip elsewhere (site-packages), `pip --user`, pipx
# (PIPX_HOME: /opt/pipx, ~/.local/share/pipx, ~/.local/pipx), uv's tools, pyenv, conda.
_LINUX = r"""
found='' files=''
packages_in() {
    case $2 in *"$newline"* | *"$tab"*) left=1; partial "the name of a folder holds a line end"; return ;; esac
    for dist in "$2"/*.dist-info "$2"/*.egg-info; do
        case ${dist##*/} in *[!A-Za-z0-9._+!-]*) continue ;; esac
        [ -e "$dist" ] || continue
        if [ -z "$3" ]; then
            found=1
            printf 'dist\t%s\t%s\t\n' "$1" "$dist"
        elif [ -f "$dist/INSTALLER" ] && [ ! -L "$dist/INSTALLER" ]; then
            found=1
            files=$files$tab$dist/INSTALLER
        fi
    done
}
for dir in /usr/local/lib/python*/site-packages /usr/local/lib/python*/dist-packages \
    /usr/local/lib64/python*/site-packages /usr/local/pipx/venvs/*/lib/python*/site-packages \
    /opt/pipx/venvs/*/lib/python*/site-packages /opt/*/lib/python*/site-packages; do
    packages_in '' "$dir" ''
done
for dir in /usr/lib/python*/site-packages /usr/lib64/python*/site-packages /usr/lib/python*/dist-packages; do
    packages_in '' "$dir" read
done
users_packages() {
    for dir in "$home"/.local/lib/python*/site-packages "$home"/.local/share/pipx/venvs/*/lib/python*/site-packages \
        "$home"/.local/pipx/venvs/*/lib/python*/site-packages \
        "$home"/.local/share/uv/tools/*/lib/python*/site-packages \
        "$home"/.pyenv/versions/*/lib/python*/site-packages "$home"/*conda*/lib/python*/site-packages \
        "$home"/miniforge*/lib/python*/site-packages; do
        packages_in "$owner" "$dir" ''
    done
}
find_homes
in_homes users_packages
[ -z "$files" ] || scan_listed "$files"
[ -n "$found$left" ] || absent "there is no Python package but the distribution's own"
"""
_AWK = r"""
function software_pypi(    at, line) {
    for (at = 2; at <= paths; at++) {
        line = ""
        getline line < path[at]
        close(path[at])
        gsub(/[^ -~]/, "", line)
        put("dist\t\t" substr(path[at], 1, length(path[at]) - 10) "\t" substr(line, 1, 40))
    }
}
"""
_DISTRIBUTIONS = ("rpm", "dpkg", "debian", "apk", "pacman", "portage", "gpep517", "installer", "flit", "")
"""What distributions leave in INSTALLER, or the tool that they build their packages with."""
_OWN = ("/usr/lib/", "/usr/lib64/")


def _read(line: str) -> Software | None:
    kind, user, path, installer = fields(line, 4)
    folder, _slash, name = path.rpartition("/")
    stem, separator, suffix = name.rpartition(".")
    if kind != "dist" or not separator or suffix not in ("dist-info", "egg-info"):
        message = "no folder of a Python package"
        raise ValueError(message)
    if folder.startswith(_OWN) and installer.strip().lower() in _DISTRIBUTIONS:
        return None  # the distribution's package manager lists it
    # An egg's name ends in the Python it is for: NAME-VERSION-py3.11.
    package, _dash, version = stem.partition("-")
    version, _dash, _python = version.partition("-py")
    if not package:
        message = "a package without a name"
        raise ValueError(message)
    return Software(
        # PEP 503: the same package, however it is written.
        name=package.lower().replace("_", "-").replace(".", "-"),
        version=version,
        source="software.pypi",
        scope=Scope.USER if user else Scope.SYSTEM,
        user=user or None,
        location=path,
    )


PLUGIN = Collector(
    id="software.pypi",
    facts=(Software,),
    scripts={OsFamily.LINUX: _LINUX},
    shared=(HOMES,),
    awk=_AWK,
    parse=with_limits(lambda text: parse_lines(text, _read)),
    proof={OsFamily.LINUX: Proof.LAB},
    advice="Run the audit as root: users install packages into their home folders.",
    holds_secrets=False,
    apart=True,
)
