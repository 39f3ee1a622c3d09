"""Whether a program is on a host, as far as packages, services and processes tell."""

from auditor.model.case import Case
from auditor.model.facts.processes import Process
from auditor.model.facts.services import Service
from auditor.model.facts.software import InstallState, Software

_SOURCES = ("software.", "services.", "processes.")


def is_present(case: Case, names: tuple[str, ...]) -> bool | None:
    """Tell whether a package, service or process has one of these names; None where not all of them were seen.

    A dot ends the name: of a unit its type follows it, of Debian's package of Docker the rest of a domain.
    """
    wanted = frozenset(names)
    packages = (one.name for one in case.reading.of(Software) if one.state is InstallState.INSTALLED)
    if any(name.partition(".")[0] in wanted for name in packages):
        return True
    if any(one.name.partition(".")[0] in wanted for one in case.reading.of(Service) if not one.is_left_over):
        return True
    for process in case.reading.of(Process):
        program = (process.executable or "").rpartition("/")[2] or process.name
        if program in wanted:
            return True
    sections = case.reading.sections.items()
    return None if any(one.outcome.is_gap for name, one in sections if name.startswith(_SOURCES)) else False
