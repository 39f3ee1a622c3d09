"""What a boot starts besides units and init scripts: rc.local, OpenRC's local.d, inittab, upstart, runit and its kind.

Formats: rc.local as systemd-rc-local-generator(8) and the distributions run it (where it is executable), inittab(5) of
sysvinit and of busybox, upstart's init(5), runsvdir(8) and svscan (a folder with a script ``run``, which a file
``down`` keeps from starting).
"""

from auditor.collect.collector import Collector, fields, lines_of, unread
from auditor.model.evidence import Proof, Unread
from auditor.model.facts.services import Service, ServiceManager, StartMode
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed
from auditor.model.record import replace

# On nearly every host nothing of it is there, which costs a few looks.
_QUICK = r"""
set --
for file in /etc/rc.local /etc/rc.d/rc.local /etc/init.d/boot.local /etc/init.d/after.local /etc/local.d/*.start \
    /etc/inittab /etc/init/*.conf /etc/init/*.override; do
    [ -f "$file" ] || continue
    case $file in /etc/rc.d/*) [ ! "$file" -ef /etc/rc.local ] || continue ;; esac
    [ -r "$file" ] || { partial "$file cannot be read"; continue; }
    [ -x "$file" ] && printf 'on\t%s\n' "$file"
    set -- "$@" "$file"
done
for file in /etc/service/* /var/service/* /service/* /etc/runit/runsvdir/current/* /run/service/*; do
    [ -f "$file/run" ] || continue
    [ -r "$file/run" ] || { partial "$file/run cannot be read"; continue; }
    [ -e "$file/down" ] || printf 'on\t%s/run\n' "$file"
    set -- "$@" "$file/run"
done
[ $# -gt 0 ] || { absent "there is no rc.local, inittab, upstart job or supervised folder"; return; }
scan "$@"
"""
_AWK = r"""
function services_boot_scripts(    at, line, text, lines, inside, user, starts, kind) {
    for (at = 2; at <= paths; at++) {
        text = user = starts = ""
        lines = inside = 0
        kind = path[at] ~ /[.](conf|override)$/ ? "upstart" : (path[at] ~ /\/run$/ ? "runit" : "script")
        while ((getline line < path[at]) > 0 && lines++ < 1000) {
            gsub(/\t/, " ", line)
            sub(/^ +/, "", line)
            if (line == "" || line ~ /^#/) continue
            if (path[at] == "/etc/inittab") { put("inittab\t" line); continue }
            if (kind == "upstart") {
                if (line ~ /^script *$/) { inside = 1; continue }
                if (line ~ /^end script/) { inside = 0; continue }
                if (!inside && line ~ /^start on /) { starts = "on"; continue }
                if (!inside && line ~ /^manual *$/) { starts = "manual"; continue }
                if (!inside && line ~ /^setuid /) { user = substr(line, 8); continue }
                if (!inside && line !~ /^exec /) continue
            }
            if (length(text) < 6000) text = text (text == "" ? "" : " ; ") substr(line, 1, 1000)
        }
        close(path[at])
        if (path[at] != "/etc/inittab") put(kind "\t" path[at] "\t" starts "\t" user "\t" text)
    }
}
"""

# Nothing that these actions of inittab(5) name is started by the boot.
_NO_START = (
    "initdefault", "ctrlaltdel", "kbrequest", "shutdown", "restart", "off",
    "powerwait", "powerfail", "powerokwait", "powerfailnow",
)  # fmt: skip
_INITTAB_FIELDS = 4
_MANAGERS = {
    "script": ServiceManager.RC_LOCAL,
    "upstart": ServiceManager.UPSTART,
    "runit": ServiceManager.RUNIT,
}


def _inittab(line: str) -> Service | None:
    """Read ``id:runlevels:action:process``."""
    parts = line.split(":", _INITTAB_FIELDS - 1)
    if len(parts) != _INITTAB_FIELDS:
        message = f"{len(parts)} fields instead of {_INITTAB_FIELDS}"
        raise ValueError(message)
    name, _, action, process = (part.strip() for part in parts)
    if action in _NO_START:
        return None
    return Service(
        # busybox has no names there.
        name=name or process.partition(" ")[0],
        manager=ServiceManager.INITTAB,
        start=StartMode.AUTOMATIC,
        description=action,
        command=process.lstrip("+-") or None,
        file="/etc/inittab",
    )


def _start(kind: str, starts: str, *, is_on: bool) -> StartMode:
    """Say whether a script is run: an upstart job by its event, all others by their mode or their folder."""
    if kind == "upstart":
        return {"on": StartMode.AUTOMATIC}.get(starts, StartMode.MANUAL)
    return StartMode.AUTOMATIC if is_on else StartMode.DISABLED


def _script(line: str, on: set[str]) -> Service:
    """Read kind, file, when it starts, user and command."""
    kind, file, starts, user, command = fields(line, 5)
    manager = _MANAGERS.get(kind)
    if manager is None:
        message = f"unknown kind {kind[:20]!r}"
        raise ValueError(message)
    folder, _, name = file.rpartition("/")
    return Service(
        name=folder.rpartition("/")[2] if kind == "runit" else name.removesuffix(".conf"),
        manager=manager,
        start=_start(kind, starts, is_on=file in on),
        command=command or None,
        file=file,
        user=user.strip() or None,
    )


def _parse(text: str) -> Parsed:
    """Read one service a script, job or line of inittab; an override of an upstart job speaks for its job."""
    facts: dict[str, tuple[int, Service]] = {}
    strange: list[Unread] = []
    on: set[str] = set()
    manual: set[str] = set()
    for number, line in enumerate(lines_of(text), 1):
        if not line:
            continue
        word, _, rest = line.partition("\t")
        try:
            if word == "on":
                on.add(rest)
            elif word == "inittab":
                service = _inittab(rest)
                if service is not None:
                    facts[f"{number}"] = (number, service)
            else:
                service = _script(line, on)
                if service.name.endswith(".override"):
                    if service.start is StartMode.MANUAL and "\tmanual\t" in line:
                        manual.add(service.name.removesuffix(".override"))
                else:
                    facts[service.file or ""] = (number, service)
        except ValueError as error:
            strange.append(unread(number, line, error))
    found = tuple(
        (number, replace(service, start=StartMode.MANUAL) if _is_overridden(service, manual) else service)
        for number, service in facts.values()
    )
    return Parsed(facts=found, unread=tuple(strange))


def _is_overridden(service: Service, manual: set[str]) -> bool:
    return service.manager is ServiceManager.UPSTART and service.name in manual


PLUGIN = Collector(
    id="services.boot_scripts",
    facts=(Service,),
    quick={OsFamily.LINUX: _QUICK},
    awk=_AWK,
    parse=_parse,
    proof={OsFamily.LINUX: Proof.LAB},
    advice="Run the audit as root or with sudo, so that every script of the boot can be read.",
)
