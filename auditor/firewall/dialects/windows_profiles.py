"""The profiles of the Windows firewall as they hold: of each setting, what group policy says, else MDM, else the host.

The settings and their defaults are those of MS-GPFAS 2.2.3 and MS-FASP 2.2.38 (FW_PROFILE_CONFIG). Where stores are
known to disagree in a way that no document settles, the profile is one that cannot be told.
"""

from collections.abc import Iterator

from auditor.firewall.dialects.windows_text import WindowsListing
from auditor.model.facts.firewall import WindowsFirewallProfile
from auditor.model.record import Record

NAMES = ("domain", "private", "public")
_SHOWN = {"local": "local setting", "mdm": "set by MDM", "group_policy": "set by group policy", "": "the default"}
# What holds where nothing is set: inbound traffic is blocked and outbound allowed (learn.microsoft.com, INetFwPolicy2).
_DEFAULTS = {
    "EnableFirewall": "1",
    "DefaultInboundAction": "1",
    "DefaultOutboundAction": "0",
    "DoNotAllowExceptions": "0",
    "AllowLocalPolicyMerge": "1",
    "AuthorizedApplications.AllowUserPrefMerge": "1",
    "GloballyOpenPorts.AllowUserPrefMerge": "1",
}
_ONLY_POLICY = frozenset((
    "AllowLocalPolicyMerge", "AuthorizedApplications.AllowUserPrefMerge", "GloballyOpenPorts.AllowUserPrefMerge"
))  # fmt: skip
_ON_WINS = frozenset(("DoNotAllowExceptions",))
# As the Firewall CSP names them (learn.microsoft.com); of MDM's registry values no document is known.
_OF_MDM = {
    "DoNotAllowExceptions": "Shielded",
    "AuthorizedApplications.AllowUserPrefMerge": "AuthAppsAllowUserPrefMerge",
    "GloballyOpenPorts.AllowUserPrefMerge": "GlobalPortsAllowUserPrefMerge",
}
_LEGACY = "StandardProfile"
# Values inside of a profile's keys in group policy that are no exceptions.
_HARMLESS = frozenset(("", "AllowUserPrefMerge"))


class Setting(Record, kw_only=True):
    """One setting of a profile as it holds."""

    name: str
    """Name of the registry value."""
    is_set: bool
    """Whether it is 1."""
    store: str
    """Store that says so; empty for the default."""

    @property
    def text(self) -> str:
        """Return what an administrator finds."""
        return f"{self.name}={int(self.is_set)} ({_SHOWN[self.store]})"


class Profile(Record, kw_only=True):
    """One profile, and what of it cannot be told."""

    fact: WindowsFirewallProfile
    """What is told."""
    settings: dict[str, Setting]
    """Its settings by their names."""
    unfiltered: tuple[str, ...]
    """Interfaces that it does not filter, by their GUIDs in lower case (``DisabledInterfaces``)."""
    doubts: tuple[str, ...]
    """Why it cannot be told what it does; empty where it can."""


def profiles(listing: WindowsListing) -> tuple[Profile, ...]:
    """Return the three profiles."""
    return tuple(_profile(listing, name) for name in NAMES)


def _profile(listing: WindowsListing, name: str) -> Profile:
    doubts: list[str] = []
    found = {setting: _setting(listing, name, setting, doubts) for setting in _DEFAULTS}
    if not any(("local", key) in listing.profiles for key in _keys(listing, "local", name)):
        doubts.append(f"no settings of the {name} profile are in the local store")
    for key in _keys(listing, "group_policy", name):
        strange = [one for one, values in listing.inner.get(key, ()) if not _HARMLESS.issuperset(values.split(","))]
        if strange:
            doubts.append(f"group policy holds exceptions of the older form in {key}: {', '.join(strange[:5])}")
    connected = {network.profile for network in listing.networks}
    return Profile(
        fact=WindowsFirewallProfile(
            name=name,
            is_enabled=found["EnableFirewall"].is_set,
            blocks_inbound=found["DefaultInboundAction"].is_set,
            blocks_outbound=found["DefaultOutboundAction"].is_set,
            allows_local_rules=found["AllowLocalPolicyMerge"].is_set,
            is_connected=name in connected if "networks" in listing.asked else None,
            blocks_all_inbound=found["DoNotAllowExceptions"].is_set,
        ),
        settings=found,
        unfiltered=tuple(dict.fromkeys(_unfiltered(listing, name))),
        doubts=tuple(doubts),
    )


def _keys(listing: WindowsListing, store: str, name: str) -> tuple[str, ...]:
    """Return the registry keys that a store may keep a profile in.

    In group policy StandardProfile is for both the private and the public one, and only where neither has a key of its
    own (MS-GPFAS 2.2.3).
    """
    own = f"{name.capitalize()}Profile"
    if store == "group_policy":
        has_own = any((store, key) in listing.profiles for key in ("PrivateProfile", "PublicProfile"))
        return (own,) if name == "domain" or has_own else (_LEGACY,)
    return (_LEGACY, own) if name == "private" else (own,)


def _values(listing: WindowsListing, store: str, name: str, setting: str) -> list[str]:
    names = (setting, _OF_MDM[setting]) if store == "mdm" and setting in _OF_MDM else (setting,)
    keys = _keys(listing, store, name)
    found = (listing.profiles.get((store, key), {}).get(one) for key in keys for one in names)
    return [value for value in found if value is not None]


def _setting(listing: WindowsListing, name: str, setting: str, doubts: list[str]) -> Setting:
    """Return a setting by its merge law; what contradicts it without a rule for that goes to ``doubts``."""
    stores = ("group_policy", "mdm") if setting in _ONLY_POLICY else ("group_policy", "mdm", "local")
    told = [(store, value) for store in stores for value in _values(listing, store, name, setting)]
    if setting in _ON_WINS:
        told.sort(key=lambda one: one[1] != "1")
    store, value = told[0] if told else ("", _DEFAULTS[setting])
    if any(one not in ("0", "1") for _, one in told if setting in _ON_WINS or one == value):
        doubts.append(f"{setting} of the {name} profile is {', '.join(one[:20] for _, one in told)}")
    # MDM beside group policy, and two keys of one store, have no order to go by.
    rivals = {store, "mdm"} if store == "group_policy" else {store}
    if setting not in _ON_WINS and any(one in rivals for one, other in told[1:] if other != value):
        doubts.append(f"{setting} of the {name} profile is told twice, and differently")
    return Setting(name=setting, is_set=value == "1", store=store)


def _unfiltered(listing: WindowsListing, name: str) -> Iterator[str]:
    """Give the interfaces that the store which counts most says are not filtered."""
    for store in ("group_policy", "mdm", "local"):
        told = _values(listing, store, name, "DisabledInterfaces")
        if told:
            yield from (guid.strip().lower() for text in told for guid in text.split(",") if guid.strip())
            return
