"""How far up the way to a host got: what ``auditor doctor`` tells of a host that an audit only calls reached."""

from collections.abc import Callable
from enum import StrEnum


class Rung(StrEnum):
    """The steps from a name to an answer, in the order in which each rests on the one before."""

    NAME = "name"
    """The address is one, or its name was resolved."""
    CONNECT = "connect"
    """A TCP connection, or a stream through a jump host, is open."""
    BANNER = "banner"
    """An SSH server named its version."""
    ENCRYPTION = "encryption"
    """Both sides agreed on keys and ciphers."""
    HOST_KEY = "host key"
    """The host's key is a trusted one."""
    LOGIN = "login"
    """The account was let in."""
    SESSION = "session"
    """A channel for a command is open."""
    ANSWER = "answer"
    """The command ran and its whole output came."""


Climbed = Callable[[str, Rung, str], None]
"""Told as soon as a rung is reached: inventory name, rung, and what was met there (untrusted text, one line).

Called from the threads that ask; jump hosts are told under their own names."""


def nobody_watches(_host: str, _rung: Rung, _met: str) -> None:
    """Let every rung pass: an audit needs the answer only."""
