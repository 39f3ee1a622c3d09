"""Who may run what as whom through doas: ``/etc/doas.conf``, and the folder that Alpine adds (doas.conf(5))."""

from auditor.collect.accounts.doas_grammar import parse_doas
from auditor.collect.collector import Collector
from auditor.model.evidence import Proof
from auditor.model.facts.accounts import DoasRule
from auditor.model.host import OsFamily

_QUICK = r"""
set --
for file in /etc/doas.conf /usr/local/etc/doas.conf /etc/doas.d/*.conf; do
    if [ -f "$file" ]; then set -- "$@" "$file"; fi
done
if [ -d /etc/doas.d ] && { [ ! -r /etc/doas.d ] || [ ! -x /etc/doas.d ]; }; then
    denied "only root may list /etc/doas.d"
    return
fi
if [ $# = 0 ]; then
    # Without a rule doas lets nobody do anything.
    absent "there is no doas.conf, without which doas permits nothing"
    return
fi
for file; do [ -r "$file" ] || { denied "only root may read $file"; return; }; done
scan "$@"
"""
_AWK = r"""
function accounts_doas(    at, line, number, got) {
    for (at = 2; at <= paths; at++) {
        number = 0
        put("file\t" path[at])
        while ((got = (getline line < path[at])) > 0) { number++; put(number "\t" line) }
        close(path[at])
        if (got < 0) print "@outcome partial " path[at] " cannot be read"
    }
}
"""

PLUGIN = Collector(
    id="accounts.doas",
    facts=(DoasRule,),
    quick={OsFamily.LINUX: _QUICK},
    awk=_AWK,
    parse=parse_doas,
    proof={OsFamily.LINUX: Proof.LAB},
    advice="Run the audit as root, or with doas or sudo: only root may read doas.conf.",
    holds_secrets=False,
)
