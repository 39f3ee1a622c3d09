"""The brokers of docs/many-machines.md, made by its commands and run with its settings and rights, on this machine."""

import base64
import hashlib
import re
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.servers.port import free_port
from tests.servers.rabbitmq import RabbitMQ

_PAGE = (Path(__file__).parents[2] / "docs" / "many-machines.md").read_text()
_NAME = "broker.example.org"


def block(beginning: str) -> str:
    """Return the block of the page whose first line begins so."""
    (found,) = [one for one in re.findall(r"```[a-z]*\n(.*?)```", _PAGE, re.DOTALL) if one.startswith(beginning)]
    text: str = found
    return text


def make_certificates(folder: Path) -> None:
    """Run the page's commands for a broker that is called localhost."""
    folder.mkdir()
    commands = block("openssl req -x509").replace(_NAME, "localhost")
    done = subprocess.run(["sh", "-ec", commands], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@contextmanager
def redis(folder: Path, certificates: Path) -> Iterator[str]:
    """Run the page's Redis; give where it is, without scheme and user."""
    folder.mkdir()
    port = free_port()
    (folder / "users.acl").write_text(block("user default off"))
    settings = block("port 0").replace("/etc/redis/users.acl", str(folder / "users.acl"))
    settings = settings.replace("/etc/redis", str(certificates)).replace("tls-port 6379", f"tls-port {port}")
    (folder / "redis.conf").write_text(f"{settings}bind 127.0.0.1\ndir {folder}\nlogfile {folder / 'log'}\n")
    process = subprocess.Popen(["redis-server", str(folder / "redis.conf")], stdout=subprocess.DEVNULL)
    try:
        yield f"localhost:{port}/0"
    finally:
        process.kill()
        process.wait()


def a_rabbitmq(folder: Path, certificates: Path) -> RabbitMQ:
    """Return the page's RabbitMQ, which is not running yet."""
    settings = block("listeners.tcp").replace("/etc/rabbitmq", str(certificates))
    settings = settings.replace("listeners.ssl.default = 5671\n", "")
    return RabbitMQ(folder, settings=settings, definitions=_definitions())


@contextmanager
def rabbitmq(folder: Path, certificates: Path) -> Iterator[str]:
    """Run the page's RabbitMQ; give where it is, without scheme and user."""
    server = a_rabbitmq(folder, certificates)
    try:
        server.start()
        yield f"localhost:{server.port}//"
    finally:
        server.kill()


def _definitions() -> Mapping[str, Any]:
    """Say as a file what the page says by rabbitmqctl, each call of which starts an Erlang of its own."""
    calls = [shlex.split(line)[1:] for line in block("rabbitmqctl").splitlines()]
    users = [{"name": who, "password_hash": _hash(word), "tags": ""} for what, who, *rest in calls
             if what == "add_user" for word in rest]  # fmt: skip
    rights = [
        {"user": who, "vhost": "/", **dict(zip(("configure", "write", "read"), rest, strict=True))}
        for what, who, *rest in calls
        if what == "set_permissions"
    ]
    assert (len(users), len(rights), calls[0]) == (2, 2, ["delete_user", "guest"])
    return {"users": users, "vhosts": [{"name": "/"}], "permissions": rights}


def _hash(password: str) -> str:
    salt = b"salt"
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()
