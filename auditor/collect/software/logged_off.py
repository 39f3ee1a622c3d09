r"""Users of Windows whose registry is not loaded: what is installed or set for them alone is not seen.

Their registry is loaded while they are logged on; loading it otherwise would change the host. ``ProfileList`` names
every user who has a profile (learn.microsoft.com, "User profiles").
"""

from collections.abc import Iterable

from auditor.collect.collector import Collector, take_rows
from auditor.model.evidence import Unread
from auditor.model.facts.accounts import UserProfile
from auditor.model.host import OsFamily
from auditor.model.reading import Parsed
from auditor.model.verdict import Limit

_WINDOWS = r"""
Hives
$list = 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion\ProfileList'
foreach ($one in @(Get-ChildItem -LiteralPath $list)) {
    $sid = [string]$one.PSChildName
    if ($sid -notmatch '^S-1-(5-21|12-1)-[0-9-]+$') { continue }
    $state = 'off'
    if ($sid -in $hives) { $state = 'loaded' }
    Row 'profile' $sid $state (Value $one.PSPath 'ProfileImagePath')
}
Row 'asked'
"""

_KINDS = {"profile": 3, "asked": 0}
_STATES = {"loaded": True, "off": False}
LOGGED_OFF = "users_logged_off"
"""Name of the limit that users who are logged off make."""


def _parse(text: str) -> Parsed:
    """Read one profile a row; those that are not loaded make the limit."""
    facts: list[tuple[int, UserProfile]] = []
    strange: list[Unread] = []

    def take(number: int, _kind: str, rest: list[str]) -> None:
        facts.append((number, _profile(*rest)))

    missing = take_rows(text, _KINDS, take, strange)
    limits = _limits(fact for _, fact in facts if not fact.is_loaded)
    return Parsed(facts=tuple(facts), unread=tuple(strange), partial=missing, limits=limits)


def _profile(sid: str, state: str, home: str) -> UserProfile:
    if state not in _STATES or not sid:
        message = f"unknown state {state[:20]!r} of a profile"
        raise ValueError(message)
    return UserProfile(sid=sid, home=home, is_loaded=_STATES[state])


def _limits(unseen: Iterable[UserProfile]) -> tuple[Limit, ...]:
    count = sum(1 for _ in unseen)
    if not count:
        return ()
    text = (
        f"The registry of {count} user{'s' if count > 1 else ''} who {'are' if count > 1 else 'is'} logged off is not "
        "loaded, and loading it would change the host: what is installed or set for them alone is not seen."
    )
    return (Limit(id=LOGGED_OFF, text=text),)


PLUGIN = Collector(
    id="software.logged_off",
    facts=(UserProfile,),
    scripts={OsFamily.WINDOWS: _WINDOWS},
    parse=_parse,
    advice="Accept the limit `users_logged_off` in the policy, or audit while the host's users are logged on.",
    holds_secrets=False,
)
