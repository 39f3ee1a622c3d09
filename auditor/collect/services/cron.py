"""Jobs of cron, anacron and at: what the clock starts, ``@reboot`` with the machine.

Formats: crontab(5) of Vixie cron and cronie (a user's crontab, and the system's with the user as a sixth field), of
busybox (``/etc/crontabs``), anacrontab(5), run-parts(8). Of jobs of at only the names are listed: their files hold the
whole environment of whoever made them. macOS keeps Vixie cron's and at's below ``/usr/lib/cron``, a link to
``/var/at`` (cron(8), at(1)), and had periodic(8).
"""

from auditor.collect.collector import Collector, parse_lines
from auditor.model.evidence import Proof
from auditor.model.facts.services import Service, ServiceManager, StartMode
from auditor.model.host import OsFamily

# Folders below /var/spool belong to root, and users fill them by way of crontab(1) alone: what lies there is a file.
_QUICK = r"""
set --
cron_seen=''
for dir in /etc/cron.d /var/spool/cron/crontabs /var/spool/cron/tabs /var/spool/cron /etc/crontabs; do
    [ -d "$dir" ] || continue
    cron_seen=1
    [ -r "$dir" ] && [ -x "$dir" ] || partial "$dir cannot be read"
done
for file in /etc/crontab /etc/anacrontab /etc/cron.d/* /var/spool/cron/crontabs/* /var/spool/cron/tabs/* \
    /var/spool/cron/* /etc/crontabs/*; do
    [ -f "$file" ] && [ ! -L "$file" ] || continue
    # On Alpine the one folder is a link to the other.
    case $file in /etc/crontabs/*) [ ! /etc/crontabs -ef /var/spool/cron/crontabs ] || continue ;; esac
    cron_seen=1
    if [ -r "$file" ]; then set -- "$@" "$file"; else partial "$file cannot be read"; fi
done
for file in /etc/cron.hourly/* /etc/cron.daily/* /etc/cron.weekly/* /etc/cron.monthly/* \
    /etc/cron.yearly/* /etc/periodic/*/*; do
    if [ -f "$file" ] && [ -x "$file" ]; then cron_seen=1; printf 'script\t%s\n' "$file"; fi
done
for dir in /var/spool/cron/atjobs /var/spool/at /var/spool/atjobs; do
    [ -d "$dir" ] || continue
    cron_seen=1
    [ -r "$dir" ] && [ -x "$dir" ] || { partial "$dir cannot be read"; continue; }
    for file in "$dir"/[a-z=]?????????????*; do
        if [ -f "$file" ]; then printf 'at\t%s\n' "$file"; fi
    done
done
[ -n "$cron_seen" ] || { absent "there is no crontab and no folder of jobs"; return; }
[ $# -eq 0 ] || show_named "$@"
"""

# Full Disk Access guards /var/at: what modes allow tells nothing there, so that each folder is listed for a try.
_MACOS = r"""
set --
need ls head
for dir in /var/at /var/at/tabs /var/at/jobs /etc/periodic /usr/local/etc/periodic; do
    [ -e "$dir" ] || continue
    ls "$dir" >/dev/null 2>&1 || partial "$dir cannot be listed"
done
for file in /etc/crontab /var/at/tabs/*; do
    [ -f "$file" ] && [ ! -L "$file" ] || continue
    case $file in *"$tab"* | *"$newline"*) partial "a crontab has a line end or a tab in its name"; continue ;; esac
    if head -c 1 "$file" >/dev/null 2>&1; then set -- "$@" "$file"; else partial "$file cannot be read"; fi
done
for file in /etc/periodic/*/* /usr/local/etc/periodic/*/* /etc/daily.local /etc/weekly.local /etc/monthly.local; do
    case $file in *"$newline"*) partial "a script has a line end in its name"; continue ;; esac
    if [ -f "$file" ]; then printf 'script\t%s\n' "$file"; fi
done
for file in /var/at/jobs/[a-z=]?????????????*; do
    case $file in *"$newline"*) partial "a job of at has a line end in its name"; continue ;; esac
    if [ -f "$file" ]; then printf 'at\t%s\n' "$file"; fi
done
[ -e /var/at ] || [ -n "$*" ] || absent "there is no crontab and no folder of jobs"
[ $# -eq 0 ] || show_named "$@"
"""

_SYSTEM = ("/etc/crontab", "/etc/cron.d/")
_ANACRON = "/etc/anacrontab"
_TIMES = 5
_AT_NAME = len("a0000101c5d5f1")


def _job(file: str, schedule: str, command: str, user: str | None) -> Service:
    return Service(
        name=file.rpartition("/")[2],
        manager=ServiceManager.CRON,
        start=StartMode.AUTOMATIC,
        description=schedule,
        command=command.strip() or None,
        file=file,
        user=user,
    )


def _is_setting(line: str) -> bool:
    """Tell ``NAME = value`` from a job; the name may be quoted."""
    name, equals, _ = line.partition("=")
    name = name.strip().strip("\"'")
    return bool(equals) and name.replace("_", "a").isalnum() and not name[0].isdigit()


def _words(text: str, count: int) -> list[str]:
    words = text.split(None, count)
    if len(words) <= count:
        message = f"{len(words)} words, not a job of a crontab"
        raise ValueError(message)
    return words


def _read(line: str) -> Service | None:
    """Read a script of a folder, the name of a job of at, or a line of a crontab behind its file's name."""
    kind, tab, path = line.partition("\t")
    if tab and kind == "script":
        return _job(path, path.rpartition("/")[0].rpartition("/")[2], path, None)
    if tab and kind == "at":
        # The folder holds other things too, such as the number of the last job.
        name = path.rpartition("/")[2]
        return _job(path, "at", "", None) if len(name) == _AT_NAME else None
    file, colon, text = line.partition(":")
    if not colon or not file.startswith("/"):
        message = "not a line of a crontab"
        raise ValueError(message)
    text = text.strip()
    if not text or text.startswith("#") or _is_setting(text):
        # An empty line, a comment, a setting of the environment.
        return None
    # SUSE writes a minus before a job that is not to be logged.
    text = text.lstrip("-")
    if file == _ANACRON:
        period, _, _, command = _words(text, 3)
        return _job(file, period, command, "root")
    is_system = file.startswith(_SYSTEM)
    times = 1 if text.startswith("@") else _TIMES
    words = _words(text, times + is_system)
    user = words[times] if is_system else file.rpartition("/")[2]
    return _job(file, " ".join(words[:times]), words[-1], user)


PLUGIN = Collector(
    id="services.cron",
    facts=(Service,),
    scripts={OsFamily.MACOS: _MACOS},
    quick={OsFamily.LINUX: _QUICK},
    parse=lambda text: parse_lines(text, _read),
    proof={OsFamily.LINUX: Proof.LAB},
    advice="Run the audit as root or with sudo: crontabs of users are closed to an ordinary account. "
    "On macOS give the SSH server Full Disk Access, too.",
)
