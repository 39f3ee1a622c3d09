"""Applications installed by Flatpak: for all users, in installations of the administrator's, and for single users."""

from auditor.collect.collector import Collector, fields, parse_lines
from auditor.collect.homes import HOMES, with_limits
from auditor.model.evidence import Proof
from auditor.model.facts.software import Scope, Software
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed

# app/ID/ARCH/BRANCH/active is a link to what is deployed (flatpak-installation(5)). In there flatpak itself
# writes `deploy`, which begins with the name of the remote and holds the version that the application's metadata says.
# In home folders the names of folders are all that is looked at. What has other characters than an application may
# have in its id is no folder of flatpak's.
_LINUX = r"""
found='' files=''
flatpaks() {
    for app in "$2"/app/*/*/*; do
        case ${app#"$2"/app/} in *[!A-Za-z0-9_./-]*) continue ;; esac
        [ -L "$app/active" ] || continue
        found=1
        printf 'app\t%s\t%s\n' "$1" "$app"
        if [ -z "$1" ] && [ -f "$app/active/deploy" ] && [ ! -L "$app/active/deploy" ]; then
            files=$files$tab$app/active/deploy
        fi
    done
}
flatpaks '' /var/lib/flatpak
for file in /etc/flatpak/installations.d/*.conf; do
    [ -f "$file" ] || continue
    while IFS='=' read -r key value; do
        [ "$key" = Path ] || continue
        if is_far "$value"; then partial "the installation in $value is on a network file system"
        else flatpaks '' "$value"; fi
    done <"$file"
done
users_flatpaks() { flatpaks "$owner" "$home/.local/share/flatpak"; }
find_homes
in_homes users_flatpaks
[ -z "$files" ] || scan_listed "$files"
[ -n "$found$left" ] || absent "no application of flatpak is in /var/lib/flatpak, another installation or a home folder"
"""
# The file is binary: texts with NULs and lengths between them. An awk may end a line at a NUL.
_AWK = r"""
function software_flatpak(    at, line, text) {
    for (at = 2; at <= paths; at++) {
        text = ""
        while ((getline line < path[at]) > 0) if (length(text) < 8192) text = text "|" line
        close(path[at])
        gsub(/[^ -~]+/, "|", text)
        gsub(/[|]+/, "|", text)
        put("deploy\t" substr(path[at], 1, length(path[at]) - 14) "\t" substr(text, 2))
    }
}
"""
_VERSION = "appdata-version"


def _parse(text: str) -> Parsed:
    """Read one application for each branch that is deployed, with what its deployment says where that was read."""
    lines = text.split("\n")
    named = {line.rpartition("\t")[2] for line in lines if line.startswith("app\t")}
    deployed: dict[str, tuple[str, str]] = {}
    for line in lines:
        kind, _, rest = line.partition("\t")
        path, _, said = rest.partition("\t")
        if kind == "deploy" and path in named:
            deployed.setdefault(path, _said(said))
    met: set[str] = set()

    def read(line: str) -> Software | None:
        kind, _separator, rest = line.partition("\t")
        if kind == "deploy":
            path, _said_there = fields(rest, 2)
            if path not in named or path in met:
                message = "said of no application, or twice of one"
                raise ValueError(message)
            met.add(path)
            return None  # it stands with its application
        if kind != "app":
            message = f"unknown kind {kind[:20]!r}"
            raise ValueError(message)
        user, path = fields(rest, 2)
        name, architecture, branch = _parts(path)
        origin, version = deployed.get(path, ("", ""))
        return Software(
            name=name,
            version=version,
            architecture=architecture,
            source="software.flatpak",
            scope=Scope.USER if user else Scope.SYSTEM,
            user=user or None,
            identifier=f"app/{name}/{architecture}/{branch}",
            location=path,
            origin=origin or None,
        )

    return parse_lines(text, read)


def _parts(path: str) -> tuple[str, str, str]:
    _, separator, names = path.rpartition("/app/")
    name, architecture, branch = fields(names, 3, "/")
    if not separator or not name or not architecture or not branch:
        message = "no path of an application: .../app/ID/ARCH/BRANCH"
        raise ValueError(message)
    return name, architecture, branch


def _said(text: str) -> tuple[str, str]:
    """Return the remote, which comes first, and the version, which follows its key."""
    words = text.split("|")
    version = words[words.index(_VERSION) + 1] if _VERSION in words[:-1] else ""
    return words[0], version


PLUGIN = Collector(
    id="software.flatpak",
    facts=(Software,),
    scripts={OsFamily.LINUX: _LINUX},
    shared=(HOMES,),
    awk=_AWK,
    parse=with_limits(_parse),
    proof={OsFamily.LINUX: Proof.LAB},
    advice="Run the audit as root: users install applications into their home folders.",
    holds_secrets=False,
    apart=True,
)
