"""Read one rule of nft's JSON: its statements in order into conditions, effects and what is done in the end."""

import ipaddress
import marshal
from collections.abc import Mapping
from dataclasses import dataclass, field

from auditor.firewall.dialects.nft_sets import NamedSet, members, pairs, read_set
from auditor.firewall.dialects.nft_values import Left, constant, interval, is_value, only, read_left
from auditor.firewall.dialects.nft_words import rule_text
from auditor.firewall.dialects.values import ADDRESSES, FLAGS, NAMES, TCP, WITH_PORTS, Json, keys
from auditor.model.ruleset import (
    Action,
    Doubt,
    Field,
    Forget,
    Keys,
    Lookup,
    Match,
    NatKind,
    Rule,
    Scalar,
    SetMark,
    Step,
    Translate,
    Untrack,
    Verb,
)

_WORD = (1 << 32) - 1
_LOOPBACK = "lo"
_TYPES = {"iiftype": "iifname", "oiftype": "oifname"}
_UNREAD = Action(verb=Verb.UNREAD)
_VERDICTS = {"accept": Verb.ACCEPT, "drop": Verb.DROP, "continue": Verb.CONTINUE, "return": Verb.RETURN}
# They change nothing that a later rule of ours looks at.
_HARMLESS = frozenset(("counter", "log", "ct helper", "ct timeout", "ct expectation", "flow", "dup", "comment", "last"))
_CONDITIONS = frozenset(("limit", "quota", "ct count", "set", "map", "meter", "xt"))
_MARKS = (Field.MARK, Field.CT_MARK)
_REJECT_FAMILIES = {"icmp": 4, "icmpv6": 6}
_ANY_FAMILY = frozenset(("inet", "netdev", "bridge"))
_KEPT, _KEPT_LENGTH = 1024, 1024
"""Rules that are kept as they were read, and the bytes that one may take in the listing to be kept."""
_RULES: dict[bytes, Rule] = {}
"""By their place and all that the listing says of them: rulesets of one fleet have most of theirs in common."""


@dataclass(slots=True, kw_only=True)
class RuleReader:
    """Reads the rules of one table."""

    family: str
    """Family of the table."""
    table: str
    """Name of the table."""
    sets: Mapping[str, NamedSet]
    """Sets and maps of the table."""
    chains: frozenset[str]
    """Names of its chains."""
    _steps: list[Step] = field(default_factory=list)
    _action: Action | Lookup | None = None
    _is_by_itself: bool = True
    """Whether nothing but the rule itself has had a say in what was read: no set, and no list of the chains."""

    def read(self, chain: str, expressions: Json) -> Rule:
        """Read one rule; what is not understood becomes a doubt or an unread action, never nothing."""
        listed = expressions if isinstance(expressions, list) else [expressions]
        key = self._known_by(chain, listed)
        known = None if key is None else _RULES.get(key)
        if known is not None:
            return known
        made = self._read(chain, listed)
        if key is not None and self._is_by_itself:
            if len(_RULES) >= _KEPT:
                _RULES.clear()
            _RULES[key] = made
        return made

    def _known_by(self, chain: str, listed: list[Json]) -> bytes | None:
        """Return what a rule is remembered by; None for a long one."""
        try:
            key = marshal.dumps((self.family, self.table, chain, listed))
        except ValueError:  # nested too deeply
            return None
        return key if len(key) <= _KEPT_LENGTH else None

    def _read(self, chain: str, listed: list[Json]) -> Rule:
        text = rule_text(f"{self.family} {self.table} {chain}", listed)
        self._steps, self._action, self._is_by_itself = [], None, True
        for expression in listed:
            before = self._action
            try:
                self._take(expression)
            except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
                self._strange(expression, str(error))
            if before == _UNREAD:  # what comes after it may never be reached
                self._action = before
        return Rule(steps=tuple(self._steps), action=self._action, text=text)

    def _strange(self, expression: Json, reason: str) -> None:
        """Keep a statement that is not modelled as what it may be: a condition, or anything at all."""
        kind = next(iter(expression)) if isinstance(expression, dict) and expression else str(expression)
        if kind in _CONDITIONS or kind == "match":
            self._steps.append(Doubt(text=f"{kind}: {reason}"))
        elif kind == "mangle":
            self._steps.append(Forget(fields=tuple(Field), text=reason))
        else:
            self._action = _UNREAD

    def _take(self, expression: Json) -> None:  # noqa: C901 — one branch a statement
        kind, body = only(expression)
        if kind == "match":
            self._match(body)
        elif kind in _VERDICTS or kind in ("jump", "goto"):
            self._action = self.action(expression)
        elif kind == "reject":
            self._reject(body)
        elif kind == "vmap":
            left = read_left(body["key"])
            self._steps.extend(left.needs)
            self._action = self._lookup(left, body["data"])
        elif kind == "xt" and isinstance(body, dict) and body.get("type") == "target":
            self._action = _UNREAD
        elif kind in _CONDITIONS:
            self._steps.append(Doubt(text=kind))
        elif kind == "notrack":
            self._steps.append(Untrack())
        elif kind == "mangle":
            self._mangle(body)
        elif kind in ("dnat", "redirect", "snat", "masquerade"):
            self._steps.append(_translate(kind, body or {}))
            self._action = Action(verb=Verb.ACCEPT)
        elif kind not in _HARMLESS:
            self._action = _UNREAD

    def action(self, expression: Json) -> Action:
        """Read a verdict; ValueError when it is none."""
        kind, body = only(expression)
        if kind in _VERDICTS:
            return Action(verb=_VERDICTS[kind])
        self._is_by_itself = False
        if kind not in ("jump", "goto") or body["target"] not in self.chains:
            raise ValueError(f"not a verdict, or one to a chain that is not listed: {kind}")
        return Action(verb=Verb(kind), target=f"{self.family} {self.table} {body['target']}")

    def _lookup(self, left: Left, data: Json) -> Lookup:
        if left.mask is not None:
            raise ValueError("a map of masked values")
        if left.is_raw and not self._has_ports():
            raise ValueError("a map of ports of any protocol")
        if isinstance(data, str):
            named = self._named(data)
            known = named.read_map.get(left.fields)
            if known is None:
                known = named.read_map[left.fields] = pairs(named.elements, left.fields, self.action, left.names)
            return Lookup(fields=left.fields, entries=known, is_open=named.is_open)
        return Lookup(fields=left.fields, entries=pairs(data["set"], left.fields, self.action, left.names))

    def _named(self, name: str) -> NamedSet:
        self._is_by_itself = False
        return self.sets[name.removeprefix("@")]

    def _match(self, body: Json) -> None:
        kind, asked = only(body["left"])
        if kind == "meta" and asked.get("key") in _TYPES:
            body = self._typed(_TYPES[asked["key"]], body)
        left, operator, right = read_left(body["left"]), body["op"], body["right"]
        self._steps.extend(left.needs)
        if isinstance(right, str) and right.startswith("@"):
            self._add(left, read_set(self._named(right), left.fields, left.names), negated=operator == "!=")
        elif isinstance(right, dict) and "set" in right:
            found = Keys(entries=members(right["set"], left.fields, left.names))
            self._add(left, found, negated=operator == "!=")
        elif left.fields[0] in FLAGS:
            self._flags(left, operator, constant(left, right))
        elif operator in ("<", ">", "<=", ">="):
            self._add(left, keys((_half(left, operator, right),)), negated=False)
        elif operator in ("==", "!=", "in") and len(left.fields) == 1:
            self._add(left, keys((interval(left.fields[0], right, left.names),)), negated=operator == "!=")
        elif operator in ("==", "!=", "in"):
            self._add(left, Keys(entries=members([right], left.fields)), negated=operator == "!=")
        else:
            raise ValueError(f"operator {operator} is not modelled")

    def _typed(self, name: str, body: Json) -> Json:
        """Return a question for the loopback type of interface as one for the name: no other has that type."""
        if body["right"] != "loopback":
            raise ValueError("a type of interfaces")
        left: Json = {"meta": {"key": name}}
        # Where there is no interface there is no type either, and no comparison with it holds.
        self._steps.append(Match(fields=read_left(left).fields, keys=keys((("", ""),)), is_negated=True))
        return {**body, "left": left, "right": _LOOPBACK}

    def _add(self, left: Left, found: Keys, *, negated: bool) -> None:
        self._steps.append(
            Match(fields=left.fields, keys=found, mask=left.mask, is_negated=negated, holds_if_missing=left.is_raw)
        )

    def _flags(self, left: Left, operator: str, word: int) -> None:
        """Add a match of a word of bits: ``in`` is any of them, ``!`` none of them, ``==`` the whole word."""
        if operator in ("in", "!"):
            if left.mask is not None:
                word &= left.mask
            none = keys(((0, 0),))
            self._steps.append(Match(fields=left.fields, keys=none, mask=word, is_negated=operator == "in"))
        elif operator in ("==", "!="):
            self._add(left, keys(((word, word),)), negated=operator == "!=")
        else:
            raise ValueError(f"operator {operator} on flags is not modelled")

    def _reject(self, body: Json) -> None:
        said = body or {}
        kind, answer = said.get("type"), str(said.get("expr"))
        if kind == "tcp reset":
            self._steps.append(is_value(Field.L4PROTO, TCP))
            answer = "tcp-reset"
        if kind in _REJECT_FAMILIES:
            self._steps.append(is_value(Field.FAMILY, _REJECT_FAMILIES[kind]))
        elif kind in ("tcp reset", None) and self.family in _ANY_FAMILY and not self._is_of_one_family():
            # nft 1.0.6 leaves out `meta nfproto` before such a reject (a default answer may be icmp or icmpv6, too).
            self._steps.append(Doubt(text="nft does not list which family this reject is of"))
        self._action = Action(verb=Verb.REJECT, answer=answer)

    def _is_of_one_family(self) -> bool:
        """Tell whether a match before binds the rule to one family of addresses."""
        return any(
            isinstance(step, Match)
            and step.fields == (Field.FAMILY,)
            and not step.is_negated
            and all(low == high for ((low, high),), _ in step.keys.entries)
            and len(step.keys.entries) == 1
            for step in self._steps
        )

    def _has_ports(self) -> bool:
        """Tell whether a match before binds the rule to protocols that have ports."""
        return any(
            isinstance(step, Match)
            and step.fields == (Field.L4PROTO,)
            and not step.is_negated
            and all(low == high and low in WITH_PORTS for ((low, high),), _ in step.keys.entries)
            for step in self._steps
        )

    def _mangle(self, body: Json) -> None:
        kind, key = only(body["key"])
        target = {"meta": Field.MARK, "ct": Field.CT_MARK}.get(kind) if key.get("key") == "mark" else None
        if target is not None:
            try:
                self._steps.append(_mark(target, body["value"]))
            except (ValueError, TypeError, KeyError, IndexError, AttributeError):
                self._steps.append(Forget(fields=(target,), text=f"{kind} mark set"))
        elif kind == "payload":
            left = read_left(body["key"])
            self._steps.append(Forget(fields=left.fields, text="a payload is rewritten"))
        elif kind == "meta" and key.get("key") in ("priority", "nftrace", "rtclassid", "secmark"):
            pass
        elif kind == "meta" and key.get("key") == "pkttype":
            self._steps.append(Forget(fields=(Field.PKTTYPE,), text="pkttype is rewritten"))
        elif kind == "ct" and key.get("key") in ("label", "event", "secmark", "helper"):
            pass
        else:
            raise ValueError(f"setting {kind} {key.get('key')} is not modelled")


def _half(left: Left, operator: str, right: Json) -> tuple[Scalar, Scalar]:
    """Return the interval of a comparison by order."""
    if len(left.fields) != 1 or left.fields[0] in NAMES:
        raise ValueError("an order of what has none")
    value = constant(left, right)
    top = (1 << 128) - 1 if left.fields[0] in ADDRESSES else (1 << 32) - 1
    intervals = {"<": (0, value - 1), "<=": (0, value), ">": (value + 1, top), ">=": (value, top)}
    return intervals[operator]


def _mark(target: Field, value: Json) -> SetMark:
    """Read what a mark is set to: a number, a mark, or a mark and a number under ``&``, ``|`` or ``^``."""
    if isinstance(value, int):
        return SetMark(target=target, source=target, keep=0, flip=value & _WORD)
    kind, body = only(value)
    if kind in ("meta", "ct"):
        source = read_left(value).fields[0]
        if source not in _MARKS:
            raise ValueError("a mark from something else")
        return SetMark(target=target, source=source, keep=_WORD, flip=0)
    inner = _mark(target, body[0])
    number = int(body[1])
    if kind == "&":
        return SetMark(target=target, source=inner.source, keep=inner.keep & number, flip=inner.flip & number)
    if kind == "|":
        rest = ~number & _WORD
        return SetMark(target=target, source=inner.source, keep=inner.keep & rest, flip=inner.flip & rest | number)
    if kind == "^":
        return SetMark(target=target, source=inner.source, keep=inner.keep, flip=inner.flip ^ number)
    raise ValueError(f"{kind} of a mark")


def _translate(kind: str, body: Json) -> Translate:
    """Read a translation; an address or port out of a map is not exact."""
    nat = {"dnat": NatKind.DESTINATION, "redirect": NatKind.REDIRECT}.get(kind, NatKind.SOURCE)
    address, port = body.get("addr"), body.get("port")
    is_exact = kind != "masquerade"
    made_address = made_ports = None
    if isinstance(address, str):
        made_address = int(ipaddress.ip_address(address))
    elif address is not None:
        is_exact = False
    if isinstance(port, int):
        made_ports = (port, port)
    elif isinstance(port, dict) and "range" in port:
        made_ports = (int(port["range"][0]), int(port["range"][1]))
    elif port is not None:
        is_exact = False
    if "netmap" in str(body.get("type_flags", "")) or (nat is NatKind.DESTINATION and address is None and port is None):
        is_exact = False
    return Translate(kind=nat, address=made_address, ports=made_ports, is_exact=is_exact)
