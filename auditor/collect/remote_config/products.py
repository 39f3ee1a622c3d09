r"""How remote-access products are set up: to whose server or account they report, and what they let in.

Which keys of which files are told says ``product_files.py``, one table for all systems. A secret is told as ``(set)``
by the probe itself; no other line of a file leaves the host. Files in homes are read with the rights of their account.
That a file was read to its end is told too: what it does not say then is not set there.
"""

from dataclasses import dataclass, field

from auditor.collect.collector import ENDS_EARLY, Collector, number_of, row_of, take_lines
from auditor.collect.homes import HOMES, READ_AS, Origin, origin_of, with_limits
from auditor.collect.property_lists import END, MARK, PLIST_ROWS, plist_row
from auditor.collect.remote_config.product_files import FILES
from auditor.collect.remote_config.product_keys import KEYS
from auditor.collect.remote_config.product_script import POSIX
from auditor.collect.remote_config.product_windows import WINDOWS
from auditor.model.evidence import Proof, Unread
from auditor.model.facts.remote_config import RemoteAccessSetting, SettingsFile
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed

_KINDS = {"set": 6, "whole": 3, "asked": 0}
_ON_POSIX = {"files": 1, "read": 1, "many": 1, "broken": 1, "shut": 1, "odd": 1, "list": 2, **_KINDS}
_SAID = {
    "many": "is read in part",
    "broken": "is not written as it should be",
    "shut": "cannot be read to its end",
    "odd": "is no file",
}
_PRODUCTS = frozenset((*(one.product for one in FILES), *(one.product for one in KEYS)))


@dataclass(slots=True)
class _Reader:
    """The answer while it is read."""

    facts: list[tuple[int, RemoteAccessSetting | SettingsFile]] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    is_whole: bool = False
    waiting: int = 0
    """Files that were named to awk less those that it came to: an awk that says nothing has read none."""
    open_list: tuple[str, str] | None = None
    """File and product of the property list whose rows come."""

    def take(self, number: int, line: str) -> None:
        """Read one row; ValueError for what is none."""
        origin, said = origin_of(line)
        if said.startswith(MARK) and origin is None:
            self._take_listed(number, said)
            return
        kind, rest = row_of(said, _ON_POSIX)
        if kind == "set":
            self.facts.append((number, _setting(rest, origin)))
        elif kind == "whole":
            self.facts.append((number, _file(rest, origin)))
        elif kind in ("files", "read"):
            count = number_of(rest[0], "files")
            self.waiting += count if kind == "files" else -count
        elif kind in _SAID:
            file = rest[0] if origin is None else origin.path(rest[0])
            self.doubts.append(f"{file[:200]} {_SAID[kind]}")
        elif origin is not None:
            message = f"a row {kind!r} out of a home"
            raise ValueError(message)
        elif kind == "list":
            self._close()
            self.open_list = rest[0], _known(rest[1])
        else:
            self.is_whole = True

    def _take_listed(self, number: int, line: str) -> None:
        if self.open_list is None:
            message = "a row of no property list"
            raise ValueError(message)
        if line == END:
            file, product = self.open_list
            self.facts.append((number, SettingsFile(product=product, file=file)))
            self.open_list = None
            return
        value, path = plist_row(line)
        file, product = self.open_list
        self.facts.append((number, RemoteAccessSetting(product=product, key="/".join(path), value=value, file=file)))

    def _close(self) -> None:
        if self.open_list is not None:
            self.doubts.append(f"{self.open_list[0][:200]} was not read to its end")
        self.open_list = None

    def missing(self) -> str | None:
        """Say what the answer lacks."""
        self._close()
        if self.waiting:
            self.doubts.append("not all files could be read")
        if not self.is_whole:
            self.doubts.append(ENDS_EARLY)
        return "; ".join(self.doubts) or None


def _known(product: str) -> str:
    if product not in _PRODUCTS:
        message = f"unknown product {product[:20]!r}"
        raise ValueError(message)
    return product


def _setting(rest: list[str], origin: Origin | None) -> RemoteAccessSetting:
    """Read user, file, line, product, key and value; in a home the account is the user."""
    user, file, line, product, key, value = rest
    if not key or not file:
        message = "a setting without a key or a file"
        raise ValueError(message)
    return RemoteAccessSetting(
        product=_known(product),
        key=key,
        value=value,
        file=file if origin is None else origin.path(file),
        line=number_of(line, "line") if line else None,
        user=(user or None) if origin is None else origin.account,
    )


def _file(rest: list[str], origin: Origin | None) -> SettingsFile:
    """Read user, file and product of a file that was read to its end."""
    user, file, product = rest
    if not file:
        message = "a file without a name"
        raise ValueError(message)
    return SettingsFile(
        product=_known(product),
        file=file if origin is None else origin.path(file),
        user=(user or None) if origin is None else origin.account,
    )


def _parse(text: str) -> Parsed:
    """Read one setting or file a row; a row out of a home is of its account."""
    reader = _Reader()
    strange: list[Unread] = []
    take_lines(text, reader.take, strange)
    return Parsed(facts=tuple(reader.facts), unread=tuple(strange), partial=reader.missing())


PLUGIN = Collector(
    id="remote_config.products",
    facts=(RemoteAccessSetting, SettingsFile),
    scripts={OsFamily.LINUX: POSIX, OsFamily.MACOS: POSIX, OsFamily.WINDOWS: WINDOWS},
    shared=(HOMES, READ_AS, PLIST_ROWS),
    parse=with_limits(_parse),
    proof={OsFamily.LINUX: Proof.LAB},
    advice="Run the audit as root, with sudo or as an administrator: settings of others are closed to other accounts.",
    apart=True,
    seconds=15,
)
