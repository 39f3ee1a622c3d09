"""What the catalogue says of settings is read: no unsafe one and no tenant stands in a file that nobody opens."""

from collections.abc import Iterator

import pytest

from auditor.catalogue.load import load_catalogue
from auditor.catalogue.product import Product, SettingFormat, UnsafeSetting
from auditor.catalogue.unsafe import _ELSEWHERE, _is_of
from auditor.collect.remote_config.product_files import FILES, is_told, places, tells
from auditor.collect.remote_config.product_form import Grammar, ProductFile, ProductKey
from auditor.collect.remote_config.product_keys import KEYS
from auditor.model.host import OsFamily

_PRODUCTS = load_catalogue().products
_ROWS: tuple[ProductFile | ProductKey, ...] = (*FILES, *KEYS)
_RULES = [
    pytest.param(product, rule, id=f"{product.id}-{rule.os}-{rule.key}-{at}")
    for product in _PRODUCTS
    if product.id not in _ELSEWHERE
    for at, rule in enumerate(product.unsafe)
    if rule.format is not SettingFormat.ARGUMENTS
]
_TENANTS_UNREAD = {
    "itarian": "where the client keeps the host of its server was not found",
    "tmate": "its settings are lines of tmux, which no grammar here reads",
}
_ROOTS = {
    "%ProgramFiles%": r"C:\Program Files", "%ProgramData%": r"C:\ProgramData", "%SystemRoot%": r"C:\Windows",
    "~\\": "C:\\Users\\x\\", "~/": "/home/x/",
}  # fmt: skip
_GRAMMARS = {
    SettingFormat.TOML: {Grammar.SECTIONED, Grammar.EQUALS},
    SettingFormat.INI: {Grammar.SECTIONED, Grammar.EQUALS},
    SettingFormat.JSON: {Grammar.JSON},
    SettingFormat.XML: {Grammar.XML},
    SettingFormat.PLIST: {Grammar.PLIST},
    SettingFormat.KEY_VALUE: {
        Grammar.EQUALS, Grammar.COLON, Grammar.INDENTED, Grammar.BLANK, Grammar.OPTIONS, Grammar.TYPED,
    },
}  # fmt: skip


def _examples(one: ProductFile | ProductKey, os: OsFamily) -> Iterator[str]:
    """Yield a path for each place where a row looks."""
    if isinstance(one, ProductKey):
        yield from (f"HKEY_LOCAL_MACHINE\\SOFTWARE\\{key}" for key in one.keys if os is OsFamily.WINDOWS)
        return
    for place in places(one, os):
        path = place.replace("*", "x")
        for root, example in _ROOTS.items():
            path = path.replace(root, example) if path.startswith(root) else path
        yield path


def _readers(product: Product, rule: UnsafeSetting) -> list[ProductFile | ProductKey]:
    """Return the rows that tell this setting where the rule says it stands."""
    rows = [one for one in _ROWS if one.product == product.id and tells(one, rule.key)]
    return [one for one in rows if any(_is_of(rule, path, rule.os) for path in _examples(one, rule.os))]


@pytest.mark.parametrize(("product", "rule"), _RULES)
def test_an_unsafe_setting_is_read_where_it_stands(product: Product, rule: UnsafeSetting) -> None:
    readers = _readers(product, rule)
    assert readers, f"nobody reads {rule.key} in {rule.file} on {rule.os}"
    assert is_told(product.id, rule.key, rule.os)
    for one in readers:
        assert all(tells(one, key) for key in rule.unless)
        if isinstance(one, ProductKey):
            assert rule.format is SettingFormat.REGISTRY
        elif "*" not in rule.file.rpartition(".")[2]:
            assert one.grammar in _GRAMMARS[rule.format]


@pytest.mark.parametrize(("product", "rule"), _RULES)
def test_a_value_that_never_leaves_the_host_is_compared_with_none(product: Product, rule: UnsafeSetting) -> None:
    for one in _readers(product, rule):
        secrets = [
            name for name in one.secret if tells(ProductKey(product="", keys=(), told=(name,), source=""), rule.key)
        ]
        assert not secrets or rule.when in ("set", "absent", "empty")


def test_a_tenant_by_a_setting_is_one_that_is_read() -> None:
    unread = {
        product.id
        for product in _PRODUCTS
        for tenant in product.tenants
        if tenant.setting and not any(is_told(product.id, tenant.setting, os) for os in product.platforms)
    }
    assert unread == _TENANTS_UNREAD.keys()


def test_what_is_read_of_is_on_the_catalogues_systems() -> None:
    """A row for a system on which its product is never recognised would be read for nothing."""
    known = {product.id: product.platforms for product in _PRODUCTS}
    for one in FILES:
        for os in OsFamily:
            assert not places(one, os) or os in known[one.product], f"{one.product} on {os}"
