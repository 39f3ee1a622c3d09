"""What servers write of a logon, line by line: who, from where, and whether that was let in."""

from datetime import UTC, datetime

import pytest

from auditor.collect.logons.lines import Log, address, epoch, instant, written, zone

_NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
_TIGER = "Connections: accepted: 192.0.2.7::50123"


def _told(*lines: str) -> list[tuple[str, str, str, bool]]:
    log = Log(record="a log", product="tigervnc")
    taken = [log.take(_NOW, line) for line in lines]
    return [(one.product, one.user, one.source, one.succeeded) for one in taken if one is not None]


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        pytest.param([_TIGER, " VNCSConnST:  Server default pixel format depth 24"],
                     [("tigervnc", "", "192.0.2.7", True)], id="let-in"),
        pytest.param([_TIGER, " VNCSConnST:  closing 192.0.2.7::50123: Authentication failure"],
                     [("tigervnc", "", "192.0.2.7", False)], id="turned-away"),
        pytest.param([_TIGER, " VNCSConnST:  closing 192.0.2.7::50123: Clean disconnection"], [], id="a-scanner"),
        pytest.param([" VNCSConnST:  Server default pixel format depth 24"], [], id="its-beginning-is-elsewhere"),
        pytest.param(["Got connection from client 192.0.2.7", "client_set_net: 192.0.2.7  0.0002"],
                     [("tigervnc", "", "192.0.2.7", True)], id="libvncserver"),
        pytest.param(["Got connection from client 192.0.2.7",
                      "authProcessClientMessage: authentication failed from 192.0.2.7"],
                     [("tigervnc", "", "192.0.2.7", False)], id="libvncserver-turned-away"),
        pytest.param(["[INFO ] ++ created session (access granted): username alice, ip 2001:db8::7:50123 - socket: 1"],
                     [("xrdp", "alice", "2001:db8::7", True)], id="xrdp-over-ipv6"),
        pytest.param(["[INFO ] AUTHFAIL: user=x ip=192.0.2.1 ip=192.0.2.66 time=1"],
                     [("xrdp", "x ip=192.0.2.1", "192.0.2.66", False)], id="a-name-that-holds-an-address"),
        pytest.param(["Accepted publickey for root from 192.0.2.7 port 22 ssh2: ED25519 SHA256:x"],
                     [("ssh", "root", "192.0.2.7", True)], id="ssh"),
        pytest.param(["Accepted password for a from b from 192.0.2.7 port 22 ssh2"],
                     [("ssh", "a from b", "192.0.2.7", True)], id="a-name-with-words"),
        pytest.param(["Connections: disconnected: 192.0.2.9::61008 (TCP) ([AuthFailure] no)"],
                     [("realvnc", "", "192.0.2.9", False)], id="realvnc-turned-away"),
        pytest.param(["Connections: disconnected: 192.0.2.9::61008 (TCP) ([EndOfStream] bye)"], [], id="realvnc-end"),
    ],
)  # fmt: skip
def test_lines_tell_who_came(lines: list[str], told: list[tuple[str, str, str, bool]]) -> None:
    assert _told(*lines) == told


@pytest.mark.parametrize("line", ["", "Server", "Accepted", "Accepted for from", "AUTHFAIL: user=x"])
def test_other_lines_are_not_known(line: str) -> None:
    with pytest.raises(ValueError, match="logon"):
        Log(record="a log", product="x").take(_NOW, line)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("192.0.2.7::50123", "192.0.2.7"),
        ("[2001:db8::7]::50123", "2001:db8::7"),
        ("2001:db8::7", "2001:db8::7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7:50123", "192.0.2.7"),
        ("viewer.example.org:5", "viewer.example.org"),
        ("", ""),
    ],
)
def test_addresses_lose_their_ports(text: str, plain: str) -> None:
    assert address(text) == plain


def test_times_are_told_in_utc() -> None:
    assert written("Thu Nov 26 14:33:17 2026", zone("+0130")) == datetime(2026, 11, 26, 13, 3, 17, tzinfo=UTC)
    assert instant(("2026", "11", "26"), "00:10:00", zone("-0100")) == datetime(2026, 11, 26, 1, 10, tzinfo=UTC)
    assert epoch("1795709970.627693") == datetime(2026, 11, 26, 16, 19, 30, tzinfo=UTC)
    for wrong in ("Thu Nov 26 2026", "Thu Foo 26 14:33:17 2026", "Thu Nov 31 14:33:17 2026", "Thu Nov 26 14:33 2026"):
        with pytest.raises(ValueError, match=r"time|unpack"):
            written(wrong, 0)
