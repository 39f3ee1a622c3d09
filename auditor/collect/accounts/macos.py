"""Accounts and groups of a Mac, as Directory Services keeps them on the host itself (dscl(1), opendirectoryd(8))."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from auditor.collect.accounts.sources import is_id
from auditor.collect.collector import ENDS_EARLY, Collector, take_lines, unread
from auditor.model.evidence import Unread
from auditor.model.facts.accounts import Account, Group
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed

# Named attributes alone, none of which holds a secret: hashes stand in ShadowHashData, which is not asked for.
_MACOS = r"""
need dscl
printf '== users\n'
dscl . -readall /Users RecordName UniqueID PrimaryGroupID NFSHomeDirectory UserShell GeneratedUID \
    AuthenticationAuthority || failed "Directory Services did not list the accounts"
printf '== groups\n'
dscl . -readall /Groups RecordName PrimaryGroupID GeneratedUID GroupMembership GroupMembers NestedGroups ||
    failed "Directory Services did not list the groups"
printf '== search\n'
dscl /Search -read / CSPSearchPath || partial "where else the host knows accounts from was not told"
printf '== end\n'
"""
_PARTS = ("users", "groups", "search", "end")
_ATTRIBUTES: Mapping[str, frozenset[str]] = {
    "users": frozenset((
        "RecordName", "UniqueID", "PrimaryGroupID", "NFSHomeDirectory", "UserShell", "GeneratedUID",
        "AuthenticationAuthority",
    )),
    "groups": frozenset((
        "RecordName", "PrimaryGroupID", "GeneratedUID", "GroupMembership", "GroupMembers", "NestedGroups",
    )),
    "search": frozenset(("CSPSearchPath",)),
}  # fmt: skip
_MISSING = "No such key: "
_LOCAL = ("/Local/Default", "/BSD/local")
_RECORD_END = "-"
_NO_LOGIN = ("/nologin", "/false")
_NEGATIVE = 1 << 32


@dataclass(slots=True)
class _Record:
    """One record: its attributes by name, and the line that its name stands in."""

    line: int = 0
    values: dict[str, list[str]] = field(default_factory=dict)

    def one(self, key: str) -> str:
        """Return an attribute's first value; empty where it has none."""
        return next(iter(self.values.get(key, ())), "")


@dataclass(slots=True)
class _Listing:
    """Records of each part, and the attribute whose values the next lines may be."""

    part: str = ""
    seen: list[str] = field(default_factory=list)
    records: dict[str, list[_Record]] = field(default_factory=lambda: {part: [] for part in _PARTS})
    current: _Record = field(default_factory=_Record)
    key: str = ""

    def take(self, number: int, line: str) -> None:
        """Read one line: ``Key: value``, ``Key:`` with its values one a line behind a space, or the end of a record."""
        if line.startswith("== "):
            self._begin(line[3:])
        elif not self.part or self.part == "end":
            message = "a line outside of what was asked"
            raise ValueError(message)
        elif line == _RECORD_END:
            self._finish()
        elif line.startswith(" ") and self.key:
            self.current.values[self.key].append(line[1:])
        else:
            self._attribute(number, line)

    def _begin(self, heading: str) -> None:
        if heading not in _PARTS or len(self.seen) != _PARTS.index(heading):
            message = "a heading that was not expected here"
            raise ValueError(message)
        self._finish()
        self.seen.append(heading)
        self.part = heading

    def _finish(self) -> None:
        if self.current.values:
            self.records[self.part].append(self.current)
        self.current, self.key = _Record(), ""

    def _attribute(self, number: int, line: str) -> None:
        if line.startswith(_MISSING):
            self.key = ""
            return
        key, colon, value = line.partition(":")
        if not colon or key not in _ATTRIBUTES[self.part] or key in self.current.values:
            message = "not an attribute that was asked for"
            raise ValueError(message)
        self.key = key
        self.current.line = number if key == "RecordName" or not self.current.line else self.current.line
        # Several values without a space stand in one line.
        single = key in ("NFSHomeDirectory", "UserShell") and " /" not in value.strip()
        self.current.values[key] = ([value.strip()] if single else value.split()) if value.strip() else []


def _number(text: str) -> int:
    """Read a number of a user or group, which may be negative here: -2 is nobody's."""
    plain = text.removeprefix("-")
    if not is_id(plain):
        message = f"{text[:40]!r} is no number of a user or a group"
        raise ValueError(message)
    return _NEGATIVE - int(plain) if text.startswith("-") else int(plain)


def _account(record: _Record) -> Account:
    name = record.one("RecordName")
    if not name:
        message = "an account without a name"
        raise ValueError(message)
    shell = record.one("UserShell")
    authorities = record.values.get("AuthenticationAuthority", [])
    is_locked = shell.endswith(_NO_LOGIN) or any(";DisabledUser;" in one for one in authorities)
    return Account(
        name=name,
        uid=_number(record.one("UniqueID")),
        gid=_number(record.one("PrimaryGroupID")) if record.one("PrimaryGroupID") else None,
        home=record.one("NFSHomeDirectory"),
        shell=shell,
        is_disabled=True if is_locked else None,
    )


def _group(record: _Record, users: Mapping[str, str], groups: Mapping[str, str]) -> Group:
    """Return a group; a member that is known by its identifier alone is named where the host knows whose that is."""
    name = record.one("RecordName")
    if not name:
        message = "a group without a name"
        raise ValueError(message)
    members = list(record.values.get("GroupMembership", []))
    members += [users.get(one, one) for one in record.values.get("GroupMembers", [])]
    members += [groups.get(one, f"%{one}") for one in record.values.get("NestedGroups", [])]
    return Group(
        name=name,
        gid=_number(record.one("PrimaryGroupID")),
        members=tuple(dict.fromkeys(members)),
    )


def _names(records: list[_Record]) -> dict[str, str]:
    """Return names by their identifiers."""
    return {one.one("GeneratedUID"): one.one("RecordName") for one in records if one.one("GeneratedUID")}


def _parse(text: str) -> Parsed:
    """Read the accounts, the groups with their members, and where else the host looks for either."""
    listing = _Listing()
    strange: list[Unread] = []
    take_lines(text, listing.take, strange)
    facts: list[tuple[int, Account | Group]] = []
    people, groups = listing.records["users"], listing.records["groups"]
    users, nested = _names(people), _names(groups)

    def made(record: _Record, make: Callable[[_Record], Account | Group]) -> None:
        try:
            facts.append((record.line, make(record)))
        except ValueError as error:
            strange.append(unread(record.line, record.one("RecordName"), error))

    for record in people:
        made(record, _account)
    for record in groups:
        made(record, lambda one: _group(one, users, nested))
    return Parsed(
        facts=tuple(sorted(facts, key=lambda one: one[0])),
        unread=tuple(sorted(strange, key=lambda one: one.line)),
        partial=_lacks(listing, facts),
    )


def _lacks(listing: _Listing, facts: list[tuple[int, Account | Group]]) -> str | None:
    """Say what the answer lacks; None where it is whole."""
    if "end" not in listing.seen:
        return ENDS_EARLY
    if not any(isinstance(fact, Account) for _, fact in facts):
        return "no account is listed, not even root"
    if not any(isinstance(fact, Group) for _, fact in facts):
        return "no group is listed"
    places = [place for record in listing.records["search"] for place in record.values["CSPSearchPath"]]
    foreign = [place for place in places if place.strip() not in _LOCAL]
    if not places:
        return "where else the host knows accounts from was not told"
    return f"accounts and groups of {' and '.join(foreign)[:200]} are not listed on the host" if foreign else None


PLUGIN = Collector(
    id="accounts.macos",
    facts=(Account, Group),
    scripts={OsFamily.MACOS: _MACOS},
    parse=_parse,
    advice="Review the accounts and groups of the directory that the Mac is bound to there: a host cannot list them.",
    holds_secrets=False,
)
