"""A PostgreSQL of the tests' own: a process in a folder of its own, without rights and without a network."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

_PROGRAMS = Path("/usr/lib/postgresql")
_USER = "nobody"
# Texts are sorted as people of one country sort them, which is what a server of somebody else's may do: "a-b" < "aa".
_LOCALE = ("--locale=C", "--encoding=UTF8", "--locale-provider=icu", "--icu-locale=en-US")
_SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",  # what a process that is killed has written stays: these servers meet no loss of power
    "max_connections": "30",
    "shared_buffers": "16MB",
}


def program(name: str) -> str | None:
    """Return a program of the newest PostgreSQL that Debian's package brings; None without one."""
    found = sorted(_PROGRAMS.glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    return str(found[-1]) if found else shutil.which(name)


class Server:
    """A server that is started, killed and started again."""

    def __init__(self, folder: Path) -> None:
        """Make its files; it is not running yet."""
        self.folder = folder
        self._data = folder / "data"
        self._databases = 0
        folder.mkdir(mode=0o711)
        self._user = _USER if os.geteuid() == 0 else None
        if self._user is not None:
            shutil.chown(folder, self._user)
        self._run("initdb", "-D", str(self._data), "-A", "trust", "-U", "auditor", "--no-sync", *_LOCALE)

    def start(self) -> None:
        """Start it, and come back when it answers."""
        options = " ".join(f"-c {name}={value or chr(39) * 2}" for name, value in _SETTINGS.items())
        arguments = ("-D", str(self._data), "-o", f"{options} -k {self.folder}", "-l", str(self.folder / "log"))
        self._run("pg_ctl", "start", "-w", *arguments)

    def stop(self) -> None:
        """End it, and its connections."""
        self._run("pg_ctl", "stop", "-m", "immediate", "-w", "-D", str(self._data))

    def kill(self) -> None:
        """Kill it as a machine that runs out of memory does; its children notice and end."""
        pid = int((self._data / "postmaster.pid").read_text().splitlines()[0])
        os.kill(pid, signal.SIGKILL)
        # A new one refuses to start while an old child holds the shared memory.
        subprocess.run(["timeout", "20", "tail", f"--pid={pid}", "-f", "/dev/null"], check=True)

    def new_database(self) -> str:
        """Return the address of a database that holds nothing."""
        self._databases += 1
        name = f"store_{self._databases}"
        self.sql(f"CREATE DATABASE {name}", "postgres")
        return self.url(name)

    def url(self, name: str) -> str:
        """Return the address of a database."""
        return f"postgresql+psycopg://auditor@/{name}?host={self.folder}"

    def sql(self, text: str, database: str) -> str:
        """Have psql run statements; return what it prints, a row a line."""
        return self._run(
            *("psql", "-h", str(self.folder), "-U", "auditor", "-d", database, "-v", "ON_ERROR_STOP=1", "-Atqc", text)
        )

    def _run(self, name: str, *arguments: str) -> str:
        done = subprocess.run(
            [program(name) or name, *arguments],
            check=False,
            capture_output=name != "pg_ctl",  # the server keeps what it inherits open
            stdout=subprocess.DEVNULL if name == "pg_ctl" else None,
            stderr=subprocess.DEVNULL if name == "pg_ctl" else None,
            text=True,
            user=self._user,
            cwd=self.folder,
            env={"LC_ALL": "C", "PATH": os.environ["PATH"]},
            timeout=60,
        )
        assert done.returncode == 0, f"{name}: {done.stderr or (self.folder / 'log').read_text()}"
        return done.stdout or ""
