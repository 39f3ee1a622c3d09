"""A host in one file: its page with the styles inside, for whoever gets that host alone, by mail or in a ticket."""

import base64
import hashlib
from importlib.resources import files
from pathlib import Path

from auditor.report.format import Format
from auditor.report.host_findings import hosts_with_findings, with_pages
from auditor.report.host_page import HostPages
from auditor.report.html import each_page, shared_view, templates
from auditor.report.remediation import Remediation
from auditor.report.rows import Row
from auditor.report.run_rows import RunRows

FOLDER = "html-single"
"""Where the files lie, named as the pages of the ``html`` format are."""


def _write(rows: RunRows, folder: Path) -> list[Path]:
    """Write a file for each host; nothing in it asks for another file."""
    place = folder / FOLDER
    place.mkdir()
    host_pages = HostPages(rows, Remediation(rows))
    template = templates().get_template("host.html")
    shared = shared_view(rows, {}, page_style()) | {"control_pages": {}}
    made = []
    for host, findings, page in with_pages(hosts_with_findings(rows), each_page(rows.ledger)):
        file = place / page
        file.write_text(template.render(shared | host_pages.view(host, findings)), encoding="utf-8")
        made.append(file)
    return made


def page_style() -> Row:
    """Return the styles, and what the page's own policy names them by: it lets no others in."""
    text = (files("auditor.report") / "assets" / "style.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return {"text": text, "source": f"sha256-{digest}"}


FORMAT = Format(
    id="html-single",
    title="one file for each host, styles inside, that needs no other",
    write=_write,
)
