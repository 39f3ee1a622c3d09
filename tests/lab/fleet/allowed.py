"""The lab's policy and exceptions: what the organisation that owns the fleet allows."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import yaml

from tests.lab.fleet.background import OPS_GROUP, TRUSTED

_NEVER = date(2099, 12, 31)
APPROVED_GROUPS = frozenset(("design", "jump"))
"""Groups that approvals name; other approvals name hosts, each of which has what they are for."""


def policy_text(hosts_of: Mapping[str, tuple[str, ...]]) -> str:
    """Write the policy; ``hosts_of`` gives the host names of each role."""
    approvals = [
        _approval(
            "tigervnc-design", "tigervnc", groups=["design"], listen={"ports": ["5900-5999"], "loopback_only": True}
        ),
        _approval("tightvnc-lab", "tightvnc", hosts=hosts_of.get("tightvnc-installed-approved", ())),
        _approval(
            "teamviewer-helpdesk",
            "teamviewer",
            hosts=(*hosts_of.get("teamviewer-approved", ()), *hosts_of.get("systemd-teamviewer", ())),
        ),
        _approval("xrdp-jump", "xrdp", groups=["jump"], listen={"ports": [3389, 3350], "loopback_only": False}),
        _approval(
            "x11vnc-past-review", "x11vnc", hosts=hosts_of.get("x11vnc-approval-ended", ()), review_by=date(2020, 1, 31)
        ),
    ]
    policy = {
        "name": "Lab",
        "approvals": [approval for approval in approvals if approval.get("hosts") or approval.get("groups")],
        "networks": {"trusted": list(TRUSTED)},
        "settings": {
            "installers": {"users": ["root"], "groups": [OPS_GROUP]},
            "service_accounts": ["auditor"],
            "unsigned_exceptions": "admit",
        },
    }
    return yaml.safe_dump(policy, sort_keys=False)


def exceptions_text(hosts_of: Mapping[str, tuple[str, ...]], today: date) -> str:
    """Write the exceptions: two that hold today, one that has ended."""
    kept, ended = hosts_of.get("x11vnc-excepted", ()), hosts_of.get("x11vnc-exception-ended", ())
    long_ago, soon = today - timedelta(days=200), today + timedelta(days=100)
    exceptions = [
        _exception("x11vnc-kept", "unapproved_product", kept, "product:x11vnc", today, soon),
        _exception("x11vnc-open", "exposed_listener", kept, "listener:tcp/5900", today, soon),
        _exception("x11vnc-old", "unapproved_product", ended, "product:x11vnc", long_ago, today - timedelta(days=2)),
    ]
    return yaml.safe_dump({"exceptions": [item for item in exceptions if item["hosts"]]}, sort_keys=False)


def _approval(name: str, product: str, *, review_by: date = _NEVER, **scope: Any) -> dict[str, Any]:
    scope = {key: list(value) if isinstance(value, tuple) else value for key, value in scope.items()}
    reason = "the lab's truth says so"
    return {"id": name, "product": product, **scope, "reason": reason, "owner": "lab", "review_by": review_by}


def _exception(name: str, control: str, hosts: tuple[str, ...], subject: str, start: date, end: date) -> dict[str, Any]:
    return {
        "id": name,
        "control": control,
        "hosts": list(hosts),
        "subject": subject,
        "reason": "the lab's truth says so",
        "requested_by": "alice",
        "approved_by": "bob",
        "start": start,
        "end": end,
    }
