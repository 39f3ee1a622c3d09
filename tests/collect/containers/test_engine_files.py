"""The fragments read the files of real engines, put where the engines keep them, and take no secret out of them."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from auditor.model.facts.containers import Container

Run = Callable[..., Any]
FILES = Path(__file__).parent / "files"
_SHELLS = ("dash", "busybox", *(pytest.param(name, marks=pytest.mark.slow) for name in ("bash", "mksh", "zsh")))
_WEB = "bb0f382f504ead548826a59a48f9d8bca1e8cfebd878950c95c01c977f5f07f5"

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def inside(script: str) -> tuple[str, ...]:
    """Return what runs a command where nothing but the files of an engine is in the folders of engines."""
    empty = "set -e; mount -t tmpfs tmpfs /var/lib; mount -t tmpfs tmpfs /run; mount -t tmpfs tmpfs /home"
    return ("unshare", "--mount", "sh", "-c", f'{empty}\n{script}\nexec "$@"', "sh")


def containers(answer: Any) -> dict[str, Container]:
    assert answer.words <= {"partial"}, answer.outcomes
    assert answer.parsed.unread == ()
    return {fact.name: fact for _, fact in answer.parsed.facts}


@needs_root
@pytest.mark.parametrize("shell", _SHELLS)
def test_docker_is_read_from_its_files(shell: str, run_fragment: Run) -> None:
    put = f"mkdir -p /var/lib/docker; cp -r {FILES}/docker /var/lib/docker/containers"
    answer = run_fragment("containers.docker", interpreter=shell, inside=inside(put))
    found = containers(answer)
    assert sorted(found) == ["dhost", "didle", "dweb"]
    assert {one.image for one in found.values()} == {"tiny:1"}
    # Their processes are of another day, and no engine tells of it.
    assert not any(one.is_running for one in found.values())
    assert found["dhost"].is_on_host_network
    assert {place.host_port for place in found["dweb"].published} == {9080}
    assert "hunter2" not in answer.text
    assert "busybox" not in answer.text


@needs_root
@pytest.mark.parametrize(
    "words", [("--data-root", "/var/lib/else"), ("--data-root=/var/lib/else",), ("-g", "/var/lib/else")]
)
def test_an_engine_that_was_told_another_folder_is_read_there(words: tuple[str, ...], run_fragment: Run) -> None:
    with subprocess.Popen(["sh", "-c", "sleep 60 & wait", "dockerd", "-D", *words]) as engine:
        put = (
            "mkdir -p /var/lib/else/1000.1000\n"
            f"echo {engine.pid} >/run/docker.pid; cp -r {FILES}/docker /var/lib/else/1000.1000/containers"
        )
        try:
            answer = run_fragment("containers.docker", inside=inside(put))
        finally:
            engine.kill()
    assert len(containers(answer)) == 3


@needs_root
def test_podman_is_read_from_its_files_while_conmon_watches(run_fragment: Run) -> None:
    """A stand-in for conmon has a child, and the numbers of both stand where podman writes them."""
    code = "import subprocess; child = subprocess.Popen(['sleep', '60']); print(child.pid, flush=True); child.wait()"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as watch:
        assert watch.stdout is not None
        first = watch.stdout.readline().strip()
        runs = f"/run/containers/storage/vfs-containers/{_WEB}/userdata"
        put = (
            f"mkdir -p /var/lib/containers {runs}; cp -r {FILES}/podman /var/lib/containers/storage\n"
            f"echo {first} >{runs}/pidfile; echo {watch.pid} >{runs}/conmon.pid"
        )
        try:
            answer = run_fragment("containers.podman", inside=inside(put))
            stranger = run_fragment("containers.podman", inside=inside(put.replace(f"echo {watch.pid}", "echo 1")))
        finally:
            subprocess.run(["kill", first], check=True)
            watch.kill()
    found = containers(answer)
    assert {name: one.is_running for name, one in found.items()} == {"hostnet": False, "web": True, "idle": False}
    assert found["web"].pid == int(first)
    assert not found["web"].is_on_host_network
    assert {one.image for one in found.values()} == {"localhost/tiny:1"}
    assert "hunter2" not in answer.text
    # A number that another process has got since is nobody's container.
    assert not any(one.is_running for one in containers(stranger).values())


@needs_root
@pytest.mark.parametrize("collector", ["containers.docker", "containers.podman"])
def test_what_an_account_puts_in_the_way_is_not_opened(collector: str, run_fragment: Run) -> None:
    """A pipe would hang the probe, and a link to a file of root's would have it read: both are passed over."""
    docker = f"/home/ann/.local/share/docker/containers/{_WEB}"
    podman = "/home/ann/.local/share/containers/storage/overlay-containers"
    put = (
        "printf 'ann:x:1000:1000::/home/ann:/bin/sh\\n' >/run/passwd; mount --bind /run/passwd /etc/passwd\n"
        f"mkdir -p /var/lib/docker /var/lib/containers/storage {docker} {podman}/{_WEB}/userdata\n"
        f"mkfifo {docker}/config.v2.json {podman}/containers.json\n"
        f"ln -s /etc/shadow {docker}/hostconfig.json; ln -s /etc/shadow {podman}/{_WEB}/userdata/config.json"
    )
    answer = run_fragment(collector, inside=inside(put))
    assert "failed" not in answer.words
    assert containers(answer) == {}
    assert "\tann" in answer.text


@needs_root
@pytest.mark.parametrize(
    ("collector", "folder"), [("containers.docker", "docker"), ("containers.podman", "containers/storage")]
)
def test_an_ordinary_user_is_told_that_it_cannot_see(collector: str, folder: str, run_fragment: Run) -> None:
    answer = run_fragment(collector, uid=65534, inside=inside(f"mkdir -p /var/lib/{folder}"))
    assert answer.words == {"denied"}
    # Whether accounts have engines of their own shows in their sessions, which are closed to others.
    hidden = run_fragment(collector, uid=65534, inside=inside("mkdir -p /run/user/1000; chmod 700 /run/user/1000"))
    assert hidden.words == {"denied"}
    assert run_fragment(collector, uid=65534, inside=inside(":")).words == {"absent"}
    assert run_fragment(collector, inside=inside("mkdir -p /run/user/1000")).words == {"absent"}
