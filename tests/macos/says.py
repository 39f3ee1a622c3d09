"""What a Mac's own tools say on a fake Mac: calls and answers of ``says/*.toml``, and the programs that replay them."""

import re
import shlex
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
_UNIT = "\x1f"
_REST = "*"
_CALL_KEYS = {"argv", "plain", "closed"}
_ANSWER_KEYS = {"stdout", "stdout_file", "stderr", "status"}
_FOLDERS: Mapping[str, str] = {
    "/bin": "date launchctl ls ps",
    "/sbin": "ifconfig md5 mount pfctl route",
    "/usr/bin": (
        "codesign csrutil defaults dscacheutil dscl fdesetup file find grep groups hostname id ioreg kmutil last "
        "log mdfind mdls nettop odutil plutil profiles sed sfltool sntp sqlite3 stat sudo sw_vers uname vm_stat w wc "
        "who xargs xattr"
    ),
    "/usr/sbin": (
        "arp chroot dseditgroup fdesetup installer lsof netstat networksetup nvram pkgutil scutil spctl sysctl "
        "system_profiler systemsetup"
    ),
}
"""Where macOS keeps what the fake Mac has stubs of (their manual pages); one of another name is in /usr/bin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one call is told."""

    stdout: bytes
    """On standard output."""
    stderr: bytes
    """On standard error."""
    status: int
    """Its exit status."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of a tool that is documented, and its answer."""

    argv: tuple[str, ...]
    """The tool's name without folder, or its absolute path, and its words; a last ``*`` stands for any rest."""
    answer: Answer
    """What root is told."""
    plain: Answer | None
    """What an account without root is told; None where it is the same."""
    closed: Answer | None
    """What root is told without Full Disk Access; None where it is the same."""
    file: str
    """Name of the file that says so."""


def calls_of(host: Path) -> tuple[Call, ...]:
    """Read all that a host's files say; ValueError for what is no call, or is said twice."""
    found: dict[tuple[str, ...], Call] = {}
    for file in sorted((host / "says").glob("*.toml")):
        told = tomllib.loads(file.read_text(encoding="utf-8"))
        if set(told) - {"call"}:
            raise ValueError(f"{file}: only [[call]] is known")
        for row in told.get("call", []):
            call = _call(row, file.name)
            before = found.setdefault(call.argv, call)
            if (before.answer, before.plain, before.closed) != (call.answer, call.plain, call.closed):
                raise ValueError(f"{file}: {shlex.join(call.argv)} is told otherwise in {before.file}")
    return tuple(found.values())


def _call(row: Mapping[str, Any], file: str) -> Call:
    argv = row["argv"]
    if not argv or not all(isinstance(word, str) for word in argv):
        raise ValueError(f"{file}: argv is a list of words: {argv}")
    if strange := set(row) - _CALL_KEYS - _ANSWER_KEYS:
        raise ValueError(f"{file}: {shlex.join(argv)}: unknown {', '.join(sorted(strange))}")
    return Call(
        argv=tuple(argv),
        answer=_answer({key: row[key] for key in _ANSWER_KEYS if key in row}, file),
        plain=_answer(row["plain"], file) if "plain" in row else None,
        closed=_answer(row["closed"], file) if "closed" in row else None,
        file=file,
    )


def _answer(row: Mapping[str, Any], file: str) -> Answer:
    if strange := set(row) - _ANSWER_KEYS:
        raise ValueError(f"{file}: unknown {', '.join(sorted(strange))}")
    stdout = (HERE / row["stdout_file"]).read_bytes() if "stdout_file" in row else row.get("stdout", "").encode()
    return Answer(stdout=stdout, stderr=row.get("stderr", "").encode(), status=row.get("status", 0))


def place_of(tool: str) -> str:
    """Return the absolute path of a tool on the fake Mac."""
    if tool.startswith("/"):
        return tool
    for folder, names in _FOLDERS.items():
        if tool in names.split():
            return f"{folder}/{tool}"
    return f"/usr/bin/{tool}"


def write_stubs(root: Path, calls: Iterable[Call]) -> None:
    """Make a program of each tool that macOS has and this machine has not, or that answers differently there."""
    bodies = {file.stem: file.read_text(encoding="utf-8") for file in sorted((HERE / "tools").glob("*.sh"))}
    (root / ".mac/answer").write_text(bodies.pop("answer"), encoding="utf-8")
    (root / ".mac/said").mkdir()
    tables: dict[str, list[tuple[tuple[str, ...], int]]] = {
        place_of(name): [] for names in _FOLDERS.values() for name in names.split()
    }
    tables.update({place_of(name): [] for name in bodies})
    for number, call in enumerate(calls, 1):
        tables.setdefault(place_of(call.argv[0]), []).append((call.argv[1:], number))
        for answer, ending in ((call.answer, ""), (call.plain, ".plain"), (call.closed, ".closed")):
            if answer is not None:
                said = root / f".mac/said/{number}{ending}"
                said.write_text(f"{answer.status}\n", encoding="utf-8")
                said.with_name(f"{said.name}.out").write_bytes(answer.stdout)
                said.with_name(f"{said.name}.err").write_bytes(answer.stderr)
    for place, table in tables.items():
        stub = root / place.lstrip("/")
        stub.parent.mkdir(parents=True, exist_ok=True)
        stub.unlink(missing_ok=True)
        stub.write_text(_stub(place, table, bodies.get(Path(place).name, "")), encoding="utf-8")
        stub.chmod(0o755)


def _stub(place: str, table: Iterable[tuple[tuple[str, ...], int]], body: str) -> str:
    """Write one program: whole calls before those with a rest, a longer one before a shorter."""
    ordered = sorted(table, key=lambda row: (row[0][-1:] == (_REST,), -len(row[0])))
    cases = "\n".join(f"    {_pattern(words)}) answer={number} ;;" for words, number in ordered)
    early = "" if Path(place).name == "sqlite3" else 'if [ -n "$answer" ]; then . /.mac/answer; fi\n'
    shell = "/.mac/bin/sudo-dash -p" if Path(place).name == "sudo" else "/.mac/bin/dash"
    return (
        f"#!{shell}\ntool={shlex.quote(place)} key= answer=\n"
        f'for word; do key="$key$word{_UNIT}"; done\n'
        f"case $key in\n{cases}\n    *) ;;\nesac\n{early if body else ''}{body or '. /.mac/answer'}\n"
    )


def _pattern(words: tuple[str, ...]) -> str:
    rest = words[-1:] == (_REST,)
    key = "".join(f"{word}{_UNIT}" for word in (words[:-1] if rest else words))
    return ("'" + re.sub("'", "'\\\\''", key) + "'") + ("*" if rest else "")
