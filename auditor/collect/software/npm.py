"""Packages that npm, yarn or pnpm installed for all users or for one, not those of projects."""

from auditor.collect.collector import Collector, fields, parse_lines
from auditor.collect.homes import HOMES, with_limits
from auditor.model.evidence import Proof
from auditor.model.facts.software import Scope, Software
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed

# A global package is a folder PREFIX/lib/node_modules/NAME or @SCOPE/NAME there (npm-folders(5)); a link is a package
# that somebody develops (npm-link(1)). Its version stands in package.json, read below /usr alone: elsewhere others
# than root may own it. Prefixes: nodejs.org's and NodeSource's, nvm, n, volta, ~/.npm-global as npm's manual advises.
# Servers of npm's are often unpacked into a folder of /opt instead, and lie there with all that they need.
_LINUX = r"""
found='' files=''
modules_in() {
    case $2 in *"$newline"* | *"$tab"*) left=1; partial "the name of a folder holds a line end"; return ;; esac
    for module in "$2"/[A-Za-z0-9_]* "$2"/@*/*; do
        case ${module#"$2"/} in *[!A-Za-z0-9._~@/-]*) continue ;; esac
        [ -d "$module" ] || continue
        found=1
        printf 'module\t%s\t%s\n' "$1" "$module"
        case $module in
            /usr/*)
                if [ -f "$module/package.json" ] && [ ! -L "$module" ] && [ ! -L "$module/package.json" ]; then
                    files=$files$tab$module/package.json
                fi ;;
        esac
    done
}
for dir in /usr/local/lib/node_modules /usr/lib/node_modules /usr/lib64/node_modules \
    /usr/local/share/.config/yarn/global/node_modules /usr/local/nvm/versions/node/*/lib/node_modules \
    /opt/*/lib/node_modules /opt/*/node_modules; do
    modules_in '' "$dir"
done
users_modules() {
    for dir in "$home"/.npm-global/lib/node_modules "$home"/.npm-packages/lib/node_modules \
        "$home"/.local/lib/node_modules "$home"/.nvm/versions/node/*/lib/node_modules "$home"/n/lib/node_modules \
        "$home"/.config/yarn/global/node_modules "$home"/.local/share/pnpm/global/*/node_modules \
        "$home"/.volta/tools/image/packages/*/lib/node_modules; do
        modules_in "$owner" "$dir"
    done
}
find_homes
in_homes users_modules
[ -z "$files" ] || scan_listed "$files"
[ -n "$found$left" ] || absent "there is no package that npm, yarn or pnpm installed for users"
"""
# Packages name their version in a line of its own, as npm writes them; the first is the package's.
_AWK = r"""
function software_npm(    at, line, version) {
    for (at = 2; at <= paths; at++) {
        version = ""
        while (version == "" && (getline line < path[at]) > 0)
            if (match(line, /^[ \t{]*"version"[ \t]*:[ \t]*"[^"]*"/)) {
                version = substr(line, RSTART, RLENGTH - 1)
                sub(/^.*"/, "", version)
            }
        close(path[at])
        gsub(/[^ -~]/, "", version)
        put("version\t" substr(path[at], 1, length(path[at]) - 13) "\t" version)
    }
}
"""


def _parse(text: str) -> Parsed:
    """Read one package for each folder, with the version that its own file says."""
    lines = text.split("\n")
    named = {line.rpartition("\t")[2] for line in lines if line.startswith("module\t")}
    versions: dict[str, str] = {}
    for line in lines:
        kind, _, rest = line.partition("\t")
        path, _, version = rest.partition("\t")
        if kind == "version" and path in named:
            versions.setdefault(path, version)
    met: set[str] = set()

    def read(line: str) -> Software | None:
        kind, _separator, rest = line.partition("\t")
        if kind == "version":
            path, _version = fields(rest, 2)
            if path not in named or path in met:
                message = "said of no package, or twice of one"
                raise ValueError(message)
            met.add(path)
            return None  # it stands with its package
        user, path = fields(rest, 2)
        _prefix, separator, name = path.rpartition("/node_modules/")
        if kind != "module" or not separator or not name:
            message = "no folder of a package"
            raise ValueError(message)
        return Software(
            name=name,
            version=versions.get(path, ""),
            source="software.npm",
            scope=Scope.USER if user else Scope.SYSTEM,
            user=user or None,
            location=path,
        )

    return parse_lines(text, read)


PLUGIN = Collector(
    id="software.npm",
    facts=(Software,),
    scripts={OsFamily.LINUX: _LINUX},
    shared=(HOMES,),
    awk=_AWK,
    parse=with_limits(_parse),
    proof={OsFamily.LINUX: Proof.LAB},
    advice="Run the audit as root: users install packages into their home folders.",
    holds_secrets=False,
    apart=True,
)
