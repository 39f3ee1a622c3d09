"""What a product of the catalogue is: one entry, its indicators, and the catalogue they make up."""

from datetime import date
from enum import StrEnum

from auditor.model.host import OsFamily
from auditor.model.record import Record, field
from auditor.model.sighting import Category, Role
from auditor.model.verdict import Severity


class IndicatorKind(StrEnum):
    """What an indicator is compared with; ``docs/adding-a-product.md`` explains each."""

    DPKG = "package.dpkg"
    RPM = "package.rpm"
    PACMAN = "package.pacman"
    APK = "package.apk"
    SNAP = "package.snap"
    FLATPAK = "package.flatpak"
    BREW = "package.brew"
    WINGET = "package.winget"
    PORTAGE = "package.portage"
    OPKG = "package.opkg"
    PYPI = "package.pypi"
    NPM = "package.npm"
    DISPLAY_NAME = "display_name"
    """Name in a list of programs that is no package manager's (Windows uninstall keys, macOS applications)."""
    IMAGE = "image"
    """Image of a container, without registry host and tag: ``linuxserver/rustdesk``, ``kasmweb/*``."""
    EXTENSION = "extension"
    """Identifier of a browser extension, or name of a native-messaging host."""
    FILE = "file"
    """Name of a program file that lies about without a package: a portable copy, an AppImage."""
    BUNDLE_ID = "bundle_id"
    """Bundle or package identifier (macOS)."""
    TEAM_ID = "team_id"
    """Apple team that signed it."""
    SIGNER = "signer"
    """Subject of the certificate that signed it (Windows)."""
    ORIGINAL_NAME = "original_name"
    """Original file name in the version resource (Windows)."""
    COMPANY = "company"
    """Company name in the version resource, or publisher in an uninstall key (Windows): a maker's word of itself."""
    PRODUCT_NAME = "product_name"
    """Product name in the version resource (Windows): a maker's word of itself, as the company is."""
    FEATURE = "feature"
    """Remote-access feature of the operating system that is switched on: ``remote desktop``."""
    PROCESS = "process"
    """Name of a program: of its file, of the process, or of the script an interpreter runs."""
    EXECUTABLE = "executable"
    """Path of a program, or of the script an interpreter runs."""
    ARGUMENTS = "arguments"
    """Command line of a process, its first word included: what tells a mode of a program, or a renamed program."""
    SERVICE = "service"
    """Name of a unit, init script, task or service."""
    LAUNCHD = "launchd"
    """Label of a launchd job."""
    PATH = "path"
    """File or folder that the product leaves on the disk."""
    DOMAIN = "domain"
    """Name it connects to."""
    WIRE = "wire"
    """What a listener says first, as printable text: ``RFB 003.008``."""
    PORT = "port"
    """Port or range it listens on: ``5900`` or ``5900-5937``, TCP unless ``/udp`` follows."""

    @property
    def is_package(self) -> bool:
        """Tell whether it is the name of a package in one package manager."""
        return self.value.startswith("package.")


class Strength(StrEnum):
    """How much one indicator says."""

    STRONG = "strong"
    """Enough by itself: nothing else is called so."""
    SUPPORTING = "supporting"
    """Two of different kinds are enough, one makes a suspicion."""
    WEAK = "weak"
    """Never more than a suspicion, however many there are."""

    @property
    def rank(self) -> int:
        """Return 0 for the strongest."""
        return _RANKS[self]


_RANKS = {Strength.STRONG: 0, Strength.SUPPORTING: 1, Strength.WEAK: 2}


class Status(StrEnum):
    """Whether anybody still looks after a product."""

    ACTIVE = "active"
    """Releases and security fixes are made."""
    UNMAINTAINED = "unmaintained"
    """No releases any more, but still shipped by someone."""
    DISCONTINUED = "discontinued"
    """Withdrawn by its maker."""


class Depth(StrEnum):
    """How far the catalogue goes for a product."""

    A = "A"
    """The same, with ports, domains, tenant, unsafe settings and removal, or with why it has none of one."""
    B = "B"
    """Recognised by several sorts of evidence on each system that a host side of it exists for, as far as is known."""
    C = "C"
    """Recognised only."""


class SettingFormat(StrEnum):
    """How a file of settings is written."""

    INI = "ini"
    TOML = "toml"
    JSON = "json"
    XML = "xml"
    PLIST = "plist"
    REGISTRY = "registry"
    KEY_VALUE = "key_value"
    """A key and a value a line, parted by ``=``, ``:`` or spaces."""
    ARGUMENTS = "arguments"
    """A command line."""


class Alphabet(StrEnum):
    """Characters a tenant may be made of: anything else was not a tenant."""

    HEX = "hex"
    WORD = "word"
    """Letters, digits, ``-`` and ``_``."""
    HOST = "host"
    """The same, ``.`` and ``:``."""
    TEXT = "text"
    """Whatever can be printed, blanks too: names of accounts and companies."""


class Indicator(Record, kw_only=True):
    """One way to recognise a product on one operating system."""

    kind: IndicatorKind
    """What it is compared with."""
    os: OsFamily
    """Where it holds."""
    value: str
    """The value; ``*`` stands for any characters, none included."""
    excluding: tuple[str, ...] = ()
    """Values that ``value`` would match and that are something else."""
    strength: Strength
    """How much it says."""
    source: str
    """What it was read from."""
    verified: date
    """When it was last compared with its source."""


class TenantRule(Record, kw_only=True):
    """How a name or a setting tells whose instance a product reports to."""

    kinds: tuple[IndicatorKind, ...] = ()
    """Kinds of indicator whose matched text it reads; none where it reads a setting."""
    setting: str = ""
    """Key of the setting whose value it reads; empty where it reads names."""
    prefix: str = ""
    """What stands before the tenant; empty where a setting is nothing but the tenant."""
    alphabet: Alphabet
    """Characters the tenant is made of; it ends at the first other one."""
    shortest: int = 1
    """Characters it has at least."""


class Listens(Record, kw_only=True):
    """A port that a product is known to listen on: said to people, never an indicator of the product alone."""

    port: str
    """Port or range, as in an indicator of kind ``port``."""
    note: str = ""
    """When and for what."""


class Connects(Record, kw_only=True):
    """A port that a product is known to connect to: on the internet, at its maker's relays or at another instance."""

    port: str
    """Port or range of the other end, as in an indicator of kind ``port``."""
    is_shared: bool = False
    """Whether much else connects to it too, so that a filter of ports cannot tell the product apart."""
    note: str = ""
    """When and for what."""
    source: str
    """What it was read from."""
    verified: date
    """When it was last compared with its source."""


class UnsafeSetting(Record, kw_only=True):
    """A setting of a product that opens more than it should."""

    os: OsFamily
    """Where it holds."""
    file: str
    """File or registry key that holds it; ``*`` stands for any characters."""
    format: SettingFormat
    """How the file is written."""
    key: str
    """Name of the setting, section first where there are sections."""
    when: str
    """Value that is unsafe, or ``absent`` (or empty), ``set`` (to whatever it be), ``empty``, ``not VALUE``."""
    unless: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Settings of the same file by which it is safe all the same, each with such words; ``*`` for any characters."""
    severity: Severity = Severity.MEDIUM
    """How much it matters: high where it gives remote control to whoever asks."""
    why: str
    """What it opens."""
    source: str
    """What it was read from."""
    verified: date
    """When it was last compared with its source."""


class Uninstall(Record, kw_only=True):
    """How a product is removed without anybody at the screen."""

    detect: str
    """What shows that this recipe applies."""
    silent: str
    """Command that removes it and asks nothing."""
    verify: str
    """What shows that it is gone."""
    is_reversible: bool
    """Whether installing it again brings back what it was, its enrolment included."""
    source: str
    """What it was read from."""
    verified: date
    """When it was last compared with its source."""


class Product(Record, kw_only=True):
    """Remote-access software as the catalogue knows it."""

    id: str
    """Name of its file, for ever."""
    name: str
    """Name for people."""
    vendor: str
    """Who makes it."""
    aliases: tuple[str, ...] = ()
    """Former and other names."""
    category: Category
    """What kind of remote access it gives."""
    role: Role
    """Which end of the session it is."""
    status: Status = Status.ACTIVE
    """Whether anybody still looks after it."""
    depth: Depth
    """How far the catalogue goes."""
    is_fallback: bool = False
    """Whether it only stands for what no other product explains."""
    techniques: tuple[str, ...]
    """ATT&CK techniques it is used for."""
    software: tuple[str, ...] = ()
    """ATT&CK ids of it as software, such as ``S0591``."""
    summary: str
    """What it is, in our words."""
    listens: tuple[Listens, ...] = ()
    """Ports it is known to listen on."""
    connects: tuple[Connects, ...] = ()
    """Ports it is known to connect to."""
    indicators: tuple[Indicator, ...]
    """Ways to recognise it."""
    tenants: tuple[TenantRule, ...] = ()
    """Ways to tell whose instance it is."""
    unsafe: tuple[UnsafeSetting, ...] = ()
    """Settings that open more than they should."""
    uninstall: dict[OsFamily, tuple[Uninstall, ...]] = field(default_factory=dict)
    """Recipes to remove it unattended, by operating system."""
    removal: dict[OsFamily, tuple[str, ...]] = field(default_factory=dict)
    """Steps to remove it by hand, in words, by operating system."""
    absent: dict[str, str] = field(default_factory=dict)
    """Parts that it has none of (``ports``, ``domains``, ``tenants``, ``unsafe``, ``uninstall``), each with why."""
    replaced_by: str | None = None
    """Id that carries on when this one is retired."""
    brand_of: str | None = None
    """Id of the product that this one is sold as another brand of."""

    @property
    def domains(self) -> tuple[str, ...]:
        """Return the names it is known to connect to."""
        return tuple(dict.fromkeys(one.value for one in self.indicators if one.kind is IndicatorKind.DOMAIN))

    @property
    def platforms(self) -> tuple[OsFamily, ...]:
        """Return the operating systems it can be recognised on, in the order of the enum."""
        known = {indicator.os for indicator in self.indicators}
        return tuple(family for family in OsFamily if family in known)


class Catalogue(Record, kw_only=True):
    """Every product, and the digest that says which catalogue it was."""

    products: tuple[Product, ...]
    """The products, sorted by id."""
    version: str
    """Day of its youngest verification, ``YYYY-MM-DD``."""
    sha256: str
    """SHA-256 over the canonical content, whatever the files looked like."""

    def product(self, product_id: str) -> Product | None:
        """Return a product by its id."""
        return next((product for product in self.products if product.id == product_id), None)

    @property
    def replaced_by(self) -> dict[str, str]:
        """Return what each retired product says replaces it, where that is a product of this catalogue."""
        there = {product.id for product in self.products}
        return {
            product.id: product.replaced_by
            for product in self.products
            if product.replaced_by is not None and product.replaced_by in there
        }


_LAST_PORT = 65535


def parse_port(text: str) -> tuple[str, int, int]:
    """Read ``5900``, ``5900-5937`` or ``7070/udp`` as protocol, first and last port, else raise ValueError."""
    ports, slash, protocol = text.partition("/")
    first, dash, last = ports.partition("-")
    numbers = [int(part) for part in ([first, last] if dash else [first]) if part.isascii() and part.isdigit()]
    known = not slash or protocol in ("tcp", "udp")
    if len(numbers) != 1 + bool(dash) or not known or not 0 < numbers[0] <= numbers[-1] <= _LAST_PORT:
        raise ValueError(f"{text!r} is no port or range such as 5900, 5900-5937 or 7070/udp")
    return protocol or "tcp", numbers[0], numbers[-1]
