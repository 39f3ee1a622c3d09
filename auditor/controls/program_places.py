r"""Where a program lies: in a place of a user's own, or where only what manages software puts programs."""

from auditor.model.case import Case
from auditor.model.facts.accounts import Account
from auditor.model.host import OsFamily

_TEMPORARY = ("/tmp/", "/var/tmp/", "/dev/shm/", "/run/user/")  # noqa: S108 — compared with, nothing is put there
_MEDIA = ("/media/", "/run/media/")
_HOMES = {OsFamily.LINUX: ("/home/", "/root/"), OsFamily.MACOS: ("/Users/", "/var/root/")}
_FIRST_PERSON = {OsFamily.LINUX: 1000, OsFamily.MACOS: 501}
_NOBODY = 65534
# What account files give for the want of a home.
_NO_HOMES = ("/bin", "/dev", "/etc", "/lib", "/nonexistent", "/opt", "/proc", "/sbin", "/srv", "/sys", "/usr", "/var")
_MAC_TEMPORARY = ("/tmp/", "/var/tmp/", "/var/folders/", "/Volumes/")  # noqa: S108 — as above
_WINDOWS_TEMPORARY = ("\\windows\\temp\\", "\\temp\\", "\\tmp\\", "\\$recycle.bin\\")
_PACKAGED = {
    OsFamily.LINUX: ("/usr/", "/bin/", "/sbin/", "/lib/", "/lib32/", "/lib64/", "/snap/", "/var/lib/snapd/", "/nix/"),
    OsFamily.MACOS: ("/System/", "/usr/", "/bin/", "/sbin/", "/Library/Apple/", "/Applications/"),
    OsFamily.WINDOWS: ("\\windows\\", "\\program files\\", "\\program files (x86)\\"),
}  # fmt: skip
_BY_HAND = ("/usr/local/",)
_OF_A_PROFILE = 3
"""Parts of a path in the profile of a user of Windows, at least, before the file's."""
_ADMINISTRATED = {
    OsFamily.LINUX: ("/opt/", "/usr/local/", "/srv/"),
    OsFamily.MACOS: ("/opt/", "/usr/local/", "/Library/"),
    OsFamily.WINDOWS: (),
}


def users_place(path: str, case: Case) -> str | None:
    r"""Return the place of a user's own that a program lies in: a home folder, or one of temporary files; else None.

    The place is the same for each version of the program: ``/home/alice``, ``/tmp``, ``C:\Users\alice``.
    """
    if case.head.os is OsFamily.WINDOWS:
        return _on_windows(path)
    path = path.removeprefix("/private") if case.head.os is OsFamily.MACOS else path
    temporary = _MAC_TEMPORARY if case.head.os is OsFamily.MACOS else (*_TEMPORARY, *_MEDIA)
    for place in temporary:
        if path.startswith(place):
            return place.rstrip("/")
    for home in _homes(case):
        if path.startswith(f"{home}/"):
            return home
    for above in _HOMES[case.head.os]:
        if path.startswith(above):
            owner = path.removeprefix(above).partition("/")[0]
            return f"{above}{owner}" if above in ("/home/", "/Users/") else above.rstrip("/")
    return None


def is_packaged(path: str, case: Case) -> bool:
    """Tell whether a program lies where only the system and what manages its software put programs."""
    found = _parts(path)[1].lower() if case.head.os is OsFamily.WINDOWS else path
    return found.startswith(_PACKAGED[case.head.os]) and not found.startswith(_BY_HAND) and not _is_left(found)


def is_administrated(path: str, case: Case) -> bool:
    """Tell whether a program lies where administrators put programs, by whatever means."""
    return is_packaged(path, case) or path.startswith(_ADMINISTRATED[case.head.os])


def _is_left(path: str) -> bool:
    r"""Tell whether a path only seems to be in a folder of the system: it leaves it, or everybody may write there."""
    return ".." in path.replace("\\", "/").split("/") or path.startswith(_WINDOWS_TEMPORARY)


def _homes(case: Case) -> tuple[str, ...]:
    """Return the home folders of people, the longest first."""
    first = _FIRST_PERSON[case.head.os]
    found = {
        home
        for one in case.reading.of(Account)
        if one.uid is not None and (one.uid == 0 or first <= one.uid) and one.uid != _NOBODY
        and (home := one.home.rstrip("/")) and not f"{home}/".startswith(tuple(f"{folder}/" for folder in _NO_HOMES))
    }  # fmt: skip
    return tuple(sorted(found, key=lambda home: (-len(home), home)))


def _on_windows(path: str) -> str | None:
    drive, rest = _parts(path)
    found = rest.lower()
    for place in _WINDOWS_TEMPORARY:
        if found.startswith(place):
            return f"{drive}{rest[: len(place) - 1]}"
    if found.startswith("\\users\\"):
        names = rest.split("\\")
        return f"{drive}\\{names[1]}\\{names[2]}" if len(names) > _OF_A_PROFILE else None
    return None


def _parts(path: str) -> tuple[str, str]:
    """Return the drive of a path of Windows, and what follows; of a path without a drive, nothing of either."""
    plain = path.removeprefix("\\\\?\\")
    return (plain[:2], plain[2:]) if plain[1:2] == ":" else ("", "")
