"""Host patterns and scopes: a table of claims, and laws."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.errors import UsageError
from auditor.inventory.patterns import select
from auditor.inventory.scope import fix_scope, local_host
from auditor.model.host import ConnectionKind, Host


def a_host(name: str, *groups: str) -> Host:
    return Host(name=name, address=name, groups=tuple(sorted(groups)))


_FLEET = (
    a_host("db1", "db", "prod"),
    a_host("fe80::1", "lab"),
    a_host("lone"),
    a_host("web1", "web", "prod"),
    a_host("web2", "web", "test"),
)


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        pytest.param([], "db1 fe80::1 lone web1 web2", id="none-is-all"),
        pytest.param(["all"], "db1 fe80::1 lone web1 web2", id="all"),
        pytest.param(["web1"], "web1", id="name"),
        pytest.param(["web*"], "web1 web2", id="wildcard"),
        pytest.param(["web?"], "web1 web2", id="question-mark"),
        pytest.param(["web[23]"], "web2", id="one-of-several-characters"),
        pytest.param(["prod"], "db1 web1", id="group"),
        pytest.param(["pr*"], "db1 web1", id="wildcard-for-groups"),
        pytest.param(["db1:web2"], "db1 web2", id="colon"),
        pytest.param(["db1,web2"], "db1 web2", id="comma"),
        pytest.param(["db1", "web2"], "db1 web2", id="several-patterns"),
        pytest.param(["web:&prod"], "web1", id="in-both"),
        pytest.param(["web:!web1"], "web2", id="without"),
        pytest.param(["!web1:web"], "web2", id="taken-away-wherever-it-stands"),
        pytest.param(["!web"], "db1 fe80::1 lone", id="only-without"),
        pytest.param(["fe80::1"], "fe80::1", id="a-name-with-colons"),
        pytest.param(["ungrouped"], "lone", id="in-no-group"),
        pytest.param(["web:prod:&prod:!db"], "web1", id="all-kinds"),
    ],
)
def test_patterns_mean_what_they_mean_to_ansible(patterns: list[str], expected: str) -> None:
    assert " ".join(host.name for host in select(_FLEET, patterns)) == expected


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        pytest.param("web3", "no host or group matches 'web3' (did you mean 'web'?)", id="name"),
        pytest.param("prd", "no host or group matches 'prd' (did you mean 'prod'?)", id="group"),
        pytest.param("web:!web9*", "no host or group matches 'web9*' (did you mean 'web'?)", id="what-is-taken-away"),
        pytest.param("", "a host pattern is empty: leave it out, or say `all`", id="empty"),
        pytest.param(
            "~web.*", "host pattern '~web.*': regular expressions are not supported, wildcards (*, ?) are", id="regex"
        ),
    ],
)
def test_a_pattern_that_means_nothing_is_an_error(pattern: str, expected: str) -> None:
    with pytest.raises(UsageError) as caught:
        select(_FLEET, [pattern])
    assert str(caught.value) == expected


_NAMES = st.sampled_from([host.name for host in _FLEET if ":" not in host.name] + ["web", "prod", "db", "w*", "all"])


@given(_NAMES, _NAMES)
def test_joining_is_union_and_exclusion_is_difference(one: str, other: str) -> None:
    first, second = set(select(_FLEET, [one])), set(select(_FLEET, [other]))
    assert set(select(_FLEET, [f"{one}:{other}"])) == set(select(_FLEET, [one, other])) == first | second
    assert set(select(_FLEET, [f"{one}:&{other}"])) == first & second
    assert set(select(_FLEET, [f"{one}:!{other}"])) == first - second


@given(st.text())
def test_any_text_selects_or_is_refused(pattern: str) -> None:
    try:
        chosen = set(select(_FLEET, [pattern]))
    except UsageError:
        chosen = set()
    assert chosen <= set(_FLEET)


def test_a_scope_is_sorted_unique_and_hashed() -> None:
    scope = fix_scope([*reversed(_FLEET), _FLEET[0]], ["web", "db1"], None, "hosts.csv")
    assert [host.name for host in scope.hosts] == ["db1", "web1", "web2"]
    assert scope.sha256 == hashlib.sha256(b"db1\nweb1\nweb2\n").hexdigest()
    assert scope.source == "hosts.csv"


def test_a_limit_narrows_and_never_widens() -> None:
    assert [host.name for host in fix_scope(_FLEET, ["web"], "prod", "x").hosts] == ["web1"]
    assert [host.name for host in fix_scope(_FLEET, ["web"], "!web1", "x").hosts] == ["web2"]


@pytest.mark.parametrize(
    ("patterns", "limit", "expected"),
    [
        pytest.param(["web"], "db1", "no host of x is left by 'web --limit db1': nothing would be audited", id="limit"),
        pytest.param(["web:!web"], None, "no host of x is left by 'web:!web': nothing would be audited", id="all-gone"),
    ],
)
def test_an_empty_scope_is_an_error(patterns: list[str], limit: str | None, expected: str) -> None:
    with pytest.raises(UsageError) as caught:
        fix_scope(_FLEET, patterns, limit, "x")
    assert str(caught.value) == expected


def test_this_machine_is_reached_without_a_network() -> None:
    host = local_host()
    assert host.name
    assert (host.address, host.connection) == ("localhost", ConnectionKind.LOCAL)
