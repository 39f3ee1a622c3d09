"""Services that a superserver starts when somebody connects: xinetd, and what reads ``inetd.conf``.

A VNC server behind one (``Xvnc -inetd``) has no process and no socket of its own until then: the superserver holds the
port. Formats: xinetd.conf(5), inetd.conf(5); names of ports from services(5).
"""

from dataclasses import dataclass, field

from auditor.collect.collector import Collector, take_lines
from auditor.model.evidence import Proof, Unread
from auditor.model.facts.services import Service, ServiceManager, StartMode
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed

_QUICK = r"""
set --
for file in /etc/xinetd.conf /etc/xinetd.d/* /etc/inetd.conf /etc/inetd.d/*; do
    [ -f "$file" ] || continue
    # xinetd passes over what an editor or a package manager left: names with a dot, or a tilde at the end.
    case ${file#/etc/xinetd.d/} in /*) ;; *.* | *~) continue ;; esac
    if [ -r "$file" ]; then set -- "$@" "$file"; else partial "$file cannot be read"; fi
done
[ $# -gt 0 ] || { absent "there is no configuration of xinetd or inetd"; return; }
[ ! -r /etc/services ] || set -- "$@" /etc/services
scan "$@"
"""
# Of /etc/services only the names that were used before.
_AWK = r"""
function services_xinetd(    at, line) {
    for (at = 2; at <= paths; at++) {
        while ((getline line < path[at]) > 0) {
            gsub(/\t/, " ", line)
            sub(/^ +/, "", line)
            if (line == "" || line ~ /^#/) continue
            if (path[at] != "/etc/services") {
                put(path[at] ":" line)
                split(line, services_xinetd_word, " ")
                services_xinetd_name[services_xinetd_word[services_xinetd_word[1] == "service" ? 2 : 1]] = 1
            }
            else if (split(line, services_xinetd_word, " ") > 1 && services_xinetd_word[1] in services_xinetd_name)
                put("port\t" services_xinetd_word[1] "\t" services_xinetd_word[2])
        }
        close(path[at])
    }
}
"""

_PROTOCOLS = {"stream": "tcp", "dgram": "udp"}
_INETD_FIELDS = 6
_ASSIGNMENTS = ("+=", "-=", "=")


@dataclass(slots=True, kw_only=True)
class _Block:
    """One block of xinetd's configuration, or one line of inetd.conf."""

    name: str
    file: str
    line: int
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def protocol(self) -> str:
        """Return tcp or udp."""
        said = self.settings.get("protocol") or _PROTOCOLS.get(self.settings.get("socket_type", ""), "tcp")
        return "udp" if said.startswith("udp") else "tcp"


@dataclass(slots=True, kw_only=True)
class _Reader:
    """The configuration while it is read."""

    blocks: list[_Block] = field(default_factory=list)
    defaults: _Block | None = None
    current: _Block | None = None
    is_open: bool = False
    ports: dict[tuple[str, str], str] = field(default_factory=dict)

    def take(self, number: int, line: str) -> None:
        """Put one line where it belongs; ValueError when it belongs nowhere."""
        if line.startswith("port\t"):
            _, name, place = line.split("\t", 2)
            port, _, protocol = place.partition("/")
            self.ports.setdefault((name, protocol), port)
            return
        file, colon, text = line.partition(":")
        if not colon or not file.startswith("/etc/"):
            message = "not a line of a superserver's configuration"
            raise ValueError(message)
        text = text.strip()
        if file == "/etc/inetd.conf" or file.startswith("/etc/inetd.d/"):
            self._take_inetd(number, file, text)
        else:
            self._take_xinetd(number, file, text)

    def _take_inetd(self, number: int, file: str, text: str) -> None:
        """Read ``service type protocol wait user server arguments``."""
        words = text.split(None, _INETD_FIELDS)
        if len(words) < _INETD_FIELDS:
            message = f"{len(words)} words, not a line of inetd.conf"
            raise ValueError(message)
        name, kind, protocol, _, user, server = words[:_INETD_FIELDS]
        # What follows begins with the name the program is given; tcpd(8) takes it for the program to start.
        arguments = words[_INETD_FIELDS] if len(words) > _INETD_FIELDS else ""
        if not server.endswith("/tcpd"):
            arguments = arguments.partition(" ")[2]
        settings = {
            "socket_type": kind,
            "protocol": protocol,
            "user": user.partition(":")[0].partition(".")[0],
            "server": server,
            "server_args": arguments,
        }
        # An address may stand before the name.
        name = name.rpartition(":")[2]
        if name.isdigit():
            settings["port"] = name
        self.blocks.append(_Block(name=name, file=file, line=number, settings=settings))

    def _take_xinetd(self, number: int, file: str, text: str) -> None:
        words = text.split()
        if not words or words[0] in ("includedir", "include"):
            # The files of /etc/xinetd.d are listed whether they are included or not.
            return
        if words[0] == "{" and self.current is not None:
            self.is_open = True
        elif words[0] == "}" and self.is_open:
            self.current, self.is_open = None, False
        elif self.is_open and self.current is not None:
            self._set(self.current, text)
        elif words[0] == "defaults":
            self.current = self.defaults = _Block(name="", file=file, line=number)
            self.is_open = "{" in words
        elif words[0] == "service" and len(words) > 1:
            self.current = _Block(name=words[1], file=file, line=number)
            self.blocks.append(self.current)
            self.is_open = "{" in words
        else:
            message = "neither a block nor a setting of xinetd"
            raise ValueError(message)

    @staticmethod
    def _set(block: _Block, text: str) -> None:
        for sign in _ASSIGNMENTS:
            key, found, value = text.partition(sign)
            if found:
                block.settings.setdefault(key.strip().lower(), value.strip())
                return
        message = "a setting without a value"
        raise ValueError(message)

    def services(self) -> list[tuple[int, Service]]:
        """Return one service a block."""
        defaults = {} if self.defaults is None else self.defaults.settings
        disabled, enabled = defaults.get("disabled", "").split(), defaults.get("enabled")
        return [(block.line, self._service(block, disabled, enabled)) for block in self.blocks]

    def _service(self, block: _Block, disabled: list[str], enabled: str | None) -> Service:
        said = block.settings
        names = {block.name, said.get("id", block.name)}
        is_off = said.get("disable", "no").lower() == "yes" or bool(names & set(disabled))
        is_off = is_off or (enabled is not None and not names & set(enabled.split()))
        port = said.get("port") or self.ports.get((block.name, block.protocol), "")
        command = f"{said.get('server', '')} {said.get('server_args', '')}".strip()
        return Service(
            name=block.name,
            manager=ServiceManager.XINETD,
            start=StartMode.DISABLED if is_off else StartMode.AUTOMATIC,
            command=command or None,
            file=block.file,
            user=said.get("user") or None,
            ports=(f"{port}/{block.protocol}",) if port.isascii() and port.isdigit() else (),
        )


def _parse(text: str) -> Parsed:
    """Read one service a block or line."""
    reader = _Reader()
    strange: list[Unread] = []
    take_lines(text, reader.take, strange)
    partial = None if reader.current is None else "a block of xinetd does not end"
    return Parsed(facts=tuple(reader.services()), unread=tuple(strange), partial=partial)


PLUGIN = Collector(
    id="services.xinetd",
    facts=(Service,),
    quick={OsFamily.LINUX: _QUICK},
    awk=_AWK,
    parse=_parse,
    proof={OsFamily.LINUX: Proof.LAB},
    advice="Run the audit as root or with sudo, so that every file of the superserver can be read.",
)
