"""The section ``firewall.windows`` as text: rows parted by tabs, each beginning with what it tells.

The collector reads it line by line and the dialect as a whole, both through this: what the one understands the other
does too. A part that was asked ends with a row that says so, so that what is empty is not taken for what is missing.
"""

from dataclasses import dataclass, field

from auditor.firewall.dialects.windows_grammar import parse_rule
from auditor.model.facts.firewall import ConnectedNetwork, FirewallProduct, PortProxy, WindowsFirewallRule

STORES = ("local", "mdm", "group_policy", "hardening_static", "hardening", "appcontainer")
"""Where rules are kept; hardening and appcontainer hold what Windows itself allows its services and applications."""
SETTINGS_STORES = ("local", "mdm", "group_policy")
"""Where the settings of profiles are kept, what counts most last."""
KEYS = ("DomainProfile", "PrivateProfile", "StandardProfile", "PublicProfile")
"""Registry keys of profiles: the private one is called StandardProfile on the host, PrivateProfile in group policy."""
# NLM_NETWORK_CATEGORY (learn.microsoft.com, netlistmgr).
_CATEGORIES = {"0": "public", "1": "private", "2": "domain"}
_PROXIES = ("v4tov4", "v4tov6", "v6tov4", "v6tov6")
_DIGITS = 10
_COUNTS = {"profile": 4, "inner": 5, "value": 5, "rule": 4, "store": 4, "network": 4, "adapter": 3, "service": 3,
           "product": 3, "proxy": 4, "iphttps": 3, "variable": 3, "sid": 3, "asked": 2}  # fmt: skip
PARTS = ("profiles", "networks", "adapters", "services", "products", "proxies")
"""What is asked beside the rules of each store."""
_EXTRA_PARTS = ("iphttps",)
"""What makes the answer better where it could be asked, and none the worse where it could not."""
# Of MSFT_NetIPHttpsConfiguration, Type: by its number, and as the cmdlet shows it (learn.microsoft.com).
_IPHTTPS_CLIENT = ("0", "client")

Row = WindowsFirewallRule | ConnectedNetwork | FirewallProduct | PortProxy


@dataclass(slots=True)
class WindowsListing:
    """The section while it is read, and then."""

    profiles: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    """Settings of profiles by store and registry key; a key that is not there has none."""
    inner: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    """Keys inside of those of group policy, by profile, with the names of their values: exceptions as Windows XP had
    them."""
    rules: list[tuple[WindowsFirewallRule, str]] = field(default_factory=list)
    """Rules, and their text."""
    networks: list[ConnectedNetwork] = field(default_factory=list)
    """Networks that interfaces are connected to."""
    adapters: dict[str, str] = field(default_factory=dict)
    """Aliases of interfaces by their GUIDs, in lower case."""
    services: dict[str, str] = field(default_factory=dict)
    """States of the services that filter."""
    products: list[FirewallProduct] = field(default_factory=list)
    """Firewalls of other makers that are registered."""
    iphttps: list[tuple[str, str]] = field(default_factory=list)
    """What there is of IP-HTTPS: ``configuration`` and whether it is a client's or a server's, ``state`` and what it
    is."""
    variables: dict[str, str] = field(default_factory=dict)
    """Variables of the environment by their names, in lower case."""
    sids: dict[str, str] = field(default_factory=dict)
    """``ServiceSidType`` of services that rules name, by their names in lower case."""
    asked: set[str] = field(default_factory=set)
    """Parts and stores that were asked to the end."""
    lacking: list[str] = field(default_factory=list)
    """What was counted and not shown."""

    def take(self, line: str) -> Row | None:
        """Read one row; the fact that it tells, where it is one, and ValueError for what is none of ours."""
        kind, *rest = line.split("\t")
        if kind not in _COUNTS or len(rest) + 1 != _COUNTS[kind]:
            message = f"no row of the Windows firewall: {kind[:20]!r} with {len(rest) + 1} fields"
            raise ValueError(message)
        if kind in ("rule", "network", "product", "proxy"):
            return self._take_fact(kind, rest)
        if kind in ("profile", "inner", "value"):
            self._take_profile(kind, rest)
        elif kind == "store":
            store, shown, counted = rest
            known(store, STORES, "store")
            if shown != counted:
                self.lacking.append(f"{counted} values in the {store} store, of which {shown} are shown")
            self.asked.add(store)
        elif kind == "asked":
            self.asked.add(known(rest[0], (*PARTS, *_EXTRA_PARTS), "part"))
        elif kind == "iphttps":
            self.iphttps.append((known(rest[0], ("configuration", "state"), "row of IP-HTTPS"), rest[1].lower()))
        else:
            name, value = rest
            into = {"adapter": self.adapters, "service": self.services, "variable": self.variables, "sid": self.sids}
            if not name or name.lower() in into[kind]:
                message = f"a second {kind}, or one without a name"
                raise ValueError(message)
            into[kind][name.lower()] = value
        return None

    def _take_fact(self, kind: str, rest: list[str]) -> Row:
        if kind == "rule":
            store, name, text = rest
            rule = parse_rule(known(store, STORES, "store"), name, text)
            self.rules.append((rule, text))
            return rule
        if kind == "network":
            index, alias, category = rest
            network = ConnectedNetwork(
                interface=alias,
                index=_number(index),
                profile=_CATEGORIES[known(category, tuple(_CATEGORIES), "category")],
            )
            self.networks.append(network)
            return network
        if kind == "product":
            product = FirewallProduct(name=rest[0], state=rest[1])
            self.products.append(product)
            return product
        relay, place, target = rest
        address, slash, port = place.rpartition("/")
        if not slash:
            message = "a port proxy without a port"
            raise ValueError(message)
        return PortProxy(kind=known(relay, _PROXIES, "kind of proxy"), address=address, port=port, target=target)

    def _take_profile(self, kind: str, rest: list[str]) -> None:
        store, key = known(rest[0], SETTINGS_STORES, "store"), known(rest[1], KEYS, "profile")
        if kind == "inner":
            self.inner.setdefault(key, []).append((rest[2], rest[3]))
        elif kind == "profile":
            known(rest[2], ("present", "absent"), "word")
            if rest[2] == "present":
                self.profiles.setdefault((store, key), {})
        elif rest[2] in self.profiles.setdefault((store, key), {}):
            message = "a setting that was told before"
            raise ValueError(message)
        else:
            self.profiles[store, key][rest[2]] = rest[3]

    @property
    def has_no_iphttps_server(self) -> bool:
        """Tell whether it is known that the host takes no connections by IP-HTTPS.

        A server has a configuration of its type, which names the URL that it listens on (learn.microsoft.com,
        MSFT_NetIPHttpsConfiguration); where IP-HTTPS is not active there is no state of it (Get-NetIPHttpsState). A
        state may be that of a server.
        """
        return "iphttps" in self.asked and all(
            part == "configuration" and kind in _IPHTTPS_CLIENT for part, kind in self.iphttps
        )

    @property
    def missing(self) -> str:
        """Return what the answer lacks, as a clause; empty for nothing."""
        lost = [one for one in (*PARTS, *STORES) if one not in self.asked]
        said = [f"not told to its end: {', '.join(lost)}"] if lost else []
        if not lost and not any(("local", key) in self.profiles for key in KEYS):
            said.append("no profile is in the local store")
        return "; ".join((*said, *self.lacking))


def known(text: str, words: tuple[str, ...], what: str) -> str:
    """Return a word that is one of some; ValueError for another."""
    if text not in words:
        message = f"unknown {what} {text[:40]!r}"
        raise ValueError(message)
    return text


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > _DIGITS:
        message = f"{text[:40]!r} is no number of an interface"
        raise ValueError(message)
    return int(text)


def read_listing(text: str) -> WindowsListing:
    """Read a section; ValueError for one that is not whole."""
    listing = WindowsListing()
    for line in text.split("\n"):
        if line:
            listing.take(line)
    if listing.missing:
        raise ValueError(listing.missing)
    return listing
