"""Init scripts in ``/etc/init.d``, and whether a runlevel starts them: System V init, or OpenRC."""

from auditor.collect.collector import Collector, fields, lines_of, unread
from auditor.model.evidence import Proof, Unread
from auditor.model.facts.services import Service, ServiceManager, StartMode
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed

# Names say it all: no file is read, no process started. OpenRC has folders of links in /etc/runlevels,
# System V init S links in /etc/rc?.d (or below /etc/rc.d).
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
for link in /etc/rc[S2345].d/S[0-9][0-9]* /etc/rc.d/rc[S2345].d/S[0-9][0-9]*; do
    case $link in /etc/rc.d/*) [ ! -L /etc/rc3.d ] || continue ;; esac
    [ -e "$link" ] && printf 'link\t%s\n' "$link"
done
if [ -d /etc/runlevels ]; then
    printf 'openrc\t/etc/runlevels\n'
    for link in /etc/runlevels/*/*; do
        if [ -e "$link" ]; then printf 'runlevel\t%s\n' "$link"; fi
    done
fi
"""

_NOT_SERVICES = ("functions", "functions.sh", "rc", "rcS", "single", "README", "skeleton")
_ORDER = len("S01")


def _parse(text: str) -> Parsed:
    """Read the scripts, and start those automatically that a link names."""
    scripts: dict[str, tuple[int, str]] = {}
    started: set[str] = set()
    manager = ServiceManager.SYSV
    strange: list[Unread] = []
    for number, line in enumerate(lines_of(text), 1):
        if not line:
            continue
        try:
            kind, path = fields(line, 2)
            name = path.rpartition("/")[2]
            if kind == "script":
                scripts.setdefault(name, (number, path))
            elif kind == "link":
                started.add(name[_ORDER:])
            elif kind == "runlevel":
                started.add(name)
            elif kind == "openrc":
                manager = ServiceManager.OPENRC
            else:
                message = f"unknown kind {kind[:20]!r}"
                raise ValueError(message)  # noqa: TRY301 — the same treatment as any other line
        except ValueError as error:
            strange.append(unread(number, line, error))
    facts = tuple(
        (
            number,
            Service(
                name=name,
                manager=manager,
                start=StartMode.AUTOMATIC if name in started else StartMode.DISABLED,
                command=path,
                file=path,
            ),
        )
        for name, (number, path) in scripts.items()
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
