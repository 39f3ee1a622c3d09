"""The table of settings of products: every product is one of the catalogue, and no key is both told and a secret."""

import re

import pytest

from auditor.catalogue.load import load_catalogue
from auditor.collect.remote_config.product_files import FILES
from auditor.collect.remote_config.product_form import Grammar, ProductFile, ProductKey
from auditor.collect.remote_config.product_keys import KEYS
from auditor.collect.remote_config.product_script import pattern, word
from auditor.collect.remote_config.vnc import _PRODUCTS as OF_VNC

_ALL = (*FILES, *KEYS)
_SECRET_WORDS = ("passw", "secret", "token", "hash", "salt", "private", "pwd", "credential")
_NO_SECRETS = {
    "ad.security.allow_logon_token": "whether somebody may come in by a token, not the token",
    "auth.tokenSource.type": "where frp has its token from, not the token",
    "Security_PasswordStrength": "how long a random password is",
    "EnablePasswordDB": "whether there is a database of passwords",
    "ReqPassword": "a number: how a password is asked for",
}


@pytest.mark.parametrize("one", _ALL, ids=lambda one: one.product)
def test_a_product_is_one_of_the_catalogue(one: ProductFile | ProductKey) -> None:
    assert one.product in {product.id for product in load_catalogue().products}
    assert one.product not in OF_VNC
    assert one.source
    assert one.told or one.secret or (isinstance(one, ProductFile) and one.worded)


@pytest.mark.parametrize("one", _ALL, ids=lambda one: one.product)
def test_a_key_that_sounds_like_a_secret_is_one(one: ProductFile | ProductKey) -> None:
    sounds = {key for key in one.told if any(word in key.lower() for word in _SECRET_WORDS)}
    assert sounds <= _NO_SECRETS.keys()
    secret = re.compile(pattern(one.secret))
    assert [key for key in one.told if secret.search(key.lower())] == []


def test_each_entry_has_a_place_and_a_grammar_that_reads_it() -> None:
    for one in FILES:
        assert one.linux or one.macos or one.windows
        assert all(path.startswith(("/", "~/")) for path in (*one.linux, *one.macos))
        assert all(re.match(r"[~%]", path) and "/" not in path for path in one.windows)
        if one.grammar is Grammar.NAME:
            assert len(one.told) == 1
        if one.grammar is Grammar.PLIST:
            assert not one.linux
            assert not one.windows


def test_a_pattern_takes_its_names_and_no_other() -> None:
    taken = re.compile(pattern(("ad.anynet.id", "*.pwd")))
    assert [name for name in ("ad.anynet.id", "x.pwd", "adxanynet.id", "x.pwdx", "id") if taken.search(name)] == [
        "ad.anynet.id", "x.pwd",
    ]  # fmt: skip
    assert not re.search(pattern(()), "anything")


@pytest.mark.parametrize(
    ("path", "written"),
    [
        pytest.param("/etc/x.conf", "/etc/x.conf", id="plain"),
        pytest.param("/L/Application Support/*.conf", '"/L/Application Support/"*.conf', id="blank"),
        pytest.param("host#*.json", '"host#"*.json', id="sign-of-a-comment"),
    ],
)
def test_a_path_is_a_word_of_sh(path: str, written: str) -> None:
    assert word(path) == written
