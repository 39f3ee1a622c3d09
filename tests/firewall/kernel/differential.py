"""Comparing the evaluator with the kernel: what is wrong, what unknown, and the smallest ruleset that shows it."""

import ipaddress
import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from tests.firewall.kernel.cases import Case
from tests.firewall.kernel.evaluator import Answer, Evaluator
from tests.firewall.kernel.frames import Packet
from tests.firewall.kernel.kernel import Kernel, Loaded, RefusedError
from tests.firewall.kernel.script import Part, Script

_CLOSED = {"drop", "reject"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrong:
    """A verdict that the kernel does not share."""

    case: str
    script: Script
    packet: Packet
    kernel: dict[str, str]
    answer: Answer

    def text(self) -> str:
        """Return it for people, with all that is needed to see it again."""
        said = f"{self.answer.get('verdict')} ({self.answer.get('rule', self.answer.get('error'))})"
        return (
            f"case {self.case}\npacket {json.dumps(self.packet)}\n"
            f"kernel: {self.kernel['verdict']} {self.kernel['detail']}\nevaluator: {said}\n{self.script.text()}"
        )


@dataclass(slots=True)
class Tally:
    """What was compared so far."""

    rulesets: int = 0
    packets: int = 0
    unstable: int = 0
    unknown: int = 0
    limit_like: int = 0
    """Unknown verdicts of rulesets that look at what no listing tells."""
    eaten: int = 0
    """Refusals by the evaluator's word whose answer the host's own output rules ate: seen as a drop."""
    refused: Counter[str] = field(default_factory=Counter)
    """Rulesets this kernel did not load."""
    unknown_by: Counter[str] = field(default_factory=Counter)
    """Unknown verdicts by the rule that is said to have been unreadable."""
    wrong: list[Wrong] = field(default_factory=list)

    @property
    def unknown_share(self) -> float:
        """Share of packets that are unknown, of those of rulesets that are not limit-like."""
        return self.unknown / max(1, self.packets)

    def text(self) -> str:
        """Return the figures on one line."""
        return (
            f"{self.rulesets} rulesets, {self.packets} packets: {len(self.wrong)} wrong, {self.unknown} unknown "
            f"({self.unknown_share:.2%}), {self.limit_like} unknown in limit-like rulesets, {self.unstable} unstable, "
            f"{self.eaten} refusals not seen by the sender, {sum(self.refused.values())} rulesets not loaded"
        )


def questions(loaded: Loaded, packets: Iterable[Packet], name: str) -> list[str]:
    """Return the lines of the protocol that ask about packets."""
    shared = {**loaded.fields, "host": loaded.host, "ruleset_id": name}
    return [json.dumps({"id": f"{name}/{number}", **shared, "packet": packet}) for number, packet in enumerate(packets)]


def is_wrong(label: dict[str, str], answer: Answer, *, may_eat: bool, is_mixed: bool = False) -> bool:
    """Tell whether a definite verdict is not the kernel's.

    The answer to a refused packet has to leave, too: where rules of the host stop it (``may_eat``), the sender sees
    a drop. Which of iptables and nft is asked first at the same priority stands in no listing: where both are loaded,
    a packet that both stop may be stopped by either.
    """
    said, seen = answer.get("verdict"), label["verdict"]
    if said in ("unknown", seen) or seen == "unstable":
        return False
    if is_mixed and said in _CLOSED and seen in _CLOSED:
        return False
    return not (said == "reject" and seen == "drop" and may_eat)


class Differential:
    """Compares case after case."""

    def __init__(self, kernel: Kernel, evaluator: Evaluator) -> None:
        self.kernel, self.evaluator = kernel, evaluator
        self.tally = Tally()

    def compare(self, case: Case) -> list[Wrong]:
        """Compare one case; return what is wrong."""
        tally = self.tally
        try:
            loaded = self.kernel.load(case.script)
        except RefusedError as error:
            tally.refused[str(error)[:100]] += 1
            return []
        labels = self.kernel.label(case.packets)
        answers = self.evaluator.ask(questions(loaded, case.packets, case.name))
        tally.rulesets += 1
        made: list[Wrong] = []
        for packet, label, answer in zip(case.packets, labels, answers, strict=True):
            self._count(case, label, answer)
            if is_wrong(label, answer, may_eat=loaded.script.filters_output(), is_mixed=loaded.script.form == "mixed"):
                made.append(Wrong(case=case.name, script=loaded.script, packet=packet, kernel=label, answer=answer))
        tally.wrong += made
        return made

    def _count(self, case: Case, label: dict[str, str], answer: Answer) -> None:
        tally = self.tally
        tally.packets += 1
        if label["verdict"] == "unstable":
            tally.unstable += 1
        elif answer.get("verdict") == "unknown":
            if case.script.limit_like:
                tally.limit_like += 1
            else:
                tally.unknown += 1
                tally.unknown_by[str(answer.get("rule"))[:110]] += 1
        elif (answer.get("verdict"), label["verdict"]) == ("reject", "drop"):
            tally.eaten += 1

    def shows(self, script: Script, packet: Packet) -> Wrong | None:
        """Return the wrong verdict on this packet under this script, if it is wrong."""
        try:
            loaded = self.kernel.load(script)
        except RefusedError:
            return None
        label = self.kernel.label([packet])[0]
        line = questions(loaded, [packet], "")[0].replace('"ruleset_id"', '"not_kept"')
        answer = self.evaluator.ask([line])[0]
        if not is_wrong(label, answer, may_eat=loaded.script.filters_output(), is_mixed=loaded.script.form == "mixed"):
            return None
        return Wrong(case="", script=loaded.script, packet=packet, kernel=label, answer=answer)

    def smallest(self, wrong: Wrong) -> Wrong:
        """Leave out rules, halves of them first, as long as the verdict stays wrong."""
        best = self.shows(wrong.script, wrong.packet) or wrong

        def still(script: Script) -> Script | None:
            nonlocal best
            found = self.shows(script, wrong.packet)
            if found is None:
                return None
            best = Wrong(
                case=wrong.case, script=found.script, packet=wrong.packet, kernel=found.kernel, answer=found.answer
            )
            return found.script

        minimise(best.script, still)
        return best

    # ---- sets of sources

    def compare_sources(
        self, case: Case, sampler: Callable[[str, str], Callable[[list[str]], list[str]]]
    ) -> list[Wrong]:
        """Ask for the sources that get in, and the kernel about those at the edges of the answer."""
        try:
            loaded = self.kernel.load(case.script)
        except RefusedError:
            return []
        made: list[Wrong] = []
        for packet in case.packets:
            line = questions(loaded, [packet], case.name)[0]
            answer = self.evaluator.ask([json.dumps({**json.loads(line), "query": "sources"})])[0]
            if "error" in answer:
                made.append(
                    Wrong(
                        case=case.name,
                        script=loaded.script,
                        packet=packet,
                        kernel={"verdict": "", "detail": ""},
                        answer=answer,
                    )
                )
                continue
            sources = sampler(case.name, packet["family"])([*answer["allowed"], *answer["unknown"]])
            tries = [{**packet, "src": source, "sport": 30000 + number} for number, source in enumerate(sources)]
            for tried, label in zip(tries, self.kernel.label(tries), strict=True):
                self.tally.packets += 1
                said = said_of(answer, tried["src"])
                self.tally.unknown += said == "unknown"
                seen = "closed" if is_closed(label["verdict"]) else label["verdict"]
                if said not in ("unknown", seen) and seen != "unstable":
                    answer_here = {**answer, "verdict": said}
                    made.append(
                        Wrong(case=case.name, script=loaded.script, packet=tried, kernel=label, answer=answer_here)
                    )
        self.tally.rulesets += 1
        self.tally.wrong += made
        return made


def ends(texts: Iterable[str]) -> list[tuple[int, int, int]]:
    """Return version, first and last of every interval, which is a range or a network."""
    made: list[tuple[int, int, int]] = []
    for text in texts:
        if "-" in text:
            first, last = (ipaddress.ip_address(half) for half in text.split("-"))
        else:
            network = ipaddress.ip_network(text)
            first, last = network.network_address, network.broadcast_address
        made.append((first.version, int(first), int(last)))
    return made


def said_of(answer: Answer, source: str) -> str:
    """Return what an answer to `query: sources` says of one source: accept, closed or unknown."""
    return (
        "unknown" if _holds(answer["unknown"], source) else "accept" if _holds(answer["allowed"], source) else "closed"
    )


def is_closed(verdict: str) -> bool:
    """Tell whether a packet did not get through."""
    return verdict in _CLOSED


def _holds(texts: list[str], address: str) -> bool:
    wanted = ipaddress.ip_address(address)
    return any(version == wanted.version and first <= int(wanted) <= last for version, first, last in ends(texts))


def minimise(script: Script, still: Callable[[Script], Script | None]) -> Script:
    """Leave out as many lines as can be (delta debugging); ``still`` gives the script back when it still shows."""
    share = 2
    while True:
        lines = script.removable()
        if not lines:
            return script
        size = max(1, len(lines) // share)
        for start in range(0, len(lines), size):
            gone: set[tuple[Part, int]] = set(lines[start : start + size])
            smaller = still(script.without(gone))
            if smaller is not None:
                script, share = smaller, max(2, share - 1)
                break
        else:
            if size == 1:
                return script
            share = min(len(lines), share * 2)
