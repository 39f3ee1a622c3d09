"""The section ``firewall.pf`` as text: what pfctl printed, each answer below a line that says what was asked.

The collector reads it line by line and the dialect as a whole, both through this: what the one understands the other
does too. The last line says that all was asked, so that what is empty is not taken for what is missing.
"""

import ipaddress
from dataclasses import dataclass, field

from auditor.firewall.dialects.pf_words import words_of

FILTER_WORDS = ("pass", "block", "anchor")
"""What a rule that filters begins with, and what calls others."""
NAT_KINDS = ("nat", "rdr", "binat")
"""Kinds of translation."""
_ASIDE = ("scrub", "scrub-anchor", "dummynet", "dummynet-anchor")
"""Rules that reassemble or delay: they decide nothing of who is let in."""
_STATES = ("Enabled", "Disabled")
_MOST_DEPTH = 64


@dataclass(slots=True)
class RuleLines:
    """The rules of one anchor, or of the main ruleset, in their order."""

    lines: list[str] = field(default_factory=list)
    """Rules that filter and calls of anchors, as pfctl prints them, without indentation."""
    inner: dict[int, "RuleLines"] = field(default_factory=dict)
    """Rules that stand in braces behind the call at a place."""


@dataclass(slots=True)
class PfListing:
    """The section while it is read, and then."""

    is_enabled: bool | None = None
    """Whether pf is on; None before that was told."""
    skipped: list[str] = field(default_factory=list)
    """Interfaces that pf leaves alone (``set skip on``)."""
    rules: dict[str, RuleLines] = field(default_factory=dict)
    """Rules that filter, by the path of their anchor; the main ruleset's is empty."""
    translations: dict[str, list[str]] = field(default_factory=dict)
    """Rules that translate, by the path of their anchor."""
    tables: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    """Addresses of tables, by the path of their anchor and their name."""
    is_whole: bool = False
    """Whether all was asked."""
    _part: str = ""
    _place: tuple[str, str] = ("", "")
    _open: list[RuleLines] = field(default_factory=list)

    def take(self, line: str) -> str:
        """Read one line; return what it is (``rule``, ``translation``, or another word), ValueError for none of ours.

        What is not understood of a rule is no concern of this: it becomes a doubt when the rule is asked about.
        """
        if self.is_whole:
            message = "after the end of the listing"
            raise ValueError(message)
        if line.startswith("# "):
            self._turn(line[2:])
            return "heading"
        reader = {
            "interfaces": self._take_interface,
            "rules": self._take_rule,
            "nat": self._take_translation,
            "table": self._take_address,
        }.get(self._part)
        if reader is None:
            message = "it answers no question"
            raise ValueError(message)
        return reader(line)

    def _turn(self, heading: str) -> None:
        """Begin with another answer."""
        if self._open[1:]:
            message = f"{len(self._open) - 1} braces of an anchor do not end"
            self._open = []
            raise ValueError(message)
        part, *places = heading.split("\t")
        if part == "status" and len(places) == 1 and places[0] in _STATES and self.is_enabled is None:
            self.is_enabled = places[0] == _STATES[0]
        elif part == "asked" and not places:
            self._end()
        elif part == "interfaces" and not places:
            pass
        elif part in ("rules", "nat") and len(places) == 1:
            found = self.rules if part == "rules" else self.translations
            if places[0] in found:
                message = f"the {part} of one anchor are told twice"
                raise ValueError(message)
            if part == "rules":
                self._open = [self.rules.setdefault(places[0], RuleLines())]
            else:
                self.translations[places[0]] = []
            self._place = (places[0], "")
        elif part == "table" and len(places) == len(("anchor", "name")):
            self._place = (places[0], places[1])
            if self._place in self.tables:
                message = "a table that was told before"
                raise ValueError(message)
            self.tables[self._place] = []
        else:
            message = "no heading of this section"
            raise ValueError(message)
        self._part = part

    def _end(self) -> None:
        if self.is_enabled is None:
            message = "whether pf is on was not told"
            raise ValueError(message)
        if self.is_enabled and ("" not in self.rules or "" not in self.translations):
            message = "the main ruleset was not told"
            raise ValueError(message)
        self.is_whole = True

    def _take_interface(self, line: str) -> str:
        name, space, rest = line.rstrip().partition(" ")
        plain = name.replace("_", "").replace("-", "").replace(".", "")
        if not plain.isascii() or not plain.isalnum() or rest != ("(skip)" if space else ""):
            message = "no interface of pf"
            raise ValueError(message)
        if rest:
            self.skipped.append(name)
        return "interface"

    def _take_rule(self, line: str) -> str:
        text = line.strip()
        if text == "}":
            if len(self._open) < len(("outer", "inner")):
                message = "a brace closes what was not opened"
                raise ValueError(message)
            self._open.pop()
            return "brace"
        is_opening = text.endswith(" {")
        words = words_of(text.removesuffix("{"))
        first = words[0] if words else ""
        if first in _ASIDE or (words[:1] == ["no"] and words[1:2] and words[1] in _ASIDE):
            if is_opening:
                message = "braces behind what filters nothing"
                raise ValueError(message)
            return "aside"
        if first not in FILTER_WORDS or (is_opening and first != "anchor"):
            message = "no rule of pf that filters"
            raise ValueError(message)
        mine = self._open[-1]
        mine.lines.append(text.removesuffix(" {"))
        if is_opening:
            if len(self._open) > _MOST_DEPTH:
                message = "anchors stand too deep in each other"
                raise ValueError(message)
            mine.inner[len(mine.lines) - 1] = inner = RuleLines()
            self._open.append(inner)
        return "anchor" if first == "anchor" else "rule"

    def _take_translation(self, line: str) -> str:
        words = words_of(line)
        kind = words[1] if words[:1] == ["no"] and words[1:] else words[0] if words else ""
        if kind.removesuffix("-anchor") not in NAT_KINDS:
            message = "no rule of pf that translates"
            raise ValueError(message)
        self.translations[self._place[0]].append(line.strip())
        return "anchor" if kind.endswith("-anchor") else "translation"

    def _take_address(self, line: str) -> str:
        address_entry(line.strip())
        self.tables[self._place].append(line.strip())
        return "address"


def address_entry(text: str) -> tuple[bool, "ipaddress.IPv4Network | ipaddress.IPv6Network"]:
    """Read an entry of a table: whether it is taken out of a wider one, and its network; ValueError for another."""
    is_out = text.startswith("!")
    plain = text[1:].strip() if is_out else text
    return is_out, ipaddress.ip_network(plain, strict=False)


def read_listing(text: str) -> PfListing:
    """Read a section; ValueError for one that is not whole."""
    listing = PfListing()
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            listing.take(line)
        except ValueError as error:
            message = f"line {number} of the listing of pf: {error}"
            raise ValueError(message) from error
    if not listing.is_whole:
        message = "the listing of pf does not end"
        raise ValueError(message)
    return listing
