"""Versions and ranges: what Debian says, and the laws of an order."""

import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.policy.versions import compare, parse_range

_VERSIONS = st.text(alphabet="0123456789.~+-:abz", max_size=12) | st.text(max_size=12)


@pytest.mark.parametrize(
    ("one", "sign", "other"),
    [
        ("1.9", "<", "1.10"),
        ("15.50.5", "<", "16"),
        ("1.0~rc1", "<", "1.0"),
        ("1.0~rc1", "<", "1.0~rc2"),
        ("1.0", "<", "1.0a"),
        ("1.0a", "<", "1.0.1"),
        ("1.0", "<", "1.0+dfsg"),
        ("1.2", "=", "1.2.0"),
        ("1.2", "=", "1.02.0.0"),
        ("1.2.0~rc1", "<", "1.2"),
        ("1.0-1", "<", "1.0-2"),
        ("1.0-9", "<", "1.0-10"),
        ("2.0", "<", "1:1.0"),
        ("0:1.0", "=", "1.0-0"),
        ("1.12.0+dfsg-8", "<", "1.12.0+dfsg-8+deb12u1"),
        ("", "<", "0.1"),
        ("9" * 5000, "<", "1" + "0" * 5000),
    ],
)
def test_versions_stand_in_debians_order(one: str, sign: str, other: str) -> None:
    assert compare(one, other) == {"<": -1, "=": 0}[sign]
    assert compare(other, one) == {"<": 1, "=": 0}[sign]


@given(_VERSIONS, _VERSIONS, _VERSIONS)
def test_the_order_is_total(one: str, two: str, three: str) -> None:
    assert compare(one, one) == 0
    assert compare(one, two) == -compare(two, one)
    first, second, third = sorted((one, two, three), key=_Sorted)
    assert compare(first, second) <= 0
    assert compare(second, third) <= 0
    assert compare(first, third) <= 0


class _Sorted:
    def __init__(self, text: str) -> None:
        self.text = text

    def __lt__(self, other: "_Sorted") -> bool:
        return compare(self.text, other.text) < 0


def test_dpkg_agrees() -> None:
    dpkg = shutil.which("dpkg")
    if dpkg is None:
        pytest.skip("dpkg is not installed: apt-get install dpkg")
    # Without versions that end in .0, which dpkg tells from those that do not.
    versions = ["1", "1~rc1", "1.1", "1.1~a", "1.10", "1a", "1+b", "1.a", "2:0.1", "1-1", "1-1~x", "1-1+b1", "0.5z"]
    wrong = []
    for one, other in [(one, other) for one in versions for other in versions if one < other]:
        done = subprocess.run([dpkg, "--compare-versions", one, "lt", other], check=False)
        if (done.returncode == 0) is not (compare(one, other) < 0):
            wrong.append((one, other))
    assert wrong == []


@pytest.mark.parametrize(
    ("text", "version", "expected"),
    [
        (">=15.50, <16", "15.50.5", True),
        (">=15.50, <16", "15.50", True),
        (">=15.50, <16", "15.49.9", False),
        (">=15.50, <16", "16.0", False),
        ("==1.12", "1.12.0-3", True),
        ("==1.12-2", "1.12-3", False),
        ("<2", "1:1.12.0+dfsg-8", True),
        (">=1:1.0", "9.9", False),
        ("!=1.5", "1.5-1", False),
        (">1.5", "1.5.1", True),
        ("<=1.5", "1.5.1", False),
        (">=1.0", "", False),
        ("<9", "'; DROP TABLE", False),
        (">=8", "unknown", False),
        (">=8", "1:", False),
    ],
)
def test_a_range_covers_what_it_says(text: str, version: str, expected: bool) -> None:
    assert parse_range(text).covers(version) is expected


@given(_VERSIONS, st.sampled_from(["1.2", "1.2-3", "1:4"]))
def test_a_bound_and_its_opposite_part_all_versions(text: str, bound: str) -> None:
    version = f"1{text.replace(':', '')}"
    assert parse_range(f">={bound}").covers(version) is not parse_range(f"<{bound}").covers(version)
    assert parse_range(f"=={bound}").covers(version) is not parse_range(f"!={bound}").covers(version)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("15.50", "'15.50' does not begin with one of >=, <=, ==, !=, >, <"),
        ("", "'' does not begin with one of >=, <=, ==, !=, >, <"),
        (">=1,", "'' does not begin with one of >=, <=, ==, !=, >, <"),
        (">=", "'>=': after >= a version such as 15.50 is wanted"),
        (">= x", "'>= x': after >= a version such as 15.50 is wanted"),
        ("<1 2", "'<1 2': after < a version such as 15.50 is wanted"),
    ],
)
def test_what_is_no_range_is_refused(text: str, expected: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        parse_range(text)
    assert str(caught.value) == expected
