"""What every form of the Heimdall Data Format says of a control and of a verdict, in the same words."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from auditor.report.rows import Row
from auditor.report.spool import encoded
from auditor.report.visible import visible
from auditor.report.words import STANDINGS, word

PROFILE = "auditor-remote-access"
"""Name of our controls as one set: profile in ExecJSON, baseline in HDF 3."""
TITLE = "Remote-access software: found, reachable, approved"
_NIST = "NIST SP 800-53"
# inspecjs 2.12.6, convertImpactToSeverity: from 0.9 on critical, from 0.7 high, from 0.4 medium, from 0.1 low. An
# impact of 0 means that a control does not apply.
_IMPACTS = {"critical": 0.9, "high": 0.7, "medium": 0.5, "low": 0.3}
_ORDINARY_IMPACT = 0.5
SENTENCES = {
    "pass": "Kept on this host.",
    "fail": "Broken on this host.",
    "excepted": "Broken on this host, and accepted by an exception.",
    "not_applicable": "Cannot apply to this host.",
    "unknown": "Unknown: not established on this host, which is never a pass.",
}
"""What a verdict says."""


def impact(severities: Iterable[str]) -> float:
    """Return the impact of the gravest of some severities; the ordinary one where there is none."""
    return max((_IMPACTS[name] for name in severities if name in _IMPACTS), default=_ORDINARY_IMPACT)


def tags(said: Row) -> dict[str, Any]:
    """Return what a control is mapped to."""
    nist = [requirement for name, ids in said["crosswalk"].items() if name.startswith(_NIST) for requirement in ids]
    revisions = [f"Rev_{name[-1]}" for name in said["crosswalk"] if name.startswith(_NIST) and name[-1].isdigit()]
    return {
        "nist": [*nist, *revisions],
        "mitigation": said["mitigation"],
        "attack": said["techniques"],
        "crosswalk": said["crosswalk"],
    }


def reference(said: Row) -> str:
    """Return the address of the mitigation that a control is tied to."""
    return f"https://attack.mitre.org/mitigations/{said['mitigation']}/"


def exceptions_of(verdict: Row) -> set[str]:
    """Return the exceptions that accept what broke a control on a host."""
    return {one["exception"] for one in verdict["violations"] if one["exception"] is not None}


def waiver(names: Iterable[str], exceptions: Mapping[str, Row]) -> Row | None:
    """Return who accepted what broke a control; None where one of these exceptions is not known, or there is none.

    ``skipped_due_to_waiver`` stays false: readers take a control for not applicable where it is true, and what fails
    would be lost with it.
    """
    wanted = sorted(names)
    known = [(name, exceptions[name]) for name in wanted if name in exceptions]
    if len(known) != len(wanted) or not known:
        return None
    return {
        "justification": visible(" ".join(f"{name}: {one['reason']}" for name, one in known)),
        "expiration_date": min(one["end"] for _, one in known),
        "run": True,
        "skipped_due_to_waiver": False,
        "message": visible(" ".join(accepted_by(name, one) for name, one in known)),
    }


def accepted_by(name: str, one: Row) -> str:
    """Say who asked for an exception, who granted it, until when it holds, and what shows that."""
    return (
        f"{name} was asked for by {one['requested_by']}, granted by {one['approved_by']}, and ends with {one['end']}. "
        f"{word(STANDINGS, one['standing'])}."
    )


def controls_sha256(controls: Mapping[str, Row]) -> str:
    """Return the digest of what is said of all controls."""
    return hashlib.sha256(encoded(dict(controls)).encode("ascii")).hexdigest()


def message(verdict: Row) -> str:
    """Return lines: the verdict, what was seen, accepted, suspected or missed, and on what a pass rests."""
    return "\n".join(_lines(verdict))


def _lines(verdict: Row) -> Iterator[str]:
    yield SENTENCES.get(verdict["verdict"], SENTENCES["unknown"])
    for violation in verdict["violations"]:
        accepted = violation["exception"]
        yield visible(violation["reason"] if accepted is None else f"Accepted by {accepted}: {violation['reason']}")
        yield from _quotes(violation["proof"])
    for violation in verdict["suspected"]:
        yield visible(f"Suspected: {violation['reason']}")
        yield from _quotes(violation["proof"])
    for gap in verdict["gaps"]:
        advice = "" if gap["advice"] is None else f" {gap['advice']}"
        yield visible(f"Not seen ({gap['section']}, {gap['outcome']}): {gap['reason']}{advice}")
    if verdict["inapplicable"] is not None:
        yield visible(f"Because {verdict['inapplicable']['reason']}")
        yield from _quotes(verdict["inapplicable"]["proof"])
    if verdict["verdict"] == "pass":
        yield visible(f"Rests on: {', '.join(verdict['rests_on'])}")
        if not verdict["proven"]:
            yield "Rests on documentation only: not proven on a real host of this kind."
    for limit in verdict["limits"]:
        yield visible(f"Limit of the method: {limit['text']}")


def _quotes(quotes: list[Row]) -> Iterator[str]:
    return (visible(f"  {quote['section']}: {quote['quote']}") for quote in quotes)
