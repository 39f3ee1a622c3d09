"""What a section is worth after its reader has seen it: limits are kept apart from faults."""

from datetime import UTC, datetime

import pytest

from auditor.collect.read import read
from auditor.collect.services.units import parse_units
from auditor.model.evidence import Evidence, EvidenceHead, Outcome, Rights, Section
from auditor.model.facts.software import Software
from auditor.model.host import OsFamily

_NOW = datetime(2026, 11, 26, tzinfo=UTC)
_LIMIT = "limit\tremote-homes\t3 home folders were left out\n"
_APP = "app\tada\t/home/ada/.local/share/flatpak/app/com.anydesk.Anydesk/x86_64/stable\n"


def _evidence(text: str, outcome: Outcome, reason: str | None) -> Evidence:
    section = Section(id="software.flatpak", outcome=outcome, reason=reason, text=text, sha256="0")
    head = EvidenceHead(
        host="h",
        os=OsFamily.LINUX,
        rights=Rights.ROOT,
        user="root",
        hostname="h",
        kernel="Linux",
        clock=_NOW,
        collected_at=_NOW,
        probe_sha256="0",
        tool_version="0",
        redaction=1,
    )
    return Evidence(head=head, sections=(section,), sha256="0")


@pytest.mark.parametrize(
    ("text", "outcome", "reason", "limits"),
    [
        pytest.param(_LIMIT + _APP, Outcome.COLLECTED, None, ["remote-homes"], id="a-limit-alone"),
        pytest.param(_LIMIT + _APP, Outcome.PARTIAL, "2 home folders cannot be entered", [], id="the-host-lacks-more"),
        pytest.param(_LIMIT + "app\tx\n", Outcome.COLLECTED, None, [], id="a-line-was-not-understood"),
        pytest.param(_LIMIT + _APP, Outcome.FAILED, "it did not end within 8 seconds", [], id="it-did-not-end"),
    ],
)
def test_a_limit_makes_partial_and_may_be_accepted_only_alone(
    text: str, outcome: Outcome, reason: str | None, limits: list[str]
) -> None:
    reading = read(_evidence(text, outcome, reason))
    section = reading.sections["software.flatpak"]
    assert section.outcome is (Outcome.FAILED if outcome is Outcome.FAILED else Outcome.PARTIAL)
    assert [limit.id for limit in section.limits] == limits
    assert "left out" in (section.reason or "") or outcome is Outcome.FAILED
    assert len(reading.of(Software)) == text.count("\t/home/ada")


def test_a_mask_defines_nothing_unless_it_hides_a_unit() -> None:
    unit = "{}\t{}\t\t\t\t\t"
    lines = [
        unit.format("masked", "/etc/systemd/system/x11vnc.service"),
        unit.format("masked", "/etc/systemd/system/vino-server.service"),
        unit.format("unit", "/usr/lib/systemd/system/x11vnc.service"),
        "running",
    ]
    facts = parse_units("".join(f"{line}\n" for line in lines)).facts
    assert {fact.name: fact.is_defined for _, fact in facts} == {"x11vnc.service": True, "vino-server.service": False}
