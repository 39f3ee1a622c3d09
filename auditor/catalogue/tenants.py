"""Whose instance a product is: read out of names that show it, command lines, and its settings."""

from collections.abc import Mapping

from auditor.catalogue.product import Alphabet, Catalogue, IndicatorKind, Product, TenantRule
from auditor.model.facts.remote_config import RemoteAccessSetting
from auditor.model.reading import Found, Reading

Told = tuple[str, Found[RemoteAccessSetting]]
"""A tenant, and the setting that names it."""

_LETTERS = frozenset("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_")
_ALPHABETS: Mapping[Alphabet, frozenset[str]] = {
    Alphabet.HEX: frozenset("0123456789abcdefABCDEF"),
    Alphabet.HOST: _LETTERS | frozenset(".:"),
    Alphabet.WORD: _LETTERS,
}
_LONGEST = 200


def tenant_in(product: Product, kind: IndicatorKind, text: str) -> str | None:
    """Read the tenant out of a text that met an indicator of a kind, or of the command line that it stands in."""
    for rule in product.tenants:
        if kind in rule.kinds:
            tenant = _read(rule, text)
            if tenant is not None:
                return tenant
    return None


def tenants_of_settings(reading: Reading, catalogue: Catalogue) -> dict[str, list[Told]]:
    """Return the tenants that settings name, by product, in the order of the facts."""
    told: dict[str, list[Told]] = {}
    for found in reading.found(RemoteAccessSetting):
        product = catalogue.product(found.fact.product)
        if product is None:
            continue
        for rule in product.tenants:
            if rule.setting and rule.setting.casefold() == found.fact.key.casefold():
                tenant = _read(rule, found.fact.value)
                if tenant is not None:
                    told.setdefault(product.id, []).append((tenant, found))
                    break
    return told


def _read(rule: TenantRule, text: str) -> str | None:
    _, prefix, rest = text.partition(rule.prefix) if rule.prefix else ("", "-", text)
    if not prefix:
        return None
    length = _length(rest, rule.alphabet)
    return rest[:length] if length >= rule.shortest else None


def _length(text: str, alphabet: Alphabet) -> int:
    """Return how many characters of a text are of an alphabet before the first that is not."""
    letters = _ALPHABETS.get(alphabet)
    for at, character in enumerate(text):
        is_in = character in letters if letters is not None else character.isprintable()
        if not is_in or at >= _LONGEST:
            return at
    return len(text)
