"""The auditor's sessions bear its mark and the run's, and both their ends are known from its own sockets."""

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from auditor import __version__
from auditor.collect.probe import LAUNCHER, assemble, sh_call
from auditor.collect.registry import collectors
from auditor.errors import HostError
from auditor.model.host import Host
from auditor.model.mark import marked, run_mark, ssh_identification, user_agent
from auditor.model.own_connection import own_from_text, own_text
from auditor.model.probe import ProbeCall, ProbeLimits
from auditor.model.record import replace
from auditor.transport.own_ends import ends_of
from auditor.transport.ssh import SshTransport

MakeCall = Callable[..., ProbeCall]
RUN = "2026-11-28T012233Z-ab12"
needs_sshd = pytest.mark.skipif(os.geteuid() != 0, reason="needs root and sshd")


@pytest.fixture
def transport(tmp_path: Path) -> SshTransport:
    return SshTransport(home=tmp_path, agent_socket="")


@pytest.mark.parametrize("run", ["", "a b", "x;reboot", "a\r\nHost: x", "-n", "é", "a" * 65, "$(id)", "'"])
def test_a_name_that_could_act_is_no_mark(run: str) -> None:
    assert run_mark(run) == ""
    assert marked(LAUNCHER, run) == LAUNCHER
    assert ssh_identification("1", run).count(" ") == user_agent("1", run).count(" ") == 0


def test_what_we_call_ourselves_has_its_form() -> None:
    """RFC 4253, 4.2: printable, no minus sign in the version, 255 characters with the line's end."""
    said = ssh_identification("1.0-rc1", "a" * 64)
    protocol, software = said.split(" ")[0].rsplit("-", 1)
    assert protocol == "SSH-2.0"
    assert software.startswith("auditor_")
    assert said.isascii()
    assert said.isprintable()
    assert len(said) < 254


def test_a_server_is_told_before_any_key(
    fake_server: Callable[[Callable[[socket.socket], None]], Host], transport: SshTransport, make_call: MakeCall
) -> None:
    heard: list[bytes] = []

    def listen(connection: socket.socket) -> None:
        connection.sendall(b"SSH-2.0-x\r\n")
        heard.append(connection.recv(255))

    with pytest.raises(HostError):
        transport.collect(fake_server(listen), replace(make_call(""), run=RUN))
    assert heard[0].startswith(f"{ssh_identification(__version__, RUN)}\r\n".encode())


@needs_sshd
def test_the_arguments_of_a_probe_name_its_run(sshd: Any, transport: SshTransport) -> None:
    """The probe itself sees them, as every list of processes and every audit log on the host does."""
    script = assemble([]).replace("sections() {", "sections() {\ntr '\\000' '\\n' </proc/$$/cmdline >&2\n", 1)
    call = sh_call(
        limits=ProbeLimits(),
        deadline=20,
        output_limit=10**6,
        become=False,
        become_password=None,
        script=script,
        run=RUN,
    )
    answer = transport.collect(sshd.host(), call)
    arguments = answer.stderr.decode().splitlines()
    assert arguments[-2:] == ["auditor-probe", f"run={RUN}"]
    assert arguments[:2] == ["/bin/sh", "-c"]


@needs_sshd
def test_both_ends_are_those_that_the_host_sees(sshd: Any, transport: SshTransport, make_call: MakeCall) -> None:
    answer = transport.collect(sshd.host(), make_call("echo $SSH_CONNECTION"))
    (own,) = answer.own_connections
    assert f"{own.address} {own.port} {own.host_address} {own.host_port}\n".encode() == answer.stdout
    assert own_from_text(own_text(answer.own_connections)) == (own,)


@needs_sshd
def test_behind_a_jump_host_no_end_is_ours(sshd: Any, transport: SshTransport, make_call: MakeCall) -> None:
    target = sshd.host()
    through = replace(target, ssh=replace(target.ssh, jumps=(sshd.host(name="gate"),)))
    try:
        assert transport.collect(through, make_call("echo x")).own_connections == ()
    finally:
        transport.close()


def test_what_is_not_connected_has_no_ends() -> None:
    with socket.socket() as unconnected:
        assert ends_of([unconnected, object()]) == ()


@pytest.mark.parametrize(
    "text",
    ["", "10.0.0.1 1 10.0.0.2", "10.0.0.1 0 10.0.0.2 22", "x 1 y 2", "10.0.0.1 1 10.0.0.2 65536", "::1 1 ::0001 22",
     ", ".join(f"10.0.0.1 {port} 10.0.0.2 22" for port in range(1, 10))],
)  # fmt: skip
def test_ends_that_we_do_not_write_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        own_from_text(text)


def test_the_collectors_are_those_of_the_product() -> None:
    """The mark changes no script: its digest in sudoers and seals is that of every run."""
    one, other = (
        sh_call(limits=ProbeLimits(), deadline=9, output_limit=1, become=False, become_password=None, run=run)
        for run in ("", RUN)
    )
    assert one.script_sha256 == other.script_sha256
    assert assemble(collectors().values()) == other.script
    assert other.launcher.startswith(LAUNCHER)
