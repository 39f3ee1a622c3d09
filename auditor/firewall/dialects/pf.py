"""pf of macOS as a neutral ruleset: the last match wins, so that its rules are turned round and the first one wins.

Rules are asked in their order; the last that matches decides, but one that is quick ends it (pf.conf(5), PACKET
FILTERING). So those that are quick come first, in their order, and then all others from the last to the first; what
none matches passes. An anchor stands with its rules in the place of its call, for both halves. Packets are translated
before they are filtered, by the first rule that matches (pf.conf(5), TRANSLATION), and belong to a state before either.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from auditor.firewall.dialects.dialect import Dialect, Texts
from auditor.firewall.dialects.pf_addresses import Tables, interface_names, match, tables_of
from auditor.firewall.dialects.pf_rules import (
    ICMP_ONLY,
    IN,
    OUT,
    TCP_ONLY,
    PfRule,
    Reader,
    answers_others,
    answers_tcp,
)
from auditor.firewall.dialects.pf_targets import translation
from auditor.firewall.dialects.pf_text import PfListing, RuleLines, read_listing
from auditor.firewall.dialects.values import keys
from auditor.model.evidence import Proof
from auditor.model.host import OsFamily
from auditor.model.ruleset import (
    CT_STATES,
    Action,
    Base,
    Field,
    Hook,
    Match,
    Rule,
    Ruleset,
    SetMark,
    Verb,
)

_SECTION = "firewall.pf"
_ACCEPT, _DROP = Action(verb=Verb.ACCEPT), Action(verb=Verb.DROP)
_UNREAD = Action(verb=Verb.UNREAD)
_PLACES = {IN: (Hook.PREROUTING, Field.IIF, -100, 0), OUT: (Hook.POSTROUTING, Field.OIF, 0, 100)}
_KINDS = {IN: ("rdr", "binat"), OUT: ("binat", "nat")}
"""Kinds of translation by direction, in the order in which they are asked (pf.conf(5), TRANSLATION)."""
DEFAULT = "pf default: what no rule matches passes"


def read_pf(text: str) -> Ruleset:
    """Read a section; ValueError for one that is not whole."""
    listing = read_listing(text)
    if not listing.is_enabled:
        return Ruleset()
    return _Builder(listing=listing, tables=tables_of(listing.tables)).build()


@dataclass(slots=True, kw_only=True)
class _Builder:
    """A listing on its way into chains."""

    listing: PfListing
    tables: Tables
    chains: dict[str, tuple[Rule, ...]] = field(default_factory=dict)
    passing: list[tuple[int, str]] = field(default_factory=list)
    """Marks of what rules that translate let pass, and these rules."""

    def build(self) -> Ruleset:
        """Make the chains of both directions."""
        listing = self.listing
        filters = any(not line.startswith("anchor") for one in _all_lines(listing) for line in one.lines)
        translates = any("-anchor" not in line for lines in listing.translations.values() for line in lines)
        if not filters and not translates:
            return Ruleset()
        bases: list[Base] = []
        for way in (IN, OUT):
            hook, _, before, after = _PLACES[way]
            if translates:
                self._translate(way)
                bases.append(_base(hook, before, f"pf {way} translation"))
            self._filter(way)
            bases.append(_base(hook, after, f"pf {way}"))
        return Ruleset(bases=tuple(bases), chains=self.chains)

    # ---- filter

    def _filter(self, way: str) -> None:
        for path, lines in self.listing.rules.items():
            self._halves(way, path, path, lines)
        start = [*self._start(way), *(
            Rule(steps=(match(Field.MARK, (mark, mark)),), action=_ACCEPT, text=text) for mark, text in self.passing
        )]  # fmt: skip
        calls = [Rule(action=_jump(half, way, ""), text=DEFAULT) for half in ("quick", "rest")]
        self.chains[f"pf {way}"] = (*start, *calls)

    def _start(self, way: str) -> Iterator[Rule]:
        """Give what comes before the rules: interfaces that are left alone, and states."""
        known = keys(*(((CT_STATES[name], CT_STATES[name]),) for name in ("established", "related")))
        if self.listing.skipped:
            names = [one for name in self.listing.skipped for one in interface_names(name)]
            names_of = keys(*(((one, one),) for one in dict.fromkeys(names)))
            yield Rule(
                steps=(Match(fields=(_PLACES[way][1],), keys=names_of),),
                action=_ACCEPT,
                text=f"pf interfaces: {', '.join(self.listing.skipped)} (skip)",
            )
        yield Rule(
            steps=(Match(fields=(Field.CT_STATE,), keys=known),), action=_ACCEPT, text="pf states: it belongs to one"
        )

    def _halves(self, way: str, key: str, path: str, lines: RuleLines) -> None:
        """Make the two chains of one anchor: rules that are quick in their order, the others turned round."""
        quick: list[Rule] = []
        rest: list[Rule] = []
        for at, line in enumerate(lines.lines):
            rule = Reader(line, way, path, self.tables).read()
            inner = lines.inner.get(at)
            inner_key = f"{key} {{{at}}}"
            if inner is not None:
                self._halves(way, inner_key, path, inner)
            if not rule.is_for_way:
                continue
            text = f"pf {f'anchor {path}' if path else 'main'}: {line}"
            if rule.kind == "anchor":
                called = [inner_key] if inner is not None else self._called(path, rule, "rules")
                self._call(rule, way, called, text, (quick, rest))
                continue
            made = list(_deeds(rule, text))
            if rule.is_quick or rule.is_half_read:
                quick += made
            if not rule.is_quick:
                rest[:0] = made
        self.chains[f"pf {way} {key} quick"] = tuple(quick)
        self.chains[f"pf {way} {key} rest"] = tuple(rest)

    def _call(
        self, rule: PfRule, way: str, called: list[str] | None, text: str, halves: tuple[list[Rule], list[Rule]]
    ) -> None:
        """Put the rules of an anchor in the place of its call; one that is quick ends all where any of them matched."""
        quick, rest = halves
        steps = tuple(rule.steps)
        if called is None:
            unknown = Rule(steps=steps, action=_UNREAD, text=text)
            quick.append(unknown)
            rest.insert(0, unknown)
            return
        if rule.is_quick:
            quick += [Rule(steps=steps, action=_jump("quick", way, key), text=text) for key in called]
            quick += [Rule(steps=steps, action=_jump("rest", way, key), text=text) for key in reversed(called)]
            return
        quick += [Rule(steps=steps, action=_jump("quick", way, key), text=text) for key in called]
        later = [Rule(steps=steps, action=_jump("rest", way, key), text=text) for key in reversed(called)]
        if rule.is_half_read:
            quick += later
        rest[:0] = later

    def _called(self, path: str, rule: PfRule, what: str) -> list[str] | None:
        """Return the anchors that a call means, in the order of their names; None where they were not listed."""
        known = self.listing.rules if what == "rules" else self.listing.translations
        name = _resolved(path, rule.name)
        if rule.name.endswith("*"):
            above = f"{name}/" if name else ""
            return sorted(one for one in known if one and one.startswith(above) and "/" not in one.removeprefix(above))
        return [name] if name in known and name else None

    # ---- translation

    def _translate(self, way: str) -> None:
        for kind in _KINDS[way]:
            for path, lines in self.listing.translations.items():
                self.chains[f"pf {way} {kind} {path}"] = tuple(self._translations(way, kind, path, lines))
        calls = [
            Rule(action=Action(verb=Verb.JUMP, target=f"pf {way} {kind} "), text=f"pf {kind}") for kind in _KINDS[way]
        ]
        self.chains[f"pf {way} translation"] = (*self._start(way), *calls)

    def _translations(self, way: str, kind: str, path: str, lines: list[str]) -> Iterator[Rule]:
        """Give the rules of one kind in their order: the first that matches ends it."""
        for line in lines:
            rule = Reader(line, way, path, self.tables).read()
            if rule.kind.removesuffix("-anchor") != kind or not rule.is_for_way:
                continue
            text = f"pf {f'anchor {path}' if path else 'main'}: {line}"
            if rule.kind.endswith("-anchor"):
                called = self._called(path, rule, "nat")
                for key in called or ():
                    jump = Action(verb=Verb.JUMP, target=f"pf {way} {kind} {key}")
                    yield Rule(steps=tuple(rule.steps), action=jump, text=text)
                if called is None:
                    yield Rule(steps=tuple(rule.steps), action=_UNREAD, text=text)
                continue
            yield self._translation(way, rule, text)

    def _translation(self, way: str, rule: PfRule, text: str) -> Rule:
        steps, effect = translation(rule, way)
        if effect is None:
            return Rule(steps=steps, action=_ACCEPT, text=text)
        if rule.passes:
            mark = len(self.passing) + 1
            self.passing.append((mark, text))
            steps = (*steps, SetMark(target=Field.MARK, source=Field.MARK, keep=0, flip=mark))
        return Rule(steps=(*steps, effect), action=_ACCEPT, text=text)


def _deeds(rule: PfRule, text: str) -> Iterator[Rule]:
    """Give what a rule does with what it matches: what blocks with an answer has one for each protocol."""
    steps = tuple(rule.steps)
    if rule.is_unsure:
        yield Rule(steps=steps, action=_UNREAD, text=text)
    elif rule.kind == "pass":
        yield Rule(steps=steps, action=_ACCEPT, text=text)
    else:
        if answers_tcp(rule.answer):
            yield Rule(steps=(*steps, TCP_ONLY), action=Action(verb=Verb.REJECT, answer="tcp-reset"), text=text)
        if answers_others(rule.answer):
            # What is ICMP itself is never answered.
            yield Rule(steps=(*steps, ICMP_ONLY), action=_DROP, text=text)
            yield Rule(steps=steps, action=Action(verb=Verb.REJECT, answer="icmp"), text=text)
        yield Rule(steps=steps, action=_DROP, text=text)


def _resolved(path: str, name: str) -> str:
    """Return the path of an anchor that a rule calls from another: names that begin with a slash are absolute."""
    plain = name.removesuffix("*").removesuffix("/")
    if name.startswith("/"):
        return plain.strip("/")
    parts = path.split("/") if path else []
    for part in plain.split("/") if plain else []:
        if part == "..":
            parts = parts[:-1]
        else:
            parts.append(part)
    return "/".join(parts)


def _jump(half: str, way: str, key: str) -> Action:
    return Action(verb=Verb.JUMP, target=f"pf {way} {key} {half}")


def _base(hook: Hook, priority: int, chain: str) -> Base:
    return Base(hook=hook, priority=priority, policy=_ACCEPT, chain=chain, text=DEFAULT)


def _all_lines(listing: PfListing) -> Iterator[RuleLines]:
    waiting = list(listing.rules.values())
    while waiting:
        one = waiting.pop()
        yield one
        waiting += one.inner.values()


def _read_sections(texts: Texts) -> Ruleset:
    text = texts.get(_SECTION)
    if text is None:
        message = "pf was not asked about"
        raise ValueError(message)
    return read_pf(text)


DIALECT = Dialect(id="pf", os=OsFamily.MACOS, engines=(_SECTION,), read=_read_sections, proof=Proof.DOCUMENTED)
