"""What every way of reaching a host promises."""

from typing import Protocol

from auditor.model.host import Host
from auditor.model.probe import ProbeCall, RawOutput


class Transport(Protocol):
    """One way to put a call to a host; safe to use from many threads at once."""

    def collect(self, host: Host, call: ProbeCall) -> RawOutput:
        """Put the call to the host and return its whole answer, leaving nothing behind.

        Raises HostError, and nothing else, for whatever is wrong with the host or the way to it. The
        call's deadline covers everything from connecting to the last byte; standard output is complete
        or the call fails; standard error is kept up to the call's limit, and what is beyond is counted.
        When it returns or raises, no thread, socket, file or child process of it is left, the connections to jump
        hosts apart, which all hosts behind them share until ``close``.
        """
        ...

    def close(self) -> None:
        """End what is kept between hosts; nothing of the transport is left afterwards."""
