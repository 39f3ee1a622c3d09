r"""The reader of files of settings in awk: one function a grammar, in every awk that a host may have.

A line is never printed: only a key that the table names, with its value, or ``(set)`` for a secret. Signs that control
a terminal or part fields are blanks in what is told. What a function does not understand sets ``bad``: the file is
named as not written as it should be, and is no proof that a setting is lacking.
"""

_TOLD = r"""
products_awk='
function clean(text) {
    gsub(/[\001-\037\177]/, " ", text)
    sub(/^ +/, "", text)
    sub(/ +$/, "", text)
    return text
}
function closed(text) { return index(substr(text, 2), substr(text, 1, 1)) }
function bare(text,    mark, at) {
    text = clean(text)
    mark = substr(text, 1, 1)
    if (mark == "\"" || mark == "\047") {
        at = closed(text)
        if (at) return substr(text, 2, at - 1)
    }
    return text
}
function tell(key, value, number,    low) {
    low = tolower(key)
    if (low ~ secret[spec]) {
        if (value == "") return
        value = "(set)"
    }
    else if (low ~ worded[spec]) {
        if (value !~ /^[A-Za-z0-9_-]*$/) value = "(set)"
    }
    else if (low !~ told[spec]) return
    while (match(value, /:\/\/[^\/ ]*@/))
        value = substr(value, 1, RSTART - 1) ":\001" substr(value, RSTART + RLENGTH)
    gsub(/:\001/, "://", value)
    if (length(key) > 200 || length(value) > 500 || ++rows > 1000) cut = 1
    if (rows > 1000) return
    print "set\t\t" name "\t" number "\t" product[spec] "\t" substr(key, 1, 200) "\t" substr(value, 1, 500)
}
"""

# Lines of one key each.
_LINES = r"""
function equals(line, number,    at) {
    if (line ~ /^[#;]/) return
    at = index(line, "=")
    if (at || line ~ /^\[/) known = 1
    if (at && line !~ /^\[/) tell(clean(substr(line, 1, at - 1)), bare(substr(line, at + 1)), number)
}
function options(line, number,    at) {
    if (line ~ /^#/) return
    at = index(line, "=")
    if (at || line ~ /^[A-Za-z_-]+$/) known = 1
    if (at) tell(clean(substr(line, 1, at - 1)), bare(substr(line, at + 1)), number)
    else tell(line, "given", number)
}
function properties(line, number,    at, key) {
    if (going) { going = line ~ /\\$/; return }
    if (line ~ /^[#!]/) return
    at = match(line, /[=: ]/)
    if (!at) return
    known = 1
    key = substr(line, 1, at - 1)
    line = clean(substr(line, at))
    sub(/^[=:] */, "", line)
    going = line ~ /\\$/
    if (going || key ~ /\\/) bad = 1
    tell(key, line, number)
}
function colon(line, number,    at, key, value) {
    if (line ~ /^(#|---)/) return
    while (sub(/^- */, "", line)) known = 1
    if (line ~ /^[{\[]/) { bad = known = 1; return }
    at = index(line ":", ": ")
    if (!at && line ~ /:$/) at = length(line)
    if (!at) return
    known = 1
    key = bare(substr(line, 1, at - 1))
    value = clean(substr(line, at + 1))
    if (value ~ /^[{\[]./ && value !~ /^([{] *[}]|\[ *\])$/) bad = 1
    if (value !~ /^["\047]/) sub(/(^| )#.*/, "", value)
    tell(key, bare(value), number)
}
function blank(line, number,    at) {
    if (line ~ /^#/) return
    at = index(line, " ")
    if (!at) return
    known = 1
    tell(substr(line, 1, at - 1), bare(substr(line, at + 1)), number)
}
function typed(line, number,    at) {
    if (!match(line, /^\[[A-Za-z0-9 ]+\] */)) return
    line = substr(line, RLENGTH + 1)
    at = index(line, "=")
    if (!at) return
    known = 1
    tell(clean(substr(line, 1, at - 1)), bare(substr(line, at + 1)), number)
}
function parameters(line, number,    pairs, count, at, from) {
    sub(/^[^?]*[?]/, "", line)
    count = split(line, pairs, "&")
    for (at = 1; at <= count; at++) {
        from = index(pairs[at], "=")
        if (!from) continue
        known = 1
        tell(substr(pairs[at], 1, from - 1), clean(substr(pairs[at], from + 1)), number)
    }
}
"""

# Keys below sections. A list is skipped to its last bracket, as what stands in it looks like anything. A text of
# several lines does as well, and nothing says where an INI that only looks so goes on: there the reading ends.
_SECTIONS = r"""
function name_of(text) {
    gsub(/[ "\047]/, "", text)
    if (text ~ /\\/) bad = 1
    return text
}
function brackets(text,    count, sign, quote) {
    count = 0
    while (match(text, /["\047#]|\[|\]/)) {
        sign = substr(text, RSTART, 1)
        text = substr(text, RSTART + 1)
        if (sign == "#") return count
        if (sign == "[") count++
        else if (sign == "]") count--
        else {
            quote = (sign == "\"") ? match(text, /^([^"\\]|\\.)*"/) : match(text, /^[^\047]*\047/)
            if (!quote) return count
            text = substr(text, RLENGTH + 1)
        }
    }
    return count
}
function table(before, text, number,    key, value) {
    while (match(text, /^[{, ]*[A-Za-z0-9_."\047-]+ *= */)) {
        key = substr(text, 1, RLENGTH)
        text = substr(text, RLENGTH + 1)
        gsub(/[{,=]/, "", key)
        if (text ~ /^[{\[]/) { bad = 1; return }
        if (!match(text, /^"([^"\\]|\\.)*"/) && !match(text, /^\047[^\047]*\047/)) match(text, /^[^,}]*/)
        value = substr(text, 1, RLENGTH)
        text = substr(text, RLENGTH + 1)
        tell(before "." name_of(key), bare(value), number)
    }
    if (text !~ /^[, ]*[}]/) bad = 1
}
function sectioned(line, number,    at, key, value) {
    if (open > 0) { open += brackets(line); return }
    if (line ~ /^[#;]/) return
    if (line ~ /^\[/) {
        known = 1
        sub(/^\[+/, "", line)
        sub(/\].*/, "", line)
        section = name_of(line) "."
        return
    }
    at = index(line, "=")
    if (!at) return
    known = 1
    key = section name_of(substr(line, 1, at - 1))
    value = clean(substr(line, at + 1))
    if (value ~ /^(\042\042\042|\047\047\047)/) { bad = ended = 1; return }
    if (value ~ /^\[/) { open = brackets(value); return }
    if (value ~ /^[{]/) { table(key, value, number); return }
    if (value !~ /^["\047]/) sub(/(^| )[#;].*/, "", value)
    tell(key, bare(value), number)
}
"""

# YAML: what stands deeper than a list or a text of several lines belongs to it.
_INDENTS = r"""
function indented(line, number, indent,    at, key, value) {
    if (line ~ /^[#%]/ || (skip >= 0 && indent > skip)) return
    skip = -1
    if (line ~ /^(---|[.][.][.])/) { deep = 0; return }
    if (line ~ /^([{\[]|[?] )/) { bad = known = 1; return }
    if (line ~ /^-( |$)/) { skip = indent; return }
    at = index(line ":", ": ")
    if (!at && line ~ /:$/) at = length(line)
    if (!at) return
    known = 1
    key = name_of(substr(line, 1, at - 1))
    value = clean(substr(line, at + 1))
    while (deep && indent <= margin[deep]) deep--
    if (deep) key = trail[deep] "." key
    if (value !~ /^["\047]/) sub(/(^| )#.*/, "", value)
    if (value == "") {
        if (deep >= 50) { bad = ended = 1; return }
        margin[++deep] = indent
        trail[deep] = key
    }
    else if (value ~ /^[|>]/) {
        skip = indent
        if (tolower(key) ~ secret[spec]) tell(key, value, number)
        else if (tolower(key) ~ told[spec]) bad = 1
    }
    else if (value ~ /^[&*!@`]/ || (value ~ /^[{\[]/ && value !~ /^([{] *[}]|\[ *\])$/)) bad = 1
    else {
        if (value ~ /^["\047]/ && !closed(value)) { bad = 1; skip = indent }
        tell(key, bare(value), number)
    }
}
"""

_JSON = r"""
function scalar(text, number,    at, key) {
    if (depth && !lists && depth <= 10) {
        key = member[1]
        for (at = 2; at <= depth; at++) key = key "." member[at]
        tell(clean(key), clean(text), number)
    }
    want = depth ? "next" : "end"
}
function plain(text) {
    gsub(/\\\//, "/", text)
    gsub(/\\"/, "\"", text)
    gsub(/\\\\/, "\\", text)
    return text
}
function json(line, number,    sign, text) {
    while (line != "" && !bad) {
        sign = substr(line, 1, 1)
        if (sign == "\"") {
            if (!match(line, /^"([^"\\]|\\.)*"/)) { bad = 1; return }
            text = substr(line, 2, RLENGTH - 2)
            line = substr(line, RLENGTH + 1)
            if (want == "key") { member[depth] = text; want = "colon"; if (text ~ /\\u/) bad = 1 }
            else if (want == "value") scalar(plain(text), number)
            else bad = 1
            continue
        }
        if (sign ~ /[-+.0-9A-Za-z]/) {
            match(line, /^[-+.0-9A-Za-z]+/)
            text = substr(line, 1, RLENGTH)
            line = substr(line, RLENGTH + 1)
            if (want == "value") scalar(text == "null" ? "" : text, number)
            else bad = 1
            continue
        }
        line = substr(line, 2)
        if (sign == " ") sub(/^ +/, "", line)
        else if ((sign == "{" || sign == "[") && want == "value" && depth < 100) {
            kind[++depth] = sign
            if (sign == "[") lists++
            want = (sign == "{") ? "key" : "value"
            known = 1
        }
        else if ((sign == "}" && kind[depth] == "{") || (sign == "]" && kind[depth] == "[")) {
            if (want == "colon" || (sign == "}" && want == "value")) bad = 1
            if (sign == "]") lists--
            want = --depth ? "next" : "end"
        }
        else if (sign == "," && want == "next") want = (kind[depth] == "{") ? "key" : "value"
        else if (sign == ":" && want == "colon") want = "value"
        else bad = 1
    }
}
"""

# A tag at a time, however lines are broken. What a document says of its own form is refused: it can make one text of
# another.
_XML = r"""
function text_of(text) {
    if (text ~ /&#/) bad = 1
    gsub(/&lt;/, "<", text); gsub(/&gt;/, ">", text); gsub(/&quot;/, "\"", text); gsub(/&apos;/, "\047", text)
    gsub(/&amp;/, "\\&", text)
    return clean(text)
}
function tag(text, before, number,    ends, at, key) {
    if (text ~ /^[?]/) return
    if (text ~ /^!/) { bad = ended = 1; return }
    if (sub(/^\//, "", text)) {
        text = clean(text)
        if (!depth || element[depth] != text) { bad = ended = 1; return }
        if (leaf) tell(text, text_of(before), number)
        leaf = 0
        depth--
        return
    }
    ends = sub(/\/$/, "", text)
    if (!match(text, /^[A-Za-z_:][A-Za-z0-9_.:-]*/) || depth >= 100) { bad = ended = 1; return }
    known = 1
    element[++depth] = substr(text, 1, RLENGTH)
    text = substr(text, RLENGTH + 1)
    while (match(text, /^ *[A-Za-z_:][A-Za-z0-9_.:-]* *= *("[^"]*"|\047[^\047]*\047)/)) {
        key = substr(text, 1, RLENGTH)
        text = substr(text, RLENGTH + 1)
        at = index(key, "=")
        tell(element[depth] "." name_of(substr(key, 1, at - 1)), text_of(bare(substr(key, at + 1))), number)
    }
    if (clean(text) != "") { bad = ended = 1; return }
    leaf = !ends
    if (ends) depth--
}
function xml(line, number,    at, rest, end) {
    held = held " " line
    while (!ended && (at = index(held, "<")) > 0) {
        rest = substr(held, at + 1)
        if (substr(rest, 1, 3) == "!--") {
            end = index(substr(rest, 4), "-->")
            if (!end) break
            held = substr(held, 1, at - 1) substr(rest, end + 6)
            continue
        }
        end = index(rest, ">")
        if (!end) break
        tag(substr(rest, 1, end - 1), substr(held, 1, at - 1), number)
        held = substr(rest, end + 1)
    }
    if (length(held) > 40000) cut = ended = 1
}
"""

_FILES = r"""
function named(    text) {
    text = name
    sub(/.*\//, "", text)
    if (text !~ /[.]local[.]conf$/ && sub(/[.]conf$/, "", text)) tell(only[spec], text, "")
}
function take(line, number,    indent, form) {
    form = how[spec]
    if (form == "indented") {
        match(line, /^ */)
        indent = RLENGTH
        if (line ~ /^ *\t *[^ \t\r]/) bad = 1
    }
    line = clean(line)
    if (line == "") return
    filled = 1
    if (form == "equals") equals(line, number)
    else if (form == "sectioned") sectioned(line, number)
    else if (form == "options") options(line, number)
    else if (form == "properties") properties(line, number)
    else if (form == "colon") colon(line, number)
    else if (form == "indented") indented(line, number, indent)
    else if (form == "blank") blank(line, number)
    else if (form == "typed") typed(line, number)
    else if (form == "parameters") parameters(line, number)
    else if (form == "xml") xml(line, number)
    else json(line, number)
}
function settings(file,    line, number, got) {
    name = file
    gsub(/[\001-\037\177]/, "?", name)
    files++
    if (!spec) { print "odd\t" name; return }
    known = bad = cut = depth = rows = lists = deep = open = ended = going = leaf = filled = 0
    kind[0] = section = held = ""
    skip = -1
    want = "value"
    if (how[spec] == "name") { named(); return }
    while (!ended && (got = (getline line < file)) > 0) {
        if (++number > 3000) { cut = 1; break }
        if (number == 1) sub(/^\357\273\277/, "", line)
        if (length(line) > 20000) { line = substr(line, 1, 20000); cut = 1 }
        take(line, number)
    }
    close(file)
    if (got < 0) print "shut\t" name
    else if (cut) print "many\t" name
    else if (bad || (filled && !known) || depth || open) print "broken\t" name
    else print "whole\t\t" name "\t" product[spec]
}
BEGIN {
@TABLE@
    for (at = 1; at < ARGC; at += 2) {
        spec = ARGV[at] + 0
        settings(ARGV[at + 1])
    }
    print "read\t" (files + 0)
    exit
}'
"""

READER = (
    _TOLD
    + _LINES.lstrip()
    + _SECTIONS.lstrip()
    + _INDENTS.lstrip()
    + _JSON.lstrip()
    + _XML.lstrip()
    + (_FILES.lstrip())
)
"""Sets ``products_awk``, which takes pairs of a form's number and a file; ``@TABLE@`` stands for the table of forms."""
