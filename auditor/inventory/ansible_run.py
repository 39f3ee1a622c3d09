"""Run one of Ansible's programs through ansible-runner, so that nothing it reads or says is written to a disk."""

import os
import shutil
import sysconfig
import tempfile
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

from auditor.errors import InventoryError, OutputError
from auditor.model.record import Record, Unshown

SECONDS = 600
"""How long Ansible may take: a fleet of 10,000 hosts takes it 20 s, a cloud's answer may take minutes."""
_RUN = "run"
_IN_MEMORY = frozenset({"tmpfs", "ramfs"})
_OWN = 0o700
_PIECE = 1 << 16
_PATIENCE = 5.0
"""Seconds that are left to a process of a plugin's which outlives Ansible and holds its output open."""
# Whatever the operator's configuration says: no log, no other plugin that sees variables, no colours between words.
_QUIET: Mapping[str, str] = {
    "ANSIBLE_NOCOLOR": "True",
    "ANSIBLE_FORCE_COLOR": "False",
    "ANSIBLE_DEPRECATION_WARNINGS": "False",
    "ANSIBLE_LOG_PATH": os.devnull,
    "ANSIBLE_DEBUG": "False",
    "ANSIBLE_VERBOSITY": "0",
    # An empty list is an error to Ansible; this one stands aside for the one that ansible-runner brings.
    "ANSIBLE_CALLBACKS_ENABLED": "minimal",
}


class Said(Record, kw_only=True):
    """What a program of Ansible's left when it ended."""

    status: str
    """ansible-runner's word: successful, failed, timeout."""
    output: Unshown[str]
    """Its standard output: secrets may stand in it."""
    complaints: Unshown[str]
    """Its standard error."""
    answer: Unshown[str]
    """What was written into the channel ``answer`` of the private folder."""


class Place(Record, kw_only=True):
    """A private folder for one run; gone when the run is over."""

    folder: Path
    """The folder, mode 0700."""
    is_in_memory: bool
    """Whether it lies on a file system that has no disk below it."""

    @property
    def answer(self) -> Path:
        """Return the named pipe that is read while the program runs."""
        return self.folder / "answer"


class Bounds(Record, kw_only=True):
    """What a program of Ansible's may have of this machine."""

    seconds: int = SECONDS
    """How long it may take."""
    inherits: Collection[str] | None = None
    """Variables of our environment that it gets to see; None means all, for plugins that log in to clouds."""
    before: tuple[str, ...] = ()
    """Program and arguments that start it, such as ``setsid --wait``."""
    output_bytes: int | None = None
    """How much of each of its outputs is kept; None means all."""


@contextmanager
def private_place(source: str, prefix: str = "auditor-inventory-") -> Iterator[Place]:
    """Make a private folder, in memory where there is such a place, and see that it is gone afterwards."""
    memory = memory_folder()
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=memory))
    try:
        yield Place(folder=folder, is_in_memory=memory is not None)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if os.path.lexists(folder):
            raise OutputError(f"{source}: {folder} cannot be removed: remove it by hand, Ansible ran in it")


def run_ansible(
    place: Place,
    source: str,
    program: str,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    bounds: Bounds | None = None,
) -> Said:
    """Run a program of Ansible's to its end. InventoryError when it is not installed.

    Its output goes through pipes into this process. ansible-runner would keep it in a file of its folder, and the
    whole environment, tokens of cloud plugins among it, in another: that one is a pipe too, and nobody keeps it.
    """
    import ansible_runner  # noqa: PLC0415 — 0.1 s that only this kind of inventory costs
    from ansible_runner.exceptions import AnsibleRunnerException  # noqa: PLC0415

    bounds = bounds or Bounds()
    kept = place.folder / "artifacts" / _RUN
    kept.mkdir(parents=True, mode=_OWN)
    ends: list[str] = []
    words = [*bounds.before, _program(program, source), *arguments]

    def told(status: Mapping[str, str], runner_config: Any) -> None:  # noqa: ANN401 — ansible-runner's own
        ends.append(status["status"])
        if status["status"] == "starting" and bounds.inherits is not None:
            _scrub(runner_config.env, bounds.inherits, environment)

    with ExitStack() as stack:
        most = bounds.output_bytes
        output, complaints = stack.enter_context(_Channel(most=most)), stack.enter_context(_Channel(most=most))
        answer = stack.enter_context(_Channel(place.answer, most=most))
        stack.enter_context(_Channel(kept / "command", most=0))
        nothing = stack.enter_context(Path(os.devnull).open(encoding="utf-8"))
        try:
            ansible_runner.run_command(
                words[0],
                words[1:],
                runner_mode="subprocess",
                output_fd=output.end,
                error_fd=complaints.end,
                input_fd=nothing,
                private_data_dir=str(place.folder),
                ident=_RUN,
                envvars=dict(_QUIET) | {"ANSIBLE_LOCAL_TEMP": str(place.folder / "tmp")} | dict(environment),
                fact_cache_type="memory",
                quiet=True,
                timeout=bounds.seconds,
                status_handler=told,
            )
        except AnsibleRunnerException as error:
            raise InventoryError(f"{source}: ansible-runner cannot start {program}: {error}") from error
    return Said(
        status=ends[-1] if ends else "failed",
        output=output.text(),
        complaints=complaints.text(),
        answer=answer.text(),
    )


class _Channel:
    """A pipe, with or without a name, that is read into memory until nobody writes to it any more."""

    def __init__(self, name: Path | None = None, *, most: int | None = None) -> None:
        self._name = name
        self._most = most
        self._length = 0
        self._pieces: list[bytes] = []

    def __enter__(self) -> Self:
        if self._name is None:
            self._source, self.end = os.pipe()
        else:
            os.mkfifo(self._name, 0o600)
            # A named pipe opens for writing only while somebody reads: first the end that does not wait.
            self._source = os.open(self._name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            self.end = os.open(self._name, os.O_WRONLY | os.O_CLOEXEC)
            os.set_blocking(self._source, True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.end)
        self._reader.join(_PATIENCE)

    def _read(self) -> None:
        while piece := os.read(self._source, _PIECE):
            # What is too much is read all the same: whoever writes it must not wait for us for ever.
            if self._most is None or self._length < self._most:
                self._pieces.append(piece if self._most is None else piece[: self._most - self._length])
                self._length += len(piece)
        os.close(self._source)

    def text(self) -> str:
        """Return what came through, once it is closed."""
        return b"".join(self._pieces).decode("utf-8", "replace")


def _scrub(given: dict[str, str], inherits: Collection[str], ours: Mapping[str, str]) -> None:
    """Take out of an environment what it has of our own and is not to be seen; what ansible-runner put in stays."""
    for name, value in os.environ.items():
        if name not in inherits and name not in ours and given.get(name) == value:
            del given[name]


def find_program(name: str) -> str | None:
    """Return the program that was installed with the auditor, else the first on the path; None where there is none."""
    ours = Path(sysconfig.get_path("scripts"), name)
    return str(ours) if ours.exists() else shutil.which(name)


def _program(name: str, source: str) -> str:
    found = find_program(name)
    if found is None:
        raise InventoryError(
            f"{source}: reading an Ansible inventory takes ansible-core, which is not installed: "
            "pip install 'auditor[ansible]', or list the hosts in CSV or YAML"
        )
    return found


def memory_folder() -> str | None:
    """Return a folder that is kept in memory, where there is one."""
    for folder in (os.environ.get("XDG_RUNTIME_DIR", ""), "/dev/shm"):  # noqa: S108 — a private folder is made inside
        if folder and os.access(folder, os.W_OK | os.X_OK) and _file_system(folder) in _IN_MEMORY:
            return folder
    return None


def _file_system(folder: str) -> str | None:
    """Return the kind of file system a folder lies on; None where the kernel does not say (proc(5), mountinfo)."""
    device = Path(folder).stat().st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    try:
        lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    for line in lines:
        mount, _, kind = line.partition(" - ")
        if mount.split()[2] == wanted:
            return kind.split()[0]
    return None
