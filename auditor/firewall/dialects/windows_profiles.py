"""The profiles of the Windows firewall as they hold: of each setting, what group policy says, else MDM, else the host.

The settings and their defaults are those of MS-GPFAS 2.2.3 and MS-FASP 2.2.38 (FW_PROFILE_CONFIG). Where stores are
known to disagree in a way that no document settles, the profile is one that cannot be told.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from auditor.firewall.dialects.windows_text import WindowsListing
from auditor.model.facts.firewall import WindowsFirewallProfile

NAMES = ("domain", "private", "public")
_SHOWN = {"local": "local setting", "mdm": "set by MDM", "group_policy": "set by group policy", "": "the default"}
# MS-GPFAS 2.2.3: what holds where nothing is set.
_DEFAULTS = {
    "EnableFirewall": "1",
    "DefaultInboundAction": "1",
    "DefaultOutboundAction": "0",
    "DoNotAllowExceptions": "0",
    "AllowLocalPolicyMerge": "1",
}
_ONLY_POLICY = frozenset(("AllowLocalPolicyMerge",))
_LEGACY = "StandardProfile"
# Keys of a profile in group policy that are no exceptions.
_HARMLESS = frozenset(("Logging",))


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
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
    if not any(("local", key) in listing.profiles for key in _keys("local", name)):
        doubts.append(f"no settings of the {name} profile are in the local store")
    for key in dict.fromkeys((*_keys("group_policy", name), _LEGACY if name != "domain" else "DomainProfile")):
        strange = [one for one in listing.inner.get(key, ()) if one not in _HARMLESS]
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


def _keys(store: str, name: str) -> tuple[str, ...]:
    """Return the registry keys that a store may keep a profile in."""
    if name != "private":
        return (f"{name.capitalize()}Profile",)
    return ("PrivateProfile",) if store == "group_policy" else (_LEGACY, "PrivateProfile")


def _values(listing: WindowsListing, store: str, name: str, setting: str) -> list[str]:
    found = (listing.profiles.get((store, key), {}).get(setting) for key in _keys(store, name))
    return [value for value in found if value is not None]


def _setting(listing: WindowsListing, name: str, setting: str, doubts: list[str]) -> Setting:
    """Return a setting by what counts most; what contradicts it without a rule for that goes to ``doubts``."""
    stores = ("group_policy", "mdm") if setting in _ONLY_POLICY else ("group_policy", "mdm", "local")
    told = [(store, value) for store in stores for value in _values(listing, store, name, setting)]
    store, value = told[0] if told else ("", _DEFAULTS[setting])
    if value not in ("0", "1"):
        doubts.append(f"{setting} of the {name} profile is {value[:20]!r}")
    # MDM beside group policy, two keys of one store, and the standard profile of Windows XP have no order to go by.
    rivals = {store, "mdm"} if store == "group_policy" else {store}
    if any(one in rivals for one, other in told[1:] if other != value):
        doubts.append(f"{setting} of the {name} profile is told twice, and differently")
    older = listing.profiles.get(("group_policy", _LEGACY), {}).get(setting)
    if name != "domain" and older is not None and older != value:
        doubts.append(
            f"group policy sets {setting} of the older standard profile, which contradicts the {name} profile"
        )
    return Setting(name=setting, is_set=value == "1", store=store)


def _unfiltered(listing: WindowsListing, name: str) -> Iterator[str]:
    for store in ("local", "mdm", "group_policy"):
        for text in _values(listing, store, name, "DisabledInterfaces"):
            for guid in text.split(","):
                if guid.strip():
                    yield guid.strip().lower()
