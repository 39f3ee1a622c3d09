"""What pf of macOS has loaded: rules, translations, anchors with theirs, tables, and whether it is on at all.

All is asked of pfctl, which opens /dev/pf: that is root's alone (pf(4)). Each anchor is asked by its name, since the
listing of all of them at once (``pfctl -a '*'``) leaves out those that a call with an asterisk means (pfctl(8)).
"""

from collections import Counter

from auditor.collect.collector import ENDS_EARLY, Collector, take_lines
from auditor.firewall.dialects.pf_text import PfListing
from auditor.model.evidence import Unread
from auditor.model.facts.firewall import Engine, FirewallListing
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed

# Each answer stands below the question. pfctl says on its error output that the kernel has no ALTQ, which is no error.
_MACOS = r"""
[ "$uid" = 0 ] || denied "only root may ask pf what it has loaded (/dev/pf)"
need pfctl
pf_is=$(pfctl -s info 2>/dev/null) || failed "pfctl could not say whether pf is on"
case $pf_is in
    *"Status: Enabled"*) printf '# status\tEnabled\n' ;;
    *"Status: Disabled"*) printf '# status\tDisabled\n# asked\n'; exit 0 ;;
    *) failed "pfctl did not say whether pf is on" ;;
esac
asked=0
pf_tables() {
    # Tables of an anchor, or of the main ruleset, where a rule there names one.
    case $pf_rules in *'<'*) ;; *) return 0 ;; esac
    if [ -n "$1" ]; then pf_names=$(pfctl -a "$1" -s Tables 2>/dev/null)
    else pf_names=$(pfctl -s Tables 2>/dev/null); fi || failed "pfctl could not list the tables of pf"
    for pf_name in $pf_names; do
        asked=$((asked + 1))
        [ "$asked" -le 200 ] || { partial "pf has more than 200 anchors and tables: not all were asked"; return 0; }
        printf '# table\t%s\t%s\n' "$1" "$pf_name"
        if [ -n "$1" ]; then pfctl -a "$1" -t "$pf_name" -T show 2>/dev/null
        else pfctl -t "$pf_name" -T show 2>/dev/null; fi || failed "pfctl could not show table $pf_name of pf"
    done
}
printf '# interfaces\n'
pfctl -s Interfaces -v 2>/dev/null || failed "pfctl could not list the interfaces of pf"
pf_rules=$(pfctl -s rules 2>/dev/null) || failed "pfctl could not list the rules of pf"
pf_nat=$(pfctl -s nat 2>/dev/null) || failed "pfctl could not list the translations of pf"
printf '# rules\t\n%s\n# nat\t\n%s\n' "$pf_rules" "$pf_nat"
anchors=$(pfctl -s Anchors -v 2>/dev/null) || failed "pfctl could not list the anchors of pf"
pf_rules=$pf_rules$pf_nat
set -f
IFS=$newline
pf_tables ""
for anchor in $anchors; do
    while :; do case $anchor in " "* | "$tab"*) anchor=${anchor#?} ;; *) break ;; esac; done
    [ -n "$anchor" ] || continue
    asked=$((asked + 1))
    [ "$asked" -le 200 ] || { partial "pf has more than 200 anchors and tables: not all were asked"; break; }
    pf_rules=$(pfctl -a "$anchor" -s rules 2>/dev/null) || failed "pfctl could not list the rules of anchor $anchor"
    pf_nat=$(pfctl -a "$anchor" -s nat 2>/dev/null) || failed "pfctl could not list translations of anchor $anchor"
    printf '# rules\t%s\n%s\n# nat\t%s\n%s\n' "$anchor" "$pf_rules" "$anchor" "$pf_nat"
    pf_rules=$pf_rules$pf_nat
    pf_tables "$anchor"
done
printf '# asked\n'
"""
_DIRECTIONS = 2


def _parse(text: str) -> Parsed:
    """Count what is loaded; where pf is off it filters nothing, and what it has loaded was not asked."""
    listing = PfListing()
    strange: list[Unread] = []
    counted: Counter[str] = Counter()

    def take(_: int, line: str) -> None:
        if line.strip():
            counted[listing.take(line)] += 1

    take_lines(text, take, strange)
    rules = counted["rule"] + counted["translation"]
    fact = FirewallListing(
        engine=Engine.PF,
        family="any",
        section="firewall.pf",
        hooks=_DIRECTIONS if listing.is_enabled and rules else 0,
        rules=rules,
        drops_by_default=False,
    )
    return Parsed(
        facts=((1, fact),) if listing.is_enabled is not None else (),
        unread=tuple(strange),
        partial=None if listing.is_whole else ENDS_EARLY,
    )


PLUGIN = Collector(
    id="firewall.pf",
    facts=(FirewallListing,),
    scripts={OsFamily.MACOS: _MACOS},
    parse=_parse,
    advice="Run the audit with sudo: only root may ask pf what it has loaded.",
    holds_secrets=False,
)
