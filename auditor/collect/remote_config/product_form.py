"""What a row of the table of settings says: ``remote_config.products`` is made of such rows."""

from enum import StrEnum

from auditor.model.record import Record


class Grammar(StrEnum):
    """How a file is written."""

    EQUALS = "equals"
    """``key = value`` a line; ``#`` and ``;`` begin a comment, ``[section]`` says nothing. TOML, INI of one level."""
    SECTIONED = "sectioned"
    """The same, and a key is told behind its section: ``section.key``. TOML and INI; no lists, and of tables within a
    line the values that are no tables."""
    OPTIONS = "options"
    """``key = value`` or a lone ``key`` a line, which is told as ``given``."""
    PROPERTIES = "properties"
    """``key = value``, ``key: value`` or ``key value`` a line; ``#`` and ``!`` begin a comment. Java's."""
    COLON = "colon"
    """``key: value`` a line, however deep it stands. YAML of one value a line."""
    INDENTED = "indented"
    """``key: value`` a line, told behind the keys it is indented below: ``a.b.key``. YAML; nothing within a list."""
    BLANK = "blank"
    """``Key value`` a line, the value in quotes or not."""
    TYPED = "typed"
    """``[strng] Key = "value"`` a line: TeamViewer for Linux."""
    JSON = "json"
    """Keys of the outermost object, and ``a.b`` of one within it; values that are no list, and nothing within one."""
    XML = "xml"
    """Elements that hold text alone, by their name wherever they stand, and attributes as ``element.attribute``."""
    PARAMETERS = "parameters"
    """``?key=value&key=value``: the parameters of a program's start."""
    NAME = "name"
    """The name of the file is the value; it is not opened."""
    PLIST = "plist"
    """A property list of macOS; ``a/b`` is a key of a dictionary within it."""


class ProductFile(Record, kw_only=True):
    """Files of one form of one product, and the keys of them that are told."""

    product: str
    """Catalogue id of the product."""
    grammar: Grammar
    """How they are written."""
    told: tuple[str, ...] = ()
    """Keys whose value is told; of a ``NAME`` the one key that the value is told as."""
    worded: tuple[str, ...] = ()
    """Keys whose value is told where it is one word, else that they are set: a longer one may hold a secret."""
    secret: tuple[str, ...] = ()
    """Keys of which it is told that they are set."""
    linux: tuple[str, ...] = ()
    """Where they are on Linux; ``*`` stands for a part of a name, ``~/`` for each home."""
    macos: tuple[str, ...] = ()
    """The same of macOS."""
    windows: tuple[str, ...] = ()
    """The same of Windows, ``~`` being each profile and ``%ProgramFiles%`` both of its kind."""
    source: str
    """What the keys and places were read from."""


class ProductKey(Record, kw_only=True):
    """Keys of the registry below ``SOFTWARE`` of the machine, in both views, and the values of them that are told."""

    product: str
    """Catalogue id of the product."""
    keys: tuple[str, ...]
    """Paths of the keys below ``SOFTWARE``."""
    told: tuple[str, ...] = ()
    """Names of values that are told."""
    secret: tuple[str, ...] = ()
    """Names of values of which it is told that they are set."""
    source: str
    """What the names were read from."""
