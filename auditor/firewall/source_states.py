"""What a packet is to a chain, its source apart, and what a chain does with all sources in one such state."""

from dataclasses import dataclass, field
from typing import NamedTuple

from auditor.firewall.compiled import UNKNOWN, YES, Value
from auditor.firewall.regions import Region
from auditor.firewall.walk import FOLLOWING, Ending, marked
from auditor.model.record import Record
from auditor.model.ruleset import Effect, Field, SetMark, Translate, Untrack, Verb


class State(NamedTuple):
    """What a packet is when it comes to a chain, its source apart."""

    values: tuple[Value, ...]
    """Its fields by number."""
    untracked: int
    """Whether a rule took it out of connection tracking."""
    translated: tuple[Translate, bool] | None
    """A translation that is yet to be written."""


class Ended(NamedTuple):
    """Sources for which a chain ends the packet."""

    region: Region
    """The sources."""
    ending: Ending
    """accept, drop or reject, and the rule."""
    state: State
    """What the packet is then."""


@dataclass(slots=True)
class Summary:
    """What a chain does with all sources in one state."""

    endings: list[Ended] = field(default_factory=list)
    """Sources it ends."""
    outs: dict[State, Region] = field(default_factory=dict)
    """Sources that fall through, by the state they leave in."""
    doubts: list[tuple[Region, str]] = field(default_factory=list)
    """Sources for which a rule could not be read."""


class Sources(Record, kw_only=True):
    """Which sources get through, and why."""

    allowed: Region
    """Those that certainly do."""
    blocked: Region
    """Those that certainly do not."""
    unknown: Region
    """Those for which it cannot be told."""
    refused: Region
    """Those of the blocked that routing does not take from the wire, whatever the rules."""
    accepting: str = ""
    """The rule that lets the allowed in."""
    is_by_policy: bool = False
    """Whether that is the policy of a chain."""
    blocking: str = ""
    """The rule that stops the blocked."""
    stops: tuple[tuple[Verb, str], ...] = ()
    """How the blocked are stopped: drop or reject, and what the sender is told."""
    doubt: str = ""
    """The rules that could not be read."""


def changed(step: Effect, state: State) -> State:
    """Return the state after an effect."""
    if isinstance(step, Untrack):
        return state._replace(untracked=YES)
    if isinstance(step, Translate):
        return state if state.translated is not None else state._replace(translated=(step, True))
    values = list(state.values)
    if isinstance(step, SetMark):
        if not (step.target is Field.CT_MARK and values[step.target] is None):
            values[step.target] = marked(step, values[step.source])
    else:
        for name in (*step.fields, *(one for gone in step.fields for one in FOLLOWING.get(gone, ()))):
            values[name] = values[name] if values[name] is None else UNKNOWN
    return state._replace(values=tuple(values))
