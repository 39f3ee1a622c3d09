"""What the lab plans, without booting it: roles, filters, truth, and the program that stands in for vendors' own."""

import os
import subprocess
import time
from datetime import date
from pathlib import Path

import pytest
import yaml

from tests.lab.fleet import lock
from tests.lab.fleet.allowed import exceptions_text, policy_text
from tests.lab.fleet.background import PROFILES, Background, make_background
from tests.lab.fleet.filters import FILTERS
from tests.lab.fleet.kind_roles import KIND_ROLES
from tests.lab.fleet.pause import pause_program
from tests.lab.fleet.places import Lab, LabError
from tests.lab.fleet.plan import Socket, tcp, udp
from tests.lab.fleet.roles import ROLES
from tests.lab.fleet.systemd_roles import SYSTEMD_ROLES
from tests.lab.fleet.truth import Truth, tell

_ROLES = {role.id: role for role in (*ROLES, *SYSTEMD_ROLES, *KIND_ROLES)}


def _truth(role: str) -> Truth:
    return tell("h001", "10.77.1.1", _ROLES[role], Background())


def test_a_fleet_of_fifty_is_planted_and_every_role_has_its_own_name() -> None:
    assert len(ROLES) >= 50
    assert len(_ROLES) == len(ROLES) + len(SYSTEMD_ROLES) + len(KIND_ROLES)


def test_the_pause_program_runs_under_any_name_and_argument(tmp_path: Path) -> None:
    path = tmp_path / '",pid=1,fd=3'
    path.write_bytes(pause_program())
    path.chmod(0o755)
    with subprocess.Popen([str(path), "--service"]) as program:
        try:
            # The kernel shows the arguments a moment after the program has begun.
            end = time.monotonic() + 10
            while not Path(f"/proc/{program.pid}/cmdline").read_bytes() and time.monotonic() < end:
                time.sleep(0.01)
            assert Path(f"/proc/{program.pid}/exe").readlink() == path
            assert Path(f"/proc/{program.pid}/comm").read_text() == '",pid=1,fd=3\n'
            assert Path(f"/proc/{program.pid}/cmdline").read_bytes() == b"%s\0--service\0" % os.fsencode(path)
            assert program.poll() is None
        finally:
            program.terminate()


@pytest.mark.parametrize(
    ("name", "socket", "expected"),
    [
        pytest.param("none", tcp(5900, "0.0.0.0")[0], "from_anywhere", id="nothing-filters"),
        pytest.param("nft-closed", tcp(5900, "127.0.0.1")[0], "loopback_only", id="loopback-is-loopback"),
        pytest.param("nft-closed", tcp(5900, "0.0.0.0")[0], "blocked", id="closed"),
        pytest.param("nft-open", tcp(5900, "::")[0], "from_anywhere", id="opened-for-both-families"),
        pytest.param("nft-open", udp(5900, "0.0.0.0")[0], "blocked", id="opened-for-tcp-only"),
        pytest.param("nft-limited", tcp(5900, "0.0.0.0")[0], "from_networks", id="opened-for-a-network"),
        pytest.param("nft-limited", tcp(5900, "::")[0], "blocked", id="opened-for-a-network-of-ipv4"),
        pytest.param("iptables-ipv4-only", tcp(5900, "0.0.0.0")[0], "blocked", id="ipv4-filtered"),
        pytest.param("iptables-ipv4-only", tcp(5900, "::")[0], "from_anywhere", id="ipv6-forgotten"),
        pytest.param(
            "iptables-ipv4-only", Socket(family="ip6", address="::", port=3389, dual=True), "from_anywhere", id="dual"
        ),
    ],
)
def test_a_filter_says_who_reaches_a_socket(name: str, socket: Socket, expected: str) -> None:
    assert FILTERS[name].reachability(socket) == expected


@pytest.mark.parametrize(
    ("role", "product", "listener", "installers"),
    [
        pytest.param("clean", "pass", "pass", "pass", id="nothing-there"),
        pytest.param("tigervnc-open", "fail", "fail", "pass", id="unapproved-and-open"),
        pytest.param("tigervnc-approved", "pass", "pass", "pass", id="approved-on-loopback"),
        pytest.param("tigervnc-out-of-scope", "pass", "fail", "pass", id="approved-but-not-for-the-network"),
        pytest.param("tigervnc-odd-port", "fail", "pass", "pass", id="closed-by-a-filter"),
        pytest.param("x11vnc-nft-empty", "fail", "fail", "pass", id="an-empty-filter-is-none"),
        pytest.param("x11vnc-excepted", "excepted", "excepted", "pass", id="excepted"),
        pytest.param("x11vnc-exception-ended", "fail", "fail", "pass", id="the-exception-has-ended"),
        pytest.param("xrdp-removed", "pass", "pass", "pass", id="remains-are-no-violation"),
        pytest.param("port-5900", "unknown", "unknown", "pass", id="suspected-on-the-network"),
        pytest.param("port-3389-loopback", "unknown", "pass", "pass", id="suspected-on-loopback"),
        pytest.param("several", "fail", "fail", "pass", id="one-of-three-approved"),
        pytest.param("sudo-aliases", "pass", "pass", "fail", id="who-may-install"),
        pytest.param("sudo-limited", "pass", "pass", "pass", id="who-may-not"),
        pytest.param("polkit-rule", "pass", "pass", "fail", id="through-polkit"),
        pytest.param("docker-left", "pass", "pass", "pass", id="through-a-group-of-nothing"),
    ],
)
def test_the_truth_follows_from_what_was_planted(role: str, product: str, listener: str, installers: str) -> None:
    verdicts = {control: given["verdict"] for control, given in _truth(role)["verdicts"].items()}
    expected = {
        "unapproved_product": product,
        "exposed_listener": listener,
        "complete_inventory": "pass",
        "software_installers": installers,
    }
    assert {control: verdicts[control] for control in expected} == expected


@pytest.mark.parametrize(
    ("role", "host_filter", "unused_opening"),
    [
        pytest.param("clean", "fail", "pass", id="no-filter"),
        pytest.param("clean-nft", "pass", "pass", id="closed"),
        pytest.param("clean-iptables", "pass", "fail", id="open-without-a-listener"),
        pytest.param("x11vnc-nft-empty", "fail", "pass", id="an-empty-filter-is-none"),
    ],
)
def test_the_truth_about_a_filter_follows_from_its_rules(role: str, host_filter: str, unused_opening: str) -> None:
    verdicts = _truth(role)["verdicts"]
    assert verdicts["host_filter"]["verdict"] == host_filter
    assert verdicts["unused_opening"]["verdict"] == unused_opening


@pytest.mark.parametrize(
    ("role", "path", "allowlist", "places"),
    [
        pytest.param("clean", "pass", "fail", "fail", id="nothing-there"),
        pytest.param("open-path", "fail", "fail", "fail", id="a-folder-of-path"),
        pytest.param("allowlist", "pass", "pass", "pass", id="an-allowlist-is-more"),
        pytest.param("noexec", "pass", "fail", "pass", id="noexec-is-less"),
    ],
)
def test_the_truth_about_execution_follows_from_what_was_planted(
    role: str, path: str, allowlist: str, places: str
) -> None:
    truth = _truth(role)
    assert truth["verdicts"]["writable_program_path"]["verdict"] == path
    assert truth["verdicts"]["execution_control"]["verdict"] == "not_applicable"
    assert truth["execution"] == {"allowlist": allowlist, "user_places": places}


def test_every_filter_that_a_role_names_is_there() -> None:
    assert {role.filter for role in _ROLES.values()} <= FILTERS.keys()


def test_the_policy_names_every_approval_and_exception_that_a_role_rests_on() -> None:
    hosts_of = dict.fromkeys(_ROLES, ("h001",))
    approvals = {entry["id"] for entry in yaml.safe_load(policy_text(hosts_of))["approvals"]}
    exceptions = yaml.safe_load(exceptions_text(hosts_of, date(2026, 11, 21)))["exceptions"]
    planted = [item for role in _ROLES.values() for item in role.products]
    assert {item.approval for item in planted} - {None} <= approvals
    used = {item.product_exception for item in planted} | {item.listener_exception for item in planted}
    in_force = {entry["id"] for entry in exceptions if entry["start"] <= date(2026, 11, 21) <= entry["end"]}
    assert used - {None} == in_force


def test_the_ordinary_life_of_a_host_is_a_function_of_seed_and_number() -> None:
    def life(seed: str, number: int) -> Background:
        profile = PROFILES["server"]
        return make_background(
            profile=profile, number=number, address="10.77.1.1", peer="10.77.1.2", seed=seed, archive=None
        )

    assert life("1", 7) == life("1", 7)
    assert life("1", 7) != life("2", 7)
    assert len(life("1", 7).programs) >= 72


def test_two_labs_do_not_share_a_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "LOCK_FILE", tmp_path / "lock")
    monkeypatch.setattr(lock, "OWNER_FILE", tmp_path / "owner")
    ours, theirs = Lab(home=tmp_path / "ours"), Lab(home=tmp_path / "theirs")
    with lock.holding(theirs):
        lock.claim(theirs)
        with pytest.raises(LabError, match=f"in use by process {os.getpid()} with {theirs.home}"), lock.holding(ours):
            pytest.fail("held twice")
    with pytest.raises(LabError, match=f"AUDITOR_LAB_HOME={theirs.home} python -m tests.lab down"), lock.holding(ours):
        pytest.fail("held although another lab is up")
    lock.release()
    with lock.holding(ours):
        assert not (tmp_path / "owner").exists()
