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
    """Sections it must have seen, ``folder.*`` for a folder, ``*`` for all; a gap in one reaches its verdict.

    What covers no section of a host is a gap itself, and so is a system that is not named: unknown, never passed."""
    not_on: Mapping[OsFamily, str] = field(default_factory=dict)
    """Operating systems on which what it is about does not exist, each with the reason: not applicable there."""
    limits: tuple[Limit, ...] = ()
    """What it never sees, on any host of the systems that each limit names."""
    assess: Callable[[Case], Assessment]
    """Pure assessment of one host."""
    manual: str
    """Its manual page: the docstring of its file."""
    looks_at_what_is_brought: bool = False
    """Whether it looks at what somebody brings to a run: that it does not apply without that closes nothing."""
    proof: Proof = Proof.LAB
    """How well the control itself is proven."""

    limits_by_os: Mapping[OsFamily, tuple[Limit, ...]] = field(init=False, repr=False, compare=False)
    """Those limits that each operating system has."""

    def __post_init__(self) -> None:
        """Refuse a control that says of one system both what it needs there and that it is not judged there."""
        by_os = {os: tuple(limit for limit in self.limits if os in limit.systems) for os in OsFamily}
        object.__setattr__(self, "limits_by_os", by_os)
        both = sorted(set(self.not_on) & set(self.needs))
        if both or not all(self.not_on.values()):
            message = f"control {self.id!r}: a system has needs or a reason why it is not judged there: {both}"
            raise ValueError(message)


def needed_sections(control: Control, case: Case) -> tuple[str, ...]:
    """Return the sections of this host that the control must have seen, in the order of the probe."""
    return _on(control, case)[0]


def unasked(control: Control, case: Case) -> tuple[str, ...]:
    """Return what the control must have seen and no section of this host is: silence that must not pass for clean."""
    return _on(control, case)[1]


def limits_on(control: Control, os: OsFamily) -> tuple[Limit, ...]:
    """Return what the control never sees on hosts of an operating system."""
    return control.limits_by_os[os]


def _on(control: Control, case: Case) -> tuple[tuple[str, ...], tuple[str, ...]]:
    wanted, known = control.needs.get(case.head.os, ()), case.reading.covered
    found = known.get(wanted)
    if found is None:
        found = known[wanted] = _covered(wanted, case.reading.ids)
    return found


@lru_cache(maxsize=256)
def _covered(wanted: tuple[str, ...], sections: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the sections that are wanted, and what is wanted and no section is."""
    return (
        tuple(section for section in sections if any(_covers(want, section) for want in wanted)),
        tuple(want for want in wanted if not any(_covers(want, section) for section in sections)),
    )


def _covers(want: str, section: str) -> bool:
    if want == "*":
        return True
    return section.startswith(want[:-1]) if want.endswith(".*") else section == want
