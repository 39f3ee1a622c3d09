"""Chains as the evaluators walk them: rules compiled, and those that cannot concern a packet left out beforehand."""

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, lru_cache, partial

from auditor.firewall.compiled import NO, YES, Compiler, Test, Value
from auditor.firewall.lookup import Index
from auditor.model.record import Record
from auditor.model.ruleset import Action, AnyOf, Condition, Doubt, Effect, Field, Forget, Lookup, Match, Rule, Verb

# What stays the same while a packet passes a chain, unless a rule rewrites it, and has few values: rules are sorted out
# by it once.
_CLASS = (
    Field.FAMILY, Field.L4PROTO, Field.IIF, Field.OIF, Field.CT_STATE, Field.CT_DIRECTION, Field.CT_STATUS,
    Field.TCP_FLAGS, Field.ICMP_TYPE, Field.ICMP_CODE, Field.PKTTYPE, Field.FRAGMENT, Field.DSCP, Field.CT_OPEN,
)  # fmt: skip
_CLASS_SET = frozenset(_CLASS)
_CLASSES = 4096
_PLACES = tuple(int(field) for field in _CLASS)
_DPORT = int(Field.DPORT)


class Tested(Record, eq=False):
    """A condition of a rule with its test."""

    match: Condition
    """What it says."""
    test: Test
    """Says whether it holds."""
    is_of_source: bool
    """Whether it looks at the source address."""
    fields: frozenset[Field] | None
    """The fields that it looks at; None where it is not known what it looks at."""
    is_of_port: bool
    """Whether it is a match of the destination port and of nothing else."""


class Compiled(Record, eq=False):
    """A rule ready to be walked."""

    rule: Rule
    """The rule."""
    at: int
    """Its place in the chain."""
    conditions: tuple[Tested, ...]
    """Conditions before the first effect, those left out that are known to hold."""
    tests: tuple[Test, ...]
    """Their tests."""
    rest: tuple[Tested | Effect, ...]
    """The first effect and all after it."""
    verb: Verb
    """What is done; *continue* for nothing."""
    action: Action
    """The same with its target."""
    lookup: tuple[Lookup, Index[Action]] | None
    """The verdict map that says what is done, where there is one."""

    @property
    def is_harmless(self) -> bool:
        """Tell whether nothing comes of the rule, whether it matches or not: it counts, or writes to a log."""
        return self.verb is Verb.CONTINUE and self.lookup is None and not self.rest

    def without(self, settled: set[int]) -> "Compiled":
        """Return the rule without the conditions (by their place) that are known to hold."""
        if not settled:
            return self
        kept = tuple(one for at, one in enumerate(self.conditions) if at not in settled)
        return Compiled(
            rule=self.rule,
            at=self.at,
            conditions=kept,
            tests=tuple(one.test for one in kept),
            rest=self.rest,
            verb=self.verb,
            action=self.action,
            lookup=self.lookup,
        )


_NOTHING = Action(verb=Verb.CONTINUE)
_UNREAD = Action(verb=Verb.UNREAD)


def _tested(step: Condition, compiler: Compiler) -> Tested:
    return Tested(
        match=step,
        test=compiler.test(step),
        is_of_source=_is_of_source(step),
        fields=_fields(step),
        is_of_port=isinstance(step, Match) and step.fields == (Field.DPORT,) and step.mask is None,
    )


def _fields(step: Condition) -> frozenset[Field] | None:
    matches = step.options if isinstance(step, AnyOf) else (step,)
    looked_at = [match.fields for match in matches if isinstance(match, Match)]
    return frozenset(name for fields in looked_at for name in fields) if len(looked_at) == len(matches) else None


def compile_rule(rule: Rule, at: int, compiler: Compiler) -> Compiled:
    """Compile one rule."""
    ordered: list[Tested | Effect] = [
        _tested(step, compiler) if isinstance(step, Match | AnyOf | Doubt) else step for step in rule.steps
    ]
    split = next((at for at, step in enumerate(ordered) if not isinstance(step, Tested)), len(ordered))
    conditions = tuple(step for step in ordered[:split] if isinstance(step, Tested))
    action = rule.action if isinstance(rule.action, Action) else _NOTHING
    lookup = None
    if isinstance(rule.action, Lookup):
        try:
            lookup = (rule.action, compiler.index(rule.action))
        except (ValueError, TypeError):
            action = _UNREAD
    return Compiled(
        rule=rule,
        at=at,
        conditions=conditions,
        tests=tuple(one.test for one in conditions),
        rest=tuple(ordered[split:]),
        verb=action.verb,
        action=action,
        lookup=lookup,
    )


_SMALL = 8
"""Entries that the sets of a rule may have for it to be kept compiled."""


def _is_small(rule: Rule) -> bool:
    """Tell whether a rule takes little memory: it looks at no long set, and at no map."""
    steps = [one for step in rule.steps for one in (step.options if isinstance(step, AnyOf) else (step,))]
    return (
        not isinstance(rule.action, Lookup)
        and len(steps) <= _SMALL
        and all(len(one.keys.entries) <= _SMALL for one in steps if isinstance(one, Match))
    )


@lru_cache(maxsize=1024)
def _compiled_before(rule: Rule, at: int) -> Compiled:
    """Compile a small rule once: rulesets of one fleet have most of theirs in common, as the same objects."""
    return compile_rule(rule, at, Compiler())


class _Class:
    """The rules of a chain that can concern one class of packets, sorted out further by destination port."""

    def __init__(self, rules: Sequence[Compiled], *, keeps_port: bool) -> None:
        self.rules = rules
        cuts: set[int] = set()
        for rule in rules:
            for one in rule.conditions:
                if keeps_port and one.is_of_port:
                    for box, _ in one.match.keys.entries:  # type: ignore[union-attr]
                        cuts.update((box[0][0], box[0][1] + 1))  # type: ignore[operator,arg-type]
        self.cuts = sorted(cuts)
        self.by_port: dict[int, Sequence[Compiled]] = {}

    def of(self, values: Sequence[Value]) -> Sequence[Compiled]:
        port = values[_DPORT]
        if not self.cuts or not isinstance(port, int):
            return self.rules
        place = bisect_right(self.cuts, port)
        found = self.by_port.get(place)
        if found is None:
            found = self.by_port[place] = _settle(self.rules, values, _is_of_port)
        return found


_OF_SOURCE = frozenset((Field.SADDR, Field.SADDR_TYPE, Field.ROUTE_BACK))


def _is_of_source(condition: Condition) -> bool:
    if isinstance(condition, AnyOf):
        return any(_is_of_source(option) for option in condition.options)
    return isinstance(condition, Match) and not _OF_SOURCE.isdisjoint(condition.fields)


def _is_of_port(one: Tested) -> bool:
    return one.is_of_port


def _is_of(kept: frozenset[Field], one: Tested) -> bool:
    """Tell whether a condition looks at nothing but fields that stay the same."""
    return one.fields is not None and kept.issuperset(one.fields)


def _settle(
    rules: Sequence[Compiled], values: Sequence[Value], concerns: Callable[[Tested], bool]
) -> tuple[Compiled, ...]:
    """Leave out the rules that a packet cannot match, and of the others the conditions that it meets."""
    kept: list[Compiled] = []
    for rule in rules:
        settled: set[int] = set()
        for at, one in enumerate(rule.conditions):
            if not concerns(one):
                continue
            truth = one.test(values)
            if truth == NO:
                break
            if truth == YES:
                settled.add(at)
        else:
            kept.append(rule.without(settled))
    return tuple(kept)


class Chains:
    """All chains of a ruleset, compiled when first walked."""

    def __init__(self, chains: Mapping[str, tuple[Rule, ...]]) -> None:
        self._chains = chains
        self.compiler = Compiler()
        self._compiled: dict[str, tuple[Compiled, ...]] = {}
        self._classes: dict[str, dict[tuple[Value, ...], _Class]] = {}

    @cached_property
    def _rewritten(self) -> frozenset[Field]:
        """Fields that some rule rewrites, while a packet passes a chain or one that calls it."""
        steps = (step for rules in self._chains.values() for rule in rules for step in rule.steps)
        return frozenset(field for step in steps if isinstance(step, Forget) for field in step.fields)

    def compiled(self, key: str) -> tuple[Compiled, ...]:
        """Return all rules of a chain."""
        known = self._compiled.get(key)
        if known is None:
            known = self._compiled[key] = tuple(
                _compiled_before(rule, at) if _is_small(rule) else compile_rule(rule, at, self.compiler)
                for at, rule in enumerate(self._chains.get(key, ()))
            )
        return known

    def rules(self, key: str, values: Sequence[Value]) -> Sequence[Compiled]:
        """Return the rules of a chain that a packet may match."""
        name = tuple([values[at] for at in _PLACES])
        classes = self._classes.get(key)
        if classes is None:
            classes = self._classes[key] = {}
        found = classes.get(name)
        if found is None:
            if len(classes) > _CLASSES:
                classes.clear()
            kept = _settle(self.compiled(key), values, partial(_is_of, _CLASS_SET - self._rewritten))
            found = classes[name] = _Class(kept, keeps_port=Field.DPORT not in self._rewritten)
        return found.of(values)
