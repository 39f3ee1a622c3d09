"""JSON from outside is read by one rule, whichever library reads it: the standard library's, and nothing said twice."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.collect.seal import canonical
from auditor.run.strict_json import strict_json


def by_the_standard_library(data: bytes) -> Any:
    """Read as the first version of ``strict_json`` did, by the standard library alone."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) != len(pairs):
            raise ValueError("twice")
        return dict(pairs)

    def refused(word: str) -> Any:
        raise ValueError(word)

    try:
        value = json.loads(data.decode(), object_pairs_hook=once, parse_constant=refused)
    except RecursionError:
        raise ValueError("nested") from None
    json.dumps(value, ensure_ascii=False).encode()
    return value


def told(data: bytes, read: Any) -> str:
    """Write what is made of bytes, types and order of keys included; of what is refused, that it is."""
    try:
        return repr(read(data))
    except ValueError:
        return "refused"


@pytest.mark.parametrize(
    "data",
    [
        *(b'{"a":1,"a":1}', b'{"a":{"b":1,"c":2,"b":1}}', b"NaN", b"[Infinity]", b"-Infinity", b"1e400", b"[1e16]"),
        *(
            b"[1e+16]",
            b"-0",
            b"[-0.0]",
            b"0.1",
            b"1.0",
            b"[0.30000000000000004]",
            b"5e-324",
            b"100000000000000000000.0",
        ),
        *(b"18446744073709551615", b"18446744073709551616", b"-9223372036854775809", b"01", b"[1,]", b"[1]x", b""),
        *(
            b'"\\ud800"',
            b'"\\ud83d\\ude00"',
            b'"\xed\xa0\x80"',
            b'"\xff"',
            b"\xef\xbb\xbf{}",
            "é".encode(),
            b'"\\u00e9"',
        ),
        *(
            b" {}",
            b"{} ",
            b"{}\n",
            b"{}\n\n",
            b"null",
            b'"\x01"',
            b'"\x7f"',
            b'"\\/"',
            b'"a\nb"',
            b'{"":0}',
            b"{'a':1}",
        ),
        *('"é"'.encode(), '"\u2028"'.encode(), b"[" * 900 + b"]" * 900, b"[" * 100_000 + b"]" * 100_000),
    ],
)
def test_nothing_is_told_otherwise_than_by_the_standard_library(data: bytes) -> None:
    assert told(data, strict_json) == told(data, by_the_standard_library)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda within: st.lists(within) | st.dictionaries(st.text(), within),
    max_leaves=12,
)


@given(_VALUES)
def test_whatever_json_holds_is_told_alike(value: Any) -> None:
    for data in (canonical(value), json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")):
        assert told(data, strict_json) == told(data, by_the_standard_library)


@given(st.binary(max_size=24))
def test_whatever_bytes_say_is_told_alike(data: bytes) -> None:
    for text in (data, b'{"a":"' + data + b'"}', b"[" + data + b"]"):
        assert told(text, strict_json) == told(text, by_the_standard_library)
