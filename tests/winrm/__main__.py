"""``python -m tests.winrm``: a WS-Man host in a process of its own; prints its port, ends with its input."""

import os
import sys
import tempfile
from pathlib import Path

from tests.winrm.server import Behaviour, serving, user_file


def main() -> None:
    """Serve until nobody holds the other end of standard input."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NTLM_USER_FILE"] = str(user_file(Path(folder)))
        with serving(Behaviour()) as server:
            print(server.port, flush=True)  # noqa: T201 — whoever starts it reads it
            sys.stdin.read()


if __name__ == "__main__":
    main()
