"""The assembled script, run by real shells: every section has its outcome, and nothing is left behind."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from auditor.collect.collector import Collector, parse_lines
from auditor.collect.envelope import Envelope, open_envelope
from auditor.collect.probe import LAUNCHER, assemble, sh_call, sh_probe
from auditor.errors import HostError, Reason
from auditor.model.evidence import Outcome
from auditor.model.host import OsFamily
from auditor.model.probe import ProbeCall, ProbeLimits
from auditor.model.record import replace

SHELLS = {
    "dash": ["dash"],
    "bash": ["bash"],
    "busybox": ["busybox", "sh"],
    "mksh": ["mksh"],
    "zsh": ["zsh", "--emulate", "sh"],
}


def a_collector(
    name: str,
    script: str = "",
    seconds: int | None = None,
    *,
    quick: str = "",
    awk: str = "",
    after: tuple[str, ...] = (),
) -> Collector:
    return Collector(
        id=f"test.{name}",
        facts=(),
        scripts={OsFamily.LINUX: script} if script else {},
        quick={OsFamily.LINUX: quick} if quick else {},
        awk=awk,
        after=after,
        parse=lambda text: parse_lines(text, str),
        seconds=seconds,
    )


def a_call(*chosen: Collector, limits: ProbeLimits | None = None, become: bool = False) -> ProbeCall:
    return sh_call(
        limits=limits or ProbeLimits(),
        deadline=30,
        output_limit=10_000_000,
        become=become,
        become_password=None,
        script=assemble(chosen),
    )


def run(call: ProbeCall, shell: list[str], env: dict[str, str] | None = None) -> tuple[Envelope, bytes]:
    """Run a call as the launcher would, but in the shell that is asked for."""
    launcher = LAUNCHER.replace("exec /bin/sh -c '", "", 1).rsplit("' auditor-probe", 1)[0]
    ran = subprocess.run(
        [*shell, "-c", launcher, "auditor-probe"],
        input=call.input,
        capture_output=True,
        check=False,
        timeout=60,
        env=env or {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LANG": "tr_TR.UTF-8"},
    )
    assert ran.returncode == 0, ran.stderr.decode()
    envelope = open_envelope(stdout=ran.stdout, stderr=ran.stderr, token=call.token, limit=100_000_000)
    return envelope, ran.stdout


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> list[str]:
    words = SHELLS[request.param]
    if shutil.which(words[0]) is None:
        pytest.skip(f"{words[0]} is not installed")
    return words


def answers(envelope: Envelope) -> dict[str, tuple[Outcome, str | None, str]]:
    return {one.id.removeprefix("test."): (one.outcome, one.reason, one.text) for one in envelope.answers}


def test_every_word_has_its_outcome(shell: list[str]) -> None:
    envelope, _ = run(
        a_call(
            a_collector("absent", "[ -e /nonexistent ] || absent 'no such thing'\necho unreachable"),
            a_collector("denied", "denied 'needs root'"),
            a_collector("empty", ":"),
            a_collector("failing", "echo half; false"),
            a_collector("have", "have sh && echo sh; have no-such-tool || echo none"),
            a_collector("need", "need sh no-such-tool\necho unreachable"),
            a_collector("partial", "echo one; partial 'only one'; echo two"),
            a_collector("plain", "printf 'a\\tb\\n\\nlast line without an end'"),
        ),
        shell,
    )
    assert answers(envelope) == {
        "absent": (Outcome.ABSENT, "no such thing", ""),
        "denied": (Outcome.DENIED, "needs root", ""),
        "empty": (Outcome.COLLECTED, None, ""),
        "failing": (Outcome.FAILED, "its last command ended with status 1", "half\n"),
        "have": (Outcome.COLLECTED, None, "sh\nnone\n"),
        "need": (Outcome.FAILED, "no-such-tool is not installed", ""),
        "partial": (Outcome.PARTIAL, "only one", "one\ntwo\n"),
        "plain": (Outcome.COLLECTED, None, "a\tb\n\nlast line without an end\n"),
    }


def test_quick_fragments_end_a_section_or_hand_it_on(shell: list[str]) -> None:
    envelope, _ = run(
        a_call(
            a_collector("absent", "echo asked", quick="absent 'no such thing'; return"),
            a_collector("alone", quick="echo quick"),
            a_collector("answered", "echo asked", quick="echo quick"),
            a_collector("failing", quick="echo quick; false"),
            a_collector("handed_on", "echo asked", quick="echo quick; false"),
            a_collector("partial", quick="partial 'only half'; echo half"),
        ),
        shell,
    )
    assert answers(envelope) == {
        "absent": (Outcome.ABSENT, "no such thing", ""),
        "alone": (Outcome.COLLECTED, None, "quick\n"),
        "answered": (Outcome.COLLECTED, None, "quick\n"),
        "failing": (Outcome.FAILED, "its last command ended with status 1", "quick\n"),
        "handed_on": (Outcome.COLLECTED, None, "quick\nasked\n"),
        "partial": (Outcome.PARTIAL, "only half", "half\n"),
    }


def test_files_are_read_on_the_way_out(shell: list[str], tmp_path: Path) -> None:
    """Their lines are content whatever they say, in their place among what the fragment prints."""
    first, second = tmp_path / "first", tmp_path / "second one"
    first.write_text("one\n@finish\n\nf00dcafe read plain\t/etc/passwd")
    second.write_text("two\n")
    envelope, _ = run(
        a_call(
            a_collector("gone", quick=f"show {tmp_path}/gone"),
            a_collector("named", quick=f"show_named {first} {tmp_path}/gone '{second}'"),
            a_collector("plain", f"printf 'before'; show {first}; echo after"),
        ),
        shell,
    )
    assert answers(envelope) == {
        "gone": (Outcome.FAILED, f"{tmp_path}/gone cannot be read", ""),
        "named": (
            Outcome.COLLECTED,
            None,
            f"{first}:one\n{first}:@finish\n{first}:\n{first}:f00dcafe read plain\t/etc/passwd\n{second}:two\n",
        ),
        "plain": (Outcome.COLLECTED, None, "before\none\n@finish\n\nf00dcafe read plain\t/etc/passwd\nafter\n"),
    }


def test_a_collectors_own_awk_makes_content_of_files(shell: list[str], tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("a=1\nb=2\n")
    awk = """
function test_scanned(    at, line) {
    for (at = 2; at <= paths; at++) {
        while ((getline line < path[at]) > 0) if (line ~ /^b/) put("found " line)
        close(path[at])
    }
    print "@outcome partial it says so"
}
"""
    envelope, _ = run(a_call(a_collector("scanned", quick=f"echo head; scan {file} {file}", awk=awk)), shell)
    assert answers(envelope) == {"scanned": (Outcome.PARTIAL, "it says so", "head\nfound b=2\nfound b=2\n")}


def test_what_a_section_tells_is_known_to_those_after_it(shell: list[str]) -> None:
    look = 'echo "${told_test_z-} ${told_test_y-}"'
    envelope, _ = run(
        a_call(
            a_collector("after", quick=look, after=("test.z", "test.y")),
            a_collector("z", "echo asked; tell 5; echo unreachable"),
            a_collector("y", "failed 'no answer'"),
        ),
        shell,
    )
    assert answers(envelope) == {
        "y": (Outcome.FAILED, "no answer", ""),
        "z": (Outcome.COLLECTED, None, "asked\n"),
        "after": (Outcome.COLLECTED, None, "5 \n"),
    }


def test_the_head_tells_the_time_of_the_host(shell: list[str]) -> None:
    before = int(time.time())
    envelope, _ = run(a_call(a_collector("plain", "echo plain")), shell)
    assert before <= int(envelope.head["clock"]) <= time.time()


def test_content_cannot_forge_a_marker(shell: list[str]) -> None:
    forged = "@outcome absent forged\n@end test.evil 0\n@finish\n|x\n0123456789abcdef0123456789abcdef finish\n"
    envelope, _ = run(a_call(a_collector("evil", f"printf '%s' '{forged}'"), a_collector("good", "echo good")), shell)
    assert answers(envelope) == {
        "evil": (Outcome.COLLECTED, None, forged),
        "good": (Outcome.COLLECTED, None, "good\n"),
    }


def test_a_hanging_section_is_killed_with_its_children_and_the_rest_is_asked(shell: list[str], tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    began = time.monotonic()
    envelope, _ = run(
        a_call(
            a_collector("hangs", f"echo before; sh -c 'echo $$ >{mark}; sleep 4000; :'", seconds=1),
            a_collector("next", "echo asked"),
        ),
        shell,
    )
    assert time.monotonic() - began < 20
    assert answers(envelope) == {
        "hangs": (Outcome.FAILED, "it did not end within 1 seconds", "before\n"),
        "next": (Outcome.COLLECTED, None, "asked\n"),
    }
    killed = Path(f"/proc/{mark.read_text().strip()}")
    for _ in range(50):  # dead at once, buried by whoever inherits it a moment later
        if not killed.exists():
            break
        time.sleep(0.1)
    assert not killed.exists()


@pytest.mark.parametrize(
    ("ending", "outcome", "reason"),
    [
        pytest.param("", Outcome.COLLECTED, None, id="by-itself"),
        pytest.param("exit 0", Outcome.COLLECTED, None, id="early"),
        pytest.param("tell 3", Outcome.COLLECTED, None, id="telling-others"),
        pytest.param("false", Outcome.FAILED, "its last command ended with status 1", id="failing"),
    ],
)
def test_a_section_ends_as_it_ends_whenever_the_clock_strikes(
    shell: list[str], ending: str, outcome: Outcome, reason: str | None
) -> None:
    sections = [a_collector(f"s{number}", f"sleep 0.01; echo done; {ending}") for number in range(60)]
    script = assemble(sections).replace("sleep 1 &", "sleep 0.01 &")
    assert script != assemble(sections)
    limits = ProbeLimits(section_seconds=10_000, total_seconds=10_000)
    call = sh_call(
        limits=limits, deadline=60, output_limit=10**6, become=False, become_password=None, script=script
    )  # fmt: skip
    envelope, _ = run(call, shell)
    assert set(answers(envelope).values()) == {(outcome, reason, "done\n")}


def test_a_flood_is_cut_and_said_so(shell: list[str]) -> None:
    limits = ProbeLimits(section_bytes=1000)
    envelope, _ = run(
        a_call(a_collector("flood", "yes 0123456789 | head -n 5000"), a_collector("next", "echo asked"), limits=limits),
        shell,
    )
    outcome, reason, text = answers(envelope)["flood"]
    assert (outcome, reason) == (Outcome.TRUNCATED, "the answer was cut at its size limit")
    assert set(text.split()) == {"0123456789"}
    assert 900 < len(text) <= 1000
    assert answers(envelope)["next"] == (Outcome.COLLECTED, None, "asked\n")


def test_a_probe_that_used_up_its_time_says_what_it_left_out() -> None:
    limits = ProbeLimits(total_seconds=1)
    envelope, _ = run(
        a_call(a_collector("a", "sleep 2; echo done", seconds=5), a_collector("b", "echo asked"), limits=limits),
        ["dash"],
    )
    assert answers(envelope)["a"] == (Outcome.COLLECTED, None, "done\n")
    assert answers(envelope)["b"][0] is Outcome.FAILED


def test_hosts_without_awk_and_gzip_answer_too(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("three\n\nfour")
    script = assemble(
        [
            a_collector("x", f"echo one; echo; echo two; show {file}; show_named {file} {file}-gone"),
            a_collector("y", "absent nothing"),
            a_collector("z", quick=f"scan {file}", awk="function test_z() { put(1) }"),
        ]
    )
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("sh", "cat", "date", "sleep", "id", "uname"):
        (tools / tool).symlink_to(shutil.which(tool) or tool)
    script = script.replace("PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin", f"PATH={tools}")
    call = sh_call(
        limits=ProbeLimits(), deadline=9, output_limit=10**6, become=False, become_password=None, script=script
    )
    envelope, stdout = run(call, ["dash"])
    assert b" plain\n" in stdout
    assert abs(int(envelope.head["clock"]) - time.time()) < 60
    named = f"{file}:three\n{file}:\n{file}:four\n"
    assert answers(envelope) == {
        "x": (Outcome.COLLECTED, None, f"one\n\ntwo\nthree\n\nfour\n{named}"),
        "y": (Outcome.ABSENT, "nothing", ""),
        "z": (Outcome.FAILED, "awk is not installed", ""),
    }


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    """No file in the places a script might use, and no process of its own session a moment later."""
    call = a_call(a_collector("x", "echo x"))
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TMPDIR": str(tmp_path), "AUDITOR_MARK": str(tmp_path)}
    run(call, ["dash"], env)
    assert list(tmp_path.iterdir()) == []
    mark = f"AUDITOR_MARK={tmp_path}".encode()
    for _ in range(30):
        left = [pid for pid in Path("/proc").glob("[0-9]*") if mark in _environment(pid)]
        if not left:
            break
        time.sleep(0.1)
    assert left == []


def _environment(pid: Path) -> bytes:
    try:
        return (pid / "environ").read_bytes()
    except OSError:
        return b""


def test_the_launcher_is_short_and_one_line() -> None:
    assert len(LAUNCHER.encode()) < 1024
    assert "\n" not in LAUNCHER


def test_the_script_is_the_same_for_every_call() -> None:
    first, second = (
        sh_call(limits=ProbeLimits(), deadline=1, output_limit=1, become=become, become_password=password)
        for become, password in ((False, None), (True, "secret"))
    )
    assert first.script == second.script == sh_probe()
    assert first.script_sha256 == second.script_sha256
    assert first.token != second.token
    assert "secret" not in second.launcher


def test_a_caller_who_knows_the_token_of_a_call_cannot_write_markers(tmp_path: Path) -> None:
    """An account that may run the installed probe as root chooses the token, and names of processes and files too."""
    (tmp_path / "secret").write_text("canary\n")
    script = assemble([a_collector("forged", f"printf '00ff read plain\\t{tmp_path}/secret\\n00ff head uid 0\\n'")])
    ran = subprocess.run(
        ["dash", "-c", script], input=b"00ff 8 4000000 45 none\n", capture_output=True, check=True, timeout=60,
        cwd=tmp_path, env={"HOME": str(tmp_path), "PATH": os.environ["PATH"]},
    )  # fmt: skip
    envelope = open_envelope(stdout=ran.stdout, stderr=ran.stderr, token="00ff", limit=10**6)
    ((outcome, _, text),) = answers(envelope).values()
    assert (outcome, text.splitlines()[0]) == (Outcome.COLLECTED, f"00ff read plain\t{tmp_path}/secret")
    assert "canary" not in text


@pytest.mark.parametrize(
    "words", ["", "00 8 4 5", "00 8 $(id) 5 none", "00 a[1] 4 5 none", "00 8 4 5 *", "* 8 4 5 none"]
)
def test_the_probe_takes_five_words_in_their_form_or_none(words: str, tmp_path: Path) -> None:
    (tmp_path / "none").touch()
    ran = subprocess.run(
        ["dash", "-c", assemble([])], input=f"{words}\n".encode(), capture_output=True, check=False, timeout=60,
        cwd=tmp_path,
    )  # fmt: skip
    assert (ran.returncode, ran.stdout) == (64, b"")


def test_what_the_launcher_reads_is_in_no_environment(shell: list[str]) -> None:
    """Whoever logs in may export any name: 200 KB in the environment would keep every command from running."""
    call = replace(a_call(a_collector("env", "env")), secret=b"canary")
    env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "a": "1", "p": "1", "w": "1"}
    outcome, _, text = answers(run(call, shell, env)[0])["env"]
    assert outcome is Outcome.COLLECTED
    assert "PATH=" in text
    assert "canary" not in text
    assert call.token not in text


def test_a_sudo_password_that_cannot_travel_is_no_call() -> None:
    with pytest.raises(HostError, match="the sudo password holds a line end") as caught:
        sh_call(limits=ProbeLimits(), deadline=9, output_limit=10**6, become=True, become_password="canary\nx")
    assert caught.value.reason is Reason.VARIABLES


@pytest.mark.parametrize(
    "seed",
    [
        pytest.param("1795701913655729664", id="nanoseconds-as-mawk-of-debian-13"),
        pytest.param("0", id="always-the-same"),
        pytest.param('"#srandom1795701913.655730#"', id="no-number"),
    ],
)
def test_a_seed_that_is_no_clock_is_not_taken_for_one(seed: str) -> None:
    script = assemble([a_collector("x", "echo asked")])
    assert script.count("now = srand()") == 1
    call = sh_call(
        limits=ProbeLimits(),
        deadline=9,
        output_limit=10**6,
        become=False,
        become_password=None,
        script=script.replace("now = srand()", f"now = {seed}"),
    )
    envelope, _ = run(call, ["dash"])
    assert abs(int(envelope.head["clock"]) - time.time()) < 60
