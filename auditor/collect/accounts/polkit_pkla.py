"""The older rules of polkit: ``.pkla`` files, and who counts as administrator (pklocalauthority(8))."""

from auditor.model.record import Record

_RESULTS = frozenset(("yes", "no", "auth_self", "auth_self_keep", "auth_admin", "auth_admin_keep"))
_KEYS = ("Identity", "Action", "ResultAny", "ResultInactive", "ResultActive", "ReturnValue")


class Entry(Record, kw_only=True):
    """One group of a .pkla file: these people, for these actions, get that answer."""

    identities: tuple[str, ...]
    """As written: ``unix-user:name``, ``unix-group:name``, ``unix-user:*``."""
    actions: tuple[str, ...]
    """Patterns of action ids."""
    remote: str
    """The answer to a session that is not at the console; empty where it does not say."""
    local: str
    """The answer to one that is at the console and active."""
    file: str
    """File that holds it."""
    number: int
    """Line of the section that its head stands in."""

    def is_about(self, action: str) -> bool:
        """Tell whether it answers for an action."""
        return any(_matches(action, pattern.split("*")) for pattern in self.actions)


def read_entries(file: str, lines: list[tuple[int, str]]) -> list[Entry]:
    """Read a key file; ValueError for what pklocalauthority(8) does not know."""
    found: list[Entry] = []
    keys: dict[str, str] = {}
    head = 0
    for number, line in [*lines, (0, "[]")]:
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        if text.startswith("["):
            if not text.endswith("]"):
                raise ValueError(f"{file}: a head that is not closed")
            if head:
                found.append(_entry(keys, file, head))
            keys, head = {}, number
            continue
        key, equals, value = text.partition("=")
        if not equals or not head or key.strip() not in _KEYS:
            raise ValueError(f"{file}: not a key of pklocalauthority(8): {key[:40]!r}")
        keys[key.strip()] = value.strip()
    return found


def _entry(keys: dict[str, str], file: str, number: int) -> Entry:
    results = {key: keys.get(key, "") for key in ("ResultAny", "ResultActive")}
    wrong = [value for value in results.values() if value and value not in _RESULTS]
    if wrong or "Identity" not in keys or "Action" not in keys:
        raise ValueError(f"{file}: an entry without identity, action or a known result")
    actions = _list(keys["Action"])
    if any("[" in pattern or "?" in pattern for pattern in actions):
        raise ValueError(f"{file}: a pattern that is not read")
    return Entry(
        identities=_list(keys["Identity"]),
        actions=actions,
        remote=results["ResultAny"],
        local=results["ResultActive"],
        file=file,
        number=number,
    )


def _matches(action: str, parts: list[str]) -> bool:
    """Tell whether a name is made of these parts, with anything between them."""
    if len(parts) == 1:
        return action == parts[0]
    first, *middle, last = parts
    if not action.startswith(first):
        return False
    at = len(first)
    for part in middle:
        at = action.find(part, at)
        if at < 0:
            return False
        at += len(part)
    return len(action) - len(last) >= at and action.endswith(last)


def _list(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(";") if word.strip())


def read_administrators(file: str, lines: list[tuple[int, str]]) -> tuple[int, tuple[str, ...]] | None:
    """Read ``AdminIdentities`` of a file in localauthority.conf.d; None where it does not say."""
    found = None
    for number, line in lines:
        text = line.strip()
        if not text or text.startswith(("#", "[")):
            continue
        key, equals, value = text.partition("=")
        if not equals or key.strip() != "AdminIdentities":
            raise ValueError(f"{file}: not AdminIdentities=...")
        found = (number, _list(value))
    return found


def principal(identity: str) -> str | None:
    """Return ``name``, ``%group``, ``+netgroup`` or ``ALL``; None for root alone, ValueError for another kind."""
    kind, _, name = identity.partition(":")
    if kind == "unix-user" and name in ("0", "root"):
        return None
    if name == "*" and kind in ("unix-user", "unix-group"):
        return "ALL"
    signs = {"unix-user": "", "unix-group": "%", "unix-netgroup": "+"}
    if kind not in signs or not name:
        raise ValueError(f"an identity of a kind that is not read: {identity[:40]!r}")
    # A number stands for the account or the group that has it.
    return f"{signs[kind]}#{name}" if name.isdecimal() else f"{signs[kind]}{name}"
