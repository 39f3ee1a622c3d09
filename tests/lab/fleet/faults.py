"""The ways a host can be broken, and how each is undone."""

import json
import os
import shlex
import signal
import time

from tests.lab.fleet import delays
from tests.lab.fleet.host import Host, Series, all_hosts
from tests.lab.fleet.places import BRIDGE, BRIDGE_ADDRESS, Lab, LabError
from tests.lab.fleet.shell import attempt, sh, write

FAULTS = {
    "blackhole": "packets to it vanish: connect() times out",
    "unreachable": "link down: EHOSTUNREACH after about 3 s",
    "refused": "sshd's listener is gone: ECONNREFUSED",
    "nobanner": "accepts TCP, never sends an SSH banner",
    "badbanner": "accepts TCP, sends lines for ever that are no SSH banner",
    "hang": "the command's output stops after ARG bytes (2048), then silence",
    "reset": "TCP RST after ARG bytes (4096) of the command's output",
    "truncate": "output ends after ARG bytes (2048), exit status 1",
    "empty": "no output at all, exit status 0",
    "garbage": "ARG bytes (52428800) of random bytes instead of the output",
    "garbage-stderr": "the same on standard error, before the true output",
    "flood": "endless output",
    "drip": "output at ARG bytes (512) per second",
    "hostkey": "another SSH host key than in known_hosts",
    "badcred": "no client key is accepted",
    "nosession": "authentication works, opening a channel is refused",
    "noisyrc": "the login shell prints lines before any command",
    "missing": "program ARG (ss) is not there",
    "hangtool": "program ARG (ss) never returns",
    "nopython": "no python3 on the host",
    "delay": "+ARG ms (200) round trip time",
    "rate": "link limited to ARG kbit/s (256)",
    "freeze": "all its processes are stopped; the kernel still accepts TCP",
    "crash": "PID 1 is killed: all connections end, then ECONNREFUSED",
    "poweroff": "vanishes at once (blackhole and crash): no FIN, no RST",
}
_DEFAULTS = {
    "hang": "2048", "reset": "4096", "truncate": "2048", "garbage": "52428800", "garbage-stderr": "52428800",
    "drip": "512", "missing": "ss", "hangtool": "ss", "delay": "200", "rate": "256",
}  # fmt: skip
_DEAD_MAC = "02:00:00:de:ad:00"
_OF_SSHD = ("hostkey", "badcred", "nosession")
_OF_PORT = ("refused", "nobanner", "badbanner")

_FAULT_CONF = "/etc/ssh/sshd_config.d/00-fault.conf"
_FLEET_CONF = "/etc/ssh/sshd_config.d/50-fleet.conf"
# A restarting sshd removes its pid file for a moment: wait for it before and after.
_WAIT_PID = "for i in $(seq 60); do [ -s /run/sshd.pid ] && break; sleep .05; done"
_RELOAD = f"{_WAIT_PID}; kill -HUP $(cat /run/sshd.pid); sleep .1; {_WAIT_PID}"
# It is gone when nothing listens any more: a signal takes its time.
_KILL_LISTENER = (
    "kill $(cat /run/sshd.pid); rm -f /run/sshd.pid; "
    "for i in $(seq 100); do ss -Hltn 'sport = :22' | grep -q . || break; sleep .05; done"
)
# A stand-in on port 22; its process id is kept to undo it.
_STAND_IN = """{kill}; nohup python3 -c '
import socket, time
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
for _ in range(50):
    try: s.bind(("", 22)); break
    except OSError: time.sleep(.1)
s.listen(64); s.settimeout(.2); keep = []
while True:
    try: keep.append(s.accept()[0])
    except TimeoutError: pass
    {then}
' >/dev/null 2>&1 & echo $! >/run/fake.pid"""
_TALK = """
    for c in list(keep):
        try: c.send(b"x" * 60 + b"\\r\\n")
        except OSError: keep.remove(c)"""
_ORIGINAL = 'sh -c "$SSH_ORIGINAL_COMMAND"'
_FORCED = {  # bodies of a ForceCommand script; @ is ARG
    "hang": _ORIGINAL + " | head -c @; exec sleep infinity",
    "reset": _ORIGINAL + " | head -c @; sleep .3; p=${SSH_CLIENT#* }; "
    'k="ss -K sport = :22 and dport = :${p% *}"; [ $(id -u) = 0 ] || k="sudo -n $k"; $k >/dev/null; '
    "exec sleep infinity",
    "truncate": _ORIGINAL + " | head -c @; exit 1",
    "empty": "exit 0",
    "garbage": "exec head -c @ /dev/urandom",
    "garbage-stderr": "head -c @ /dev/urandom >&2; exec " + _ORIGINAL,
    "flood": "exec yes 'this never ends'",
    "drip": _ORIGINAL + " | while :; do n=$(dd bs=@ count=1 2>/dev/null | tee /dev/fd/3 | wc -c); "
    "[ $n -gt 0 ] || exit 0; sleep 1; done 3>&1",
}
_EXCLUSIVE = frozenset((*_FORCED, *_OF_SSHD, *_OF_PORT))
"""Only one of these at a time: each takes the place of what sshd does."""
_REVIVING = ("freeze", "crash", "poweroff")
"""Undone first: the others are undone from inside."""
_BOOTING = ("crash", "poweroff")


def in_force(host: Host) -> dict[str, str]:
    """Return the faults of a host with their arguments."""
    try:
        faults: dict[str, str] = json.loads((host.folder / "faults.json").read_text())
    except FileNotFoundError:
        return {}
    return faults


def _note(host: Host, faults: dict[str, str]) -> None:
    if faults:
        write(host.folder / "faults.json", json.dumps(faults))
    else:
        (host.folder / "faults.json").unlink(missing_ok=True)


def break_host(host: Host, kind: str, argument: str = "") -> None:
    """Put one fault into force, in place of one that cannot stand beside it; raise LabError for an unknown kind."""
    if kind not in FAULTS:
        raise LabError(f"no such fault: {kind}; `python -m tests.lab fault list` names them")
    if host.series is not Series.PLANTED and kind in _EXCLUSIVE:
        raise LabError(f"the init system of {host.name} looks after its SSH server: {kind} works on h001 and its like")
    argument = argument or _DEFAULTS.get(kind, "")
    faults = in_force(host)
    for old in [name for name in faults if name == kind or {name, kind} <= _EXCLUSIVE]:
        _undo(host, old, faults.pop(old))
    faults[kind] = argument
    _note(host, faults)
    _do(host, kind, argument)
    if kind == "delay":
        set_delays(host.lab, {host: int(argument)})


def heal(host: Host) -> None:
    """Undo every fault of a host; raise LabError when it does not answer afterwards."""
    faults = in_force(host)
    if not faults:
        return
    for kind in sorted(faults, key=lambda name: _REVIVING.index(name) if name in _REVIVING else len(_REVIVING)):
        _undo(host, kind, faults[kind])
        if kind in _BOOTING:
            host.wait_until_it_answers()  # what is entered sooner has this machine's files
    _note(host, {})
    if "delay" in faults:
        _apply_delays(host.lab)
    if not host.wait_until_it_answers(15):
        raise LabError(f"{host.name} does not answer although its faults were undone")


def forget(host: Host) -> None:
    """Undo what a fault left on the controller, for a host that is about to go."""
    if in_force(host):
        attempt("ip", "neigh", "del", host.address, "dev", BRIDGE)


def set_delays(lab: Lab, milliseconds: dict[Host, int]) -> None:
    """Set the round trip time added to these hosts; 0 takes it off."""
    for host, delay in milliseconds.items():
        faults = in_force(host)
        faults.pop("delay", None)
        if delay:
            faults["delay"] = str(delay)
        _note(host, faults)
    _apply_delays(lab)


def _apply_delays(lab: Lab) -> None:
    delays.apply(lab, {host: int(found["delay"]) for host in all_hosts(lab) if "delay" in (found := in_force(host))})


def _do(host: Host, kind: str, argument: str) -> None:
    if kind in _FORCED:
        body = shlex.quote("#!/bin/sh\n" + _FORCED[kind].replace("@", argument) + "\n")
        forced = "/usr/local/lib/fleet/forced"
        host.run(
            f"printf %s {body} >{forced}; chmod 755 {forced}; echo ForceCommand {forced} >{_FAULT_CONF}; {_RELOAD}"
        )
    elif kind in _OF_SSHD:
        _do_sshd(host, kind)
    elif kind in _OF_PORT:
        then = _TALK if kind == "badbanner" else "pass"
        host.run(_KILL_LISTENER if kind == "refused" else _STAND_IN.format(kill=_KILL_LISTENER, then=then))
        if kind != "refused":
            _wait_for_stand_in(host)
    elif kind in ("noisyrc", "missing", "hangtool", "nopython"):
        host.run(_tool_script(kind, argument))
    elif kind != "delay":
        _do_outside(host, kind, argument)


def _do_sshd(host: Host, kind: str) -> None:
    option = {
        "hostkey": "HostKey /etc/ssh/fleet_other_ed25519",
        "badcred": "AuthorizedKeysFile /nonexistent",
        "nosession": "MaxSessions 0",
    }[kind]
    hide = f"sed -i s/^HostKey/#HostKey/ {_FLEET_CONF}; " if kind == "hostkey" else ""
    host.run(f"echo {option} >{_FAULT_CONF}; {hide}{_RELOAD}")


def _tool_script(kind: str, argument: str) -> str:
    tool = shlex.quote(argument)
    away = f"p=$(command -v {tool}); mv $p $p.fleet-off"
    return {
        "noisyrc": 'for d in /root /home/auditor /home/plain; do echo \'echo "*** welcome to $(hostname) ***"; '
        "echo oops >&2' >$d/.bashrc; done",
        "missing": away,
        "hangtool": f"{away}; printf '#!/bin/sh\\nexec sleep infinity\\n' >$p; chmod 755 $p",
        "nopython": "for p in /usr/bin/python3*; do mv $p $p.fleet-off; done",
    }[kind]


def _wait_for_stand_in(host: Host) -> None:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        if "LISTEN" in host.run("ss -Hltn sport = :22"):
            return
        time.sleep(0.05)
    raise LabError(f"{host.name}: nothing took the place of sshd")


def _do_outside(host: Host, kind: str, argument: str) -> None:
    if kind in ("blackhole", "poweroff"):
        sh("ip", *_lost(host.address, BRIDGE))
    if kind == "unreachable":
        sh("ip", "link", "set", host.link, "down")
        attempt("ip", "neigh", "flush", "to", host.address, "dev", BRIDGE)
    elif kind == "rate":
        limit = ("root", "tbf", "rate", f"{argument}kbit", "burst", "16kb", "latency", "2s")
        sh("tc", "qdisc", "replace", "dev", host.link, *limit)
        sh("ip", "netns", "exec", host.namespace, "tc", "qdisc", "replace", "dev", "eth0", *limit)
    elif kind == "freeze":
        _signal_all(host, signal.SIGSTOP)
    elif kind in _BOOTING:
        if kind == "poweroff":
            # Nor does its kernel's farewell to open connections come out.
            sh("ip", "-n", host.namespace, *_lost(BRIDGE_ADDRESS, "eth0"))
        pid = host.pid()
        if pid is not None:
            os.kill(pid, signal.SIGKILL)


def _lost(address: str, device: str) -> tuple[str, ...]:
    """Return the words that let packets to an address vanish."""
    return ("neigh", "replace", address, "lladdr", _DEAD_MAC, "dev", device, "nud", "permanent")


def _undo(host: Host, kind: str, argument: str) -> None:
    if kind in _FORCED or kind in _OF_SSHD:
        host.run(f"rm -f {_FAULT_CONF}; sed -i s/^#HostKey/HostKey/ {_FLEET_CONF}; {_RELOAD}")
    elif kind == "noisyrc":
        host.run("rm -f /root/.bashrc /home/auditor/.bashrc /home/plain/.bashrc")
    elif kind in _OF_PORT:
        host.run("[ -f /run/fake.pid ] && kill $(cat /run/fake.pid) && rm /run/fake.pid && sleep .2; /usr/sbin/sshd")
    elif kind in ("missing", "hangtool"):
        name = shlex.quote(f"{argument}.fleet-off")
        host.run(f"p=$(ls /usr/bin/{name} /usr/sbin/{name} /bin/{name} 2>/dev/null | head -1); mv $p ${{p%.fleet-off}}")
    elif kind == "nopython":
        host.run("for p in /usr/bin/python3*.fleet-off; do mv $p ${p%.fleet-off}; done")
    elif kind != "delay":
        _undo_outside(host, kind)


def _undo_outside(host: Host, kind: str) -> None:
    if kind in ("blackhole", "poweroff"):
        attempt("ip", "neigh", "del", host.address, "dev", BRIDGE)
    if kind == "poweroff":
        attempt("ip", "-n", host.namespace, "neigh", "del", BRIDGE_ADDRESS, "dev", "eth0")
    if kind == "unreachable":
        sh("ip", "link", "set", host.link, "up")
    elif kind == "rate":
        attempt("tc", "qdisc", "del", "dev", host.link, "root")
        attempt("ip", "netns", "exec", host.namespace, "tc", "qdisc", "del", "dev", "eth0", "root")
    elif kind == "freeze":
        _signal_all(host, signal.SIGCONT)
    elif kind in _BOOTING:
        host.stop()
        host.start()


def _signal_all(host: Host, number: signal.Signals) -> None:
    for pid in host.pids():
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue
