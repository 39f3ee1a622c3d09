"""What the controls on approvals have in common: which products they judge, and what they need to have seen of them."""

from collections.abc import Iterator, Mapping

from auditor.model.breach import Breach, Term
from auditor.model.case import Case
from auditor.model.evidence import Outcome
from auditor.model.host import OsFamily
from auditor.model.policy import Approval
from auditor.model.result import ProductUse
from auditor.model.sighting import Role, Sighting, SightingState
from auditor.model.verdict import Assessment, Gap, Inapplicable, Limit

PRODUCTS: Mapping[OsFamily, tuple[str, ...]] = {
    OsFamily.LINUX: (
        "software.*",
        "services.*",
        "processes.*",
        "sockets.*",
        "containers.*",
        "remote_config.extensions",
    ),
    OsFamily.WINDOWS: (
        "software.*",
        "services.*",
        "processes.windows",
        "processes.signers",
        "processes.sysmon",
        "sockets.*",
        "remote_config.rdp",
    ),
    OsFamily.MACOS: (
        "software.*",
        "services.*",
        "processes.macos",
        "sockets.macos",
        "remote_config.sharing",
        "remote_config.extensions",
    ),
}
"""Sections that show remote-access software, by system."""
_SOURCES = Limit(
    id="software-sources",
    text="Software that none of the sources of the section `software` lists is seen only while it runs, listens or "
    "has a service, or by its name where portable programs are looked for.",
)
_WALK = Limit(
    id="walk-places",
    text="Portable programs are looked for by name in people's home folders, /opt, /usr/local, /srv, /tmp, /var/tmp "
    "and /dev/shm, eight folders deep, not in node_modules, .git or file systems mounted below.",
    systems=(OsFamily.LINUX,),
)
_TRACES = Limit(
    id="program_traces",
    text="Portable programs on Windows are seen while they run, or by the traces that Windows and Sysmon keep of what "
    "was started (of Sysmon's the newest 3,000 events of a kind): one that was never started leaves none, and no "
    "folder is searched.",
    systems=(OsFamily.WINDOWS,),
)
_APP_PLACES = Limit(
    id="app_places",
    text="Apps and portable programs of macOS are looked for in /Applications, /Library, /opt, /usr/local and people's "
    "folders: one elsewhere, or on a disk that is not mounted, is seen only while it runs or by what starts it.",
    systems=(OsFamily.MACOS,),
)
LIMITS = (_SOURCES, _WALK, _TRACES, _APP_PLACES)
"""What no control that judges products ever sees."""
# A host that has one of these has a system beneath it, which some package manager installed.
_BESIDE_A_SYSTEM = (
    "software.flatpak",
    "software.homebrew",
    "software.logged_off",
    "software.npm",
    "software.portable",
    "software.pypi",
    "software.snap",
)


def needs_approval(use: ProductUse, case: Case) -> bool:
    """Tell whether a product has to be approved: remains and viewers only where the policy says so."""
    if use.sighting.state is SightingState.RESIDUAL and not case.settings.residual_is_violation:
        return False
    return use.sighting.role is not Role.CLIENT or case.settings.clients_are_violations


def broken(case: Case, term: Term) -> Iterator[tuple[ProductUse, Breach]]:
    """Yield the products that do not keep a term of the approval that is for them."""
    for use in case.products:
        for breach in use.breaches:
            if breach.term is term and needs_approval(use, case):
                yield use, breach


def subject_of(seen: Sighting) -> str:
    """Name a product by itself and its tenant, as findings of it are filed."""
    return f"product:{seen.product}" + (f"/{seen.tenant}" if seen.tenant else "")


def approval_of(case: Case, name: str) -> Approval | None:
    """Return an approval that is for this host."""
    return next((one for one in case.approvals if one.id == name), None)


def nearest_of(use: ProductUse) -> str | None:
    """Return the approval that covers a product, or the one whose terms it does not keep; None where none is for it."""
    return use.approval or next((breach.approval for breach in use.breaches), None)


def owner_of(case: Case, name: str) -> str:
    """Return who answers for an approval, for a sentence: ``the owner of approval 'x' (Service desk)``."""
    approval = approval_of(case, name)
    return f"the owner of approval '{name}'" + ("" if approval is None else f" ({approval.owner})")


def untold(case: Case, use: ProductUse, breach: Breach, sections: tuple[str, ...]) -> tuple[Gap, ...]:
    """Return the gaps that may be why a product does not tell what an approval asks of it; none where all was seen.

    What is silent although everything was seen is not approved: nothing is allowed that is not shown to be.
    """
    return tuple(
        Gap(
            section=section.id,
            outcome=section.outcome,
            reason=f"approval '{breach.approval}' of {use.sighting.name} {breach.text}",
            advice=section.advice,
        )
        for name in sections
        if (section := case.reading.sections[name]).outcome.is_gap
    )


def without(case: Case, term: Term) -> Assessment | None:
    """Return that a control on a term does not apply where no approval for this host states it."""
    if not case.approvals:
        reason = "no approval of the policy is for this host"
    elif term is Term.TENANT and all(one.tenant is None for one in case.approvals):
        reason = "no approval of the policy for this host names a tenant"
    elif term is Term.VERSIONS and all(one.versions is None for one in case.approvals):
        reason = "no approval of the policy for this host names versions"
    else:
        return None
    return Assessment(inapplicable=Inapplicable(reason=reason, proof=()))


def unread_sources(case: Case) -> tuple[Gap, ...]:
    """Find the gap that no section states: every source is absent, so nothing was listed at all."""
    sources = [
        section
        for name, section in case.reading.sections.items()
        if name.startswith("software.") and name not in _BESIDE_A_SYSTEM
    ]
    if any(section.outcome is not Outcome.ABSENT for section in sources):
        return ()
    return (
        Gap(
            section="software.*",
            outcome=Outcome.FAILED,
            reason="nothing that lists installed software and that this version reads is on the host",
            advice="Use a version of the auditor that reads this host's package manager.",
        ),
    )
