"""What a control is: a requirement, what it needs to see, and a pure assessment of one host."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from auditor.model.case import Case
from auditor.model.evidence import Proof
from auditor.model.host import OsFamily
from auditor.model.verdict import Assessment, Demand, Limit, Mitigation


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """One requirement tied to one mitigation; it finds violations and gaps, it gives no verdict."""

    id: str
    """The name of its file, for ever."""
    title: str
    """The requirement as one sentence, as reports print it."""
    mitigation: Mitigation
    """ATT&CK mitigation it is tied to."""
    techniques: tuple[str, ...]
    """Techniques for which ATT&CK states that mitigation."""
    programme: tuple[str, ...] = ()
    """Techniques the organisation applies it to although ATT&CK states no such relation."""
    crosswalk: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Framework to the ids of its requirements."""
    demand: Demand
    """Whether it forbids or requires."""
    needs: Mapping[OsFamily, tuple[str, ...]]
    """Sections it must have seen, ``folder.*`` for a folder, ``*`` for all; a gap in one reaches its verdict."""
    limits: tuple[Limit, ...] = ()
    """What it never sees, on any host."""
    assess: Callable[[Case], Assessment]
    """Pure assessment of one host."""
    manual: str
    """Its manual page: the docstring of its file."""
    proof: Proof = Proof.LAB
    """How well the control itself is proven."""


def needed_sections(control: Control, case: Case) -> tuple[str, ...]:
    """Return the sections of this host that the control must have seen, in the order of the probe."""
    return _covered(control.needs.get(case.head.os, ()), tuple(case.reading.sections))


@lru_cache(maxsize=256)
def _covered(wanted: tuple[str, ...], sections: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(section for section in sections if any(_covers(want, section) for want in wanted))


def _covers(want: str, section: str) -> bool:
    if want == "*":
        return True
    return section.startswith(want[:-1]) if want.endswith(".*") else section == want
