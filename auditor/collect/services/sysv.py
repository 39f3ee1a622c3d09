"""Init scripts in ``/etc/init.d``, and whether they are started: System V init, OpenRC, OpenWrt, busybox.

What runs is known to OpenRC alone: it keeps a link for each service that it started and did not stop, and a folder for
one whose daemon it looks after (openrc-run(8), supervise-daemon(8)).
"""

from dataclasses import dataclass, field

from auditor.collect.collector import Collector, fields, take_lines
from auditor.model.evidence import Proof, Unread
from auditor.model.facts.services import Service, ServiceManager, StartMode
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed

# Names say it all: no file is read, no process started. OpenRC has folders of links in /etc/runlevels,
# System V init S links in /etc/rc?.d (or below /etc/rc.d), OpenWrt in /etc/rc.d itself. Where busybox is init, its
# rcS usually starts what is called S and a number in /etc/init.d, in that order (Buildroot manual, "init system").
_QUICK = r"""
found=
for script in /etc/init.d/* /etc/rc.d/init.d/*; do
    # /etc/init.d is a link to the other on some systems.
    case $script in /etc/rc.d/*) [ ! -L /etc/init.d ] || continue ;; esac
    [ -f "$script" ] && [ -x "$script" ] || continue
    found=1
    printf 'script\t%s\n' "$script"
done
[ -n "$found" ] || { absent "there is no init script in /etc/init.d"; return; }
for link in /etc/rc[S2345].d/S[0-9][0-9]* /etc/rc.d/rc[S2345].d/S[0-9][0-9]* /etc/rc.d/S[0-9][0-9]*; do
    case $link in /etc/rc.d/rc*) [ ! -L /etc/rc3.d ] || continue ;; esac
    [ -e "$link" ] && printf 'link\t%s\n' "$link"
done
if [ -d /etc/runlevels ]; then
    printf 'openrc\t/etc/runlevels\n'
    for link in /etc/runlevels/*/*; do
        if [ -e "$link" ]; then printf 'runlevel\t%s\n' "$link"; fi
    done
    for state in /run/openrc /lib/rc/init.d /libexec/rc/init.d; do
        [ -d "$state/started" ] || continue
        printf 'state\t%s\n' "$state"
        for link in "$state"/started/*; do
            if [ -L "$link" ]; then printf 'started\t%s\n' "$link"; fi
        done
        for dir in "$state"/daemons/*; do
            if [ -d "$dir" ]; then printf 'daemon\t%s\n' "$dir"; fi
        done
        break
    done
fi
"""

_NOT_SERVICES = ("functions", "functions.sh", "rc", "rcS", "rcK", "single", "README", "skeleton")
_ORDER = len("S01")


@dataclass(slots=True, kw_only=True)
class _Listing:
    """The listing while it is read."""

    scripts: dict[str, tuple[int, str]] = field(default_factory=dict)
    """Name of a service to the line that its script stands in, and its path."""
    automatic: set[str] = field(default_factory=set)
    manager: ServiceManager = ServiceManager.SYSV
    knows_state: bool = False
    started: set[str] = field(default_factory=set)
    daemons: set[str] = field(default_factory=set)

    def take(self, number: int, line: str) -> None:
        """Put one line where it belongs; ValueError when it belongs nowhere."""
        kind, path = fields(line, 2)
        name = path.rpartition("/")[2]
        if kind == "script":
            self._take_script(number, name, path)
        elif kind == "link":
            self.automatic.add(name[_ORDER:])
        elif kind == "runlevel":
            self.automatic.add(name)
        elif kind == "openrc":
            self.manager = ServiceManager.OPENRC
        elif kind == "state":
            self.knows_state = True
        elif kind == "started":
            self.started.add(name)
        elif kind == "daemon":
            self.daemons.add(name)
        else:
            message = f"unknown kind {kind[:20]!r}"
            raise ValueError(message)

    def _take_script(self, number: int, name: str, path: str) -> None:
        order, rest = name[:_ORDER], name[_ORDER:]
        if rest and order[0] == "S" and order[1:].isascii() and order[1:].isdigit():
            # It is its own link.
            name = rest
            self.automatic.add(name)
        self.scripts.setdefault(name, (number, path))

    def service(self, name: str, path: str) -> Service:
        """Return what is known of one service."""
        is_started, has_daemon = name in self.started, name in self.daemons
        return Service(
            name=name,
            manager=self.manager,
            start=StartMode.AUTOMATIC if name in self.automatic else StartMode.DISABLED,
            # What was started may be over by now: only of a daemon is more known.
            is_running=is_started if self.knows_state and is_started == has_daemon else None,
            state="" if not self.knows_state else "started" if is_started else "stopped",
            command=path,
            file=path,
        )


def _parse(text: str) -> Parsed:
    """Read the scripts, and start those automatically that a link or their own name makes start."""
    listing = _Listing()
    strange: list[Unread] = []
    take_lines(text, listing.take, strange)
    facts = tuple(
        (number, listing.service(name, path))
        for name, (number, path) in listing.scripts.items()
        if name not in _NOT_SERVICES
    )
    return Parsed(facts=facts, unread=tuple(strange))


PLUGIN = Collector(
    id="services.sysv",
    facts=(Service,),
    quick={OsFamily.LINUX: _QUICK},
    parse=_parse,
    proof={OsFamily.LINUX: Proof.LAB},
    advice="Make /etc/init.d and /etc/rc?.d readable for everyone, as distributions ship them.",
    holds_secrets=False,
)
