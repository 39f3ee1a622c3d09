"""The workpaper of a sample: what the sampled hosts said and were judged, in files that a person reads.

It is a function of the bundle, size, seed and strata: made anew it has the same bytes, which is how it is checked.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any

from auditor.collect.seal import canonical
from auditor.errors import UsageError
from auditor.model.record import Record, asdict
from auditor.report.visible import visible
from auditor.run.open_bundle import Answer, Bundle
from auditor.run.sampling import METHOD, DrawnHost, draw, draw_of_each
from auditor.run.strict_json import strict_json

_FORMAT = 1
_SAFE = re.compile(r"[a-z0-9_]{1,40}(\.[a-z0-9_]{1,40})?")
NOBODY = "(none)"
"""The stratum of hosts that have no site."""


class By(StrEnum):
    """What strata are made by."""

    VERDICT = "verdict"
    SITE = "site"


class Asked(Record, kw_only=True):
    """What sample is wanted."""

    size: int
    """Hosts to draw."""
    seed: str
    """What they are drawn by."""
    by: By | None = None
    """What strata are made by; None draws from the whole population."""


def workpaper(bundle: Bundle, asked: Asked) -> Iterator[tuple[str, bytes]]:
    """Yield the files of a workpaper by their paths; ``sample.json``, which names all others, is the last."""
    names = sorted(bundle.facts)
    population = bundle.run["scope"]["sha256"]
    strata = _strata(bundle, asked.by)
    if strata is None:
        drawn = draw(names, population, size=asked.size, seed=asked.seed)
    else:
        drawn = draw_of_each(strata, population, size=asked.size, seed=asked.seed)
    wanted = {one.host for one in drawn}
    rows = _rows(bundle, wanted)
    answers = {answer.facts.name: answer for answer in bundle.answers() if answer.facts.name in wanted}
    listed: list[dict[str, Any]] = []

    def kept(path: str, data: bytes) -> tuple[str, bytes]:
        listed.append({"path": path, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()})
        return path, data

    # Its digest is the one of the scope.
    yield kept("population.txt", "".join(f"{name}\n" for name in names).encode())
    for number, one in enumerate(drawn, 1):
        folder = f"hosts/{number:03}"
        yield from (kept(f"{folder}/{name}", data) for name, data in _files_of(bundle, answers[one.host], rows))
    sample = {
        "format": _FORMAT,
        "method": METHOD,
        "run": bundle.id,
        "seal": bundle.manifest["seal"],
        "seed": asked.seed,
        "size": asked.size,
        "by": asked.by,
        "population": {"count": len(names), "sha256": population},
        "strata": strata,
        "hosts": [_drawn(one, number, answers[one.host], rows) for number, one in enumerate(drawn, 1)],
        "files": listed,
    }
    yield "sample.json", _pretty(sample)


def asked_by(sample: bytes) -> Asked:
    """Read what a sample says it was drawn by; ValueError where it says nothing of the kind."""
    try:
        row = strict_json(sample)
        size, seed, by = row["size"], row["seed"], row["by"]
        if row["format"] != _FORMAT or type(size) is not int or not isinstance(seed, str):
            raise ValueError("it is of no format that this version knows")
        return Asked(size=size, seed=seed, by=None if by is None else By(by))
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError("it does not say how it was drawn") from error


def _strata(bundle: Bundle, by: By | None) -> dict[str, list[str]] | None:
    if by is None:
        return None
    strata: dict[str, list[str]] = {}
    if by is By.SITE:
        of_each = {name: facts.site or NOBODY for name, facts in bundle.facts.items()}
    else:
        of_each = {name: str(row["outcome"]) for name, row in _rows(bundle, set(bundle.facts), heads=True).items()}
        if of_each.keys() != bundle.facts.keys():
            raise UsageError(f"{bundle.folder}: has no hosts.jsonl with the outcome of each host: draw without --by")
    for name in sorted(of_each):
        strata.setdefault(of_each[name], []).append(name)
    return strata


def _rows(bundle: Bundle, wanted: set[str], *, heads: bool = False) -> dict[str, dict[str, Any]]:
    """Return the rows of hosts as they were judged, or what they begin with; none where nothing was judged."""
    file = bundle.folder / "hosts.jsonl"
    found: dict[str, dict[str, Any]] = {}
    if not file.is_file():
        return found
    try:
        with file.open("rb") as lines:
            for line in lines:
                row = _checked(strict_json(line))
                if row["host"] in wanted:
                    found[row["host"]] = {"outcome": row["outcome"]} if heads else row
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise UsageError(f"{visible(str(file))}: cannot be read: {visible(str(error))}") from error
    return found


def _checked(row: dict[str, Any]) -> dict[str, Any]:
    """Return a host's row; TypeError for one that lacks what a workpaper takes from it."""
    verdicts = row.get("verdicts", [])
    told = [row["host"], row["outcome"], *(one[name] for one in verdicts for name in ("control", "verdict"))]
    if not isinstance(verdicts, list) or not all(isinstance(one, str) for one in told):
        raise TypeError("a host's row is of another kind")
    return row


def _drawn(one: DrawnHost, number: int, answer: Answer, rows: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "host": one.host,
        "rank": one.rank,
        "stratum": one.stratum,
        "folder": f"hosts/{number:03}",
        "evidence_sha256": answer.sha256,
        "outcome": rows[one.host]["outcome"] if one.host in rows else None,
        "verdicts": {row["control"]: row["verdict"] for row in rows.get(one.host, {}).get("verdicts", ())},
    }


def _files_of(bundle: Bundle, answer: Answer, rows: Mapping[str, Any]) -> Iterator[tuple[str, bytes]]:
    """Yield a host's files: who it is, how it was judged, and what it said, section by section."""
    evidence = bundle.evidence(answer)
    sections = () if evidence is None else evidence.sections
    names = [
        f"{number:02}{f'-{one.id}' if _SAFE.fullmatch(one.id) else ''}.txt" for number, one in enumerate(sections, 1)
    ]
    yield (
        "host.json",
        _pretty(
            {
                "facts": asdict(answer.facts),
                "reason": answer.reason,
                "detail": answer.detail,
                "head": answer.head,
                "sha256": answer.sha256,
                "sections": [
                    {
                        "file": f"sections/{name}",
                        "id": one.id,
                        "outcome": one.outcome,
                        "reason": one.reason,
                        "stderr": one.stderr,
                        "sha256": one.sha256,
                        "text_sha256": hashlib.sha256(one.text.encode()).hexdigest(),
                    }
                    for name, one in zip(names, sections, strict=True)
                ],
            }
        ),
    )
    if answer.facts.name in rows:
        yield "verdicts.json", _pretty(rows[answer.facts.name])
    for name, one in zip(names, sections, strict=True):
        # What a host said cannot act on a terminal; its bytes lie in the bundle.
        yield f"sections/{name}", "".join(f"{visible(line)}\n" for line in one.text.split("\n")).encode()


def _pretty(value: Any) -> bytes:  # noqa: ANN401 — whatever JSON can hold
    return (json.dumps(json.loads(canonical(value)), indent=1, sort_keys=True) + "\n").encode()
