"""The lab itself is right: its hosts are what their truth says, break as told, heal, and leave nothing."""

import csv
import os
import socket
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.lab.fleet import faults
from tests.lab.fleet.fleet import remains, up
from tests.lab.fleet.host import Host
from tests.lab.fleet.layers import EMBEDDED
from tests.lab.fleet.lists import SERIES
from tests.lab.fleet.places import HOME_VARIABLE, OWNER_FILE
from tests.lab.fleet.shell import sh

if TYPE_CHECKING:
    from tests.lab.conftest import Break, Fleet

pytestmark = pytest.mark.lab
_Row = tuple[str, str, str, int, str]
_ROOT = Path(__file__).parents[2]


def _listening(host: Host) -> Counter[_Row]:
    """Read what `ss` prints inside: protocol, family, address, port, process."""
    rows: Counter[_Row] = Counter()
    is_embedded = host.state()["truth"]["base"] == EMBEDDED
    listing = sh("ip", "netns", "exec", host.namespace, "ss", "-Htulnp") if is_embedded else host.run("ss -Htulnp")
    for line in listing.split("\n"):
        if not line:
            continue
        protocol, _, _, _, local = line.split(None, 5)[:5]
        address, _, port = local.rpartition(":")
        family = "ip6" if address.startswith("[") or address == "*" else "ip"
        address = "::" if address == "*" else address.strip("[]")
        # No socket of the lab is shared: what stands before the last pid is one name, whatever it holds.
        name = line.partition('users:(("')[2].rpartition('",pid=')[0]
        rows[protocol, family, address, int(port), name] += 1
    return rows


def _told(truth: dict[str, Any]) -> Counter[_Row]:
    return Counter(
        (row["protocol"], row["family"], row["address"], row["port"], row["process"])
        for row in truth["listeners"]
        if row["space"] is None
    )


def _running(host: Host) -> Counter[str]:
    return Counter(host.run("cat /proc/[0-9]*/comm 2>/dev/null || :").split("\n"))


def _ssh(fleet: "Fleet", host: Host, user: str, command: str, *, feed: str = "") -> "subprocess.CompletedProcess[str]":
    words = ["ssh", "-F", str(fleet.lab.ssh_config), "-o", "ConnectTimeout=2", f"{user}@{host.name}", command]
    return subprocess.run(words, input=feed, capture_output=True, text=True, timeout=30, check=False)


def test_every_host_listens_on_what_its_truth_says_and_nothing_else(fleet: "Fleet") -> None:
    wrong = {}
    for host in fleet.hosts:
        seen, told = _listening(host), _told(fleet.truth(host))
        if seen != told:
            wrong[host.name, fleet.truth(host)["role"]] = {"invented": told - seen, "untold": seen - told}
    assert wrong == {}


def test_every_host_runs_the_processes_its_truth_names(fleet: "Fleet") -> None:
    missing = {}
    for host in fleet.hosts:
        told = Counter(fleet.truth(host)["processes"])
        end = time.monotonic() + 10  # clients wait for the next host's server
        while (lacks := told - _running(host)) and time.monotonic() < end:
            time.sleep(0.2)
        if lacks:
            missing[host.name] = lacks
    assert missing == {}


_LISTINGS = {
    "dpkg": "dpkg-query -W -f='${db:Status-Abbrev}\\t${Package}\\t${Version}\\n'",
    "rpm": "rpm -qa --qf 'ii\\t%{NAME}\\t%{VERSION}\\n'",
    "pacman": "pacman -Q | sed 's/^/ii /' | tr ' ' '\\t'",
    # Debian has no apk: its database is written by hand.
    "apk": 'awk \'/^P:/ { name = substr($0, 3) } /^V:/ { print "ii\\t" name "\\t" substr($0, 3) }\' '
    "/lib/apk/db/installed",
}


def test_the_package_manager_says_of_every_host_what_its_truth_says(fleet: "Fleet") -> None:
    wrong = {}
    for host in fleet.hosts:
        truth = fleet.truth(host)
        if truth["base"] == EMBEDDED:
            continue
        listing = host.run(_LISTINGS[truth["manager"]])
        rows = [line.split("\t") for line in listing.splitlines()]
        states = {name: state.strip() for state, name, _ in rows}
        versions = {name: version for _, name, version in rows}
        assert set(states.values()) <= {"ii", "rc"}, host.name
        differs = {name for name, state in truth["product_packages"].items() if states.get(name) != state}
        differs |= {name for name, version in truth["packages"].items() if versions.get(name) not in (version, None)}
        # What nobody planted must not be remote access.
        servers = {"tigervnc-standalone-server", "tightvncserver", "x11vnc", "xrdp", "vino", "anydesk", "rustdesk"}
        servers |= {"tigervnc-server"} if truth["manager"] == "rpm" else {"tigervnc"}
        differs |= {name for name in servers & states.keys() if name not in truth["product_packages"]}
        if differs:
            wrong[host.name] = differs
    assert wrong == {}


def test_a_host_of_another_family_has_no_database_of_dpkg(fleet: "Fleet") -> None:
    others = [host for host in fleet.hosts if fleet.truth(host)["manager"] != "dpkg"]
    assert len(others) >= 6
    assert [host.name for host in others if host.run("ls -d /var/lib/dpkg 2>/dev/null || :")] == []


def test_who_reaches_a_port_is_what_the_filter_was_planned_to_let_through(fleet: "Fleet") -> None:
    """The controller is in the fleet's network; IPv4 only."""
    asked = [
        (host, row)
        for host in fleet.hosts
        for row in fleet.truth(host)["listeners"]
        if row["protocol"] == "tcp" and (row["family"] == "ip" or row["port"] == 3389) and row["space"] is None
    ]

    def is_reached(host: Host, row: dict[str, Any]) -> bool:
        with socket.socket() as probe:
            probe.settimeout(0.7)
            return probe.connect_ex((host.address, row["port"])) == 0

    with ThreadPoolExecutor(64) as pool:
        reached = list(pool.map(lambda pair: is_reached(*pair), asked))
    wrong = [
        (host.name, row["port"], row["reachability"], is_open)
        for (host, row), is_open in zip(asked, reached, strict=True)
        if is_open != (row["reachability"] in ("from_anywhere", "from_networks"))
    ]
    assert wrong == []


def test_hosts_call_themselves_what_their_truth_says(fleet: "Fleet") -> None:
    names = {host.name: host.run("cat /proc/sys/kernel/hostname").rstrip("\n") for host in fleet.hosts}
    assert names == {host.name: fleet.truth(host)["hostname"] for host in fleet.hosts}
    assert "<script>alert(1)</script>" in names.values()


def test_planted_programs_show_their_true_path_and_arguments(fleet: "Fleet") -> None:
    host = fleet.host("teamviewer")
    pid = host.run("pgrep -x teamviewerd").strip()
    assert host.run(f"readlink /proc/{pid}/exe").strip() == "/opt/teamviewer/tv_bin/teamviewerd"
    assert host.run(f"cat /proc/{pid}/cmdline").split("\0")[:2] == ["/opt/teamviewer/tv_bin/teamviewerd", "-d"]
    gone = fleet.host("anydesk-deleted")
    pid = gone.run("pgrep -x anydesk").strip()
    assert gone.run(f"readlink /proc/{pid}/exe").strip() == "/usr/bin/anydesk (deleted)"


def test_each_user_has_the_rights_the_truth_says(fleet: "Fleet") -> None:
    host = fleet.host("clean")
    assert _ssh(fleet, host, "root", "id -u").stdout == "0\n"
    assert _ssh(fleet, host, "auditor", "sudo -n id -u").stdout == "0\n"
    assert _ssh(fleet, host, "plain", "sudo -n id -u").returncode != 0


def test_sudo_asks_for_the_password_of_the_truth(fleet: "Fleet") -> None:
    host = fleet.host("sudo-password")
    password = fleet.truth(host)["sudo_password"]
    assert _ssh(fleet, host, "auditor", "sudo -n id -u").returncode != 0
    assert _ssh(fleet, host, "auditor", "sudo -S -p '' id -u", feed="wrong\n").returncode != 0
    assert _ssh(fleet, host, "auditor", "sudo -S -p '' id -u", feed=f"{password}\n").stdout == "0\n"


@pytest.mark.parametrize("role", ["sudo-all", "sudo-group", "sudo-aliases", "sudo-limited", "uid-0"])
def test_sudoers_files_are_valid(fleet: "Fleet", role: str) -> None:
    assert "parsed OK" in fleet.host(role).run("visudo -c")


def test_units_of_systemd_hosts_are_as_their_truth_says(fleet: "Fleet", systemd_hosts: tuple[Host, ...]) -> None:
    for host in systemd_hosts:
        assert host.run("cat /proc/1/comm").strip() == "systemd"
        # A unit of Debian's own that fails is nothing that was planted; the state of each that was is asserted below.
        assert host.run("systemctl is-system-running --wait || :").strip() in ("running", "degraded")
        for unit in fleet.truth(host)["services"]:
            seen = (
                host.run(f"systemctl is-enabled {unit['name']} || :").strip(),
                host.run(f"systemctl is-active {unit['name']} || :").strip() == "active",
            )
            assert seen == (unit["enabled"], unit["active"]), (host.name, unit)
        assert _ssh(fleet, host, "auditor", "sudo -n systemctl is-active ssh").stdout == "active\n"


def test_three_inventories_name_the_same_hosts(fleet: "Fleet") -> None:
    expected = {host.name: host.address for host in fleet.hosts}
    groups = yaml.safe_load(fleet.lab.inventory("yml").read_text())["all"]["children"]
    in_yaml = {
        name: given["ansible_host"]
        for group in SERIES
        for name, given in groups.get(group, {"hosts": {}})["hosts"].items()
    }
    with fleet.lab.inventory("csv").open(newline="") as rows:
        in_csv = {row["host"]: row["address"] for row in csv.DictReader(rows)}
    lines = fleet.lab.inventory("ini").read_text().splitlines()
    words = [line.split() for line in lines if "ansible_host=" in line]
    in_ini = {word[0]: word[1].removeprefix("ansible_host=") for word in words}
    assert in_yaml == in_csv == in_ini == expected


def test_the_policy_speaks_of_every_approval_in_the_truth(fleet: "Fleet") -> None:
    policy = yaml.safe_load(fleet.lab.policy.read_text())
    named = {approval["id"] for approval in policy["approvals"]}
    used = {sighting["approval"] for host in fleet.hosts for sighting in fleet.truth(host)["sightings"]} - {None}
    assert used <= named
    exceptions = yaml.safe_load(fleet.lab.exceptions.read_text())["exceptions"]
    assert {entry["id"] for entry in exceptions} == {"x11vnc-kept", "x11vnc-open", "x11vnc-old"}


def test_an_unreachable_port_refuses(fleet: "Fleet", break_host: "Break") -> None:
    host = fleet.host("clean")
    break_host(host, "refused")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host.address, 22), 2)


def test_a_blackhole_swallows(fleet: "Fleet", break_host: "Break") -> None:
    host = fleet.host("clean-nft")
    break_host(host, "blackhole")
    with pytest.raises(TimeoutError):
        socket.create_connection((host.address, 22), 0.5)


def test_a_host_without_banner_says_nothing(fleet: "Fleet", break_host: "Break") -> None:
    host = fleet.host("clean-iptables")
    break_host(host, "nobanner")
    with socket.create_connection((host.address, 22), 2) as connection:
        connection.settimeout(0.5)
        with pytest.raises(TimeoutError):
            connection.recv(1)


@pytest.mark.parametrize(
    ("kind", "complaint"),
    [
        ("hostkey", "REMOTE HOST IDENTIFICATION HAS CHANGED"),
        ("badcred", "Permission denied"),
        ("nosession", "open failed"),
    ],
)
def test_a_log_in_fails_as_told(fleet: "Fleet", break_host: "Break", kind: str, complaint: str) -> None:
    host = fleet.host("uid-0")
    break_host(host, kind)
    assert complaint in _ssh(fleet, host, "root", "true").stderr


@pytest.mark.parametrize(
    ("kind", "argument", "size"),
    [
        ("truncate", "1000", 1000),
        ("empty", "", 0),
        ("garbage", "100000", 100000),
        ("hang", "300", 300),
        ("reset", "500", 500),
    ],
)
def test_output_breaks_off_as_told(fleet: "Fleet", break_host: "Break", kind: str, argument: str, size: int) -> None:
    host = fleet.host("sudo-all")
    break_host(host, kind, argument)
    words = ["ssh", "-F", str(fleet.lab.ssh_config), f"root@{host.name}", "seq 100000"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as client:
        assert client.stdout is not None
        try:
            got, _ = client.communicate(timeout=2)
            is_over = True
        except subprocess.TimeoutExpired as late:
            got, is_over = late.stdout or b"", False
            client.kill()
    assert len(got) == size
    assert is_over == (kind != "hang")


def test_a_missing_tool_comes_back(fleet: "Fleet", break_host: "Break") -> None:
    host = fleet.host("sudo-group")
    break_host(host, "missing", "ss")
    assert _ssh(fleet, host, "root", "ss -tl").returncode == 127
    faults.heal(host)
    assert _ssh(fleet, host, "root", "ss -tl").returncode == 0


def test_a_delay_is_felt_by_one_host_only(fleet: "Fleet", break_host: "Break") -> None:
    slow, quick = fleet.host("sudo-limited"), fleet.host("decoy-viewer")
    break_host(slow, "delay", "300")

    def seconds(host: Host) -> float:
        begin = time.monotonic()
        socket.create_connection((host.address, 22), 5).close()
        return time.monotonic() - begin

    assert seconds(slow) > 0.29
    assert seconds(quick) < 0.25


def test_a_host_whose_power_went_boots_again(fleet: "Fleet", break_host: "Break") -> None:
    host = fleet.host("x11vnc-open")
    break_host(host, "poweroff")
    assert not host.answers()
    faults.heal(host)
    assert _listening(host) == _told(fleet.truth(host))


def test_a_removed_host_leaves_nothing_and_up_makes_it_again(fleet: "Fleet") -> None:
    lost = [fleet.planted[-1], *fleet.with_systemd[-1:], *fleet.kinds[:1]]
    before = [fleet.truth(host) for host in lost]
    for host in lost:
        host.remove()
    time.sleep(1)
    names, folders = {host.name for host in lost}, {f"{host.folder}/" for host in lost}
    assert [row for row in remains(fleet.lab) if any(name in row for name in names)] == []
    assert [
        process.name for process in Path("/proc").iterdir() if any(name in _mounts(process) for name in folders)
    ] == []
    again = up(fleet.lab, len(fleet.planted), systemd=len(fleet.with_systemd), kinds=len(fleet.kinds))
    assert [fleet.truth(host) for host in lost] == before
    assert len(again) == len(fleet.hosts)


def _mounts(process: Path) -> str:
    try:
        return (process / "mounts").read_text(errors="replace")
    except OSError:
        return ""


def test_the_lab_is_refused_while_somebody_uses_it(fleet: "Fleet") -> None:
    assert OWNER_FILE.read_text().strip() == str(fleet.lab.home)
    command = [sys.executable, "-m", "tests.lab", "down"]
    environment = {**os.environ, HOME_VARIABLE: str(fleet.lab.home)}
    done = subprocess.run(command, cwd=_ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"in use by process {os.getpid()}" in done.stderr


@pytest.mark.usefixtures("fleet")
def test_the_command_tells_the_truth_of_a_host() -> None:
    command = [sys.executable, "-m", "tests.lab", "truth", "h001"]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=True)
    told = yaml.safe_load(done.stdout)
    assert told["role"] == "clean"
    assert {control: given["verdict"] for control, given in told["verdicts"].items()} == {
        "unapproved_product": "pass",
        "approved_tenant": "not_applicable",
        "approved_version": "not_applicable",
        "approved_listener": "not_applicable",
        "approval_review": "not_applicable",
        "exposed_listener": "pass",
        # The ordinary host of the lab loads no packet filter at all.
        "host_filter": "fail",
        "unused_opening": "pass",
        "product_egress": "not_applicable",
        "product_settings": "pass",
        "complete_inventory": "pass",
        "software_installers": "pass",
        "writable_program_path": "pass",
        "execution_control": "not_applicable",
        "remote_desktop": "not_applicable",
        "renamed_product": "not_applicable",
        "audit_interval": "not_applicable",
        "idle_product": "not_applicable",
        "new_product": "not_applicable",
        "reinstalled_product": "not_applicable",
        "seen_outside": "not_applicable",
        "windows_installer_policy": "not_applicable",
        "screen_sharing": "not_applicable",
        "server_security": "pass",
        "remote_access_at_boot": "pass",
        "per_user_copy": "pass",
        "deleted_executable": "pass",
        "session_peers": "pass",
        "unknown_listener": "pass",
    }
