"""AppArmor: whether the kernel has it switched on, and each profile that is loaded with its mode (apparmor(7)).

A profile confines the programs that it is attached to. It does not keep others from running.
"""

from auditor.collect.collector import Collector, parse_lines
from auditor.model.evidence import Proof
from auditor.model.facts.appcontrol import ExecutionControl
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed
from auditor.model.record import replace

# The kernel makes the folder when it has AppArmor compiled in, and lists the profiles for whoever may manage them.
_QUICK = r"""
[ -d /sys/module ] || { failed "/sys is not mounted"; return; }
[ -e /sys/module/apparmor/parameters/enabled ] || { absent "the kernel has no AppArmor"; return; }
show_named /sys/module/apparmor/parameters/enabled
read -r enabled </sys/module/apparmor/parameters/enabled || enabled=
if [ "$enabled" = N ]; then return; fi
if [ ! -e /sys/kernel/security/apparmor/profiles ]; then
    partial "securityfs is not mounted in /sys/kernel/security: the profiles are not seen"
elif [ "$uid" != 0 ]; then
    partial "only root may list the profiles of AppArmor"
else
    show_named /sys/kernel/security/apparmor/profiles
fi
"""

_ENABLED = "/sys/module/apparmor/parameters/enabled:"
_PROFILES = "/sys/kernel/security/apparmor/profiles:"
_MODES = {
    "enforce": "enforcing",
    "kill": "enforcing",
    # A person is asked, and without an answer it is refused.
    "prompt": "enforcing",
    "user": "enforcing",
    "complain": "auditing",
    "unconfined": "off",
    # Stacked profiles of several modes: what one of them lets pass, another may refuse.
    "mixed": "auditing",
}


def _read(line: str) -> ExecutionControl:
    """Read ``…/enabled:Y``, or ``…/profiles:NAME (MODE)``."""
    if line.startswith(_ENABLED):
        value = line.removeprefix(_ENABLED)
        if value not in ("Y", "N"):
            raise ValueError("neither Y nor N")
        return ExecutionControl(mechanism="apparmor", mode="enforcing" if value == "Y" else "off", detail=line)
    name, space, mode = line.removeprefix(_PROFILES).rpartition(" ")
    if not line.startswith(_PROFILES) or not space or mode[:1] != "(" or mode[1:-1] not in _MODES or mode[-1] != ")":
        raise ValueError("not <profile> (<mode>)")
    return ExecutionControl(mechanism="apparmor", mode=_MODES[mode[1:-1]], subject=name, detail=f"{name} {mode}")


def _parse(text: str) -> Parsed:
    """Read one line at a time; the first says whether AppArmor is switched on."""
    parsed = parse_lines(text, _read)
    is_said = any(not fact.subject for _, fact in parsed.facts)
    return parsed if is_said else replace(parsed, partial="whether AppArmor is switched on is not said")


PLUGIN = Collector(
    id="appcontrol.apparmor",
    facts=(ExecutionControl,),
    quick={OsFamily.LINUX: _QUICK},
    parse=_parse,
    proof={OsFamily.LINUX: Proof.DOCUMENTED},
    advice="Run the audit as root or with sudo, with securityfs mounted in /sys/kernel/security.",
    holds_secrets=False,
)
