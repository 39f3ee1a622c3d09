r"""Users of Windows whose registry is not loaded: what is installed or set for them alone is not seen.

Their registry is loaded while they are logged on; loading it otherwise would change the host. ``ProfileList`` names
every user who has a profile (learn.microsoft.com, "User profiles").
"""

from collections.abc import Iterable

from auditor.collect.collector import Collector, lines_of, row_of, unread
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
    is_whole = False
    for number, line in enumerate(lines_of(text), 1):
        if not line:
            continue
        try:
            kind, rest = row_of(line, _KINDS)
            if kind == "asked":
                is_whole = True
            elif rest[1] not in _STATES or not rest[0]:
                message = f"unknown state {rest[1][:20]!r} of a profile"
                raise ValueError(message)  # noqa: TRY301 — the same treatment as any other line
            else:
                facts.append((number, UserProfile(sid=rest[0], home=rest[2], is_loaded=_STATES[rest[1]])))
        except ValueError as error:
            strange.append(unread(number, line, error))
    missing = None if is_whole else "the listing ends before its end"
    limits = _limits(fact for _, fact in facts if not fact.is_loaded)
    return Parsed(facts=tuple(facts), unread=tuple(strange), partial=missing, limits=limits)


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
