"""Take out of a host's answer what says whose it is, so that it can be handed to strangers and is still read the same.

A word stays when it is known to everybody: the auditor's own readers look for it, it stands in the recordings that come
with the auditor, or it is part of the name of a package or of a kernel's thread on the host; names of long options and
keys of JSON stay too. Every other word becomes one of the same shape, always the same one: so does a name that nobody
knew to be one. Names that the host itself gives away (its own, of people and their groups, of whoever sudo rules name)
are replaced even where they are such words. Addresses, MACs and long numbers go too. Short numbers, punctuation and
line ends stay: a reader goes by them.
"""

from collections.abc import Iterable, Iterator

from auditor.collect.envelope import Answer, Envelope
from auditor.collect.pseudonyms import Pseudonyms, is_hex
from auditor.collect.scrub_addresses import WORD, Kind, is_kernels, runs, without_addresses
from auditor.model.facts.accounts import Account, Group, SudoRule
from auditor.model.facts.processes import Process
from auditor.model.facts.software import Software
from auditor.model.facts.system import OperatingSystem
from auditor.model.host import OsFamily
from auditor.model.reading import Reading
from auditor.model.record import Record, replace

_PEOPLE, _NOBODY = {OsFamily.MACOS: 500}, frozenset({65534, 4294967294, -2})
_PEOPLE_ELSEWHERE = 1000
_LEAST_NAME, _LEAST_WORD, _LEAST_NUMBER = 2, 3, 8
_HEX_WORD = 8
_AROUND = ("", " ", "\t", '"')
_UNICODE = len("u00e9")
_VENDORS = frozenset({"system.os", "system.macos", "software.dpkg", "software.receipts"})
"""Sections whose words are their vendor's: of them, only the host's own names are replaced."""
# 2^32 - 1 and - 2: nobody, or none at all.
_SPECIAL = frozenset({"4294967295", "4294967294"})
_LETTERED = frozenset({"sockets.macos"})
"""Sections with lines of ``lsof -F``, of which the first letter says what the rest is (lsof(8))."""
_ROUTED = frozenset({"network.macos"})
_FLAGS = frozenset("123BCDGHILMPRSTUWXYbcdgimrs")
"""Flags of routes as netstat(1) of macOS writes them in one word, that of a route in use (U) first."""
_PLAIN = frozenset({"icm4", "icm6", "tcp4", "tcp6", "tcp46", "udp4", "udp6", "udp46"})
"""Words of netstat(1) of macOS, each a protocol and its family."""
_TOKEN = Kind(lambda char: char.isalnum() or char in "._-@")
# What follows the last dot of a file's or unit's name; a name that ends otherwise may be a host's.
_FILES = frozenset((
    "automount", "bin", "bz2", "cache", "cfg", "cnf", "conf", "crt", "css", "csv", "d", "db", "deb", "desktop",
    "device", "dll", "exe", "gz", "html", "ini", "jar", "js", "json", "key", "ko", "list", "lock", "log", "mount",
    "path", "pem", "pid", "pl", "pub", "py", "rb", "requires", "rpm", "rules", "scope", "service", "sh", "slice", "so",
    "sock", "socket", "sql", "swap", "tar", "target", "timer", "tmp", "txt", "war", "wants", "xml", "xz", "yaml", "yml",
    "zip", "zst",
))  # fmt: skip


class Vocabulary(Record, kw_only=True):
    """Words, in lower case, that say nothing of whose host it is."""

    ours: frozenset[str]
    """What readers, dialects and catalogue look for: replaced nowhere, for nothing would be read the same."""
    public: frozenset[str]
    """What everybody's hosts say: replaced only where it is a name on this host."""
    parts: frozenset[str] = frozenset()
    """What a product is recognised by also in the middle of a word: in nothing that stands for another word."""


class Scrubber:
    """What is replaced on one host, and by what."""

    def __init__(self, key: bytes, vocabulary: Vocabulary) -> None:
        """Take a random key, which is to be thrown away afterwards, and the words that are known to everybody."""
        self._ours = vocabulary.ours | _PLAIN
        self._public = vocabulary.public
        self._names: frozenset[str] = frozenset()
        self._made = Pseudonyms(key, vocabulary.ours | vocabulary.public, vocabulary.parts)
        self._is_routed = False
        self.stays: tuple[str, ...] = ()

    def learn(self, reading: Reading, named: Iterable[str]) -> None:
        """Find the names on a host, beside those that it is ``named`` by; ``stays`` lists those that have to stay."""
        systems = [word for one in reading.of(OperatingSystem) for word in (one.id, one.name, *one.like)]
        self._ours |= frozenset(_words(systems))
        kernels = (one.name for one in reading.of(Process) if one.is_kernel)
        self._public |= frozenset(_words([*(one.name for one in reading.of(Software)), *kernels]))
        found = frozenset(word for word in _words([*named, *_people(reading)]) if len(word) >= _LEAST_NAME)
        self._names = found - self._ours
        self.stays = tuple(sorted(found & self._ours))

    @property
    def counts(self) -> dict[str, int]:
        """Return how many different words, numbers, addresses and MACs were replaced."""
        return self._made.counts

    def envelope(self, envelope: Envelope) -> Envelope:
        """Scrub all of an answer; every line stays a line, every section a section."""
        head = {name: value if name in ("uid", "become", "clock") else self.line(value, is_vendors=name == "kernel")
                for name, value in envelope.head.items()}  # fmt: skip
        return Envelope(
            head=head,
            answers=tuple(map(self._answer, envelope.answers)),
            preamble_stderr=self.text("", envelope.preamble_stderr),
        )

    def text(self, section: str, text: str) -> str:
        """Scrub a section's text."""
        is_vendors, is_lettered = section in _VENDORS, section in _LETTERED
        self._is_routed = section in _ROUTED
        lines = text.split("\n")
        made = (self._lettered(line) if is_lettered else self.line(line, is_vendors=is_vendors) for line in lines)
        scrubbed = "\n".join(made)
        self._is_routed = False
        return scrubbed

    def _lettered(self, line: str) -> str:
        """Scrub a line whose first letter may say what the rest is, and be no part of it."""
        word, is_word = next(runs(line, WORD), ("", False))
        if not is_word or not word[0].isalpha() or word.lower() in self._ours:
            return self.line(line)
        return line[0] + self.line(line[1:])

    def line(self, line: str, *, is_vendors: bool = False) -> str:
        """Scrub one line."""
        if is_vendors:
            return self._own_names(line)
        of_kernel = is_kernels(line)
        parts = without_addresses(line, self._made, is_kernels=of_kernel)
        is_json = line.lstrip().startswith("{")
        return "".join(
            part if is_done else self._without_words(part, of_kernel=of_kernel, is_json=is_json)
            for part, is_done in parts
        )

    def _answer(self, answer: Answer) -> Answer:
        return replace(
            answer,
            reason=None if answer.reason is None else self.line(answer.reason),
            text=self.text(answer.id, answer.text),
            stderr=self.text("", answer.stderr),
        )

    # ---- words

    def _own_names(self, line: str) -> str:
        low = line.lower()
        if not any(name in low for name in self._names):
            return line
        return "".join(
            self._made.word(run) if is_word and run.lower() in self._names else run for run, is_word in runs(line, WORD)
        )

    def _without_words(self, text: str, *, of_kernel: bool, is_json: bool) -> str:
        out: list[str] = []
        before = ""
        end = 0
        for token, is_token in runs(text, _TOKEN):
            end += len(token)
            if is_token:
                is_key = is_json and before.endswith('"') and text.startswith('":', end)
                is_syntax = is_key or _is_option(token, before)
                is_name = not of_kernel and _may_name(token, before)
                for run, is_word in runs(token, WORD):
                    escape = _escaped(run, out[-1]) if is_json and is_word and out else 0
                    word = run[escape:]
                    if is_word and word:
                        word = self._word(word, is_name=is_name, is_syntax=is_syntax, of_kernel=of_kernel)
                    out.append(run[:escape] + word)
            else:
                out.append(token)
            before = token
        return "".join(out)

    def _word(self, word: str, *, is_name: bool, is_syntax: bool, of_kernel: bool) -> str:
        low = word.lower()
        if low in self._names:
            return self._made.word(word)
        is_flags = self._is_routed and word.startswith("U") and _FLAGS.issuperset(word)
        if is_syntax or is_flags or low in self._ours or word in _SPECIAL:
            return word
        if word.isascii() and word.isdigit():
            is_long = len(word) >= _LEAST_NUMBER and word[0] != "0"
            return self._made.number(word) if is_long else word
        digits = low.removeprefix("0x")
        if is_hex(digits) and len(digits) <= _HEX_WORD and (of_kernel or digits != low):
            return word
        if len(word) < _LEAST_WORD or (not is_name and low in self._public):
            return word
        return self._made.word(word)


def _words(texts: Iterable[str]) -> Iterator[str]:
    """Yield every word of some texts in lower case; numbers are none."""
    for text in texts:
        yield from (run.lower() for run, is_word in runs(text, WORD) if is_word and not run.isdigit())


def _people(reading: Reading) -> Iterator[str]:
    """Yield the names of people and of their groups, and whom sudo rules name.

    People are numbered from 1000 on, from 500 on a Mac (sysadminctl(8) gives 501 to the first).
    """
    first = _PEOPLE.get(reading.os, _PEOPLE_ELSEWHERE)

    def is_persons(number: int | None) -> bool:
        return number is not None and number >= first and number not in _NOBODY

    accounts, groups = reading.of(Account), reading.of(Group)
    systems = {one.name for one in accounts if not is_persons(one.uid)}
    system_groups = {one.name for one in groups if not is_persons(one.gid)}
    yield from (one.name for one in accounts if one.name not in systems)
    yield from (one.name for one in groups if one.name not in system_groups)
    yield from (one.user for one in reading.of(Process) if is_persons(one.uid) and one.user not in systems)
    for rule in reading.of(SudoRule):
        name = rule.principal.lstrip("%#+!")
        if name not in systems | system_groups | {"ALL"}:
            yield name
        yield from (host for host in rule.hosts if host != "ALL")


def _is_option(token: str, before: str) -> bool:
    """Tell whether a token is the name of a long option, without a value: ``--some-words``."""
    words = token[2:].split("-")
    return token.startswith("--") and before[-1:] in _AROUND and all(one.isalpha() and one.islower() for one in words)


def _may_name(token: str, before: str) -> bool:
    """Tell whether a token may name a host or an account somewhere: ``a.b.example``, ``someone@example``."""
    labels = token.strip("._-@").replace("@", ".").split(".")
    if len(labels) == 1 or labels[-1].lower() in _FILES or not labels[-1].isalpha():
        return False
    # A file in a folder may be called anything; what follows two slashes is a host's name.
    return not before.endswith("/") or before.endswith("//") or "@" in token.strip("@")


def _escaped(word: str, before: str) -> int:
    """Return how much of a word belongs to a backslash before it, in JSON: ``n``, or ``u00e9``."""
    backslashes = len(before) - len(before.rstrip("\\"))
    if backslashes % 2 == 0:
        return 0
    return _UNICODE if word.startswith("u") and is_hex(word[1:_UNICODE]) else 1
