"""A row that is rendered once for many hosts says on each what it would by itself."""

from collections.abc import Callable
from itertools import permutations

import pytest

from auditor.report.host_page import CommonRows
from auditor.report.html import templates
from auditor.report.rows import Row
from auditor.report.run_rows import RunRows


@pytest.fixture
def listener(fleet_of: Callable[[int], RunRows]) -> Row:
    return next(one for host in fleet_of(5).hosts() for one in host["listeners"])


def _rows() -> CommonRows:
    return CommonRows(templates().get_template("rows.html").module, {})


def test_a_listener_is_rendered_as_by_itself(listener: Row) -> None:
    changes: list[Row] = [
        {"pid": 1},
        {"pid": 77},
        {"pid": None},
        {"pid": 0},
        {"pid": True},
        {"pid": "7"},
        {"process": "a\0b\u2028c", "pid": 77},
        {"process": None, "pid": 77},
        {"product": None},
        {"approval": "vnc-lab"},
        {"family": "ip6", "address": "fd00::1"},
        {"sources": [f"10.0.{number}.0/24" for number in range(12)]},
        {"rule": "<b>&"},
        {"belongs": "container", "container": "c", "image": "i", "published": ["0.0.0.0:80", "[::]:80"]},
    ]
    those = [listener | change for change in changes]
    macro = templates().get_template("rows.html").module.listener  # type: ignore[attr-defined]
    for order in permutations(those, 2):
        rows = _rows()
        for one in order:
            assert rows.listeners([one]) == f"{macro(one)}\n"
    assert _rows().listeners(those) == "".join(f"{macro(one)}\n" for one in those)


def test_a_listener_that_an_earlier_version_kept_is_rendered(listener: Row) -> None:
    old = {name: value for name, value in listener.items() if name != "image"} | {"container": None}
    assert str(old["port"]) in _rows().listeners([old])
