"""What the sections of login items and of cron say of the eight Macs, in every shell."""

import shutil
from collections.abc import Callable
from typing import Any

import pytest

from auditor.collect.envelope import Answer
from auditor.model.evidence import Outcome
from auditor.model.facts.services import Service, ServiceManager, StartMode
from auditor.model.reading import Parsed
from tests.macos.fake_mac import HOSTS, SHELLS, FakeMac
from tests.macos.sections import said

_ITEMS = "services.login_items"
_CRON = "services.cron"
MacOf = Callable[[str], FakeMac]
_HEAD = "\n========================\n Records for UID 501 : 1CAA5D2B\n========================\n\n Items:\n\n"


def _said(mac: FakeMac, section: str, **how: Any) -> tuple[Answer, Parsed]:
    return said(mac, section, **how)[section]


def _services(parsed: Parsed) -> list[Service]:
    return [fact for _, fact in parsed.facts]


def _item(number: int, **keys: str) -> str:
    rows = {key.replace("_", " "): value for key, value in keys.items()}
    return f" #{number}:\n" + "".join(f"{key:>21}: {value}\n" for key, value in rows.items()) + "\n"


def _of_dump(mac: FakeMac, dump: str, **how: Any) -> tuple[Answer, Parsed]:
    """Return what the section says where sfltool prints this."""
    (mac.root / "dump").write_text(dump)
    try:
        with mac.without("sfltool", "/.mac/bin/cat /dump"):
            return _said(mac, _ITEMS, **how)
    finally:
        (mac.root / "dump").unlink()


@pytest.mark.parametrize("section", [_ITEMS, _CRON])
@pytest.mark.parametrize("host", HOSTS)
def test_both_answer_whole(host: str, section: str, mac_of: MacOf) -> None:
    answer, parsed = _said(mac_of(host), section)
    assert answer.outcome is Outcome.COLLECTED
    assert (parsed.unread, parsed.partial, parsed.limits) == ((), None, ())


@pytest.mark.parametrize("section", [_ITEMS, _CRON])
@pytest.mark.parametrize("shell", [name for name in SHELLS if name != "dash"])
@pytest.mark.parametrize("host", ["macos13-dirty", "macos26-dirty"])
def test_every_shell_says_the_same(host: str, shell: str, section: str, mac_of: MacOf) -> None:
    if shutil.which(SHELLS[shell]) is None:
        pytest.skip(f"{shell} is not installed")
    assert _said(mac_of(host), section, shell=shell)[0].text == _said(mac_of(host), section)[0].text


@pytest.mark.parametrize("host", HOSTS)
def test_what_opens_at_login_is_told_from_what_is_only_known(host: str, mac_of: MacOf) -> None:
    items = {(one.name, one.user): one for one in _services(_said(mac_of(host), _ITEMS)[1])}
    starts = {key for key, one in items.items() if one.start is StartMode.AUTOMATIC}
    assert starts == ({("com.philandro.anydesk", "alice")} if host.endswith("dirty") else set())
    assert items["com.microsoft.Word", "bob"].command == '"/Applications/Microsoft Word.app"'
    # Property lists in launchd's folders are another section's, developers are nobody's.
    assert {one.manager for one in items.values()} == {ServiceManager.LOGIN_ITEM}


def test_only_root_asks_for_login_items(mac_of: MacOf) -> None:
    answer, _ = _said(mac_of("macos15-dirty"), _ITEMS, become=False)
    assert answer.outcome is Outcome.DENIED


def test_silence_and_a_broken_answer_are_no_answer(mac_of: MacOf) -> None:
    mac = mac_of("macos15-dirty")
    assert _of_dump(mac, "")[0].outcome is Outcome.FAILED
    with mac.without("sfltool", "exit 1"):
        assert _said(mac, _ITEMS)[0].outcome is Outcome.FAILED
    with mac.without("sfltool", f"printf '%s' '{_HEAD}'; exit 1"):
        assert _said(mac, _ITEMS)[1].unread != ()


@pytest.mark.parametrize("shell", SHELLS)
def test_parents_remains_and_odd_paths(shell: str, mac_of: MacOf) -> None:
    if shutil.which(SHELLS[shell]) is None:
        pytest.skip(f"{shell} is not installed")
    mac = mac_of("macos15-dirty")
    odd = mac.root / "Applications/Grüße %41\\n.app"
    (odd / "Contents/Library/LoginItems/Help Me.app").mkdir(parents=True, exist_ok=True)
    on = "[enabled, allowed, notified] (0xb)"
    dump = _HEAD + "".join([
        _item(
            1, Name="Help Me", Type="login item (0x4)", Disposition=on, Identifier="4.org.example.help",
            URL="Contents/Library/LoginItems/Help Me.app", Bundle_Identifier="org.example.help",
            Parent_Identifier="2.org.example.app",
        ),
        _item(
            2, Name="App", Type="app (0x2)", Disposition="[disabled, allowed, notified] (0xa)",
            Identifier="2.org.example.app", URL="file:///Applications/Gr%C3%BC%C3%9Fe%20%2541%5Cn.app/",
        ),
        _item(
            3, Name="agent", Type="agent (0x8)", Disposition=on, Identifier="8.org.example.agent",
            URL="Contents/Library/LaunchAgents/org.example.agent.plist", Executable_Path="Contents/MacOS/agent",
            Parent_Identifier="2.org.example.app",
        ),
        _item(
            4, Name="gone", Type="app (0x2)", Disposition=on, Identifier="2.org.example.gone",
            URL="file:///Applications/Gone.app/",
        ),
        _item(5, Name="far", Type="app (0x2)", Disposition=on, Identifier="2.org.far", URL="/Volumes/Far/Far.app"),
        _item(6, Name="by number", Type="app (0x2)", Disposition=on, Identifier="2.org.n", URL="/Users/501/N.app"),
        _item(
            7, Name="left", Type="legacy daemon (0x10010)", Disposition="[enabled, disallowed, notified] (0x9)",
            Identifier="16.org.example.left", URL="file:///Library/LaunchDaemons/org.example.left.plist",
            Executable_Path="/Library/Left/left",
        ),
    ])  # fmt: skip
    try:
        answer, parsed = _of_dump(mac, dump, shell=shell)
    finally:
        shutil.rmtree(odd)  # other tests have the same Mac
    assert answer.outcome is Outcome.COLLECTED
    assert (parsed.unread, parsed.partial) == ((), None)
    told = {one.name: one for one in _services(parsed)}
    app = "/Applications/Grüße %41\\n.app"
    assert told["org.example.help"].file == f"{app}/Contents/Library/LoginItems/Help Me.app"
    assert told["org.example.app"].file == app
    assert told["org.example.agent"].command == f'"{app}/Contents/MacOS/agent"'
    assert {name for name, one in told.items() if "not-found" in one.state.split()} == {
        "org.example.gone", "org.example.left", "org.example.agent",
    }  # fmt: skip
    assert told["org.example.left"].start is StartMode.DISABLED
    assert told["org.example.left"].manager is ServiceManager.LAUNCHD
    assert told["org.example.agent"].start is StartMode.UNKNOWN


_FORGED = "x\n          Disposition: [disabled, disallowed] (0)\n #2:\n                 "


@pytest.mark.parametrize(
    ("title", "is_seen"),
    [
        pytest.param(f"{_FORGED}Type: developer (0x20)\nitem\tx", False, id="a-type-that-starts-nothing"),
        pytest.param(f"{_FORGED}Name: y", True, id="an-item-of-its-own"),
        pytest.param("x\n\nasked", True, id="an-end"),
        pytest.param("x\n Records for UID 502 : 0", False, id="another-users-list"),
    ],
)
def test_a_name_of_several_lines_hides_nothing(title: str, is_seen: bool, mac_of: MacOf) -> None:
    dump = _HEAD + _item(
        1, Name=title, Type="app (0x2)", Disposition="[enabled, allowed, notified] (0xb)", Identifier="2.org.evil",
        URL="file:///Applications/Firefox.app/",
    )  # fmt: skip
    _, parsed = _of_dump(mac_of("macos15-dirty"), dump)
    assert parsed.unread != ()
    seen = [one for one in _services(parsed) if one.name == "org.evil"]
    assert [one.start for one in seen] == ([StartMode.AUTOMATIC] if is_seen else [])


@pytest.mark.parametrize(("user", "become"), [("alice", True), ("alice", False)])
def test_crontabs_and_jobs_of_at(user: str, become: bool, mac_of: MacOf) -> None:
    mac = mac_of("macos14-dirty")
    at = mac.root / "private/var/at"
    (at / "tabs/bob").write_text("# x11vnc\nPATH=/usr/bin\n@reboot /opt/homebrew/bin/x11vnc -forever\n")
    (at / "tabs/bob").chmod(0o600)
    (at / "jobs/a0000101c5d5f1").write_text("#!/bin/sh\n")
    try:
        answer, parsed = _said(mac, _CRON, user=user, become=become)
    finally:
        (at / "tabs/bob").unlink()
        (at / "jobs/a0000101c5d5f1").unlink()
    told = {(one.name, one.user): one for one in _services(parsed)}
    assert ("a0000101c5d5f1", None) in told
    if become:
        assert answer.outcome is Outcome.COLLECTED
        assert told["bob", "bob"].command == "/opt/homebrew/bin/x11vnc -forever"
    else:
        assert answer.outcome is Outcome.PARTIAL
        assert "/var/at/tabs cannot be listed" in (answer.reason or "")


def test_what_full_disk_access_guards_is_not_taken_for_empty(mac_of: MacOf) -> None:
    mac = mac_of("macos14-dirty")
    # Modes allow root all; only the try tells.
    with mac.without("ls", "case $1 in /var/at/tabs) exit 1 ;; esac"):
        answer, _ = _said(mac, _CRON)
    assert answer.outcome is Outcome.PARTIAL
