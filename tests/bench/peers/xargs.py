"""OpenSSH, a process for each host, started by xargs: with the key exchange it prefers, and with the cheapest."""

import shutil
import subprocess

from tests.bench.peers.peer import AT_ONCE, QUESTIONS, Order, Peer, seen_in_files
from tests.bench.spent import Command


def _command(order: Order, options: str) -> Command:
    names = order.folder / "names"
    names.write_text("".join(f"{host.name}\n" for host in order.hosts))
    each = f'exec ssh -F "$CONFIG" {options} "$1" "$QUESTIONS" >"$ANSWERS/$1"'
    words = ["xargs", "-a", str(names), "-P", str(AT_ONCE), "-n", "1", "sh", "-c", each, "sh"]
    environment = {
        "CONFIG": str(order.lab.ssh_config),
        "QUESTIONS": QUESTIONS,
        "ANSWERS": str(order.answers),
        "HOME": str(order.folder),
    }
    return Command(words=words, environment=environment, folder=order.folder)


def _version() -> str:
    ssh = shutil.which("ssh") or "ssh"
    return subprocess.run([ssh, "-V"], capture_output=True, text=True, check=True).stderr.partition(",")[0].strip()


PEERS = (
    Peer(
        id="xargs",
        title=f"`xargs -P {AT_ONCE} ssh`, its own key exchange",
        command=lambda order: _command(order, ""),
        seen=seen_in_files,
        version=_version,
    ),
    Peer(
        id="xargs-curve25519",
        title=f"`xargs -P {AT_ONCE} ssh`, curve25519",
        command=lambda order: _command(order, "-o KexAlgorithms=curve25519-sha256"),
        seen=seen_in_files,
        version=_version,
    ),
)
