"""An account that may run this version's probe and nothing else is audited as root is, in the same one round trip."""

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from auditor.cli.main import main
from auditor.collect.probe import INSTALLED, entry_script, sh_probe
from tests.lab.auditing import Audited, audit, inventory_of
from tests.lab.conftest import Fleet
from tests.lab.fleet.host import Host

pytestmark = pytest.mark.lab

Shown = Callable[..., str]


@pytest.fixture
def shown(capsys: pytest.CaptureFixture[str]) -> Shown:
    """Return what `auditor probe show` prints."""

    def show(*words: str) -> str:
        assert main(["probe", "show", *words]) == 0
        return capsys.readouterr().out

    return show


@dataclass(frozen=True, kw_only=True)
class Pinned:
    """A host with the probe installed, and a key of its own."""

    fleet: Fleet
    host: Host
    key: Path

    def install(self, path: str, text: str, mode: str = "0755") -> None:
        """Write a file of root's on the host."""
        self.host.run(f"mkdir -p /usr/local/libexec; cat >{path} && chmod {mode} {path}", feed=text)

    def grant(self, user: str, shown: Shown) -> None:
        """Grant a user the probe by its digest."""
        self.install("/etc/sudoers.d/auditor-probe", shown("sh", "--sudoers", user), "0440")
        self.host.run("visudo -cf /etc/sudoers.d/auditor-probe")

    def ssh(self, user: str, *command: str, key: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command as a client would."""
        options = ("-F", "/dev/null", "-o", "BatchMode=yes", "-o", f"UserKnownHostsFile={self.fleet.lab.known_hosts}")
        words = ["ssh", *options, "-i", str(key or self.fleet.lab.key), "-o", "IdentitiesOnly=yes"]
        return subprocess.run(
            [*words, f"{user}@{self.host.address}", *command],
            capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=30,
        )  # fmt: skip

    def audit(self, folder: Path, *, key: Path | None = None, **variables: object) -> Audited:
        """Audit it alone."""
        folder.mkdir()
        inventory = inventory_of(self.fleet.lab, (self.host,), folder / "hosts.yml", **variables)
        if key is not None:
            rows = yaml.safe_load(inventory.read_text())
            rows[0]["ansible_ssh_private_key_file"] = str(key)
            inventory.write_text(yaml.safe_dump(rows))
        return audit(self.fleet.lab, inventory, folder)

    def assert_truth(self, audited: Audited) -> None:
        """Hold the verdicts against what is planted."""
        truth = self.fleet.truth(self.host)["verdicts"]
        assert audited.verdicts(self.host.name) == {control: row["verdict"] for control, row in truth.items()}


@pytest.fixture
def pinned(fleet: Fleet, tmp_path: Path) -> Iterator[Pinned]:
    host = fleet.host("clean")
    key = tmp_path / "pinned"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    keys = "/etc/ssh/fleet_authorized_keys"
    before = host.run(f"cat {keys}")
    made = Pinned(fleet=fleet, host=host, key=key)
    made.install(INSTALLED, sh_probe())
    made.install(f"{INSTALLED}-entry", entry_script())
    yield made
    host.run("rm -rf /usr/local/libexec /etc/sudoers.d/auditor-probe")
    made.install(keys, before, "0644")


def test_sudo_grants_the_probe_by_its_digest(pinned: Pinned, shown: Shown, tmp_path: Path) -> None:
    pinned.grant("plain", shown)
    audited = pinned.audit(tmp_path / "same", user="plain", ansible_become=True)
    row = audited.hosts[pinned.host.name]
    assert (row["rights"], row["privilege_note"]) == ("sudo", None)
    pinned.assert_truth(audited)
    for command in ("sudo -n id", "sudo -n /bin/sh -c id", f"sudo -n {INSTALLED} argument", "sudo -n -u daemon id"):
        refused = pinned.ssh("plain", command)
        assert refused.returncode != 0, command
        assert "uid=" not in refused.stdout, command
    # What sudo runs as root is not led astray by the words of a call, by the environment, or by names that are printed.
    evil = "00 1$(id>&2) a[$(id>&2)] 1 none"
    assert "uid=" not in pinned.ssh("plain", f"echo '{evil}' | sudo -n {INSTALLED}").stderr
    for variables in ("auditor_p='00 8 4 5 none' sudo -n", "sudo -n auditor_p='00 8 4 5 none'", "sudo -nE"):
        said = pinned.ssh("plain", f"echo | {variables} {INSTALLED}")
        assert (said.stdout, said.returncode != 0) == ("", True), variables
    shadow = pinned.host.run("head -n 1 /etc/shadow").strip()
    commands = (
        'cd /tmp && d=$(printf \'a\\n00 read plain\\t/etc\') && mkdir -p "$d" && cp /bin/sleep "$d/shadow"',
        '"$d/shadow" 20 & sleep 0.2',
        f"echo '00 8 4000000 45 none' | sudo -n {INSTALLED} | tail -n +2 | gzip -dc",
        'rm -r "$d"; kill $!',
    )
    forged = pinned.ssh("plain", "\n".join(commands)).stdout
    assert forged.rstrip().endswith("@finish")
    assert "read plain" in forged
    assert shadow not in forged

    pinned.install(INSTALLED, sh_probe() + "id\n")
    row = pinned.audit(tmp_path / "other", user="plain", ansible_become=True).hosts[pinned.host.name]
    assert (row["rights"], row["outcome"]) == ("user", "partial")
    assert "another version" in row["privilege_note"]


def test_a_forced_command_runs_the_probe_whatever_is_asked(pinned: Pinned, shown: Shown, tmp_path: Path) -> None:
    line = shown("sh", "--authorized-keys", str(pinned.key) + ".pub")
    pinned.host.run(f"cat >>/etc/ssh/fleet_authorized_keys <<'END'\n{line}END")
    audited = pinned.audit(tmp_path / "same", key=pinned.key)
    assert audited.hosts[pinned.host.name]["rights"] == "root"
    pinned.assert_truth(audited)
    for command in ("id", "cat /etc/shadow", ""):
        refused = pinned.ssh("root", *([command] if command else []), key=pinned.key)
        assert (refused.returncode, refused.stdout) == (65, "auditor-probe got no call\n"), command

    # The same key in an account without rights, whose sudo grants the probe by its digest.
    pinned.grant("plain", shown)
    audited = pinned.audit(tmp_path / "plain", key=pinned.key, user="plain", ansible_become=True)
    row = audited.hosts[pinned.host.name]
    assert (row["rights"], row["privilege_note"]) == ("sudo", None)
    pinned.assert_truth(audited)
    assert pinned.ssh("plain", "sudo -n id", key=pinned.key).stdout == "auditor-probe got no call\n"

    pinned.install(INSTALLED, sh_probe() + "id\n")
    (row,) = pinned.audit(tmp_path / "other", key=pinned.key).results["ledger"]
    assert row["reason"] == "probe_failed"
    assert "another version" in row["detail"]
