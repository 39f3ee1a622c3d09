"""What AppLocker, SRP and App Control do with a program, by their settings and rules: never more than these say."""

from collections.abc import Iterator, Sequence

from auditor.model.facts.appcontrol import UNLISTED, ExecutionControl, ExecutionRule

_UNRESTRICTED, _DISALLOWED = 262_144, 0
_WITHOUT_SRP = 22_621
"""Build of Windows 11 22H2, from which SRP is deprecated and was seen not to be enforced."""
_MODES = {"0": "off", "1": "auditing", "2": "enforcing", "none": "off"}


def applocker_facts(
    line: int, modes: dict[str, str], rules: Sequence[ExecutionRule], service: str
) -> Iterator[tuple[int, ExecutionControl]]:
    """Say what each collection does: with rules and no mode it enforces, and without its service none does."""
    runs = service == "Running"
    with_rules = {rule.collection for rule in rules}
    done: dict[str, str] = {}
    for collection, configured in modes.items():
        mode = {"AuditOnly": "auditing", "Enabled": "enforcing"}.get(configured, "enforcing")
        # A collection that has no rules refuses nothing, whatever its mode.
        done[collection] = mode if runs and collection in with_rules else "off"
    exe = done.get("Exe", "off")
    said = f"EnforcementMode of Exe is {modes.get('Exe', 'not set')}, AppIDSvc is {service or 'not told'}"
    yield line, ExecutionControl(mechanism="applocker", mode=exe, detail=said)
    for collection, mode in done.items():
        count = sum(1 for rule in rules if rule.collection == collection)
        detail = f"EnforcementMode is {modes[collection]}, with {count} rules"
        yield line, ExecutionControl(mechanism="applocker", mode=mode, subject=collection, detail=detail)


def srp_facts(
    settings: dict[str, tuple[int, int]], rules: list[tuple[int, ExecutionRule]], build: int
) -> Iterator[tuple[int, ExecutionControl]]:
    """Say what Software Restriction Policies do; nothing where none are set."""
    if not settings and not rules:
        return
    line = min([number for number, _ in settings.values()] or [rules[0][0]])
    level = settings.get("DefaultLevel", (line, _UNRESTRICTED))[1]
    is_on = settings.get("TransparentEnabled", (line, 0))[1] != 0
    enforces = is_on and (level != _UNRESTRICTED or any(rule.action == "deny" for _, rule in rules))
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


def wdac_facts(wdac: tuple[int, str, str], policies: list[str]) -> Iterator[tuple[int, ExecutionControl]]:
    """Say whether App Control enforces for programs and for drivers; what it allows is not read."""
    line, kernel, programs = wdac
    active = f"{len(policies)} policies are active" + (f": {', '.join(policies[:10])}" if policies else "")
    detail = f"UsermodeCodeIntegrityPolicyEnforcementStatus is {programs or 'not told'}; {active}"
    yield line, ExecutionControl(mechanism="wdac", mode=_MODES.get(programs, "off"), detail=detail)
    detail = f"CodeIntegrityPolicyEnforcementStatus is {kernel}"
    yield line, ExecutionControl(mechanism="wdac", mode=_MODES[kernel], subject="drivers", detail=detail)
