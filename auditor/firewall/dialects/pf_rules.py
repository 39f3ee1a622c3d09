"""One rule of pf in the words that pfctl prints it with, as conditions and what it does (pf.conf(5), GRAMMAR)."""

from collections.abc import Callable
from dataclasses import dataclass, field

from auditor.firewall.dialects.pf_addresses import Tables, end_steps, match, on_interface, port_step
from auditor.firewall.dialects.pf_words import FLAGS, ICMP6_TYPES, ICMP_TYPES, NUMBERS, bounded, unquoted, words_of
from auditor.firewall.dialects.values import ICMP, ICMPV6, TCP
from auditor.model.ruleset import Doubt, Field, HeldBy, Keys, Match, Step, Trait, Truth

IN, OUT = "in", "out"
_LAST_NUMBER = 255
_MOST_USERS = (1 << 32) - 1
# Words that change nothing of who is let in, by how many words follow them (pf.conf(5), PARAMETERS).
_ASIDE = {
    "all": 0, "allow-opts": 0, "label": 1, "queue": 1, "tag": 1, "static-port": 0, "dup-to": 1, "reply-to": 1,
    "rtable": 1,
}  # fmt: skip
# Where a packet goes on by another way than its routes, whether it comes to this host is not told.
_ELSEWHERE = {"route-to": 1, "fastroute": 0, "divert-to": 1, "divert-reply": 0, "divert-packet": 1}
# Options of a state that only say how long it lasts and what matches it (pf.conf(5), STATEFUL TRACKING OPTIONS).
_STATE_OPTIONS = (
    "if-bound", "group-bound", "floating", "no-sync", "sloppy", "pflow", "source-track", "tcp.", "udp.", "icmp.",
    "other.", "frag", "interval", "adaptive.", "src.track",
)  # fmt: skip


@dataclass(slots=True)
class PfRule:
    """One rule as it is for packets of one direction."""

    kind: str
    """``pass``, ``block``, ``anchor``, ``nat``, ``rdr``, ``binat``, or one of these with ``-anchor``."""
    steps: list[Step] = field(default_factory=list)
    """Conditions."""
    is_for_way: bool = True
    """Whether it is for packets of this direction."""
    is_quick: bool = False
    """Whether nothing after it is asked."""
    is_exempt: bool = False
    """Whether what it matches is not translated (``no nat``)."""
    passes: bool = False
    """Whether what it translates passes the rules that filter (``rdr pass``)."""
    is_unsure: bool = False
    """Whether it may do something else than it says."""
    is_half_read: bool = False
    """Whether words of it are not understood: what stands behind them is not known."""
    answer: str = "drop"
    """What is done with what it blocks: ``drop``, ``return``, ``return-rst`` or ``return-icmp``."""
    name: str = ""
    """Path of the anchor that it calls; empty for one in braces."""
    source: list[Step] = field(default_factory=list)
    """Of the conditions those on the source."""
    destination: list[Step] = field(default_factory=list)
    """Of the conditions those on the destination."""
    target: list[str] = field(default_factory=list)
    """Words behind the arrow of a translation."""


class Reader:
    """The words of one rule on their way into conditions."""

    def __init__(self, text: str, way: str, anchor: str, tables: Tables) -> None:
        self.words = words_of(text)
        self.way = way
        self.anchor = anchor
        self.tables = tables
        self.at = 0
        self.protocol: int | None = None
        self.rule = PfRule(kind="")

    def read(self) -> PfRule:
        """Read the rule: what is not understood makes it one that may hold."""
        self._begin()
        rule = self.rule
        while self.at < len(self.words):
            start = self.at
            word = self._next()
            if word == "->":
                rule.target = self.words[self.at :]
                break
            try:
                self._take(word)
            except (ValueError, IndexError):
                rule.steps.append(Doubt(text=" ".join(self.words[start:])[:80]))
                rule.is_half_read = True
                break
        return rule

    def _next(self) -> str:
        word = self.words[self.at]
        self.at += 1
        return word

    def _peek(self) -> str:
        return self.words[self.at] if self.at < len(self.words) else ""

    def _begin(self) -> None:
        rule = self.rule
        word = self._next()
        if word == "no":
            rule.is_exempt = True
            word = self._next()
        rule.kind = word
        if word == "block":
            self._take_answer()
        elif word.endswith("anchor") and self._peek().startswith('"'):
            rule.name = unquoted(self._next())
        elif word in ("nat", "rdr", "binat") and self._peek() == "pass":
            rule.passes = True
            self.at += 1

    def _take_answer(self) -> None:
        head = self._peek().partition("(")[0]
        if head in ("drop", "return", "return-rst", "return-icmp", "return-icmp6"):
            self.rule.answer = head.removesuffix("6")
            self.at += 1

    def _take(self, word: str) -> None:
        """Take one word of a rule with those that belong to it; ValueError or IndexError where it is not understood."""
        rule = self.rule
        if word in (IN, OUT):
            rule.is_for_way = word == self.way
        elif word == "quick":
            rule.is_quick = True
        elif word == "log":
            self.at += self._peek().startswith("(")
        elif word in _ASIDE:
            self._skip(_ASIDE[word])
        elif word in _ELSEWHERE:
            self._skip(_ELSEWHERE[word])
            rule.is_unsure = True
        else:
            self._condition(word)

    def _skip(self, count: int) -> None:
        for _ in range(count):
            self._next()

    def _condition(self, word: str) -> None:
        known: dict[str, Callable[[], None]] = {
            "on": self._on,
            "inet": lambda: self.rule.steps.append(match(Field.FAMILY, (4, 4))),
            "inet6": lambda: self.rule.steps.append(match(Field.FAMILY, (6, 6))),
            "proto": self._proto,
            "from": lambda: self._end(Field.SADDR, Field.SPORT, self.rule.source),
            "to": lambda: self._end(Field.DADDR, Field.DPORT, self.rule.destination),
            "flags": self._flags,
            "icmp-type": lambda: self._icmp(ICMP, ICMP_TYPES),
            "icmp6-type": lambda: self._icmp(ICMPV6, ICMP6_TYPES),
            "user": self._user,
            "keep": self._state,
            "modulate": self._state,
            "synproxy": self._state,
            "no": self._no_state,
            "fragment": lambda: self.rule.steps.append(match(Field.FRAGMENT, (1, 0xFFFF))),
        }
        doubtful = ("os", "group", "probability", "tos", "received-on", "tagged", "!")
        if word in known:
            known[word]()
        elif word in doubtful:
            self._doubt(word)
        else:
            message = f"unknown word {word[:40]!r}"
            raise ValueError(message)

    def _doubt(self, word: str) -> None:
        """Take a condition that is understood and not modelled."""
        said = [word]
        if word == "group":
            count = 3 if self.words[self.at + 1 : self.at + 2] in (["><"], ["<>"]) else 2
            count = 1 if ":" in self._peek() else count
        elif word == "!":
            count = 2
            if self._peek() not in ("tagged", "received-on"):
                message = "what is negated is not known"
                raise ValueError(message)
        else:
            count = 1
        said += [self._next() for _ in range(count)]
        self.rule.steps.append(Doubt(text=" ".join(said)))

    def _on(self) -> None:
        word = self._next()
        is_negated = word == "!"
        name = self._next() if is_negated else word
        into = Field.IIF if self.way == IN else Field.OIF
        self.rule.steps.append(on_interface(name, into, is_negated=is_negated))

    def _proto(self) -> None:
        word = self._next().lower()
        number = NUMBERS[word] if word in NUMBERS else bounded(word, _LAST_NUMBER)
        self.protocol = number
        self.rule.steps.append(match(Field.L4PROTO, (number, number)))

    def _end(self, address: Field, port: Field, into: list[Step]) -> None:
        is_negated = self._peek() == "!"
        self.at += is_negated
        words = [self._next()]
        if words == ["route"]:
            words.append(self._next())
        elif self._peek() == "-":
            words += [self._next(), self._next()]
        found = list(end_steps(words, address, self.anchor, self.tables, is_negated=is_negated))
        if self._peek() == "port":
            step, count = port_step(self.words[self.at + 1 : self.at + 4], port)
            self.at += 1 + count
            found.append(step)
        into += found
        self.rule.steps += found

    def _flags(self) -> None:
        text = self._next()
        if text == "any":
            return
        wanted, _, mask = text.partition("/")
        value, looked_at = _bits(wanted), _bits(mask) if mask else sum(FLAGS.values())
        # Of other protocols the flags are not asked, whatever the rule says.
        self.rule.steps.append(
            Match(
                fields=(Field.TCP_FLAGS,),
                keys=Keys(entries=((((value, value),), Truth.YES),)),
                mask=looked_at,
                holds_if_missing=True,
            )
        )

    def _icmp(self, protocol: int, names: dict[str, int]) -> None:
        word = self._next()
        kind = names[word] if word in names else bounded(word, _LAST_NUMBER)
        self.rule.steps += [match(Field.L4PROTO, (protocol, protocol)), match(Field.ICMP_TYPE, (kind, kind))]
        if self._peek() == "code":
            self.at += 1
            code = self._next()
            is_number = code.isascii() and code.isdigit()
            number = bounded(code, _LAST_NUMBER) if is_number else 0
            self.rule.steps.append(match(Field.ICMP_CODE, (number, number)) if is_number else Doubt(text=code))

    def _user(self) -> None:
        """Take a condition on the account that holds the socket: of who sends a packet to elsewhere it is not known."""
        sign = self._next()
        if ":" in sign:
            self.rule.steps.append(Doubt(text=f"user {sign}"))
            return
        name = self._next()
        text = f"user {sign} {name}"
        if name in ("><", "<>"):
            text = f"{text} {self._next()}"
        if sign == "=" and self.way == IN and name != "unknown":
            uid = bounded(name, _MOST_USERS) if name[:1].isdigit() else name
            self.rule.steps.append(HeldBy(text=text, trait=Trait.USER, value=str(uid)))
        else:
            self.rule.steps.append(Doubt(text=text))

    def _state(self) -> None:
        if self._next() != "state":
            message = "no word for a state"
            raise ValueError(message)
        if self._peek().startswith("("):
            options = [one.strip() for one in self._next()[1:-1].split(",")]
            # A rule whose number of states is bounded drops what would be one too many.
            self.rule.is_unsure |= not all(one.startswith(_STATE_OPTIONS) for one in options)

    def _no_state(self) -> None:
        if self._next() != "state":
            message = "no word for a state"
            raise ValueError(message)


def _bits(letters: str) -> int:
    made = 0
    for letter in letters:
        if letter not in FLAGS:
            message = f"{letter!r} is no flag of TCP"
            raise ValueError(message)
        made |= FLAGS[letter]
    return made


def answers_tcp(answer: str) -> bool:
    """Tell whether what blocks TCP sends a reset."""
    return answer in ("return", "return-rst")


def answers_others(answer: str) -> bool:
    """Tell whether what blocks other packets tells the sender by ICMP."""
    return answer in ("return", "return-icmp")


TCP_ONLY = match(Field.L4PROTO, (TCP, TCP))
ICMP_ONLY = match(Field.L4PROTO, (ICMP, ICMP), (ICMPV6, ICMPV6))
