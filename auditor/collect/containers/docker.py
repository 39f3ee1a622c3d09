"""Containers of Docker: its engine keeps a folder for each, and that is what is read.

No question is put to the engine: one that hangs would cost the answer, one that was stopped has containers all the same
(and they run on with ``live-restore``), and its answers come with the environment of every container. It writes
``config.v2.json`` and ``hostconfig.json`` anew, by a rename, whenever a container starts or ends (seen with 20.10; the
same files since 1.10). What they say of a process is believed only where that process is in the container's control
group: an engine that was killed has told of no end.

Where it keeps them: ``data-root`` (before 17.05 ``graph``) of ``daemon.json``, or an argument of dockerd(8), else
``/var/lib/docker``; below that in a folder of its own where user namespaces are remapped; a snap and accounts that run
an engine of their own (rootless) have theirs.
"""

from dataclasses import dataclass, field

from auditor.collect.collector import Collector, take_lines, unread
from auditor.collect.containers.leaves import ACCOUNTS, LEAVES, Leaf, read_leaf
from auditor.collect.homes import HOMES, READ_AS, origin_of, with_limits
from auditor.model.evidence import Proof, Unread
from auditor.model.facts.containers import Container, PublishedPort
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed

_QUICK = r"""
docker_there=
for place in /var/lib/docker /var/snap/docker/common/var-lib-docker /run/docker.pid /run/docker.sock \
    /run/user/*/docker.sock; do
    # podman puts a link to its own socket there; a data folder may be one to a larger disk.
    if [ -d "$place" ] || { [ -e "$place" ] && [ ! -L "$place" ]; }; then docker_there=yes; fi
done
if [ -z "$docker_there" ] && ! have dockerd && ! have dockerd-rootless.sh; then
    if [ "$uid" != 0 ] && sessions_hidden; then
        denied "not root: whether accounts run a Docker engine of their own cannot be seen"
        return
    fi
    absent "there is no Docker engine, and no data of one"
    return
fi
if [ "$uid" != 0 ]; then
    denied "not root: the containers of Docker can be read by root alone"
    return
fi
return 1
"""
# The brackets before patterns are for the bash of macOS: it reads the whole script, and takes the first bracket that
# none opened for the end of `$( )`.
_LINUX = r"""
need awk grep
roots=''
add_root() {
    case $1 in /*) ;; *) return ;; esac
    case "$newline$roots" in *"$newline$1$newline"*) ;; *) roots="$roots$1$newline" ;; esac
}
configured=$(json_leaves data-root,graph /etc/docker/daemon.json 2>/dev/null)
case $configured in
    *"$tab!"*) partial "/etc/docker/daemon.json cannot be understood: it may name another data folder" ;;
    *'"/'*) configured=${configured##*"$tab\""}; add_root "${configured%\"*}" ;;
esac
pid=
if [ -f /run/docker.pid ]; then read -r pid _ </run/docker.pid || :; fi
case $pid in
    '' | *[!0-9]*) ;;
    *)
        need tr
        named=$(tr '\000' '\n' 2>/dev/null <"/proc/$pid/cmdline" | {
            found='' before=''
            while IFS= read -r word; do
                case $before in (--data-root | --graph | -g) found=$word ;; esac
                case $word in (--data-root=* | --graph=* | -g=*) found=${word#*=} ;; esac
                before=$word
            done
            printf '%s' "$found"
        })
        add_root "$named" ;;
esac
add_root /var/lib/docker
add_root /var/snap/docker/common/var-lib-docker
engines=$(printf '%s' "$roots" | while IFS= read -r root; do
    [ ! -d "$root" ] || printf 'engine\t%s\n' "$root"
done)
[ -z "$engines" ] || printf '%s\n' "$engines"
docker_wanted=ID,Name,Config.Image,State.Running,State.Pid,NetworkSettings.Ports,NetworkMode,PortBindings
# Of an account that runs an engine of its own, with the account's rights.
docker_of() {
    home_has "$4" .local/share/docker || return 0
    # shellcheck disable=SC2016 # for the shell that reads it
    read_as "$1" "$2" "$3" "$4" '
        program=$1 wanted=$2
        shift 2
        [ -d .local/share/docker ] || exit 0
        printf "engine\n"
        for folder in .local/share/docker/containers/*; do
            for file in "$folder/config.v2.json" "$folder/hostconfig.json"; do
                [ ! -f "$file" ] || set -- "$@" "$PWD/$file"
            done
        done
        if [ "$#" -gt 400 ]; then
            printf "more\n"
            while [ "$#" -gt 400 ]; do shift; done
        fi
        [ "$#" = 0 ] || awk -v wanted="$wanted" -v states=yes "$program" "$@"
    ' "$json_program" "$docker_wanted"
}
each_home docker_of
if [ -z "$engines$home_read$left" ]; then
    if [ -e /run/docker.sock ] && [ ! -L /run/docker.sock ]; then
        failed "a Docker engine runs, and where it keeps its containers is not known"
    fi
    absent "Docker is installed and has no data: it has never run"
fi
IFS=$newline
set -f
# shellcheck disable=SC2086 # one line a word
set -- $roots
set +f
unset -v IFS
files=$(for root; do
    for file in "$root"/containers/*/config.v2.json "$root"/containers/*/hostconfig.json \
        "$root"/[0-9]*.[0-9]*/containers/*/config.v2.json "$root"/[0-9]*.[0-9]*/containers/*/hostconfig.json; do
        [ ! -f "$file" ] || printf '%s\n' "$file"
    done
done)
IFS=$newline
set -f
# shellcheck disable=SC2086 # as above
set -- $files
set +f
unset -v IFS
if [ "$#" -gt 2000 ]; then
    partial "more than 1000 containers: 1000 of them are told of"
    while [ "$#" -gt 2000 ]; do shift; done
fi
[ "$#" = 0 ] || states=yes json_leaves "$docker_wanted" "$@"
"""
_ALL = ("0.0.0.0", "::")  # noqa: S104 — read, not bound
_NEEDED = (("ID",), ("Name",), ("Config", "Image"), ("State", "Running"), ("State", "Pid"), ("NetworkMode",))
_MOST_PORTS = 65_535

_Keys = tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class _Folder:
    """What the files of one container say."""

    line: int
    said: dict[_Keys, Leaf] = field(default_factory=dict)

    def text(self, *keys: str) -> str:
        """Return a text, empty where there is none."""
        leaf = self.said.get(keys)
        return leaf.value if leaf is not None and isinstance(leaf.value, str) else ""


@dataclass(slots=True, kw_only=True)
class _Answer:
    """The answer while it is read, line by line."""

    engines: dict[str, str | None] = field(default_factory=dict)
    folders: dict[str, _Folder] = field(default_factory=dict)
    lives: set[tuple[str | None, int, str]] = field(default_factory=set)
    """Account, process and identifier of those that run."""
    more: list[str] = field(default_factory=list)
    """Accounts with more containers than are told of."""

    def take(self, number: int, line: str) -> None:
        """Put one line where it belongs; ValueError when it belongs nowhere."""
        origin, line = origin_of(line)
        user, home = (None, "") if origin is None else (origin.name, origin.home)
        word, _, rest = line.partition("\t")
        if word == "engine":
            root = rest if user is None else f"{home}/.local/share/docker"
            if not root.startswith("/") or root in self.engines or (user and rest):
                message = "not a data folder of an engine, or told of already"
                raise ValueError(message)
            self.engines[root] = user
        elif user is not None and line == "more":
            self.more.append(user)
        elif word == "lives":
            pid, _, identifier = rest.partition("\t")
            if not pid.isdecimal() or not identifier or (user, int(pid), identifier) in self.lives:
                message = "not the process of a container, or told of already"
                raise ValueError(message)
            self.lives.add((user, int(pid), identifier))
        else:
            leaf = read_leaf(number, line)
            if user is not None and not leaf.file.startswith(f"{home}/.local/share/docker/"):
                message = "an account tells of what is not its own"
                raise ValueError(message)
            folder = self.folders.setdefault(leaf.file.rpartition("/")[0], _Folder(line=number))
            if leaf.keys in folder.said:
                message = f"{leaf.keys[-1][:60]} is said twice"
                raise ValueError(message)
            folder.said[leaf.keys] = leaf

    def user(self, folder: str) -> str | None:
        """Return the account whose engine has a folder; None for the system's."""
        return next((user for root, user in self.engines.items() if user and folder.startswith(f"{root}/")), None)


def _ports(folder: _Folder, above: _Keys, strange: list[Unread]) -> tuple[PublishedPort, ...]:
    """Read the ports below ``80/tcp``, number of the place, ``HostIp`` and ``HostPort``."""
    places: dict[tuple[str, str], dict[str, Leaf]] = {}
    for keys, leaf in folder.said.items():
        if keys[: len(above)] != above:
            continue
        rest = keys[len(above) :]
        if len(rest) == len(("80/tcp", "0", "HostIp")) and rest[2] in ("HostIp", "HostPort"):
            places.setdefault((rest[0], rest[1]), {})[rest[2]] = leaf
        else:
            strange.append(unread(leaf.line, "\t".join(keys), "not the place of a published port"))
    found = []
    for (inner, _), place in places.items():
        port, _, protocol = inner.partition("/")
        if len(place) < len(("HostIp", "HostPort")) or not port.isdecimal() or not protocol:
            first = next(iter(place.values()))
            strange.append(unread(first.line, inner, "not a port, or not where it is published"))
            continue
        outer = str(place["HostPort"].value)
        # Not a number: the engine takes any port, or one of a range, when the container starts.
        if outer.isdecimal() and 0 < int(outer) <= _MOST_PORTS:
            address = str(place["HostIp"].value)
            found += [
                PublishedPort(protocol=protocol, address=one, host_port=int(outer), container_port=int(port))
                for one in ([address] if address else _ALL)
            ]
    return tuple(found)


def _container(name: str, folder: _Folder, answer: _Answer, strange: list[Unread]) -> Container:
    identifier = folder.text("ID") or name.rpartition("/")[2]
    state, pid = folder.said.get(("State", "Running")), folder.said.get(("State", "Pid"))
    number = pid.value if pid is not None and isinstance(pid.value, int) else 0
    runs = state is not None and state.value is True and (answer.user(name), number, identifier) in answer.lives
    asked, given = _ports(folder, ("PortBindings",), strange), _ports(folder, ("NetworkSettings", "Ports"), strange)
    return Container(
        engine="docker",
        identifier=identifier,
        name=folder.text("Name").removeprefix("/"),
        image=folder.text("Config", "Image"),
        is_running=runs,
        is_on_host_network=folder.text("NetworkMode") == "host",
        published=given if runs else asked,
        pid=number if runs else None,
        user=answer.user(name),
    )


def parse_docker(text: str) -> Parsed:
    """Read one container a folder; what a folder does not say makes the answer partial."""
    answer, strange = _Answer(), []  # type: _Answer, list[Unread]
    take_lines(text, answer.take, strange)
    facts = [(folder.line, _container(name, folder, answer, strange)) for name, folder in answer.folders.items()]
    half = [
        name
        for name, folder in answer.folders.items()
        if any(keys not in folder.said for keys in _NEEDED) or (not answer.user(name) and not _is_below(name, answer))
    ]
    doubts = ["the answer names no data folder"] if text.strip() and not answer.engines else []
    doubts += [f"more than 200 containers of {name}: 200 of them are told of" for name in answer.more]
    if half:
        doubts.append(f"containers that are told of in part: {len(half)} ({half[0]} the first)")
    return Parsed(
        facts=tuple(facts),
        unread=tuple(sorted(strange, key=lambda one: one.line)),
        partial="; ".join(doubts) or None,
    )


def _is_below(name: str, answer: _Answer) -> bool:
    return any(name.startswith(f"{root}/") for root in answer.engines)


PLUGIN = Collector(
    id="containers.docker",
    facts=(Container,),
    quick={OsFamily.LINUX: _QUICK},
    scripts={OsFamily.LINUX: _LINUX},
    shared=(HOMES, READ_AS, LEAVES, ACCOUNTS),
    parse=with_limits(parse_docker),
    proof={OsFamily.LINUX: Proof.LAB},
    advice="Run the audit as root or with sudo: Docker's folder of containers is closed to everybody else.",
    holds_secrets=False,
    seconds=20,
    apart=True,
)
