"""Where programs can be started from: every mounted file system of files, and whether it is mounted ``noexec``.

Source: proc_pid_mountinfo(5), mount(8).
"""

from auditor.collect.collector import Collector, fields, lines_of, unread
from auditor.model.evidence import Proof, Unread
from auditor.model.facts.appcontrol import ExecutionControl
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed

# The kernel writes spaces, tabs and line ends of a name as numbers. File systems that hold no files stay behind.
_QUICK = r"""
[ -r /proc/self/mountinfo ] || { failed "/proc is not mounted: what is mounted is not seen"; return; }
scan /proc/self/mountinfo
"""
_AWK = r"""
function appcontrol_mounts(    line, count, at) {
    while ((getline line < path[2]) > 0) {
        count = split(line, mounts_field, " ")
        for (at = 7; at < count && mounts_field[at] != "-"; at++);
        if (mounts_field[at + 1] !~ \
            /^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|efivarfs|fusectl|mqueue|nsfs|proc|pstore|rpc_pipefs|securityfs|selinuxfs|sysfs|tracefs)$/)
            put(mounts_field[5] "\t" mounts_field[6] "\t" mounts_field[at + 1])
    }
    close(path[2])
}
"""

MECHANISM = "noexec mount"
"""How the fact names it."""


def _parse(text: str) -> Parsed:
    """Read one mount a line; of two in one place the later lies on top and is what is seen there."""
    found: dict[str, tuple[int, ExecutionControl]] = {}
    strange: list[Unread] = []
    for number, line in enumerate(lines_of(text), 1):
        if not line:
            continue
        try:
            place, options, kind = fields(line, 3)
            if not place.startswith("/") or not options or not kind:
                raise ValueError("not <place> <options> <kind>")  # noqa: TRY301 — the same treatment as any other line
        except ValueError as error:
            strange.append(unread(number, line, error))
            continue
        where = _plain(place)
        found.pop(where, None)
        found[where] = (
            number,
            ExecutionControl(
                mechanism=MECHANISM,
                mode="enforcing" if "noexec" in options.split(",") else "off",
                subject=where,
                detail=f"{kind} {options}",
            ),
        )
    missing = None if "/" in found else "the file system of / is not listed"
    return Parsed(facts=tuple(found.values()), unread=tuple(strange), partial=missing)


def _plain(place: str) -> str:
    r"""Put back what the kernel wrote as ``\040`` (space), ``\011``, ``\012`` and ``\134``."""
    for number, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        place = place.replace(number, character)
    return place


PLUGIN = Collector(
    id="appcontrol.mounts",
    facts=(ExecutionControl,),
    quick={OsFamily.LINUX: _QUICK},
    awk=_AWK,
    parse=_parse,
    proof={OsFamily.LINUX: Proof.LAB},
    advice="Mount /proc in the place where the audit logs in, and install awk.",
    holds_secrets=False,
)
