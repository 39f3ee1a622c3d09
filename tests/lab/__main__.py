# ruff: noqa: T201 — a command prints
"""A fleet of Linux hosts with real SSH servers on one machine: `python -m tests.lab COMMAND` as root.

    up 50                     make (or complete) a fleet; what is there already stays
    up 60 --systemd 3         the same with three hosts whose first process is systemd
    up 0 --kinds 15           hosts of other kinds: other releases, other init systems, an embedded one
    status                    one line a host
    inventory                 the Ansible inventory on standard output (files: see `places`)
    places                    where inventory, policy, exceptions, key and known_hosts are
    truth h007                JSON: what is on that host, and what an audit as root must say
    ssh h007 'ss -tulpn'      OpenSSH with the fleet's key and known hosts
    exec h007 ss -tulpn       enter the host's namespaces, without SSH
    fault list                the ways to break a host
    fault h007 hang           break a host (or h001,h002 or all)
    heal h007                 undo its faults (or all)
    delay all 50              50 ms more round trip time (0: off)
    layer engines             make a shared tree that `up` does not make
    down                      remove everything but base, layers, keys and site/
    down --purge              remove the whole folder

State lives in $AUDITOR_LAB_HOME (default /var/tmp/auditor-lab). docs/lab.md tells more.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable

from tests.lab.fleet import faults
from tests.lab.fleet.background import PROFILES
from tests.lab.fleet.fleet import down, each, up
from tests.lab.fleet.host import Host, all_hosts
from tests.lab.fleet.layers import LAYERS, need_base, need_layers
from tests.lab.fleet.lock import holding
from tests.lab.fleet.places import Lab, LabError, lab_here

_Command = Callable[[Lab, argparse.Namespace], None]


def _pick(lab: Lab, names: str) -> list[Host]:
    hosts = all_hosts(lab)
    if names == "all":
        return hosts
    wanted = names.split(",")
    found = [host for host in hosts if host.name in wanted]
    if len(found) != len(set(wanted)):
        raise LabError(f"no such host among {len(hosts)}: {names}; `python -m tests.lab status` lists them")
    return found


def _up(lab: Lab, options: argparse.Namespace) -> None:
    begin = time.monotonic()
    with holding(lab):
        hosts = up(
            lab,
            options.count,
            profile=options.profile,
            seed=options.seed,
            is_planted=not options.plain,
            systemd=options.systemd,
            kinds=options.kinds,
        )
    print(f"{len(hosts)} hosts answer on port 22 after {time.monotonic() - begin:.1f} s; state in {lab.home}")


def _down(lab: Lab, options: argparse.Namespace) -> None:
    with holding(lab):
        print(f"removed {down(lab, purge=options.purge)} hosts")


def _status(lab: Lab, _: argparse.Namespace) -> None:
    hosts = all_hosts(lab)

    def line(host: Host) -> str:
        state = "up" if host.answers() else "NO-SSH"
        broken = ",".join(sorted(faults.in_force(host))) or "-"
        role = host.state()["role"] if host.is_made else "-"
        return f"{host.name:6} {host.address:13} {host.pid() or '-':>8} {state:6} {role:28} {broken}"

    print(f"{'HOST':6} {'ADDRESS':13} {'PID':>8} {'SSH':6} {'ROLE':28} FAULTS")
    for row in each(hosts, line, 32):
        print(row)


def _layer(lab: Lab, options: argparse.Namespace) -> None:
    if options.name not in LAYERS:
        raise LabError(f"there is no layer {options.name}: {', '.join(LAYERS)}")
    with holding(lab):
        need_base(lab)
        need_layers(lab, (options.name,))


def _inventory(lab: Lab, options: argparse.Namespace) -> None:
    print(lab.inventory(options.kind).read_text(), end="")


def _places(lab: Lab, _: argparse.Namespace) -> None:
    for path in (lab.key, *lab.lists):
        print(path)


def _exec(lab: Lab, options: argparse.Namespace) -> None:
    command = _pick(lab, options.host)[0].entering(*(options.command or ["bash"]))
    os.execvp(command[0], command)  # noqa: S606 — an administrator's own command


def _ssh(lab: Lab, options: argparse.Namespace) -> None:
    os.execvp("ssh", ["ssh", "-F", str(lab.ssh_config), options.host, *options.command])  # noqa: S606


def _truth(lab: Lab, options: argparse.Namespace) -> None:
    truths = [{**host.state()["truth"], "faults": faults.in_force(host)} for host in _pick(lab, options.host)]
    print(json.dumps(truths if options.host == "all" else truths[0], indent=1))


def _fault(lab: Lab, options: argparse.Namespace) -> None:
    if options.host == "list":
        for kind, text in faults.FAULTS.items():
            print(f"{kind:15} {text}")
        return
    with holding(lab):
        for host in _pick(lab, options.host):
            faults.break_host(host, options.kind or "", options.argument)


def _heal(lab: Lab, options: argparse.Namespace) -> None:
    with holding(lab):
        for host in _pick(lab, options.host):
            faults.heal(host)


def _delay(lab: Lab, options: argparse.Namespace) -> None:
    with holding(lab):
        faults.set_delays(lab, dict.fromkeys(_pick(lab, options.host), options.milliseconds))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.lab", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, act: _Command, text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text)
        command.set_defaults(act=act)
        return command

    command = add("up", _up, "make N hosts; others are removed")
    command.add_argument("count", type=int)
    command.add_argument("--profile", choices=PROFILES, default="server")
    command.add_argument("--seed", default="1")
    command.add_argument("--plain", action="store_true", help="plant nothing: ordinary hosts only")
    command.add_argument("--systemd", type=int, default=0, metavar="N", help="and N hosts with a real systemd")
    command.add_argument("--kinds", type=int, default=0, metavar="N", help="and N hosts of other kinds")
    add("down", _down, "remove the fleet").add_argument("--purge", action="store_true")
    add("status", _status, "list the hosts")
    add("layer", _layer, "make one of the shared trees: engines, which `up` does not make").add_argument("name")
    add("places", _places, "print where key, lists and rules are")
    add("inventory", _inventory, "print an inventory").add_argument(
        "kind", nargs="?", choices=("yml", "ini", "csv"), default="yml"
    )
    for name, act, text in (("exec", _exec, "run inside, without SSH"), ("ssh", _ssh, "run over SSH")):
        command = add(name, act, text)
        command.add_argument("host")
        command.add_argument("command", nargs=argparse.REMAINDER)
    add("truth", _truth, "what is on a host, as JSON").add_argument("host")
    command = add("fault", _fault, "break hosts")
    command.add_argument("host", help="HOST[,HOST...], all, or list")
    command.add_argument("kind", nargs="?")
    command.add_argument("argument", nargs="?", default="")
    add("heal", _heal, "undo faults").add_argument("host")
    command = add("delay", _delay, "set the round trip time")
    command.add_argument("host")
    command.add_argument("milliseconds", type=int)
    return parser


def main() -> int:
    """Run one command; return the exit status."""
    options = _parser().parse_args()
    if os.geteuid():
        print("lab: needs root", file=sys.stderr)
        return 2
    try:
        options.act(lab_here(), options)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
