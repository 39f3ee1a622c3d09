"""The nftables ruleset as the kernel holds it, in JSON: what filters are evaluated from, counted here."""

import json
from typing import Any

from auditor.collect.collector import Collector, lines_of, unread
from auditor.collect.firewall.counts import Counts, listings
from auditor.collect.firewall.kernel import NF_TABLES, ONLY_ROOT
from auditor.model.evidence import Proof, Unread
from auditor.model.facts.firewall import FirewallListing
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed

# iptables-nft keeps its rules in tables of its own names, in the families ip and ip6; those after this section are told
# whether there are any, and whether the JSON loses something. What most rulesets lack is looked for first: a shell is
# slow at searching so long a text, and does so once for each pattern.
_LINUX = r"""
have nft || failed "nft is not installed, and the kernel has nf_tables"
rules=$(nft -j list ruleset) || failed "nft could not list the ruleset"
case $rules in *'"nftables"'*) ;; *) failed "nft printed no ruleset, not even an empty one" ;; esac
printf '%s\n' "$rules"
holds_iptables() {
    table='"table": {"family": "'$1'", "name": "'
    case $rules in *"$table"*) ;; *) return 1 ;; esac
    case $rules in
        *"$table"filter\"* | *"$table"nat\"* | *"$table"mangle\"* | *"$table"raw\"* | *"$table"security\"*) ;;
        *) return 1 ;;
    esac
}
sum=0 loses=
case $rules in
    *'"table": {"family": "ip'*)
        if holds_iptables ip; then sum=$((sum + 1)); fi
        if holds_iptables ip6; then sum=$((sum + 2)); fi ;;
esac
case $rules in
    *'"xt"'* | *'"dormant"'* | *'"reject"'*) loses=yes ;;
    *gress\"*) case $rules in *'"hook": "ingress"'* | *'"hook": "egress"'*) loses=yes ;; esac ;;
esac
case $loses$rules in
    yes*) ;;
    *'"flags": '*)
        case $rules in
            *'"flags": ' | *'"flags": '[![]*)
                # Of a set that is one word at times, of a table what nft 1.0.6 garbles, or breaks off at.
                printf '%s\n' "$rules" | grep -q '"table": {[^}]*"flags": ' 2>/dev/null
                [ $? = 1 ] || loses=yes ;;
        esac ;;
esac
[ -z "$loses" ] || sum=$((sum + 4))
tell "$sum"
"""

_LINE_LIMIT = 64


def _entries(text: str) -> list[tuple[str, dict[str, Any]]]:
    """Return kind and body of every object; ValueError when the text is not nft's JSON."""
    document = json.loads(text)
    if "\\ud" in text.lower():
        # nft writes no half of a character; one would stand where it cannot be written any more. ValueError, too.
        json.dumps(document, ensure_ascii=False).encode()
    listed = document.get("nftables") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        message = "no list named nftables"
        raise ValueError(message)  # noqa: TRY004 — a wrong answer of the host, not of a caller
    entries = []
    for entry in listed:
        if not isinstance(entry, dict) or len(entry) != 1:
            message = "an entry that is not one object"
            raise ValueError(message)
        kind, body = next(iter(entry.items()))
        if not isinstance(body, dict):
            message = f"an entry {str(kind)[:40]!r} without a body"
            raise ValueError(message)  # noqa: TRY004 — as above
        entries.append((kind, body))
    if "metainfo" not in (kind for kind, _ in entries):
        message = "nft did not say its version"
        raise ValueError(message)
    return entries


def _dormant(entries: list[tuple[str, dict[str, Any]]]) -> set[tuple[str, str]]:
    """Return tables that are switched off: nft prints ``dormant``, 1.0.6 the table's own name in its place."""
    off = set()
    for kind, body in entries:
        flags = body.get("flags") if kind == "table" else None
        words = flags if isinstance(flags, list) else [flags]
        if "dormant" in words or (flags is not None and flags == body.get("name")):
            off.add((str(body.get("family")), str(body.get("name"))))
    return off


def _count(entries: list[tuple[str, dict[str, Any]]]) -> Counts:
    counts = Counts()
    off = _dormant(entries)
    for kind, body in entries:
        family = str(body.get("family"))
        if kind not in ("chain", "rule") or (family, str(body.get("table"))) in off:
            continue
        if kind == "rule":
            counts.add_rule(family)
        elif "hook" in body:
            counts.add_hook(family, drops=body.get("policy") == "drop")
    return counts


def _parse(text: str) -> Parsed:
    """Count what one listing holds; a text that is not whole is unread, line by line, and counts nothing."""
    if not text.strip():
        return Parsed(partial="nft printed nothing, not even its version")
    try:
        counts = _count(_entries(text))
    except (ValueError, RecursionError) as error:
        return Parsed(unread=_all_unread(text, f"not the JSON of nft: {error}"))
    return Parsed(facts=listings(counts, "firewall.nft"))


def _all_unread(text: str, reason: str) -> tuple[Unread, ...]:
    """Keep the lines of a listing that cannot be read as a whole: the first ones, and how many there are more."""
    lines = [(number, line) for number, line in enumerate(lines_of(text), 1) if line]
    kept = [unread(number, line, reason) for number, line in lines[:_LINE_LIMIT]]
    if len(lines) > _LINE_LIMIT:
        kept.append(unread(0, "", f"and {len(lines) - _LINE_LIMIT} lines more: {reason}"))
    return tuple(kept)


PLUGIN = Collector(
    id="firewall.nft",
    facts=(FirewallListing,),
    quick={OsFamily.LINUX: ONLY_ROOT + "false"},
    scripts={OsFamily.LINUX: _LINUX},
    shared=(NF_TABLES,),
    parse=_parse,
    proof={OsFamily.LINUX: Proof.LAB},
    advice="Run the audit as root or with sudo, and install nftables: only nft can list what nf_tables holds.",
    holds_secrets=False,
)
