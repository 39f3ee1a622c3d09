"""The exact question a host is asked: fragments assembled into one script, and the call that carries it."""

import hashlib
import secrets
import zlib
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from importlib.resources import files

from auditor.collect.collector import Collector
from auditor.collect.registry import collectors
from auditor.errors import HostError, Reason
from auditor.model.host import BecomeMethod, OsFamily
from auditor.model.mark import marked
from auditor.model.probe import SUDO_ASKS, ProbeCall, ProbeLimits, sudo_password_problem

INSTALLED = "/usr/local/libexec/auditor-probe"
"""Where the probe lies on hosts whose sudoers or authorized_keys grant it and nothing else."""

# One line and no newline inside, so that csh and fish can carry it; sh reads everything before it runs: a line with the
# password, one with the parameters, one with the command that the script is to be read by, then the script. They stand
# before it since no shell searches 200 KB quickly.
# Whoever exported a variable of one of these names would have the script, and the password, in each environment.
# With sudo the probe goes through standard input again, so it never stands in an argument or a log.
# Where this very script is installed, sudo is asked for it first: a sudoers file may grant it by its digest alone.
# Where there is no sudo, doas is asked, which takes a password from a terminal only, and so from nobody here.
# A password is checked once with `sudo -v`: a wrong one costs one failed attempt, not three. Its prompt on standard
# error says that one was asked for at all.
# mksh has no printf of its own, and Linux starts no command whose argument is longer than 128 KiB: its print is used.
LAUNCHER = (
    "exec /bin/sh -c '"
    "LC_ALL=C;export LC_ALL;unset a p w z;IFS= read -r w;IFS= read -r p;read -r z;"
    "a=$($z)||{ echo $0 cannot unpack;exit;};"
    'e="a=\\$(cat);eval \\"auditor_p=\\${a#*auditor_p=}\\"";'
    'k="printf %s\\n";[ "$KSH_VERSION" ]&&k="print -r --";'
    's(){ m=$1;shift;{ [ $m = -S ]&&printf "%s\\n" "$w";printf "$b" "$p";$c "$a";}|'
    'case $p in *\\ doas)doas -n -- "$@";;*)sudo $m -p "" -- "$@";;esac;};'
    'g(){ s -n "$@";r=$?;if [ $r = 1 ]&&[ $v = 0 ];then s -S "$@";r=$?;fi;case $r in 1|126|127);;*)exit $r;;esac;};'
    'case $p in *\\ none);;*)if [ "$(id -u)" != 0 ];then v=1;'
    "case $p in *\\ sudo)if command -v sudo >/dev/null;then "
    f'if [ -n "$w" ];then printf "%s\\n" "$w"|sudo -S -p {SUDO_ASKS} -v;v=$?;fi;'
    'elif command -v doas >/dev/null;then p="${p% *} doas";fi;esac;'
    f"o=refused;f={INSTALLED};"
    'if [ -r $f ];then if [ "$(cat $f;echo x)" = "$($k "$a";echo x)" ];then b="%s\\n";c=:;g $f;else o=outdated;fi;fi;'
    'b="auditor_p=\\"%s\\"\\n";c=$k;g /bin/sh -c "$e" auditor-probe;'
    'p="${p% *} $o";'
    "fi;esac;"
    'auditor_p=$p;eval "$a"\' auditor-probe'
)

_GZIP = 31
"""The window bits that make zlib write gzip's form."""
_QUOTED = '"$section_seconds"'
_READER_CALLS = "\n                # ---- the readers of collectors"
_READER_FUNCTIONS = "            # ---- the functions of collectors"
_ORDER = (
    "system", "processes", "sockets", "software", "services", "accounts", "firewall", "network",
    "appcontrol", "remote_config", "containers", "logons",
)  # fmt: skip


def rank(collector: Collector) -> tuple[bool, int, bool, str]:
    """Put first what verdicts need most, and what others wait for: a time budget cuts from the end."""
    folder = collector.id.partition(".")[0]
    place = _ORDER.index(folder) if folder in _ORDER else len(_ORDER)
    return (collector.apart, place, bool(collector.after), collector.id)


def _function(collector: Collector, before: str = "section") -> str:
    return f"{before}_{collector.id.replace('.', '_')}"


def _body(scripts: Mapping[OsFamily, str]) -> str:
    linux, macos = scripts.get(OsFamily.LINUX), scripts.get(OsFamily.MACOS)
    if linux is not None and macos is not None and linux != macos:
        return f"case $kernel in\nLinux)\n{linux.strip()}\n;;\n*)\n{macos.strip()}\n;;\nesac"
    return (linux or macos or "").strip()


def _functions(chosen: list[Collector]) -> list[str]:
    quick = [f"{_function(one, 'quick')}() {{\n{_body(one.quick)}\n}}\n" for one in chosen if one.quick]
    return quick + [f"{_function(one)}() {{\n{_body(one.scripts)}\n}}\n" for one in chosen if one.scripts]


def _call(one: Collector, os: OsFamily) -> str:
    quick = _function(one, "quick") if os in one.quick else "-"
    script = _function(one) if os in one.scripts else "-"
    return f"section {one.id} {quick} {script} {_QUOTED if one.seconds is None else one.seconds}"


def _calls(chosen: list[Collector], preludes: Mapping[str, str], os: OsFamily) -> str:
    """Write the calls of an operating system's sections, what they share before the first that needs it."""
    lines: list[str] = []
    prepared: set[str] = set()
    for one in chosen:
        if os not in one.systems:
            continue
        lines.extend(f"        {preludes[text]}" for text in one.shared if text not in prepared)
        prepared.update(one.shared)
        lines.append(f"        {_call(one, os)}")
    return "\n".join(lines) if lines else "        :"


def _with_readers(tail: str, chosen: list[Collector]) -> str:
    """Put what collectors have to say in awk into the probe's one awk: their functions, and when each is called."""
    readers = [one for one in chosen if one.awk]
    cases = "".join(f'\n                else if (how == "{one.id}") {one.id.replace(".", "_")}()' for one in readers)
    functions = "\n".join(one.awk.strip() for one in readers)
    return tail.replace(_READER_CALLS, cases).replace(_READER_FUNCTIONS, functions)


@cache
def sh_probe() -> str:
    """Return the probe for Linux and macOS: the same text for every host of this version."""
    return assemble(collectors().values())


def assemble(chosen: Iterable[Collector]) -> str:
    """Put the fragments of collectors between the head and the tail of the script."""
    source = files("auditor.collect")
    posix = sorted((one for one in chosen if one.systems - {OsFamily.WINDOWS}), key=rank)
    texts = dict.fromkeys(text for one in posix for text in one.shared)
    preludes = {text: f"shared_{number}" for number, text in enumerate(texts, 1)}
    shared = [f"{name}() {{\n{text.strip()}\n}}\n" for text, name in preludes.items()]
    sections = (
        "sections() {\n    case $kernel in\n    Linux)\n"
        f"{_calls(posix, preludes, OsFamily.LINUX)}\n        ;;\n    Darwin)\n"
        f"{_calls(posix, preludes, OsFamily.MACOS)}\n        ;;\n    esac\n}}\n"
    )
    return "\n".join(
        [
            (source / "head.sh").read_text(encoding="utf-8"),
            *shared,
            *_functions(posix),
            sections,
            _with_readers((source / "tail.sh").read_text(encoding="utf-8"), posix),
        ]
    )


def sh_probe_sha256() -> str:
    """Return the digest of the probe, as it stands in seals, sudoers entries and ``probe show``."""
    return _sha256(sh_probe())


@lru_cache(maxsize=4)
def _sha256(script: str) -> str:
    return hashlib.sha256(script.encode()).hexdigest()


@lru_cache(maxsize=4)
def _forms(script: str) -> tuple[bytes, bytes]:
    """Return the script as it travels, plain and packed, each behind the command that a host reads it by."""
    plain = script.encode()
    return b"cat\n" + plain, b"gzip -dc\n" + zlib.compress(plain, wbits=_GZIP)


@cache
def entry_script() -> str:
    """Return what a pinned key runs on a host: it passes a call on to the installed probe."""
    return (files("auditor.collect") / "entry.sh").read_text(encoding="utf-8")


@cache
def sections_of(os: OsFamily) -> tuple[str, ...]:
    """Return the ids of the sections that the probe puts to an operating system, in its order."""
    return tuple(one.id for one in sorted(collectors().values(), key=rank) if os in one.systems)


def sh_call(
    *,
    limits: ProbeLimits,
    deadline: float,
    output_limit: int,
    become: bool,
    become_password: str | None,
    method: BecomeMethod = BecomeMethod.SUDO,
    script: str | None = None,
    run: str = "",
) -> ProbeCall:
    """Make one call to one POSIX host, with a fresh token; the script is this version's unless another is given.

    A password is sent for sudo only; ``run`` is named behind the launcher, where it changes nothing. Raises HostError
    ``variables`` for a sudo password that cannot travel with it.
    """
    token = secrets.token_hex(16)
    problem = sudo_password_problem(become_password or "")
    if problem is not None:
        raise HostError(Reason.VARIABLES, f"the sudo password {problem}")
    parameters = " ".join(
        [
            token,
            str(limits.section_seconds),
            str(limits.section_bytes),
            str(limits.total_seconds),
            method.value if become else "none",
        ]
    )
    script = sh_probe() if script is None else script
    plain, packed = _forms(script)
    return ProbeCall(
        token=token,
        launcher=marked(LAUNCHER, run),
        script=script,
        script_sha256=_sha256(script),
        stdin=f"{parameters}\n".encode() + plain,
        packed=f"{parameters}\n".encode() + packed,
        secret=(become_password or "").encode(errors="surrogateescape") if method is BecomeMethod.SUDO else b"",
        deadline=deadline,
        output_limit=output_limit,
        run=run,
    )
