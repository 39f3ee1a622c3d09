"""What the matcher promises of any evidence: order, merging, quotes, whose process is whose, and its pace."""

import fnmatch
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.catalogue.explain import explain, list_row
from auditor.catalogue.globs import Table, glob_matches
from auditor.catalogue.match import QUOTES, match, owners
from auditor.catalogue.product import Catalogue, Strength
from auditor.catalogue.programs import program_of_command, program_of_process
from auditor.model.reading import Reading
from auditor.model.sighting import Quote

_TEXT = st.text(alphabet="ab.", max_size=8)


@given(st.lists(st.sampled_from(["a", "b", "*", "."]), max_size=8).map("".join), _TEXT)
def test_a_pattern_means_what_a_shell_would_mean(pattern: str, text: str) -> None:
    assert glob_matches(tuple(pattern.split("*")), text) == fnmatch.fnmatchcase(text, pattern)


@given(st.lists(st.sampled_from(["a*", "ab*", "*b", "a*b", "abc", "*"]), unique=True), _TEXT)
def test_a_table_finds_what_one_by_one_comparison_finds(patterns: list[str], text: str) -> None:
    table: Table[str] = Table(fold=False)
    for pattern in patterns:
        table.add(pattern, pattern)
    assert sorted(table.find(text)) == sorted(name for name in patterns if fnmatch.fnmatchcase(text, name))


def test_what_a_pattern_leaves_out_is_not_found() -> None:
    table: Table[int] = Table(fold=True)
    table.add("*VNC*", 1, excluding=["*viewer*"])
    assert table.find("wayvnc") == (1,)
    assert table.find("VNCViewer") == ()


@given(st.text(max_size=60), st.text(max_size=20), st.one_of(st.none(), st.text(max_size=40)))
def test_naming_a_program_never_fails(arguments: str, name: str, executable: str | None) -> None:
    program = program_of_process(executable, name, arguments)
    assert all(program.names)
    assert all(program_of_command(arguments).names.values()) is (not program_of_command(arguments).names)


@pytest.mark.parametrize(
    ("executable", "name", "arguments", "expected"),
    [
        pytest.param("/usr/bin/x11vnc", "x11vnc", "x11vnc -nopw", {"x11vnc": True}, id="plain"),
        pytest.param(
            "/usr/bin/perl", "vncserver", "/usr/bin/perl -w /usr/bin/vncserver :1", {"vncserver": True}, id="script"
        ),
        pytest.param("/usr/bin/python3.11", "python3", "python3 -m websockify 6080", {"websockify": True}, id="module"),
        pytest.param("/usr/bin/dash", "sh", "sh -c exec x11vnc -forever", {"x11vnc": False}, id="shell-command"),
        pytest.param("/usr/bin/sleep", "x11vnc", "x11vnc -forever", {"x11vnc": False, "sleep": True}, id="made-up"),
        pytest.param(None, "x11vnc", "/usr/bin/x11vnc -forever", {"x11vnc": True}, id="unreadable-but-agreeing"),
        pytest.param(None, "worker", "x11vnc -forever", {"x11vnc": False, "worker": False}, id="unreadable-and-not"),
        pytest.param(None, "x11vnc", "", {"x11vnc": False}, id="name-only"),
        pytest.param(
            None, "vncserver", "/usr/bin/perl /usr/bin/vncserver :1", {"vncserver": True}, id="unreadable-script"
        ),
        pytest.param("/usr/bin/grep", "grep", "grep x11vnc", {"grep": True}, id="an-argument-is-not-a-program"),
        pytest.param("/bin/bash", "bash", "-bash", {"bash": True}, id="login-shell"),
    ],
)
def test_how_far_a_name_is_trusted(
    executable: str | None, name: str, arguments: str, expected: dict[str, bool]
) -> None:
    names = program_of_process(executable, name, arguments).names
    assert {key: names.get(key) for key in expected} == expected
    assert "x11vnc" not in names or "x11vnc" in expected


def test_quotes_are_the_lines_themselves_strongest_first(
    make_reading: Callable[[dict[str, Any]], Reading], catalogue: Catalogue
) -> None:
    reading = make_reading(
        {
            "software": [{"name": "libc6"}, {"name": "x11vnc", "version": "0.9.16-9"}],
            "service": [{"name": "x11vnc.service", "running": True}],
        }
    )
    (seen,) = match(reading, catalogue)
    assert seen.proof == (
        Quote(section="software.dpkg", quote="x11vnc 0.9.16-9"),
        Quote(section="services.systemd", quote="x11vnc.service True"),
    )


def test_a_thousand_processes_are_one_sighting_with_a_dozen_quotes(
    make_reading: Callable[[dict[str, Any]], Reading], catalogue: Catalogue
) -> None:
    rows = [{"pid": pid, "name": "xrdp", "exe": "/usr/sbin/xrdp"} for pid in range(1000, 0, -1)]
    (seen,) = match(make_reading({"process": rows}), catalogue)
    assert seen.pids == tuple(range(1, 1001))
    assert len(seen.proof) == QUOTES


def test_a_file_of_the_product_names_the_tenant(
    make_reading: Callable[[dict[str, Any]], Reading], catalogue: Catalogue
) -> None:
    told = [{"product": "rustdesk", "tenant": "rd.example.org", "file": "/root/.config/rustdesk/RustDesk2.toml"}]
    (seen,) = match(make_reading({"software": [{"name": "rustdesk"}], "tenant": told}), catalogue)
    assert seen.tenant == "rd.example.org"
    assert seen.proof[-1].section == "remote_config.files"
    assert match(make_reading({"tenant": told}), catalogue) == ()


def test_the_order_of_evidence_does_not_matter(
    make_reading: Callable[[dict[str, Any]], Reading], catalogue: Catalogue
) -> None:
    rows = [{"name": name} for name in ("xrdp", "x11vnc", "vino", "connectwisecontrol-00112233", "anydesk")]
    first = match(make_reading({"software": rows}), catalogue)
    second = match(make_reading({"software": rows[::-1]}), catalogue)
    assert first == second
    assert [seen.product for seen in first] == ["anydesk", "screenconnect", "vino", "x11vnc", "xrdp"]


def test_every_process_has_one_product_the_certain_one_first(
    make_reading: Callable[[dict[str, Any]], Reading], catalogue: Catalogue
) -> None:
    reading = make_reading(
        {
            "process": [
                {"pid": 1, "name": "x11vnc", "exe": "/usr/bin/x11vnc"},
                {"pid": 2, "name": "helper", "exe": "/opt/helper"},
                {"pid": 3, "name": "nginx", "exe": "/usr/sbin/nginx"},
            ],
            "listener": [{"port": 5900, "pids": [1]}, {"port": 5901, "pids": [2]}, {"port": 80, "pids": [3]}],
        }
    )
    assert owners(match(reading, catalogue)) == {1: "x11vnc", 2: "generic-vnc"}


def test_an_empty_host_has_nothing(make_reading: Callable[[dict[str, Any]], Reading], catalogue: Catalogue) -> None:
    assert match(make_reading({}), catalogue) == ()


def test_explaining_a_product_shows_every_indicator_with_its_source(catalogue: Catalogue) -> None:
    product = catalogue.product("anydesk")
    assert product is not None
    told = explain(product)
    assert len(told["indicators"]) == len(product.indicators)
    assert told["indicators"][0]["strength"] == Strength.STRONG
    assert {key: told[key] for key in list_row(product)} == {
        "id": "anydesk",
        "name": "AnyDesk",
        "vendor": "AnyDesk Software GmbH",
        "category": "remote-support",
        "role": "agent",
        "platforms": ["linux", "macos", "windows"],
        "depth": "B",
    }


def test_the_pace_is_told(
    make_reading: Callable[[dict[str, Any]], Reading],
    catalogue: Catalogue,
    record_property: Callable[[str, object], None],
) -> None:
    reading = make_reading(
        {
            "software": [{"name": f"lib-something-{number}"} for number in range(499)] + [{"name": "x11vnc"}],
            "process": [
                {
                    "pid": pid,
                    "name": f"worker-{pid}",
                    "exe": f"/usr/sbin/worker-{pid}",
                    "args": f"/usr/sbin/worker-{pid} --a --b",
                }
                for pid in range(76)
            ]
            + [{"pid": 76, "name": "x11vnc", "exe": "/usr/bin/x11vnc", "args": "x11vnc -forever"}],
            "service": [{"name": f"unit-{number}.service"} for number in range(150)],
            "listener": [{"port": port, "pids": [port % 77]} for port in range(1, 40)] + [{"port": 5900, "pids": [76]}],
        }
    )
    assert [seen.product for seen in match(reading, catalogue)] == ["x11vnc"]
    started = time.perf_counter()
    for _ in range(20):
        match(reading, catalogue)
    record_property("match_ms", round((time.perf_counter() - started) / 20 * 1000, 2))
