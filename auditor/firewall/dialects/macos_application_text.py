"""The section ``firewall.application`` as text: what socketfilterfw said, each answer below the question's name.

The sentences are those of macOS 13 to 26, which words them anew from time to time; one that is not known is none.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")

QUESTIONS = ("globalstate", "blockall", "allowsigned", "stealthmode", "listapps")
_STATES = {
    "firewall is disabled. (state = 0)": "off",
    "firewall is enabled. (state = 1)": "on",
    "firewall is enabled. (state = 2)": "blocks",
    "firewall is blocking all non-essential incoming connections. (state = 2)": "blocks",
}
_BLOCKS = {
    "firewall has block all state set to disabled.": False,
    "firewall has block all state set to enabled.": True,
    "firewall is blocking all non-essential incoming connections.": True,
    "firewall is set to block all non-essential incoming connections": True,
    "block all disabled!": False,
    "block all enabled!": True,
}
_STEALTH = {
    "firewall stealth mode is on": True,
    "firewall stealth mode is off": False,
    "stealth mode enabled": True,
    "stealth mode disabled": False,
}
_MAKERS = {
    "automatically allow built-in signed software": "system",
    "automatically allow signed built-in software": "system",
    "automatically allow downloaded signed software": "developer",
}
_SWITCHES = {"enabled": True, "disabled": False}
_DEEDS = {"(allow incoming connections)": True, "(block incoming connections)": False}
_COUNTS = ("alf: total number of apps =", "total number of apps =")
_DIGITS = 6


@dataclass(slots=True)
class ApplicationListing:
    """The section while it is read, and then."""

    state: str | None = None
    """``off``, ``on``, or ``blocks`` where all but what is essential is refused; None before it was told."""
    blocks_all: bool | None = None
    """Whether all but what is essential is refused."""
    allows: dict[str, bool] = field(default_factory=dict)
    """Whether what is signed is let in by itself: by its maker, ``system`` or ``developer``."""
    is_stealth: bool | None = None
    """Whether it does not answer probes."""
    apps: list[tuple[str, bool]] = field(default_factory=list)
    """Programs that are listed, and whether they may be connected to."""
    counted: int | None = None
    """How many programs there are by the heading of the list."""
    said: dict[str, str] = field(default_factory=dict)
    """The sentence that answered each question."""
    is_whole: bool = False
    """Whether all was asked."""
    asks_apps: bool = False
    """Whether the list was asked for."""
    _part: str = ""
    _waiting: str | None = None

    def take(self, line: str) -> tuple[str, bool] | None:
        """Read one line: the program that it ends, where it does; ValueError for one that is not understood."""
        if self.is_whole:
            message = "after the end of the listing"
            raise ValueError(message)
        if line.startswith("# "):
            self._turn(line[2:])
            return None
        text = " ".join(line.split())
        if self._part == "listapps":
            return self._take_app(line.strip(), text)
        known = text.lower()
        if self._part == "globalstate" and self.state is None:
            self.state = _of(_STATES, known)
        elif self._part == "blockall" and self.blocks_all is None:
            self.blocks_all = _of(_BLOCKS, known)
        elif self._part == "stealthmode" and self.is_stealth is None:
            self.is_stealth = _of(_STEALTH, known)
        elif self._part == "allowsigned":
            head, _, word = known.rstrip(".").rpartition(" ")
            maker = _of(_MAKERS, head)
            if maker in self.allows:
                message = "a setting that was told before"
                raise ValueError(message)
            self.allows[maker] = _of(_SWITCHES, word)
            self.said[maker] = text
            return None
        else:
            message = "it answers no question"
            raise ValueError(message)
        self.said[self._part] = text
        return None

    def _turn(self, heading: str) -> None:
        if self._waiting is not None:
            self._waiting = None
            message = "whether the last program may be connected to was not told"
            raise ValueError(message)
        if heading == "asked":
            self._part, self.is_whole = "", True
            return
        self._part = heading
        self.asks_apps = self.asks_apps or heading == "listapps"
        if heading not in QUESTIONS:
            message = f"unknown question {heading[:20]!r}"
            raise ValueError(message)

    def _take_app(self, line: str, text: str) -> tuple[str, bool] | None:
        """Read the list: a number and a path, and whether it may be connected to in the line below, or behind it."""
        known = text.lower()
        for head in _COUNTS:
            if known.startswith(head) and self.counted is None:
                self.counted = _number(known.removeprefix(head).strip())
                return None
        plain = known.replace("( ", "(").replace(" )", ")")
        if self._waiting is not None:
            path, self._waiting = self._waiting, None
            self.apps.append((path, _of(_DEEDS, plain)))
            return self.apps[-1]
        count, colon, path = line.partition(":")
        if not colon or _number(count.strip()) != len(self.apps) + 1 or not path.strip().startswith("/"):
            message = "no program of the list"
            raise ValueError(message)
        self._waiting = path.strip()
        return None

    @property
    def missing(self) -> str:
        """Return what the answer lacks, as a clause; empty for nothing."""
        if not self.is_whole:
            return "the listing ends before its end"
        if self.state is None:
            return "whether it is on was not told"
        if self.state == "off":
            is_told = not self.asks_apps or self.counted == len(self.apps)
            return "" if is_told else "which programs are listed was not told in full"
        lost = [
            name
            for name, value in (
                ("whether it blocks all", self.blocks_all),
                ("whether it is stealthy", self.is_stealth),
                ("whether signed software of the system is allowed", self.allows.get("system")),
                ("whether signed software of others is allowed", self.allows.get("developer")),
                ("how many programs are listed", self.counted),
            )
            if value is None
        ]
        if lost:
            return f"not told: {', '.join(lost)}"
        if self.counted != len(self.apps):
            return f"{self.counted} programs are counted, of which {len(self.apps)} are shown"
        return ""


def _of(known: Mapping[str, T], text: str) -> T:
    """Return what a sentence means; ValueError for one that is not known."""
    if text not in known:
        message = f"unknown answer {text[:60]!r}"
        raise ValueError(message)
    return known[text]


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > _DIGITS:
        message = f"{text[:40]!r} is no number of a program"
        raise ValueError(message)
    return int(text)


def read_listing(text: str) -> ApplicationListing:
    """Read a section; ValueError for one that is not whole."""
    listing = ApplicationListing()
    for line in text.split("\n"):
        if line.strip():
            listing.take(line)
    if listing.missing:
        raise ValueError(listing.missing)
    return listing
