"""Who is at the far end: whom nobody is asked about, what a registry answers, and what a hostile one gets."""

import json
import socket
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from auditor.errors import UsageError
from auditor.far_end.ask import Asking
from auditor.far_end.data_file import DataFile
from auditor.far_end.fetch import FetchError, fetch_json
from auditor.far_end.kept import Kept
from auditor.far_end.rdap import Bootstrap
from auditor.far_end.said import asked_about
from tests.far_end.conftest import LONG, RdapServer, answer

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
# Addresses for documentation are not public, and nobody would be asked about them: these are of public networks, and
# nothing but the servers of these tests is ever asked.
FAR, NEXT, OTHER = "216.6.0.28", "216.6.0.29", "9.9.9.9"
NETWORK = {"startAddress": "216.6.0.0", "endAddress": "216.6.1.255"}


def kept(file: Path | None = None, now: datetime = NOW) -> Kept:
    made = Kept(file=file, now=now, age=timedelta(days=30))
    made.load()
    return made


def asking(rdap: RdapServer, folder: Path, **more: Any) -> Asking:
    values: dict[str, Any] = {"bootstrap": Bootstrap([rdap.bootstrap(folder)]), "kept": kept(), "between": 0.0}
    return Asking(**(values | more))


@pytest.mark.parametrize(
    ("text", "is_asked"),
    [
        (FAR, True),
        ("2a00:1450::1", True),
        ("::ffff:216.6.0.28", True),
        ("10.0.0.1", False),
        ("192.168.1.1", False),
        ("172.16.0.1", False),
        ("100.64.0.1", False),
        ("127.0.0.1", False),
        ("169.254.1.1", False),
        ("224.0.0.251", False),
        ("255.255.255.255", False),
        ("0.0.0.0", False),
        ("203.0.113.9", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::1", False),
        ("ff02::1", False),
        ("::ffff:10.0.0.1", False),
        ("2002:0a00:0001::1", False),
        ("8.8.4.4", False),
        ("2001:4860::8", False),
        ("edge.screenmeet.com", False),
        ("", False),
    ],
)
def test_who_is_asked_about(text: str, is_asked: bool) -> None:
    trusted = ("8.8.0.0/16", "2001:4860::/32")
    assert (asked_about(text, trusted) is not None) is is_asked


def test_nobody_is_asked_about_what_stays_here(rdap: RdapServer, tmp_path: Path) -> None:
    names: list[str] = []

    def resolve(address: str) -> str:
        names.append(address)
        return "x"

    one = asking(rdap, tmp_path, trusted=("216.6.0.0/23",), asks_names=True, resolve=resolve)
    assert [one.about(text) for text in (FAR, "10.0.0.1", "::1", "edge.example")] == [None] * 4
    assert (rdap.asked, names) == ([], [])


def test_a_registry_tells_organisation_network_and_country(rdap: RdapServer, tmp_path: Path) -> None:
    rdap.says(f"/ip/{FAR}", answer(**NETWORK))
    told = asking(rdap, tmp_path).about(FAR)
    assert told is not None
    assert told.registered is not None
    assert (told.registered.organisation, told.registered.country) == ("Example Telecommunications", "SY")
    assert (told.registered.network, told.problem) == ("216.6.0.0/23", "")
    assert told.registered.source == f"127.0.0.1:{rdap.port}"


def test_a_network_that_is_no_prefix_is_told_by_its_ends(rdap: RdapServer, tmp_path: Path) -> None:
    rdap.says(f"/ip/{FAR}", answer(startAddress="216.6.0.1", endAddress="216.6.0.99", entities=[]))
    told = asking(rdap, tmp_path).about(FAR)
    assert told is not None
    assert told.registered is not None
    assert (told.registered.network, told.registered.organisation) == ("216.6.0.1-216.6.0.99", "EXAMPLE-NET")


def test_what_was_told_of_a_network_is_asked_once(rdap: RdapServer, tmp_path: Path) -> None:
    rdap.says(f"/ip/{FAR}", answer(**NETWORK))
    one = asking(rdap, tmp_path, kept=kept(tmp_path / "kept.json"))
    for address in (FAR, NEXT, FAR):
        assert one.about(address) is not None
    assert rdap.asked == [f"/ip/{FAR}"]
    one.kept.save()
    again = asking(rdap, tmp_path, kept=kept(tmp_path / "kept.json", NOW + timedelta(days=30)))
    told = again.about(NEXT)
    assert told is not None
    assert told.registered is not None
    assert rdap.asked == [f"/ip/{FAR}"]
    old = asking(rdap, tmp_path, kept=kept(tmp_path / "kept.json", NOW + timedelta(days=31)))
    old.about(FAR)
    assert rdap.asked == [f"/ip/{FAR}"] * 2


@pytest.mark.parametrize("text", ["{", "[]", '{"layout": 9}', '{"layout": 1, "names": [], "networks": [{}]}'])
def test_a_cache_that_is_none_of_ours_is_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "kept.json").write_text(text, encoding="utf-8")
    assert (kept(tmp_path / "kept.json").names, kept(tmp_path / "kept.json").networks) == ({}, [])


def test_questions_to_one_server_keep_their_distance(rdap: RdapServer, tmp_path: Path) -> None:
    waited: list[float] = []
    time = [100.0]

    def wait(seconds: float) -> None:
        waited.append(seconds)
        time[0] += seconds

    one = asking(rdap, tmp_path, between=2.0, clock=lambda: time[0], wait=wait)
    for address in (FAR, NEXT, OTHER):
        one.about(address)
    assert waited == [2.0, 2.0]
    assert len(rdap.asked) == 3


def test_no_more_are_asked_than_may_be(rdap: RdapServer, tmp_path: Path) -> None:
    one = asking(rdap, tmp_path, most=1)
    one.about(FAR)
    told = one.about(OTHER)
    assert told is not None
    assert told.problem == "not asked: 1 addresses were, and no more are in one run"
    assert rdap.asked == [f"/ip/{FAR}"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<html>", "does not answer JSON"),
        (b"[" * 100_000, "does not answer JSON"),
        (b"[]", "does not answer a JSON object"),
        (b"{}", "answers without startAddress"),
        (b'{"startAddress": 7}', "answers without startAddress"),
        (b'{"startAddress": "x", "endAddress": "y"}', "answers no addresses"),
        (b'{"startAddress": "216.6.1.0", "endAddress": "216.6.0.0"}', "answers a network that ends before it begins"),
        (b'{"startAddress": "9.0.0.0", "endAddress": "9.255.255.255"}', "answers for another network"),
        (b'{"startAddress": "::", "endAddress": "216.6.1.255"}', "answers a network that ends before it begins"),
        (b"{" + b" " * LONG + b"}", "answers more than 262144 bytes"),
    ],
)
def test_a_bad_answer_is_a_sentence_of_ours(rdap: RdapServer, tmp_path: Path, body: bytes, said: str) -> None:
    rdap.says(f"/ip/{FAR}", body)
    told = asking(rdap, tmp_path).about(FAR)
    assert told is not None
    assert (told.registered, told.problem) == (None, f"127.0.0.1:{rdap.port} {said}")


def test_hostile_members_are_bounded_or_left_out(rdap: RdapServer, tmp_path: Path) -> None:
    deep: dict[str, Any] = {"roles": ["registrant"], "vcardArray": ["vcard", [["fn", {}, "text", "deep"]]]}
    for _ in range(60):
        deep = {"entities": [deep, 7, None]}
    hostile = answer(**NETWORK, country="<script>", name="n" * 5_000, entities=[deep, {"vcardArray": "x"}, "y"])
    rdap.says(f"/ip/{FAR}", hostile)
    told = asking(rdap, tmp_path).about(FAR)
    assert told is not None
    assert told.registered is not None
    assert (told.registered.country, told.registered.organisation) == ("", "n" * 200)


@pytest.mark.parametrize("status", [429, 503])
def test_a_server_that_has_enough_is_left_alone(rdap: RdapServer, tmp_path: Path, status: int) -> None:
    rdap.says(f"/ip/{FAR}", {}, status)
    one = asking(rdap, tmp_path)
    first, second = one.about(FAR), one.about(OTHER)
    assert first is not None
    assert second is not None
    assert f"answers {status}" in first.problem
    assert second.problem.endswith("it is asked no more in this run")
    assert rdap.asked == [f"/ip/{FAR}"]


def test_redirects_are_followed_a_little_and_not_in_circles(rdap: RdapServer, tmp_path: Path) -> None:
    rdap.says(f"/ip/{FAR}", {}, 301, Location="/there")
    rdap.says("/there", answer(**NETWORK))
    told = asking(rdap, tmp_path).about(FAR)
    assert told is not None
    assert told.registered is not None
    rdap.says("/there", {}, 302, Location=f"/ip/{FAR}")
    rdap.asked.clear()
    told = asking(rdap, tmp_path).about(FAR)
    assert told is not None
    assert told.problem.endswith("more than 3 redirects")
    assert len(rdap.asked) == 4


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("http://localhost:{port}/x", "a redirect into a network that is not public is not followed"),
        ("http://10.0.0.1/", "a redirect into a network that is not public is not followed"),
        ("http://169.254.169.254/latest/meta-data", "a redirect into a network that is not public is not followed"),
        ("file:///etc/passwd", "its address is none of HTTP's"),
        ("http://user:secret@127.0.0.1:{port}/x", "its address is none of HTTP's"),
        ("http://127.0.0.1:99999/", "its address is none of HTTP's"),
    ],
)
def test_redirects_do_not_lead_inwards(rdap: RdapServer, place: str, said: str) -> None:
    rdap.says("/begin", {}, 302, Location=place.format(port=rdap.port))
    rdap.says("/x", answer(**NETWORK))
    with pytest.raises(FetchError, match=said):
        fetch_json(f"{rdap.url}begin", 5)
    assert rdap.asked == ["/begin"]


def test_a_server_that_drips_is_left_at_the_deadline(rdap: RdapServer) -> None:
    with pytest.raises(FetchError, match="did not answer in time"):
        fetch_json(f"{rdap.url}slow", 0.3)


def test_a_server_that_is_not_there_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
    with pytest.raises(FetchError, match="cannot be reached") as raised:
        fetch_json(f"http://127.0.0.1:{port}/", 5)
    assert raised.value.is_servers


def test_names_are_asked_of_the_resolver_and_held_to_their_signs() -> None:
    answers = {FAR: "Mail.Example.COM.", NEXT: "<img src=x>", OTHER: "x" * 300}

    def resolve(address: str) -> str:
        if address not in answers:
            raise socket.gaierror(socket.EAI_NONAME, "no name")
        return answers[address]

    one = Asking(kept=kept(), asks_names=True, resolve=resolve)
    told = [one.about(address) for address in (FAR, NEXT, OTHER, "1.1.1.1")]
    assert [(row.name, row.problem) for row in told if row is not None] == [
        ("mail.example.com", ""),
        ("", "its name by reverse DNS is none of a host's"),
        ("", "its name by reverse DNS is none of a host's"),
        ("", ""),
    ]
    assert set(one.kept.names) == {FAR, "1.1.1.1"}


def test_a_resolver_that_hangs_is_left_alone() -> None:
    release = threading.Event()

    def resolve(_: str) -> str:
        release.wait()
        return ""

    one = Asking(kept=kept(), asks_names=True, resolve=resolve, patience=0.01, most=50)
    told = [one.about(f"9.9.9.{number}") for number in range(10)]
    release.set()
    assert [row.problem for row in told if row is not None] == [
        *["the resolver did not answer in time"] * 8, *["the resolver does not answer"] * 2,
    ]  # fmt: skip


def test_the_systems_resolver_is_the_one_that_is_asked() -> None:
    assert Asking(kept=kept()).resolve("127.0.0.1") == "localhost"


@pytest.mark.parametrize("is_json", [True, False])
def test_files_are_looked_up_first_and_nobody_is_asked(rdap: RdapServer, tmp_path: Path, is_json: bool) -> None:
    rows = [
        {"network": "216.0.0.0/8", "organisation": "Wide", "country": "us"},
        {"network": "216.6.0.0/23", "organisation": "Narrow", "country": "sy"},
        {"network": "2a00::/16", "organisation": "Six", "country": "DE"},
    ]
    file = tmp_path / "networks"
    lines = "\n".join(",".join(row.values()) for row in rows)
    file.write_text(json.dumps(rows) if is_json else f"network,organisation,country\n{lines}\n", encoding="utf-8")
    one = asking(rdap, tmp_path, files=[DataFile(file)])
    told = [one.about(address) for address in (FAR, "216.7.0.1", "2a00::5")]
    found = [row.registered for row in told if row is not None]
    assert [(row.organisation, row.country, row.source) for row in found if row is not None] == [
        ("Narrow", "SY", "networks"), ("Wide", "US", "networks"), ("Six", "DE", "networks"),
    ]  # fmt: skip
    assert rdap.asked == []


def test_a_wrong_line_of_a_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "n.csv"
    file.write_text("network,organisation\n10.0.0.0/8,x\n10.0.0.1/8,y\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"n\.csv:3: 10\.0\.0\.1/8 has host bits set"):
        DataFile(file)


def test_the_server_of_the_smallest_network_is_asked(tmp_path: Path) -> None:
    document = {
        "version": "1.0",
        "services": [
            [["216.0.0.0/8"], ["http://wide.example/rdap", "https://wide.example/rdap"]],
            [["216.6.0.0/16"], ["https://narrow.example/"]],
            [["9.0.0.0/8"], ["ftp://no.example/"]],
        ],
    }
    (tmp_path / "b.json").write_text(json.dumps(document), encoding="utf-8")
    made = Bootstrap([tmp_path / "b.json"])
    found = {text: made.server(address) for text in (FAR, "216.7.0.1", "9.9.9.9") if (address := asked_about(text, ()))}
    assert found == {FAR: "https://narrow.example/", "216.7.0.1": "https://wide.example/rdap/", "9.9.9.9": None}


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"version": "2.0"}', '{"version": "1.0", "services": [[["x"], ["https://a/"]]]}']
)
def test_what_is_no_bootstrap_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "b.json").write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match="is no bootstrap file of RDAP"):
        Bootstrap([tmp_path / "b.json"])


def test_an_address_without_a_server_says_so(tmp_path: Path, rdap: RdapServer) -> None:
    made = Bootstrap([rdap.bootstrap(tmp_path, ("9.0.0.0/8",))])
    told = replace(Asking(kept=kept(), bootstrap=made)).about(FAR)
    assert told is not None
    assert told.problem == "no server of RDAP is known for it"
