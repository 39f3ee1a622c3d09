"""Which sources get through: a packet whose source is free, walked as the set of all sources at once.

Every rule parts the set into those it takes and those that go on, exactly, at the constants of the ruleset. Where a
condition cannot be told, both ways are followed, so that in the end a source that may be let through and may be stopped
is in both sets: it is unknown. A chain is walked once for every state a packet can come to it in.
"""

import heapq
from collections.abc import Iterator
from dataclasses import replace

from auditor.firewall.chains import Compiled, Tested
from auditor.firewall.compiled import MAYBE, NO, UNKNOWN, YES, Value, look_up
from auditor.firewall.loaded import OF_HOST
from auditor.firewall.regions import Region, everything, nothing
from auditor.firewall.routing import LINK_LOCAL_STAYS, no_source, not_forwarded
from auditor.firewall.source_match import FREE, source_region
from auditor.firewall.source_states import Ended, Sources, State, Summary, changed
from auditor.firewall.walk import BudgetError, Ending
from auditor.firewall.way import Program, Way, is_delivered
from auditor.model.packet import Direction, Packet
from auditor.model.ruleset import (
    Action,
    AnyOf,
    Base,
    Condition,
    Doubt,
    Field,
    Hook,
    Match,
    Verb,
)

STEP_BUDGET = 100_000
"""Rules that one question may meet, over all states."""
_DEPTH = 128
_SADDR = int(Field.SADDR)
_FINAL = frozenset((Verb.ACCEPT, Verb.DROP, Verb.REJECT))


class Fan:
    """All sources on their way through a host."""

    def __init__(self, program: Program, packet: Packet) -> None:
        self.program = program
        self.packet = packet
        self.family = packet.family
        self.none = nothing(packet.family)
        self.all = everything(packet.family)
        self.stopped: list[tuple[Region, Ending]] = []
        self.let_in: list[tuple[Region, str, bool]] = []
        self.doubts: list[tuple[Region, str]] = []
        self.arrived: list[tuple[tuple[Value, ...], Region]] = []
        """What comes out at the end, as the packet is then, with its sources: those that may be stopped as well."""
        self.is_exhausted = False
        self.budget = STEP_BUDGET
        self.refused = self.none
        self._routes: bool
        self._summaries: dict[tuple[str, State], Summary] = {}
        self._regions: dict[tuple[object, ...], tuple[Region, Region]] = {}
        self._depth = 0

    def ask(self, within: Region | None = None, *, routes: bool = True) -> Sources:
        """Walk the sources (all, or some) and say which get through; without routing, what the rules alone say."""
        self._routes = routes
        start = self.all if within is None else within
        try:
            passing = self._go(start)
        except BudgetError:
            self.is_exhausted = True
            text = "the ruleset takes more steps than the evaluation may"
            return Sources(allowed=self.none, blocked=self.none, unknown=start, refused=self.none, doubt=text)
        may_pass = self._union(region for region in passing) & start
        may_stop = self._union(region for region, _ in self.stopped) & start
        if self.program.ruleset.doubts:
            may_pass = may_stop = start
            self.doubts.append((start, self.program.ruleset.doubts[0]))
        unknown = may_pass & may_stop
        allowed, blocked = may_pass - unknown, start - may_pass
        accepting, is_by_policy = self._accepting(allowed)
        stops = [ending for region, ending in self.stopped if blocked & region]
        return Sources(
            allowed=allowed,
            blocked=blocked,
            unknown=unknown,
            refused=self.refused & blocked,
            accepting=accepting,
            is_by_policy=is_by_policy,
            blocking=stops[-1].text if stops else "",
            stops=tuple(dict.fromkeys((one.verb, one.answer) for one in stops)),
            doubt="; ".join(list(dict.fromkeys(text for region, text in self.doubts if unknown & region))[:3]),
        )

    def _union(self, regions: Iterator[Region]) -> Region:
        made = self.none
        for region in regions:
            made |= region
        return made

    def _accepting(self, allowed: Region) -> tuple[str, bool]:
        """Return the rule that let most of the allowed sources in, and whether it is a policy."""
        hits = [one for one in reversed(self.let_in) if allowed & one[0]]
        if not hits:
            return "no chain of a packet filter sees it", False
        rules = [one for one in hits if not one[2]] or hits
        most = max(rules, key=lambda one: (allowed & one[0]).size)
        policies = [one for one in hits if one[2]]
        # A rule says more than a policy, unless it lets in a few and the policy the rest.
        if policies and (allowed & most[0]).size * 2 < allowed.size:
            most = policies[0]
        return most[1], most[2]

    # ---- the way

    def _go(self, start: Region) -> list[Region]:
        way = Way(program=self.program, packet=self.packet)
        for name in (Field.SADDR, Field.SADDR_TYPE, Field.ROUTE_BACK):
            way.walk.values[name] = FREE
        pieces = [(way, start)]
        if self.packet.direction is Direction.OUT:
            for hook in (Hook.OUTPUT, Hook.POSTROUTING, Hook.EGRESS):
                pieces = self._hook(hook, pieces)
            return [region for _, region in pieces]
        for hook in (Hook.INGRESS, Hook.PREROUTING):
            pieces = self._hook(hook, pieces)
        return [region for piece in pieces for region in self._deliver(*piece)]

    def _deliver(self, way: Way, region: Region) -> list[Region]:
        """Route one piece and walk what comes after."""
        region = self._routed(way, region)
        if not region:
            return []
        kind = way.walk.values[Field.DADDR_TYPE]
        if kind is UNKNOWN:
            text = "a translation to a destination that is not known"
            self.stopped.append((region, Ending(Verb.DROP, text)))
            self.doubts.append((region, text))
            return self._arrive([(way, region)])
        if is_delivered(kind):
            return self._arrive(self._hook(Hook.INPUT, [(way, region)]))
        refusal = way.forwarded()
        if refusal is not None:
            self.stopped.append((region, refusal))
            if not refusal.doubt:
                return []
            self.doubts.append((region, refusal.doubt))
        stays, is_certain = not_forwarded(self.family, self.packet.interface, way.walk.values[Field.OIF])
        if here := region & stays:
            self.stopped.append((here, LINK_LOCAL_STAYS))
            if is_certain:
                region -= here
            else:
                self.doubts.append((here, LINK_LOCAL_STAYS.text))
        pieces = [(way, region)]
        for hook in (Hook.FORWARD, Hook.POSTROUTING, Hook.EGRESS):
            pieces = self._hook(hook, pieces)
        return self._arrive(pieces)

    def _arrive(self, pieces: list[tuple[Way, Region]]) -> list[Region]:
        self.arrived += [(tuple(way.walk.values), region) for way, region in pieces]
        return [region for _, region in pieces]

    def _routed(self, way: Way, region: Region) -> Region:
        """Take out the sources that routing does not let in."""
        if not self._routes:
            return region
        for refused, text, is_certain in no_source(self.program.around, self.packet, way.walk.values):
            here = region & refused
            if not here:
                continue
            self.stopped.append((here, Ending(Verb.DROP, text)))
            if is_certain:
                region -= here
                self.refused |= here
            else:
                self.doubts.append((here, text))
        return region

    def _hook(self, hook: Hook, pieces: list[tuple[Way, Region]]) -> list[tuple[Way, Region]]:
        for way, _ in pieces:
            way.enter(hook)
        for base in self.program.loaded.bases[hook]:
            passed: list[tuple[Way, Region]] = []
            for way, region in pieces:
                truth = way.meet(base, hook)
                passed += [(way, region)] if truth == NO else self._base(base, way, region, truth)
            pieces = _merged(passed)
        for way, _ in pieces:
            way.leave(hook)
        return pieces

    def _base(self, base: Base, way: Way, region: Region, truth: int) -> list[tuple[Way, Region]]:
        """Walk a base chain; return what passes it."""
        walk = way.walk
        state = State(tuple(walk.values), walk.untracked, walk.translated)
        summary = self._chain(base.chain, state)
        self.doubts += [(here, text) for one, text in summary.doubts if (here := region & one)]
        passed: list[tuple[Way, Region]] = []
        if truth == MAYBE or not base.is_certain:
            self.doubts.append((region, f"{base.text} (whether it sees the packet is not known)"))
            passed.append((way, region))
        endings = [*summary.endings]
        endings += [
            Ended(out, Ending(base.policy.verb, base.text, base.policy.answer), left)
            for left, out in summary.outs.items()
        ]
        for one in endings:
            here = region & one.region
            if not here:
                continue
            if one.ending.verb is Verb.ACCEPT:
                if not base.is_nat:
                    self.let_in.append((here, one.ending.text, one.ending.text == base.text))
                passed.append((self._left(way, one.state), here))
            else:
                self.stopped.append((here, one.ending))
        return passed

    def _left(self, way: Way, state: State) -> Way:
        """Return the way of a packet that left a base chain in another state than it came."""
        walk = replace(way.walk, values=list(state.values), untracked=state.untracked, translated=state.translated)
        made = way.copy(walk)
        made.translate()
        return made

    # ---- chains

    def _chain(self, key: str, state: State) -> Summary:
        """Walk a chain with all sources; each rule is met once a state."""
        known = self._summaries.get((key, state))
        if known is not None:
            return known
        self._depth += 1
        if self._depth > _DEPTH:
            raise BudgetError
        summary = Summary()
        count = 0
        waiting: list[tuple[int, int, State]] = [(0, count, state)]
        regions: dict[tuple[int, State], Region] = {(0, state): self.all}
        while waiting:
            at, _, now = heapq.heappop(waiting)
            region = regions.pop((at, now))
            for after, left, taken in self._run(key, at, now, region, summary):
                if (after, left) in regions:
                    regions[after, left] |= taken
                else:
                    count += 1
                    regions[after, left] = taken
                    heapq.heappush(waiting, (after, count, left))
        self._depth -= 1
        self._summaries[key, state] = summary
        return summary

    def _run(  # noqa: C901 — the inner loop of it all
        self, key: str, at: int, state: State, region: Region, summary: Summary
    ) -> Iterator[tuple[int, State, Region]]:
        """Walk the rules of a chain from a place on, in one state; give the sources that go on in another state."""
        for rule in self.program.chains.rules(key, state.values):
            if rule.at < at:
                continue
            self.budget -= 1
            if self.budget < 0:
                raise BudgetError
            certain, possible = self._conditions(rule.conditions, state, region)
            taken = certain | possible
            if not taken:
                continue
            if possible and not rule.is_harmless:
                summary.doubts.append((possible, rule.rule.text))
            region -= certain
            onward: dict[State, Region] = {}
            left = state
            if rule.rest:
                left, taken = self._rest(rule, state, taken, onward, summary)
            self._act(rule, left, taken, onward, summary)
            for after, part in onward.items():
                if after == state:
                    region |= part
                elif part:
                    yield rule.at + 1, after, part
            if not region:
                return
        summary.outs[state] = summary.outs.get(state, self.none) | region

    def _act(self, rule: Compiled, state: State, taken: Region, onward: dict[State, Region], summary: Summary) -> None:
        """Do what a rule says for the sources it takes; those that go on with the next rule are put to ``onward``."""
        if not taken:
            return
        if rule.lookup is None:
            self._do(rule, rule.action, state, taken, onward, summary)
            return
        for part, actions, is_certain in self._looked_up(rule, state, taken):
            if not is_certain:
                summary.doubts.append((part, rule.rule.text))
            for action in actions:
                self._do(rule, action, state, part, onward, summary)

    def _do(
        self,
        rule: Compiled,
        action: Action,
        state: State,
        taken: Region,
        onward: dict[State, Region],
        summary: Summary,
    ) -> None:
        verb, text = action.verb, rule.rule.text
        if verb in _FINAL:
            summary.endings.append(Ended(taken, Ending(verb, text, action.answer), state))
        elif verb is Verb.RETURN:
            summary.outs[state] = summary.outs.get(state, self.none) | taken
        elif verb is Verb.UNREAD:
            summary.doubts.append((taken, text))
            summary.endings += [Ended(taken, Ending(one, text), state) for one in (Verb.DROP, Verb.ACCEPT)]
            onward[state] = onward.get(state, self.none) | taken
        elif verb in (Verb.JUMP, Verb.GOTO):
            inner = self._chain(action.target, state)
            summary.doubts += [(here, why) for part, why in inner.doubts if (here := part & taken)]
            summary.endings += [
                ended._replace(region=here) for ended in inner.endings if (here := ended.region & taken)
            ]
            goes = summary.outs if verb is Verb.GOTO else onward
            for left, out in inner.outs.items():
                if here := out & taken:
                    goes[left] = goes.get(left, self.none) | here
        else:
            onward[state] = onward.get(state, self.none) | taken

    def _rest(
        self, rule: Compiled, state: State, taken: Region, onward: dict[State, Region], summary: Summary
    ) -> tuple[State, Region]:
        """Do the effects of a rule in their order with its conditions; return the state, and the sources left."""
        for step in rule.rest:
            if not isinstance(step, Tested):
                state = changed(step, state)
                continue
            certain, possible = self._conditions((step,), state, taken)
            if failing := taken - certain:
                onward[state] = onward.get(state, self.none) | failing
            if possible:
                summary.doubts.append((possible, rule.rule.text))
            taken = certain | possible
            if not taken:
                break
        return state, taken

    # ---- conditions

    def _conditions(self, conditions: tuple[Tested, ...], state: State, region: Region) -> tuple[Region, Region]:
        """Return the sources for which all conditions hold, and those for which they may."""
        certain, possible = region, self.none
        for one in conditions:
            if one.is_of_source and any(value is FREE for value in _looked_at(one.match, state.values)):
                yes, maybe = self._region(one.match, state.values)
                either = yes | maybe
                possible = (possible & either) | (certain & maybe)
                certain &= yes
            else:
                truth = one.test(state.values)
                if truth == NO:
                    return self.none, self.none
                if truth == MAYBE:
                    certain, possible = self.none, certain | possible
            if not certain and not possible:
                break
        return certain, possible

    def _region(self, match: Condition, values: tuple[Value, ...]) -> tuple[Region, Region]:
        """Return the sources for which a condition on them holds, and those for which it may."""
        if isinstance(match, AnyOf):
            return self._any_of(match, values)
        if isinstance(match, Doubt):
            return self.none, self.all
        key = (id(match), self.family, tuple(values[at] for at in match.fields))
        kept = self._regions if any(at in OF_HOST for at in match.fields) else self.program.loaded.regions
        known = kept.get(key)
        if known is None:
            known = kept[key] = source_region(self.program, match, values, self.family)
        return known

    def _any_of(self, match: AnyOf, values: tuple[Value, ...]) -> tuple[Region, Region]:
        yes, maybe = self.none, self.none
        for option in match.options:
            if any(values[at] is FREE for at in option.fields):
                here, perhaps = self._region(option, values)
            else:
                truth = self.program.chains.compiler.test(option)(values)
                here, perhaps = (
                    self.all if truth == YES else self.none,
                    self.all if truth == MAYBE else self.none,
                )
            yes |= here
            maybe |= perhaps
        maybe -= yes
        return ((yes | maybe).rest, maybe) if match.is_negated else (yes, maybe)

    def _looked_up(self, rule: Compiled, state: State, taken: Region) -> Iterator[tuple[Region, list[Action], bool]]:
        """Part sources by what a verdict map says of them."""
        if rule.lookup is None:
            return
        lookup, index = rule.lookup
        goes_on = Action(verb=Verb.CONTINUE)
        mine = [state.values[at] for at in lookup.fields]
        if not any(value is FREE for value in mine):
            found, choices = look_up(lookup, index, state.values)
            if found is not None or choices == []:
                yield taken, [found or goes_on], True
            else:
                yield taken, [*(choices or [Action(verb=Verb.UNREAD)]), goes_on], False
            return
        if any(at != _SADDR for at, value in zip(lookup.fields, mine, strict=True) if value is FREE):
            yield taken, [Action(verb=Verb.UNREAD)], False
            return
        known = [at for at, value in enumerate(mine) if value is not FREE and value is not UNKNOWN]
        is_certain = UNKNOWN not in mine
        left, place = taken, lookup.fields.index(Field.SADDR)
        for box, action in [] if None in mine else index.could_be(mine, known):
            low, high = box[place]
            here = left & Region.of([(int(low), int(high))], self.all.top)
            if here:
                yield here, [action] if is_certain else [action, goes_on], is_certain
                left = left - here if is_certain else left
        if left:
            yield left, [Action(verb=Verb.UNREAD)] if lookup.is_open else [goes_on], not lookup.is_open


def _looked_at(match: Condition, values: tuple[Value, ...]) -> Iterator[Value]:
    options = match.options if isinstance(match, AnyOf) else (match,)
    return (values[at] for option in options if isinstance(option, Match) for at in option.fields)


def _merged(pieces: list[tuple[Way, Region]]) -> list[tuple[Way, Region]]:
    """Put pieces in the same state together."""
    made: dict[tuple[object, ...], tuple[Way, Region]] = {}
    for way, region in pieces:
        key = way.state()
        known = made.get(key)
        made[key] = (way, region) if known is None else (known[0], known[1] | region)
    return list(made.values())
