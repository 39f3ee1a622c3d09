"""What the matcher promises of any evidence: order, merging, quotes, whose process is whose, and its pace."""

import fnmatch
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.catalogue.entry import make_catalogue, read_product
from auditor.catalogue.explain import explain, list_row
from auditor.catalogue.globs import Table, glob_matches
from auditor.catalogue.match import QUOTES, match, owners
from auditor.catalogue.product import Catalogue, IndicatorKind, Strength
from auditor.catalogue.programs import program_of_command, program_of_process
from auditor.model.reading import Reading
from auditor.model.record import replace
from auditor.model.sighting import Confidence, Quote, SightingState

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
    file = "/root/.config/rustdesk/RustDesk2.toml"
    told = [
        {"product": "rustdesk", "key": "custom-rendezvous-server", "value": "rd.example.org", "file": file},
        {"product": "rustdesk", "key": "direct-server", "value": "Y", "file": file},
    ]
    (seen,) = match(make_reading({"software": [{"name": "rustdesk"}], "setting": told}), catalogue)
    assert seen.tenant == "rd.example.org"
    assert seen.proof[-1].section == "remote_config.products"


def test_settings_without_their_product_are_remains(
    make_reading: Callable[[dict[str, Any]], Reading], catalogue: Catalogue
) -> None:
    told = [{"product": "rustdesk", "key": "direct-server", "value": "Y", "file": "/home/a/backup/RustDesk2.toml"}]
    assert match(make_reading({"setting": told}), catalogue) == ()
    told[0]["file"] = "/root/.config/rustdesk/RustDesk.toml"
    (seen,) = match(make_reading({"setting": told}), catalogue)
    assert (seen.state, seen.confidence) == (SightingState.RESIDUAL, Confidence.SUSPECTED)


def _made_of(values: dict[IndicatorKind, str], os: str = "linux") -> Catalogue:
    """Make a catalogue of one product that supporting indicators of one system speak for."""
    said = {"os": os, "strength": "supporting", "source": "made up", "verified": "2026-11-27"}
    product = {
        "id": "made-up", "name": "Made up", "vendor": "Nobody", "category": "ide-tunnel", "role": "agent", "depth": "C",
        "techniques": ["T1219.001"], "summary": "Made up.",
        "indicators": [{"kind": kind.value, "values": [value], **said} for kind, value in values.items()],
    }  # fmt: skip
    return make_catalogue([read_product(product)])


@pytest.mark.parametrize(
    ("row", "state"),
    [
        # What a removed package leaves where somebody has masked its unit: the mask alone.
        ({"start": "masked", "defined": False}, SightingState.RESIDUAL),
        # A mask above a unit that is there, and one put while the server went on.
        ({"start": "masked"}, SightingState.INSTALLED),
        ({"start": "masked", "defined": False, "running": True}, SightingState.RUNNING),
    ],
)
def test_a_mask_is_no_service(
    row: dict[str, Any], state: SightingState, make_reading: Callable[[dict[str, Any]], Reading], catalogue: Catalogue
) -> None:
    reading = make_reading({"os": "linux", "service": [{"name": "vino-server.service", **row}]})
    assert [(one.product, one.state) for one in match(reading, catalogue)] == [("vino", state)]


@pytest.mark.parametrize(
    ("row", "state"),
    [
        pytest.param({"command": "/usr/bin/x11vnc -forever"}, SightingState.INSTALLED, id="nobody-looked"),
        pytest.param({"command": "/usr/bin/x11vnc -forever", "gone": True}, SightingState.RESIDUAL, id="gone"),
        pytest.param({"name": "screen.service", "command": "/usr/bin/x11vnc", "gone": True}, SightingState.RESIDUAL,
                     id="under-another-name"),
        pytest.param({"gone": True, "running": True}, SightingState.RUNNING, id="it-runs-although-it-was-deleted"),
        pytest.param({"state": "not-found active running", "running": True}, SightingState.RUNNING,
                     id="it-runs-although-its-file-was-deleted"),
        pytest.param({"state": "not-found inactive dead"}, SightingState.RESIDUAL, id="asked-for-by-another"),
    ],
)  # fmt: skip
def test_a_service_without_its_program_is_a_remain(
    row: dict[str, Any], state: SightingState, make_reading: Callable[[dict[str, Any]], Reading], catalogue: Catalogue
) -> None:
    reading = make_reading({"os": "linux", "service": [{"name": "x11vnc.service", **row}]})
    (seen,) = match(reading, catalogue)
    assert (seen.product, seen.state) == ("x11vnc", state)
    assert [quote.section for quote in seen.proof] == ["services.systemd"]
    # Nothing is left to stop.
    assert bool(seen.holdings.services) is (state is not SightingState.RESIDUAL)


def test_a_remain_beside_the_product_is_not_the_product(
    make_reading: Callable[[dict[str, Any]], Reading], catalogue: Catalogue
) -> None:
    rows = [{"name": "x11vnc.service", "gone": True}]
    (seen,) = match(make_reading({"software": [{"name": "x11vnc"}], "service": rows}), catalogue)
    assert (seen.state, seen.holdings.services) == (SightingState.INSTALLED, ())


def test_a_mode_of_a_program_confirms_only_beside_its_own_name(
    make_reading: Callable[[dict[str, Any]], Reading],
) -> None:
    values = {IndicatorKind.PROCESS: "code", IndicatorKind.ARGUMENTS: "*code tunnel*"}
    catalogue = _made_of(values)
    named = {"pid": 7, "name": "code", "exe": "/usr/bin/code", "args": "/usr/bin/code tunnel --name x"}
    (seen,) = match(make_reading({"process": [named]}), catalogue)
    assert seen.confidence is Confidence.CONFIRMED
    pretends = {"pid": 7, "name": "sleep", "exe": "/usr/bin/sleep", "args": "code tunnel --name x"}
    (seen,) = match(make_reading({"process": [pretends]}), catalogue)
    assert seen.confidence is Confidence.SUSPECTED
    renamed = {"pid": 7, "name": "x", "exe": "/opt/x", "args": "/opt/x --as code tunnel"}
    (seen,) = match(make_reading({"process": [renamed]}), catalogue)
    assert seen.confidence is Confidence.SUSPECTED


_OF_A_RESOURCE = {
    IndicatorKind.PROCESS: "mdagent.exe",
    IndicatorKind.COMPANY: "Made Up Ltd*",
    IndicatorKind.PRODUCT_NAME: "Made up*",
    IndicatorKind.SIGNER: "Made Up Ltd*",
}


@pytest.mark.parametrize(
    ("row", "confidence"),
    [
        pytest.param({"product": "MADE UP Agent"}, Confidence.SUSPECTED, id="product-name"),
        pytest.param({"company": "Made Up Ltd."}, Confidence.SUSPECTED, id="company"),
        # Whoever writes a version resource writes all of it.
        pytest.param({"company": "Made Up Ltd.", "product": "Made up"}, Confidence.SUSPECTED, id="one-resource"),
        pytest.param({"product": "Made up", "signer": "CN=Made Up Ltd."}, Confidence.CONFIRMED, id="and-signature"),
        pytest.param(
            {"product": "Made up", "name": "mdagent.exe", "exe": "C:\\Tools\\mdagent.exe"},
            Confidence.CONFIRMED,
            id="and-name-of-the-file",
        ),
        pytest.param({"product": "Another made up"}, None, id="another-product"),
        pytest.param({"args": "x.exe Made up", "original_name": "Made up"}, None, id="not-a-product-name"),
    ],
)
def test_what_a_version_resource_says_of_maker_and_product_is_one_sort_of_evidence(
    make_reading: Callable[[dict[str, Any]], Reading], row: dict[str, str], confidence: Confidence | None
) -> None:
    process = {"pid": 7, "name": "x.exe", "exe": "C:\\Tools\\x.exe", **row}
    seen = match(make_reading({"os": "windows", "process": [process]}), _made_of(_OF_A_RESOURCE, "windows"))
    assert [one.confidence for one in seen] == ([] if confidence is None else [confidence])
    assert [(one.state, one.pids) for one in seen] == [(SightingState.RUNNING, (7,))] * len(seen)


def test_a_publisher_in_a_list_adds_nothing_to_a_product_name(
    make_reading: Callable[[dict[str, Any]], Reading],
) -> None:
    values = {**_OF_A_RESOURCE, IndicatorKind.DISPLAY_NAME: "Made up*"}
    process = {"pid": 7, "name": "x.exe", "exe": "C:\\Tools\\x.exe", "product": "Made up"}
    listed = {"name": "Something else", "source": "software.uninstall", "publisher": "Made Up Ltd."}
    told = {"os": "windows", "process": [process], "software": [listed]}
    (seen,) = match(make_reading(told), _made_of(values, "windows"))
    assert seen.confidence is Confidence.SUSPECTED


def test_processes_that_differ_in_their_product_name_alone_are_told_apart(
    make_reading: Callable[[dict[str, Any]], Reading],
) -> None:
    same = {"name": "x.exe", "exe": "C:\\Tools\\x.exe", "args": "x.exe"}
    rows = [{"pid": 7, "product": "Another", **same}, {"pid": 8, "product": "Made up", **same}, {"pid": 9, **same}]
    (seen,) = match(make_reading({"os": "windows", "process": rows}), _made_of(_OF_A_RESOURCE, "windows"))
    assert seen.pids == (8,)


def test_the_order_of_evidence_does_not_matter(
    make_reading: Callable[[dict[str, Any]], Reading], catalogue: Catalogue
) -> None:
    rows = [{"name": name} for name in ("xrdp", "x11vnc", "vino", "connectwisecontrol-00112233", "anydesk")]
    first = match(make_reading({"software": rows}), catalogue)
    second = match(make_reading({"software": rows[::-1]}), catalogue)
    # But for where it stands.
    assert [replace(seen, places=frozenset()) for seen in first] == [
        replace(seen, places=frozenset()) for seen in second
    ]
    assert [len(seen.places) for seen in first] == [1] * len(rows)
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
        "depth": "A",
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
