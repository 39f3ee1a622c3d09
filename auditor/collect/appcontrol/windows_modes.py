"""What AppLocker, SRP and App Control do with a program, by their settings and rules: never more than these say."""

from collections.abc import Iterator

from auditor.model.facts.appcontrol import BlockedProgram, ExecutionControl, ExecutionRule, ProgramCondition

UNLISTED = "programs that no rule names"
"""Subject of the entry that says what becomes of a program nobody listed."""

_EVERYTHING = frozenset(
    f"{root}{name}"
    for root in ("", "*\\", "?:\\", "c:\\", "%osdrive%\\", "%systemdrive%\\")
    for name in ("*", "*.*", "*.exe")
)
# Local System, Local Service, Network Service and the Administrators, who are let run everything by default.
_TRUSTED = ("S-1-5-18", "S-1-5-19", "S-1-5-20", "S-1-5-32-544")
# Everyone, Authenticated Users, Users: who is kept from something with these is everybody.
_EVERYBODY = ("", "S-1-1-0", "S-1-5-11", "S-1-5-32-545")
_UNRESTRICTED, _DISALLOWED = 262_144, 0
_WITHOUT_SRP = 22_621
"""Build of Windows 11 22H2, from which SRP is deprecated and was seen not to be enforced."""
_MODES = {"0": "off", "1": "auditing", "2": "enforcing", "none": "off"}


def _lets_all(rule: ExecutionRule) -> bool:
    """Tell a rule that lets others than administrators run whatever they like, or whatever anybody signed."""
    if rule.action != "allow" or rule.exceptions or rule.who in _TRUSTED:
        return False
    return any(_is_everything(one) for one in rule.conditions)


def _is_everything(condition: ProgramCondition) -> bool:
    if condition.kind == "path":
        return condition.subject.lower() in _EVERYTHING
    return condition.kind == "publisher" and {condition.subject, condition.product, condition.binary} == {"*"}


def applocker_facts(
    line: int, modes: dict[str, str], rules: list[tuple[int, ExecutionRule]], service: str
) -> Iterator[tuple[int, ExecutionControl | BlockedProgram]]:
    """Say what each collection does: with rules and no mode it enforces, and without its service none does."""
    runs = service == "Running"
    with_rules = {rule.collection for _, rule in rules}
    done: dict[str, str] = {}
    for collection, configured in modes.items():
        mode = {"AuditOnly": "auditing", "Enabled": "enforcing"}.get(configured, "enforcing")
        # A collection that has no rules refuses nothing, whatever its mode.
        done[collection] = mode if runs and collection in with_rules else "off"
    exe = done.get("Exe", "off")
    said = f"EnforcementMode of Exe is {modes.get('Exe', 'not set')}, AppIDSvc is {service or 'not told'}"
    yield line, ExecutionControl(mechanism="applocker", mode=exe, detail=said)
    for collection, mode in done.items():
        count = sum(1 for _, rule in rules if rule.collection == collection)
        detail = f"EnforcementMode is {modes[collection]}, with {count} rules"
        yield line, ExecutionControl(mechanism="applocker", mode=mode, subject=collection, detail=detail)
    if exe != "off":
        broad = next((one for one in rules if one[1].collection == "Exe" and _lets_all(one[1])), None)
        if broad is not None:
            detail = f"rule {broad[1].name or broad[1].identifier} lets {broad[1].who or 'everybody'} run everything"
            yield broad[0], ExecutionControl(mechanism="applocker", mode="off", subject=UNLISTED, detail=detail)
        else:
            yield line, ExecutionControl(mechanism="applocker", mode=exe, subject=UNLISTED, detail=said)
    for number, rule in rules:
        is_for_all = rule.who in _EVERYBODY and not rule.exceptions
        if rule.action == "deny" and is_for_all and done.get(rule.collection) == "enforcing":
            for condition in rule.conditions:
                yield number, BlockedProgram(mechanism="applocker", subject=_named(condition))


def _named(condition: ProgramCondition) -> str:
    parts = (condition.subject, condition.product, condition.binary, condition.versions)
    return " ".join(part for part in parts if part and part not in ("*", "*-*")) or "*"


def srp_facts(
    settings: dict[str, tuple[int, int]], rules: list[tuple[int, ExecutionRule]], build: int
) -> Iterator[tuple[int, ExecutionControl | BlockedProgram]]:
    """Say what Software Restriction Policies do; nothing where none are set."""
    if not settings and not rules:
        return
    line = min([number for number, _ in settings.values()] or [rules[0][0]])
    level = settings.get("DefaultLevel", (line, _UNRESTRICTED))[1]
    is_on = settings.get("TransparentEnabled", (line, 0))[1] != 0
    refused = [(number, rule) for number, rule in rules if rule.action == "deny"]
    enforces = is_on and (level != _UNRESTRICTED or bool(refused))
    detail = ", ".join(f"{name} is {value}" for name, (_, value) in settings.items()) or "no setting, and rules"
    if enforces and not 0 < build < _WITHOUT_SRP:
        enforces = False
        detail += f"; build {build} of Windows does not enforce it for certain"
    mode = "enforcing" if enforces else "off"
    yield line, ExecutionControl(mechanism="srp", mode=mode, detail=detail)
    if not enforces:
        return
    unlisted = "enforcing" if level == _DISALLOWED else "off"
    yield line, ExecutionControl(mechanism="srp", mode=unlisted, subject=UNLISTED, detail=f"DefaultLevel is {level}")
    for number, rule in refused:
        yield number, BlockedProgram(mechanism="srp", subject=rule.conditions[0].subject)


def wdac_facts(wdac: tuple[int, str, str], policies: list[str]) -> Iterator[tuple[int, ExecutionControl]]:
    """Say whether App Control enforces for programs and for drivers; what it allows is not read."""
    line, kernel, programs = wdac
    active = f"{len(policies)} policies are active" + (f": {', '.join(policies[:10])}" if policies else "")
    detail = f"UsermodeCodeIntegrityPolicyEnforcementStatus is {programs or 'not told'}; {active}"
    yield line, ExecutionControl(mechanism="wdac", mode=_MODES.get(programs, "off"), detail=detail)
    detail = f"CodeIntegrityPolicyEnforcementStatus is {kernel}"
    yield line, ExecutionControl(mechanism="wdac", mode=_MODES[kernel], subject="drivers", detail=detail)
