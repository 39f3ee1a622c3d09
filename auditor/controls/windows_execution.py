"""What keeps unapproved programs from running on Windows: AppLocker's rules weighed, SRP's level, and WDAC's mode."""

from collections.abc import Iterator

from auditor.catalogue.windows_command import started
from auditor.controls.applocker import Answer, Program, Weighed, publisher_of, weigh, weigh_srp
from auditor.model.case import Case
from auditor.model.evidence import Outcome
from auditor.model.facts.appcontrol import UNLISTED, ExecutionControl, ExecutionRule
from auditor.model.facts.processes import Process, ProgramSignature
from auditor.model.facts.services import Service
from auditor.model.policy import ExecutionDemand
from auditor.model.reading import QUOTE_LENGTH
from auditor.model.record import Record
from auditor.model.result import ProductUse
from auditor.model.sighting import Confidence, Quote, Role, SightingState
from auditor.model.verdict import Assessment, Gap, Severity, Violation

_SECTION = "appcontrol.windows"
_ENFORCING = "enforcing"
_APPLOCKER, _SRP, _WDAC = "applocker", "srp", "wdac"
_NOBODYS = "auditor-asks-about-this.exe"
_PLACES = (
    "\\users\\somebody\\downloads",
    "\\users\\somebody\\desktop",
    "\\users\\somebody\\appdata\\local\\temp",
    "\\users\\somebody\\appdata\\roaming",
    "\\users\\public",
    "\\programdata",
)
"""Where ordinary users write on every Windows."""
_ELSEWHERE = "\\some folder that nobody named"
_BINARY = (
    "WDAC enforces, and what its policy lets run stands in a signed file that is not read: many policies allow all "
    "that they do not name"
)
_UNSEEN = "Read the host's policies: `Get-AppLockerPolicy -Effective -Xml`, `CiTool --list-policies`."


class _Rules(Record, kw_only=True):
    """What a host has that may refuse programs."""

    case: Case
    applocker: tuple[ExecutionRule, ...]
    """Rules for programs, where they are enforced; empty where they are not."""
    srp: tuple[ExecutionRule, ...]
    """Rules of software restriction policies."""
    is_disallowing: bool
    """Whether software restriction policies refuse what no rule of theirs lets run."""
    is_wdac: bool
    """Whether WDAC enforces for programs of users."""
    drive: str
    """Drive of the system."""

    @property
    def can_refuse(self) -> bool:
        """Tell whether rules that are read here may refuse a program."""
        return bool(self.applocker) or self.is_disallowing

    def weigh(self, path: str) -> Weighed:
        """Say what becomes of a program of the host."""
        known = self.case.reading.of(ProgramSignature)
        signature = next((one for one in known if one.path.lower() == path.lower()), None)
        signer = None
        if signature is not None and signature.status == "NotSigned":
            signer = ""
        elif signature is not None and signature.is_valid:
            signer = publisher_of(signature.signer or "")
        return self._weigh(Program(path=path, drive=self.drive, signer=signer))

    def weigh_nobodys(self, place: str) -> Weighed:
        """Say what becomes of a program in a folder that nobody signed, and nobody listed."""
        path = f"{self.drive}{place}\\{_NOBODYS}"
        return self._weigh(Program(path=path, drive=self.drive, signer="", is_unheard_of=True))

    def _weigh(self, program: Program) -> Weighed:
        # Where both are there, AppLocker's rules alone count (learn.microsoft.com, *Use AppLocker and Software
        # Restriction Policies in the same domain*).
        return weigh(self.applocker, program) if self.applocker else weigh_srp(self.srp, program)


def assess_windows(case: Case) -> Assessment:
    """Judge what the policy asks for; the demand is not none."""
    rules = _rules_of(case)
    gaps: list[Gap] = []
    violations: list[Violation] = []
    is_allowlist = case.settings.execution_control is ExecutionDemand.ALLOWLIST
    places = (*_PLACES, _ELSEWHERE) if is_allowlist else _PLACES
    if not rules.can_refuse:
        if rules.is_wdac:
            gaps.append(_gap(_BINARY))
        else:
            violations.append(_nothing(case))
    for place in places if rules.can_refuse else ():
        found = rules.weigh_nobodys(place)
        whole = f"{rules.drive}{place}"
        if found.answer is Answer.ALLOWED and rules.is_wdac:
            gaps.append(_gap(f"{_named(found)} in {whole}; {_BINARY}"))
        elif found.answer is Answer.ALLOWED:
            violations.append(_open_place(case, whole, found))
        elif found.answer is Answer.UNDECIDED:
            gaps.append(_gap(f"whether programs can start from {whole} is undecided: {_named(found)}"))
    if is_allowlist:
        sure, unsure = _products(case, rules, gaps)
        return Assessment(violations=(*violations, *sure), suspected=tuple(unsure), gaps=tuple(gaps))
    return Assessment(violations=tuple(violations), gaps=tuple(gaps))


def _rules_of(case: Case) -> _Rules:
    modes = {(one.mechanism, one.subject.lower()): one.mode for one in case.reading.of(ExecutionControl)}
    rules = case.reading.of(ExecutionRule)
    enforced = modes.get((_APPLOCKER, "")) == _ENFORCING and modes.get((_APPLOCKER, "exe")) == _ENFORCING
    return _Rules(
        case=case,
        applocker=tuple(one for one in rules if (one.mechanism, one.collection) == (_APPLOCKER, "Exe"))
        if enforced
        else (),
        srp=tuple(one for one in rules if one.mechanism == _SRP),
        is_disallowing=modes.get((_SRP, UNLISTED)) == _ENFORCING,
        is_wdac=modes.get((_WDAC, "")) == _ENFORCING,
        drive=_drive(case),
    )


def _drive(case: Case) -> str:
    """Return the drive of the system, as its own programs are started from it."""
    for process in case.reading.of(Process):
        path = (process.executable or "").lower()
        if path[1:].startswith(":\\windows\\system32\\"):
            return path[:2]
    return "c:"


def _nothing(case: Case) -> Violation:
    """Say that nothing refuses a program, and what is there beside."""
    entries = [one for one in case.reading.found(ExecutionControl) if one.fact.mechanism in (_APPLOCKER, _SRP, _WDAC)]
    said = [_mode(one.fact) for one in entries if not one.fact.subject or one.fact.subject.lower() == "exe"]
    return Violation(
        subject="mechanism:windows",
        reason=f"No program is kept from running: {'; '.join(said) or 'neither AppLocker, WDAC nor SRP is set up'}.",
        proof=tuple(case.reading.quote(one) for one in entries[:4]),
        remediation=(
            "Enforce AppLocker's rules for programs, or a WDAC policy for programs of users; at first audit only.",
            "Let the service AppIDSvc start by itself: without it AppLocker enforces nothing.",
        ),
        severity=Severity.MEDIUM,
    )


def _mode(one: ExecutionControl) -> str:
    return f"{one.mechanism}{f' {one.subject}' if one.subject else ''} is {one.mode} ({one.detail})"


def _open_place(case: Case, place: str, found: Weighed) -> Violation:
    return Violation(
        subject=f"place:{place}",
        reason=f"Whoever may write to {place} can start any program from there: {_named(found)}.",
        proof=_quotes(case, found),
        remediation=(
            "Limit the rule to folders that only administrators write to, or to publishers.",
            "Where people need to run what they build, grant an exception.",
        ),
        severity=Severity.MEDIUM,
    )


def _named(found: Weighed) -> str:
    if found.rule is None:
        return "no rule allows it"
    told = "lets it run"
    if found.answer is Answer.UNDECIDED:
        verb = "allows" if found.rule.action == "allow" else "denies"
        told = f"{verb} by what cannot be told here (who is in its group, a hash, a publisher)"
    elif found.answer is Answer.DENIED:
        told = "denies it"
    whose = "AppLocker" if found.rule.mechanism == _APPLOCKER else "SRP"
    return (
        f"the rule {(found.rule.name or found.rule.identifier)!r} of {whose} for {found.rule.who or 'everybody'} {told}"
    )


def _quotes(case: Case, found: Weighed) -> tuple[Quote, ...]:
    """Quote the rule that decided: a whole policy stands in one line."""
    place = next((one for one in case.reading.found(ExecutionRule) if one.fact is found.rule), None)
    if place is None:
        return ()
    lines = case.reading.sections[place.section].lines
    line = lines[place.line - 1] if 0 < place.line <= len(lines) else ""
    at = line.find(place.fact.identifier) if place.fact.identifier else -1
    start = max(0, line.rfind("<", 0, at))
    return (Quote(section=place.section, quote=line[start : start + QUOTE_LENGTH]),)


# ---- the products that were found


def _products(case: Case, rules: _Rules, gaps: list[Gap]) -> tuple[list[Violation], list[Violation]]:
    """Say which products nobody approved run, or would be let run; where it cannot be told, a gap."""
    sure: dict[str, Violation] = {}
    unsure: dict[str, Violation] = {}
    for use in case.products:
        seen = use.sighting
        if use.is_allowed or seen.role is Role.CLIENT or seen.state is SightingState.RESIDUAL:
            continue
        verdicts = [(path, rules.weigh(path)) for path in _programs(use, case)] if rules.can_refuse else []
        if seen.state is SightingState.RUNNING:
            violation = _not_refused(use, case, verdicts)
        else:
            let = next((one for one in verdicts if one[1].answer is Answer.ALLOWED), None)
            if let is None:
                gaps += _undecided(use, verdicts, rules)
                continue
            if rules.is_wdac:
                gaps.append(_gap(f"{_named(let[1])} for {seen.name} at {let[0]}; {_BINARY}"))
                continue
            violation = _would_run(use, case, *let)
        into = sure if seen.confidence is Confidence.CONFIRMED else unsure
        into.setdefault(violation.subject, violation)
    return list(sure.values()), list(unsure.values())


def _programs(use: ProductUse, case: Case) -> list[str]:
    """Return the paths of a product's programs: of its processes, and of the services that its proof names."""
    pids = set(use.sighting.pids)
    found = [one.executable for one in case.reading.of(Process) if one.pid in pids and one.executable]
    for service in case.reading.found(Service):
        if service.fact.command and case.reading.quote(service) in use.sighting.proof:
            found += [path for path in started(service.fact.command)[:1] if "\\" in path]
    return list(dict.fromkeys(found))


def _subject(use: ProductUse) -> str:
    seen = use.sighting
    return f"product:{seen.product}" + (f"/{seen.tenant}" if seen.tenant else "")


def _not_refused(use: ProductUse, case: Case, verdicts: list[tuple[str, Weighed]]) -> Violation:
    seen = use.sighting
    said = "".join(f"; {path}: {_named(found)}" for path, found in verdicts[:2])
    quotes = tuple(quote for _, found in verdicts[:2] for quote in _quotes(case, found))
    return Violation(
        subject=_subject(use),
        reason=f"{seen.name} runs without an approval, so that nothing refused it{said}.",
        proof=(*seen.proof, *quotes),
        remediation=(
            f"Stop {seen.name}.",
            "Deny its publisher or its folder by a rule, or take away the rule that lets it run, or remove it.",
            f"If it is needed, add an approval for `{seen.product}` to the policy: reason, owner, review date.",
        ),
        severity=Severity.HIGH,
        product=seen.product,
    )


def _would_run(use: ProductUse, case: Case, path: str, found: Weighed) -> Violation:
    seen = use.sighting
    return Violation(
        subject=_subject(use),
        reason=f"{seen.name} has no approval, and would be let run from {path}: {_named(found)}.",
        proof=(*seen.proof, *_quotes(case, found)),
        remediation=(
            "Deny its publisher or its folder by a rule, or take away the rule that lets it run, or remove it.",
            f"If it is needed, add an approval for `{seen.product}` to the policy: reason, owner, review date.",
        ),
        severity=Severity.MEDIUM,
        product=seen.product,
    )


def _undecided(use: ProductUse, verdicts: list[tuple[str, Weighed]], rules: _Rules) -> Iterator[Gap]:
    if not rules.can_refuse:
        return
    name = use.sighting.name
    if not verdicts:
        yield _gap(f"whether {name} would be stopped is undecided: where its programs lie is not known")
    for path, found in verdicts:
        if found.answer is Answer.UNDECIDED:
            yield _gap(f"whether {name} would be stopped at {path} is undecided: {_named(found)}")


def _gap(reason: str) -> Gap:
    return Gap(section=_SECTION, outcome=Outcome.PARTIAL, reason=reason, advice=_UNSEEN)
