"""What controls on packet filters say of a macOS host: whom it is open to, and how it is closed there."""

from collections.abc import Callable
from typing import Any

import pytest

from auditor.controls.control import Control
from auditor.controls.exposed_listener import CONTROL as EXPOSED
from auditor.controls.filter_limits import EXTENSIONS
from auditor.controls.host_filter import CONTROL as HOST_FILTER
from auditor.controls.product_egress import CONTROL as EGRESS
from auditor.controls.unused_opening import CONTROL as OPENING
from auditor.model.facts.network import Family, Protocol
from auditor.model.filtering import Filtering, Passage
from auditor.model.host import OsFamily
from auditor.model.policy import Networks
from auditor.model.record import replace
from auditor.model.sighting import Reachability

Make = Callable[..., Any]
_OPEN = Passage(
    protocol=Protocol.TCP,
    port=5938,
    family=Family.IP,
    reachability=Reachability.FROM_ANYWHERE,
    rule="no packet filter is loaded",
    products=("teamviewer",),
    known_for=("TeamViewer",),
)


@pytest.mark.parametrize(
    ("control", "word"),
    [
        pytest.param(HOST_FILTER, "System Settings > Network > Firewall", id="host-filter"),
        pytest.param(EGRESS, "block return out quick proto tcp from any to any port 5938", id="egress"),
        pytest.param(OPENING, "pfctl -a ANCHOR -s rules", id="opening"),
    ],
)
def test_a_host_without_a_filter_fails_and_is_told_how_to_close_it(a_case: Make, control: Control, word: str) -> None:
    filtering = Filtering(defaults=(_OPEN,), inbound=(_OPEN,), outbound=(_OPEN,))
    case = a_case(filtering=filtering, networks=Networks(filter_outbound=True))
    case = replace(case, head=replace(case.head, os=OsFamily.MACOS))
    (violation,) = control.assess(case).violations
    assert word in " ".join(violation.remediation)


@pytest.mark.parametrize("control", [HOST_FILTER, EGRESS, OPENING])
def test_filters_that_were_not_read_are_a_gap(a_case: Make, control: Control) -> None:
    case = a_case(filtering=Filtering(problem="denied"), networks=Networks(filter_outbound=True))
    found = control.assess(replace(case, head=replace(case.head, os=OsFamily.MACOS)))
    assert (found.violations, len(found.gaps)) == ((), 1)


@pytest.mark.parametrize("control", [HOST_FILTER, EGRESS, OPENING, EXPOSED])
def test_what_no_listing_shows_is_said_beside_the_verdict(control: Control) -> None:
    assert EXTENSIONS in control.limits


@pytest.mark.parametrize("control", [HOST_FILTER, EGRESS, OPENING])
def test_both_filters_are_needed(control: Control) -> None:
    assert {"firewall.pf", "firewall.application", "network.macos"} <= set(control.needs[OsFamily.MACOS])
