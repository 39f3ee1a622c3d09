"""Decide what becomes of one packet: quickly where all can be told, by following every way where it cannot."""

from auditor.firewall.regions import Region, everything
from auditor.firewall.sources import Fan
from auditor.firewall.walk import Ending
from auditor.firewall.way import Outcome, Program, is_answered
from auditor.model.packet import Packet
from auditor.model.record import replace
from auditor.model.ruleset import Verb


def decide(program: Program, packet: Packet) -> Outcome:
    """Return what becomes of a packet whose source is known.

    One walk keeps what is possible as a sum, which may hold more than can happen: a packet it leaves undecided is
    walked again along each way apart.
    """
    outcome = program.evaluate(packet)
    if outcome.verdict is not None or packet.source is None:
        return outcome
    here = Region([packet.source], [packet.source], everything(packet.family).top)
    found = Fan(program, replace(packet, source=None)).ask(here)
    if found.allowed:
        return Outcome(endings=(Ending(Verb.ACCEPT, found.accepting),))
    if not found.blocked:
        return outcome
    endings = [Ending(verb, found.blocking, answer) for verb, answer in found.stops]
    decided = Outcome(
        endings=tuple(one if is_answered(packet, one) else Ending(Verb.DROP, found.blocking) for one in endings)
    )
    # Stopped for certain, and yet dropped or rejected: the first walk says by which rules that is not known.
    return decided if decided.verdict is not None else outcome
