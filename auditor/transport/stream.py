"""What of a socket an SSH connection needs: a socket has it, and so has a channel through a jump host."""

from typing import Protocol


class Stream(Protocol):
    """What of a socket an SSH connection needs."""

    def settimeout(self, seconds: float | None, /) -> None:
        """Wait so long at most for each of the below."""

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        """Take what has come, empty at the end; TimeoutError."""
        ...

    def send(self, data: "bytes | memoryview[int]", /) -> int:
        """Give some of the data and return how much; TimeoutError."""
        ...

    def shutdown(self, how: int, /) -> None:
        """Wake whoever reads."""

    def close(self) -> None:
        """Give it up."""
