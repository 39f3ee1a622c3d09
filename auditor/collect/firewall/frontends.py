"""Programs that manage the packet filter for the administrator: ufw, firewalld, and services that load a rules file."""

from auditor.collect.collector import Collector, fields, parse_lines
from auditor.model.evidence import Proof
from auditor.model.facts.firewall import FirewallFrontend
from auditor.model.host import OsFamily

# All of it is read by the shell itself: links, and one small file.
# firewalld and nftables have no switch in their configuration: enabled is a link from a target, as systemd sees it.
_QUICK = r"""
found=
front() { found=1; printf '%s\t%s\t%s\n' "$1" "$2" "$3"; }
if [ -e /etc/ufw/ufw.conf ]; then
    [ -r /etc/ufw/ufw.conf ] || { denied "/etc/ufw/ufw.conf cannot be read"; return; }
    said='ENABLED is not set in /etc/ufw/ufw.conf' state=off
    while IFS= read -r line || [ -n "$line" ]; do
        case $line in
            ENABLED=[Yy][Ee][Ss]* | ENABLED=\"[Yy][Ee][Ss]\"*) said=$line state=on ;;
            ENABLED=*) said=$line state=off ;;
        esac
    done </etc/ufw/ufw.conf
    front ufw "$state" "$said"
fi
unit() {
    for dir in /etc/systemd/system /usr/local/lib/systemd/system /usr/lib/systemd/system /lib/systemd/system; do
        [ -e "$dir/$2" ] || continue
        for link in /etc/systemd/system/*.wants/"$2" /etc/systemd/system/*.requires/"$2"; do
            if [ -L "$link" ]; then front "$1" on "$link"; return; fi
        done
        front "$1" off "no target wants $2"
        return
    done
}
unit firewalld firewalld.service
unit nftables nftables.service
unit iptables iptables.service
unit ip6tables ip6tables.service
unit netfilter-persistent netfilter-persistent.service
[ -n "$found" ] || { absent "neither ufw, firewalld nor a service that loads a rules file is installed"; return; }
"""


def _read(line: str) -> FirewallFrontend:
    """Read name, state, and the line that says so."""
    name, state, detail = fields(line, 3)
    if state not in ("on", "off"):
        message = f"state {state[:20]!r} is neither on nor off"
        raise ValueError(message)
    return FirewallFrontend(name=name, is_enabled=state == "on", detail=detail)


PLUGIN = Collector(
    id="firewall.frontends",
    facts=(FirewallFrontend,),
    quick={OsFamily.LINUX: _QUICK},
    parse=lambda text: parse_lines(text, _read),
    proof={OsFamily.LINUX: Proof.LAB},
    advice="Run the audit as root or with sudo: the configuration of a firewall manager may be closed to others.",
    holds_secrets=False,
)
