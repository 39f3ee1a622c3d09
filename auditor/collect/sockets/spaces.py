"""What a packet meets on its way to a listener in another network namespace (a container): interfaces and filters.

What a packet to such a listener meets is the host's filter and then the namespace's own. Nothing but the namespace
itself tells of the latter, so the host's own tools are run in it (nsenter), which also makes sure of which namespace
it was. A namespace that has no interface but its loopback is asked no more: nobody else reaches it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from auditor.collect.collector import unread
from auditor.collect.network.addresses import AddressReader
from auditor.collect.network.routes import RouteReader
from auditor.collect.network.sysctls import read_setting
from auditor.model.evidence import Unread
from auditor.model.facts.network import InterfaceAddress, NetworkSpace, Route

# In a namespace: every line of an answer has a mark before it, so that no name of a container can pass for a part.
# Empty lines are left out: a text is split at its line ends, which starts no program.
INSIDE = r"""
newline=$2
say() {
    name=$1
    shift
    if text=$("$@" 2>/dev/null); then
        printf "%s\n" "$name"
        set -f
        IFS=$newline
        # shellcheck disable=SC2086 # a line a word
        printf "|%s\n" $text
        unset -v IFS
        set +f
    else
        printf "missing %s\n" "$name"
    fi
}
have() { command -v "$1" >/dev/null 2>&1; }
addresses() { printf "addr show\nroute show table all\n" | ip -d -batch -; }
settings() {
    net=/proc/sys/net
    grep -Hs "" $net/ipv4/ip_forward $net/ipv4/conf/*/rp_filter $net/ipv4/conf/*/route_localnet \
        $net/ipv6/bindv6only $net/ipv6/conf/all/forwarding $net/netfilter/nf_conntrack_tcp_loose
}
saved() {
    printf "# family ip\n"
    iptables-nft-save || return
    printf "# family ip6\n"
    ip6tables-nft-save
}
legacy() {
    [ -e "/proc/self/net/$2_names" ] || return 0
    read -r _ <"/proc/self/net/$2_names" || return 0
    if have "$3-legacy-save"; then say "$1" "$3-legacy-save"; else say "$1" false; fi
}
say here ls -ln /proc/self/ns/net
more=
while read -r name rest; do
    case $name in lo:*) ;; *:*) more=yes ;; esac
done </proc/self/net/dev
[ -n "$more" ] || { printf "alone\n"; exit 0; }
say ip addresses
say settings settings
if [ -n "$1" ]; then
    say nft nft -j list ruleset
    json=$text
    case $json in *chain*) say nft_text nft list ruleset ;; esac
    case $json in *\"xt\"*) say iptables_nft saved ;; esac
fi
legacy iptables_legacy ip_tables iptables
legacy ip6tables_legacy ip6_tables ip6tables
printf "end\n"
"""
LOOK_INTO = (
    r"""
# Without nsenter nothing is asked, and who reaches it is not decided.
case $listening in *:*) ;; *) exit 0 ;; esac
{ have nsenter && have ip; } || exit 0
printf 'spaces\n'
for dir in $read_folders; do
    case $listening in *"$newline$dir/net/"*) ;; *) continue ;; esac
    printf 'namespace\n'
    # shellcheck disable=SC2016 # expanded by the shell that reads it
    nsenter --net="$dir/ns/net" /bin/sh -c '"""
    + INSIDE
    + r"""' probe "$nf_tables" "$newline" </dev/null 2>/dev/null || :
done
if have lsns && have sed; then
    printf 'lsns\n'
    lsns -n -r -t net -o NS,NETNSID,NSFS 2>/dev/null | sed 's/^/|/'
fi
"""
)
"""Asks the namespaces of ``$read_folders`` in which something listens what a packet meets on its way into them.

``$listening`` holds the lines of what listens, each behind its file and all behind a line end.
"""

MARK = "spaces"
"""The line of the listing after which they are."""
_PARTS = ("here", "ip", "settings", "nft", "nft_text", "iptables_nft", "iptables_legacy", "ip6tables_legacy", "lsns")
_SECTIONS = {name: f"firewall.{name}" for name in _PARTS[3:-1]}

_Lines = list[tuple[int, str]]


@dataclass(slots=True, kw_only=True)
class _Space:
    """What was said of one namespace, part by part, with the numbers of the lines."""

    line: int
    is_alone: bool = False
    has_end: bool = False
    missing: list[str] = field(default_factory=list)
    parts: dict[str, _Lines] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Return ``net:[number]``, empty where it was not told."""
        said = "".join(line for _, line in self.parts.get("here", ()))
        target = said.rpartition(" -> ")[2]
        return target if target.startswith("net:[") and target.endswith("]") else ""


def _spaces(lines: Iterable[tuple[int, str]], strange: list[Unread]) -> tuple[list[_Space], _Lines]:
    """Part the answer by namespaces; return the lines of lsns as well."""
    found: list[_Space] = []
    outer = _Space(line=0)
    space, part = outer, ""
    for number, line in lines:
        word, _, rest = line.partition(" ")
        if line.startswith("|") and part:
            space.parts.setdefault(part, []).append((number, line[1:]))
        elif line == "namespace":
            space, part = _Space(line=number), ""
            found.append(space)
        elif line == "alone":
            space.is_alone = True
        elif line == "end":
            space.has_end = True
        elif word == "missing" and rest in _PARTS:
            space.missing.append(rest)
        elif line in _PARTS:
            space, part = (outer if line == "lsns" else space), line
        elif line:
            strange.append(unread(number, line, "not a part of what a namespace is asked"))
    return found, outer.parts.get("lsns", [])


def listings(lines: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return, by the id of each namespace, what its filters were listed as: text by the name of the host's section.

    ``lines`` are those of the whole section.
    """
    numbered = enumerate(lines, 1)
    for _, line in numbered:
        if line == MARK:
            break
    return {
        space.id: {
            _SECTIONS[part]: "\n".join(line for _, line in held) + "\n"
            for part, held in space.parts.items()
            if part in _SECTIONS
        }
        for space in _spaces(numbered, [])[0]
    }


def _fact(space: _Space, known: tuple[int | None, tuple[str, ...]], strange: list[Unread]) -> NetworkSpace:
    """Read what one namespace says of its interfaces."""
    addresses, routes = AddressReader(has_details=True), RouteReader()
    found: list[InterfaceAddress] = []
    ways: list[Route] = []
    settings: list[tuple[str, str]] = []
    in_routes = False
    for number, line in space.parts.get("ip", ()):
        index, colon, _ = line.partition(": ")
        in_routes = in_routes or not (not line or line[0].isspace() or (colon and index.isdigit()))
        try:
            if in_routes and (way := routes.read(line)) is not None:
                ways.append(way)
            elif not in_routes and line and isinstance(one := addresses.read(line), InterfaceAddress):
                found.append(one)
        except ValueError as error:
            strange.append(unread(number, line, error))
    for number, line in space.parts.get("settings", ()):
        try:
            setting = read_setting(line)
            settings.append((setting.key, setting.value))
        except ValueError as error:
            strange.append(unread(number, line, error))
    return NetworkSpace(
        id=space.id,
        number=known[0],
        names=known[1],
        is_alone=space.is_alone,
        links=tuple(addresses.links),
        addresses=tuple(found),
        routes=tuple(ways),
        settings=tuple(settings),
        missing=tuple(space.missing) if space.has_end or space.is_alone else (*space.missing, "all that comes after"),
    )


def _known_as(lines: _Lines, strange: list[Unread]) -> dict[str, tuple[int | None, tuple[str, ...]]]:
    """Read ``4026532324 0 /run/netns/blue`` or ``4026531833 unassigned``: number and names of each namespace."""
    found: dict[str, tuple[int | None, tuple[str, ...]]] = {}
    for number, line in lines:
        inode, _, rest = line.partition(" ")
        name, _, places = rest.partition(" ")
        if not inode.isascii() or not inode.isdigit() or not name:
            if line:
                strange.append(unread(number, line, "not a namespace and its number"))
            continue
        # What is printed raw has its line ends escaped, between the places of one namespace too.
        names = [place.rpartition("/")[2] for place in places.split("\\x0a") if "/run/netns/" in place]
        found[f"net:[{inode}]"] = (int(name) if name.isascii() and name.isdigit() else None, tuple(names))
    return found


def read_spaces(lines: Iterable[tuple[int, str]], strange: list[Unread]) -> list[tuple[int, NetworkSpace]]:
    """Read one namespace a block from numbered lines; what is not understood goes to ``strange``."""
    spaces, lsns = _spaces(lines, strange)
    known = _known_as(lsns, strange)
    facts: dict[str, tuple[int, NetworkSpace]] = {}
    for space in spaces:
        # One whose last process ended meanwhile says nothing, and has nothing that listens any more.
        if space.id:
            facts.setdefault(space.id, (space.line, _fact(space, known.get(space.id, (None, ())), strange)))
    return list(facts.values())
