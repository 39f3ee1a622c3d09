"""Real sshd processes on loopback, as the tests of the transports have them."""

from tests.transport.conftest import fake_server, keygen, start_sshd

__all__ = ["fake_server", "keygen", "start_sshd"]
