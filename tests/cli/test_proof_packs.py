"""A proof pack tells the same as its host, and not whose it is."""

import hashlib
import stat
import tomllib
from pathlib import Path

import pytest

from tests.cli.asked_doctor import doctor, inventory, replayed
from tests.run.hostile_answers import ANSWERS, TOKEN, body_of, recorded_sections

KEY = "AAAAC3NzaC1lZDI1NTE5AAAAIFzQ0canaryKEY0canaryKEY0canaryKEY0canary"
CANARIES = (
    "canaryhost", "canary.example", "zqcorp", "zqalice", "Alice Zq", "zqbob", "zqcarol", "zqteam", "203.0.113.77",
    "203.0.113.9", "2001:db8:77::5", "4a:5b:6c:7d:8e:9f", "4a5b6c7d8e9f", "4D0171CB", KEY, "16C7e42F292c6912E771",
    "hunter2canary", "987654321", "db7.internal", "8c2f6f1e-0b1d-4b7c-9d0e-5c1f2a3b4c5d",
)  # fmt: skip
PLANTED = {
    "accounts.users": recorded_sections()["accounts.users"]
    + b"zqalice:x:1001:1001:Alice Zq,Room 7:/home/zqalice:/bin/bash\n"
    + b"zqcarol:x:1002:1002::/home/zqcarol:/bin/bash\n",
    "accounts.groups": recorded_sections()["accounts.groups"] + b"zqteam:x:1900:zqalice,zqcarol\n",
    "accounts.sudoers": b"file /etc/sudoers\nlines\n/etc/sudoers:1:zqbob ALL=(ALL) NOPASSWD: ALL\n"
    b"/etc/sudoers:2:zqalice canaryhost=(root) /usr/bin/id\n/etc/sudoers:3:%zqteam ALL=(ALL) ALL\n",
    "processes.procfs": b"self 9\nboot 1700000000\n1\t0\tS\t1\t0\troot\t/\tinit\t/sbin/init\n"
    b"9\t1\tS\t1\t0\troot\t/\tsh\tsh\n"
    b"77\t1\tS\t5\t1001\tzqalice\t/user.slice\tx\t/home/zqalice/x --to=203.0.113.77:443,[2001:db8:77::5]:1 "
    b"zqalice@canaryhost.canary.example via db7.internal ssh-ed25519 " + KEY.encode() + b" --id=987654321 "
    b"ghp_16C7e42F292c6912E7710c838347Ae178B4a --password hunter2canary 8c2f6f1e-0b1d-4b7c-9d0e-5c1f2a3b4c5d\n"
    b"78\t1\tS\t6\t0\troot\t/\tanydesk\t/usr/bin/anydesk --service\n"
    b"links\nl 1 0 0 0 Nov 21 06:52 /proc/1/exe -> /sbin/init\nl 1 0 0 0 Nov 21 06:52 /proc/77/exe -> /home/zqalice/x\n"
    b"l 1 0 0 0 Nov 21 06:52 /proc/78/exe -> /usr/bin/anydesk\nnames\n",
    "network.interfaces": b"1: lo: <LOOPBACK,UP> mtu 65536\n    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00\n"
    b"    inet 127.0.0.1/8 scope host lo\n2: enx4a5b6c7d8e9f: <UP> mtu 1500\n"
    b"    link/ether 4a:5b:6c:7d:8e:9f brd ff:ff:ff:ff:ff:ff\n    inet 203.0.113.77/24 brd 203.0.113.255 scope global\n"
    b"    inet6 2001:db8:77::5/64 scope global\ndefault via 203.0.113.9 dev enx4a5b6c7d8e9f \n",
    "services.systemd": recorded_sections()["services.systemd"]
    + b"unit\t/etc/systemd/system/zqcorp-backup.service\t\t\t\t/opt/zqcorp/run --host canaryhost\tBackup of zqcorp\n",
    "firewall.nft": b'{"nftables": [{"metainfo": {"version": "1.0.6", "json_schema_version": 1}}, {"table": {"family": '
    b'"inet", "name": "zqcorp", "handle": 1}}, {"chain": {"family": "inet", "table": "zqcorp", "name": "in", "handle": '
    b'1, "type": "filter", "hook": "input", "prio": 0, "policy": "drop"}}, {"rule": {"family": "inet", "table": '
    b'"zqcorp", "chain": "in", "handle": 2, "comment": "canaryhost for zqalice", "expr": [{"match": {"op": "==", '
    b'"left": {"payload": {"protocol": "ip", "field": "saddr"}}, "right": {"set": ["203.0.113.9", {"prefix": {"addr": '
    b'"203.0.112.0", "len": 24}}, {"range": ["203.0.113.77", "203.0.113.99"]}]}}}, {"accept": null}]}}]}\n',
    "sockets.ss": b"sees all\nfiles\n/proc/net/tcp:  sl  local_address rem_address   st tx_queue rx_queue tr tm->when "
    b"retrnsmt   uid  timeout inode\n/proc/net/tcp:   0: 4D0171CB:0016 00000000:0000 0A 00000000:00000000 00:00000000 "
    b"00000000     0        0 12345678 1 0000000000000000 100 0 0 10 0\ndescriptors\n/proc/78/fd:\n"
    b"l 1 0 0 0 Nov 21 06:52 3 -> socket:[12345678]\n",
}


def pack_of(folder: Path) -> Path:
    (pack,) = (folder / "proof").iterdir()
    return pack


def test_a_proof_pack_tells_the_same_and_not_whose_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body = body_of(PLANTED).replace(b"hostname h\n", b"hostname canaryhost.zqcorp.canary.example\n")
    noise = f"sudo: zqalice at canaryhost\n{TOKEN} begin processes.procfs\nls: /home/zqalice: denied\n".encode()
    inventory_file = replayed(tmp_path, body, noise)
    status, rows = doctor(capsys, "-i", inventory_file, "--record", "-o", str(tmp_path / "proof"))
    assert rows["proof pack"]["state"] == "ok", rows["proof pack"]
    assert "Read through the proof pack" in rows["proof pack"]["advice"]
    pack = pack_of(tmp_path)
    text = "".join(file.read_text() for file in pack.iterdir()) + pack.name
    before = (tmp_path / "answer.probe").read_text() + noise.decode()
    for canary in CANARIES:
        assert canary in before, canary
        assert canary.lower() not in text.lower(), canary

    about = tomllib.loads((pack / "case.toml").read_text())
    assert (about["synthetic"], about["os"]) == (False, "Debian GNU/Linux 12 (bookworm)")
    assert about["products"] == ["anydesk, running, confirmed"]
    assert about["differs"] == []
    assert about["sections"]["firewall.nft"]["same"] is True
    assert about["sections"]["sockets.ss"]["facts"] == {"Listener": 1}
    assert about["replaced"]["secrets"] == 1
    for line in (pack / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((pack / name).read_bytes()).hexdigest() == digest
    assert {file.name for file in pack.iterdir()} == {"SHA256SUMS", "answer.probe", "answer.probe.stderr", "case.toml"}
    assert stat.S_IMODE(pack.stat().st_mode) == 0o700

    # It is an answer like any other: an audit can replay it, and finds the same.
    (tmp_path / "again").mkdir()
    again = inventory(tmp_path / "again", address="x", connection="replay", replay=str(pack / "answer.probe"))
    status_again, rows_again = doctor(capsys, "-i", again)
    rows.pop("proof pack")
    assert status_again == status
    assert {check: (row["state"], row["reason"]) for check, row in rows_again.items()} == {
        check: (row["state"], row["reason"]) for check, row in rows.items()
    }


def test_names_that_have_to_stay_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    users = recorded_sections()["accounts.users"] + b"tcp:x:1001:1001::/home/tcp:/bin/sh\n"
    file = replayed(tmp_path, body_of({"accounts.users": users}))
    _, rows = doctor(capsys, "-i", file, "--record", "-o", str(tmp_path / "proof"))
    assert "these names stay, for readers look for the words:" in rows["proof pack"]["detail"]
    assert "tcp" in rows["proof pack"]["detail"].rpartition("words:")[2]


def test_no_pack_is_made_of_a_host_that_did_not_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, rows = doctor(capsys, "-i", replayed(tmp_path, b"nothing\n"), "--record", "-o", str(tmp_path / "proof"))
    assert (status, "proof pack" in rows) == (1, False)
    assert list((tmp_path / "proof").iterdir()) == []


@pytest.mark.parametrize(
    "name",
    ["an-endless-line", "escapes-in-names", "half-a-character", "nul-and-broken-utf-8", "addresses-times-networks"],
)
@pytest.mark.slow
def test_a_hostile_answer_is_scrubbed_within_limits_or_not_at_all(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = replayed(tmp_path, body_of(ANSWERS[name].sections))
    status, rows = doctor(capsys, "-i", file, "--record", "-o", str(tmp_path / "proof"))
    assert status in (0, 1)
    said = rows["proof pack"]
    assert said["state"] in ("ok", "note")
    assert said["reason"] in (None, "reader_limit")
