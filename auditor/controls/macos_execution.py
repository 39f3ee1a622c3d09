"""What keeps unapproved programs from running on macOS: Santa's mode and a profile's allow list; Gatekeeper does not.

Gatekeeper asks only about files that the program which fetched them marked as quarantined (``com.apple.quarantine``),
and lets run what Apple notarised or an administrator allowed (Apple Platform Security, *Gatekeeper and runtime
protection in macOS*; spctl(8)). Santa in its mode Lockdown refuses what no rule and no path of its configuration names
(Santa's documentation, *Configuration*: ``ClientMode`` 2, ``AllowedPathRegex``, ``SyncBaseURL``).
"""

from collections.abc import Iterator

from auditor.model.case import Case
from auditor.model.evidence import Outcome
from auditor.model.facts.appcontrol import UNLISTED, ExecutionControl
from auditor.model.facts.processes import Process
from auditor.model.facts.remote_config import ManagedProfile
from auditor.model.policy import ExecutionDemand
from auditor.model.reading import Found
from auditor.model.record import Record
from auditor.model.result import ProductUse
from auditor.model.sighting import Confidence, Quote, Role, SightingState
from auditor.model.verdict import Assessment, Gap, Severity, Violation

_PROFILES = "remote_config.profiles"
_ENFORCING = "enforcing"
_GATEKEEPER, _SANTA = "gatekeeper", "santa"
_SANTAS = ("com.google.santa", "com.northpolesec.santa")
_DAEMONS = frozenset(f"{name}.daemon" for name in _SANTAS)
_EXTENSIONS = "/Library/SystemExtensions/"
_APPS = "com.apple.applicationaccess.new"
_APPS_ALONE = (
    "a profile lets only apps that it lists be opened (familyControlsEnabled); what it does with other programs, and "
    "for whom, is not known"
)
_MONITOR = "Santa runs in its mode Monitor, in which it refuses nothing that no rule blocks"
_STANDALONE = "Santa runs in its mode Standalone, in which users allow for themselves what no rule names"
_MODE, _LOCKDOWN = "clientmode", "2"
_PATHS = ("allowedpathregex", "whitelistregex")
_SERVER = "syncbaseurl"
_TRUE = ("1", "true", "yes")


class _Found(Record, kw_only=True):
    """What a host has that may refuse a program nobody listed."""

    refuses: bool
    """Whether it certainly does."""
    undecided: str = ""
    """Why that cannot be told, where something is there that may."""
    lacking: str = ""
    """What keeps it from doing so, where it certainly does not."""
    proof: tuple[Quote, ...] = ()
    """What shows it."""


def assess_macos(case: Case) -> Assessment:
    """Judge what the policy asks for; the demand is not none."""
    found = _allowlist(case)
    gaps = (_gap(found.undecided),) if found.undecided else ()
    violations = (_nothing(case, found),) if not found.refuses and not found.undecided else ()
    if case.settings.execution_control is ExecutionDemand.USER_PLACES:
        return Assessment(violations=violations, gaps=gaps)
    running = [use for use in case.products if _runs_unapproved(use)]
    sure = [use for use in running if use.sighting.confidence is Confidence.CONFIRMED]
    unsure = [use for use in running if use.sighting.confidence is not Confidence.CONFIRMED]
    return Assessment(
        violations=(*violations, *(_not_refused(use) for use in sure)),
        suspected=tuple(_not_refused(use) for use in unsure),
        gaps=gaps,
    )


def _allowlist(case: Case) -> _Found:
    """Say whether a program that nobody listed is refused, and by what."""
    told = _santa_itself(case) or _santa_by_profile(case)
    if told is not None and (told.refuses or told.undecided):
        return told
    apps = [one for one in case.reading.found(ManagedProfile) if one.fact.payload == _APPS]
    on = [one for one in apps if one.fact.key.lower() == "familycontrolsenabled" and _is_true(one)]
    if on:
        # Which users it is for, and that it is about apps alone, no key says; Apple withdrew it with macOS 27.
        return _Found(refuses=False, undecided=_APPS_ALONE, proof=tuple(map(case.reading.quote, on)))
    return told or _Found(refuses=False)


def _santa_itself(case: Case) -> _Found | None:
    """Return what Santa says of itself; None where it was not asked or is not there."""
    entries = [one for one in case.reading.found(ExecutionControl) if one.fact.mechanism == _SANTA]
    whole = next((one for one in entries if not one.fact.subject), None)
    unlisted = next((one for one in entries if one.fact.subject == UNLISTED), whole)
    if whole is None or unlisted is None:
        return None
    proof = tuple(dict.fromkeys(case.reading.quote(one) for one in (whole, unlisted)))
    if whole.fact.mode != _ENFORCING or unlisted.fact.mode != _ENFORCING:
        said = whole.fact.detail or whole.fact.mode
        return _Found(refuses=False, lacking=f"Santa runs and refuses nothing that no rule blocks: {said}", proof=proof)
    return _by_path(case, proof)


def _santa_by_profile(case: Case) -> _Found | None:
    """Return what Santa's profile makes of it where its daemon runs; None where there is neither."""
    keys = _keys_of_santa(case)
    mode = keys.get(_MODE)
    if not any(_is_daemon(process) for process in case.reading.of(Process)):
        if mode is None:
            return None
        said = "a profile configures Santa, whose daemon does not run"
        return _Found(refuses=False, lacking=said, proof=(case.reading.quote(mode),))
    proof = () if mode is None else (case.reading.quote(mode),)
    if _SERVER in keys:
        # What the server says counts before the profile, and stands in a database of Santa's.
        return _Found(refuses=False, undecided="Santa runs, and a server sets its mode (SyncBaseURL)", proof=proof)
    if mode is None or mode.fact.value.strip() != _LOCKDOWN:
        said = _STANDALONE if mode is not None and mode.fact.value.strip() == "3" else _MONITOR
        return _Found(refuses=False, lacking=said, proof=proof)
    return _by_path(case, proof)


def _by_path(case: Case, proof: tuple[Quote, ...]) -> _Found:
    """Say what Lockdown refuses: a pattern of paths may let run whatever lies there."""
    pattern = next((one for key, one in _keys_of_santa(case).items() if key in _PATHS and one.fact.value.strip()), None)
    if pattern is None:
        return _Found(refuses=True, proof=proof)
    said = f"Santa lets run whatever lies at paths of a pattern that is not weighed: {pattern.fact.value[:120]!r}"
    return _Found(refuses=False, undecided=said, proof=(*proof, case.reading.quote(pattern)))


def _keys_of_santa(case: Case) -> dict[str, Found[ManagedProfile]]:
    found = [one for one in case.reading.found(ManagedProfile) if one.fact.payload in _SANTAS]
    return {one.fact.key.lower(): one for one in found}


def _is_daemon(process: Process) -> bool:
    """Tell whether a process is Santa's, from where macOS keeps the extensions that an administrator approved."""
    path = process.executable or ""
    return path.startswith(_EXTENSIONS) and path.rpartition("/")[2] in _DAEMONS


def _is_true(found: Found[ManagedProfile]) -> bool:
    return found.fact.value.strip().lower() in _TRUE


def _nothing(case: Case, found: _Found) -> Violation:
    gatekeeper = next(
        (one for one in case.reading.found(ExecutionControl)
         if one.fact.mechanism == _GATEKEEPER and not one.fact.subject), None,
    )  # fmt: skip
    is_on = gatekeeper is not None and gatekeeper.fact.mode == _ENFORCING
    proof = found.proof if gatekeeper is None else (*found.proof, case.reading.quote(gatekeeper))
    lacking = found.lacking or "no program is kept from running: no allowlist is in force"
    return Violation(
        subject="mechanism:allowlist",
        reason=f"{lacking}; {_GATEKEEPER_ON if is_on else 'Gatekeeper is switched off'}.",
        proof=proof,
        remediation=(
            "Install Santa, and write rules for what is needed while it only monitors (`ClientMode` 1).",
            "Then set `ClientMode` 2 (Lockdown) by a configuration profile, without `AllowedPathRegex`.",
            *(() if is_on else ("Switch Gatekeeper on: `spctl --global-enable`, or by a profile.",)),
            "Where another product keeps an allowlist, or people run what they build, grant an exception.",
        ),
        severity=Severity.MEDIUM,
    )


_GATEKEEPER_ON = (
    "Gatekeeper is on, and asks only about files that were marked as downloaded: whatever Apple notarised (AnyDesk, "
    "TeamViewer) starts, and what curl fetched is not asked about"
)


def _runs_unapproved(use: ProductUse) -> bool:
    seen = use.sighting
    return not use.is_allowed and seen.state is SightingState.RUNNING and seen.role is not Role.CLIENT


def _not_refused(use: ProductUse) -> Violation:
    seen = use.sighting
    return Violation(
        subject=f"product:{seen.product}" + (f"/{seen.tenant}" if seen.tenant else ""),
        reason=f"{seen.name} runs without an approval: nothing refused it.",
        proof=seen.proof,
        remediation=tuple(_stopping(use)),
        severity=Severity.HIGH,
        product=seen.product,
    )


def _stopping(use: ProductUse) -> Iterator[str]:
    seen = use.sighting
    if seen.product.startswith("apple-"):
        yield f"Switch {seen.name} off: programs of macOS are let run by every allowlist."
    else:
        yield f"Stop {seen.name}, and unload what starts it (`launchctl bootout`)."
        yield "Block its team or its programs by a rule of the allowlist, or remove it."
    yield f"If it is needed, add an approval for `{seen.product}` to the policy: reason, owner, review date."


def _gap(reason: str) -> Gap:
    return Gap(
        section=_PROFILES,
        outcome=Outcome.PARTIAL,
        reason=reason,
        advice="Look at what it refuses (`santactl status`), and grant an exception that says so.",
    )
