"""Read ``nft -j list ruleset``, with ``nft list ruleset`` beside it where the JSON loses something."""

import json

from auditor.firewall.dialects.dialect import Dialect, Texts
from auditor.firewall.dialects.nft_rules import RuleReader
from auditor.firewall.dialects.nft_sets import NamedSet
from auditor.firewall.dialects.values import Json
from auditor.model.evidence import Proof
from auditor.model.host import OsFamily
from auditor.model.ruleset import Action, Base, Hook, Rule, Ruleset, Verb

_FAMILIES = {"ip": (4,), "ip6": (6,), "inet": (4, 6), "netdev": (4, 6), "bridge": (4, 6)}
_IPTABLES = frozenset(("filter", "nat", "mangle", "raw", "security"))
_FLAGS = frozenset(("dormant", "owner", "persist"))

TableKey = tuple[str, str]


def read_nft(text: str, *, listing: str | None = None, skip_iptables: bool = False) -> Ruleset:
    """Read a listing; ValueError when it is not the whole JSON of nft.

    ``skip_iptables`` leaves out the tables that iptables-nft keeps here, whose matches the JSON does not show: the
    caller has read them from iptables-save.
    """
    try:
        return _read(json.loads(text), listing, skip_iptables=skip_iptables)
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"not the JSON of nft: {type(error).__name__} {error}") from error


def _read(document: Json, listing: str | None, *, skip_iptables: bool) -> Ruleset:
    if not isinstance(document, dict) or not isinstance(document.get("nftables"), list):
        raise ValueError("not the JSON of nft: no list named nftables")  # noqa: TRY004 — the host's word
    entries = document["nftables"]
    tables: dict[TableKey, _Table] = {}
    doubts: list[str] = []
    for entry in entries:
        if not isinstance(entry, dict) or len(entry) != 1:
            doubts.append("an entry of the listing that is not one object")
            continue
        kind, body = next(iter(entry.items()))
        if isinstance(body, dict):
            _collect(kind, body, tables)
        else:
            doubts.append(f"an entry {str(kind)[:40]} without a body")
    asleep = None if listing is None else _dormant(listing)
    for (family, name, chain), devices in (_devices(listing) if listing else {}).items():
        # nft 1.0.6 leaves the devices of a chain out of its JSON.
        body = tables[family, name].chains.get(chain) if (family, name) in tables else None
        if body is not None and not {"dev", "devs"} & body.keys():
            body["devs"] = devices
    bases: list[Base] = []
    chains: dict[str, tuple[Rule, ...]] = {}
    for order, table in enumerate(tables.values()):
        if table.family in _FAMILIES and not (skip_iptables and table.is_of_iptables):
            table.read(bases, chains, order, asleep)
    return Ruleset(bases=tuple(bases), chains=chains, doubts=tuple(doubts))


def _collect(kind: str, body: dict[str, Json], tables: dict[TableKey, "_Table"]) -> None:
    """Put an object of the listing to its table."""
    if kind == "metainfo" or "family" not in body:
        return
    name = str(body.get("name") if kind == "table" else body.get("table"))
    key = (str(body["family"]), name)
    table = tables.get(key)
    if table is None:
        table = tables[key] = _Table(*key)
    if kind == "table":
        table.flags = body.get("flags")
    elif kind == "chain":
        table.chains[str(body["name"])] = body
        table.rules.setdefault(str(body["name"]), [])
    elif kind == "rule":
        table.rules.setdefault(str(body.get("chain")), []).append(body.get("expr", []))
    elif kind in ("set", "map"):
        elements = body.get("elem", [])
        table.sets[str(body["name"])] = NamedSet(
            elements=elements if isinstance(elements, list) else [elements],
            is_open="dynamic" in _words(body.get("flags")),
        )
    elif kind == "element":
        # Of a set that is not listed itself there may be more.
        table.sets.setdefault(str(body.get("name")), NamedSet(is_open=True)).elements.extend(body.get("elem", []))


def _words(flags: Json) -> list[str]:
    return [str(flag) for flag in flags] if isinstance(flags, list) else [] if flags is None else [str(flags)]


def _lines(listing: str) -> list[str]:
    """Return the lines of a text of nft; what is quoted, such as a comment of several lines, is one word."""
    parts = listing.split('"')
    parts[1::2] = ["_".join(part.split()) for part in parts[1::2]]
    return '"'.join(parts).split("\n")


def _dormant(listing: str) -> set[TableKey]:
    """Return the tables that the text says are switched off."""
    asleep: set[TableKey] = set()
    table: TableKey = ("", "")
    for line in _lines(listing):
        words = line.replace(",", " ").split()
        table = _begun(words) or table
        if line.startswith("\tflags ") and "dormant" in words:
            asleep.add(table)
    return asleep


def _begun(words: list[str]) -> TableKey | None:
    """Return the table that a line of text begins; None where it begins none."""
    is_first = words[:1] == ["table"] and len(words) == len(("table", "family", "name", "{"))
    return (words[1], words[2]) if is_first else None


def _devices(listing: str) -> dict[tuple[str, str, str], list[str]]:
    """Return the devices that base chains are bound to, from the text of nft."""
    found: dict[tuple[str, str, str], list[str]] = {}
    table: TableKey = ("", "")
    chain = ""
    for line in _lines(listing):
        words = line.split()
        table = _begun(words) or table
        if words == ["chain"]:
            raise ValueError("the text of nft has a chain without a name")
        if words[:1] == ["chain"]:
            chain = words[1]
        elif words[:1] == ["type"] and words[4:5] in (["device"], ["devices"]):
            named = words[5 : words.index("priority")] if "priority" in words else []
            found[*table, chain] = [word.strip('",') for word in named if word not in ("=", "{", "}")]
    return found


class _Table:
    """One table while its listing is read."""

    def __init__(self, family: str, name: str) -> None:
        self.family, self.name = family, name
        self.flags: Json = None
        self.chains: dict[str, dict[str, Json]] = {}
        self.rules: dict[str, list[Json]] = {}
        self.sets: dict[str, NamedSet] = {}

    @property
    def is_of_iptables(self) -> bool:
        """Tell whether iptables-nft keeps this table: its save command lists it whole."""
        return self.family in ("ip", "ip6") and self.name in _IPTABLES

    def _is_asleep(self, asleep: set[TableKey] | None) -> bool | None:
        """Tell whether the table is switched off; None when the listing does not say.

        nft 1.0.6 prints something else than the flag in its JSON; the text has it right.
        """
        if asleep is not None:
            return (self.family, self.name) in asleep
        words = _words(self.flags)
        return True if "dormant" in words else None if set(words) - _FLAGS else False

    def read(
        self, bases: list[Base], chains: dict[str, tuple[Rule, ...]], order: int, asleep: set[TableKey] | None
    ) -> None:
        """Add the table's base chains and all its chains."""
        is_asleep = self._is_asleep(asleep)
        if is_asleep:
            return
        self._open_sets()
        reader = RuleReader(family=self.family, table=self.name, sets=self.sets, chains=frozenset(self.rules))
        for chain, rules in self.rules.items():
            chains[f"{self.family} {self.name} {chain}"] = tuple(reader.read(chain, rule) for rule in rules)
        for chain, body in self.chains.items():
            if "hook" in body:
                bases.append(self._base(chain, body, order, is_certain=is_asleep is False))

    def _base(self, chain: str, body: dict[str, Json], order: int, *, is_certain: bool) -> Base:
        policy = body.get("policy", "accept")
        device = body.get("dev", body.get("devs", []))
        return Base(
            hook=Hook(body["hook"]),
            priority=int(body["prio"]),
            order=(1, order, int(body.get("handle", 0))),
            families=_FAMILIES[self.family],
            is_nat=body.get("type") == "nat",
            policy=Action(verb=Verb.DROP if policy == "drop" else Verb.ACCEPT),
            devices=tuple(map(str, device)) if isinstance(device, list) else (str(device),),
            chain=f"{self.family} {self.name} {chain}",
            # Only frames that cross a bridge meet a chain of a bridge; which they are is not known here.
            is_certain=is_certain and self.family != "bridge",
            text=f"{self.family} {self.name} {chain}: policy {policy}",
        )

    def _open_sets(self) -> None:
        """Mark the sets that rules add to."""
        for rules in self.rules.values():
            for rule in rules:
                for expression in rule if isinstance(rule, list) else ():
                    body = expression.get("set") if isinstance(expression, dict) else None
                    if isinstance(body, dict) and str(body.get("set", ""))[1:] in self.sets:
                        self.sets[str(body["set"])[1:]].is_open = True


def _read_sections(texts: Texts) -> Ruleset:
    """Read what is loaded; the tables of iptables-nft are left to their own dialect where it has them."""
    text = texts.get("firewall.nft")
    if text is None:
        return Ruleset()
    skips = "firewall.iptables_nft" in texts
    return read_nft(text, listing=texts.get("firewall.nft_text"), skip_iptables=skips)


DIALECT = Dialect(
    id="nft_json",
    os=OsFamily.LINUX,
    engines=("firewall.nft",),
    beside=("firewall.nft_text", "firewall.iptables_nft"),
    read=_read_sections,
    proof=Proof.LAB,
)
