"""Each packet filter through the whole chain: a port that anybody reaches is closed by a plan, and opened again.

Real nftables, ufw, firewalld and iptables with rules of the host's own; what is open is told by real connections, over
IPv4 and IPv6, and by evidence.
"""

import time

import pytest

from auditor.cli.main import main
from tests.playbooks.lab.hosts import Host
from tests.remediate.desks import Desk

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.change]

_NFTABLES = r"""
printf '#!/usr/sbin/nft -f\nflush ruleset\ntable inet site {\n  chain input {\n' >/etc/nftables.conf
printf '    type filter hook input priority 0\n    tcp dport 7 drop comment "the site"\n  }\n}\n' >>/etc/nftables.conf
systemctl enable -q --now nftables
"""
_UFW = """
ufw allow 22/tcp; ufw allow 5900/tcp; ufw deny 7/tcp comment 'of the site'
ufw --force enable; systemctl enable ufw
"""
_FIREWALLD = """
systemctl enable --now firewalld
firewall-cmd --permanent --add-port=5900/tcp
firewall-cmd --permanent --add-rich-rule='rule family=ipv4 source address=10.66.0.0/16 drop'
firewall-cmd --reload
"""
_IPTABLES = """
apt-get install -y -qq --no-install-recommends iptables-persistent >/dev/null 2>&1
for tool in iptables ip6tables; do
    update-alternatives --set $tool /usr/sbin/$tool-{backend} >/dev/null
    $tool -A INPUT -i lo -j ACCEPT
    $tool -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
    $tool -A INPUT -p tcp -m multiport --dports 22,5900 -m comment --comment 'of the admin -j DROP' -j ACCEPT
    $tool -P INPUT DROP
done
ip6tables -I INPUT -p ipv6-icmp -j ACCEPT
netfilter-persistent save
systemctl enable netfilter-persistent
# As a boot loads them: iptables makes chains when they are first asked for.
systemctl restart netfilter-persistent
"""
_LISTED = "{0}tables{1}-save | sed -e '/^#/d' -e 's/ \\[[0-9:]*\\]$//'"
_XTABLES = "; ".join(_LISTED.format(*each) for each in (("ip", ""), ("ip6", "")))
_FILTERS = [
    pytest.param(
        "nftables",
        _NFTABLES,
        "nft -s list ruleset; cat /etc/nftables.conf; find /etc -path '*nftables*' | sort",
        id="nftables",
    ),
    pytest.param("ufw", _UFW, f"ufw status verbose; cat /etc/ufw/*.rules; {_XTABLES}", id="ufw"),
    pytest.param(
        "firewalld",
        _FIREWALLD,
        "firewall-cmd --list-all-zones; firewall-cmd --permanent --list-all-zones; firewall-cmd --permanent "
        "--list-all-policies; find /etc/firewalld -type f | sort",
        id="firewalld",
    ),
    *(
        pytest.param(
            "iptables",
            _IPTABLES.format(backend=backend),
            f"{_XTABLES}; cat /etc/iptables/rules.v4 /etc/iptables/rules.v6 | sed -e '/^#/d' -e 's/ \\[[0-9:]*\\]$//'",
            id=f"iptables-{backend}",
        )
        for backend in ("nft", "legacy")
    ),
]


def _doors(host: Host) -> dict[str, bool]:
    return host.doors(22, 5900)


def _doors_after_boot(host: Host, wanted: dict[str, bool]) -> dict[str, bool]:
    """Return the doors as soon as they are as wanted, or after a minute: firewalld has started before its rules are."""
    end = time.monotonic() + 60
    while (doors := _doors(host)) != wanted and time.monotonic() < end:
        time.sleep(0.5)
    return doors


@pytest.mark.parametrize(("backend", "prepare", "looks"), _FILTERS)
def test_a_port_is_closed_by_a_plan_and_opened_by_rollback(
    empty_desk: Desk, capsys: pytest.CaptureFixture[str], backend: str, prepare: str, looks: str
) -> None:
    desk = empty_desk
    host = desk.more("desk")
    desk.serve()
    host.run(prepare)
    assert _doors(host) == dict.fromkeys(("22 ip4", "22 ip6", "5900 ip4", "5900 ip6"), True)
    before = host.run(looks)
    desk.audit()
    plays = desk.plan("--control", "exposed_listener")
    assert plays == {"block_inbound": [{"ports": ({"port": 5900, "protocol": "tcp"},), "allowed": ()}]}
    assert main(desk.words("apply")) == 0
    row = desk.status(capsys)
    assert (row["stands"], row["findings_closed"]) == ("closed", row["findings"])
    (capsule,) = (event.data["capsule"] for event in desk.events() if str(event.what) == "captured")
    assert ["backend", backend] in capsule["state"]
    closed = {"22 ip4": True, "22 ip6": True, "5900 ip4": False, "5900 ip6": False}
    assert _doors(host) == closed
    host.reboot()
    host.wait_for("ss -ltn | grep -q ':5900 '")
    assert _doors_after_boot(host, closed) == closed
    assert main(desk.words("rollback")) == 0
    row = desk.status(capsys)
    assert (row["stands"], row["findings_closed"]) == ("rolled back", 0)
    assert _doors(host) == dict.fromkeys(closed, True)
    assert host.run(looks) == before
    evidence = desk.evidence()
    assert evidence["differs"] == []
    assert "firewall" in evidence["same"]
