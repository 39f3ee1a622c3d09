"""What Homebrew has installed on a Mac: formulae and casks, by their folders (docs.brew.sh, *Formula Cookbook*).

``Cellar/<formula>/<version>`` and ``Caskroom/<cask>/<version>`` under ``/opt/homebrew`` (Apple silicon) or
``/usr/local`` (Intel). brew itself is not asked: it refuses to run as root, and would run code of the prefix's owner.
"""

from auditor.collect.collector import Collector, fields, parse_lines
from auditor.model.facts.software import Software
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed

_QUICK = r"""
brew_there=
for prefix in /opt/homebrew /usr/local; do
    for kind in Cellar Caskroom; do
        [ -d "$prefix/$kind" ] || continue
        brew_there=1
        [ -r "$prefix/$kind" ] && [ -x "$prefix/$kind" ] || { partial "$prefix/$kind cannot be listed"; continue; }
        for folder in "$prefix/$kind"/*; do
            [ -d "$folder" ] || continue
            [ -r "$folder" ] && [ -x "$folder" ] || { partial "a folder in $prefix/$kind cannot be listed"; continue; }
            for file in "$folder"/*; do
                [ -d "$file" ] || continue
                case $file in
                    *"$tab"* | *"$newline"*) partial "a folder in $prefix/$kind has a line end or a tab in its name" ;;
                    *) printf '%s\t%s\n' "$kind" "$file" ;;
                esac
            done
        done
    done
done
[ -n "$brew_there" ] || { absent "neither /opt/homebrew nor /usr/local has a Cellar or a Caskroom"; return; }
"""
_PARTS = 2


def _read(line: str) -> Software:
    """Read ``Cellar``, then the folder of a version."""
    kind, path = fields(line, 2)
    parts = path.split(f"/{kind}/", 1)[-1].split("/")
    if kind not in ("Cellar", "Caskroom") or len(parts) != _PARTS or not path.startswith("/"):
        message = "not the folder of a version"
        raise ValueError(message)
    return Software(name=parts[0], version=parts[1], source="software.homebrew", location=path)


def _parse(text: str) -> Parsed:
    return parse_lines(text, _read)


PLUGIN = Collector(
    id="software.homebrew",
    facts=(Software,),
    quick={OsFamily.MACOS: _QUICK},
    parse=_parse,
    advice="Make the folders of Homebrew readable for everyone, as its installer leaves them.",
    holds_secrets=False,
)
