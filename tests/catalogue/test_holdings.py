"""What of a host is a product's: enough to stop and remove it, and nothing of anybody else's."""

from collections.abc import Callable
from typing import Any

from auditor.catalogue.match import match
from auditor.catalogue.product import Catalogue
from auditor.model.facts.services import ServiceManager, StartMode
from auditor.model.holdings import HeldPackage, HeldService
from auditor.model.reading import Reading

MakeReading = Callable[[dict[str, Any]], Reading]


def test_packages_units_and_lone_programs_are_told(make_reading: MakeReading, catalogue: Catalogue) -> None:
    case = {
        "software": [
            {"name": "anydesk", "version": "6.3.2"},
            {"name": "bash", "version": "5.2"},
            {"name": "anydesk", "version": "6.1", "state": "config_files", "source": "software.rpm"},
        ],
        "service": [{"name": "anydesk.service", "running": True}, {"name": "ssh.service"}],
        "file": [{"path": "/home/tom/anydesk", "size": 5_000_000}],
    }
    (seen,) = match(make_reading(case), catalogue)
    assert seen.holdings.packages == (HeldPackage(source="software.dpkg", name="anydesk", version="6.3.2", user=None),)
    assert seen.holdings.services == (
        HeldService(manager=ServiceManager.SYSTEMD, name="anydesk.service", start=StartMode.AUTOMATIC, is_running=True),
    )
    assert not seen.holdings.is_cut


def test_a_unit_that_starts_its_program_under_another_name_is_its(
    make_reading: MakeReading, catalogue: Catalogue
) -> None:
    case = {
        "software": [{"name": "x11vnc"}],
        "service": [{"name": "screen.service", "running": True, "command": "/usr/bin/x11vnc -forever"}],
    }
    (seen,) = match(make_reading(case), catalogue)
    assert [one.name for one in seen.holdings.services] == ["screen.service"]


def test_a_host_that_claims_thousands_is_cut_and_says_so(make_reading: MakeReading, catalogue: Catalogue) -> None:
    case = {
        "software": [{"name": "anydesk"}],
        "service": [{"name": f"x{n}.service", "command": "/usr/bin/anydesk --service"} for n in range(3000)],
    }
    (seen,) = match(make_reading(case), catalogue)
    assert len(seen.holdings.services) == 50
    assert seen.holdings.is_cut
