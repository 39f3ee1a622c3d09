"""A sudo password tried with care: what a host says of it, when others may go on, when it is not sent any more."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from auditor.collect.probe import LAUNCHER, assemble
from auditor.model.probe import SUDO_ASKS, ProbeCall, RawOutput
from auditor.model.record import replace
from auditor.transport.ssh import SshTransport

MakeCall = Callable[..., ProbeCall]

# What sudo says of a password, and what the probe then says first of all; $a is all of the input.
WRONG = f"echo '{SUDO_ASKS}Sorry, try again.' >&2; echo 'sudo: 1 incorrect password attempt' >&2"
ASKED = f"printf {SUDO_ASKS} >&2"
GRANTED = "printf '\\n%s head become sudo\\n' 00112233445566778899aabbccddeeff"
REFUSED = "printf '\\n%s head become refused\\n' 00112233445566778899aabbccddeeff"
SENT = "case $a in *secret-9*) echo sent;; esac"


@pytest.fixture
def transport(tmp_path: Path) -> SshTransport:
    return SshTransport(home=tmp_path, agent_socket="", password_failures=3)


def asking(make_call: MakeCall, *steps: str) -> ProbeCall:
    commands = "; ".join(["a=$(cat)", *steps, SENT]).replace("'", "'\\''")
    return replace(make_call(""), launcher=f"exec /bin/sh -c '{commands}'", stdin=b"", secret=b"secret-9")


def ask(sshd: Any, transport: SshTransport, call: ProbeCall, times: int) -> list[RawOutput]:
    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(lambda _: transport.collect(sshd.host(), call), range(times)))


def sent(answers: list[RawOutput]) -> int:
    return sum(b"sent\n" in answer.stdout for answer in answers)


def test_the_launcher_has_sudo_say_that_it_asks() -> None:
    assert f"-S -p {SUDO_ASKS} -v" in LAUNCHER


def test_the_probe_itself_says_that_sudo_let_it_run(sshd: Any, transport: SshTransport, make_call: MakeCall) -> None:
    run = "auditor_p='00112233445566778899aabbccddeeff 8 4000 45 sudo'; eval \"${a#secret-9}\""
    call = asking(make_call, ASKED, "case $a in secret-9*) echo sent;; esac", run)
    answers = ask(sshd, transport, replace(call, stdin=assemble([]).encode()), 5)
    assert [answer.stdout.startswith(b"sent\n") for answer in answers] == [True] * 5
    assert [answer.withheld for answer in answers] == [None] * 5


def test_a_wrong_one_is_sent_to_three_hosts_and_no_more(
    sshd: Any, transport: SshTransport, make_call: MakeCall
) -> None:
    answers = ask(sshd, transport, asking(make_call, WRONG, REFUSED), 8)
    assert sent(answers) == 3
    withheld = [answer.withheld for answer in answers if answer.withheld]
    assert len(withheld) == 5
    assert all("sudo was not asked: the password of 'root (sudo)' was refused 3 times" in words for words in withheld)
    assert all("secret-9" not in words for words in withheld)


def test_a_host_that_asks_for_none_proves_nothing(sshd: Any, transport: SshTransport, make_call: MakeCall) -> None:
    """Were it taken for a success, a wrong password would then go to every other host at once."""
    assert sent(ask(sshd, transport, asking(make_call, GRANTED), 5)) == 5
    assert sent(ask(sshd, transport, asking(make_call, WRONG, REFUSED), 8)) == 3


def test_a_wrong_one_that_was_not_needed_counts_all_the_same(
    sshd: Any, transport: SshTransport, make_call: MakeCall
) -> None:
    assert sent(ask(sshd, transport, asking(make_call, WRONG, "sleep .1", GRANTED), 8)) == 3


def test_what_sudo_said_before_may_come_after(sshd: Any, transport: SshTransport, make_call: MakeCall) -> None:
    """Two streams keep no order: the password was wrong although the probe's own words come first."""
    late = asking(make_call, ASKED, GRANTED, "sleep .05", WRONG, "sleep .5")
    assert sent(ask(sshd, transport, late, 8)) == 3


def test_hosts_that_ask_for_none_cost_nothing(sshd: Any, transport: SshTransport, make_call: MakeCall) -> None:
    refused = asking(make_call, WRONG, REFUSED)
    assert sent(ask(sshd, transport, refused, 2)) == 2
    assert sent(ask(sshd, transport, asking(make_call, GRANTED), 4)) == 4
    assert sent(ask(sshd, transport, refused, 3)) == 1


def test_a_right_one_lets_the_others_go_on_before_the_probe_has_ended(
    sshd: Any, transport: SshTransport, make_call: MakeCall, tmp_path: Path
) -> None:
    """Each probe ends only when all of them have begun."""
    begin = f"mktemp {tmp_path}/begun-XXXXXX >/dev/null"
    wait = f"until [ $(ls {tmp_path} | grep -c begun-) -ge 6 ]; do sleep .05; done"
    assert sent(ask(sshd, transport, asking(make_call, ASKED, GRANTED, begin, wait), 6)) == 6


def test_a_right_one_frees_it_for_good(sshd: Any, transport: SshTransport, make_call: MakeCall) -> None:
    assert sent(ask(sshd, transport, asking(make_call, ASKED, GRANTED), 1)) == 1
    for _ in range(4):
        assert sent(ask(sshd, transport, asking(make_call, ASKED, REFUSED), 1)) == 1


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(("head -c 20000 /dev/zero", ASKED, GRANTED), id="much-noise-at-log-in"),
        pytest.param((ASKED, "echo 'root is not in the sudoers file.' >&2", REFUSED), id="not-in-sudoers"),
        pytest.param((ASKED, "echo 'Sorry, user root may not run sudo on h1.' >&2", REFUSED), id="not-on-this-host"),
    ],
)
def test_a_right_one_is_told_from_a_wrong_one(
    sshd: Any, transport: SshTransport, make_call: MakeCall, answer: tuple[str, ...]
) -> None:
    assert sent(ask(sshd, transport, asking(make_call, *answer), 4)) == 4


def test_whoever_says_nothing_of_a_password_may_have_counted_it(
    sshd: Any, transport: SshTransport, make_call: MakeCall
) -> None:
    assert sent(ask(sshd, transport, asking(make_call, ASKED, REFUSED), 6)) == 3
