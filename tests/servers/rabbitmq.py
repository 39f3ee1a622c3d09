"""A RabbitMQ of the tests' own: a process in a folder of its own, with a name server for Erlang of its own."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.servers.port import free_port

PROGRAMS = Path("/usr/lib/rabbitmq/bin")


class RabbitMQ:
    """A server that is started and stopped; it listens for TLS on this machine alone."""

    def __init__(self, folder: Path, *, settings: str, definitions: Mapping[str, Any]) -> None:
        """Write its files; it is not running yet. ``settings`` say where its certificate is, and nothing of ports."""
        self.folder, self.port = folder, free_port()
        self._names, self._nodes = free_port(), free_port()
        folder.mkdir()
        (folder / "definitions.json").write_text(json.dumps(definitions))
        more = f"listeners.ssl.1 = 127.0.0.1:{self.port}\nload_definitions = {folder / 'definitions.json'}\n"
        (folder / "rabbitmq.conf").write_text(settings + more)
        (folder / "plugins").write_text("[].\n")
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Start it, and come back when it takes connections."""
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "LC_ALL": "C.UTF-8",
            "ERL_EPMD_PORT": str(self._names),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            # One scheduler that sleeps when there is nothing to do: others need the processors.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none",
            "RABBITMQ_NODENAME": f"auditor{self._nodes}@localhost",
            "RABBITMQ_DIST_PORT": str(self._nodes),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_PID_FILE": str(self.folder / "pid"),
        }
        with (self.folder / "said").open("wb") as said:
            for words in (["epmd", "-port", str(self._names)], [str(PROGRAMS / "rabbitmq-server")]):
                self._running.append(
                    subprocess.Popen(words, env=environment, stdout=said, stderr=said, start_new_session=True)
                )
        end = time.monotonic() + 900
        while not self._answers():
            assert time.monotonic() < end, (self.folder / "said").read_text()
            assert self._running[-1].poll() is None, (self.folder / "said").read_text()
            time.sleep(0.1)

    def kill(self) -> None:
        """Kill it and all that it started."""
        for process in reversed(self._running):
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self._running.clear()

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True
