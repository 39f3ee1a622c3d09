"""By which names and paths a command is known, and how far each can be trusted.

The kernel's short name and the arguments are whatever a program says of itself. The path of its file is what
was really started; for an interpreter it is the script that counts.
"""

from auditor.catalogue.index import is_cut_from
from auditor.catalogue.windows_command import started
from auditor.model.record import Record

_INTERPRETERS = frozenset(
    {
        "ash",
        "bash",
        "dash",
        "java",
        "ksh",
        "lua",
        "node",
        "nodejs",
        "perl",
        "php",
        "pypy",
        "pypy3",
        "python",
        "ruby",
        "sh",
        "tclsh",
        "wish",
        "zsh",
        "busybox",
        "env",
    }
)
_SHELLS = frozenset({"ash", "bash", "busybox", "dash", "ksh", "sh", "zsh"})
_UNIT_PREFIXES = "-@:+!|"
# Units, crontabs and scripts of a boot or a session hold several commands, as a shell would part them.
_PARTS = str.maketrans(";&|`", "\n\n\n\n")
_AROUND = "\"'(){}"
_KEYWORDS = frozenset({"if", "then", "else", "elif", "while", "until", "do", "!", "time", "exec", "exec_always",
                       "exec-once", "command", "=", "eval", "{", "("})  # fmt: skip
# What starts what stands behind it; of their options some take a word, so that a few words may be the program.
_WRAPPERS = frozenset({"chpst", "dbus-launch", "dbus-run-session", "doas", "env", "flock", "ionice", "nice", "nohup",
                       "runuser", "setpriv", "setsid", "setuidgid", "softlimit", "start-stop-daemon", "stdbuf", "su",
                       "sudo", "systemd-run", "timeout", "tcpd", "xinit", "startx", "xvfb-run"})  # fmt: skip
_CANDIDATES = 4
_ENOUGH = 8192  # characters of a command line that can name its program


class Program(Record, kw_only=True):
    """What a command is known by: text to whether the program itself can have made it up."""

    names: dict[str, bool]
    """File names, each with whether it is trusted."""
    paths: dict[str, bool]
    """Paths, each with whether it is trusted."""


def first_word(arguments: str) -> str:
    """Return the first word of a command line, of what is read of it."""
    words = arguments[:_ENOUGH].split(None, 1)
    return words[0] if words else ""


def is_script_run(executable: str | None, name: str, first: str) -> bool:
    """Tell whether a process is an interpreter's, which what stands behind its first word names too."""
    first_base = base(first.lstrip("-").rstrip(":"))
    return is_interpreter((base(executable) if executable else "") or first_base or name)


def program_of_process(executable: str | None, name: str, arguments: str) -> Program:
    """Name a running program.

    Trusted is the file it was started from, and the script when that file is an interpreter. Where the file could
    not be read, a short name and arguments that agree are trusted as well: lying takes both.
    """
    names: dict[str, bool] = {}
    paths: dict[str, bool] = {}
    words = arguments[:_ENOUGH].split()
    first = words[0].lstrip("-").rstrip(":") if words else ""
    first_base = base(first)
    program = base(executable) if executable else ""
    script, through_shell = _script(program or first_base or name, words)
    if executable and program:
        names[program] = True
        paths[executable] = True
    agrees = not executable and bool(first_base) and is_cut_from(name, first_base)
    if script:
        script_base = base(script)
        # Without the file, the short name has to be the interpreter's or the script's for the script to count.
        is_trusted = not through_shell and (bool(executable) or agrees or is_cut_from(name, script_base))
        _add(names, script_base, is_trusted=is_trusted)
        _add(paths, script, is_trusted=is_trusted)
    if first:
        _add(names, first_base, is_trusted=agrees)
        _add(paths, first, is_trusted=agrees)
    if name:
        _add(names, name, is_trusted=agrees and name == first_base)
    return Program(names=names, paths={path: trusted for path, trusted in paths.items() if "/" in path or "\\" in path})


def program_of_windows(executable: str | None, name: str, arguments: str) -> Program:
    """Name a running program of Windows, which keeps the name of the file it was started from, whatever it says.

    What the command line says is the starter's word.
    """
    said = started(arguments)
    names = dict.fromkeys(map(base, said), False)
    paths = dict.fromkeys(said, False)
    if executable:
        names[base(executable)] = paths[executable] = True
    if name:
        names[name] = True
    return Program(names=names, paths={path: trusted for path, trusted in paths.items() if "\\" in path})


def program_of_windows_command(command: str) -> Program:
    """Name the programs that a service, task or run key of Windows starts: the file may not be there."""
    said = started(command)
    return Program(names=dict.fromkeys(map(base, said), False), paths=dict.fromkeys(said, False))


def program_of_command(command: str) -> Program:
    """Name the programs that a unit, job or script starts: nothing of it is trusted, for the file may not be there."""
    found: dict[str, None] = {}
    for part in command[:_ENOUGH].translate(_PARTS).split("\n"):
        found.update(dict.fromkeys(_started(part.split())))
    return Program(names=dict.fromkeys(map(base, found), False), paths=dict.fromkeys(found, False))


def _started(words: list[str]) -> list[str]:
    """Return what one simple command starts: its program, the script of an interpreter, what a wrapper passes on."""
    at = 0
    while at < len(words) and (words[at] in _KEYWORDS or "=" in words[at].partition("/")[0]):
        # A word of the shell, or a variable for the program's environment.
        at += 1
    if at == len(words):
        return []
    program = words[at].lstrip(_UNIT_PREFIXES).removeprefix("$(").strip(_AROUND)
    if not program:
        return []
    name = base(program)
    rest = [word.strip(_AROUND) for word in words[at + 1 :]]
    script, _ = _script(name, [program, *rest])
    if script:
        return [program, script]
    if name in _WRAPPERS:
        passed_on = [word for word in rest if word and not word.startswith("-")]
        return [program, *(word for word in passed_on[:_CANDIDATES] if "=" not in word)]
    return [program]


def launchd_program(command: str) -> str:
    """Return the program of a job of launchd, or of a login item: its first word, quoted where it holds a blank."""
    command = command[:_ENOUGH].strip()
    return command[1:].partition('"')[0] if command.startswith('"') else command.partition(" ")[0]


def program_of_launchd(command: str) -> Program:
    """Name the programs that a job of launchd, or a login item, starts: what a shell would part, it does not."""
    said = program_of_command(command)
    whole = launchd_program(command)
    if not whole:
        return said
    return Program(names={**said.names, base(whole).removesuffix(".app"): False}, paths={**said.paths, whole: False})


def base(path: str) -> str:
    """Return the last part of a path of any operating system."""
    return path.rpartition("/")[2].rpartition("\\")[2]


def is_interpreter(program: str) -> bool:
    """Tell whether a program runs what somebody else wrote: ``python3.11``, ``sh``. What it runs is what counts."""
    # On macOS it is called Python, for it is an app.
    program = program.lower()
    return program in _INTERPRETERS or program.rstrip("0123456789.") in _INTERPRETERS


def _add(texts: dict[str, bool], text: str, *, is_trusted: bool) -> None:
    if text:
        texts[text] = texts.get(text, False) or is_trusted


def _script(program: str, words: list[str]) -> tuple[str, bool]:
    """Return the script an interpreter runs, and whether it is only the first word of a shell's ``-c``."""
    program = program.lower()
    kind = program.rstrip("0123456789.")
    if not is_interpreter(program):
        return "", False
    through_shell = False
    for word in words[1:]:
        if word.startswith("-"):
            through_shell = through_shell or (kind in _SHELLS and word.endswith("c") and not word.startswith("--"))
        elif word != "exec":
            return word, through_shell
    return "", False


_ROOTS = {"HKEY_LOCAL_MACHINE": "HKLM", "HKEY_CURRENT_USER": "HKCU", "HKEY_USERS": "HKU"}


def short_root(path: str) -> str:
    """Return a path of the registry with the short name of its root (``HKLM``); any other path as it is."""
    root, backslash, rest = path.partition("\\")
    return f"{_ROOTS[root.upper()]}{backslash}{rest}" if root.upper() in _ROOTS else path
