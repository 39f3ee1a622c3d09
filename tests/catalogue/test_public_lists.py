"""How many products of public lists the catalogue recognises, by what those lists give: figures, and who is missing.

*Recognised* is a product that is sighted by what the lists give of it, confirmed or suspected, while nothing else is
taken for it; *confirmed* is one that is so without doubt. A name that was looked up shows an interest, no program, and
is told apart.

The lists' facts lie outside this tree, for they carry various licences. ``AUDITOR_PUBLIC_LISTS`` names a file of
them, one JSON object a line: name, aliases, sources, windows, linux, macos, domains. Run with ``-s`` to read the
figures.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from auditor.catalogue.match import match
from auditor.catalogue.product import Catalogue
from auditor.model.reading import Reading
from auditor.model.sighting import Confidence, Sighting

Host = dict[str, Any]
Maker = Callable[[Host], Reading]
_VARIABLE = "AUDITOR_PUBLIC_LISTS"
_LEAST_LISTS = 4
_ASIDE = {
    "mRemoteNG": "a client",
    "Remote Desktop Plus": "a client",
    "Royal TS / Royal Server": "a client",
    "Pocket Controller": "a client of handhelds",
}
_NAMED = {
    "BeyondTrust Remote Support (Bomgar)": ("beyondtrust-remote-support",),
    "Chrome Remote Desktop": ("chrome-remote-desktop",),
    "ConnectWise Automate (LabTech)": ("connectwise-automate",),
    "DameWare": ("dameware",),
    "GoTo Resolve / GoToAssist": ("goto-resolve",),
    "ISL Online": ("isl-online",),
    "Lite Manager": ("litemanager",),
    "MeshCentral / MeshAgent": ("meshcentral",),
    "Microsoft Quick Assist": ("microsoft-quick-assist",),
    "N-able (N-sight/N-central/Take Control)": ("n-able-take-control", "n-able-n-central", "n-able-n-sight"),
    "NinjaOne (NinjaRMM)": ("ninjaone",),
    "Remote Utilities / RMS": ("remote-utilities",),
    "ScreenConnect (ConnectWise Control)": ("screenconnect",),
    "VNC (generic)": ("generic-vnc", "realvnc", "ultravnc"),
}
"""Names of the lists that the catalogue's names and aliases do not spell; the last one is of several servers."""
_BESIDE = {
    "Access Remote PC": {"remotepc": "the lists give it IDrive's folder, program and service"},
    "AweSun (AweRay)": {"ultraviewer": "one list gives it the signature of UltraViewer's maker"},
    "BeamYourScreen": {"mikogo": "both are of one house, and the lists give Mikogo's signature and name too"},
    "CrossTec Remote Control": {"netsupport": "CrossTec sold NetSupport's program, and the lists give both signatures"},
    "Lite Manager": {"remote-utilities": "one list gives it the signature of Remote Utilities' maker"},
    "NetSupport Manager": {"crosstec-remote-control": "as CrossTec's: the lists give both signatures"},
    "SuperOps": {"isl-online": "it opens the screen by ISL Online, and the lists give its signature"},
    "Tactical RMM": {"meshcentral": "it brings MeshCentral's agent, and the lists give its program"},
    "TigerVNC": {"tightvnc": "the lists give it TightVNC's folder and program"},
}
"""Products that are rightly sighted by what the lists give of another, each with why."""
_LEAST_RECOGNISED = 97.0
_LEAST_CONFIRMED = 84.0
"""Shares in per cent that were reached when this was written: they may only rise."""


def _literal(pattern: str) -> str:
    """Make a name of a pattern: stars inside become a digit."""
    return pattern.replace("*", "1")


def _rooted(path: str) -> str:
    return "C:\\" + _literal(path.removeprefix("*").removeprefix("C:").lstrip("\\"))


def _programs(facts: dict[str, list[str]]) -> list[str]:
    """Return the paths of the programs that a list gives: in the folder it gives, and by their names alone elsewhere.

    Some lists give a product another one's folder; what a program is called is known without it.
    """
    names = [name for name in facts["exe"] if name.casefold().endswith(".exe")]
    folders = [path.removesuffix("*") for path in facts["paths"] if path.endswith("\\*")]
    files = [path for path in facts["paths"] if path.casefold().endswith(".exe")]
    within = [f"{folder}{name}" for folder in folders[:1] for name in names]
    return [_rooted(path) for path in (*within, *(f"C:\\Programs\\{name}" for name in names), *files)]


def _windows(facts: dict[str, list[str]]) -> Host:
    """Make a host that has all of what a list gives, and a renamed program for each word of its maker."""
    signer, company, product = (next(iter(facts[word]), None) for word in ("signer", "company", "product"))
    rows: list[Host] = [
        {"name": path.rpartition("\\")[2], "exe": path, "args": path, "signer": signer, "company": company}
        | {"product": None if product is None else _literal(product)}
        for path in _programs(facts)
    ]
    rows += [
        {"name": "python.exe", "exe": "C:\\Python\\python.exe", "args": f"python.exe C:\\Programs\\{name}"}
        for name in facts["exe"]
        if name.casefold().endswith(".py")
    ]
    renamed = {"name": "a.exe", "exe": "C:\\Users\\Public\\a.exe"}
    rows += [renamed | {word: _literal(value)} for word in ("company", "product", "signer") for value in facts[word]]
    return {
        "os": "windows",
        "process": [{"pid": pid} | row for pid, row in enumerate(rows, start=100)],
        "service": [
            {"name": _literal(name), "manager": "windows_service", "running": True} for name in facts["services"]
        ],
        "software": [
            {"name": name.removeprefix("uninstall-key:"), "source": "software.uninstall"}
            for name in facts["display_names"]
        ],
    }


def _linux(facts: dict[str, list[str]]) -> Host:
    return {
        "process": [
            {"pid": pid, "name": _literal(name)[:15], "exe": f"/usr/bin/{_literal(name)}", "args": _literal(name)}
            for pid, name in enumerate(facts["exe"], start=100)
        ],
        "service": [{"name": _literal(name), "running": True} for name in facts["units"]],
        "software": [{"name": _literal(name)} for name in facts["packages"]],
    }


def _macos(facts: dict[str, list[str]]) -> Host:
    labels = [label.rpartition("/")[2].removesuffix(".plist") for label in facts["launchd"]]
    return {
        "os": "macos",
        "service": [{"name": _literal(label), "manager": "launchd", "running": True} for label in labels],
        "software": [
            {"name": "an application", "source": "software.apps", "identifier": _literal(bundle)}
            for bundle in facts["bundles"]
        ],
    }


def _hosts(entry: dict[str, Any]) -> Iterator[Host]:
    yield _windows(entry["windows"])
    yield _linux(entry["linux"])
    yield _macos(entry["macos"])


def _lookups(entry: dict[str, Any]) -> Host:
    """Make a host that looked up what a list gives: of a pattern, a name below it."""
    names = [name.replace("*", "www") for name in entry["domains"]]
    return {"os": "windows", "lookup": [{"name": name} for name in names]}


def _owners(entry: dict[str, Any], catalogue: Catalogue) -> set[str]:
    """Return the ids of products that a list's entry names."""
    if entry["name"] in _NAMED:
        return set(_NAMED[entry["name"]])
    names = {name.casefold() for name in (entry["name"], *entry["aliases"])}
    return {
        product.id
        for product in catalogue.products
        if names & {name.casefold() for name in (product.id, product.name, *product.aliases)}
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    """What the catalogue makes of one product of the lists."""

    name: str
    """Its name there."""
    confirmed: bool
    """Whether it is confirmed."""
    recognised: bool
    """Whether it is sighted, and nothing else taken for it."""
    by_lookup: bool
    """Whether nothing but a name that was looked up shows it."""
    why: str
    """What is missing, or was taken for it."""


def _judge(entry: dict[str, Any], make_reading: Maker, catalogue: Catalogue) -> _Judged:
    owners = _owners(entry, catalogue)

    def seen(*hosts: Host) -> list[Sighting]:
        return [sighting for host in hosts for sighting in match(make_reading(host), catalogue)]

    programs = seen(*_hosts(entry))
    right = [one for one in programs if one.product in owners]
    shown = programs or seen(_lookups(entry))
    others = sorted({one.product for one in shown} - owners - set(_BESIDE.get(entry["name"], {})))
    is_seen = any(one.product in owners for one in shown)
    missing = "not in the catalogue" if not owners else "not seen by what the lists give"
    return _Judged(
        name=entry["name"],
        confirmed=any(one.confidence is Confidence.CONFIRMED for one in right),
        recognised=is_seen and not others,
        by_lookup=is_seen and not right,
        why=f"taken for {', '.join(others)}" if others else "" if is_seen else missing,
    )


def _told(judged: list[_Judged]) -> str:
    def share(count: int) -> str:
        return f"{count} of {len(judged)} ({100 * count / len(judged):.1f} %)"

    recognised = [one for one in judged if one.recognised]
    beside = sorted(set(_BESIDE) & {one.name for one in recognised})
    looked_up = [one.name for one in recognised if one.by_lookup]
    return "\n".join([
        "",
        f"{share(len(recognised))} recognised, of them by a name looked up only: {', '.join(looked_up) or 'none'}",
        f"  what the lists mix up is seen beside it: {', '.join(beside)}",
        f"{share(sum(one.confirmed for one in judged))} confirmed",
        "not recognised:",
        *sorted(f"  {one.name}: {one.why}" for one in judged if not one.recognised),
        "recognised, not confirmed:",
        *sorted(f"  {one.name}" for one in recognised if not one.confirmed),
        "",
    ])  # fmt: skip


def test_products_of_public_lists_are_recognised(
    make_reading: Maker, catalogue: Catalogue, capsys: pytest.CaptureFixture[str]
) -> None:
    given = os.environ.get(_VARIABLE)
    if not given:
        pytest.skip(f"{_VARIABLE} names no file of the public lists' facts")
    entries = [json.loads(line) for line in Path(given).read_text("utf-8").splitlines() if line.strip()]
    asked = [entry for entry in entries if len(entry["sources"]) >= _LEAST_LISTS and entry["name"] not in _ASIDE]
    assert asked
    judged = [_judge(entry, make_reading, catalogue) for entry in asked]
    with capsys.disabled():
        sys.stdout.write(_told(judged))
    assert 100 * sum(one.recognised for one in judged) / len(judged) >= _LEAST_RECOGNISED
    assert 100 * sum(one.confirmed for one in judged) / len(judged) >= _LEAST_CONFIRMED


@pytest.mark.parametrize(
    "product_id",
    sorted({one for ids in _NAMED.values() for one in ids} | {one for beside in _BESIDE.values() for one in beside}),
)
def test_every_product_that_is_named_here_exists(product_id: str, catalogue: Catalogue) -> None:
    assert catalogue.product(product_id) is not None
