"""Ports are closed and opened again in each packet filter, by real connections, over a reboot too."""

import pytest

from tests.playbooks.lab.conftest import Run
from tests.playbooks.lab.hosts import Host
from tests.playbooks.lab.rounds import back, capture, there

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.change]

_SERVERS = """
systemctl enable --now xrdp
for family in 4 6; do
    systemd-run -q --unit=listener$family sh -c "while :; do nc -lk -$family 5901; done"
done
"""
_UFW = "ufw allow 22/tcp; ufw allow 3389/tcp; ufw allow 5901/tcp; ufw --force enable; systemctl enable ufw; "
_FIREWALLD = """
systemctl enable --now firewalld
firewall-cmd --permanent --add-port=3389/tcp --add-port=5901/tcp
firewall-cmd --reload
"""
_NFTABLES = r"""
printf '#!/usr/sbin/nft -f\nflush ruleset\ntable inet own {\n  chain input {\n' >/etc/nftables.conf
printf '    type filter hook input priority 0\n    tcp dport 7 drop\n  }\n}' >>/etc/nftables.conf
systemctl enable --now nftables
"""
_IPTABLES = """
apt-get install -y -qq --no-install-recommends iptables-persistent >/dev/null 2>&1
for tool in iptables ip6tables; do
    update-alternatives --set $tool /usr/sbin/$tool-{backend} >/dev/null
    $tool -A INPUT -p tcp --dport 3389 -m comment --comment 'of the admin -j DROP' -j ACCEPT
    $tool -N own
    $tool -A own -j RETURN
    $tool -A INPUT -j own
done
netfilter-persistent save
systemctl enable netfilter-persistent
"""
_BACKENDS = [
    pytest.param("nftables", "", id="nftables-without-a-service"),
    pytest.param("nftables", _NFTABLES, id="nftables-as-a-service"),
    pytest.param("ufw", _UFW, id="ufw"),
    pytest.param("firewalld", _FIREWALLD, id="firewalld"),
    pytest.param("iptables", _IPTABLES.format(backend="legacy"), id="iptables-legacy"),
    pytest.param("iptables", _IPTABLES.format(backend="nft"), id="iptables-nft"),
]
_OUTBOUND = ("nftables-without-a-service", "ufw", "firewalld")
_PORTS = ["3389/tcp", "5900-5910/tcp", "5900/udp"]


def _doors(host: Host) -> dict[str, bool]:
    """Return which ports a stranger reaches, over both families."""
    return host.doors(22, 3389, 5901)


def _open(host: Host) -> None:
    host.wait_for("ss -ltn | grep -q ':3389 ' && ss -ltn | grep -q ':5901 '")


def _ways(host: Host) -> dict[str, bool]:
    """Return which ports at the outside the host reaches; all are tried at once, for what is dropped waits."""
    places = {"ip4": f"10.79.{host.number}.1", "ip6": f"fd79:{host.number}::1"}
    ways = {f"{port} {family}": f"{place} {port}" for port in (7070, 7071) for family, place in places.items()}
    tries = "".join(f"(! nc -z -w 3 {where} || echo {name}) & " for name, where in ways.items())
    reached = host.run(f"{tries} wait").splitlines()
    return {name: name in reached for name in ways}


_ALL = dict.fromkeys(["22 ip4", "22 ip6", "3389 ip4", "3389 ip6", "5901 ip4", "5901 ip6"], True)
_ONLY_SSH = {door: door.startswith("22") for door in _ALL}
_NOT_IP6 = {door: door.startswith("22") or door.endswith("ip4") for door in _ALL}


@pytest.mark.parametrize(("backend", "prepare"), _BACKENDS)
def test_ports_close_and_open_again(host: Host, run: Run, backend: str, prepare: str) -> None:
    host.run(prepare + _SERVERS)
    _open(host)
    assert _doors(host) == _ALL
    asked: dict[str, object] = {"rule_id": "a1b2c3d4", "ports": _PORTS, "networks": []}
    capsule = there(run, "block_inbound", "inbound", asked, lambda: _doors(host))
    assert ["backend", backend] in capsule["state"]  # type: ignore[operator]
    assert _doors(host) == _ONLY_SSH
    back(run, "unblock_inbound", "inbound", capsule)
    assert _doors(host) == _ALL

    # The same with a network that is let in, which is not opened where it was closed.
    asked["networks"] = [host.network_of_strangers(), "10.99.0.0/16"]
    before = capture(run, "inbound", asked)
    run("block_inbound", asked)
    assert _doors(host) == _NOT_IP6
    host.reboot()
    host.run(_SERVERS)
    _open(host)
    assert _doors(host) == _NOT_IP6
    run("unblock_inbound", {"capsule": before})
    assert _doors(host) == _ALL
    assert capture(run, "inbound", asked) == before
    assert host.run("find /etc -name '*auditor*'") == ""


@pytest.mark.parametrize(("backend", "prepare"), [case for case in _BACKENDS if case.id in _OUTBOUND])
def test_the_way_out_closes_and_opens_again(host: Host, run: Run, backend: str, prepare: str) -> None:
    host.run(prepare)
    strangers = [host.network_of_strangers(family) for family in (4, 6)]
    asked: dict[str, object] = {"rule_id": "out12345", "ports": ["7070/tcp"], "networks": strangers}
    with host.listeners_outside(7070, 7071):
        assert _ways(host) == dict.fromkeys(_ways(host), True)
        capsule = there(run, "block_outbound", "outbound", asked, lambda: _ways(host))
        assert ["backend", backend] in capsule["state"]  # type: ignore[operator]
        assert _ways(host) == {"7070 ip4": False, "7070 ip6": False, "7071 ip4": True, "7071 ip6": True}
        back(run, "unblock_outbound", "outbound", capsule)
        assert _ways(host) == dict.fromkeys(_ways(host), True)


def test_a_block_that_was_there_before_stays(host: Host, run: Run) -> None:
    host.run(_SERVERS)
    _open(host)
    asked: dict[str, object] = {"rule_id": "a1b2c3d4", "ports": _PORTS}
    run("block_inbound", asked)
    capsule = capture(run, "inbound", asked)
    assert run("unblock_inbound", {"capsule": capsule}).changed == 0
    assert _doors(host) == _ONLY_SSH


def test_a_filter_that_a_reboot_would_not_bring_back_is_refused(host: Host, run: Run) -> None:
    host.run("ufw allow 22/tcp; ufw --force enable; systemctl disable ufw")
    refused = run("block_inbound", {"rule_id": "a1b2c3d4", "ports": _PORTS}, status="failed")
    assert "does not start at boot" in refused.said


def test_rules_of_firewalld_that_are_not_saved_are_not_lost(host: Host, run: Run) -> None:
    host.run(_FIREWALLD + "firewall-cmd --add-port=4444/tcp")
    refused = run("block_inbound", {"rule_id": "a1b2c3d4", "ports": _PORTS}, status="failed")
    assert "would be lost" in refused.said
    assert "4444/tcp" in host.run("firewall-cmd --list-ports")
