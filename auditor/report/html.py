"""The results for people: a page of the fleet, of each host, control and owner; nothing from a host acts in them."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.catalogue.cache import user_cache
from auditor.controls.attack import attack_data
from auditor.report import words
from auditor.report.control_tally import control_pages
from auditor.report.fleet_tally import FleetTally
from auditor.report.fleet_view import control_views, fleet_view
from auditor.report.format import Format
from auditor.report.host_page import CommonRows, HostPages
from auditor.report.host_table import STATIC, table_filter
from auditor.report.owners import owner_names, work_of
from auditor.report.page_workers import PageWorkers
from auditor.report.remediation import counted
from auditor.report.rows import Row
from auditor.report.run_rows import RunRows
from auditor.report.scratch import Scratch
from auditor.report.summary import NAMED, RANKED, bar

if TYPE_CHECKING:
    from jinja2 import BytecodeCache, Environment

_ASSETS = ("style.css", "fleet.js")
_SLUG_LENGTH = 40
_LISTED = 500
"""Findings, and hosts, that an owner's page lists; the tables in csv/ hold all."""
_NOT_IN_SLUG = re.compile(r"[^a-z0-9]+")


def page_names(ledger: Sequence[Row]) -> dict[str, str]:
    """Return the file name of each host's page: its place in the ledger and what is harmless of its name.

    The place makes it unique, the rest is for people; nothing but ``a-z``, ``0-9`` and ``-`` survives.
    """
    return dict(each_page(ledger))


def each_page(ledger: Sequence[Row]) -> Iterator[tuple[str, str]]:
    """Yield the same one after the other, in the ledger's order."""
    width = max(4, len(str(len(ledger))))
    for place, row in enumerate(ledger, 1):
        yield row["host"], f"{place:0{width}d}-{_slug(row['host'])}.html"


def owner_pages(ledger: Iterable[Row]) -> dict[str | None, str]:
    """Return the file name of each owner's page, made like those of the hosts; None owns what nobody owns."""
    owners = owner_names(ledger)
    return {
        owner: "0000-no-owner.html" if owner is None else f"{place:04}-{_slug(owner, 'owner')}.html"
        for place, owner in enumerate(owners, 0 if None in owners else 1)
    }


def _slug(name: str, otherwise: str = "host") -> str:
    return _NOT_IN_SLUG.sub("-", name.lower())[:_SLUG_LENGTH].strip("-") or otherwise


def _write(rows: RunRows, folder: Path) -> list[Path]:
    """Write the pages in one pass over the hosts; what the other pages need of each is kept, the host is not."""
    place = folder / "html"
    for made in (place, *(place / name for name in ("hosts", "owners", "controls", "assets"))):
        made.mkdir()
    for name in _ASSETS:
        (place / "assets" / name).write_bytes((files("auditor.report") / "assets" / name).read_bytes())
    by_owner = owner_pages(rows.ledger)
    template, shared = templates().get_template("host.html"), shared_view(rows, by_owner)
    hosts: list[Path] = []
    with Scratch(folder) as scratch:
        fleet = FleetTally(rows, by_owner, scratch)
        host_pages = HostPages(rows, fleet.remediation)

        def write_page(host: Row, findings: Sequence[Row], page: str) -> None:
            text = template.render(shared | host_pages.view(host, findings))
            (place / "hosts" / page).write_bytes(text.encode("utf-8"))

        with PageWorkers(write_page, len(rows.ledger)) as workers:
            for host, findings, page in fleet.hosts(each_page(rows.ledger)):
                workers.give(host, findings, page)
                hosts.append(place / "hosts" / page)
        others = write_fleet(rows, fleet, shared, place)
    return [others[0], *hosts, *others[1:], *(place / "assets" / name for name in _ASSETS)]


def write_fleet(rows: RunRows, fleet: FleetTally, shared: Mapping[str, Any], place: Path) -> list[Path]:
    """Write every page that is of no single host, once all of them were counted; the fleet page is the first."""
    summary, owners = fleet.summary, fleet.owners.ranked()
    view = {**shared, **fleet_view(rows, fleet, owners), "remediation": fleet.remediation}
    linked = {row["host"] for row in (() if view["changes"] is None else view["changes"].rows)}
    linked |= {host["host"] for plan in fleet.remediation.plans for host in plan.get("hosts", ())}
    view["pages"] = {host: page for host, page in each_page(rows.ledger) if host in linked} if linked else {}
    made = [_written(place / "index.html", "fleet.html", view)]
    if len(summary.lines) > STATIC:
        made.append(_written(place / "all-hosts.html", "all_hosts.html", view))
    for control, of_control in control_views(rows, summary, fleet.tallies):
        file = place / "controls" / shared["control_pages"][control]
        made.append(_written(file, "control.html", {**shared, **of_control}))
    for owner in owners:
        of_owner = {
            "owner": owner,
            "work": work_of(fleet.owners.all_due(owner), summary.problems),
            "due": fleet.owners.due(owner, _LISTED),
            "excepted": fleet.owners.excepted(owner, _LISTED),
            "hosts": fleet.owners.hosts(owner, _LISTED),
            "listed": _LISTED,
            "ranked": RANKED,
        }
        made.append(_written(place / "owners" / owner.page, "owner.html", {**shared, **of_owner}))
    return made


def shared_view(rows: RunRows, by_owner: Mapping[str | None, str], style: Row | None = None) -> dict[str, Any]:
    """Return what every page is given; ``style`` goes into the page itself, where it is to need no other file."""
    return {
        "run": rows.run,
        "controls": rows.controls,
        "control_pages": control_pages(rows.controls),
        "exceptions": rows.exceptions,
        "approvals": rows.approvals,
        "owner_pages": by_owner,
        "rows": CommonRows(templates().get_template("rows.html").module, rows.controls),
        "style": style,
    }


def _written(file: Path, template: str, view: Mapping[str, Any]) -> Path:
    # Piece by piece: the page of all hosts is as long as the fleet.
    with file.open("w", encoding="utf-8") as stream:
        stream.writelines(templates().get_template(template).generate(view))
    return file


def _duration(seconds: float) -> str:
    """Say a clock's error as a person would."""
    size = abs(seconds)
    direction = "ahead" if seconds > 0 else "behind"
    for unit, name in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if size >= 2 * unit:
            return f"{size / unit:.1f} {name} {direction}"
    return f"{size:.1f} seconds {direction}" if size >= 1 else "within one second of ours"


def _span(seconds: float | None) -> str | None:
    """Say how long something took as a person would; None where that is not known."""
    if seconds is None:
        return None
    for unit, name in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.1f} {name}"
    return f"{seconds:.0f} seconds"


def _by_folder(ids: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Sort ids of sections by their folders, so that a reader meets each folder's name once."""
    folders: dict[str, list[str]] = {}
    for one in ids:
        folder, _, name = one.partition(".")
        folders.setdefault(folder, []).append(name)
    return list(folders.items())


def _word_filter(mapping: Mapping[str, str]) -> Any:  # noqa: ANN401 — Jinja2's filters are untyped
    return lambda key: words.word(mapping, key)


def _private_cache() -> Path | None:
    """Return the user's cache folder if nobody else can write there: what lies in it is run as our code."""
    folder = user_cache(os.environ)
    try:
        if folder is not None:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            state = folder.stat()
            if state.st_uid == os.geteuid() and not state.st_mode & 0o022:
                return folder
    except OSError:
        pass
    return None


def _kepttemplates() -> "BytecodeCache | None":
    """Return where compiled templates are kept between runs; compiling them takes as long as forty pages."""
    from jinja2 import FileSystemBytecodeCache  # noqa: PLC0415 — see below
    from jinja2.bccache import Bucket  # noqa: PLC0415

    class Kept(FileSystemBytecodeCache):
        """A folder that cannot be written costs time at the next start, no more."""

        def dump_bytecode(self, bucket: Bucket) -> None:
            with suppress(OSError):
                super().dump_bytecode(bucket)

    folder = _private_cache()
    return None if folder is None else Kept(str(folder), "page-%s.cache")


@cache
def templates() -> "Environment":
    """Compile the templates once in a process: escaping on, an unknown name is an error."""
    # Formats are listed by every command that takes --format: Jinja2 is loaded only by those that render.
    from jinja2 import PackageLoader, StrictUndefined  # noqa: PLC0415

    from auditor.report.page_text import Pages, prose, shown  # noqa: PLC0415

    made = Pages(
        loader=PackageLoader("auditor.report"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=shown,
        auto_reload=False,
        bytecode_cache=_kepttemplates(),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "by_folder": _by_folder,
        "outcome": _word_filter(words.OUTCOMES),
        "verdict": _word_filter(words.VERDICTS),
        "severity": _word_filter(words.SEVERITIES),
        "cause": _word_filter(words.CAUSES),
        "state": _word_filter(words.STATES),
        "exception_state": _word_filter(words.EXCEPTION_STATES),
        "standing": _word_filter(words.STANDINGS),
        "category": _word_filter(words.CATEGORIES),
        "reach": _word_filter(words.REACHABILITY),
        "finding_state": _word_filter(words.FINDING_STATES),
        "peer": _word_filter(words.PEERS),
        "section_outcome": _word_filter(words.SECTION_OUTCOMES),
        "rights": lambda host: words.rights_words(host["rights"], (host["os"] or {}).get("family")),
        "passed_over": _word_filter(words.PASSED_OVER),
        "mitigation": _word_filter(attack_data().mitigation_names),
        "when": lambda text: text if text is None else f"{text[:10]} {text[11:16]} UTC",
        "day": lambda text: text if text is None else text[:10],
        "skew": _duration,
        "span": _span,
        "percent": words.percent,
        "bar": bar,
        "count": lambda number: f"{number:,}",
    }
    made.globals |= {
        "outcome_names": words.OUTCOMES,
        "change_names": words.CHANGES,
        "named": NAMED,
        "counted": counted,
        "stands_kind": words.STANDS,
        "verdict_names": words.VERDICTS,
        "prose": prose,
        "reason_words": words.reason_words,
        "table_filter": table_filter,
    }
    return made


FORMAT = Format(
    id="html",
    title="pages to read: the fleet, each host with its proof, each control, each owner with what is due",
    write=_write,
)
