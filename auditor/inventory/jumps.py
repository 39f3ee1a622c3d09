"""Jump hosts: what ``ProxyJump`` names, as hosts; where the inventory knows one, as the inventory describes it.

A jump that the inventory does not know is reached as ssh(1) would reach it: as the operator, or the user that
``ProxyJump`` names, with the operator's own keys and agent. Its own key has to stand in the known-hosts files of
the host behind it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from auditor.model.host import Credentials, Host, SshSettings
from auditor.model.record import replace

_HIGHEST_PORT = 65535
_MOST = 8


def read_jumps(text: str, known_hosts: tuple[Path, ...]) -> tuple[Host, ...]:
    """Read ``[user@]host[:port]``, several parted by commas; ValueError says what is wrong with one."""
    jumps = tuple(_jump(part.strip(), known_hosts) for part in text.split(","))
    if len(jumps) > _MOST:
        message = f"names {len(jumps)} jump hosts, and {_MOST} are the most"
        raise ValueError(message)
    return jumps


def _jump(text: str, known_hosts: tuple[Path, ...]) -> Host:
    user, at, place = text.removeprefix("ssh://").rstrip("/").rpartition("@")
    if place.startswith("["):
        address, closed, port = place[1:].partition("]")
        port = port.removeprefix(":") if closed else "?"
    else:
        # An IPv6 address without brackets has more than one colon, and no port.
        address, _, port = place.partition(":") if place.count(":") == 1 else (place, "", "")
    if not address or (at and not user):
        message = f"the jump host {text!r} is not [user@]host[:port]"
        raise ValueError(message)
    if port and not (port.isascii() and port.isdigit() and 0 < int(port) <= _HIGHEST_PORT):
        message = f"the jump host {text!r} has no port that exists"
        raise ValueError(message)
    return Host(
        name=address,
        address=address,
        port=int(port) if port else None,
        credentials=Credentials(user=user or None),
        ssh=SshSettings(known_hosts=known_hosts),
    )


def with_known_jumps(hosts: Sequence[Host]) -> list[Host]:
    """Return the hosts, their jumps as the inventory describes them where it does, with the jumps' own before them."""
    known = {host.name: host for host in hosts}
    return [_resolved(host, known) if host.ssh.jumps else host for host in hosts]


def _resolved(host: Host, known: Mapping[str, Host]) -> Host:
    try:
        jumps = _expanded(host.ssh.jumps, known, (host.name,))
    except ValueError as error:
        return replace(host, ssh=replace(host.ssh, jumps=()), unusable=host.unusable or str(error))
    broken = next((jump for jump in jumps if jump.unusable is not None), None)
    unusable = host.unusable or (None if broken is None else f"its jump host {broken.name}: {broken.unusable}")
    return replace(host, ssh=replace(host.ssh, jumps=jumps), unusable=unusable)


def _expanded(jumps: tuple[Host, ...], known: Mapping[str, Host], above: tuple[str, ...]) -> tuple[Host, ...]:
    """Put the inventory's description in the place of each jump; ValueError for a circle."""
    made: list[Host] = []
    for place, jump in enumerate(jumps):
        described = known.get(jump.name)
        if jump.name in above and described is not None:
            message = f"ProxyJump leads in a circle: {' through '.join((*above, jump.name))}"
            raise ValueError(message)
        if described is None:
            made.append(jump)
            continue
        before = _expanded(described.ssh.jumps, known, (*above, jump.name)) if place == 0 else ()
        credentials = described.credentials
        if jump.credentials.user is not None:
            credentials = replace(credentials, user=jump.credentials.user)
        made += [
            *before,
            replace(
                described,
                port=jump.port or described.port,
                credentials=credentials,
                ssh=replace(described.ssh, jumps=()),
            ),
        ]
    return tuple(made)
