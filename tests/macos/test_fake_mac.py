"""The fake Mac is what it says: no tool of Linux, people's names, closed places, and no call that nobody documented."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from auditor.collect.collector import Collector, parse_lines
from auditor.collect.envelope import open_envelope
from auditor.collect.probe import assemble
from auditor.model.host import OsFamily
from tests.macos.fake_mac import HOSTS, SHELLS, Asked, FakeMac, make_mac

_ASKS = r"""
uname -r
id -un
awk 'BEGIN { print "awk works" }'
for tool in timeout setpriv ss ip systemctl dpkg readelf perl python3; do have "$tool" && echo "$tool is there"; done
[ -e /proc ] && echo /proc is there
plutil -convert xml1 -o - /Library/LaunchDaemons/test.plist
sw_test -a 'x y'
stat -f '%Su %Lp %N' /Users/alice/said
ls -lde /Users/alice/said 2>&1
wc -l </Users/alice/said
cat '/Library/Application Support/com.apple.TCC/TCC.db' 2>&1
cat /Users/bob/secret 2>&1
"""
_TREE = {
    "Library/LaunchDaemons/test.plist": (
        '<?xml version="1.0" encoding="UTF-8"?>\n<plist version="1.0"><dict><key>Label</key>'
        "<string>a &amp; b</string></dict></plist>\n"
    ),
    "Library/Application Support/com.apple.TCC/TCC.db": "grants\n",
    "Users/alice/said": "one\n",
    "Users/bob/secret": "of bob\n",
}
_SAYS = """
[[call]]
argv = ["sw_test", "-a", "x y"]
stdout = "for root\\n"
[call.plain]
stderr = "for others"
status = 3
"""
_MODES = """
[[path]]
path = "Users/bob/secret"
mode = "600"
[[path]]
path = "Users/alice/said"
acl = ["0: group:everyone allow write"]
"""


@pytest.fixture
def mac(base: Path, tmp_path: Path) -> FakeMac:
    host = tmp_path / "macos15-test"
    for name, text in _TREE.items():
        (host / "files" / name).parent.mkdir(parents=True, exist_ok=True)
        (host / "files" / name).write_text(text)
    (host / "says").mkdir()
    (host / "says/test.toml").write_text(_SAYS)
    (host / "modes.toml").write_text(_MODES)
    (host / "case.toml").write_text(
        'os = "macos"\nversion = "15.7"\nhow = "made by this test"\nsynthetic = true\n'
        'binary = ["Library/LaunchDaemons/*.plist"]\n'
    )
    return make_mac(base, tmp_path / "mac", host)


def _script(fragment: str) -> str:
    return assemble(
        [
            Collector(
                id="test.x",
                facts=(),
                scripts={OsFamily.MACOS: fragment},
                parse=lambda text: parse_lines(text, str),
                proof={},
            )
        ]
    )


def _said(asked: Asked) -> tuple[str, dict[str, str]]:
    """Return what the section said, and the head of the answer."""
    envelope = open_envelope(stdout=asked.raw.stdout, stderr=asked.raw.stderr, token=asked.token, limit=10**7)
    (answer,) = envelope.answers
    return answer.text, dict(envelope.head)


@pytest.mark.parametrize("shell", SHELLS)
def test_fragment_sees_a_mac(shell: str, mac: FakeMac) -> None:
    if shutil.which(SHELLS[shell]) is None:
        pytest.skip(f"{shell} is not installed")
    asked = mac.ask(shell, script=_script(_ASKS))
    text, head = _said(asked)
    lines = text.splitlines()
    assert (asked.undocumented, asked.left) == ((), ())
    assert (head["kernel"], head["hostname"], head["uid"]) == ("Darwin 24.6.0", "mac-test-15", "0")
    assert lines[:3] == ["24.6.0", "root", "awk works"]
    assert "<string>a &amp; b</string>" in text
    assert lines[-7] == "for root"
    assert lines[-6] == "alice 644 /Users/alice/said"
    assert lines[-5].startswith("-rw-r--r--+ 1 alice staff")
    assert lines[-4:] == [" 0: group:everyone allow write", "       1", "grants", "of bob"]


def test_account_without_root_sees_less(mac: FakeMac) -> None:
    asked = mac.ask(become=False, script=_script(_ASKS))
    text, head = _said(asked)
    assert (head["uid"], asked.undocumented) == ("501", ())
    assert "for root" not in text
    assert text.endswith("cat: /Users/bob/secret: Permission denied\n")


def test_who_is_not_in_sudoers_stays_who_it_is(mac: FakeMac) -> None:
    _, head = _said(mac.ask(user="bob", script=_script("id -un")))
    assert (head["uid"], head["become"]) == ("502", "refused")


def test_without_full_disk_access_root_does_not_read_what_it_protects(mac: FakeMac) -> None:
    text, _ = _said(mac.ask(full_disk=False, script=_script(_ASKS)))
    assert "grants" not in text
    assert "of bob" in text
    assert "grants" in _said(mac.ask(script=_script(_ASKS)))[0]


@pytest.mark.parametrize(
    "call",
    [
        "sw_test -b",
        "find /Users -printf %p",
        "find -name x",
        "find / -perm /022",
        "grep -P x /etc/passwd",
        "sed -i s/x/y/ /etc/passwd",
        "ls --color /",
        "date -d yesterday",
        "launchctl nothing",
        "id -Z",
    ],
)
def test_undocumented_call_is_noted(call: str, mac: FakeMac) -> None:
    asked = mac.ask(script=_script(f"{call}; echo $?"))
    text, _ = _said(asked)
    assert text.endswith("127\n")
    assert [line.split()[0].rpartition("/")[2] for line in asked.undocumented] == [call.partition(" ")[0]]


def test_what_outlives_the_probe_is_noted(mac: FakeMac) -> None:
    asked = mac.ask(script=_script("(sleep 50 >/dev/null 2>&1 3>&- 4>&- 5>&- &); echo said"))
    assert "sleep" in asked.left


@pytest.mark.parametrize("name", HOSTS)
def test_host_can_be_made(name: str, mac_of: Callable[[str], FakeMac]) -> None:
    mac = mac_of(name)
    assert os.path.lexists(mac.root / "etc")
    asked = mac.ask(script=_script("echo here"))
    assert _said(asked)[0] == "here\n"
