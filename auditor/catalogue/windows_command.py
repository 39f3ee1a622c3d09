r"""Which programs a command line of Windows starts: that of a service, a task, a run key.

Unlike a shell, Windows does not part a command line before it starts the program: what is not quoted may hold spaces,
and the first part of it that is a program counts (learn.microsoft.com, CreateProcessW, *lpCommandLine*).
"""

_ENOUGH = 8192
_ENDINGS = (".exe", ".com", ".bat", ".cmd", ".scr", ".sys", ".msi", ".ps1", ".vbs", ".js", ".jar", ".py", ".dll")
# What starts what stands behind it, on Windows of every age.
_HOSTS = frozenset({
    "cmd", "conhost", "cscript", "explorer", "java", "javaw", "msiexec", "mshta", "node", "powershell", "pwsh", "py",
    "python", "pythonw", "regsvr32", "rundll32", "start", "wscript",
})  # fmt: skip
_PASSED_ON = 6
_DEVICE = ("\\\\?\\", "\\??\\")


def started(command: str) -> tuple[str, ...]:
    """Return the paths or names of the programs that a command line starts, the first one first."""
    program, rest = _first(command[:_ENOUGH].strip())
    if not program:
        return ()
    found = [program]
    name = program.rpartition("\\")[2].lower().removesuffix(".exe")
    if name in _HOSTS:
        for _ in range(_PASSED_ON):
            if not rest.strip():
                break
            word, rest = _first(rest)
            # rundll32 takes `file,entry`.
            word = word.partition(",")[0]
            if word.lower().endswith(_ENDINGS):
                found.append(word)
    return tuple(dict.fromkeys(found))


def _first(command: str) -> tuple[str, str]:
    """Return the first word of a command line, and the rest: a quoted one whole, else up to what ends a program."""
    command = command.strip()
    if command.startswith('"'):
        word, _, rest = command[1:].partition('"')
        return _plain(word), rest
    if len(command) > 1 and (command[1] == ":" or command.startswith(("\\", "%"))):
        lower, at = command.lower(), 0
        while at != -1:
            at = lower.find(" ", at + 1)
            end = len(lower) if at == -1 else at
            if lower.endswith(_ENDINGS, 0, end):
                return _plain(command[:end]), command[end:]
    word, _, rest = command.partition(" ")
    return _plain(word), rest


def _plain(path: str) -> str:
    """Return a path without the mark of a device, with the separators of Windows."""
    for mark in _DEVICE:
        path = path.removeprefix(mark)
    return path.strip().replace("/", "\\")
