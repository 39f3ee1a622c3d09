"""Each product of depth A is shown by a host's evidence on each of its systems, and not by what only looks like it.

A case that shows it has evidence of two sorts that the matcher tells apart (package, program, unit, file of settings,
signature, …), or of one where its entry knows but one there. A look-alike is near: it holds a word that few products
have, the product among them, or a port that it listens on, or a fact that an indicator of it does meet.
"""

import re
import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from auditor.catalogue.claim import Basis
from auditor.catalogue.claims import collect_claims
from auditor.catalogue.index import index_of
from auditor.catalogue.load import load_catalogue
from auditor.catalogue.match import match
from auditor.catalogue.product import Catalogue, Depth, IndicatorKind, Product, parse_port
from auditor.model.host import OsFamily
from auditor.model.reading import Reading
from auditor.model.sighting import Confidence

Case = dict[str, Any]
Maker = Callable[[Case], Reading]
_FOLDER = Path(__file__).parent / "products"
_CATALOGUE = load_catalogue()
_DEEP = [
    pytest.param(product, family, id=f"{product.id}-{family.value}")
    for product in _CATALOGUE.products
    if product.depth is Depth.A
    for family in product.platforms
]
_SORTS = {
    IndicatorKind.DISPLAY_NAME: Basis.PACKAGE,
    IndicatorKind.BUNDLE_ID: Basis.PACKAGE,
    IndicatorKind.PROCESS: Basis.PROCESS,
    IndicatorKind.EXECUTABLE: Basis.PROCESS,
    IndicatorKind.ORIGINAL_NAME: Basis.MAKER,
    IndicatorKind.SERVICE: Basis.SERVICE,
    IndicatorKind.LAUNCHD: Basis.SERVICE,
    IndicatorKind.PATH: Basis.SETTING,
    IndicatorKind.SIGNER: Basis.SIGNER,
    IndicatorKind.TEAM_ID: Basis.SIGNER,
    IndicatorKind.COMPANY: Basis.MAKER,
    IndicatorKind.PRODUCT_NAME: Basis.MAKER,
    IndicatorKind.IMAGE: Basis.CONTAINER,
    IndicatorKind.FILE: Basis.FILE,
    IndicatorKind.EXTENSION: Basis.EXTENSION,
    IndicatorKind.FEATURE: Basis.FEATURE,
}
"""Sort of evidence that an indicator makes of a fact of a host that has the product; of packages it is the first."""
_ENOUGH = 2
_FEW = 5
_LEAST_LETTERS = 4
_COMMON = frozenset({
    "admin", "apple", "central", "control", "default", "desktop", "gnome", "macos", "messaging", "microsoft",
    "monitor", "runner", "sbin", "services", "share", "sharing", "system", "take",
})  # fmt: skip
"""Words that few products of the catalogue have, and half of all hosts."""
_NOT_COMPARED = {
    "setting": ("product", "key", "value", "user"),
    "software": ("source", "state", "version"),
    "service": ("manager", "state", "start"),
    "process": ("user",),
}
"""Cells of a case that are no text of the host's, or that no indicator is compared with."""


def _cases(product: Product, family: OsFamily) -> Iterator[Case]:
    for case in tomllib.loads((_FOLDER / product.id / "cases.toml").read_text("utf-8"))["case"]:
        if case.get("os", "linux") == family.value:
            yield case


def _sorts(product: Product, family: OsFamily) -> set[Basis]:
    """Return the sorts of evidence that an entry knows on one system."""
    kinds = {indicator.kind for indicator in product.indicators if indicator.os is family}
    return {Basis.PACKAGE for kind in kinds if kind.is_package} | {_SORTS[kind] for kind in kinds if kind in _SORTS}


def _met(product: Product, reading: Reading, catalogue: Catalogue) -> set[Basis]:
    """Return the sorts of evidence by which a host's facts speak for a product."""
    claims = collect_claims(reading, index_of(catalogue, reading.os))
    return {claim.basis for claim in claims if claim.product == product.id}


def _words(product: Product, family: OsFamily) -> frozenset[str]:
    """Return the words by which a product is known on one system: of its indicators, its names and its maker's."""
    known = [indicator.value for indicator in product.indicators if indicator.os is family]
    known += [product.id, product.name, product.vendor, *product.aliases]
    whole = {value.strip("*").casefold() for value in known}
    parts = {word for value in whole for between in (r"[\W_]+", r"[^\w-]+") for word in re.split(between, value)}
    return frozenset(word for word in whole | parts if len(word) >= _LEAST_LETTERS and word not in _COMMON)


@cache
def _spread(family: OsFamily) -> dict[str, str]:
    """Return all that each product is known by on one system, as one text a product."""
    return {
        product.id: "\n".join(_words(product, family)) for product in _CATALOGUE.products if family in product.platforms
    }


def _telling(product: Product, family: OsFamily) -> set[str]:
    """Return the words of a product that few others have: neither ``agent`` nor ``program files``."""
    spread = _spread(family).values()
    return {word for word in _words(product, family) if sum(word in text for text in spread) <= _FEW}


def _said(case: Case) -> str:
    """Return what the host of a case says, in small letters."""
    cells = [
        str(value)
        for kind, rows in case.items()
        if isinstance(rows, list) and kind != "expect"
        for row in rows
        for key, value in row.items()
        if isinstance(value, str) and key not in _NOT_COMPARED.get(kind, ())
    ]
    return "\n".join(cells).casefold()


def _nearness(product: Product, case: Case, reading: Reading, catalogue: Catalogue) -> str:
    """Say by what a case comes near a product; nothing where it does not."""
    said = _said(case)
    words = [word for word in _telling(product, reading.os) if word in said]
    if words:
        return max(words, key=len)
    ports = {row["port"] for row in case.get("listener", ())}
    for listens in product.listens:
        _, first, last = parse_port(listens.port)
        if any(first <= port <= last for port in ports):
            return listens.port
    return ", ".join(_met(product, reading, catalogue))


_ORDINARY: dict[OsFamily, Case] = {
    OsFamily.LINUX: {
        "software": [{"name": name} for name in ("openssh-server", "libgnutls30", "python3-service-identity")],
        "process": [
            {"pid": 1, "name": "systemd", "exe": "/usr/lib/systemd/systemd", "args": "/sbin/init"},
            {"pid": 9, "name": "sshd", "exe": "/usr/sbin/sshd", "args": "sshd: /usr/sbin/sshd -D [listener]"},
            {"pid": 20, "name": "firefox-esr", "exe": "/usr/lib/firefox-esr/firefox-esr", "args": "firefox-esr"},
        ],
        "service": [{"name": "cron.service", "running": True, "command": "/usr/sbin/cron -f"}],
        "listener": [{"port": 22, "pids": [9]}],
    },
    OsFamily.MACOS: {
        "software": [{"name": "Safari", "source": "software.apps", "identifier": "com.apple.Safari",
                      "location": "/Applications/Safari.app"}],
        "process": [{"pid": 80, "name": "Finder",
                     "exe": "/System/Library/CoreServices/Finder.app/Contents/MacOS/Finder"}],
        "service": [{"name": "com.openssh.sshd", "manager": "launchd", "command": "/usr/libexec/sshd-keygen-wrapper"}],
        "listener": [{"port": 22}],
    },
    OsFamily.WINDOWS: {
        "software": [{"name": "Mozilla Firefox (x64 de)", "source": "software.uninstall", "publisher": "Mozilla"}],
        "process": [
            {"pid": 60, "name": "svchost.exe", "exe": "C:\\Windows\\System32\\svchost.exe", "args": "svchost -k x"},
            {"pid": 61, "name": "firefox.exe", "exe": "C:\\Program Files\\Mozilla Firefox\\firefox.exe",
             "signer": "Mozilla Corporation", "company": "Mozilla Corporation", "product": "Firefox"},
        ],
        "service": [{"name": "LanmanServer", "manager": "windows_service", "running": True}],
        "listener": [{"port": 445}],
    },
}  # fmt: skip
"""Hosts that have nothing of anybody's remote access: what is near nothing has to be near nothing."""


@pytest.mark.parametrize(("product", "family"), _DEEP)
def test_an_ordinary_host_is_no_look_alike(product: Product, family: OsFamily, make_reading: Maker) -> None:
    case = _ORDINARY[family] | {"os": family.value}
    assert _nearness(product, case, make_reading(case), _CATALOGUE) == ""


@pytest.mark.parametrize(("product", "family"), _DEEP)
def test_a_host_of_each_system_shows_the_product(product: Product, family: OsFamily, make_reading: Maker) -> None:
    known = _sorts(product, family)
    met = []
    for case in _cases(product, family):
        reading = make_reading(case)
        seen = {one.product: one for one in match(reading, _CATALOGUE)}
        if product.id in seen and seen[product.id].confidence is Confidence.CONFIRMED:
            met.append(_met(product, reading, _CATALOGUE))
    assert max(map(len, met), default=0) >= min(_ENOUGH, len(known)), f"it has {sorted(known)}, and cases show {met}"


@pytest.mark.parametrize(("product", "family"), _DEEP)
def test_a_look_alike_of_each_system_does_not(product: Product, family: OsFamily, make_reading: Maker) -> None:
    without = []
    for case in _cases(product, family):
        reading = make_reading(case)
        if product.id not in {one.product for one in match(reading, _CATALOGUE)}:
            without.append((case["says"], _nearness(product, case, reading, _CATALOGUE)))
    assert any(near for _, near in without), f"no case is near it: {[says for says, _ in without]}"
