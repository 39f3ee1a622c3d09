"""The operating system as it names itself: ``/etc/os-release``, else an older release file, else the kernel."""

from auditor.collect.collector import Collector, lines_of, unread
from auditor.model.evidence import Proof, Unread
from auditor.model.facts.system import OperatingSystem
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed

# A small embedded system has no release file; what it is, is its kernel.
_QUICK = r"""
for file in /etc/os-release /usr/lib/os-release /etc/redhat-release; do
    [ -r "$file" ] || continue
    printf 'file %s\n' "$file"
    show "$file"
    return
done
[ -r /proc/sys/kernel/osrelease ] || {
    failed "there is no release file, and /proc does not tell the kernel's release"
    return
}
printf 'kernel %s %s\n' "$kernel" "$release"
"""


def _unquote(value: str) -> str:
    """Take shell quotes off a value; ValueError when they are not closed."""
    quote = value[:1]
    if quote not in ('"', "'"):
        return value
    if len(value) < len('""') or not value.endswith(quote):
        message = "a quote that is not closed"
        raise ValueError(message)
    inner = value[1:-1]
    if quote == '"':
        for char in '"$`\\':
            inner = inner.replace("\\" + char, char)
    return inner


def _from_kernel(line: str) -> OperatingSystem:
    _, _, said = line.partition(" ")
    return OperatingSystem(family=OsFamily.LINUX, id="linux", name=said, version=said.partition(" ")[2])


def _from_redhat(line: str, *, is_first: bool) -> OperatingSystem:
    """Read ``CentOS release 6.10 (Final)``, which is all that the file holds."""
    if not is_first:
        message = "a second line in a file that has one"
        raise ValueError(message)
    name, _, rest = line.partition(" release ")
    if not rest:
        message = "not '<name> release <version>'"
        raise ValueError(message)
    word = name.split(maxsplit=1)[0].lower() if name.split() else "linux"
    identifier = "rhel" if word == "red" else word
    return OperatingSystem(
        family=OsFamily.LINUX, id=identifier, name=line, version=rest.partition(" ")[0], like=("rhel", "fedora")
    )


def _from_os_release(values: dict[str, str]) -> OperatingSystem:
    return OperatingSystem(
        family=OsFamily.LINUX,
        id=values.get("ID", "linux"),
        name=values.get("PRETTY_NAME") or values.get("NAME", "Linux"),
        version=values.get("VERSION_ID") or values.get("BUILD_ID", ""),
        like=tuple(values.get("ID_LIKE", "").split()),
    )


def _parse(text: str) -> Parsed:
    """Read the first line that says what kind of source follows, then the source."""
    strange: list[Unread] = []
    values: dict[str, str] = {}
    found: list[tuple[int, OperatingSystem]] = []
    source = ""
    quoted = 1
    for number, line in enumerate(lines_of(text), 1):
        try:
            if number == 1 and line.startswith("file /"):
                source = line.removeprefix("file ")
            elif number == 1 and line.startswith("kernel "):
                found.append((number, _from_kernel(line)))
            elif source == "/etc/redhat-release":
                if line:
                    found.append((number, _from_redhat(line, is_first=not found)))
            elif source:
                key = _take_assignment(line, values)
                quoted = number if key == "PRETTY_NAME" else quoted
            elif line:
                strange.append(unread(number, line, "no line before it says where it comes from"))
        except ValueError as error:
            strange.append(unread(number, line, error))
    if values:
        found.append((quoted, _from_os_release(values)))
    missing = None if found else "nothing says which operating system this is"
    return Parsed(facts=tuple(found), unread=tuple(strange), partial=missing)


def _take_assignment(line: str, values: dict[str, str]) -> str:
    """Read one ``KEY=value`` of os-release(5) and return its key; empty for a comment."""
    line = line.strip()
    if not line or line.startswith("#"):
        return ""
    key, equals, value = line.partition("=")
    if not equals or not key.replace("_", "").isalnum():
        message = "not KEY=value"
        raise ValueError(message)
    values[key] = _unquote(value)
    return key


PLUGIN = Collector(
    id="system.os",
    facts=(OperatingSystem,),
    quick={OsFamily.LINUX: _QUICK},
    parse=_parse,
    proof={OsFamily.LINUX: Proof.LAB},
    advice="Make /etc/os-release readable for everyone, as distributions ship it.",
    holds_secrets=False,
)
