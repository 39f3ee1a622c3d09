r"""The question for settings of products in POSIX sh and awk, made of the table of ``product_files.py``."""

import re
from collections.abc import Iterator

from auditor.collect.remote_config.product_awk import READER
from auditor.collect.remote_config.product_files import FILES, places
from auditor.collect.remote_config.product_form import Grammar
from auditor.model.host import OsFamily

_HOME = "~/"
_WIDTH = 100
_PLAIN = re.compile(r"[^a-z0-9_/-]")
_TOP = frozenset(("", "/etc", "/opt", "/usr", "/usr/local", "/var", "/var/lib", "/Library", "/Applications"))
"""Folders that nobody closes."""

# Whatever stands in place of a file is told too: it is handed to awk as of the form 0, which has it said.
_TAKE = r"""case $file in =*) products_form=${file#=}; continue ;; esac
    [ -e "$file" ] || [ -L "$file" ] || continue
    [ $# -lt 400 ] || { @MANY@; break; }
    if [ -f "$file" ]; then @FILE@
    else set -- "$@" 0 "$file"; fi"""


def pattern(names: tuple[str, ...]) -> str:
    """Return the expression that takes these names of keys, in lower case, and no other."""
    if not names:
        return "^$"
    parts = (_PLAIN.sub(r"[\g<0>]", name.lower()).replace("[*]", ".*") for name in names)
    return f"^({'|'.join(parts)})$"


def _table() -> str:
    """Write the table for awk."""
    lines = []
    for number, one in enumerate(FILES, 1):
        if one.grammar is Grammar.PLIST:
            continue
        row = f'product[{number}] = "{one.product}"; how[{number}] = "{one.grammar}"'
        if one.grammar is Grammar.NAME:
            row += f'; only[{number}] = "{one.told[0]}"'
        lines += [row, f'told[{number}] = "{pattern(one.told)}"', f'secret[{number}] = "{pattern(one.secret)}"']
        lines += [f'worded[{number}] = "{pattern(one.worded)}"']
    return "\n".join(f"    {line}" for line in lines)


def word(path: str) -> str:
    """Return a path as a word of sh, in which ``*`` alone means more than itself."""
    parts = (f'"{part}"' if re.search(r"[^A-Za-z0-9_./-]", part) else part for part in path.split("*"))
    return "*".join(parts)


def _words(os: OsFamily, *, in_homes: bool) -> str:
    """Return the words of a loop: the form of the files that follow, and where these may be."""
    words: list[str] = []
    for number, one in enumerate(FILES, 1):
        if one.grammar is Grammar.PLIST:
            continue
        paths = [path for path in places(one, os) if path.startswith(_HOME) == in_homes]
        words += [f"={number}", *(word(path.removeprefix(_HOME)) for path in paths)] if paths else []
    return _wrapped(words)


def _wrapped(words: list[str]) -> str:
    lines: list[str] = [""]
    for one in words:
        if lines[-1] and len(lines[-1]) + len(one) > _WIDTH:
            lines.append("")
        lines[-1] += f" {one}"
    return " \\\n       ".join(line.strip() for line in lines)


def _roots(os: OsFamily) -> str:
    """Return what of a home is looked for before anybody looks into it: the folders of its files, or a file itself."""
    names: dict[str, None] = {}
    for one in FILES:
        for path in places(one, os):
            if path.startswith(_HOME):
                rest = path.removeprefix(_HOME)
                names[word(rest.rpartition("/")[0] or rest)] = None
    return _wrapped(list(names))


def _folders(os: OsFamily) -> str:
    """Return the folders on the way to the files of a system, which an account may find closed."""
    return _wrapped([word(folder) for folder in dict.fromkeys(_ways(os))])


def _ways(os: OsFamily) -> Iterator[str]:
    for one in FILES:
        for path in places(one, os):
            parts = path.split("/")[:-1]
            for count in range(2, len(parts) + 1):
                folder = "/".join(parts[:count])
                if not path.startswith(_HOME) and folder not in _TOP:
                    yield folder


def _lists() -> str:
    """Write the reading of property lists, each in its turn."""
    found = []
    for one in FILES:
        if one.grammar is not Grammar.PLIST:
            continue
        named = "|".join((*one.told, *one.secret))
        secret = "|".join(one.secret)
        found += [f"products_list {word(path)} {one.product} '^/({named})$' '^({secret})$'" for path in one.macos]
    return "\n    ".join(found)


_LOOP = r"""for file in @WORDS@; do
    @TAKE@
done"""


def _loop(os: OsFamily, *, in_homes: bool) -> str:
    file = 'set -- "$@" "$products_form" "$file"'
    many = r'printf "many\t%s\n" "$file"'
    if not in_homes:
        file = f'if [ -r "$file" ]; then {file}\n        else products_system=1; partial "$file cannot be read"; fi'
    take = _TAKE.replace("@FILE@", file).replace("@MANY@", many)
    return _LOOP.replace("@WORDS@", _words(os, in_homes=in_homes)).replace("@TAKE@", take)


def _indented(text: str) -> str:
    return text.replace("\n", "\n    ")


_REST = r"""
# shellcheck disable=SC2016 # for a shell of the account
products_home='
    reader=$1 kernel=$2
    shift 2
    if [ "$kernel" = Linux ]; then
    for file in @LINUX_ROOTS@; do
        [ ! -d "$file" ] || { [ -r "$file" ] && [ -x "$file" ]; } || printf "shut\t%s\n" "$file"
    done
    @LINUX_HOME@
    else
    for file in @MACOS_ROOTS@; do
        [ ! -d "$file" ] || { [ -r "$file" ] && [ -x "$file" ]; } || printf "shut\t%s\n" "$file"
    done
    @MACOS_HOME@
    fi
    [ $# != 0 ] || exit 0
    printf "files\t%s\n" "$(($# / 2))"
    exec awk "$reader" "$@"
'
products_system=''
# A secret's value never leaves this pipe.
products_list() {
    [ -e "$1" ] || return 0
    products_system=1
    if [ ! -r "$1" ]; then partial "$1 cannot be read"; return; fi
    need plutil awk
    printf 'list\t%s\t%s\n' "$1" "$2"
    plutil -convert xml1 -o - "$1" 2>/dev/null | plist_rows "$3" | awk -F '\t' -v OFS='\t' -v secret="$4" '
        $1 == "plist" && $2 != "end" {
            path = $4
            for (at = 5; at <= NF; at++) path = path "/" $at
            if (path ~ secret) $3 = "(set)"
        }
        { print }'
}
set --
if [ "$kernel" = Linux ]; then
    @LINUX@
    products_folders() { for folder in @LINUX_FOLDERS@; do products_folder; done; }
    products_look() {
        home_has "$4" @LINUX_ROOTS@ || return 0
        need awk
        read_as "$@" "$products_home" "$products_awk" "$kernel"
    }
else
    @MACOS@
    products_folders() { for folder in @MACOS_FOLDERS@; do products_folder; done; }
    products_look() {
        home_has "$4" @MACOS_ROOTS@ || return 0
        need awk
        read_as "$@" "$products_home" "$products_awk" "$kernel"
    }
    @LISTS@
fi
products_folder() {
    [ -d "$folder" ] || return 0
    if [ ! -x "$folder" ]; then products_system=1; partial "$folder cannot be entered"
    elif [ ! -r "$folder" ]; then products_system=1; partial "what is in $folder cannot be listed"; fi
}
[ "$uid" = 0 ] || products_folders
if [ $# != 0 ]; then
    products_system=1
    need awk
    printf 'files\t%s\n' "$(($# / 2))"
    awk "$products_awk" "$@" || partial 'the files of the system could not be read'
fi
each_home products_look
[ -n "$products_system$home_read$left" ] || absent 'there is no file of settings of a product that is known'
printf 'asked\n'
"""


def _script() -> str:
    text = READER.replace("@TABLE@", _table()) + _REST
    for name, os in (("LINUX", OsFamily.LINUX), ("MACOS", OsFamily.MACOS)):
        text = (
            text.replace(f"@{name}_HOME@", _indented(_loop(os, in_homes=True)))
            .replace(f"@{name}@", _indented(_loop(os, in_homes=False)))
            .replace(f"@{name}_FOLDERS@", _folders(os))
            .replace(f"@{name}_ROOTS@", _roots(os))
        )
    return text.replace("@LISTS@", _lists())


POSIX = _script()
"""What a Linux host or a Mac is asked."""
