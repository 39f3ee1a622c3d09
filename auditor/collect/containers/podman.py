"""Containers of podman and CRI-O: their storage keeps a list of them, and that is what is read.

podman has no engine that runs, and its command changes what it looks at: it makes folders and locks, brings its own
database up to date, and leaves a process behind where an account runs it. So its files are read. ``containers.json``
(one for each storage driver) names every container and the image it was made of, ``config.json`` beside it is the
runtime's order, with the namespaces (OCI Runtime Specification, "Linux Namespaces"), and below ``/run`` lie the numbers
of its first process and of conmon(8), which watches it. It runs where the one is the parent of the other, or where its
control group says so.

Which ports are published stands in a database that takes podman to read, and for a container that runs it is seen
from outside: conmon, or a proxy of an account, holds the port, and a rule translates it.

Where they are: ``graphroot`` and ``runroot`` of containers-storage.conf(5); in homes for accounts that run containers
of their own (rootless).
"""

import json
from dataclasses import dataclass, field

from auditor.collect.collector import Collector, take_lines, unread
from auditor.collect.containers.leaves import ACCOUNTS, LEAVES, Leaf, read_leaf
from auditor.collect.homes import HOMES, READ_AS, origin_of, with_limits
from auditor.model.evidence import Proof, Unread
from auditor.model.facts.containers import Container
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed

_QUICK = r"""
podman_there=
for place in /var/lib/containers/storage /run/containers/storage /run/user/*/containers /run/user/*/libpod; do
    [ ! -d "$place" ] || podman_there=yes
done
if [ -z "$podman_there" ] && ! have podman && ! have crio; then
    if [ "$uid" != 0 ] && sessions_hidden; then
        denied "not root: whether accounts run containers of their own cannot be seen"
        return
    fi
    absent "there is no podman and no CRI-O, and no containers of theirs"
    return
fi
if [ "$uid" != 0 ]; then
    denied "not root: the containers of podman can be read by root alone"
    return
fi
return 1
"""
_LINUX = r"""
need awk grep
graph='' runs=''
for file in /usr/share/containers/storage.conf /etc/containers/storage.conf; do
    [ -r "$file" ] || continue
    while read -r key equals value _; do
        [ "$equals" = = ] || continue
        value=${value#[\"\']}
        value=${value%[\"\']}
        case $key in graphroot) graph=$value ;; runroot) runs=$value ;; esac
    done <"$file"
done
# Said in the probe's own shell, and for what accounts have in one with the account's rights.
# shellcheck disable=SC2016 # for the shell that reads it
podman_reads='
# told FOLDER IDENTIFIER: whether a process is the container: conmon is its parent, or its control group says so.
told() {
    first="" watch="" parent="" group=""
    for file in "$1/pidfile" "$1/conmon.pid"; do
        [ -f "$file" ] || continue
        number=""
        read -r number _ <"$file" || :
        case $number in "" | *[!0-9]*) continue ;; esac
        case $file in */pidfile) first=$number ;; *) watch=$number ;; esac
    done
    if [ -z "$first" ] || [ ! -r "/proc/$first/stat" ]; then return; fi
    line=""
    read -r line 2>/dev/null <"/proc/$first/stat" || :
    line=${line##*) }
    line=${line#* }
    parent=${line%% *}
    if [ -r "/proc/$first/cgroup" ]; then
        while read -r line; do
            case $line in *"$2"*) group=yes ;; esac
        done 2>/dev/null <"/proc/$first/cgroup"
    fi
    if [ -n "$group" ] || { [ -n "$parent" ] && [ "$parent" = "$watch" ]; }; then
        printf "lives\t%s\t%s\n" "$first" "$2"
    fi
}
# read_store STORE BELOW: the containers of a storage, and what is below /run of them.
read_store() {
    store=$1 below=$2 part=$(printf "\t")
    set --
    for file in "$store"/*-containers/containers.json "$store"/*-containers/volatile-containers.json \
        "$below"/*-containers/volatile-containers.json; do
        [ ! -f "$file" ] || set -- "$@" "$file"
    done
    [ "$#" = 0 ] || awk -v wanted="*.id,*.names,*.metadata" "$json_program" "$@"
    set --
    for file in "$store"/*-containers/*/userdata/config.json; do
        [ ! -f "$file" ] || set -- "$@" "$file"
    done
    if [ "$#" -gt 1000 ]; then
        printf "more\n"
        while [ "$#" -gt 1000 ]; do shift; done
    fi
    [ "$#" = 0 ] || awk -v wanted="ociVersion,linux.namespaces.*.type" "$json_program" "$@" |
        grep -e "${part}ociVersion$part" -e "$part\"network\"\$" -e "$part!" || :
    for file in "$below"/*-containers/*/userdata; do
        identifier=${file%/userdata}
        [ ! -d "$file" ] || told "$file" "${identifier##*/}"
    done
}
'
eval "$podman_reads"
podman_found=''
podman_store() {
    [ -d "$1" ] || return 0
    podman_found=yes
    printf 'engine\t%s\n' "$1"
    read_store "$1" "$2"
}
podman_store "${graph:-/var/lib/containers/storage}" "${runs:-/run/containers/storage}"
case $graph in
    '' | /var/lib/containers/storage) ;;
    *) podman_store /var/lib/containers/storage /run/containers/storage ;;
esac
podman_of() {
    home_has "$4" .local/share/containers/storage || return 0
    # shellcheck disable=SC2016 # for the shell that reads it
    read_as "$1" "$2" "$3" "$4" '
        [ -d .local/share/containers/storage ] || exit 0
        json_program=$1
        eval "$2"
        printf "engine\n"
        number=$(id -u)
        below=/run/user/$number/containers
        [ -d "$below" ] || below=/tmp/storage-run-$number/containers
        [ -d "$below" ] || below=/tmp/containers-user-$number/containers
        read_store "$PWD/.local/share/containers/storage" "$below"
    ' "$json_program" "$podman_reads"
}
each_home podman_of
[ -n "$podman_found$home_read$left" ] || absent "podman is installed and has no storage: it has never run"
"""
_Whose = tuple[str | None, str]
"""An account, None for the system's engine, and the identifier of a container."""


@dataclass(slots=True, kw_only=True)
class _Entry:
    """What one element of a list of containers says."""

    line: int
    said: dict[str, Leaf] = field(default_factory=dict)

    def text(self, key: str) -> str:
        """Return a text, empty where there is none."""
        leaf = self.said.get(key)
        return leaf.value if leaf is not None and isinstance(leaf.value, str) else ""


@dataclass(slots=True, kw_only=True)
class _Answer:
    """The answer while it is read, line by line."""

    engines: dict[str, str | None] = field(default_factory=dict)
    more: list[str] = field(default_factory=list)
    """Storages with more containers than are told of."""
    entries: dict[tuple[str | None, str, str], _Entry] = field(default_factory=dict)
    """By account, the list's file and the number in it."""
    orders: dict[_Whose, int] = field(default_factory=dict)
    """Containers whose order to the runtime is known, with the line."""
    networks: dict[_Whose, int] = field(default_factory=dict)
    """Those that have a network namespace."""
    lives: dict[_Whose, int] = field(default_factory=dict)
    """Those that run: their first process."""

    def take(self, number: int, line: str) -> None:
        """Put one line where it belongs; ValueError when it belongs nowhere."""
        origin, line = origin_of(line)
        user, home = (None, "") if origin is None else (origin.name, origin.home)
        word, _, rest = line.partition("\t")
        if word == "engine":
            root = rest if user is None else f"{home}/.local/share/containers/storage"
            if not root.startswith("/") or root in self.engines or (user and rest):
                message = "not a storage of containers, or told of already"
                raise ValueError(message)
            self.engines[root] = user
        elif line == "more":
            self.more.append(user or "the system")
        elif word == "lives":
            pid, _, identifier = rest.partition("\t")
            if not pid.isdecimal() or not identifier or (user, identifier) in self.lives:
                message = "not the process of a container, or told of already"
                raise ValueError(message)
            self.lives[user, identifier] = int(pid)
        else:
            self._take_leaf(user, read_leaf(number, line))

    def _take_leaf(self, user: str | None, leaf: Leaf) -> None:
        folder, _, file = leaf.file.rpartition("/")
        if file == "config.json":
            whose = user, folder.removesuffix("/userdata").rpartition("/")[2]
            kept = self.orders if leaf.keys == ("ociVersion",) else self.networks
            if whose in kept or (kept is self.networks and leaf.value != "network"):
                message = "not a namespace, or told of already"
                raise ValueError(message)
            kept[whose] = leaf.line
            return
        number, *keys = leaf.keys
        entry = self.entries.setdefault((user, leaf.file, number), _Entry(line=leaf.line))
        key = ".".join(keys)
        if key in entry.said:
            message = f"{key[:60]} is said twice"
            raise ValueError(message)
        if key not in ("id", "metadata") and keys[:1] != ["names"]:
            message = "not what was asked of a container"
            raise ValueError(message)
        entry.said[key] = leaf


def _metadata(entry: _Entry) -> dict[str, str]:
    """Read what an engine keeps beside a container, JSON in JSON; ValueError where it is something else."""
    said = json.loads(entry.text("metadata") or "{}")
    if not isinstance(said, dict):
        message = "what is kept beside a container is no object"
        raise ValueError(message)  # noqa: TRY004 — of the host's text
    return {key: value for key, value in said.items() if isinstance(value, str)}


def _container(entry: _Entry, user: str | None, answer: _Answer, strange: list[Unread]) -> Container:
    identifier = entry.text("id")
    try:
        beside = _metadata(entry)
    except (ValueError, RecursionError) as error:
        strange.append(unread(entry.said["metadata"].line, entry.text("metadata"), error))
        beside = {}
    whose = user, identifier
    pid = answer.lives.get(whose)
    return Container(
        engine="cri-o" if "pod-id" in beside else "podman",
        identifier=identifier,
        name=entry.text("names.0") or beside.get("name", ""),
        image=beside.get("image-name", ""),
        is_running=pid is not None,
        is_on_host_network=whose in answer.orders and whose not in answer.networks,
        pid=pid,
        user=user,
    )


def parse_podman(text: str) -> Parsed:
    """Read one container an entry of the lists; what is not told of one makes the answer partial."""
    answer, strange = _Answer(), []  # type: _Answer, list[Unread]
    take_lines(text, answer.take, strange)
    facts = [(entry.line, _container(entry, user, answer, strange)) for (user, _, _), entry in answer.entries.items()]
    doubts = [] if answer.engines or not text.strip() else ["the answer names no storage"]
    doubts += [f"more than 1000 containers of {name}: the network of 1000 is told" for name in answer.more]
    known = {(one.user, one.identifier) for _, one in facts}
    half = [
        one.identifier or "one without an identifier"
        for _, one in facts
        if not (one.identifier and one.name) or (one.is_running and (one.user, one.identifier) not in answer.orders)
    ]
    half += [
        whose[1]
        for whose in dict.fromkeys((*answer.orders, *answer.networks, *answer.lives))
        if whose not in known or (whose in answer.networks and whose not in answer.orders)
    ]
    if half:
        doubts.append(f"containers that are told of in part: {len(half)} ({half[0]} the first)")
    return Parsed(
        facts=tuple(facts),
        unread=tuple(sorted(strange, key=lambda one: one.line)),
        partial="; ".join(doubts) or None,
    )


PLUGIN = Collector(
    id="containers.podman",
    facts=(Container,),
    quick={OsFamily.LINUX: _QUICK},
    scripts={OsFamily.LINUX: _LINUX},
    shared=(HOMES, READ_AS, LEAVES, ACCOUNTS),
    parse=with_limits(parse_podman),
    proof={OsFamily.LINUX: Proof.LAB},
    advice="Run the audit as root or with sudo: the storage of containers is closed to everybody else.",
    holds_secrets=False,
    seconds=20,
    apart=True,
)
