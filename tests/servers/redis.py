"""A Redis of the tests' own: a process in a folder of its own, with the users that docs/many-machines.md gives it."""

import subprocess
import time
from collections.abc import Sequence
from pathlib import Path


class Redis:
    """A server that is started, killed and started again; it keeps nothing, as Redis does unless told to."""

    def __init__(self, folder: Path, *, users: Sequence[str]) -> None:
        """Write its files; it is not running yet."""
        self.folder, self.socket = folder, folder / "socket"
        folder.mkdir()
        (folder / "users.acl").write_text("".join(f"{user}\n" for user in users))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and come back when it answers."""
        words = ["--port", "0", "--unixsocket", str(self.socket), "--dir", str(self.folder), "--save", ""]
        words += ["--aclfile", str(self.folder / "users.acl"), "--logfile", str(self.folder / "log")]
        self._process = subprocess.Popen(["redis-server", *words], stdout=subprocess.DEVNULL)
        for _ in range(600):
            if "NOAUTH" in self.say("PING") or self.say("PING") == "PONG":
                return
            time.sleep(0.05)
        raise AssertionError((self.folder / "log").read_text())

    def url(self, user: str) -> str:
        """Return its address for a user."""
        return f"redis+socket://{user}:{user}@{self.socket}?virtual_host=0"

    def kill(self) -> None:
        """Kill it: what it held is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def say(self, *words: str, user: str | None = None) -> str:
        """Have redis-cli say something, as a user whose password is its name; return the answer."""
        who = [] if user is None else ["--user", user, "--pass", user, "--no-auth-warning"]
        done = subprocess.run(
            ["redis-cli", "-s", str(self.socket), *who, *words],
            capture_output=True,
            text=True,
            check=False,
        )
        return (done.stdout + done.stderr).strip()
