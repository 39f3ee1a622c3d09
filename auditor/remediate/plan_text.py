"""A plan as a YAML file: written so that people can read and compare it, read back so that nothing slips in.

The digest that is signed is not over the file's bytes but over what it says, as canonical JSON without the approval:
a comment or another line break voids nothing, and any other change voids the approval.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from auditor.collect.seal import canonical
from auditor.errors import PlanError, Problem
from auditor.located import read_document, schema_problems
from auditor.model.plan import PLAN_VERSION, LeftOut, Plan, Play, Step
from auditor.model.record import Record

_HEAD = """\
# A remediation plan. Nothing is done before somebody else than its maker has approved it:
#   auditor remediate approve FILE --as NAME
# Steps may be taken out before that. Any change afterwards, comments apart, voids the approval.
"""
_WIDTH = 110
_INSTANT = "%Y-%m-%dT%H:%M:%SZ"


class Approval(Record, kw_only=True):
    """Somebody's consent to a plan, as it stands: nothing of it is verified yet."""

    by: str
    """Who gave it, a name of people.yml."""
    sha256: str
    """Digest of the plan that it was given to."""
    signature: str
    """SSH signature over that plan's canonical text."""


class PlanFile(Record, kw_only=True):
    """A plan with its approval, as a file holds them."""

    plan: Plan
    """The plan."""
    approval: Approval | None = None
    """Its approval; None while there is none."""


def signed_text(plan: Plan) -> bytes:
    """Return what an approval signs: all that the plan says, in the one way to write it."""
    return canonical(_data(plan))


def plan_digest(plan: Plan) -> str:
    """Return the SHA-256 that names a plan."""
    return hashlib.sha256(signed_text(plan)).hexdigest()


def plan_text(file: PlanFile) -> str:
    """Write a plan, and its approval where it has one, as YAML for people."""
    data = _data(file.plan)
    if file.approval is not None:
        data["approval"] = {
            "by": file.approval.by,
            "sha256": file.approval.sha256,
            "signature": file.approval.signature,
        }
    return _HEAD + yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=False, width=_WIDTH)


def read_plan(text: str, file: Path) -> PlanFile:
    """Read a plan back; PlanError names everything that is wrong with it, each with its place."""
    document = read_document(text, file, dates_as_text=True)
    if isinstance(document, Problem):
        raise PlanError(document)
    problems = schema_problems(document, _schema())
    if problems:
        raise PlanError(problems)
    data: Mapping[str, Any] = document.data
    given = data.get("approval")
    return PlanFile(plan=_plan(data), approval=None if given is None else Approval(**given))


class _Dumper(yaml.SafeDumper):
    """Dumps texts of several lines as blocks, and indents what lists hold."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002
        """Indent lists below their key, as people write them."""
        super().increase_indent(flow, indentless=False)


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


@cache
def _schema() -> Mapping[str, Any]:
    text = (files("auditor.remediate") / "plan.schema.json").read_text(encoding="utf-8")
    schema: Mapping[str, Any] = json.loads(text)
    return schema


def _data(plan: Plan) -> dict[str, Any]:
    return {
        "auditor_plan": PLAN_VERSION,
        "run": plan.run,
        "policy_sha256": plan.policy_sha256,
        "catalogue_sha256": plan.catalogue_sha256,
        "tool_version": plan.tool_version,
        "made_at": _instant(plan.made_at),
        "made_by": plan.made_by,
        "steps": [_step_data(step) for step in plan.steps],
        "left_out": [
            {
                "host": one.host,
                "fingerprint": one.fingerprint,
                "control": one.control,
                "subject": one.subject,
                "reason": one.reason,
            }
            for one in plan.left_out
        ],
    }


def _step_data(step: Step) -> dict[str, Any]:
    return {
        "host": step.host,
        "play": str(step.play),
        "variables": _listed(step.variables),
        "product": step.product,
        "why": list(step.why),
        "severity": str(step.severity),
        "owner": step.owner,
        "reversible": step.is_reversible,
        "expects": step.expects,
        "findings": list(step.findings),
        "evidence_sha256": step.evidence_sha256,
        "collected_at": _instant(step.collected_at),
    }


def _listed(value: Any) -> Any:  # noqa: ANN401 — what a variable may hold
    """Write what a variable holds as plain data."""
    if isinstance(value, Mapping):
        return {key: _listed(one) for key, one in value.items()}
    return [_listed(one) for one in value] if isinstance(value, tuple) else value


def _frozen(value: Any) -> Any:  # noqa: ANN401 — the same, back
    if isinstance(value, Mapping):
        return {key: _frozen(one) for key, one in value.items()}
    return tuple(_frozen(one) for one in value) if isinstance(value, list) else value


def _plan(data: Mapping[str, Any]) -> Plan:
    return Plan(
        run=data["run"],
        policy_sha256=data["policy_sha256"],
        catalogue_sha256=data["catalogue_sha256"],
        tool_version=data["tool_version"],
        made_at=datetime.fromisoformat(data["made_at"]),
        made_by=data["made_by"],
        steps=tuple(_step(one) for one in data["steps"]),
        left_out=tuple(LeftOut(**one) for one in data.get("left_out", ())),
    )


def _step(data: Mapping[str, Any]) -> Step:
    return Step(
        host=data["host"],
        play=Play(data["play"]),
        variables=_frozen(data["variables"]),
        product=data.get("product"),
        findings=tuple(data["findings"]),
        why=tuple(data["why"]),
        severity=data["severity"],
        owner=data.get("owner"),
        is_reversible=data["reversible"],
        expects=data["expects"],
        evidence_sha256=data["evidence_sha256"],
        collected_at=datetime.fromisoformat(data["collected_at"]),
    )


def _instant(when: datetime) -> str:
    return when.astimezone(UTC).strftime(_INSTANT)
