r"""Read one entry of sudoers(5): an alias, or a user specification with its hosts, run-as lists, tags and commands.

A backslash takes the meaning from ``, : = \`` and a space; quotes may stand around a name with spaces. What the
grammar has and this reader does not understand is a ValueError, never a guess.
"""

from dataclasses import dataclass, field

from auditor.model.facts.accounts import SudoRule
from auditor.model.record import Record

_KINDS = {
    "User_Alias": "user",
    "Runas_Alias": "run_as",
    "Host_Alias": "host",
    "Cmnd_Alias": "command",
    "Cmd_Alias": "command",
}
_TAGS = frozenset((
    "EXEC", "NOEXEC", "FOLLOW", "NOFOLLOW", "INTERCEPT", "NOINTERCEPT", "LOG_INPUT", "NOLOG_INPUT", "LOG_OUTPUT",
    "NOLOG_OUTPUT", "MAIL", "NOMAIL", "PASSWD", "NOPASSWD", "SETENV", "NOSETENV",
))  # fmt: skip
_OPTIONS = (
    "ROLE",
    "TYPE",
    "PRIVS",
    "LIMITPRIVS",
    "APPARMOR_PROFILE",
    "CWD",
    "CHROOT",
    "TIMEOUT",
    "NOTBEFORE",
    "NOTAFTER",
)
_DEPTH = 16
_EXPANDED = 4096
_RULES = 65_536
_SPACES = 4096


class Entry(Record, kw_only=True):
    """One entry, its continued lines joined."""

    number: int
    """Line of the section's text it begins in."""
    file: str
    """File that holds it."""
    line: int
    """Line of that file it begins in."""
    last: int
    """Line of that file it ends in."""
    text: str
    """What it says."""


@dataclass(slots=True, kw_only=True)
class Aliases:
    """Members of every alias, by kind and name."""

    members: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def expand(self, kind: str, words: list[str]) -> tuple[str, ...]:
        """Replace aliases by their members, ``!`` kept; ValueError for one that has no end or no meaning."""
        out: list[str] = []
        self._expand(kind, words, "", out, _DEPTH)
        return tuple(out)

    def _expand(self, kind: str, words: list[str], sign: str, out: list[str], depth: int) -> None:
        for word in words:
            name = word.lstrip("! ")
            # Two exclamation marks undo each other.
            negated = "!" if (word[: len(word) - len(name)].count("!") + len(sign)) % 2 else ""
            if not _is_alias(name):
                out.append(negated + name)
            elif (kind, name) not in self.members and kind != "command":
                # sudo takes an alias that nobody defined for a name.
                out.append(negated + name)
            elif (kind, name) not in self.members:
                message = f"the {kind} alias {name[:60]!r} is not defined"
                raise ValueError(message)
            elif depth == 0 or len(out) > _EXPANDED:
                message = f"the {kind} alias {name[:60]!r} goes on without end"
                raise ValueError(message)
            else:
                self._expand(kind, self.members[kind, name], negated, out, depth - 1)


def _is_alias(name: str) -> bool:
    """Tell an alias by its spelling: capitals, digits, underscores, not the word ALL."""
    return (
        name != "ALL"
        and name[:1].isalpha()
        and name.isascii()
        and name == name.upper()
        and name.replace("_", "").isalnum()
    )


def split(text: str, separator: str, limit: int = -1) -> list[str]:
    """Split at a separator outside of quotes and parentheses that no backslash stands before."""
    parts: list[str] = []
    start = 0
    quoted = False
    depth = 0
    skip = False
    for at, char in enumerate(text):
        if skip:
            skip = False
        elif char == "\\":
            skip = True
        elif char == '"':
            quoted = not quoted
        elif quoted:
            continue
        elif char in "()":
            depth += 1 if char == "(" else -1
        elif char == separator and depth == 0 and len(parts) != limit:
            parts.append(text[start:at])
            start = at + 1
    if quoted or depth:
        message = "a quote or parenthesis that is not closed"
        raise ValueError(message)
    parts.append(text[start:])
    return parts


def _words(text: str) -> list[str]:
    """Read a list of names parted by commas; ValueError for an empty one."""
    words = [_plain(word) for word in split(text, ",")]
    if any(not word.lstrip("!") for word in words):
        message = "an empty name in a list"
        raise ValueError(message)
    return words


def _plain(word: str) -> str:
    """Take spaces and quotes off a name, also behind ``!``."""
    word = word.strip()
    signs = word[: len(word) - len(word.lstrip("! "))]
    name = word[len(signs) :].strip()
    if len(name) > 1 and name.startswith('"') and name.endswith('"'):
        name = name[1:-1]
    return signs.replace(" ", "") + name


def _without_comment(text: str) -> str:
    """Cut a comment that follows an entry: ``#`` after a space, unless a user or group number."""
    quoted = False
    for at, char in enumerate(text):
        if char == '"':
            quoted = not quoted
        elif char == "#" and not quoted and text[at - 1 : at] in (" ", "\t") and not text[at + 1 : at + 2].isdigit():
            return text[:at].rstrip()
    return text


def read_alias(text: str, aliases: Aliases) -> bool:
    """Take an alias definition in; False when the entry is none."""
    kind, _, rest = text.partition(" ") if " " in text.split("\t", 1)[0] else text.partition("\t")
    if kind not in _KINDS:
        return False
    for definition in split(_without_comment(rest), ":"):
        name, equals, members = definition.partition("=")
        name = name.strip()
        if not equals or not _is_alias(name):
            message = "not NAME = members"
            raise ValueError(message)
        key = (_KINDS[kind], name)
        words = [word.strip() for word in split(members, ",")] if kind.startswith("Cm") else _words(members)
        if key in aliases.members:
            message = f"alias {name!r} is defined twice"
            raise ValueError(message)
        aliases.members[key] = words
    return True


def read_rules(entry: Entry, aliases: Aliases) -> list[SudoRule]:
    """Read ``users hosts = (run-as) TAGS: commands : hosts = …``."""
    text = _without_comment(entry.text.strip())
    first, *others = split(text, ":")
    # Tags end in a colon too: only a part that has its own `=` begins another specification.
    parts = [first]
    for part in others:
        if _begins_specification(part) and not _ends_in_digest(parts[-1]):
            parts.append(part)
        else:
            parts[-1] += ":" + part
    users, first_hosts = _users_and_hosts(parts[0])
    rules: list[SudoRule] = []
    for index, part in enumerate(parts):
        hosts_text, equals, commands = _cut(part, "=")
        if not equals:
            message = "a specification without '='"
            raise ValueError(message)
        hosts = aliases.expand("host", _words(first_hosts if index == 0 else hosts_text))
        rules.extend(_specification(entry, aliases, users, hosts, commands))
    return rules


def _cut(text: str, separator: str) -> tuple[str, str, str]:
    parts = split(text, separator, 1)
    return (parts[0], separator, parts[1]) if len(parts) > 1 else (text, "", "")


def _begins_specification(text: str) -> bool:
    """Tell whether what follows a colon names hosts and an ``=`` before any command."""
    before, equals, _ = _cut(text, "=")
    words = before.split(",")
    return bool(equals) and all(word.strip() and " " not in word.strip() and "/" not in word for word in words)


def _ends_in_digest(text: str) -> bool:
    """Tell whether the colon belongs to a command's digest, as in ``sha256:… /bin/ls``."""
    words = text.replace(",", " ").replace("=", " ").split()
    return bool(words) and words[-1] in ("sha224", "sha256", "sha384", "sha512")


def _users_and_hosts(part: str) -> tuple[list[str], str]:
    """Part the list of users from the list of hosts: at the last space that no comma stands beside."""
    head, _, _ = _cut(part, "=")
    head = head.strip()
    at = len(head)
    for _ in range(_SPACES):
        at = max(head.rfind(" ", 0, at), head.rfind("\t", 0, at))
        if at <= 0:
            message = "no user or no host before the '='"
            raise ValueError(message)
        before, after = head[:at].rstrip(), head[at:].lstrip()
        is_escaped = head[at - 1] == "\\" or before.count('"') % 2
        if not is_escaped and not before.endswith((",", "!")) and not after.startswith(","):
            return _words(before), after
    message = "users and hosts cannot be told apart: too many spaces before the '='"
    raise ValueError(message)


def _specification(
    entry: Entry, aliases: Aliases, users: list[str], hosts: tuple[str, ...], text: str
) -> list[SudoRule]:
    """Read the commands of one specification: run-as lists and tags hold until the next of their kind."""
    run_as: tuple[str, ...] = ()
    needs_password = True
    groups: list[tuple[tuple[str, ...], bool, list[str]]] = []
    for item in split(text, ","):
        command = item.strip()
        if command.startswith("("):
            inside, _, command = command[1:].partition(")")
            run_as = _run_as(inside, aliases)
            command = command.strip()
        command, needs_password = _tags(command, needs_password=needs_password)
        if not command:
            message = "an empty command"
            raise ValueError(message)
        if not groups or groups[-1][:2] != (run_as, needs_password):
            groups.append((run_as, needs_password, []))
        groups[-1][2].append(command)
    principals = aliases.expand("user", users)
    if len(principals) * len(groups) > _RULES:
        message = f"{len(principals)} users times {len(groups)} lists of commands are more than {_RULES} rules"
        raise ValueError(message)
    expanded = [(as_whom, asks, aliases.expand("command", commands)) for as_whom, asks, commands in groups]
    return [
        SudoRule(
            principal=principal,
            hosts=hosts,
            run_as=as_whom,
            commands=commands,
            needs_password=asks,
            file=entry.file,
            line=entry.line,
        )
        for principal in principals
        for as_whom, asks, commands in expanded
    ]


def _run_as(text: str, aliases: Aliases) -> tuple[str, ...]:
    """Read ``user, user : group, group``; groups keep the colon before them, an empty list is the invoking user."""
    users, _, groups = text.partition(":")
    out = aliases.expand("run_as", _words(users)) if users.strip() else ()
    if groups.strip():
        out += tuple(f":{group}" for group in aliases.expand("run_as", _words(groups)))
    return out


def _tags(command: str, *, needs_password: bool) -> tuple[str, bool]:
    """Take tags and options off the front of a command; ValueError for a tag that is not known."""
    while True:
        word, colon, rest = command.partition(":")
        name = word.strip()
        if colon and name in _TAGS:
            needs_password = {"NOPASSWD": False, "PASSWD": True}.get(name, needs_password)
            command = rest.strip()
            continue
        if colon and name and name == name.upper() and name.replace("_", "").isalpha():
            message = f"unknown tag {name!r}"
            raise ValueError(message)
        option, equals, rest = command.partition("=")
        if equals and option.strip() in _OPTIONS:
            # Where and how a command runs, not which.
            command = rest.strip().partition(" ")[2].strip()
            continue
        return command, needs_password
