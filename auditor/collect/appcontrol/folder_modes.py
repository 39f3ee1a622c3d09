"""Read ``ls -ldn``: owner, group and permissions of folders, and keep those into which others than root may write."""

from auditor.collect.accounts.sources import is_id
from auditor.collect.collector import lines_of, unread
from auditor.model.evidence import Unread
from auditor.model.facts.appcontrol import WritableProgramPath
from auditor.model.reading import Parsed

_FIXED = 4
_PATH_MAX = 4096
_MODE = len("drwxr-xr-x")


def parse_folders(text: str) -> Parsed:
    """Return each folder that root is not alone to write to; the rows of the others are the proof that they are not."""
    in_path: set[str] = set()
    rows: dict[str, tuple[int, str, str, str]] = {}
    strange: list[Unread] = []
    for number, line in enumerate(lines_of(text), 1):
        if not line:
            continue
        kind, tab, path = line.partition("\t")
        try:
            if len(line) > 2 * _PATH_MAX:
                raise ValueError("longer than a path can be")  # noqa: TRY301 — treated as any other line
            if kind == "path" and tab and path.startswith("/"):
                in_path.add(trimmed(path))
            else:
                mode, owner, group, path = folder_row(line)
                rows.setdefault(path, (number, mode, owner, group))
        except ValueError as error:
            strange.append(unread(number, line, error))
    above = {path[:at] or "/" for path in in_path for at, character in enumerate(path) if character == "/"}
    facts = tuple(
        (
            number,
            WritableProgramPath(path=path, owner=owner, group=group, mode=mode, reason=_reason(path, in_path, above)),
        )
        for path, (number, mode, owner, group) in rows.items()
        if _is_open(mode, owner, group)
    )
    return Parsed(facts=facts, unread=tuple(strange), partial=None if rows else "not one folder is listed")


def folder_row(line: str) -> tuple[str, str, str, str]:
    """Read ``drwxr-xr-x 2 0 0 4096 Nov 26 13:11 /opt``: mode, owner, group, path."""
    words = line.split(None, _FIXED)
    _, slash, rest = line.partition(" /")
    if len(words) <= _FIXED or not slash:
        raise ValueError("not <mode> <links> <owner> <group> <size> <date> <path>")
    mode, links, owner, group = words[:_FIXED]
    permissions = mode[1:_MODE]
    if mode[:1] != "d" or len(permissions) != _MODE - 1 or permissions.strip("rwxstST-") or not is_id(links):
        raise ValueError("not the row of a folder")
    if not is_id(owner) or not is_id(group):
        raise ValueError("owner or group is not a number")
    return mode, owner, group, trimmed(f"/{rest}")


def trimmed(path: str) -> str:
    """Return a path without a slash at its end, that of the root excepted."""
    return path.rstrip("/") or "/"


def _is_open(mode: str, owner: str, group: str) -> bool:
    """Tell whether somebody else than root may write: its owner, its group, everybody, or who an access list names."""
    group_writes = mode[5] == "w"
    # Where an access list stands behind the mode, the letters of the group are the most that it gives to anybody.
    return owner != "0" or (group_writes and (group != "0" or mode.endswith("+"))) or mode[8] == "w"


def _reason(path: str, in_path: set[str], above: set[str]) -> str:
    if path in in_path:
        return "in PATH"
    return "above a folder in PATH" if path in above else "folder of programs"
