"""Settings in the form that products write are read over SSH: tenants and verdicts are right, and no secret leaves."""

import base64
import sqlite3
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.lab.auditing import Audited, audit, inventory_of
from tests.lab.conftest import Fleet
from tests.lab.fleet.host import Host

pytestmark = pytest.mark.lab

_SECRET = "canary-settings-4d1f"
_TOLD = "desk.lab.example"
_PROGRAMS = {
    "rustdesk": "/usr/bin/rustdesk",
    "anydesk": "/usr/bin/anydesk",
    "teamviewer": "/opt/teamviewer/tv_bin/teamviewerd",
    "ngrok": "/usr/local/bin/ngrok",
    "cloudflared": "/usr/local/bin/cloudflared",
    "code-server": "/usr/lib/code-server/lib/node",
    "frp": "/usr/local/bin/frps",
}
_TENANTS = {
    "rustdesk": _TOLD,
    "anydesk": None,
    "teamviewer": "helpdesk@lab.example",
    "ngrok": None,
    "cloudflared": "6ff42ae2-765d-4adf-8112-31c55c1551ef",
    "code-server": None,
    "frp": "frp.lab.example",
}
_RUSTDESK, _RUSTDESK2 = (f"/root/.config/rustdesk/{name}.toml" for name in ("RustDesk", "RustDesk2"))
_ANYDESK, _TEAMVIEWER = "/etc/anydesk/system.conf", "/opt/teamviewer/config/global.conf"
_NGROK, _CLOUDFLARED = "/root/.config/ngrok/ngrok.yml", "/etc/cloudflared/config.yml"
_CODE_SERVER = "/home/plain/.config/code-server/config.yaml"
_FRPC, _FRPS = "/etc/frp/frpc.toml", "/etc/frp/frps.toml"
_PLAIN = ("/home/plain/.config",)
# What differs between a host that is set well and one that is not is in braces.
_FILES = {
    _RUSTDESK: """\
enc_id = '00vYV5qJ7VYwc9'
{password}salt = 'canary-settings-4d1f'
key_pair = [
    [
    1,
    2,
],
    [3],
]
key_confirmed = true

[keys_confirmed]
rs-ny = true
""",
    _RUSTDESK2: """\
rendezvous_server = 'desk.lab.example:21116'
nat_type = 1
serial = 0
unlock_pin = 'canary-settings-4d1f'

[options]
custom-rendezvous-server = 'desk.lab.example'
{direct}proxy-password = 'canary-settings-4d1f'
""",
    _ANYDESK: """\
ad.anynet.alias=
ad.anynet.id=987654321
ad.anynet.cert=-----BEGIN CERTIFICATE-----\\ncanary-settings-4d1f
ad.anynet.pkey=canary-settings-4d1f
{hash}ad.security.interactive_access=1
""",
    _TEAMVIEWER: """\
TeamViewer User Settings
# It is not recommended to edit this file manually


[int32] ClientID = 1234567890
[strng] OwningManagerAccountName = "helpdesk@lab.example"
{permanent}[bin  ] Certificate = 63 61 6E 61
[strng] SRPPassword = "canary-settings-4d1f"
""",
    _NGROK: """\
version: "2"
authtoken: canary-settings-4d1f
{management}tunnels:
  ssh:
    proto: tcp
    addr: 22
  web:
    proto: http
    addr: 80
    basic_auth:
      - "admin:canary-settings-4d1f"
""",
    _CLOUDFLARED: """\
tunnel: 6ff42ae2-765d-4adf-8112-31c55c1551ef
credentials-file: /root/.cloudflared/canary-settings-4d1f.json

ingress:
  - hostname: ssh.lab.example
    service: ssh://localhost:22
  - service: http_status:404
""",
    _CODE_SERVER: """\
bind-addr: {bind}
auth: {auth}
password: canary-settings-4d1f
cert: false
""",
    _FRPC: """\
serverAddr = "frp.lab.example"
serverPort = 7000

[auth]
method = "token"
token = "canary-settings-4d1f"

[[proxies]]
name = "ssh"
type = "tcp"
localPort = 22
remotePort = 6000
secretKey = "canary-settings-4d1f"
allowUsers = [
  "*",
]
""",
    _FRPS: """\
bindPort = 7000
{token}webServer.addr = "{page}"
webServer.port = 7500
webServer.user = "admin"
webServer.password = "canary-settings-4d1f"
allowPorts = [
  {{ start = 2000, end = 3000 }},
]
""",
}
_SAFE = {
    "password": "password = ''\n", "direct": "", "hash": "ad.anynet.pwd_hash=\n", "permanent": "", "management": "",
    "bind": "127.0.0.1:8080", "auth": "password", "token": 'auth.token = "canary-settings-4d1f"\n', "page": "127.0.0.1",
}  # fmt: skip
_UNSAFE = {
    "password": "password = '00canary-settings-4d1f'\n", "direct": "direct-server = 'Y'\n",
    "hash": "ad.anynet.pwd_hash=canary-settings-4d1f\nad.anynet.pwd_salt=canary-settings-4d1f\n",
    "permanent": '[strng] PermanentPassword = "canary-settings-4d1f"\n', "management": "remote_management: true\n",
    "bind": "0.0.0.0:8080", "auth": "none", "token": "", "page": "0.0.0.0",
}  # fmt: skip
_BROKEN = {
    ("rustdesk", _RUSTDESK, "password", "medium"),
    ("rustdesk", _RUSTDESK2, "direct-server", "medium"),
    ("anydesk", _ANYDESK, "ad.anynet.pwd_hash", "medium"),
    ("teamviewer", _TEAMVIEWER, "PermanentPassword", "medium"),
    ("ngrok", _NGROK, "remote_management", "medium"),
    ("code-server", _CODE_SERVER, "auth", "high"),
    ("frp", _FRPS, "auth.token", "medium"),
    ("frp", _FRPS, "webServer.addr", "medium"),
}
_NOTES = "/run/lab-settings"
# What was made is noted, so that a host is afterwards what it was.
_PLANT = f"""
set -e
mkdir {_NOTES}
: >{_NOTES}/folders >{_NOTES}/files >{_NOTES}/pids
folder() {{
    [ ! -d "$1" ] || return 0
    folder "${{1%/*}}"
    mkdir "$1"
    echo "$1" >>{_NOTES}/folders
}}
put() {{
    [ ! -e "$1" ] || {{ echo "$1 is there" >&2; exit 1; }}
    folder "${{1%/*}}"
    base64 -d >"$1"
    echo "$1" >>{_NOTES}/files
}}
run() {{
    put "$1" </dev/null
    cp /bin/sleep "$1"
    chmod 755 "$1"
    setsid "$1" 3600 </dev/null >/dev/null 2>&1 &
    echo $! >>{_NOTES}/pids
}}
"""
_HEAL = f"""
[ -d {_NOTES} ] || exit 0
while read -r pid; do kill "$pid" || :; done <{_NOTES}/pids
while read -r file; do rm -f "$file"; done <{_NOTES}/files
tac {_NOTES}/folders | while read -r folder; do rmdir "$folder"; done
rm -r {_NOTES}
"""
Plant = Callable[..., Host]


def planting(files: dict[str, str], programs: list[str]) -> str:
    """Write the script that puts files and running programs on a host."""
    lines = []
    for path, text in files.items():
        lines.append(f"echo {base64.b64encode(text.encode()).decode()} | put {path}")
    lines += [f"[ ! -e {folder} ] || chown -R plain: {folder}" for folder in _PLAIN]
    lines += [f"run {path}" for path in programs]
    return _PLANT + "\n".join(lines) + "\n"


@pytest.fixture
def plant(fleet: Fleet) -> Iterator[Plant]:
    """Return what sets a host's products up; whatever was put there is gone afterwards."""
    hosts: list[Host] = []

    def act(role: str, files: dict[str, str], programs: list[str]) -> Host:
        host = fleet.host(role)
        hosts.append(host)
        host.run("sh -s", feed=planting(files, programs))
        return host

    yield act
    for host in hosts:
        host.run("sh -s", feed=_HEAL)


def _written(values: dict[str, str]) -> dict[str, str]:
    return {path: text.format(**values) for path, text in _FILES.items()}


def _row(audited: Audited, host: Host) -> dict[str, Any]:
    rows: list[dict[str, Any]] = audited.hosts[host.name]["verdicts"]
    return next(one for one in rows if one["control"] == "product_settings")


def _broken(audited: Audited, host: Host) -> set[tuple[str, str, str, str]]:
    """Return product, file, key and severity of each setting that the control names."""
    found = set()
    for one in _row(audited, host)["violations"]:
        kind, product, place, key = one["subject"].split(":", 3)
        assert kind == "setting"
        found.add((product, place, key, one["severity"]))
    return found


def _kept(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield everything that a run wrote: files as they are, and what the store packs."""
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            yield str(file), file.read_bytes()
    with closing(sqlite3.connect(folder / "store.sqlite")) as store:
        tables = [name for (name,) in store.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for row in store.execute(f'SELECT * FROM "{table}"'):  # noqa: S608 — a name that SQLite itself told
                for value in row:
                    packed = value if isinstance(value, bytes) else str(value).encode()
                    try:
                        yield table, zlib.decompress(packed)
                    except zlib.error:
                        yield table, packed


def _assert_no_secret_left(audited: Audited, folder: Path) -> None:
    kept = list(_kept(folder))
    assert [name for name, content in kept if _SECRET.encode() in content] == []
    assert _SECRET not in audited.printed + audited.said
    # The search finds what was told: in the store, packed as it is, and in a report.
    told = {name for name, content in kept if _TOLD.encode() in content}
    assert any(name.endswith("results.json") for name in told)
    assert any("/" not in name for name in told)


def test_settings_that_are_unsafe_are_named_with_whose_instance_it_is(
    plant: Plant, fleet: Fleet, tmp_path: Path
) -> None:
    unsafe = plant("clean", _written(_UNSAFE), list(_PROGRAMS.values()))
    safe = plant("clean-nft", _written(_SAFE), list(_PROGRAMS.values()))
    audited = audit(fleet.lab, inventory_of(fleet.lab, (unsafe, safe), tmp_path / "hosts.yml"), tmp_path)
    for host in (unsafe, safe):
        seen = {one["product"]: one["tenant"] for one in audited.hosts[host.name]["sightings"]}
        assert {product: seen.get(product, "not seen") for product in _TENANTS} == _TENANTS
    assert _broken(audited, unsafe) == _BROKEN
    assert audited.verdicts(unsafe.name)["product_settings"] == "fail"
    assert _broken(audited, safe) == set()
    assert audited.verdicts(safe.name)["product_settings"] == "pass", _row(audited, safe)["gaps"]
    _assert_no_secret_left(audited, tmp_path)


def test_an_account_without_rights_passes_nothing_and_learns_no_secret(
    plant: Plant, fleet: Fleet, tmp_path: Path
) -> None:
    host = plant("clean", _written(_UNSAFE), list(_PROGRAMS.values()))
    inventory = inventory_of(fleet.lab, (host,), tmp_path / "hosts.yml", user="plain")
    audited = audit(fleet.lab, inventory, tmp_path)
    assert _broken(audited, host) <= _BROKEN
    assert audited.verdicts(host.name)["product_settings"] in ("fail", "unknown")
    assert [name for name, content in _kept(tmp_path) if _SECRET.encode() in content] == []


def test_what_stands_in_no_file_that_is_read_is_not_known(plant: Plant, fleet: Fleet, tmp_path: Path) -> None:
    elsewhere = {"/srv/tunnel/frps.toml": 'auth.token = "canary-settings-4d1f"\n'}
    host = plant("clean", elsewhere, [_PROGRAMS["frp"]])
    audited = audit(fleet.lab, inventory_of(fleet.lab, (host,), tmp_path / "hosts.yml"), tmp_path)
    assert audited.verdicts(host.name)["product_settings"] == "unknown"
    reasons = [one["reason"] for one in _row(audited, host)["gaps"]]
    assert "no file was found that would say frp: auth.token, common.token" in reasons


def test_a_file_that_is_not_read_to_its_end_proves_nothing(plant: Plant, fleet: Fleet, tmp_path: Path) -> None:
    host = plant("clean", {_FRPS: 'text = """\nauth.token = "canary-settings-4d1f"\n"""\n'}, [_PROGRAMS["frp"]])
    audited = audit(fleet.lab, inventory_of(fleet.lab, (host,), tmp_path / "hosts.yml"), tmp_path)
    assert _broken(audited, host) == set()
    assert audited.verdicts(host.name)["product_settings"] == "unknown"
    assert any(f"{_FRPS} is not written as it should be" in one["reason"] for one in _row(audited, host)["gaps"])
    assert [name for name, content in _kept(tmp_path) if _SECRET.encode() in content] == []


def test_a_host_is_afterwards_what_it_was(fleet: Fleet) -> None:
    host = fleet.host("clean")
    look = "find /etc /home /opt /root /run/lab-settings /usr /srv -xdev 2>/dev/null | sort | cksum"
    before = host.run(look)
    host.run("sh -s", feed=planting(_written(_SAFE), list(_PROGRAMS.values())))
    assert host.run(look) != before
    host.run("sh -s", feed=_HEAL)
    assert host.run(look) == before
