"""Named values out of an engine's JSON files: what is not named (environment, arguments, labels) stays on the host."""

import json

from auditor.model.record import Record

LEAVES = r"""
# json_leaves WANTED FILE...: a line for each value below one of the wanted keys: file, keys and value, parted by tabs.
# Keys of WANTED are parted by a dot, and its paths by a comma; an element of a list is *, and has its number for a key.
# Where STATES is set, and a file says of its container that it has a process, it is asked whether the process is the
# container's: its control group has its identifier.
json_program='
function broken(why) {
    print file "\t!" why
    return 0
}
function wants(keys,    at) {
    for (at = 1; at <= paths; at++) if (index(keys "\t", wish[at] "\t") == 1) return 1
    return 0
}
function place(above, element) {
    if (!depth) return ""
    return above (depth > 1 ? "\t" : "") (kind[depth] == "{" ? key[depth] : element)
}
function leaf(token,    keys) {
    # What is null is not there.
    if (token == "null" || !wants(place(form[depth], "*"))) return
    keys = place(base[depth], count[depth])
    print file "\t" keys "\t" token
    if (keys == "State\tPid") pid = token
    if (keys == "ID") id = substr(token, 2, length(token) - 2)
}
function close_of(text, stop,    piece) {
    while ((piece = substr(text, stop, 512)) != "") {
        if (!match(piece, /["\\]/)) stop += length(piece)
        else if (substr(piece, RSTART, 1) == "\\") stop += RSTART + 1
        else return stop + RSTART - 1
    }
    return 0
}
function walk(text,    at, size, sign, stop, token) {
    size = length(text)
    depth = 0
    at = 1
    while (at <= size) {
        sign = substr(text, at, 1)
        if (sign == "{" || sign == "[") {
            if (depth == 32) return broken("it is nested too deeply")
            token = place(base[depth], count[depth])
            stop = place(form[depth], "*")
            depth++
            base[depth] = token
            form[depth] = stop
            kind[depth] = sign
            count[depth] = 0
            named[depth] = 0
            at++
        } else if (sign == "}" || sign == "]") {
            if (!depth || kind[depth] != (sign == "}" ? "{" : "[")) return broken("it is not JSON")
            depth--
            at++
        } else if (sign == ",") {
            if (!depth) return broken("it is not JSON")
            count[depth]++
            named[depth] = 0
            at++
        } else if (sign == ":") {
            if (!depth) return broken("it is not JSON")
            named[depth] = 1
            at++
        } else if (sign == "\"") {
            stop = close_of(text, at + 1)
            if (!stop) return broken("it ends in the middle")
            token = substr(text, at, stop - at + 1)
            gsub(/[\001-\037]/, "?", token)
            at = stop + 1
            if (depth && kind[depth] == "{" && !named[depth]) key[depth] = substr(token, 2, length(token) - 2)
            else leaf(token)
        } else if (sign == " " || sign == "\n" || sign == "\t" || sign == "\r") {
            at++
        } else if (match(substr(text, at, 64), /^[-+.0-9A-Za-z]+/)) {
            token = substr(text, at, RLENGTH)
            at += RLENGTH
            leaf(token)
        } else return broken("it is not JSON")
    }
    return depth ? broken("it ends in the middle") : 1
}
function read_file(    line, text, got) {
    text = pid = id = ""
    while ((got = (getline line < file)) > 0) {
        text = text line "\n"
        if (length(text) > 1000000) break
    }
    close(file)
    if (got > 0) broken("it is longer than 1 MB")
    else if (text != "") walk(text)
    if (pid ~ /^[1-9][0-9]*$/ && id != "") {
        of[pid] = of[pid] " " id
        groups = groups " /proc/" pid "/cgroup"
    }
}
BEGIN {
    paths = split(wanted, wish, ",")
    for (at = 1; at <= paths; at++) gsub(/\./, "\t", wish[at])
    for (at = 1; at < ARGC; at++) {
        file = ARGV[at]
        read_file()
    }
    if (states == "" || groups == "") exit 0
    command = "grep -Hs \"\"" groups
    while ((command | getline line) > 0) {
        split(line, part, "/")
        ids = split(of[part[3]], id_of, " ")
        for (at = 1; at <= ids; at++) if (index(line, id_of[at]) && !((part[3], id_of[at]) in told)) {
            told[part[3], id_of[at]]
            print "lives\t" part[3] "\t" id_of[at]
        }
    }
}
'
json_leaves() {
    wanted=$1
    shift
    awk -v wanted="$wanted" -v states="${states-}" "$json_program" "$@"
}
"""
"""Shared: ``json_leaves``, and ``json_program`` for a shell with the rights of an account."""


ACCOUNTS = r"""
# Whether there are sessions of others that this account cannot look into.
sessions_hidden() {
    for place in /run/user/*; do
        if [ -d "$place" ] && [ ! -x "$place" ]; then return 0; fi
    done
    return 1
}
"""
"""Shared: ``sessions_hidden``, for engines that accounts run on their own."""


class Leaf(Record, kw_only=True):
    """A value of a file."""

    line: int
    """Line of the section's text."""
    file: str
    """The file's path."""
    keys: tuple[str, ...]
    """Keys that lead to it; an element of a list has its number for a key."""
    value: str | int | float | bool
    """The value."""


def read_leaf(number: int, line: str) -> Leaf:
    """Read a line of ``json_leaves``; ValueError says what it is instead."""
    file, *keys, token = line.split("\t")
    if token.startswith("!"):
        raise ValueError(token[1:] or "not a value")
    if not file.startswith("/") or not keys:
        message = "not a value of a file"
        raise ValueError(message)
    value = json.loads(token)
    if value is None or isinstance(value, list | dict):
        message = "not a single value"
        raise ValueError(message)
    return Leaf(line=number, file=file, keys=tuple(keys), value=value)
