"""What a host's stored row says of exceptions: which cover something there, and which cannot be told about."""

from typing import Any

from auditor.model.host import HostFacts
from auditor.model.verdict import Verdict
from auditor.policy.exception_register import HostUse

_UNKNOWN = Verdict.UNKNOWN.value


def use_from_row(row: dict[str, Any]) -> HostUse:
    """Reduce a host's stored row to what the register of exceptions depends on."""
    return HostUse(
        facts=HostFacts(name=row["host"], key=row["host"], groups=tuple(row["groups"])),
        covered=tuple(
            [
                one["exception"]
                for verdict in row["verdicts"]
                for named in (verdict["violations"], verdict["suspected"])
                for one in named
                if one["exception"] is not None
            ]
        ),
        undecided=frozenset([verdict["control"] for verdict in row["verdicts"] if verdict["verdict"] == _UNKNOWN]),
    )
