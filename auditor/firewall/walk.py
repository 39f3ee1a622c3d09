"""Walk one packet through a chain: what becomes of it for certain, and what may become of it before."""

from dataclasses import dataclass, field

from auditor.firewall.chains import Chains, Compiled, Tested
from auditor.firewall.compiled import MAYBE, NO, UNKNOWN, YES, Value, look_up
from auditor.model.record import Record
from auditor.model.ruleset import Action, Base, Effect, Field, Forget, SetMark, Translate, Untrack, Verb

_MARKS = (int(Field.MARK), int(Field.CT_MARK))
# What is said of an address that is no longer known is not known either.
FOLLOWING = {
    Field.SADDR: (Field.SADDR_TYPE, Field.ROUTE_BACK),
    Field.DADDR: (Field.DADDR_TYPE,),
    Field.SPORT: (Field.SET_SPORT,),
    Field.DPORT: (Field.SET_DPORT,),
}
_FINAL = frozenset((Verb.ACCEPT, Verb.DROP, Verb.REJECT))
STEP_BUDGET = 200_000
"""Rules that one packet may meet; one that meets more is undecided."""
_DEPTH = 128
_CHOICES = 16


class BudgetError(Exception):
    """A packet met more rules, or deeper chains, than it may."""


class Ending(Record):
    """What may become of a packet, and which rule says so."""

    verb: Verb
    """accept, drop or reject."""
    text: str
    """The rule or policy."""
    answer: str = ""
    """What a reject tells the sender."""
    doubt: str = ""
    """The rule that could not be read, where this ending is only possible."""


_RETURNED = Ending(Verb.RETURN, "")


@dataclass(slots=True)
class Walk:
    """One packet on its way; changed as it goes."""

    chains: Chains
    """The chains."""
    values: list[Value]
    """Its fields by number."""
    possible: list[Ending] = field(default_factory=list)
    """What may have become of it in this base chain: rules that could not be read."""
    translated: tuple[Translate, bool] | None = None
    """A translation that is yet to be written, and whether it is certain."""
    untracked: int = NO
    """Whether a rule took it out of connection tracking."""
    budget: int = STEP_BUDGET
    """Rules it may still meet."""
    forks: int = 0
    """Other ways it may have taken that come back to where it is: what it writes now, it may not have written."""
    depth: int = 0
    """Chains it is inside of."""
    seen: set[tuple[Value, ...]] = field(default_factory=set)
    """Chains it fell through unchanged, with what it was then: it falls through them again."""

    def through(self, base: Base, *, truth: int = YES) -> Ending:
        """Walk a base chain and return its ending; what is only possible is kept in ``possible``.

        With a truth of MAYBE the chain may not see the packet at all.
        """
        is_certain = truth == YES and base.is_certain
        self.possible, self.forks, self.depth = [], int(not is_certain), 0
        self.seen.clear()  # what was possible in another base chain was kept there
        ending = self._chain(base.chain) or Ending(base.policy.verb, base.text, base.policy.answer)
        if not is_certain and ending.verb is not Verb.ACCEPT:
            self._maybe(ending, f"{base.text} (whether it sees the packet is not known)")
            return Ending(Verb.ACCEPT, base.text)
        return ending

    def _maybe(self, ending: Ending, doubt: str) -> None:
        if len(self.possible) < STEP_BUDGET:
            self.possible.append(Ending(ending.verb, ending.text, ending.answer, ending.doubt or doubt))
        if ending.verb is Verb.ACCEPT:
            # That way goes on after this base chain, without what this one writes from here on.
            self.forks += 1

    def _chain(self, key: str) -> Ending | None:  # noqa: C901, PLR0912 — the inner loop of it all
        """Walk a chain; None when the packet falls through its end."""
        values = self.values
        state = (key, values[_MARKS[0]], values[_MARKS[1]], self.untracked, self.translated)
        if state in self.seen:
            return None
        rules = self.chains.rules(key, values)
        self.budget -= len(rules) + 1
        self.depth += 1
        if self.budget < 0 or self.depth > _DEPTH:
            raise BudgetError
        returns = 0
        for rule in rules:
            truth = YES
            for test in rule.tests:
                found = test(values)
                if found == NO:
                    break
                if found == MAYBE:
                    truth = MAYBE
            else:
                if rule.rest:
                    truth = self._rest(rule, truth)
                    if truth == NO:
                        continue
                if rule.verb is Verb.CONTINUE and rule.lookup is None:
                    continue
                ending = self._act(rule, truth)
                if ending is None:
                    continue
                if ending is _RETURNED:
                    if truth == YES:
                        break
                    returns += 1
                    self.forks += 1
                elif returns:
                    self._maybe(ending, rule.rule.text)
                    break
                else:
                    self.depth -= 1
                    return ending
        self.forks -= returns
        self.depth -= 1
        if state == (key, values[_MARKS[0]], values[_MARKS[1]], self.untracked, self.translated):
            self.seen.add(state)
        return None

    def _act(self, rule: Compiled, truth: int) -> Ending | None:
        """Do what a rule says; None goes on with the next one, ``_RETURNED`` leaves the chain (if truth is YES)."""
        if rule.lookup is None:
            return self._do(rule, rule.action, truth)
        found, choices = look_up(*rule.lookup, self.values)
        if found is not None:
            return self._do(rule, found, truth)
        if choices is None or len(choices) > _CHOICES or any(one.verb is Verb.RETURN for one in choices):
            self._unread(rule)
            return None
        for action in choices:
            self._do(rule, action, MAYBE)
        return None

    def _do(self, rule: Compiled, action: Action, truth: int) -> Ending | None:  # noqa: PLR0911 — one a verb
        verb = action.verb
        if verb in _FINAL:
            ending = Ending(verb, rule.rule.text, action.answer)
            if truth == YES:
                return ending
            self._maybe(ending, rule.rule.text)
            return None
        if verb is Verb.RETURN:
            return _RETURNED
        if verb is Verb.UNREAD:
            self._unread(rule)
        if verb not in (Verb.JUMP, Verb.GOTO):
            return None
        self.forks += truth == MAYBE
        inner = self._chain(action.target)
        self.forks -= truth == MAYBE
        if inner is None:
            return _RETURNED if verb is Verb.GOTO else None
        if truth == YES:
            return inner
        self._maybe(inner, rule.rule.text)
        return None

    def _unread(self, rule: Compiled) -> None:
        """Keep that anything may happen here."""
        text = rule.rule.text
        self._maybe(Ending(Verb.DROP, text), text)
        self._maybe(Ending(Verb.ACCEPT, text), text)

    def _rest(self, rule: Compiled, truth: int) -> int:
        """Do the effects of a rule in their order with its conditions; return whether it still matches."""
        for step in rule.rest:
            if isinstance(step, Tested):
                found = step.test(self.values)
                if found == NO:
                    return NO
                truth = MAYBE if found == MAYBE else truth
            else:
                self._effect(step, is_certain=truth == YES and not self.forks)
        return truth

    def _effect(self, effect: Effect, *, is_certain: bool) -> None:
        values = self.values
        if isinstance(effect, SetMark):
            made = marked(effect, values[effect.source])
            old = values[effect.target]
            if effect.target is Field.CT_MARK and old is None:
                return
            values[effect.target] = made if is_certain or made == old else UNKNOWN
        elif isinstance(effect, Forget):
            for name in (*effect.fields, *(one for gone in effect.fields for one in FOLLOWING.get(gone, ()))):
                if values[name] is not None and values[name] is not UNKNOWN:
                    values[name] = UNKNOWN
                    self.seen.clear()
        elif isinstance(effect, Untrack):
            self.untracked = YES if is_certain else max(self.untracked, MAYBE, key=_stronger)
        elif self.translated is None:
            self.translated = (effect, is_certain)


def _stronger(truth: int) -> int:
    return {NO: 0, MAYBE: 1, YES: 2}[truth]


def marked(effect: SetMark, source: Value) -> Value:
    """Return the value that a mark is given."""
    if not effect.keep:
        return effect.flip
    return UNKNOWN if source is UNKNOWN or source is None else (source & effect.keep) ^ effect.flip
