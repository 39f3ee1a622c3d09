"""The shells of a WinRM host: opened, used and closed within its quotas; a command is run by this machine's ``sh``."""

import base64
import contextlib
import os
import queue
import selectors
import subprocess
import threading
import time
import uuid
from dataclasses import dataclass, field

from tests.winrm import soap
from tests.winrm.soap import FaultError, Message

_PIECE = 98_304
"""Bytes of output in an answer, so that it fits the 153,600 of the envelope that pywinrm asks for."""
_COMMAND_LINE = 8191
_TOO_LONG = b"The command line is too long.\r\n"


@dataclass(kw_only=True)
class Command:
    """A process in a shell."""

    process: subprocess.Popen[bytes] | None
    err: bytes = b""
    status: int | None = None
    fed: queue.SimpleQueue[bytes | None] | None = None

    def feed(self, data: bytes, *, is_last: bool) -> None:
        """Pass input on: the host takes it at once, whether or not the command reads."""
        if self.fed is None:
            self.fed = queue.SimpleQueue()
            threading.Thread(target=self._pass_on, args=(self.fed,), daemon=True).start()
        self.fed.put(data)
        if is_last:
            self.fed.put(None)

    def _pass_on(self, fed: "queue.SimpleQueue[bytes | None]") -> None:
        stdin = self.process.stdin if self.process is not None else None
        with contextlib.suppress(OSError, ValueError):
            while stdin is not None and (data := fed.get()) is not None:
                stdin.write(data)
                stdin.flush()
        with contextlib.suppress(OSError):
            if stdin is not None:
                stdin.close()

    def end(self) -> None:
        if self.process is None:
            return
        if self.process.poll() is None:
            os.killpg(self.process.pid, 9)
        self.process.wait()
        if self.fed is None:
            self.fed = queue.SimpleQueue()
            self.fed.put(None)
            self._pass_on(self.fed)
        self.fed.put(None)
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()


@dataclass(kw_only=True)
class Shell:
    """An open shell and its commands."""

    user: str
    commands: dict[str, Command] = field(default_factory=dict)


@dataclass(kw_only=True)
class Limits:
    """The quotas of a stock host (Windows Server 2012 and later)."""

    shells_per_user: int = 30
    envelope: int = 512_000
    longest_wait: float = 60.0


class Service:
    """What stands behind the HTTP of a WinRM host; safe to use from many threads."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.shells: dict[str, Shell] = {}
        self.opened = 0
        self.seen: list[str] = []
        self._lock = threading.Lock()

    def answer(self, data: bytes, user: str) -> tuple[int, bytes]:
        """Return HTTP status and body for a request of an account that was let in."""
        try:
            message = soap.read(data)
            self.seen.append(message.action)
            return 200, getattr(self, f"_{message.action}")(message, user)
        except FaultError as error:
            return 500, soap.fault(error)

    def close(self) -> None:
        """End what runs."""
        for shell in self.shells.values():
            for command in shell.commands.values():
                command.end()

    def _create(self, message: Message, user: str) -> bytes:
        soap.check_duration(message.text("rsp:Shell/rsp:IdleTimeOut"))
        with self._lock:
            if sum(shell.user == user for shell in self.shells.values()) >= self.limits.shells_per_user:
                raise FaultError(
                    soap.TOO_MANY_SHELLS,
                    "The WS-Management service cannot process the request. This user is allowed a maximum number of "
                    f"{self.limits.shells_per_user} concurrent shells, which has been exceeded.",
                    "w:QuotaLimit",
                )
            name = str(uuid.uuid4()).upper()
            self.shells[name] = Shell(user=user)
            self.opened += 1
        return soap.created(message, name)

    def _delete(self, message: Message, user: str) -> bytes:
        self._shell(message, user)
        with self._lock:
            shell = self.shells.pop(message.shell or "")
        for command in shell.commands.values():
            command.end()
        return soap.done(message)

    def _command(self, message: Message, user: str) -> bytes:
        shell = self._shell(message, user)
        line = message.text("rsp:CommandLine/rsp:Command") or ""
        if message.options.get("WINRS_CONSOLEMODE_STDIN", "TRUE") != "FALSE":
            raise FaultError(soap.BAD_HEADER, "This test host reads standard input from a pipe only.")
        if len(line) > _COMMAND_LINE:
            command = Command(process=None, err=_TOO_LONG, status=1)
        else:
            command = Command(process=self.start(line))
        name = str(uuid.uuid4()).upper()
        shell.commands[name] = command
        return soap.began(message, name)

    def start(self, line: str) -> subprocess.Popen[bytes]:
        """Run a command line."""
        pipe = subprocess.PIPE
        return subprocess.Popen(["/bin/sh", "-c", line], stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True)

    def _send(self, message: Message, user: str) -> bytes:
        command = self._running(message, user)
        process = command.process
        stream = message.body.find("rsp:Send/rsp:Stream", soap.NS)
        if process is not None and stream is not None:
            command.feed(base64.b64decode(stream.text or ""), is_last=stream.get("End") == "true")
        return soap.done(message)

    def _receive(self, message: Message, user: str) -> bytes:
        command = self._running(message, user)
        if command.process is None:
            return soap.received(message, b"", command.err, command.status)
        out, err, ended = _output(command.process, min(message.timeout, self.limits.longest_wait))
        if not (out or err or ended):
            raise FaultError(
                soap.TIMED_OUT, "The WS-Management service cannot complete the operation within the time specified in "
                "OperationTimeout.", "w:TimedOut",
            )  # fmt: skip
        return soap.received(message, out, err, command.process.wait() if ended else None)

    def _signal(self, message: Message, user: str) -> bytes:
        self._running(message, user).end()
        return soap.done(message)

    def _shell(self, message: Message, user: str) -> Shell:
        with self._lock:
            shell = self.shells.get(message.shell or "")
        if shell is None or shell.user != user:
            raise FaultError(soap.NO_SHELL, "The shell was not found on the server.", "w:InvalidSelectors")
        return shell

    def _running(self, message: Message, user: str) -> Command:
        command = self._shell(message, user).commands.get(message.command or "")
        if command is None:
            raise FaultError(soap.NO_SHELL, "The command was not found on the server.", "w:InvalidSelectors")
        return command


def _output(process: subprocess.Popen[bytes], seconds: float) -> tuple[bytes, bytes, bool]:
    """Wait for output, take what there is, and tell whether both streams have ended."""
    out, err, end = bytearray(), bytearray(), time.monotonic() + seconds
    with selectors.DefaultSelector() as selector:
        for stream, data in ((process.stdout, out), (process.stderr, err)):
            if stream is not None and not stream.closed:
                selector.register(stream, selectors.EVENT_READ, data)
        while selector.get_map() and len(out) + len(err) < _PIECE:
            # Once there is something, only what follows at once goes with it.
            wait = 0.01 if out or err else max(0.0, end - time.monotonic())
            ready = selector.select(wait)
            if not ready:
                break
            for key, _ in ready:
                piece = os.read(key.fd, _PIECE - len(out) - len(err))
                key.data.extend(piece)
                if not piece:
                    selector.unregister(key.fileobj)
                    key.fileobj.close()  # type: ignore[union-attr]
                if len(out) + len(err) >= _PIECE:
                    break
        ended = not selector.get_map()
    return bytes(out), bytes(err), ended
