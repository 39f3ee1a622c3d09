"""The script as it travels: packed or as it is, to the launcher in real shells, and to the entry of a pinned key."""

import gzip
import shutil
import subprocess
from pathlib import Path

from auditor.collect.probe import INSTALLED, LAUNCHER, entry_script, sh_call
from auditor.model.probe import CANNOT_UNPACK, ProbeLimits
from auditor.model.record import replace
from tests.collect import test_probe
from tests.collect.test_probe import a_call, a_collector, run

shell = test_probe.shell


def test_an_entry_passes_on_a_call_and_nothing_else(tmp_path: Path) -> None:
    """The forced command of a pinned key: what it does with calls of its own version, of another, and with none."""
    installed = tmp_path / "auditor-probe"
    entry = entry_script().replace(INSTALLED, str(installed))
    call = sh_call(limits=ProbeLimits(), deadline=9, output_limit=10**6, become=False, become_password="a b")

    def answer(stdin: bytes) -> bytes:
        return subprocess.run(["dash", "-c", entry], input=stdin, capture_output=True, check=False, timeout=60).stdout

    assert answer(call.input) == b"auditor-probe missing\n"
    installed.write_text('#!/bin/sh\nread -r words\necho "$words"\n')
    installed.chmod(0o755)
    assert answer(call.input) == b"auditor-probe outdated\n"
    script = installed.read_bytes()
    packed = gzip.compress(script)
    for password in (b"", b"x", b" 00aa 8 4 45 none", b"* \\n $(id)"):
        words = password + b"\n00ff 8 4000000 45 none\n"
        assert answer(words + b"cat\n" + script) == b"00ff 8 4000000 45 none\n"
        assert answer(words + b"gzip -dc\n" + packed) == b"00ff 8 4000000 45 none\n"
    bomb = gzip.compress(script + b"#" * 2_000_000)
    assert answer(b"\n00ff 8 4 45 none\ngzip -dc\n" + bomb) == b"auditor-probe outdated\n"
    for words in (
        b"",
        b"00ff 8 4 45",
        b"00ff 8 4 45 none more",
        b"00ff 8 $(id) 45 none",
        b"xx 8 4 45 none",
        b"* 8 4 5 a",
    ):
        assert answer(b"\n" + words + b"\ncat\n" + script) == b"auditor-probe got no call\n", words
    for how in (b"", b"id;", b"cat /etc/shadow", b"gzip  -dc"):
        assert answer(b"\n00ff 8 4 45 none\n" + how + b"\n" + script) == b"auditor-probe got no call\n", how
    for stdin in (b"", b"id", b"\n", b"\n\n", b"\n00ff 8 4000000 45 none\ncat", b"\0\n\n\0", script, packed):
        assert answer(stdin) == b"auditor-probe got no call\n", stdin
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("cat", "head"):
        (tools / tool).symlink_to(shutil.which(tool) or tool)
    entry = entry.replace("PATH=/usr/sbin:/usr/bin:/sbin:/bin", f"PATH={tools}")
    assert answer(b"\n00ff 8 4 45 none\ngzip -dc\n" + packed) == CANNOT_UNPACK + b"\n"


def test_a_packed_script_is_the_same_script(shell: list[str]) -> None:
    call = a_call(a_collector("plain", "echo plain"))
    packed = replace(call, stdin=call.packed, secret=b"a b")
    assert len(call.packed) < len(call.stdin) / 2
    assert gzip.decompress(call.packed.split(b"\n", 2)[2]).decode() == call.script
    assert [one.text for one in run(packed, shell)[0].answers] == ["plain\n"]


def test_a_host_without_gzip_says_that_it_cannot_unpack(shell: list[str], tmp_path: Path) -> None:
    """Nothing of what was sent is run, and sudo is not asked."""
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "cat").symlink_to(shutil.which("cat") or "cat")
    (tools / "sudo").write_text("#!/bin/sh\necho asked\n")
    (tools / "sudo").chmod(0o755)
    call = a_call(a_collector("plain", "echo plain"), become=True)
    shell = [shutil.which(shell[0]) or shell[0], *shell[1:]]
    ran = subprocess.run(
        [*shell, "-c", LAUNCHER.replace("exec /bin/sh -c '", "", 1).rsplit("' auditor-probe", 1)[0], "auditor-probe"],
        input=call.packed, capture_output=True, check=False, timeout=60, env={"PATH": str(tools)},
    )  # fmt: skip
    assert (ran.returncode, ran.stdout) == (0, CANNOT_UNPACK + b"\n")
