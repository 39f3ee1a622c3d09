"""Who may install software or become root through polkit: its actions, its rules, and who counts as administrator.

Sources: polkit(8), pklocalauthority(8), pkexec(1), and the DTD of policy files.
"""

from auditor.collect.accounts.polkit_answers import parse_polkit
from auditor.collect.collector import Collector
from auditor.model.evidence import Proof
from auditor.model.facts.accounts import InstallerPolicy, PolkitGrant
from auditor.model.host import OsFamily

# Packages ship actions also where nobody answers for them, so the daemon is what counts; D-Bus starts it by its file.
# Releases before 0.106 read .pkla files, and no rules; later ones do so through pkla-check-authorization.
_QUICK = r"""
daemon=
for file in /usr/share/dbus-1/system-services/org.freedesktop.PolicyKit1.service /usr/lib/polkit-1/polkitd \
    /usr/libexec/polkitd /usr/libexec/polkit-1/polkitd /usr/lib/policykit-1/polkitd /usr/lib/polkitd; do
    if [ -e "$file" ]; then daemon=$file; break; fi
done
[ -n "$daemon" ] || { absent "there is no daemon of polkit"; return; }
set --
for folder in /etc/polkit-1/actions /run/polkit-1/actions /usr/local/share/polkit-1/actions \
    /usr/share/polkit-1/actions; do
    for file in "$folder"/*.policy; do
        if [ -f "$file" ]; then set -- "$@" "$file"; fi
    done
done
[ $# -gt 0 ] || { failed "polkit is installed, but not one of its actions was found"; return; }
rules=yes checker=
for file in /usr/sbin/pkla-check-authorization /usr/bin/pkla-check-authorization; do
    if [ -e "$file" ]; then checker=$file; fi
done
lookable() {
    if [ -d "$1" ] && { [ ! -r "$1" ] || [ ! -x "$1" ]; }; then
        partial "only root may list $1"
        return 1
    fi
    [ -d "$1" ]
}
if [ -d /etc/polkit-1/localauthority.conf.d ]; then
    if [ -z "$checker" ] && [ ! -e /usr/share/polkit-1/rules.d/50-default.rules ] &&
        [ ! -e /etc/polkit-1/rules.d/50-default.rules ]; then rules=; fi
    for folder in /etc/polkit-1/localauthority.conf.d /etc/polkit-1/localauthority /var/lib/polkit-1/localauthority; do
        lookable "$folder" || continue
        for file in "$folder"/*.conf "$folder"/*/*.pkla; do
            if [ -f "$file" ]; then set -- "$@" "$file"; fi
        done
    done
fi
if [ -n "$rules" ]; then
    for folder in /etc/polkit-1/rules.d /run/polkit-1/rules.d /usr/local/share/polkit-1/rules.d \
        /usr/share/polkit-1/rules.d; do
        lookable "$folder" || continue
        for file in "$folder"/*.rules; do
            if [ -f "$file" ]; then set -- "$@" "$file"; fi
        done
    done
fi
printf 'daemon\t%s\n' "$daemon"
if have pkexec; then printf 'pkexec\n'; fi
scan "$@"
"""
# A policy file is XML: a record is a tag. Of an action only what decides is kept; translations stay behind.
_AWK = r"""
function accounts_polkit(    at) {
    for (at = 2; at <= paths; at++) {
        if (path[at] ~ /\.policy$/) accounts_polkit_actions(path[at])
        else accounts_polkit_lines(path[at])
    }
}
function accounts_polkit_lines(file,    line, number, got) {
    put("file\t" file)
    while ((got = (getline line < file)) > 0) {
        number++
        if (line !~ /^[ \t]*$/) put(number "\t" line)
    }
    close(file)
    if (got < 0) print "@outcome partial " file " cannot be read"
}
function accounts_polkit_actions(file,    tag, got, hidden) {
    RS = "<"
    polkit_id = ""
    while ((got = (getline tag < file)) > 0) {
        if (substr(tag, 1, 3) == "!--") hidden = 1
        if (hidden) { if (index(tag, "-->")) hidden = 0; continue }
        if (tag ~ /^action[ \t\n]/) {
            polkit_id = accounts_polkit_quoted(tag, "id")
            polkit_any = polkit_inactive = polkit_active = polkit_program = ""
        }
        else if (tag ~ /^allow_any[ \t\n]*>/) polkit_any = accounts_polkit_text(tag)
        else if (tag ~ /^allow_inactive[ \t\n]*>/) polkit_inactive = accounts_polkit_text(tag)
        else if (tag ~ /^allow_active[ \t\n]*>/) polkit_active = accounts_polkit_text(tag)
        else if (tag ~ /^annotate[ \t\n]/) {
            if (accounts_polkit_quoted(tag, "key") == "org.freedesktop.policykit.exec.path")
                polkit_program = accounts_polkit_text(tag)
        }
        else if (tag ~ /^\/action[ \t\n]*>/ && polkit_id != "") {
            put("action\t" polkit_id "\t" polkit_any "\t" polkit_inactive "\t" polkit_active "\t" polkit_program)
            polkit_id = ""
        }
    }
    RS = "\n"
    close(file)
    if (got < 0) print "@outcome partial " file " cannot be read"
}
function accounts_polkit_text(tag) {
    sub(/^[^>]*>/, "", tag)
    gsub(/[ \t\n]+/, " ", tag)
    sub(/^ /, "", tag)
    sub(/ $/, "", tag)
    return tag
}
function accounts_polkit_quoted(tag, name,    at, quote) {
    at = match(tag, "[ \t\n]" name "[ \t\n]*=[ \t\n]*[\"\047]")
    if (!at) return ""
    quote = substr(tag, RSTART + RLENGTH - 1, 1)
    tag = substr(tag, RSTART + RLENGTH)
    at = index(tag, quote)
    tag = at ? substr(tag, 1, at - 1) : ""
    gsub(/[ \t\n]+/, " ", tag)
    return tag
}
"""

PLUGIN = Collector(
    id="accounts.polkit",
    facts=(InstallerPolicy, PolkitGrant),
    quick={OsFamily.LINUX: _QUICK},
    awk=_AWK,
    parse=parse_polkit,
    proof={OsFamily.LINUX: Proof.LAB},
    advice="Run the audit as root or with sudo; what a rule that computes its answer allows, a person has to read.",
    holds_secrets=False,
)
