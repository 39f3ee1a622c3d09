"""A port of this machine that nobody listens on."""

import socket


def free_port() -> int:
    """Return one; it is free until somebody takes it."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port
