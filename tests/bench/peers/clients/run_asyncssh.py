"""Put questions to hosts with asyncssh: `run_asyncssh.py ORDER`, in one process, known hosts read once."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import asyncssh


async def _all(order: dict[str, Any]) -> None:
    turns = asyncio.Semaphore(order["at_once"])
    known = asyncssh.read_known_hosts(order["known_hosts"])
    key = asyncssh.read_private_key(order["key"])

    async def ask(name: str, address: str) -> None:
        async with (
            turns,
            asyncssh.connect(
                address, username=order["user"], client_keys=[key], known_hosts=known, config=None, agent_path=None
            ) as connection,
        ):
            answer = await connection.run(order["questions"], check=True)
        Path(order["answers"], name).write_text(answer.stdout)  # noqa: ASYNC240 — others write so, too

    await asyncio.gather(*(ask(name, address) for name, address in order["hosts"].items()))


if __name__ == "__main__":
    asyncio.run(_all(json.loads(Path(sys.argv[1]).read_text())))
