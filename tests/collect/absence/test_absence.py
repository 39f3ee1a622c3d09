"""The whole probe, in every shell, with each command that it uses missing, or broken: every absence is told as one.

What is missing changes the sections that ``expected.py`` names, and no other. What is broken, or of another kind,
leaves a section as it was, or a gap, or no answer at all; never less without a word.
"""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from auditor.collect.firewall.kernel import NF_TABLES
from auditor.collect.probe import sh_probe
from auditor.errors import HostError
from auditor.model.evidence import Outcome
from auditor.model.facts.network import Link, Listener, NetworkSpace
from auditor.model.facts.software import ProgramFile
from auditor.model.record import replace
from tests.collect.absence.answers import COMMANDS, Prober, Sections, Told
from tests.collect.absence.expected import (
    BUILTINS,
    MISSING,
    MISSING_TOGETHER,
    NO_ANSWER,
    NOT_RUN,
    OTHER_ROAD,
    SILENT,
    SPOKEN,
    UNDECIDED,
    WITHOUT_BUILTIN,
)
from tests.collect.absence.scene import SHELLS
from tests.collect.absence.words import commands_of, is_plain

_GAPS = (Outcome.PARTIAL, Outcome.DENIED, Outcome.FAILED, Outcome.TRUNCATED)
_BROKEN = {
    "is-not-found": "exit 127",
    "fails": "exit 1",
    "says-nothing": "exit 0",
    "is-busybox": "/usr/bin/busybox",
}
"""How a command is broken; that of busybox is another kind of it, or none."""


def _with_slow(names: Any, quick: tuple[str, ...]) -> list[Any]:
    """Leave what is not named to the whole test run."""
    return [name if name in quick else pytest.param(name, marks=pytest.mark.slow) for name in names]


def _in_shells(*quick: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("shell", _with_slow(SHELLS, quick))


def test_every_command_of_the_probe_has_an_expectation() -> None:
    words = commands_of(sh_probe()) - BUILTINS - set(NOT_RUN)
    unknown = {word for word in words if not is_plain(word)} - set(SPOKEN)
    assert unknown == set(), "say in tests/collect/absence/expected.py which commands these words may be (SPOKEN)"
    commands = {word for word in words if is_plain(word)}.union(*SPOKEN.values())
    assert commands - set(MISSING) == set(), "say in tests/collect/absence/expected.py what becomes without each"


@pytest.mark.parametrize(
    ("script", "commands"),
    [
        ("a; b && c || d | e & f\ng", "a b c d e f g"),
        ("if a; then b; elif c; then d; else e; fi; while f; do g; done", "a b c d e f g"),
        ("for x in a b; do c; done; for x; do d; done; ! e; { f; }; (g)", "c d e f g"),
        ("case a in b) c ;; d | e) f ;; *) g; esac; h", "c f g h"),
        ('x=a y="$(b "$(c)")" d >e 2>&1 <f "$(case g in h) i ;; esac)"; k=$((1 + 2)); echo $(l)', "b c d echo i l"),
        ("a() { b; }\na\nc # d\ne 'f; g' \"h; $(i)\" \\; j", "b c e i"),
        ("trap 'a; b' TERM; exec 3>&1; exec c d", "a b c exec trap"),
        ("nsenter --net=x /bin/sh -c 'e; f $1' g", "/bin/sh e f nsenter"),
        ('command -v a; have b; need c d; $e f; "$2-save"', '"$2-save" $e a b c command d have need'),
        ("awk '{ \"a\" | getline x; y = \"b | c\"\ny | getline; z | getline }' f", "a awk b c z|getline"),
        ("awk '{ system(\"a\") }'; awk '{ print \"b\" | \"c\" }'", 'awk print""| system('),
    ],
    ids=range(11),
)  # fmt: skip
def test_commands_are_found_wherever_one_can_stand(script: str, commands: str) -> None:
    assert " ".join(sorted(word.replace(" ", "") for word in commands_of(script))) == commands


@_in_shells("dash", "busybox")
def test_builtins_are_builtins(shell: str, prober: Prober) -> None:
    _skip_where(prober.lacks(shell))
    kept = " ".join(sorted(BUILTINS))
    asked = f"PATH=/nowhere; for word in {kept}; do command -v $word >/dev/null || echo $word; done"
    assert prober.scene.run((*SHELLS[shell], "-c", asked)).stdout == b""


@_in_shells("dash", "busybox")
def test_probe_runs_nothing_but_the_commands_that_were_found(shell: str, prober: Prober) -> None:
    _skip_where(prober.lacks(shell))
    assert prober.ask(shell, sh_probe()) == prober.whole(shell)
    prober.settle()
    assert {name: one.row for name, one in prober.whole(shell).items() if one.outcome in _GAPS} == {
        "accounts.users": "partial accounts of sss are not in /etc/passwd"
    }


@_in_shells("dash")
@pytest.mark.parametrize("command", _with_slow(COMMANDS, ("awk", "grep", "gzip", "ip", "ls", "nft", "sleep", "ss")))
def test_missing_command_is_told(command: str, shell: str, prober: Prober) -> None:
    _skip_where(prober.lacks(shell, command))
    expected = WITHOUT_BUILTIN.get((shell, command), MISSING[command])
    _check(prober.whole(shell), prober.ask(shell, prober.script(lacking=(command,))), expected)


@pytest.mark.slow
@_in_shells()
@pytest.mark.parametrize("commands", MISSING_TOGETHER, ids="-".join)
def test_commands_that_stand_in_for_each_other_are_all_missing(
    commands: tuple[str, ...], shell: str, prober: Prober
) -> None:
    _skip_where(prober.lacks(shell, *commands))
    _check(prober.whole(shell), prober.ask(shell, prober.script(lacking=commands)), MISSING_TOGETHER[commands])


@pytest.mark.parametrize("how", _BROKEN)
@pytest.mark.parametrize("command", _with_slow(COMMANDS, ("grep", "ip", "nft", "ss")))
def test_broken_command_leaves_no_blank(command: str, how: str, prober: Prober) -> None:
    _skip_where(prober.lacks("dash", command, *(("busybox",) if how == "is-busybox" else ())))
    if (command, how) in SILENT:
        pytest.skip(SILENT[command, how])
    whole = prober.whole("dash")
    got = prober.ask("dash", prober.script(broken={command: _BROKEN[how]}))
    if isinstance(got, HostError):
        # Nothing is believed of a host whose answer is not whole.
        assert command in ("awk", "gzip")
        return
    assert set(got) == set(whole)
    for name, one in got.items():
        if one.outcome not in _GAPS:
            assert (one.outcome, _certain(one)) == (whole[name].outcome, _certain(whole[name])), name


def _skip_where(reason: str) -> None:
    if reason:
        pytest.skip(reason)


def _check(whole: Sections, got: Sections | HostError, expected: Mapping[str, str]) -> None:
    """Compare with the whole answer: what is expected, and nothing else, is another."""
    if NO_ANSWER in expected:
        assert isinstance(got, HostError)
        assert expected[NO_ANSWER] == got.reason.value
        return
    assert not isinstance(got, HostError), got
    assert list(got) == list(whole)
    for name, one in got.items():
        before = whole[name]
        row = expected.get(name, "")
        is_absent = before.outcome is Outcome.ABSENT  # what this machine has not, no command may be asked for
        if not row or (is_absent and one == before):
            assert one == before, name
        elif row in (UNDECIDED, OTHER_ROAD):
            assert (one.outcome, _certain(one)) == (before.outcome, _certain(before)), name
            assert row == OTHER_ROAD or one.facts != before.facts, name
        else:
            assert one.row.startswith(row), name


def _certain(told: Told) -> list[Any]:
    """Return the facts without those that say what a packet meets: where one is not there, nothing is decided by it."""
    kept = [one for one in told.facts if not isinstance(one, NetworkSpace | Link)]
    # A find that is not GNU's tells no sizes and modes.
    kept = [one.path if isinstance(one, ProgramFile) else one for one in kept]
    # Only ss tells names of owners; they are those of their processes.
    certain = [
        replace(one, owners=tuple(replace(owner, name="") for owner in one.owners))
        if isinstance(one, Listener)
        else one
        for one in kept
    ]
    return sorted(certain, key=repr)


@pytest.mark.parametrize(
    ("modules", "grep", "said"),
    [
        ("kernel/net/netfilter/nf_tables.ko\n", "works", "yes"),
        ("kernel/net/other.ko\n", "works", ""),
        ("kernel/net/other.ko\n", "is missing", "unknown"),
        ("kernel/net/other.ko\n", "exit 127", "unknown"),
        ("kernel/net/other.ko\n", "exit 2", "unknown"),
    ],
)
@pytest.mark.parametrize("shell", ["dash", "busybox"])
def test_grep_that_finds_nothing_is_no_proof_that_there_is_no_nf_tables(
    modules: str, grep: str, said: str, shell: str, tmp_path: Path
) -> None:
    (tmp_path / "modules/kernel").mkdir(parents=True)
    (tmp_path / "modules/kernel/modules.builtin").write_text(modules)
    (tmp_path / "sys").mkdir()
    (tmp_path / "tools").mkdir()
    if grep == "works":
        (tmp_path / "tools/grep").symlink_to("/bin/grep")
    elif grep != "is missing":
        (tmp_path / "tools/grep").write_text(f"#!/bin/sh\n{grep}\n")
        (tmp_path / "tools/grep").chmod(0o755)
    script = (
        f'have() {{ command -v "$1" >/dev/null 2>&1; }}\nPATH={tmp_path}/tools\n'
        + NF_TABLES.replace('/lib/modules/"$release"', f"{tmp_path}/modules/kernel")
        .replace("/usr/lib/modules/", "/nowhere/")
        .replace("/sys/module", f"{tmp_path}/sys")
        .replace("/proc/modules", f"{tmp_path}/none")
        + 'echo "<$nf_tables>"\n'
    )
    done = subprocess.run(
        ["/bin/" + shell, *SHELLS[shell][1:], "-c", script], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == (f"<{said}>\n", "")
