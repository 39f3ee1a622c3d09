"""A scrubbed answer keeps its shape and loses whose it is."""

import ipaddress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.collect.envelope import Answer, Envelope, open_envelope, write_envelope
from auditor.collect.pseudonyms import Pseudonyms
from auditor.collect.scrub import Scrubber, Vocabulary
from auditor.model.evidence import Outcome, Rights
from auditor.model.facts.accounts import Account, Group, SudoRule
from auditor.model.facts.software import Software
from auditor.model.facts.system import OperatingSystem
from auditor.model.host import OsFamily
from auditor.model.reading import Found, Reading

TOKEN = "ab" * 16
WORDS = Vocabulary(ours=frozenset({"tcp", "listen", "users", "pid", "addr", "len", "prefix", "inet", "service"}),
                   public=frozenset({"sshd", "usr", "sbin", "home", "web", "root"}))  # fmt: skip


def a_reading(*facts: object) -> Reading:
    kinds = {type(fact) for fact in facts}
    found = {kind: tuple(Found(one, "x", 1) for one in facts if type(one) is kind) for kind in kinds}
    return Reading(os=OsFamily.LINUX, rights=Rights.ROOT, sections={}, facts=found)


def a_scrubber(*facts: object, named: tuple[str, ...] = ()) -> Scrubber:
    scrubber = Scrubber(b"k" * 32, WORDS)
    scrubber.learn(a_reading(*facts), named)
    return scrubber


def shape(text: str) -> str:
    """Write letters as a and A, digits as 0, and leave the rest."""
    return "".join("0" if char.isdigit() else "A" if char.isupper() else "a" if char.isalpha() else char
                   for char in text)  # fmt: skip


@pytest.mark.parametrize(
    "line",
    [
        "tcp LISTEN users:((sshd,pid=96,fd=3))",
        "/usr/sbin/sshd",
        "sshd.service",
        "root:x:0:0::/root",
        "short numbers 5900 65535 4194304".replace("short numbers ", ""),
        "0x00000001 4294967295 00000000",
        "127.0.0.1:53 [::]:123 0.0.0.0:* ::1 ff02::1 224.0.0.1 255.255.255.0",
        "00:00:00:00:00:00 ff:ff:ff:ff:ff:ff",
    ],
)
def test_what_everybody_knows_stays(line: str) -> None:
    assert a_scrubber().line(line) == line


@pytest.mark.parametrize(
    ("line", "gone"),
    [
        ("/home/mallory/x", ["mallory"]),
        ("sshd --peer=db7.corp.example", ["db7", "corp", "example"]),
        ("web.acme.example", ["web", "acme"]),
        ("web@acme", ["web", "acme"]),
        ("https://web.acme.example/x", ["web", "acme"]),
        ("ACME\\bob", ["ACME", "bob"]),
        ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJx7bQ", ["AAAAC3NzaC1lZDI1NTE5AAAAIJx7bQ"]),
        ("ghp_16C7e42F292c6912E7710c838347Ae178B4a", ["16C7e42F292c6912E7710c838347Ae178B4a"]),
        ("8c2f6f1e-0b1d-4b7c-9d0e-5c1f2a3b4c5d", ["8c2f6f1e", "5c1f2a3b4c5d"]),
        ("id 1234567890", ["1234567890"]),
        ("a 192.0.2.77 b", ["192.0.2.77"]),
        ("from:192.0.2.77:http", ["192.0.2.77"]),
        ("tcp:192.0.2.77:80,x=192.0.2.78.", ["192.0.2.77", "192.0.2.78"]),
        ("a:192.0.2.77:80", ["192.0.2.77"]),
        ("[2001:db8:77::5]:22", ["2001:db8:77::5"]),
        ("2001:DB8:77:0:0:0:0:5", ["DB8:77"]),
        ("::ffff:192.0.2.77", ["192.0.2.77"]),
        ("4a:5b:6c:7d:8e:9f and 4A-5B-6C-7D-8E-9F", ["4a:5b:6c", "4A-5B-6C"]),
        ("enx4a5b6c7d8e9f", ["4a5b6c7d8e9f"]),
        ("ip-192-0-2-77.internal", ["192-0-2-77"]),
        ("tcp4 0 0 192.0.2.77.22 198.51.100.9.51234", ["192.0.2.77", "198.51.100.9"]),
        ("tcp6 0 0 2001:db8:77::5.22 *.*", ["db8:77"]),
        ("n192.0.2.77:5938->198.51.100.9:443", ["192.0.2.77", "198.51.100.9"]),
        ("192.0.2/24 link#6 0:1c:42:0:0:8", ["192.0.2", "1c:42"]),
        ("/proc/net/tcp:   0: 4D0200C0:0016 00000000:0000 0A", ["4D0200C0"]),
        ("/proc/9/net/tcp6: 0: B80D0120770000000000000005000000:0016", ["B80D0120"]),
        ("/proc/net/if_inet6:20010db8007700000000000000000005 02 40 00 80 eth0", ["20010db80077"]),
    ],
)
def test_what_could_name_somebody_goes(line: str, gone: list[str]) -> None:
    scrubber = a_scrubber()
    made = scrubber.line(line)
    for word in gone:
        assert word in line
        assert word.lower() not in made.lower()
    assert scrubber.line(line) == made


@pytest.mark.parametrize(
    "line",
    [
        "/home/mallory/x.y --a=b \"quoted\"\t'tab'",
        "Ümläut Straße ǅ İstanbul",
        "deadbeef01 cafe12",
        "\\x2d \\u00e9\\n",
        "/proc/net/tcp:   0: 00000000:238C 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 12345678 1",
    ],
)
def test_the_shape_of_a_line_stays(line: str) -> None:
    assert shape(a_scrubber().line(line)) == shape(line)


def test_people_of_a_mac_are_numbered_from_less() -> None:
    scrubber = Scrubber(b"k" * 32, Vocabulary(ours=frozenset(), public=frozenset({"zqalice", "daemon"})))
    facts = (
        Account(name="zqalice", uid=501, gid=20, home="/Users/zqalice"),
        Account(name="daemon", uid=1, gid=1, home="/var/root"),
    )
    scrubber.learn(replace(a_reading(*facts), os=OsFamily.MACOS), ())
    assert "zqalice" not in scrubber.line("zqalice daemon")
    assert scrubber.line("daemon") == "daemon"


def test_a_route_of_a_mac_holds_the_addresses_that_lay_in_it() -> None:
    scrubber = a_scrubber()
    network = ipaddress.ip_network(scrubber.line("192.0.2/24").replace("/", ".0/"))
    assert ipaddress.ip_address(scrubber.line("192.0.2.77.22").rpartition(".")[0]) in network
    assert scrubber.line("1.5/x 2.4.1/33 a1.5/8 300.2/16") == "1.5/x 2.4.1/33 a1.5/8 300.2/16"


@pytest.mark.parametrize(
    ("section", "line", "made"),
    [
        ("sockets.macos", "p412", "p412"),
        ("sockets.macos", "tIPv4", "tIPv4"),
        ("sockets.macos", "tcp46      0      0  *.22   *.*   LISTEN", "tcp46      0      0  *.22   *.*   LISTEN"),
        ("network.macos", "default   UHLWIir   lo", "default   UHLWIir   lo"),
    ],
)
def test_what_says_what_the_rest_of_a_line_of_a_mac_is_stays(section: str, line: str, made: str) -> None:
    words = Vocabulary(ours=WORDS.ours | {"ipv4", "default"}, public=WORDS.public)
    assert Scrubber(b"k" * 32, words).text(section, line) == made
    assert "UHLWIir" not in Scrubber(b"k" * 32, words).text("sockets.macos", "x UHLWIir")
    assert "mallory" not in Scrubber(b"k" * 32, words).text("sockets.macos", "Lmallory")


def test_words_of_hexadecimal_digits_stay_hexadecimal() -> None:
    made = a_scrubber().line("deadbeef01")
    assert made != "deadbeef01"
    assert int(made, 16)


def test_escapes_of_json_stay_escapes() -> None:
    made = a_scrubber().line('{"\\u0041lice\\nbob\\\\nick"}')
    assert made.startswith('{"\\u0041')
    assert made[12:14] == "\\n"
    assert "bob" not in made
    assert "nick" not in made
    assert "lice" not in made


def test_names_on_the_host_go_even_where_everybody_knows_the_word() -> None:
    scrubber = a_scrubber(
        Account(name="web", uid=1001, gid=1001),
        Account(name="root", uid=0, gid=0),
        Group(name="sshd", gid=1007),
        SudoRule(principal="pid", hosts=("ALL",), run_as=(), commands=("ALL",), file="x", line=1),
        named=("usr-1.acme.example", "192.0.2.1"),
    )
    made = scrubber.line("web root sshd usr home")
    assert made.split()[1::3] == ["root", "home"]
    assert not {"web", "sshd", "usr"} & set(made.split())
    # What a reader looks for stays, and is told.
    assert (scrubber.line("pid"), scrubber.stays) == ("pid", ("pid",))


def test_an_operating_system_keeps_its_name() -> None:
    """A cloud's image has a user of that name."""
    system = OperatingSystem(family=OsFamily.LINUX, id="debian", name="Debian GNU/Linux", version="12")
    scrubber = a_scrubber(system, Account(name="debian", uid=1000, gid=1000))
    assert scrubber.text("system.os", "ID=debian\n") == "ID=debian\n"


def test_versions_of_packages_are_no_addresses() -> None:
    scrubber = a_scrubber(Software(name="acme-agent", version="1", source="x"), named=("host.acme.example",))
    text = "installed\tlibfoo7\t1.2.3.4-5+deb12u3\tamd64\ninstalled\tacme-agent\t1\tall\n"
    first, second = scrubber.text("software.dpkg", text).splitlines()
    assert first == "installed\tlibfoo7\t1.2.3.4-5+deb12u3\tamd64"
    assert "acme" not in second


def test_a_range_has_its_lower_end_first() -> None:
    for number in range(40):
        scrubber = Scrubber(bytes([number]) * 32, WORDS)
        for line in ("10.1.2.3-10.9.8.7", '"10.1.2.3", "10.9.8.7"'):
            one, other = (
                ipaddress.ip_address(word)
                for word in scrubber.line(line).replace('"', "").replace(", ", "-").split("-")
            )
            assert int(one) < int(other)


V4 = st.integers(1 << 24, (224 << 24) - 1).map(ipaddress.IPv4Address).filter(lambda one: not one.is_loopback)


@given(one=V4, other=V4, length=st.integers(9, 32))
def test_what_lay_in_a_network_still_does(
    one: ipaddress.IPv4Address, other: ipaddress.IPv4Address, length: int
) -> None:
    network = ipaddress.IPv4Network((int(one), length), strict=False)
    said = a_scrubber().line(f"{network} {one} {other}").split()
    scrubbed = ipaddress.IPv4Network(said[0])
    for before, after in zip((one, other), said[1:], strict=True):
        assert (ipaddress.IPv4Address(after) in scrubbed) is (before in network)
    dest, mask = (int(one).to_bytes(4, "little").hex().upper() for one in (network.network_address, network.netmask))
    route = f"/proc/net/route:eth0\t{dest}\t00000000\t1\t0\t0\t0\t{mask}\t0"
    words = a_scrubber().line(route).split("\t")
    assert int.from_bytes(bytes.fromhex(words[1]), "little") == int(scrubbed.network_address)
    assert words[7] == route.split("\t")[7]


@given(st.lists(st.from_regex(r"[a-z]{4,9}[0-9]?", fullmatch=True), unique=True))
def test_two_words_never_become_one(words: list[str]) -> None:
    made = Pseudonyms(b"k", frozenset())
    assert len({made.word(word) for word in words}) == len(words)


def test_no_pseudonym_holds_what_a_product_is_recognised_by() -> None:
    """Three letters of a pattern such as `*vnc*` come up by chance in one fleet of two."""
    parts = ("vnc", "ab", "k")
    words = ["gate", "gateway", "kiosk-west".replace("-", "x")]
    made = [Pseudonyms(bytes([key]) * 32, (), parts).word(word) for key in range(256) for word in words]
    assert [one for one in made if any(part in one for part in parts)] == []
    without = [Pseudonyms(bytes([key]) * 32, ()).word(word) for key in range(256) for word in words]
    assert any(part in one for one in without for part in parts)


@given(st.integers(10_000_000, 1 << 64))
def test_a_number_never_grows(number: int) -> None:
    made = Pseudonyms(b"k", frozenset()).number(str(number))
    assert len(made) == len(str(number))
    assert int(made) <= number


@given(st.text(max_size=300))
def test_scrubbing_keeps_every_line(text: str) -> None:
    scrubber = a_scrubber(named=("host",))
    made = scrubber.text("processes.procfs", text)
    assert made.count("\n") == text.count("\n")
    assert scrubber.text("processes.procfs", text) == made


TEXT = st.lists(st.text(st.characters(exclude_characters="\n\0", exclude_categories=["Cs"]), max_size=20)).map(
    lambda lines: "".join(f"{line}\n" for line in lines)
)


@given(
    texts=st.lists(TEXT, max_size=4),
    outcome=st.sampled_from([Outcome.COLLECTED, Outcome.ABSENT, Outcome.DENIED, Outcome.FAILED, Outcome.PARTIAL]),
)
def test_what_is_written_is_read_again(texts: list[str], outcome: Outcome) -> None:
    answers = tuple(
        Answer(id=f"a.{number}", outcome=outcome, reason=None if outcome is Outcome.COLLECTED else "why", text=text,
               stderr="noise")
        for number, text in enumerate(texts)
    )  # fmt: skip
    envelope = Envelope(head={"kernel": "Linux"}, answers=answers, preamble_stderr="sudo: no\n")
    stdout, stderr = write_envelope(envelope, TOKEN)
    again = open_envelope(stdout=stdout, stderr=stderr, token=TOKEN, limit=10**7)
    assert (again.head, again.answers) == (envelope.head, answers)
    assert again.preamble_stderr.strip() == "sudo: no"
