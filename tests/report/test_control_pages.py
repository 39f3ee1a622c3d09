"""Each control has a page that says what it asks, what it came to on each host and why, and what to do."""

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from auditor.controls.registry import controls
from auditor.model.record import replace
from auditor.report.control_tally import Tally, control_pages
from auditor.report.html import FORMAT
from auditor.report.manual import blocks_of
from auditor.report.run_rows import RunRows
from auditor.report.summary import LISTED


class Text(HTMLParser):
    """The words of a page."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.all = ""
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, *_: object) -> None:
        self.all += " "

    def handle_data(self, data: str) -> None:
        self.all += data

    @property
    def words(self) -> str:
        return " ".join(self.all.split())


@pytest.fixture(scope="module")
def pages(sample: RunRows, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    place = tmp_path_factory.mktemp("controls")
    FORMAT.write(sample, place)
    return {file.stem: Text(file).words for file in (place / "html" / "controls").iterdir()}


def test_every_control_of_the_run_has_its_page(sample: RunRows, pages: dict[str, str]) -> None:
    assert sorted(pages) == sorted(sample.controls)


@pytest.mark.parametrize(
    ("control", "sentence"),
    [
        pytest.param("unapproved_product", "2 hosts fail, and on 3 it could not be decided.", id="result"),
        pytest.param("unapproved_product", "2 hosts were not reached: nothing is known of them", id="unreached"),
        pytest.param("unapproved_product", "On 1 host something is suspected that would break it", id="suspected"),
        pytest.param("unapproved_product", "excepted on 1 host: kiosk-03.example.net", id="accepted-violation"),
        pytest.param("unapproved_product", "Suspected: AnyDesk is suspected by its discovery port.", id="why-unknown"),
        pytest.param("unapproved_product", "EX-2026-014 The vendor of the ticket machine", id="exception"),
        pytest.param("unapproved_product", "n.haile granted by c.brandt", id="people-of-an-exception"),
        pytest.param("unapproved_product", "Web team Nothing that breaks it was found. B1", id="pass"),
        pytest.param("unapproved_product", "B1 software dpkg; services systemd; processes proc;", id="rests-on"),
        pytest.param("unapproved_product", "no package manager lists is seen only while it runs", id="limit"),
        pytest.param("unapproved_product", "What it checks Each product that the catalogue recognises", id="manual"),
        pytest.param("unapproved_product", "1.2.5", id="crosswalk"),
        pytest.param("unapproved_product", "T1219.002 Remote Desktop Software", id="technique-with-its-name"),
        pytest.param("exposed_listener", "Bind x11vnc to 127.0.0.1 and ::1", id="remediation"),
        pytest.param("exposed_listener", "sockets.ss Partial 9 of 11 sockets without an owner: not root", id="gap"),
        pytest.param("exposed_listener", "The host has no network interface but loopback. —", id="why-not-applicable"),
        pytest.param("software_installers", "8 passes are proven by documentation only.", id="documented-passes"),
        pytest.param("software_installers", "The control itself is proven by documentation only.", id="documented"),
        pytest.param("complete_inventory", "T1219 Remote Access Tools, without a relation", id="programme"),
    ],
)  # fmt: skip
def test_a_control_page_says_it(pages: dict[str, str], control: str, sentence: str) -> None:
    assert sentence in pages[control]


def test_every_host_stands_once_under_its_verdict(sample: RunRows, tmp_path: Path) -> None:
    FORMAT.write(sample, tmp_path)
    for control in sample.controls:
        text = (tmp_path / "html" / "controls" / f"{control}.html").read_text(encoding="utf-8")
        table = text[text.index('<h2 id="hosts">') :]
        table = table[: table.index("</section>")]
        listed = re.findall(r'<th scope="row"><a href="\.\./hosts/([^"]+)"', table)
        assert len(listed) == len(set(listed)) == sum(1 for row in sample.ledger if row["outcome"] != "unreachable")


def test_a_host_makes_up_neither_lines_nor_gaps_without_end(sample: RunRows) -> None:
    assessed = [row for row in sample.hosts() if row["outcome"] != "unreachable"]
    host, verdict = next((row, one) for row in assessed for one in row["verdicts"] if one["gaps"])
    tally = Tally()
    for number in range(LISTED + 50):
        gap = verdict["gaps"][0] | {"reason": f"made up {number}"}
        given = verdict | {"gaps": [gap] * 9, "rests_on": [f"made.up{number}"]}
        tally.add(host, given, "page.html")
    assert len(tally.of("unknown")) == LISTED
    assert (len(tally.gaps), tally.more_gaps) == (60, 9 * (LISTED - 10))
    assert len(tally.bases) == 60
    assert (len(tally.of("unknown")[0].said), tally.of("unknown")[0].others) == (3, 6)
    assert tally.counts["unknown"] == LISTED + 50


def test_a_control_nobody_judged_is_unknown_on_its_page(fleet_of: Callable[[int], RunRows], tmp_path: Path) -> None:
    rows = fleet_of(1)
    unjudged = replace(rows, findings=[], hosts=lambda: ({**host, "verdicts": []} for host in rows.hosts()))
    FORMAT.write(unjudged, tmp_path)
    text = Text(tmp_path / "html" / "controls" / "exposed_listener.html").words
    assert "No host fails, but on 1 host it could not be decided." in text
    assert "No verdict was given on it. Nothing that was seen" in text


def test_no_control_chooses_the_name_of_a_file() -> None:
    """Ids of a bundle that somebody else made are text like any other."""
    names = control_pages(["good_id", "../../etc/passwd", "", "x" * 99, "A", "good_id\n"])
    assert list(names.values()) == ["good_id.html", *(f"{place:04}-control.html" for place in range(2, 7))]


def test_a_control_that_this_version_does_not_know_has_a_page_without_a_manual(sample: RunRows, tmp_path: Path) -> None:
    known = dict(sample.controls)
    other = replace(sample, controls=known | {"<b>newer</b>": known["unapproved_product"]})
    FORMAT.write(other, tmp_path)
    file = tmp_path / "html" / "controls" / "0005-control.html"
    assert 'id="manual"' not in file.read_text(encoding="utf-8")
    assert "<b>newer</b>" in Text(file).words


def test_every_manual_page_is_read_whole() -> None:
    """No word of it is lost, and what its lists and code are marked with is not shown."""
    for control in controls().values():
        blocks = blocks_of(control.manual)
        said = " ".join("".join(text for _, text in item) for block in blocks for item in block.items)
        body = control.manual.strip().partition("\n")[2]
        marked = re.sub(r"^(## |\* )", "", body, flags=re.MULTILINE).replace("`", "")
        assert said.split() == marked.split(), control.id
        assert {block.kind for block in blocks} <= {"heading", "paragraph", "list"}


def test_a_list_ends_where_a_paragraph_begins() -> None:
    blocks = blocks_of("Title.\n\n## Head\n\nOne `two`\nthree\n* a\n  b\n* `c`\n\nLast\n")
    assert [(block.kind, block.items) for block in blocks] == [
        ("heading", (((False, "Head"),),)),
        ("paragraph", (((False, "One "), (True, "two"), (False, " three")),)),
        ("list", (((False, "a b"),), ((True, "c"),))),
        ("paragraph", (((False, "Last"),),)),
    ]
