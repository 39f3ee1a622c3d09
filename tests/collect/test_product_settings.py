"""Settings of products are told by name, in every shell and awk; a secret never is, and no home borrows root's eyes."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from auditor.collect.remote_config.product_files import FILES
from auditor.collect.remote_config.product_form import Grammar
from auditor.collect.remote_config.product_script import POSIX
from auditor.model.facts.remote_config import RemoteAccessSetting, SettingsFile

Run = Callable[..., Any]
pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(shutil.which("unshare") is None, reason="unshare is not installed"),
]
_SHELLS = ("dash", "busybox", *(pytest.param(name, marks=pytest.mark.slow) for name in ("bash", "mksh", "zsh")))
_NAME = "remote_config.products"
_SECRET = "hunter2-never-told"
_PASSWD = (
    "root:x:0:0:root:/root:/bin/bash\n"
    "alice:x:4001:4001:Alice:/home/alice:/bin/sh\n"
    "mallory:x:4002:4002:Mallory:/home/mallory:/bin/sh\n"
)
# What is planted lies in folders that are made new, and nowhere else.
_NEW = ("/home/", "/root/", "/opt/", "/usr/local/", "/var/lib/", "/etc/")
_SETUP = r"""
set -e
mount --make-rprivate /
mount --bind "$0/passwd" /etc/passwd
mount -t tmpfs -o mode=755 tmpfs /home
mount -t tmpfs -o mode=700 tmpfs /root
mount -t tmpfs -o mode=755 tmpfs /opt
mount -t tmpfs -o mode=755 tmpfs /usr/local
mount -t tmpfs -o mode=755 tmpfs /var/lib
mkdir /opt/etc
cp -a /etc/. /opt/etc 2>/dev/null || :
mount -t tmpfs -o mode=755 tmpfs /etc
cp -a /opt/etc/. /etc
rm -rf /opt/etc
cp -a "$0/files/." /
chown -R 4001:4001 /home/alice
chown -hR 4002:4002 /home/mallory
chmod 755 /home/*
chmod 700 /root
exec "$@"
"""
_RUSTDESK = """rendezvous_server = 'rs.example.org:21116'
nat_type = 1
unlock_pin = ''

[options]
custom-rendezvous-server = "desk.example.org"
relay-server = 'relay.example.org' # ours
key = 'OeVuKk5nlHiXp+APNn0Y3pC1Iwpwn44JGqrQCsWqmBw='
direct-server = 'Y'
whitelist = ''
proxy-password = 'hunter2-never-told'
"""
_ANYDESK = """ad.anynet.id=123456789
ad.anynet.pwd_hash=hunter2-never-told
ad.anynet.cert=-----BEGIN CERTIFICATE-----hunter2-never-told
ad.security.acl_list=*@example.org:true;a=b
ad.security.interactive_access=0
ad.security.permission_profiles._unattended_access.pwd=hunter2-never-told
ad.security.permission_profiles._unattended_access.salt=hunter2-never-told
ad.security.permission_profiles._unattended_access.permissions.sas=1
ad.security.pwd=
"""
_FILES = {
    "/home/alice/.config/rustdesk/RustDesk.toml": (
        "enc_id = 'x'\npassword = '00hunter2-never-told'\nsalt = 'x'\nkey_pair = [[\n    1,\n], []]\n"
    ),
    "/home/alice/.config/rustdesk/RustDesk2.toml": _RUSTDESK,
    "/home/alice/.config/chrome-remote-desktop/host#0a.json": (
        '{"host_id":"x","host_owner":"a\\/b@example.org","host_secret_hash":"hmac:hunter2-never-told",'
        '"private_key":"hunter2-never-told\\"}","nested":{"host_owner":"not told","list":[1,{"a":[]}]},'
        '"require_session_authz":true,"oauth_refresh_token":null}'
    ),
    "/etc/anydesk/system.conf": _ANYDESK,
    "/etc/tacticalagent": (
        '{\n  "agentid": "AbC",\n  "apiurl": "api.example.org",\n'
        '  "baseurl": "https://u:hunter2-never-told@rmm.example.org",\n  "token": "hunter2-never-told"\n}\n'
    ),
    "/opt/teamviewer/config/global.conf": (
        'TeamViewer Global Settings\n\n[int32] ClientID = 1\n[strng] OwningManagerAccountName = "it@example.org"\n'
        '[bin  ] PermanentPassword = "hunter2-never-told"\n[int32] Security_PasswordStrength = 3\n'
    ),
    "/opt/tacticalmesh/meshagent.msh": (
        "\ufeffMeshName=Example\r\nMeshType=2\r\nMeshID=0xAB\r\nServerID=CD\r\n"
        "MeshServer=wss://mesh.example.org:443/agent.ashx\r\nWebProxy=http://u:hunter2-never-told@proxy\r\n"
    ),
    "/opt/connectwisecontrol-0123456789abcdef/ClientLaunchParameters.txt": (
        "?h=relay.example.org&p=443&k=BgIAAACk&e=Access&y=Guest&s=1"
    ),
    "/home/alice/.config/ngrok/ngrok.yml": (
        "version: 2\nauthtoken: hunter2-never-told\ntunnels:\n  ssh:\n    addr: 22 # mine\n    proto: tcp\n"
        "  web:\n    - addr: 'http://u:hunter2-never-told@127.0.0.1:80'\n    auth: \"u:hunter2-never-told\"\n"
        '    basic_auth:\n      - "u:hunter2-never-told"\n'
    ),
    "/etc/cloudflared/config.yml": (
        "---\ntunnel: 6ff42ae2\ncredentials-file: /etc/x.json\n\ningress:\n  - hostname: a.example.org\n"
        "    service: ssh://localhost:22\n  - service: http_status:404\n"
    ),
    "/etc/frp/frps.toml": (
        'bindPort = 7000\nauth.method = "token"\nwebServer.addr = "0.0.0.0"\n[auth]\ntoken = "hunter2-never-told"\n'
        "[webServer]\npassword = 'hunter2-never-told'\n"
        'allowPorts = [\n  { start = 1, token = "hunter2-never-told" },\n]\n'
        '[[proxies]]\nname = "rdp"\ntype = "tcp"\nsecretKey = "hunter2-never-told"\n'
    ),
    "/etc/netbird/config.json": (
        '{"PrivateKey": "hunter2-never-told", "ManagementURL": {"Scheme": "https",'
        ' "User": {"Host": "hunter2-never-told"}, "Host": "mesh.example.org:443"},'
        ' "Peers": [{"Host": "x", "ServerSSHAllowed": true}],'
        ' "ServerSSHAllowed": false}'
    ),
    "/etc/kasmvnc/kasmvnc.yaml": (
        "network:\n  interface: 0.0.0.0 # all\n  ssl:\n    require_ssl: false\nother:\n  ssl:\n    require_ssl: true\n"
    ),
    "/etc/pagekite.d/10_account.rc": (
        "# mine\nkitename   = x.pagekite.me\nkitesecret = hunter2-never-told\ninsecure\n"
        "service_on = http:@kitename : localhost:80 : hunter2-never-told\n"
    ),
    "/etc/xpra/conf.d/50_server_network.conf": (
        "# tcp-auth = none\ntcp-auth = none\nssl-auth = password:value=hunter2-never-told\n"
    ),
    "/etc/guacamole/guacamole.properties": (
        "guacd-hostname: localhost\nmysql-password: hunter2-never-told\nldap-search-bind-password hunter2-never-told\n"
    ),
    "/opt/JWrapper-Remote Access/JWAppsSharedConfig/serviceconfig.xml": (
        "<?xml version='1.0'?>\n<Service>\n <Password>hunter2-never-told</Password>\n <ConnectTo>\n  udp://help.example.org:443"
        "\n </ConnectTo></Service>\n"
    ),
    "/etc/default/orbit": "ORBIT_ENROLL_SECRET=hunter2-never-told\nORBIT_FLEET_URL=https://fleet.example.org\n",
    "/home/alice/.config/code-server/config.yaml": (
        "bind-addr: 127.0.0.1:8080\nauth: password\npassword: hunter2-never-told\ncert: false\n"
    ),
    "/home/alice/.pagekite.rc": "kitesecret=hunter2-never-told\n",
    "/var/lib/zerotier-one/networks.d/8056c2e21c000001.conf": "v=1\n",
    "/var/lib/zerotier-one/networks.d/8056c2e21c000001.local.conf": "allowManaged=1\n",
}
_TOLD = {
    ("anydesk", None, "ad.anynet.id", "123456789"),
    ("anydesk", None, "ad.anynet.pwd_hash", "(set)"),
    ("anydesk", None, "ad.security.acl_list", "*@example.org:true;a=b"),
    ("anydesk", None, "ad.security.interactive_access", "0"),
    ("anydesk", None, "ad.security.permission_profiles._unattended_access.pwd", "(set)"),
    ("anydesk", None, "ad.security.permission_profiles._unattended_access.salt", "(set)"),
    ("anydesk", None, "ad.security.permission_profiles._unattended_access.permissions.sas", "1"),
    ("tactical-rmm", None, "agentid", "AbC"),
    ("tactical-rmm", None, "apiurl", "api.example.org"),
    ("tactical-rmm", None, "baseurl", "https://rmm.example.org"),
    ("tactical-rmm", None, "token", "(set)"),
    ("teamviewer", None, "OwningManagerAccountName", "it@example.org"),
    ("teamviewer", None, "PermanentPassword", "(set)"),
    ("teamviewer", None, "Security_PasswordStrength", "3"),
    ("meshcentral", None, "MeshName", "Example"),
    ("meshcentral", None, "MeshType", "2"),
    ("meshcentral", None, "MeshID", "0xAB"),
    ("meshcentral", None, "ServerID", "CD"),
    ("meshcentral", None, "MeshServer", "wss://mesh.example.org:443/agent.ashx"),
    ("screenconnect", None, "h", "relay.example.org"),
    ("screenconnect", None, "p", "443"),
    ("screenconnect", None, "e", "Access"),
    ("cloudflared", None, "tunnel", "6ff42ae2"),
    ("cloudflared", None, "hostname", "a.example.org"),
    ("cloudflared", None, "service", "ssh://localhost:22"),
    ("cloudflared", None, "service", "http_status:404"),
    ("ngrok", "alice", "authtoken", "(set)"),
    ("ngrok", "alice", "addr", "22"),
    ("ngrok", "alice", "addr", "http://127.0.0.1:80"),
    ("ngrok", "alice", "proto", "tcp"),
    ("frp", None, "bindPort", "7000"),
    ("frp", None, "auth.method", "token"),
    ("frp", None, "auth.token", "(set)"),
    ("frp", None, "webServer.addr", "0.0.0.0"),
    ("frp", None, "webServer.password", "(set)"),
    ("frp", None, "proxies.type", "tcp"),
    ("frp", None, "proxies.secretKey", "(set)"),
    ("netbird", None, "PrivateKey", "(set)"),
    ("netbird", None, "ManagementURL.Scheme", "https"),
    ("netbird", None, "ManagementURL.Host", "mesh.example.org:443"),
    ("netbird", None, "ServerSSHAllowed", "false"),
    ("kasmvnc", None, "network.interface", "0.0.0.0"),
    ("kasmvnc", None, "network.ssl.require_ssl", "false"),
    ("pagekite", None, "kitename", "x.pagekite.me"),
    ("pagekite", None, "kitesecret", "(set)"),
    ("pagekite", None, "insecure", "given"),
    ("pagekite", "alice", "kitesecret", "(set)"),
    ("xpra", None, "tcp-auth", "none"),
    ("xpra", None, "ssl-auth", "(set)"),
    ("guacamole", None, "guacd-hostname", "localhost"),
    ("guacamole", None, "mysql-password", "(set)"),
    ("guacamole", None, "ldap-search-bind-password", "(set)"),
    ("simplehelp", None, "ConnectTo", "udp://help.example.org:443"),
    ("fleetd", None, "ORBIT_ENROLL_SECRET", "(set)"),
    ("fleetd", None, "ORBIT_FLEET_URL", "https://fleet.example.org"),
    ("code-server", "alice", "auth", "password"),
    ("code-server", "alice", "bind-addr", "127.0.0.1:8080"),
    ("code-server", "alice", "cert", "false"),
    ("code-server", "alice", "password", "(set)"),
    ("zerotier", None, "network", "8056c2e21c000001"),
    ("rustdesk", "alice", "password", "(set)"),
    ("rustdesk", "alice", "rendezvous_server", "rs.example.org:21116"),
    ("rustdesk", "alice", "custom-rendezvous-server", "desk.example.org"),
    ("rustdesk", "alice", "relay-server", "relay.example.org"),
    ("rustdesk", "alice", "key", "OeVuKk5nlHiXp+APNn0Y3pC1Iwpwn44JGqrQCsWqmBw="),
    ("rustdesk", "alice", "direct-server", "Y"),
    ("rustdesk", "alice", "whitelist", ""),
    ("chrome-remote-desktop", "alice", "host_owner", "a/b@example.org"),
    ("chrome-remote-desktop", "alice", "host_secret_hash", "(set)"),
    ("chrome-remote-desktop", "alice", "private_key", "(set)"),
    ("chrome-remote-desktop", "alice", "require_session_authz", "true"),
}


@pytest.fixture
def planted(tmp_path: Path) -> Callable[[dict[str, str]], tuple[str, ...]]:
    """Return what makes a host that has these files, whose words run a command there."""

    def plant(files: dict[str, str]) -> tuple[str, ...]:
        (tmp_path / "passwd").write_text(_PASSWD)
        for name in ("/home/alice/x", "/home/mallory/x", *files):
            assert name.startswith(_NEW)
            target = tmp_path / f"files{name}"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(files.get(name, ""), encoding="utf-8")
        return ("unshare", "--mount", "sh", "-c", _SETUP, str(tmp_path))

    return plant


Plant = Callable[[dict[str, str]], tuple[str, ...]]


def _told(answer: Any) -> set[tuple[str, str | None, str, str]]:
    return {(one.product, one.user, one.key, one.value) for one in _settings(answer)}


def _settings(answer: Any) -> list[RemoteAccessSetting]:
    return [one for _, one in answer.parsed.facts if isinstance(one, RemoteAccessSetting)]


def _whole(answer: Any) -> list[str]:
    """Return the files that were read to their end."""
    return [one.file for _, one in answer.parsed.facts if isinstance(one, SettingsFile)]


@pytest.mark.parametrize("shell", _SHELLS)
def test_settings_are_told_by_name_and_no_secret_is(shell: str, planted: Plant, run_fragment: Run) -> None:
    answer = run_fragment(_NAME, interpreter=shell, inside=planted(_FILES))
    assert (answer.words, answer.parsed.unread, answer.parsed.partial) == (set(), (), None)
    assert _told(answer) == _TOLD
    assert sorted(_whole(answer)) == sorted(name for name in _FILES if not name.startswith("/var/lib/zerotier-one/"))
    assert _SECRET not in answer.text + answer.stderr


@pytest.mark.parametrize("awk", ["mawk", "gawk", "original-awk", "busybox"])
def test_every_awk_says_the_same(awk: str, planted: Plant, run_fragment: Run, tmp_path: Path) -> None:
    program = shutil.which(awk)
    if program is None:
        pytest.skip(f"{awk} is not installed")
    # Accounts have to reach them.
    tools = tmp_path / "files/usr/local/tools"
    tools.mkdir(parents=True)
    for name in ("cat", "date", "id", "sleep", "sh", "ls", "setpriv", "timeout", "true"):
        (tools / name).symlink_to(shutil.which(name) or "/nowhere")
    (tools / "awk").symlink_to(program)
    answer = run_fragment(_NAME, path="/usr/local/tools", inside=planted(_FILES))
    assert _told(answer) == _TOLD
    assert (answer.parsed.unread, answer.parsed.partial) == ((), None)


@pytest.mark.parametrize("awk", ["mawk", "gawk", "original-awk", "busybox"])
def test_a_key_and_a_value_parted_by_blanks(awk: str, tmp_path: Path) -> None:
    program = shutil.which(awk)
    if program is None:
        pytest.skip(f"{awk} is not installed")
    (number,) = [at for at, one in enumerate(FILES, 1) if one.product == "nomachine"]
    file = tmp_path / "server.cfg"
    methods = 'AcceptedAuthenticationMethods  "NX-private-key" # x'
    file.write_text(f"# NXPort 1\n#NXPort 2\nNXPort 4000\n{methods}\nOther y\n")
    text = POSIX.partition("products_awk='")[2].partition("'\n")[0]
    words = [program, *(["awk"] if awk == "busybox" else []), text, str(number), str(file)]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()
    assert [line.split("\t")[3:] for line in said] == [
        ["3", "nomachine", "NXPort", "4000"], ["4", "nomachine", "AcceptedAuthenticationMethods", "NX-private-key"],
        ["nomachine"], [],
    ]  # fmt: skip


def test_a_host_that_has_none_says_so_and_starts_no_awk(planted: Plant, run_fragment: Run, tmp_path: Path) -> None:
    answer = run_fragment(_NAME, inside=planted({}))
    assert answer.outcomes == (("absent", "there is no file of settings of a product that is known"),)
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("cat", "date", "id", "sleep"):
        (tools / name).symlink_to(shutil.which(name) or "/nowhere")
    assert run_fragment(_NAME, path=str(tools), inside=planted({})).words == {"absent"}


_STRANGE = {
    "json-that-is-cut-off": ("/etc/tacticalagent", '{"baseurl": "x", "token": "hunt', "is not written as it should be"),
    "json-that-ends-early": ("/etc/tacticalagent", '{"baseurl": "x",\n', "is not written as it should be"),
    "json-of-another-form": ("/etc/tacticalagent", '["baseurl", "x"]', None),
    "json-that-is-none": ("/etc/tacticalagent", "baseurl: x", "is not written as it should be"),
    "json-too-deep": ("/etc/tacticalagent", "[" * 5000, "is not written as it should be"),
    "noise": ("/etc/anydesk/system.conf", "\x01\x02\x03\n" * 20, None),
    "yaml-on-one-line": ("/etc/cloudflared/config.yml", "ingress: [{service: x}]\n", "is not written as it should be"),
    "words": ("/etc/anydesk/system.conf", "nothing of the kind\n" * 20, "is not written as it should be"),
    "many-lines": ("/etc/anydesk/system.conf", "a=b\n" * 3001, "is read in part"),
    "a-long-line": ("/etc/anydesk/system.conf", f"ad.anynet.alias={'x' * 30000}\n", "is read in part"),
    "a-long-value": ("/etc/anydesk/system.conf", f"ad.security.acl_list={'x' * 501}\n", "is read in part"),
    "many-keys": (
        "/etc/anydesk/system.conf", "ad.security.permission_profiles.a.permissions.b=1\n" * 1001, "is read in part",
    ),
}  # fmt: skip


@pytest.mark.parametrize("strange", _STRANGE)
def test_what_is_strange_is_said(strange: str, planted: Plant, run_fragment: Run) -> None:
    file, text, said = _STRANGE[strange]
    answer = run_fragment(_NAME, inside=planted({file: text}))
    assert answer.parsed.unread == ()
    assert len(answer.text) < 100_000
    if said is not None:
        assert answer.parsed.partial == f"{file} {said}"
        assert _whole(answer) == []
    else:
        assert _told(answer) == set()
        assert _whole(answer) == [file]


def test_a_tab_parts_no_fields(planted: Plant, run_fragment: Run) -> None:
    hostile = "ad.anynet.alias=a\thome\troot\t/root\tset\x1b[2J\x07\nset\t\t/etc/x\t1\tanydesk\tad.anynet.id\tx\n"
    answer = run_fragment(_NAME, inside=planted({"/etc/anydesk/system.conf": hostile}))
    assert _told(answer) == {("anydesk", None, "ad.anynet.alias", "a home root /root set [2J")}
    assert answer.parsed.unread == ()


def test_nothing_in_a_home_borrows_the_eyes_of_root(planted: Plant, run_fragment: Run) -> None:
    inside = planted({"/root/secret.toml": "password = 'x'\nkey = 'secret-of-root'\n"})
    links = (
        "mkdir -p /home/mallory/.config/rustdesk /home/mallory/.anydesk /home/mallory/.config/chrome-remote-desktop\n"
        "cd /home/mallory\nln -s /root/secret.toml .config/rustdesk/RustDesk2.toml\n"
        "mkfifo .config/rustdesk/RustDesk.toml\nln -s /dev/zero .anydesk/system.conf\n"
        "ln -s /dev/null .anydesk/user.conf\nmkdir '.config/chrome-remote-desktop/host#1.json'\n"
        "printf '{}' >\".config/chrome-remote-desktop/host#$(printf 'a\\nb\\tc').json\"\n"
        'exec "$@"\n'
    )
    answer = run_fragment(_NAME, inside=(*inside, "sh", "-c", f"set -e\n{links}", "x"))
    assert "secret-of-root" not in answer.text
    assert _told(answer) == set()
    assert answer.parsed.unread == ()
    said = answer.parsed.partial or ""
    assert "/home/mallory/.config/rustdesk/RustDesk2.toml is no file" in said
    for name in (
        ".config/rustdesk/RustDesk.toml is no file", ".anydesk/system.conf is no file",
        ".config/chrome-remote-desktop/host#1.json is no file",
    ):  # fmt: skip
        assert f"/home/mallory/{name}" in said


def test_an_account_is_told_what_is_closed(planted: Plant, run_fragment: Run) -> None:
    closing = 'chmod 600 /etc/tacticalagent; chmod 700 /var/lib/zerotier-one; exec "$@"'
    inside = (*planted(_FILES), "sh", "-c", closing, "x")
    setpriv = ("setpriv", "--reuid=4001", "--regid=4001", "--clear-groups")
    answer = run_fragment(_NAME, inside=(*inside, *setpriv))
    reasons = {reason for word, reason in answer.outcomes if word == "partial"}
    assert reasons >= {
        "only root can look into the home folders of others", "/etc/tacticalagent cannot be read",
        "/var/lib/zerotier-one cannot be entered",
    }  # fmt: skip
    assert ("rustdesk", "alice", "direct-server", "Y") in _told(answer)


def test_every_secret_of_the_table_is_planted_and_none_is_told(planted: Plant, run_fragment: Run) -> None:
    files = {}
    kept = set()
    for number, one in enumerate(FILES):
        keys = [name.replace("*", "x") for name in one.secret]
        for path in one.linux if keys else ():
            where = path.replace("~", "/home/alice").replace("*", f"x{number}")
            if where.startswith(_NEW):
                files[where] = _written(one.grammar, keys)
                kept |= {(one.product, key) for key in keys}
    assert len(kept) > 40
    answer = run_fragment(_NAME, inside=planted(files))
    assert (answer.parsed.unread, answer.parsed.partial) == ((), None)
    assert _SECRET not in answer.text + answer.stderr
    told = {(one.product, one.key) for one in _settings(answer)}
    assert {one.value for one in _settings(answer)} == {"(set)"}
    assert told == kept


def _written(grammar: Grammar, keys: list[str]) -> str:
    """Write secrets as a file of this form has them, each in more than one way."""
    if grammar is Grammar.JSON:
        return "{" + ", ".join(_object(key.split(".")) for key in keys) + "}"
    if grammar is Grammar.SECTIONED:
        return "".join(f"{key}={_SECRET}\n" for key in keys) + "".join(_below(key) for key in keys)
    if grammar is Grammar.INDENTED:
        return "".join(_indented(key.split(".")) for key in keys)
    line = {
        Grammar.EQUALS: "{key}={secret}\n  {key} = '{secret}'\n{key} = \"{secret}\n",
        Grammar.OPTIONS: "{key}={secret}\n  {key} = '{secret}'\n",
        Grammar.PROPERTIES: "{key}={secret}\n{key}: {secret}\n  {key} {secret}\n",
        Grammar.COLON: "{key}: {secret}\n  - {key}: '{secret}'\n",
        Grammar.BLANK: "{key} {secret}\n",
        Grammar.TYPED: '[strng] {key} = "{secret}"\n[bin  ] {key} = {secret}\n',
        Grammar.PARAMETERS: "?{key}={secret}&x=y",
    }[grammar]
    return "".join(line.format(key=key, secret=_SECRET) for key in keys)


def _below(key: str) -> str:
    """Write a secret below its section."""
    section, _, name = key.rpartition(".")
    return f"[{section}]\n  {name} = '{_SECRET}' # x\n{name} = \"{_SECRET}\n"


def _indented(parts: list[str]) -> str:
    """Write a secret as YAML has it, below the keys that lead to it."""
    above = "".join(f"{'  ' * depth}{part}:\n" for depth, part in enumerate(parts[:-1]))
    before = "  " * (len(parts) - 1)
    values = (_SECRET, f"|\n{before}  {_SECRET}", f"'{_SECRET}' # x")
    return above + "".join(f"{before}{parts[-1]}: {value}\n" for value in values)


def _object(parts: list[str]) -> str:
    """Write a secret below the keys that lead to it."""
    inner = f'"{_SECRET}\\" x"' if len(parts) == 1 else f"{{{_object(parts[1:])}}}"
    return f'"{parts[0]}": {inner}'
