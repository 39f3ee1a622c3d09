"""The pages say everything that the results hold, and nothing from a host acts in them."""

import errno
import os
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from auditor.errors import Reason
from auditor.model.breach import Breach, Term
from auditor.model.record import replace
from auditor.model.result import ProductUse
from auditor.model.sighting import Category, Confidence, Role, Sighting, SightingState
from auditor.report import words
from auditor.report.html import FORMAT, _private_cache, page_names, templates
from auditor.report.run_rows import RunRows

ALLOWED = frozenset(
    {"html", "head", "meta", "title", "link", "script", "body", "header", "nav", "main", "section", "article", "footer"}
    | {"h1", "h2", "h3", "h4", "p", "a", "span", "b", "small", "code", "q", "cite", "time", "div"}
    | {"dl", "dt", "dd", "ol", "ul", "li", "table", "caption", "thead", "tbody", "tr", "th", "td", "svg", "rect"}
    | {"label", "input", "fieldset", "legend", "button", "figure", "figcaption", "g", "path"}
)


class Page(HTMLParser):
    """What a browser would make of a page: elements, attributes, text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.text += " "  # what stands in elements of its own is set apart

    def handle_data(self, data: str) -> None:
        self.text += data

    @property
    def words(self) -> str:
        return " ".join(self.text.split())


@pytest.fixture(scope="module")
def folder(sample: RunRows, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("pages")
    FORMAT.write(sample, place)
    return place / "html"


@pytest.fixture(scope="module")
def pages(folder: Path) -> dict[str, Page]:
    return {
        str(file.relative_to(folder)): Page(file.read_text(encoding="utf-8")) for file in sorted(folder.rglob("*.html"))
    }


def page_of(pages: dict[str, Page], part: str) -> Page:
    (found,) = (page for name, page in pages.items() if part in name)
    return found


def test_no_element_or_attribute_comes_from_a_host(pages: dict[str, Page]) -> None:
    for name, page in pages.items():
        assert {tag for tag, _ in page.tags} <= ALLOWED, name
        scripts = [attributes for tag, attributes in page.tags if tag == "script"]
        ours = [{"src": "assets/fleet.js", "defer": None}, {"type": "application/json", "id": "host-data"}]
        assert scripts == (ours if name == "index.html" else []), name
        for tag, attributes in page.tags:
            assert not [key for key in attributes if key.startswith("on") or key == "style"], (name, tag)


def test_hostile_text_is_shown_as_text(pages: dict[str, Page]) -> None:
    page = page_of(pages, "script-alert")
    assert "<script>alert(1)</script>" in page.words
    assert 'x11vnc⟨U+001B⟩[31m⟨U+202E⟩"><img src=x onerror=alert(2)>' in page.words


def test_no_character_acts_or_hides_in_any_page(folder: Path) -> None:
    for file in folder.rglob("*.html"):
        text = file.read_text(encoding="utf-8")
        assert [char for char in set(text) if not char.isprintable() and char != "\n"] == [], file.name


def test_file_names_never_come_from_a_host(folder: Path) -> None:
    for file in (folder / "hosts").iterdir():
        assert set(file.stem) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


def test_page_names_are_different_for_names_that_look_alike() -> None:
    hosts = ["../../etc/passwd", "a b", "a-b", "A B", "", "東京", "x" * 300]
    names = page_names([{"host": host} for host in hosts])
    assert len(set(names.values())) == len(hosts)
    assert names["../../etc/passwd"] == "0001-etc-passwd.html"
    assert names["東京"] == "0006-host.html"
    assert len(names["x" * 300]) < 60


def test_every_link_leads_to_a_file_or_place_of_the_report(folder: Path, pages: dict[str, Page]) -> None:
    for name, page in pages.items():
        ids = {attributes.get("id") for _, attributes in page.tags}
        for _, attributes in page.tags:
            target = attributes.get("href") or attributes.get("src")
            if target is None or target == "data:,":
                continue
            if target.startswith("#"):
                assert target[1:].partition("?")[0] in ids, (name, target)
                continue
            file, _, place = target.partition("#")
            place = place.partition("?")[0]  # what narrows the host table
            led_to = (folder / name).parent.joinpath(file).resolve()
            assert led_to.is_file(), (name, target)
            if place:
                there = pages[str(led_to.relative_to(folder.resolve()))]
                assert place in {attributes.get("id") for _, attributes in there.tags}, (name, target)


def test_pages_forbid_everything_but_their_own_files(pages: dict[str, Page]) -> None:
    for page in pages.values():
        (policy,) = (
            attributes["content"]
            for tag, attributes in page.tags
            if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
        )
        assert str(policy).startswith(
            "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; base-uri 'none'"
        )


@pytest.mark.parametrize(
    "sentence",
    [
        pytest.param("2 hosts break the policy; 4 hosts of 10 are not fully assessed.", id="result"),
        pytest.param("Coverage of the scope; 75.0 % of the hosts reached 60.0 %", id="coverage"),
        pytest.param(
            "6 of 10 hosts in scope fully assessed: reached, and no verdict unknown. Of the 8 reached, 6 complete. "
            "The policy wants 100 % of the scope: this is below it.",
            id="coverage-in-words",
        ),
        pytest.param("4 findings are open: 2 new in this run. 2 are overdue.", id="life"),
        pytest.param("Compared with run 2026-10-20T063000Z-1b2c, as of 2026-10-20 06:30 UTC", id="the-run-before"),
        pytest.param("9 hosts were removed from the scope: old-0, old-1", id="removed-from-scope"),
        pytest.param("old-5 and 3 more", id="more-than-are-named"),
        pytest.param("What cannot be seen any more is not resolved.", id="not-seen-is-not-resolved"),
        pytest.param("Critical x11vnc listens on 0.0.0.0:5900/tcp and is reachable", id="first-thing-to-do"),
        pytest.param("Host key changed 1", id="unreached-by-reason"),
        pytest.param("10.9.8.8 port 22 did not answer within 10 s (tried 22 times)", id="tried-again"),
        pytest.param("M1042 Disable or Remove Feature or Program", id="mitigation"),
        pytest.param("programme control for T1219", id="programme-control-apart"),
        pytest.param("8 passes are proven by documentation only", id="documented-passes-marked"),
        pytest.param("TigerVNC tigervnc VNC 1 0 0 0 0 1 0", id="product-counts"),
        pytest.param("Workplace services 2027-03-31 10 1 0 version 0.9.21.1-1 as", id="register-of-approvals"),
        pytest.param("Firewalls between the host and its clients are not seen", id="limits-of-controls"),
        pytest.param("asserted, not verified by a signature", id="standing-of-exceptions"),
        pytest.param("1 host was asked without a check of the certificate, as the inventory says", id="unchecked"),
        pytest.param("auditor 0.1.0", id="tool-version"),
        pytest.param("Hosts in scope 10 Source inventory.yml SHA-256 of the names", id="scope"),
        pytest.param("Since the last run 3 hosts were added to the scope: <script>", id="who-came"),
        pytest.param("9 were removed from it: old-0, old-1, old-2, old-3, old-4, old-5 and 3 more.", id="who-went"),
        pytest.param("cmdb.csv names 12 hosts. 2 are not in the inventory", id="population"),
        pytest.param("on 2 hosts that were reached something that a verdict needs", id="what-is-not-covered"),
        pytest.param("sockets.ss: 9 of 11 sockets without an owner: not root; firewall.nft:", id="what-was-not-seen"),
        pytest.param("2026-09-20 06:30 UTC <script>alert(1)</script> 9 5 1 1 2 77.8 % not counted", id="trend"),
        pytest.param("2026-10-20T063000Z-1b2c · other policy than before 9 4 1 1 3 77.8 % 8 1", id="other-policy"),
        pytest.param("this run 10 2 2 2 4 60.0 % 4 2", id="trend-of-this-run"),
        pytest.param("Prepared by Role Signature Date Reviewed by Role Signature Date", id="sign-off"),
    ],
)
def test_the_fleet_page_says_it(pages: dict[str, Page], sentence: str) -> None:
    assert sentence in pages["index.html"].words


@pytest.mark.parametrize(
    ("host", "sentence"),
    [
        pytest.param("db-01", "2 of 4 controls fail.", id="outcome"),
        pytest.param("db-01", "812 ⇥ root ⇥ x11vnc -forever -rfbport 5900", id="quoted-proof"),
        pytest.param("db-01", "Bind x11vnc to 127.0.0.1 and ::1", id="remediation"),
        pytest.param("db-01", "Due 2026-11-16, overdue", id="due"),
        pytest.param("db-01", "2.5 hours ahead", id="clock"),
        pytest.param("build-04", "9 of 11 sockets without an owner: not root", id="gap"),
        pytest.param("build-04", "Let the auditing account run the probe through sudo.", id="how-to-close-it"),
        pytest.param("build-04", "tcp LISTEN ??? *:7070", id="unread-line"),
        pytest.param("build-04", "sudo: a password is required", id="privilege-note"),
        pytest.param("kiosk-03", "Asked by n.haile Granted by c.brandt Ends 2026-12-31", id="exception-people-and-end"),
        pytest.param("kiosk-03", "1 violation is accepted by an exception", id="compliant-with-an-exception"),
        pytest.param("kiosk-03", "The host has no network interface but loopback.", id="why-not-applicable"),
        pytest.param("kiosk-03", "Pass documentation only", id="documented-pass-marked"),
        pytest.param("branch-07", "Host key changed. ssh-ed25519 SHA256:Zk2v… is shown", id="unreachable"),
        pytest.param("branch-08", "did not answer within 10 s (tried 22 times)", id="tried-again"),
        pytest.param("cmd-c-calc", "What was seen is not enough to be sure.", id="suspected"),
        pytest.param("app-01", "Help desk sessions; Workplace services, review by 2027-03-31", id="approval"),
        pytest.param("app-01", "0.9.21.1-1 · as root, =cmd|' /C calc'!A0", id="as-whom-it-runs"),
        pytest.param("app-01", "ip saddr 10.20.0.0/16 tcp dport 3389 accept", id="deciding-rule"),
    ],
)
def test_a_host_page_says_it(pages: dict[str, Page], host: str, sentence: str) -> None:
    assert sentence in page_of(pages, host).words


def test_a_product_that_does_not_keep_its_approval_says_so(one_host: Callable[..., RunRows], tmp_path: Path) -> None:
    """The fleet page counts it apart from what nobody approved, and its own page names the approval and its owner."""
    breach = Breach(approval="helpdesk-xrdp", term=Term.VERSIONS, text="is for versions >=0.9, and this is '0.8'")
    old = Sighting(
        product="xrdp", name="xrdp", category=Category.RDP, role=Role.SERVER, state=SightingState.RUNNING,
        confidence=Confidence.CONFIRMED, version="0.8", proof=(),
    )  # fmt: skip
    use = ProductUse(sighting=old, objection=f"Approval 'helpdesk-xrdp' {breach.text}", breaches=(breach,))
    FORMAT.write(one_host(products=(use,)), tmp_path)
    (file,) = (tmp_path / "html" / "hosts").iterdir()
    text = Page(file.read_text(encoding="utf-8")).words
    assert "Not as approved Approval 'helpdesk-xrdp' is for versions >=0.9, and this is '0.8'; Help desk sess" in text
    index = Page((tmp_path / "html" / "index.html").read_text(encoding="utf-8")).words
    assert "xrdp xrdp RDP 1 0 0 0 1 0 0 not as approved on jump-01" in index
    assert "helpdesk-xrdp xrdp · >=0.9 Help desk sessions Workplace services 2027-03-31 1 1 1 version 0.8" in index


def test_a_run_that_an_earlier_version_kept_has_no_register(sample: RunRows, tmp_path: Path) -> None:
    told = ("product", "versions", "tenant", "reason", "owner", "review_by")
    earlier = {name: {key: row[key] for key in told} for name, row in sample.approvals.items()}
    FORMAT.write(replace(sample, approvals=earlier), tmp_path)
    index = Page((tmp_path / "html" / "index.html").read_text(encoding="utf-8")).words
    assert "helpdesk-xrdp xrdp · >=0.9 Help desk sessions Workplace services 2027-03-31 0 0 0 —" in index


def test_a_host_that_was_not_reached_never_reads_as_clean(pages: dict[str, Page]) -> None:
    text = page_of(pages, "branch-08").words
    assert text.count("Unknown The host") == 1
    assert "No product of the catalogue was recognised" not in text
    assert "Pass " not in text


def test_a_flood_of_sockets_is_cut_in_words_and_hides_no_remote_access(
    fleet_of: Callable[[int], RunRows], tmp_path: Path
) -> None:
    rows = fleet_of(5)
    (host,) = (host for host in rows.hosts() if host["sightings"])
    vnc, other = sorted(host["listeners"], key=lambda one: one["product"] is None)
    flood = [other | {"port": port} for port in range(1000, 4000)]
    ledger = [row for row in rows.ledger if row["host"] == host["host"]]
    flooded = replace(rows, ledger=ledger, hosts=lambda: iter([host | {"listeners": [*flood, vnc]}]))
    FORMAT.write(flooded, tmp_path)
    (file,) = (tmp_path / "html" / "hosts").iterdir()
    text = Page(file.read_text(encoding="utf-8")).words
    assert "The first 500 of 3,001: csv/listeners.csv and hosts.jsonl hold all." in text
    assert text.index("0.0.0.0:5900 tcp x11vnc") < text.index("0.0.0.0:1000 tcp")


def test_a_control_nobody_judged_counts_as_unknown(fleet_of: Callable[[int], RunRows], tmp_path: Path) -> None:
    rows = fleet_of(1)
    unjudged = replace(rows, findings=[], hosts=lambda: ({**host, "verdicts": []} for host in rows.hosts()))
    FORMAT.write(unjudged, tmp_path)
    text = Page((tmp_path / "html" / "index.html").read_text(encoding="utf-8")).words
    assert (
        "The host is fully inventoried complete_inventory · T1021.005 · programme control for T1219 0 1 0 0 0" in text
    )


def test_a_run_without_hosts_does_not_read_as_clean(fleet_of: Callable[[int], RunRows], tmp_path: Path) -> None:
    FORMAT.write(fleet_of(0), tmp_path)
    text = Page((tmp_path / "html" / "index.html").read_text(encoding="utf-8")).words
    assert "The scope holds no host: nothing was audited." in text
    assert "complies" not in text


def test_headings_descend_one_step_at_a_time(pages: dict[str, Page]) -> None:
    for name, page in pages.items():
        levels = [int(tag[1]) for tag, _ in page.tags if tag in {"h1", "h2", "h3", "h4"}]
        assert levels[0] == 1, name
        assert levels.count(1) == 1, name
        assert all(later <= earlier + 1 for earlier, later in pairwise(levels)), name


def test_every_table_has_a_caption_and_scoped_headers(pages: dict[str, Page]) -> None:
    for name, page in pages.items():
        tags = [tag for tag, _ in page.tags]
        assert tags.count("caption") == tags.count("table"), name
        assert [1 for tag, attributes in page.tags if tag == "th" and "scope" not in attributes] == [], name


def test_every_reason_of_the_ledger_has_a_title_and_a_next_step() -> None:
    assert set(words.REASONS) == set(Reason)
    assert all(title and advice.endswith(".") for title, advice in words.REASONS.values())


def test_a_reason_of_a_newer_version_stands_for_itself() -> None:
    assert words.reason_words("quantum_storm")[0] == "quantum storm"


def test_compiled_templates_are_kept_only_where_nobody_else_can_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What lies there is run as our code."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert _private_cache() == tmp_path / "auditor"
    (tmp_path / "auditor").chmod(0o777)
    assert _private_cache() is None
    (tmp_path / "auditor").chmod(0o700)
    if os.geteuid() == 0:
        os.chown(tmp_path / "auditor", 65534, 65534)
        assert _private_cache() is None
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.delenv("HOME")
    assert _private_cache() is None


def test_a_cache_that_cannot_be_written_does_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sample: RunRows
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "auditor").mkdir(mode=0o700)
    monkeypatch.setattr("tempfile.NamedTemporaryFile", _no_space)
    templates.cache_clear()
    (tmp_path / "out").mkdir()
    assert FORMAT.write(sample, tmp_path / "out")
    templates.cache_clear()


def _no_space(*_words: object, **_named: object) -> None:
    raise OSError(errno.ENOSPC, "no space")
