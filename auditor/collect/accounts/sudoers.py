"""Who may run what as whom through sudo: ``/etc/sudoers`` and every file that it includes."""

from auditor.collect.accounts.sources import NSSWITCH
from auditor.collect.accounts.sudoers_listing import parse_sudoers
from auditor.collect.collector import Collector
from auditor.model.evidence import Proof
from auditor.model.facts.accounts import SudoRule
from auditor.model.host import OsFamily

# The probe's awk puts each line after its file's name and its number, so that nothing inside of a file can pass for
# another file; comments stay behind, unless they are an include or begin with a user number. It follows the includes
# sudo's own way: no name with a dot or a tilde at its end in a folder, %h is the host's name, 128 files at most.
# `file` and `folder` lines say what was followed. awk cannot list a folder, so the shell lists the usual one for it.
_QUICK = r"""
tell_sources "$sudoers_sources"
main=
for file in /etc/sudoers /usr/etc/sudoers /usr/local/etc/sudoers; do
    if [ -e "$file" ]; then main=$file; break; fi
done
if [ -z "$main" ]; then
    have sudo && { failed "sudo is installed, but no sudoers file was found"; return; }
    absent "neither sudo nor a sudoers file is installed"
    return
fi
[ -r "$main" ] || { denied "only root may read $main"; return; }
set --
for file in "$main.d"/*; do
    if [ -f "$file" ]; then set -- "$@" "$file"; fi
done
scan "${hostname%%.*}" "$main" "$@"
"""
# macOS comes with sudo, which asks no name service for its rules there.
_MACOS = r"""
[ -e /etc/sudoers ] || { failed "/etc/sudoers is not there"; return; }
[ -r /etc/sudoers ] || { denied "only root may read /etc/sudoers"; return; }
set --
for file in /etc/sudoers.d/*; do
    if [ -f "$file" ]; then set -- "$@" "$file"; fi
done
scan "${hostname%%.*}" /etc/sudoers "$@"
"""
_AWK = r"""
function accounts_sudoers(    at, listed) {
    for (at = 4; at <= paths; at++) listed = listed "\n" path[at]
    sudoers_text = ""
    sudoers_files = sudoers_last = 0
    sudoers_wait[++sudoers_last] = path[3]
    for (at = 1; at <= sudoers_last; at++) accounts_sudoers_file(sudoers_wait[at], listed)
    put("lines")
    listed = split(sudoers_text, sudoers_lines, "\n")
    for (at = 1; at < listed; at++) put(sudoers_lines[at])
}
function accounts_sudoers_file(file, listed,    line, got, at, words) {
    if (file in sudoers_seen) return
    if (sudoers_files == 128) { print "@outcome partial more than 128 files are included"; sudoers_last = 0; return }
    sudoers_seen[file] = 1
    got = (getline line < file)
    if (got < 0) { print "@outcome partial " file " cannot be read"; return }
    sudoers_files++
    put("file " file)
    for (at = 1; got > 0; at++) {
        if (line ~ /^[ \t]*[^# \t]/ || line ~ /^[ \t]*#[0-9i]/) {
            sudoers_text = sudoers_text file ":" at ":" line "\n"
            words = split(line, sudoers_words, " ")
            if (words > 1 && sudoers_words[1] ~ /^[@#]include(dir)?$/)
                accounts_sudoers_follow(file, sudoers_words[1], sudoers_words[2], listed)
        }
        got = (getline line < file)
    }
    close(file)
}
function accounts_sudoers_follow(from, word, name, listed,    at, count, command) {
    sub(/^"/, "", name)
    sub(/"$/, "", name)
    at = index(name, "%h")
    if (at) name = substr(name, 1, at - 1) path[2] substr(name, at + 2)
    if (name !~ /^\//) { sub(/[^\/]*$/, "", from); name = from name }
    if (word !~ /dir$/) { sudoers_wait[++sudoers_last] = name; return }
    put("folder " name)
    if (name == path[3] ".d") {
        count = split(listed, sudoers_words, "\n")
        for (at = 2; at <= count; at++) accounts_sudoers_wait(sudoers_words[at])
        return
    }
    command = name
    gsub(/\047/, "\047\\\047\047", command)
    command = "for f in \047" command "\047/*; do [ ! -f \"$f\" ] || printf \"%s\\n\" \"$f\"; done"
    while ((command | getline name) > 0) accounts_sudoers_wait(name)
    close(command)
}
function accounts_sudoers_wait(file) {
    if (file !~ /\/[^\/]*\.[^\/]*$/ && file !~ /~$/) sudoers_wait[++sudoers_last] = file
}
"""

PLUGIN = Collector(
    id="accounts.sudoers",
    facts=(SudoRule,),
    quick={OsFamily.LINUX: _QUICK, OsFamily.MACOS: _MACOS},
    awk=_AWK,
    shared=(NSSWITCH,),
    parse=parse_sudoers,
    proof={OsFamily.LINUX: Proof.LAB},
    advice="Run the audit as root or with sudo: only root may read the sudoers files.",
    holds_secrets=False,
)
