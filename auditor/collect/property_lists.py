r"""Property lists of macOS: named keys of one, a row each, and the reader of such rows.

``plutil`` makes XML of every form (plutil(1)), in which ``<`` and ``&`` of a text are escaped; awk then takes it a tag
at a time, so that how the lines are broken means nothing. Only what is named leaves the host: a list may hold secrets.
"""

from auditor.collect.collector import number_of

PLIST_ROWS = r"""
# plist_rows NAMED [JOINED]: what a property list in XML on standard input holds under paths that the expression NAMED
# takes, a row each: plist, kind, value, then the keys and numbers that lead there; a path is these behind slashes.
# "plist end" says that the list came to its end. A line end or tab of a text is a number, as other signs of XML are.
# Texts of an array whose path the expression JOINED takes are one row of kind "words": those that hold a blank or a
# quote stand in quotes, and no sign is written otherwise: rules of redaction read a line as a command has it.
# plist_awk is for a shell of another account.
# shellcheck disable=SC2016 # for awk
plist_awk='
function plain(text) {
    gsub(/\n/, "\\&#10;", text)
    gsub(/\t/, "\\&#9;", text)
    gsub(/\r/, "\\&#13;", text)
    return length(text) > 4000 ? substr(text, 1, 4000) "..." : text
}
function step() { return kind[depth] == "array" ? count[depth]++ : key[depth] }
function path_to(last,    at, path) {
    for (at = 1; at <= last; at++) path = path "/" part[at]
    return path
}
function row(what, text, last,    at, made) {
    made = "plist\t" what "\t" plain(text)
    for (at = 1; at <= last; at++) made = made "\t" plain(part[at])
    print made
}
function value(what, text) {
    if (!depth) return
    part[depth] = step()
    if (joined != "" && kind[depth] == "array" && path_to(depth - 1) ~ joined) {
        gsub(/&lt;/, "<", text); gsub(/&gt;/, ">", text); gsub(/&quot;/, "\"", text); gsub(/&apos;/, "\047", text)
        gsub(/&amp;/, "\\&", text)
        if (text == "" || text ~ /[ "\047]/) text = "\"" text "\""
        words = words (words == "" ? "" : " ") text
    }
    else if (path_to(depth) ~ named) row(what, text, depth)
}
function take(tag, text) {
    if (tag == "dict" || tag == "array") {
        if (depth) part[depth] = step()
        kind[++depth] = tag
        count[depth] = 0
        key[depth] = ""
    }
    else if (tag == "/dict" || tag == "/array") {
        if (words != "") row("words", words, depth - 1)
        words = ""
        if (depth > 0 && --depth == 0) ended = 1
    }
    else if (tag == "/key") key[depth] = text
    else if (tag ~ /^\/(string|integer|real|date|data)$/) value(substr(tag, 2), tag == "/data" ? "" : text)
    else if (tag ~ /^(true|false)\/$/) value("boolean", substr(tag, 1, length(tag) - 1))
    else if (tag ~ /^(string|data)\/$/) value(substr(tag, 1, length(tag) - 1), "")
    else if (tag == "dict/" || tag == "array/") { if (depth) step(); else ended = 1 }
    is_data = tag == "data"
}
is_data && !index($0, "<") { next }
{
    held = held $0
    while ((at = index(held, "<")) > 0) {
        rest = substr(held, at + 1)
        end = index(rest, ">")
        if (!end) break
        take(substr(rest, 1, end - 1), substr(held, 1, at - 1))
        held = substr(rest, end + 1)
    }
    if (length(held) < 100000) held = held "\n"
    else held = "..."
}
END { if (ended && !depth) print "plist\tend" }
'
plist_rows() { awk -v named="$1" -v joined="${2-}" "$plist_awk"; }
"""
"""Shared by sections that read property lists: ``plist_rows NAMED``, behind ``plutil -convert xml1 -o - FILE``."""

END = "plist\tend"
"""The row behind the last of a list that was read to its end."""
MARK = "plist\t"
"""What every row of a list begins with."""

_KINDS = frozenset({"string", "integer", "real", "date", "data", "boolean", "words"})
_FIXED = 4
_SIGNS = {"lt": "<", "gt": ">", "amp": "&", "quot": '"', "apos": "'"}
_LAST_SIGN, _LONGEST = 0x10FFFF, 8


def plist_row(line: str) -> tuple[str, tuple[str, ...]]:
    """Read a row that is not the last: the value as text, and the keys and numbers that lead there."""
    mark, *rest = line.split("\t")
    if mark != MARK[:-1] or len(rest) < _FIXED - 1 or rest[0] not in _KINDS:
        message = "not a row of a property list"
        raise ValueError(message)
    value = rest[1] if rest[0] == "words" else _plain(rest[1])
    return value, tuple(_plain(part) for part in rest[2:])


def _plain(text: str) -> str:
    """Put signs in place of what XML and the probe write for them; a line end stays written out."""
    first, *rest = text.split("&")
    said = [first]
    for piece in rest:
        name, semicolon, after = piece.partition(";")
        sign = _sign(name) if semicolon else None
        said.append(f"&{piece}" if sign is None else f"{sign}{after}")
    return "".join(said)


def _sign(name: str) -> str | None:
    if name in _SIGNS:
        return _SIGNS[name]
    if not name.startswith("#") or len(name) > _LONGEST:
        return None
    try:
        number = int(f"0{name[1:]}", 16) if name[1:2] == "x" else number_of(name[1:], "sign")
    except ValueError:
        return None
    if not 0 < number <= _LAST_SIGN:
        return None
    sign = chr(number)
    return {"\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(sign, sign if sign.isprintable() else None)
