"""How an account that is not root becomes it: through sudo, through doas where there is no sudo, or not at all."""

import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from auditor.collect.collector import Collector, parse_lines
from auditor.collect.envelope import Envelope, open_envelope
from auditor.collect.probe import INSTALLED, LAUNCHER, assemble, entry_script, sh_call
from auditor.collect.seal import seal
from auditor.model.evidence import Rights
from auditor.model.host import BecomeMethod, OsFamily
from auditor.model.probe import ProbeCall, ProbeLimits
from auditor.model.record import replace

_SHELLS = {
    "dash": ["dash"],
    "bash": ["bash"],
    "busybox": ["busybox", "sh"],
    "mksh": ["mksh"],
    "zsh": ["zsh", "--emulate", "sh"],
}
_CANARY = "secret-9"
# What stands for each tool: it says its name, takes its own options off, and goes on as root would.
_TOOLS = {
    "sudo": '#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done\nshift\nexec "$@"\n',
    "doas": "#!/bin/sh\n[ \"$1 $2\" = '-n --' ] || { echo 'usage: doas' >&2; exit 1; }\nshift 2\nexec \"$@\"\n",
    "doas-asks": "#!/bin/sh\necho 'doas: Authentication required' >&2\nexit 1\n",
    "doas-denies": "#!/bin/sh\necho 'doas: Operation not permitted' >&2\nexit 1\n",
}  # fmt: skip


@pytest.fixture(params=_SHELLS)
def shell(request: pytest.FixtureRequest) -> list[str]:
    words = _SHELLS[request.param]
    if shutil.which(words[0]) is None:
        pytest.skip(f"{words[0]} is not installed")
    return [shutil.which(words[0]) or words[0], *words[1:]]


def _host(folder: Path, tools: tuple[str, ...]) -> Path:
    """Make a folder of commands that is all of a host's PATH, in which nobody is root."""
    folder.mkdir()
    for tool in ("cat", "head", "printf"):
        (folder / tool).symlink_to(shutil.which(tool) or tool)
    for name, text in (("id", "#!/bin/sh\necho 1000\n"), *((tool, _TOOLS[tool]) for tool in tools)):
        file = folder / name.partition("-")[0]
        file.write_text(text)
        file.chmod(0o755)
    return folder


def _call(method: BecomeMethod, password: str | None = None) -> ProbeCall:
    asked = Collector(
        id="test.x",
        facts=(),
        scripts={OsFamily.LINUX: "echo asked"},
        parse=lambda text: parse_lines(text, str),
    )
    return sh_call(
        limits=ProbeLimits(),
        deadline=30,
        output_limit=10**7,
        become=True,
        become_password=password,
        method=method,
        script=assemble([asked]),
    )


def _answer(call: ProbeCall, shell: list[str], path: Path) -> tuple[Envelope, bytes]:
    launcher = LAUNCHER.replace("exec /bin/sh -c '", "", 1).rsplit("' auditor-probe", 1)[0]
    ran = subprocess.run(
        [*shell, "-c", launcher, "auditor-probe"],
        input=call.input,
        capture_output=True,
        check=False,
        timeout=60,
        env={"PATH": str(path), "HOME": "/nonexistent"},
    )
    assert ran.returncode == 0, ran.stderr.decode()
    envelope = open_envelope(stdout=ran.stdout, stderr=ran.stderr, token=call.token, limit=10**8)
    assert [one.text for one in envelope.answers] == ["asked\n"]
    return envelope, ran.stdout + ran.stderr


def _note(envelope: Envelope) -> str | None:
    evidence = seal(
        envelope,
        host="h",
        user="auditor",
        collected_at=datetime.now(tz=UTC),
        probe_sha256=None,
        tool_version="0",
        host_key=None,
    )
    return evidence.head.privilege_note


@pytest.mark.parametrize(
    ("tools", "method", "became", "note"),
    [
        pytest.param(("sudo", "doas"), BecomeMethod.SUDO, "sudo", None, id="sudo-goes-first"),
        pytest.param(("doas",), BecomeMethod.SUDO, "doas", None, id="doas-where-there-is-no-sudo"),
        pytest.param(("sudo", "doas"), BecomeMethod.DOAS, "doas", None, id="doas-where-the-inventory-says-so"),
        pytest.param(
            ("doas-asks",), BecomeMethod.SUDO, "refused", "doas was refused (doas: Authentication required)", id="asks"
        ),
        pytest.param(
            ("sudo", "doas-denies"),
            BecomeMethod.DOAS,
            "refused",
            "doas was refused (doas: Operation not permitted)",
            id="nobody-is-root-by-another-way-than-was-said",
        ),
        pytest.param(
            (),
            BecomeMethod.SUDO,
            "refused",
            "sudo was refused (neither sudo nor doas was found on the host)",
            id="none",
        ),
    ],
)
def test_root_is_gained_as_the_host_allows(
    shell: list[str], tmp_path: Path, tools: tuple[str, ...], method: BecomeMethod, became: str, note: str | None
) -> None:
    envelope, said = _answer(_call(method), shell, _host(tmp_path / "bin", tools))
    assert envelope.head["become"] == became
    assert _note(envelope) == note
    granted = f"head become {became}\n".encode()
    assert (granted in said) is (became != "refused")


def test_a_script_longer_than_any_argument_reaches_root(shell: list[str], tmp_path: Path) -> None:
    call = _call(BecomeMethod.SUDO)
    padded = call.stdin.replace(b"\ncat\n", b"\ncat\n" + b"# a comment of some length\n" * 8_000, 1)
    assert len(padded) > 128 * 1024
    envelope, _ = _answer(replace(call, stdin=padded), shell, _host(tmp_path / "bin", ("sudo",)))
    assert envelope.head["become"] == "sudo"


def test_doas_hears_no_password(shell: list[str], tmp_path: Path) -> None:
    heard = tmp_path / "heard"
    path = _host(tmp_path / "bin", ("doas",))
    (path / "doas").write_text(f"#!/bin/sh\ncat >{heard}\nexit 1\n")
    envelope, said = _answer(_call(BecomeMethod.SUDO, _CANARY), shell, path)
    assert envelope.head["become"] == "refused"
    assert "echo asked" in heard.read_text()
    assert _CANARY.encode() not in heard.read_bytes() + said
    assert _call(BecomeMethod.DOAS, _CANARY).secret == b""


def test_rights_through_doas_are_told_apart(tmp_path: Path) -> None:
    envelope, _ = _answer(_call(BecomeMethod.DOAS), ["/bin/sh"], _host(tmp_path / "bin", ("doas",)))
    # Whoever runs the tests may be no root, and then says so itself.
    envelope.head["uid"] = "0"
    evidence = seal(
        envelope,
        host="h",
        user="auditor",
        collected_at=datetime.now(tz=UTC),
        probe_sha256=None,
        tool_version="0",
        host_key=None,
    )
    assert evidence.head.rights is Rights.DOAS


@pytest.mark.parametrize(
    ("tools", "word", "became"),
    [
        pytest.param(("sudo", "doas"), "sudo", "sudo", id="sudo"),
        pytest.param(("doas",), "sudo", "doas", id="doas-where-there-is-no-sudo"),
        pytest.param(("sudo", "doas"), "doas", "doas", id="doas"),
        pytest.param(("doas-asks",), "sudo", "refused", id="refused"),
        pytest.param((), "sudo", "refused", id="neither"),
    ],
)
def test_the_entry_of_a_pinned_key_gains_root_the_same_way(
    tmp_path: Path, tools: tuple[str, ...], word: str, became: str
) -> None:
    installed, path = tmp_path / "auditor-probe", _host(tmp_path / "bin", tools)
    installed.write_text('#!/bin/sh\nread -r words\necho "$words"\n')
    installed.chmod(0o755)
    entry = (
        entry_script().replace(INSTALLED, str(installed)).replace("PATH=/usr/sbin:/usr/bin:/sbin:/bin", f"PATH={path}")
    )
    ran = subprocess.run(
        ["/bin/sh", "-c", entry],
        input=f"\n00ff 8 4000000 45 {word}\ncat\n".encode() + installed.read_bytes(),
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert ran.stdout == f"00ff 8 4000000 45 {became}\n".encode()
