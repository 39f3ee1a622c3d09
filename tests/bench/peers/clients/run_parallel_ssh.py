"""Put questions to hosts with parallel-ssh: `run_parallel_ssh.py ORDER`. It does not check host keys."""

import json
import sys
from pathlib import Path
from typing import Any

from pssh.clients import ParallelSSHClient


def _all(order: dict[str, Any]) -> None:
    names = {address: name for name, address in order["hosts"].items()}
    client = ParallelSSHClient(
        list(names), user=order["user"], pkey=order["key"], pool_size=order["at_once"], allow_agent=False
    )
    for answer in client.run_command(order["questions"]):
        text = "\n".join(answer.stdout)
        Path(order["answers"], names[answer.host]).write_text(text)


if __name__ == "__main__":
    _all(json.loads(Path(sys.argv[1]).read_text()))
