"""Programs that bear another name than their maker gave them."""

from collections.abc import Callable
from typing import Any

import pytest

from auditor.catalogue.load import load_catalogue
from auditor.catalogue.match import match
from auditor.controls.renamed_product import CONTROL
from auditor.model.case import Case
from auditor.model.evidence import Outcome, Rights
from auditor.model.facts.processes import Process
from auditor.model.host import OsFamily
from auditor.model.reading import Found, Reading, SectionReading
from auditor.model.verdict import Verdict
from tests.controls.cases import a_host


def _renamed(path: str, original: str) -> tuple[str, ...]:
    process = Process(
        pid=4, parent=1, user="x", name=path.rpartition("\\")[2], executable=path, original_name=original
    )  # fmt: skip
    section = SectionReading(id="processes.windows", outcome=Outcome.COLLECTED, lines=(path,))
    reading = Reading(
        os=OsFamily.WINDOWS,
        rights=Rights.ROOT,
        sections={section.id: section},
        facts={Process: (Found(process, section.id, 1),)},
    )
    (seen,) = match(reading, load_catalogue())
    assert seen.product == "anydesk"
    return seen.renamed


@pytest.mark.parametrize(
    "name", ["AnyDesk.exe", "anydesk.EXE", "AnyDesk (1).exe", "AnyDesk_ad_0815.exe", "old-anydesk-7.exe"]
)
def test_a_name_of_the_product_hides_nothing(name: str) -> None:
    assert _renamed(f"C:\\Users\\a\\Downloads\\{name}", "AnyDesk.exe") == ()


def test_a_copy_under_another_name_is_told(a_case: Callable[..., Any], a_use: Callable[..., Any]) -> None:
    told = _renamed("C:\\Windows\\Temp\\svchost32.exe", "AnyDesk.exe")
    assert told == ("C:\\Windows\\Temp\\svchost32.exe (made as AnyDesk.exe)",)
    use = a_use(product="anydesk", name="AnyDesk", approval="anydesk-everywhere", renamed=told)
    (violation,) = CONTROL.assess(a_case(products=(use,))).violations
    assert violation.product == "anydesk"
    assert "svchost32.exe" in violation.reason
    assert CONTROL.assess(a_case(products=(a_use(),))).violations == ()


def _svchost(**more: Any) -> Case:
    process = Process(
        pid=4, parent=1, user="x", name="svchost32.exe", executable="C:\\Windows\\Temp\\svchost32.exe",
        original_name=more.pop("original", "AnyDesk.exe"),
    )  # fmt: skip
    return a_host({"processes.windows": [process]}, os=OsFamily.WINDOWS, **more)


CASES: dict[Verdict, Callable[[], Case]] = {
    Verdict.FAIL: _svchost,
    Verdict.PASS: lambda: _svchost(original="svchost32.exe"),
    Verdict.UNKNOWN: lambda: a_host({}, os=OsFamily.WINDOWS, blind=("processes.windows",)),
}


def test_what_a_signature_alone_ties_to_a_suspected_product_is_a_suspicion(
    a_case: Callable[..., Any], a_use: Callable[..., Any]
) -> None:
    told = ("C:\\Users\\Public\\svc.exe (signed by AnyDesk Software GmbH)",)
    found = CONTROL.assess(a_case(products=(a_use(product="anydesk", name="AnyDesk", perhaps_renamed=told),)))
    assert found.violations == ()
    (violation,) = found.suspected
    assert "signed by AnyDesk Software GmbH" in violation.reason
