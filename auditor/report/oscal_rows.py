"""What OSCAL calls inventory item, observation, risk, finding and plan item, made of our rows."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from auditor.report.oscal_text import NAMESPACE, identity, markup, prop, props, standard_prop, string
from auditor.report.rows import Row
from auditor.report.words import STANDINGS, VERDICTS, reason_words, word

TOOL = identity("tool", "auditor")
"""The auditor as a component."""
_BY_TOOL = {"actors": [{"type": "tool", "actor-uuid": TOOL}]}
_ATTACK = "https://attack.mitre.org"
_SENTENCES = {
    "fail": "The control is broken on this host.",
    "unknown": "Not established on this host: evidence is missing, and no evidence is never a pass.",
    "excepted": "The control is broken on this host, and an exception accepts it until its end.",
    "pass": "The control is kept on this host.",
    "not_applicable": "The control cannot apply to this host.",
}


def host_identity(host: str) -> str:
    """Return the UUID of a host, the same in every run."""
    return identity("host", host)


def observation_identity(run: str, host: str, control: str) -> str:
    """Return the UUID of what a run saw of a control on a host."""
    return identity("observation", run, host, control)


def risk_identity(fingerprint: str) -> str:
    """Return the UUID of a finding's risk, the same in every run that sees it."""
    return identity("risk", fingerprint)


def inventory_item(host: Row) -> Row:
    """Return a host of the scope, one that was not reached included."""
    system = host["os"] or {}
    known = [("os-name", system.get("name")), ("os-version", system.get("version"))]
    evidence = host["evidence"] or {}
    return {
        "uuid": host_identity(host["host"]),
        "description": f"Host {markup(host['host'])}",
        "props": [
            standard_prop("asset-id", host["host"]),
            standard_prop("is-scanned", host["outcome"] != "unreachable"),
            *(standard_prop(name, value) for name, value in known if value),
            *props(
                [
                    ("outcome", host["outcome"]),
                    ("complete", host["complete"]),
                    ("reason", host["reason"]),
                    ("owner", host["owner"]),
                    ("site", host["site"]),
                    ("evidence-sha256", evidence.get("sha256")),
                ]
            ),
        ],
        **_remarks(
            host["reason"]
            and f"Not assessed: {markup(reason_words(host['reason'])[0])}. {markup(host['detail'] or '')}"
        ),
    }


def observation(run: Row, host: Row, verdict: Row) -> Row:
    """Return what the run saw of one control on one host, with the proof quoted."""
    control, name = verdict["control"], host["host"]
    types = ["control-objective", "finding"] if verdict["verdict"] == "fail" else ["control-objective"]
    return {
        "uuid": observation_identity(run["id"], name, control),
        "title": f"{markup(word(VERDICTS, verdict['verdict']))}: {markup(control)} on {markup(name)}",
        "description": "\n\n".join(_description(verdict)),
        "props": props(
            [
                ("verdict", verdict["verdict"]),
                ("control", control),
                ("mitigation", verdict["mitigation"]),
                ("proven", verdict["proven"] if verdict["verdict"] == "pass" else None),
            ]
        ),
        "methods": ["EXAMINE"],
        "types": types,
        "origins": [_BY_TOOL],
        "subjects": [{"subject-uuid": host_identity(name), "type": "inventory-item", "title": markup(name)}],
        "collected": host["collected_at"] or run["as_of"],
        **_evidence(verdict),
    }


def _description(verdict: Row) -> Iterator[str]:
    """Yield paragraphs: the verdict, what it rests on or what broke it, and what could not be seen."""
    yield _SENTENCES.get(verdict["verdict"], _SENTENCES["unknown"])
    for violation in verdict["violations"]:
        accepted = violation["exception"]
        kind = "Violation" if accepted is None else f"Accepted by the exception {markup(accepted)}"
        yield f"{kind} ({markup(violation['subject'])}): {markup(violation['reason'])}"
    for violation in verdict["suspected"]:
        yield f"Suspected ({markup(violation['subject'])}): {markup(violation['reason'])}"
    for gap in verdict["gaps"]:
        advice = "" if gap["advice"] is None else f" {markup(gap['advice'])}"
        yield f"Not seen ({markup(gap['section'])}, {markup(gap['outcome'])}): {markup(gap['reason'])}{advice}"
    if verdict["inapplicable"] is not None:
        yield f"Because {markup(verdict['inapplicable']['reason'])}"
    if verdict["verdict"] == "pass":
        yield f"It rests on: {', '.join(map(markup, verdict['rests_on'])) or 'nothing that a host was asked for'}."
        if not verdict["proven"]:
            yield "This pass rests on documentation only: its reader or control has not met a real host of this kind."
    for limit in verdict["limits"]:
        yield f"Limit of the method ({markup(limit['id'])}): {markup(limit['text'])}"


def _evidence(verdict: Row) -> Row:
    quotes = [quote for kind in ("violations", "suspected") for one in verdict[kind] for quote in one["proof"]]
    if verdict["inapplicable"] is not None:
        quotes += verdict["inapplicable"]["proof"]
    said = [
        {
            "description": f"Quoted from {markup(quote['section'])}: {markup(quote['quote'])}",
            "props": [prop("section", quote["section"])],
        }
        for quote in quotes
    ]
    return {"relevant-evidence": said} if said else {}


def risk(run: Row, finding: Row, exceptions: Mapping[str, Row], controls: Mapping[str, Row]) -> Row:
    """Return a finding that is not closed as a risk: open, or accepted where we can name the exception to it."""
    fingerprint = finding["fingerprint"]
    exception = exceptions.get(finding["exception"]) if finding["state"] == "excepted" else None
    title = f"{markup(finding['control'])} on {markup(finding['host'])}: {markup(finding['subject'])}"
    unseen = finding["state"] == "not_observable"
    return {
        "uuid": risk_identity(fingerprint),
        "title": title,
        "description": markup(finding["reason"]),
        "statement": markup(str(controls.get(finding["control"], {}).get("title", finding["control"])))
        + (". This run could not see whether it still holds." if unseen else ". It did not hold when this run looked."),
        "props": props(
            [
                ("fingerprint", fingerprint),
                ("state", finding["state"]),
                *((name, finding[name]) for name in ("control", "host", "product", "owner")),
                ("first-seen", finding["first_seen"]),
                ("failing-since", finding["failing_since"]),
                ("exception", finding["exception"]),
            ]
        ),
        "status": "open" if exception is None else "deviation-approved",
        **_threats(controls.get(finding["control"], {}).get("techniques", ())),
        "characterizations": [
            {
                "origin": _BY_TOOL,
                "facets": [{"name": "severity", "system": NAMESPACE, "value": string(finding["severity"])}],
            }
        ],
        **({} if exception is None else _deviation(run, finding, exception)),
        **({} if finding["due"] is None else {"deadline": finding["due"]}),
    }


def _threats(techniques: Iterable[str]) -> Row:
    links = [f"{_ATTACK}/techniques/{technique.replace('.', '/')}/" for technique in techniques]
    return {"threat-ids": [{"system": _ATTACK, "id": link} for link in links]} if links else {}


def _deviation(run: Row, finding: Row, exception: Row) -> Row:
    """Return who accepted a violation, why, until when, and what is done instead."""
    name, fingerprint = finding["exception"], finding["fingerprint"]
    entry = {
        "uuid": identity("exception", run["id"], name, fingerprint),
        "title": f"Exception {markup(name)}, which ends with {exception['end']}",
        "description": markup(exception["reason"]),
        "start": f"{exception['start']}T00:00:00Z",
        # The last day counts.
        "end": f"{exception['end']}T23:59:59Z",
        "props": props(
            [
                ("exception", name),
                ("requested-by", exception["requested_by"]),
                ("approved-by", exception["approved_by"]),
                ("ticket", exception["ticket"]),
                ("standing", exception["standing"]),
            ]
        ),
        "logged-by": [
            {"party-uuid": person_identity(exception["requested_by"]), "role-id": "exception-requester"},
            {"party-uuid": person_identity(exception["approved_by"]), "role-id": "exception-approver"},
        ],
        "status-change": "deviation-approved",
        "remarks": f"{markup(word(STANDINGS, exception['standing']))}. After its end the violation counts again.",
    }
    instead = exception["compensating"]
    factors = [{"uuid": identity("compensating", run["id"], name, fingerprint), "description": markup(instead or "")}]
    return {"risk-log": {"entries": [entry]}, **({"mitigating-factors": factors} if instead else {})}


def person_identity(name: str) -> str:
    """Return the UUID of a person whom an exception names."""
    return identity("person", name)


def remediation(finding: Row, steps: Iterable[str]) -> Row:
    """Return the steps that close a finding, and the day by which they are due as a milestone."""
    numbered = "\n".join(f"{number}. {markup(step)}" for number, step in enumerate(steps, 1))
    milestone = finding["due"] and {
        "uuid": identity("milestone", finding["fingerprint"]),
        "type": "milestone",
        "title": "The finding is closed",
        "timing": {"on-date": {"date": finding["due"]}},
    }
    if not numbered and not milestone:
        return {}
    return {
        "remediations": [
            {
                "uuid": identity("remediation", finding["fingerprint"]),
                "lifecycle": "recommendation",
                "title": "What closes the finding",
                "description": numbered or "The control names no steps.",
                **({"tasks": [milestone]} if milestone else {}),
            }
        ]
    }


def poam_item(run: Row, finding: Row, *, observed: bool) -> Row:
    """Return the line of the plan for a finding that is not closed."""
    seen = observation_identity(run["id"], finding["host"], finding["control"])
    return {
        "uuid": identity("item", finding["fingerprint"]),
        "title": f"{markup(finding['control'])} on {markup(finding['host'])}: {markup(finding['subject'])}",
        "description": markup(finding["reason"]),
        "props": props([(name, finding[name]) for name in ("fingerprint", "state", "severity", "owner")]),
        **({"related-observations": [{"observation-uuid": seen}]} if observed else {}),
        "related-risks": [{"risk-uuid": risk_identity(finding["fingerprint"])}],
    }


def status(counts: Counter[str], scope: int) -> Row | None:
    """Return the state of a control over all hosts of the scope; None where no host could be asked for it.

    Satisfied is only what passed on every host that it applies to. OSCAL has two words: what is unknown on one host,
    or accepted, is not satisfied, for another reason than a failure.
    """
    unknown = scope - sum(counts[name] for name in ("fail", "excepted", "pass", "not_applicable"))
    if counts["fail"]:
        return {"state": "not-satisfied", "reason": "fail", "remarks": f"Broken on {_of(counts['fail'], scope)}."}
    if unknown > 0:
        said = f"Not established on {_of(unknown, scope)}: no evidence is never a pass."
        return {"state": "not-satisfied", "reason": "other", "remarks": said}
    if counts["excepted"]:
        said = f"Broken on {_of(counts['excepted'], scope)}, each time accepted by an exception."
        return {"state": "not-satisfied", "reason": "other", "remarks": said}
    if counts["pass"]:
        return {"state": "satisfied", "reason": "pass"}
    return None


def finding(run: Row, control: str, said: Row, counts: Counter[str], status: Row) -> Row:
    """Return the finding on a control over the whole scope."""
    counted = ", ".join(f"{word(VERDICTS, name).lower()} {counts[name]}" for name in VERDICTS)
    return {
        "uuid": identity("control", run["id"], control),
        "title": markup(said["title"]),
        "description": f"Hosts in scope by verdict: {counted}.",
        "props": control_props(said) + props([("documented-passes", counts["documented"] or None)]),
        "target": {
            "type": "objective-id",
            "target-id": control,
            "title": markup(said["title"]),
            "status": status,
        },
    }


def control_props(said: Row) -> list[Row]:
    """Return what a control is tied to; it speaks to these requirements, it does not cover them."""
    walk = ((name, requirement) for name, ids in sorted(said["crosswalk"].items()) for requirement in ids)
    return [
        prop("mitigation", said["mitigation"]),
        *(prop("technique", technique) for technique in said["techniques"]),
        *({**prop("speaks-to", requirement), "remarks": markup(name)} for name, requirement in walk),
    ]


def _of(count: int, scope: int) -> str:
    return f"{count:,} of {scope:,} {'host' if scope == 1 else 'hosts'}"


def _remarks(text: str | None) -> Row:
    return {"remarks": text.strip()} if text else {}
