"""Plays of real Ansible on this machine: in memory, within bounds, without our environment, and nothing is left."""

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor.inventory.ansible_run import find_program
from auditor.model.host import ConnectionKind, Credentials, Host
from auditor.model.record import replace
from auditor.remediate.ansible import AnsiblePlays, clear_left
from auditor.remediate.playing import Task

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_program("ansible-playbook") is None, reason="ansible-core is not installed"),
]
CANARY = "cAnArY-7f3a"
HOST = Host(
    name="web[1]",
    address="localhost",
    connection=ConnectionKind.LOCAL,
    credentials=Credentials(
        user="nobody", become=True, password=f"{CANARY}-password", become_password=f"{CANARY}-become"
    ),
)
AS_ROOT = Host(name="a", address="localhost", connection=ConnectionKind.LOCAL, credentials=Credentials(user="root"))


@pytest.fixture(autouse=True)
def memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a folder in memory of its own, so that nobody else's plays are looked at."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
        yield Path(folder)


def plays(folder: Path, tasks: str) -> AnsiblePlays:
    (folder / "try.yml").write_text(f"- hosts: all\n  gather_facts: false\n  tasks:\n{tasks}")
    return AnsiblePlays(playbooks=folder, operator="root")


def left() -> list[str]:
    """Return folders of plays that are still there."""
    return [str(one) for one in Path(os.environ["XDG_RUNTIME_DIR"]).iterdir()]


def test_what_a_play_returns_and_changes_is_read(tmp_path: Path) -> None:
    run = plays(
        tmp_path,
        "    - ansible.builtin.set_fact: {auditor_capsule: {state: '{{ word }}'}, other: 1}\n"
        "    - ansible.builtin.command: echo hello\n",
    )
    done = run(AS_ROOT, Task(playbook="try", variables={"word": "{{ 7 * 7 }}"}))
    assert (done.is_done, done.changed, done.said) == (True, 1, "")
    assert done.facts == {"auditor_capsule": {"state": "{{ 7 * 7 }}"}}
    assert left() == []


def test_texts_come_as_they_are_whatever_they_look_like(tmp_path: Path) -> None:
    texts = ["no", "1.10", "", "{{ 7 * 7 }}", "!vault x", "2026-11-27", "null", "~", "a: b", "\u2028"]
    run = plays(tmp_path, "    - ansible.builtin.set_fact: {auditor_capsule: {state: '{{ words }}'}}\n")
    assert run(AS_ROOT, Task(playbook="try", variables={"words": texts})).facts["auditor_capsule"] == {"state": texts}


@pytest.mark.parametrize(
    ("tasks", "said"),
    [
        ('    - ansible.builtin.fail: {msg: "it\\e[31m broke"}\n', "it?[31m broke"),
        ("    - ansible.builtin.no_such_module: {}\n", "no_such_module"),
        ("    - ansible.builtin.debug: {msg: '{{ unknown }}'}\n", "unknown"),
        ("  - broken\n", "Ansible did not run try"),
    ],
)
def test_what_did_not_come_to_its_end_is_not_done(tmp_path: Path, tasks: str, said: str) -> None:
    done = plays(tmp_path, tasks)(AS_ROOT, Task(playbook="try"))
    assert not done.is_done
    assert said in done.said
    assert done.said.isprintable()
    assert left() == []


def test_a_host_that_is_not_reached_is_not_done(tmp_path: Path) -> None:
    host = Host(name="gone", address="127.0.0.1", port=1, credentials=Credentials(user="root"))
    done = plays(tmp_path, "    - ansible.builtin.ping:\n")(host, Task(playbook="try"))
    assert not done.is_done
    assert "it was not reached" in done.said


def test_a_play_that_takes_too_long_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    tasks = "    - ansible.builtin.shell: setsid sleep 3137 & sleep 3138\n"
    began = time.monotonic()
    done = plays(tmp_path, tasks)(AS_ROOT, Task(playbook="try", seconds=8))
    assert time.monotonic() - began < 40
    assert "did not come to its end within 8 s" in done.said
    found = subprocess.run(["pgrep", "-f", "sleep 313[78]"], capture_output=True, text=True, check=False).stdout
    assert found == ""
    assert left() == []


def test_no_secret_is_on_a_disk_in_an_argument_or_in_an_environment(
    tmp_path: Path, memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUD_TOKEN", f"{CANARY}-token")
    monkeypatch.setenv("ANSIBLE_LOG_PATH", str(tmp_path / "ansible.log"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    # Not become: what is looked at are the processes on this side.
    look = tmp_path / "look.sh"
    look.write_text(
        'cat /proc/[0-9]*/cmdline 2>/dev/null | tr "\\0" " " >"$1/cmdlines"\n'
        'for pid in $$ $PPID $(pgrep -f ansible-playbook); do cat /proc/$pid/environ; done 2>/dev/null >"$1/environs"\n'
        'env >>"$1/environs"\n'
        f'ls -ld {memory}/auditor-play-* >"$1/places"; ls -l {memory}/auditor-play-*/ >>"$1/places"\n'
    )
    run = plays(
        tmp_path,
        f"    - ansible.builtin.command: sh {look} {tmp_path}\n      vars: {{ansible_become: false}}\n",
    )
    run = replace(run, operator="op")
    done = run(HOST, Task(playbook="try", variables={"secret": f"{CANARY}-variable"}))
    assert done.is_done, done.said
    places = (tmp_path / "places").read_text()
    assert places.startswith("drwx------")
    assert "-rw-------" in places
    assert "-rw-r--r--" not in "\n".join(line for line in places.splitlines() if ".json" in line or "config" in line)
    assert (tmp_path / "environs").stat().st_size > 200
    found = subprocess.run(["grep", "-rl", CANARY, str(tmp_path)], capture_output=True, text=True, check=False)
    assert found.stdout == ""
    assert left() == []
    assert "CLOUD_TOKEN" in os.environ


def test_what_a_killed_process_left_is_cleared_and_nobody_elses_is(memory: Path) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    for pid in (gone.pid, os.getpid()):
        (memory / f"auditor-play-{pid}-x").mkdir()
    (memory / "auditor-play-odd").mkdir()
    orphans = {
        pid: subprocess.Popen(["sleep", "60"], env={"AUDITOR_PLAY": f"{pid}-abc"}) for pid in (gone.pid, os.getpid())
    }
    clear_left()
    assert orphans[gone.pid].wait(5) == -9
    assert orphans[os.getpid()].poll() is None
    orphans[os.getpid()].kill()
    orphans[os.getpid()].wait()
    assert sorted(one.name for one in memory.iterdir()) == [f"auditor-play-{os.getpid()}-x", "auditor-play-odd"]


def test_a_message_that_repeats_a_secret_is_cut(tmp_path: Path) -> None:
    run = plays(tmp_path, "    - ansible.builtin.fail: {msg: 'wrong: {{ word }}'}\n")
    done = run(HOST, Task(playbook="try", variables={"word": f"{CANARY}-become"}))
    assert CANARY not in done.said
    assert "wrong: …" in done.said
